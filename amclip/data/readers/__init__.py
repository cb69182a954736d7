"""Read label tables: one module per format; a file is matched by its content."""

import gc
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from amclip.data.clock import Clock
from amclip.data.intervals import Windows, clips_of
from amclip.data.label_error import LabelError
from amclip.data.locate import spelled
from amclip.data.readers import animal_kingdom, boris, csv_table, deepethogram, frame_list, path_list
from amclip.data.readers.class_names import read_class_groups, read_classes
from amclip.data.readers.delimited import first_line
from amclip.data.readers.files import WORKBOOK, file_bytes, file_text
from amclip.data.readers.noted import folder_noted, text_noted
from amclip.data.readers.observations import NoObservationsError, Observations, refuse_observations
from amclip.data.readers.spreadsheet import as_text, read_sheets
from amclip.data.split_names import split_name
from amclip.data.table import Clip, LabelTable, NoClassError, build_table

__all__ = [
    "GivenClipsError",
    "NoObservationsError",
    "Observations",
    "joined_classes",
    "read_class_groups",
    "read_classes",
    "read_labels",
    "read_part",
    "read_splits",
]

# Excel's word for the delimiter that follows, in a line of its own, which stays as a blank one so that lines count.
_SEPARATOR_LINE = re.compile(r'\A"?sep=."?(?=[\r\n])', re.IGNORECASE)


class GivenClipsError(LabelError):
    """Windows were asked of a table whose rows are clips already."""


def read_labels(
    path: str | os.PathLike[str],
    classes: Sequence[str] | None = None,
    windows: Windows | None = None,
    clock: Clock | None = None,
    per_frame: bool = False,
    observations: Observations | None = None,
) -> LabelTable:
    """Read a label table; the format is matched by its content, not by its name.

    Args:
        path: A CSV table (``filepath,label[,start,stop][,split]``, or a 0/1 column per class); a plain list of
            ``path label [label …]`` lines; Animal Kingdom's ``AR_metadata.xlsx``; a frame list in Charades' form;
            BORIS' aggregated or tabular events, or a project; a DeepEthogram label file, or a folder of them; a FERAL
            JSON. Text in UTF-8, or a sheet of an XLSX workbook; compressed by gzip or not.
        classes: The classes to use, in this order; rows that name another one are refused. In files that hold numbers
            they are the names of the numbers. Without it the classes are those of the table: sorted by name (numbers by
            size), or in the order of the file where it has one.
        windows: How formats of bouts and of frames are cut into clips; without it they are cut where a behaviour starts
            or stops.
        clock: When the frames of the videos are shown, for formats that count frames (DeepEthogram, FERAL, frame
            lists), and how long they are, for BORIS. Without it no video is opened.
        per_frame: Cut frame lists where a label changes. Without it, and without windows, a folder of images is one
            clip with the labels of all its frames.
        observations: Which of BORIS' observations are read.

    Raises:
        LabelError: If the file cannot be used; the message names file, line and column.
    """
    with _collector_paused():
        table = _read_file(path, classes, windows, clock or Clock(), per_frame, observations)
    if observations is not None:
        observations.refuse_unused(table.source)
    return table


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Rows hold no cycles, and to look for some among a million takes a third of the time of reading them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_part(
    path: str | os.PathLike[str],
    classes: Sequence[str] | None = None,
    windows: Windows | None = None,
    clock: Clock | None = None,
    per_frame: bool = False,
    observations: Observations | None = None,
) -> LabelTable:
    """Read one of several tables, as :func:`read_labels` does.

    It alone may show none of the behaviours, and have only some of the observations that are chosen.
    """
    try:
        return _read_file(path, classes, windows, clock or Clock(), per_frame, observations)
    except NoClassError as error:
        return error.table


