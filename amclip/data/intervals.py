"""From bouts on a time line to clips, and back: what BORIS, DeepEthogram and FERAL write, and what a network is fed.

A time line becomes clips in one of two ways. *Windows* of one length at a regular distance are what a network is
trained on. Without windows it is cut wherever a behaviour starts or stops: each clip then shows its labels from its
first frame to its last, nothing is lost, and the way back is open.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from amclip.data.label_error import LabelError
from amclip.data.table import Clip, LabelTable

__all__ = [
    "SAME_TIME",
    "Bout",
    "Interval",
    "Subjects",
    "Timeline",
    "Windows",
    "clips_of",
    "complement",
    "scene_gaps",
    "timelines_of",
    "union",
]

SAME_TIME = 1e-6
"""Seconds by which two times may differ and be one."""

Subjects = Literal["merged", "each"]
"""Whose behaviours are read: those of all animals of a video as one, or those of each by itself."""

Interval = tuple[float, float]
"""From and to, in seconds."""


@dataclass(frozen=True)
class Bout:
    """A behaviour from ``start`` to ``stop`` in seconds since the first frame; equal for an event without duration.

    ``subject`` is the animal that shows it; ``""`` is nobody in particular.
    """

    start: float
    stop: float
    label: str
    line: int | None = None
    subject: str = ""


@dataclass(frozen=True)
class Timeline:
    """What was noted about one video.

    Attributes:
        video: As the source names it, or its name without a suffix.
        bouts: In any order; bouts of one behaviour may overlap (several animals, or modifiers of one).
        duration: Seconds that were watched; ``None``: up to the end of the last bout.
        fps: Frames per second, where known; an event without duration lasts one frame.
        unlabelled: Intervals, in seconds, of which it is not known what all animals together show.
        split: Split of the whole video.
        line: Line in the source file, for messages.
        subjects: Animals that were watched, also those that show nothing; those of ``bouts`` among them, and ``""``
            where behaviours that are nobody's were noted besides. Empty: the whole scene alone.
        unwatched: Of each of the subjects, the intervals in which nobody watched it: its name, from and to in seconds.
    """

    video: str
    bouts: tuple[Bout, ...]
    duration: float | None = None
    fps: float | None = None
    unlabelled: tuple[Interval, ...] = ()
    split: str | None = None
    line: int | None = None
    subjects: tuple[str, ...] = ()
    unwatched: tuple[tuple[str, float, float], ...] = ()

    @property
    def end(self) -> float:
        """Where the time line ends, in seconds."""
        return self.duration if self.duration is not None else max((bout.stop for bout in self.bouts), default=0.0)

    def of(self, subject: str) -> "Timeline":
        """One animal's time line, with its own unlabelled intervals; of ``""``, what was noted as nobody's."""
        if not self.subjects:
            return self
        bouts = tuple(bout for bout in self.bouts if bout.subject == subject)
        gaps = tuple(gap for gap in self.unwatched if gap[0] == subject)
        intervals = tuple((start, stop) for _, start, stop in gaps)
        return replace(self, bouts=bouts, unlabelled=intervals, subjects=(subject,), unwatched=gaps)


@dataclass(frozen=True)
class Windows:
    """How time lines are cut into clips of one length.

    Attributes:
        length: Length of a window in seconds.
        hop: Seconds from the start of a window to the start of the next.
        share: Fraction of a window that a behaviour must fill to be its label, in ``(0, 1]``. An event without duration
            is a label of every window it falls in.

    Raises:
        ValueError: If a value is out of range.
    """

    length: float
    hop: float
    share: float = 0.5

    def __post_init__(self) -> None:
        for name, value in (("length", self.length), ("hop", self.hop)):
            if not 0 < value < math.inf:
                raise ValueError(f"window {name}: expected seconds above 0, got {value}")
        if not 0 < self.share <= 1:
            raise ValueError(f"window share: expected a fraction in (0, 1], got {self.share}")


def clips_of(
    timelines: Iterable[Timeline], windows: Windows | None, source: str, subjects: Subjects = "merged"
) -> list[Clip]:
    """Cut time lines into clips.

    Windows begin at 0 and end within the time line, the rest behind the last one is left out; a video shorter than a
    window is one clip. What touches an unlabelled interval is left out.

    Args:
        timelines: One per video.
        windows: How they are cut; ``None``: where a behaviour starts or stops.
        source: Where they are from, for messages.
        subjects: ``"merged"``: a behaviour holds while any animal shows it; ``"each"``: clips of each animal that was
            watched, with its own behaviours, cut where these start or stop.

    Raises:
        LabelError: If, without windows, there is an event without duration and no frame rate to give it one.
    """
    clips: list[Clip] = []
    for timeline in timelines:
        for subject in timeline.subjects if subjects == "each" and timeline.subjects else (None,):
            # The end of the video is the same for all animals.
            one = timeline if subject is None else replace(timeline.of(subject), duration=timeline.end)
            who = subject or ""
            clips += _pieces(one, who, source) if windows is None else _windows(one, who, windows)
    return clips


def _pieces(timeline: Timeline, subject: str, source: str) -> list[Clip]:
    bouts = [_with_duration(bout, timeline, source) for bout in timeline.bouts]
    inner = {time for bout in bouts for time in (bout.start, bout.stop)}
    inner |= {time for interval in timeline.unlabelled for time in interval}
    edges = sorted({0.0, timeline.end, *(time for time in inner if 0 < time < timeline.end)})
    names = sorted({bout.label for bout in bouts})
    middles = (np.asarray(edges[:-1]) + np.asarray(edges[1:])) / 2
    held = {name: _inside(middles, [(b.start, b.stop) for b in bouts if b.label == name]) for name in names}
    unseen = _inside(middles, timeline.unlabelled)
    clips: list[Clip] = []
    for index, (start, stop) in enumerate(pairwise(edges)):
        if unseen[index]:
            continue
        labels = tuple(name for name in names if held[name][index])
        if clips and clips[-1].stop == start and clips[-1].labels == labels:  # a bout of a second animal began
            start = float(clips.pop().start or 0.0)
        clips.append(Clip(timeline.video, start, stop, labels, timeline.split, timeline.line, subject=subject))
    return clips


def _with_duration(bout: Bout, timeline: Timeline, source: str) -> Bout:
    if bout.stop > bout.start:
        return bout
    if timeline.fps is None:
        raise LabelError(
            f"{bout.label!r} at {bout.start:g} s has no duration, and the frame rate is not known: give windows, or "
            "the frame rate (it then lasts one frame)",
            source,
            bout.line,
        )
    return Bout(bout.start, bout.start + 1 / timeline.fps, bout.label, bout.line, bout.subject)


def _inside(times: NDArray[np.float64], intervals: Sequence[Interval]) -> NDArray[np.bool_]:
    """Whether each time lies in one of the intervals."""
    starts = np.sort([start for start, _ in intervals])
    stops = np.sort([stop for _, stop in intervals])
    inside: NDArray[np.bool_] = np.searchsorted(starts, times, "right") > np.searchsorted(stops, times, "right")
    return inside


def _windows(timeline: Timeline, subject: str, windows: Windows) -> list[Clip]:
    last = math.floor((timeline.end - windows.length + SAME_TIME) / windows.hop)
    starts = np.round(np.arange(last + 1) * windows.hop, 9) if last >= 0 else np.zeros(1)
    stops = np.minimum(np.round(starts + windows.length, 9), timeline.end)
    labels: list[list[str]] = [[] for _ in starts]
    for name in sorted({bout.label for bout in timeline.bouts}):
        of_class = [bout for bout in timeline.bouts if bout.label == name]
        covered = _covered([(bout.start, bout.stop) for bout in of_class if bout.stop > bout.start], starts, stops)
        holds = covered >= windows.share * (stops - starts) - SAME_TIME
        for bout in of_class:
            if bout.stop == bout.start:
                holds |= (starts <= bout.start) & (bout.start < stops)
        for index in np.flatnonzero(holds):
            labels[index].append(name)
    unseen = _covered(timeline.unlabelled, starts, stops) > SAME_TIME
    video, split, line = timeline.video, timeline.split, timeline.line
    return [
        Clip(video, float(starts[i]), float(stops[i]), tuple(labels[i]), split, line, subject=subject)
        for i in range(len(starts))
        if not unseen[i] and stops[i] > starts[i]
    ]


def _covered(
    intervals: Sequence[Interval], starts: NDArray[np.float64], stops: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Seconds of each window that lie in at least one interval."""
    if not intervals:
        return np.zeros(len(starts))
    times = np.array(union(intervals)).ravel()
    lengths = np.diff(times, prepend=times[0])
    lengths[::2] = 0  # between two intervals
    total = np.cumsum(lengths)
    covered: NDArray[np.float64] = np.interp(stops, times, total) - np.interp(starts, times, total)
    return covered


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """What lies in at least one interval, in order; what touches is one."""
    merged: list[Interval] = []
    for start, stop in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], stop)
        else:
            merged.append((start, stop))
    return merged


