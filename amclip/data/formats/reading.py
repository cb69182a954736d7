"""Read label files: a file is in the first format that matches its content, whatever its name."""

import gc
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from amclip.data.clock import Clock
from amclip.data.formats.bout_rows import like_bouts
from amclip.data.formats.cutting import NotedFile, cut_noted, cut_part
from amclip.data.formats.delimited import first_line
from amclip.data.formats.files import WORKBOOK, file_bytes, text_of
from amclip.data.formats.folder import found_files, read_files
from amclip.data.formats.joining import joined_classes, refuse_untold
from amclip.data.formats.known import FORMATS
from amclip.data.formats.label_format import (
    BookReader,
    BoutReader,
    BytesReader,
    ClipReader,
    LabelFormat,
    Noted,
    Reading,
    Sheets,
)
from amclip.data.formats.observations import Observations, refuse_observations
from amclip.data.formats.spreadsheet import as_text, read_sheets
from amclip.data.intervals import Subjects, Windows
from amclip.data.label_error import LabelError
from amclip.data.locate import spelled
from amclip.data.split_names import split_name
from amclip.data.table import Clip, LabelTable, NoClassError, build_table

__all__ = [
    "GivenClipsError",
    "files_in",
    "format_of",
    "read_labels",
    "read_noted",
    "read_part",
    "read_part_uncut",
    "read_rows_as_bouts",
    "read_splits",
    "read_table",
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
    subjects: Subjects = "merged",
) -> LabelTable:
    """Read a label table; the format is matched by its content, not by its name.

    All arguments but the first are those of :class:`amclip.data.formats.label_format.Reading`.

    Args:
        path: A CSV table (``filepath,label[,subject][,start,stop][,split]``, or a 0/1 column per class); a list of
            ``path label [label …]`` lines; Animal Kingdom's ``AR_metadata.xlsx``; a frame list in Charades' form;
            BORIS' aggregated or tabular events, or a project; a DeepEthogram label file; a FERAL JSON; or what another
            program of :data:`amclip.data.formats.known.FORMATS` writes; or a folder of files that are each of a video.
            Text in UTF-8 or UTF-16, or a sheet of an XLSX workbook; compressed by gzip or not.
        classes: The classes to use, in this order.
        windows: How formats of bouts and of frames are cut into clips.
        clock: When the frames of the videos are shown.
        per_frame: Cut frame lists where a label changes.
        observations: Which of BORIS' observations are read.
        subjects: Whose behaviours: those of all animals as one, or of each.

    Raises:
        LabelError: If the file cannot be used; the message names file, line and column.
    """
    return read_table(path, Reading(classes, windows, clock or Clock(), per_frame, observations, subjects))


def read_table(path: str | os.PathLike[str], reading: Reading) -> LabelTable:
    """As :func:`read_labels`, which spells the way of reading out."""
    with _collector_paused():
        table = _read_file(path, reading)
    if reading.observations is not None:
        reading.observations.refuse_unused(table.source)
    refuse_untold([table], reading.classes)
    return reading.finished(table)


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


def read_part(path: str | os.PathLike[str], reading: Reading) -> LabelTable:
    """Read one of several tables, as :func:`read_labels` does.

    It alone may show none of the behaviours, and have only some of the observations that are chosen. Rows of clips that
    name an animal keep it, whatever is asked for: another table may have those of a second animal of the video.
    """
    return cut_part(read_part_uncut(path, reading), os.fspath(path), reading)


def read_splits(paths: Mapping[str, str | os.PathLike[str]], reading: Reading | None = None) -> LabelTable:
    """Read one file per split, and join them.

    Args:
        paths: Split to file; ``{"train": "train.csv", "test": "val.csv"}``.
        reading: How; the classes, where none are named, are those of all files together.

    Raises:
        LabelError: If a file cannot be used, or a row names another split than that of its file.
    """
    reading = reading or Reading()
    clips: list[Clip] = []
    tables: list[LabelTable] = []
    for split, path in paths.items():
        expected = split_name(split)
        table = read_part(path, reading)
        tables.append(table)
        for clip in table.clips:
            if clip.split not in (None, expected):
                raise LabelError(
                    f"names the split {clip.split}; the file is given as {expected}", table.source, clip.line
                )
            clips.append(replace(clip, split=expected, file=table.source))
    refuse_untold(tables, reading.classes)
    source = " and ".join(os.fspath(path) for path in paths.values())
    if reading.observations is not None:
        reading.observations.refuse_unused(source)
    return reading.finished(build_table(clips, source, reading.classes, joined_classes(tables)), tables)


