"""What can be told of H.264 without decoding it: whether frames may be two fields, and where packets hold pictures.

Numbers of sections and tables are those of ITU-T H.264.
"""

from __future__ import annotations

__all__ = ["is_disposable", "length_width", "may_hold_fields", "without_pictures"]

_SEQUENCE = 7  # nal_unit_type of a sequence parameter set (7.3.2.1)
_DISPOSABLE = 1  # first byte of a slice of a picture that no other one needs
_SLICES = (1, 5)  # of a slice of a picture, and of one that decoding can begin with
# profile_idc of those with a chroma format, bit depths and scaling lists in front.
_HIGH = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)


def may_hold_fields(extradata: bytes | None) -> bool:
    """Whether a packet may hold one field of a frame, of which the other packet holds the other.

    Args:
        extradata: The decoder's configuration, as of MP4 (avcC) or as a byte stream with start codes; ``None`` or what
            cannot be read says nothing, and then it may.
    """
    for unit in _units(extradata or b""):
        if unit and unit[0] & 31 == _SEQUENCE:
            try:
                return not _frames_alone(_Bits(unit[1:].replace(b"\0\0\3", b"\0\0")))
            except IndexError:
                break
    return True


def length_width(extradata: bytes | None) -> int:
    """Bytes of the length in front of each unit of a packet, as the decoder's configuration (avcC) says.

    Args:
        extradata: As of :func:`may_hold_fields`.

    Returns:
        1, 2 or 4; 0 where units are told apart by start codes, or nothing is known.
    """
    if not extradata or len(extradata) < 7 or extradata[0] != 1:
        return 0
    return (extradata[4] & 3) + 1


def without_pictures(data: bytes, width: int, keep: int) -> bytes | None:
    """A packet whose slices end behind their headers: a decoder takes or refuses it as it does the whole one.

    A decoder finds what is wrong with units and headers, refuses the packet, and conceals what is wrong behind them. So
    whether a frame comes out is told by the headers, in a hundredth of the time.

    Args:
        data: The packet.
        width: Bytes of each unit's length, see :func:`length_width`.
        keep: Bytes that are left of a slice, at least 1. Those of the header are mostly below 20; a table of weights
            for many reference frames can take more.

    Returns:
        The packet; ``None`` where it is not made of whole units, or one holds what it must not, such as a start code,
        behind which a decoder would look for another unit (7.4.1).
    """
    kept: list[bytes] = []
    place, end = 0, len(data)
    while place < end:
        begin = place + width
        size = int.from_bytes(data[place:begin], "big")
        place = begin + size
        if size < 2 or place > end or _has_start_code(data, begin, place):
            return None
        if size > keep and data[begin] & 31 in _SLICES:
            size = keep
        kept += (size.to_bytes(width, "big"), data[begin : begin + size])
    return b"".join(kept)


def is_disposable(data: bytes, width: int) -> bool:
    """Whether a packet is one slice of a picture that no other one needs (``nal_ref_idc`` 0), and nothing else.

    Args:
        data: The packet, made of whole units.
        width: Bytes of each unit's length.
    """
    return data[width] == _DISPOSABLE and int.from_bytes(data[:width], "big") == len(data) - width


def _has_start_code(data: bytes, begin: int, end: int) -> bool:
    """Whether two zeros are followed by 0, 1 or 2, or by nothing: within a unit, a 3 is put between."""
    place = data.find(b"\0\0", begin, end)
    while place >= 0:
        if place + 2 >= end or data[place + 2] < 3:
            return True
        place = data.find(b"\0\0", place + 3, end)
    return False


def _units(extradata: bytes) -> list[bytes]:
    if extradata[:1] != b"\1":
        return extradata.split(b"\0\0\1")[1:]
    units, place = [], 6  # the configuration's version, profile, level, sizes, and the number of sets
    for _ in range(extradata[5] & 31 if len(extradata) > 5 else 0):
        size = int.from_bytes(extradata[place : place + 2], "big")
        units.append(extradata[place + 2 : place + 2 + size])
        place += 2 + size
    return units


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


def _frames_alone(bits: _Bits) -> bool:
    """``frame_mbs_only_flag``."""
    profile = bits.read(8)
    bits.read(16)  # constraints and level
    bits.unsigned()  # seq_parameter_set_id
    if profile in _HIGH:
        chroma = bits.unsigned()
        if chroma == 3:
            bits.read()
        bits.unsigned(), bits.unsigned()  # bit depths
        bits.read()
        if bits.read():
            for number in range(12 if chroma == 3 else 8):
                if bits.read():
                    _skip_scaling_list(bits, 16 if number < 6 else 64)
    bits.unsigned()  # log2_max_frame_num_minus4
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.read()
        bits.signed(), bits.signed()
        for _ in range(bits.unsigned()):
            bits.signed()
    bits.unsigned()  # max_num_ref_frames
    bits.read()
    bits.unsigned(), bits.unsigned()  # width and height
    return bool(bits.read())


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last
