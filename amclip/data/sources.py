"""Labels as a user names them: one table, several that are joined, or one per split."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from amclip.data.clock import Clock
from amclip.data.formats import (
    FILE_NAMES,
    Reading,
    files_in,
    in_words,
    joined_classes,
    read_parts,
    read_splits,
    read_table,
    refuse_untold,
)
from amclip.data.label_error import LabelError
from amclip.data.locate import locate_videos
from amclip.data.table import Clip, LabelTable, build_table

__all__ = ["Labels", "default_root", "files_read", "label_files", "read_given", "read_several"]

Labels = str | Sequence[str] | Mapping[str, str]
"""A table, several tables, or a table per split."""


def label_files(labels: Labels) -> list[str]:
    """The files, in the order they are given."""
    if isinstance(labels, str):
        return [labels]
    return list(labels.values() if isinstance(labels, Mapping) else labels)


def files_read(labels: Labels) -> list[Path]:
    """The files that are read for these labels: those of :func:`label_files`, and of folders what is in them."""
    found: list[Path] = []
    for one in map(Path, label_files(labels)):
        if not one.is_dir():
            found.append(one)
            continue
        try:
            found += files_in(one)
        except LabelError:  # reading says so; until then it is all that may be meant
            found += sorted({file for pattern in FILE_NAMES for file in one.rglob(pattern)})
    return found


def default_root(labels: Labels) -> Path:
    """The folder that relative paths start from where nobody names one: that of the first table.

    A folder of label files is its own.
    """
    first = Path(label_files(labels)[0])
    return first if first.is_dir() else first.parent


def read_given(
    labels: Labels, reading: Reading | None = None, root: str | os.PathLike[str] | None = None
) -> LabelTable:
    """Read labels in whichever of the three ways they are given.

    Args:
        labels: A table; several, see :func:`read_several`; or one per split, see
            :func:`amclip.data.formats.read_splits`.
        reading: How they are read; default: when frames are shown say the videos below the root, or below that of the
            labels, see :func:`default_root`.
        root: Folder of the videos. Several tables may name one by other paths; by this folder they are known as one.

    Raises:
        LabelError: If a file cannot be used, or files do not go together.
    """
    if reading is None:
        reading = Reading(clock=Clock(default_root(labels) if root is None and labels else root))
    if isinstance(labels, str):
        return read_table(labels, reading)
    if isinstance(labels, Mapping):
        return read_splits(labels, reading)
    return read_several(labels, reading, root)


def read_several(
    paths: Sequence[str | os.PathLike[str]],
    reading: Reading | None = None,
    root: str | os.PathLike[str] | None = None,
) -> LabelTable:
    """Read tables and join them; their paths start from the same root.

    A clip that stands in two tables with the same labels counts once. Files of animals or behaviours of one video, such
    as JAABA's scores, are joined as those of a folder are. Windows cut those tables that note bouts; clips that are
    given as such stay as they are. Likewise, observations are chosen in those tables that have some.

    Args:
        paths: The tables, in any form that :func:`amclip.data.formats.read_labels` reads.
        reading: How they are read; the classes, where none are named, are those of all tables together.
        root: Folder of the videos, see :func:`amclip.data.locate.locate_videos`.

    Raises:
        LabelError: If a table cannot be used, windows or observations are given and no table takes them,
            two tables label one clip differently, or some rows name a split and others do not.
    """
    if not paths:
        raise LabelError("the list of label tables is empty; name one or more")
    reading = reading or Reading()
    tables = read_parts(paths, reading)
    if root is not None:
        tables = [locate_videos(table, root) for table in tables]
    if reading.observations is not None:
        reading.observations.refuse_unused(" and ".join(os.fspath(path) for path in paths))
    refuse_untold(tables, reading.classes)
    if len(tables) == 1:
        return reading.finished(tables[0])
    clips = [replace(clip, file=table.source) for table in tables for clip in table.clips]
    _refuse_rows_without_split(clips)
    source = in_words(table.source for table in tables)
    return reading.finished(build_table(_each_once(clips), source, reading.classes, joined_classes(tables)), tables)


def _refuse_rows_without_split(clips: Sequence[Clip]) -> None:
    named = next((clip for clip in clips if clip.split is not None), None)
    without = next((clip for clip in clips if clip.split is None), None)
    if named is not None and without is not None:
        raise LabelError(
            f"names no split, and {_where(named)} names {named.split!r}; of tables that are joined, name a split in "
            "every row or in none",
            without.file,
            without.line,
            "split",
        )


def _each_once(clips: Sequence[Clip]) -> list[Clip]:
    first: dict[tuple[str, float | None, float | None, str], Clip] = {}
    errors = []
    for clip in clips:
        before = first.setdefault(clip.key, clip)
        if before.split == clip.split and _describe_labels(before) == _describe_labels(clip):
            continue
        span = "" if clip.start is None else f" from {clip.start:.10g} to {clip.stop:.10g} s"
        if before.split != clip.split:
            what = f"is in the split {clip.split!r}, and in {before.split!r} in {_where(before)}; keep one of the rows"
        else:
            what = f"shows {_describe_labels(clip)}, and {_describe_labels(before)} in {_where(before)}"
            what += "; keep the row that is right"
        whose = f" of {clip.subject!r}" if clip.subject else ""
        errors.append(LabelError(f"{clip.video}{whose}{span} {what}", clip.file, clip.line))
    if errors:
        raise LabelError(errors[0].reason, errors[0].file, errors[0].line, others=tuple(errors[1:]))
    return list(first.values())


def _where(clip: Clip) -> str:
    return f"{clip.file}, line {clip.line}" if clip.line else f"{clip.file}"


def _describe_labels(clip: Clip) -> str:
    if clip.labels is None:
        return "no labels (it is not labelled)"
    return repr(";".join(sorted(clip.labels))) if clip.labels else "none of the behaviours"
