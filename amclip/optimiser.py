"""Which weights learn at which rate, which decay, and how rates change over the steps."""

import math
import re
from collections.abc import Callable
from typing import Any

from torch import nn

from amclip.models.classifier import InterleavedClassifier
from amclip.models.xclip_layers import is_message

__all__ = ["parameter_groups", "warmed_cosine"]


def parameter_groups(
    network: InterleavedClassifier,
    learning_rate: float,
    backbone_learning_rate: float,
    weight_decay: float,
    layer_decay: float = 1.0,
) -> list[dict[str, Any]]:
    """Groups of an optimiser over the weights that train, each with its rate and decay.

    CLIP's own weights have the backbone's rate; what amclip, X-CLIP and LoRA add starts from nothing and has the other,
    also where it lies inside the image tower.

    Args:
        network: The network.
        learning_rate: Peak rate of everything but CLIP's own weights.
        backbone_learning_rate: Peak rate of CLIP's own weights.
        weight_decay: Of matrices; biases, norms and embeddings have none.
        layer_decay: The backbone's rate is multiplied by this once for every block between a weight and the output
            (BEiT, Bao et al., arXiv 2106.08254); the embeddings count as one block below the first.

    Returns:
        Groups with ``params``, ``lr`` and ``weight_decay``, the backbone's first, lowest layer first.
    """
    groups: dict[tuple[float, bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        tower = name.startswith("encoder.") and not is_message(name) and "lora_" not in name
        rate = backbone_learning_rate * layer_decay ** _depth(name, network) if tower else learning_rate
        groups.setdefault((rate, not tower, not _decays(name, parameter)), []).append(parameter)
    order = sorted(groups, key=lambda key: (key[1], key[0], key[2]))
    return [{"params": groups[key], "lr": key[0], "weight_decay": 0.0 if key[2] else weight_decay} for key in order]


def warmed_cosine(warmup: int, total: int, final: float) -> Callable[[int], float]:
    """A rate's share of its peak: it rises in a line, then falls along half a cosine.

    Args:
        warmup: Steps in which it rises.
        total: All steps; behind them it stays as it is at the end.
        final: Its share of the peak at the end.

    Returns:
        A function of the step, from 0 on.
    """

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        progress = min(1.0, (step - warmup) / max(1, total - warmup))
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))

    return factor


def _depth(name: str, network: InterleavedClassifier) -> int:
    """Blocks between a weight of the image tower and its output."""
    blocks = {int(number) for other, _ in network.encoder.named_parameters() for number in _block(other)}
    mine = _block(name)
    if mine:
        return len(blocks) - int(mine[0])
    # The last norm, the pooling and the projection lie behind all blocks; what is left is before the first.
    parts = (".ln_post.", ".attn_pool", ".trunk.norm.", ".trunk.fc_norm.", ".visual.head.")
    behind = name.endswith("visual.proj") or any(part in name for part in parts)
    return 0 if behind else len(blocks) + 1


def _block(name: str) -> list[str]:
    return re.findall(r"\.(?:resblocks|trunk\.blocks)\.(\d+)\.", f".{name}")


def _decays(name: str, parameter: nn.Parameter) -> bool:
    """Matrices decay; biases, norms, scales and embeddings of position, view or class do not."""
    embedding = any(
        part in name for part in ("positional_embedding", "class_embedding", ".position", ".view", "pos_embed")
    )
    return parameter.ndim > 1 and not embedding
