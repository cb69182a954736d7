"""Which videos a command line means, and what tables call them."""

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amclip.data.find import list_videos
from amclip.data.image_folder import why_no_image_folder
from amclip.data.locate import spelled
from amclip.text import file_label

__all__ = ["Source", "find_sources"]


@dataclass(frozen=True)
class Source:
    """One video to annotate.

    Attributes:
        name: What tables call it: its path relative to the folder that all videos share, with ``/`` between folders.
        path: Where it lies, absolute.
    """

    name: str
    path: Path


def find_sources(given: Sequence[str]) -> list[Source]:
    """The videos behind the words of a command line, each once, sorted by name.

    Args:
        given: Video files, folders (all videos below them; or a folder of numbered images, which is a video itself) and
            patterns such as ``"day*/*.mp4"``. A file is taken as it is, whatever its name: if it is no video, the user
            shall hear of it.

    Raises:
        FileNotFoundError: If a word stands for nothing.
        ValueError: If a folder, or everything together, holds no videos.
    """
    roots: list[Path] = []
    found: dict[str, Path] = {}  # by the file itself, so that a link or a second pattern brings it no second time
    for word in given:
        matches = _matches(word)
        for place in matches:
            root, videos = _expand(place)
            if not videos and len(matches) == 1:
                raise ValueError(f"{word}: the folder holds no videos, and no numbered images")
            roots += [root] * bool(videos)
            for video in videos:
                found.setdefault(os.path.realpath(video), video)
    if not found:
        raise ValueError(f"there are no videos in {', '.join(given)}")
    common = Path(os.path.commonpath(roots))
    sources = [Source(file_label(path.relative_to(common).as_posix()), path) for path in found.values()]
    return sorted(sources, key=lambda source: source.name)


def _matches(word: str) -> list[Path]:
    place = Path(os.path.abspath(os.path.expanduser(word)))
    if place.exists():  # also where the name has brackets
        return [place]
    matches = sorted(glob.glob(str(place), recursive=True)) if glob.has_magic(word) else []
    if not matches:
        try:
            return [spelled(place)]
        except FileNotFoundError as error:
            said = "" if str(error).endswith("does not exist") else f" ({error})"
            raise FileNotFoundError(
                f"{word}: there is no such video or folder, and nothing matches it as a pattern{said}"
            ) from None
    return [Path(match) for match in matches]


def _expand(place: Path) -> tuple[Path, list[Path]]:
    """The folder that names start from, and the videos."""
    if not place.is_dir():
        return place.parent, [place]
    videos = list_videos(place)
    if videos and place not in videos:  # it is where it cannot be looked into
        return place, videos
    return (place, []) if not videos and why_no_image_folder(place) else (place.parent, [place])
