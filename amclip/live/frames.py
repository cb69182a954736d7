"""What every source of live frames gives."""

from collections.abc import Iterator
from threading import Event
from typing import Any, NamedTuple, Protocol

__all__ = ["LiveFrame", "Source", "SourceError"]


class SourceError(RuntimeError):
    """A source that cannot be opened, or gives nothing any more; the message says which and why."""


class LiveFrame(NamedTuple):
    """A frame that has just come.

    Attributes:
        picture: An ``av.VideoFrame``, or uint8 ``[H, W, 3]``, RGB.
        stamp: Seconds by the source's own clock; ``None`` or NaN where it has none.
        arrived: Seconds by ``time.monotonic``.
        skipped: Frames that the source had and left out since the one before, to be in time.
    """

    picture: Any
    stamp: float | None
    arrived: float
    skipped: int = 0


class Source(Protocol):
    """What frames come from; one of your own needs no more."""

    endless: bool  # whether its end is a loss: a camera that was unplugged, a stream that broke off

    @property
    def name(self) -> str:
        """In words, for messages."""

    def frames(self, stopped: Event) -> Iterator[LiveFrame]:
        """Open it, and give frames as they come, until it ends or ``stopped`` is set; a wait ends with that too.

        Raises:
            SourceError: If it cannot be opened, or gives nothing any more.
        """
