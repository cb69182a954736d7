"""Checkpoints that are damaged, cut short, of others, or full of holes; and writing them where disks are full."""

import os
import resource
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from untrained import make_checkpoint, write_animals

from amclip.checkpoint import ALLOWED_CLASSES, SealedCheckpointIO, read_checkpoint, save_checkpoint
from amclip.cli import main
from amclip.inference import load_model


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    path = make_checkpoint(folder, knowledge={"clip_seconds": 1.2})
    save_checkpoint(torch.load(path, weights_only=True), path)
    write_animals(folder / "videos" / "a.mp4", seconds=1.2)
    return path


def changed(checkpoint: Path, folder: Path, change: Any) -> Path:
    """A copy with something else in it, written as other programs write, without a seal."""
    content = torch.load(checkpoint, weights_only=True)
    change(content)
    torch.save(content, folder / "changed.ckpt")
    return folder / "changed.ckpt"


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow beyond a size, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("size", [10, 20_000])
def test_a_full_disk_leaves_the_last_checkpoint_as_it_was(size: int, tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    SealedCheckpointIO().save_checkpoint({"weights": torch.zeros(10)}, path)
    before = path.read_bytes()
    with disk_of(size), pytest.raises(OSError, match=r"could not be written|too large"):
        SealedCheckpointIO().save_checkpoint({"weights": torch.rand(100_000)}, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["last.ckpt"]


@pytest.mark.parametrize("ends_with", [KeyboardInterrupt, MemoryError])
def test_an_end_in_mid_write_leaves_the_last_checkpoint_as_it_was(
    ends_with: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = torch.save
    path = tmp_path / "last.ckpt"
    save_checkpoint({"epoch": 1}, path)

    def stopped(content: Any, target: Path) -> None:
        save(content, target)
        os.truncate(target, 100)
        raise ends_with

    monkeypatch.setattr(torch, "save", stopped)
    with pytest.raises(ends_with):
        save_checkpoint({"epoch": 2}, path)
    assert SealedCheckpointIO().load_checkpoint(path) == {"epoch": 1}
    assert os.listdir(tmp_path) == ["last.ckpt"]


def test_a_checkpoint_needs_no_other_disk_than_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))  # where TMPDIR points to
    SealedCheckpointIO().save_checkpoint({"epoch": 1}, tmp_path / "run" / "last.ckpt")
    assert SealedCheckpointIO().load_checkpoint(tmp_path / "run" / "last.ckpt") == {"epoch": 1}


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("bytes_flipped", [1, 200])
def test_flipped_bits_are_refused(sealed: bool, bytes_flipped: int, checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "flipped.ckpt"
    if sealed:
        path.write_bytes(checkpoint.read_bytes())
    else:
        path = changed(checkpoint, tmp_path, lambda content: None)
    content = bytearray(path.read_bytes())
    largest = max(torch.load(path, weights_only=True)["state_dict"].values(), key=torch.numel)
    middle = content.find(largest.numpy().tobytes())
    assert middle > 0
    for at in range(middle, middle + bytes_flipped):
        content[at] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"):
        read_checkpoint(path)
    with pytest.raises(ValueError, match="is damaged"):
        SealedCheckpointIO().load_checkpoint(path)


def test_a_sealed_checkpoint_with_any_byte_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    parts = {key: {"_class_path": "amclip.x"} for key in ("hyper_parameters", "datamodule_hyper_parameters")}
    save_checkpoint({"state_dict": {}, "amclip": {}, **parts}, path)
    assert read_checkpoint(path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        if at < len(whole) - 80:
            with pytest.raises(ValueError, match=r"is damaged|is not a checkpoint"):
                read_checkpoint(path)
    for length in range(0, len(whole) - 80, 37):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"is damaged|is not a checkpoint"):
            read_checkpoint(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(value: float, checkpoint: Path, tmp_path: Path) -> None:
    def spoil(content: dict[str, Any]) -> None:
        next(iter(content["state_dict"].values())).view(-1)[3] = value

    with pytest.raises(ValueError, match=r"1 of its \d+ weight tensors hold values that are no finite numbers, for ex"):
        load_model(changed(checkpoint, tmp_path, spoil))


def rename(content: dict[str, Any]) -> None:
    weights = content["state_dict"]
    weights["renamed"] = weights.pop(next(iter(weights)))


def misshape(content: dict[str, Any]) -> None:
    weights = content["state_dict"]
    name = next(iter(weights))
    weights[name] = weights[name].new_zeros(1, 2, 3)


PROBLEMS = {
    "renamed": (rename, r"do not fit this network \(1 are missing, .*; 1 are not the network's, for example renamed"),
    "missing": (lambda c: c["state_dict"].popitem(), r"do not fit this network \(1 are missing"),
    "extra": (lambda c: c["state_dict"].update(more=torch.zeros(1)), r"1 are not the network's, for example more"),
    "misshapen": (misshape, r"1 have another shape, for example .*: \(1, 2, 3\) in place of"),
    "no tensors": (lambda c: c.update(state_dict={"a": 1, "b": None}), "do not fit this network"),
    "another version": (lambda c: c["hyper_parameters"].update(wings=2), r"does not know|wings"),
    "another version's data": (lambda c: c["datamodule_hyper_parameters"].update(wings=2), r"does not know|wings"),
    "no classes": (lambda c: c["hyper_parameters"].pop("classes"), r"lacks settings that it needs \(classes\)|classes"),
    "another program": (lambda c: c.update(hyper_parameters={"lr": 1}, state_dict={}), r"another program|lr"),
    "odd value": (lambda c: c["hyper_parameters"]["network"]["temporal"].update(layers="two"), r"changed\.ckpt"),
    "list of settings": (lambda c: c.update(hyper_parameters=[1, 2]), "lacks the settings"),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_checkpoints_of_others_are_explained(problem: str, checkpoint: Path, tmp_path: Path) -> None:
    change, expected = PROBLEMS[problem]
    path = changed(checkpoint, tmp_path, change)
    with pytest.raises(ValueError, match=expected):
        load_model(path)


@pytest.mark.parametrize("problem", ["renamed", "another version", "another program"])
@pytest.mark.parametrize("command", ["annotate", "suggest", "predict"])
def test_commands_say_the_same_of_them(
    command: str, problem: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, expected = PROBLEMS[problem]
    path = changed(checkpoint, tmp_path, change)
    videos = str(checkpoint.parent / "videos")
    words = {
        "annotate": ["annotate", videos, f"--checkpoint={path}", f"--output={tmp_path / 'out'}"],
        "suggest": ["suggest", videos, f"--checkpoint={path}", f"--output={tmp_path / 'out'}"],
        "predict": ["predict", f"--ckpt_path={path}", f"--data.source.root={videos}", "--data.cache_dir=null"],
    }[command]
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "Traceback" not in said
    import re

    assert re.search(expected, said)


def test_a_checkpoint_imports_only_what_is_allowed(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "somebodys_flow.py").write_text(
        "from pathlib import Path\nfrom amclip.flow import TVL1\nPath(__file__).with_name('ran').touch()\n"
        "class Flow(TVL1):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def name(value: Any) -> Any:
        return lambda content: content["hyper_parameters"]["input"]["flow"].update(method=value, preset="default")

    for value, message in (
        ({"class_path": "somebodys_flow.Flow"}, r"trained with somebodys_flow\.Flow, which is not amclip's: .*ALLOWED"),
        ({"class_path": "os.mkdir"}, "os.mkdir is no subclass of amclip.flow"),
        ({"class_path": "amclip.losses.BCE"}, "is no subclass of amclip.flow"),
        ({"class_path": 3}, "expected {class_path"),
        ("os.mkdir", "changed.ckpt"),
    ):
        path = changed(checkpoint, tmp_path, name(value))
        with pytest.raises(ValueError, match=message):
            load_model(path)
    assert not (tmp_path / "ran").exists()
    path = changed(checkpoint, tmp_path, name({"class_path": "somebodys_flow.Flow"}))
    assert read_checkpoint(path, ["somebodys_flow.Flow"])
    assert read_checkpoint(path, ["somebodys_flow"])
    with pytest.raises(ValueError, match="is not amclip's"):
        read_checkpoint(path, ["somebodys"])
    monkeypatch.setenv(ALLOWED_CLASSES, "other.Flow, somebodys_flow.Flow")
    assert type(load_model(path).preprocess.flow).__name__ == "Flow"
    monkeypatch.delenv(ALLOWED_CLASSES)
    assert load_model(changed(checkpoint, tmp_path, name({"class_path": "amclip.TVL1"})))
