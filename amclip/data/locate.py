"""Find the videos of a table that names them otherwise than they lie: without a suffix, or where they lay elsewhere."""

import os
import re
from dataclasses import replace
from pathlib import Path

from amclip.data.table import LabelError, LabelTable
from amclip.data.video import VIDEO_SUFFIXES

__all__ = ["locate_videos"]

_ABSOLUTE = re.compile(r"/|[A-Za-z]:/")


def locate_videos(table: LabelTable, root: str | os.PathLike[str]) -> LabelTable:
    """Complete names without the suffix of a video, and make absolute ones relative to the root.

    ``AAACXZTV`` is the folder of images, or else ``AAACXZTV.mp4``. BORIS' projects and some tables have absolute names:
    one below the root becomes relative, so that a video has one name in all tables; one that is not there, as in a
    project from another computer, is looked for below the root by as many of its last folders as fit.

    Args:
        table: Clips.
        root: Folder that relative paths start from.

    Returns:
        The table with the names of files that are there; a name that fits nothing stays as it is.

    Raises:
        LabelError: If several files fit a name, or several absolute names one file.
    """
    found = _below(table, Path(root))
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
    found = {name: new for name, new in found.items() if name != new}
    if not found:
        return table
    clips = tuple(clip.of_video(found[clip.video]) if clip.video in found else clip for clip in table.clips)
    return replace(table, clips=clips)


def _below(table: LabelTable, root: Path) -> dict[str, str]:
    """Names below the root of those that are absolute, where there are any."""
    found: dict[str, str] = {}
    by_name: dict[str, str] = {}  # what was found by the name of the file alone
    for clip in table.clips:
        name = clip.video
        if name in found or not _ABSOLUTE.match(name):
            continue
        path = Path(name)
        near = _relative(path, root) or _end(path, root)
        if near is None:
            continue
        found[name] = near
        other = by_name.setdefault(near, name) if near == path.name and not path.exists() else name
        if other != name:
            raise LabelError(
                f"{name} and {other} are not there, and below {root} only {near} has their name; keep videos of one "
                "name in folders of their own",
                table.file_of(clip),
                clip.line,
            )
    return found


def _relative(path: Path, root: Path) -> str | None:
    """The name of a video below the root, if it is named as being there."""
    for top, below in ((root.absolute(), Path(os.path.normpath(path))), (root.resolve(), path.resolve())):
        if below.is_relative_to(top):
            return below.relative_to(top).as_posix()
    return None


def _end(path: Path, root: Path) -> str | None:
    """The longest end of a name that is below the root, if the video is not where it is named."""
    if path.exists():
        return None
    parts = path.parts[1:]
    ends = (Path(*parts[at:]) for at in range(len(parts)))
    return next((end.as_posix() for end in ends if (root / end).exists()), None)


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
