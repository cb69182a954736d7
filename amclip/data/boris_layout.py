"""What a project of BORIS holds, by the keys that version 9 saves: its frame, and one observation."""

import math
import string
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from typing import Any

__all__ = ["media_observation", "project_frame", "safe_length", "subjects_conf"]

_PLAYERS = 8


def project_frame(
    name: str,
    description: str,
    classes: Sequence[str],
    descriptions: Mapping[str, str] | None = None,
    subjects: Sequence[str] | None = (),
) -> dict[str, Any]:
    """A project without its observations.

    Args:
        name: Of the project.
        description: Of the project.
        classes: Names of the behaviours; each gets a key of its own while there are letters and digits.
        descriptions: A line of text per class.
        subjects: Names of the animals; ``None`` leaves their list out, for who adds it later.
    """
    keys = _keys(classes)
    behaviours = {
        str(index): {
            "type": "State event",
            "key": keys[one],
            "code": one,
            "description": (descriptions or {}).get(one, ""),
            "color": "",
            "category": "",
            "modifiers": {},
            "excluded": "",
            "coding map": "",
        }
        for index, one in enumerate(classes)
    }
    return {
        "time_format": "hh:mm:ss",
        "project_date": "",
        "project_name": name,
        "project_description": description,
        "project_format_version": "7.0",
        **({} if subjects is None else {"subjects_conf": subjects_conf(classes, subjects)}),
        "behaviors_conf": behaviours,
        "behavioral_categories": [],
        "behavioral_categories_config": {},
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }


def subjects_conf(classes: Sequence[str], subjects: Sequence[str]) -> dict[str, dict[str, str]]:
    """The list of animals; each gets a key that no behaviour has, while there are any."""
    taken = _keys(classes).values()
    free = [key for key in string.digits[1:] + string.digits[0] + string.ascii_lowercase if key not in taken]
    return {
        str(index): {"key": key, "name": name, "description": ""}
        for index, (name, key) in enumerate(zip(subjects, chain(free, repeat("")), strict=False))
    }


def media_observation(
    media: str,
    length: float,
    fps: float,
    events: Sequence[Sequence[object]],
    description: str = "",
    date: str = "",
    interval: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """One observation of one media file.

    Args:
        media: The file.
        length: Of it, in seconds. BORIS cuts it to milliseconds and leaves out what is later; see :func:`safe_length`.
        fps: Frames per second; BORIS fails to export events without.
        events: Time, subject, behaviour, modifier, comment and frame of each, in order of time.
        description: In words.
        date: When it was recorded, as in ISO 8601.
        interval: From when to when the observer looked, in seconds; ``None``: all of the file.
    """
    return {
        "type": "MEDIA",
        "date": date,
        "description": description,
        "time offset": 0.0,
        "events": events,
        "observation time interval": list(interval or (0, 0)),
        "file": {"1": [media], **{str(player): [] for player in range(2, _PLAYERS + 1)}},
        "media_info": {
            "length": {media: length},
            "fps": {media: fps},
            "hasVideo": {media: True},
            "hasAudio": {media: False},
            "offset": {"1": 0.0},
        },
        "independent_variables": {},
        "close_behaviors_between_videos": False,
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
    }


def safe_length(seconds: float) -> float:
    """A length of which BORIS, which cuts it to milliseconds, leaves nothing out."""
    return math.ceil(round(seconds * 1000, 3)) / 1000 + 0.0005


def _keys(classes: Sequence[str]) -> dict[str, str]:
    free = list(string.ascii_lowercase + string.digits)
    keys = {}
    for name in classes:
        wanted = [letter for letter in name.lower() if letter in free] or free[:1]
        keys[name] = wanted[0] if wanted else ""
        if wanted:
            free.remove(wanted[0])
    return keys
