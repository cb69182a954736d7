"""Losses for clips that show several behaviours at once, or exactly one.

A loss knows what its logits mean: whether classes exclude each other, and the log-odds. So a loss of your own is one
class in one file::

    @dataclass(eq=False)
    class Hinge(Loss):
        margin: float = 1.0

        def __call__(self, logits, labels):
            return F.relu(self.margin - (2 * labels - 1) * logits).mean()

and ``--model.loss my_project.Hinge --model.loss.margin 0.5`` trains with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from amclip.log_odds import softmax_log_odds
from amclip.on_device import on_device
from amclip.plain import Configurable

__all__ = [
    "BCE",
    "LDAM",
    "Asymmetric",
    "ClassBalanced",
    "CrossEntropy",
    "Equalization",
    "Focal",
    "Loss",
    "class_balanced_weights",
]


class Loss(Configurable):
    """A loss, and what it makes of logits. Subclasses define ``__call__``; the rest may stay as it is.

    Attributes:
        exclusive: Whether exactly one class is shown: probabilities are then a softmax, else a sigmoid of each.
        needs_counts: Whether training needs the number of training clips per class.
    """

    exclusive = False
    needs_counts = False

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            logits: float, shape ``(B, C)``.
            labels: float, shape ``(B, C)``; 0 or 1, and between where clips are mixed: the fractions of the mixed clip
                that show each class.

        Returns:
            Scalar, the mean over clips and classes.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __call__(logits, labels)")

    def log_odds(self, logits: Tensor) -> Tensor:
        """What a network trained with this loss says of each class, see :mod:`amclip.log_odds`.

        Args:
            logits: Shape ``(..., C)``, any float type.

        Returns:
            ``log(p / (1 - p))`` of the probabilities, float32, the same shape.
        """
        return softmax_log_odds(logits) if self.exclusive else logits.float()

    def set_counts(self, counts: Sequence[int], num_clips: int) -> None:
        """Take over what is known of the training clips, before training and when a checkpoint is opened.

        Args:
            counts: Training clips per class.
            num_clips: Training clips.
        """

    def set_progress(self, fraction: float) -> None:
        """Take over how much of the training is done, in ``[0, 1]``, before every step."""


@dataclass(eq=False)
class BCE(Loss):
    """Binary cross-entropy: each behaviour is a question of its own."""

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Scalar, mean over clips and classes."""
        return F.binary_cross_entropy_with_logits(logits, labels)


@dataclass(eq=False)
class CrossEntropy(Loss):
    """Cross-entropy to the labels shared out evenly among a clip's behaviours: for one behaviour per clip.

    Clips without any add nothing.
    """

    exclusive = True

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Scalar, mean over the clips that have a behaviour (0 where none has)."""
        count = labels.sum(dim=1, keepdim=True)
        per_clip = F.cross_entropy(logits, labels / count.clamp(min=1), reduction="none")
        return per_clip.sum() / (count > 0).sum().clamp(min=1)


@dataclass(eq=False)
class Focal(Loss):
    """Focal loss: clips that are easy weigh less. Lin et al. 2017 (arXiv 1708.02002), torchvision's.

    Args:
        alpha: Weight of positives in [0, 1]; -1 for none.
        gamma: Focusing exponent, 0 or more.

    Raises:
        ValueError: If a value is out of range.
    """

    alpha: float = 0.25
    gamma: float = 2.0

    def __post_init__(self) -> None:
        if self.alpha != -1 and not 0 <= self.alpha <= 1:
            raise ValueError(f"loss.alpha: expected a weight in [0, 1], or -1 for none, got {self.alpha}")
        _refuse_negative("gamma", self.gamma)

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Scalar, mean over clips and classes."""
        from torchvision.ops import sigmoid_focal_loss

        loss: Tensor = sigmoid_focal_loss(logits, labels, alpha=self.alpha, gamma=self.gamma, reduction="mean")
        return loss


@dataclass(eq=False)
class Asymmetric(Loss):
    """Asymmetric loss: negatives that are easy weigh less. Ridnik et al. 2021 (arXiv 2009.14119), timm's.

    Args:
        gamma_negative: Focusing exponent on negatives, 0 or more.
        gamma_positive: Focusing exponent on positives, 0 or more.
        margin: Probability by which negatives are shifted down, in [0, 1).

    Raises:
        ValueError: If a value is out of range.
    """

    gamma_negative: float = 4.0
    gamma_positive: float = 1.0
    margin: float = 0.05

    def __post_init__(self) -> None:
        _refuse_negative("gamma_negative", self.gamma_negative)
        _refuse_negative("gamma_positive", self.gamma_positive)
        if not 0 <= self.margin < 1:
            raise ValueError(f"loss.margin: expected a probability in [0, 1), got {self.margin}")

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Scalar, mean over clips and classes."""
        from timm.loss import AsymmetricLossMultiLabel

        exponents = {"gamma_neg": self.gamma_negative, "gamma_pos": self.gamma_positive}
        loss: Tensor = AsymmetricLossMultiLabel(**exponents, clip=self.margin, reduction="mean")(logits, labels)
        return loss


# Losses that know how often each class occurs in training: for the few clips of rare behaviours not to be drowned. All
# three were written for one class per image. What became of them for clips that show several behaviours, or none, is
# said at each.


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


@dataclass(eq=False)
class ClassBalanced(Loss):
    """Binary cross-entropy in which clips of rare classes weigh more (Cui et al. 2019, arXiv 1901.05555).

    As in the authors' code, the weight of a clip's class holds for all its outputs. With several classes the weight is
    their mean, so that it does not grow with their number; a clip without any weighs 1.

    Args:
        beta: How far weights go with rarity, in [0, 1); see :func:`class_balanced_weights`.

    Raises:
        ValueError: If the value is out of range.
    """

    needs_counts = True
    beta: float = 0.9999

    def __post_init__(self) -> None:
        _refuse_beta(self.beta)
        self._weights = torch.ones(())

    def set_counts(self, counts: Sequence[int], num_clips: int) -> None:
        """Weigh the classes."""
        self._weights = class_balanced_weights(counts, self.beta)

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Scalar, mean over clips and classes; plain binary cross-entropy while the counts are not known."""
        losses = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        return (losses * _clip_weights(labels, self._weights)).mean()


