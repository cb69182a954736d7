"""Label tables in the formats of other tools, each with what it cannot hold.

Reading the file gives the table back but for what the function's notes name. Formats of frames count them at one rate;
a time between two frames moves to the nearest.
"""

import csv
import io
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from amclip.data.intervals import Timeline, timelines_of
from amclip.data.readers.deepethogram import SUFFIX
from amclip.data.readers.feral import BACKGROUND
from amclip.data.table import LabelError, LabelTable, write_table
from amclip.data.video import VIDEO_SUFFIXES

__all__ = ["FORMATS", "export"]

_BORIS_COLUMNS = (
    *("Observation id", "Observation date", "Description", "Observation type", "Source", "Time offset (s)"),
    *("Coding duration", "Media duration (s)", "FPS (frame/s)", "Subject"),
    *("Observation duration by subject by observation", "Behavior", "Behavioral category", "Behavior type"),
    *("Start (s)", "Stop (s)", "Duration (s)", "Media file name", "Image index start", "Image index stop"),
    *("Image file path start", "Image file path stop", "Comment start", "Comment stop"),
)
# Times that lie within this share of a frame of one are that frame's: tables are rounded to milliseconds.
_OFF_FRAME = 0.05


def export(table: LabelTable, target: str | os.PathLike[str], form: str, fps: float | None = None) -> list[str]:
    """Write a table.

    Args:
        table: Clips.
        target: The file; for DeepEthogram the folder.
        form: A key of :data:`FORMATS`.
        fps: Frames per second, for DeepEthogram and FERAL.

    Returns:
        What the format cannot hold of this table, in words; empty where it holds everything.

    Raises:
        LabelError: If the format cannot hold the clips at all.
        ValueError: If the form is not known, or a frame rate is missing.
    """
    if form not in FORMATS:
        raise ValueError(f"form: expected one of {', '.join(FORMATS)}, got {form!r}")
    if form in ("deepethogram", "feral") and (fps is None or not 0 < fps < float("inf")):
        raise ValueError(f"fps: {form} counts frames; give the frame rate of the videos, not {fps}")
    return FORMATS[form](table, Path(target), fps or 0.0)


def _table(table: LabelTable, target: Path, fps: float) -> list[str]:
    write_table(table, target)
    return _unnamed(table, table.classes)


def _boris(table: LabelTable, target: Path, fps: float) -> list[str]:
    rows = []
    timelines = timelines_of(table)
    for timeline in timelines:
        for bout in timeline.bouts:
            cells = {
                "Observation id": str(PurePosixPath(timeline.video).with_suffix("")),
                "Observation type": "Media file(s)",
                "Source": f"player #1:{timeline.video}",
                "Time offset (s)": "0.0",
                "Media duration (s)": repr(timeline.end),
                "FPS (frame/s)": "NA",
                "Subject": "No focal subject",
                "Behavior": bout.label,
                "Behavior type": "STATE",
                "Start (s)": repr(bout.start),
                "Stop (s)": repr(bout.stop),
                "Duration (s)": f"{bout.stop - bout.start:.6f}",
                "Media file name": timeline.video,
            }
            rows.append([cells.get(name, "") for name in _BORIS_COLUMNS])
    _write_csv(target, [_BORIS_COLUMNS, *rows])
    silent = [timeline.video for timeline in timelines if not timeline.bouts]
    notes = [f"videos without any behaviour have no row: {', '.join(silent)}"] if silent else []
    notes += _gaps(timelines, "BORIS has no word for stretches nobody looked at; they read as showing nothing")
    return notes + _splits(table) + _unnamed(table, table.classes)


def _deepethogram(table: LabelTable, target: Path, fps: float) -> list[str]:
    timelines = timelines_of(table)
    moved = 0
    for timeline in timelines:
        frames, off = _frames(timeline, table.classes, fps)
        moved += off
        rows: list[Sequence[object]] = [["", "background", *table.classes]]
        background = np.where(frames.min(axis=1) < 0, -1, frames.max(axis=1) == 0).astype(int)
        rows += [[index, background[index], *frame] for index, frame in enumerate(frames.tolist())]
        _write_csv(target / f"{_without_suffix(timeline.video)}{SUFFIX}.csv", rows)
    return _moved(moved, fps) + _splits(table) + ["the suffix of the videos"]


