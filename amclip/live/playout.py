"""When to show frames that come in bursts: HLS brings a segment of some seconds at once."""

__all__ = ["Playout"]

_JUMP = 10.0  # seconds from one stamp to the next; more is another clock
_CATCH_UP = 2e-3  # seconds per second by which frames are shown sooner again: clocks differ, and hiccups pass


class Playout:
    """Frames at the pace of their stamps, as players show them: as late as the latest burst needs it.

    Attributes:
        delay: Seconds from a frame's stamp to when it is shown, by the clock of the calls; ``None`` before the first.
    """

    def __init__(self) -> None:
        self.delay: float | None = None
        self._stamp = self._shown = 0.0

    def wait(self, stamp: float, now: float) -> float:
        """Seconds to wait before the next frame is shown.

        Args:
            stamp: Seconds by the source's clock.
            now: Seconds by a clock of this machine that never steps.
        """
        if self.delay is None or abs(stamp - self._stamp) > _JUMP:
            self.delay = now - stamp
        else:
            self.delay = max(now - stamp, self.delay - _CATCH_UP * max(0.0, now - self._shown))
        due = stamp + self.delay
        self._stamp, self._shown = stamp, due
        return max(0.0, due - now)
