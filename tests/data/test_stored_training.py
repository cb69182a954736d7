"""Training, validation and test from stored embeddings, held against the same without."""

from pathlib import Path
from typing import Any

import pytest
import torch
from build import make_data, make_task
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback

from amclip.data.datamodule import VideoDataModule
from amclip.data.stored.settings import StoredEmbeddings
from amclip.data.video import Video
from amclip.task import BehaviourTask

SMALL = {
    "image_size": 64,
    "frame_size": (48, 48),
    "flow_gap": "1/15",
    "flow_preset": "fast",
    "num_segments": 2,
    "positions_per_segment": 2,
    "num_workers": 0,
    "batch_size": 4,
    "cache_dir": None,
}
STILL = {"flip": 0.0, "crop_scale": (1.0, 1.0), "color_jitter": 0.0}


class Losses(Callback):
    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.losses.append(float(outputs["loss"]))


def data(drawn: Path, **settings: Any) -> VideoDataModule:
    return make_data(**{"labels": str(drawn / "labels.csv"), **SMALL, **STILL, **settings})


def task(module: VideoDataModule, **settings: Any) -> BehaviourTask:
    torch.manual_seed(0)
    parts = {"backbone": "amclip-tiny", "pretrained": "synthetic", "temporal_heads": 4, "temporal_dropout": 0.1}
    parts |= {"trainable_blocks": 0, "learning_rate": 1e-3}
    return make_task(module.classes, {"input": module.input, **parts, **settings})


def fit(folder: Path, module: VideoDataModule, epochs: int = 2, **settings: Any) -> tuple[BehaviourTask, list[float]]:
    seen, model = Losses(), task(module)
    trainer = Trainer(
        default_root_dir=folder,
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[seen],
        **settings,
    )
    trainer.fit(model, module)
    scores = {name: float(x) for name, x in trainer.callback_metrics.items() if name.startswith("val/")}
    scores |= trainer.test(model, module, verbose=False)[0]
    return model, [*seen.losses, *(scores[name] for name in sorted(scores))]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Videos that were opened to be read."""
    opened: list[str] = []
    init = Video.__init__

    def counted(self: Video, path: Any, *args: Any, **kwargs: Any) -> None:
        opened.append(str(path))
        init(self, path, *args, **kwargs)

    monkeypatch.setattr(Video, "__init__", counted)
    return opened


def test_training_is_equal_to_that_without_a_store_and_later_ones_decode_nothing(
    drawn: Path, tmp_path: Path, decoded: list[str]
) -> None:
    plain, expected = fit(tmp_path, data(drawn))
    stored = StoredEmbeddings(str(tmp_path / "store"), copies=2)
    for again in range(2):
        decoded.clear()
        model, found = fit(tmp_path, data(drawn, embeddings=stored))
        assert bool(decoded) == (not again)
        assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)
        for name, value in model.state_dict().items():
            torch.testing.assert_close(value, plain.state_dict()[name], rtol=0, atol=1e-5)
