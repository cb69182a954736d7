"""Tensors on disk: what is read is what was written, whoever wrote it, and whatever ended the writing."""

import errno
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import amclip
from amclip.data.stored import store as module
from amclip.data.stored.store import PositionStore

SHAPE = {"features": (2, 3), "motion": (4,)}


def content(number: int, count: int = 1) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Keys and tensors of positions, each of which says its number in every value."""
    keys = np.random.default_rng(number).integers(0, 256, (count, 16), np.uint8)
    values = np.frombuffer(keys[:, :2].tobytes(), "<u2").astype(np.float32)
    tensors = {
        name: np.broadcast_to(values.reshape(-1, *[1] * len(shape)), (count, *shape)) for name, shape in SHAPE.items()
    }
    return keys, tensors


def check(store: PositionStore, keys: np.ndarray, there: bool = True) -> np.ndarray:
    """Every position that is there must be right; returns which are."""
    found, tensors = store.get(keys)
    for name, values in tensors.items():
        wanted = np.frombuffer(keys[:, :2].tobytes(), "<u2").astype(np.float32) * found
        assert (values.reshape(len(keys), -1) == wanted[:, None]).all(), name
    if there:
        assert found.all()
    return found


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from test_store import SHAPE, content
from amclip.data.stored.store import PositionStore
store = PositionStore(sys.argv[1], SHAPE)
for number in range(int(sys.argv[3]), int(sys.argv[3]) + int(sys.argv[4])):
    store.add(*content(number, 7))
"""


def writer(folder: Path, first: int, count: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(amclip.__file__).parents[1])}
    words = [sys.executable, "-c", WRITER, str(folder), str(Path(__file__).parent), str(first), str(count)]
    return subprocess.Popen(words, env=environment)


def test_what_was_written_is_found_here_and_elsewhere(tmp_path: Path) -> None:
    store, other = PositionStore(tmp_path / "s", SHAPE, about={"a": 1}), PositionStore(tmp_path / "s", SHAPE)
    keys, tensors = content(0, 5)
    assert not check(store, keys, there=False).any()
    assert not (tmp_path / "s").exists()  # reading makes nothing
    store.add(keys, tensors)
    check(store, keys)
    check(other, keys)
    more, tensors = content(1, 3)
    store.add(more, tensors)
    assert (
        check(other, np.concatenate([more, content(2)[0], keys]), there=False).tolist()
        == [True] * 3 + [False] + [True] * 5
    )
    check(pickle.loads(pickle.dumps(store)), keys)
    assert (tmp_path / "s" / "about.json").read_text() == '{\n "a": 1\n}\n'
    assert store.row_bytes == 10 * 4 + 24


def test_a_position_that_is_written_again_counts_as_it_was_last(tmp_path: Path) -> None:
    store = PositionStore(tmp_path, {"x": ()})
    keys = content(0, 2)[0]
    for value in (1.0, 2.0):
        store.add(keys, {"x": np.full(2, value)})
        assert store.get(keys)[1]["x"].tolist() == [value] * 2


def test_half_precision_takes_half_the_space(tmp_path: Path) -> None:
    store = PositionStore(tmp_path, {"x": (3,)}, ["x"])
    keys = content(0, 2)[0]
    store.add(keys, {"x": np.array([[0.1, 1, 2], [3, 4, 5]], np.float32)})
    found = store.get(keys)[1]["x"]
    assert found.dtype == np.float16
    assert found[0, 0] == np.float16(0.1)
    assert store.row_bytes == 6 + 24


def test_many_positions_are_sorted_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FEW", 16)
    store, other = PositionStore(tmp_path, SHAPE), PositionStore(tmp_path, SHAPE)
    written = []
    for number, count in enumerate((3, 40, 1, 2, 5, 12, 30, 4)):
        keys, tensors = content(number, count)
        store.add(keys, tensors)
        written.append(keys)
        check(store, np.concatenate(written))
        check(other, np.concatenate(written)[:: 1 + number % 3])
    assert len(store._sorted) > len(store._recent)
    check(PositionStore(tmp_path, SHAPE), np.concatenate(written))
    assert not check(store, content(99, 50)[0], there=False).any()


def test_keys_that_begin_alike_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FEW", 0)
    store = PositionStore(tmp_path, {"x": ()})
    keys = np.repeat(content(0)[0], 2, axis=0)
    keys[1, 12] ^= 1
    store.add(keys[:1], {"x": np.array([5.0])})
    assert store.get(keys)[0].tolist() == [True, False]


