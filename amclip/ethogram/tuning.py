"""Bout settings chosen on labelled videos: those with the best bouts, and how well they do on videos left out.

A threshold that a checkpoint carries is the best for windows. Bouts are another matter: a window that reaches over the
edge of a bout makes it longer, and a flicker of the curve cuts it in two.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from amclip.data.intervals import Bout, Subjects, Timeline
from amclip.ethogram.agreement import match_bouts
from amclip.ethogram.annotations import Annotation
from amclip.ethogram.bouts import BoutSettings, ScoreTimeline, find_bouts, runs_of, smooth
from amclip.ethogram.pairing import Pair, bouts_within, pair_up

__all__ = ["Tried", "Tuned", "tune_bouts"]

_THRESHOLDS = (0.01, 0.02, *np.arange(5, 100, 5) / 100)


@dataclass(frozen=True)
class Tried:
    """What is tried for every behaviour, beside the settings at hand.

    Attributes:
        overlap: Least temporal overlap (intersection over union), in (0, 1], from which two bouts are the same one.
        smoothing: Spans of the moving average, seconds.
        minimum_bout: Least lengths of bouts, seconds.
        minimum_gap: Least lengths of gaps, seconds.
        least_bouts: Behaviours with fewer labelled bouts keep their settings: so few say nothing of others.

    Raises:
        ValueError: If a value is out of range.
    """

    overlap: float = 0.5
    smoothing: tuple[float, ...] = (0.0,)
    minimum_bout: tuple[float, ...] = (0.0,)
    minimum_gap: tuple[float, ...] = (0.0,)
    least_bouts: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.overlap <= 1:
            raise ValueError(f"overlap: expected a number above 0 and up to 1, got {self.overlap}")
        if self.least_bouts < 1:
            raise ValueError(f"least_bouts: expected 1 or more, got {self.least_bouts}")

    @classmethod
    def for_windows(cls, window: float, overlap: float = 0.5, least_bouts: int = 5) -> "Tried":
        """Fractions of a window of so many seconds: what is shorter was hardly seen, what is longer is not flicker."""
        parts = tuple(window * part for part in (0.0, 0.5, 0.75, 1.0))
        return cls(overlap, parts, parts, (0.0, 0.25 * window, 0.5 * window), least_bouts)

    def of(self, settings: BoutSettings) -> list[BoutSettings]:
        """Every combination, ordered from the settings at hand to those that change most; the first are these."""
        thresholds = sorted({settings.threshold, *_THRESHOLDS}, key=lambda value: abs(value - settings.threshold))
        cuts = product(self.smoothing, self.minimum_bout, self.minimum_gap)
        all_of_them = [
            BoutSettings(threshold, None, smoothing, bout, gap)
            for smoothing, bout, gap in sorted(cuts, key=sum)
            for threshold in thresholds
        ]
        return [settings, *(one for one in all_of_them if one != settings)]


@dataclass(frozen=True)
class Tuned:
    """What came out for one behaviour.

    Attributes:
        behaviour: Its name.
        settings: The best settings, or those at hand where nothing was better or there is too little to choose by.
        labelled_bouts: Bouts of the labels.
        before: F1 of bouts with the settings at hand; NaN where neither has a bout.
        after: F1 with the chosen ones, on the videos that they were chosen on.
        left_out: F1 over videos of which each was left out as its settings were chosen: what to expect of others. NaN
            where all labelled bouts are in one video, or nothing was chosen.
    """

    behaviour: str
    settings: BoutSettings
    labelled_bouts: int
    before: float
    after: float
    left_out: float


@dataclass(frozen=True)
class _Seen:
    """A pair of observers, with the curves that the first one's bouts come from."""

    pair: Pair
    curves: tuple[ScoreTimeline, ...]
    smoothed: dict[float, tuple[ScoreTimeline, ...]] = field(default_factory=dict)

    def bouts(self, behaviour: str, settings: BoutSettings) -> list[Bout]:
        """Bouts of a behaviour within what both saw, by start."""
        if settings.smoothing not in self.smoothed:
            like = dict.fromkeys(self.curves[0].classes, settings)
            self.smoothed[settings.smoothing] = tuple(smooth(curve, like) for curve in self.curves)
        found = []
        for curve in self.smoothed[settings.smoothing]:
            column = curve.probabilities[:, curve.classes.index(behaviour)].astype(np.float64)
            for first, stop in runs_of(column, curve.edges, settings):
                found.append(Bout(float(curve.edges[first]), float(curve.edges[stop]), behaviour))
        return list(bouts_within(found, self.pair.seen, 1 / (self.pair.fps or 25.0), ""))


