"""FERAL: one JSON file with a label, or a 0/1 vector, for each frame of each video, and the videos of each split.

The file knows frames, not seconds: these the videos tell.
"""

import json
from typing import Any

from amclip.data.clock import Clock
from amclip.data.intervals import Bout, Timeline
from amclip.data.label_error import LabelError, raise_together
from amclip.data.readers import strict_json
from amclip.data.readers.deepethogram import frame_bouts

__all__ = ["BACKGROUND", "matches", "read"]

# In files with one label per frame, class 0 of this name is no behaviour.
BACKGROUND = ("other", "background")


def matches(text: str) -> bool:
    """Whether it is JSON with class names and labels."""
    return text.lstrip().startswith("{") and '"class_names"' in text and '"labels"' in text


def read(text: str, source: str, clock: Clock) -> tuple[list[Timeline], list[str]]:
    """Time lines, a video each, and the behaviours in the order of their numbers.

    With one label per frame (``is_multilabel`` false), class 0 named ``other`` or ``background`` is no behaviour.
    Videos in the split ``inference`` have no labels and are left out.

    Args:
        text: The file's text.
        source: Its name, for messages.
        clock: When the frames of the videos are shown.

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
    nothing = 0 if not multilabel and names[0].lower() in BACKGROUND else None
    timelines, errors = [], []
    for video, frames in labels.items():
        if split_of.get(video) == "inference":
            continue
        try:
            timelines.append(_timeline(video, frames, names, multilabel, nothing, split_of, clock, source, text))
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    return timelines, names[1:] if nothing == 0 else names


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


def _timeline(
    video: str,
    frames: Any,
    names: list[str],
    multilabel: bool,
    nothing: int | None,
    split_of: dict[str, str],
    clock: Clock,
    source: str,
    text: str,
) -> Timeline:
    line = text.count("\n", 0, max(text.find(json.dumps(video), text.find('"labels"')), 0)) + 1
    if not isinstance(frames, list) or not frames:
        raise LabelError(f"{video}: expected a list with a label per frame", source, line, "labels")
    for index, frame in enumerate(frames):
        if multilabel:
            good = isinstance(frame, list) and len(frame) == len(names) and all(value in (0, 1) for value in frame)
            wanted = f"a list of {len(names)} values of 0 or 1"
        else:
            good = isinstance(frame, int) and not isinstance(frame, bool) and 0 <= frame < len(names)
            wanted = f"a class from 0 to {len(names) - 1}"
        if not good:
            raise LabelError(f"{video}, frame {index}: {frame!r} is not {wanted}", source, line, "labels")
    edges = clock.edges(video, len(frames), source, line)
    bouts: list[Bout] = []
    for number, name in enumerate(names):
        if number != nothing:
            seen = [bool(frame[number]) if multilabel else frame == number for frame in frames]
            bouts += frame_bouts(seen, edges, name)
    end = float(edges[-1])
    return Timeline(video, tuple(bouts), end, len(frames) / end, split=split_of.get(video), line=line)
