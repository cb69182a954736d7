"""The clock of a running video: when each frame is shown, and how many never came."""

import math
from collections import deque

import numpy as np

__all__ = ["AHEAD", "JUMP", "StreamClock"]

JUMP = 10.0
"""Seconds by which a stamp may be ahead of the frame's arrival; more is another clock (a source that began anew)."""
AHEAD = 0.5
"""Seconds by which the stamp behind a hole may be ahead of what its arrival allows; more is a clock that was set."""
BACK = 0.5
"""Seconds by which a stamp may fall behind the one before it; more is another clock."""
_UNEVEN = 3  # usual intervals that may lie between two frames of a slow camera
_DRIFT = 1e-3  # seconds per second by which the source's clock may differ from this machine's
_LATE_WITHIN = 10  # frames before and behind a hole that may make up for it
_LATE_AT_MOST = 0.9  # of the frames before a jump: the last ones may have waited for what came behind it
_ENOUGH = 15  # intervals before holes are told; the first frames may come at once
_USUAL = 31  # intervals whose median is the usual one


class StreamClock:
    """Seconds since the first frame, by the stamps of the source, or by arrival where it gives none.

    Stamps count since they say when a frame was taken; it may arrive unevenly. Where they jump, time goes on by
    arrival, and then by the stamps again: by a usual step where the frame came no later than frames did before, so that
    jitter makes no hole. The frame before the jump may have come late, as MPEG-TS gives the last one of a stream that
    broke off with the first one of the next: what counts is the arrival of those that were not late.

    Arrival tells a camera whose clock was set forward from one that gave nothing for a while: no frame comes before it
    was taken. One that comes sooner behind its stamp than any before it by more than :data:`AHEAD`, right behind a hole
    between stamps, was not taken so late. A source that was late by more than that all the time, and is in time behind
    a hole, looks the same: its hole is read as the time in which nothing came.

    Attributes:
        lost: Frames that never came, by the holes between those that did: one for every usual interval. Frames that
            come sooner than usual behind a hole were late, not lost; some servers stamp frames as they get them.
            Frames that the source left out itself count whenever that was.
        jumps: How often the stamps jumped.
    """

    def __init__(self) -> None:
        self.lost = self.jumps = 0
        self._arrived: float | None = None
        self._time = self._offset = 0.0
        self._least = 0.0  # of arrival less time: that of frames that came without delay
        self._stamped = self._began_anew = False
        self._steps: deque[float] = deque(maxlen=_USUAL)
        self._delays: deque[float] = deque(maxlen=_USUAL)  # arrivals less times
        self._recent: deque[float] = deque(maxlen=_LATE_WITHIN)  # intervals by which frames were late
        self._holed, self._behind = False, 0  # whether there is a hole that may be made up for, and frames since
        self._excess = 0.0  # its intervals that nothing made up for yet

    def restart(self) -> None:
        """The source began anew: its next stamp says nothing of the time that passed."""
        self._stamped, self._began_anew = False, True

    def place(self, stamp: float | None, arrived: float, skipped: int = 0) -> float:
        """When the next frame is shown, seconds since the first one, never decreasing.

        Args:
            stamp: Seconds by the source's own clock; ``None``, NaN or infinity where it has none.
            arrived: Seconds by a clock of this machine that never steps.
            skipped: Frames before this one that came and were left out.
        """
        self.lost += skipped
        if stamp is not None and not math.isfinite(stamp):
            stamp = None
        if self._arrived is None:
            self._arrived, self._offset, self._stamped = arrived, stamp or 0.0, stamp is not None
            self._least = arrived
            self._delays.append(arrived)
            return 0.0
        waited = arrived - self._arrived
        time = self._time + waited
        if stamp is None:
            self._stamped = False
        else:
            told = round((stamp - self._offset) * 1e9) / 1e9
            if self._stamped and -BACK < told - self._time < waited + JUMP and not self._is_set(told, arrived, skipped):
                time = told
            else:
                self.jumps += self._stamped
                if self._began_anew:
                    time = max(time, arrived - self._least)
                elif self._stamped:
                    time = self._behind_jump(arrived, skipped)
                self._began_anew = False
                self._offset, self._stamped = stamp - time, True
        step = max(0.0, time - self._time)
        self._count(step, skipped)
        self._time, self._arrived = self._time + step, arrived
        self._least = min(self._least + _DRIFT * max(0.0, waited), arrived - self._time)
        self._delays.append(arrived - self._time)
        return self._time

    def _behind_jump(self, arrived: float, skipped: int) -> float:
        """When a frame is shown whose stamp jumped: a usual step on, or later where it came too late for that."""
        usual = float(np.median(self._steps)) if self._steps else 0.0
        late = float(np.quantile(self._delays, _LATE_AT_MOST, method="lower"))
        return max(self._time + (skipped + 1) * usual, arrived - late)

    def _is_set(self, told: float, arrived: float, skipped: int) -> bool:
        """Whether a frame that is told to be shown then would have come before it was taken.

        Frames that were left out explain a hole, behind which frames are in time where those before it were late.
        """
        if not self._steps:
            return False
        usual = float(np.median(self._steps))
        most = max(AHEAD, _UNEVEN * usual)
        return told - self._time - skipped * usual > most and self._least - (arrived - told) > most

    def _count(self, step: float, skipped: int) -> None:
        usual = float(np.median(self._steps)) if self._steps else step / (skipped + 1)
        off = step / usual - 1 - skipped if usual > 0 else 0.0
        late = False
        if self._holed:
            self._behind += 1
            self._excess += off
            late = off < -0.5
            if self._behind >= _LATE_WITHIN or self._excess < 0.5:
                self.lost += max(0, round(self._excess))
                self._holed = False
        elif off > 0.5 and len(self._steps) >= _ENOUGH:
            # Frames were late, not lost, where those before or behind a hole came too soon by as much.
            self._excess = off + sum(self._recent)
            self._recent.clear()
            self._holed, self._behind = True, 0
        else:
            self._recent.append(off)
        if step > 0 and not late:
            self._steps.append(step / (skipped + 1))
