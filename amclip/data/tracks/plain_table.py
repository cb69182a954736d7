"""amclip's own table of tracks: ``video,frame,subject,x,y,width,height[,body_length]``, a row per box."""

import csv
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from amclip.atomic import writing_text
from amclip.data.class_name_rules import round_trips
from amclip.data.formats.csv_table import VIDEO_COLUMNS
from amclip.data.formats.delimited import Columns, delimiter_of, first_line, number, place_columns, rows
from amclip.data.label_error import LabelError, raise_together
from amclip.data.subject_names import refuse_subject
from amclip.data.tracks.building import LARGEST_FRAME, LARGEST_PIXEL, BoxRows, checked_box, checked_subject
from amclip.data.tracks.track import Tracks
from amclip.data.tracks.track_format import Found, TextReader, TrackFormat, TrackReading
from amclip.text import path_cell

__all__ = ["COLUMNS", "FORMAT", "frame_number", "matches", "read", "write_tracks"]

COLUMNS = ("video", "frame", "subject", "x", "y", "width", "height")
_BOX = COLUMNS[3:]
_LENGTH = "body_length"
_BLOCK = 1 << 14  # rows that are read at once
_ENOUGH = 3  # columns of a box and its animal, beside the frame's, by which the table is told


def matches(text: str) -> bool:
    """Whether the first line is a header with the frame and some of the other columns."""
    return _delimiter(first_line(text)) is not None


def _delimiter(line: str) -> str | None:
    def is_header(cells: Sequence[str]) -> bool:
        return "frame" in cells and len({*COLUMNS[2:], _LENGTH} & {*cells}) >= _ENOUGH

    return delimiter_of(line, is_header, (",", "\t", ";"))


def read(text: str, source: str, reading: TrackReading) -> Found:
    """Read a table from its text; rows may be in any order, and those whose box is empty say nothing.

    Raises:
        LabelError: If a row or the header cannot be used; names line and column.
    """
    delimiter = _delimiter(first_line(text)) or ","
    lines = rows(text, delimiter, source)
    line, header = next(lines)
    columns = _BoxColumns(source, header, delimiter, _layout(header, source, line))
    found, errors = BoxRows(source), []
    while block := list(islice(lines, _BLOCK)):
        if columns.add_block(block, found):
            continue
        for line, row in block:
            try:
                columns.add(row, line, found)
            except LabelError as error:
                errors.append(error)
    raise_together(errors)
    return Found(found.tracks())


def _role_of(name: str) -> str | None:
    name = "video" if name in VIDEO_COLUMNS else name
    return name if name in (*COLUMNS, _LENGTH) else None


def _layout(header: Sequence[str], source: str, line: int) -> dict[str, int]:
    """Index of each column."""
    places, _ = place_columns(header, _role_of, source, line)  # other columns are the user's own
    missing = [name for name in COLUMNS if name not in places]
    if missing:
        raise LabelError(
            f"has no column {missing[0]!r}; tracks need the columns {', '.join(COLUMNS)}", source, line, missing[0]
        )
    return places


