"""The one truth about a video file: which frames it has, in which order, when each is shown, which way up.

A frame is known by the packet it was decoded from, numbered in the order of the file. FFmpeg hands a packet's time
stamp on to the frame that comes out of it, so a packet that is given its own number as time stamp names its frame:
whatever the container's stamps are worth, no frame is taken for another one.

Listing the packets (:func:`scan`) takes milliseconds. In MP4, Matroska and most streams their stamps also say in
which order their frames are shown. Where they do not (H.264 and MPEG-4 in AVI, packets without a picture, fields,
joined recordings), the video is decoded once from end to end (:func:`index_by_decoding`), and the order in which
frames come out is kept.
"""

from __future__ import annotations

import base64
import os
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data._clock import find_holes, mend_stamps
from amclip.data._container import best_stream, open_container

__all__ = ["DecodedFrames", "FrameIndex", "Orientation", "Packets", "index_by_decoding", "index_by_stamps", "scan"]

# How far in the file a frame may lie from its place in the order of presentation: codecs reorder by 16 at most.
_REORDER_LIMIT = 32
_FIRST_FRAMES = 6  # are decoded to see whether they come out as the packets' stamps say
_TINY = 10  # bytes: an MPEG-4 packet of this size holds no picture of its own
_NOTHING = np.iinfo(np.int64).min  # for a stamp that is missing
Alive = Callable[[], None]


@dataclass(frozen=True)
class Orientation:
    """How stored pixels are turned for display: transposed first, then mirrored left-right and top-bottom."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @classmethod
    def from_matrix(cls, matrix: tuple[int, ...]) -> Orientation:
        """From a display matrix ``(a, b, u, c, d, v, x, y, w)``: a pixel moves to ``(a x + c y, b x + d y)``.

        Matrices that are no quarter turn or mirror image are taken for the nearest one.
        """
        a, b, _, c, d = matrix[:5]
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Pixels ``[H, W, 3]`` as they are shown; a view, not contiguous."""
        if self.transpose:
            pixels = pixels.swapaxes(0, 1)
        return pixels[:: -1 if self.mirror_y else 1, :: -1 if self.mirror_x else 1]

    def shown(self, size: tuple[int, int]) -> tuple[int, int]:
        """Height and width as shown, of those stored; and the other way round."""
        return (size[1], size[0]) if self.transpose else size


