"""What a format of labels is: how it is told and read, how it is written, and what it can hold."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Literal

from amclip.data.class_name_rules import unknown_class
from amclip.data.clock import Clock
from amclip.data.formats.observations import Observations
from amclip.data.formats.origin import Writing
from amclip.data.intervals import Subjects, Timeline, Windows
from amclip.data.label_error import LabelError, raise_together
from amclip.data.merge_subjects import merge_subjects
from amclip.data.table import LabelTable, lost_of

__all__ = [
    "BookReader",
    "BoutReader",
    "BytesReader",
    "ClipReader",
    "Files",
    "LabelFormat",
    "Noted",
    "Reading",
    "Rows",
    "Sheets",
    "Writer",
]

Sheets = Mapping[str, Sequence[Sequence[str]]]
"""Rows of each sheet of a workbook, as text."""

Rows = Literal["clips", "bouts"]
"""What a row of a table is: a clip with all its behaviours, or a bout of one."""


@dataclass(frozen=True)
class Reading:
    """How label files are read, whatever their format.

    Args:
        classes: The classes to use, in this order; rows that name another one are refused. In files that hold numbers
            they are the names of the numbers. Without it the classes are those of the table: sorted by name (numbers by
            size), or in the order of the file where it has one.
        windows: How formats of bouts and of frames are cut into clips; without it they are cut where a behaviour starts
            or stops.
        clock: When the frames of the videos are shown, for formats that count frames (DeepEthogram, FERAL, frame
            lists), and how long they are, for BORIS. Without it no video is opened.
        per_frame: Cut frame lists where a label changes. Without it, and without windows, a folder of images is one
            clip with the labels of all its frames.
        observations: Which of BORIS' observations are read; default: all, unless several are of one time of one video.
        subjects: ``"merged"``: a behaviour holds while any animal shows it, see
            :func:`amclip.data.merge_subjects.merge_subjects`; ``"each"``: clips of each animal with its own behaviours.
        rows: What rows of a table with times are: ``"clips"``, each with all its behaviours, of which nothing is known
            between them; or ``"bouts"``, each of one behaviour, between which nothing is shown. Default: bouts where
            windows are asked for and rows can be nothing else, see
            :func:`amclip.data.formats.bout_rows.like_bouts`; else clips.
        folder: The folder whose files are read, where one is: videos that files are named after lie below it as these
            do.
    """

    classes: Sequence[str] | None = None
    windows: Windows | None = None
    clock: Clock = field(default_factory=Clock)
    per_frame: bool = False
    observations: Observations | None = None
    subjects: Subjects = "merged"
    folder: Path | None = None
    rows: Rows | None = None

    def named_after(self, source: str, stem: str | None = None) -> str:
        """The name of the video that a file is named after.

        Args:
            source: The file.
            stem: What its name has of the video's; default: all before its suffix.
        """
        path = PurePath(source)
        name = PurePath(source.removesuffix(".gz")).stem if stem is None else stem
        return name if self.folder is None else (path.parent.relative_to(self.folder) / name).as_posix()

    def finished(self, table: LabelTable, parts: Sequence[LabelTable] = ()) -> LabelTable:
        """The table when all files are read and joined: of the whole scene, unless each animal is asked for.

        Args:
            table: The table.
            parts: Those that were joined, where it is of several files.

        Raises:
            LabelError: If the rows do not say what the whole scene shows.
        """
        if parts:
            table = replace(table, lost=lost_of({name for part in parts for name in part.lost}, table))
        if self.subjects == "each":
            return table
        table = merge_subjects(table)
        merged = {name for one in (table, *parts) for name in one.merged}
        return replace(table, merged=tuple(sorted(merged))) if parts else table


@dataclass(frozen=True)
class Noted:
    """What a file of bouts or of frames says.

    Attributes:
        timelines: One per video.
        classes: Behaviours in the order of the file, where it has one.
        column: The column that names behaviours, for messages; ``None`` where each behaviour has its own.
    """

    timelines: list[Timeline]
    classes: list[str] | None
    column: str | None

    def refuse_others(self, classes: Sequence[str] | None, source: str, shown: Collection[str] | None = None) -> None:
        """Refuse behaviours that are none of the classes: here the line is known; clips know their video's.

        Args:
            classes: The classes; None: whatever is noted.
            source: The file, for messages.
            shown: Behaviours that clips show; others are passed over. Default: all that are noted.

        Raises:
            LabelError: If there is one.
        """
        if classes is None:
            return
        unknown = {
            (bout.label, bout.line or (timeline.line if self.column is None else None)): None
            for timeline in self.timelines
            for bout in sorted(timeline.bouts, key=lambda bout: bout.line or 0)
            if bout.label not in classes and (shown is None or bout.label in shown)
        }
        raise_together(
            [LabelError(unknown_class(name, classes), source, line, self.column or name) for name, line in unknown]
        )


@dataclass(frozen=True)
class Files:
    """How the files of a format with a file per video, or per animal of one, are found in a folder.

    Attributes:
        patterns: What their names are like; where they are shared, those of all are read, else those of the first
            pattern that fits any.
        shared: Whether other files may have such names: those in another form are passed over, else refused.
        parts: Whether a video has several files, each with behaviours of its own.
    """

    patterns: tuple[str, ...]
    shared: bool = False
    parts: bool = False


@dataclass(frozen=True)
class BoutReader:
    """Reads files that note bouts or frames.

    Attributes:
        matches: Whether a text is in this format.
        read: A file's text and its name, for messages, to what it says.
        files: How files in this format are found in a folder, where there may be one of them.
        in_sheets: Whether a sheet of a workbook may hold it.
        has_observations: Whether there may be several observations to choose from.
    """

    matches: Callable[[str], bool]
    read: Callable[[str, str, Reading], Noted]
    files: Files | None = None
    in_sheets: bool = True
    has_observations: bool = False


@dataclass(frozen=True)
class BytesReader:
    """Reads files that are no text; ``files`` as of :class:`BoutReader`.

    Attributes:
        matches: Whether bytes, at least the first 128 of a file, begin one in this format.
        read: A file's bytes and its name, for messages, to what it says.
    """

    matches: Callable[[bytes], bool]
    read: Callable[[bytes, str, Reading], Noted]
    files: Files | None = None


@dataclass(frozen=True)
class ClipReader:
    """Reads files whose rows become clips; ``matches`` and ``in_sheets`` as of :class:`BoutReader`.

    Attributes:
        read: A file's text and its name, for messages, to the table.
        takes_windows: Whether it cuts clips itself where windows are asked for; else the rows are clips already.
        read_bouts: As ``read``, where rows may be bouts; ``None`` where they are always clips.
    """

    matches: Callable[[str], bool]
    read: Callable[[str, str, Reading], LabelTable]
    in_sheets: bool = True
    takes_windows: bool = False
    read_bouts: Callable[[str, str, Reading], Noted] | None = None


@dataclass(frozen=True)
class BookReader:
    """Reads workbooks with sheets of their own, whose rows are clips; ``matches`` and ``read`` take the sheets."""

    matches: Callable[[Sheets], bool]
    read: Callable[[Sheets, str, Reading], LabelTable]


@dataclass(frozen=True)
class Writer:
    """Writes a table.

    Attributes:
        write: Table, target, and what is known beside the table, to what the format cannot hold of it, in words.
        holds_bouts: Whether it says when a behaviour starts and stops.
        holds_subjects: Whether it says which animal shows it; else the writer is given the whole scene's table.
        holds_origin: Which fields of :class:`amclip.data.formats.origin.Origin` it holds.
        holds_nothing_else: Whether there is a row for bouts alone, so that without any the file would be empty.
        files: Of a format that is written to a folder, the files below it; else ``None``.
        workbook: Whether the target may be an XLSX workbook.
        suffix: What the target's name must end in, where its program opens no other file; ``""``: anything.
    """

    write: Callable[[LabelTable, Path, Writing], list[str]]
    holds_bouts: bool = False
    holds_subjects: bool = False
    holds_origin: tuple[str, ...] = ()
    holds_nothing_else: bool = False
    files: Callable[[LabelTable], list[str]] | None = None
    workbook: Literal["never", "may", "must"] = "never"
    suffix: str = ""


@dataclass(frozen=True)
class LabelFormat:
    """A format of labels, in a module of its own.

    Attributes:
        name: As it is typed (``amclip convert --to``).
        title: What a file in it is, for messages.
        reader: ``None`` where another format's reads it too, or none does.
        writer: ``None`` where it is not written.
    """

    name: str
    title: str
    reader: BoutReader | BytesReader | ClipReader | BookReader | None
    writer: Writer | None
