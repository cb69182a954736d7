"""The one label table: which stretch of which video shows which behaviours, and in which split it is used.

Every reader in :mod:`amclip.data.readers` returns a :class:`LabelTable` through :func:`build_table`, so the rules that
hold for all formats (known classes, sensible times, no clip twice) are written once, here.
"""

import csv
import difflib
import os
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amclip.atomic import writing_text

__all__ = [
    "SPLITS",
    "Clip",
    "LabelError",
    "LabelTable",
    "NoClassError",
    "build_table",
    "raise_together",
    "refuse_class_names",
    "refuse_unwritable",
    "split_name",
    "unknown_class",
    "write_table",
]

SPLITS = ("train", "val", "test")
_SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "holdout"),  # "holdout" is zamba's word
}


# A class of this name could not be told from it.
_COLUMNS_OF_PREDICTIONS = ("filepath", "start", "stop", "label", "split", "error")


class LabelError(ValueError):
    """A label table that cannot be used as it is.

    Args:
        reason: What is wrong, the value seen, and what to do.
        file: The table.
        line: Line in the file, counted from 1.
        column: Name of the column.
        others: What else is wrong in the same table, as far as it was read.
    """

    def __init__(
        self,
        reason: str,
        file: str | None = None,
        line: int | None = None,
        column: str | None = None,
        others: tuple["LabelError", ...] = (),
    ) -> None:
        super().__init__(reason, file, line, column, others)
        self.reason, self.file, self.line, self.column, self.others = reason, file, line, column, others

    def __str__(self) -> str:
        where = [part for part in (self.file, self.line and f"line {self.line}") if part]
        if self.column:
            where.append(f"column {self.column!r}")
        more = f" (and {len(self.others)} more such rows; `amclip check` lists them all)" if self.others else ""
        return f"{', '.join(where)}: {self.reason}{more}" if where else f"{self.reason}{more}"


class NoClassError(LabelError):
    """A table that would be good if any row named a class; joined with others it is.

    Args:
        table: The table.
    """

    def __init__(self, table: "LabelTable") -> None:
        super().__init__(
            "no row names a class; fill the label column, or leave the column out of a table for prediction",
            table.source,
        )
        self.table = table


def raise_together(errors: Sequence[LabelError]) -> None:
    """Raise the first error with all others on it; nothing if there is none."""
    if errors:
        first = errors[0]
        raise LabelError(first.reason, first.file, first.line, first.column, tuple(errors[1:]))


@dataclass(frozen=True)
class Clip:
    """One row: a video, or a stretch of one, with what is seen in it.

    Attributes:
        video: As written in the table: relative to the root folder, or absolute; with ``/``, in a checked table.
        start: Seconds since the first frame; ``None`` (then ``stop`` is ``None`` too) means the whole video.
        stop: End of the stretch in seconds; the frame at ``stop`` is no longer part of it.
        labels: Classes seen; ``()`` means labelled, none of the classes; ``None`` means not labelled.
        split: ``"train"``, ``"val"``, ``"test"``, or ``None`` where the table names none.
        line: Line in the source file, for messages.
        file: The source file, where a table is joined from several; for messages.
    """

    video: str
    start: float | None = None
    stop: float | None = None
    labels: tuple[str, ...] | None = None
    split: str | None = None
    line: int | None = None
    file: str | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[str, float | None, float | None]:
        """What makes two rows the same clip: normalised path and times."""
        return posixpath.normpath(self.video), self.start, self.stop


@dataclass(frozen=True)
class LabelTable:
    """Clips and the classes they are labelled with.

    Attributes:
        clips: The rows, in the order of the file.
        classes: Names of the ``C`` classes; their order is the order of the model's outputs.
        source: Where the table came from, for messages.
    """

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    source: str

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


def split_name(text: str) -> str:
    """``"train"``, ``"val"`` or ``"test"`` for any of the usual spellings (``training``, ``dev``, ``holdout``, …).

    Raises:
        ValueError: If the spelling is not known.
    """
    for name, spellings in _SPLIT_NAMES.items():
        if text.strip().lower() in spellings:
            return name
    known = ", ".join(spelling for spellings in _SPLIT_NAMES.values() for spelling in spellings)
    raise ValueError(f"{text!r} is not a split; known names are {known}")


def build_table(
    clips: Iterable[Clip], source: str, classes: Sequence[str] | None = None, found: Sequence[str] | None = None
) -> LabelTable:
    """Check rows against the rules that hold for every format, and settle the classes and their order.

    Args:
        clips: The rows; labels in any order, repeats allowed.
        source: Name of the file, for messages.
        classes: The classes to use, in this order; a row that names another one is refused.
        found: Classes in the order of the file, where the file itself has one (one-hot columns); without either,
            classes are sorted by name.

    Raises:
        LabelError: If there is no row, a clip appears twice, times make no sense, or a class is not known.
    """
    rows = tuple(clips)
    if not rows:
        raise LabelError("the table has no rows; write one line per clip below the header", source)
    names = _class_names(rows, source, classes, found)
    known = set(names)
    seen: dict[tuple[str, float | None, float | None], Clip] = {}
    checked = []
    errors = []
    for clip in rows:
        if "\\" in clip.video:  # Windows' way to write a path
            clip = replace(clip, video=clip.video.replace("\\", "/"))
        try:
            if not clip.video.strip():
                raise LabelError("the path of the video is empty", source, clip.line)
            _check_times(clip, source)
            for name in clip.labels or ():
                if name not in known:
                    raise LabelError(unknown_class(name, names), source, clip.line, "label")
            if clip.key in seen:
                raise LabelError(_twice(seen[clip.key], clip), source, clip.line)
        except LabelError as error:
            errors.append(error)
            continue
        seen[clip.key] = clip
        if clip.labels is not None:
            present = set(clip.labels)
            clip = replace(clip, labels=tuple(name for name in names if name in present))
        checked.append(clip)
    raise_together(errors)
    table = LabelTable(tuple(checked), names, source)
    if not names and any(clip.labels is not None for clip in checked):
        raise NoClassError(table)
    return table


