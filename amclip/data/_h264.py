"""What can be told of H.264 without decoding it: whether frames may be two fields, and where packets hold pictures.

Numbers of sections and tables are those of ITU-T H.264.
"""

from __future__ import annotations

from amclip.data._h264_sets import PICTURE_SET, SEQUENCE_SET, sequence_set, units
from amclip.data._h264_slice import SliceHeaders

__all__ = ["is_disposable", "length_width", "may_hold_fields", "without_pictures"]

_DISPOSABLE = 1  # first byte of a slice of a picture that no other one needs
# What stands in place of a picture. Ones are no number that an arithmetic decoder may begin with, so it stops at once;
# of zeros it would make a hundred blocks.
_ENDING = b"\xff" * 4
_SLICES = (1, 5)  # nal_unit_type of a slice of a picture, and of one that decoding can begin with


def may_hold_fields(extradata: bytes | None) -> bool:
    """Whether a packet may hold one field of a frame, of which the other packet holds the other.

    Args:
        extradata: The decoder's configuration, as of MP4 (avcC) or as a byte stream with start codes; ``None`` or what
            cannot be read says nothing, and then it may.
    """
    for unit in units(extradata or b""):
        if unit and unit[0] & 31 == SEQUENCE_SET:
            try:
                return not sequence_set(unit).frames_alone
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


def without_pictures(data: bytes, width: int, keep: int, headers: SliceHeaders | None = None) -> bytes | None:
    """A packet whose slices end behind their headers: a decoder takes or refuses it as it does the whole one.

    A decoder finds what is wrong with units and headers, refuses the packet, and conceals what is wrong behind them. So
    whether a frame comes out is told by the headers, in a hundredth of the time.

    Args:
        data: The packet.
        width: Bytes of each unit's length, see :func:`length_width`.
        keep: Bytes that are left of a slice whose header has no known length, at least 1. Those of the header are
            mostly below 20; a table of weights for many reference frames can take more.
        headers: Knows lengths of headers, and is told of the parameter sets in the packet.

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
        kind, ending = data[begin] & 31, b""
        if kind in _SLICES:
            length = headers.length(data, begin, place) if headers is not None else 0
            if length and length + len(_ENDING) < size:
                size, ending = length, _ENDING
            elif size > keep and not length:
                size = keep
        elif headers is not None and kind in (SEQUENCE_SET, PICTURE_SET):
            headers.meet(data[begin:place])
        kept += ((size + len(ending)).to_bytes(width, "big"), data[begin : begin + size], ending)
    return b"".join(kept)


def is_disposable(data: bytes, width: int) -> bool:
    """Whether a packet is one slice of a picture that no other one needs (``nal_ref_idc`` 0), and nothing else.

    Args:
        data: The packet.
        width: Bytes of each unit's length.
    """
    size, end = int.from_bytes(data[:width], "big"), len(data)
    return 2 <= size == end - width and data[width] == _DISPOSABLE and not _has_start_code(data, width, end)


def _has_start_code(data: bytes, begin: int, end: int) -> bool:
    """Whether two zeros are followed by 0, 1 or 2, or by nothing: within a unit, a 3 is put between."""
    place = data.find(b"\0\0", begin, end)
    while place >= 0:
        if place + 2 >= end or data[place + 2] < 3:
            return True
        place = data.find(b"\0\0", place + 3, end)
    return False
