"""Systems that lack what Linux has: each missing piece is taken away, and what needs it still works."""

import builtins
import os
import pickle
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from drawn import draw_video

from amclip import atomic, interrupt
from amclip.data import _probe_worker
from amclip.data.datamodule import VideoDataModule
from amclip.data.source import LabelSource
from amclip.inputs import NetworkInput
from amclip.machine import lock_file, usable_cores


def test_cores_are_counted_where_the_system_does_not_tell_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


def test_a_file_is_locked_without_fcntl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def locking(handle: int, mode: int, count: int) -> None:
        if taken:
            raise OSError(13, "Permission denied")
        taken.append(handle)

    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "fcntl":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr(builtins, "__import__", without)
    with (tmp_path / "lock").open("w") as file:
        lock_file(file)
        with pytest.raises(BlockingIOError):
            lock_file(file)
    assert len(taken) == 1


def test_a_decoder_is_given_a_time_limit_without_interval_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    armed: list[Any] = []
    monkeypatch.delattr(signal, "setitimer")
    monkeypatch.setattr("faulthandler.dump_traceback_later", lambda seconds, exit: armed.append((seconds, exit)))
    monkeypatch.setattr("faulthandler.cancel_dump_traceback_later", lambda: armed.append(None))
    answer = _probe_worker.answer({"path": "missing.mp4", "step": "ends", "timeout": 3.0})
    assert "error" in answer
    assert armed[0] == (3.0, True)
    assert armed[-1] is None


def test_that_time_limit_ends_a_process_that_holds_the_interpreter() -> None:
    """As a decoder that spins in native code does: a sleep in C that lets no thread of Python's run."""
    code = (
        "import ctypes, signal, amclip.data._probe_worker as w\n"
        "del signal.setitimer\nw._end_after(0.2)\nctypes.PyDLL(None).usleep(30_000_000)"
    )
    import subprocess

    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.returncode == 1
    assert time.monotonic() - began < 25


def test_commands_stop_without_the_signals_of_unix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "set_blocking")
    monkeypatch.delattr(signal, "pthread_sigmask")
    monkeypatch.setattr(interrupt, "_SIGNALS", (signal.SIGINT, signal.SIGTERM))
    monkeypatch.setattr(signal, "set_wakeup_fd", lambda fd, warn_on_full_buffer=True: -1)  # asks for what is taken away
    interrupt.outlive_signals()
    with pytest.raises(SystemExit) as ended:
        interrupt.run_stoppable("fit", lambda: signal.raise_signal(signal.SIGINT))
    assert ended.value.code == 130


def test_files_are_synced_by_handles_that_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def as_on_windows(handle: int) -> None:
        os.write(handle, b"")  # refused where the handle is to read alone
        real(handle)

    monkeypatch.setattr(os, "fsync", as_on_windows)
    atomic.write_bytes(tmp_path / "a", b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"


def test_reading_processes_may_be_started_anew(tmp_path: Path) -> None:
    """Windows and macOS know no fork: what they are given must go through a pipe."""
    for name in "abc":
        draw_video(tmp_path / f"{name}.mp4", 12)
    (tmp_path / "labels.csv").write_text("filepath,label,split\na.mp4,x,train\nb.mp4,y,train\nc.mp4,x,val\n")
    seen = NetworkInput(num_segments=1, positions_per_segment=2, frame_size=(32, 32), image_size=32)
    data = VideoDataModule(seen, LabelSource(str(tmp_path / "labels.csv")), num_workers=1, cache_dir=None)
    data.setup("fit")
    loader = data.train_dataloader()
    for part in (loader.dataset, loader.collate_fn, loader.worker_init_fn):
        again = pickle.loads(pickle.dumps(part))
    assert again is not None
    assert len(pickle.loads(pickle.dumps(loader.dataset))) == 2