@dataclass(eq=False)
class LDAM(Loss):
    """Binary cross-entropy with larger margins for rarer classes, and deferred re-weighting.

    Cao et al. 2019, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss" (arXiv 1906.07413): the
    logit of a class that is there is lowered by ``margin * (n_min / n) ** 0.25`` (equation 13), so the network must be
    surer of rare ones. Late in training clips also weigh as in :class:`ClassBalanced` (algorithm 1, "DRW"). The
    authors' logits are cosines, scaled by 30; ours are not bounded, so the margin is in logits and there is no scale.

    Args:
        margin: Margin of the rarest class, in logits.
        beta: How far weights go with rarity, in [0, 1); see :func:`class_balanced_weights`.
        reweight_after: Fraction of the training after which clips are also weighed; 1 for never.

    Raises:
        ValueError: If a value is out of range.
    """

    needs_counts = True
    margin: float = 0.5
    beta: float = 0.9999
    reweight_after: float = 0.8

    def __post_init__(self) -> None:
        if self.margin < 0:
            raise ValueError(f"loss.margin: expected a margin of 0 or more, got {self.margin}")
        _refuse_beta(self.beta)
        if not 0 <= self.reweight_after <= 1:
            raise ValueError(f"loss.reweight_after: expected a fraction in [0, 1], got {self.reweight_after}")
        self._margins, self._weights = torch.zeros(()), torch.ones(())
        self.reweight = False

    def set_counts(self, counts: Sequence[int], num_clips: int) -> None:
        """Give each class its margin and its weight."""
        n = torch.tensor(counts, dtype=torch.float32)
        least = n[n > 0].min() if bool((n > 0).any()) else torch.tensor(1.0)
        self._margins = self.margin * (least / n.clamp(min=1)) ** 0.25 * (n > 0)
        self._weights = class_balanced_weights(counts, self.beta)

    def set_progress(self, fraction: float) -> None:
        """Weigh clips when the time has come."""
        self.reweight = fraction >= self.reweight_after

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Scalar, mean over clips and classes; plain binary cross-entropy while the counts are not known."""
        lowered = logits - on_device(self._margins, logits.device, logits.dtype) * labels
        losses = F.binary_cross_entropy_with_logits(lowered, labels, reduction="none")
        return (losses * _clip_weights(labels, self._weights)).mean() if self.reweight else losses.mean()


@dataclass(eq=False)
class Equalization(Loss):
    """Binary cross-entropy in which clips of other classes do not push rare classes down.

    Tan et al. 2020, "Equalization Loss for Long-Tailed Object Recognition" (arXiv 2003.05176), equations 3 and 4: class
    ``j`` of a clip weighs ``1 - E * T(f_j) * (1 - y_j)``, where ``T`` is 1 for classes that occur in less than
    ``fraction`` of the training clips, and ``E`` is 0 for background. Background here is a clip that shows no class: it
    still pushes all classes down.

    Args:
        fraction: Classes in less than this fraction of the training clips count as rare, in (0, 1); ``lambda`` of the
            paper.

    Raises:
        ValueError: If the value is out of range.
    """

    needs_counts = True
    fraction: float = 1.76e-3

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1:
            raise ValueError(f"loss.fraction: expected a fraction in (0, 1), got {self.fraction}")
        self._rare = torch.zeros(())

    def set_counts(self, counts: Sequence[int], num_clips: int) -> None:
        """Find the rare classes.

        Raises:
            ValueError: If all classes are that rare: nothing would hold their scores down.
        """
        self._rare = torch.tensor([count < self.fraction * num_clips for count in counts], dtype=torch.float32)
        if bool(self._rare.all()):
            raise ValueError(
                f"loss.fraction: every class has less than {self.fraction:g} of the {num_clips} training clips, so "
                "none would learn from clips without it; take a smaller one"
            )

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Scalar, mean over clips and classes; plain binary cross-entropy while the counts are not known."""
        # How much of the clip shows other classes and not this one: all of it or nothing, unless clips are mixed.
        others = (labels.sum(dim=1, keepdim=True).clamp(max=1) - labels).clamp(min=0)
        pushed = 1 - labels - on_device(self._rare, logits.device, logits.dtype) * others
        return -(labels * F.logsigmoid(logits) + pushed * F.logsigmoid(-logits)).mean()


def _clip_weights(labels: Tensor, weights: Tensor) -> Tensor:
    """Mean weight of each clip's classes, shape ``(B, 1)``; what shows none of them weighs 1.

    Of mixed clips the weights are mixed as the clips are.
    """
    count = labels.sum(dim=1, keepdim=True)
    known = (labels * on_device(weights, labels.device, labels.dtype)).sum(dim=1, keepdim=True) / count.clamp(min=1)
    return known + (1 - count).clamp(min=0)


def _refuse_negative(name: str, exponent: float) -> None:
    if exponent < 0:
        raise ValueError(f"loss.{name}: expected an exponent of 0 or more, got {exponent}")


def _refuse_beta(beta: float) -> None:
    if not 0 <= beta < 1:
        raise ValueError(f"loss.beta: expected a number in [0, 1), got {beta}")
