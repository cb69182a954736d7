"""Formats of bouts and of frames: BORIS, DeepEthogram, FERAL, and frame lists in Charades' form."""

import json
import posixpath
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from amclip.data.boris_columns import AGGREGATED, NOBODY, TABULAR
from amclip.data.clock import Clock
from amclip.data.exports.files import write_rows, write_text
from amclip.data.exports.notes import gaps, moved, splits, unnamed, without_suffix
from amclip.data.intervals import Timeline, timelines_of
from amclip.data.label_error import LabelError
from amclip.data.readers.boris_rows import MISSING
from amclip.data.readers.deepethogram import SUFFIX
from amclip.data.readers.feral import BACKGROUND
from amclip.data.table import LabelTable

__all__ = ["boris", "boris_tabular", "deepethogram", "feral", "frame_list", "label_file"]

# Times that lie within this share of a frame of one are that frame's: tables are rounded to milliseconds.
_OFF_FRAME = 0.05


def boris(table: LabelTable, target: Path, clock: Clock) -> list[str]:
    """BORIS' aggregated events: a row per bout."""
    timelines = _for_boris(table)
    rows = []
    for timeline in timelines:
        for bout in timeline.bouts:
            cells = {
                **_observation(timeline),
                "Behavior": bout.label,
                "Behavior type": "STATE",
                "Start (s)": repr(bout.start),
                "Stop (s)": repr(bout.stop),
                "Duration (s)": f"{bout.stop - bout.start:.6f}",
            }
            rows.append([cells.get(name, "") for name in AGGREGATED])
    write_rows(target, [AGGREGATED, *rows], "Aggregated events")
    return _lost_in_boris(table, timelines)


def boris_tabular(table: LabelTable, target: Path, clock: Clock) -> list[str]:
    """BORIS' tabular events: a row where a bout starts, and one where it stops."""
    timelines = _for_boris(table)
    rows = []
    for timeline in timelines:
        events = [(bout.stop, "STOP", bout.label) for bout in timeline.bouts]
        events += [(bout.start, "START", bout.label) for bout in timeline.bouts]
        for time, kind, label in sorted(events, key=lambda event: (event[0], event[1] == "START")):
            cells = {
                **_observation(timeline),
                "Observation duration": repr(timeline.end),
                "Behavior": label,
                "Behavior type": kind,
                "Time": repr(time),
            }
            rows.append([cells.get(name, "") for name in TABULAR])
    write_rows(target, [TABULAR, *rows], "Events")
    return _lost_in_boris(table, timelines)


def _for_boris(table: LabelTable) -> list[Timeline]:
    for video in table.videos():
        if ";" in video or "|" in video or "player #" in video.lower():
            raise LabelError(f"{video!r}: in BORIS, ';' and '|' separate the names of several videos", table.source)
        if video.lower() in MISSING:
            raise LabelError(f"{video!r} is BORIS' word for no video", table.source)
    for name in table.classes:
        if name.lower() in MISSING:
            raise LabelError(f"class {name!r}: is BORIS' word for an empty cell; rename it", table.source)
    return timelines_of(table)


def _observation(timeline: Timeline) -> dict[str, str]:
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


def _lost_in_boris(table: LabelTable, timelines: Sequence[Timeline]) -> list[str]:
    silent = [timeline.video for timeline in timelines if not timeline.bouts]
    notes = [f"videos without any behaviour have no row: {', '.join(silent)}"] if silent else []
    notes += gaps(timelines, "BORIS has no word for intervals nobody observed; they read as showing nothing")
    return notes + splits(table) + unnamed(table)


def deepethogram(table: LabelTable, target: Path, clock: Clock) -> list[str]:
    """DeepEthogram's label files, one per video, below the target folder."""
    timelines = timelines_of(table)
    _one_name_each(table, "label file")
    _below_a_folder(table, "label files")
    off = 0
    for timeline in timelines:
        frames, between = _frames(timeline, table.classes, clock, table.source)
        off += between
        rows: list[Sequence[object]] = [["", "background", *table.classes]]
        background = np.where(frames.min(axis=1) < 0, -1, frames.max(axis=1) == 0).astype(int)
        rows += [[index, background[index], *frame] for index, frame in enumerate(frames.tolist())]
        write_rows(target / label_file(timeline.video), rows, "labels")
    return moved(off) + splits(table) + ["the suffix of the videos"]


def label_file(video: str) -> str:
    """Name of DeepEthogram's label file of a video, below the folder that the videos are below."""
    return f"{without_suffix(video)}{SUFFIX}.csv"