@dataclass(frozen=True)
class FrameIndex:
    """Frames of a video in the order of presentation, and where decoding can begin.

    Attributes:
        stream: Number of the stream in the container.
        size: Height and width of the stored pixels.
        orientation: How they are turned for display.
        times: Seconds since the first frame, float64 ``[N]``, never decreasing, in whole nanoseconds.
        offset: Time stamp of the first frame in seconds, as a player shows it; mostly 0.
        packets: Number of the packet that each frame comes from, int64 ``[N]``.
        keys: Packets at which decoding can begin, int64 ``[K]``, increasing.
        key_frames: The frame of each, as its place in the order of presentation; -1 where it is not shown.
        key_stamps: Time stamps to seek to, in the stream's unit.
        key_places: Byte position and size in the file, int64 ``[K, 2]``, by which a packet is known again.
        claimed: Frames per second that the container claims, for videos of one frame.
    """

    stream: int
    size: tuple[int, int]
    orientation: Orientation
    times: NDArray[np.float64]
    offset: float
    packets: NDArray[np.int64]
    keys: NDArray[np.int64]
    key_frames: NDArray[np.int64]
    key_stamps: NDArray[np.int64]
    key_places: NDArray[np.int64]
    claimed: float

    def __len__(self) -> int:
        return len(self.times)

    def first(self, count: int) -> FrameIndex:
        """The index of the first ``count`` frames."""
        return FrameIndex(**{**self.__dict__, "times": self.times[:count], "packets": self.packets[:count]})

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a cache or another process."""
        turned = self.orientation
        return {
            "stream": self.stream,
            "size": list(self.size),
            "orientation": [turned.transpose, turned.mirror_x, turned.mirror_y],
            "times": _pack(np.round(self.times * 1e9).astype(np.int64)),
            "offset": self.offset,
            "packets": _pack(self.packets),
            "keys": _pack(self.keys),
            "key_frames": _pack(self.key_frames),
            "key_stamps": _pack(self.key_stamps),
            "key_places": _pack(self.key_places.T.reshape(-1)),
            "claimed": self.claimed,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> FrameIndex:
        """From what :meth:`to_json` gave.

        Raises:
            ValueError, KeyError, TypeError: If it is something else.
        """
        return cls(
            stream=int(values["stream"]),
            size=(int(values["size"][0]), int(values["size"][1])),
            orientation=Orientation(*map(bool, values["orientation"])),
            times=_unpack(values["times"]) / 1e9,
            offset=float(values["offset"]),
            packets=_unpack(values["packets"]),
            keys=_unpack(values["keys"]),
            key_frames=_unpack(values["key_frames"]),
            key_stamps=_unpack(values["key_stamps"]),
            key_places=_unpack(values["key_places"]).reshape(2, -1).T,
            claimed=float(values["claimed"]),
        )


def _pack(numbers: NDArray[np.int64]) -> str:
    """Whole numbers as text. Frames follow each other evenly, so second differences are mostly 0 and compress well."""
    steps = np.diff(numbers, prepend=0)
    return base64.b64encode(zlib.compress(np.diff(steps, prepend=0).astype("<i8").tobytes())).decode("ascii")


def _unpack(text: str) -> NDArray[np.int64]:
    twice = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), "<i8")
    numbers: NDArray[np.int64] = np.cumsum(np.cumsum(twice)).astype(np.int64)
    return numbers


@dataclass(frozen=True)
class Packets:
    """What listing the packets of a video stream found; arrays ``[P]`` in the order of the file.

    Attributes:
        path: The file.
        container: FFmpeg's name of the container, codec its name of the codec.
        pts: Time stamps of presentation in units of ``time_base`` seconds; :data:`_NOTHING` where missing.
        dts: The same of decoding.
        places: Byte position and size, ``[P, 2]``.
        key: Whether decoding can begin there.
        shown: Whether a frame that is shown comes from it, as far as can be told without decoding: not cut off by an
            edit list, not a hidden frame of VP8.
        time_base: Seconds.
        claimed: Frames per second by the container; 25 where it says nothing.
        missing: Frames that the container's own index names and its data lack (AVI).
        intra: Whether the codec knows no order but that of the file.
        stream: Number of the stream.
    """

    path: str
    container: str
    codec: str
    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    places: NDArray[np.int64]
    key: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    time_base: float
    claimed: float
    missing: int
    intra: bool
    stream: int

    def __len__(self) -> int:
        return len(self.pts)

    def stamps(self, packets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Seconds at which the frames of these packets, in order of presentation, are shown; NaN where not known."""
        # AVI has one clock, which counts packets as they are decoded.
        ticks = np.sort(self.dts[packets]) if self.container == "avi" else self.pts[packets]
        return np.where(ticks == _NOTHING, np.nan, ticks * self.time_base)


def scan(path: str | os.PathLike[str], alive: Alive = lambda: None) -> Packets:
    """List the packets of a video without decoding them.

    Args:
        path: The file.
        alive: Is called now and then.

    Raises:
        ValueError: If there is no video stream.
        av.error.FFmpegError: If it is no file that FFmpeg knows.
    """
    import av

    pts, dts, places, flags = array("q"), array("q"), array("q"), bytearray()
    with open_container(path) as container:
        stream = best_stream(container)
        codec = stream.codec_context.name
        hides = codec in ("vp8", "libvpx")
        try:
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                pts.append(_NOTHING if packet.pts is None else packet.pts)
                dts.append(_NOTHING if packet.dts is None else packet.dts)
                places.extend((-1 if packet.pos is None else packet.pos, packet.size))
                # Bit 4 of a VP8 frame's first byte is show_frame (RFC 6386, 9.1).
                shown = not packet.is_discard and not (hides and not memoryview(packet)[0] & 0x10)
                flags.append(packet.is_keyframe | shown << 1)
                if not len(pts) % 1000:
                    alive()
        except av.error.FFmpegError:  # the rest cannot be read; what came before stands
            pass
        kind = container.format.name
        where = np.array(places, np.int64).reshape(-1, 2)
        ticks, missing = np.array(dts, np.int64), 0
        if kind == "avi":
            ticks, missing = _avi_ticks(stream, where, ticks)
        rate = stream.average_rate or stream.guessed_rate
        return Packets(
            path=os.fspath(path),
            container=kind,
            codec=codec,
            pts=np.array(pts, np.int64),
            dts=ticks,
            places=where,
            key=np.frombuffer(bytes(flags), np.uint8) & 1 > 0,
            shown=np.frombuffer(bytes(flags), np.uint8) & 2 > 0,
            time_base=float(stream.time_base or Fraction(1, 25)),
            claimed=float(rate) if rate else 25.0,
            missing=missing,
            intra=bool(stream.codec_context.codec.properties & _INTRA_ONLY),
            stream=stream.index,
        )


