"""What a track is like in numbers: its frames, gaps, and how much of it lies outside of the image."""

from dataclasses import dataclass

import numpy as np

from amclip.data.tracks.track import Track

__all__ = ["Summary", "outside", "summary"]


@dataclass(frozen=True)
class Summary:
    """A track in numbers.

    Attributes:
        frames: Frames with a box.
        first: The first of them; ``None`` without any.
        last: The last.
        gaps: Runs of frames without a box between the first and the last.
        longest_gap: Frames of the longest.
        side: Median longer side of the boxes in pixels; NaN without any.
        body_length: In pixels, where the source tells it.
    """

    frames: int
    first: int | None
    last: int | None
    gaps: int
    longest_gap: int
    side: float
    body_length: float | None


def summary(track: Track) -> Summary:
    """A track in numbers."""
    frames = track.frames
    if not len(frames):
        return Summary(0, None, None, 0, 0, float("nan"), track.body_length)
    missing = np.diff(frames) - 1
    sides = (track.boxes[:, 2:] - track.boxes[:, :2]).max(axis=1)
    return Summary(
        len(frames),
        int(frames[0]),
        int(frames[-1]),
        int((missing > 0).sum()),
        int(missing.max(initial=0)),
        float(np.median(sides)),
        track.body_length,
    )


def outside(track: Track, width: int, height: int) -> float:
    """Fraction of the boxes whose middle lies outside of an image of this size in pixels."""
    if not len(track.frames):
        return 0.0
    middle = (track.boxes[:, :2] + track.boxes[:, 2:]) / 2
    beyond = (middle < 0).any(axis=1) | (middle > np.array([width, height])).any(axis=1)
    return float(beyond.mean())
