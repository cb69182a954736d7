"""Words that are said once, however many processes share the work."""

import sys
import warnings

__all__ = ["rank_zero_info", "rank_zero_warn"]


def rank_zero_info(message: str) -> None:
    """Say something.

    Args:
        message: What is said.
    """
    if _alone():
        print(message, file=sys.stderr)
        return
    from lightning.pytorch.utilities import rank_zero_info as say

    say(message)


def rank_zero_warn(message: str) -> None:
    """Warn of something.

    Args:
        message: The warning.
    """
    if _alone():
        warnings.warn(message, stacklevel=2)
        return
    from lightning.pytorch.utilities import rank_zero_warn as warn

    warn(message)


def _alone() -> bool:
    """Whether there is one process: nothing has loaded Lightning, which shares work out and loads for seconds."""
    return "lightning" not in sys.modules
