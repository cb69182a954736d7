"""Writes a project that BORIS opens: an observation per video, its events, and the animals and behaviours of all."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

from amclip.data.boris_columns import subject_of
from amclip.data.boris_layout import media_observation, project_frame, safe_length
from amclip.data.clock import Clock
from amclip.data.formats.boris_export import silent_subjects
from amclip.data.formats.notes import gaps, splits
from amclip.data.formats.origin import Writing
from amclip.data.formats.target_files import write_text
from amclip.data.intervals import Timeline, timelines_of
from amclip.data.label_error import LabelError
from amclip.data.table import LabelTable

__all__ = ["write"]

_USUAL_FPS = 25.0


def write(table: LabelTable, target: Path, writing: Writing) -> list[str]:
    """Write the project.

    Raises:
        LabelError: If clips overlap, an animal has BORIS' name for none, or a rate is given that a video has not.
    """
    subjects = sorted({clip.subject for clip in table.clips} - {""})
    for subject in subjects:
        if not subject_of(subject):
            raise LabelError(f"subject {subject!r}: is BORIS' word for no animal; rename it", table.source)
    timelines = timelines_of(table)
    observations: dict[str, Any] = {}
    rates: list[float | None] = []
    for timeline in timelines:
        stem, whole = str(PurePosixPath(timeline.video).with_suffix("")), timeline.video
        names = (stem, whole, *(f"{whole} ({number})" for number in range(2, len(timelines) + 2)))
        name = next(name for name in names if name not in observations)
        rates.append(_rate(timeline, table.source, writing.clock))
        observations[name] = _observation(timeline, rates[-1] or _USUAL_FPS)
    project = project_frame(target.stem, "", table.classes, subjects=subjects) | {"observations": observations}
    write_text(target, json.dumps(project, ensure_ascii=False, indent=1) + "\n")
    silent = [name for timeline in timelines for name in silent_subjects(timeline)]
    notes = [f"animals that show nothing in a video have no event in it: {', '.join(silent)}"] if silent else []
    if None in rates:  # BORIS opens a project without, and fails when it exports events
        notes.append(f"the frame rate of videos that are not there: BORIS takes {_USUAL_FPS:g}; say it (--fps)")
    notes += gaps(timelines, "BORIS has no word for intervals nobody observed; they read as showing nothing")
    return notes + splits(table)


def _rate(timeline: Timeline, source: str, clock: Clock) -> float | None:
    """Frames per second of a video; ``None`` where it is not there, or cannot be read, and none are given.

    Raises:
        LabelError: If a rate is given that the video does not have.
    """
    try:
        edges = clock.grid(timeline.video, timeline.end, source)
    except LabelError:
        if clock.fps is not None:
            raise
        return None
    return (len(edges) - 1) / float(edges[-1])


def _observation(timeline: Timeline, fps: float) -> dict[str, Any]:
    """One observation, by the keys that BORIS 9 saves."""
    media = timeline.video
    events = [(bout.start, 1, bout.subject, bout.label) for bout in timeline.bouts]
    events += [(bout.stop, 0, bout.subject, bout.label) for bout in timeline.bouts]
    # Where the labels end between two of BORIS' milliseconds, the media are a little longer, and the observer looked no
    # further than they go.
    whole = round(timeline.end, 3) == timeline.end
    length = timeline.end if whole else safe_length(timeline.end)
    # What stops is told before what starts at the same time, so that no state is open twice.
    told = [[time, subject, label, "", "", "NA"] for time, _, subject, label in sorted(events)]
    return media_observation(media, length, fps, told, interval=None if whole else (0.0, timeline.end))
