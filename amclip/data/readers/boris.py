"""BORIS: aggregated and tabular events, exported as CSV, TSV or XLSX, with the columns of old and of new versions.

Columns are found by name, since their set depends on version, modifiers and independent variables; rows above the
header are passed over. Subjects and modifiers are not told apart: a behaviour holds while any subject shows it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from amclip.data.intervals import Bout, Timeline
from amclip.data.readers.delimited import find_header, number, rows
from amclip.data.table import LabelError, raise_together

__all__ = ["matches", "read"]

_DELIMITERS = (",", "\t", ";")
# What each column holds: names of BORIS 9 first, then those of older versions; lower case.
_COLUMNS = {
    "observation": ("observation id",),
    "source": ("source",),
    "media": ("media file name", "media file", "media file path", "media files"),
    "offset": ("time offset (s)",),
    "duration": ("media duration (s)", "media duration", "total length", "observation duration"),
    "fps": ("fps (frame/s)", "fps"),
    "subject": ("subject",),
    "behavior": ("behavior", "behaviour"),
    "modifiers": ("modifiers", "modifier #1", "modifier 1"),
    "type": ("behavior type", "status"),
    "start": ("start (s)", "start"),
    "stop": ("stop (s)", "stop"),
    "time": ("time",),
}
_MISSING = ("", "na", "nan", "none")
_FEW_FRAMES = 0.1  # seconds by which a bout may reach beyond the media, which BORIS rounds


def _is_header(cells: Sequence[str]) -> bool:
    names = set(cells)
    aggregated = names & set(_COLUMNS["start"]) and names & set(_COLUMNS["stop"])
    return bool(names & set(_COLUMNS["behavior"]) and (aggregated or names & set(_COLUMNS["time"])))


def matches(text: str) -> bool:
    """Whether one of the first lines names a behaviour's column and a time's."""
    return find_header(text, _is_header, _DELIMITERS) is not None


@dataclass
class _Media:
    """Files of one observation that were watched one after the other."""

    names: list[str]
    durations: list[float | None]
    fps: list[float | None]
    line: int
    bouts: list[list[Bout]] = field(default_factory=list)

    def add(self, start: float, stop: float, label: str, line: int, source: str) -> None:
        """Place a bout in the file, or files, that it falls in; its times count from the start of the observation."""
        begins = 0.0
        for index, duration in enumerate(self.durations):
            last = index == len(self.names) - 1
            ends = float("inf") if duration is None or last else begins + duration
            if start < ends and (stop > begins or start == stop >= begins):
                length = float("inf") if duration is None else duration
                if last and stop - begins > length + _FEW_FRAMES:
                    raise LabelError(
                        f"{label!r} stops at {stop:g} s, after the end of {self.names[index]} at {begins + length:g} s",
                        source,
                        line,
                    )
                first, last_time = max(start - begins, 0.0), min(stop - begins, length, ends - begins)
                if first < last_time or start == stop:
                    self.bouts[index].append(Bout(min(first, last_time), last_time, label, line))
            begins += duration or 0.0


def read(text: str, source: str) -> tuple[list[Timeline], list[str] | None]:
    """Time lines, a video each, from an export's text.

    Raises:
        LabelError: If a row cannot be used; names line and column.
    """
    found = find_header(text, _is_header, _DELIMITERS)
    assert found is not None, "matches() comes first"
    skip, delimiter = found
    lines = rows(text, delimiter, source, skip)
    head_line, header = next(lines)
    column = _columns([name.lower() for name in header])
    if "media" not in column and "source" not in column:
        raise LabelError("has no column of the media file ('Media file name')", source, head_line)
    media: dict[str, _Media] = {}
    open_bouts: dict[tuple[str, str, str, str], tuple[float, int]] = {}
    errors = []
    for line, cells in lines:
        try:
            cells = cells[: len(header)] + [""] * (len(header) - len(cells))
            row = {role: cells[index] for role, index in column.items()}
            name = {role: header[index] for role, index in column.items()}
            label = row["behavior"]
            if label.lower() in _MISSING:
                raise LabelError("the behaviour is empty", source, line, name["behavior"])
            mine = _media_of(row, name, media, source, line)
            for start, stop in _times(row, name, open_bouts, source, line):
                mine.add(start, stop, label, line, source)
        except LabelError as error:
            errors.append(error)
    for (observation, _, label, _), (start, line) in open_bouts.items():
        errors.append(
            LabelError(f"{label!r} starts at {start:g} s in {observation!r} and never stops", source, line, "Time")
        )
    raise_together(errors)
    if not media:
        raise LabelError("there is no event below the header", source, head_line)
    timelines: dict[str, Timeline] = {}
    for one in media.values():
        for video, bouts, duration, fps in zip(one.names, one.bouts, one.durations, one.fps, strict=True):
            before = timelines.get(video)
            if before is not None:  # watched in several observations, for other behaviours or animals
                bouts = [*before.bouts, *bouts]
                duration = duration if duration is not None else before.duration
            timelines[video] = Timeline(video, tuple(bouts), duration, fps, line=one.line)
    return list(timelines.values()), None


def _columns(header: Sequence[str]) -> dict[str, int]:
    column = {}
    for role, names in _COLUMNS.items():
        for name in names:
            if name in header:
                column[role] = header.index(name)
                break
    return column


def _media_of(row: dict[str, str], name: dict[str, str], media: dict[str, _Media], source: str, line: int) -> _Media:
    """The files of a row's observation, checked and entered on first sight."""
    offset = row.get("offset", "")
    if offset.lower() not in _MISSING and number(offset, name["offset"], source, line) != 0:
        raise LabelError(
            f"the observation has a time offset of {offset} s, so its times do not count from the first frame; set it "
            "to 0 in BORIS and export again",
            source,
            line,
            name["offset"],
        )
    files = _files(row, name, source, line)
    key = f"{row.get('observation', '')}\n{';'.join(files)}"
    if key not in media:
        durations = _numbers(row, "duration", name, len(files), source, line)
        rates = _numbers(row, "fps", name, len(files), source, line)
        if len(files) > 1 and None in durations:
            raise LabelError(
                f"the observation joins {len(files)} files, and the durations {row.get('duration', '')!r} do not say "
                "where one ends and the next begins",
                source,
                line,
                name.get("duration", "Media duration (s)"),
            )
        media[key] = _Media(files, durations, rates, line, [[] for _ in files])
    return media[key]


