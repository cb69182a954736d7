"""Open, time and read videos.

What the frames of a file are, in which order and when they are shown, which way up and in which track, is decided once,
by its index (:mod:`amclip.data._index`); every command reads by it, so two of them never disagree. A folder of numbered
images is a video too.

This module imports no torch at the top: the probing workers start faster without.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amclip.data._clock import find_holes
from amclip.data._frame_index import FrameIndex
from amclip.data._index import index_by_decoding, index_by_stamps
from amclip.data._packets import Scan
from amclip.data._reader import FrameReader, Reader
from amclip.data._scale import Resize, cover_size, cut_middle
from amclip.data.gpu_reader import GpuDecodingError, GpuReader
from amclip.data.image_folder import ImageFolderReader
from amclip.data.video_file import VideoError, cannot_open, short_reason, why_unreadable

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "READING_RULES",
    "Resize",
    "Video",
    "VideoInfo",
    "find_frames",
    "info_of",
]

READING_RULES = 3
"""Raised when frames of some file, or those that the same settings sample, become others: what was found or scored
under other rules is not continued."""
# Times in tables are often rounded to milliseconds, and so are the stamps of Matroska.
_TIME_TOLERANCE = 1e-3


@dataclass(frozen=True)
class VideoInfo:
    """What probing found.

    Attributes:
        num_frames: Frames that decode; containers can claim more.
        fps: Frames per second, averaged over the video.
        width: Width in pixels, as the video is shown.
        height: Height in pixels, as the video is shown.
        duration: Seconds from the first frame to the end of the last.
        note: What a user should know about a readable file (``"ends early: …"``), or empty.
        index: Its frames; ``None`` for folders of images.
    """

    num_frames: int
    fps: float
    width: int
    height: int
    duration: float
    note: str = ""
    index: FrameIndex | None = field(default=None, compare=False, repr=False)

    @property
    def ends_early(self) -> str:
        """The part of the note that says that the end of the video is missing, or empty."""
        return next((part for part in self.note.split("; ") if part.startswith("ends early")), "")

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds since the first frame, shape ``[num_frames]``."""
        return np.arange(self.num_frames) / self.fps if self.index is None else self.index.times

    def frame_range(self, start: float | None, stop: float | None) -> range:
        """As :meth:`Video.frame_range`, without opening the file."""
        return _frame_range(self.times, self.fps, start, stop)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a cache or another process."""
        values = {name: getattr(self, name) for name in _PLAIN}
        return {**values, "index": None if self.index is None else self.index.to_json()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> VideoInfo:
        """From what :meth:`to_json` gave.

        Raises:
            ValueError, KeyError, TypeError: If it is something else.
        """
        index = None if values["index"] is None else FrameIndex.from_json(values["index"])
        return cls(**{name: values[name] for name in _PLAIN}, index=index)


_PLAIN = ("num_frames", "fps", "width", "height", "duration", "note")


class Video:
    """One open video; a context manager. Open it in the process that reads it, never before a fork.

    Args:
        path: The file, or a folder of numbered images, whose rate is :data:`amclip.data.image_folder.IMAGE_FOLDER_FPS`.
        size: ``(height, width)`` of the frames that :meth:`read` returns; ``None`` leaves them as they are.
        resize: ``"stretch"`` changes the aspect ratio; ``"crop"`` scales until both sides reach ``size`` and cuts
            equal parts off the longer one.
        info: What :func:`amclip.data.probe.probe` found. Without it the file is looked through here, which takes
            longer, and has no time-out: for a few containers, as long as decoding it from end to end.
        decode_on: Device of PyTorch that decodes it, through torchcodec, such as ``"cuda:0"``; ``None``: PyAV, on the
            CPU. Frames are the same ones, scaled by another filter.

    Raises:
        VideoError: If the file cannot be opened.
        GpuDecodingError: If ``decode_on`` is given and it cannot be decoded there for certain; without, it can.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: tuple[int, int] | None = None,
        resize: Resize = "stretch",
        info: VideoInfo | None = None,
        decode_on: str | None = None,
    ) -> None:
        if resize not in ("stretch", "crop"):
            raise ValueError(f"resize must be 'stretch' or 'crop', not {resize!r}")
        if size is not None and min(size) < 1:
            raise ValueError(f"size must be (height, width) of at least 1 pixel each, not {size!r}")
        self.path = os.fspath(path)
        self.size = size
        reason = why_unreadable(self.path, thorough=False)
        if reason:
            raise VideoError(path, reason)
        self._index: FrameIndex | None = None
        try:
            if not os.path.isdir(self.path):
                self._index = (info.index if info is not None else None) or find_frames(self.path)
            self._reader: Reader | None = self._open(size, resize, decode_on)
        except VideoError:
            raise
        except Exception as error:  # PyAV's errors share no base class with our own
            raise VideoError(path, why_unreadable(path) or cannot_open(error)) from error
        self._times = self._reader.times
        self.num_frames = len(self._times)

    def _open(self, size: tuple[int, int] | None, resize: Resize, decode_on: str | None) -> Reader:
        if self._index is None:
            if decode_on is not None:
                raise GpuDecodingError(self.path, "it is a folder of images")
            native = ImageFolderReader(self.path, None)
            self.height, self.width = native.size
            return native if size is None else ImageFolderReader(self.path, cover_size(native.size, size, resize))
        self.height, self.width = self._index.orientation.shown(self._index.size)
        shown = self.height, self.width
        scaled = None if size is None else cover_size(shown, size, resize)
        if decode_on is not None:
            return GpuReader(self.path, self._index, scaled, decode_on)
        return FrameReader(self.path, self._index, scaled)

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file and the decoder's memory back; the video cannot be read afterwards."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    @property
    def fps(self) -> float:
        """Frames per second, averaged over the video (from the time stamps, not from the container's claim)."""
        if self.num_frames > 1 and self._times[-1] > 0:
            return float((self.num_frames - 1) / self._times[-1])
        return self._open_reader().claimed

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last, which is taken to last as long as the average."""
        return float(self._times[-1] + 1 / self.fps)

    @property
    def offset(self) -> float:
        """Time stamp that the file gives its first frame, in seconds: what a player shows there. Mostly 0."""
        return 0.0 if self._index is None else self._index.offset

    @property
    def frame_index(self) -> FrameIndex | None:
        """What the frames of the file are; ``None`` for a folder of images."""
        return self._index

    @property
    def holes(self) -> list[tuple[float, float]]:
        """Stretches in which frames are missing from a video of constant rate: from, to, in seconds."""
        return find_holes(self._times)

    def timestamps(self) -> NDArray[np.float64]:
        """Seconds since the first frame, shape ``[num_frames]``; right for variable frame rates too."""
        times: NDArray[np.float64] = self._times.copy()
        return times

    def frame_range(self, start: float | None, stop: float | None) -> range:
        """Indices of the frames whose time is in ``[start, stop)`` seconds since the first frame.

        Times within a millisecond of a frame (less for frame rates above 250) count as the frame's time. The range is
        empty where the interval lies outside the video.
        """
        return _frame_range(self._times, self.fps, start, stop)

    def read(self, indices: Sequence[int] | NDArray[np.int64] | Tensor) -> Tensor:
        """Read frames in the order asked; each is decoded once, however often it is named.

        Args:
            indices: Frame numbers in ``[0, num_frames)``.

        Returns:
            uint8 tensor ``[n, 3, H, W]``, RGB.

        Raises:
            IndexError: If an index lies outside the video.
            VideoError: If a frame cannot be decoded.
        """
        import torch

        wanted = np.asarray(indices, dtype=np.int64).reshape(-1)
        unique, order = np.unique(wanted, return_inverse=True)
        pixels: NDArray[np.uint8] | None = None
        for place, frame in enumerate(self.read_in_order(unique)):
            if pixels is None:
                pixels = np.empty((len(wanted), 3, *frame.shape[:2]), np.uint8)
            self._refuse_other_size(frame.shape[:2], pixels.shape[2:])
            pixels[order == place] = frame.transpose(2, 0, 1)  # once, to where it belongs: pixels are many
        if pixels is None:
            pixels = np.empty((0, 3, *(self.size or (self.height, self.width))), np.uint8)
        return torch.from_numpy(pixels)

    def read_array(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """As :meth:`read`, for indices that increase: uint8 array ``[n, H, W, 3]``, RGB.

        Raises:
            IndexError: If an index lies outside the video.
            VideoError: If a frame cannot be decoded.
        """
        pixels: NDArray[np.uint8] | None = None
        for place, frame in enumerate(self.read_in_order(indices)):
            if pixels is None:
                pixels = np.empty((len(indices), *frame.shape), np.uint8)
            self._refuse_other_size(frame.shape, pixels.shape[1:])
            pixels[place] = frame  # at once: fresh memory for each frame costs as much as decoding it
        return np.empty((0, *(self.size or (self.height, self.width)), 3), np.uint8) if pixels is None else pixels

    def _refuse_other_size(self, one: tuple[int, ...], other: tuple[int, ...]) -> None:
        if one != other:
            raise VideoError(self.path, "has frames of different sizes; name the size that all shall have")

    def read_in_order(self, indices: Sequence[int] | NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
        """Read many frames in one pass over the video, in constant memory, decoding no interval twice.

        Args:
            indices: Frame numbers in ``[0, num_frames)``, increasing.

        Yields:
            uint8 array ``[H, W, 3]``, RGB, for each index.

        Raises:
            IndexError: If an index lies outside the video.
            VideoError: If a frame cannot be decoded.
            GpuDecodingError: If it is decoded on a GPU and a frame does not come out for certain.
        """
        wanted = [int(index) for index in indices]
        if not wanted:
            return
        if wanted[0] < 0 or wanted[-1] >= self.num_frames:
            raise IndexError(
                f"frames {wanted[0]} to {wanted[-1]} of {self.path}, which has frames 0 to {self.num_frames - 1}"
            )
        reader, done = self._open_reader(), 0
        try:
            for frame in reader.frames(wanted):
                yield frame if self.size is None else cut_middle(frame, self.size)
                done += 1
        except GpuDecodingError:
            raise
        except Exception as error:  # PyAV's errors share no base class with our own
            reason = f"is damaged: frame {wanted[done]} cannot be decoded ({short_reason(error)})"
            raise VideoError(self.path, reason) from error

    def _open_reader(self) -> Reader:
        if self._reader is None:
            raise ValueError(f"{self.path} is closed")
        return self._reader


def _frame_range(times: NDArray[np.float64], fps: float, start: float | None, stop: float | None) -> range:
    tolerance = min(_TIME_TOLERANCE, 0.25 / fps)
    first = 0 if start is None else int(np.searchsorted(times, start - tolerance))
    last = len(times) if stop is None else int(np.searchsorted(times, stop - tolerance))
    return range(first, max(first, last))


def find_frames(path: str | os.PathLike[str]) -> FrameIndex:
    """Look a file through for its frames: by its packets' time stamps where they tell, else by decoding it.

    Raises:
        VideoError: If there are none.
        ValueError: If it holds no video.
        av.error.FFmpegError: If it cannot be opened.
    """
    with Scan(path) as scanned:
        index = index_by_stamps(scanned)
    index = index or index_by_decoding(scanned.packets)[0]
    if index is None:
        raise VideoError(path, "has no frames")
    return index


def info_of(video: Video, note: str = "") -> VideoInfo:
    """What an open video says about itself."""
    return VideoInfo(video.num_frames, video.fps, video.width, video.height, video.duration, note, video.frame_index)
