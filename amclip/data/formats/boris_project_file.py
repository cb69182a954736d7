"""Writes a project that BORIS opens: an observation per video, its events, and the animals and behaviours of all."""

import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from amclip.data.boris_columns import subject_of
from amclip.data.boris_layout import media_observation, project_frame, safe_length
from amclip.data.clock import Clock
from amclip.data.formats.boris_export import silent_subjects, to_file_end
from amclip.data.formats.notes import gaps, splits, warn_of_lengths
from amclip.data.formats.origin import Writing
from amclip.data.formats.target_files import write_text
from amclip.data.intervals import SAME_TIME, Interval, Timeline, complement, timelines_of
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
    labelled = timelines_of(table)
    timelines = [to_file_end(timeline, writing.clock) for timeline in labelled]
    bouts_alone = _bouts_alone(table, labelled)
    observations: dict[str, Any] = {}
    rates: list[float | None] = []
    for timeline in timelines:
        stem, whole = str(PurePosixPath(timeline.video).with_suffix("")), timeline.video
        names = (stem, whole, *(f"{whole} ({number})" for number in range(2, len(timelines) + 2)))
        name = next(name for name in names if name not in observations)
        rates.append(_rate(timeline, table.source, writing.clock))
        known = writing.clock.length(timeline.video) is not None
        looked_at = (0.0, timeline.end) if bouts_alone else _looked_at(timeline)
        observations[name] = _observation(
            timeline, _media(timeline.video, target, writing.clock), rates[-1] or _USUAL_FPS, looked_at, known
        )
    project = project_frame(target.stem, "", table.classes, subjects=subjects) | {"observations": observations}
    write_text(target, json.dumps(project, ensure_ascii=False, indent=1) + "\n")
    silent = [name for timeline in timelines for name in silent_subjects(timeline)]
    notes = [f"animals that show nothing in a video have no event in it: {', '.join(silent)}"] if silent else []
    if None in rates:  # BORIS opens a project without, and fails when it exports events
        notes.append(f"the frame rate of videos that are not there: BORIS takes {_USUAL_FPS:g}; say it (--fps)")
    warn_of_lengths(timelines, writing.clock, "its media end")
    held = timelines if bouts_alone else [timeline for timeline in timelines if _gaps_within(timeline)]
    notes += gaps(held, "BORIS has no word for intervals nobody observed; they read as showing nothing")
    return notes + splits(table)


def _bouts_alone(table: LabelTable, timelines: Sequence[Timeline]) -> bool:
    """Whether the rows are bouts by the look of them: none says that nothing is shown, and they leave gaps."""
    return all(clip.labels for clip in table.clips) and any(one.unlabelled or one.unwatched for one in timelines)


def _looked_at(timeline: Timeline) -> Interval:
    """From when to when any of the animals was watched, in seconds."""
    each = [timeline.of(subject).unlabelled for subject in timeline.subjects or ("",)]
    spans = [span for unlabelled in each for span in complement(unlabelled, timeline.end)]
    return min((span[0] for span in spans), default=0.0), max((span[1] for span in spans), default=timeline.end)


def _gaps_within(timeline: Timeline) -> bool:
    """Whether an animal was not watched all the time from when to when any was."""
    start, stop = _looked_at(timeline)
    inner = [*timeline.unlabelled, *((begin, end) for _, begin, end in timeline.unwatched)]
    return any(max(begin, start) + SAME_TIME < min(end, stop) for begin, end in inner)


def _rate(timeline: Timeline, source: str, clock: Clock) -> float | None:
    """Frames per second of a video; ``None`` where it is not there, or cannot be read, and none are given.

    Raises:
        LabelError: If a rate is given that the video does not have.
    """
    length = clock.length(timeline.video)
    try:
        edges = clock.grid(timeline.video, timeline.end if length is None else min(timeline.end, length), source)
    except LabelError:
        if clock.fps is not None:
            raise
        return None
    return (len(edges) - 1) / float(edges[-1])


def _media(video: str, target: Path, clock: Clock) -> str:
    """The name by which BORIS finds a video: as it is, where it lies so from the project's folder, else its whole path.

    BORIS' ``full_path`` tries a name as it is, and then from the folder of the project; it looks nowhere else.
    """
    path = clock.path(video)
    if path is None or os.path.exists(target.parent / video):
        return video
    return os.path.abspath(path)


def _observation(timeline: Timeline, media: str, fps: float, looked_at: Interval, known: bool) -> dict[str, Any]:
    """One observation, by the keys that BORIS 9 saves.

    Args:
        timeline: What was seen, to the end of the file.
        media: The name of the video for BORIS.
        fps: Frames per second.
        looked_at: From when to when the observer looked.
        known: Whether the length is the file's own; else the file goes on to where the labels end, or further.
    """
    events = [(bout.start, 1, bout.subject, bout.label) for bout in timeline.bouts]
    events += [(bout.stop, 0, bout.subject, bout.label) for bout in timeline.bouts]
    # Where labels end between two of BORIS' milliseconds, the media are said to be a little longer, and the observer
    # looked no further than the labels go.
    exact = round(timeline.end, 3) == timeline.end
    length = timeline.end if exact else safe_length(timeline.end)
    all_of_it = looked_at == (0.0, timeline.end) and (known or exact)
    # What stops is told before what starts at the same time, so that no state is open twice.
    told = [[time, subject, label, "", "", "NA"] for time, _, subject, label in sorted(events)]
    return media_observation(media, length, fps, told, interval=None if all_of_it else looked_at)
