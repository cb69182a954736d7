"""A token from the numbers of a moment's motion, beside the embeddings of its images."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["OBSERVED_STEPS", "MotionTokens"]

OBSERVED_STEPS = 100
"""Training steps whose numbers are taken into mean and deviation, which then stay as they are."""

# A number that hardly varied in training must not become huge where it does later: deviations count as this at least,
# on the compressed scale, where it is about a tenth of the number.
_LEAST_VARIANCE = 0.01


class MotionTokens(nn.Module):
    """One token per crop: numbers compressed, standardised, and through two linear maps with a GELU between.

    Numbers of motion spread over orders of magnitude, so each becomes ``sign(x) log(1 + |x| / scale)``: linear below
    its scale, logarithmic above it, without a bound. Mean and deviation of these over the first training steps
    (:meth:`observe`) standardise them. They are frozen parameters and not buffers, because DistributedDataParallel
    broadcasts buffers in every forward, a collective that uneven test batches must not meet; a checkpoint holds them.

    Args:
        scales: Of each of the ``G`` crops those of its ``F`` numbers, see :func:`amclip.motion.motion_scales`.
        width: Size of a token, ``D``.
        hidden: Size between the linear maps.
        dropout: Probability of dropout there, in [0, 1).
    """

    def __init__(self, scales: Sequence[Sequence[float]], width: int, hidden: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        table = torch.tensor([list(each) for each in scales])
        self.scale = nn.Parameter(table, requires_grad=False)
        self.mean = nn.Parameter(torch.zeros_like(table), requires_grad=False)
        self.variance = nn.Parameter(torch.ones_like(table), requires_grad=False)
        self.observed = nn.Parameter(torch.zeros(()), requires_grad=False)
        """Positions that mean and variance are of."""
        crops, numbers = table.shape
        self.first = nn.ModuleList(nn.Linear(numbers, hidden) for _ in range(crops))
        self.second = nn.ModuleList(nn.Linear(hidden, width) for _ in range(crops))
        self.dropout = dropout

    @property
    def shape(self) -> tuple[int, int]:
        """``(G, F)``."""
        crops, numbers = self.scale.shape
        return crops, numbers

    def compressed(self, motion: Tensor) -> Tensor:
        """Numbers on the scale that is standardised, float32, the same shape ``(..., G, F)``."""
        return motion.float().sign() * torch.log1p(motion.float().abs() / self.scale.float())

    @torch.no_grad()
    def observe(self, motion: Tensor, step: int) -> None:
        """Take a training batch into mean and variance, with those of all processes; in the first steps only.

        Args:
            motion: Shape ``(..., G, F)``.
            step: Number of the training step, from 0 on.
        """
        if step >= OBSERVED_STEPS:
            return
        values = self.compressed(motion).flatten(0, -3).double()
        sums = torch.stack([torch.ones_like(values), values, values**2]).sum(dim=1)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(sums)
        before, mean, variance = self.observed.double(), self.mean.double(), self.variance.double()
        count = before + sums[0]
        mean_now = (before * mean + sums[1]) / count
        square = (before * (variance + mean**2) + sums[2]) / count
        self.mean.copy_(mean_now)
        self.variance.copy_((square - mean_now**2).clamp(min=0))
        self.observed.copy_(count[0, 0])

    def forward(self, motion: Tensor) -> Tensor:
        """Tokens of shape ``(..., G, D)``, float32 in every precision, from numbers ``(..., G, F)``.

        Raises:
            ValueError: If the numbers are not as many as it was made for.
        """
        if motion.shape[-2:] != self.shape:
            raise ValueError(
                f"motion: expected {self.shape[1]} numbers of each of {self.shape[0]} crops, as it was built for, got "
                f"shape {tuple(motion.shape)}"
            )
        with torch.autocast(motion.device.type, enabled=False):
            x = (self.compressed(motion) - self.mean.float()) / (self.variance.float() + _LEAST_VARIANCE).sqrt()
            tokens = []
            for crop, (first, second) in enumerate(zip(self.first, self.second, strict=True)):
                hidden = F.gelu(F.linear(x[..., crop, :], first.weight.float(), first.bias.float()))
                hidden = F.dropout(hidden, self.dropout, self.training)
                tokens.append(F.linear(hidden, second.weight.float(), second.bias.float()))
        return torch.stack(tokens, dim=-2)
