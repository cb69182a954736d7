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
    listings: dict[Path, dict[str, list[str]]] = {}
    for clip in table.clips:
        name = clip.video
        if name in found or name.lower().endswith(VIDEO_SUFFIXES):
            continue
        path = Path(root) / name
        if path.parent not in listings:
            listings[path.parent] = _by_stem(path.parent)
        files = listings[path.parent].get(path.name, [])
        if path.exists() or not files:
            found[name] = name
        elif len(files) > 1:
            raise LabelError(f"{name} may be {' or '.join(files)}; write the whole name", table.source, clip.line)
        else:
            found[name] = f"{name}{files[0][len(path.name) :]}"
    clips = tuple(replace(clip, video=found.get(clip.video, clip.video)) for clip in table.clips)
    return replace(table, clips=clips)


def _by_stem(folder: Path) -> dict[str, list[str]]:
    """Names of a folder's videos by their name without suffix; one listing is cheaper than asking for each clip."""
    names: dict[str, list[str]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                stem, suffix = os.path.splitext(entry.name)
                if suffix.lower() in VIDEO_SUFFIXES:
                    names.setdefault(stem, []).append(entry.name)
    except OSError:
        return {}
    return names