def _feral(table: LabelTable, target: Path, fps: float) -> list[str]:
    timelines = timelines_of(table)
    frames, moved = {}, 0
    for timeline in timelines:
        frames[timeline.video], off = _frames(timeline, table.classes, fps)
        moved += off
    counts = np.concatenate([(values > 0).sum(axis=1) for values in frames.values()])
    several = bool((counts > 1).any())
    names = [*table.classes] if several else [BACKGROUND[0], *table.classes]
    if not several and BACKGROUND[0] in (name.lower() for name in table.classes):
        raise LabelError(
            f"a class is named {BACKGROUND[0]!r}, which FERAL has for no behaviour; rename it", table.source
        )
    splits: dict[str, list[str]] = {}
    for timeline in timelines:
        if timeline.split:
            splits.setdefault(timeline.split, []).append(timeline.video)
    content = {
        "is_multilabel": several,
        "class_names": {str(index): name for index, name in enumerate(names)},
        "labels": {
            video: (np.maximum(values, 0) if several else _single(values)).tolist() for video, values in frames.items()
        },
        "splits": splits,
    }
    _write_text(target, json.dumps(content, ensure_ascii=False) + "\n")
    cut = [timeline for timeline in timelines if timeline.split is None]
    partly = bool(cut) and any(clip.split for clip in table.clips)
    notes = ["splits within a video: FERAL has one split per video"] if partly else []
    return notes + _moved(moved, fps) + _gaps(timelines, "stretches nobody looked at read as showing nothing")


def _path_list(table: LabelTable, target: Path, fps: float) -> list[str]:
    _whole_videos(table, "a list of paths")
    lines = []
    for clip in table.clips:
        labels = clip.labels or ()
        if any('"' in word or word.isdecimal() for word in labels):
            raise LabelError("a list cannot hold labels with quotes or that are numbers", table.source, clip.line)
        lines.append("\t".join((clip.video, *labels)) if labels else _quoted(clip.video))
    _write_text(target, "\n".join(lines) + "\n")
    nothing = sum(not clip.labels for clip in table.clips)
    notes = [f"{nothing} clips without labels: looked at or not is not told apart"] if nothing else []
    return notes + _splits(table) + _unnamed(table, table.classes)


def _zamba(table: LabelTable, target: Path, fps: float) -> list[str]:
    _whole_videos(table, "zamba's table")
    named = {"train": "train", "val": "val", "test": "holdout", None: ""}
    rows = []
    for clip in table.clips:
        if len(clip.labels or ()) != 1:
            raise LabelError(
                f"shows {len(clip.labels or ())} behaviours; a row of zamba's table has one label",
                table.source,
                clip.line,
            )
        rows.append([clip.video, *(clip.labels or ()), named[clip.split]])
    _write_csv(target, [["filepath", "label", "split"], *rows])
    return _unnamed(table, table.classes)


FORMATS: dict[str, Callable[[LabelTable, Path, float], list[str]]] = {
    "table": _table,
    "boris": _boris,
    "deepethogram": _deepethogram,
    "feral": _feral,
    "list": _path_list,
    "zamba": _zamba,
}
"""What each form is called, and what writes it."""


def _frames(timeline: Timeline, classes: Sequence[str], fps: float) -> tuple[NDArray[np.int64], int]:
    """1, 0 or -1 per frame and class, shape ``(frames, C)``; and how many times lay between two frames."""
    off = 0

    def frame(seconds: float) -> int:
        nonlocal off
        off += abs(seconds * fps - round(seconds * fps)) > _OFF_FRAME
        return round(seconds * fps)

    values = np.zeros((max(1, frame(timeline.end)), len(classes)), np.int64)
    for bout in timeline.bouts:
        values[frame(bout.start) : frame(bout.stop), classes.index(bout.label)] = 1
    for start, stop in timeline.unlabelled:
        values[frame(start) : frame(stop)] = -1
    return values, off


def _single(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the one behaviour of each frame, counted from 1; 0 for none."""
    seen = values > 0
    number: NDArray[np.int64] = np.where(seen.any(axis=1), seen.argmax(axis=1) + 1, 0)
    return number


def _moved(count: int, fps: float) -> list[str]:
    return [f"{count} times lie between two frames at {fps:g} per second and move to the nearest"] if count else []


def _splits(table: LabelTable) -> list[str]:
    return ["splits"] if any(clip.split for clip in table.clips) else []


def _gaps(timelines: Sequence[Timeline], what: str) -> list[str]:
    return [what] if any(timeline.unlabelled for timeline in timelines) else []


def _unnamed(table: LabelTable, classes: Sequence[str]) -> list[str]:
    named = {name for clip in table.clips for name in clip.labels or ()}
    missing = [name for name in classes if name not in named]
    return [f"classes without an example: {', '.join(missing)}"] if missing else []


def _whole_videos(table: LabelTable, what: str) -> None:
    for clip in table.clips:
        if clip.start is not None:
            raise LabelError(f"is part of a video; {what} holds whole videos", table.source, clip.line)


def _without_suffix(video: str) -> str:
    return video[: video.rindex(".")] if video.lower().endswith(VIDEO_SUFFIXES) else video


def _quoted(video: str) -> str:
    return f'"{video}"' if " " in video else video


def _write_csv(path: Path, rows: Sequence[Sequence[object]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    _write_text(path, buffer.getvalue())


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)  # never half a file under the right name
