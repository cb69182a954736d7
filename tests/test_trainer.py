"""What the trainer chooses by the device: GPUs are made up by what PyTorch says of them."""

import inspect
import io
import logging
import warnings
from pathlib import Path
from types import SimpleNamespace, UnionType
from typing import Any, ClassVar, get_args

import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar

from amclip import trainer as trainers
from amclip.last_checkpoint import LastCheckpoint
from amclip.trainer import AmclipTrainer, NetworkSize, PatientBar, RunLogger, choose_precision


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: request.param)


@pytest.mark.parametrize(
    ("gpu", "chosen", "why"),
    [(True, "bf16-mixed", "has bfloat16"), (False, "32-true", "no bfloat16")],
    indirect=["gpu"],
)
def test_auto_is_bfloat16_where_the_gpu_has_it_and_never_float16(gpu: None, chosen: str, why: str) -> None:
    for accelerator in ("auto", "gpu", "cuda"):
        found, words = choose_precision("auto", accelerator)
        assert found == chosen
        assert why in words
    assert choose_precision("auto", "cpu")[0] == "32-true"
    assert choose_precision("16-mixed", "gpu") == ("16-mixed", "")


def test_auto_without_a_gpu_is_float32(tmp_path: Path) -> None:
    products = torch.get_float32_matmul_precision()
    quiet: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    assert AmclipTrainer(accelerator="cpu", default_root_dir=tmp_path, **quiet).precision == "32-true"
    assert torch.get_float32_matmul_precision() == products  # of a CPU nothing changes
    with pytest.raises(ValueError, match="float32_products: expected highest, high, medium, got 'low'"):
        AmclipTrainer(float32_products="low", accelerator="cpu")  # type: ignore[arg-type]


