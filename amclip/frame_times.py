"""Which frame is shown when, and which one its optical flow leads to: arithmetic of seconds.

Frame rates may differ and vary: everything is in seconds, so that the same motion is the same whatever they are.
"""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DEFAULT_FLOW_GAP",
    "clip_span",
    "flow_gap_seconds",
    "flow_partners",
    "partner_reach",
    "shown_frames",
    "time_tolerance",
]

DEFAULT_FLOW_GAP = 1 / 25
"""Seconds. The next frame of videos from 24 to 30 frames/s, two frames on at 50 and 60."""
# Tables and containers round times to milliseconds; as in Video.frame_range.
_ROUNDING = 1e-3


def flow_gap_seconds(value: float | str, name: str = "flow_gap") -> float:
    """The flow gap in seconds, from what a config or a command line says.

    Args:
        value: Seconds, or a fraction such as ``"1/25"``: one frame at 25 frames per second.
        name: The setting, as an error shall call it.

    Raises:
        ValueError: If it is no number or fraction above 0 and below 1. A gap of a second and more shows no motion;
            such a number is most likely meant in frames.
    """
    expected = "expected seconds above 0 and below 1, as a number or a fraction such as 1/25 (one frame at 25 frames/s)"
    try:
        seconds = float(Fraction(value.replace(" ", ""))) if isinstance(value, str) else float(value)
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        raise ValueError(f"{name}: {expected}, got {value!r}") from None
    if seconds >= 1:
        frames = f"{seconds:g} frame{'s' * (seconds != 1)}"
        hint = f"; if it is meant in frames, divide by the frame rate: {frames} at 25 frames/s: {seconds:g}/25"
        raise ValueError(f"{name}: {expected}, got {value}{hint}")
    if not seconds > 0:
        raise ValueError(f"{name}: {expected}, got {value}")
    return seconds


def clip_span(
    times: NDArray[np.float64], duration: float, frames: range, start: float | None, stop: float | None
) -> tuple[float, float]:
    """When a clip starts and stops: as its table says, within the video.

    A time that a table rounded is the time of the frame meant, so that clips of whole frames are whole frames long.

    Args:
        times: When each frame of the video is shown, seconds since the first, shape ``[N]``.
        duration: Seconds from the first frame to the end of the last.
        frames: The clip's frames, one at least: :meth:`amclip.data.video.Video.frame_range` of its start and stop.
        start: The table's; ``None`` is the first frame.
        stop: The table's; ``None`` is the end.
    """
    tolerance = min(_ROUNDING, 0.25 * duration / len(times))
    first = float(times[frames.start])
    end = float(times[frames.stop]) if frames.stop < len(times) else duration
    if start is not None and abs(start - first) > tolerance:
        first = max(start, float(times[0]))
    if stop is not None and abs(stop - end) > tolerance:
        end = min(stop, duration)
    return first, end


def time_tolerance(times: NDArray[np.float64], num_positions: int, interval: float | None = None) -> float:
    """Seconds by which a moment may miss a frame's time and still show that frame.

    Stamps and moments are rounded. At an even rate the centres of ``K`` bins either meet a frame's time or miss it by a
    ``2 K``-th of a frame and more: half of that tells the two apart.

    Args:
        times: When each frame is shown, seconds, never decreasing, shape ``[N]``.
        num_positions: ``K``.
        interval: Seconds from frame to frame, where the times are of a part of the video; default: their mean.
    """
    return min(_ROUNDING, (_interval(times) if interval is None else interval) / (4 * num_positions))


def shown_frames(times: NDArray[np.float64], moments: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """Which frame is shown at each moment, int64, shape of ``moments``: the last one whose time it has reached.

    Moments before the first frame show it. The last frame is left out where there are others: it has no partner.
    """
    found = np.searchsorted(times, moments + tolerance, side="right") - 1
    return found.clip(0, max(0, len(times) - 2)).astype(np.int64)


def flow_partners(
    times: NDArray[np.float64], frames: NDArray[np.int64], flow_gap: float, interval: float | None = None
) -> NDArray[np.int64]:
    """The frame that the optical flow of each frame leads to: that shown nearest to ``flow_gap`` seconds later.

    It is the next frame at least, however slow the video, and the last one at most. Halfway between two it is the
    later.

    Args:
        times: When each frame is shown, seconds, never decreasing, shape ``[N]``.
        frames: Numbers of frames, int64, any shape.
        flow_gap: Seconds.
        interval: Seconds from frame to frame, where the times are of a part of the video; default: their mean.

    Returns:
        Numbers of frames, int64, the shape of ``frames``.
    """
    wanted = times[frames] + partner_reach(flow_gap, _interval(times) if interval is None else interval)
    partners = np.searchsorted(0.5 * (times[1:] + times[:-1]), wanted, side="right")
    return np.maximum(partners, frames + 1).clip(max=len(times) - 1).astype(np.int64)


def partner_reach(flow_gap: float, interval: float) -> float:
    """Seconds behind a frame that its flow partner is the nearest to: the gap, and what rounding may take of it."""
    return flow_gap + min(_ROUNDING, 0.25 * interval)


def _interval(times: NDArray[np.float64]) -> float:
    """Seconds from frame to frame, on average; 0 for a single frame."""
    return float(times[-1] - times[0]) / max(1, len(times) - 1)