def read_splits(
    paths: Mapping[str, str | os.PathLike[str]],
    classes: Sequence[str] | None = None,
    windows: Windows | None = None,
    clock: Clock | None = None,
    per_frame: bool = False,
    observations: Observations | None = None,
) -> LabelTable:
    """Read one file per split, and join them.

    Args:
        paths: Split to file; ``{"train": "train.csv", "test": "val.csv"}``.
        classes: See :func:`read_labels`, also for all others; without it, those of all files together.
        windows: How formats of bouts are cut into clips.
        clock: When frames are shown.
        per_frame: Cut frame lists where a label changes.
        observations: Which of BORIS' observations are read.

    Raises:
        LabelError: If a file cannot be used, or a row names another split than that of its file.
    """
    clips: list[Clip] = []
    tables: list[LabelTable] = []
    for split, path in paths.items():
        expected = split_name(split)
        table = read_part(path, classes, windows, clock, per_frame, observations)
        tables.append(table)
        for clip in table.clips:
            if clip.split not in (None, expected):
                raise LabelError(
                    f"names the split {clip.split}; the file is given as {expected}", table.source, clip.line
                )
            clips.append(replace(clip, split=expected, file=table.source))
    source = " and ".join(os.fspath(path) for path in paths.values())
    if observations is not None:
        observations.refuse_unused(source)
    return build_table(clips, source, classes, joined_classes(tables))


def joined_classes(tables: Sequence[LabelTable]) -> list[str]:
    """The classes of all tables together: numbers by size, names sorted unless a table has an order of its own."""
    names = dict.fromkeys(name for table in tables for name in table.classes)
    if all(name.isdecimal() for name in names):
        return sorted(names, key=int)
    ordered = all(table.classes == tuple(sorted(table.classes)) for table in tables)
    return sorted(names) if ordered else list(names)


def _has_a_reader(text: str) -> bool:
    return any(
        matches(text)
        for matches in (boris.matches, deepethogram.matches, frame_list.matches, csv_table.matches, path_list.matches)
    )


def _read_file(
    path: str | os.PathLike[str],
    classes: Sequence[str] | None,
    windows: Windows | None,
    clock: Clock,
    per_frame: bool,
    observations: Observations | None,
) -> LabelTable:
    source = os.fspath(path)
    if Path(path).is_dir():
        noted = folder_noted(Path(path), classes, clock)
        refuse_observations(observations, source)
        return build_table(clips_of(noted.timelines, windows, source), source, classes, noted.classes)
    if file_bytes(path)[:4] != WORKBOOK:
        return _read(file_text(path), source, classes, windows, clock, per_frame, observations)
    sheets = read_sheets(spelled(path))
    if animal_kingdom.matches(sheets):
        _refuse_windows(windows, "Animal Kingdom's metadata", source)
        refuse_observations(observations, source)
        return animal_kingdom.read(sheets, source, classes)
    fitting = {name: as_text(rows) for name, rows in sheets.items() if rows and _has_a_reader(as_text(rows))}
    if len(fitting) != 1:
        said = f"{len(fitting)} sheets hold labels" if fitting else "no sheet holds labels in a form known here"
        raise LabelError(f"{said} (sheets: {', '.join(sheets)}); keep one, or save it as CSV (UTF-8)", source)
    return _read(next(iter(fitting.values())), source, classes, windows, clock, per_frame, observations)


def _read(
    text: str,
    source: str,
    classes: Sequence[str] | None,
    windows: Windows | None,
    clock: Clock,
    per_frame: bool,
    observations: Observations | None,
) -> LabelTable:
    if not text.strip():
        raise LabelError(
            "the file is empty; write a header such as 'filepath,label,split' and one line per clip", source
        )
    text = _SEPARATOR_LINE.sub("", text, count=1)
    noted = text_noted(text, source, classes, clock, observations)
    if noted is not None:
        return build_table(clips_of(noted.timelines, windows, source), source, classes, noted.classes)
    refuse_observations(observations, source)
    if frame_list.matches(text):
        clips, lines = frame_list.read(text, source, classes, per_frame or windows is not None, clock)
        clips += clips_of(lines, windows, source)
        labels = {name for clip in clips for name in clip.labels or ()}
        found = sorted(labels, key=int) if classes is None else None
        return build_table(clips, source, classes, found)
    if csv_table.matches(text):
        _refuse_windows(windows, "a table of clips", source)
        return csv_table.read(text, source, classes)
    if path_list.matches(text):
        _refuse_windows(windows, "a list of clips", source)
        return path_list.read(text, source, classes)
    first = first_line(text).strip()
    raise LabelError(
        f"cannot tell the format from the first line {first[:80]!r}. A table needs a header with a column 'filepath'"
        " (such as 'filepath,label,split'); a plain list needs lines such as 'clip.mp4 walking'",
        source,
        1,
    )


def _refuse_windows(windows: Windows | None, what: str, source: str) -> None:
    if windows is not None:
        raise GivenClipsError(f"is {what}: its clips are given, and set data.window to null", source)