def feral(table: LabelTable, target: Path, clock: Clock) -> list[str]:
    """FERAL's JSON; with one label per frame where no frame shows two behaviours."""
    timelines = timelines_of(table)
    frames, off = {}, 0
    for timeline in timelines:
        frames[timeline.video], between = _frames(timeline, table.classes, clock, table.source)
        off += between
    several = bool(np.concatenate([(values > 0).sum(axis=1) > 1 for values in frames.values()]).any())
    names = [*table.classes] if several else [BACKGROUND[0], *table.classes]
    if not several and BACKGROUND[0] in (name.lower() for name in table.classes):
        raise LabelError(
            f"a class is named {BACKGROUND[0]!r}, which FERAL has for no behaviour; rename it", table.source
        )
    by_split: dict[str, list[str]] = {}
    for timeline in timelines:
        if timeline.split:
            by_split.setdefault(timeline.split, []).append(timeline.video)
    content = {
        "is_multilabel": several,
        "class_names": {str(index): name for index, name in enumerate(names)},
        "labels": {
            video: (np.maximum(values, 0) if several else _single(values)).tolist() for video, values in frames.items()
        },
        "splits": by_split,
    }
    write_text(target, json.dumps(content, ensure_ascii=False) + "\n")
    notes = _split_within(table, timelines, "FERAL")
    return notes + moved(off) + gaps(timelines, "intervals nobody observed read as showing nothing")


def frame_list(table: LabelTable, target: Path, clock: Clock) -> list[str]:
    """Charades' form, as Animal Kingdom, KABR and BaboonLand have it: a folder with a list per split and classes.

    Frame n of ``VIDEO.mp4``, counted from 1, is the image ``VIDEO/n.jpg``. Videos without a split are in ``all.csv``.
    """
    timelines = timelines_of(table)
    _one_name_each(table, "folder of images")
    _below_a_folder(table, "folders of images")
    for video in table.videos():
        if any(letter.isspace() or letter == '"' for letter in video):
            raise LabelError(f"{video!r}: a frame list is split at blanks; rename the video", table.source)
    lists: dict[str, list[str]] = {}
    off = 0
    for number, timeline in enumerate(timelines):
        frames, between = _frames(timeline, table.classes, clock, table.source)
        off += between
        rows = lists.setdefault(timeline.split or "all", ["original_vido_id video_id frame_id path labels"])
        name = without_suffix(timeline.video)
        for index, values in enumerate(frames > 0, start=1):
            labels = ",".join(str(column) for column in np.flatnonzero(values))
            rows.append(f'{name} {number} {index} {name}/{index}.jpg "{labels}"')
    for split, rows in lists.items():
        write_text(target / f"{split}.csv", "\n".join(rows) + "\n")
    write_text(target / "classes.json", json.dumps({name: n for n, name in enumerate(table.classes)}) + "\n")
    notes = _split_within(table, timelines, "a frame list") + moved(off)
    notes += gaps(timelines, "intervals nobody observed read as showing nothing")
    return notes + (["the suffix of the videos"] if any(without_suffix(v) != v for v in table.videos()) else [])


def _split_within(table: LabelTable, timelines: Sequence[Timeline], what: str) -> list[str]:
    cut = any(timeline.split is None for timeline in timelines) and any(clip.split for clip in table.clips)
    return [f"splits within a video: {what} has one split per video"] if cut else []


def _one_name_each(table: LabelTable, what: str) -> None:
    """Refuse videos that differ in their suffix alone: one would be written over the other."""
    first: dict[str, str] = {}
    for video in table.videos():
        other = first.setdefault(without_suffix(video), video)
        if other != video:
            raise LabelError(f"{other} and {video} would have one {what}; rename one of them", table.source)


def _below_a_folder(table: LabelTable, what: str) -> None:
    """Refuse paths that lead out of the folder, or that have two spellings."""
    for video in table.videos():
        name = without_suffix(video)
        if (
            posixpath.normpath(name) != name
            or name.startswith(("/", "../"))
            or posixpath.basename(name) in ("", ".", "..")
        ):
            reason = f"{what} lie below one folder as the videos do below theirs; write such a path, as in day1/a.mp4"
            raise LabelError(f"{video!r}: {reason}", table.source)


def _frames(timeline: Timeline, classes: Sequence[str], clock: Clock, source: str) -> tuple[NDArray[np.int64], int]:
    """1, 0 or -1 per frame and class, shape ``(frames, C)``; and how many times lay between two frames.

    Frames of a video behind the end of its time line are ones that nobody observed.
    """
    edges = clock.grid(timeline.video, timeline.end, source)
    middles = (edges[1:] + edges[:-1]) / 2
    length = float(edges[-1]) / (len(edges) - 1)
    off = 0

    def frame(seconds: float) -> int:
        nonlocal off
        nearest = int(np.searchsorted(middles, seconds))
        off += abs(seconds - edges[nearest]) > _OFF_FRAME * length
        return nearest

    values = np.zeros((len(edges) - 1, len(classes)), np.int64)
    for bout in timeline.bouts:
        values[frame(bout.start) : frame(bout.stop), classes.index(bout.label)] = 1
    for start, stop in timeline.unlabelled:
        values[frame(start) : frame(stop)] = -1
    values[max(1, frame(timeline.end)) :] = -1
    return values, off


def _single(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the one behaviour of each frame, counted from 1; 0 for none."""
    seen = values > 0
    number: NDArray[np.int64] = np.where(seen.any(axis=1), seen.argmax(axis=1) + 1, 0)
    return number
