"""Which video a track is of, and which animal: matched by name, and never guessed."""

import os
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence

from amclip.data.label_error import LabelError
from amclip.data.locate import same_name
from amclip.data.tracks.track import Track, Tracks
from amclip.data.video_file import VIDEO_SUFFIXES
from amclip.text import nearest

__all__ = ["NoTracksError", "UnknownSubjectError", "match_names", "match_subjects", "match_videos", "tracks_of"]

# What DeepLabCut puts behind the name of a video: its own name at once, then that of the network.
_SCORER = re.compile(r"(?:DLC|DeepCut)_(?:\w+?)shuffle\d+.*$", re.IGNORECASE)
_ABSOLUTE = re.compile(r"/|[A-Za-z]:/")


class NoTracksError(LabelError):
    """A video without tracks."""


class UnknownSubjectError(LabelError):
    """An animal without a track."""


def video_stem(name: str) -> str:
    """A video's name without its folder, the suffix of a video and the name of DeepLabCut's network."""
    last = posixpath.basename(name)
    if last.lower().endswith(VIDEO_SUFFIXES):
        last = posixpath.splitext(last)[0]
    return _SCORER.sub("", last) or last


def tracks_of(tracks: Tracks, video: str) -> tuple[Track, ...]:
    """The tracks of a video that goes by the name a label table has for it.

    The same name is taken first; else the one whose file has the same name, with its suffix or else without (and
    without DeepLabCut's network), and as many of the last folders. Two relative names with folders that differ are two
    videos. Unicode's forms of a letter are the same.

    Args:
        tracks: Of any number of videos.
        video: Name of the video: a path, relative or absolute.

    Raises:
        NoTracksError: If there are none; says which name is close.
        LabelError: If several fit.
    """
    return tracks.videos[_name_of(tracks, video)]


def match_videos(tracks: Tracks, videos: Iterable[str]) -> dict[str, tuple[Track, ...]]:
    """The tracks of each of a table's videos, as :func:`tracks_of` finds them; those without tracks are left out.

    Raises:
        LabelError: If several tracks fit a video, or the same ones two videos.
    """
    return {video: tracks.videos[name] for video, name in match_names(tracks, videos).items()}


def match_names(tracks: Tracks, videos: Iterable[str]) -> dict[str, str]:
    """As :func:`match_videos`, with the name that the tracks have for a video in place of its tracks."""
    found: dict[str, str] = {}
    taken: dict[str, str] = {}
    for video in dict.fromkeys(videos):
        try:
            name = _name_of(tracks, video)
        except NoTracksError:
            continue
        other = taken.setdefault(name, video)
        if other != video:
            reason = f"the tracks of {name!r} fit {other} and {video}; name the video in them with its folder"
            raise LabelError(reason, tracks.source)
        found[video] = name
    return found


def _name_of(tracks: Tracks, video: str) -> str:
    """The name that tracks have for a video."""
    if video in tracks.videos:
        return video
    wanted = _normal(video)
    names = {name: _normal(name) for name in tracks.videos}
    exact = [name for name, form in names.items() if form == wanted]
    if len(exact) == 1:
        return exact[0]
    if list(names) == [""]:
        return ""
    last = posixpath.basename(wanted)
    fitting = [name for name, form in names.items() if posixpath.basename(form) == last and _folders_fit(form, wanted)]
    if not fitting:
        stem = video_stem(wanted)
        fitting = [name for name, form in names.items() if video_stem(form) == stem and _folders_fit(form, wanted)]
    most = max((_folders_in_common(names[name], wanted) for name in fitting), default=0)
    fitting = [name for name in fitting if _folders_in_common(names[name], wanted) == most]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        reason = f"the tracks of {' and '.join(map(repr, fitting[:3]))} fit {video}; name the video with its folder"
        raise LabelError(reason, tracks.source)
    raise NoTracksError(f"there are no tracks of {video}; {_suggestion(video, list(tracks.videos))}", tracks.source)


def _normal(name: str) -> str:
    return posixpath.normpath(same_name(os.fspath(name).replace("\\", "/")))


def _folders(name: str) -> list[str]:
    return [part for part in posixpath.dirname(name).split("/") if part]


def _folders_in_common(one: str, other: str) -> int:
    """How many of the last folders are the same."""
    pairs = zip(reversed(_folders(one)), reversed(_folders(other)), strict=False)
    count = 0
    for here, there in pairs:
        if here != there:
            break
        count += 1
    return count


def _folders_fit(one: str, other: str) -> bool:
    """Whether two names may be of one video: of relative ones, the shorter's folders end the longer's."""
    if _ABSOLUTE.match(one) or _ABSOLUTE.match(other):
        return True  # where a video lay on another computer says nothing
    return _folders_in_common(one, other) == min(len(_folders(one)), len(_folders(other)))


def match_subjects(wanted: Iterable[str], there: Sequence[str], source: str, what: str = "track") -> Mapping[str, str]:
    """Which of the animals that are there is meant by each name; the same name in any form of Unicode.

    Args:
        wanted: Names, as a label table has them.
        there: Names of the tracks.
        source: Whose names these are, for messages.
        what: What an animal has there, for messages.

    Returns:
        The name there by the name wanted, in the order wanted.

    Raises:
        UnknownSubjectError: If one is not there; names all of them, with those that are close.
    """
    forms = {same_name(name): name for name in there}
    forms.update((name, name) for name in there)  # as it is written comes first, where two differ in their form alone
    names = list(dict.fromkeys(wanted))
    known = {name: forms.get(name) or forms.get(same_name(name)) for name in names}
    missing = [name for name, found in known.items() if found is None]
    if missing:
        parts = [f"{name!r} has no {what}; {_suggestion(name, there)}" for name in missing]
        raise UnknownSubjectError(
            parts[0], source, others=tuple(UnknownSubjectError(part, source) for part in parts[1:])
        )
    return {name: found for name, found in known.items() if found is not None}


def _suggestion(name: str, there: Sequence[str]) -> str:
    if near := nearest(name, there):
        return f"did you mean {near[0]!r}?"
    if not there:
        return "there is none at all"
    more = f" and {len(there) - 5} more" if len(there) > 5 else ""
    return f"there are {', '.join(map(repr, there[:5]))}{more}"
