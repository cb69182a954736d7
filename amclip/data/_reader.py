"""Read the frames of a video by their index: any of them in any order, or many in one pass, never another one."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from amclip.data._container import open_container
from amclip.data._frame_index import FrameIndex
from amclip.data._packets import draft, name_packet, numbered_packets
from amclip.data._scale import Scaler

__all__ = ["FrameReader", "MissingFrameError", "Reader"]

# Frames in a row that may be replaced by the one before them.
_LARGEST_HOLE = 2
# Reading on over this many packets, without decoding them, is cheaper than seeking.
_WORTH_SEEKING = 64
# Where a frame does not come out: how many key frames further back decoding begins anew, one try after the other.
_FURTHER_BACK = (1, 2, 4, 8)
_REMEMBERED = 256
_INTRA = 1  # AV_PICTURE_TYPE_I
# Their decoders hold frames back until pictures are whole again, so the first one need not be the key frame.
_RECOVERING = ("h264", "hevc")
# These look at skip_frame for each packet anew (libdav1d only when it is opened), and drop what no other frame needs.
_SKIPPING = ("h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4")


class Reader(Protocol):
    """What :class:`amclip.data.video.Video` needs of a reader."""

    times: NDArray[np.float64]  # seconds, one per frame, in order of presentation
    size: tuple[int, int]  # height and width of the frames that it gives
    claimed: float  # frames per second by the container, for videos of one frame

    def frames(self, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Frames at increasing indices, one by one, ``[height, width, 3]``, RGB."""

    def close(self) -> None:
        """Give files and memory back."""


class MissingFrameError(RuntimeError):
    """A frame that does not come out of the decoder."""


