"""From scores of windows to bouts: one curve per behaviour, cut by thresholds.

Five steps in this order: cells, smoothing, hysteresis, closing of short gaps, dropping of short bouts. All are pure
functions; times that differ by less than a microsecond count as equal. Where an animal is not in the picture its curves
are no number, and no step reaches over that.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from amclip.data.intervals import SAME_TIME
from amclip.ethogram.scores import WindowScores

__all__ = ["BoutSettings", "ScoreTimeline", "ScoredBout", "find_bouts", "runs_of", "smooth", "timeline"]


@dataclass(frozen=True)
class BoutSettings:
    """How the curve of one behaviour is cut into bouts.

    Attributes:
        threshold: Probability, in [0, 1], that a bout must reach.
        off_threshold: Probability down to which it lasts, before and after; ``None`` for ``threshold``.
        smoothing: Span of the moving average in seconds; 0 for none.
        minimum_bout: Shorter bouts are dropped, seconds.
        minimum_gap: Bouts that are closer together are joined, seconds.

    Raises:
        ValueError: If a value is out of range.
    """

    threshold: float = 0.5
    off_threshold: float | None = None
    smoothing: float = 0.0
    minimum_bout: float = 0.0
    minimum_gap: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold: expected a probability in [0, 1], got {self.threshold}")
        if self.off_threshold is not None and not 0 <= self.off_threshold <= self.threshold:
            raise ValueError(
                f"off_threshold: expected a probability from 0 to the threshold {self.threshold}, got "
                f"{self.off_threshold}"
            )
        for name in ("smoothing", "minimum_bout", "minimum_gap"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: expected seconds from 0 on, got {getattr(self, name)}")

    @property
    def lower(self) -> float:
        """Probability down to which a bout lasts."""
        return self.threshold if self.off_threshold is None else self.off_threshold


@dataclass(frozen=True)
class ScoreTimeline:
    """Probabilities over a whole video, piecewise constant.

    Attributes:
        video: The video as tables name it.
        classes: Names of the behaviours, C.
        edges: Where the T cells begin and end, float64 ``[T + 1]``, seconds since the first frame, rising.
        edge_frames: The first frame of each cell and, last, the number of frames, int64 ``[T + 1]``, rising.
        probabilities: float32 ``[T, C]`` in [0, 1]; NaN, for all classes, in cells in which the animal is absent.
        subject: The animal whose behaviours these are; ``""`` is the whole scene.

    Raises:
        ValueError: If the shapes do not fit each other, or edges do not rise.
    """

    video: str
    classes: tuple[str, ...]
    edges: NDArray[np.float64]
    edge_frames: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    subject: str = ""

    def __post_init__(self) -> None:
        cells = len(self.edges) - 1
        if self.edge_frames.shape != (cells + 1,) or self.probabilities.shape != (cells, len(self.classes)):
            raise ValueError(
                f"{self.video}: {cells + 1} edges and {len(self.classes)} classes do not fit {len(self.edge_frames)} "
                f"frame numbers and probabilities of shape {self.probabilities.shape}"
            )
        if not ((np.diff(self.edges) > 0).all() and (np.diff(self.edge_frames) > 0).all()):
            raise ValueError(f"{self.video}: times or frame numbers of the cells do not rise")

    @property
    def absent(self) -> NDArray[np.bool_]:
        """Cells in which the animal is not in the picture, bool ``[T]``."""
        return np.asarray(np.isnan(self.probabilities).any(axis=1))

    def presences(self) -> list[tuple[int, int]]:
        """First cell of each stretch in which the animal is in the picture, and the cell after its last."""
        return _stretches(~self.absent)


@dataclass(frozen=True)
class ScoredBout:
    """A behaviour from ``start`` to ``stop`` as a network sees it.

    Attributes:
        video: The video as tables name it.
        behaviour: Name of the class.
        start: Seconds since the first frame.
        stop: Seconds since the first frame.
        start_frame: Its first frame.
        stop_frame: The frame after its last.
        mean: Mean over time of the smoothed probability, gaps that were closed included.
        peak: Its highest value; at least the threshold.
        subject: The animal that shows it; ``""`` is the whole scene.
    """

    video: str
    behaviour: str
    start: float
    stop: float
    start_frame: int
    stop_frame: int
    mean: float
    peak: float
    subject: str = ""

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.stop - self.start


def timeline(scores: WindowScores) -> ScoreTimeline:
    """Cut a video into cells wherever a window starts or stops, or the animal comes or leaves.

    The probability of a cell is the mean over the windows that cover it; where none does, that of the nearest windows
    (the earlier ones of equally near ones). Where the animal is absent there is none.

    Raises:
        ValueError: If there is no window though there is something to see, a window is empty or leaves the video, a
            probability is not in [0, 1], or times contradict the frame numbers.
    """
    first, last, presences = scores.start_frame, scores.stop_frame, scores.presences()
    if not len(first) and (scores.present is None or presences):
        raise ValueError(f"{scores.name}: there is no window, so nothing is known of this video")
    if (first < 0).any() or (last <= first).any() or (last > scores.extent.num_frames).any():
        raise ValueError(f"{scores.name}: windows must hold frames within the video's {scores.extent.num_frames}")
    if not ((scores.probabilities >= 0) & (scores.probabilities <= 1)).all():  # NaN fails too
        raise ValueError(f"{scores.name}: there are probabilities outside of [0, 1], or that are no number")
    come, leave = ([getattr(one, f"{end}_frame") for one in presences] for end in ("start", "stop"))
    edge_frames, index = np.unique(
        np.concatenate([[0, scores.extent.num_frames], leave, come, last, first]).astype(np.int64), return_inverse=True
    )
    edges = np.empty(len(edge_frames))
    # Of several times for one frame the last stays: when it begins, rather than when the one before it ended.
    seen = [[getattr(one, end) for one in presences] for end in ("stop", "start")]
    edges[index] = np.concatenate([[0.0, scores.extent.duration], *seen, scores.stop, scores.start])
    leaves, comes, ends, begins = np.split(index[2:], np.cumsum([len(leave), len(come), len(last)]))
    if len(first):
        probabilities = _means(scores.probabilities, begins, ends, edges)
    else:
        probabilities = np.full((len(edges) - 1, len(scores.classes)), np.nan, np.float32)
    if scores.present is not None:
        changes = np.zeros(len(edges), np.int64)
        changes[comes] += 1
        changes[leaves] -= 1
        probabilities[np.cumsum(changes)[:-1] == 0] = np.nan
    return ScoreTimeline(scores.video, scores.classes, edges, edge_frames, probabilities, scores.subject)


def _means(
    probabilities: NDArray[np.float32], begins: NDArray[np.int64], ends: NDArray[np.int64], edges: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Of each cell the mean over the windows that cover it, or of the nearest, float32 ``[T, C]``.

    Args:
        probabilities: Of the windows, float32 ``[W, C]``.
        begins: First cell of each window, int64 ``[W]``.
        ends: The cell after its last.
        edges: Where cells begin and end, float64 ``[T + 1]``, seconds.
    """
    total = np.zeros((len(edges) - 1, probabilities.shape[1]))
    count = np.zeros(len(edges) - 1, dtype=np.int64)
    for step in range(int((ends - begins).max())):
        reached = begins + step < ends
        cells = begins[reached] + step
        np.add.at(total, cells, probabilities[reached].astype(np.float64))
        np.add.at(count, cells, 1)
    covered = np.flatnonzero(count)
    mean = (total[covered] / count[covered, None]).astype(np.float32)
    return mean[_nearest(covered, edges)]


