"""BORIS: aggregated and tabular events, exported as CSV, TSV or XLSX, with the columns of old and of new versions.

Columns are found by name, since their set depends on version, modifiers and independent variables; of the rows above
the header only a time offset is read. Subjects and modifiers are not told apart: a behaviour holds while any subject
shows it. BORIS adds an observation's time offset to the time in its media when an event is coded (``write_event``), and
exports the sum; here it is taken off again.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from amclip.data.intervals import Timeline
from amclip.data.readers.boris_media import Media, media_time, timelines
from amclip.data.readers.csv_table import VIDEO_COLUMNS
from amclip.data.readers.delimited import find_header, lines_of, number, rows
from amclip.data.table import LabelError, raise_together

__all__ = ["MISSING", "matches", "read"]

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
MISSING = ("", "na", "nan", "none")
"""What BORIS writes where there is nothing, in lower case."""
_OWN = {name for role in ("observation", "source", "media") for name in _COLUMNS[role]}


def _is_header(cells: Sequence[str]) -> bool:
    names = set(cells)
    if names & set(VIDEO_COLUMNS) and not names & _OWN:  # amclip's own tables may have a column behaviour
        return False
    aggregated = names & set(_COLUMNS["start"]) and names & set(_COLUMNS["stop"])
    return bool(names & set(_COLUMNS["behavior"]) and (aggregated or names & set(_COLUMNS["time"])))


def matches(text: str) -> bool:
    """Whether one of the first lines names a behaviour's column and a time's."""
    return find_header(text, _is_header, _DELIMITERS) is not None


def read(text: str, source: str) -> tuple[list[Timeline], list[str] | None]:
    """Time lines, a video each, from an export's text.

    Raises:
        LabelError: If a row cannot be used; names line and column.
    """
    found = find_header(text, _is_header, _DELIMITERS)
    assert found is not None, "matches() comes first"
    skip, delimiter = found
    above = _offset_above(text, delimiter, source, skip)
    lines = rows(text, delimiter, source, skip)
    head_line, header = next(lines)
    column = _columns([name.lower() for name in header])
    if "media" not in column and "source" not in column:
        raise LabelError("has no column of the media file ('Media file name')", source, head_line)
    media: dict[str, Media] = {}
    open_bouts: dict[tuple[str, str, str, str], tuple[float, int]] = {}
    errors = []
    for line, cells in lines:
        try:
            cells = cells[: len(header)] + [""] * (len(header) - len(cells))
            row = {"offset": above, **{role: cells[index] for role, index in column.items()}}
            name = {role: header[index] for role, index in column.items()}
            label = row["behavior"]
            if label.lower() in MISSING:
                raise LabelError("the behaviour is empty", source, line, name["behavior"])
            mine = _media_of(row, name, media, source, line, delimiter)
            offset = 0.0
            if row["offset"].lower() not in MISSING:
                offset = number(row["offset"], name.get("offset", "Time offset (s)"), source, line, delimiter)
            for start, stop in _times(row, name, open_bouts, offset, source, line, delimiter):
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
    return timelines(media.values()), None


def _columns(header: Sequence[str]) -> dict[str, int]:
    column = {}
    for role, names in _COLUMNS.items():
        for name in names:
            if name in header:
                column[role] = header.index(name)
                break
    return column


def _offset_above(text: str, delimiter: str, source: str, count: int) -> str:
    """The time offset that older versions write above the header of tabular events, or ``""``."""
    above = "".join(islice(lines_of(text), count))
    for _, cells in rows(above, delimiter, source):
        if cells[0].lower() in _COLUMNS["offset"] and len(cells) > 1:
            return cells[1]
    return ""


def _media_of(
    row: dict[str, str], name: dict[str, str], media: dict[str, Media], source: str, line: int, delimiter: str
) -> Media:
    """The files of a row's observation, checked and entered on first sight."""
    files = _files(row, name, source, line)
    key = f"{row.get('observation', '')}\n{';'.join(files)}"
    if key not in media:
        durations = _numbers(row, "duration", name, len(files), source, line, delimiter)
        rates = _numbers(row, "fps", name, len(files), source, line, delimiter)
        if len(files) > 1 and None in durations:
            raise LabelError(
                f"the observation joins {len(files)} files ({'; '.join(files)}), and the durations "
                f"{row.get('duration', '')!r} do not say where one ends and the next begins. Tables of BORIS separate "
                "media by ';': if it is one file with ';' in its name, rename it, or read the project",
                source,
                line,
                name.get("duration", "Media duration (s)"),
            )
        media[key] = Media(files, durations, rates, line)
    return media[key]


def _files(row: dict[str, str], name: dict[str, str], source: str, line: int) -> list[str]:
    """Media files of an observation, in the order they were watched: from `Source`, else from the row's own file."""
    told = row.get("source", "")
    if told.lower() in MISSING or "player #" not in told.lower():
        told = row.get("media", "")
    if told.lower() in (*MISSING, "not found"):
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
    row: dict[str, str], role: str, name: dict[str, str], count: int, source: str, line: int, delimiter: str
) -> list[float | None]:
    """One number per file from a cell joined by ``;``; ``None`` where it has none, or not one per file."""
    parts = [part.strip() for part in row.get(role, "").split(";")]
    values = [None if part.lower() in MISSING else number(part, name[role], source, line, delimiter) for part in parts]
    for value in values:
        if value is not None and not 0 < value < float("inf"):
            raise LabelError(f"{value:g} is not above 0", source, line, name[role])
    return values if len(values) == count else [None] * count


def _times(
    row: dict[str, str],
    name: dict[str, str],
    open_bouts: dict[tuple[str, str, str, str], tuple[float, int]],
    offset: float,
    source: str,
    line: int,
    delimiter: str,
) -> Iterator[tuple[float, float]]:
    """Start and stop of the bout that a row completes: every row of aggregated events, the stops of tabular ones."""
    if "start" in row and "stop" in row:
        start, stop = (_time(row, role, name, offset, source, line, delimiter) for role in ("start", "stop"))
        if stop < start:
            raise LabelError(f"stops at {stop:g} s, before its start at {start:g} s", source, line, name["stop"])
        yield start, stop
        return
    time = _time(row, "time", name, offset, source, line, delimiter)
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


def _time(
    row: dict[str, str], role: str, name: dict[str, str], offset: float, source: str, line: int, delimiter: str
) -> float:
    """Seconds since the start of the observation's media."""
    if row[role].lower() in MISSING:
        raise LabelError(
            f"has no time ({row[role] or 'empty'}); a state that never stopped, or an observation of pictures",
            source,
            line,
            name[role],
        )
    told = number(row[role], name[role], source, line, delimiter)
    return media_time(told, offset, source, line, name[role])