def tune_bouts(
    curves: Sequence[ScoreTimeline],
    labels: Annotation,
    settings: Mapping[str, BoutSettings],
    tried: Tried | None = None,
    *,
    subjects: Subjects = "each",
    after: Callable[[str], None] = lambda behaviour: None,
) -> tuple[list[Tuned], list[str]]:
    """Choose for each behaviour the bout settings with the best bouts on labelled videos.

    Bouts are matched one to one, and F1 counts all videos, and animals, together. Of settings that are equally good the
    ones closest to those at hand are taken.

    Args:
        curves: Of the videos, or of the animals in them, not smoothed.
        labels: What is right; videos and animals are found by their names.
        settings: Those at hand, for each class.
        tried: What is tried. Default: fractions of a second.
        subjects: ``"each"``: animal by animal, where the labels name them; ``"merged"``: what any of them shows.
        after: Called with the name of each behaviour when it is tuned.

    Returns:
        Of every class what came out, and notes on what was left out of the labels.

    Raises:
        ValueError: If there are no curves, or labels and curves have no video, behaviour or animal in common.
    """
    if not curves:
        raise ValueError("there are no scored windows to choose by")
    tried = Tried.for_windows(1.0) if tried is None else tried
    pairs, notes = _with_curves(curves, labels, settings, subjects)
    if not pairs:
        raise ValueError("nothing is left to compare: of no video anything was observed by both")
    tuned = []
    for behaviour in curves[0].classes:
        tuned.append(_tune(behaviour, pairs, settings[behaviour], tried))
        after(behaviour)
    return tuned, notes


def _with_curves(
    curves: Sequence[ScoreTimeline], labels: Annotation, settings: Mapping[str, BoutSettings], subjects: Subjects
) -> tuple[list[_Seen], list[str]]:
    """What both saw, with its curves."""
    by_video: dict[str, list[ScoreTimeline]] = {}
    for curve in curves:
        by_video.setdefault(curve.video, []).append(curve)
    lines = tuple(_timeline_of(video, of_video, settings) for video, of_video in by_video.items())
    scored = Annotation("the annotation", curves[0].classes, lines)
    pairs, _, notes = pair_up(scored, labels, subjects=subjects)
    seen = []
    for pair in pairs:
        video, subject = pair.predicted_as
        mine = [curve for curve in by_video[video] if not subject or curve.subject == subject]
        seen.append(_Seen(pair, tuple(mine)))
    return seen, notes


def _timeline_of(video: str, curves: Sequence[ScoreTimeline], settings: Mapping[str, BoutSettings]) -> Timeline:
    """The bouts of a video as the settings at hand have them, and when each animal was away."""
    bouts = [
        Bout(bout.start, bout.stop, bout.behaviour, subject=bout.subject)
        for curve in curves
        for bout in find_bouts(curve, settings)
    ]
    away = [(curve.subject, start, stop) for curve in curves for start, stop in _away(curve)]
    named = tuple(curve.subject for curve in curves if curve.subject)
    duration = max(float(curve.edges[-1]) for curve in curves)
    return Timeline(video, tuple(bouts), duration, subjects=named, unwatched=tuple(away))


def _away(curve: ScoreTimeline) -> Iterator[tuple[float, float]]:
    """When the animal is absent, seconds."""
    end = 0
    for first, stop in [*curve.presences(), (len(curve.edges) - 1, len(curve.edges) - 1)]:
        if first > end:
            yield float(curve.edges[end]), float(curve.edges[first])
        end = stop


def _tune(behaviour: str, pairs: Sequence[_Seen], settings: BoutSettings, tried: Tried) -> Tuned:
    labelled = [sorted((bout for bout in one.pair.labelled if bout.label == behaviour), key=_start) for one in pairs]
    count = sum(map(len, labelled))
    enough = count >= tried.least_bouts
    choices = tried.of(settings) if enough else [settings]
    videos = list(dict.fromkeys(one.pair.video for one in pairs))
    # Matched, found and labelled bouts of each choice and video, int64 [choices, videos, 3].
    counts = np.zeros((len(choices), len(videos), 3), np.int64)
    for one, true in zip(pairs, labelled, strict=True):
        place = videos.index(one.pair.video)
        for row, choice in enumerate(choices):
            found = one.bouts(behaviour, choice)
            matched = len(match_bouts(found, true, tried.overlap)) if found and true else 0
            counts[row, place] += matched, len(found), len(true)
    whole = _f1(counts.sum(axis=1))
    best = _best(whole)
    return Tuned(behaviour, choices[best], count, float(whole[0]), float(whole[best]), _left_out(counts))


def _left_out(counts: NDArray[np.int64]) -> float:
    """F1 over videos, each with the settings that are best on the others."""
    with_bouts = int((counts[0, :, 2] > 0).sum())
    if len(counts) < 2 or with_bouts < 2:
        return math.nan
    whole = counts.sum(axis=1)
    chosen = [_best(_f1(whole - counts[:, place])) for place in range(counts.shape[1])]
    summed = sum((counts[row, place] for place, row in enumerate(chosen)), np.zeros(3, np.int64))
    return float(_f1(summed[None])[0])


def _best(scores: NDArray[np.float64]) -> int:
    """The first of the highest; the settings at hand where there is none."""
    return 0 if np.isnan(scores).all() else int(np.nanargmax(scores))


def _f1(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 from matched, found and labelled bouts ``[..., 3]``; NaN where there are none."""
    both = counts[..., 1] + counts[..., 2]
    return np.where(both > 0, 2 * counts[..., 0] / np.maximum(both, 1), np.nan)


def _start(bout: Bout) -> float:
    return bout.start
