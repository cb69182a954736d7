"""Noldus EthoVision XT: raw data (a row per sample, a 0/1 column per behaviour) and logs of manual scoring.

Both begin with the number of their header lines and name the video file and the animal. Their times count from the
start of the trial, which is not that of the video: the header tells by the clock when either began.

Behaviours are columns such as ``Grooming(Mutually exclusive)``. Zones, results and tracked states
(``Mobility state(Immobile)``) have columns of the same shape and are none, unless they are named as classes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PureWindowsPath

import numpy as np

from amclip.data.formats.delimited import delimiter_of, first_line, lines_of, number, rows
from amclip.data.formats.frames import frame_bouts
from amclip.data.formats.label_format import BoutReader, Files, LabelFormat, Noted, Reading
from amclip.data.formats.spans import checked_span, sampled_edges, video_timeline
from amclip.data.formats.state_events import StateEvents
from amclip.data.label_error import LabelError, raise_together

__all__ = ["FORMAT", "matches", "read"]

_DELIMITERS = (";", ",", "\t")
_COUNT = ("number of header lines", "header lines")
_TRIAL, _RECORDING = "trial time", "recording time"
_BEHAVIOUR, _EVENT = "behavior", "event"
_SCORED = re.compile(r"(?P<name>[^()]+?)\s*\((?P<group>.+)\)")
_TRACKED = re.compile(r"(in )?zone|distance|velocity|movement|x |y |result \d|[^(]* state\s*\(", re.IGNORECASE)
_CLOCK = re.compile(r"(?P<date>.*?)\s*(?P<h>\d+):(?P<m>\d+):(?P<s>\d+(?:[.,]\d+)?)\s*(?P<half>[AP]M)?", re.IGNORECASE)
_DAY = 86_400.0
_VALUES = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "-": -1, "": -1}
_EVENTS = {"state start": "start", "state stop": "stop", "point event": "point", "point": "point"}


def _is_first(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and cells[0].rstrip(": ") in _COUNT


def matches(text: str) -> bool:
    """Whether it begins with a number of header lines, and has columns of scored behaviours."""
    delimiter = delimiter_of(first_line(text), _is_first, _DELIMITERS)
    if delimiter is None:
        return False
    try:
        _, columns, _ = _header(text, delimiter, "")
    except LabelError:
        return False
    lower = [name.lower() for name in columns]
    return {_BEHAVIOUR, _EVENT} <= set(lower) or any(map(_is_scored, columns))


def _is_scored(name: str) -> bool:
    return _SCORED.fullmatch(name) is not None and _TRACKED.match(name) is None


def _header(text: str, delimiter: str, source: str) -> tuple[dict[str, tuple[int, str]], list[str], int]:
    """What the header says by key, in lower case, with lines; the columns; the number of header lines."""
    said: dict[str, tuple[int, str]] = {}
    columns: list[str] = []
    count = 0
    for line, cells in rows("".join(islice(lines_of(text), 400)), delimiter, source):
        if line == 1:
            if not cells[1].isdecimal() or not 3 <= int(cells[1]) <= 400:
                raise LabelError(f"{cells[1]!r} is not a number of header lines", source, line, cells[0])
            count = int(cells[1])
        elif line < count - 1:
            said.setdefault(cells[0].lower().rstrip(": "), (line, cells[1] if len(cells) > 1 else ""))
        elif line == count - 1:
            columns = cells
        else:
            break
    if not columns:
        raise LabelError(f"has no names of columns in line {count - 1}, the last but one of its header", source)
    return said, columns, count


@dataclass(frozen=True)
class _Export:
    """An export's header, and where its columns are."""

    source: str
    delimiter: str
    said: dict[str, tuple[int, str]]
    columns: list[str]

    def place(self, name: str) -> int | None:
        """Index of a column, by its name in lower case."""
        lower = [column.lower() for column in self.columns]
        return lower.index(name) if name in lower else None

    def seconds(self, key: str) -> tuple[str, float] | None:
        """Date, as text, and seconds of the day in the header; ``None`` where it has none."""
        line, said = self.said.get(key, (None, ""))
        if not said:
            return None
        if (parts := _CLOCK.fullmatch(said)) is None:
            raise LabelError(f"{said!r} is not a time of the clock", self.source, line, key)
        hours = int(parts["h"]) % 12 + 12 * (parts["half"].lower() == "pm") if parts["half"] else int(parts["h"])
        return parts["date"], 3600 * hours + 60 * int(parts["m"]) + float(parts["s"].replace(",", "."))

    @property
    def offset(self) -> float:
        """Seconds from the video's first frame to the start of the trial."""
        trial, video = self.seconds("start time"), self.seconds("video start time")
        if trial is None or video is None:
            return 0.0
        later = trial[1] - video[1] + (_DAY if trial[0] != video[0] else 0.0)
        if not 0 <= later < _DAY:
            reason = f"the trial starts {later:.10g} s after the video, which is not in it"
            raise LabelError(reason, self.source, self.said["start time"][0], "Start time")
        return later

    def time(self) -> tuple[int, float]:
        """Index of the column of times, and what is to be added to have those of the video."""
        if (place := self.place(_TRIAL)) is not None:
            return place, self.offset
        if (place := self.place(_RECORDING)) is None:
            raise LabelError("has no column 'Trial time' or 'Recording time'", self.source)
        after = self.seconds("recording after")
        return place, self.offset + (after[1] if after else 0.0)


