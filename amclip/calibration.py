"""Probabilities that mean what they say: a temperature and a bias per class, fitted on the validation clips.

The log-odds of each class, a yes-or-no question of its own, become ``log-odds / T + b`` (Platt 1999, "Probabilistic
Outputs for Support Vector Machines"). A temperature alone (Guo et al. 2017, arXiv 1706.04599) cannot move a probability
of 0.5, and losses that weigh presence and absence unlike, like clips drawn by their class, shift all log-odds of a
class.

Where classes exclude each other (softmax) there is one temperature for all and a bias for each, so that probabilities
still sum to 1 (Alexandari, Kundaje & Shrikumar 2020, arXiv 1901.06852, "bias-corrected temperature scaling").
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from amclip.log_odds import log_probabilities, to_float64, to_probabilities
from amclip.metrics import best_thresholds
from amclip.plain import from_plain, to_plain

__all__ = ["Calibrator", "calibrate", "calibrated", "fit_calibration"]

_MOST = 1e4  # of log-odds to fit to: a network of one's own may rule classes out, and infinite ones fit nothing
BIAS_DEVIATION = 3.0
"""Of the prior on biases, in logits: drawing a class twenty times as often shifts its logit by ``log(20) = 3``."""
_STEPS = 200
_SETTLED = 1e-7


@dataclass(frozen=True)
class Calibrator:
    """What the validation clips taught of a network's log-odds: their scale, and where a behaviour begins.

    Attributes:
        temperatures: One per class, see :func:`calibrate`.
        biases: One per class, in log-odds.
        thresholds: For calibrated probabilities, one per class, in ``[0, 1]``: those with the best F1, and 0.5 for
            classes without a positive clip.
        raw_thresholds: The same for log-odds as the network gives them, and 0 where nothing is known.
        exclusive: Whether the classes' probabilities sum to 1.
    """

    temperatures: tuple[float, ...]
    biases: tuple[float, ...]
    thresholds: tuple[float, ...]
    raw_thresholds: tuple[float, ...]
    exclusive: bool = False

    @classmethod
    def fit(cls, log_odds: Tensor, labels: Tensor, exclusive: bool = False) -> "Calibrator":
        """Fit to clips that the network was not trained on.

        Args:
            log_odds: float, shape ``(N, C)``.
            labels: 0 or 1, shape ``(N, C)``.
            exclusive: Whether the classes' probabilities sum to 1.
        """
        temperatures, biases = fit_calibration(log_odds, labels, exclusive)
        probabilities = calibrate(log_odds, temperatures, biases, exclusive)
        raw_thresholds = best_thresholds(log_odds, labels, 0.0)
        if not exclusive:  # what becomes 0.5; where classes exclude each other that depends on the others
            untuned = ~labels.any(dim=0).cpu()
            raw_thresholds[untuned] = (-biases * temperatures)[untuned]
        return cls(
            temperatures=tuple(temperatures.tolist()),
            biases=tuple(biases.tolist()),
            thresholds=tuple(best_thresholds(probabilities, labels, 0.5).tolist()),
            raw_thresholds=tuple(raw_thresholds.tolist()),
            exclusive=exclusive,
        )

    def __call__(self, log_odds: Tensor) -> Tensor:
        """Calibrated probabilities, float32 in ``[0, 1]``, from the network's log-odds ``(..., C)``; NaN stays NaN."""
        return calibrate(log_odds, torch.tensor(self.temperatures), torch.tensor(self.biases), self.exclusive)

    def parameters(self) -> dict[str, tuple[float, ...]]:
        """What was fitted, by the names that tables of scores give it; a value per class."""
        return {"temperature": self.temperatures, "bias": self.biases}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a checkpoint holds them."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Calibrator":
        """The calibrator again."""
        return from_plain(cls, values)


def calibrated(log_odds: Tensor, calibrator: Calibrator | None) -> Tensor:
    """Probabilities, float32 in ``[0, 1]``, from log-odds ``(..., C)``; as the network gives them without a calibrator.

    NaN stays NaN.
    """
    return to_probabilities(log_odds).float() if calibrator is None else calibrator(log_odds)


def calibrate(log_odds: Tensor, temperatures: Tensor, biases: Tensor, exclusive: bool = False) -> Tensor:
    """Divide log-odds by temperatures, above 1 for less extreme probabilities, add biases, and make probabilities.

    Unless classes exclude each other, the order of clips within a class stays as it was, so a threshold moves as the
    probabilities do.

    Args:
        log_odds: float, shape ``(..., C)``; NaN stays NaN.
        temperatures: Above 0, shape ``(C,)``.
        biases: In log-odds, shape ``(C,)``.
        exclusive: Whether the classes' probabilities sum to 1; then their logarithms are divided, and all temperatures
            are the same.

    Returns:
        The same shape, float32 in ``[0, 1]``.
    """
    device = log_odds.device
    log_odds, temperatures, biases = (to_float64(x.to(device)) for x in (log_odds, temperatures, biases))
    if exclusive:
        return (log_probabilities(log_odds) / temperatures + biases).softmax(dim=-1).float().to(device)
    return torch.sigmoid(log_odds / temperatures + biases).float().to(device)


