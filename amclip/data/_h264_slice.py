"""Where the header of an H.264 slice ends, and its picture begins.

Numbers of sections and tables are those of ITU-T H.264.
"""

from __future__ import annotations

from amclip.data._h264_sets import PICTURE_SET, SEQUENCE_SET, PictureSet, SequenceSet, picture_set, sequence_set, units

__all__ = ["SliceHeaders"]

_LOOKED = 64  # bytes in which a header should end
_P, _B, _I = 0, 1, 2  # slice_type, modulo 5 (table 7-6)
_IDR = 5  # nal_unit_type
_MOST_REFERENCES = 32  # FFmpeg refuses more
_VALUES_OF_MARK = (0, 1, 1, 2, 1, 0, 1)  # by memory_management_control_operation (7.3.3.3)
_END_OF_MOVES, _MOST_MOVES = 3, 66  # modification_of_pic_nums_idc (7.3.3.1)


class SliceHeaders:
    """Lengths of the headers of one stream's slices, by the parameter sets of its configuration.

    Args:
        extradata: As of :func:`amclip.data._h264.may_hold_fields`.
    """

    def __init__(self, extradata: bytes | None) -> None:
        self._sets = frozenset(filter(None, units(extradata or b"")))
        self._layouts: dict[int, tuple[PictureSet, SequenceSet]] = {}
        try:
            sequences = [sequence_set(unit) for unit in self._sets if unit[0] & 31 == SEQUENCE_SET]
            pictures = [picture_set(unit) for unit in self._sets if unit[0] & 31 == PICTURE_SET]
        except IndexError:
            return
        by_number = {sequence.number: sequence for sequence in sequences}
        if len(by_number) < len(sequences) or len({picture.number for picture in pictures}) < len(pictures):
            return  # one takes the place of another
        for picture in pictures:
            sequence = by_number.get(picture.sequence)
            if sequence is not None and _is_plain(picture, sequence):
                self._layouts[picture.number] = picture, sequence

    def meet(self, unit: bytes) -> None:
        """Take note of a parameter set that the stream brings: lengths are no longer known where it is another one."""
        if unit not in self._sets:
            self.forget()

    def forget(self) -> None:
        """Know no more lengths: the stream may have brought other parameter sets."""
        self._layouts.clear()

    def length(self, data: bytes, begin: int, end: int) -> int:
        """Bytes of the header of a slice, the unit's own byte among them.

        Args:
            data: Holds the slice.
            begin: Where its unit begins.
            end: Where it ends.

        Returns:
            The length, to the whole byte in which the header ends; 0 where it is not known: in streams with fields or
            other things that are rare, and where it is not as it should be.
        """
        head = data[begin + 1 : min(begin + 1 + _LOOKED, end)]
        if not self._layouts:
            return 0
        # A digit a bit, with a 1 in front that is cut off, which keeps the zeros.
        bits = bin(int.from_bytes(b"\1" + head, "big"))[3:]
        try:
            place = self._end(bits, data[begin] >> 5 & 3, data[begin] & 31)
        except ValueError:  # it does not end here
            return 0
        length = (place + 7) // 8
        # The 3 that is put behind two zeros (7.4.1) is not of the header.
        return 1 + length if 0 < length <= len(head) and b"\0\0\3" not in head[:length] else 0

    def _end(self, bits: str, referred: int, kind: int) -> int:
        """Place of the bit behind the header (7.3.3), 0 where it is not known.

        Raises:
            ValueError: If it lies behind the bits.
        """
        find = bits.index  # An Exp-Golomb code has as many bits behind its first 1 as zeros before it (9.1).
        place = 2 * find("1") + 1  # first_mb_in_slice
        slice_type, place = _unsigned(bits, place)
        number, place = _unsigned(bits, place)
        layout = self._layouts.get(number)
        slice_type = slice_type - 5 if slice_type > 4 else slice_type
        if layout is None or slice_type > _I:
            return 0
        picture, sequence = layout
        place += sequence.frame_number_bits
        if kind == _IDR:
            place = 2 * find("1", place) - place + 1  # idr_pic_id
        place += sequence.order_bits
        if picture.order_of_both and sequence.order_type == 0:
            place = 2 * find("1", place) - place + 1  # delta_pic_order_cnt_bottom
        if slice_type != _I:
            place = _behind_references(bits, place, slice_type, picture, sequence)
            if not place:
                return 0
        if referred:
            place = place + 2 if kind == _IDR else _behind_marks(bits, place)
            if not place:
                return 0
        if picture.cabac and slice_type != _I:
            place = 2 * find("1", place) - place + 1  # cabac_init_idc
        place = 2 * find("1", place) - place + 1  # slice_qp_delta
        if picture.deblocking:
            unfiltered, place = _unsigned(bits, place)
            if unfiltered != 1:
                place = 2 * find("1", place) - place + 1
                place = 2 * find("1", place) - place + 1
        return place


