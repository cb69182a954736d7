"""Losses for clips that show several behaviours at once, by name."""

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["LossName", "make_loss", "probabilities", "soft_cross_entropy"]

LossName = Literal["bce", "cross_entropy", "focal", "asymmetric"]


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
) -> Callable[[Tensor, Tensor], Tensor]:
    """A loss from logits ``(B, C)`` and 0/1 labels ``(B, C)`` to a scalar, the mean over clips and classes.

    Args:
        name: ``"bce"``: binary cross-entropy. ``"cross_entropy"``: :func:`soft_cross_entropy`, for clips with one
            behaviour each. ``"focal"``: Lin et al. 2017 (arXiv 1708.02002), torchvision's. ``"asymmetric"``: Ridnik et
            al. 2021 (arXiv 2009.14119), timm's.
        focal_alpha: Weight of the positive class in the focal loss, in ``[0, 1]``; -1 for none.
        focal_gamma: Focusing exponent of the focal loss.
        asymmetric_gamma_negative: Focusing exponent on negatives.
        asymmetric_gamma_positive: Focusing exponent on positives.
        asymmetric_margin: Probability by which negatives are shifted down.

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
    raise ValueError(f"loss: expected bce, cross_entropy, focal or asymmetric, got {name!r}")


def probabilities(logits: Tensor, name: LossName) -> Tensor:
    """What a network trained with a loss says of each class, float32 in ``[0, 1]``.

    Args:
        logits: Shape ``(B, C)``, any float type.
        name: The loss; softmax for cross-entropy, a sigmoid per class for the others.
    """
    return logits.float().softmax(dim=1) if name == "cross_entropy" else torch.sigmoid(logits.float())
