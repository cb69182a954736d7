"""Read label tables: one module per format, each with ``matches(text)`` and ``read(text, source, classes)``."""

import codecs
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from amclip.data.readers import csv_table, path_list
from amclip.data.table import LabelError, LabelTable

__all__ = ["read_labels"]


class _Reader(Protocol):
    def matches(self, text: str) -> bool: ...
    def read(self, text: str, source: str, classes: Sequence[str] | None = None) -> LabelTable: ...


_READERS: tuple[_Reader, ...] = (csv_table, path_list)


def read_labels(path: str | os.PathLike[str], classes: Sequence[str] | None = None) -> LabelTable:
    """Read a label table; the format is told by its content, not by its name.

    Args:
        path: A CSV table (``filepath,label[,start,stop][,split]``, or a 0/1 column per class), or a plain list of
            ``path label [label …]`` lines. UTF-8.
        classes: The classes to use, in this order; rows that name another one are refused. Without it they are those
            of the table: sorted by name, or in the order of the columns for a 0/1 column per class.

    Raises:
        LabelError: If the file cannot be used; the message names file, line and column.
    """
    source = os.fspath(path)
    text = _text(Path(path))
    if not text.strip():
        raise LabelError(
            "the file is empty; write a header such as 'filepath,label,split' and one line per clip", source
        )
    for reader in _READERS:
        if reader.matches(text):
            return reader.read(text, source, classes)
    first = next(line for line in text.splitlines() if line.strip())
    raise LabelError(
        f"cannot tell the format from the first line {first[:80]!r}. A table needs a header with a column 'filepath'"
        " (such as 'filepath,label,split'); a plain list needs lines such as 'clip.mp4 walking'",
        source,
        1,
    )


def _text(path: Path) -> str:
    source = str(path)
    if path.is_dir():
        raise LabelError("is a folder; give the label table itself", source)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise LabelError("the file does not exist", source) from None
    except OSError as error:
        raise LabelError(f"cannot be read: {error.strerror}", source) from error
    if data.startswith(b"PK\x03\x04"):
        raise LabelError("is a spreadsheet or zip file; save it as CSV (UTF-8)", source)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise LabelError("is UTF-16 text; save it as CSV in UTF-8", source)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LabelError(f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8", source, line) from None