def read_noted(path: str | os.PathLike[str], clock: Clock, observations: Observations | None = None) -> Noted | None:
    """Time lines as a format of bouts or frames has them, uncut; ``None`` for any other format, and for workbooks.

    Args:
        path: A file of BORIS or another program's that notes bouts or frames, or a folder of them.
        clock: See :class:`amclip.data.formats.label_format.Reading`.
        observations: Likewise.

    Raises:
        LabelError: If the file cannot be used.
    """
    reading, source = Reading(clock=clock, observations=observations), os.fspath(path)
    if Path(path).is_dir():
        return _read_folder(Path(path), reading)[1]
    if file_bytes(path)[:4] == WORKBOOK:
        return None
    noted = _read_bouts(*_opened(path, "surrogateescape"), source, reading)
    if noted is not None and observations is not None:
        observations.refuse_unused(source)
    return noted


def read_rows_as_bouts(path: str | os.PathLike[str], clock: Clock) -> Noted | None:
    """What a table says whose rows can be nothing but bouts; ``None`` for any other file, and where they may be clips.

    Raises:
        LabelError: If they are bouts, and one lies behind the end of its video.
    """
    form = None if Path(path).is_dir() else format_of(path)
    if form is None or not isinstance(form.reader, ClipReader):
        return None
    content = _opened(path)[1]
    told = Reading(windows=Windows(1, 1), clock=clock)  # where windows are asked for it is told by the rows
    return _read_rows_as_bouts(form.reader, content, os.fspath(path), told) if isinstance(content, str) else None


def format_of(path: str | os.PathLike[str]) -> LabelFormat | None:
    """The format that a file is in, told by its content as reading tells it; ``None`` where none is known.

    Raises:
        LabelError: If the file cannot be read.
    """
    if file_bytes(path)[:4] != WORKBOOK:
        return _opened(path)[0]
    sheets = read_sheets(spelled(path))
    for form in FORMATS:
        if isinstance(form.reader, BookReader) and form.reader.matches(sheets):
            return form
    texts = (as_text(rows) for rows in sheets.values() if rows)
    found = [fitting for text in texts if (fitting := _format_of(text, in_sheet=True))]
    return found[0] if len(found) == 1 else None


def _format_of(text: str, in_sheet: bool = False) -> LabelFormat | None:
    """The first format that a text is in, or that a sheet of a workbook, given as text, is in."""
    for form in FORMATS:
        reader = form.reader
        if isinstance(reader, BoutReader | ClipReader) and (reader.in_sheets or not in_sheet) and reader.matches(text):
            return form
    return None


def _opened(path: str | os.PathLike[str], errors: str = "strict") -> tuple[LabelFormat | None, str | bytes | Sheets]:
    """The format of a file, ``None`` where it is in none, and what its reader takes of it.

    Args:
        path: The file.
        errors: What becomes of bytes that are no UTF-8, in text.

    Raises:
        LabelError: If it cannot be opened, or is a workbook without just one sheet of labels.
    """
    data, source = file_bytes(path), os.fspath(path)
    if data[:4] == WORKBOOK:
        sheets = read_sheets(spelled(path))
        for form in FORMATS:
            if isinstance(form.reader, BookReader) and form.reader.matches(sheets):
                return form, sheets
        texts = [as_text(rows) for rows in sheets.values() if rows]
        told = [(_format_of(text, in_sheet=True), text) for text in texts]
        fitting = [one for one in told if one[0] is not None]
        if len(fitting) != 1:
            said = f"{len(fitting)} sheets hold labels" if fitting else "no sheet holds labels in a form known here"
            raise LabelError(f"{said} (sheets: {', '.join(sheets)}); keep one, or save it as CSV (UTF-8)", source)
        return fitting[0]
    for form in FORMATS:
        if isinstance(form.reader, BytesReader) and form.reader.matches(data):
            return form, data
    text = _SEPARATOR_LINE.sub("", text_of(data, source, errors), count=1)
    return _format_of(text), text


