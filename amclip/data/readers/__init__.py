"""Read label tables: one module per format; which one a file has is told by its content."""

import codecs
import gc
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from amclip.data.intervals import Timeline, Windows, clips_of
from amclip.data.readers import (
    animal_kingdom,
    boris,
    boris_project,
    csv_table,
    deepethogram,
    feral,
    frame_list,
    path_list,
)
from amclip.data.readers.class_names import read_classes, read_segments
from amclip.data.readers.delimited import first_line
from amclip.data.readers.spreadsheet import as_text, read_sheets
from amclip.data.table import (
    Clip,
    LabelError,
    LabelTable,
    NoClassError,
    build_table,
    raise_together,
    split_name,
    unknown_class,
)

__all__ = [
    "GivenClipsError",
    "joined_classes",
    "read_classes",
    "read_labels",
    "read_part",
    "read_segments",
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
    fps: float | None = None,
    per_frame: bool = False,
) -> LabelTable:
    """Read a label table; the format is told by its content, not by its name.

    Args:
        path: A CSV table (``filepath,label[,start,stop][,split]``, or a 0/1 column per class); a plain list of
            ``path label [label …]`` lines; Animal Kingdom's ``AR_metadata.xlsx``; a frame list in Charades' form;
            BORIS' aggregated or tabular events, or a project; a DeepEthogram label file, or a folder of them; a FERAL
            JSON. Text in UTF-8, or a sheet of an XLSX workbook.
        classes: The classes to use, in this order; rows that name another one are refused. In files that hold numbers
            they are the names of the numbers. Without it the classes are those of the table: sorted by name (numbers by
            size), or in the order of the file where it has one.
        windows: How formats of bouts and of frames are cut into clips; without it they are cut where a behaviour starts
            or stops.
        fps: Frames per second, for formats that count frames (DeepEthogram, FERAL).
        per_frame: Cut frame lists where a label changes. Without it, and without windows, a folder of images is one
            clip with the labels of all its frames.

    Raises:
        LabelError: If the file cannot be used; the message names file, line and column.
    """
    with _collector_paused():
        return _read_labels(path, classes, windows, fps, per_frame)


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


def _read_labels(
    path: str | os.PathLike[str],
    classes: Sequence[str] | None,
    windows: Windows | None,
    fps: float | None,
    per_frame: bool,
) -> LabelTable:
    source = os.fspath(path)
    if Path(path).is_dir():
        return _folder(Path(path), classes, windows, fps)
    if _bytes(Path(path), 4) == b"PK\x03\x04":
        sheets = read_sheets(path)
        if animal_kingdom.matches(sheets):
            _refuse_windows(windows, "Animal Kingdom's metadata", source)
            return animal_kingdom.read(sheets, source, classes)
        fitting = {name: as_text(rows) for name, rows in sheets.items() if rows and _has_a_reader(as_text(rows))}
        if len(fitting) != 1:
            said = f"{len(fitting)} sheets hold labels" if fitting else "no sheet holds labels in a form known here"
            raise LabelError(f"{said} (sheets: {', '.join(sheets)}); keep one, or save it as CSV (UTF-8)", source)
        return _read(next(iter(fitting.values())), source, classes, windows, fps, per_frame)
    return _read(_decoded(_bytes(Path(path)), source), source, classes, windows, fps, per_frame)


def read_part(
    path: str | os.PathLike[str],
    classes: Sequence[str] | None = None,
    windows: Windows | None = None,
    fps: float | None = None,
    per_frame: bool = False,
) -> LabelTable:
    """Read one of several tables, as :func:`read_labels` does; it alone may show none of the behaviours."""
    try:
        return read_labels(path, classes, windows, fps, per_frame)
    except NoClassError as error:
        return error.table


def read_splits(
    paths: Mapping[str, str | os.PathLike[str]],
    classes: Sequence[str] | None = None,
    windows: Windows | None = None,
    fps: float | None = None,
    per_frame: bool = False,
) -> LabelTable:
    """Read one file per split, and join them.

    Args:
        paths: Split to file; ``{"train": "train.csv", "test": "val.csv"}``.
        classes: See :func:`read_labels`; without it, those of all files together.
        windows: See :func:`read_labels`.
        fps: See :func:`read_labels`.
        per_frame: See :func:`read_labels`.

    Raises:
        LabelError: If a file cannot be used, or a row names another split than that of its file.
    """
    clips: list[Clip] = []
    tables: list[LabelTable] = []
    for split, path in paths.items():
        mine = split_name(split)
        table = read_part(path, classes, windows, fps, per_frame)
        tables.append(table)
        for clip in table.clips:
            if clip.split not in (None, mine):
                raise LabelError(f"names the split {clip.split}; the file is given as {mine}", table.source, clip.line)
            clips.append(replace(clip, split=mine, file=table.source))
    source = " and ".join(os.fspath(path) for path in paths.values())
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


