"""Writes a project that BORIS opens: an observation per video, its events, and the animals and behaviours of all."""

import json
import math
import string
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from amclip.data.boris_columns import subject_of
from amclip.data.clock import Clock
from amclip.data.formats.boris_export import silent_subjects
from amclip.data.formats.notes import gaps, splits
from amclip.data.formats.target_files import write_text
from amclip.data.intervals import Timeline, timelines_of
from amclip.data.label_error import LabelError
from amclip.data.table import LabelTable

__all__ = ["write"]

_PLAYERS = 8
_USUAL_FPS = 25.0


def write(table: LabelTable, target: Path, clock: Clock) -> list[str]:
    """Write the project.

    Raises:
        LabelError: If clips overlap, or an animal has BORIS' name for none.
    """
    subjects = sorted({clip.subject for clip in table.clips} - {""})
    for subject in subjects:
        if not subject_of(subject):
            raise LabelError(f"subject {subject!r}: is BORIS' word for no animal; rename it", table.source)
    timelines = timelines_of(table)
    observations: dict[str, Any] = {}
    for timeline in timelines:
        stem, whole = str(PurePosixPath(timeline.video).with_suffix("")), timeline.video
        names = (stem, whole, *(f"{whole} ({number})" for number in range(2, len(timelines) + 2)))
        name = next(name for name in names if name not in observations)
        observations[name] = _observation(timeline, table.source, clock)
    project = {
        "time_format": "hh:mm:ss",
        "project_date": "",
        "project_name": target.stem,
        "project_description": "",
        "project_format_version": "7.0",
        "subjects_conf": {
            str(index): {"key": "", "name": name, "description": ""} for index, name in enumerate(subjects)
        },
        "behaviors_conf": _behaviours(table.classes),
        "behavioral_categories": [],
        "behavioral_categories_config": {},
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
        "observations": observations,
    }
    write_text(target, json.dumps(project, ensure_ascii=False, indent=1) + "\n")
    silent = [name for timeline in timelines for name in silent_subjects(timeline)]
    notes = [f"animals that show nothing in a video have no event in it: {', '.join(silent)}"] if silent else []
    if not all(_rate_is_known(video, clock) for video in table.videos()):
        notes.append(f"the frame rate of videos that are not there: BORIS takes {_USUAL_FPS:g}; say it (--fps)")
    notes += gaps(timelines, "BORIS has no word for intervals nobody observed; they read as showing nothing")
    return notes + splits(table)


def _rate_is_known(video: str, clock: Clock) -> bool:
    return clock.fps is not None or clock.path(video) is not None


def _behaviours(classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The ethogram, by number; each behaviour has a key of its own while there are letters and digits."""
    free = list(string.ascii_lowercase + string.digits)
    behaviours: dict[str, dict[str, Any]] = {}
    for index, name in enumerate(classes):
        key = next((letter for letter in name.lower() if letter in free), free[0] if free else "")
        if key:
            free.remove(key)
        behaviours[str(index)] = {
            "type": "State event",
            "key": key,
            "code": name,
            "description": "",
            "color": "",
            "category": "",
            "modifiers": {},
            "excluded": "",
            "coding map": "",
        }
    return behaviours


def _observation(timeline: Timeline, source: str, clock: Clock) -> dict[str, Any]:
    """One observation, by the keys that BORIS 9 saves."""
    media = timeline.video
    events = [(bout.start, 1, bout.subject, bout.label) for bout in timeline.bouts]
    events += [(bout.stop, 0, bout.subject, bout.label) for bout in timeline.bouts]
    # BORIS cuts lengths to milliseconds and leaves out what is later; then the observation ends where the labels do.
    whole = round(timeline.end, 3) == timeline.end
    length = timeline.end if whole else math.ceil(timeline.end * 1000) / 1000 + 0.0005
    fps = _USUAL_FPS  # BORIS opens a project without, and fails when it exports events
    if _rate_is_known(media, clock):
        edges = clock.grid(media, timeline.end, source)
        fps = (len(edges) - 1) / float(edges[-1])
    return {
        "type": "MEDIA",
        "date": "",
        "description": "",
        "time offset": 0.0,
        # What stops is told before what starts at the same time, so that no state is open twice.
        "events": [[time, subject, label, "", "", "NA"] for time, _, subject, label in sorted(events)],
        "observation time interval": [0, 0] if whole else [0, timeline.end],
        "file": {"1": [media], **{str(player): [] for player in range(2, _PLAYERS + 1)}},
        "media_info": {
            "length": {media: length},
            "fps": {media: fps},
            "hasVideo": {media: True},
            "hasAudio": {media: False},
            "offset": {"1": 0.0},
        },
        "independent_variables": {},
        "close_behaviors_between_videos": False,
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
    }
