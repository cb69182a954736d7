"""The one label table: which interval of which video shows which behaviours, and in which split it is used.

Every reader in :mod:`amclip.data.formats` returns a :class:`LabelTable` through :func:`build_table`, so the rules that
hold for all formats (known classes, sensible times, no clip twice) are written once, here.
"""

import csv
import os
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amclip.atomic import writing_text
from amclip.data.class_name_rules import refuse_class_names, refuse_columns, round_trips, unknown_class
from amclip.data.label_error import LabelError, raise_together
from amclip.data.row_checks import check_times, checked_path
from amclip.data.split_names import split_name
from amclip.data.subject_names import refuse_subject
from amclip.text import path_cell

__all__ = [
    "Clip",
    "LabelTable",
    "NoClassError",
    "build_table",
    "describe_lost",
    "lost_of",
    "refuse_unwritable",
    "write_table",
]


@dataclass(frozen=True, slots=True)  # tables have millions of them
class Clip:
    """One row: a video, or an interval of one, with what is seen in it.

    Attributes:
        video: As written in the table: relative to the root folder, or absolute; with ``/``, in a checked table.
        start: Seconds since the first frame; ``None`` (then ``stop`` is ``None`` too) means the whole video.
        stop: End of the interval in seconds; the frame at ``stop`` is no longer part of it.
        labels: Classes seen; ``()`` means labelled, none of the classes; ``None`` means not labelled.
        split: ``"train"``, ``"val"``, ``"test"``, or ``None`` where the table names none.
        line: Line in the source file, for messages.
        file: The source file, where a table is joined from several; for messages.
        subject: The animal whose labels these are; ``""`` is the whole scene.
    """

    video: str
    start: float | None = None
    stop: float | None = None
    labels: tuple[str, ...] | None = None
    split: str | None = None
    line: int | None = None
    file: str | None = field(default=None, compare=False)
    subject: str = ""

    @property
    def key(self) -> tuple[str, float | None, float | None, str]:
        """What makes two rows the same clip: normalised path, times and subject."""
        return _normal(self.video), self.start, self.stop, self.subject

    def in_split(self, split: str | None) -> "Clip":
        """The same clip in another split; quicker than :func:`dataclasses.replace`."""
        return Clip(self.video, self.start, self.stop, self.labels, split, self.line, self.file, self.subject)

    def of_video(self, video: str) -> "Clip":
        """The same clip of a video that goes by another name."""
        return Clip(video, self.start, self.stop, self.labels, self.split, self.line, self.file, self.subject)


@dataclass(frozen=True)
class LabelTable:
    """Clips and the classes they are labelled with.

    Attributes:
        clips: The rows, in the order of the file.
        classes: Names of the ``C`` classes; their order is the order of the model's outputs.
        source: Where the table came from, for messages.
        merged: Animals that the source tells apart, and whose behaviours are here those of the whole scene.
        lost: Behaviours that the source notes and no clip shows: windows have as labels what fills a part of them.
        told: Behaviours that the source says of each frame whether they are shown, where each has a column or a file of
            its own, or the source lists them: of others it says nothing. ``None``: what it does not name is not shown.
    """

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    source: str
    merged: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    told: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.clips)

    def targets(self) -> NDArray[np.float32]:
        """Labels as 0 and 1, shape ``(N, C)``, float32; rows of clips that are not labelled are zero."""
        column = {name: index for index, name in enumerate(self.classes)}
        targets = np.zeros((len(self.clips), len(self.classes)), np.float32)
        for row, clip in enumerate(self.clips):
            for name in clip.labels or ():
                targets[row, column[name]] = 1
        return targets

    def split(self, name: str) -> "LabelTable":
        """The rows of one split, with the same classes (also those without an example in it).

        Raises:
            ValueError: If ``name`` is not the name of a split.
        """
        wanted = split_name(name)
        return replace(self, clips=tuple(clip for clip in self.clips if clip.split == wanted))

    def file_of(self, clip: Clip) -> str:
        """The file that a row's line counts in, for messages."""
        return clip.file or self.source

    def videos(self) -> tuple[str, ...]:
        """Each video once, as written in the table, in order of first appearance."""
        return tuple(dict.fromkeys(clip.video for clip in self.clips))


