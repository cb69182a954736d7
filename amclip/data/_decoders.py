"""decord and PyAV behind one small interface; see :mod:`amclip.data.video` for which reads what."""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DecordDecoder",
    "PyAVDecoder",
    "dimensions",
    "first_timestamp",
    "garbled_by_decord",
    "has_video_stream",
    "missing_bytes",
    "mp4_boxes",
    "seeks_exactly",
]

# Frames in a row that may be replaced by the one before them.
_LARGEST_HOLE = 2
# Decoding on over this many frames is cheaper than opening the file again and seeking.
_WORTH_SEEKING = 32
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")


def seeks_exactly(path: str | os.PathLike[str]) -> bool:
    """Whether decord's random access is exact in this container: MP4 and MOV, Matroska and WebM, AVI.

    Told by content, since camera traps name files as they like. Measured with decord2 3.4: in ASF, MPEG program and
    MPEG transport streams, random access returned other frames than reading in sequence.
    """
    with open(path, "rb") as file:
        head = file.read(12)
    return head[4:8] in _MP4_BOXES or head[:4] == b"\x1aE\xdf\xa3" or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")


def garbled_by_decord(width: int) -> bool:
    """Whether decord misreads rows of this width, in pixels.

    FFmpeg pads rows to a multiple of 16 to 128 bytes, by processor. decord 3.4 takes the padding for colour channels
    wherever the padded row is a multiple of the width, and fails; so at 16, 32, 48 and 96 pixels.
    """
    row = 3 * width
    return any(row % align and -(-row // align) * align % width == 0 for align in (16, 32, 64, 128))


def mp4_boxes(path: str | os.PathLike[str]) -> list[str]:
    """Names of the top-level boxes of an MP4 or MOV file; empty for other files."""
    names: list[str] = []
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        position = 0
        while position + 8 <= size and len(names) < 1000:
            file.seek(position)
            head = file.read(16)
            length, name = int.from_bytes(head[:4], "big"), head[4:8]
            if not names and name not in _MP4_BOXES:
                return []
            if length == 1:  # a 64-bit length follows
                length = int.from_bytes(head[8:16], "big")
            names.append(name.decode("latin-1"))
            if length < 8:  # 0: to the end of the file
                break
            position += length
    return names


def missing_bytes(path: str | os.PathLike[str]) -> int:
    """How many bytes a file lacks by what its container says: a copy or a recording that was cut off.

    Told of MP4 and MOV, Matroska and WebM, and AVI; 0 for others, and where the length was never written.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(64)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            length = int.from_bytes(head[4:8], "little")
            return max(0, 8 + length - size) if length < 0xFFFFFFFF else 0
        if head[:4] == b"\x1aE\xdf\xa3":
            length, width = _ebml_length(head, 4)
            file.seek(4 + width + length)
            segment = file.read(12)
            length, inner = _ebml_length(segment, 4) if segment[:4] == b"\x18S\x80g" else (0, 0)
            return max(0, file.tell() - len(segment) + 4 + inner + length - size) if length else 0
        if head[4:8] not in _MP4_BOXES:
            return 0
        position = 0
        while position + 16 <= size:
            file.seek(position)
            length, _, long = struct.unpack(">I4sQ", file.read(16))
            length = long if length == 1 else length
            if length < 8:  # 0: to the end of the file
                return 0
            position += length
    return max(0, position - size)


def _ebml_length(data: bytes, at: int) -> tuple[int, int]:
    """A length in Matroska's way of writing numbers, 0 where it is unknown; and the bytes it takes itself."""
    first = data[at] if at < len(data) else 0
    if first == 0:
        return 0, 1
    width = 9 - first.bit_length()
    value = int.from_bytes(data[at : at + width], "big") & (1 << 7 * width) - 1
    return (0 if value == (1 << 7 * width) - 1 else value), width


def has_video_stream(path: str | os.PathLike[str]) -> bool:
    """Whether the container holds a video stream."""
    import av

    with av.open(os.fspath(path)) as container:
        return bool(container.streams.video)


def dimensions(path: str | os.PathLike[str]) -> tuple[int, int]:
    """``(height, width)`` from the header, without decoding."""
    import av

    with av.open(os.fspath(path)) as container:
        codec = container.streams.video[0].codec_context
        return codec.height, codec.width


def first_timestamp(path: str | os.PathLike[str]) -> float:
    """The time stamp that the container gives its first frame, in seconds; 0 where it gives none."""
    import av

    with av.open(os.fspath(path)) as container:
        stream = container.streams.video[0]
        return float((stream.start_time or 0) * (stream.time_base or 0))


class DecordDecoder:
    """decord with one thread: workers are parallel already."""

    def __init__(self, path: str, size: tuple[int, int] | None) -> None:
        height, width = size or (-1, -1)
        self._reader = _decord_reader()(path, width=width, height=height, num_threads=1)
        self.fps = float(self._reader.get_avg_fps())
        count = len(self._reader)
        self.times = _usable_times(self._reader.get_frame_timestamp(np.arange(count))[:, 0], self.fps)

    def read(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Frames at sorted, unique indices: ``[n, height, width, 3]``, RGB."""
        frames: NDArray[np.uint8] = self._reader.get_batch(list(indices)).asnumpy()
        return frames


@cache
def _decord_reader() -> Any:
    """Decord's reader, safe in processes that were forked while it was open."""
    import decord

    decord.logging.set_level(decord.logging.QUIET)  # what matters is raised, and named better than in its log

    class Reader(decord.VideoReader):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._process = os.getpid()
            super().__init__(*args, **kwargs)

        def __del__(self) -> None:
            # A fork copies readers, also those that only wait for the garbage collector, but not their threads: freeing
            # one there would wait for them for ever.
            if self._process == os.getpid():
                super().__del__()

    return Reader


class PyAVDecoder:
    """PyAV, for containers without an exact index and for damaged files.

    The packets are listed once without decoding; a frame is then found by its time stamp: seek to a key frame before
    it, decode on. Damaged packets are passed over; a frame or two that they held are replaced by the one before, more
    are an error, since a still picture would pass for an animal that holds still.
    """

    def __init__(self, path: str, size: tuple[int, int] | None) -> None:
        import av

        self._path, self._size = path, size
        known, keys, count = array("q"), array("q"), 0
        with av.open(path) as container:
            stream = container.streams.video[0]
            base = float(stream.time_base or 1)
            for packet in container.demux(stream):
                if packet.size and packet.pts is not None and packet.is_keyframe:
                    keys.append(packet.pts)
                if packet.size and not packet.is_discard:  # an edit list cuts off what a trimmed video begins with
                    count += 1
                    if packet.pts is not None:
                        known.append(packet.pts)
            self.fps = float(stream.average_rate or stream.guessed_rate or 25)
        stamps = np.sort(np.frombuffer(known, np.int64)) if known else np.empty(0, np.int64)
        if keys:  # streams cut out of a recording begin between two key frames; what precedes the first does not decode
            stamps = stamps[stamps >= keys[0]]
        self._keys = np.searchsorted(stamps, np.sort(np.asarray(keys, np.int64)))
        # Without a time stamp per packet, frames can only be counted.
        complete = len(known) == count and bool((np.diff(stamps) > 0).all())
        self._stamps: NDArray[np.int64] | None = stamps if complete else None
        if self._stamps is None:
            self.times = np.arange(count) / self.fps
        else:
            self.times = _usable_times(self._stamps * base, self.fps)

    def read(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Frames at sorted, unique indices: ``[n, height, width, 3]``, RGB."""
        pixels: list[NDArray[np.uint8]] = []
        for run in self._runs(indices):
            pixels += self.read_in_order(run)
        return np.stack(pixels)

    def _runs(self, indices: Sequence[int]) -> list[list[int]]:
        """Indices cut where a key frame makes it worth seeking to the next one."""
        groups = np.searchsorted(self._keys, indices, side="right")
        runs = [[indices[0]]]
        for number in range(1, len(indices)):
            far = indices[number] - indices[number - 1] > _WORTH_SEEKING
            if far and groups[number] > groups[number - 1]:
                runs.append([])
            runs[-1].append(indices[number])
        return runs

    def read_in_order(self, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Frames at increasing indices, one by one, ``[height, width, 3]``: one pass, however many are passed over."""
        last: Any = None
        previous = -1
        pending = iter(indices)
        wanted = next(pending, None)
        for index, frame in self._decode_from(indices[0]):
            while wanted is not None and wanted < index:
                if last is None or index - previous - 1 > _LARGEST_HOLE:
                    raise RuntimeError(f"frame {wanted} is missing")
                yield self._pixels(last)
                wanted = next(pending, None)
            if wanted == index:
                yield self._pixels(frame)
                wanted = next(pending, None)
            if wanted is None:
                return
            previous, last = index, frame
        raise RuntimeError(f"decoding ends before frame {wanted}")

    def in_sequence(self) -> Iterator[int]:
        """Decode frame after frame, giving the number of frames up to the one just decoded."""
        for index, _ in self._decode_from(0):
            yield index + 1

    def _decode_from(self, index: int) -> Iterator[tuple[int, Any]]:
        """Frames from ``index`` on at the latest, each with its index."""
        import av

        with av.open(self._path) as container:
            stream = container.streams.video[0]
            stream.thread_count = 1
            if self._stamps is None:
                yield from enumerate(_frames(container, stream))
                return
            back = 0
            while True:
                target = max(index - back, 0)
                if target == 0:
                    container.seek(min(0, int(self._stamps[0])), stream=stream)
                else:
                    container.seek(int(self._stamps[target]), stream=stream)
                numbered = _numbered(_frames(container, stream), self._stamps)
                first = next(numbered, None)
                if first is not None and (first[0] <= index or target == 0):
                    yield first
                    yield from numbered
                    return
                if target == 0:
                    return
                back = 4 * back + 16  # the container's own index pointed behind the frame: try earlier

    def _pixels(self, frame: Any) -> NDArray[np.uint8]:
        height, width = self._size or (frame.height, frame.width)
        # Bicubic as decord's scale filter, so that both decoders give the same pixels.
        scaled = frame.reformat(width=width, height=height, format="rgb24", interpolation="BICUBIC")
        pixels: NDArray[np.uint8] = scaled.to_ndarray()
        return pixels


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    """Every frame that decodes, from where the container stands; damaged packets are passed over."""
    import av

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue


def _numbered(frames: Iterator[Any], stamps: NDArray[np.int64]) -> Iterator[tuple[int, Any]]:
    """Each frame with its place among the time stamps; frames that have none of them are left out."""
    for frame in frames:
        if frame.pts is not None:
            place = int(np.searchsorted(stamps, frame.pts))
            if place < len(stamps) and stamps[place] == frame.pts:
                yield place, frame


def _usable_times(seconds: NDArray[Any], fps: float) -> NDArray[np.float64]:
    """Seconds since the first frame; counted from the frame rate where the container's stamps make no sense."""
    times = np.asarray(seconds, np.float64)
    times = times - times[:1]
    if len(times) > 1 and (not np.isfinite(times).all() or (np.diff(times) < 0).any() or times[-1] <= 0):
        return np.arange(len(times)) / fps
    return times
