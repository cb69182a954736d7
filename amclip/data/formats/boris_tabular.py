"""BORIS' tabular events: a row where a bout starts, and one where it stops."""

from pathlib import Path

from amclip.data.boris_columns import TABULAR
from amclip.data.clock import Clock
from amclip.data.formats import boris_events
from amclip.data.formats.boris_export import lost_in_boris, observation_cells, timelines_for_boris
from amclip.data.formats.label_format import BoutReader, LabelFormat, Writer
from amclip.data.formats.target_files import write_rows
from amclip.data.table import LabelTable

__all__ = ["FORMAT", "write"]


def write(table: LabelTable, target: Path, clock: Clock) -> list[str]:
    """Write a row where a bout starts, and one where it stops."""
    timelines = timelines_for_boris(table)
    rows = []
    for timeline in timelines:
        events = [(bout.stop, "STOP", bout.label, bout.subject) for bout in timeline.bouts]
        events += [(bout.start, "START", bout.label, bout.subject) for bout in timeline.bouts]
        for time, kind, label, subject in sorted(events, key=lambda event: (event[0], event[1] == "START")):
            cells = {
                **observation_cells(timeline, subject),
                "Observation duration": repr(timeline.end),
                "Behavior": label,
                "Behavior type": kind,
                "Time": repr(time),
            }
            rows.append([cells.get(name, "") for name in TABULAR])
    write_rows(target, [TABULAR, *rows], "Events")
    return lost_in_boris(table, timelines)


FORMAT = LabelFormat(
    "boris-tabular",
    "BORIS' tabular events",
    BoutReader(boris_events.tabular, boris_events.read, has_observations=True),
    Writer(write, holds_bouts=True, holds_subjects=True, holds_nothing_else=True, workbook="may"),
)
