"""MOT text: a row per box, without header: frame and pixels from 1, then the animal's number and its box.

Nine columns are ground truth, where the seventh says whether a row counts; ten are a program's results, where it is the
confidence.
"""

from pathlib import PurePath

from amclip.data.formats.delimited import first_line, number, parse_number, rows
from amclip.data.label_error import LabelError, raise_together
from amclip.data.tracks.building import BoxRows, checked_box
from amclip.data.tracks.plain_table import frame_number
from amclip.data.tracks.track_format import Found, TextReader, TrackFormat, TrackReading
from amclip.text import counted

__all__ = ["FORMAT", "matches", "read"]

_FOLDERS = ("gt", "det")  # of a sequence, whose name is that of the video
_COLUMNS = ("frame", "id", "left", "top", "width", "height")
_TRUTH, _RESULTS = 9, 10


def matches(text: str) -> bool:
    """Whether the first line is of nine or ten numbers with commas between them."""
    cells = [cell.strip() for cell in first_line(text).split(",")]
    return len(cells) in (_TRUTH, _RESULTS) and all(parse_number(cell) is not None for cell in cells)


def read(text: str, source: str, reading: TrackReading) -> Found:
    """Read the boxes of one video.

    Raises:
        LabelError: If a row cannot be used, or none is of an animal.
    """
    found, errors = BoxRows(source), []
    columns, uncounted, nobodys, seen = 0, 0, 0, 0
    for line, row in rows(text, ",", source):
        columns = columns or len(row)
        try:
            if len(row) != columns:
                raise LabelError(f"has {len(row)} columns, and the first row has {columns}", source, line)
            frame = frame_number(row[0], source, line, "frame", first=1) - 1
            animal = _whole(row[1], source, line)
            x, y, width, height = (
                number(cell, name, source, line, what="a number of pixels")
                for name, cell in zip(_COLUMNS[2:], row[2:6], strict=True)
            )
            for name, side in (("width", width), ("height", height)):
                if side < 0:
                    raise LabelError(f"{side:.10g} is below 0", source, line, name)
            x, y = x - reading.mot_first_pixel, y - reading.mot_first_pixel
            box = checked_box(x, y, x + width, y + height, source, line)
            counts = number(row[6], "counts" if columns == _TRUTH else "confidence", source, line, what="a number")
        except LabelError as error:
            errors.append(error)
            continue
        if columns == _TRUTH and counts == 0:
            uncounted += 1
        elif animal < 0:
            nobodys += 1
        else:
            seen += 1
            found.add("", str(animal), frame, box, line)
    raise_together(errors)
    if not seen:
        reason = (
            f"none of its {nobodys + uncounted} rows is of an animal: their number is -1"
            if nobodys
            else "no row counts"
        )
        raise LabelError(f"{reason}; give the file of a tracker, not that of a detector", source)
    notes = []
    if uncounted:
        notes.append(f"left out: {counted(uncounted, 'row')} marked as not to be counted (0 in the seventh column)")
    if nobodys:
        notes.append(f"left out: {counted(nobodys, 'row')} of no animal (number -1)")
    return Found(found.tracks(), _sequence(source), notes)


def _whole(cell: str, source: str, line: int) -> int:
    value = number(cell, "id", source, line, what="the number of an animal")
    if not (value == value // 1 and -1 <= value < 2**53):
        raise LabelError(f"{cell[:80]!r} is not the number of an animal", source, line, "id")
    return int(value)


def _sequence(source: str) -> str | None:
    """The folder of ``gt/gt.txt``, by which a data set names the video."""
    parts = PurePath(source).parts
    if len(parts) > 2 and parts[-2] in _FOLDERS:
        return f"../../{parts[-3]}"
    return None


FORMAT = TrackFormat("MOT text of 9 or 10 columns", TextReader(matches, read))
