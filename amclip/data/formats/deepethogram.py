"""DeepEthogram: ``<video>_labels.csv``, a row per frame, a 0/1 column per behaviour, ``background`` first.

-1 in a row means that nobody observed the frame. The file knows frames, not seconds: these the video tells.

It knows no animals either. amclip writes and reads a file for each, named ``<video>_subject=<animal>_labels.csv``; see
:func:`amclip.data.subject_names.stem_with_subject`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np

from amclip.data.formats.delimited import delimiter_of, first_line, rows
from amclip.data.formats.frames import below_a_folder, frame_bouts, frame_values, one_name_each
from amclip.data.formats.label_format import BoutReader, Files, LabelFormat, Noted, Reading, Writer
from amclip.data.formats.notes import moved, splits, warn_of_lengths, without_suffix
from amclip.data.formats.origin import Writing
from amclip.data.formats.target_files import write_rows
from amclip.data.intervals import Timeline, timelines_of
from amclip.data.label_error import LabelError, raise_together
from amclip.data.subject_names import split_stem, stem_with_subject
from amclip.data.table import LabelTable

__all__ = ["FORMAT", "matches", "read", "write"]

_SUFFIX = "_labels"
_PREDICTED = "_predictions"  # ends the names of files with what a network found, of the same form
_VALUES = {"0": 0, "1": 1, "-1": -1, "0.0": 0, "1.0": 1, "-1.0": -1}


def _is_header(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and cells[0] in ("", "frame") and cells[1] == "background"


def matches(text: str) -> bool:
    """Whether the header is an unnamed column and ``background``."""
    return delimiter_of(first_line(text), _is_header) is not None


def _video_of(file: str) -> tuple[str, str]:
    """The video's name without suffix and the animal's: what stands before ``_labels`` or ``_predictions``."""
    stem = PurePath(file).stem
    return split_stem(stem.removesuffix(_SUFFIX) if stem.endswith(_SUFFIX) else stem.removesuffix(_PREDICTED))


def read(text: str, source: str, reading: Reading) -> Noted:
    """The time line of the file's video, and the behaviours in the order of the columns.

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
    stem, subject = _video_of(source)
    video = reading.named_after(source, stem)
    edges = reading.clock.edges(video, len(values), source)
    shown = np.array(values, np.int8).T
    bouts = [
        bout for name, row in zip(names, shown, strict=True) for bout in frame_bouts(row == 1, edges, name, subject)
    ]
    unlabelled = tuple((bout.start, bout.stop) for bout in frame_bouts((shown == -1).any(axis=0), edges, ""))
    end = float(edges[-1])
    timeline = Timeline(video, tuple(bouts), end, len(values) / end, unlabelled, line=head_line)
    if subject:
        gaps = tuple((subject, *gap) for gap in unlabelled)
        timeline = replace(timeline, subjects=(subject,), unwatched=gaps)
    return Noted([timeline], names, None)


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


def write(table: LabelTable, target: Path, writing: Writing) -> list[str]:
    """DeepEthogram's label files, one per video, or per animal of a video, below the target folder."""
    timelines = timelines_of(table)
    one_name_each(table, "label file")
    below_a_folder(table, "label files")
    off = 0
    of_animals = [(one, subject) for one in timelines for subject in one.subjects or ("",)]
    for timeline, subject in of_animals:
        frames, between = frame_values(timeline.of(subject), table.classes, writing.clock, table.source)
        off += between
        rows: list[Sequence[object]] = [["", "background", *table.classes]]
        background = np.where(frames.min(axis=1) < 0, -1, frames.max(axis=1) == 0).astype(int)
        rows += [[index, background[index], *frame] for index, frame in enumerate(frames.tolist())]
        write_rows(target / _label_file(timeline.video, subject), rows, "labels")
    warn_of_lengths(timelines, writing.clock, "its labels per frame end")
    return moved(off) + splits(table) + ["the suffix of the videos"]


def _label_file(video: str, subject: str) -> str:
    """Name of DeepEthogram's label file of an animal in a video, below the folder that the videos are below."""
    return f"{stem_with_subject(without_suffix(video), subject)}{_SUFFIX}.csv"


def _files(table: LabelTable) -> list[str]:
    return [_label_file(*each) for each in dict.fromkeys((clip.video, clip.subject) for clip in table.clips)]


FORMAT = LabelFormat(
    "deepethogram",
    "DeepEthogram's labels per frame",
    BoutReader(matches, read, Files((f"*{_SUFFIX}.csv", f"*{_PREDICTED}.csv"))),
    Writer(write, holds_bouts=True, holds_subjects=True, files=_files),
)
