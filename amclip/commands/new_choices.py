"""What a first training is best begun with, from what lies in a folder: each choice with the reason for it."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Literal

from amclip.commands.new_survey import Survey
from amclip.commands.new_tower import Tower, seen_by, tuning
from amclip.data.always_shown import always_shown
from amclip.data.frame_rates import gap_in_frames
from amclip.data.label_error import LabelError
from amclip.data.locate import locate_videos
from amclip.data.source import LabelSource, Splits
from amclip.data.split_names import SPLITS
from amclip.data.table import LabelTable
from amclip.frame_times import DEFAULT_FLOW_GAP
from amclip.inputs import CropInput, FlowInput, NetworkInput
from amclip.text import counted

__all__ = ["Choice", "Choices", "choose"]

_LENGTHS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 8.0, 10.0)
"""Seconds that windows may last."""
_ENOUGH = 3  # bouts by which the length of a behaviour's is known
_POSITIONS = ((2, 8), (2, 4), (1, 4), (1, 2), (1, 1))  # segments, and positions of each
_SLOWEST = 2.0  # frames per second from which on motion from one frame to the next is flow at all
_FEW = 10  # training clips of a behaviour


@dataclass(frozen=True)
class Choice:
    """A setting, and why it is what it is.

    Attributes:
        value: As the config has it.
        reason: In words, for the comment.
    """

    value: Any
    reason: str


@dataclass(frozen=True)
class Choices:
    """What the config is written from.

    Attributes:
        source: The labels, videos and tracks.
        window: Length of clips that are cut from bouts, in seconds; ``None`` where rows are clips.
        subjects: Whose behaviours are learned.
        positions: Segments, and positions of each.
        modality: What the network sees.
        gap: Of the flow.
        splits: How clips are divided.
        tuning: ``"frozen"``, ``"last blocks"`` or ``"all blocks"``.
        batch_size: Clips at once.
        table: The clips that this gives, divided.
        open: What could not be decided, in words.
        bound: Of the flow: which motion has the strongest colour.
    """

    source: LabelSource
    window: Choice
    subjects: Choice
    positions: Choice
    modality: Choice
    gap: Choice
    splits: Choice
    tuning: Choice
    batch_size: Choice
    table: LabelTable
    open: tuple[str, ...]
    bound: Choice

    @property
    def tower(self) -> Tower:
        """Which image tower: only the tiny one learns as a whole."""
        return "tiny" if self.tuning.value == "all blocks" else "clip"

    @property
    def input(self) -> NetworkInput:
        """What the network sees."""
        cropped = self.source.tracks is not None
        segments, each = self.positions.value
        unit: Literal["pixels", "body lengths"] = "body lengths" if cropped else "pixels"
        seen = NetworkInput(
            num_segments=segments,
            positions_per_segment=each,
            modality=self.modality.value,
            flow=FlowInput(gap=self.gap.value, bound=self.bound.value, unit=unit),
            crop=CropInput() if cropped else None,
        )
        return seen_by(self.tower, seen)


def choose(found: Survey, gpu: bool, tower: Tower = "clip") -> Choices:
    """Choose.

    Args:
        found: What lies in the folder; with labels of videos that can be read.
        gpu: Whether this machine has a GPU that PyTorch uses.
        tower: Which image tower.

    Raises:
        LabelError: If the labels cannot be used in any of the ways there are.
        ValueError: If none of the labelled videos can be read.
    """
    if not found.labelled:
        raise ValueError(f"{found.folder}: none of the videos that are labelled can be read; `amclip check` says why")
    files = [str(file.path) for file in found.labels]
    labels: str | list[str] | dict[str, str] = files[0] if len(files) == 1 else files
    if found.splits:
        labels = {name: str(path) for name, path in found.splits.items()}
    tracks = [str(path) for path in found.tracks]
    source = LabelSource(labels, str(found.root), tracks=tracks[0] if len(tracks) == 1 else tracks or None)
    fps = [info.fps for info in found.labelled.values()]
    source, subjects = _subjects(source, found)
    source, window, table = _window(source, found, min(fps))
    table = locate_videos(table, found.root, strict=False)  # the survey tells what is missing
    gap, modality = _gap(fps)
    seconds = _clip_seconds(table, found)
    positions = _positions(seconds, min(fps), gap.value if modality.value != "frames" else None)
    source, table, unseen = _shown(source, table)
    splits, table, left_open = _splits(table)
    left_open = [*unseen, *left_open, *_scarce(table)]
    return Choices(
        source,
        window,
        subjects,
        positions,
        modality,
        gap,
        splits,
        Choice(*tuning(gpu, tower)),
        _batch(found),
        table,
        tuple(left_open),
        Choice(FlowInput.bound, "the motion that has the strongest colour"),
    )


def _subjects(source: LabelSource, found: Survey) -> tuple[LabelSource, Choice]:
    if found.tracks:
        return source, Choice("each", "each animal is cut out by its track, with its own labels")
    if not found.animals:
        return source, Choice("merged", "")
    names = ", ".join(found.animals[:4]) + (" …" if len(found.animals) > 4 else "")
    try:
        source.read(None)
    except LabelError as error:
        return replace(source, subjects="each"), Choice(
            "each",
            f"the labels tell animals apart ({names}), and not what all of them show together ({error.reason[:120]}), "
            "so clips of each animal are learned from whole frames. With tracks each animal would be cut out "
            "(configs/per_animal.yaml)",
        )
    return source, Choice(
        "merged",
        f"the labels tell animals apart ({names}), and there are no tracks to cut them out by, so a behaviour holds "
        "while any of them shows it. With tracks (SLEAP, DeepLabCut …) each can be learned by itself: "
        "configs/per_animal.yaml",
    )


def _window(source: LabelSource, found: Survey, fps: float) -> tuple[LabelSource, Choice, LabelTable]:
    """The length of windows, and the table they give; rows that are clips stay as they are."""
    if found.bouts is None:
        clips = source.read(None)
        assert clips is not None
        return source, Choice(None, ""), clips
    lengths: dict[str, list[float]] = defaultdict(list)
    for bout in found.bouts:
        if bout.stop - bout.start > 1.01 / fps:  # others are events without duration
            lengths[bout.label].append(bout.stop - bout.start)
    enough = {name: some for name, some in lengths.items() if len(some) >= _ENOUGH} or lengths
    if not enough:
        start, reason = 2.0, "all that is labelled are events without duration, so the length is free"
    else:
        name, briefest = min(((name, median(some)) for name, some in enough.items()), key=lambda pair: pair[1])
        start = max((length for length in _LENGTHS if length <= briefest), default=_LENGTHS[0])
        reason = (
            f"half of the {len(enough[name])} bouts of {name!r}, the briefest behaviour, last {briefest:.3g} s or "
            "more: a window of this length has it as a label where it fills half of it"
        )
    start = max(start, next((length for length in _LENGTHS if length * fps >= 4), _LENGTHS[-1]))
    table: LabelTable | None = None
    first: LabelError | None = None
    best = source
    for length in [length for length in reversed(_LENGTHS) if length <= start and length * fps >= 2] or [start]:
        tried = replace(source, window=length)
        try:
            got = tried.read(None)
        except LabelError as error:
            first = first or error
            continue
        assert got is not None
        if table is None or len(got.lost) < len(table.lost):
            table, best = got, tried
        if not table.lost:
            break
    if table is None:
        assert first is not None
        raise first
    if best.window is not None and best.window < start:
        reason += f"; shorter than that, {start:g} s, as longer ones would lose a behaviour"
    if table.lost:
        reason += f". {', '.join(map(repr, table.lost))}: in no window, since no bout fills half of one"
    return best, Choice(best.window, reason), table


def _shown(source: LabelSource, table: LabelTable) -> tuple[LabelSource, LabelTable, list[str]]:
    """Without the classes that no clip shows, which cannot be learned; and words about these."""
    there = {name for clip in table.clips for name in clip.labels or ()}
    shown = [name for name in table.classes if name in there]
    if len(shown) == len(table.classes) or not shown:
        return source, table, []
    words = []
    if brief := [name for name in table.classes if name in table.lost]:
        words.append(f"labelled, and too brief for any window, so left out: {', '.join(brief)}")
    if never := [name for name in table.classes if name not in there and name not in table.lost]:
        words.append(f"in the list of behaviours, and never labelled, so left out: {', '.join(never)}")
    return replace(source, classes=shown), replace(table, classes=tuple(shown)), words


def _clip_seconds(table: LabelTable, found: Survey) -> float:
    """The length that nine in ten clips have at least."""
    lengths = []
    for clip in table.clips:
        if clip.start is not None and clip.stop is not None:
            lengths.append(clip.stop - clip.start)
        elif info := found.videos.get(clip.video):
            lengths.append(info.duration)
    lengths.sort()
    return lengths[len(lengths) // 10] if lengths else 1.0


def _gap(fps: Sequence[float]) -> tuple[Choice, Choice]:
    """The flow gap, and whether flow is of use."""
    rates = f"{min(fps):.4g}" + ("" if max(fps) - min(fps) < 0.5 else f" to {max(fps):.4g}")
    if min(fps) < _SLOWEST:
        return Choice(f"{DEFAULT_FLOW_GAP:g}", ""), Choice(
            "frames",
            f"the slowest video has {min(fps):.3g} frames/s: motion over so long a time is no flow, so the network "
            "sees frames alone",
        )
    usual = Choice("interleaved", "frames and optical flow; `frames` is cheaper where motion does not matter")
    if 1 / min(fps) <= 1.5 * DEFAULT_FLOW_GAP:
        frames = gap_in_frames(min(fps), DEFAULT_FLOW_GAP)
        reason = f"seconds from a frame to the one that flow runs to: at {rates} frames/s that is {frames} frame"
        reason += f"{'s' * (frames != 1)} on" + ("" if max(fps) - min(fps) < 0.5 else " in the slowest video")
        return Choice("1/25", f"{reason}. More, such as 4/25, for slow animals"), usual
    gap = f"1/{math.floor(min(fps)) if min(fps) >= 3 else f'{min(fps):.2g}'}"
    return Choice(gap, f"seconds to the next frame of the slowest video: there are {rates} frames/s"), usual


def _positions(seconds: float, fps: float, gap: str | None) -> Choice:
    """Segments and positions that a clip has frames for."""
    ahead = 0 if gap is None else gap_in_frames(fps, _number(gap))
    frames = int(seconds * fps + 1e-6)
    segments, each = next((one for one in _POSITIONS if one[0] * one[1] + ahead <= frames), _POSITIONS[-1])
    reason = f"nine in ten clips last {seconds:.3g} s or more, {frames} frames at {fps:.4g} frames/s"
    if (segments, each) == _POSITIONS[0]:
        return Choice((segments, each), f"{reason}, which is enough for 2 × 8 positions")
    return Choice((segments, each), f"{reason}, too few for 2 × 8 positions: frames would be shown twice")


def _number(gap: str) -> float:
    above, _, below = gap.partition("/")
    return float(above) / float(below or 1)


def _splits(table: LabelTable) -> tuple[Choice, LabelTable, list[str]]:
    """How clips are divided: by video, unless that leaves training or validation without a behaviour or a clip."""
    named = {clip.split for clip in table.clips} - {None}
    if named:
        held = 0.15 if "train" in named and "val" not in named else 0.0
        splits = Splits(val_fraction=held)
        reason = f"the labels name the splits {', '.join(name for name in SPLITS if name in named)}"
        reason += "; a part of the training videos is for validation" if held else ""
        return Choice(splits, reason), splits.divide(table), []
    videos = len(table.videos())
    tried: list[tuple[int, Splits, LabelTable]] = []
    for splits in (Splits(), Splits(by="time")):
        try:
            divided = splits.divide(table)
        except LabelError:
            continue  # whole videos cannot be divided by time
        tried.append((_lacking(divided), splits, divided))
    lacking, splits, divided = min(tried, key=lambda one: one[0])
    if splits.by == "video":
        reason = f"whole videos ({videos}) are shared out, so that no recording is in two splits"
    else:
        reason = (
            f"{counted(videos, 'video')} cannot be shared out so that each split has clips of each behaviour, so each "
            "recording is divided: its first part is for training. Scores are then of the same animals in the same "
            "light; expect less of other recordings"
        )
        if left_out := len(table) - len(divided):
            reason += f". {left_out} of {counted(len(table), 'clip')} reach over a border between two, and are left out"
    words = "a split or a behaviour in training is left without clips, however the clips are divided: label more videos"
    return Choice(splits, reason), divided, [words] if lacking >= _FATAL else []


_FATAL = 1000


def _lacking(table: LabelTable) -> int:
    """How bad a division is: what a check calls an error weighs more than what it calls a warning."""
    here = {split: [clip for clip in table.clips if clip.split == split] for split in SPLITS}
    shown = {split: {name for clip in clips for name in clip.labels or ()} for split, clips in here.items()}
    fatal = (not here["train"]) + (not here["val"]) + len(set(table.classes) - shown["train"])
    odd = sum(len(set(table.classes) - shown[split]) for split in ("val", "test"))
    return _FATAL * fatal + odd


def _scarce(table: LabelTable) -> list[str]:
    counts = dict.fromkeys(table.classes, 0)
    for clip in table.clips:
        if clip.split == "train":
            for name in clip.labels or ():
                counts[name] += 1
    words = []
    if few := [f"{name} ({count})" for name, count in counts.items() if count < _FEW]:
        words.append(f"few training clips: {', '.join(few)}. Expect little of these until more are labelled")
    if always := always_shown(table, "train"):
        words.append(
            f"in every training clip: {', '.join(always)}. What is never seen without it cannot be learned: label some "
            "of where it is not shown, or leave it out"
        )
    if scored := [name for name in always_shown(table, "val") if name not in always]:
        words.append(
            f"in every validation clip: {', '.join(scored)}. It counts as found there, whatever the network says"
        )
    return words


def _batch(found: Survey) -> Choice:
    animals = len(found.animals)
    if found.tracks and animals > 1:
        size = animals * max(1, round(8 / animals))
        return Choice(size, f"clips at once: a multiple of the {animals} animals, so that each frame is decoded once")
    return Choice(8, "clips at once; halve it if the memory is not enough")
