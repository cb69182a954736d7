"""Bouts as observations of a BORIS project, beside those of a person: same media, offsets, behaviours and subjects."""

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from amclip.data.boris_layout import project_frame
from amclip.data.intervals import Bout, Timeline
from amclip.ethogram.annotations import Annotation
from amclip.ethogram.pairing import match_videos

__all__ = ["NAME", "observations_beside"]

NAME = "{} (amclip)"
"""How an observation is named, by the one that it stands beside."""

_SAID = "bouts found by amclip"


def observations_beside(project: dict[str, Any], found: Annotation, source: str) -> tuple[dict[str, Any], list[str]]:
    """A project whose observations are those of another, with other events.

    Each has the media, the time offset and the variables of the one that it stands beside, so that BORIS imports it
    into the same project. Behaviours and subjects that the project does not have are added; a behaviour that is a point
    event there gets an event at the start of each bout.

    Args:
        project: As BORIS saves it; one that amclip reads.
        found: The bouts.
        source: The project's file, for messages.

    Returns:
        The project, and notes on what is not in it and on what BORIS will ask about.

    Raises:
        ValueError: If no video is in both.
    """
    observations = project["observations"]
    names = dict.fromkeys(name for one in observations.values() for name in map(_name, _files(one)))
    matches, notes = match_videos(found, Annotation(source, (), tuple(Timeline(name, ()) for name in names)))
    of_video = {judge.video: judged for judged, judge in matches}
    points = {one["code"].strip() for one in project["behaviors_conf"].values() if "state" not in one["type"].lower()}
    sets = {one["code"].strip(): len(one.get("modifiers") or ()) for one in project["behaviors_conf"].values()}
    beside: dict[str, Any] = {}
    for name, observation in observations.items():
        begins = _begins(observation)
        if begins is None:
            notes.append(f"observation {name!r}: how long its media are is not known, so that it is left out")
            continue
        offset = float(observation.get("time offset") or 0)
        events: list[list[Any]] = []
        for file, begin, length in begins:
            line = of_video.get(_name(file))
            for bout in () if line is None else _apart(line.bouts, length):
                modifiers = "|".join(["None"] * sets.get(bout.label, 0))
                times = (bout.start,) if bout.label in points else (bout.start, bout.stop)
                said = (bout.subject, bout.label, modifiers, "", "NA")
                events += [[round(offset + begin + time, 3), *said] for time in times]
        if any(_name(file) in of_video for file, *_ in begins):
            whole = {"events": _in_order(events), "description": _SAID, "observation time interval": [0, 0]}
            beside[NAME.format(name)] = copy.deepcopy(observation) | whole
    result = copy.deepcopy(project) | {"observations": beside}
    behaviours = dict.fromkeys(event[2] for one in beside.values() for event in one["events"])
    subjects = dict.fromkeys(event[1] for one in beside.values() for event in one["events"] if event[1])
    known = {one["code"].strip() for one in project["behaviors_conf"].values()}
    named = {one["name"] for one in (project.get("subjects_conf") or {}).values()}
    new = [name for name in behaviours if name not in known], [name for name in subjects if name not in named]
    frame = project_frame("", "", new[0], subjects=new[1])
    for part, added, what in zip(("behaviors_conf", "subjects_conf"), new, ("behaviours", "subjects"), strict=True):
        result[part] = _with(project.get(part) or {}, frame[part].values())
        if added:
            notes.append(f"{what} that your project does not have, which BORIS asks about: {', '.join(added)}")
    return result, notes


def _files(observation: dict[str, Any]) -> list[str]:
    """The media of the one player that is used."""
    return next((files for files in observation["file"].values() if files), [])


def _name(file: str) -> str:
    """A file as amclip's reader names it."""
    return file.strip().replace("\\", "/")


def _begins(observation: dict[str, Any]) -> list[tuple[str, float, float]] | None:
    """Each file, when it begins and how long it is, in seconds; ``None`` where that is not known."""
    files, lengths = _files(observation), (observation.get("media_info") or {}).get("length") or {}
    found, begin = [], 0.0
    for file in files:
        length = float(lengths.get(file) or math.inf)
        if math.isinf(begin):
            return None
        found.append((file, begin, length))
        begin += length
    return found


def _apart(bouts: Iterable[Bout], length: float) -> Iterator[Bout]:
    """Bouts of which no two of one behaviour and subject meet, within the media as BORIS knows them, to the ms."""
    end = length if math.isinf(length) else math.floor(round(length * 1000, 3)) / 1000
    last: dict[tuple[str, str], Bout] = {}
    for bout in sorted(bouts, key=lambda one: (one.start, one.stop)):
        now = Bout(round(bout.start, 3), min(round(bout.stop, 3), end), bout.label, None, bout.subject)
        if now.start >= now.stop and bout.start < bout.stop:
            continue
        key = now.label, now.subject
        before = last.get(key)
        if before is not None and now.start <= before.stop:
            last[key] = Bout(before.start, max(before.stop, now.stop), now.label, None, now.subject)
            continue
        if before is not None:
            yield before
        last[key] = now
    yield from last.values()


def _in_order(events: Sequence[list[Any]]) -> list[list[Any]]:
    """By time, as BORIS has them; events of one behaviour and subject never share a time."""
    return sorted(events, key=lambda event: (event[0], event[1], event[2]))


def _with(entries: dict[str, Any], added: Iterable[Any]) -> dict[str, Any]:
    """Entries under numbers, and more behind them."""
    first = max((int(key) for key in entries if key.isdecimal()), default=-1) + 1
    return copy.deepcopy(entries) | {str(number): one for number, one in enumerate(added, first)}