def frame_number(cell: str, source: str, line: int, column: str, first: int = 0) -> int:
    """The number of a frame, whole; programs may write it with decimals (``7.0``).

    Raises:
        LabelError: If it is none, or below the first.
    """
    value = number(cell, column, source, line, what="the number of a frame")
    if not (value == value // 1 and first <= value < LARGEST_FRAME):
        reason = f"{cell[:80]!r} is not the number of a frame: whole, from {first} to {LARGEST_FRAME:,}"
        raise LabelError(reason, source, line, column)
    return int(value)


class _BoxColumns(Columns):
    """The columns of a table of boxes."""

    def add(self, row: Sequence[str], line: int, found: BoxRows) -> None:
        """Add a row's box.

        Raises:
            LabelError: If it cannot be used.
        """
        header, places, source = self.header, self.places, self.source
        row = self.cells(row, line)
        video = self.video(row, line)
        subject = checked_subject(row[places["subject"]], source, line, header[places["subject"]])
        frame = frame_number(row[places["frame"]], source, line, header[places["frame"]])
        if not any(row[places[name]] for name in _BOX):
            return
        x, y, width, height = (self._pixels(row, name, line) for name in _BOX)
        box = checked_box(x, y, x + width, y + height, source, line)
        length = self._pixels(row, _LENGTH, line) if _LENGTH in places and row[places[_LENGTH]] else None
        if length is not None and length <= 0:
            reason = f"{row[places[_LENGTH]]} is not a length in pixels; write one above 0, or leave the cell empty"
            raise self.error(reason, line, _LENGTH)
        found.add(video, subject, frame, box, line, length)

    def add_block(self, block: Sequence[tuple[int, list[str]]], found: BoxRows) -> bool:
        """Add many rows at once, many times as quick as one by one; nothing, and False, where one is not as usual.

        Rows one by one find out which it is, and whether it is wrong.
        """
        if any(len(row) != len(self.header) for _, row in block):
            return False
        columns = {name: [row[place] for _, row in block] for name, place in self.places.items()}
        lengths = [cell or "nan" for cell in columns.get(_LENGTH, [])]
        numbers = [columns["frame"], *(columns[name] for name in _BOX), *[lengths] * bool(lengths)]
        if any("_" in "".join(cells) for cells in numbers):  # float takes 1_0 for ten
            return False
        try:
            frames, x, y, width, height, *known = np.array([list(map(float, cells)) for cells in numbers])
            animals = dict.fromkeys(zip(columns["video"], columns["subject"], strict=True))
            for video, subject in animals:
                checked_subject(subject if video else "", self.source)
        except ValueError:
            return False
        boxes = np.stack([x, y, x + width, y + height], axis=1)
        good = (np.abs(boxes) <= LARGEST_PIXEL).all() and (width >= 0).all() and (height >= 0).all()
        good &= ((frames >= 0) & (frames < LARGEST_FRAME) & (frames == np.floor(frames))).all()
        measured = known[0][~np.isnan(known[0])] if known else np.empty(0)
        if not good or not ((measured > 0) & (measured <= LARGEST_PIXEL)).all() or "nan" in columns.get(_LENGTH, ()):
            return False
        numbered = {animal: number for number, animal in enumerate(animals)}
        whose = np.array([numbered[one] for one in zip(columns["video"], columns["subject"], strict=True)])
        lines = np.array([line for line, _ in block], np.int64)
        for (video, subject), code in numbered.items():
            own = whose == code
            body = known[0][own] if known else np.empty(0)
            body = body[~np.isnan(body)].tolist()
            found.add_block(video, subject, frames[own].astype(np.int64), boxes[own], lines[own], body)
        return True

    def _pixels(self, row: Sequence[str], name: str, line: int) -> float:
        cell, value = row[self.places[name]], self.number(row, name, line, "a number of pixels")
        if not abs(value) <= LARGEST_PIXEL:
            hint = "where the animal is not there, leave the row out"
            raise self.error(f"{cell[:80]!r} is not a number of pixels in an image; {hint}", line, name)
        if value < 0 and name in ("width", "height"):
            raise self.error(f"{cell[:80]!r} is below 0; x and y are the left top corner", line, name)
        return value


def write_tracks(tracks: Tracks, path: str | os.PathLike[str]) -> Path:
    """Write tracks as the plain table, pixels to the thousandth; reading the file gives them back.

    The column ``body_length`` is there where a track has one. A track without a frame has no row.

    Raises:
        LabelError: If the file would not give back the name of a video or an animal.
    """
    for video, known in tracks.videos.items():
        if not video or not round_trips(video):
            reason = "tables keep no empty names, tabs, line breaks, and blanks at the ends of a name"
            raise LabelError(f"video {video!r}: {reason}; rename it", tracks.source)
        for track in known:
            checked_subject(track.subject, track.origin or tracks.source)
            refuse_subject(track.subject, track.origin or tracks.source)
    measured = any(track.body_length is not None for known in tracks.videos.values() for track in known)
    target = Path(path)
    with writing_text(target) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *[_LENGTH] * measured])
        for video, known in tracks.videos.items():
            name = path_cell(video)
            for track in known:
                length = "" if track.body_length is None else _decimal(track.body_length)
                boxes = track.boxes.copy()
                boxes[:, 2:] -= boxes[:, :2]
                for frame, box in zip(track.frames.tolist(), boxes.tolist(), strict=True):
                    writer.writerow([name, frame, track.subject, *map(_decimal, box), *[length] * measured])
    return target


def _decimal(value: float) -> str:
    return f"{round(value, 3) + 0.0:.10g}"  # + 0.0: no minus before a zero


FORMAT = TrackFormat("amclip's table of tracks", TextReader(matches, read))
