"""Which frames of a clip are sampled, and which of them each segment sees: pure arithmetic.

One grid serves all schemes. ``K`` positions cut the clip's time into ``K`` equal bins, one moment per bin; a scheme
only says which of the positions each of ``M`` segments uses, ``P`` at a time. A frame shared by segments is decoded
once.

Everything is in seconds: the same motion is sampled at the same moments, and its flow covers the same time, whatever
the frame rate of the video and whether or not it varies.
"""

from fractions import Fraction
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = [
    "DEFAULT_FLOW_GAP",
    "Scheme",
    "clip_span",
    "flow_gap_seconds",
    "flow_partners",
    "num_positions",
    "sample_positions",
    "segment_indices",
    "shown_frames",
    "time_tolerance",
]

Scheme = Literal["dense", "semi-dense", "sparse"]

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


def num_positions(scheme: Scheme, num_segments: int, positions_per_segment: int, segment_overlap: float = 0.0) -> int:
    """Number of unique positions of a clip, ``K``: from the first segment's window to the end of the last one's.

    Segments that do not overlap take ``M * P`` when dense or sparse, which share no position. A semi-dense segment has
    ``ceil(P / 2)`` of its own and borrows the rest, so ``M * ceil(P / 2)``; with a single segment there is nothing to
    borrow: ``P``. Windows that overlap begin ``max(1, round((1 - overlap) * length))`` positions after each other.

    Raises:
        ValueError: As :func:`segment_indices`.
    """
    _check(scheme, num_segments, positions_per_segment, segment_overlap)
    length, hop = _window(scheme, num_segments, positions_per_segment, segment_overlap)
    return (num_segments - 1) * hop + length


def segment_indices(
    scheme: Scheme, num_segments: int, positions_per_segment: int, segment_overlap: float = 0.0
) -> Tensor:
    """Which of the ``K`` positions each segment uses.

    * dense: segment ``m`` uses the ``m``-th window of ``P`` neighbouring positions.
    * sparse: segment ``m`` uses ``m, m + M, m + 2 M, …``: each spans the clip, and they differ by their offset.
    * semi-dense: first the ``ceil(P / 2)`` positions of the segment's own window, then ``floor(P / 2)`` of its
      context: of the positions outside of its window, chosen evenly and in order of time. The context window of
      AnimalMotionCLIP is the clip outside the main window.

    Args:
        scheme: How segments divide the clip.
        num_segments: ``M``.
        positions_per_segment: ``P``.
        segment_overlap: Share of its window that a dense or semi-dense segment has in common with the next one's, in
            ``[0, 1)``, to the nearest position; neighbours differ by one position at least.

    Returns:
        int64 ``[M, P]``, values in ``[0, K)``.

    Raises:
        ValueError: If ``scheme`` is not known, a number is below 1, or the overlap is out of range, asked of sparse
            segments, or leaves semi-dense ones too little context.
    """
    _check(scheme, num_segments, positions_per_segment, segment_overlap)
    M, P = num_segments, positions_per_segment
    if scheme == "sparse":
        return torch.arange(M * P).reshape(P, M).T.contiguous()
    length, hop = _window(scheme, M, P, segment_overlap)
    windows = hop * torch.arange(M)[:, None] + torch.arange(length)
    context = P - length
    if context == 0:
        return windows
    positions = torch.arange((M - 1) * hop + length)
    rows = []
    for m, window in enumerate(windows):
        others = torch.cat([positions[: m * hop], positions[m * hop + length :]])
        # The middle of each of `context` equal parts; `others` is never shorter than `context`, so none repeats.
        chosen = (2 * torch.arange(context) + 1) * len(others) // (2 * context)
        rows.append(torch.cat([window, others[chosen]]))
    return torch.stack(rows)


