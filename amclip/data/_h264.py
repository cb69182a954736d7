"""Whether an H.264 stream may code a frame as two fields, told by its sequence parameter set (ITU-T H.264, 7.3.2.1)."""

from __future__ import annotations

__all__ = ["may_hold_fields"]

_SEQUENCE = 7  # nal_unit_type of a sequence parameter set
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
