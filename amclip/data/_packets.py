"""The packets of a video stream: listed without decoding, and numbered so that each names the frame it becomes."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data._container import best_stream, open_by_header, open_container
from amclip.data._h264 import may_hold_fields
from amclip.data._thin import Thinner

__all__ = [
    *("NOTHING", "Alive", "Coding", "Packets", "Scan", "draft", "flush_packet", "name_packet", "numbered_packets"),
    "scan",
]

NOTHING = np.iinfo(np.int64).min  # for a stamp that is missing
_ONE = Fraction(1)
Alive = Callable[[], None]


@dataclass(frozen=True)
class Coding:
    """What is known of a stream before its packets are.

    Attributes:
        container: FFmpeg's name of the container.
        codec: Its name of the codec.
        intra: Whether the codec knows no order but that of the file.
        fields: Whether a packet may hold one of a frame's two fields (H.264).
    """

    container: str
    codec: str
    intra: bool
    fields: bool


@dataclass(frozen=True)
class Packets:
    """What listing the packets of a video stream found; arrays ``[P]`` in the order of the file.

    Attributes:
        path: The file.
        coding: How the stream is stored.
        pts: Time stamps of presentation in units of ``time_base`` seconds; :data:`NOTHING` where missing.
        dts: The same of decoding.
        places: Byte position and size, ``[P, 2]``.
        key: Whether decoding can begin there.
        shown: Whether a frame that is shown comes from it, as far as can be told without decoding: not cut off by an
            edit list, not a hidden frame of VP8.
        time_base: Seconds.
        claimed: Frames per second by the container; 25 where it says nothing.
        missing: Frames that the container's own index names and its data lack (AVI).
        stream: Number of the stream.
    """

    path: str
    coding: Coding
    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    places: NDArray[np.int64]
    key: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    time_base: float
    claimed: float
    missing: int
    stream: int

    def __len__(self) -> int:
        return len(self.pts)

    def stamps(self, packets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Seconds at which the frames of these packets, in order of presentation, are shown; NaN where not known."""
        # AVI has one clock, which counts packets as they are decoded.
        ticks = np.sort(self.dts[packets]) if self.coding.container == "avi" else self.pts[packets]
        return np.where(ticks == NOTHING, np.nan, ticks * self.time_base)


class Scan:
    """A video file that is read through once, and stays open: its packets, and those at both ends to be decoded.

    Args:
        path: The file.
        alive: Is called now and then.

    Attributes:
        packets: What was found.
        stream: Whose packets they are.
        group: The packets from the last key frame on, with their numbers; where they are very large, not the last ones.
        thinner: Takes pictures out of packets.

    Raises:
        ValueError: If there is no video stream.
        av.error.FFmpegError: If it is no file that FFmpeg knows.
    """

    def __init__(self, path: str | os.PathLike[str], alive: Alive = lambda: None) -> None:
        self._path, self._alive = os.fspath(path), alive
        container = open_by_header(path, _DRAFT)
        self._by_header = container is not None
        self._open(container)
        if self._by_header and len(self.packets) != self.stream.frames:
            self.again()  # FFmpeg may find more: it goes past places that cannot be read while it learns about streams

    def _open(self, container: Any) -> None:
        self._container = container or open_container(self._path, _DRAFT)  # which decodes a few frames
        try:
            self.stream = best_stream(self._container)
            self._first: list[tuple[int, Any]] = []
            self.group: list[tuple[int, Any]] = []
            self.thinner = Thinner(self.stream)
            self.packets = self._read(self._path, self._alive)
        except BaseException:
            self._container.close()
            raise

    def again(self) -> bool:
        """Read the file through once more, with some frames decoded first to learn how the stream is stored.

        Returns:
            Whether that is another way than before; otherwise nothing was done.
        """
        if not self._by_header:
            return False
        self.close()
        self._by_header = False
        self._open(None)
        return True

    def __enter__(self) -> Scan:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file and what was kept of it back; what was found stays."""
        self._first.clear()
        self.group.clear()
        self._container.close()

    def _read(self, path: str, alive: Alive) -> Packets:
        import av

        pts, dts, places, flags = array("q"), array("q"), array("q"), bytearray()
        container, stream = self._container, self.stream
        codec = stream.codec_context.name
        hides = codec in ("vp8", "libvpx")
        held = 0
        try:
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                if len(pts) < _HELD:
                    self._first.append((len(pts), packet))
                if packet.is_keyframe:
                    self.group.clear()
                    held = 0
                held += packet.size
                if held <= _MOST_HELD or packet.is_keyframe:
                    self.group.append((len(pts), packet))
                pts.append(NOTHING if packet.pts is None else packet.pts)
                dts.append(NOTHING if packet.dts is None else packet.dts)
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
            path=path,
            coding=Coding(
                kind,
                codec,
                intra=bool(stream.codec_context.codec.properties & _INTRA_ONLY),
                fields=codec == "h264" and may_hold_fields(stream.codec_context.extradata),
            ),
            pts=np.array(pts, np.int64),
            dts=ticks,
            places=where,
            key=np.frombuffer(bytes(flags), np.uint8) & 1 > 0,
            shown=np.frombuffer(bytes(flags), np.uint8) & 2 > 0,
            time_base=float(stream.time_base or Fraction(1, 25)),
            claimed=float(rate) if rate else 25.0,
            missing=missing,
            stream=stream.index,
        )

    def first_packets(self) -> Iterator[tuple[int, Any]]:
        """The first packets, each with its number as its time stamp; at the end of a short video, the empty one.

        Pictures are left out where frames come out of the decoder without.
        """
        for number, packet in self._first:
            thin = self.thinner.thin(packet, decides=True)
            name_packet(thin, number)
            yield number, thin
        if len(self._first) == len(self.packets):
            yield len(self.packets), flush_packet(self.stream)


def scan(path: str | os.PathLike[str], alive: Alive = lambda: None) -> Packets:
    """List the packets of a video without decoding them; as :class:`Scan`."""
    with Scan(path, alive) as opened:
        return opened.packets


_HELD = 40  # packets at the beginning: those of the frames that are decoded, with all that codecs reorder
_MOST_HELD = 1 << 26  # bytes of the last group of pictures
_DRAFT = {"skip_loop_filter": "all", "skip_idct": "all"}
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
        ticks = [by_place.get(int(pos) - header, NOTHING) for pos in places[:, 0]]
        if ticks and NOTHING not in ticks:
            return np.array(ticks, np.int64), full - len(places)
    return dts, 0


def draft(stream: Any) -> None:
    """Decode faster, to pixels that are not quite right: for frames that nobody will look at.

    Left out are the smoothing of block edges, a third of the time, transforms, and the mending of what is damaged.
    """
    if stream.codec_context.name in ("h264", "hevc", "mpeg4"):
        stream.codec_context.options = {**_DRAFT, "ec": "0"}


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
    yield number, flush_packet(stream)


def flush_packet(stream: Any) -> Any:
    """The empty packet that makes decoders give the rest."""
    import av

    packet = av.Packet(0)
    packet.stream = stream
    return packet


def name_packet(packet: Any, number: int) -> None:
    """Make a packet's number its time stamp, which its frame inherits."""
    packet.pts = packet.dts = number
    packet.time_base = _ONE
