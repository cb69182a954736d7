"""When each frame of a video is shown, from time stamps that may be odd: pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_holes", "mend_stamps"]

# A hole is an interval without frames in a video of constant rate: of more than two frames, and a quarter of a second.
_HOLE_FRAMES, _HOLE_SECONDS = 3.5, 0.25
# More steps back than these, and so many in a hundred, are no accidents.
_FEW, _OFTEN = 3, 0.05
_CONSTANT = 0.95  # of the intervals must be alike
_ROUNDING = 1.5e-3  # seconds: containers round to milliseconds


def mend_stamps(
    stamps: Sequence[float] | NDArray[np.float64], interval: float
) -> tuple[NDArray[np.float64], list[str]]:
    """Times of frames whose order is known, from their stamps.

    Equal stamps stay equal. A missing stamp, or a single one that is earlier or later than both of its neighbours
    allow, is put between them. Where all stamps from some frame on step back (recordings that were joined, a clock that
    began anew), they go on one interval after the frame before. Stamps that step back all the time are those of
    decoding (MPEG with B-frames in ASF): the same ones in their order.

    Args:
        stamps: Seconds, NaN where missing, shape ``[N]``, in order of presentation.
        interval: Seconds from frame to frame by the container, for streams whose stamps say nothing.

    Returns:
        Seconds since the first frame, float64 ``[N]``, never decreasing; and what was mended, in words.
    """
    times: NDArray[np.float64] = np.array(stamps, np.float64)
    counted: NDArray[np.float64] = np.arange(len(times)) * np.float64(interval)
    notes: list[str] = []
    if not len(times):
        return times, notes
    if np.isfinite(times).all() and (np.diff(times) > 0).all():  # as nearly all are: nothing to mend
        return times - times[0], notes
    known = np.isfinite(times)
    if not known.any():
        return counted, notes
    if not known.all():
        # A program stream has one stamp per packet of its own, which FFmpeg may give to two frames: the last of them is
        # the one that it belongs to.
        known[:-1] &= times[:-1] != times[1:]
        times = _fill(times, known, interval)
    if len(times) > 1 and times.max() == times.min():
        return counted, ["its time stamps are all the same; times are counted by frame rate"]
    steps = np.diff(times)
    if (steps < 0).sum() > max(
        _FEW, _OFTEN * len(times)
    ):  # they are in the order of decoding, as old containers have it
        times = np.sort(times)
        steps = np.diff(times)
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else interval
    odd, joins = 0, []
    for index in np.flatnonzero(steps < 0) + 1:
        if times[index] >= times[index - 1]:  # mended with the one before
            continue
        before, after = times[max(index - 2, 0)], times[min(index + 1, len(times) - 1)]
        if index + 1 < len(times) and after >= times[index - 1]:  # this one is too early
            times[index] = (times[index - 1] + after) / 2
            odd += 1
        elif index >= 2 and before <= times[index]:  # the one before is too late
            times[index - 1] = (before + times[index]) / 2
            odd += 1
        elif index == 1 and len(times) > 2 and after >= times[1]:  # the first is too late
            times[0] = times[1] - min(usual, after - times[1] or usual)
            odd += 1
        else:
            times[index:] += times[index - 1] + usual - times[index]
            joins.append(times[index - 1] - times[0])
    if odd:
        notes.append(f"{odd} odd time stamp{'s' if odd > 1 else ''} replaced by the middle of the neighbours'")
    if joins:
        where = ", ".join(f"{time:.2f} s" for time in joins[:3]) + (f" and {len(joins) - 3} more" * (len(joins) > 3))
        notes.append(f"time stamps step back after {where} (joined recordings?); times go on counting there")
    return np.maximum.accumulate(times - times[0]), notes


def _fill(times: NDArray[np.float64], known: NDArray[np.bool_], interval: float) -> NDArray[np.float64]:
    """Missing stamps between their neighbours; before the first and behind the last known one by the interval."""
    places = np.flatnonzero(known)
    numbers = np.arange(len(times))
    filled = np.interp(numbers, places, times[places])
    filled[: places[0]] -= (places[0] - numbers[: places[0]]) * interval
    filled[places[-1] + 1 :] += (numbers[places[-1] + 1 :] - places[-1]) * interval
    return filled


def find_holes(times: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Intervals of a video of constant rate in which frames are missing.

    A variable rate leaves long intervals too (a webcam in dim light, a screen that stands still), so nothing is said
    of videos in which fewer than 95 of 100 intervals are alike.

    Args:
        times: Seconds, never decreasing, shape ``[N]``.

    Returns:
        End of the last frame before the hole, and time of the first behind it, in seconds.
    """
    steps = np.diff(times)
    if len(steps) < 2:
        return []
    usual = float(np.median(steps))
    alike = np.abs(steps - usual) <= max(0.1 * usual, _ROUNDING)
    if usual <= 0 or alike.mean() < _CONSTANT:
        return []
    found = np.flatnonzero((steps > _HOLE_FRAMES * usual) & (steps > _HOLE_SECONDS))
    return [(float(times[index] + usual), float(times[index + 1])) for index in found]
