"""Label tables in the formats of other tools, each with what it cannot hold.

Reading the file gives the table back but for what the returned notes name. Formats of frames count those of the video,
or, where it is not there, frames of one rate; a time between two frames moves to the nearest.
"""

import os
from dataclasses import fields, replace
from pathlib import Path

from amclip.data.clock import Clock
from amclip.data.formats.known import WRITERS
from amclip.data.formats.origin import Origin, Writing
from amclip.data.label_error import LabelError
from amclip.data.merge_subjects import merge_subjects
from amclip.data.table import LabelTable, refuse_unwritable
from amclip.text import is_formula, path_cell

__all__ = ["export", "files_below", "refuse_other_suffix"]


def export(
    table: LabelTable,
    target: str | os.PathLike[str],
    form: str,
    clock: Clock | None = None,
    origin: Origin | None = None,
) -> list[str]:
    """Write a table.

    Args:
        table: Clips.
        target: The file; for ``deepethogram``, ``frame-list`` and ``nwb`` the folder. BORIS' forms are CSV, TSV or
            XLSX, as its suffix says.
        form: A key of :data:`amclip.data.formats.known.WRITERS`.
        clock: When the frames of the videos are shown, for the forms that count them (``deepethogram``, ``feral``,
            ``frame-list``, ``sleap``).
        origin: Where the labels come from, for the forms that hold it (``nwb``, ``sleap``).

    Returns:
        What the format cannot hold of this table, in words; empty where it holds everything.

    Raises:
        LabelError: If the format cannot hold the clips at all, or frames are counted and it is not known when they are
            shown.
        ValueError: If the form is not known, the target is of another kind, or something is said of the origin that the
            form has no place for.
        ModuleNotFoundError: If a library that only this form needs is not installed.
    """
    if form not in WRITERS:
        raise ValueError(f"form: expected one of {', '.join(WRITERS)}, got {form!r}")
    writer, path, origin = WRITERS[form], Path(target), origin or Origin()
    said = [each.name for each in fields(origin) if getattr(origin, each.name) is not None]
    if unheld := [name for name in said if name not in writer.holds_origin]:
        raise ValueError(f"{', '.join(f'--{name}' for name in unheld)}: {form} has no place for it; leave it out")
    refuse_other_suffix(path, form)
    book = path.suffix.lower() == ".xlsx"
    if (book and writer.workbook == "never") or (not book and writer.workbook == "must"):
        raise ValueError(f"{path}: {form} is {'not ' if book else ''}written as a workbook; name it otherwise")
    if (writer.files is not None) != path.is_dir() and path.exists():
        kind = "file" if writer.files is None else "folder"
        raise ValueError(f"{path}: {form} is written to a {kind}, and this is none")
    nothing = writer.holds_nothing_else and not any(clip.labels for clip in table.clips)
    if nothing or (writer.holds_bouts and not table.classes):
        raise LabelError(f"no clip shows a behaviour, so there is nothing for {form} to hold", table.source)
    refuse_unwritable(table)
    lost = []
    if not writer.holds_subjects and any(clip.subject for clip in table.clips):
        table = merge_subjects(table)
        lost.append("subjects: a behaviour holds while any of them shows it")
    if writer.files is not None:
        _refuse_same_names(writer.files(table), path)
    safe = tuple(clip.of_video(path_cell(clip.video)) if is_formula(clip.video) else clip for clip in table.clips)
    return lost + writer.write(replace(table, clips=safe), path, Writing(clock or Clock(), origin))


def refuse_other_suffix(target: str | os.PathLike[str], form: str) -> None:
    """Refuse a name that the program of a form would not open, or that is of another form.

    Raises:
        ValueError: If it is one; with the name to take.
    """
    path, suffix = Path(target), WRITERS[form].suffix
    if suffix and path.suffix.lower() != suffix:
        raise ValueError(f"{path}: {form} is written to files that end in {suffix}; name it {path.with_suffix(suffix)}")
    others = [
        name for name, writer in WRITERS.items() if writer.suffix and writer.suffix == path.suffix.lower() != suffix
    ]
    if others:
        raise ValueError(f"{path}: files that end in {path.suffix} are {others[0]}, not {form}; add --to {others[0]}")


def files_below(table: LabelTable, target: str | os.PathLike[str], form: str) -> list[Path]:
    """The files that a table is written as below the target, where that is a folder; else none."""
    files = WRITERS[form].files
    return [] if files is None else [Path(target, name) for name in files(table)]


def _refuse_same_names(names: list[str], folder: Path) -> None:
    """Refuse files that are one and the same to disks that take no notice of case, as those of macOS and Windows."""
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.setdefault(name.casefold(), name)) != name:
            raise LabelError(
                f"the names of the files {other!r} and {name!r} differ in case only, and many disks keep one of them; "
                "rename a video or an animal",
                str(folder),
            )
