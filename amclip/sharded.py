"""Training with the network's weights, gradients and optimiser states in parts, one for each process (FSDP)."""

from datetime import timedelta
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy, Strategy
from lightning.pytorch.trainer.states import TrainerFn
from torch.distributed.constants import default_pg_timeout

from amclip.models.classifier import InterleavedClassifier
from amclip.models.tower import blocks_of

__all__ = ["ShardedStrategy", "choose_strategy"]


class ShardedStrategy(ModelParallelStrategy):
    """PyTorch's `fully_shard` (FSDP2): each process keeps a part of every weight, and gathers a block when it needs it.

    Weights keep their names and shapes, so that rates by layer, weight decay, frozen blocks and the clipping of
    gradients are what they are on one device. Checkpoints are whole, one file, as of any other training. Lightning's
    own strategy `fsdp` flattens weights: biases and matrices could not be told apart, and no weight would decay.

    Args:
        process_group_backend: Of the processes' talk, such as nccl or gloo; default: by the device.
        timeout: How long a process waits for another one.
    """

    def __init__(
        self, process_group_backend: str | None = None, timeout: timedelta | None = default_pg_timeout
    ) -> None:
        super().__init__(
            save_distributed_checkpoint=False, process_group_backend=process_group_backend, timeout=timeout
        )
        self._blocks: list[Any] = []

    def setup_environment(self) -> None:
        """Every process has a part of the weights, and clips of its own."""
        self._data_parallel_size, self._tensor_parallel_size = self.num_nodes * self.num_processes, 1
        super().setup_environment()

    def setup(self, trainer: Trainer) -> None:
        """Share the weights out.

        Raises:
            ValueError: If the module has no such network, or a moving average of the weights, compilation or stored
                embeddings are asked for.
        """
        assert self.model is not None
        assert self.accelerator is not None
        module: Any = self.lightning_module
        network = getattr(module, "network", None)
        if not isinstance(network, InterleavedClassifier):
            raise ValueError("trainer.strategy: fsdp shares out the network of amclip.BehaviourTask, and there is none")
        for name, setting in (("ema_decay", "ema_decay"), ("compile_network", "compile")):
            if trainer.state.fn == TrainerFn.FITTING and getattr(module, name, None):
                raise ValueError(
                    f"trainer.strategy: fsdp does not go with model.{setting}; leave one of the two out, or take "
                    "--trainer.strategy ddp"
                )
        if getattr(getattr(trainer, "datamodule", None), "embeddings", None) is not None:
            raise ValueError(
                "trainer.strategy: fsdp leaves no process the whole image tower that data.embeddings embeds with; take "
                "--trainer.strategy ddp, which has little to exchange where the tower is frozen"
            )
        self.accelerator.setup(trainer)
        self.model = self.precision_plugin.convert_module(self.model)
        self.model_to_device()
        self._blocks = shard(network, self.device_mesh["data_parallel"])
        self.barrier()
        if trainer.state.fn == TrainerFn.FITTING:
            self.setup_optimizers(trainer)
        self.setup_precision_plugin()

    def on_validation_start(self) -> None:
        """Gather the weights.

        Processes have unequal numbers of clips to score, and one that had none left would be waited for in each block.
        """
        for block in self._blocks:
            block.set_reshard_after_forward(False, recurse=False)
            block.unshard()

    def on_validation_end(self) -> None:
        """Share them out again."""
        for block in self._blocks:
            block.set_reshard_after_forward(True, recurse=False)
            block.reshard()

    def on_test_start(self) -> None:
        """As for validation."""
        self.on_validation_start()

    def on_test_end(self) -> None:
        """As for validation."""
        self.on_validation_end()

    def on_predict_start(self) -> None:
        """As for validation."""
        self.on_validation_start()

    def on_predict_end(self) -> None:
        """As for validation."""
        self.on_validation_end()


def shard(network: InterleavedClassifier, mesh: Any) -> list[Any]:
    """Leave a process its part of a network's weights; each block of the tower is gathered by itself.

    Args:
        network: With the same weights on all processes, or others: those of the first count. One whose weights are in
            parts stays as it is.
        mesh: The processes.

    Returns:
        What is gathered by itself: ``torch.distributed.fsdp.FSDPModule``, the tower's blocks and the network.
    """
    from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

    parts = [*blocks_of(network.encoder.visual), network]
    if isinstance(network, FSDPModule):  # a trainer that trained it tests it now
        return parts
    if torch.distributed.is_initialized():
        for tensor in (*network.parameters(), *network.buffers()):
            torch.distributed.broadcast(tensor.data, 0)
    for part in parts:
        fully_shard(part, mesh=mesh)
    for name in ("answer", "answer_embeddings"):  # training goes through these, and not through forward
        register_fsdp_forward_method(network, name)
    return parts


def choose_strategy(asked: str | Strategy) -> str | Strategy:
    """The strategy that is meant; `fsdp` is :class:`ShardedStrategy`.

    Args:
        asked: As Lightning's trainer takes it.

    Raises:
        ValueError: If it is one that would train otherwise than it says.
    """
    if asked == "fsdp":
        return ShardedStrategy()
    if isinstance(asked, FSDPStrategy) or (isinstance(asked, str) and asked.startswith("fsdp")):
        raise ValueError(
            f"trainer.strategy: {asked if isinstance(asked, str) else type(asked).__name__} flattens weights, so that "
            "biases and matrices cannot be told apart and no weight would decay; take --trainer.strategy fsdp, which "
            "amclip does by PyTorch's fully_shard"
        )
    return asked