def read(text: str, source: str, reading: Reading) -> Noted:
    """The time line of the file's video, of one animal, and the behaviours in the order of the columns.

    Raises:
        LabelError: If a row cannot be used; names line and column.
    """
    delimiter = delimiter_of(first_line(text), _is_first, _DELIMITERS)
    assert delimiter is not None, "matches() comes first"
    said, columns, count = _header(text, delimiter, source)
    export = _Export(source, delimiter, said, columns)
    line, name = said.get("video file", (None, ""))
    if not name:
        raise LabelError("names no video; export with the header's 'Video file'", source, line, "Video file")
    video = PureWindowsPath(name).as_posix()
    subject = " ".join(said[key][1] for key in ("arena name", "subject name") if said.get(key, (0, ""))[1])
    lines = rows(text, delimiter, source, count)
    place = export.place(_BEHAVIOUR)
    if place is not None and export.place(_EVENT) is not None:
        return _log(export, lines, video, subject, reading)
    return _samples(export, lines, video, subject, reading)


def _log(export: _Export, lines: Iterator[tuple[int, list[str]]], video: str, subject: str, reading: Reading) -> Noted:
    time, offset = export.time()
    source, columns = export.source, export.columns
    behaviour, event, own = (export.place(name) for name in (_BEHAVIOUR, _EVENT, "subject"))
    assert behaviour is not None
    assert event is not None
    events = StateEvents(source, columns[time])
    errors = []
    for line, row in lines:
        cells = row + [""] * (len(columns) - len(row))
        try:
            kind = _EVENTS.get(cells[event].lower())
            if kind is None:
                reason = f"{cells[event]!r} is none of state start, state stop and point event"
                raise LabelError(reason, source, line, columns[event])
            if not cells[behaviour]:
                raise LabelError("names no behaviour", source, line, columns[behaviour])
            at = round(number(cells[time], columns[time], source, line, export.delimiter) + offset, 6)
            who = cells[own] if own is not None and cells[own] else subject
            if kind == "start":
                events.start(at, cells[behaviour], who, line)
            elif kind == "stop":
                events.stop(at, cells[behaviour], who, line)
            else:
                events.add(at, at, cells[behaviour], who, line)
        except LabelError as error:
            errors.append(error)
    raise_together([*errors, *events.never_stopped()])
    named = {bout.subject for bout in events.bouts} or {subject}
    duration = export.seconds("trial duration")
    start = export.offset
    watched = None if duration is None else [(start, start + duration[1])]
    timeline = video_timeline(video, events.bouts, reading, source, subjects=named, watched=watched)
    return Noted([timeline], None, columns[behaviour])


def _samples(
    export: _Export, lines: Iterator[tuple[int, list[str]]], video: str, subject: str, reading: Reading
) -> Noted:
    time, offset = export.time()
    source, columns = export.source, export.columns
    scored = _scored_columns(export, reading.classes)
    times: list[float] = []
    values: list[list[int]] = []
    errors: list[LabelError] = []
    for line, row in lines:
        cells = row + [""] * (len(columns) - len(row))
        try:
            at = round(number(cells[time], columns[time], source, line, export.delimiter) + offset, 6)
            checked_span(at, at, source, line, (columns[time], columns[time]))
            if times and at <= times[-1]:
                raise LabelError(f"{cells[time]} s is not after the sample before it", source, line, columns[time])
            shown = []
            for place in scored:
                if cells[place] not in _VALUES:
                    raise LabelError(f"{cells[place][:80]!r} is none of 0, 1 and -", source, line, columns[place])
                shown.append(_VALUES[cells[place]])
            times.append(at)
            values.append(shown)
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    if not times:
        raise LabelError("there is no sample below the header", source)
    edges, seen = sampled_edges(times), np.array(values, np.int8).T
    bouts = [
        bout
        for row, name in zip(seen, scored.values(), strict=True)
        for bout in frame_bouts(row == 1, edges, name, subject)
    ]
    watched = [(bout.start, bout.stop) for bout in frame_bouts((seen >= 0).all(axis=0), edges, "")]
    rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else None
    timeline = video_timeline(video, bouts, reading, source, fps=rate, subjects=[subject], watched=watched)
    return Noted([timeline], list(scored.values()), None)


def _scored_columns(export: _Export, classes: Sequence[str] | None) -> dict[int, str]:
    """Index and behaviour of each column that is one; without its group, where that leaves them different names."""
    if classes is not None:
        short = [(place, _short(name)) for place, name in enumerate(export.columns)]
        found = {place: name for place, name in enumerate(export.columns) if name in classes}
        found |= {place: name for place, name in short if name in classes and place not in found}
        if missing := [name for name in classes if name not in found.values()]:
            reason = f"has no column of the classes {', '.join(missing)}: whether it shows them is not known"
            raise LabelError(reason, export.source)
        return dict(sorted(found.items()))
    scored = {place: name for place, name in enumerate(export.columns) if _is_scored(name)}
    names = [_short(name) for name in scored.values()]
    return {place: name if names.count(_short(name)) > 1 else _short(name) for place, name in scored.items()}


def _short(name: str) -> str:
    scored = _SCORED.fullmatch(name)
    return name if scored is None else scored["name"]


FORMAT = LabelFormat(
    "ethovision",
    "an export of EthoVision",
    BoutReader(matches, read, Files(("*.txt", "*.csv", "*.xlsx"), shared=True)),
    None,
)
