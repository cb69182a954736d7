"""How far two annotations agree: frame by frame, bout by bout, and in when bouts start and stop."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from amclip.data.intervals import Bout
from amclip.ethogram.pairing import Pair

__all__ = ["IOUS", "NONE", "Agreement", "BoutMatch", "ClassAgreement", "agreement", "match_bouts"]

IOUS = (0.1, 0.25, 0.5)
"""Least temporal overlap (intersection over union) from which two bouts count as the same one."""
_ROUNDING = 1e-9
NONE = "(none)"
"""Row and column of the confusion for frames without a behaviour."""


@dataclass(frozen=True)
class BoutMatch:
    """A bout of each annotation that belong together, or one that stands alone.

    Attributes:
        video: The video.
        behaviour: The behaviour.
        predicted: Bout of the first annotation; ``None`` where it has none.
        labelled: Bout of the second; ``None`` where it has none.
        iou: Their intersection over union in time; 0 for one alone.
        subject: The animal; ``""`` is the whole scene.
    """

    video: str
    behaviour: str
    predicted: Bout | None
    labelled: Bout | None
    iou: float
    subject: str = ""


@dataclass
class ClassAgreement:
    """Agreement on one behaviour.

    Attributes:
        behaviour: Its name.
        frames: Frames that both, only the first, only the second, or neither shows, int64 ``[4]``.
        predicted_bouts: Bouts of the first annotation.
        labelled_bouts: Bouts of the second.
        matched: Bouts matched one to one, for each of :data:`IOUS`.
        onset_errors: First minus second annotation's start, seconds, for bouts matched at the least of :data:`IOUS`,
            where both start within what was seen: a bout that is on where looking begins may have started before.
        offset_errors: The same of the stops.
    """

    behaviour: str
    frames: NDArray[np.int64] = field(default_factory=lambda: np.zeros(4, np.int64))
    predicted_bouts: int = 0
    labelled_bouts: int = 0
    matched: dict[float, int] = field(default_factory=lambda: dict.fromkeys(IOUS, 0))
    onset_errors: list[float] = field(default_factory=list)
    offset_errors: list[float] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Fraction of the frames of the first that the second has too; NaN without any."""
        both, first, _, _ = self.frames.tolist()
        return _ratio(both, both + first)

    @property
    def recall(self) -> float:
        """Fraction of the frames of the second that the first has too; NaN without any."""
        both, _, second, _ = self.frames.tolist()
        return _ratio(both, both + second)

    @property
    def f1(self) -> float:
        """Harmonic mean of both; NaN where neither annotation has a frame."""
        both, first, second, _ = self.frames.tolist()
        return _ratio(2 * both, 2 * both + first + second)

    @property
    def kappa(self) -> float:
        """Cohen's kappa over frames: agreement beyond chance; NaN where chance alone agrees on all."""
        both, first, second, neither = self.frames.tolist()
        total = both + first + second + neither
        if not total:
            return math.nan
        chance = ((both + first) * (both + second) + (neither + first) * (neither + second)) / total**2
        return _ratio((both + neither) / total - chance, 1 - chance)

    def bout_f1(self, iou: float) -> float:
        """F1 over bouts matched one to one; NaN where neither annotation has a bout."""
        return _ratio(2 * self.matched[iou], self.predicted_bouts + self.labelled_bouts)


@dataclass(frozen=True)
class Agreement:
    """Agreement of two annotations.

    Attributes:
        classes: Behaviour by behaviour.
        confusion: Frames, float64 ``[C + 1, C + 1]``, rows the second annotation (labels), columns the first; the last
            of each is :data:`NONE`. Of a frame, what both show lies on the diagonal. What only the labels show is
            shared out evenly over what only the prediction shows, or counts as taken for none; what only the prediction
            shows, where the labels miss nothing, counts as none taken for it. So a row sums to the frames labelled with
            it.
        matches: Every bout, matched at the least of :data:`IOUS` or alone.
        seconds: Time compared, of each animal where they are told apart.
        fps: Frames per second that were compared.
    """

    classes: tuple[ClassAgreement, ...]
    confusion: NDArray[np.float64]
    matches: tuple[BoutMatch, ...]
    seconds: float
    fps: float


def agreement(pairs: Sequence[Pair], classes: Sequence[str], fps: float) -> Agreement:
    """Compare two annotations of the same videos.

    Args:
        pairs: The videos, or the animals in them.
        classes: Behaviours, C.
        fps: Frames per second at which the annotations are compared.
    """
    scored = [ClassAgreement(name) for name in classes]
    confusion = np.zeros((len(classes) + 1, len(classes) + 1))
    matches: list[BoutMatch] = []
    for pair in pairs:
        times = _frame_times(pair.seen, fps)
        first, second = (_shown(bouts, classes, times) for bouts in (pair.predicted, pair.labelled))
        confusion += _confusion(second, first)
        for column, scored_class in enumerate(scored):
            a, b = first[:, column], second[:, column]
            scored_class.frames += [int(flags.sum()) for flags in (a & b, a & ~b, ~a & b, ~a & ~b)]
            matches += _compare_bouts(pair, scored_class)
    seconds = sum(stop - start for pair in pairs for start, stop in pair.seen)
    return Agreement(tuple(scored), confusion, tuple(matches), seconds, fps)