class NoClassError(LabelError):
    """A table that would be good if any row named a class; joined with others it is.

    Args:
        table: The table.
    """

    def __init__(self, table: LabelTable) -> None:
        reason = "no row names a class; fill the label column, or leave the column out of a table for prediction"
        super().__init__(describe_lost(table) or reason, table.source)
        self.table = table


def lost_of(noted: Iterable[str], table: LabelTable) -> tuple[str, ...]:
    """Those of the behaviours that a source notes which no clip of its table shows, sorted."""
    return tuple(sorted(set(noted) - {name for clip in table.clips for name in clip.labels or ()}))


def describe_lost(table: LabelTable) -> str:
    """What became of the behaviours that are noted and that no clip shows, in words; ``""`` where there is none."""
    if not table.lost:
        return ""
    names = ", ".join(map(repr, table.lost))
    return (
        f"{names}: noted, and in no clip, as no bout fills enough of a window; take shorter windows, windows that "
        "overlap, or a smaller fraction (window, window_hop, window_fraction)"
    )


def build_table(
    clips: Iterable[Clip],
    source: str,
    classes: Sequence[str] | None = None,
    found: Sequence[str] | None = None,
    hint: str = "",
) -> LabelTable:
    """Check rows against the rules that hold for every format, and settle the classes and their order.

    Args:
        clips: The rows; labels in any order, repeats allowed.
        source: Name of the file, for messages.
        classes: The classes to use, in this order; a row that names another one is refused.
        found: Classes in the order of the file, where the file itself has one (one-hot columns); without either,
            classes are sorted by name.
        hint: What is added where a clip appears twice.

    Raises:
        LabelError: If there is no row, a clip appears twice, times make no sense, or a class is not known.
    """
    rows = tuple(clips)
    if not rows:
        raise LabelError("the table has no rows; write one line per clip below the header", source)
    names = _class_names(rows, source, classes, found)
    known = set(names)
    paths: dict[str, str] = {}  # as written, and as it is kept: a table names each video many times
    subjects: set[str] = set()  # that can be used
    ordered: dict[tuple[str, ...], tuple[str, ...]] = {}  # the same of labels
    checked: list[Clip] = []
    errors: list[tuple[int, LabelError]] = []
    numbers: list[int] = []  # of the rows that are checked
    for number, clip in enumerate(rows):
        try:
            if clip.video not in paths:
                paths[clip.video] = checked_path(clip.video, source, clip.line)
            if clip.subject and clip.subject not in subjects:
                refuse_subject(clip.subject, source, clip.line, "subject")
                subjects.add(clip.subject)
            check_times(clip.start, clip.stop, source, clip.line)
            labels = clip.labels
            if labels is not None and labels not in ordered:
                for name in labels:
                    if name not in known:
                        raise LabelError(unknown_class(name, names), source, clip.line, "label")
                present = set(labels)
                ordered[labels] = tuple(name for name in names if name in present)
        except LabelError as error:
            errors.append((number, error))
            continue
        video, in_order = paths[clip.video], None if labels is None else ordered[labels]
        if video is not clip.video or in_order != labels:
            clip = Clip(video, clip.start, clip.stop, in_order, clip.split, clip.line, clip.file, clip.subject)
        checked.append(clip)
        numbers.append(number)
    for first, second in _duplicates(checked):
        reason = _duplicate_message(checked[first], checked[second]) + hint
        errors.append((numbers[second], LabelError(reason, source, checked[second].line)))
    raise_together([error for _, error in sorted(errors, key=lambda pair: pair[0])])
    table = LabelTable(tuple(checked), names, source)
    if not names and any(clip.labels is not None for clip in checked):
        raise NoClassError(table)
    return table


