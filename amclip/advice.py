"""What to do next where a command failed for want of memory, disk or files, by the kind of the error."""

import errno
import re
import shutil
from pathlib import Path

__all__ = ["advice", "is_out_of_memory"]

_NO_MEMORY = re.compile(
    r"out of memory|can't allocate memory|not enough memory|Cannot allocate memory|Unable to allocate \d", re.IGNORECASE
)
_NO_NETWORK = re.compile(
    r"urlopen error|Max retries exceeded|Name or service not known|Temporary failure in name resolution"
    r"|Connection(?:Error| refused| reset)|offline mode|couldn't connect|Network is unreachable",
    re.IGNORECASE,
)

# What takes less memory, by the command.
_SMALLER = {
    "fit": "smaller batches (--data.batch_size 4; with --trainer.accumulate_grad_batches 2 a step has as many clips as "
    "with 8), fewer positions (--input.positions_per_segment 4), or an image "
    "tower that does not learn (--config configs/encoders/frozen.yaml)",
    "embed": "smaller batches (--data.batch_size 4)",
    "annotate": "fewer windows at a time (--batch_size 1; what was scored is kept: the same command goes on), or "
    "--precision bf16 (begin anew in another folder: a folder holds scores of one precision)",
    "suggest": "fewer windows at a time (--batch_size 1)",
    "flow": "a smaller picture (--size 224)",
}
# The network that these lack is that of their source.
_FETCH_NOTHING = ("watch",)
_SMALLER |= dict.fromkeys(("validate", "test", "predict"), "smaller batches (--data.batch_size 4)")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, of whatever library, says that memory was lacking."""
    return isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)) is not None


def advice(command: str, error: BaseException) -> str:
    """What to do next; ``""`` where the error's own words have to do.

    Args:
        command: The command that failed.
        error: What it failed with.
    """
    if is_out_of_memory(error):
        smaller = _SMALLER.get(command, "smaller files, or a machine with more memory")
        return f"There was too little memory. Less is taken by {smaller}; other programs may hold some"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"The disk is full, or your share of it{_room(error)}. What was written before is whole; make room, or "
            "write elsewhere, and run the same command again"
        )
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "This may not be read or written by you: choose another folder, or ask who owns it"
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return (
            "Too many files are open at once: raise the limit (`ulimit -n 4096`), or read with fewer processes "
            "(--data.num_workers 2)"
        )
    if command not in _FETCH_NOTHING and _NO_NETWORK.search(f"{type(error).__name__}: {error}"):
        return (
            "Weights are fetched from the network on first use, and it cannot be reached. Fetch them on a machine that "
            "reaches it and copy its folder ~/.cache/huggingface, or give a file: --model.network.pretrained FILE"
        )
    return ""


def _room(error: OSError) -> str:
    """How much room is left where the error came up; ``""`` where that is not known."""
    if not isinstance(error.filename, str):
        return ""
    place = next((path for path in (Path(error.filename), *Path(error.filename).parents) if path.is_dir()), None)
    if place is None:
        return ""
    try:
        return f" ({shutil.disk_usage(place).free / 2**20:.0f} MiB are free at {place})"
    except OSError:
        return ""
