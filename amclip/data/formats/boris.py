"""BORIS' aggregated events: a row per bout."""

from pathlib import Path

from amclip.data.boris_columns import AGGREGATED
from amclip.data.clock import Clock
from amclip.data.formats import boris_events
from amclip.data.formats.boris_export import lost_in_boris, observation_cells, timelines_for_boris
from amclip.data.formats.label_format import BoutReader, LabelFormat, Writer
from amclip.data.formats.target_files import write_rows
from amclip.data.table import LabelTable

__all__ = ["FORMAT", "write"]


def write(table: LabelTable, target: Path, clock: Clock) -> list[str]:
    """Write a row per bout."""
    timelines = timelines_for_boris(table)
    rows = []
    for timeline in timelines:
        for bout in timeline.bouts:
            cells = {
                **observation_cells(timeline, bout.subject),
                "Behavior": bout.label,
                "Behavior type": "STATE",
                "Start (s)": repr(bout.start),
                "Stop (s)": repr(bout.stop),
                "Duration (s)": f"{bout.stop - bout.start:.6f}",
            }
            rows.append([cells.get(name, "") for name in AGGREGATED])
    write_rows(target, [AGGREGATED, *rows], "Aggregated events")
    return lost_in_boris(table, timelines)


FORMAT = LabelFormat(
    "boris",
    "BORIS' aggregated events",
    BoutReader(boris_events.aggregated, boris_events.read, has_observations=True),
    Writer(write, holds_bouts=True, holds_subjects=True, holds_nothing_else=True, workbook="may"),
)
