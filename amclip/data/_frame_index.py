"""What is known of a video's frames, as a value: order, times, where decoding can begin, which way up."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["EntryPoints", "FrameIndex", "Orientation", "orientation_of"]


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
class EntryPoints:
    """Where decoding can begin; arrays of ``K`` in the order of the file.

    Attributes:
        packets: Numbers of the packets, int64, increasing.
        frames: The frame of each, as its place in the order of presentation; -1 where it is not shown.
        stamps: Time stamps to seek to, in the stream's unit.
        places: Byte position and size in the file, int64 ``[K, 2]``, by which a packet is known again.
    """

    packets: NDArray[np.int64]
    frames: NDArray[np.int64]
    stamps: NDArray[np.int64]
    places: NDArray[np.int64]


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
        keys: Where decoding can begin.
        claimed: Frames per second that the container claims, for videos of one frame.
    """

    stream: int
    size: tuple[int, int]
    orientation: Orientation
    times: NDArray[np.float64]
    offset: float
    packets: NDArray[np.int64]
    keys: EntryPoints
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
            "keys": _pack(self.keys.packets),
            "key_frames": _pack(self.keys.frames),
            "key_stamps": _pack(self.keys.stamps),
            "key_places": _pack(self.keys.places.T.reshape(-1)),
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
            keys=EntryPoints(
                packets=_unpack(values["keys"]),
                frames=_unpack(values["key_frames"]),
                stamps=_unpack(values["key_stamps"]),
                places=_unpack(values["key_places"]).reshape(2, -1).T,
            ),
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


def orientation_of(frame: Any) -> Orientation:
    """How a frame is to be turned for display, by its display matrix."""
    data = frame.side_data.get("DISPLAYMATRIX")  # by its name: a loop over them yields values up to PyAV 18, then names
    if data is None:
        return Orientation()
    return Orientation.from_matrix(tuple(np.frombuffer(bytes(data), "<i4").tolist()))
