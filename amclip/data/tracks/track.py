"""Boxes of one animal in one video, and of all animals in all videos."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

__all__ = ["Track", "Tracks"]


@dataclass(frozen=True)
class Track:
    """Where one animal is in one video.

    Attributes:
        subject: The animal's name.
        frames: Frames of the video in which it was found, counted from 0 in the order they are shown, int64 ``[N]``,
            rising. Frames between them are a gap: nothing is known of them.
        boxes: Its box in each, float64 ``[N, 4]``: left, top, right, bottom in pixels of the video as it is shown. The
            top left corner of the image is (0, 0) and the centre of its first pixel (0.5, 0.5); boxes may reach over
            the image's border.
        body_length: Of the animal in pixels, where the source tells it (by body points); else ``None``.
        origin: File and place in it, for messages.

    Raises:
        ValueError: If shapes do not fit each other, frames do not rise, or a box is no box.
    """

    subject: str
    frames: NDArray[np.int64]
    boxes: NDArray[np.float64]
    body_length: float | None = None
    origin: str = ""

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.frames), 4):
            raise ValueError(f"{self.subject}: {len(self.frames)} frames and boxes of shape {self.boxes.shape}")
        if len(self.frames) and (self.frames[0] < 0 or (np.diff(self.frames) <= 0).any()):
            raise ValueError(f"{self.subject}: frames do not rise from 0 or later")
        if not np.isfinite(self.boxes).all():
            raise ValueError(f"{self.subject}: there are boxes that are no number")
        if (self.boxes[:, 2:] < self.boxes[:, :2]).any():
            raise ValueError(f"{self.subject}: there are boxes that end before they begin")

    def at(self, frames: NDArray[np.int64], longest_gap: int = 0) -> NDArray[np.float64]:
        """Boxes in any frames, float64 ``[n, 4]``; NaN where the animal is not.

        Args:
            frames: Frame numbers, int64 ``[n]``.
            longest_gap: Frames in a row without a box that are filled by a straight line between the boxes at both
                ends; longer gaps, and what lies before the first box and behind the last, stay empty.
        """
        wanted = np.asarray(frames, np.int64)
        found = np.full((len(wanted), 4), np.nan)
        if not len(self.frames):
            return found
        after = np.searchsorted(self.frames, wanted)
        inside = np.minimum(after, len(self.frames) - 1)
        exact = self.frames[inside] == wanted
        found[exact] = self.boxes[inside[exact]]
        between = ~exact & (after > 0) & (after < len(self.frames))
        late, early = inside[between], inside[between] - 1
        span = self.frames[late] - self.frames[early]
        share = ((wanted[between] - self.frames[early]) / span)[:, None]
        line = self.boxes[early] * (1 - share) + self.boxes[late] * share
        line[span - 1 > longest_gap] = np.nan
        found[between] = line
        return found


@dataclass(frozen=True)
class Tracks:
    """Tracks of the animals of some videos.

    Attributes:
        source: Where they came from, for messages.
        videos: The tracks of each video, by the name that the source gives the video; names of subjects differ within
            one. The name ``""`` stands for the one video of a source that names none.
        notes: What the source holds that is in no track, in words.
    """

    source: str
    videos: Mapping[str, tuple[Track, ...]] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()

    def subjects(self, video: str) -> tuple[str, ...]:
        """Names of the animals of a video, in the order of the source."""
        return tuple(track.subject for track in self.videos.get(video, ()))

    def track(self, video: str, subject: str) -> Track | None:
        """One animal's track; ``None`` where there is none."""
        return next((track for track in self.videos.get(video, ()) if track.subject == subject), None)

    @classmethod
    def of(cls, source: str, tracks: Iterable[tuple[str, Track]], notes: Sequence[str] = ()) -> "Tracks":
        """From pairs of a video's name and a track; ``notes`` as above.

        Raises:
            ValueError: If two tracks of one video have the same subject.
        """
        videos: dict[str, list[Track]] = {}
        for video, track in tracks:
            known = videos.setdefault(video, [])
            if any(one.subject == track.subject for one in known):
                raise ValueError(f"{source}: {track.subject!r} has two tracks in {video or 'its video'!r}")
            known.append(track)
        return cls(source, {video: tuple(known) for video, known in videos.items()}, tuple(notes))
