"""Lightning's trainer, with what amclip chooses by the device at hand: precision, float32 products, a patient bar."""

from datetime import timedelta
from typing import Any, Literal, TypeAlias, get_args

import torch
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.accelerators import Accelerator, CUDAAccelerator
from lightning.pytorch.callbacks import ModelSummary, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import Strategy
from lightning.pytorch.utilities.model_summary.model_summary import get_human_readable_count

from amclip.precision import bfloat16_is_fast
from amclip.rank_zero import rank_zero_info
from amclip.sharded import choose_strategy

__all__ = [
    *("AmclipTrainer", "Float32Products", "NetworkSize", "PatientBar", "Precision", "RunLogger", "choose_precision"),
    "on_cuda",
]

_Names = Literal["auto", "32-true", "bf16-mixed", "16-mixed", "64-true", "bf16-true", "16-true"]
_Engines = Literal["transformer-engine", "transformer-engine-float16"]
_Bits = Literal[16, 32, 64, "16", "32", "64", "bf16"]
Precision: TypeAlias = _Names | _Engines | _Bits
"""Lightning's names, and ``auto``."""

Float32Products = Literal["highest", "high", "medium"]
"""Names of ``torch.set_float32_matmul_precision``."""


class AmclipTrainer(Trainer):
    """Lightning's trainer; all its settings, and three that go by the device.

    Args:
        accelerator: Lightning's: where to train, such as auto, gpu or cpu.
        strategy: Lightning's: how several processes train, such as ddp. fsdp: each keeps a part of the weights, see
            :class:`amclip.sharded.ShardedStrategy`.
        precision: auto: bf16-mixed on a GPU of CUDA that has bfloat16, else 32-true. Or any of Lightning's, such as
            32-true, bf16-mixed, or 16-mixed on GPUs without bfloat16.
        float32_products: How exact matrix products of float32 are on a GPU of CUDA. high: on its tensor cores (TF32,
            ten bits behind the point). highest: in all of float32's bits, and slowly. medium: bfloat16 products.
        side_stream: On a GPU of CUDA, move and preprocess the next batch (crops, flow) while the step of this one is
            still computed; takes memory for one more batch. false: one after the other.
        limit_train_batches: Lightning's, as are the next five: a whole number counts batches, a fraction is a part of
            them all. They are named here for their types: Lightning's ``Optional[Union[int, float]]`` is
            ``Optional[Union[float, int]]`` where another library has written that first (kornia does), since Python
            keeps one of the two; on the command line ``1`` was then all batches in place of one.
        limit_val_batches: For validation.
        limit_test_batches: For tests.
        limit_predict_batches: For predictions.
        overfit_batches: Train and validate on the same ones.
        val_check_interval: How often within an epoch to validate; see Lightning for times.
        num_sanity_val_steps: Batches that are validated before the training begins, so that what is wrong with
            validation ends it at once, and not behind an epoch. 0: none; -1: all. Default: 1.
        **settings: Of Lightning's trainer.

    Raises:
        ValueError: If the products are to be of another kind.
    """

    def __init__(
        self,
        *,
        accelerator: str | Accelerator = "auto",
        strategy: str | Strategy = "auto",
        precision: Precision | None = "auto",
        float32_products: Float32Products = "high",
        side_stream: bool = True,
        limit_train_batches: int | float | None = None,
        limit_val_batches: int | float | None = None,
        limit_test_batches: int | float | None = None,
        limit_predict_batches: int | float | None = None,
        overfit_batches: int | float = 0.0,
        val_check_interval: int | float | str | timedelta | dict[str, Any] | None = None,
        num_sanity_val_steps: int | None = None,
        **settings: Any,
    ) -> None:
        if float32_products not in (known := get_args(Float32Products)):
            raise ValueError(f"trainer.float32_products: expected {', '.join(known)}, got {float32_products!r}")
        chosen, why = choose_precision(precision, accelerator)
        products = ""
        if on_cuda(accelerator):
            torch.set_float32_matmul_precision(float32_products)
            how = "without tensor cores" if float32_products == "highest" else f"on tensor cores ({float32_products})"
            products = f"; float32 products {how}"
        self.side_stream = side_stream
        if num_sanity_val_steps is None and not settings.get("barebones"):
            # One is decoded, embedded and scored, and the scores logged. Lightning's second goes the same way again,
            # and delays the first step.
            num_sanity_val_steps = 1
        super().__init__(
            accelerator=accelerator,
            strategy=choose_strategy(strategy),
            precision=chosen,
            limit_train_batches=limit_train_batches,
            limit_val_batches=limit_val_batches,
            limit_test_batches=limit_test_batches,
            limit_predict_batches=limit_predict_batches,
            overfit_batches=overfit_batches,
            val_check_interval=val_check_interval,
            num_sanity_val_steps=num_sanity_val_steps,
            **settings,
        )
        rank_zero_info(f"Precision: {chosen or '32-true'}{why}{products}")


