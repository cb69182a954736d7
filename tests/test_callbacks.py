"""What a run leaves behind and says."""

import csv
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from amclip.callbacks import FlowStrength, PredictionWriter, StepSize, TensorBoardPictures
from amclip.data.table import Clip, LabelTable
from amclip.flow import encode_flow
from amclip.inputs import FlowInput, NetworkInput
from amclip.preprocess import Preprocess
from amclip.score_table import ScoreTable


def fake_trainer(**more: Any) -> Any:
    strategy = SimpleNamespace(barrier=lambda name: None, broadcast=lambda value: value)
    settings = {"global_rank": 0, "world_size": 1, "is_global_zero": True, "strategy": strategy, "log_dir": None}
    settings["ckpt_path"] = None
    return SimpleNamespace(**{**settings, **more})


def test_predictions_keep_times_and_any_file_name(tmp_path: Path) -> None:
    odd = b"bad\xff name.mp4".decode("utf-8", "surrogateescape")
    clips = (Clip("a.mp4", 1.1234567, 2.7654321), Clip(odd, 1000000.25, 1000000.5), Clip("ü.mp4"))
    table = LabelTable(clips, ("walking",), "table")
    writer = PredictionWriter(str(tmp_path / "out.csv"))
    trainer = fake_trainer(datamodule=SimpleNamespace(tables={"predict": table}))
    writer.on_predict_start(trainer, None)  # type: ignore[arg-type]
    batch = {"clip": torch.tensor([2, 0, 1]), "error": ["broken", "", ""]}
    writer.on_predict_batch_end(trainer, None, torch.tensor([[float("nan")], [0.25], [1.0]]), batch, 0)  # type: ignore[arg-type]
    writer.on_predict_end(trainer, None)  # type: ignore[arg-type]
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    assert [(row["filepath"], row["start"], row["stop"]) for row in rows] == [
        ("a.mp4", "1.1234567", "2.7654321"),
        (odd, "1000000.25", "1000000.5"),
        ("ü.mp4", "", ""),
    ]
    assert [(row["walking"], row["error"]) for row in rows] == [("0.250000", ""), ("1.000000", ""), ("", "broken")]
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_an_answer_that_is_no_number_is_an_error_and_no_cell_begins_like_a_formula(tmp_path: Path) -> None:
    table = LabelTable((Clip("=1.mp4"), Clip("b.mp4")), ("walking", "eating"), "table")
    writer = PredictionWriter(str(tmp_path / "out.csv"))
    trainer = fake_trainer(datamodule=SimpleNamespace(tables={"predict": table}))
    writer.on_predict_start(trainer, None)  # type: ignore[arg-type]
    batch = {"clip": torch.tensor([0, 1]), "error": ["=1.mp4: is empty", ""]}
    answers = torch.tensor([[float("nan"), float("nan")], [0.5, float("nan")]])
    writer.on_predict_batch_end(trainer, None, answers, batch, 0)  # type: ignore[arg-type]
    writer.on_predict_end(trainer, None)  # type: ignore[arg-type]
    assert (tmp_path / "out.csv").read_text().splitlines()[1:] == [
        "./=1.mp4,,,,,'=1.mp4: is empty",
        "b.mp4,,,0.500000,,b.mp4: the network's answer is no number",
    ]


@pytest.mark.parametrize("split", ["predict", "test"])
def test_predictions_say_of_which_animal_they_are(tmp_path: Path, split: str) -> None:
    clips = (Clip("a.mp4", 0.0, 1.0, ("walking",), subject="hen"), Clip("a.mp4", 0.0, 1.0, (), subject="cock"))
    table = LabelTable((*clips, Clip("b.mp4", 0.0, 1.0, ())), ("walking",), "table")
    writer = PredictionWriter(str(tmp_path / "out.csv"), str(tmp_path / "out.csv"))
    trainer = fake_trainer(datamodule=SimpleNamespace(tables={split: table}))
    getattr(writer, f"on_{split}_start")(trainer, None)
    batch = {"clip": torch.tensor([1, 0, 2]), "error": [""] * 3}
    getattr(writer, f"on_{split}_batch_end")(trainer, None, torch.tensor([[0.25], [0.75], [0.5]]), batch, 0)
    getattr(writer, f"on_{split}_end")(trainer, None)
    truth = {"predict": ["", ""], "test": [",label", ",walking"]}[split]
    assert (tmp_path / "out.csv").read_text().splitlines()[:3] == [
        f"filepath,subject,start,stop{truth[0]},walking,error",
        f"a.mp4,hen,0.0,1.0{truth[1]},0.750000,",
        f"a.mp4,cock,0.0,1.0{truth[0] and ','},0.250000,",
    ]


