"""What this machine and its system offer, where systems differ."""

import os
from typing import IO

__all__ = ["lock_file", "usable_cores"]


def usable_cores() -> int:
    """Cores that this process may use, where the system tells it (Linux); else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def lock_file(file: IO[str]) -> None:
    """Lock an open file until it is closed, or the process ends, however it does.

    Raises:
        BlockingIOError: If another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError as error:
            raise BlockingIOError(*error.args) from error
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a network disk without locks: better unlocked than not at all
        pass
