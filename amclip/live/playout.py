"""When to show frames that come in bursts: HLS brings a segment of some seconds at once."""

from collections import deque

import numpy as np

from amclip.live.clock import AHEAD, JUMP

__all__ = ["Playout"]

_CATCH_UP = 2e-3  # seconds per second by which frames are shown sooner again: clocks differ, and hiccups pass
_MAKE_GOOD = 0.05  # the same behind a hole that was waited for
_LATE = 0.1  # seconds by which a burst is late that says that there is nothing to make good
_USUAL = 31  # intervals whose median is the usual one


class Playout:
    """Frames at the pace of their stamps, as players show them: as late as the latest burst needs it.

    Of what comes in bursts nobody knows when it was there: it is fetched when its turn comes. So a jump of stamps of
    up to :data:`amclip.live.clock.JUMP` passes for the hole that it mostly is (a segment that is missing, an encoder
    that got nothing) and is waited for, and :class:`amclip.live.clock.StreamClock` finds a hole there too. Had the
    clock been set in truth, all that follows would be late by as much: so frames behind it are shown a twentieth
    sooner until that is made good, or a burst is late, which says that there was nothing to make good.

    Attributes:
        delay: Seconds from a frame's stamp to when it is shown, by the clock of the calls; ``None`` before the first.
    """

    def __init__(self) -> None:
        self.delay: float | None = None
        self._stamp = self._asked = 0.0
        self._owed = 0.0  # seconds that were waited for holes, and not made good
        self._steps: deque[float] = deque(maxlen=_USUAL)

    def wait(self, stamp: float, now: float) -> float:
        """Seconds to wait before the next frame is shown.

        Args:
            stamp: Seconds by the source's clock.
            now: Seconds by a clock of this machine that never steps.
        """
        step = stamp - self._stamp
        usual = float(np.median(self._steps)) if self._steps else JUMP
        if self.delay is None or abs(step) > JUMP:
            self.delay, self._owed = now - stamp, 0.0
        else:
            passed = max(0.0, now - self._asked)
            made_good = min(self._owed, _MAKE_GOOD * max(0.0, min(step, usual)))
            sooner = self.delay - _CATCH_UP * passed - made_good
            late = now - stamp > sooner + _LATE
            self.delay, self._owed = max(now - stamp, sooner), 0.0 if late else self._owed - made_good
            if step > max(AHEAD, 3 * usual):
                self._owed += step
            elif step > 0:
                self._steps.append(step)
        self._stamp, self._asked = stamp, now
        return max(0.0, stamp + self.delay - now)
