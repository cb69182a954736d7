"""What a network says of every window of one video."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from amclip.data.intervals import SAME_TIME, complement
from amclip.ethogram.extent import Extent

__all__ = ["Presence", "WindowScores"]


class Presence(NamedTuple):
    """A stretch of a video in which an animal is in the picture.

    Attributes:
        start: Seconds since the first frame of the video.
        stop: Seconds since the first frame of the video.
        start_frame: Its first frame.
        stop_frame: The frame after its last.
    """

    start: float
    stop: float
    start_frame: int
    stop_frame: int


@dataclass(frozen=True)
class WindowScores:
    """Scores of windows that slide over one video, in order of time.

    Attributes:
        video: The video as tables name it.
        classes: Names of the behaviours, C.
        start_frame: First frame of each window, int64 ``[W]``, never decreasing.
        stop_frame: The frame after its last, int64 ``[W]``.
        start: When the first frame of each window is shown, float64 ``[W]``, seconds since the first frame of the
            video; right for variable frame rates too.
        stop: When its last frame ends.
        probabilities: float32 ``[W, C]`` in [0, 1].
        extent: How far the video goes.
        subject: The animal whose behaviours these are; ``""`` is the whole scene.
        present: When the animal is in the picture: starts and stops in seconds since the first frame, in order and
            apart from each other; empty where it never is, and ``None`` for the whole video, as a scene is. Outside
            there is no probability and no bout, whatever windows reach there. A video whose animal is never present
            needs no window.
        present_frames: The same times as frames: the first of each presence and the frame after its last. ``None``
            where ``present`` is, and where only times are known: frames are then counted between the windows' edges
            at an even rate, which is exact for a constant frame rate.

    Raises:
        ValueError: If the shapes do not fit each other, or presences are empty, out of order, touch each other or
            leave the video.
    """

    video: str
    classes: tuple[str, ...]
    start_frame: NDArray[np.int64]
    stop_frame: NDArray[np.int64]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    probabilities: NDArray[np.float32]
    extent: Extent
    subject: str = ""
    present: tuple[tuple[float, float], ...] | None = None
    present_frames: tuple[tuple[int, int], ...] | None = None

    def __post_init__(self) -> None:
        windows = len(self.start_frame)
        if self.probabilities.shape != (windows, len(self.classes)):
            raise ValueError(
                f"{self.name}: {windows} windows and {len(self.classes)} classes need probabilities of that shape, "
                f"got {self.probabilities.shape}"
            )
        for name in ("stop_frame", "start", "stop"):
            if getattr(self, name).shape != (windows,):
                raise ValueError(f"{self.name}: {name} has shape {getattr(self, name).shape}, expected ({windows},)")
        self._check_presence()

    @property
    def name(self) -> str:
        """Whose scores these are, for messages: the video, and the animal where there is one."""
        return f"{self.video}: {self.subject}" if self.subject else self.video

    @property
    def seconds_present(self) -> float:
        """How long the animal is in the picture; of a scene the length of the video."""
        return self.extent.duration if self.present is None else sum(stop - start for start, stop in self.present)

    def absences(self) -> tuple[tuple[float, float], ...]:
        """When the animal is not in the picture, starts and stops in seconds; never of a scene."""
        return () if self.present is None else complement(self.present, self.extent.duration)

    def presences(self) -> tuple[Presence, ...]:
        """The presences with their frames, as ``present_frames`` tells or as is reckoned; none of a scene.

        One of less than half a frame, of which no frame is known, is left out.
        """
        if self.present is None:
            return ()
        if self.present_frames is not None:
            pairs = zip(self.present, self.present_frames, strict=True)
            return tuple(Presence(*seconds, *frames) for seconds, frames in pairs)
        times, index = np.unique(
            np.concatenate([[0.0, self.extent.duration], self.stop, self.start]), return_index=True
        )
        known = np.concatenate([[0, self.extent.num_frames], self.stop_frame, self.start_frame])[index]
        reckoned = np.interp(np.array(self.present).reshape(-1, 2), times, known).round().astype(np.int64)
        pairs = zip(self.present, reckoned.tolist(), strict=True)
        return tuple(Presence(*seconds, *frames) for seconds, frames in pairs if frames[1] > frames[0])

    def _check_presence(self) -> None:
        who = self.name
        if self.present is None:
            if self.present_frames is not None:
                raise ValueError(f"{who}: present_frames without present, whose frames they are")
            return
        _check_apart(f"{who}: present", self.present, self.extent.duration + SAME_TIME, "seconds")
        if self.present_frames is not None:
            _check_apart(f"{who}: present_frames", self.present_frames, self.extent.num_frames, "frames")
            if len(self.present_frames) != len(self.present):
                raise ValueError(
                    f"{who}: present has {len(self.present)} times in it, present_frames {len(self.present_frames)}"
                )


def _check_apart(name: str, spans: Sequence[tuple[float, float]], end: float, unit: str) -> None:
    """Check that spans hold something, are in order, do not touch each other and lie in the video."""
    edges = [edge for span in spans for edge in span]
    for number, (before, after) in enumerate(pairwise(edges)):
        if not after > before:  # NaN fails too
            near = spans[number // 2 : number // 2 + 2]
            raise ValueError(f"{name}: expected starts and stops in order and apart from each other, got {near}")
    if edges and not (edges[0] >= 0 and edges[-1] <= end):
        said = f"{edges[0]:g} to {edges[-1]:g}"
        raise ValueError(f"{name}: expected {unit} from 0 to the video's end, {end:g}, got {said}")