def unknown_class(name: str, classes: Sequence[str]) -> str:
    """What to say of a class that is none of those known."""
    close = difflib.get_close_matches(name, classes, n=1)
    return f"unknown class {name!r}; " + (
        f"did you mean {close[0]!r}?" if close else f"the classes are {', '.join(classes)}"
    )


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
    for name in names:
        if name.lower() in _COLUMNS_OF_PREDICTIONS:
            raise LabelError(f"class name {name!r}: is a column of the predictions; take another name", source)
    return names


def refuse_class_names(names: Sequence[str], source: str | None = None) -> None:
    """Refuse names of behaviours that label tables do not give back, wherever they come from.

    Args:
        names: The names.
        source: The file or option that has them, for messages.

    Raises:
        LabelError: At the first of them, or at a name that stands twice.
    """
    for name in names:
        if not name.strip():
            raise LabelError(f"class name {name!r}: is empty", source)
        if ";" in name:
            raise LabelError(f"class name {name!r}: holds ';', by which label tables separate behaviours", source)
        if not _survives(name):
            reason = "tables do not keep tabs, line breaks, and blanks at the ends of a name"
            raise LabelError(f"class name {name!r}: {reason}; take another name", source)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LabelError(f"class {twice[0]!r} is named twice", source)


def refuse_unwritable(table: LabelTable) -> None:
    """Refuse names of videos that no table of text gives back.

    Raises:
        LabelError: At the first of them.
    """
    for clip in table.clips:
        if not _survives(clip.video):
            reason = "tables do not keep tabs, line breaks, and blanks at the ends of a name; rename the file"
            raise LabelError(f"{clip.video!r}: {reason}", table.file_of(clip), clip.line)


def _survives(name: str) -> bool:
    return name == name.strip() and "\t" not in name and len(name.splitlines()) == 1


def _check_times(clip: Clip, source: str) -> None:
    start, stop = clip.start, clip.stop
    if start is None and stop is None:
        return
    if start is None or stop is None:
        given, missing = ("start", "stop") if stop is None else ("stop", "start")
        raise LabelError(
            f"has a {given} and no {missing}; give both in seconds, or neither for the whole video",
            source,
            clip.line,
            missing,
        )
    for column, value in (("start", start), ("stop", stop)):
        if not np.isfinite(value) or value < 0:
            raise LabelError(f"{value} is not a time in seconds since the first frame", source, clip.line, column)
    if stop <= start:
        raise LabelError(f"the clip stops at {stop} s, at or before its start at {start} s", source, clip.line, "stop")


def _twice(first: Clip, second: Clip) -> str:
    lines = f" (first in line {first.line})" if first.line else ""
    span = "" if second.start is None else f" from {second.start} to {second.stop} s"
    if first.split != second.split:
        what = f"in the splits {first.split} and {second.split}"
    elif set(first.labels or ()) != set(second.labels or ()):
        what = "with different labels"
    else:
        what = "with the same labels, and would count double"
    return f"{second.video}{span} appears twice{lines}, {what}; keep one row and join its labels by ';'"


def write_table(table: LabelTable, path: str | os.PathLike[str]) -> Path:
    """Write a table as CSV: ``filepath[,start,stop][,label][,split]``, columns that no row fills left out.

    Reading the file gives the same clips and labels. The classes are those that rows name: pass ``classes`` when
    reading where the order matters or a class has no example.

    Raises:
        LabelError: If some rows are labelled and others are not, as one file cannot say both; or if the file would not
            give back the name of a video.
    """
    refuse_unwritable(table)
    labelled = {clip.labels is not None for clip in table.clips}
    if len(labelled) > 1:
        raise LabelError("some rows are labelled and others are not; write them to two files", table.source)
    timed = any(clip.start is not None for clip in table.clips)
    named = any(clip.split is not None for clip in table.clips)
    target = Path(path)
    with writing_text(target) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["filepath"] + ["start", "stop"] * timed + ["label"] * (labelled == {True}) + ["split"] * named)
        for clip in table.clips:
            row = [clip.video]
            if timed:
                row += ["" if time is None else repr(float(time)) for time in (clip.start, clip.stop)]
            if clip.labels is not None:
                row.append(";".join(clip.labels))
            if named:
                row.append(clip.split or "")
            writer.writerow(row)
    return target
