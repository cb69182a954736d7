"""Losses for clips that show several behaviours at once, by name."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from amclip.imbalance import ClassBalancedLoss, EqualizationLoss, LDAMLoss

__all__ = ["COUNTING_LOSSES", "LossName", "make_loss", "probabilities", "soft_cross_entropy"]

LossName = Literal["bce", "cross_entropy", "focal", "asymmetric", "class_balanced", "ldam", "equalization"]
COUNTING_LOSSES = ("class_balanced", "ldam", "equalization")
"""Losses that need the numbers of training clips."""


def soft_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy to the labels shared out evenly among a clip's behaviours; clips without any add nothing.

    Args:
        logits: Shape ``(B, C)``.
        labels: 0 or 1, shape ``(B, C)``.

    Returns:
        Scalar, mean over the clips that have a behaviour (0 where none has).
    """
    count = labels.sum(dim=1, keepdim=True)
    per_clip = F.cross_entropy(logits, labels / count.clamp(min=1), reduction="none")
    return per_clip.sum() / (count > 0).sum().clamp(min=1)


def make_loss(
    name: LossName,
    focal_alpha: float = 0.25,
    focal_gamma: float = 2.0,
    asymmetric_gamma_negative: float = 4.0,
    asymmetric_gamma_positive: float = 1.0,
    asymmetric_margin: float = 0.05,
    class_balanced_beta: float = 0.9999,
    ldam_margin: float = 0.5,
    equalization_share: float = 1.76e-3,
    counts: Sequence[int] | None = None,
    num_clips: int | None = None,
) -> Callable[[Tensor, Tensor], Tensor]:
    """A loss from logits ``(B, C)`` and 0/1 labels ``(B, C)`` to a scalar, the mean over clips and classes.

    Args:
        name: ``"bce"``: binary cross-entropy. ``"cross_entropy"``: :func:`soft_cross_entropy`, for clips with one
            behaviour each. ``"focal"``: Lin et al. 2017 (arXiv 1708.02002), torchvision's. ``"asymmetric"``: Ridnik et
            al. 2021 (arXiv 2009.14119), timm's. ``"class_balanced"``, ``"ldam"``, ``"equalization"``: see
            :mod:`amclip.imbalance`.
        focal_alpha: Weight of the positive class in the focal loss, in ``[0, 1]``; -1 for none.
        focal_gamma: Focusing exponent of the focal loss.
        asymmetric_gamma_negative: Focusing exponent on negatives.
        asymmetric_gamma_positive: Focusing exponent on positives.
        asymmetric_margin: Probability by which negatives are shifted down.
        class_balanced_beta: How far weights go with rarity (class_balanced, ldam), in ``[0, 1)``.
        ldam_margin: Margin of the rarest class, in logits.
        equalization_share: Share of the training clips below which a class counts as rare, in ``(0, 1)``.
        counts: Training clips per class, for losses in :data:`COUNTING_LOSSES`.
        num_clips: Training clips, for the equalization loss.

    Raises:
        ValueError: If the name is unknown or a setting out of its range.
    """
    if focal_alpha != -1 and not 0 <= focal_alpha <= 1:
        raise ValueError(f"focal_alpha: expected a weight in [0, 1], or -1 for none, got {focal_alpha}")
    if not 0 <= asymmetric_margin < 1:
        raise ValueError(f"asymmetric_margin: expected a probability in [0, 1), got {asymmetric_margin}")
    for key, exponent in (
        ("focal_gamma", focal_gamma),
        ("asymmetric_gamma_negative", asymmetric_gamma_negative),
        ("asymmetric_gamma_positive", asymmetric_gamma_positive),
    ):
        if exponent < 0:
            raise ValueError(f"{key}: expected an exponent of 0 or more, got {exponent}")
    if not 0 <= class_balanced_beta < 1:
        raise ValueError(f"class_balanced_beta: expected a number in [0, 1), got {class_balanced_beta}")
    if ldam_margin < 0:
        raise ValueError(f"ldam_margin: expected a margin of 0 or more, got {ldam_margin}")
    if not 0 < equalization_share < 1:
        raise ValueError(f"equalization_share: expected a share in (0, 1), got {equalization_share}")
    if name == "bce":
        return F.binary_cross_entropy_with_logits
    if name == "cross_entropy":
        return soft_cross_entropy
    if name == "focal":
        from torchvision.ops import sigmoid_focal_loss

        return partial(sigmoid_focal_loss, alpha=focal_alpha, gamma=focal_gamma, reduction="mean")
    if name == "asymmetric":
        from timm.loss import AsymmetricLossMultiLabel

        asymmetric: Callable[[Tensor, Tensor], Tensor] = AsymmetricLossMultiLabel(
            gamma_neg=asymmetric_gamma_negative,
            gamma_pos=asymmetric_gamma_positive,
            clip=asymmetric_margin,
            reduction="mean",
        )
        return asymmetric
    if name in COUNTING_LOSSES:
        if counts is None or num_clips is None:
            raise ValueError(f"loss: {name} needs the number of training clips per class, and none is known")
        if name == "class_balanced":
            return ClassBalancedLoss(counts, class_balanced_beta)
        if name == "ldam":
            return LDAMLoss(counts, ldam_margin, class_balanced_beta)
        return EqualizationLoss(counts, num_clips, equalization_share)
    raise ValueError(f"loss: expected one of {', '.join(get_args(LossName))}, got {name!r}")


def probabilities(logits: Tensor, name: LossName) -> Tensor:
    """What a network trained with a loss says of each class, float32 in ``[0, 1]``.

    Args:
        logits: Shape ``(B, C)``, any float type.
        name: The loss; softmax for cross-entropy, a sigmoid per class for the others.
    """
    return logits.float().softmax(dim=1) if name == "cross_entropy" else torch.sigmoid(logits.float())
