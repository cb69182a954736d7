"""Noldus Observer XT: event logs exported as a table, with a row where a state starts, one where it stops, and points.

Times are those since the start of the observation (``Time_Relative_*``). No column names a video: it is the one that is
named as the observation is. How long it was watched is not told either.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from amclip.data.formats.delimited import find_header, number, read_headed
from amclip.data.formats.label_format import BoutReader, LabelFormat, Noted, Reading
from amclip.data.formats.spans import video_timeline
from amclip.data.formats.state_events import StateEvents
from amclip.data.label_error import LabelError, raise_together

__all__ = ["FORMAT", "matches", "read"]

_DELIMITERS = (",", "\t", ";")
_TIMES = ("time_relative_sf", "time_relative_s", "time_relative_hmsf", "time_relative_hms")
"""Columns of the time, the most exact first."""
_DURATION = "duration_sf"
_HMS = re.compile(r"(?P<h>\d+):(?P<m>[0-5]?\d):(?P<s>[0-5]?\d(?:[.,]\d+)?)")
_NOBODY = ("no focal subject", "no subject")
_EVENTS = {
    "state start": "start",
    "state stop": "stop",
    "state point": "point",
    "point": "point",
    "point event": "point",
}


def _is_header(cells: Sequence[str]) -> bool:
    return {"behavior", "event_type"} <= set(cells) and any(name in cells for name in _TIMES)


def matches(text: str) -> bool:
    """Whether one of the first lines names the columns of a behaviour, the kind of the event and its time."""
    return find_header(text, _is_header, _DELIMITERS) is not None


@dataclass(frozen=True)
class _Row:
    """A row's cells by the names of the columns, in lower case."""

    cells: dict[str, str]
    names: dict[str, str]
    source: str
    line: int
    delimiter: str

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")

    def error(self, reason: str, name: str) -> LabelError:
        return LabelError(reason, self.source, self.line, self.names[name])

    def time(self, name: str) -> float:
        """Seconds in a cell."""
        if "_hms" in name:
            if (parts := _HMS.fullmatch(self[name])) is None:
                raise self.error(f"{self[name][:80]!r} is not a time such as 0:01:02.345", name)
            return 3600 * int(parts["h"]) + 60 * int(parts["m"]) + float(parts["s"].replace(",", "."))
        return number(self[name], self.names[name], self.source, self.line, self.delimiter)


def read(text: str, source: str, reading: Reading) -> Noted:
    """Time lines, an observation each.

    Raises:
        LabelError: If a row cannot be used; names line and column.
    """
    _, delimiter, head_line, header, lines = read_headed(text, source, _is_header, _DELIMITERS)
    names = {name.lower(): name for name in header}
    told = []
    for line, cells in lines:
        if len(cells) != len(header) and any(cells[len(header) :]):
            raise LabelError(f"has {len(cells)} cells where the header has {len(header)}", source, line)
        told.append(_Row(dict(zip(map(str.lower, header), cells, strict=False)), names, source, line, delimiter))
    if not told:
        raise LabelError("there is no event below the header", source, head_line)
    time = next(name for name in _TIMES if name in names)
    by_observation: dict[str, tuple[int, set[str], StateEvents]] = {}
    # Exports can be of starts alone, with a column of their durations.
    alone = _DURATION in names and all(_EVENTS.get(row["event_type"].lower()) != "stop" for row in told)
    errors = []
    for row in told:
        try:
            video = row["observation"] if "observation" in names else reading.named_after(source)
            if not video:
                raise row.error("names no observation", "observation")
            seen = by_observation.setdefault(video, (row.line, set(), StateEvents(source, names[time])))
            _enter(row, time, alone, seen)
        except LabelError as error:
            errors.append(error)
    raise_together([*errors, *(error for *_, events in by_observation.values() for error in events.never_stopped())])
    timelines = [
        video_timeline(video, events.bouts, reading, source, subjects=subjects, line=line)
        for video, (line, subjects, events) in by_observation.items()
    ]
    return Noted(timelines, None, names["behavior"])


def _enter(row: _Row, time: str, alone: bool, seen: tuple[int, set[str], StateEvents]) -> None:
    _, subjects, events = seen
    kind = _EVENTS.get(row["event_type"].lower())
    if kind is None:
        raise row.error(f"{row['event_type']!r} is none of State start, State stop and Point", "event_type")
    if not (behaviour := row["behavior"]):
        raise row.error("names no behaviour", "behavior")
    subject = "" if row["subject"].lower() in _NOBODY else row["subject"]
    subjects.add(subject)
    at = row.time(time)
    modifiers = "|".join(cell for name, cell in row.cells.items() if name.startswith("modifier"))
    if kind == "point":
        events.add(at, at, behaviour, subject, row.line)
    elif kind == "start" and alone:
        events.add(at, at + row.time(_DURATION), behaviour, subject, row.line)
    elif kind == "start":
        events.start(at, behaviour, subject, row.line, modifiers)
    else:
        events.stop(at, behaviour, subject, row.line, modifiers)


FORMAT = LabelFormat("observer", "an event log of Noldus Observer", BoutReader(matches, read), None)