def _read(
    text: str,
    source: str,
    classes: Sequence[str] | None,
    windows: Windows | None,
    fps: float | None,
    per_frame: bool,
) -> LabelTable:
    if not text.strip():
        raise LabelError(
            "the file is empty; write a header such as 'filepath,label,split' and one line per clip", source
        )
    text = _SEPARATOR_LINE.sub("", text, count=1)
    timelines = _timelines(text, source, classes, fps)
    if timelines is not None:
        return build_table(clips_of(timelines[0], windows, source), source, classes, timelines[1])
    if frame_list.matches(text):
        clips, lines = frame_list.read(text, source, classes, per_frame or windows is not None)
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


def _timelines(
    text: str, source: str, classes: Sequence[str] | None, fps: float | None
) -> tuple[list[Timeline], list[str] | None] | None:
    """Time lines and ordered classes from a format of bouts or frames; ``None`` for any other."""
    names: list[str] | None
    if boris_project.matches(text):
        timelines, names = boris_project.read(text, source)
        column: str | None = "events"
    elif boris.matches(text):
        timelines, names = boris.read(text, source)
        column = "Behavior"
    elif deepethogram.matches(text):
        timelines, names = deepethogram.read(text, source, _rate(fps, "DeepEthogram", source))
        column = None  # each behaviour is one
    elif feral.matches(text):
        timelines, names = feral.read(text, source, _rate(fps, "FERAL", source))
        column = "class_names"
    else:
        return None
    if classes is not None:  # here the line that names a behaviour is still known; clips know their video's
        unknown = {
            (bout.label, bout.line or (timeline.line if column is None else None)): None
            for timeline in timelines
            for bout in sorted(timeline.bouts, key=lambda bout: bout.line or 0)
            if bout.label not in classes
        }
        errors = [LabelError(unknown_class(name, classes), source, line, column or name) for name, line in unknown]
        raise_together(errors)
    return timelines, names


def _rate(fps: float | None, name: str, source: str) -> float:
    if fps is None or not 0 < fps < float("inf"):
        said = "" if fps is None else f", not {fps}"
        raise LabelError(
            f"{name} counts frames: give the frame rate of the videos (data.label_fps; amclip suggest --label_fps; "
            f"amclip convert --fps){said}",
            source,
        )
    return fps


def _folder(folder: Path, classes: Sequence[str] | None, windows: Windows | None, fps: float | None) -> LabelTable:
    """All DeepEthogram label files of a folder, as one table."""
    source = str(folder)
    ends = (deepethogram.SUFFIX, deepethogram.PREDICTED)
    files = next(filter(None, (sorted(folder.rglob(f"*{end}.csv")) for end in ends)), [])
    if not files:
        raise LabelError(
            f"is a folder without label files of DeepEthogram (*{deepethogram.SUFFIX}.csv); give the table itself",
            source,
        )
    timelines: list[Timeline] = []
    found: list[str] | None = None
    for file in files:
        text = _decoded(_bytes(file), str(file))
        if not deepethogram.matches(text):
            raise LabelError("is no label file of DeepEthogram: its first behaviour is not 'background'", str(file), 1)
        mine, names = _timelines(text, str(file), classes, fps) or ([], None)
        if found is not None and names != found:
            raise LabelError(f"has the behaviours {names}, and the files before it {found}", str(file), 1)
        found = names
        home = file.parent.relative_to(folder)
        timelines += [replace(timeline, video=(home / timeline.video).as_posix(), line=None) for timeline in mine]
    return build_table(clips_of(timelines, windows, source), source, classes, found)


def _refuse_windows(windows: Windows | None, what: str, source: str) -> None:
    if windows is not None:
        raise GivenClipsError(f"is {what}: its clips are given, and set data.window to null", source)


def _bytes(path: Path, count: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(count)
    except FileNotFoundError:
        raise LabelError("the file does not exist", str(path)) from None
    except OSError as error:
        raise LabelError(f"cannot be read: {error.strerror}", str(path)) from error


def _decoded(data: bytes, source: str) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise LabelError("is UTF-16 text; save it as CSV in UTF-8", source)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LabelError(f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8", source, line) from None