def _duplicates(clips: Sequence[Clip]) -> list[tuple[int, int]]:
    """Rows that are the same clip as an earlier one: numbers of the first of them and of the later one.

    By sorting, since a dictionary of a million clips takes more memory than the clips.
    """
    numbers: dict[str, int] = {}
    for clip in clips:
        if clip.video not in numbers:
            numbers[clip.video] = numbers.setdefault(_normal(clip.video), len(numbers))
    videos = np.fromiter((numbers[clip.video] for clip in clips), np.int64, len(clips))
    starts = np.fromiter((-1.0 if clip.start is None else clip.start for clip in clips), np.float64, len(clips))
    stops = np.fromiter((-1.0 if clip.stop is None else clip.stop for clip in clips), np.float64, len(clips))
    columns = [videos, starts, stops]
    if any(clip.subject for clip in clips):
        known: dict[str, int] = {}
        whose = (known.setdefault(clip.subject, len(known)) for clip in clips)
        columns.append(np.fromiter(whose, np.int64, len(clips)))
    order = np.lexsort(columns[::-1])  # stable: of equal rows the first in the table comes first
    same = np.ones(len(clips), bool)
    same[:1] = False
    for column in columns:
        same[1:] &= column[order[1:]] == column[order[:-1]]
    first = np.maximum.accumulate(np.where(same, 0, np.arange(len(clips))))
    return sorted((int(order[first[at]]), int(order[at])) for at in np.flatnonzero(same))


@lru_cache(maxsize=1 << 16)
def _normal(path: str) -> str:
    return posixpath.normpath(path)


def _class_names(
    rows: Sequence[Clip], source: str, classes: Sequence[str] | None, found: Sequence[str] | None
) -> tuple[str, ...]:
    if classes is not None:
        names = tuple(classes)
    elif found is not None:
        names = tuple(found)
    else:
        names = tuple(sorted({name for clip in rows for name in clip.labels or ()}))
    refuse_class_names(names, source)
    refuse_columns(names, source)
    return names


def refuse_unwritable(table: LabelTable) -> None:
    """Refuse names of videos and of animals that no table of text gives back.

    Raises:
        LabelError: At the first of them.
    """
    subjects = {""}  # that tables give back
    for clip in table.clips:
        if clip.subject not in subjects:
            refuse_subject(clip.subject, table.file_of(clip), clip.line)
            subjects.add(clip.subject)
        if not round_trips(clip.video):
            reason = "tables do not keep tabs, line breaks, and blanks at the ends of a name; rename the file"
            raise LabelError(f"{clip.video!r}: {reason}", table.file_of(clip), clip.line)


def _duplicate_message(first: Clip, second: Clip) -> str:
    lines = f" (first in line {first.line})" if first.line else ""
    span = "" if second.start is None else f" from {second.start} to {second.stop} s"
    if first.split != second.split:
        what = f"in the splits {first.split} and {second.split}"
    elif set(first.labels or ()) != set(second.labels or ()):
        what = "with different labels"
    else:
        what = "with the same labels, and would count double"
    whose = f" of {second.subject!r}" if second.subject else ""
    return f"{second.video}{whose}{span} appears twice{lines}, {what}; keep one row and join its labels by ';'"


def write_table(table: LabelTable, path: str | os.PathLike[str]) -> Path:
    """Write a table as CSV: ``filepath[,subject][,start,stop][,label][,split]``, columns that no row fills left out.

    Reading the file gives the same clips and labels. The classes are those that rows name: pass ``classes`` when
    reading where the order matters or a class has no example.

    Raises:
        LabelError: If some rows are labelled and others are not, as one file cannot say both; or if the file would not
            give back the name of a video or an animal.
    """
    refuse_unwritable(table)
    labelled = {clip.labels is not None for clip in table.clips}
    if len(labelled) > 1:
        raise LabelError("some rows are labelled and others are not; write them to two files", table.source)
    timed = any(clip.start is not None for clip in table.clips)
    named = any(clip.split is not None for clip in table.clips)
    whose = any(clip.subject for clip in table.clips)
    target = Path(path)
    with writing_text(target) as file:
        writer = csv.writer(file, lineterminator="\n")
        columns = ["start", "stop"] * timed + ["label"] * (labelled == {True}) + ["split"] * named
        writer.writerow(["filepath", *(["subject"] if whose else []), *columns])
        for clip in table.clips:
            row = [path_cell(clip.video)]
            if whose:
                row.append(clip.subject)
            if timed:
                row += ["" if time is None else repr(float(time)) for time in (clip.start, clip.stop)]
            if clip.labels is not None:
                row.append(";".join(clip.labels))
            if named:
                row.append(clip.split or "")
            writer.writerow(row)
    return target