def _read_file(path: str | os.PathLike[str], reading: Reading) -> LabelTable:
    read = _read_one(path, reading)
    return read if isinstance(read, LabelTable) else cut_noted(read.noted, os.fspath(path), reading)


def read_part_uncut(path: str | os.PathLike[str], reading: Reading) -> NotedFile | LabelTable:
    """As :func:`read_table`, of one of several files, which alone may show none of the behaviours."""
    try:
        return _read_one(path, reading)
    except NoClassError as error:
        return error.table


def _read_one(path: str | os.PathLike[str], reading: Reading) -> NotedFile | LabelTable:
    """What a file of bouts or of frames, or a folder of such, notes; or the table of any other.

    Raises:
        LabelError: If it cannot be used.
    """
    source = os.fspath(path)
    if Path(path).is_dir():
        of_folder = NotedFile(*_read_folder(Path(path), reading))
        refuse_observations(reading.observations, source)
        return of_folder
    form, content = _opened(path)
    bouts = _read_bouts(form, content, source, reading)
    if form is not None and bouts is not None:
        return NotedFile(form, bouts)
    refuse_observations(reading.observations, source)
    if form is not None and isinstance(form.reader, BookReader) and not isinstance(content, str | bytes):
        _refuse_windows(reading, form, source)
        return form.reader.read(content, source, reading)
    assert isinstance(content, str), "all other readers take text"
    if form is not None and isinstance(form.reader, ClipReader):
        noted = _read_rows_as_bouts(form.reader, content, source, reading)
        if noted is not None:
            return NotedFile(form, noted)
        if not form.reader.takes_windows:
            _refuse_windows(reading, form, source)
        return form.reader.read(content, source, reading)
    if not content.strip():
        reason = "the file is empty; write a header such as 'filepath,label,split' and one line per clip"
        raise LabelError(reason, source)
    raise LabelError(
        f"cannot tell the format from the first line {first_line(content).strip()[:80]!r}. A table needs a header with "
        "a column 'filepath' (such as 'filepath,label,split'); a plain list needs lines such as 'clip.mp4 walking'",
        source,
        1,
    )


def files_in(folder: Path) -> list[Path]:
    """The label files of a folder that are read.

    Raises:
        LabelError: If there are none, or files of two formats, or a file is not what its name says.
    """
    return _found_in(folder)[1]


def _found_in(folder: Path) -> tuple[LabelFormat, list[Path]]:
    return found_files(folder, FORMATS, lambda path: _opened(path)[0])


def _read_folder(folder: Path, reading: Reading) -> tuple[LabelFormat, Noted]:
    form, files = _found_in(folder)

    def read(path: Path, reading: Reading) -> Noted:
        noted = _read_bouts(*_opened(path), str(path), reading)
        assert noted is not None, "its format was told"
        return noted

    return form, read_files(form, files, read, replace(reading, folder=folder))


def _read_bouts(form: LabelFormat | None, content: str | bytes | Sheets, source: str, reading: Reading) -> Noted | None:
    """What a file of bouts or of frames says; ``None`` for any other format."""
    reader = None if form is None else form.reader
    if isinstance(reader, BytesReader) and isinstance(content, bytes):
        refuse_observations(reading.observations, source)
        return reader.read(content, source, reading)
    if not isinstance(reader, BoutReader) or not isinstance(content, str):
        return None
    if not reader.has_observations:
        refuse_observations(reading.observations, source)
    return reader.read(content, source, reading)


def _read_rows_as_bouts(reader: ClipReader, content: str, source: str, reading: Reading) -> Noted | None:
    """What rows say that are bouts; ``None`` where they are clips."""
    if reader.read_bouts is None or reading.rows == "clips" or (reading.rows is None and reading.windows is None):
        return None
    if reading.rows is None:
        try:
            if not like_bouts(reader.read_bouts(content, source, replace(reading, clock=Clock()))):
                return None
        except LabelError:  # it is said of them as of clips
            return None
    return reader.read_bouts(content, source, reading)


def _refuse_windows(reading: Reading, form: LabelFormat, source: str) -> None:
    if reading.windows is not None:
        reason = f"is {form.title}: its rows are clips already, and windows do not cut them; set data.source.window to "
        reason += (
            "null (`amclip convert`: leave out --window), or, if they are bouts, write them as such: amclip convert "
        )
        raise GivenClipsError(f"{reason}FILE NEW.boris --to boris-project --rows bouts", source)
