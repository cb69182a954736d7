"""BORIS' tabular events: a row where a bout starts, and one where it stops."""

from collections.abc import Iterator
from pathlib import Path

from amclip.data.boris_columns import NOBODY, TABULAR
from amclip.data.formats import boris_events
from amclip.data.formats.boris_export import write_for_boris
from amclip.data.formats.label_format import BoutReader, LabelFormat, Writer
from amclip.data.formats.origin import Writing
from amclip.data.intervals import Timeline
from amclip.data.table import LabelTable

__all__ = ["FORMAT", "write"]


def write(table: LabelTable, target: Path, writing: Writing) -> list[str]:
    """Write a row where a bout starts, and one where it stops."""
    return write_for_boris(table, target, writing.clock, TABULAR, "Events", _rows)


def _rows(timeline: Timeline) -> Iterator[dict[str, str]]:
    events = [(bout.stop, "STOP", bout.label, bout.subject) for bout in timeline.bouts]
    events += [(bout.start, "START", bout.label, bout.subject) for bout in timeline.bouts]
    for time, kind, label, subject in sorted(events, key=lambda event: (event[0], event[1] == "START")):
        yield {
            "Observation duration": repr(timeline.end),
            "Subject": subject or NOBODY,
            "Behavior": label,
            "Behavior type": kind,
            "Time": repr(time),
        }


FORMAT = LabelFormat(
    "boris-tabular",
    "BORIS' tabular events",
    BoutReader(boris_events.tabular, boris_events.read, has_observations=True),
    Writer(write, holds_bouts=True, holds_subjects=True, holds_nothing_else=True, workbook="may"),
)
