"""Probabilities that mean what they say: a temperature per class, fitted on the validation clips.

Guo et al. 2017 (arXiv 1706.04599) divide all logits by one temperature; here each class, being a yes-or-no question of
its own, has one. Where classes exclude each other (softmax) there is one for all, so that they still sum to 1.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from amclip.metrics import best_thresholds
from amclip.plain import from_plain, to_plain

__all__ = ["Calibrator", "calibrate", "fit_temperatures"]

_LEAST = 1e-7  # a probability of 0 or 1 in float32 has no logit
_RANGE = math.log(20.0)
_HALVINGS = 40


@dataclass(frozen=True)
class Calibrator:
    """What the validation clips taught of a network's probabilities: their scale, and where a behaviour begins.

    Attributes:
        temperatures: One per class, see :func:`calibrate`.
        thresholds: For calibrated probabilities, one per class, in ``[0, 1]``: those with the best F1.
        raw_thresholds: The same for probabilities as the network gives them.
        exclusive: Whether the classes' probabilities sum to 1.
    """

    temperatures: tuple[float, ...]
    thresholds: tuple[float, ...]
    raw_thresholds: tuple[float, ...]
    exclusive: bool = False

    @classmethod
    def fit(cls, probabilities: Tensor, labels: Tensor, exclusive: bool = False) -> "Calibrator":
        """Fit to clips that the network was not trained on.

        Args:
            probabilities: float, shape ``(N, C)``, in ``[0, 1]``.
            labels: 0 or 1, shape ``(N, C)``.
            exclusive: Whether the classes' probabilities sum to 1.
        """
        temperatures = fit_temperatures(probabilities, labels, exclusive)
        calibrated = calibrate(probabilities, temperatures, exclusive)
        return cls(
            temperatures=tuple(temperatures.tolist()),
            thresholds=tuple(best_thresholds(calibrated, labels).tolist()),
            raw_thresholds=tuple(best_thresholds(probabilities, labels).tolist()),
            exclusive=exclusive,
        )

    def __call__(self, probabilities: Tensor) -> Tensor:
        """Calibrated probabilities, float32, from those of the network, ``(..., C)`` in ``[0, 1]``; NaN stays NaN."""
        return calibrate(probabilities, torch.tensor(self.temperatures), self.exclusive)

    def parameters(self) -> dict[str, tuple[float, ...]]:
        """What was fitted, by the names that tables of scores give it; a value per class."""
        return {"temperature": self.temperatures}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a checkpoint holds them."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Calibrator":
        """The calibrator again."""
        return from_plain(cls, values)


def calibrate(probabilities: Tensor, temperatures: Tensor, softmax: bool = False) -> Tensor:
    """Divide logits by temperatures: above 1 probabilities become less extreme, below 1 more.

    Without softmax the order of clips within a class stays as it was, so a threshold moves as the probabilities do.

    Args:
        probabilities: float, shape ``(..., C)``, in ``[0, 1]``; NaN stays NaN.
        temperatures: Above 0, shape ``(C,)``.
        softmax: Whether the classes' probabilities sum to 1; all temperatures are then the same.

    Returns:
        The same shape, float32.
    """
    temperatures = temperatures.to(probabilities.device, torch.float64)
    if softmax:
        return (_logs(probabilities) / temperatures).softmax(dim=-1).float()
    return torch.sigmoid(_logits(probabilities) / temperatures).float()


def fit_temperatures(probabilities: Tensor, labels: Tensor, softmax: bool = False) -> Tensor:
    """Temperatures that make labels most likely, drawn towards 1 where clips are few.

    What is least is the negative log-likelihood of all clips together plus ``log(T)² / 2``, a normal prior on the
    logarithm: without it a handful of clips that are told apart without error would ask for a temperature of 0.

    Args:
        probabilities: Of clips the network was not trained on, float, shape ``(N, C)``, in ``[0, 1]``.
        labels: 0 or 1, shape ``(N, C)``.
        softmax: Whether the classes' probabilities sum to 1; then clips with a label are used, several labels
            sharing the clip.

    Returns:
        Shape ``(C,)``, float32, in [1/20, 20]; 1 for a class that has no positive or no negative clip.
    """
    labels = labels.to(torch.float64)
    if softmax:
        count = labels.sum(dim=1)
        logs = _logs(probabilities)[count > 0]
        share = (labels / count.clamp(min=1)[:, None])[count > 0]
        if not len(logs):
            return torch.ones(labels.shape[1])
        shared = _fit(lambda beta: (((logs * beta).softmax(dim=1) - share) * logs).sum().view(1), 1, logs.device)
        return shared.expand(labels.shape[1]).float().cpu()
    logits = _logits(probabilities)
    temperatures = _fit(
        lambda beta: ((torch.sigmoid(logits * beta) - labels) * logits).sum(dim=0), labels.shape[1], logits.device
    )
    known = (labels.sum(dim=0) > 0) & (labels.sum(dim=0) < len(labels))
    return torch.where(known, temperatures, torch.ones_like(temperatures)).float().cpu()


def _fit(slope: Callable[[Tensor], Tensor], count: int, device: torch.device) -> Tensor:
    """Temperatures at which the objective neither rises nor falls, by halving an interval.

    The objective falls from T = 1 towards the temperature of greatest likelihood and rises beyond it, so the interval
    between holds what is sought.

    Args:
        slope: Derivative of the negative log-likelihood with respect to the inverse temperature, ``(count,)`` each.
        count: Number of temperatures.
        device: Where to compute.
    """
    low = torch.full((count,), -_RANGE, dtype=torch.float64, device=device)
    high = -low
    for _ in range(_HALVINGS):
        log = (low + high) / 2
        beta = torch.exp(-log)
        rises = log - beta * slope(beta) > 0  # derivative of the objective with respect to log T
        low, high = torch.where(rises, low, log), torch.where(rises, log, high)
    return torch.exp((low + high) / 2)


def _logits(probabilities: Tensor) -> Tensor:
    clamped = probabilities.to(torch.float64).clamp(_LEAST, 1 - _LEAST)
    return clamped.log() - (-clamped).log1p()


def _logs(probabilities: Tensor) -> Tensor:
    return probabilities.to(torch.float64).clamp(min=_LEAST).log()
