"""Losses that know how often each class occurs in training: for the few clips of rare behaviours not to be drowned.

All three were written for one class per image. What became of them for clips that show several behaviours, or none, is
said at each.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["ClassBalancedLoss", "EqualizationLoss", "LDAMLoss", "class_balanced_weights"]


def class_balanced_weights(counts: Sequence[int], beta: float = 0.9999) -> Tensor:
    """Weights by the effective number of clips, ``(1 - beta) / (1 - beta**n)``.

    Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples" (arXiv 1901.05555), equation 2.

    Args:
        counts: Training clips per class.
        beta: In ``[0, 1)``; 0 weighs all classes alike, and towards 1 weights go with ``1 / n``.

    Returns:
        float32, shape ``(C,)``, of mean 1 over classes that occur; 0 for classes that do not.
    """
    n = torch.tensor(counts, dtype=torch.float64)
    weights = torch.where(n > 0, (1 - beta) / (1 - beta ** n.clamp(min=1)), torch.zeros_like(n))
    return (weights * (n > 0).sum().clamp(min=1) / weights.sum().clamp(min=1e-12)).float()


class ClassBalancedLoss:
    """Binary cross-entropy in which clips of rare classes weigh more (Cui et al. 2019, arXiv 1901.05555).

    As in the authors' code, the weight of a clip's class holds for all its outputs. With several classes the weight is
    their mean, so that it does not grow with their number; a clip without any weighs 1.

    Args:
        counts: Training clips per class.
        beta: See :func:`class_balanced_weights`.
    """

    def __init__(self, counts: Sequence[int], beta: float = 0.9999) -> None:
        self.weights = class_balanced_weights(counts, beta)

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Scalar from logits ``(B, C)`` and 0/1 labels ``(B, C)``."""
        losses = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        return (losses * _clip_weights(labels, self.weights)).mean()


class LDAMLoss:
    """Binary cross-entropy with larger margins for rarer classes, and deferred re-weighting.

    Cao et al. 2019, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss" (arXiv 1906.07413): the
    logit of a class that is there is lowered by ``margin * (n_min / n) ** 0.25`` (equation 13), so the network must be
    surer of rare ones. Late in training (:attr:`reweight`) clips also weigh as in :class:`ClassBalancedLoss` (algorithm
    1, "DRW"). The authors' logits are cosines, scaled by 30; ours are not bounded, so the margin is in logits and there
    is no scale.

    Args:
        counts: Training clips per class.
        margin: Margin of the rarest class, in logits.
        beta: See :func:`class_balanced_weights`.

    Attributes:
        reweight: Whether clips are weighed; the training task sets it.
    """

    def __init__(self, counts: Sequence[int], margin: float = 0.5, beta: float = 0.9999) -> None:
        n = torch.tensor(counts, dtype=torch.float32)
        least = n[n > 0].min() if bool((n > 0).any()) else torch.tensor(1.0)
        self.margins = margin * (least / n.clamp(min=1)) ** 0.25 * (n > 0)
        self.weights = class_balanced_weights(counts, beta)
        self.reweight = False

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Scalar from logits ``(B, C)`` and 0/1 labels ``(B, C)``."""
        lowered = logits - self.margins.to(logits) * labels
        losses = F.binary_cross_entropy_with_logits(lowered, labels, reduction="none")
        if self.reweight:
            losses = losses * _clip_weights(labels, self.weights)
        return losses.mean()


class EqualizationLoss:
    """Binary cross-entropy in which clips of other classes do not push rare classes down.

    Tan et al. 2020, "Equalization Loss for Long-Tailed Object Recognition" (arXiv 2003.05176), equations 3 and 4: class
    ``j`` of a clip weighs ``1 - E * T(f_j) * (1 - y_j)``, where ``T`` is 1 for classes whose share ``f_j`` of the
    training clips is below ``share``, and ``E`` is 0 for background. Background here is a clip that shows no class: it
    still pushes all classes down.

    Args:
        counts: Training clips per class.
        num_clips: Training clips.
        share: ``lambda`` of the paper, in ``(0, 1)``.

    Raises:
        ValueError: If all classes are that rare: nothing would hold their scores down.
    """

    def __init__(self, counts: Sequence[int], num_clips: int, share: float = 1.76e-3) -> None:
        self.rare = torch.tensor([count < share * num_clips for count in counts], dtype=torch.float32)
        if bool(self.rare.all()):
            raise ValueError(
                f"equalization_share: every class has less than {share:g} of the {num_clips} training clips, so none "
                "would learn from clips without it; take a smaller share"
            )

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Scalar from logits ``(B, C)`` and 0/1 labels ``(B, C)``."""
        losses = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        shows_any = (labels.sum(dim=1, keepdim=True) > 0).to(logits)
        return (losses * (1 - shows_any * self.rare.to(logits) * (1 - labels))).mean()


def _clip_weights(labels: Tensor, weights: Tensor) -> Tensor:
    """Mean weight of each clip's classes, shape ``(B, 1)``; 1 for clips without any."""
    count = labels.sum(dim=1, keepdim=True)
    mean = (labels * weights.to(labels)).sum(dim=1, keepdim=True) / count.clamp(min=1)
    return torch.where(count > 0, mean, torch.ones_like(mean))
