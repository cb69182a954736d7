"""BORIS: aggregated and tabular events, exported as CSV, TSV or XLSX, with the columns of old and of new versions.

Columns are found by name, since their set depends on version, modifiers and independent variables; of the rows above
the header only a time offset, the observation and its files are read. Modifiers are not told apart. BORIS adds an
observation's time offset to the time in its media when an event is coded (``write_event``), and exports the sum; here
it is taken off again.

Before version 8.9.11 a row names the one file in which its event starts, and its times count from the start of the
observation's first file; since then it names all files, with the length of each.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from amclip.data.formats.boris_media import timelines
from amclip.data.formats.boris_rows import SEVERAL_PLAYERS, BorisTable, Columns, Row
from amclip.data.formats.csv_table import VIDEO_COLUMNS
from amclip.data.formats.delimited import find_header, lines_of, read_headed, rows
from amclip.data.formats.label_format import Noted, Reading
from amclip.data.label_error import LabelError, raise_together

__all__ = ["aggregated", "read", "tabular"]

_DELIMITERS = (",", "\t", ";")
# What each column holds: names of BORIS 9 first, then those of older versions; lower case.
_COLUMNS = {
    "observation": ("observation id",),
    "kind": ("observation type",),
    "source": ("source",),
    "media": ("media file name", "media file", "media file path", "media files"),
    "offset": ("time offset (s)",),
    "duration": ("media duration (s)", "media duration", "total length", "observation duration"),
    "fps": ("fps (frame/s)", "fps"),
    "subject": ("subject",),
    "behavior": ("behavior", "behaviour"),
    "type": ("behavior type", "status"),
    "start": ("start (s)", "start"),
    "stop": ("stop (s)", "stop"),
    "time": ("time",),
}
_MODIFIER = re.compile(r"modifiers|modifier #?\d+")
_PLAYER = re.compile(r"player #(?P<number>\d+)", re.IGNORECASE)
_OWN = {name for role in ("observation", "source", "media") for name in _COLUMNS[role]}


def _is_header(cells: Sequence[str]) -> bool:
    names = set(cells)
    if names & set(VIDEO_COLUMNS) and not names & _OWN:  # amclip's own tables may have a column behaviour
        return False
    timed = _has_bouts(cells) or names & set(_COLUMNS["time"])
    return bool(names & set(_COLUMNS["behavior"]) and timed)


def _has_bouts(cells: Sequence[str]) -> bool:
    return all(set(cells) & set(_COLUMNS[role]) for role in ("start", "stop"))


def aggregated(text: str) -> bool:
    """Whether one of the first lines names the columns of a behaviour, its start and its stop."""
    return find_header(text, lambda cells: _is_header(cells) and _has_bouts(cells), _DELIMITERS) is not None


def tabular(text: str) -> bool:
    """Whether one of the first lines names the columns of a behaviour and of one time."""
    return find_header(text, lambda cells: _is_header(cells) and not _has_bouts(cells), _DELIMITERS) is not None


def read(text: str, source: str, reading: Reading) -> Noted:
    """Time lines, a video each, from an export's text, in either of the two forms.

    Raises:
        LabelError: If a row cannot be used; names line and column.
    """
    skip, delimiter, head_line, header, lines = read_headed(text, source, _is_header, _DELIMITERS)
    above = _Above.of(text, delimiter, source, skip)
    column = _columns([name.lower() for name in header])
    if "media" not in column and "source" not in column:
        raise LabelError("has no column of the media file ('Media file name')", source, head_line)
    modifiers = [index for index, cell in enumerate(header) if _MODIFIER.fullmatch(cell.lower())]
    columns = Columns(source, delimiter, {role: header[index] for role, index in column.items()})
    table = BorisTable(reading.clock)
    told: list[Row] = []
    for line, cells in lines:
        cells = cells[: len(header)] + [""] * (len(header) - len(cells))
        row = {"observation": above.observation, "offset": above.offset}
        row |= {role: cells[index] for role, index in column.items()}
        row["modifiers"] = "|".join(cells[index] for index in modifiers)
        told.append(Row(columns, line, row))
    if not told:
        raise LabelError("there is no event below the header", source, head_line)
    if reading.observations is not None:
        names = reading.observations.choose((row["observation"] for row in told), source)
        told = [row for row in told if row["observation"] in names]
    table.join_files(told, above.files)
    errors = []
    for one in told:
        try:
            table.enter(one)
        except LabelError as error:
            errors.append(error)
    raise_together([*errors, *table.never_stopped()])
    return Noted(timelines(table.media.values(), source, reading), None, "Behavior")


def _columns(header: Sequence[str]) -> dict[str, int]:
    column = {}
    for role, names in _COLUMNS.items():
        for name in names:
            if name in header:
                column[role] = header.index(name)
                break
    return column


@dataclass(frozen=True)
class _Above:
    """What stands above the header of tabular events: the observation and its files, in the order of their player."""

    observation: str
    offset: str
    files: tuple[str, ...]

    @classmethod
    def of(cls, text: str, delimiter: str, source: str, count: int) -> "_Above":
        said = {"observation": "", "offset": ""}
        files: list[str] = []
        for line, (first, *others) in rows("".join(islice(lines_of(text), count)), delimiter, source):
            value = others[0] if others else ""
            for role in said:
                if first.lower() in _COLUMNS[role]:
                    said[role] = value
            if value and (player := _PLAYER.fullmatch(first)):
                if player["number"] != "1":
                    raise LabelError(f"the observation plays several videos at once: {SEVERAL_PLAYERS}", source, line)
                files.append(value.replace("\\", "/"))
        return cls(said["observation"], said["offset"], tuple(files))
