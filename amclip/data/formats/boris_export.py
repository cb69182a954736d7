"""What both tables of BORIS' events have in common when they are written."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from amclip.data.boris_columns import NOBODY
from amclip.data.formats.boris_rows import MISSING
from amclip.data.formats.notes import gaps, splits, unnamed
from amclip.data.intervals import Timeline, timelines_of
from amclip.data.label_error import LabelError
from amclip.data.table import LabelTable

__all__ = ["lost_in_boris", "observation_cells", "timelines_for_boris"]


def timelines_for_boris(table: LabelTable) -> list[Timeline]:
    """A table's time lines.

    Raises:
        LabelError: If a name is one that BORIS reads otherwise.
    """
    for video in table.videos():
        if ";" in video or "|" in video or "player #" in video.lower():
            raise LabelError(f"{video!r}: in BORIS, ';' and '|' separate the names of several videos", table.source)
        if video.lower() in MISSING:
            raise LabelError(f"{video!r} is BORIS' word for no video", table.source)
    for name in table.classes:
        if name.lower() in MISSING:
            raise LabelError(f"class {name!r}: is BORIS' word for an empty cell; rename it", table.source)
    return timelines_of(table)


def observation_cells(timeline: Timeline) -> dict[str, str]:
    """The cells of a time line's rows that tell of its observation, by column."""
    return {
        "Observation id": str(PurePosixPath(timeline.video).with_suffix("")),
        "Observation type": "Media file(s)",
        "Source": f"player #1:{timeline.video}",
        "Time offset (s)": "0.0",
        "Media duration (s)": repr(timeline.end),
        "FPS": "NA",
        "FPS (frame/s)": "NA",
        "Subject": NOBODY,
        "Media file name": timeline.video,
    }


def lost_in_boris(table: LabelTable, timelines: Sequence[Timeline]) -> list[str]:
    """What BORIS' tables cannot hold of a table, in words."""
    silent = [timeline.video for timeline in timelines if not timeline.bouts]
    notes = [f"videos without any behaviour have no row: {', '.join(silent)}"] if silent else []
    notes += gaps(timelines, "BORIS has no word for intervals nobody observed; they read as showing nothing")
    return notes + splits(table) + unnamed(table)