class RunLogger(TensorBoardLogger):
    """Lightning's logger of TensorBoard; its folder is made when something is logged.

    Lightning makes it before the data is looked at, so that every command that failed would leave an empty
    ``version_N`` behind.
    """

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The writer of TensorBoard, or what makes it when it is used."""
        return _Unopened(self) if self._experiment is None else self._experiment

    def open_writer(self) -> Any:
        """The writer of TensorBoard, in its folder."""
        return TensorBoardLogger.experiment.fget(self)  # type: ignore[attr-defined]


class _Unopened:
    """Stands for a writer up to its first use."""

    def __init__(self, logger: RunLogger) -> None:
        self._logger = logger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger.open_writer(), name)


class PatientBar(RichProgressBar):
    """Shows the losses of steps as often as the logger writes them.

    A number that is shown must come from the device, and asking for it waits until all is done there: asked at every
    step, host and device would take turns in place of working side by side.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: Any = {}
        self._between = False

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget its scores: of a batch and a network that learned nothing, they would pass for the first epoch's."""
        super().on_sanity_check_end(trainer, pl_module)
        self._shown = {}
        if self._metric_component is not None:
            self._metric_component.update(self._shown)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move on; read the numbers at the steps that are logged."""
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        self._between = bool(self._shown) and (batch_idx + 1) % every != 0
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        self._between = False

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> Any:
        """What stands behind the bar."""
        if not self._between:
            self._shown = super().get_metrics(trainer, pl_module)
            self._shown.pop("v_num", None)  # the number of the run, as 0.000: no score
        return self._shown


class NetworkSize(ModelSummary):
    """Says how many weights a network has, and how many of them learn.

    In place of Lightning's table, whose rows are the network and metrics without weights, and whose operations are all
    zero: they are not counted, as no batch is drawn for that.
    """

    @staticmethod
    def summarize(
        summary_data: Any, total_parameters: int, trainable_parameters: int, *rest: Any, **settings: Any
    ) -> None:
        """Say it."""
        learning, total = (
            " ".join(get_human_readable_count(int(count)).split()) for count in (trainable_parameters, total_parameters)
        )
        rank_zero_info(f"Network: {learning} of {total} weights learn")


def choose_precision(asked: Precision | None, accelerator: Any) -> tuple[Any, str]:
    """The precision that is meant.

    Args:
        asked: As the trainer takes it; None is Lightning's own default, 32-true.
        accelerator: As Lightning's trainer takes it: where the network will run.

    Returns:
        What Lightning is to be given, and in words why; no words where it was asked for.
    """
    if asked != "auto":
        return asked, ""
    if not on_cuda(accelerator):
        return "32-true", " (auto: no GPU of CUDA in use)"
    if bfloat16_is_fast(gpu=True):
        return "bf16-mixed", " (auto: this GPU has bfloat16)"
    return "32-true", " (auto: this GPU has no bfloat16; 16-mixed may be faster)"


def on_cuda(accelerator: Any) -> bool:
    """Whether an accelerator, as Lightning's trainer takes it, is a GPU of CUDA on this machine."""
    named = isinstance(accelerator, CUDAAccelerator) or accelerator in ("auto", "gpu", "cuda")
    return named and torch.cuda.is_available()
