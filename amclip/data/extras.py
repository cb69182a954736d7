"""Libraries that only some files need, imported where such a file is read or written."""

from importlib import import_module
from typing import Any

__all__ = ["required"]


def required(library: str, source: str, extra: str = "tracks") -> Any:
    """A library that is imported where a file needs it.

    Args:
        library: Name of the module.
        source: The file, for messages.
        extra: The extra of amclip that brings it.

    Raises:
        ModuleNotFoundError: If it is not installed; says how to install it.
    """
    try:
        return import_module(library)
    except ImportError as error:
        state = f"which is not installed or does not work ({error})"
        raise ModuleNotFoundError(f"{source}: needs {library}, {state}: pip install 'amclip[{extra}]'") from None
