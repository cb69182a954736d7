"""The bytes of a label file, also of a compressed one, and its text."""

import codecs
import gzip
import os
import zlib

from amclip.data.label_error import LabelError
from amclip.data.locate import spelled

__all__ = ["WORKBOOK", "file_bytes", "file_text", "text_of"]

WORKBOOK = b"PK\x03\x04"
"""The first bytes of an XLSX workbook."""

_GZIP = b"\x1f\x8b"
_LARGEST = 1 << 28
"""Bytes that a compressed file may unpack to: projects have some MB, and a few KB may unpack to all of the memory."""


def file_bytes(path: str | os.PathLike[str]) -> bytes:
    """What a file holds; unpacked, where it is gzip's (``.boris.gz``).

    Raises:
        LabelError: If it is not there, cannot be read or unpacked.
    """
    source = os.fspath(path)
    try:
        data = spelled(path).read_bytes()
    except FileNotFoundError as error:
        said, missing = str(error), f"{source} does not exist"
        gone = error.errno is not None or said.startswith(missing)
        raise LabelError(f"the file does not exist{said.removeprefix(missing)}" if gone else said, source) from None
    except OSError as error:
        raise LabelError(f"cannot be read: {error.strerror}", source) from error
    if not data.startswith(_GZIP):
        return data
    try:
        with spelled(path).open("rb") as packed, gzip.GzipFile(fileobj=packed) as file:
            data = file.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise LabelError(f"is gzip, and cannot be unpacked ({error})", source) from None
    if len(data) > _LARGEST:
        raise LabelError(f"unpacks to more than {_LARGEST >> 20} MiB, which no label table has", source)
    return data


def file_text(path: str | os.PathLike[str], errors: str = "strict") -> str:
    """A file's text; see :func:`text_of`."""
    return text_of(file_bytes(path), os.fspath(path), errors)


def text_of(data: bytes, source: str, errors: str = "strict") -> str:
    """The text that bytes hold: in UTF-8, or, as EthoVision writes it, in UTF-16 that begins with a byte order mark.

    Args:
        data: The bytes.
        source: Name of the file, for messages.
        errors: What becomes of bytes that are no UTF-8, by Python's names.

    Raises:
        LabelError: If it is no such text.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise LabelError(f"begins as UTF-16 text and is none ({error.reason}); save it as UTF-8", source) from None
    try:
        return data.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        if b"\0" in data[:1024]:  # no text has one, and nearly every other file
            raise LabelError("is not text: a video, a picture or the like, where a table belongs", source) from None
        line = data.count(b"\n", 0, error.start) + 1
        raise LabelError(f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8", source, line) from None
