"""Opening HDF5 files, and what is in them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data.extras import required
from amclip.data.label_error import LabelError
from amclip.data.locate import spelled

__all__ = ["SIGNATURE", "array_of", "names_of", "opened"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""The first bytes of an HDF5 file."""
_LARGEST = 1 << 33
"""Bytes of a data set: 8 GiB are a day of ten animals. A broken file may ask for any number."""
_OF_BROKEN_FILES = (OSError, RuntimeError, KeyError, MemoryError, ValueError, TypeError, AttributeError)
"""What h5py raises where bytes of a file are others than they were."""


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    """An HDF5 file, to be read.

    Yields:
        The ``h5py.File``.

    Raises:
        LabelError: If it is broken, also where that shows only within.
        ModuleNotFoundError: If h5py is not installed.
    """
    source = os.fspath(path)
    h5py = required("h5py", source)
    try:
        with h5py.File(spelled(path), "r") as file:
            yield file
    except LabelError:
        raise
    except _OF_BROKEN_FILES as error:
        reason = " ".join(str(error).split())[:200]
        raise LabelError(
            f"is HDF5 that cannot be read ({reason}); is it whole? Export or copy it again", source
        ) from None


def array_of(file: Any, name: str, source: str) -> NDArray[Any]:
    """A data set as a numpy array.

    Raises:
        LabelError: If there is none of this name, or it is larger than tracks can be.
    """
    found = file.get(name)
    if not hasattr(found, "shape"):
        raise LabelError(f"has no data set {name!r}; there are {', '.join(map(str, file))}", source)
    if found.dtype.itemsize * found.size > _LARGEST:
        raise LabelError(f"data set {name!r} says that it holds {found.shape}: more than any tracks do", source)
    return np.asarray(found[()])


def names_of(file: Any, name: str, source: str) -> list[str]:
    """A data set of texts; empty where there is none of this name.

    Raises:
        LabelError: If it holds other than texts in UTF-8.
    """
    if name not in file:
        return []
    names = []
    for value in array_of(file, name, source).reshape(-1).tolist():
        try:
            names.append(value.decode("utf-8") if isinstance(value, bytes) else str(value))
        except UnicodeDecodeError:
            raise LabelError(f"data set {name!r}: {value!r} is no text in UTF-8", source) from None
    return names
