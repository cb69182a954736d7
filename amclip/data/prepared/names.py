"""What the videos of a data set are called once they are prepared."""

import os
import posixpath
from collections.abc import Iterable
from pathlib import PurePosixPath

__all__ = ["prepared_names"]

_SUFFIX = ".mp4"


def prepared_names(videos: Iterable[str]) -> dict[str, str]:
    """The name of each video below the folder of the prepared ones.

    An MP4 keeps its name with its folders, so that every table still names it. Of others the suffix is replaced, or
    ``.mp4`` is put behind it where that name is another video's: ``a.avi`` beside ``a.mp4``. Videos outside of the root
    get the folders of their absolute path.

    Args:
        videos: Names as in a table, relative to the root or absolute; of folders of images too.

    Returns:
        A relative name for each, with ``/``; two names for one path have one.
    """
    places = {video: _below(video) for video in videos}
    kept = {place for place in places.values() if place.lower().endswith(_SUFFIX)}
    names: dict[str, str] = {}
    taken = dict.fromkeys(kept, "")
    for video, place in places.items():
        if place in kept:
            names[video] = place
            continue
        name = str(PurePosixPath(place).with_suffix(_SUFFIX)) if PurePosixPath(place).suffix else place + _SUFFIX
        if taken.setdefault(name, place) != place:
            name = place + _SUFFIX
        names[video] = name
    return names


def _below(video: str) -> str:
    name = posixpath.normpath(video)
    if name.startswith(("/", "../")):
        name = os.path.abspath(name).lstrip("/")
    return name
