"""H.264 whose frames are coded as two fields, a packet each, from any frame on: no encoder at hand writes such.

Macroblocks are of type I_PCM, so that samples stand in the stream as they are (ITU-T H.264, 7.3). Each frame shows its
number as eight bars.
"""

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, GROUP = 128, 64, 10
_TICKS = 3600  # of a 90 kHz clock: 25 frames a second


class _Bits:
    def __init__(self) -> None:
        self.bits: list[int] = []

    def put(self, count: int, value: int) -> "_Bits":
        self.bits += [value >> bit & 1 for bit in reversed(range(count))]
        return self

    def golomb(self, *values: int) -> "_Bits":
        for value in values:
            self.put(2 * (value + 1).bit_length() - 1, value + 1)
        return self

    def samples(self, values: NDArray[np.uint8]) -> None:
        self.bits += [0] * (-len(self.bits) % 8)
        self.bits += np.unpackbits(values.ravel()).tolist()

    def unit(self, kind: int) -> bytes:
        """A NAL unit with its start code."""
        self.put(1, 1)
        self.samples(np.zeros(0, np.uint8))
        unit, zeros = bytearray([0x60 | kind]), 0
        for byte in np.packbits(np.array(self.bits, np.uint8)).tolist():
            if zeros >= 2 and byte <= 3:
                unit.append(3)
                zeros = 0
            unit.append(byte)
            zeros = 0 if byte else zeros + 1
        return b"\0\0\0\1" + bytes(unit)


def _parameter_sets() -> bytes:
    sequence = _Bits().put(8, 77).put(16, 30).golomb(0, 4, 2, 1).put(1, 0).golomb(WIDTH // 16 - 1, HEIGHT // 32 - 1)
    sequence.put(1, 0).put(1, 0).put(1, 1).put(1, 0).put(1, 0)  # fields, none of them within a frame's macroblocks
    pictures = _Bits().golomb(0, 0).put(2, 0).golomb(0, 0, 0).put(3, 0).golomb(0, 0, 0).put(3, 0b100)
    return sequence.unit(7) + pictures.unit(8)


def _picture(luma: NDArray[np.uint8], number: int, field: int | None, first: bool) -> bytes:
    """A frame, or its upper (0) or lower (1) field."""
    refreshes = first and number % GROUP == 0
    bits = _Bits().golomb(0, 7, 0).put(8, number % GROUP).put(1, field is not None)
    if field is not None:
        bits.put(1, field)
    if refreshes:
        bits.golomb(number // GROUP % 2).put(1, 0)
    bits.put(1, 0).golomb(0, 1)
    for top in range(0, luma.shape[0], 16):
        for left in range(0, WIDTH, 16):
            bits.golomb(25).samples(luma[top : top + 16, left : left + 16])
            bits.samples(np.full(128, 128, np.uint8))
    return bits.unit(5 if refreshes else 1)


def write_fields(path: Path, in_fields: Sequence[bool]) -> Path:
    """Write a frame per item, as a packet or as two with half a frame's time between them."""
    units = []
    for number, split in enumerate(in_fields):
        bars = np.repeat([40 + 170 * (number >> bit & 1) for bit in range(8)], WIDTH // 8).astype(np.uint8)
        luma = np.broadcast_to(bars, (HEIGHT, WIDTH))
        parts = [luma[0::2], luma[1::2]] if split else [luma]
        for place, part in enumerate(parts):
            data = _picture(part, number, place if split else None, place == 0)
            key = number % GROUP == 0 and place == 0
            stamp, duration = number * _TICKS + place * _TICKS // 2, _TICKS // len(parts)
            units.append((stamp, duration, _parameter_sets() + data if key else data, key))
    with (
        av.open(io.BytesIO(b"".join(data for _, _, data, _ in units)), format="h264") as plain,
        av.open(path, "w") as file,
    ):
        stream = file.add_stream_from_template(plain.streams.video[0])
        for stamp, duration, data, key in units:
            packet = av.Packet(data)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 25 * _TICKS), key
            packet.pts = packet.dts = stamp
            packet.duration = duration
            file.mux(packet)
    return path


def number_of(pixels: NDArray[np.uint8]) -> int:
    """The number that a frame ``[H, W, 3]`` shows."""
    bars = pixels[16:48].reshape(32, 8, WIDTH // 8, 3).mean(axis=(0, 2, 3)) > 125
    return int(sum(1 << bit for bit in range(8) if bars[bit]))