@pytest.mark.parametrize("gpu", [True], indirect=True)
@pytest.mark.parametrize("products", ["high", "highest"])
def test_float32_products_are_as_asked_on_a_gpu(gpu: None, products: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(Trainer, "__init__", lambda self, **settings: given.append(settings))
    said: list[str] = []
    monkeypatch.setattr("amclip.trainer.rank_zero_info", said.append)
    before = torch.get_float32_matmul_precision()
    try:
        AmclipTrainer(float32_products=products, max_steps=1)
        assert torch.get_float32_matmul_precision() == products
    finally:
        torch.set_float32_matmul_precision(before)
    assert len(given) == 1
    assert given[0].items() >= {"accelerator": "auto", "precision": "bf16-mixed", "max_steps": 1}.items()
    tensor_cores = "without tensor cores" if products == "highest" else "on tensor cores (high)"
    assert said == [f"Precision: bf16-mixed (auto: this GPU has bfloat16); float32 products {tensor_cores}"]


def test_a_whole_number_counts_batches_whatever_was_imported_before() -> None:
    """Python keeps one of ``Union[int, float]`` and ``Union[float, int]``; jsonargparse takes the first that fits."""
    parameters = inspect.signature(AmclipTrainer.__init__).parameters
    limits = [parameters[f"limit_{stage}_batches"] for stage in ("train", "val", "test", "predict")]
    for one in (*limits, parameters["overfit_batches"], parameters["val_check_interval"]):
        assert get_args(one.annotation)[:2] == (int, float)
        assert isinstance(one.annotation, UnionType)


def test_the_bar_reads_numbers_only_at_steps_that_are_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    class Module(LightningModule):
        pass

    reads: list[int] = []
    monkeypatch.setattr(ProgressBar, "get_metrics", lambda self, trainer, module: reads.append(step) or {"loss": step})
    bar = PatientBar()
    monkeypatch.setattr(bar, "_update", lambda *of: None)
    monkeypatch.setattr(bar, "refresh", lambda *of: None)
    monkeypatch.setattr(PatientBar, "is_enabled", True)
    monkeypatch.setattr(bar, "train_progress_bar_id", 0)
    shown: list[Any] = []
    bar._metric_component = type("Column", (), {"update": lambda self, metrics: shown.append(metrics["loss"])})()
    trainer: Any = SimpleNamespace(log_every_n_steps=4, max_epochs=1, num_training_batches=8)
    bar._trainer = trainer  # Lightning 2.6.0 asks it how many steps there are
    for step in range(8):
        bar.on_train_batch_end(trainer, Module(), None, None, step)
    assert reads == [0, 3, 7]
    assert shown == [0, 0, 0, 3, 3, 3, 3, 7]


def test_a_run_that_fails_before_anything_is_logged_takes_no_folder(tmp_path: Path) -> None:
    class Failing(LightningDataModule):
        def setup(self, stage: str) -> None:
            raise ValueError("no videos")

    class Nothing(LightningModule):
        def training_step(self, batch: Any, batch_idx: int) -> None: ...

        def configure_optimizers(self) -> None: ...

    for _ in range(2):
        logger = RunLogger(tmp_path, name="")
        trainer = Trainer(logger=logger, accelerator="cpu", enable_checkpointing=False)
        with pytest.raises(ValueError, match="no videos"):
            trainer.fit(Nothing(), Failing())
        assert not list(tmp_path.iterdir())
    logger.log_metrics({"loss": 1.0}, 0)
    logger.finalize("success")
    assert [one.name for one in tmp_path.iterdir()] == ["version_0"]
    assert {one.name.partition(".")[0] for one in (tmp_path / "version_0").iterdir()} == {"events", "hparams"}
    assert RunLogger(tmp_path, name="").version == 1


class Learner(LightningModule):
    """Has a validation whose score says how many batches it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = torch.nn.Linear(4, 3), torch.nn.Linear(3, 1).requires_grad_(False)
        self.validated: list[int] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return self.other(self.one(batch)).mean()

    def on_validation_epoch_start(self) -> None:
        self.validated.append(0)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.validated[-1] += 1
        self.log("score", float(len(self.validated)), prog_bar=True)

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.one.parameters(), 0.1)


def test_scores_of_the_sanity_check_are_not_shown_as_those_of_an_epoch(tmp_path: Path) -> None:
    told = io.StringIO()

    class Watched(PatientBar):
        shown: ClassVar[list[Any]] = []

        def on_train_batch_end(self, *given: Any) -> None:
            self.shown.append(dict(self._metric_component._metrics))
            super().on_train_batch_end(*given)
            self.shown.append(dict(self._metric_component._metrics))

    bar = Watched()
    bar._console_kwargs = {"file": told}
    loader = torch.utils.data.DataLoader(torch.randn(3, 4), batch_size=1)
    model = Learner()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        AmclipTrainer(accelerator="cpu", max_epochs=2, logger=False, enable_checkpointing=False, callbacks=[bar]).fit(
            model, loader, loader
        )
    assert model.validated == [1, 3, 3]  # the first is the sanity check
    assert [shown.get("score") for shown in bar.shown] == [None] * 6 + [2.0] * 6


def test_one_batch_is_validated_before_a_training_unless_asked_otherwise() -> None:
    quiet: Any = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    assert AmclipTrainer(**quiet).num_sanity_val_steps == 1
    assert AmclipTrainer(**quiet, num_sanity_val_steps=0).num_sanity_val_steps == 0
    assert AmclipTrainer(barebones=True, **quiet).num_sanity_val_steps == 0


def test_of_a_network_is_said_how_many_weights_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(trainers, "rank_zero_info", said.append)
    place: Any = SimpleNamespace(is_global_zero=True, strategy=None)
    NetworkSize().on_fit_start(place, Learner())
    assert said == ["Network: 15 of 19 weights learn"]


def test_a_checkpoint_within_an_epoch_is_saved_without_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    saver = logging.getLogger("lightning.pytorch.trainer.connectors.checkpoint_connector")
    saver.addHandler(caplog.handler)  # Lightning's loggers hand nothing on
    try:
        fitting = AmclipTrainer(
            accelerator="cpu", max_epochs=1, logger=False, enable_progress_bar=False, enable_model_summary=False,
            callbacks=[LastCheckpoint(str(tmp_path), every_n_steps=1)],
        )  # fmt: skip
        loader = torch.utils.data.DataLoader(torch.randn(3, 4), batch_size=1)
        with caplog.at_level(logging.INFO, logger=saver.name), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitting.fit(Learner(), loader, loader)
    finally:
        saver.removeHandler(caplog.handler)
    assert (tmp_path / "last.ckpt").exists()
    assert "weights_only" not in caplog.text
