"""The one truth about a video file: which frames it has, in which order, when each is shown, which way up.

A frame is known by the packet it was decoded from, numbered in the order of the file. FFmpeg hands a packet's time
stamp on to the frame that comes out of it, so a packet that is given its own number as time stamp names its frame:
whatever the container's stamps are worth, no frame is taken for another one.

Listing the packets (:mod:`amclip.data._packets`) takes milliseconds. In MP4, Matroska and most streams their stamps
also say in which order their frames are shown. Where they do not (H.264 and MPEG-4 in AVI, packets without a picture,
fields, joined recordings), the video is decoded once from end to end (:func:`index_by_decoding`), and the order in
which frames come out is kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data._clock import find_holes, mend_stamps
from amclip.data._container import best_stream, open_container
from amclip.data._frame_index import EntryPoints, FrameIndex, Orientation, orientation_of
from amclip.data._packets import NOTHING, Alive, Packets, Scan, draft, numbered_packets

__all__ = ["DecodedFrames", "describe", "index_by_decoding", "index_by_stamps"]

# How far in the file a frame may lie from its place in the order of presentation: codecs reorder by 16 at most.
_REORDER_LIMIT = 32
_FIRST_FRAMES = 6  # are decoded to see whether they come out as the packets' stamps say
_TINY = 10  # bytes: an MPEG-4 packet of this size holds no picture of its own


def index_by_stamps(scanned: Scan) -> FrameIndex | None:
    """The index, where the packets' time stamps say in which order frames are shown; else ``None``.

    The first frames are decoded, and must come out one from each packet in just this order.
    """
    packets = scanned.packets
    shown = np.flatnonzero(packets.shown)
    if not len(shown):
        return None
    if packets.coding.intra:
        order = shown
    else:
        stamps = packets.pts[shown]
        if packets.coding.container == "avi" or (stamps == NOTHING).any():
            return None
        if packets.coding.container in ("mpegts", "mpeg") and _has_fields(stamps):
            return None
        if packets.coding.fields and _is_uneven(stamps):  # frames and pairs of fields may take turns, from anywhere on
            return None
        if packets.coding.codec == "mpeg4" and (packets.places[:, 1] <= _TINY).any():
            return None
        order = shown[np.argsort(stamps, kind="stable")]
        falls = (np.diff(stamps) < 0).any()
        if falls and len(np.unique(stamps)) < len(stamps):  # which of two frames with one stamp is the first?
            return None
        if np.abs(order - shown).max() > _REORDER_LIMIT:
            return None
    decoded, wanted = DecodedFrames(), min(_FIRST_FRAMES, len(order))
    draft(scanned.stream)
    first = [number for number, _ in islice(decoded.of(scanned.first_packets(), scanned.stream), wanted)]
    if len(first) < wanted:  # they come later than codecs have it
        decoded = DecodedFrames()
        first = [number for number, _ in islice(decoded.run(packets.path), wanted)]
    if first != order[: len(first)].tolist() or not first:
        return index_by_stamps(scanned) if scanned.again() else None
    return _index(packets, order, decoded)


def _has_fields(stamps: NDArray[np.int64]) -> bool:
    """Whether intervals are too uneven for one frame a packet: fields come as two packets, half an interval apart."""
    steps = np.diff(np.sort(stamps))
    return len(steps) > 0 and bool(steps.min() < 0.75 * np.median(steps))


def _is_uneven(stamps: NDArray[np.int64]) -> bool:
    """Whether intervals differ by more than rounding. Where all are equal, the first frames stand for the others."""
    steps = np.diff(np.sort(stamps))
    return len(steps) > 0 and bool(steps.min() < 0.75 * steps.max())


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
        """Number of the packet, and the frame that came from it, whose pixels are a draft."""
        with open_container(path) as container:
            stream = best_stream(container)
            draft(stream)
            yield from self.of(numbered_packets(container, stream), stream)

    def of(self, packets: Iterable[tuple[int, Any]], stream: Any) -> Iterator[tuple[int, Any]]:
        """As :meth:`run`, of packets with their numbers."""
        import av

        started = False
        for _, packet in packets:
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


def _index(packets: Packets, order: NDArray[np.int64], decoded: DecodedFrames) -> FrameIndex:
    times, _ = mend_stamps(packets.stamps(order), 1 / packets.claimed)
    first = packets.stamps(order[:1])[0]
    frame_of = np.full(len(packets), -1, np.int64)
    frame_of[order] = np.arange(len(order))
    keys = np.flatnonzero(packets.key & ((frame_of >= 0) | ~packets.shown))
    stamps = np.where(packets.dts[keys] == NOTHING, packets.pts[keys], packets.dts[keys])
    places = packets.places[keys]
    known = _known_again(packets.places)[keys] & (stamps != NOTHING)
    return FrameIndex(
        stream=packets.stream,
        size=decoded.size,
        orientation=decoded.orientation,
        times=np.round(times * 1e9) / 1e9,
        offset=float(first) if np.isfinite(first) else 0.0,
        packets=order,
        keys=EntryPoints(keys[known], frame_of[keys[known]], stamps[known], places[known]),
        claimed=packets.claimed,
    )


def _known_again(places: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which packets no other one shares its place and size with."""
    if len(places) and places[0, 0] >= 0 and (np.diff(places[:, 0]) > 0).all():
        return np.ones(len(places), np.bool_)
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
