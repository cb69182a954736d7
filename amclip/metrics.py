"""Average precision and F1 as the field reports them: macro over classes that occur, micro, class by class, by segment.

Which published figure is which of these is told on the page on metrics.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_average_precision, binary_calibration_error
from torchmetrics.utilities import dim_zero_cat

from amclip.class_groups import CLASS_GROUPS
from amclip.log_odds import to_float64, to_probabilities

__all__ = [
    "MICRO_BATCH",
    "AveragePrecision",
    "AveragePrecisionScores",
    "best_thresholds",
    "calibration_errors",
]

# MSQNet's batch in training and in test, and so the unit of its metric (mondalanindya/MSQNet, main.py).
MICRO_BATCH = 32
CALIBRATION_BINS = 15  # of Guo et al. 2017 (arXiv 1706.04599)


class AveragePrecisionScores:
    """Scores of one evaluation.

    A plain class, because torchmetrics walks through dataclasses and tuples that ``compute`` returns and squeezes
    tensors of one element in them: the classes of a one-class problem would lose their dimension.

    Attributes:
        macro: Mean of the per-class average precision over classes with at least one positive, in ``[0, 1]``; NaN where
            no class has one. This is the official mAP of Animal Kingdom.
        micro: Average precision of all clip-class pairs in one ranking, in ``[0, 1]``; dominated by frequent classes.
            Most later "mAP" figures on Animal Kingdom are of this kind: never compare it with a macro figure.
        micro_batches: What MSQNet's code reports: the micro average precision of 32 clips at a time, averaged by the
            number of clips, in ``[0, 1]``. Here the batches are cut in the order of the table, whatever batches or
            processes the clips came in; batches without any positive are left out.
        per_class: Average precision, shape ``(C,)``; NaN for classes without positives.
        support: Positives per class, int64, shape ``(C,)``.
        log_odds: Of all clips, float32, shape ``(N, C)``.
        labels: All labels, int64, shape ``(N, C)``.
    """

    def __init__(self, log_odds: Tensor, labels: Tensor) -> None:
        self.log_odds, self.labels = log_odds, labels
        self.support = labels.sum(dim=0)
        self.per_class = torch.full((labels.shape[1],), torch.nan, device=labels.device)
        present = (self.support > 0).nonzero().flatten().tolist()
        places = _places(log_odds)
        labels = labels.to(places.device)
        for index in present:
            self.per_class[index] = binary_average_precision(places[:, index], labels[:, index])
        self.macro = _mean(self.per_class)
        # All pairs in one ranking: the micro average.
        self.micro = _pooled(places, labels)
        total, clips = 0.0, 0
        for start in range(0, len(labels), MICRO_BATCH):
            batch = slice(start, start + MICRO_BATCH)
            if labels[batch].any():
                size = len(labels[batch])
                total, clips = total + size * _pooled(places[batch], labels[batch]), clips + size
        self.micro_batches = total / clips if clips else math.nan

    @property
    def probabilities(self) -> Tensor:
        """As the network gives them, float64 in ``[0, 1]``, shape ``(N, C)``."""
        return to_probabilities(self.log_odds)

    @property
    def num_scored(self) -> int:
        """Classes with positives, the ones that macro averages."""
        return int((self.support > 0).sum())

    def by_class_group(self, groups: Sequence[str]) -> dict[str, tuple[float, int]]:
        """Macro mAP of the head, middle and tail classes apart.

        Args:
            groups: ``"head"``, ``"middle"`` or ``"tail"`` for each class, as the data set has them or from
                :func:`class_groups_by_count`.

        Returns:
            For each group that has classes: its mAP over classes with positives (NaN without any), and their number.
        """
        if len(groups) != len(self.per_class) or set(groups) - set(CLASS_GROUPS):
            raise ValueError(f"expected one of {', '.join(CLASS_GROUPS)} for each of {len(self.per_class)} classes")
        scores = {}
        for name in CLASS_GROUPS:
            members = self.per_class[[index for index, group in enumerate(groups) if group == name]]
            if len(members):
                scores[name] = (_mean(members), int((~members.isnan()).sum()))
        return scores

    def f1(self, thresholds: Tensor) -> Tensor:
        """F1 per class, counting a class as seen from its threshold on.

        Args:
            thresholds: In log-odds, shape ``(C,)``, float32. Tune them on other clips than these.

        Returns:
            Shape ``(C,)``, in ``[0, 1]``; NaN for classes without positives.
        """
        seen = self.log_odds >= thresholds.to(self.log_odds.device)
        true = self.labels.bool()
        hits = (seen & true).sum(dim=0)
        scores = 2 * hits / (seen.sum(dim=0) + true.sum(dim=0)).clamp(min=1)
        return scores.masked_fill(self.support == 0, torch.nan)


def best_thresholds(scores: Tensor, labels: Tensor, untuned: float) -> Tensor:
    """Threshold of each class with the highest F1 on these clips.

    Args:
        scores: Probabilities or log-odds, float32, shape ``(N, C)``.
        labels: 0 or 1, shape ``(N, C)``.
        untuned: That of classes without positives, where there is nothing to tune on.

    Returns:
        Shape ``(C,)``, float32, each a score that occurs (the highest of equally good ones).
    """
    thresholds = torch.full((labels.shape[1],), untuned)
    for index in labels.any(dim=0).nonzero().flatten().tolist():
        values, order = scores[:, index].float().cpu().sort(descending=True, stable=True)
        hits = labels[:, index].cpu()[order].cumsum(0)
        f1 = 2 * hits / (torch.arange(1, len(values) + 1) + hits[-1])
        # Equal values are on one side of any threshold: only the last of them is a place to cut.
        last = torch.ones(len(values), dtype=torch.bool)
        last[:-1] = values[1:] < values[:-1]
        thresholds[index] = values[f1.masked_fill(~last, -1).argmax()]
    return thresholds


def calibration_errors(probabilities: Tensor, labels: Tensor) -> list[float]:
    """Expected calibration error of each class: how far the fraction of positives lies from the probability.

    torchmetrics' binary form with 15 bins of equal width: within each the mean probability of the class is compared
    with the fraction of clips that show it.

    Args:
        probabilities: float, shape ``(N, C)``, in ``[0, 1]``.
        labels: 0 or 1, shape ``(N, C)``.

    Returns:
        C values in ``[0, 1]``; NaN without a clip.
    """
    if not len(labels):
        return [math.nan] * labels.shape[1]
    return [
        float(binary_calibration_error(probabilities[:, c].contiguous(), labels[:, c].contiguous(), CALIBRATION_BINS))
        for c in range(labels.shape[1])
    ]


def _mean(values: Tensor) -> float:
    """Mean over what is a number; NaN where nothing is."""
    return float(values.nanmean()) if len(values) else math.nan


def _places(scores: Tensor) -> Tensor:
    """The place of each score among all, the fraction that lies below it, float64 in ``[0, 1)``.

    Average precision asks for the order alone, and of values in this range torchmetrics keeps it, whatever they are.
    """
    below = torch.searchsorted(scores.flatten().sort().values, scores.contiguous())
    return to_float64(below) / max(scores.numel(), 1)


def _pooled(places: Tensor, labels: Tensor) -> float:
    if not labels.any():
        return math.nan
    return float(binary_average_precision(places.flatten(), labels.flatten()))


class AveragePrecision(Metric):
    """Exact (step-wise, not interpolated) multi-label average precision, as scikit-learn computes it.

    torchmetrics scores a class without positives 0, which pulls its macro mean down; here such a class is left out and
    counted. Scores and labels are kept, 8 bytes per clip and class, gathered over processes at the end and put in the
    order of the table, so the result does not depend on how the clips were shared out.

    Args:
        num_classes: ``C``.
    """

    full_state_update = False
    log_odds: list[Tensor]
    labels: list[Tensor]
    rows: list[Tensor]

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.add_state("log_odds", default=[], dist_reduce_fx="cat")
        self.add_state("labels", default=[], dist_reduce_fx="cat")
        self.add_state("rows", default=[], dist_reduce_fx="cat")

    def update(self, log_odds: Tensor, labels: Tensor, rows: Tensor) -> None:
        """Add clips.

        Args:
            log_odds: float, shape ``(B, C)``.
            labels: 0 or 1, shape ``(B, C)``.
            rows: Rows of the clips in their table, int64, shape ``(B,)``.

        Raises:
            ValueError: If one is no number: it has no place among the others.
        """
        if unknown := int(log_odds.isnan().sum()):
            raise ValueError(f"{unknown} of {log_odds.numel()} answers of the network are no number")
        self.log_odds.append(log_odds.detach().float())
        self.labels.append(labels.detach().to(torch.int32))
        self.rows.append(rows.detach())

    def compute(self) -> AveragePrecisionScores:
        """Score all clips seen, over all processes."""
        if isinstance(self.labels, list) and not self.labels:
            empty = torch.zeros(0, self.num_classes, device=self.device)
            return AveragePrecisionScores(empty, empty.long())
        order = dim_zero_cat(self.rows).argsort(stable=True)
        return AveragePrecisionScores(dim_zero_cat(self.log_odds)[order], dim_zero_cat(self.labels)[order].long())