def _nearest(covered: NDArray[np.int64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each cell the position in ``covered`` of the covered cell that is nearest in time."""
    cells = np.arange(len(edges) - 1)
    after = np.searchsorted(covered, cells).clip(max=len(covered) - 1)
    before = (np.searchsorted(covered, cells, "right") - 1).clip(min=0)
    middles = (edges[:-1] + edges[1:]) / 2
    to_after = np.abs(edges[covered[after]] - middles)
    to_before = np.abs(middles - edges[covered[before] + 1])
    # Before the first window, and behind the last, one side does not exist.
    use_after = (covered[before] > cells) | ((covered[after] >= cells) & (to_after < to_before - SAME_TIME))
    return np.where(covered[after] == cells, after, np.where(use_after, after, before))


def smooth(timeline: ScoreTimeline, settings: Mapping[str, BoutSettings]) -> ScoreTimeline:
    """Average each curve over time, over ``smoothing`` seconds around the middle of each cell.

    At the ends of the video, and where the animal comes or leaves, the span is cut, so the mean is over less.

    Args:
        timeline: The curves.
        settings: For each class.

    Returns:
        The same cells; a curve whose ``smoothing`` is 0 as it was.
    """
    smoothed = timeline.probabilities.copy()
    for first, stop in timeline.presences():
        edges = timeline.edges[first : stop + 1]
        middles = (edges[:-1] + edges[1:]) / 2
        for column, name in enumerate(timeline.classes):
            span = settings[name].smoothing
            if span == 0:
                continue
            curve = timeline.probabilities[first:stop, column].astype(np.float64)
            area = np.concatenate([[0.0], np.cumsum(curve * np.diff(edges))])
            low, high = np.maximum(middles - span / 2, edges[0]), np.minimum(middles + span / 2, edges[-1])
            mean = (np.interp(high, edges, area) - np.interp(low, edges, area)) / (high - low)
            smoothed[first:stop, column] = mean.clip(curve.min(), curve.max())  # rounding must not leave [0, 1]
    return replace(timeline, probabilities=smoothed)


def find_bouts(timeline: ScoreTimeline, settings: Mapping[str, BoutSettings]) -> list[ScoredBout]:
    """Bouts of every behaviour, by start and then in the order of the classes.

    Args:
        timeline: Curves that were not smoothed.
        settings: For each class.

    Raises:
        ValueError: If a class has no settings.
    """
    if missing := [name for name in timeline.classes if name not in settings]:
        raise ValueError(f"there are no bout settings for {', '.join(missing)}")
    smoothed = smooth(timeline, settings)
    bouts = []
    for column, name in enumerate(timeline.classes):
        curve = smoothed.probabilities[:, column].astype(np.float64)  # thresholds are float64: compare as such
        for first, stop in runs_of(curve, timeline.edges, settings[name]):
            lengths = np.diff(timeline.edges[first : stop + 1])
            peak = float(curve[first:stop].max())
            bouts.append(
                ScoredBout(
                    video=timeline.video,
                    behaviour=name,
                    start=float(timeline.edges[first]),
                    stop=float(timeline.edges[stop]),
                    start_frame=int(timeline.edge_frames[first]),
                    stop_frame=int(timeline.edge_frames[stop]),
                    mean=min(float(np.average(curve[first:stop], weights=lengths)), peak),  # above it by rounding
                    peak=peak,
                    subject=timeline.subject,
                )
            )
    return sorted(bouts, key=lambda bout: bout.start)  # stable: classes stay in their order


def runs_of(
    curve: NDArray[np.float64], edges: NDArray[np.float64], settings: BoutSettings
) -> Iterator[tuple[int, int]]:
    """Bouts of one smoothed curve, each as its first cell and the cell after its last.

    Args:
        curve: Probabilities of T cells, float64 ``[T]``; NaN where the animal is absent, over which nothing is joined.
        edges: Where cells begin and end, float64 ``[T + 1]``, seconds.
        settings: Thresholds and least lengths; ``smoothing`` is not used.
    """
    joined: list[tuple[int, int]] = []
    for first, stop in _stretches(curve >= settings.lower):
        if curve[first:stop].max() < settings.threshold:
            continue
        short = joined and edges[first] - edges[joined[-1][1]] < settings.minimum_gap - SAME_TIME
        if short and not np.isnan(curve[joined[-1][1] : first]).any():
            first = joined.pop()[0]
        joined.append((first, stop))
    for first, stop in joined:
        if edges[stop] - edges[first] >= settings.minimum_bout - SAME_TIME:
            yield first, stop


def _stretches(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where flags are set, bool ``[T]``: the first of each stretch, and the one after its last."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(first, stop) for first, stop in changes.reshape(-1, 2).tolist()]
