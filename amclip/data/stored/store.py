"""Tensors on disk that are found by a key: many processes read and write at once, and any of them may be killed.

Every process that writes has two files of its own, to which it only appends: ``NAME.data`` with the tensors, all of one
size, and then ``NAME.keys`` with the key of each and a checksum of key and tensors. Nobody waits for anybody. What a
killed process left half written is in neither file's whole rows, or has a wrong checksum, and counts as not there.
"""

import errno
import json
import os
import secrets
import time
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.atomic import write_bytes

__all__ = ["KEY_SIZE", "PositionStore"]

KEY_SIZE = 16
"""Bytes of a key: a digest, so that its first half tells keys apart nearly always."""

_ENTRY = np.dtype([("key", np.uint8, KEY_SIZE), ("check", "<u4"), ("zero", "<u4")])
_FEW = 4096  # entries that are looked up one by one before they are sorted in among the others


class PositionStore:
    """Reads and writes one folder.

    Args:
        folder: The folder; made with the first write.
        tensors: Name and shape of each tensor that is kept of a position.
        halved: Names of those that are kept in half precision; the others are in single precision.
        about: What the folder holds, in plain values, for people: it is written to ``about.json``.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        tensors: Mapping[str, tuple[int, ...]],
        halved: Collection[str] = (),
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.tensors, self.halved = dict(tensors), tuple(halved)
        self.about = dict(about or {})
        self._row = np.dtype([(name, "<f2" if name in halved else "<f4", shape) for name, shape in tensors.items()])
        self._forget()

    def __getstate__(self) -> dict[str, Any]:
        # Files that are open, and what is known of them, belong to one process.
        plain = ("folder", "tensors", "halved", "about", "_row")
        return {name: value for name, value in self.__dict__.items() if name in plain}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _forget(self) -> None:
        self._writer: _Writer | None = None
        self._names: list[str] = []
        self._maps: dict[int, NDArray[np.void]] = {}
        self._known: dict[str, tuple[int, int]] = {}  # number of the pair of files, and its rows that are indexed
        self._sorted = np.empty(0, "<u8")
        self._places = np.empty((0, 3), np.int64)  # number of the pair of files, row, checksum
        self._recent: dict[bytes, tuple[int, int, int]] = {}

    def __len__(self) -> int:
        """Entries as far as they are known, those of one key counted each."""
        return len(self._sorted) + len(self._recent)

    @property
    def row_bytes(self) -> int:
        """What a position takes on the disk."""
        return self._row.itemsize + _ENTRY.itemsize

    def get(self, keys: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], dict[str, NDArray[np.floating[Any]]]]:
        """What is kept of positions.

        Args:
            keys: uint8 ``(N, 16)``.

        Returns:
            Which are there, bool ``(N,)``; and each tensor of all, ``(N, …)``, zero where it is not there.
        """
        found, rows = self._look_up(keys)
        if not found.all():
            self.refresh()
            found, rows = self._look_up(keys)
        return found, {name: rows[name] for name in self.tensors}

    def has(self, keys: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which positions are listed, bool ``(N,)``, as of the last :meth:`refresh`; their content is not checked."""
        return np.array([place is not None for place in self._find(keys)], bool)

    def add(self, keys: NDArray[np.uint8], tensors: Mapping[str, NDArray[Any]]) -> None:
        """Keep tensors of positions; when this returns, every process can read them.

        Args:
            keys: uint8 ``(N, 16)``.
            tensors: Each ``(N, …)``.

        Raises:
            OSError: If they cannot be written, as on a full disk.
        """
        if not len(keys):
            return
        rows = np.empty(len(keys), self._row)
        for name in self.tensors:
            rows[name] = tensors[name]
        entries = np.zeros(len(keys), _ENTRY)
        entries["key"] = keys
        entries["check"] = [_check(key, row) for key, row in zip(keys, rows, strict=True)]
        try:
            if self._writer is None or self._writer.process != os.getpid():
                self._begin()
                self._writer = _Writer(self.folder)
            self._writer.append(rows, entries)
        except OSError as error:
            self.close()
            raise OSError(
                f"data.embeddings.folder: embeddings cannot be written to {self.folder} ({error.strerror or error}); "
                f"{_ask(error)} What was written before can be used"
            ) from error
        except BaseException:  # a signal: files of which one may have more rows than the other are not gone on with
            self.close()
            raise
        self._take_in(self._writer.name)

    def refresh(self) -> None:
        """Find what other processes have written since."""
        try:
            with os.scandir(self.folder) as entries:
                names = sorted(entry.name[:-5] for entry in entries if entry.name.endswith(".keys"))
        except FileNotFoundError:
            return
        for name in names:
            self._take_in(name)

    def close(self) -> None:
        """Close the files that this process writes to; a later write begins new ones."""
        if self._writer is not None and self._writer.process == os.getpid():
            self._writer.close()
        self._writer = None

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        about = self.folder / "about.json"
        if not about.exists():
            write_bytes(about, (json.dumps(self.about, indent=1) + "\n").encode())

    def _take_in(self, name: str) -> None:
        """Index the rows of a pair of files that are new."""
        number, known = self._known.get(name, (len(self._names), 0))
        keys = self.folder / f"{name}.keys"
        try:
            rows = min(
                keys.stat().st_size // _ENTRY.itemsize,
                (self.folder / f"{name}.data").stat().st_size // self._row.itemsize,
            )
            if rows <= known:
                return
            entries = np.fromfile(keys, _ENTRY, rows - known, offset=known * _ENTRY.itemsize)
        except FileNotFoundError:
            return
        if number == len(self._names):
            self._names.append(name)
        self._known[name] = number, known + len(entries)
        if len(entries) <= _FEW:
            for row, entry in enumerate(entries, known):
                self._recent[entry["key"].tobytes()] = number, row, int(entry["check"])
        else:
            places = np.stack(
                [np.full(len(entries), number), np.arange(known, known + len(entries)), entries["check"]], axis=1
            )
            self._sort_in(_halves(entries["key"]), places)
        if len(self._recent) > max(_FEW, len(self._sorted) // 4):
            recent, self._recent = self._recent, {}
            keys_of = np.frombuffer(b"".join(recent), np.uint8).reshape(-1, KEY_SIZE)
            self._sort_in(_halves(keys_of), np.array(list(recent.values()), np.int64))

    def _sort_in(self, halves: NDArray[np.uint64], places: NDArray[np.int64]) -> None:
        halves, places = np.concatenate([self._sorted, halves]), np.concatenate([self._places, places])
        order = np.argsort(halves, kind="stable")
        self._sorted, self._places = halves[order], places[order]

    def _find(self, keys: NDArray[np.uint8]) -> list[tuple[int, int, int] | None]:
        """Pair of files, row and checksum of each key; None where there is none."""
        keys = np.ascontiguousarray(keys)
        halves = _halves(keys)
        after = np.searchsorted(self._sorted, halves, "right")
        there = after > 0
        there[there] = self._sorted[after[there] - 1] == halves[there]
        places: list[tuple[int, int, int] | None] = []
        for key, at, listed in zip(keys, after, there, strict=True):
            place = self._recent.get(key.tobytes())
            if place is None and listed:
                number, row, check = self._places[at - 1].tolist()
                place = number, row, check
            places.append(place)
        return places

    def _look_up(self, keys: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.void]]:
        found, rows = np.zeros(len(keys), bool), np.zeros(len(keys), self._row)
        for at, (key, place) in enumerate(zip(keys, self._find(keys), strict=True)):
            if place is None:
                continue
            number, row, check = place
            kept = self._map(number, row)
            if kept is not None and _check(key, kept) == check:
                found[at], rows[at] = True, kept
        return found, rows

    def _map(self, number: int, row: int) -> Any:
        """A row of a pair of files, in place; None where the file has become shorter."""
        mapped = self._maps.get(number)
        if mapped is None or row >= len(mapped):
            path = self.folder / f"{self._names[number]}.data"
            rows = path.stat().st_size // self._row.itemsize if path.exists() else 0
            if row >= rows:
                return None
            mapped = self._maps[number] = np.memmap(path, self._row, "r", shape=(rows,))
        return mapped[row]


def _ask(error: OSError) -> str:
    """What may be the cause of an error of writing."""
    may = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    return "who may write there? Name a folder of your own, or a copy." if may else "is the disk full?"


class _Writer:
    """A pair of files that this process alone appends to."""

    def __init__(self, folder: Path) -> None:
        self.process = os.getpid()
        self.name = f"{time.time_ns():x}-{self.process}-{secrets.token_hex(4)}"
        self._files = [os.open(folder / f"{self.name}.{end}", _APPEND, 0o666) for end in ("data", "keys")]

    def append(self, rows: NDArray[np.void], entries: NDArray[np.void]) -> None:
        """The tensors first: a key that can be read has its tensors."""
        for file, content in zip(self._files, (rows, entries), strict=True):
            left = memoryview(content.tobytes())
            while left:
                left = left[os.write(file, left) :]

    def close(self) -> None:
        for file in self._files:
            os.close(file)


_APPEND = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)


def _check(key: NDArray[np.uint8], row: Any) -> int:
    return zlib.crc32(row.tobytes(), zlib.crc32(key.tobytes()))


def _halves(keys: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The first half of each key, as a number."""
    halves: NDArray[np.uint64] = np.ascontiguousarray(keys[:, :8]).view("<u8")[:, 0]
    return halves
