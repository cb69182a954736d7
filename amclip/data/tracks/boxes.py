"""From body points to boxes and the length of a body."""

import numpy as np
from numpy.typing import NDArray

from amclip.data.label_error import LabelError
from amclip.data.tracks.building import LARGEST_PIXEL
from amclip.data.tracks.track import Track

__all__ = ["SLIMMEST", "body_length", "boxes_around", "track_of_points"]

SLIMMEST = 0.25
"""Least side of a box in body lengths. Points along a back lie in one line when it is level, and one point alone has no
size: a box is where the animal is, and few animals are less than a quarter as wide as they are long."""
_SAMPLED = 4096  # frames that a body length is taken from: the pairs of points of all of them may be billions


def body_length(points: NDArray[np.float64]) -> float | None:
    """Length of an animal in pixels: how far its two furthest points are apart, in the median frame.

    Only frames that show as many points as the median frame count: with a snout or a tail missing an animal is shorter.

    Args:
        points: x and y, float64 ``[N, K, 2]``; NaN where a point is missing.

    Returns:
        ``None`` where no frame shows two points in different places.
    """
    counts = np.isfinite(points).all(axis=2).sum(axis=1)
    several = np.flatnonzero(counts >= 2)
    if not len(several):
        return None
    shown = several[counts[several] >= np.median(counts[several])]
    if len(shown) > _SAMPLED:
        shown = shown[np.linspace(0, len(shown) - 1, _SAMPLED).astype(np.int64)]
    furthest = np.zeros(len(shown))
    chosen = points[shown]
    for point in range(points.shape[1]):  # one against all others: less memory than all pairs at once
        apart = np.hypot(*np.moveaxis(chosen - chosen[:, point : point + 1], 2, 0))
        furthest = np.fmax(furthest, np.nanmax(np.nan_to_num(apart), axis=1))
    length = float(np.median(furthest))
    return length if length > 0 else None


def boxes_around(points: NDArray[np.float64], length: float | None) -> NDArray[np.float64]:
    """The smallest boxes round the points of each frame, grown to :data:`SLIMMEST` of the body length (1 pixel) a side.

    Args:
        points: x and y, float64 ``[N, K, 2]``; NaN where a point is missing, not all of a frame.
        length: Of the body in pixels, where it is known.

    Returns:
        Left, top, right, bottom, float64 ``[N, 4]``.
    """
    low, high = np.nanmin(points, axis=1), np.nanmax(points, axis=1)
    least = 1.0 if length is None else max(1.0, SLIMMEST * length)
    grown = np.maximum(least - (high - low), 0) / 2
    return np.concatenate([low - grown, high + grown], axis=1)


def track_of_points(
    subject: str,
    frames: NDArray[np.int64],
    points: NDArray[np.float64],
    source: str,
    likelihood: NDArray[np.float64] | None = None,
    threshold: float = 0.0,
) -> Track:
    """An animal's track by its body points; frames that show none of them are left out.

    Args:
        subject: The animal's name.
        frames: Numbers from 0, rising, int64 ``[N]``.
        points: x and y in pixels, the image's top left corner (0, 0), float64 ``[N, K, 2]``; NaN where one is missing.
        source: Name of the file, for messages.
        likelihood: Of each point, float64 ``[N, K]``; default: all are taken.
        threshold: Points less likely are left out, and above 0 those whose likelihood is NaN.

    Raises:
        LabelError: If a point lies nowhere: at infinity, or further out than any image reaches.
    """
    there = np.asarray(~np.isnan(points).any(axis=2))
    if likelihood is not None and threshold > 0:
        there &= likelihood >= threshold
    far = there & ~(np.abs(points) <= LARGEST_PIXEL).all(axis=2)
    if far.any():
        row, point = np.argwhere(far)[0]
        x, y = points[row, point]
        reason = f"frame {frames[row]}: body point {point + 1} of {subject!r} lies at ({x:.10g}, {y:.10g})"
        raise LabelError(f"{reason}, further out than any image reaches; its unit is pixels", source)
    kept = np.where(there[:, :, None], points, np.nan)
    seen = there.any(axis=1)
    length = body_length(kept[seen])
    return Track(subject, frames[seen], boxes_around(kept[seen], length), length, source)
