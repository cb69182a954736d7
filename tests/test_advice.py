"""A failed run says what to do next, whatever it failed with."""

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from amclip import cli
from amclip.advice import advice
from amclip.epoch_times import EpochTimes
from amclip.guard import Guard
from amclip.long_work import LongWork


@pytest.mark.parametrize(
    ("command", "error", "words"),
    [
        ("fit", torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "--data.batch_size 4"),
        ("annotate", MemoryError(), "--batch_size 1"),
        ("test", RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "--data.batch_size 4"),
        ("convert", MemoryError("Unable to allocate 3 GiB"), "more memory"),
        ("annotate", OSError(errno.ENOSPC, "No space left on device"), "make room"),
        ("report", PermissionError(errno.EACCES, "Permission denied", "/root/x"), "choose another folder"),
        ("fit", OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        ("fit", ValueError("network.pretrained: <urlopen error [Errno -2] Name or service not known>"), "~/.cache"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_each_kind_of_failure_has_a_next_step(
    command: str, error: Exception, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main([command])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("file", ["y.csv", "not made/y.csv", "not made/nor this/y.csv"])
def test_a_full_disk_is_told_with_the_room_of_the_nearest_folder(tmp_path: Path, file: str) -> None:
    error = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / file))
    assert f"MiB are free at {tmp_path})" in advice("annotate", error)


def test_an_error_that_nobody_thought_of_says_where_to_go(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("x")

    monkeypatch.setattr(cli, "_run", fail)
    with pytest.raises(KeyError):
        cli.main(["convert"])
    assert "amclip doctor" in capsys.readouterr().err
    assert advice("convert", KeyError("x")) == ""


def trainer(step: int, **more: Any) -> Any:
    optimiser = SimpleNamespace(param_groups=[{"lr": 0.5}])
    more = {"optimizers": [optimiser], "checkpoint_callbacks": [], "ckpt_path": None, "precision": "32-true", **more}
    return SimpleNamespace(global_step=step, **more)


def test_a_loss_that_is_no_number_ends_the_training_before_its_checkpoint_is_written() -> None:
    guard = Guard()
    module: Any = None
    guard.on_train_batch_end(trainer(1), module, {"loss": torch.tensor(1.0)}, None, 0)
    guard.on_train_epoch_end(trainer(2), module)
    guard.on_train_batch_end(trainer(3), module, {"loss": torch.tensor(float("nan"))}, None, 1)
    guard.on_train_batch_end(trainer(4), module, {"loss": torch.tensor(1.0)}, None, 2)
    with pytest.raises(ValueError, match=r"(?s)no number any more.*0\.5.*learning_rate"):
        guard.on_train_epoch_end(trainer(5), module)
    guard.on_train_batch_end(trainer(19), module, {"loss": torch.tensor(float("inf"))}, None, 3)
    with pytest.raises(ValueError, match="in step 20"):
        guard.on_train_batch_end(trainer(20), module, {"loss": torch.tensor(1.0)}, None, 4)


def test_no_checkpoint_is_written_of_weights_that_went_astray() -> None:
    guard, module = Guard(), cast("Any", None)
    guard.on_train_batch_end(trainer(7), module, {"loss": torch.tensor(1.0)}, None, 0)
    guard.on_save_checkpoint(trainer(7), module, {})
    guard.on_train_batch_end(trainer(8), module, {"loss": torch.tensor(float("nan"))}, None, 1)
    with pytest.raises(ValueError, match="no number any more"):
        guard.on_save_checkpoint(trainer(8), module, {})


def test_a_step_that_overflows_in_16_bits_is_left_out_and_many_in_a_row_end_the_training() -> None:
    guard, module = Guard(), cast("Any", None)
    mixed = trainer(3)
    mixed.precision = "16-mixed"
    for _ in range(5):
        for _ in range(4):
            guard.on_train_batch_end(mixed, module, {"loss": torch.tensor(float("inf"))}, None, 0)
        guard.on_train_batch_end(mixed, module, {"loss": torch.tensor(1.0)}, None, 0)
        guard.on_save_checkpoint(mixed, module, {})
    for _ in range(10):
        guard.on_train_batch_end(mixed, module, {"loss": torch.tensor(float("inf"))}, None, 0)
    with pytest.raises(ValueError, match="16-mixed overflows"):
        guard.on_save_checkpoint(mixed, module, {})


def test_work_without_a_terminal_has_a_line_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("amclip.long_work.time.monotonic", lambda: now)
    with LongWork("Scoring", 100, "videos") as work:
        for second in range(1, 131):
            now = float(second)
            work.reach(second / 2, "a.mp4")
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "a.mp4: 30.5 of 100 videos in 0:01:01, 0.5 a second, 0:02:19 left",
        "a.mp4: 61 of 100 videos in 0:02:02, 0.5 a second, 0:01:18 left",
    ]


def test_a_training_says_how_long_it_takes_yet(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    told: list[str] = []
    monkeypatch.setattr("amclip.epoch_times.time.monotonic", lambda: now)
    monkeypatch.setattr("amclip.epoch_times.rank_zero_info", told.append)
    times, module = EpochTimes(), None
    for epoch, end in enumerate((900.0, 965.0, 1035.0, 1635.0)):
        now = end
        one: Any = SimpleNamespace(current_epoch=epoch, max_epochs=6, sanity_checking=False)
        times.on_train_epoch_end(one, module)  # type: ignore[arg-type]
    assert told == [
        "Epoch 1 of 6 took 0:15:00; about 1:15:00 left",
        "Epoch 2 of 6 took 0:01:05; about 0:04:20 left",  # the first made the embeddings
        "Epoch 3 of 6 took 0:01:10; about 0:03:22 left",
        "Epoch 4 of 6 took 0:10:00; about 0:02:20 left",  # held up once
    ]
