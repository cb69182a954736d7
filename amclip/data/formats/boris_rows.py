"""Rows of BORIS' event tables to bouts in the files of their observation; see ``boris_events``."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from amclip.data.boris_columns import subject_of
from amclip.data.clock import Clock
from amclip.data.formats.boris_media import OF_PICTURES, Media, Place, media_time
from amclip.data.formats.delimited import number
from amclip.data.label_error import LabelError, raise_together

__all__ = ["MISSING", "SEVERAL_PLAYERS", "BorisTable", "Columns", "Row"]

MISSING = ("", "na", "nan", "none")
"""What BORIS writes where there is nothing, in lower case."""
_ABOVE = {"offset": "Time offset (s)"}  # names of what may stand above the header
SEVERAL_PLAYERS = "which one shows the behaviour is not known"
_LENGTHS_AGREE = 0.1  # seconds a file, by which BORIS and the file itself may tell its length differently


@dataclass(frozen=True)
class Columns:
    """What the rows of a table share.

    Attributes:
        source: The file, for messages.
        delimiter: Between its cells.
        names: The header's name of the column of each role (``observation``, ``media``, ``start``, …), for messages.
    """

    source: str
    delimiter: str
    names: dict[str, str]


@dataclass(frozen=True)
class Row:
    """A row of a table: its line, and its cells by what they hold; it knows where it stands, and says what is wrong."""

    columns: Columns
    line: int
    cells: dict[str, str]

    def __getitem__(self, role: str) -> str:
        return self.cells.get(role, "")

    def __contains__(self, role: str) -> bool:
        return role in self.cells

    @property
    def place(self) -> Place:
        """Its line of the file."""
        return Place(self.columns.source, self.line)

    @property
    def holds_bout(self) -> bool:
        """Whether it has a start and a stop, as a row of aggregated events; else it is one of the two."""
        return "start" in self and "stop" in self

    def error(self, reason: str, role: str, column: str | None = None) -> LabelError:
        """What is wrong with a cell; ``column`` names it where the header does not."""
        return self.place.error(reason, self.columns.names.get(role, column))

    def number(self, role: str, cell: str | None = None) -> float:
        """The number that a cell, or the given part of it, holds.

        Raises:
            LabelError: If it holds none.
        """
        name = self.columns.names.get(role, _ABOVE.get(role, ""))
        return number(
            self[role] if cell is None else cell, name, self.columns.source, self.line, self.columns.delimiter
        )

    def numbers(self, role: str, count: int) -> list[float | None]:
        """One number per file from a cell joined by ``;``; ``None`` where it has none, or not one per file.

        Raises:
            LabelError: If a part is no number above 0.
        """
        values = []
        for part in map(str.strip, self[role].split(";")):
            value = None if part.lower() in MISSING else self.number(role, part)
            if value is not None and not 0 < value < float("inf"):
                raise self.error(f"{value:g} is not above 0", role)
            values.append(value)
        return values if len(values) == count else [None] * count

    def time(self, role: str) -> float:
        """Seconds since the start of the observation's media.

        Raises:
            LabelError: If there is none.
        """
        if self[role].lower() in MISSING:
            told = self[role] or "empty"
            raise self.error(f"has no time ({told}); a state that never stopped, or pictures", role)
        offset = 0.0 if self["offset"].lower() in MISSING else self.number("offset")
        return media_time(self.number(role), offset, self.place, self.columns.names[role])


@dataclass
class BorisTable:
    """What is known of a table while its rows are entered one by one.

    Attributes:
        clock: How long the videos are.
        media: Files and bouts of each observation, by a key of its own.
        started: States that have begun: time and row, by observation, subject, behaviour and modifiers.
    """

    clock: Clock
    media: dict[str, Media] = field(default_factory=dict)
    started: dict[tuple[str, str, str, str], tuple[float, Row]] = field(default_factory=dict)
    _joined: dict[str, Media] = field(default_factory=dict)

    def enter(self, row: Row) -> None:
        """Enter a row's bout: every row of aggregated events has one, and the stops of tabular ones.

        Raises:
            LabelError: If the row cannot be used.
        """
        if row["behavior"].lower() in MISSING:
            raise row.error("the behaviour is empty", "behavior")
        joined = self._joined.get(row["observation"])
        media = joined or self._media_of(row)
        subject = "" if row["subject"].lower() in MISSING else subject_of(row["subject"])
        media.subjects.add(subject)
        for start, stop in self._times(row):
            if joined is not None:
                self._refuse_other_file(joined, row, start if row.holds_bout else stop)
            media.add(start, stop, row["behavior"], row.place, subject)

    def join_files(self, rows: Sequence[Row], above: Sequence[str]) -> None:
        """Join the files of observations that older versions of BORIS name one a row, and time from the first's start.

        Args:
            rows: All rows.
            above: The files of the one observation, where they stand above the header.

        Raises:
            LabelError: If how long each of these files is, is not known.
        """
        by_observation: dict[str, list[Row]] = {}
        for row in rows:
            if not _names_player(row["source"]) and row["media"].lower() not in MISSING and ";" not in row["media"]:
                by_observation.setdefault(row["observation"], []).append(row)
        errors = []
        for observation, rows_of_it in by_observation.items():
            timed = sorted(rows_of_it, key=self._begin)
            files = list(above) or list(dict.fromkeys(_path(row["media"]) for row in timed))
            try:
                if len(files) > 1:
                    self._joined[observation] = self.media[observation] = self._lengths(rows_of_it[0], files)
                else:
                    self._refuse_longer(rows_of_it[0], files[0])
            except LabelError as error:
                errors.append(error)
        raise_together(errors)

    def _begin(self, row: Row) -> float:
        """When a row's event begins, to put files in order; a cell that holds no time is refused later."""
        try:
            return row.number("start" if row.holds_bout else "time")
        except LabelError:
            return 0.0

    def _lengths(self, row: Row, files: list[str]) -> Media:
        lengths = [self.clock.file_length(file) for file in files]
        told = row.numbers("duration", 1)[0]
        known = [length for length in lengths if length is not None]
        why = f"the observation has {len(files)} files ({', '.join(files)}), and before 8.9.11 BORIS counts times from"
        if len(known) < len(files):
            missing = files[lengths.index(None)]
            raise row.error(
                f"{why} the start of the first; how long {missing} is, is not known. Give the folder of the videos "
                "(--data.source.root; amclip convert, evaluate, suggest: --root), or read the project (.boris)",
                "media",
            )
        if told is not None and abs(sum(known) - told) > _LENGTHS_AGREE * len(files) + 1e-3 * told:
            each = " + ".join(f"{length:.2f}" for length in known)
            raise row.error(
                f"{why} the start of the first; they last {each} = {sum(known):.2f} s, and {told:g} s is said: files "
                "without an event are missing here, or these are others. Read the project (.boris)",
                "duration",
            )
        return Media(files, list(lengths), row.numbers("fps", 1) * len(files), row.line, row["observation"])

    def _refuse_longer(self, row: Row, file: str) -> None:
        """Refuse a length that is not that of the one file named: other files of the observation lack events."""
        told, length = row.numbers("duration", 1)[0], self.clock.file_length(file)
        if told is not None and length is not None and told > length + _LENGTHS_AGREE + 1e-3 * told:
            raise row.error(
                f"says {told:g} s, and {file} lasts {length:.2f} s: if the observation has other files too, its times "
                "count from the start of the first. Read the project (.boris)",
                "duration",
            )

    def _refuse_other_file(self, media: Media, row: Row, time: float) -> None:
        """Refuse a row that names another file than its time falls in: the order of the files is not what it seems."""
        if _path(row["media"]) not in media.names:
            raise row.error(f"{row['media']!r} is none of the files ({', '.join(media.names)})", "media")
        index = media.names.index(_path(row["media"]))
        lengths = [length or 0.0 for length in media.durations]
        first, slack = sum(lengths[:index]), _LENGTHS_AGREE * len(lengths)
        if not first - slack <= time <= first + lengths[index] + slack:
            raise row.error(
                f"{time:g} s is not in {media.names[index]}, from {first:g} to {first + lengths[index]:g} s "
                "of the observation",
                "media",
            )

    def _media_of(self, row: Row) -> Media:
        """The files of a row's observation, checked and entered on first sight."""
        files = self._files(row)
        key = f"{row['observation']}\n{';'.join(files)}"
        if key not in self.media:
            durations = row.numbers("duration", len(files))
            if len(files) > 1:
                durations = [
                    self.clock.file_length(file) if length is None else length
                    for file, length in zip(files, durations, strict=True)
                ]
            if len(files) > 1 and None in durations:
                raise row.error(
                    f"the observation joins {len(files)} files ({'; '.join(files)}), and the durations "
                    f"{row['duration']!r} do not say where one ends and the next begins. Tables of BORIS separate "
                    "media by ';': if it is one file with ';' in its name, rename it, or read the project",
                    "duration",
                    "Media duration (s)",
                )
            rates = row.numbers("fps", len(files))
            self.media[key] = Media(files, durations, rates, row.line, row["observation"])
        return self.media[key]

    def _files(self, row: Row) -> list[str]:
        """Media files of an observation, in the order they were watched: from `Source`, else the row's own file."""
        if "picture" in row["kind"].lower() or "image" in row["kind"].lower():
            raise row.error(
                f"{OF_PICTURES}; export the others alone, or choose them (--data.source.observations)", "kind"
            )
        told = row["source"] if _names_player(row["source"]) else row["media"]
        players = [part for part in re.split(r"\|?\s*player\s*#\d+\s*:", told, flags=re.I) if part.strip(" |")]
        if len(players) > 1:
            raise row.error(
                f"the observation plays several videos at once ({told}); {SEVERAL_PLAYERS}",
                "source" if "source" in row.columns.names else "media",
            )
        files = [_path(file) for player in players for file in player.split(";") if file.strip()]
        if not files or told.lower() in (*MISSING, "not found"):
            raise row.error(
                "names no media file; live observations have no video to learn from",
                "media" if "media" in row.columns.names else "source",
            )
        return files

    def _times(self, row: Row) -> Iterator[tuple[float, float]]:
        """Start and stop of the bout that a row completes."""
        if row.holds_bout:
            start, stop = (row.time(role) for role in ("start", "stop"))
            if stop < start:
                raise row.error(f"stops at {stop:g} s, before its start at {start:g} s", "stop")
            yield start, stop
            return
        time, kind = row.time("time"), row["type"].upper()
        key = (row["observation"], row["subject"], row["behavior"], row["modifiers"])
        if kind == "POINT":
            yield time, time
        elif kind == "START":
            if key in self.started:
                first = self.started[key][1].line
                raise row.error(f"{key[2]!r} starts again before it stopped (line {first})", "time")
            self.started[key] = time, row
        elif kind == "STOP":
            if key not in self.started:
                raise row.error(f"{key[2]!r} stops at {time:g} s and had not started", "time")
            start, _ = self.started.pop(key)
            if time < start:
                raise row.error(f"stops at {time:g} s, before its start at {start:g} s", "time")
            yield start, time
        else:
            raise row.error(f"{row['type']!r} is none of START, STOP, POINT", "type", "Behavior type")

    def never_stopped(self) -> list[LabelError]:
        """States that have begun, and that no row ended."""
        return [
            row.error(f"{label!r} starts at {start:g} s in {observation!r} and never stops", "time")
            for (observation, _, label, _), (start, row) in self.started.items()
        ]


def _names_player(told: str) -> bool:
    return told.lower() not in MISSING and "player #" in told.lower()


def _path(name: str) -> str:
    return name.strip().replace("\\", "/")