@pytest.mark.parametrize("kind", ["wheel", "uvm"])
@pytest.mark.parametrize(("pixels", "words"), [(0.3, "nearly blank.*about 0.45 .at"), (2.0, None), (30.0, "is beyond")])
def test_flow_images_without_contrast_are_noticed(
    recwarn: pytest.WarningsRecorder, kind: Any, pixels: float, words: str | None
) -> None:
    preprocess = Preprocess(NetworkInput(modality="flow", image_size=32, flow=FlowInput(image=kind, bound=5.0)))
    direction = torch.nn.functional.normalize(
        torch.randn(6, 2, 8, 8, generator=torch.Generator().manual_seed(0)), dim=1
    )
    flow = preprocess._normalise(encode_flow(pixels * direction, kind, 5.0)).view(2, 3, 1, 3, 8, 8)
    data = SimpleNamespace(input=preprocess.input, preprocess=preprocess)
    trainer = fake_trainer(datamodule=data, current_epoch=0)
    FlowStrength().on_train_batch_start(trainer, None, {"images": flow}, 0)  # type: ignore[arg-type]
    said = [str(warning.message) for warning in recwarn if "flow" in str(warning.message)]
    assert len(said) == (words is not None)
    assert not words or re.search(words, said[0])
    assert not words or "(at input.image_size 32; for another size times that size / 32)" in said[0]


@pytest.mark.parametrize(("batch_size", "devices", "batches"), [(8, 1, 32), (8, 8, 4), (2, 8, 16), (256, 1, 1)])
def test_a_step_sees_the_same_number_of_clips_on_any_number_of_devices(
    batch_size: int, devices: int, batches: int
) -> None:
    data = SimpleNamespace(batch_size=batch_size)
    trainer = fake_trainer(datamodule=data, world_size=devices, accumulate_grad_batches=1)
    StepSize(256).setup(trainer, None, "fit")  # type: ignore[arg-type]
    assert trainer.accumulate_grad_batches == batches


def test_a_step_that_cannot_be_is_refused() -> None:
    trainer = fake_trainer(datamodule=SimpleNamespace(batch_size=6), accumulate_grad_batches=1)
    with pytest.raises(ValueError, match="no whole number of batches of 6 on 1"):
        StepSize(256).setup(trainer, None, "fit")  # type: ignore[arg-type]
    trainer.accumulate_grad_batches = 2
    StepSize(None).setup(trainer, None, "fit")  # type: ignore[arg-type]
    StepSize(12).setup(trainer, None, "test")  # type: ignore[arg-type]
    assert trainer.accumulate_grad_batches == 2
    with pytest.raises(ValueError, match=r"leave trainer\.accumulate_grad_batches out"):
        StepSize(12).setup(trainer, None, "fit")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"step\.clips: expected 1 or more, got 0"):
        StepSize(0)


class Board:
    """What TensorBoard would be given."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, Any]] = []

    def add_image(self, tag: str, image: Any, epoch: int) -> None:
        self.shown.append((tag, tuple(image.shape)))

    def add_text(self, tag: str, text: str, epoch: int) -> None:
        self.shown.append((tag, text))


def test_the_first_batch_of_training_and_of_validation_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board()
    monkeypatch.setattr(TensorBoardLogger, "experiment", board)
    clips = [Clip(f"{name}.mp4", labels=("eat",)) for name in "ab"]
    table = LabelTable(tuple(clips), ("eat",), "drawn")
    data = SimpleNamespace(preprocess=Preprocess(NetworkInput(image_size=8)), tables={"train": table, "val": table})
    place = {"loggers": [TensorBoardLogger(tmp_path)], "is_global_zero": True, "datamodule": data}
    trainer: Any = SimpleNamespace(**place, sanity_checking=False, current_epoch=0)
    batch = {"images": torch.zeros(2, 3, 2, 3, 8, 8), "clip": torch.tensor([1, 0])}
    pictures = TensorBoardPictures(clips=1)
    for hook, name in ((pictures.on_train_batch_start, "train/0"), (pictures.on_validation_batch_start, "val/0")):
        board.shown.clear()
        hook(trainer, None, batch, 1)  # type: ignore[arg-type]
        assert not board.shown
        hook(trainer, None, batch, 0)  # type: ignore[arg-type]
        (image, shape), text = board.shown
        assert image == name
        assert shape[0] == 3
        assert text == (name, "b.mp4: eat")


def test_a_training_ends_with_what_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("amclip.score_table.rank_zero_info", told.append)
    kept = SimpleNamespace(best_model_path="my runs/best.ckpt", best_model_score=0.5, monitor="val/mAP_macro")
    ScoreTable().on_fit_end(fake_trainer(checkpoint_callback=kept), None)  # type: ignore[arg-type]
    assert "Best: val/mAP_macro 0.500 in my runs/best.ckpt" in told[0]
    assert "amclip test --ckpt_path 'my runs/best.ckpt'" in told[0]
    ScoreTable().on_fit_end(fake_trainer(checkpoint_callback=None), None)  # type: ignore[arg-type]
    assert len(told) == 1
