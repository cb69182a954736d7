"""BORIS projects (``.boris``): observations with their events, and the ethogram they were coded by.

What the tables that BORIS exports say is in the project too, and two things that they do not: observations without any
event, whose videos show none of the behaviours, and all behaviours of the ethogram in their order. As in those tables,
an observation's time offset is part of its events' times (BORIS' ``write_event`` adds it), and the subjects of its
events are the animals that it watched: ``subjects_conf`` lists those that any observation may have.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, TypeGuard

from amclip.data.boris_columns import subject_of
from amclip.data.class_name_rules import unknown_class
from amclip.data.clock import Clock
from amclip.data.formats import boris_project_file, strict_json
from amclip.data.formats.boris_media import OF_PICTURES, Media, Place, media_time, timelines
from amclip.data.formats.label_format import BoutReader, LabelFormat, Noted, Reading, Writer
from amclip.data.label_error import LabelError, raise_together

__all__ = ["FORMAT", "matches", "read"]

_HUGE = 1e15  # JSON's whole numbers may be larger than any float
_ETHOGRAM, _OBSERVATIONS = "behaviors_conf", "observations"


def matches(text: str) -> bool:
    """Whether it is JSON with an ethogram, or at least the version of a project."""
    return text.lstrip().startswith("{") and (f'"{_ETHOGRAM}"' in text or '"project_format_version"' in text)


def read(text: str, source: str, reading: Reading) -> Noted:
    """Time lines, a video each, and the behaviours in the order of the ethogram.

    Observations that were limited to an interval of their media leave the rest unlabelled.

    Raises:
        LabelError: If the file or an observation cannot be used; names the observation.
    """
    content = strict_json.load(text, source)
    states = _ethogram(content.get(_ETHOGRAM), source)
    observations = content.get(_OBSERVATIONS)
    if not isinstance(observations, dict) or not observations:
        raise LabelError("holds no observations", source, column=_OBSERVATIONS)
    media, errors = [], []
    chosen = reading.observations
    for name in observations if chosen is None else chosen.choose(observations, source):
        observation, place = observations[name], Place(source, _line(text, name))
        try:
            one = _media(observation, name, place, reading.clock)
            for start, stop, label, subject in _bouts(observation, states, place):
                one.add(start, stop, label, place, subject)
                one.subjects.add(subject)
            media.append(one)
        except LabelError as error:
            errors += [
                place.error(f"observation {name!r}: {each.reason}", each.column) for each in (error, *error.others)
            ]
    raise_together(errors)
    return Noted(timelines(media, source, reading), list(states), "events")


def _line(text: str, observation: str) -> int | None:
    for ascii_only in (False, True):
        key = re.compile(re.escape(json.dumps(observation, ensure_ascii=ascii_only)) + r"\s*:")
        place = key.search(text, text.find(f'"{_OBSERVATIONS}"'))
        if place:
            return text.count("\n", 0, place.start()) + 1
    return None


def _ethogram(behaviours: Any, source: str) -> dict[str, bool]:
    """Whether each behaviour is a state; otherwise it is an event without duration."""
    if not isinstance(behaviours, dict) or not behaviours:
        raise LabelError("holds no ethogram", source, column=_ETHOGRAM)
    states: dict[str, bool] = {}
    for number in sorted(behaviours, key=lambda key: (int(key) if key.isdecimal() else math.inf, key)):
        behaviour = behaviours[number]
        code, kind = (behaviour.get(key) if isinstance(behaviour, dict) else None for key in ("code", "type"))
        if not isinstance(code, str) or not isinstance(kind, str):
            raise LabelError(f"behaviour {number} has no code or no type: {behaviour!r:.80}", source, column=_ETHOGRAM)
        if code.strip() in states:
            raise LabelError(f"two behaviours have the code {code.strip()!r}", source, column=_ETHOGRAM)
        states[code.strip()] = "state" in kind.lower()
    return states


def _media(observation: Any, name: str, place: Place, clock: Clock) -> Media:
    if not isinstance(observation, dict):
        raise place.error(f"expected its settings and events, got {observation!r:.80}")
    kind = observation.get("type")
    if kind != "MEDIA":
        what = {"LIVE": "live observations have no video to learn from", "IMAGES": OF_PICTURES}
        said = what.get(str(kind), f"its type is {kind!r}, not MEDIA")
        raise place.error(f"{said}; take it out of the project, or choose others (--data.source.observations)", "type")
    players = observation.get("file")
    if not isinstance(players, dict) or not all(isinstance(files, list) for files in players.values()):
        raise place.error(f"expected the media files of each player, got {players!r:.80}", "file")
    used = [files for files in players.values() if files]
    if len(used) > 1:
        raise place.error(
            f"it plays several videos at once ({used[0][0]}, {used[1][0]}, …); which one shows the behaviour is not "
            "known",
            "file",
        )
    if not used or not all(isinstance(file, str) and file for file in used[0]):
        raise place.error("it names no media file", "file")
    info = observation.get("media_info")
    names = [file.strip().replace("\\", "/") for file in used[0]]
    lengths = [
        _number(info, "length", file) or clock.file_length(name) for file, name in zip(used[0], names, strict=True)
    ]
    if None in lengths:
        file = used[0][lengths.index(None)]
        raise place.error(
            f"how long {file} is, is not known; open it in BORIS once, or give the folder of the videos", "media_info"
        )
    rates = [_number(info, "fps", file) for file in used[0]]
    return Media(names, lengths, rates, place.line, name, _looked_at(observation, place))


def _number(info: Any, key: str, file: str) -> float | None:
    """A number above 0 that the project has of a media file."""
    numbers = info.get(key) if isinstance(info, dict) else None
    value = numbers.get(file) if isinstance(numbers, dict) else None
    return float(value) if _is_number(value) and value > 0 else None


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _HUGE


def _looked_at(observation: dict[str, Any], place: Place) -> tuple[float, float]:
    """The interval that an observation is limited to; BORIS' [0, 0] is all of it."""
    interval = observation.get("observation time interval") or [0, 0]
    if not isinstance(interval, list) or len(interval) != 2 or not all(map(_is_number, interval)):
        said = f"expected two times in seconds, got {interval!r:.80}"
        raise place.error(said, "observation time interval")
    return float(interval[0]), float(interval[1]) if interval[1] else math.inf


