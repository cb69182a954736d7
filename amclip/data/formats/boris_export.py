"""What both tables of BORIS' events have in common when they are written."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from amclip.data.boris_columns import subject_of
from amclip.data.clock import Clock
from amclip.data.formats.boris_rows import MISSING
from amclip.data.formats.notes import gaps, splits, unnamed, warn_of_lengths
from amclip.data.formats.target_files import write_rows
from amclip.data.intervals import Timeline, timelines_of
from amclip.data.label_error import LabelError
from amclip.data.table import LabelTable

__all__ = ["lost_in_boris", "silent_subjects", "timelines_for_boris", "to_file_end", "write_for_boris"]

_ROUNDED = 0.1  # seconds: tables are rounded


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
    for subject in {clip.subject for clip in table.clips} - {""}:
        if subject.lower() in MISSING or not subject_of(subject):
            raise LabelError(f"subject {subject!r}: is BORIS' word for no animal; rename it", table.source)
    return timelines_of(table)


def to_file_end(timeline: Timeline, clock: Clock) -> Timeline:
    """A table's time line, which ends with its last row, with the length of the file; the rest is not labelled.

    As it is where the file is not there, and where the labels go on behind its end, which is warned of.
    """
    length = clock.length(timeline.video)
    if length is None or length <= timeline.end:
        if length is not None and timeline.end - length > _ROUNDED:
            warnings.warn(
                f"{timeline.video}: its labels end at {timeline.end:.10g} s, and the file lasts {length:.2f} s: is it "
                "the one that was labelled? It is said to be as long as the labels",
                stacklevel=2,
            )
        return timeline
    rest = (timeline.end, length)
    timeline = replace(timeline, duration=length)
    if rest[1] - rest[0] <= _ROUNDED:
        return timeline
    unwatched = (*timeline.unwatched, *((subject, *rest) for subject in timeline.subjects))
    return replace(timeline, unlabelled=(*timeline.unlabelled, rest), unwatched=unwatched)


def write_for_boris(
    table: LabelTable,
    target: Path,
    clock: Clock,
    columns: Sequence[str],
    sheet: str,
    rows_of: Callable[[Timeline], Iterable[Mapping[str, str]]],
) -> list[str]:
    """Write a table of events that BORIS reads; returns what it cannot hold of the labels, in words.

    Args:
        table: The labels.
        target: The file.
        clock: How long the videos are.
        columns: Its columns.
        sheet: Name of the sheet, in a workbook.
        rows_of: Cells of a time line's rows by column, beside those that tell of its observation.

    Raises:
        LabelError: If a name is one that BORIS reads otherwise.
    """
    timelines = [to_file_end(timeline, clock) for timeline in timelines_for_boris(table)]
    rows = []
    for timeline in timelines:
        same = _observation_cells(timeline)
        rows += [[{**same, **cells}.get(name, "") for name in columns] for cells in rows_of(timeline)]
    write_rows(target, [columns, *rows], sheet)
    warn_of_lengths(timelines, clock, "its media end")
    return lost_in_boris(table, timelines)


def _observation_cells(timeline: Timeline) -> dict[str, str]:
    """The cells of a time line's rows that tell of its observation, by column."""
    return {
        "Observation id": str(PurePosixPath(timeline.video).with_suffix("")),
        "Observation type": "Media file(s)",
        "Source": f"player #1:{timeline.video}",
        "Time offset (s)": "0.0",
        "Media duration (s)": repr(timeline.end),
        "FPS": "NA",
        "FPS (frame/s)": "NA",
        "Media file name": timeline.video,
    }


def lost_in_boris(table: LabelTable, timelines: Sequence[Timeline]) -> list[str]:
    """What BORIS' tables cannot hold of a table, in words."""
    silent = [timeline.video for timeline in timelines if not timeline.bouts]
    notes = [f"videos without any behaviour have no row: {', '.join(silent)}"] if silent else []
    unseen = [name for timeline in timelines if timeline.bouts for name in silent_subjects(timeline)]
    if unseen:
        notes.append(f"animals that show nothing in a video have no row of it: {', '.join(unseen)}")
    notes += gaps(timelines, "BORIS has no word for intervals nobody observed; they read as showing nothing")
    return notes + splits(table) + unnamed(table)


def silent_subjects(timeline: Timeline) -> Iterator[str]:
    """Who was watched in a video and shows nothing, with the video's name."""
    shown = {bout.subject for bout in timeline.bouts}
    for subject in timeline.subjects:
        if subject not in shown:
            yield f"{subject or 'the whole scene'} in {timeline.video}"
