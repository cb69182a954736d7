"""BORIS' aggregated events: a row per bout."""

from collections.abc import Iterator
from pathlib import Path

from amclip.data.boris_columns import AGGREGATED, NOBODY
from amclip.data.formats import boris_events
from amclip.data.formats.boris_export import write_for_boris
from amclip.data.formats.label_format import BoutReader, LabelFormat, Writer
from amclip.data.formats.origin import Writing
from amclip.data.intervals import Timeline
from amclip.data.table import LabelTable

__all__ = ["FORMAT", "write"]


def write(table: LabelTable, target: Path, writing: Writing) -> list[str]:
    """Write a row per bout."""
    return write_for_boris(table, target, writing.clock, AGGREGATED, "Aggregated events", _rows)


def _rows(timeline: Timeline) -> Iterator[dict[str, str]]:
    for bout in timeline.bouts:
        yield {
            "Subject": bout.subject or NOBODY,
            "Behavior": bout.label,
            "Behavior type": "STATE",
            "Start (s)": repr(bout.start),
            "Stop (s)": repr(bout.stop),
            "Duration (s)": f"{bout.stop - bout.start:.6f}",
        }


FORMAT = LabelFormat(
    "boris",
    "BORIS' aggregated events",
    BoutReader(boris_events.aggregated, boris_events.read, has_observations=True),
    Writer(write, holds_bouts=True, holds_subjects=True, holds_nothing_else=True, workbook="may"),
)
