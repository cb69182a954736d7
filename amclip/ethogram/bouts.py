"""From scores of windows to bouts: one curve per behaviour, cut by thresholds.

Five steps in this order: cells, smoothing, hysteresis, closing of short gaps, dropping of short bouts. All are pure
functions; times that differ by less than a microsecond count as equal.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from amclip.ethogram.scores import SAME_TIME, WindowScores

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
        probabilities: float32 ``[T, C]`` in [0, 1].

    Raises:
        ValueError: If the shapes do not fit each other, or edges do not rise.
    """

    video: str
    classes: tuple[str, ...]
    edges: NDArray[np.float64]
    edge_frames: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    def __post_init__(self) -> None:
        cells = len(self.edges) - 1
        if self.edge_frames.shape != (cells + 1,) or self.probabilities.shape != (cells, len(self.classes)):
            raise ValueError(
                f"{self.video}: {cells + 1} edges and {len(self.classes)} classes do not fit {len(self.edge_frames)} "
                f"frame numbers and probabilities of shape {self.probabilities.shape}"
            )
        if not ((np.diff(self.edges) > 0).all() and (np.diff(self.edge_frames) > 0).all()):
            raise ValueError(f"{self.video}: times or frame numbers of the cells do not rise")


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
    """Cut a video into cells wherever a window starts or stops.

    The probability of a cell is the mean over the windows that cover it; where none does, that of the nearest windows
    (the earlier ones of equally near ones).

    Raises:
        ValueError: If there is no window, a window is empty or leaves the video, a probability is not in [0, 1], or
            times contradict the frame numbers.
    """
    first, last = scores.start_frame, scores.stop_frame
    if not len(first):
        raise ValueError(f"{scores.video}: there is no window, so nothing is known of this video")
    if (first < 0).any() or (last <= first).any() or (last > scores.num_frames).any():
        raise ValueError(f"{scores.video}: windows must hold frames within the video's {scores.num_frames}")
    if not ((scores.probabilities >= 0) & (scores.probabilities <= 1)).all():  # NaN fails too
        raise ValueError(f"{scores.video}: there are probabilities outside of [0, 1], or that are no number")
    edge_frames, index = np.unique(
        np.concatenate([[0, scores.num_frames], last, first]).astype(np.int64), return_inverse=True
    )
    edges = np.empty(len(edge_frames))
    # Of several times for one frame the last stays: when it begins, rather than when the one before it ended.
    edges[index] = np.concatenate([[0.0, scores.duration], scores.stop, scores.start])
    begins, ends = index[2 + len(last) :], index[2 : 2 + len(last)]
    total = np.zeros((len(edges) - 1, len(scores.classes)))
    count = np.zeros(len(edges) - 1, dtype=np.int64)
    for step in range(int((ends - begins).max())):
        reached = begins + step < ends
        cells = begins[reached] + step
        np.add.at(total, cells, scores.probabilities[reached].astype(np.float64))
        np.add.at(count, cells, 1)
    covered = np.flatnonzero(count)
    mean = (total[covered] / count[covered, None]).astype(np.float32)
    nearest = _nearest(covered, edges)
    return ScoreTimeline(scores.video, scores.classes, edges, edge_frames, mean[nearest])


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

    At the ends of the video the span is cut, so the mean is over less.

    Args:
        timeline: The curves.
        settings: For each class.

    Returns:
        The same cells; a curve whose ``smoothing`` is 0 as it was.
    """
    edges = timeline.edges
    middles = (edges[:-1] + edges[1:]) / 2
    smoothed = timeline.probabilities.copy()
    for column, name in enumerate(timeline.classes):
        span = settings[name].smoothing
        if span == 0:
            continue
        curve = timeline.probabilities[:, column].astype(np.float64)
        area = np.concatenate([[0.0], np.cumsum(curve * np.diff(edges))])
        low, high = np.maximum(middles - span / 2, edges[0]), np.minimum(middles + span / 2, edges[-1])
        mean = (np.interp(high, edges, area) - np.interp(low, edges, area)) / (high - low)
        smoothed[:, column] = mean.clip(curve.min(), curve.max())  # rounding must not leave [0, 1]
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
                )
            )
    return sorted(bouts, key=lambda bout: bout.start)  # stable: classes stay in their order


def runs_of(
    curve: NDArray[np.float64], edges: NDArray[np.float64], settings: BoutSettings
) -> Iterator[tuple[int, int]]:
    """Bouts of one smoothed curve, each as its first cell and the cell after its last.

    Args:
        curve: Probabilities of T cells, float64 ``[T]``.
        edges: Where cells begin and end, float64 ``[T + 1]``, seconds.
        settings: Thresholds and least lengths; ``smoothing`` is not used.
    """
    lasts = np.flatnonzero(np.diff(np.concatenate([[False], curve >= settings.lower, [False]]).astype(np.int8)))
    joined: list[tuple[int, int]] = []
    for first, stop in lasts.reshape(-1, 2).tolist():
        if curve[first:stop].max() < settings.threshold:
            continue
        if joined and edges[first] - edges[joined[-1][1]] < settings.minimum_gap - SAME_TIME:
            first = joined.pop()[0]
        joined.append((first, stop))
    for first, stop in joined:
        if edges[stop] - edges[first] >= settings.minimum_bout - SAME_TIME:
            yield first, stop
