"""DeepEthogram: ``<video>_labels.csv``, a row per frame, a 0/1 column per behaviour, ``background`` first.

-1 in a row means that nobody observed the frame. The file knows frames, not seconds: these the video tells.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np

from amclip.data.clock import Clock
from amclip.data.formats.delimited import delimiter_of, first_line, rows
from amclip.data.formats.files import file_text
from amclip.data.formats.frames import below_a_folder, frame_bouts, frame_values, one_name_each
from amclip.data.formats.label_format import BoutReader, LabelFormat, Noted, Reading, Writer
from amclip.data.formats.notes import moved, splits, without_suffix
from amclip.data.formats.target_files import write_rows
from amclip.data.intervals import Timeline, timelines_of
from amclip.data.label_error import LabelError, raise_together
from amclip.data.table import LabelTable

__all__ = ["FORMAT", "matches", "read", "read_folder", "write"]

_SUFFIX = "_labels"
_PREDICTED = "_predictions"  # ends the names of files with what a network found, of the same form
_VALUES = {"0": 0, "1": 1, "-1": -1, "0.0": 0, "1.0": 1, "-1.0": -1}


def _is_header(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and cells[0] in ("", "frame") and cells[1] == "background"


def matches(text: str) -> bool:
    """Whether the header is an unnamed column and ``background``."""
    return delimiter_of(first_line(text), _is_header) is not None


def _video_of(file: str) -> str:
    """The video's name without suffix: what stands before ``_labels`` or ``_predictions`` in the file's."""
    return PurePath(file).stem.removesuffix(_SUFFIX).removesuffix(_PREDICTED)


def read(text: str, source: str, reading: Reading, video: str | None = None) -> Noted:
    """The time line of the file's video, and the behaviours in the order of the columns.

    Args:
        text: The file's text.
        source: Its name, for messages.
        reading: How it is read.
        video: The video's name; default: what stands before ``_labels`` or ``_predictions`` in the file's.

    Raises:
        LabelError: If a row cannot be used.
    """
    lines = rows(text, delimiter_of(first_line(text), _is_header) or ",", source)
    head_line, header = next(lines)
    names = header[2:]
    if not names or "" in names or len(set(names)) < len(names):
        raise LabelError(
            "needs columns for behaviours after 'background', each with a name of its own", source, head_line
        )
    values: list[list[int]] = []
    errors = []
    for line, row in lines:
        try:
            values.append(_frame(row, header, len(values), source, line))
        except LabelError as error:
            errors.append(error)
            values.append([0] * len(names))  # so that the numbers of the rows that follow are still compared rightly
    raise_together(errors)
    if not values:
        raise LabelError("there is no frame below the header", source, head_line)
    video = _video_of(source) if video is None else video
    edges = reading.clock.edges(video, len(values), source)
    shown = np.array(values, np.int8).T
    bouts = [bout for name, row in zip(names, shown, strict=True) for bout in frame_bouts(row == 1, edges, name)]
    unlabelled = tuple((bout.start, bout.stop) for bout in frame_bouts((shown == -1).any(axis=0), edges, ""))
    end = float(edges[-1])
    return Noted([Timeline(video, tuple(bouts), end, len(values) / end, unlabelled, line=head_line)], names, None)


def read_folder(folder: Path, reading: Reading) -> Noted:
    """All label files of a folder, as one.

    Raises:
        LabelError: If there is none, or one cannot be used.
    """
    source = str(folder)
    files = next(filter(None, (sorted(folder.rglob(f"*{end}.csv")) for end in (_SUFFIX, _PREDICTED))), [])
    if not files:
        raise LabelError(
            f"is a folder without label files of DeepEthogram (*{_SUFFIX}.csv); give the table itself", source
        )
    timelines: list[Timeline] = []
    errors: list[LabelError] = []
    found: list[str] | None = None
    for file in files:
        text = file_text(file)
        if not matches(text):
            raise LabelError("is no label file of DeepEthogram: its first behaviour is not 'background'", str(file), 1)
        video = (file.parent.relative_to(folder) / _video_of(file.name)).as_posix()
        try:
            noted = read(text, str(file), reading, video)
            noted.refuse_others(reading.classes, str(file))
        except LabelError as error:  # of one video; all others are still read
            errors += [error, *error.others]
            continue
        if found is not None and noted.classes != found:
            raise LabelError(f"has the behaviours {noted.classes}, and the files before it {found}", str(file), 1)
        found = noted.classes
        timelines += [replace(timeline, line=None) for timeline in noted.timelines]
    raise_together(errors)
    return Noted(timelines, found, None)


def _frame(row: list[str], header: list[str], index: int, source: str, line: int) -> list[int]:
    if len(row) != len(header):
        raise LabelError(f"has {len(row)} cells where the header has {len(header)}", source, line)
    if row[0] not in (str(index), f"{index}.0"):
        raise LabelError(
            f"is frame {row[0]!r} where frame {index} should be; rows are missing, double or out of order",
            source,
            line,
            header[0] or "frame",
        )
    numbers = []
    for cell, column in zip(row[1:], header[1:], strict=True):
        if cell not in _VALUES:
            raise LabelError(f"{cell!r} is none of 0, 1 and -1", source, line, column)
        numbers.append(_VALUES[cell])
    background, behaviours = numbers[0], numbers[1:]
    if background == 1 and 1 in behaviours:
        column = header[2 + behaviours.index(1)]
        raise LabelError(f"is background and {column!r} at once", source, line, "background")
    if background == 0 and not any(behaviours):
        raise LabelError(
            "is neither background nor a behaviour; frames nobody observed are -1", source, line, "background"
        )
    return behaviours if background != -1 else [-1] * len(behaviours)


def write(table: LabelTable, target: Path, clock: Clock) -> list[str]:
    """DeepEthogram's label files, one per video, below the target folder."""
    timelines = timelines_of(table)
    one_name_each(table, "label file")
    below_a_folder(table, "label files")
    off = 0
    for timeline in timelines:
        frames, between = frame_values(timeline, table.classes, clock, table.source)
        off += between
        rows: list[Sequence[object]] = [["", "background", *table.classes]]
        background = np.where(frames.min(axis=1) < 0, -1, frames.max(axis=1) == 0).astype(int)
        rows += [[index, background[index], *frame] for index, frame in enumerate(frames.tolist())]
        write_rows(target / _label_file(timeline.video), rows, "labels")
    return moved(off) + splits(table) + ["the suffix of the videos"]


def _label_file(video: str) -> str:
    """Name of DeepEthogram's label file of a video, below the folder that the videos are below."""
    return f"{without_suffix(video)}{_SUFFIX}.csv"


FORMAT = LabelFormat(
    "deepethogram",
    "DeepEthogram's labels per frame",
    BoutReader(matches, read, read_folder),
    Writer(write, holds_bouts=True, files=lambda table: [_label_file(video) for video in table.videos()]),
)
