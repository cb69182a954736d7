"""What a network says of classes, as log-odds: ``log(p / (1 - p))`` in place of the probability ``p``.

A probability in float32 is 1 from ``1 - 3e-8`` on, so all that is surer than log-odds of 17 would look alike; log-odds
themselves have no such end. They are what is ranked, averaged, gathered and calibrated, and probabilities are made of
them once, where somebody reads them. A sigmoid's logits are log-odds as they are.
"""

import math

import torch
from torch import Tensor

__all__ = [
    "log_probabilities",
    "mean_log_odds",
    "probability_cell",
    "softmax_log_odds",
    "to_float64",
    "to_probabilities",
]

_COUNTED = 1e-12  # less is not written with its noughts


def to_float64(values: Tensor) -> Tensor:
    """The same values in float64; on the CPU where their device has no float64, as GPUs of Apple."""
    return (values.cpu() if values.device.type == "mps" else values).double()


def softmax_log_odds(logits: Tensor) -> Tensor:
    """Log-odds of each class against all others, where exactly one is shown: of a softmax's probabilities.

    Args:
        logits: Shape ``(..., C)``, at least two classes, any float type.

    Returns:
        The same shape, float32.
    """
    device, logits = logits.device, to_float64(logits)
    logs = logits.log_softmax(dim=-1)
    top = torch.arange(logits.shape[-1], device=logits.device) == logits.argmax(dim=-1, keepdim=True)
    others = logits.masked_fill(top, -torch.inf).logsumexp(dim=-1, keepdim=True)
    # Only the likeliest can have a probability near 1, which `1 - p` would round away.
    return torch.where(top, logits - others, logs - (-logs.exp()).log1p()).float().to(device)


def mean_log_odds(log_odds: Tensor, dim: int) -> Tensor:
    """Log-odds of the mean of the probabilities.

    Args:
        log_odds: float, at least one along ``dim``.
        dim: What is averaged over.

    Returns:
        The shape without ``dim``, float32; a single one stays what it is, to the last bit.
    """
    if log_odds.shape[dim] == 1:
        return log_odds.squeeze(dim).float()
    mean = log_probabilities(log_odds).logsumexp(dim) - log_probabilities(-log_odds).logsumexp(dim)
    return mean.float().to(log_odds.device)


def log_probabilities(log_odds: Tensor) -> Tensor:
    """Logarithms of probabilities, of the same shape, as :func:`to_float64`; NaN stays NaN."""
    log_odds = to_float64(log_odds)
    # As logsigmoid, which ONNX programs compute as log(sigmoid(x)): infinite from about -40 on.
    return log_odds.clamp(max=0) - (-log_odds.abs()).exp().log1p()


def to_probabilities(log_odds: Tensor) -> Tensor:
    """Probabilities in ``[0, 1]``, of the same shape, as :func:`to_float64`: not calibrated; NaN stays NaN."""
    return to_float64(log_odds).sigmoid()


def probability_cell(probability: float) -> str:
    """A probability as a table holds it: with six digits behind the noughts, or behind the nines; empty for NaN.

    As many noughts as nobody counts are a power of ten: ``2.06115e-22``.
    """
    if math.isnan(probability):
        return ""
    if 0 < probability < _COUNTED:
        return f"{probability:.5e}"
    nearer = min(probability, 1 - probability)
    nearer = max(nearer, _COUNTED) if nearer else 0.5  # 17 decimals, all that float64 has of a number near 1
    return f"{probability:.{5 - math.floor(math.log10(nearer))}f}"
