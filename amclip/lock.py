"""A file that one process holds at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(message) from None
        except OSError:  # a network disk without locks: better unlocked than not at all
            pass
        yield
