"""Bouts as BORIS writes them: tabular and aggregated events of version 9, and a project that BORIS opens.

Times are seconds since the first frame and the time offset is 0: BORIS' player, too, counts from where the file starts,
whatever time stamp that has. Image indices are those of the frames shown at these times.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from amclip.data import boris_layout
from amclip.data.boris_columns import AGGREGATED, NOBODY, TABULAR
from amclip.ethogram.annotation_file import AnnotatedVideo
from amclip.ethogram.bouts import ScoredBout

__all__ = [
    "aggregated_cells",
    "aggregated_rows",
    "observation",
    "observation_id",
    "project_frame",
    "project_head",
    "project_tail",
    "tabular_cells",
    "tabular_rows",
]


def observation_id(video: str, taken: set[str]) -> str:
    """Name of a video's observation: its own without suffix, or with it where another video has the same.

    Args:
        video: As the tables name it.
        taken: Names of other observations; this one is added.
    """
    parts = [part for part in PurePosixPath(video).parts if part not in ("/", "..")]
    whole = PurePosixPath(*parts) if parts else PurePosixPath("video")
    names = chain((str(whole.with_suffix("")), str(whole)), (f"{whole} ({number})" for number in count(2)))
    name = next(name for name in names if name not in taken)
    taken.add(name)
    return name


def seconds(time: float) -> str:
    """A time to the microsecond."""
    return f"{time:.6f}"


class _Event(NamedTuple):
    """A start or a stop."""

    time: float
    subject: str
    behaviour: str
    kind: str
    frame: int


def _events(bouts: Sequence[ScoredBout], num_frames: int) -> list[_Event]:
    """Starts and stops in the order of BORIS: by time, then by animal, then by behaviour.

    What stops is told before what starts at the same time, so that no state is open twice.
    """
    events = []
    for bout in bouts:
        events.append(_Event(bout.start, bout.subject, bout.behaviour, "START", bout.start_frame))
        last = min(bout.stop_frame, num_frames - 1)
        events.append(_Event(bout.stop, bout.subject, bout.behaviour, "STOP", last))
    return sorted(events, key=lambda event: (*event[:3], event.kind == "START"))


def tabular_rows(observation_id: str, about: AnnotatedVideo, bouts: Sequence[ScoredBout]) -> Iterator[list[str]]:
    """A row per start and per stop, in the order of :data:`amclip.data.boris_columns.TABULAR`."""
    common = tabular_cells(observation_id, about)
    for time, subject, behaviour, kind, frame in _events(bouts, about.extent.num_frames):
        cells = common | {
            "Subject": subject or NOBODY,
            "Behavior": behaviour,
            "Behavior type": kind,
            "Time": seconds(time),
            "Image index": str(frame),
        }
        yield [cells.get(name, "") for name in TABULAR]


def tabular_cells(observation_id: str, about: AnnotatedVideo) -> dict[str, str]:
    """What all rows of a video's tabular events have in common, by column."""
    return _common(observation_id, about) | {
        "Observation duration": seconds(about.extent.duration),
        "Observation type": "Media file(s)",
        "FPS": f"{about.extent.fps:.3f}",
        "Image file path": "NA",
    }


def aggregated_rows(observation_id: str, about: AnnotatedVideo, bouts: Sequence[ScoredBout]) -> Iterator[list[str]]:
    """A row per bout, in the order of :data:`amclip.data.boris_columns.AGGREGATED`; comments hold probabilities."""
    totals: dict[str, float] = {}
    for bout in bouts:
        totals[bout.subject] = totals.get(bout.subject, 0) + bout.duration
    common = aggregated_cells(observation_id, about)
    for bout in bouts:
        cells = common | {
            "Subject": bout.subject or NOBODY,
            "Observation duration by subject by observation": seconds(totals[bout.subject]),
            "Behavior": bout.behaviour,
            "Start (s)": seconds(bout.start),
            "Stop (s)": seconds(bout.stop),
            "Duration (s)": seconds(bout.duration),
            "Image index start": str(bout.start_frame),
            "Image index stop": str(min(bout.stop_frame, about.extent.num_frames - 1)),
            "Comment start": comment(bout),
        }
        yield [cells.get(name, "") for name in AGGREGATED]


def aggregated_cells(observation_id: str, about: AnnotatedVideo) -> dict[str, str]:
    """What all rows of a video's aggregated events have in common, by column."""
    return _common(observation_id, about) | {
        "Observation type": "Media file",
        "Coding duration": seconds(about.extent.duration),
        "FPS (frame/s)": f"{about.extent.fps:.3f}",
        "Behavioral category": "Not defined",
        "Behavior type": "STATE",
        "Image file path start": "NA",
        "Image file path stop": "NA",
    }


def _common(observation_id: str, about: AnnotatedVideo) -> dict[str, str]:
    return {
        "Observation id": observation_id,
        "Source": f"player #1:{about.video}",
        "Time offset (s)": "0.0",
        "Media duration (s)": seconds(about.extent.duration),
        "Subject": NOBODY,
        "Media file name": about.video,
    }


def comment(bout: ScoredBout) -> str:
    """How sure the network is, in words."""
    return f"mean probability {bout.mean:.3f}, peak {bout.peak:.3f}"


def observation(about: AnnotatedVideo, bouts: Sequence[ScoredBout], path: str | None) -> dict[str, Any]:
    """One observation of a project, by the keys that BORIS 9 saves.

    Args:
        about: The video.
        bouts: Its bouts.
        path: Where the video lies, so that BORIS can play it; without it, its name in the tables.
    """
    media = path or about.video
    comments = {(bout.start, bout.subject, bout.behaviour): comment(bout) for bout in bouts}
    date = ""
    if path is not None and Path(path).is_file():  # the nearest to when it was recorded; the same in every run
        written = datetime.fromtimestamp(int(Path(path).stat().st_mtime), tz=timezone.utc)
        date = written.strftime("%Y-%m-%dT%H:%M:%S")
    events = [
        [round(time, 6), subject, name, "", comments[time, subject, name] if kind == "START" else "", frame]
        for time, subject, name, kind, frame in _events(bouts, about.extent.num_frames)
    ]
    return boris_layout.media_observation(
        media, boris_layout.safe_length(about.extent.duration), about.extent.fps, events, "annotated by amclip", date
    )


def project_frame(classes: Sequence[str], settings: Mapping[str, str], subjects: Sequence[str] = ()) -> tuple[str, str]:
    """Text before and behind a project's observations, so that these can be written one at a time.

    Args:
        classes: Names of the behaviours; each gets a key of its own while there are letters and digits.
        settings: A line of text per class, its description.
        subjects: Names of the animals; each gets a key that no behaviour has, while there are any.
    """
    named = bool(subjects)
    return project_head(classes, settings, named), project_tail(classes, subjects if named else None)


def project_head(classes: Sequence[str], settings: Mapping[str, str], named: bool) -> str:
    """The first of the two texts; animals that are ``named`` are listed in the second, once all are known."""
    listed = None if named else ()
    project = boris_layout.project_frame("amclip", "Bouts found by amclip", classes, settings, listed)
    text = json.dumps(project, ensure_ascii=False, indent=1)
    return text[:-2] + ',\n "observations": {'


def project_tail(classes: Sequence[str], subjects: Sequence[str] | None) -> str:
    """The second of the two texts; ``subjects`` are ``None`` where the first one says that there are none."""
    if subjects is None:
        return "}\n}\n"
    text = json.dumps({"subjects_conf": boris_layout.subjects_conf(classes, subjects)}, ensure_ascii=False, indent=1)
    return "},\n" + text[2:] + "\n"