_INTRA_ONLY = 1  # AV_CODEC_PROP_INTRA_ONLY


def _avi_ticks(stream: Any, places: NDArray[np.int64], dts: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """An AVI's clock by its own index, and how many frames of the index were not found in the data.

    FFmpeg counts the chunks that it meets, so behind damaged ones it is early; the index says where each belongs.
    """
    entries = [(entry.pos, entry.timestamp, entry.size) for entry in stream.index_entries]
    full = sum(size > 0 for *_, size in entries)
    if len(entries) < len(places):
        return dts, 0
    by_place = {pos: stamp for pos, stamp, _ in entries}
    for header in (8, 0):  # the index names the chunk, FFmpeg what is in it
        ticks = [by_place.get(int(pos) - header, _NOTHING) for pos in places[:, 0]]
        if ticks and _NOTHING not in ticks:
            return np.array(ticks, np.int64), full - len(places)
    return dts, 0


def index_by_stamps(packets: Packets) -> FrameIndex | None:
    """The index, where the packets' time stamps say in which order frames are shown; else ``None``.

    The first frames are decoded, and must come out one from each packet in just this order.
    """
    shown = np.flatnonzero(packets.shown)
    if not len(shown):
        return None
    if packets.intra:
        order = shown
    else:
        stamps = packets.pts[shown]
        if packets.container == "avi" or (stamps == _NOTHING).any():
            return None
        if packets.container in ("mpegts", "mpeg") and _has_fields(stamps):
            return None
        if packets.codec == "mpeg4" and (packets.places[:, 1] <= _TINY).any():
            return None
        order = shown[np.argsort(stamps, kind="stable")]
        falls = (np.diff(stamps) < 0).any()
        if falls and len(np.unique(stamps)) < len(stamps):  # which of two frames with one stamp is the first?
            return None
        if np.abs(order - shown).max() > _REORDER_LIMIT:
            return None
    decoded = DecodedFrames()
    first = [number for number, _ in islice(decoded.run(packets.path), min(_FIRST_FRAMES, len(order)))]
    if first != order[: len(first)].tolist() or not first:
        return None
    return _index(packets, order, decoded)


def _has_fields(stamps: NDArray[np.int64]) -> bool:
    """Whether intervals are too uneven for one frame a packet: fields come as two packets, half an interval apart."""
    steps = np.diff(np.sort(stamps))
    return len(steps) > 0 and bool(steps.min() < 0.75 * np.median(steps))


def index_by_decoding(packets: Packets, alive: Alive = lambda: None) -> tuple[FrameIndex | None, DecodedFrames]:
    """The index, from decoding the video from end to end, ``None`` where no frame comes out; and what was found so.

    Args:
        packets: The packets.
        alive: Is called for every frame.
    """
    decoded = DecodedFrames()
    order = array("q")
    for number, _ in decoded.run(packets.path):
        order.append(number)
        alive()
    if not order:
        return None, decoded
    return _index(packets, np.array(order, np.int64), decoded), decoded


class DecodedFrames:
    """Frames in the order in which a decoder gives them, from the beginning of the file.

    Attributes:
        failed: Packets that the decoder refused, once it had given a frame.
        corrupt: Frames that it marked as damaged.
        size: Height and width of the first frame's stored pixels.
        orientation: How it is turned.
    """

    def __init__(self) -> None:
        self.failed = 0
        self.corrupt = 0
        self.size = (0, 0)
        self.orientation = Orientation()

    def run(self, path: str) -> Iterator[tuple[int, Any]]:
        """Number of the packet, and the frame that came from it, whose pixels are a draft (:func:`draft`)."""
        import av

        started = False
        with open_container(path) as container:
            stream = best_stream(container)
            draft(stream)
            for _, packet in numbered_packets(container, stream):
                try:
                    frames = packet.decode()
                except av.error.FFmpegError:
                    self.failed += started  # a recording may begin with pictures that need earlier ones
                    continue
                for frame in frames:
                    if not started:
                        self.size, self.orientation = (frame.height, frame.width), orientation_of(frame)
                        started = True
                    self.corrupt += frame.is_corrupt
                    if frame.pts is None:
                        raise ValueError(f"its codec ({stream.codec_context.name}) does not tell frames apart")
                    yield frame.pts, frame


def draft(stream: Any) -> None:
    """Leave the smoothing of block edges out, which takes a third of the time: for frames that nobody will look at."""
    if stream.codec_context.name in ("h264", "hevc"):
        stream.codec_context.options = {"skip_loop_filter": "all"}


def numbered_packets(container: Any, stream: Any, first: int = 0) -> Iterator[tuple[int, Any]]:
    """Packets of a stream, each with its number as its time stamp; a last, empty one makes decoders give the rest.

    Args:
        container: Open, at the packet that has the number ``first``.
        stream: The stream.
        first: Number of the first packet.
    """
    import av

    number = first
    try:
        for packet in container.demux(stream):
            if packet.size:
                name_packet(packet, number)
                yield number, packet
                number += 1
    except av.error.FFmpegError:  # as in `scan`
        pass
    flush = av.Packet(0)
    flush.stream = stream
    yield number, flush


def name_packet(packet: Any, number: int) -> None:
    """Make a packet's number its time stamp, which its frame inherits."""
    packet.pts = packet.dts = number
    packet.time_base = Fraction(1, 1)


def orientation_of(frame: Any) -> Orientation:
    """How a frame is to be turned for display, by its display matrix."""
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            return Orientation.from_matrix(tuple(np.frombuffer(bytes(data), "<i4").tolist()))
    return Orientation()


def _index(packets: Packets, order: NDArray[np.int64], decoded: DecodedFrames) -> FrameIndex:
    times, _ = mend_stamps(packets.stamps(order), 1 / packets.claimed)
    first = packets.stamps(order[:1])[0]
    frame_of = np.full(len(packets), -1, np.int64)
    frame_of[order] = np.arange(len(order))
    keys = np.flatnonzero(packets.key & ((frame_of >= 0) | ~packets.shown))
    stamps = np.where(packets.dts[keys] == _NOTHING, packets.pts[keys], packets.dts[keys])
    places = packets.places[keys]
    known = _known_again(packets.places)[keys] & (stamps != _NOTHING)
    return FrameIndex(
        stream=packets.stream,
        size=decoded.size,
        orientation=decoded.orientation,
        times=np.round(times * 1e9) / 1e9,
        offset=float(first) if np.isfinite(first) else 0.0,
        packets=order,
        keys=keys[known],
        key_frames=frame_of[keys[known]],
        key_stamps=stamps[known],
        key_places=places[known],
        claimed=packets.claimed,
    )


def _known_again(places: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which packets no other one shares its place and size with."""
    _, inverse, counts = np.unique(places, axis=0, return_inverse=True, return_counts=True)
    alone: NDArray[np.bool_] = (counts[inverse.reshape(-1)] == 1) & (places[:, 0] >= 0)
    return alone


def describe(packets: Packets, index: FrameIndex) -> list[str]:
    """What a user should know about the clock of a video, in words: mended stamps, holes, frames that are missing."""
    _, notes = mend_stamps(packets.stamps(index.packets), 1 / packets.claimed)
    holes = find_holes(index.times)
    if holes:
        where = ", ".join(f"{start:.2f} to {stop:.2f} s" for start, stop in holes[:3])
        where += f" and {len(holes) - 3} more" * (len(holes) > 3)
        notes.append(f"has holes: no frames from {where}")
    if packets.missing > 0:
        notes.append(f"is damaged: {packets.missing} of {packets.missing + len(packets)} frames are missing")
    return notes
