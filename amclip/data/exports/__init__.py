"""Label tables in the formats of other tools, each with what it cannot hold.

Reading the file gives the table back but for what the returned notes name. Formats of frames count those of the video,
or, where it is not there, frames of one rate; a time between two frames moves to the nearest.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from amclip.data.clock import Clock
from amclip.data.exports import bouts, clips
from amclip.data.label_error import LabelError
from amclip.data.split_names import SPLITS
from amclip.data.table import LabelTable, refuse_unwritable
from amclip.text import is_formula, path_cell

__all__ = ["FOLDERS", "FORMATS", "OF_BOUTS", "export", "files_below"]

FORMATS: dict[str, Callable[[LabelTable, Path, Clock], list[str]]] = {
    "table": clips.own_table,
    "list": clips.path_list,
    "zamba": clips.zamba,
    "animal-kingdom": clips.animal_kingdom,
    "boris": bouts.boris,
    "boris-tabular": bouts.boris_tabular,
    "deepethogram": bouts.deepethogram,
    "feral": bouts.feral,
    "frame-list": bouts.frame_list,
}
"""What each form is called, and what writes it."""
OF_BOUTS = ("boris", "boris-tabular", "deepethogram", "feral", "frame-list")
"""Forms that say when a behaviour starts and stops."""

FOLDERS = ("deepethogram", "frame-list")
"""Forms that are written as several files, to a folder."""
_BOOKS = ("boris", "boris-tabular", "animal-kingdom")


def export(table: LabelTable, target: str | os.PathLike[str], form: str, clock: Clock | None = None) -> list[str]:
    """Write a table.

    Args:
        table: Clips.
        target: The file; for ``deepethogram`` and ``frame-list`` the folder. BORIS' forms are CSV, TSV or XLSX, as its
            suffix says.
        form: A key of :data:`FORMATS`.
        clock: When the frames of the videos are shown, for the forms that count them (``deepethogram``, ``feral``,
            ``frame-list``).

    Returns:
        What the format cannot hold of this table, in words; empty where it holds everything.

    Raises:
        LabelError: If the format cannot hold the clips at all, or frames are counted and it is not known when they are
            shown.
        ValueError: If the form is not known, or the target is of another kind.
    """
    if form not in FORMATS:
        raise ValueError(f"form: expected one of {', '.join(FORMATS)}, got {form!r}")
    path = Path(target)
    book = path.suffix.lower() == ".xlsx"
    if (form == "animal-kingdom" and not book) or (book and form not in _BOOKS):
        raise ValueError(
            f"{path}: {form} is {'' if form in _BOOKS else 'not '}written as a workbook; name it otherwise"
        )
    if (form in FOLDERS) != path.is_dir() and path.exists():
        raise ValueError(f"{path}: {form} is written to a {'folder' if form in FOLDERS else 'file'}, and this is none")
    events = form in ("boris", "boris-tabular") and not any(clip.labels for clip in table.clips)
    if events or (form in OF_BOUTS and not table.classes):
        raise LabelError(f"no clip shows a behaviour, so there is nothing for {form} to hold", table.source)
    refuse_unwritable(table)
    safe = tuple(clip.of_video(path_cell(clip.video)) if is_formula(clip.video) else clip for clip in table.clips)
    table = replace(table, clips=safe)
    return FORMATS[form](table, path, clock or Clock())


def files_below(table: LabelTable, target: str | os.PathLike[str], form: str) -> list[Path]:
    """The files that one of :data:`FOLDERS` is written as, below its folder."""
    folder = Path(target)
    if form == "deepethogram":
        return [folder / bouts.label_file(video) for video in table.videos()]
    return [folder / f"{name}.csv" for name in (*SPLITS, "all")] + [folder / "classes.json"]
