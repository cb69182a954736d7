"""Which weights learn at which rate, which decay, and how rates change over the steps."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from amclip.models.classifier import InterleavedClassifier
from amclip.models.tower import undecayed
from amclip.models.xclip_layers import is_message
from amclip.plain import Configurable

__all__ = ["Optimiser", "new_adamw", "parameter_groups", "warmed_cosine"]


@dataclass(frozen=True)
class Optimiser(Configurable):
    """AdamW with a linear warm-up and a cosine, by step. A subclass may bring another: it defines :meth:`configure`.

    Args:
        learning_rate: Peak learning rate of everything but the image tower.
        backbone_learning_rate: Peak learning rate of the image tower's weights that train.
        layer_decay: Factor on the image tower's rate for every block further from its output; 1 for none.
        weight_decay: Of matrices; biases, norms and embeddings (tokens, positions, learned queries) have none.
        warmup_fraction: Fraction of the training steps in which the rate rises from 0 to its peak.
        final_fraction: Fraction of the peak that the cosine ends on.

    Raises:
        ValueError: If a value is out of range.
    """

    learning_rate: float = 1e-4
    backbone_learning_rate: float = 1e-5
    layer_decay: float = 1.0
    weight_decay: float = 1e-3
    warmup_fraction: float = 0.1
    final_fraction: float = 0.01

    def __post_init__(self) -> None:
        for name in ("learning_rate", "backbone_learning_rate", "weight_decay"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"optimiser.{name}: expected 0 or more, got {getattr(self, name)}")
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"optimiser.layer_decay: expected a factor above 0 and at most 1, got {self.layer_decay}")
        if not 0 <= self.warmup_fraction < 1:
            raise ValueError(f"optimiser.warmup_fraction: expected a fraction in [0, 1), got {self.warmup_fraction}")
        if not 0 <= self.final_fraction <= 1:
            raise ValueError(f"optimiser.final_fraction: expected a fraction in [0, 1], got {self.final_fraction}")

    def configure(self, network: InterleavedClassifier, total_steps: int) -> dict[str, Any]:
        """What Lightning's ``configure_optimizers`` returns.

        Args:
            network: The network.
            total_steps: Steps of the whole training, 1 or more.
        """
        groups = parameter_groups(
            network, self.learning_rate, self.backbone_learning_rate, self.weight_decay, self.layer_decay
        )
        # X-CLIP's betas and epsilon (microsoft/VideoX, utils/optimizer.py).
        optimizer = new_adamw(groups, betas=(0.9, 0.98), eps=1e-8)
        factor = warmed_cosine(round(self.warmup_fraction * total_steps), total_steps, self.final_fraction)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def new_adamw(groups: list[dict[str, Any]], betas: tuple[float, float], eps: float) -> torch.optim.AdamW:
    """AdamW, by PyTorch's one kernel for all weights where these are on a GPU of CUDA.

    A state that was saved by the one way is taken over by the other. PyTorch's fused AdamW for CPUs is not taken: its
    weights differ in the last bit, and its time is a small part of a step there.

    Args:
        groups: As :func:`parameter_groups` gives them.
        betas: Decays of the moments.
        eps: Added to the denominator.
    """
    fused = _can_be_fused([parameter for group in groups for parameter in group["params"]])
    optimizer = torch.optim.AdamW(groups, betas=betas, eps=eps, fused=fused or None)
    if fused:
        # Else Lightning refuses to clip gradients in mixed precision, as the kernel could also undo a loss's scaling.
        # Lightning undoes it before, where there is one (16-mixed).
        optimizer._step_supports_amp_scaling = False
    optimizer.register_load_state_dict_pre_hook(_as_made)
    return optimizer


def _can_be_fused(parameters: list[nn.Parameter]) -> bool:
    return bool(parameters) and all(parameter.is_cuda for parameter in parameters)


def _as_made(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    """A saved state with the way of computing that this optimiser was made with, wherever it was saved."""
    saved, made = state["param_groups"], optimizer.param_groups
    if len(saved) != len(made):
        return state  # PyTorch says what is wrong
    own = ("fused", "foreach", "capturable")
    groups = [{**old, **{name: new[name] for name in own}} for old, new in zip(saved, made, strict=True)]
    return {**state, "param_groups": groups}


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
        weight_decay: Of matrices; biases, norms and embeddings (tokens, positions, learned queries) have none.
        layer_decay: The backbone's rate is multiplied by this once for every block between a weight and the output
            (BEiT, Bao et al., arXiv 2106.08254); the embeddings count as one block below the first.

    Returns:
        Groups with ``params``, ``lr`` and ``weight_decay``, the backbone's first, lowest layer first.
    """
    depths = {f"encoder.{name}": depth for name, depth in network.encoder.depths().items()}
    plain = undecayed(network)
    groups: dict[tuple[float, bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        tower = name.startswith("encoder.") and not is_message(name) and "lora_" not in name
        rate = backbone_learning_rate * layer_decay ** depths[name] if tower else learning_rate
        groups.setdefault((rate, not tower, name in plain), []).append(parameter)
    order = sorted(groups, key=lambda key: (key[1], key[0], key[2]))
    return [{"params": groups[key], "lr": key[0], "weight_decay": 0.0 if key[2] else weight_decay} for key in order]


def warmed_cosine(warmup: int, total: int, final: float) -> Callable[[int], float]:
    """A rate's fraction of its peak: it rises in a line, then falls along half a cosine.

    Args:
        warmup: Steps in which it rises.
        total: All steps; behind them it stays as it is at the end.
        final: Its fraction of the peak at the end.

    Returns:
        A function of the step, from 0 on.
    """

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        progress = min(1.0, (step - warmup) / max(1, total - warmup))
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))

    return factor