def complement(intervals: Iterable[Interval], end: float) -> tuple[Interval, ...]:
    """What lies in none of the intervals, from 0 to the end."""
    gaps, reached = [], 0.0
    for start, stop in sorted(intervals):
        if start > reached:
            gaps.append((reached, min(start, end)))
        reached = max(reached, stop)
    if reached < end:
        gaps.append((reached, end))
    return tuple(gap for gap in gaps if gap[1] > gap[0])


def scene_gaps(gaps: Mapping[str, Sequence[Interval]], end: float) -> tuple[Interval, ...]:
    """Where it is not known what all animals of a video show.

    It is known where the whole scene is labelled, and where every animal is.

    Args:
        gaps: Of every animal that was watched, and of the whole scene (``""``) where that has labels of its own, the
            intervals in which it is not labelled.
        end: Of the time line, seconds.
    """
    of_animals = union(gap for name, own in gaps.items() if name for gap in own)
    if "" not in gaps:
        return tuple(of_animals)
    if len(gaps) == 1:
        return tuple(gaps[""])
    known = [*complement(gaps[""], end), *complement(of_animals, end)]
    return complement(known, end)


def timelines_of(table: LabelTable) -> list[Timeline]:
    """The way back: a time line per video, touching clips of one animal with a behaviour joined to one bout of it.

    Gaps between an animal's clips, before the first, and behind the last where those of others go on, count as
    unlabelled.

    Raises:
        LabelError: If a clip has no times, or clips of one animal in one video overlap: what holds in which part is not
            known then.
    """
    by_video: dict[str, dict[str, list[Clip]]] = {}
    for clip in table.clips:
        if clip.start is None:
            raise LabelError(
                "is a whole video, of which it says what is shown and not when. Bouts have a start and a stop: take "
                "files of BORIS or others, or a table of events (video,behaviour,start,stop), as `amclip synth` writes",
                table.file_of(clip),
                clip.line,
            )
        by_video.setdefault(clip.video, {}).setdefault(clip.subject, []).append(clip)
    timelines = []
    for video, by_subject in by_video.items():
        end = max(float(clip.stop or 0.0) for clips in by_subject.values() for clip in clips)
        bouts: list[Bout] = []
        gaps: dict[str, list[Interval]] = {}
        for subject, clips in by_subject.items():
            clips.sort(key=lambda clip: clip.start or 0.0)
            found, gaps[subject] = _bouts_and_gaps(clips, table, end)
            bouts += found
        bouts.sort(key=lambda b: (b.start, b.stop, b.label, b.subject))
        splits = {clip.split for clips in by_subject.values() for clip in clips}
        timeline = Timeline(
            video,
            tuple(bouts),
            end,
            unlabelled=scene_gaps(gaps, end),
            split=splits.pop() if len(splits) == 1 else None,
            line=next(iter(by_subject.values()))[0].line,
        )
        if any(by_subject):
            unwatched = tuple((subject, *gap) for subject, own in gaps.items() for gap in own)
            timeline = replace(timeline, subjects=tuple(by_subject), unwatched=unwatched)
        timelines.append(timeline)
    return timelines