def fit_calibration(log_odds: Tensor, labels: Tensor, exclusive: bool = False) -> tuple[Tensor, Tensor]:
    """Temperatures and biases that make labels most likely, drawn towards 1 and 0 where clips are few.

    What is least is the negative log-likelihood of all clips together plus ``log(T)² / 2`` and ``b² / (2 · 3²)``,
    normal priors: without them a handful of clips that are told apart without error would ask for a temperature of 0.

    Args:
        log_odds: Of clips the network was not trained on, float, shape ``(N, C)``.
        labels: 0 or 1, shape ``(N, C)``.
        exclusive: Whether the classes' probabilities sum to 1; then clips with a label are used, several labels
            sharing the clip.

    Returns:
        Temperatures, above 0, and biases, in log-odds, each of shape ``(C,)``, float32, on the CPU. A class that has no
        positive or no negative clip has those that fit all other classes together, which know the loss; without any
        others 1 and 0. Where classes exclude each other, one without a positive clip has the bias 0.
    """
    log_odds, labels = to_float64(log_odds).clamp(-_MOST, _MOST), to_float64(labels)
    num_classes = labels.shape[1]
    if exclusive:
        count = labels.sum(dim=1)
        fractions = (labels / count.clamp(min=1)[:, None])[count > 0]
        if not len(fractions):
            return torch.ones(num_classes), torch.zeros(num_classes)
        point = _fit_exclusive(log_probabilities(log_odds)[count > 0], fractions)
        return torch.exp(-point[:1]).expand(num_classes).float().cpu(), point[1:].float().cpu()
    known = (labels.sum(dim=0) > 0) & (labels.sum(dim=0) < len(labels))
    points = log_odds.new_zeros(num_classes, 2)
    if bool(known.any()):
        points[known] = _fit_binary(log_odds[:, known], labels[:, known])
        if not bool(known.all()):
            points[~known] = _fit_binary(log_odds[:, known].view(-1, 1), labels[:, known].view(-1, 1))
    return torch.exp(-points[:, 0]).float().cpu(), points[:, 1].float().cpu()


_Objective = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]
"""Of points ``(K, P)``: values ``(K,)``, slopes ``(K, P)``, curvatures ``(K, P, P)``, positive definite."""


def _fit_binary(log_odds: Tensor, labels: Tensor) -> Tensor:
    """``(-log T, b)`` of each class, shape ``(C, 2)``, from log-odds and labels ``(N, C)``."""

    def objective(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scaled = log_odds * points[:, 0].exp()
        shifted = scaled + points[:, 1]
        likely = torch.sigmoid(shifted)
        values = (F.softplus(shifted) - labels * shifted).sum(dim=0)
        missed, spread = likely - labels, likely * (1 - likely)
        bent = (missed * scaled).sum(dim=0)
        slopes = torch.stack([bent, missed.sum(dim=0)], dim=1)
        mixed = (spread * scaled).sum(dim=0)
        own = (spread * scaled**2).sum(dim=0) + bent.clamp(min=0)  # less would not be sure to be positive
        curvatures = torch.stack([own, mixed, mixed, spread.sum(dim=0)], dim=1).view(-1, 2, 2)
        return _with_priors(points, values, slopes, curvatures)

    return _minimise(objective, log_odds.new_zeros(log_odds.shape[1], 2))


def _fit_exclusive(logs: Tensor, fractions: Tensor) -> Tensor:
    """``(-log T, b_1, …, b_C)``, shape ``(1 + C,)``, from logarithms of probabilities and labels, ``(N, C)`` each."""
    free = torch.cat([fractions.new_ones(1), (fractions.sum(dim=0) > 0).to(fractions)])

    def objective(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scaled = logs * points[0, 0].exp()
        shifted = scaled + points[0, 1:]
        likely = shifted.softmax(dim=1)
        value = (shifted.logsumexp(dim=1) - (fractions * shifted).sum(dim=1)).sum()
        missed = likely - fractions
        bent = (missed * scaled).sum()
        slope = torch.cat([bent.view(1), missed.sum(dim=0)])
        around = scaled - (likely * scaled).sum(dim=1, keepdim=True)
        mixed = (likely * around).sum(dim=0)
        curvature = torch.cat(
            [
                torch.cat([((likely * around**2).sum() + bent.clamp(min=0)).view(1), mixed])[None],
                torch.cat([mixed[:, None], likely.sum(dim=0).diag() - likely.T @ likely], dim=1),
            ]
        )
        return _with_priors(points, value[None], (free * slope)[None], (free[:, None] * free * curvature)[None])

    return _minimise(objective, logs.new_zeros(1, 1 + logs.shape[1]))[0]


def _with_priors(points: Tensor, values: Tensor, slopes: Tensor, curvatures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same with normal priors: deviation 1 on the first parameter, ``log T``, and ``BIAS_DEVIATION`` on biases."""
    strength = points.new_full((points.shape[1],), BIAS_DEVIATION**-2)
    strength[0] = 1.0
    return (
        values + (strength * points**2).sum(dim=1) / 2,
        slopes + strength * points,
        curvatures + strength.diag(),
    )


def _minimise(objective: _Objective, points: Tensor) -> Tensor:
    """Each problem's point of least value, by Newton's steps, shorter where a whole one would not go down."""
    value, slope, curvature = objective(points)
    length = torch.ones_like(value)
    for _ in range(_STEPS):
        step = length[:, None] * torch.linalg.solve(curvature, slope)
        if float(step.abs().max()) < _SETTLED:
            break
        tried = objective(points - step)
        lower = tried[0] < value
        points = torch.where(lower[:, None], points - step, points)
        value = torch.where(lower, tried[0], value)
        slope = torch.where(lower[:, None], tried[1], slope)
        curvature = torch.where(lower[:, None, None], tried[2], curvature)
        length = torch.where(lower, (2 * length).clamp(max=1), length / 4)
    return points
