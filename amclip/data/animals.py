"""Which animal a clip is of: its track, by video and name, and whether the animal is there during the clip."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from amclip.data.crops import PRESENT, Animal
from amclip.data.label_error import LabelError
from amclip.data.table import Clip, LabelTable
from amclip.data.tracks import NoTracksError, Track, Tracks, match_subjects, tracks_of
from amclip.data.video_file import VideoError

__all__ = ["Animals", "windows_of"]


class _Timed(Protocol):
    """A video, open or as probing found it."""

    @property
    def fps(self) -> float: ...

    def frame_range(self, start: float | None, stop: float | None) -> range: ...


class Animals:
    """The tracks of the videos of a table.

    A clip that names no animal is of the one that its video has a track of; where there are several it is of none.

    Args:
        tracks: Of the animals of any videos.
    """

    def __init__(self, tracks: Tracks) -> None:
        self.tracks = tracks
        self._known: dict[tuple[str, str], Animal | VideoError] = {}

    def animal(self, clip: Clip, fps: float) -> Animal:
        """The animal of a clip.

        Args:
            clip: The clip.
            fps: Frames per second of its video.

        Raises:
            VideoError: If it has no track; says which names there are.
        """
        key = clip.video, clip.subject
        if key not in self._known:
            self._known[key] = self._find(clip, fps)
        known = self._known[key]
        if isinstance(known, VideoError):  # anew: one that is kept would gather tracebacks, and all that they hold
            raise VideoError(known.path, known.reason)
        return known

    def _find(self, clip: Clip, fps: float) -> Animal | VideoError:
        try:
            return Animal.of(_one_of(tracks_of(self.tracks, clip.video), clip.subject, self.tracks.source), fps)
        except LabelError as error:
            return VideoError(clip.video, error.reason)
        except ValueError as error:
            return VideoError(clip.video, str(error))

    def present(self, clip: Clip, video: _Timed) -> tuple[Animal, range]:
        """The animal of a clip, and the frames of the clip.

        Args:
            clip: The clip.
            video: Its video.

        Raises:
            VideoError: If there is no such animal, or it is not there during half of the clip.
        """
        animal = self.animal(clip, video.fps)
        span = video.frame_range(clip.start, clip.stop)
        share = animal.presence(span.start, span.stop) if span else 1.0
        if share < PRESENT:
            when = "" if clip.start is None else f" from {clip.start:.10g} to {clip.stop:.10g} s"
            raise VideoError(
                clip.video,
                f"{animal.track.subject!r} has boxes in {share:.0%} of the frames{when}, and {PRESENT:.0%} are needed",
            )
        return animal, span

    def each(self, table: LabelTable) -> LabelTable:
        """A table for prediction: clips that name no animal become one clip of each animal of their video."""
        clips: list[Clip] = []
        for clip in table.clips:
            try:
                there: Sequence[Track] = () if clip.subject else tracks_of(self.tracks, clip.video)
            except LabelError:  # its rows get the reason as their error
                there = ()
            clips += [replace(clip, subject=track.subject) for track in there] or [clip]
        return replace(table, clips=tuple({clip.key: clip for clip in clips}.values()))


def windows_of(clips: Sequence[Clip]) -> NDArray[np.int64]:
    """The window that each clip is of: the number of the first clip of the same video and time, int64 ``[N]``.

    Clips of one window differ in their animals.
    """
    if not any(clip.subject for clip in clips):
        return np.arange(len(clips))
    first: dict[tuple[str, float | None, float | None], int] = {}
    return np.array([first.setdefault(clip.key[:3], number) for number, clip in enumerate(clips)], np.int64)


def _one_of(there: Sequence[Track], subject: str, source: str) -> Track:
    by_name = {track.subject: track for track in there}
    if subject:
        return by_name[match_subjects([subject], list(by_name), source)[subject]]
    if len(there) != 1:
        names = ", ".join(map(repr, by_name))
        raise NoTracksError(
            f"the clip names no animal, and there are tracks of {names or 'none'}; name it in the column `subject`",
            source,
        )
    return there[0]
