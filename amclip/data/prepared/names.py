"""What the videos of a data set are called once they are prepared."""

import os
import posixpath
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import PurePosixPath

__all__ = ["prepared_names"]

_SUFFIX = ".mp4"


def prepared_names(videos: Iterable[str]) -> dict[str, str]:
    """The name of each video below the folder of the prepared ones.

    An MP4 keeps its name with its folders, so that every table still names it. Of others the suffix is replaced, or
    ``.mp4`` is put behind it where that name is another video's: ``a.avi`` beside ``a.mp4``; a number is where that
    one is taken too. Names that differ in case only are one to some file systems, and so count as taken. Videos outside
    of the root get the folders of their absolute path.

    Args:
        videos: Names as in a table, relative to the root or absolute; of folders of images too.

    Returns:
        A relative name for each, with ``/``; two spellings of one path have one, and no two videos do.
    """
    owners = {video: _absolute_outside(video) for video in videos}
    names: dict[str, str] = {}
    taken: set[str] = set()
    for owner in sorted(dict.fromkeys(owners.values()), key=lambda owner: not _is_kept(owner)):
        name = next(name for name in _candidates(owner.lstrip("/")) if name.casefold() not in taken)
        taken.add(name.casefold())
        names[owner] = name
    return {video: names[owner] for video, owner in owners.items()}


def _absolute_outside(video: str) -> str:
    name = posixpath.normpath(video)
    return os.path.abspath(name) if name.startswith(("/", "../")) else name


def _is_kept(name: str) -> bool:
    return name.lower().endswith(_SUFFIX)


def _candidates(place: str) -> Iterator[str]:
    if _is_kept(place):
        yield place
    elif PurePosixPath(place).suffix:
        yield str(PurePosixPath(place).with_suffix(_SUFFIX))
    yield place + _SUFFIX
    for number in count(2):
        yield f"{place}.{number}{_SUFFIX}"
