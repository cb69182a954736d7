"""Classes of a user's own join by name: they train, are tested, annotate and reload with their own settings."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import amclip
from amclip.checkpoint import DATA_KEY, TASK_KEY
from amclip.cli import main
from amclip.losses import Loss

ROOT = Path(__file__).parents[1]


@dataclass(eq=False)
class Hinge(Loss):
    """A loss as docs/pieces.md has it."""

    margin: float = 1.0

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.relu(self.margin - (2 * labels - 1) * logits).mean()


class GainTask(amclip.BehaviourTask):
    """Multiplies logits by a setting of its own, in its network, so that whatever becomes of it does so too."""

    def __init__(self, *args: Any, gain: float = 1.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gain = gain
        self.network.aggregator.register_forward_hook(lambda module, inputs, logits: gain * logits)


class ShiftedVideos(amclip.VideoDataModule):
    """Notes a setting of its own."""

    shifts: list[int] = []  # noqa: RUF012

    def __init__(self, *args: Any, shift: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shift = shift

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        self.shifts.append(self.shift)
        return super().on_after_batch_transfer(batch, dataloader_idx)


@pytest.fixture(scope="module")
def checkpoint(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    words = (
        *("fit", f"--config={ROOT / 'configs/demo.yaml'}", f"--data.source.root={drawn}"),
        *(f"--data.source.labels={drawn / 'labels.csv'}", f"--trainer.logger.save_dir={folder}"),
        *("--trainer.max_epochs=1", "--trainer.limit_train_batches=2", "--trainer.enable_progress_bar=false"),
        *("--data.num_workers=0", "--data.cache_dir=null", "--input.num_segments=1", "--input.positions_per_segment=2"),
        *(f"--model={__name__}.GainTask", "--model.gain=0.25", f"--data={__name__}.ShiftedVideos", "--data.shift=3"),
        *(f"--model.loss={__name__}.Hinge", "--model.loss.margin=0.5"),
    )
    main(list(words))
    return folder / "version_0" / "checkpoints" / "last.ckpt"


def test_a_checkpoint_names_them_with_their_settings(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    task, data = content[TASK_KEY], content[DATA_KEY]
    assert (task["_class_path"], task["gain"]) == (f"{__name__}.GainTask", 0.25)
    assert task["loss"] == {"class_path": f"{__name__}.Hinge", "init_args": {"margin": 0.5}}
    assert (data["_class_path"], data["shift"]) == (f"{__name__}.ShiftedVideos", 3)


def test_the_checkpoint_alone_tests_with_them(checkpoint: Path, tmp_path: Path) -> None:
    ShiftedVideos.shifts.clear()
    words = [f"--ckpt_path={checkpoint}", f"--trainer.logger.save_dir={tmp_path}", "--data.num_workers=0"]
    main(["test", *words, "--data.cache_dir=null", "--trainer.limit_test_batches=1"])
    assert set(ShiftedVideos.shifts) == {3}


def test_predicting_and_annotating_take_what_the_subclass_made(checkpoint: Path, drawn: Path, tmp_path: Path) -> None:
    model = amclip.load_model(checkpoint)
    assert isinstance(model.loss, Hinge)
    assert model.loss.margin == 0.5
    video = sorted((drawn / "videos").iterdir())[0]
    found = torch.tensor(list(model.predict(video).values()))
    content = torch.load(checkpoint, weights_only=True)
    content[TASK_KEY]["gain"] = 1.0
    torch.save(content, tmp_path / "loud.ckpt")
    loud = torch.tensor(list(amclip.load_model(tmp_path / "loud.ckpt").predict(video).values()))
    torch.testing.assert_close(torch.logit(found), 0.25 * torch.logit(loud), rtol=1e-3, atol=1e-5)
    for name, path in (("own", checkpoint), ("loud", tmp_path / "loud.ckpt")):
        out = tmp_path / name
        main(["annotate", str(video), f"--checkpoint={path}", f"--output={out}", "--window=9", "--accelerator=cpu"])
    texts = [(tmp_path / name / "windows.csv").read_text() for name in ("own", "loud")]
    assert texts[0] != texts[1]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module that nobody imported, and what it leaves behind when somebody does."""
    (tmp_path / "somebodys").mkdir()
    trace = tmp_path / "was imported"
    (tmp_path / "somebodys" / "__init__.py").touch()
    (tmp_path / "somebodys" / "losses.py").write_text(
        f"from pathlib import Path\nfrom amclip.losses import BCE\nPath({str(trace)!r}).touch()\nclass Own(BCE): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield trace
    for name in ("somebodys", "somebodys.losses"):
        sys.modules.pop(name, None)


def test_a_checkpoint_imports_no_module_that_was_not_allowed(
    checkpoint: Path,
    drawn: Path,
    elsewhere: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content[TASK_KEY]["loss"] = {"class_path": "somebodys.losses.Own", "init_args": {}}
    path = tmp_path / "foreign.ckpt"
    torch.save(content, path)
    video = sorted((drawn / "videos").iterdir())[0]
    with pytest.raises(
        ValueError, match=r"somebodys\.losses\.Own, which is not amclip's.*allow it: AMCLIP_ALLOWED_CLASSES="
    ):
        amclip.load_model(path)
    annotate = ["annotate", str(video), f"--checkpoint={path}", f"--output={tmp_path / 'out'}", "--accelerator=cpu"]
    predict = ["predict", f"--ckpt_path={path}", f"--data.source.root={video}", f"--predictions.path={tmp_path}/p.csv"]
    for words in (annotate, predict):
        with pytest.raises(SystemExit):
            main(words)
        assert "allow it: AMCLIP_ALLOWED_CLASSES=somebodys.losses.Own" in capsys.readouterr().err
    method = {"class_path": "somebodys.losses.Flow"}
    content[TASK_KEY].update(loss=None, input={**content[TASK_KEY]["input"], "flow": {"method": method}})
    torch.save(content, tmp_path / "flow.ckpt")
    with pytest.raises(ValueError, match=r"somebodys\.losses\.Flow, which is not amclip's"):
        amclip.load_model(tmp_path / "flow.ckpt")
    assert not elsewhere.exists()
    assert type(amclip.load_model(path, allow=["somebodys"]).loss).__name__ == "Own"
    assert elsewhere.exists()
    for name in ("somebodys", "somebodys.losses"):
        del sys.modules[name]
    monkeypatch.setenv("AMCLIP_ALLOWED_CLASSES", "somebodys.losses")
    main(annotate)
    assert "somebodys.losses" in sys.modules


def test_a_class_that_is_no_task_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content[TASK_KEY] = {"_class_path": "amclip.losses.BCE"}
    torch.save(content, tmp_path / "loss.ckpt")
    with pytest.raises(ValueError, match=r"amclip.losses.BCE is no subclass of amclip.BehaviourTask"):
        amclip.load_model(tmp_path / "loss.ckpt")
    content[TASK_KEY] = {"_class_path": "pathlib.Path"}
    torch.save(content, tmp_path / "path.ckpt")
    with pytest.raises(ValueError, match=r"pathlib\.Path is no subclass of"):
        amclip.load_model(tmp_path / "path.ckpt")
