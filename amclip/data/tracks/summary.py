"""What a track is like in numbers: its frames, gaps, how much lies outside of the image; and what is odd about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amclip.data.label_error import LabelError
from amclip.data.tracks.names import tracks_of
from amclip.data.tracks.track import Track, Tracks
from amclip.text import printable

if TYPE_CHECKING:
    from amclip.data.video import VideoInfo

__all__ = ["Summary", "beside_video", "describe_odd", "outside", "summary"]

_MANY_OUTSIDE = 0.05  # an animal leaves the image; whose boxes lie outside more often is of a video of another size
_EARLY = 0.95  # of the frames: where each frame up to here shows an animal, and none later


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


def beside_video(tracks: Sequence[Track], info: "VideoInfo") -> list[tuple[str, str]]:
    """What does not look as if tracks were of a video: what kind of thing, and which, in words.

    Args:
        tracks: Of the animals of the video; none, or more.
        info: What probing found of the video.
    """
    odd = []
    for track in tracks:
        late = track.frames[track.frames >= info.num_frames]
        if len(late):
            detail = f"{track.subject!r} has boxes up to frame {late[-1]}, and the last of the video is "
            detail += f"{info.num_frames - 1}; are they of this video, and do they count from 0?"
            odd.append(("tracks longer than their video", detail))
        share = outside(track, info.width, info.height)
        if share > _MANY_OUTSIDE:
            detail = f"{share:.0%} of the boxes of {track.subject!r} lie outside of the image of {info.width} × "
            detail += f"{info.height} pixels; was the video scaled or cut after it was tracked?"
            odd.append(("tracks outside of the image", detail))
    frames = np.unique(np.concatenate([track.frames for track in tracks])) if tracks else np.empty(0, np.int64)
    if len(frames) and frames[0] == 0 and len(frames) == frames[-1] + 1 < _EARLY * info.num_frames:
        detail = (
            f"each of the first {len(frames)} frames shows an animal and none of the {info.num_frames - len(frames)} "
        )
        detail += "later ones. SLEAP's analysis files may hold labelled frames only, and do not say of which numbers"
        odd.append(("tracks that end before their video", detail))
    return odd


def describe_odd(tracks: Tracks, infos: "Mapping[str, VideoInfo]") -> str:
    """What :func:`beside_video` finds of several videos, a line for each; ``""`` where nothing is odd.

    Args:
        tracks: Of any videos.
        infos: What probing found of each video, by name; one without tracks is passed over.
    """
    lines = []
    for video, info in infos.items():
        try:
            known = tracks_of(tracks, video)
        except LabelError:
            continue  # said where its tracks are needed
        lines += [f"{video}: {detail}" for _, detail in beside_video(known, info)]
    return printable("\n".join(lines))
