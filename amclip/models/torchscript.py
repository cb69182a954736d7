"""Weights out of a TorchScript archive, which OpenAI's files of CLIP are, without running what lies in it.

``torch.load`` refuses such files where only weights may be loaded, and ``torch.jit.load`` builds the program in them.
Here the archive is read by a reader that knows tensors and nothing else; of all other classes it keeps the attributes.
"""

import pickle
import re
import zipfile
from collections import OrderedDict
from typing import IO, Any

import torch
from torch import Tensor

__all__ = ["is_archive", "other_than_tensors", "read_weights"]

_TYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def is_archive(path: str) -> bool:
    """Whether a file is a TorchScript archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def read_weights(path: str) -> dict[str, Tensor]:
    """The tensors of an archive's module, by name, on the CPU.

    Args:
        path: The archive.

    Raises:
        UnpicklingError: If it holds anything but modules, tensors and plain values.
        KeyError: If the archive is not whole.
    """
    with zipfile.ZipFile(path) as archive:
        root = next(name for name in archive.namelist() if name.endswith("/data.pkl")).removesuffix("data.pkl")
        with archive.open(f"{root}data.pkl") as file:
            module = _Reader(file, archive, root).load()
    found: dict[str, Tensor] = {}
    _collect(module, "", found)
    return found


def other_than_tensors(error: Exception) -> str | None:
    """What a file holds that is neither a tensor nor a plain value, by the error that refused to load it; else None."""
    found = re.search(r"(?:Unsupported global: GLOBAL|Unsupported class) ([\w.]+)", str(error))
    return found[1] if found else None


class _Module:
    """What any class of an archive becomes: its attributes by name."""

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


class _Reader(pickle.Unpickler):
    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(file)
        self._archive, self._root = archive, root

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            return _Module
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        known: dict[tuple[str, str], Any] = {
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("collections", "OrderedDict"): OrderedDict,
        }
        if module == "torch.jit._pickle":  # these tell what kind of list comes
            return lambda values, *_: values
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} is neither a tensor nor a module")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Tensor:
        _, kind, key, _, _ = pid
        return torch.frombuffer(bytearray(self._archive.read(f"{self._root}data/{key}")), dtype=kind)


def _tensor(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    return storage.as_strided(size, stride, offset)


def _collect(module: Any, prefix: str, found: dict[str, Tensor]) -> None:
    for name, value in vars(module).items():
        if isinstance(value, Tensor):
            found[f"{prefix}{name}"] = value
        elif isinstance(value, _Module):
            _collect(value, f"{prefix}{name}.", found)
