"""A token from the numbers of a moment's motion, beside the embeddings of its images."""

import torch
from torch import Tensor, nn

from amclip.log_odds import to_float64

__all__ = ["OBSERVED_STEPS", "MotionTokens"]

OBSERVED_STEPS = 100
"""Training steps whose numbers are taken into mean and deviation, which then stay as they are."""

_HIDDEN = 128
_COMMON = 3.0
"""Deviation of what tokens have in common, at first: ten times that of what tells them apart."""
_USUAL = 3.0
"""Deviations from the mean up to which numbers stay about as they are; beyond, they grow with a logarithm."""


class MotionTokens(nn.Module):
    """One token per crop: numbers standardised, outliers drawn in, then two linear maps with a GELU between.

    Numbers of motion have long tails. They are standardised by their mean and deviation over the first training steps
    (:meth:`observe`) and become ``sign(z) 3 log(1 + |z| / 3)``: about linear where most of them are, without a bound
    where few are. Mean and variance are frozen parameters and not buffers, because DistributedDataParallel broadcasts
    buffers in every forward, a collective that uneven test batches must not meet; a checkpoint holds them.

    Args:
        shape: ``(G, F)``: crops, and numbers of each.
        width: Size of a token, ``D``.
    """

    def __init__(self, shape: tuple[int, int], width: int) -> None:
        super().__init__()
        self.shape = shape
        crops, numbers = shape
        self.mean = nn.Parameter(torch.zeros(shape), requires_grad=False)
        self.variance = nn.Parameter(torch.ones(shape), requires_grad=False)
        self.observed = nn.Parameter(torch.zeros(()), requires_grad=False)
        """Positions that mean and variance are of."""
        self.tokens = nn.ModuleList(_token(numbers, width) for _ in range(crops))

    @torch.no_grad()
    def observe(self, motion: Tensor, step: int) -> None:
        """Take a training batch into mean and variance, with those of all processes; in the first steps only.

        Args:
            motion: Shape ``(..., G, F)``.
            step: Number of the training step, from 0 on.
        """
        if step >= OBSERVED_STEPS:
            return
        values = to_float64(motion.flatten(0, -3))
        sums = torch.stack([torch.ones_like(values), values, values**2]).sum(dim=1)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(sums)
        before, mean, variance = (to_float64(each) for each in (self.observed, self.mean, self.variance))
        count = before + sums[0]
        mean_now = (before * mean + sums[1]) / count
        square = (before * (variance + mean**2) + sums[2]) / count
        self.mean.copy_(mean_now)
        self.variance.copy_((square - mean_now**2).clamp(min=0))
        # Half precision ends at 65,504: beyond that later positions count for a little more, in place of infinity.
        self.observed.copy_(count[0, 0].clamp(max=torch.finfo(self.observed.dtype).max))

    def standardised(self, motion: Tensor) -> Tensor:
        """What the linear maps see, float32, of the same shape ``(..., G, F)``; 0 of numbers that never varied."""
        variance = self.variance.float()
        deviations = (motion.float() - self.mean.float()) / variance.sqrt().clamp(min=1e-12)
        drawn_in = deviations.sign() * _USUAL * torch.log1p(deviations.abs() / _USUAL)
        return drawn_in * (variance > 0)

    def forward(self, motion: Tensor) -> Tensor:
        """Tokens of shape ``(..., G, D)``, in the weights' precision, from numbers ``(..., G, F)``.

        Raises:
            ValueError: If the numbers are not as many as it was made for.
        """
        if motion.shape[-2:] != self.shape:
            raise ValueError(
                f"motion: expected {self.shape[1]} numbers of each of {self.shape[0]} crops, as it was built for, got "
                f"shape {tuple(motion.shape)}"
            )
        with torch.autocast(motion.device.type, enabled=False):
            x = self.standardised(motion).to(self.mean.dtype)
            return torch.stack([token(x[..., crop, :]) for crop, token in enumerate(self.tokens)], dim=-2)


def _token(numbers: int, width: int) -> nn.Sequential:
    first, second = nn.Linear(numbers, _HIDDEN), nn.Linear(_HIDDEN, width)
    # As embeddings of images do, tokens have most in common. Without that, the norm in front of a head would enlarge
    # the noise of a moment whose numbers are all near their means; with much of it, the norm is about linear.
    nn.init.normal_(second.bias, std=_COMMON)
    return nn.Sequential(first, nn.GELU(), second)
