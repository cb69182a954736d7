"""An animal's boxes over a whole video, small enough to be embedded in a page."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from amclip.data.tracks import Track

__all__ = ["pack_boxes"]

#: Pixels by which a drawn side may be off, beside the rounding to whole ones, as a share of the extent of its track: a
#: page shows pictures a few hundred pixels wide.
_TOLERANCE = 1 / 500
#: Boxes in a row of which the last is kept in any case.
_BLOCK = 128
_Knot = tuple[int, tuple[int, ...]]


def pack_boxes(track: Track, presences: Sequence[tuple[int, int]]) -> bytes:
    """Pack boxes as ``boxesOf`` of ``report/page/units.js`` reads them.

    Sides are rounded to whole pixels. Of frames in a row only some are kept as knots: the straight lines between them
    pass every box within a pixel, or within a five hundredth of the extent of the track, whichever is more, and
    rounding. A gap in the track is a gap in the boxes, unless the animal counts as present all through it, as where a
    tracker skips frames: then the line goes on. At most 13 bytes per box, and mostly far less.

    Args:
        track: The boxes.
        presences: First frame, and the frame after the last, of each stretch in which the animal is in the picture,
            rising.

    Returns:
        Numbers of seven bits a byte, the lowest first; the eighth bit says that more follow. Stretches one after the
        other: frames since the last knot of the one before, the number of knots, then of each the frames since the one
        before (not of the first) and the differences of left, top, right and bottom, zigzag: 0, -1, 1, -2, …
    """
    packed = bytearray()
    frame, box = 0, (0, 0, 0, 0)
    for knots in _stretches(track, presences):
        _add(packed, knots[0][0] - frame)
        _add(packed, len(knots))
        for number, (at, sides) in enumerate(knots):
            if number:
                _add(packed, at - frame)
            for side, before in zip(sides, box, strict=True):
                change = side - before
                _add(packed, 2 * change if change >= 0 else -2 * change - 1)
            frame, box = at, (sides[0], sides[1], sides[2], sides[3])
    return bytes(packed)


def _add(packed: bytearray, number: int) -> None:
    while number >= 128:
        packed.append(number & 127 | 128)
        number >>= 7
    packed.append(number)


def _stretches(track: Track, presences: Sequence[tuple[int, int]]) -> Iterator[list[_Knot]]:
    if not len(track.frames):
        return
    frames = track.frames
    begins = np.array([first for first, _ in presences], np.int64)
    ends = np.array([stop for _, stop in presences], np.int64)
    before, after = frames[:-1], frames[1:]
    bridged = np.zeros(len(before), np.bool_)
    if len(begins):
        inside = np.searchsorted(begins, before, "right") - 1
        bridged = (inside >= 0) & (after < ends[np.maximum(inside, 0)])
    cuts = np.flatnonzero((after - before > 1) & ~bridged) + 1
    starts = np.concatenate([[0], cuts])
    kept = np.flatnonzero(_are_knots(track, starts, np.concatenate([cuts - 1, [len(frames) - 1]])))
    sides = np.rint(track.boxes[kept]).astype(np.int64).tolist()
    knots = [(number, tuple(box)) for number, box in zip(frames[kept].tolist(), sides, strict=True)]
    edges = np.searchsorted(kept, np.concatenate([starts, [len(frames)]])).tolist()
    for first, stop in pairwise(edges):
        yield knots[first:stop]


def _are_knots(track: Track, starts: NDArray[np.int64], lasts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which boxes are knots, bool ``[N]``.

    In one pass: a line from a knot goes on as long as some slope passes all that lies on the way. The pass is over
    blocks of each stretch at the same time, each of which ends with a knot.

    Args:
        track: The boxes, N.
        starts: First box of each stretch.
        lasts: Last box of each stretch.
    """
    extent = float((track.boxes[:, 2:].max(axis=0) - track.boxes[:, :2].min(axis=0)).max())
    tolerance = max(1.0, extent * _TOLERANCE)
    whole = np.rint(track.boxes)
    begin = np.concatenate(
        [np.arange(one, max(last, one + 1), _BLOCK) for one, last in zip(starts, lasts, strict=True)]
    )
    end = np.minimum(begin + _BLOCK, lasts[np.searchsorted(starts, begin, "right") - 1])
    are_knots = np.zeros(len(whole), np.bool_)
    are_knots[begin] = are_knots[end] = True
    order = np.argsort(begin - end, kind="stable")  # the longest first: shorter ones drop out at the tail
    begin, end = begin[order], end[order]
    knot = begin.copy()
    least, most = np.full((len(begin), 4), -np.inf), np.full((len(begin), 4), np.inf)
    for step in range(1, _BLOCK + 1):
        active = np.searchsorted(begin - end, -step, "right")
        if not active:
            break
        now, low, high, start = begin[:active] + step, least[:active], most[:active], knot[:active]
        span = (track.frames[now] - track.frames[start])[:, None]
        slope = (whole[now] - whole[start]) / span
        broken = np.flatnonzero(((slope < low) | (slope > high)).any(axis=1))
        start[broken] = now[broken] - 1
        are_knots[start[broken]] = True
        low[broken], high[broken] = -np.inf, np.inf
        span = (track.frames[now] - track.frames[start])[:, None]
        away = track.boxes[now] - whole[start]
        np.maximum(low, (away - tolerance) / span, out=low)
        np.minimum(high, (away + tolerance) / span, out=high)
    return are_knots
