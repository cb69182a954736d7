"""What a video file is before any of it is decoded: opening it, its boxes, the bytes that it lacks."""

from __future__ import annotations

import os
import struct
from typing import Any

__all__ = ["best_stream", "missing_bytes", "mp4_boxes", "open_by_header", "open_container"]

_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
# What FFmpeg decodes to learn what a stream is: nothing, of the first packet.
_BY_HEADER = {"skip_frame": "all", "analyzeduration": "1"}


def open_container(path: str | os.PathLike[str], options: dict[str, str] | None = None) -> Any:
    """Open a file for reading by FFmpeg, by its absolute path.

    FFmpeg takes what stands before a colon for a protocol where the path has no ``/``: ``12:30.mp4`` is such a name.

    Args:
        path: The file.
        options: Of FFmpeg's, for the container and for what it decodes itself to learn what its streams are.

    Returns:
        An ``av.container.InputContainer``, to be closed.

    Raises:
        av.error.FFmpegError: If it is no file that FFmpeg knows.
    """
    import av

    return av.open(os.path.abspath(path), options=options)


def open_by_header(path: str | os.PathLike[str], options: dict[str, str]) -> Any:
    """As :func:`open_container`, without the first frames being decoded, where a file's header says what they would.

    Of H.264, FFmpeg decodes several frames to learn how far they are reordered. In MP4 and MOV the table of samples
    says so, and gives the frame rate; shapes are asked for only to choose between streams.

    Returns:
        As :func:`open_container`; ``None`` where the header does not say it all.
    """
    import av

    try:
        with open(path, "rb") as file:
            if file.read(8)[4:] not in _MP4_BOXES:
                return None
        container = open_container(path, {**options, **_BY_HEADER})
    except (OSError, av.error.FFmpegError):  # the usual way says what is wrong
        return None
    streams = container.streams.video
    coding = streams[0].codec_context if len(streams) == 1 else None  # None, too, where FFmpeg does not know the codec
    # Fragments have their samples elsewhere.
    if coding is not None and coding.name == "h264" and streams[0].frames and streams[0].average_rate:
        return container
    container.close()
    return None


def best_stream(container: Any) -> Any:
    """The video stream that the ffmpeg program chooses: no cover picture; the default track, the largest, the first.

    (``av_find_best_stream`` would prefer the higher bit rate, which no player does.) Decodes in one thread: workers are
    parallel already.

    Raises:
        ValueError: If there is none, or none whose codec FFmpeg knows.
    """
    known = [stream for stream in container.streams.video if stream.codec_context is not None]
    stream = max(known, key=_preference, default=None)  # of equals, the first
    if stream is None and container.streams.video:
        raise ValueError("is coded in a way that this FFmpeg does not know; convert it, to H.264 in MP4 for instance")
    if stream is None:
        raise ValueError("has no video stream (only sound or other data)")
    stream.thread_type, stream.thread_count = "NONE", 1
    return stream


def _preference(stream: Any) -> tuple[bool, bool, int]:
    kind, shape = stream.disposition, stream.codec_context
    return not kind & kind.attached_pic, bool(kind & kind.default), (shape.width or 0) * (shape.height or 0)


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