@settings(max_examples=60)
@given(st.data())
def test_damage_is_never_read(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Files cut anywhere, filled with zeros as by a power cut, or with a wrong byte: some are lost, none is wrong."""
    folder = tmp_path_factory.mktemp("damaged")
    keys, tensors = content(0, 4)
    PositionStore(folder, SHAPE).add(keys, tensors)
    path = next(folder.glob(data.draw(st.sampled_from(["*.data", "*.keys"]))))
    whole = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    kind = data.draw(st.sampled_from(["cut", "zeros", "byte"]))
    if kind == "byte":
        whole[at] ^= data.draw(st.integers(1, 255))
    else:
        del whole[at:]
        if kind == "zeros":
            whole += bytes(4 * 64 - len(whole))
    path.write_bytes(bytes(whole))
    store = PositionStore(folder, SHAPE)
    found, values = store.get(keys)
    for name in SHAPE:
        assert (values[name][found] == tensors[name][found]).all()
    if kind == "byte" and path.suffix == ".data":
        assert found.sum() == 3
    store.add(keys, tensors)  # what is lost is made anew
    check(store, keys)
    check(PositionStore(folder, SHAPE), keys)


def test_a_file_that_becomes_shorter_while_it_is_read_loses_positions_and_no_more(tmp_path: Path) -> None:
    keys, tensors = content(0, 4)
    PositionStore(tmp_path, SHAPE).add(keys, tensors)
    store = PositionStore(tmp_path, SHAPE)
    store.refresh()
    for path in tmp_path.glob("*.data"):
        path.unlink()
    assert not check(store, keys, there=False).any()


def test_processes_that_write_at_once_and_are_killed_leave_nothing_wrong(tmp_path: Path) -> None:
    rng = random.Random(0)
    store = PositionStore(tmp_path, SHAPE)
    processes = [writer(tmp_path, 10**6 * number, 10**6) for number in range(3)]
    deadline = time.monotonic() + 60
    for process in processes:
        while len(store) < 200 and time.monotonic() < deadline:
            time.sleep(0.01)
            store.refresh()
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
    store.refresh()
    written = len(store)
    assert written >= 200
    right = 0
    for number in range(3):
        batch = 0
        while check(store, keys := content(10**6 * number + batch, 7)[0], there=False).any():
            right += int(store.get(keys)[0].sum())
            batch += 1
    assert right == written


def test_two_processes_that_end_leave_all_they_wrote(tmp_path: Path) -> None:
    processes = [writer(tmp_path, 100 * number, 20) for number in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    store = PositionStore(tmp_path, SHAPE)
    for number in range(20):
        check(store, content(number, 7)[0])
        check(store, content(100 + number, 7)[0])
    assert len(list(tmp_path.glob("*.data"))) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_process_writes_to_files_of_its_own(tmp_path: Path) -> None:
    store = PositionStore(tmp_path, SHAPE)
    store.add(*content(0))
    child = os.fork()
    if child == 0:
        store.add(*content(1))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    store.add(*content(2))
    for number in range(3):
        check(store, content(number)[0])
    assert len(list(tmp_path.glob("*.data"))) == 2


def test_a_signal_or_a_full_disk_while_it_writes_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, keys = PositionStore(tmp_path, SHAPE), content(0)[0]
    store.add(*content(0))
    write = os.write

    def full(file: int, given: Any) -> int:
        if len(given) > 10:
            return write(file, given[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    def told(file: int, given: Any) -> int:
        if len(given) == 24:
            raise KeyboardInterrupt  # between the tensors and their key
        return write(file, given)

    monkeypatch.setattr(module.os, "write", told)
    with pytest.raises(KeyboardInterrupt):
        store.add(*content(1))
    monkeypatch.setattr(module.os, "write", full)
    with pytest.raises(OSError, match=r"data.embeddings.folder: .* \(No space left on device\); is the disk full"):
        store.add(*content(1))
    monkeypatch.undo()
    check(store, keys)
    assert not check(store, content(1)[0], there=False).any()
    store.add(*content(1))
    check(PositionStore(tmp_path, SHAPE), content(1)[0])


def test_a_folder_that_only_others_may_write_to_is_told_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PositionStore(tmp_path, SHAPE).add(*content(0))

    def refused(*_: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(module.os, "open", refused)
    store = PositionStore(tmp_path, SHAPE)
    check(store, content(0)[0])
    with pytest.raises(OSError, match=r"\(Permission denied\); who may write there\?.*What was written before"):
        store.add(*content(1))
