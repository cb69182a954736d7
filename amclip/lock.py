"""A file that one process holds at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amclip.machine import lock_file

__all__ = ["held"]


@contextmanager
def held(path: Path, message: str) -> Iterator[None]:
    """Hold a lock, which goes with the process whatever ends it.

    Args:
        path: The file; made if missing.
        message: What is said where another process holds it.

    Raises:
        ValueError: If one does.
        OSError: If the file cannot be made.
    """
    with path.open("w") as lock:
        try:
            lock_file(lock)
        except BlockingIOError:
            raise ValueError(message) from None
        yield