def _bouts(
    observation: dict[str, Any], states: dict[str, bool], place: Place
) -> Iterator[tuple[float, float, str, str]]:
    """Start, stop, behaviour and subject; of a state, starts and stops take turns for each subject and its modifiers.

    Raises:
        LabelError: At the end, if events cannot be used; with all of them.
    """
    events = observation.get("events")
    if not isinstance(events, list):
        raise place.error(f"expected a list of events, got {events!r:.80}", "events")
    offset = observation.get("time offset") or 0
    if not _is_number(offset):
        raise place.error(f"{offset!r} is not a number of seconds", "time offset")
    if events and observation.get("media_creation_date_as_offset"):
        said = "times by the creation date of the media say nothing of where in it they lie"
        raise place.error(said, "media_creation_date_as_offset")
    timed, errors = [], []
    for event in events:
        try:
            timed.append(_event(event, states, float(offset), place))
        except LabelError as error:
            errors.append(error)
    opened: dict[tuple[str, str, str], float] = {}
    for time, label, subject, modifiers in sorted(timed, key=lambda event: event[0]):
        key = (label, subject, modifiers)
        if not states[label]:
            yield time, time, label, subject
        elif key in opened:
            yield opened.pop(key), time, label, subject
        else:
            opened[key] = time
    for (label, subject, _), time in opened.items():
        who = f" of {subject!r}" if subject else ""
        errors.append(place.error(f"{label!r}{who} starts at {time:g} s and never stops", "events"))
    raise_together(errors)


def _event(event: Any, states: dict[str, bool], offset: float, place: Place) -> tuple[float, str, str, str]:
    """Time, behaviour, subject and modifiers."""
    if not isinstance(event, list) or len(event) < 3 or not isinstance(event[2], str):
        raise place.error(f"{event!r:.80} is not an event: [time, subject, behaviour, …]", "events")
    if not _is_number(event[0]):
        raise place.error(f"{event[2]!r} has {event[0]!r} in place of a time in seconds", "events")
    label = event[2].strip()
    if label not in states:
        said = f"an event is of no behaviour of the ethogram: {unknown_class(label, list(states))}"
        raise place.error(said, "events")
    time = media_time(float(event[0]), offset, place, "events")
    subject = "" if event[1] is None else subject_of(str(event[1]))
    return time, label, subject, str(event[3]) if len(event) > 3 else ""


FORMAT = LabelFormat(
    "boris-project",
    "a project of BORIS",
    BoutReader(matches, read, in_sheets=False, has_observations=True),
    Writer(boris_project_file.write, holds_bouts=True, holds_subjects=True, suffix=".boris"),
)
