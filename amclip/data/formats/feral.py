"""FERAL: one JSON file with a label, or a 0/1 vector, for each frame of each video, and the videos of each split.

The file knows frames, not seconds: these the videos tell.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data.clock import Clock
from amclip.data.formats import strict_json
from amclip.data.formats.frames import frame_bouts, frame_values
from amclip.data.formats.label_format import BoutReader, LabelFormat, Noted, Reading, Writer
from amclip.data.formats.notes import gaps, moved, split_within, warn_of_lengths
from amclip.data.formats.origin import Writing
from amclip.data.formats.target_files import write_text
from amclip.data.intervals import Bout, Timeline, timelines_of
from amclip.data.label_error import LabelError, raise_together
from amclip.data.table import LabelTable

__all__ = ["FORMAT", "matches", "read", "write"]

# In files with one label per frame, class 0 of this name is no behaviour.
_BACKGROUND = ("other", "background")


def matches(text: str) -> bool:
    """Whether it is JSON with class names and labels."""
    return text.lstrip().startswith("{") and '"class_names"' in text and '"labels"' in text


def read(text: str, source: str, reading: Reading) -> Noted:
    """Time lines, a video each, and the behaviours in the order of their numbers.

    With one label per frame (``is_multilabel`` false), class 0 named ``other`` or ``background`` is no behaviour.
    Videos in the split ``inference`` have no labels and are left out.

    Raises:
        LabelError: If the file is not as FERAL writes it; names the video and frame.
    """
    content = strict_json.load(text, source)
    names = _names(content, source)
    labels = content.get("labels")
    if not isinstance(labels, dict) or not labels:
        raise LabelError("holds no labels: expected {video: [label per frame]}", source, column="labels")
    split_of = _splits(content.get("splits") or {}, labels, source)
    multilabel = content.get("is_multilabel")
    if not isinstance(multilabel, bool):
        raise LabelError(f"is_multilabel is {multilabel!r}, neither true nor false", source, column="is_multilabel")
    nothing = 0 if not multilabel and names[0].lower() in _BACKGROUND else None
    given = _Labels(source, text, reading.clock, names, multilabel, nothing, split_of)
    timelines, errors = [], []
    for video, frames in labels.items():
        if split_of.get(video) == "inference":
            continue
        try:
            timelines.append(given.timeline(video, frames))
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    return Noted(timelines, names[1:] if nothing == 0 else names, "class_names")


def _names(content: dict[str, Any], source: str) -> list[str]:
    names = content.get("class_names")
    if not isinstance(names, dict) or not names or sorted(names) != sorted(str(i) for i in range(len(names))):
        raise LabelError(
            'expected names by number from "0" on, such as {"0": "other", "1": "walking"}', source, column="class_names"
        )
    return [str(names[str(index)]) for index in range(len(names))]


def _splits(splits: Any, labels: dict[str, Any], source: str) -> dict[str, str]:
    if not isinstance(splits, dict):
        raise LabelError(f"expected {{split: [videos]}}, got {splits!r:.80}", source, column="splits")
    split_of: dict[str, str] = {}
    for split, videos in splits.items():
        if split not in ("train", "val", "test", "inference"):
            raise LabelError(f"{split!r} is none of train, val, test and inference", source, column="splits")
        if not isinstance(videos, list) or not all(isinstance(video, str) for video in videos):
            raise LabelError(f"{split}: expected a list of videos, got {videos!r:.80}", source, column="splits")
        for video in videos:
            if video in split_of:
                raise LabelError(f"{video} is in {split_of[video]} and in {split}", source, column="splits")
            split_of[video] = split
            if split != "inference" and video not in labels:
                raise LabelError(f"{video} is in {split} and has no labels", source, column="splits")
    return split_of


@dataclass(frozen=True)
class _Labels:
    """What the labels of all videos of a file have in common; ``nothing`` is the number of no behaviour."""

    source: str
    text: str
    clock: Clock
    names: list[str]
    multilabel: bool
    nothing: int | None
    split_of: dict[str, str]

    def timeline(self, video: str, frames: Any) -> Timeline:
        """The time line of one video.

        Raises:
            LabelError: If a frame's label is none.
        """
        text, names = self.text, self.names
        line = text.count("\n", 0, max(text.find(json.dumps(video), text.find('"labels"')), 0)) + 1
        if not isinstance(frames, list) or not frames:
            raise LabelError(f"{video}: expected a list with a label per frame", self.source, line, "labels")
        for index, frame in enumerate(frames):
            if self.multilabel:
                good = isinstance(frame, list) and len(frame) == len(names) and all(value in (0, 1) for value in frame)
                wanted = f"a list of {len(names)} values of 0 or 1"
            else:
                good = isinstance(frame, int) and not isinstance(frame, bool) and 0 <= frame < len(names)
                wanted = f"a class from 0 to {len(names) - 1}"
            if not good:
                raise LabelError(f"{video}, frame {index}: {frame!r} is not {wanted}", self.source, line, "labels")
        edges = self.clock.edges(video, len(frames), self.source, line)
        bouts: list[Bout] = []
        for number, name in enumerate(names):
            if number != self.nothing:
                seen = [bool(frame[number]) if self.multilabel else frame == number for frame in frames]
                bouts += frame_bouts(seen, edges, name)
        end = float(edges[-1])
        return Timeline(video, tuple(bouts), end, len(frames) / end, split=self.split_of.get(video), line=line)


def write(table: LabelTable, target: Path, writing: Writing) -> list[str]:
    """FERAL's JSON; with one label per frame where no frame shows two behaviours."""
    timelines = timelines_of(table)
    frames, off = {}, 0
    for timeline in timelines:
        frames[timeline.video], between = frame_values(timeline, table.classes, writing.clock, table.source)
        off += between
    several = bool(np.concatenate([(values > 0).sum(axis=1) > 1 for values in frames.values()]).any())
    names = [*table.classes] if several else [_BACKGROUND[0], *table.classes]
    if not several and _BACKGROUND[0] in (name.lower() for name in table.classes):
        raise LabelError(
            f"a class is named {_BACKGROUND[0]!r}, which FERAL has for no behaviour; rename it", table.source
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
    notes = split_within(table, timelines, "FERAL")
    warn_of_lengths(timelines, writing.clock, "its labels per frame end")
    return notes + moved(off) + gaps(timelines, "intervals nobody observed read as showing nothing")


def _single(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the one behaviour of each frame, counted from 1; 0 for none."""
    seen = values > 0
    number: NDArray[np.int64] = np.where(seen.any(axis=1), seen.argmax(axis=1) + 1, 0)
    return number


FORMAT = LabelFormat(
    "feral", "FERAL's labels per frame", BoutReader(matches, read, in_sheets=False), Writer(write, holds_bouts=True)
)
