"""Which frames of a clip are sampled, and which of them each segment sees: pure arithmetic.

One grid serves all schemes. ``K`` positions cut the clip's time into ``K`` equal bins, one moment per bin; a scheme
only says which of the positions each of ``M`` segments uses, ``P`` at a time. A frame shared by segments is decoded
once.

Everything is in seconds: the same motion is sampled at the same moments, and its flow covers the same time, whatever
the frame rate of the video and whether or not it varies.
"""

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from amclip.frame_times import DEFAULT_FLOW_GAP, flow_partners, shown_frames, time_tolerance

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = [
    "Scheme",
    "num_positions",
    "sample_positions",
    "segment_indices",
]

Scheme = Literal["dense", "semi-dense", "sparse"]


def num_positions(scheme: Scheme, num_segments: int, positions_per_segment: int, segment_overlap: float = 0.0) -> int:
    """Number of unique positions of a clip, ``K``: from the first segment's span to the end of the last one's.

    Segments that do not overlap take ``M * P`` when dense or sparse, which share no position. A semi-dense segment has
    ``ceil(P / 2)`` of its own and borrows the rest, so ``M * ceil(P / 2)``; with a single segment there is nothing to
    borrow: ``P``. Spans that overlap begin ``max(1, round((1 - overlap) * length))`` positions after each other.

    Raises:
        ValueError: As :func:`segment_indices`.
    """
    _check(scheme, num_segments, positions_per_segment, segment_overlap)
    length, hop = _span(scheme, num_segments, positions_per_segment, segment_overlap)
    return (num_segments - 1) * hop + length


def segment_indices(
    scheme: Scheme, num_segments: int, positions_per_segment: int, segment_overlap: float = 0.0
) -> "Tensor":
    """Which of the ``K`` positions each segment uses.

    * dense: segment ``m`` uses the ``m``-th span of ``P`` neighbouring positions.
    * sparse: segment ``m`` uses ``m, m + M, m + 2 M, …``: each spans the clip, and they differ by their offset.
    * semi-dense: first the ``ceil(P / 2)`` positions of the segment's own span, then ``floor(P / 2)`` of its
      context: of the positions outside of its span, chosen evenly and in order of time. The context window of
      AnimalMotionCLIP is the clip outside the main window.

    Args:
        scheme: How segments divide the clip.
        num_segments: ``M``.
        positions_per_segment: ``P``.
        segment_overlap: Fraction of its span that a dense or semi-dense segment has in common with the next one's, in
            ``[0, 1)``, to the nearest position; neighbours differ by one position at least.

    Returns:
        int64 ``[M, P]``, values in ``[0, K)``.

    Raises:
        ValueError: If ``scheme`` is not known, a number is below 1, or the overlap is out of range, asked of sparse
            segments, or leaves semi-dense ones too little context.
    """
    import torch  # here: how many positions there are is asked for by commands that need no network

    _check(scheme, num_segments, positions_per_segment, segment_overlap)
    M, P = num_segments, positions_per_segment
    if scheme == "sparse":
        return torch.arange(M * P).reshape(P, M).T.contiguous()
    length, hop = _span(scheme, M, P, segment_overlap)
    spans = hop * torch.arange(M)[:, None] + torch.arange(length)
    context = P - length
    if context == 0:
        return spans
    positions = torch.arange((M - 1) * hop + length)
    rows = []
    for m, span in enumerate(spans):
        others = torch.cat([positions[: m * hop], positions[m * hop + length :]])
        # The middle of each of `context` equal parts; `others` is never shorter than `context`, so none repeats.
        chosen = (2 * torch.arange(context) + 1) * len(others) // (2 * context)
        rows.append(torch.cat([span, others[chosen]]))
    return torch.stack(rows)


def sample_positions(
    times: NDArray[np.float64],
    start: float,
    stop: float,
    num_positions: int,
    flow_gap: float = DEFAULT_FLOW_GAP,
    generator: "torch.Generator | None" = None,
) -> "tuple[Tensor, Tensor]":
    """One frame per bin of a clip's time, and the frame that its optical flow leads to.

    The moments that have a partner, ``[start, stop - flow_gap)``, are cut into ``num_positions`` equal bins. Without a
    generator the centre of each bin is taken; with one, a moment drawn uniformly from the bin. A moment shows the
    frame that is on screen then: the last one whose time it has reached. A clip with fewer frames than bins repeats
    frames. In a clip shorter than ``flow_gap`` the gap shrinks to what there is, and in a clip of one frame the partner
    is the frame itself (no motion).

    At an even rate, with a gap of ``g`` whole frames, frame ``k`` of ``N`` is number ``(2 k + 1) (N - g) // (2 K)``.

    Args:
        times: When each frame of the clip is shown, seconds, never decreasing, shape ``[N]``.
        start: When the clip starts, on the same clock; see :func:`amclip.frame_times.clip_span`.
        stop: When it stops.
        num_positions: ``K``.
        flow_gap: Seconds between a frame and its partner.
        generator: Source of the jitter in training.

    Returns:
        Frames and partners, int64 ``[K]`` each, values in ``[0, N)``; neither ever decreases.

    Raises:
        ValueError: If there is no frame or no position, the gap is not above 0, or the clip stops before it starts.
    """
    import torch

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


def _span(scheme: str, num_segments: int, positions_per_segment: int, segment_overlap: float) -> tuple[int, int]:
    """Positions that a segment has to itself, and from the start of one span to the start of the next."""
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
        raise ValueError(f"segment_overlap must be a fraction in [0, 1), not {segment_overlap}")
    if segment_overlap and scheme == "sparse":
        raise ValueError("segment_overlap: sparse segments all span the clip and have no spans to overlap")
    length, hop = _span(scheme, num_segments, positions_per_segment, segment_overlap)
    outside, context = (num_segments - 1) * hop, positions_per_segment - length
    if outside < context:
        raise ValueError(
            f"segment_overlap: {segment_overlap} leaves {outside} positions outside of a semi-dense segment's span, "
            f"and its context needs {context}; lower it, or take more segments"
        )
