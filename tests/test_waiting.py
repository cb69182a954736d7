"""In a training step the host never waits for the device: on a GPU that is not there, and on one that is."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from build import make_data, make_task
from lightning.pytorch.callbacks import Callback
from pretend_gpu import GPU, WaitedError, move_module, pretend_gpu, tensor_on_gpu

from amclip.data.datamodule import VideoDataModule
from amclip.data.side_stream import NoStreams, SideStream
from amclip.inputs import MotionInput
from amclip.losses import LDAM, Asymmetric, ClassBalanced, CrossEntropy, Equalization, Focal
from amclip.models.config import FusionConfig
from amclip.optimiser import new_adamw, parameter_groups
from amclip.task import BehaviourTask
from amclip.trainer import AmclipTrainer

LOSSES = (CrossEntropy(), Focal(), Asymmetric(), ClassBalanced(), LDAM(reweight_after=0.0), Equalization())


@pytest.fixture(scope="module")
def found(drawn: Path) -> VideoDataModule:
    """Data with a batch of the host, which all steps are taken with."""
    module = new_data(drawn)
    module.setup("fit")
    return module


def new_data(drawn: Path, **settings: Any) -> VideoDataModule:
    sizes = {"image_size": 32, "frame_size": (36, 36), "num_segments": 2, "positions_per_segment": 2}
    how: dict[str, Any] = {"num_workers": 0, "cache_dir": None, "batch_size": 2}
    return make_data(**{"labels": str(drawn / "labels.csv"), **sizes, **how, **settings})


def new_task(module: VideoDataModule, **settings: Any) -> BehaviourTask:
    how = {"backbone": "amclip-tiny", "temporal_heads": 4, "temporal_dropout": 0.1, **settings}
    task = make_task(module.classes, {"input": module.input, **how})
    task.set_class_statistics(module.statistics)
    return task.train()


def step(module: VideoDataModule, task: BehaviourTask, losses: Any = ()) -> None:
    """A step of training, from a batch of the loader to new weights, as Lightning takes it."""
    state: Any = SimpleNamespace(fn=None)
    task._trainer = module.trainer = SimpleNamespace(  # type: ignore[assignment]
        training=True, current_epoch=0, state=state, global_step=0, estimated_stepping_batches=10, callbacks=[],
        lightning_module=task, datamodule=module,
    )  # fmt: skip
    task.log = lambda *_, **__: None  # type: ignore[method-assign]  # Lightning's own, which keeps a copy
    batch = module.on_before_batch_transfer(next(iter(module.train_dataloader())), 0)
    with pretend_gpu() as fake:
        module._side = SideStream(GPU, NoStreams())  # streams need a driver
        move_module(task, fake)
        optimizer = new_adamw(parameter_groups(task.network, 1e-3, 1e-3, 0.1), (0.9, 0.98), 1e-8)
        batch = module.transfer_batch_to_device(batch, GPU, 0)
        batch = module.on_after_batch_transfer(batch, 0)
        assert all(value.is_cuda for value in batch.values() if isinstance(value, torch.Tensor))
        task.on_train_batch_start(batch, 0)
        assert task.training_step(batch, 0).is_cuda
        for loss in losses:
            loss.set_counts([5, 1] + [3] * (len(module.classes) - 2), 2000)
            loss.set_progress(1.0)
            assert loss(torch.zeros_like(batch["labels"]), batch["labels"]).is_cuda
        for parameter in task.network.parameters():  # PyTorch's backward pass asks for a driver
            parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
        optimizer.step()


def test_a_step_waits_for_nothing_whatever_the_loss(found: VideoDataModule) -> None:
    step(found, new_task(found), LOSSES)


@pytest.mark.parametrize(
    ("data", "network"),
    [
        ({"flow_image": "uvm", "flow_motion": MotionInput(cells=2)}, {"fusion": FusionConfig("late", 0.5, 0.3)}),
        ({"turn": True}, {"cross_frame": True, "lora_rank": 2}),
        ({"modality": "frames"}, {"temporal": "attentive", "head": "text"}),
    ],
    ids=["late fusion of motion", "messages and LoRA", "attentive"],
)
def test_nor_does_one_of_another_network(drawn: Path, data: dict[str, Any], network: dict[str, Any]) -> None:
    module = new_data(drawn, **data)
    module.setup("fit")
    step(module, new_task(module, **network))


@pytest.mark.parametrize(
    "ask",
    [
        lambda loss: loss.item(),
        lambda loss: bool(loss > 0),
        lambda loss: loss.cpu(),
        lambda loss: loss.new_tensor([1.0]),
        lambda loss: torch.ones(2).to(loss.device),
        lambda loss: loss.expand(3).nonzero(),
        lambda loss: loss.expand(3)[loss.expand(3) > 0],
    ],
    ids=["item", "bool", "cpu", "new_tensor", "to", "nonzero", "by bools"],
)
def test_what_waits_is_seen(ask: Any) -> None:
    def there() -> None:
        with pretend_gpu() as fake:
            ask(tensor_on_gpu(torch.empty(()), fake))

    with pytest.raises(WaitedError):
        there()


@pytest.mark.gpu
@pytest.mark.parametrize("settings", [{}, {"mixup": 0.8, "cutmix": 1.0}], ids=["plain", "mixed"])
def test_lightnings_own_step_waits_for_nothing(drawn: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    class Refuse(Callback):
        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 2:  # kernels are compiled and graphs captured
                torch.cuda.set_sync_debug_mode("error")

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            torch.cuda.set_sync_debug_mode("default")

        on_exception = on_train_epoch_end  # type: ignore[assignment]

    module = new_data(drawn, **settings)
    task = new_task(module)
    trainer = AmclipTrainer(
        accelerator="gpu", devices=1, max_steps=6, limit_val_batches=0, callbacks=[Refuse()], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    try:
        trainer.fit(task, module)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert trainer.global_step == 6
