"""Open, time and read videos.

Two decoders stand behind one class. decord is fast and frame-exact wherever the container has an index (MP4, MOV,
Matroska, WebM, AVI). In ASF and in MPEG program and transport streams its random access returns neighbouring frames
without an error, and in damaged files its read-ahead fails now and then; those are read by PyAV, which finds frames by
their time stamp. A folder of numbered images is a video too.

This module imports no torch at the top: the probing workers start faster without.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "IMAGE_FOLDER_FPS",
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Resize",
    "Video",
    "VideoError",
    "VideoInfo",
    "info_of",
    "why_unreadable",
]

Resize = Literal["stretch", "crop"]
VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".asf", ".wmv", ".mpg", ".mpeg", ".m2ts", ".mts", ".ts"),
    *(".3gp", ".flv", ".ogv", ".vob"),
)
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
IMAGE_FOLDER_FPS = 25.0
"""Frames per second that a folder of images is taken to have: images carry no time."""
# Times in tables are often rounded to milliseconds, and decord's are float32: a frame at 2.0399999 s is at 2.04 s.
_TIME_TOLERANCE = 1e-3


class VideoError(RuntimeError):
    """A video that cannot be read.

    Attributes:
        path: The file.
        reason: What is wrong with it, in words.
    """

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(os.fspath(path), reason)
        self.path, self.reason = os.fspath(path), reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class VideoInfo:
    """What probing found.

    Attributes:
        num_frames: Frames that decode; containers can claim more.
        fps: Frames per second, averaged over the video.
        width: Width in pixels.
        height: Height in pixels.
        duration: Seconds from the first frame to the end of the last.
        note: What a user should know about a readable file (``"ends early: …"``), or empty.
    """

    num_frames: int
    fps: float
    width: int
    height: int
    duration: float
    note: str = ""


class Decoder(Protocol):
    """What :class:`Video` needs of a decoder."""

    times: NDArray[np.float64]  # seconds, one per frame, in order of presentation
    fps: float  # the container's claim, for clips of one frame

    def read(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Frames at sorted, unique indices: ``[n, height, width, 3]``, RGB."""


