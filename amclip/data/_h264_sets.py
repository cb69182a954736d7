"""What the parameter sets of an H.264 stream say about the headers of its slices.

Numbers of sections and tables are those of ITU-T H.264.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PICTURE_SET", "SEQUENCE_SET", "PictureSet", "SequenceSet", "picture_set", "sequence_set", "units"]

SEQUENCE_SET, PICTURE_SET = 7, 8  # nal_unit_type (table 7-1)
# profile_idc of those with a chroma format, bit depths and scaling lists in front.
_HIGH = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)


@dataclass(frozen=True)
class SequenceSet:
    """A sequence parameter set (7.3.2.1), as far as it tells of slices.

    Attributes:
        number: Its own.
        chroma: ``chroma_format_idc``; 0 where there is no colour.
        planes: Whether each colour is coded by itself.
        frame_number_bits: Of ``frame_num``.
        order_type: ``pic_order_cnt_type``.
        order_bits: Of ``pic_order_cnt_lsb``, for type 0.
        frames_alone: ``frame_mbs_only_flag``: no picture is a field.
    """

    number: int
    chroma: int
    planes: bool
    frame_number_bits: int
    order_type: int
    order_bits: int
    frames_alone: bool


@dataclass(frozen=True)
class PictureSet:
    """A picture parameter set (7.3.2.2), as far as it tells of slices.

    Attributes:
        number: Its own.
        sequence: Number of the sequence parameter set that it refers to.
        cabac: ``entropy_coding_mode_flag``.
        order_of_both: Whether slices give a second number for order.
        groups: Of slices.
        references: By default, of both lists.
        weights: Whether slices of P pictures have a table of weights.
        weights_of_b: Whether those of B pictures have.
        deblocking: Whether slices say how edges are smoothed.
        redundant: Whether slices say whether they are copies.
    """

    number: int
    sequence: int
    cabac: bool
    order_of_both: bool
    groups: int
    references: tuple[int, int]
    weights: bool
    weights_of_b: bool
    deblocking: bool
    redundant: bool


def units(extradata: bytes) -> list[bytes]:
    """The units of a decoder's configuration, as of MP4 (avcC) or as a byte stream with start codes."""
    if extradata[:1] != b"\1":
        return extradata.split(b"\0\0\1")[1:]
    found: list[bytes] = []
    place = 5  # behind the configuration's version, profile, level and sizes
    for most in (31, 255):  # numbers of sequence and picture parameter sets, each in front of them
        count = extradata[place] & most if place < len(extradata) else 0
        place += 1
        for _ in range(count):
            size = int.from_bytes(extradata[place : place + 2], "big")
            found.append(extradata[place + 2 : place + 2 + size])
            place += 2 + size
    return found


def sequence_set(unit: bytes) -> SequenceSet:
    """A unit of type :data:`SEQUENCE_SET`.

    Raises:
        IndexError: If it ends too early.
    """
    bits = _bits_of(unit)
    profile = bits.read(8)
    bits.read(16)  # constraints and level
    number, chroma, planes = bits.unsigned(), 1, False
    if profile in _HIGH:
        chroma = bits.unsigned()
        if chroma == 3:
            planes = bool(bits.read())
        bits.unsigned(), bits.unsigned()  # bit depths
        bits.read()
        if bits.read():
            for place in range(12 if chroma == 3 else 8):
                if bits.read():
                    _skip_scaling_list(bits, 16 if place < 6 else 64)
    frame_number_bits = bits.unsigned() + 4
    order, order_bits = bits.unsigned(), 0
    if order == 0:
        order_bits = bits.unsigned() + 4
    elif order == 1:
        bits.read()
        bits.signed(), bits.signed()
        for _ in range(bits.unsigned()):
            bits.signed()
    bits.unsigned()  # max_num_ref_frames
    bits.read()
    bits.unsigned(), bits.unsigned()  # width and height
    return SequenceSet(number, chroma, planes, frame_number_bits, order, order_bits, bool(bits.read()))


def picture_set(unit: bytes) -> PictureSet:
    """A unit of type :data:`PICTURE_SET`; what stands behind the number of groups holds only where that is 1.

    Raises:
        IndexError: If it ends too early.
    """
    bits = _bits_of(unit)
    number, sequence = bits.unsigned(), bits.unsigned()
    cabac, order_of_both, groups = bits.read(), bits.read(), bits.unsigned() + 1
    references = bits.unsigned() + 1, bits.unsigned() + 1
    weights, weights_of_b = bits.read(), bits.read(2)
    bits.signed(), bits.signed(), bits.signed()  # quantisers, and chroma's offset
    deblocking = bits.read()
    bits.read()
    redundant = bits.read()
    return PictureSet(
        number=number,
        sequence=sequence,
        cabac=bool(cabac),
        order_of_both=bool(order_of_both),
        groups=groups,
        references=references,
        weights=bool(weights),
        weights_of_b=weights_of_b == 1,  # 2: they follow from distances
        deblocking=bool(deblocking),
        redundant=bool(redundant),
    )


class _Bits:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def read(self, count: int = 1) -> int:
        """An unsigned number of so many bits."""
        value = 0
        for _ in range(count):
            value = value << 1 | self.data[self.place >> 3] >> (7 - self.place & 7) & 1
            self.place += 1
        return value

    def unsigned(self) -> int:
        """An Exp-Golomb code, ``ue(v)``."""
        zeros = 0
        while not self.read():
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        """An Exp-Golomb code, ``se(v)``."""
        value = self.unsigned()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def _bits_of(unit: bytes) -> _Bits:
    return _Bits(unit[1:].replace(b"\0\0\3", b"\0\0"))


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last
