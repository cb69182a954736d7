"""Find the videos of a table that names them without a suffix, as data sets and label files per video do."""

import os
from dataclasses import replace
from pathlib import Path

from amclip.data.table import LabelError, LabelTable
from amclip.data.video import VIDEO_SUFFIXES

__all__ = ["locate_videos"]


def locate_videos(table: LabelTable, root: str | os.PathLike[str]) -> LabelTable:
    """Complete names without the suffix of a video: ``AAACXZTV`` is the folder of images, or else ``AAACXZTV.mp4``.

    Args:
        table: Clips.
        root: Folder that relative paths start from.

    Returns:
        The table with the names of files that are there; a name that fits nothing stays as it is.

    Raises:
        LabelError: If several files fit a name.
    """
    found: dict[str, str] = {}
    listings: dict[Path, tuple[set[str], dict[str, list[str]]]] = {}
    for clip in table.clips:
        name = clip.video
        if name in found or name.lower().endswith(VIDEO_SUFFIXES):
            continue
        path = Path(root) / name
        if path.parent not in listings:
            listings[path.parent] = _listing(path.parent)
        names, by_stem = listings[path.parent]
        files = by_stem.get(path.name, [])
        if path.name in names or not files:
            found[name] = name
        elif len(files) > 1:
            raise LabelError(
                f"{name} may be {' or '.join(files)}; write the whole name", table.file_of(clip), clip.line
            )
        else:
            found[name] = f"{name}{files[0][len(path.name) :]}"
    clips = tuple(replace(clip, video=found.get(clip.video, clip.video)) for clip in table.clips)
    return replace(table, clips=clips)


def _listing(folder: Path) -> tuple[set[str], dict[str, list[str]]]:
    """All names in a folder, and its videos by their name without suffix; cheaper than asking for each clip."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return set(), {}
    by_stem: dict[str, list[str]] = {}
    for name in names:
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in VIDEO_SUFFIXES:
            by_stem.setdefault(stem, []).append(name)
    return set(names), by_stem
