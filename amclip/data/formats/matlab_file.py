"""MATLAB's files of level 5 (``save`` up to ``-v7``): numbers, texts, cells and structs.

Every length in the file is held against what is there before it is believed: scipy's reader ends the whole process at
some damaged ones.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from amclip.data.label_error import LabelError

__all__ = ["LEVEL_5", "LEVEL_7_3", "read_matlab"]

LEVEL_5 = b"MATLAB 5.0 MAT-file"
"""How a file of level 5 begins."""
LEVEL_7_3 = b"MATLAB 7.3 MAT-file"
"""How a file of level 7.3, which is HDF5, begins."""

_HEAD = 128  # bytes
_LARGEST = 1 << 28  # bytes that all variables may take: a few KB may unpack to all of the memory
_OBJECT = 128  # bytes of one of them, however small
_MOST = 100_000  # variables, cells and fields: scores have some for each animal
_DEEPEST = 32
_MATRIX, _COMPRESSED = 14, 15
_KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMBERS = range(6, 16)  # double to uint64


class _DamagedError(Exception):
    """What cannot be so in a whole file."""


@dataclass(frozen=True)
class _Part:
    """An element of the file: its type and bytes."""

    kind: int
    data: memoryview


@dataclass
class _Reader:
    order: str
    left: int = _LARGEST
    objects: int = _MOST

    def take(self, size: int) -> None:
        """Count bytes of memory before they are used."""
        self.left -= size
        if self.left < 0:
            raise _DamagedError(f"more than {_LARGEST >> 20} MiB of variables, which no scores have")

    def count(self, number: int) -> None:
        """Count variables, cells and fields before they are walked through."""
        self.objects -= number
        if self.objects < 0:
            raise _DamagedError(f"more than {_MOST} cells and fields, which no scores have")

    def parts(self, data: memoryview) -> Iterator[_Part]:
        """The elements that follow each other."""
        at = 0
        while at + 8 <= len(data):
            word, size = struct.unpack_from(f"{self.order}II", data, at)
            if word >> 16:  # at most four bytes, in the tag itself
                kind, size, begin, follow = word & 0xFFFF, word >> 16, at + 4, at + 8
                if size > 4:
                    raise _DamagedError("an element of more than 4 bytes in a tag")
            else:
                kind, begin = word, at + 8
                follow = begin + size + (0 if kind == _COMPRESSED else -size % 8)
            if begin + size > len(data):
                raise _DamagedError("an element that is longer than the file")
            yield _Part(kind, data[begin : begin + size])
            at = follow

    def numbers(self, part: _Part) -> np.ndarray[Any, np.dtype[Any]]:
        """The numbers of an element, in one row."""
        if part.kind not in _KINDS:
            raise _DamagedError(f"type {part.kind} where numbers should be")
        kind = np.dtype(self.order + _KINDS[part.kind])
        if len(part.data) % kind.itemsize:
            raise _DamagedError("half a number")
        return np.frombuffer(part.data, kind)

    def text(self, part: _Part) -> str:
        """The letters of an element."""
        self.take(8 * len(part.data))
        if part.kind in _TEXTS:
            coding = _TEXTS[part.kind] + ("" if part.kind == 16 else "-le" if self.order == "<" else "-be")
            return bytes(part.data).decode(coding, "replace")
        return "".join(map(chr, self.numbers(part).astype(np.uint16)))

    def matrix(self, data: memoryview, depth: int = 0) -> tuple[str, Any]:
        """Name and content of a variable, a cell or a field."""
        if depth > _DEEPEST:
            raise _DamagedError("more levels than any scores have")
        self.take(_OBJECT)
        if not len(data):  # how MATLAB writes an empty cell
            return "", np.zeros(0)
        parts = self.parts(data)
        try:
            kind = int(self.numbers(next(parts))[0]) & 0xFF
            shape = self.numbers(next(parts)).astype(np.int64)
            name = self.text(next(parts))
            count = int(np.prod(shape.astype(object)))
            if (shape < 0).any() or count > len(data) * 8:
                raise _DamagedError("a size that the file does not have")
            return name, self._content(kind, count, parts, depth)
        except (StopIteration, IndexError):
            raise _DamagedError("a variable that is cut off") from None

    def _content(self, kind: int, count: int, parts: Iterator[_Part], depth: int) -> Any:
        if kind in _NUMBERS:
            values = self.numbers(next(parts)) if count else np.zeros(0)
            if len(values) != count:
                raise _DamagedError(f"{len(values)} numbers where {count} should be")
            self.take(8 * count)
            return values.astype(np.float64)
        if kind == _CHAR:
            return self.text(next(parts)) if count else ""
        if kind == _CELL:
            self.count(count)
            return [self.matrix(self._inner(next(parts)), depth + 1)[1] for _ in range(count)]
        if kind == _STRUCT:
            length = int(self.numbers(next(parts))[0])
            names = bytes(next(parts).data)
            if length < 1 or len(names) % length:
                raise _DamagedError("names of fields of no length")
            fields = [names[at : at + length].split(b"\0")[0].decode("latin-1") for at in range(0, len(names), length)]
            self.count(count * len(fields))
            structs = [
                {field: self.matrix(self._inner(next(parts)), depth + 1)[1] for field in fields} for _ in range(count)
            ]
            return structs[0] if count == 1 else structs
        return None  # functions, objects and sparse matrices

    @staticmethod
    def _inner(part: _Part) -> memoryview:
        if part.kind != _MATRIX:
            raise _DamagedError(f"type {part.kind} where a cell or a field should be")
        return part.data


def read_matlab(data: bytes, source: str) -> dict[str, Any]:
    """The variables of a file by name.

    Numbers are float64 in one row, by columns; texts ``str``; cells a list, by columns; a struct a dict, several a list
    of them; what is none of these ``None``.

    Raises:
        LabelError: If it is of level 7.3, or not whole.
    """
    if data.startswith(LEVEL_7_3):
        raise LabelError("is of MATLAB's level 7.3; load it there, and save it with the option '-v7'", source)
    try:
        return dict(_variables(data))
    except (_DamagedError, zlib.error, OverflowError, ValueError) as error:
        raise LabelError(f"cannot be read as a file of MATLAB ({error}); is it whole? Copy it again", source) from None


def _variables(data: bytes) -> Iterator[tuple[str, Any]]:
    mark = data[126:128]
    if mark not in (b"IM", b"MI"):
        raise _DamagedError("no mark of the order of bytes")
    reader = _Reader("<" if mark == b"IM" else ">")
    for part in reader.parts(memoryview(data)[_HEAD:]):
        if part.kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            unpacked = unpacker.decompress(bytes(part.data), reader.left + 1)
            reader.take(len(unpacked))
            if not unpacker.eof:
                raise _DamagedError("a compressed variable that is cut off")
            part = next(reader.parts(memoryview(unpacked)), part)
        if part.kind == _MATRIX:
            yield reader.matrix(part.data)