def _is_plain(picture: PictureSet, sequence: SequenceSet) -> bool:
    """Whether slices are frames' own, one after the other, in an order that each of them tells or that needs none."""
    return (
        sequence.frames_alone
        and not sequence.planes
        and sequence.chroma <= 3
        and sequence.order_type in (0, 2)
        and max(sequence.frame_number_bits, sequence.order_bits) <= 16
        and picture.groups == 1
        and max(picture.references) <= _MOST_REFERENCES
        and not picture.redundant
    )


def _unsigned(bits: str, place: int) -> tuple[int, int]:
    """An Exp-Golomb code at this place, ``ue(v)``, and the place behind it.

    Raises:
        ValueError: If there is none.
    """
    first = bits.index("1", place)
    behind = 2 * first - place + 1
    return int(bits[first:behind], 2) - 1, behind


def _behind_references(bits: str, place: int, slice_type: int, picture: PictureSet, sequence: SequenceSet) -> int:
    """Place behind what a slice says of the frames that it refers to; 0 where it is not as it should be."""
    references = picture.references[: 1 + slice_type]
    if slice_type == _B:
        place += 1  # direct_spatial_mv_pred_flag
    place += 1
    if bits[place - 1 : place] == "1":  # num_ref_idx_active_override_flag
        counts = []
        for _ in references:
            count, place = _unsigned(bits, place)
            counts.append(count + 1)
        references = tuple(counts)
        if max(references) > _MOST_REFERENCES:
            return 0
    for _ in references:
        place += 1
        if bits[place - 1 : place] == "1":  # ref_pic_list_modification_flag
            place = _behind_moves(bits, place)
            if not place:
                return 0
    if picture.weights if slice_type == _P else picture.weights_of_b:
        place = _behind_weights(bits, place, references, sequence.chroma > 0)
    return place


def _behind_moves(bits: str, place: int) -> int:
    for _ in range(_MOST_MOVES):
        move, place = _unsigned(bits, place)
        if move == _END_OF_MOVES:
            return place
        if move > _END_OF_MOVES:
            return 0
        place = 2 * bits.index("1", place) - place + 1
    return 0


def _behind_weights(bits: str, place: int, references: tuple[int, ...], colour: bool) -> int:
    """The table of weights (7.3.3.2)."""
    for _ in range(1 + colour):
        place = 2 * bits.index("1", place) - place + 1  # denominators
    for count in references:
        for _ in range(count):
            for values in (2, 4)[: 1 + colour]:
                place += 1
                if bits[place - 1 : place] == "1":
                    for _ in range(values):
                        place = 2 * bits.index("1", place) - place + 1
    return place


def _behind_marks(bits: str, place: int) -> int:
    """Frames that are to be forgotten or kept (7.3.3.3)."""
    place += 1
    if bits[place - 1 : place] != "1":  # adaptive_ref_pic_marking_mode_flag
        return place
    for _ in range(_MOST_MOVES):
        mark, place = _unsigned(bits, place)
        if not mark:
            return place
        if mark >= len(_VALUES_OF_MARK):
            return 0
        for _ in range(_VALUES_OF_MARK[mark]):
            place = 2 * bits.index("1", place) - place + 1
    return 0