class FrameReader:
    """Reads frames by PyAV, in one thread.

    Decoding begins at a key frame that lies before the wanted frame both in the file and on the screen, so no frame is
    asked for that follows a key frame in the file and refers to what lies before it (open groups of pictures). Frames
    that nobody asked for and that no other frame needs are skipped by the decoder. Decoding goes on where it stands
    unless there is a key frame between; up to one that is near, packets are read and not decoded.

    A frame or two whose packets the decoder refuses are replaced by the one before; more are an error, since a still
    picture would pass for an animal that holds still.

    Args:
        path: The file.
        index: Its frames.
        size: ``(height, width)``, as shown, that frames are scaled to; ``None`` leaves them as they are.
        drafts: Decode faster, to pixels that are not quite right: to see whether frames come out at all.

    Attributes:
        interlaced: Whether a frame that was given was coded as two half pictures.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        index: FrameIndex,
        size: tuple[int, int] | None = None,
        drafts: bool = False,
    ) -> None:
        self._drafts = drafts
        self._path, self._index = os.fspath(path), index
        self.times, self.claimed = index.times, index.claimed
        self.size = size or index.orientation.shown(index.size)
        self._stored = None if size is None else index.orientation.shown(size)
        self._frame_of = np.full(int(index.packets.max(initial=0)) + 1, -1, np.int64)
        self._frame_of[index.packets] = np.arange(len(index))
        self._keys = index.keys
        places = zip(index.keys.places.tolist(), index.keys.packets, strict=True)
        self._numbers = {tuple(place): packet for place, packet in places}
        self._container: Any = None
        self._stream: Any = None
        self._scaler = Scaler()
        self._pass: _Pass | None = None
        self.interlaced = False

    def close(self) -> None:
        """Give the file and the decoder back; reading opens them anew."""
        self._pass = None
        if self._container is not None:
            self._container.close()
            self._container = self._stream = None

    def frames(self, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Frames at increasing indices, one by one, ``[height, width, 3]``, RGB.

        Raises:
            MissingFrameError: If one does not come out of the decoder.
            av.error.FFmpegError: If the file cannot be opened any more.
        """
        wanted = set(indices)
        for target in indices:
            yield self._pixels(self._find(int(target), wanted, int(indices[-1])))

    def _find(self, target: int, wanted: Collection[int], last: int) -> Any:
        """The decoded frame."""
        current = self._pass if self._pass is not None and self._reaches(self._pass, target) else self._begin(target, 0)
        if current.advance(target, wanted, last):
            return current.frame
        # It lies in damage, or the key frame was none. With everything decoded on the way, and from further back, the
        # two can be told from each other.
        for back in _FURTHER_BACK:
            current = self._begin(target, back)
            if current.advance(target, range(target + 1), target):
                return current.frame
            if current.came_by:
                break
        else:
            current = self._from_start()
            if current.advance(target, range(target + 1), target):
                return current.frame
        if current.frame_before is None or current.hole > _LARGEST_HOLE or not current.refused(target):
            raise MissingFrameError(f"frame {target} is missing")
        return current.frame_before

    def _reaches(self, current: _Pass, target: int) -> bool:
        """Whether going on with a pass gives the frame, and sooner than beginning at a key frame."""
        if not current.can_reach(target, int(self._index.packets[target])):
            return False
        key = self._index.key_before(target)
        return key < 0 or int(self._keys.packets[key]) <= current.next

    def _begin(self, target: int, back: int) -> _Pass:
        """A pass from a key frame before the target, ``back`` key frames further than need be."""
        place, step = self._index.key_before(target) - back, 1
        while place >= 0 and self._keys.packets[place] > 0:
            current = self._read_on(place) or self._seek(place)
            if current is not None:
                self._pass = current
                return current
            place, step = place - step, 2 * step  # the container's seeking went past it
        return self._from_start()

    def _from_start(self) -> _Pass:
        self.close()
        self._open()
        packets = numbered_packets(self._container, self._stream)
        self._pass = _Pass(self._stream.codec_context, self._frame_of, packets, 0, None)
        return self._pass

    def _read_on(self, place: int) -> _Pass | None:
        """A pass from the key frame at this place of the index, where packets are read that lie shortly before it."""
        key = int(self._keys.packets[place])
        if self._pass is None or not 0 <= key - self._pass.next < _WORTH_SEEKING:
            return None
        packet, packets = self._pass.read_up_to(key)
        if packet is None:
            return None
        self._stream.codec_context.flush_buffers()
        return self._pass_from(place, packet, packets)

    def _pass_from(self, place: int, packet: Any, packets: Iterator[tuple[int, Any]]) -> _Pass:
        """A pass from the key frame at this place of the index: its packet, and those behind it."""
        key, frame = int(self._keys.packets[place]), int(self._keys.frames[place])
        key_frame = frame if frame >= 0 else None
        return _Pass(self._stream.codec_context, self._frame_of, packets, key, key_frame, (key, packet))

    def _seek(self, place: int) -> _Pass | None:
        """A pass from the key frame at this place of the index; ``None`` where the container's seeking goes past it."""
        import av

        self._open()
        key = int(self._keys.packets[place])
        try:
            self._container.seek(int(self._keys.stamps[place]), stream=self._stream)
            for packet in self._container.demux(self._stream):
                number = self._numbers.get((packet.pos, packet.size), -1)
                if number >= key or not packet.size:
                    break
            else:
                return None
        except av.error.FFmpegError:
            return None
        if number != key:
            return None
        name_packet(packet, key)
        return self._pass_from(place, packet, numbered_packets(self._container, self._stream, key + 1))

    def _open(self) -> None:
        if self._container is None:
            self._container = open_container(self._path)
            self._stream = self._container.streams[self._index.stream]
            self._stream.thread_type, self._stream.thread_count = "NONE", 1
            if self._drafts:
                draft(self._stream)

    def _pixels(self, frame: Any) -> NDArray[np.uint8]:
        self.interlaced |= bool(frame.interlaced_frame)
        return self._scaler(frame, self._stored, self._index.orientation)