def _files(row: dict[str, str], name: dict[str, str], source: str, line: int) -> list[str]:
    """Media files of an observation, in the order they were watched: from `Source`, else from the row's own file."""
    told = row.get("source", "")
    if told.lower() in _MISSING or "player #" not in told.lower():
        told = row.get("media", "")
    if told.lower() in (*_MISSING, "not found"):
        where = name.get("media") or name.get("source")
        raise LabelError("names no media file; live observations have no video to learn from", source, line, where)
    players = [part for part in re.split(r"\|?\s*player\s*#\d+\s*:", told, flags=re.IGNORECASE) if part.strip(" |")]
    if len(players) > 1:
        raise LabelError(
            f"the observation plays several videos at once ({told}); which one shows the behaviour is not known",
            source,
            line,
            name.get("source") or name.get("media"),
        )
    return [file.strip().replace("\\", "/") for file in players[0].split(";") if file.strip()]


def _numbers(
    row: dict[str, str], role: str, name: dict[str, str], count: int, source: str, line: int
) -> list[float | None]:
    """One number per file from a cell joined by ``;``; ``None`` where it has none, or not one per file."""
    parts = [part.strip() for part in row.get(role, "").split(";")]
    values = [None if part.lower() in _MISSING else number(part, name[role], source, line) for part in parts]
    for value in values:
        if value is not None and not 0 < value < float("inf"):
            raise LabelError(f"{value:g} is not above 0", source, line, name[role])
    return values if len(values) == count else [None] * count


def _times(
    row: dict[str, str],
    name: dict[str, str],
    open_bouts: dict[tuple[str, str, str, str], tuple[float, int]],
    source: str,
    line: int,
) -> Iterator[tuple[float, float]]:
    """Start and stop of the bout that a row completes: every row of aggregated events, the stops of tabular ones."""
    if "start" in row:
        start, stop = (_time(row, role, name, source, line) for role in ("start", "stop"))
        if stop < start:
            raise LabelError(f"stops at {stop:g} s, before its start at {start:g} s", source, line, name["stop"])
        yield start, stop
        return
    time = _time(row, "time", name, source, line)
    kind = row.get("type", "").upper()
    key = (row.get("observation", ""), row.get("subject", ""), row["behavior"], row.get("modifiers", ""))
    if kind == "POINT":
        yield time, time
    elif kind == "START":
        if key in open_bouts:
            first = open_bouts[key][1]
            raise LabelError(f"{key[2]!r} starts again before it stopped (line {first})", source, line, name["time"])
        open_bouts[key] = time, line
    elif kind == "STOP":
        if key not in open_bouts:
            raise LabelError(f"{key[2]!r} stops at {time:g} s and had not started", source, line, name["time"])
        start, _ = open_bouts.pop(key)
        if time < start:
            raise LabelError(f"stops at {time:g} s, before its start at {start:g} s", source, line, name["time"])
        yield start, time
    else:
        raise LabelError(
            f"{row.get('type', '')!r} is none of START, STOP, POINT", source, line, name.get("type", "Behavior type")
        )


def _time(row: dict[str, str], role: str, name: dict[str, str], source: str, line: int) -> float:
    if row[role].lower() in _MISSING:
        raise LabelError(
            f"has no time ({row[role] or 'empty'}); a state that never stopped, or an observation of pictures",
            source,
            line,
            name[role],
        )
    value = number(row[role], name[role], source, line)
    if not 0 <= value < float("inf"):
        raise LabelError(f"{value:g} is not a time in seconds since the first frame", source, line, name[role])
    return value
