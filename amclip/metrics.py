"""Average precision as the field reports it: macro over classes that occur, micro, and class by class."""

import math

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_average_precision
from torchmetrics.utilities import dim_zero_cat

__all__ = ["AveragePrecision", "AveragePrecisionScores"]


class AveragePrecisionScores:
    """Scores of one evaluation.

    A plain class, because torchmetrics walks through dataclasses and tuples that ``compute`` returns and squeezes
    tensors of one element in them: the classes of a one-class problem would lose their dimension.

    Attributes:
        macro: Mean of the per-class average precision over classes with at least one positive, in ``[0, 1]``; NaN where
            no class has one. This is the official mAP of Animal Kingdom.
        micro: Average precision of all clip-class pairs in one ranking, in ``[0, 1]``; dominated by frequent classes.
            Most later "mAP" figures on Animal Kingdom are of this kind: never compare it with a macro figure.
        per_class: Average precision, shape ``(C,)``; NaN for classes without positives.
        support: Positives per class, int64, shape ``(C,)``.
        probabilities: All probabilities, shape ``(N, C)``.
        labels: All labels, int64, shape ``(N, C)``.
    """

    def __init__(self, probabilities: Tensor, labels: Tensor) -> None:
        self.probabilities, self.labels = probabilities, labels
        self.support = labels.sum(dim=0)
        self.per_class = torch.full((labels.shape[1],), torch.nan, device=labels.device)
        present = (self.support > 0).nonzero().flatten().tolist()
        for index in present:
            self.per_class[index] = binary_average_precision(probabilities[:, index], labels[:, index])
        self.macro = float(self.per_class[present].mean()) if present else math.nan
        # All pairs in one ranking: the micro average.
        flat = probabilities.flatten(), labels.flatten()
        self.micro = float(binary_average_precision(*flat)) if present else math.nan

    @property
    def num_scored(self) -> int:
        """Classes with positives, the ones that macro averages."""
        return int((self.support > 0).sum())


class AveragePrecision(Metric):
    """Exact (step-wise, not interpolated) multi-label average precision, as scikit-learn computes it.

    torchmetrics scores a class without positives 0, which pulls its macro mean down; here such a class is left out and
    counted. Scores and labels are kept, 8 bytes per clip and class, and gathered over processes at the end, so the
    result does not depend on how the clips were shared out.

    Args:
        num_classes: ``C``.
    """

    full_state_update = False
    probabilities: list[Tensor]
    labels: list[Tensor]

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.add_state("probabilities", default=[], dist_reduce_fx="cat")
        self.add_state("labels", default=[], dist_reduce_fx="cat")

    def update(self, probabilities: Tensor, labels: Tensor) -> None:
        """Add clips.

        Args:
            probabilities: float, shape ``(B, C)``, in ``[0, 1]``.
            labels: 0 or 1, shape ``(B, C)``.

        Raises:
            ValueError: If values lie outside ``[0, 1]``; torchmetrics would take them for logits in silence.
        """
        if probabilities.numel() and not ((probabilities >= 0) & (probabilities <= 1)).all():
            raise ValueError(
                f"probabilities must lie in [0, 1]; got {probabilities.min().item()} to {probabilities.max().item()}"
            )
        self.probabilities.append(probabilities.detach().float())
        self.labels.append(labels.detach().to(torch.int32))

    def compute(self) -> AveragePrecisionScores:
        """Score all clips seen, over all processes."""
        if isinstance(self.labels, list) and not self.labels:
            empty = torch.zeros(0, self.num_classes, device=self.device)
            return AveragePrecisionScores(empty, empty.long())
        return AveragePrecisionScores(dim_zero_cat(self.probabilities), dim_zero_cat(self.labels).long())