def sample_positions(
    times: NDArray[np.float64],
    start: float,
    stop: float,
    num_positions: int,
    flow_gap: float = DEFAULT_FLOW_GAP,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """One frame per bin of a clip's time, and the frame that its optical flow leads to.

    The moments that have a partner, ``[start, stop - flow_gap)``, are cut into ``num_positions`` equal bins. Without a
    generator the centre of each bin is taken; with one, a moment drawn uniformly from the bin. A moment shows the
    frame that is on screen then: the last one whose time it has reached. A clip with fewer frames than bins repeats
    frames. In a clip shorter than ``flow_gap`` the gap shrinks to what there is, and in a clip of one frame the partner
    is the frame itself (no motion).

    At an even rate, with a gap of ``g`` whole frames, frame ``k`` of ``N`` is number ``(2 k + 1) (N - g) // (2 K)``.

    Args:
        times: When each frame of the clip is shown, seconds, never decreasing, shape ``[N]``.
        start: When the clip starts, on the same clock; see :func:`clip_span`.
        stop: When it stops.
        num_positions: ``K``.
        flow_gap: Seconds between a frame and its partner.
        generator: Source of the jitter in training.

    Returns:
        Frames and partners, int64 ``[K]`` each, values in ``[0, N)``; neither ever decreases.

    Raises:
        ValueError: If there is no frame or no position, the gap is not above 0, or the clip stops before it starts.
    """
    for name, value in (("number of frames", len(times)), ("num_positions", num_positions)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
    if not flow_gap > 0:
        raise ValueError(f"flow_gap must be above 0 seconds, not {flow_gap}")
    if not start <= times[-1] <= stop:
        raise ValueError(f"a clip from {start} to {stop} s cannot end with a frame at {times[-1]} s")
    usable = stop - start - min(flow_gap, times[-1] - times[0])
    if generator is None:
        moments = start + (np.arange(num_positions) + 0.5) * (usable / num_positions)
        frames = shown_frames(times, moments, time_tolerance(times, num_positions))
    else:
        drawn = torch.rand(num_positions, generator=generator, dtype=torch.float64).numpy()
        frames = shown_frames(times, start + (np.arange(num_positions) + drawn) * (usable / num_positions), 0.0)
    return torch.from_numpy(frames), torch.from_numpy(flow_partners(times, frames, flow_gap))


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


def time_tolerance(times: NDArray[np.float64], num_positions: int) -> float:
    """Seconds by which a moment may miss a frame's time and still show that frame.

    Stamps and moments are rounded. At an even rate the centres of ``K`` bins either meet a frame's time or miss it by a
    ``2 K``-th of a frame and more: half of that tells the two apart.
    """
    return min(_ROUNDING, _interval(times) / (4 * num_positions))


def shown_frames(times: NDArray[np.float64], moments: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """Which frame is shown at each moment, int64, shape of ``moments``: the last one whose time it has reached.

    Moments before the first frame show it. The last frame is left out where there are others: it has no partner.
    """
    found = np.searchsorted(times, moments + tolerance, side="right") - 1
    return found.clip(0, max(0, len(times) - 2)).astype(np.int64)


def flow_partners(times: NDArray[np.float64], frames: NDArray[np.int64], flow_gap: float) -> NDArray[np.int64]:
    """The frame that the optical flow of each frame leads to: that shown nearest to ``flow_gap`` seconds later.

    It is the next frame at least, however slow the video, and the last one at most. Halfway between two it is the
    later.

    Args:
        times: When each frame is shown, seconds, never decreasing, shape ``[N]``.
        frames: Numbers of frames, int64, any shape.
        flow_gap: Seconds.

    Returns:
        Numbers of frames, int64, the shape of ``frames``.
    """
    wanted = times[frames] + flow_gap + min(_ROUNDING, 0.25 * _interval(times))
    partners = np.searchsorted(0.5 * (times[1:] + times[:-1]), wanted, side="right")
    return np.maximum(partners, frames + 1).clip(max=len(times) - 1).astype(np.int64)


def _interval(times: NDArray[np.float64]) -> float:
    """Seconds from frame to frame, on average; 0 for a single frame."""
    return float(times[-1] - times[0]) / max(1, len(times) - 1)


def _window(scheme: str, num_segments: int, positions_per_segment: int, segment_overlap: float) -> tuple[int, int]:
    """Positions in a segment's own window, and from the start of one window to the start of the next."""
    half = scheme == "semi-dense" and num_segments > 1
    length = -(-positions_per_segment // 2) if half else positions_per_segment  # the larger half
    return length, max(1, round((1 - segment_overlap) * length))


def _check(scheme: str, num_segments: int, positions_per_segment: int, segment_overlap: float) -> None:
    if scheme not in get_args(Scheme):
        raise ValueError(f"scheme must be one of {', '.join(get_args(Scheme))}, not {scheme!r}")
    if num_segments < 1 or positions_per_segment < 1:
        raise ValueError(
            f"num_segments and positions_per_segment must be at least 1, not {num_segments} and {positions_per_segment}"
        )
    if not 0 <= segment_overlap < 1:
        raise ValueError(f"segment_overlap must be a share in [0, 1), not {segment_overlap}")
    if segment_overlap and scheme == "sparse":
        raise ValueError("segment_overlap: sparse segments all span the clip and have no windows that could overlap")
    length, hop = _window(scheme, num_segments, positions_per_segment, segment_overlap)
    outside, context = (num_segments - 1) * hop, positions_per_segment - length
    if outside < context:
        raise ValueError(
            f"segment_overlap: {segment_overlap} leaves {outside} positions outside of a semi-dense segment's window, "
            f"and its context needs {context}; lower it, or take more segments"
        )
