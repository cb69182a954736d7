"""When the frames of labelled videos are shown: by the videos' time stamps, or, where they are not there, by a rate.

Tables of DeepEthogram and FERAL, frame lists and others know frames and no seconds; BORIS notes how long a file is,
which is not how long its picture lasts. All that turns the one into the other asks here.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amclip.data.find import named_otherwise
from amclip.data.label_error import LabelError
from amclip.data.locate import Locator
from amclip.data.probe import frame_times
from amclip.data.video_file import VideoError, lengths_by_header

__all__ = ["Clock"]

_RATE_ROUNDING = 0.0015
"""Fraction by which a rate may miss a video's: 30 is said of 29.97 (0.1 %), 24 of 23.976; 25 is no 24."""
_OPTIONS = "--data.source.label_fps; amclip suggest and evaluate: --label_fps; amclip convert: --fps"
_ROOTS = "--data.source.root; amclip suggest, evaluate and convert: --root"


class Clock:
    """Times of the frames of videos, which tables name.

    Args:
        root: Folder of the videos; ``None`` looks at no video.
        fps: Frames per second of videos that are not there. Of one that is there, it is compared with the time stamps.
        paths: Where videos of these names lie, whatever the root.
        guess: Frames per second of videos that are not there and of which nobody says it: for who asks what a table
            names, and not when.

    Raises:
        ValueError: If ``fps`` is not above 0.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        fps: float | None = None,
        paths: Mapping[str, str | os.PathLike[str]] | None = None,
        guess: float | None = None,
    ) -> None:
        if fps is not None and not 0 < fps < float("inf"):
            raise ValueError(f"frames per second ({_OPTIONS}): expected a number above 0, got {fps}")
        self.root, self.fps, self._guess = (None if root is None else Path(root)), fps, guess
        self._paths = {name: Path(path) for name, path in (paths or {}).items()}
        self._locator = None if root is None else Locator(root)
        self._edges: dict[Path, NDArray[np.float64] | VideoError] = {}
        self._lengths: dict[Path, tuple[float | None, float | None]] = {}

    def path(self, video: str) -> Path | None:
        """Where a video lies; ``None`` where it is not there, or not under just that name."""
        try:
            return self._find(video)
        except LabelError:
            return None

    def _find(self, video: str) -> Path | None:
        """As :meth:`path`, but says where several files fit a name, or one of another letter case.

        Raises:
            LabelError: If that is so.
        """
        if video in self._paths and self._paths[video].exists():
            return self._paths[video]
        if self._locator is None or self.root is None:
            return None
        path = self.root / (self._locator.find(video) or video)
        return path if os.path.exists(path) else None  # Path.exists() raises where a name is too long for any file

    def edges(
        self, video: str, count: int, source: str, line: int | None = None, usual: float | None = None
    ) -> NDArray[np.float64]:
        """Times of a video's frames that a table has a row for each.

        Args:
            video: The video's name in the table.
            count: Frames that the table has of it.
            source: The table, for messages.
            line: Its line, for messages.
            usual: Frames per second where the video is not there and the clock has no rate.

        Returns:
            Seconds since the first frame, float64 ``[count + 1]``, increasing: frame ``n`` is shown from item ``n`` to
            item ``n + 1``; the last one is the end of the video.

        Raises:
            LabelError: If the video has another number of frames, or another rate than is said; or if it is not there,
                and no rate is given.
        """
        path, edges = self._edges_of(video, count, source, line, usual)
        if len(edges) - 1 != count:
            raise LabelError(
                f"has {count} frames of {video}, and {path} has {len(edges) - 1}; labels per frame need one for each",
                source,
                line,
            )
        return edges

    def until(
        self, video: str, last: int, source: str, line: int | None = None, usual: float | None = None
    ) -> NDArray[np.float64]:
        """Times of a video's frames, of which a table names some by their number.

        Args:
            video: The video's name in the table.
            last: The frame, from 0, that the last of its bouts ends before.
            source: The table, for messages.
            line: Its line, for messages.
            usual: Frames per second where the video is not there and the clock has no rate.

        Returns:
            Seconds since the first frame, float64, as of :meth:`edges`, for at least ``last`` frames: for those of the
            video, and where it is not there for no more.

        Raises:
            LabelError: If the video has fewer frames, or what is said of :meth:`edges`.
        """
        path, edges = self._edges_of(video, last, source, line, usual)
        if last > len(edges) - 1:
            raise LabelError(f"goes on to frame {last} of {video}, and {path} has {len(edges) - 1}", source, line)
        return edges

    def length(self, video: str) -> float | None:
        """Seconds to the end of a video's last frame; ``None`` where it is not there, or cannot be read."""
        whole = self.file_length(video)
        return whole if whole is None else self.picture_end(video, whole) or whole

    def grid(self, video: str, end: float, source: str) -> NDArray[np.float64]:
        """Times of all frames of a video that a table is to have a row for each; as :meth:`edges` gives them.

        Args:
            video: The video's name.
            end: Where the time line of the table ends, in seconds.
            source: The table, for messages.

        Raises:
            LabelError: If the table goes on behind the end of the video, or what is said of :meth:`edges`.
        """
        found = self._own(video, self.fps, source, None)
        if found is None:
            assert self.fps is not None, "_own() refuses that"
            return np.arange(max(1, round(end * self.fps)) + 1) / self.fps
        path, edges = found
        if end > edges[-1] + max(0.1, float(edges[-1]) / (len(edges) - 1)):  # tables are rounded
            raise LabelError(f"{video}: its labels end at {end:.10g} s, and {path} lasts {edges[-1]:.2f} s", source)
        return edges

    def file_length(self, video: str) -> float | None:
        """Seconds that the file of a video lasts, with its sound; ``None`` where it is not there, or cannot be read."""
        path = self.path(video)
        if path is None:
            return None
        try:
            whole, _ = self._by_header(path)
            return whole if whole is not None else float(self._read(path)[-1])
        except VideoError:
            return None

    def picture_end(self, video: str, noted: float) -> float | None:
        """Where the picture of a video ends, in seconds, if its sound goes on to the length that was noted of it.

        ``None`` where that is not so: where the video is not there or cannot be read, the picture is as long as was
        noted, or the whole file is shorter, so that another file was meant.
        """
        path = self.path(video)
        if path is None or path.is_dir():
            return None
        try:
            whole, picture = self._by_header(path)
            if whole is None or noted > whole + max(0.1, _RATE_ROUNDING * whole):
                return None
            if picture is not None and picture >= noted:
                return None
            end = float(self._read(path)[-1])
        except VideoError:
            return None
        return end if end < noted else None

    def _by_header(self, path: Path) -> tuple[float | None, float | None]:
        if path not in self._lengths:
            self._lengths[path] = lengths_by_header(path)
        return self._lengths[path]

    def _read(self, path: Path) -> NDArray[np.float64]:
        if path not in self._edges:
            try:
                times, duration = frame_times(path)
                self._edges[path] = np.append(times, duration)
            except VideoError as error:
                self._edges[path] = error
        found = self._edges[path]
        if isinstance(found, VideoError):
            raise found
        return found

    def _edges_of(
        self, video: str, count: int, source: str, line: int | None, usual: float | None
    ) -> tuple[Path | None, NDArray[np.float64]]:
        """A video's path and the times of its frames; without a path those of so many frames at the rate."""
        rate = self.fps or usual or self._guess
        found = self._own(video, rate, source, line)
        if found is not None:
            return found
        assert rate is not None, "_own() refuses that"
        return None, np.arange(count + 1) / rate

    def _own(
        self, video: str, rate: float | None, source: str, line: int | None
    ) -> tuple[Path, NDArray[np.float64]] | None:
        """A video's path and the times of its frames; ``None`` where the rate must do."""
        try:
            path = self._find(video)
        except LabelError as error:
            if self._guess is not None:
                return None  # of another letter case: none of the videos that are there
            raise LabelError(error.reason, source, line) from None
        if path is None:
            if rate is None:
                where = "" if self.root is None else f" below {self.root}"
                # A name that is only like it may be that of another video of the table, which is not known here.
                near = "" if self.root is None else named_otherwise(self.root / video, alike=1.0)
                raise LabelError(
                    f"frames are counted, and {video} is not there{where} to tell when each is shown: give the folder "
                    f"of the videos ({_ROOTS}), or their frames per second ({_OPTIONS}){near}",
                    source,
                    line,
                )
            return None
        try:
            edges = self._read(path)
        except VideoError as error:
            if rate is None:
                raise LabelError(
                    f"frames are counted, and when each of {video} is shown is not known ({error}): take it out, or "
                    f"give the frames per second ({_OPTIONS})",
                    source,
                    line,
                ) from None
            return None  # no clip of it will be read
        if self.fps is not None:
            count, end = len(edges) - 1, float(edges[-1])
            if abs(count / self.fps - end) > max(end / count, _RATE_ROUNDING * end):
                raise LabelError(
                    f"{self.fps:g} frames per second do not fit {path}: its {count} frames would last "
                    f"{count / self.fps:.2f} s, and they last {end:.2f} s ({count / end:.2f} per second). Leave the "
                    f"rate out ({_OPTIONS}): the video tells its own",
                    source,
                    line,
                )
        return path, edges
