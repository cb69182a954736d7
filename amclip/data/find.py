"""Find the videos below a folder, and what cannot be looked into."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from amclip.data.video_file import VIDEO_SUFFIXES
from amclip.text import nearest

__all__ = ["in_its_place", "list_videos", "named_otherwise"]

_ALIKE = 0.75  # how like the names are that are told
_MOST_NAMES = 10_000  # of a folder, among which like ones are looked for


def named_otherwise(path: str | os.PathLike[str], named: Collection[Path] = (), alike: float = _ALIKE) -> str:
    """What there is where a video of a table is not, as :func:`in_its_place` says it, and what to do about names.

    Args:
        path: The video.
        named: Where the videos lie that the table names.
        alike: How like a name is at least.
    """
    words = in_its_place(path, named, alike)
    differ = ": if that is it, the names differ; rename the file, or write its name into the labels"
    return words + differ if words and Path(path).parent.is_dir() else words


def in_its_place(path: str | os.PathLike[str], named: Collection[Path] = (), alike: float = _ALIKE) -> str:
    """What there is where a file is not: names like its own, or that its folder is not there; else ``""``.

    Args:
        path: The file.
        named: Files that are meant by names of their own, so that none of them is what this name means; nor is a folder
            in which the file would be one of them.
        alike: How like a name is at least, as of :func:`amclip.text.nearest`.

    Returns:
        Words that go behind "does not exist".
    """
    missing = Path(path)
    if missing.parent.is_dir():
        return _like(missing, Path(), named, alike)
    above = next((one for one in missing.parents if one.is_dir()), None)
    lost = missing.parent if above is None else above / missing.relative_to(above).parts[0]
    near = "" if above is None else _like(lost, missing.relative_to(lost), named, alike)
    return f"; there is no folder {lost}{near}"


def _like(missing: Path, rest: Path, named: Collection[Path], alike: float) -> str:
    """Names like that of what is missing from its folder, but for those that are named already with the rest of it."""
    try:
        with os.scandir(missing.parent) as entries:
            names = [entry.name for entry, _ in zip(entries, range(_MOST_NAMES), strict=False)]
    except OSError:
        return ""
    free = [name for name in names if missing.parent / name / rest not in named] if named else names
    near = nearest(missing.name, free, 2, alike)
    return f"; there {'is' if len(near) == 1 else 'are'} {' and '.join(sorted(near))}" if near else ""


def list_videos(root: str | os.PathLike[str]) -> list[Path]:
    """Every file under ``root`` that is named like a video, sorted; ``root`` itself if it is a file.

    Links to folders are followed, each folder once, and none that holds ``root`` itself. A folder that cannot be
    looked into is in the list too: it is no video, so whoever goes over the list says that it cannot be read, in place
    of leaving out in silence what it holds. So is a link to a video that leads nowhere. Hidden files and folders
    (``.name``; macOS leaves ``._clip.mp4`` beside ``clip.mp4``) are skipped.

    Raises:
        FileNotFoundError: If ``root`` does not exist.
    """
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f"{root} does not exist")
    if root.is_file():
        return [root]
    found: list[Path] = []
    # Folders themselves come before links to them, so that a video goes by the name without a link.
    seen: set[str] = set()
    links: list[Path] = []
    _look_into([root], seen, links, found)
    top = os.path.realpath(root)
    while links:
        link = links.pop(0)
        real = os.path.realpath(link)
        if real not in seen and os.path.commonpath([real, top]) != real:
            _look_into([link], seen, links, found)
    return sorted(found)


def _look_into(pending: list[Path], seen: set[str], links: list[Path], found: list[Path]) -> None:
    """Add the videos of folders and those below them; links to folders are noted, to be followed later."""
    while pending:
        folder = pending.pop()
        seen.add(os.path.realpath(folder))
        try:
            entries = list(_visible(folder))
        except OSError:
            found.append(folder)
            continue
        for entry in entries:
            path = folder / entry.name
            if _is_folder(entry):
                (links if entry.is_symlink() else pending).append(path)
            elif entry.name.lower().endswith(VIDEO_SUFFIXES):
                found.append(path)


def _visible(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
