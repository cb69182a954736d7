"""When the frames of a video are shown, from what probing found: asked for without opening the file."""

from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from amclip.data._clock import find_holes
from amclip.data.video import Video, VideoInfo

__all__ = ["Timed", "Timeline"]


class Timeline:
    """What :class:`amclip.data.video.Video` says of time, without the file.

    Args:
        path: The video.
        info: What :func:`amclip.data.probe.probe` found.
    """

    def __init__(self, path: Path, info: VideoInfo) -> None:
        self.path = str(path)
        self.fps, self.duration = info.fps, info.duration
        self._info, self._times = info, info.times

    @cached_property
    def holes(self) -> list[tuple[float, float]]:
        """As :attr:`amclip.data.video.Video.holes`."""
        return find_holes(self._times)

    def timestamps(self) -> NDArray[np.float64]:
        """As :meth:`amclip.data.video.Video.timestamps`; not to be changed."""
        return self._times

    def frame_range(self, start: float | None, stop: float | None) -> range:
        """As :meth:`amclip.data.video.Video.frame_range`."""
        return self._info.frame_range(start, stop)


Timed: TypeAlias = Video | Timeline
"""A video, open or as probing found it."""