def _bouts_and_gaps(clips: Sequence[Clip], table: LabelTable, end: float) -> tuple[Iterator[Bout], list[Interval]]:
    """Bouts of one animal in one video, and where it is not labelled, from its clips in order."""
    bouts: dict[str, list[Bout]] = {}
    gaps: list[Interval] = []
    reached = 0.0
    for clip in clips:
        start, stop = float(clip.start or 0.0), float(clip.stop or 0.0)
        if start < reached - SAME_TIME:
            raise LabelError(
                f"{clip.video} from {start:g} s overlaps the clip{f' of {clip.subject!r}' * bool(clip.subject)} before "
                "it; clips that overlap do not say when a behaviour starts and stops. If rows are bouts, a behaviour "
                "each, say so: --rows bouts",
                table.file_of(clip),
                clip.line,
            )
        if start > reached + SAME_TIME:
            gaps.append((reached, start))
        if clip.labels is None:
            gaps.append((start, stop))
        for label in clip.labels or ():
            of_label = bouts.setdefault(label, [])
            if of_label and abs(of_label[-1].stop - start) <= SAME_TIME:
                first = of_label[-1]
                of_label[-1] = Bout(first.start, stop, label, first.line, clip.subject)
            else:
                of_label.append(Bout(start, stop, label, clip.line, clip.subject))
        reached = stop
    if reached < end - SAME_TIME:
        gaps.append((reached, end))
    return (bout for of_label in bouts.values() for bout in of_label), gaps