class Video:
    """One open video; a context manager. Open it in the process that reads it, never before a fork.

    Args:
        path: The file, or a folder of numbered images: their order is that of the last number in their names, and their
            rate :data:`IMAGE_FOLDER_FPS`.
        size: ``(height, width)`` of the frames that :meth:`read` returns; ``None`` leaves them as they are.
        resize: ``"stretch"`` changes the aspect ratio; ``"crop"`` scales until both sides reach ``size`` and cuts
            equal parts off the longer one.
        num_frames: Number of frames that decode, where known from :func:`amclip.data.probe.probe`. Frames that the
            container claims beyond it are never asked for: decoders can hang on them.
        in_order: Open for :meth:`read_in_order`, by PyAV whatever the container. decord decodes in a thread of its own,
            and where that gets too little of a busy processor it hands out wrong frames without an error (it gives up
            waiting after 10 000 looks; measured with decord2 3.4). Its time stamps are exact besides.

    Raises:
        VideoError: If the file cannot be opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: tuple[int, int] | None = None,
        resize: Resize = "stretch",
        num_frames: int | None = None,
        in_order: bool = False,
    ) -> None:
        if resize not in ("stretch", "crop"):
            raise ValueError(f"resize must be 'stretch' or 'crop', not {resize!r}")
        if size is not None and min(size) < 1:
            raise ValueError(f"size must be (height, width) of at least 1 pixel each, not {size!r}")
        self.path = os.fspath(path)
        self.size = size
        self._dimensions: tuple[int, int] | None = None
        decoded = size
        if size is not None and resize == "crop":
            decoded = _cover((self.height, self.width), size)
        self._decoded_size = decoded
        self._decoder: Decoder | None = _open(self.path, decoded, num_frames, in_order)
        times = self._decoder.times
        self.num_frames = len(times) if num_frames is None else min(num_frames, len(times))
        self._times = times[: self.num_frames]

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the decoder's memory back; the video cannot be read afterwards."""
        self._decoder = None

    @property
    def width(self) -> int:
        """Width of the frames in the file, in pixels."""
        return self._header()[1]

    @property
    def height(self) -> int:
        """Height of the frames in the file, in pixels."""
        return self._header()[0]

    @property
    def fps(self) -> float:
        """Frames per second, averaged over the video (from the time stamps, not from the container's claim)."""
        if self.num_frames > 1 and self._times[-1] > 0:
            return float((self.num_frames - 1) / self._times[-1])
        return self._open_decoder().fps

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last, which is taken to last as long as the average."""
        return float(self._times[-1] + 1 / self.fps)

    @property
    def offset(self) -> float:
        """Time stamp that the file gives its first frame, in seconds: what a player shows there. Mostly 0."""
        from amclip.data._decoders import first_timestamp

        return 0.0 if os.path.isdir(self.path) else first_timestamp(self.path)

    def timestamps(self) -> NDArray[np.float64]:
        """Seconds since the first frame, shape ``[num_frames]``; right for variable frame rates too."""
        times: NDArray[np.float64] = self._times.copy()
        return times

    def frame_range(self, start: float | None, stop: float | None) -> range:
        """Indices of the frames whose time is in ``[start, stop)`` seconds since the first frame.

        Times within a millisecond of a frame (less for frame rates above 250) count as the frame's time. The range is
        empty where the stretch lies outside the video.
        """
        tolerance = min(_TIME_TOLERANCE, 0.25 / self.fps)
        first = 0 if start is None else int(np.searchsorted(self._times, start - tolerance))
        last = self.num_frames if stop is None else int(np.searchsorted(self._times, stop - tolerance))
        return range(first, max(first, last))

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
        frames = torch.from_numpy(self.read_array(unique))
        return frames.permute(0, 3, 1, 2)[torch.from_numpy(order)].contiguous()

    def read_array(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """As :meth:`read`, for indices that increase: uint8 array ``[n, H, W, 3]``, RGB.

        Raises:
            IndexError: If an index lies outside the video.
            VideoError: If a frame cannot be decoded.
        """
        wanted = [int(index) for index in indices]
        if not wanted:
            return np.empty((0, *(self.size or self._header()), 3), np.uint8)
        self._check_range(wanted)
        return self._cut(self._decode(wanted))

    def read_in_order(self, indices: Sequence[int] | NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
        """Read many frames in one pass over the video, in constant memory, decoding no stretch twice.

        Args:
            indices: Frame numbers in ``[0, num_frames)``, increasing.

        Yields:
            uint8 array ``[H, W, 3]``, RGB, for each index.

        Raises:
            ValueError: If the video was not opened for it (``in_order``).
            IndexError: If an index lies outside the video.
            VideoError: If a frame cannot be decoded.
        """
        from amclip.data._decoders import DecordDecoder, PyAVDecoder

        wanted = [int(index) for index in indices]
        if not wanted:
            return
        self._check_range(wanted)
        decoder = self._open_decoder()
        if isinstance(decoder, DecordDecoder):
            raise ValueError(f"{self.path}: was not opened to be read in order")
        if not isinstance(decoder, PyAVDecoder):  # a folder of images, where each stands for itself
            for index in wanted:
                yield from self.read_array([index])
            return
        done = 0
        try:
            for frame in decoder.read_in_order(wanted):
                yield self._cut(frame[None])[0]
                done += 1
        except Exception as error:
            raise _damaged(self.path, f"frame {wanted[done]}", error) from error

    def _cut(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What ``resize="crop"`` leaves of frames that were scaled to cover the size."""
        if self.size is None:
            return frames
        top, left = ((have - want) // 2 for have, want in zip(frames.shape[1:3], self.size, strict=True))
        return frames[:, top : top + self.size[0], left : left + self.size[1]]

    def _check_range(self, indices: Sequence[int]) -> None:
        if indices[0] < 0 or indices[-1] >= self.num_frames:
            raise IndexError(
                f"frames {indices[0]} to {indices[-1]} of {self.path}, which has frames 0 to {self.num_frames - 1}"
            )

    def _decode(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        from amclip.data._decoders import DecordDecoder, PyAVDecoder

        decoder = self._open_decoder()
        try:
            if isinstance(decoder, DecordDecoder):
                try:
                    return decoder.read(indices)
                except Exception:  # decord reads ahead, into damage that may lie behind the frames asked for
                    decoder = self._decoder = PyAVDecoder(self.path, self._decoded_size)
            return decoder.read(indices)
        except Exception as error:  # decord's and PyAV's errors share no base class
            span = f"frame {indices[0]}" if len(indices) == 1 else f"frames {indices[0]} to {indices[-1]}"
            raise _damaged(self.path, span, error) from error

    def _open_decoder(self) -> Decoder:
        if self._decoder is None:
            raise ValueError(f"{self.path} is closed")
        return self._decoder

    def _header(self) -> tuple[int, int]:
        if self._dimensions is None:
            from amclip.data._decoders import dimensions
            from amclip.data._images import numbered_images

            try:
                folder = os.path.isdir(self.path)
                self._dimensions = dimensions(numbered_images(self.path)[0] if folder else self.path)
            except Exception as error:
                raise VideoError(self.path, why_unreadable(self.path) or _cannot_open(error)) from error
        return self._dimensions


def _open(path: str, size: tuple[int, int] | None, num_frames: int | None, in_order: bool) -> Decoder:
    from amclip.data._decoders import DecordDecoder, PyAVDecoder, dimensions, garbled_by_decord, seeks_exactly
    from amclip.data._images import ImageFolderDecoder

    reason = why_unreadable(path, thorough=False)
    if reason:
        raise VideoError(path, reason)
    try:
        decoder: Decoder | None = None
        if os.path.isdir(path):
            return ImageFolderDecoder(path, size)
        if not in_order and seeks_exactly(path) and not garbled_by_decord((size or dimensions(path))[1]):
            decoder = DecordDecoder(path, size)
            if num_frames is not None and num_frames < len(decoder.times):
                decoder = None  # ends early: decord's read-ahead would run into the damage
        if decoder is None:
            decoder = PyAVDecoder(path, size)
    except Exception as error:
        raise VideoError(path, why_unreadable(path) or _cannot_open(error)) from error
    if not len(decoder.times):
        raise VideoError(path, "has no frames")
    return decoder


def _cover(native: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Size with the aspect ratio of ``native`` whose sides are both at least those of ``size``, one just so."""
    scale = max(want / have for want, have in zip(size, native, strict=True))
    height, width = (max(want, round(have * scale)) for want, have in zip(size, native, strict=True))
    return height, width


def _damaged(path: str, span: str, error: Exception) -> VideoError:
    return VideoError(path, f"is damaged: {span} cannot be decoded ({_short(error)})")


def _short(error: Exception) -> str:
    """What an error says in its first line; decord's carry a C++ stack and tell a user nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines or "/src/" in lines[0]:
        return "the decoder gave up"
    return lines[0][:160]


def _cannot_open(error: Exception) -> str:
    return f"cannot be opened as a video ({_short(error)})"


def why_unreadable(path: str | os.PathLike[str], thorough: bool = True) -> str:
    """Say in words why a file is no readable video, from its first bytes; empty where nothing is plainly wrong.

    Args:
        path: The file.
        thorough: Also look for a missing index and a missing video stream, which costs opening the file.
    """
    from amclip.data._images import why_no_image_folder

    path = Path(path)
    try:
        size = path.stat().st_size
        if path.is_dir():
            return why_no_image_folder(path)
        if size == 0:
            return "is empty (0 bytes)"
        with path.open("rb") as file:
            head = file.read(1024)
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the video itself; fetch it with `git lfs pull`"
    if not head.strip(b"\0"):
        return "begins with zeros only; was the copy cut off?"
    if _looks_like_text(head):
        return "is not a video (it looks like text)"
    return _what_is_missing(path, size) if thorough else ""


def _looks_like_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character may be cut at the end
            return False
        text = head[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter.isspace() for letter in text)


def _what_is_missing(path: Path, size: int) -> str:
    from amclip.data._decoders import has_video_stream, mp4_boxes

    boxes = mp4_boxes(path)
    if "ftyp" in boxes and "moov" not in boxes:
        return "has no index (the 'moov' box is missing): the recording or the copy was cut off"
    with contextlib.suppress(Exception):  # PyAV says what the caller's decoder has said already
        if not has_video_stream(path):
            return "has no video stream (only sound or other data)"
    if size < 1024:
        return f"is too small to be a video ({size} bytes)"
    return ""


def info_of(video: Video, note: str = "") -> VideoInfo:
    """What an open video says about itself."""
    return VideoInfo(video.num_frames, video.fps, video.width, video.height, video.duration, note)