class _Pass:
    """Decoding from one place on.

    Args:
        context: The decoder, empty.
        frame_of: Place in the order of presentation of each packet's frame; -1 where none is shown.
        packets: With their numbers.
        first: Number of the first one.
        key_frame: The frame that must come first and be whole in itself, or ``None`` where decoding begins with the
            file or with a frame that is not shown.
        ahead: A packet with its number that comes before the others.

    Attributes:
        next: Number of the packet that the decoder gets next.
        frame: The frame that came out last; ``None`` before the first.
        frame_before: The one before it.
    """

    def __init__(
        self,
        context: Any,
        frame_of: NDArray[np.int64],
        packets: Iterator[tuple[int, Any]],
        first: int,
        key_frame: int | None,
        ahead: tuple[int, Any] | None = None,
    ) -> None:
        self._context, self._frame_of, self._packets, self._key_frame = context, frame_of, packets, key_frame
        self._ahead = ahead
        self.next = first
        self.frame: Any = None
        self.frame_before: Any = None
        self._index, self._index_before = -1, -1
        self._skips = context.name in _SKIPPING
        self._refused: set[int] = set()  # frames whose packets the decoder did not take
        self._skipped: set[int] = set()  # frames that nobody wanted when their packets were decoded
        self._waiting: list[Any] = []  # came out of the decoder and were not used yet
        self._usable = True

    @property
    def came_by(self) -> bool:
        """Whether frames before the target came out, so that it is missing, and not just not recovered yet."""
        return self._usable and self.frame_before is not None

    def refused(self, target: int) -> bool:
        """Whether the decoder did not take the packet of a frame."""
        return target in self._refused

    @property
    def hole(self) -> int:
        """Frames that are missing between the last one and the one before."""
        return self._index - self._index_before - 1

    def read_up_to(self, number: int) -> tuple[Any, Iterator[tuple[int, Any]]]:
        """A packet that is still to come, ``None`` where none of this number is, and those behind it: for another pass.

        Nothing more comes out of this one.
        """
        self._usable = False
        found, packet = self._next_packet()
        while packet is not None and found < number:
            found, packet = self._next_packet()
        return (packet if packet is not None and packet.size else None), self._packets

    def _next_packet(self) -> tuple[int, Any]:
        """Number and packet; ``None`` for the packet at the end."""
        ahead, self._ahead = self._ahead, None
        return ahead or next(self._packets, (-1, None))

    def can_reach(self, target: int, packet: int) -> bool:
        """Whether a frame may still come out."""
        return self._usable and target > self._index and (packet >= self.next or target not in self._skipped)

    def advance(self, target: int, wanted: Collection[int], last: int) -> bool:
        """Decode until the target comes out, or a frame behind it, or nothing more.

        Args:
            target: The frame.
            wanted: Frames that will be asked for; others before ``last`` are skipped where no frame needs them.
            last: The last one of them.
        """
        while self._index < target:
            frame = self._come_out(wanted, last)
            if frame is None:
                self.frame_before, self._index_before = self.frame, self._index
                self.frame, self._index = None, len(self._frame_of)
                self._usable = False
                return False
            index = int(self._frame_of[frame.pts]) if 0 <= frame.pts < len(self._frame_of) else -1
            if index < 0:
                continue
            if self.frame is None and not self._begins_well(index, frame):
                self._usable = False
                return False
            if index <= self._index:
                self._usable = False
                raise MissingFrameError("its frames come in another order than when it was probed")
            self.frame_before, self._index_before = self.frame, self._index
            self.frame, self._index = frame, index
        return self._index == target

    def _begins_well(self, index: int, frame: Any) -> bool:
        """Whether a container told the truth about a key frame: it comes first, and needs no other."""
        if self._key_frame is None:
            return True
        if index == self._key_frame:
            return bool(frame.key_frame) or int(frame.pict_type) == _INTRA
        return self._context.name in _RECOVERING

    def _come_out(self, wanted: Collection[int], last: int) -> Any:
        """The next frame out of the decoder; ``None`` at the end."""
        import av

        while not self._waiting:
            number, packet = self._next_packet()
            if packet is None:
                return None
            self.next = number + 1
            frame = int(self._frame_of[number]) if number < len(self._frame_of) else -1
            thin = self._skips and bool(packet.size) and 0 <= frame < last and frame not in wanted
            if thin:
                self._skipped.add(frame)
                if len(self._skipped) > _REMEMBERED:
                    self._skipped = {skipped for skipped in self._skipped if skipped > self._index}
            if self._skips:
                self._context.skip_frame = "NONREF" if thin else "DEFAULT"
            try:
                self._waiting += packet.decode()
            except av.error.FFmpegError:
                self._refused.add(frame)
        return self._waiting.pop(0)