def _frame_times(seen: Sequence[tuple[float, float]], fps: float) -> NDArray[np.float64]:
    """Middles of the frames that lie in what was seen."""
    parts = [np.arange(math.ceil(start * fps - 0.5), math.ceil(stop * fps - 0.5)) for start, stop in seen]
    return (np.concatenate([np.zeros(0), *parts]) + 0.5) / fps


def _shown(bouts: Sequence[Bout], classes: Sequence[str], times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each class is shown at each time, bool ``[F, C]``."""
    shown = np.zeros((len(times), len(classes)), bool)
    column = {name: index for index, name in enumerate(classes)}
    for bout in bouts:
        first, last = np.searchsorted(times, [bout.start, bout.stop])
        shown[first:last, column[bout.label]] = True
    return shown


def _confusion(labels: NDArray[np.bool_], predictions: NDArray[np.bool_]) -> NDArray[np.float64]:
    count = labels.shape[1]
    missed, extra = (labels & ~predictions).astype(float), (predictions & ~labels).astype(float)
    extras, misses = extra.sum(axis=1), missed.sum(axis=1)
    table = np.zeros((count + 1, count + 1))
    table[:count, :count] = missed.T @ (extra / np.maximum(extras, 1)[:, None])
    table[range(count), range(count)] += (labels & predictions).sum(axis=0)
    table[:count, count] = missed[extras == 0].sum(axis=0)
    table[count, :count] = extra[misses == 0].sum(axis=0)
    table[count, count] = (~labels.any(axis=1) & ~predictions.any(axis=1)).sum()
    return table


def _compare_bouts(pair: Pair, scored: ClassAgreement) -> list[BoutMatch]:
    name = scored.behaviour
    predicted, labelled = (
        sorted((bout for bout in bouts if bout.label == name), key=lambda bout: bout.start)
        for bouts in (pair.predicted, pair.labelled)
    )
    scored.predicted_bouts += len(predicted)
    scored.labelled_bouts += len(labelled)
    found: list[tuple[int, int, float]] = []
    for iou in reversed(IOUS):  # the least one comes last
        found = match_bouts(predicted, labelled, iou)
        scored.matched[iou] += len(found)
    whose = pair.subject
    rows = [BoutMatch(pair.video, name, predicted[i], labelled[j], overlap, whose) for i, j, overlap in found]
    first_seen, last_seen = ({part[side] for part in pair.seen} for side in (0, 1))
    for row in rows:
        assert row.predicted is not None
        assert row.labelled is not None
        # Where looking begins or ends nobody saw a behaviour start or stop.
        if first_seen.isdisjoint((row.predicted.start, row.labelled.start)):
            scored.onset_errors.append(row.predicted.start - row.labelled.start)
        if last_seen.isdisjoint((row.predicted.stop, row.labelled.stop)):
            scored.offset_errors.append(row.predicted.stop - row.labelled.stop)
    with_first, with_second = {i for i, _, _ in found}, {j for _, j, _ in found}
    alone: list[tuple[Bout | None, Bout | None]] = [
        (bout, None) for i, bout in enumerate(predicted) if i not in with_first
    ]
    alone += [(None, bout) for j, bout in enumerate(labelled) if j not in with_second]
    rows += [BoutMatch(pair.video, name, one, other, 0.0, whose) for one, other in alone]
    return sorted(rows, key=lambda row: min(bout.start for bout in (row.predicted, row.labelled) if bout is not None))


def match_bouts(predicted: Sequence[Bout], labelled: Sequence[Bout], least_iou: float) -> list[tuple[int, int, float]]:
    """Match bouts of one behaviour one to one: as many pairs as there can be, and of these the best overlapping.

    Args:
        predicted: By start; none overlap.
        labelled: By start; none overlap.
        least_iou: Least intersection over union of a pair, above 0.

    Returns:
        For each pair its two indices and its intersection over union, in order of time.
    """
    from scipy.optimize import linear_sum_assignment

    matched: list[tuple[int, int, float]] = []
    for group in _groups(predicted, labelled, least_iou):
        firsts, seconds = (sorted({edge[side] for edge in group}) for side in (0, 1))
        worth = np.zeros((len(firsts), len(seconds)))
        for i, j, iou in group:
            # One pair more is worth more than any overlap of the others.
            worth[firsts.index(i), seconds.index(j)] = 1 + iou / (len(group) + 1)
        for row, column in zip(*linear_sum_assignment(worth, maximize=True), strict=True):
            if worth[row, column] > 0:
                i, j = firsts[row], seconds[column]
                matched.append((i, j, next(iou for a, b, iou in group if (a, b) == (i, j))))
    return sorted(matched)


def _groups(
    predicted: Sequence[Bout], labelled: Sequence[Bout], least_iou: float
) -> list[list[tuple[int, int, float]]]:
    """Pairs that overlap enough, those that share a bout together; groups have no bout in common."""
    groups: list[list[tuple[int, int, float]]] = []
    j = 0
    for i, found in enumerate(predicted):
        while j < len(labelled) and labelled[j].stop <= found.start:
            j += 1
        for k in range(j, len(labelled)):
            true = labelled[k]
            if true.start >= found.stop:
                break
            both = min(found.stop, true.stop) - max(found.start, true.start)
            iou = both / (max(found.stop, true.stop) - min(found.start, true.start))
            if iou < least_iou - _ROUNDING:
                continue
            if groups and (groups[-1][-1][0] == i or groups[-1][-1][1] == k):
                groups[-1].append((i, k, iou))
            else:
                groups.append([(i, k, iou)])
    return groups


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
