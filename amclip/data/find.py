"""Find the videos below a folder, and what cannot be looked into."""

import os
from collections.abc import Iterator
from pathlib import Path

from amclip.data.video_file import VIDEO_SUFFIXES
from amclip.text import nearest

__all__ = ["in_its_place", "list_videos", "named_otherwise"]

_MOST_NAMES = 10_000  # of a folder, among which like ones are looked for


def named_otherwise(path: str | os.PathLike[str]) -> str:
    """What there is where a video of a table is not, as :func:`in_its_place` says it, and what to do about names."""
    words = in_its_place(path)
    alike = ": if that is it, the names differ; rename the file, or write its name into the labels"
    return words + alike if words and Path(path).parent.is_dir() else words


def in_its_place(path: str | os.PathLike[str]) -> str:
    """What there is where a file is not: names like its own, or that its folder is not there; else ``""``.

    Args:
        path: The file.

    Returns:
        Words that go behind "does not exist".
    """
    missing = Path(path)
    folder = missing.parent
    if not folder.is_dir():
        above = next((one for one in folder.parents if one.is_dir()), None)
        lost = folder if above is None else above / folder.relative_to(above).parts[0]
        return f"; there is no folder {lost}{in_its_place(lost)}"
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry, _ in zip(entries, range(_MOST_NAMES), strict=False)]
    except OSError:
        return ""
    near = nearest(missing.name, names, 2, 0.75)
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
