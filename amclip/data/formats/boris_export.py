"""What both tables of BORIS' events have in common when they are written."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from amclip.data.boris_columns import NOBODY, subject_of
from amclip.data.formats.boris_rows import MISSING
from amclip.data.formats.notes import gaps, splits, unnamed
from amclip.data.intervals import Timeline, timelines_of
from amclip.data.label_error import LabelError
from amclip.data.table import LabelTable

__all__ = ["lost_in_boris", "observation_cells", "silent_subjects", "timelines_for_boris"]


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


def observation_cells(timeline: Timeline, subject: str) -> dict[str, str]:
    """The cells of a time line's rows that tell of its observation and whose behaviour it is, by column."""
    return {
        "Observation id": str(PurePosixPath(timeline.video).with_suffix("")),
        "Observation type": "Media file(s)",
        "Source": f"player #1:{timeline.video}",
        "Time offset (s)": "0.0",
        "Media duration (s)": repr(timeline.end),
        "FPS": "NA",
        "FPS (frame/s)": "NA",
        "Subject": subject or NOBODY,
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
