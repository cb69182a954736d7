"""A moving average of the weights that is of use from the first steps on."""

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

__all__ = ["MovingAverage", "warmed_decay"]


class MovingAverage(WeightAveraging):
    """The average that is validated and saved; a resumed training goes on with both the weights and their average.

    Args:
        decay: Of the average, below 1, once it has grown to it; see :func:`warmed_decay`.
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: Tensor, current: Tensor, number: Tensor) -> Tensor:
            if not averaged.is_floating_point():
                return current  # counters and masks have no average
            return averaged + (1 - warmed_decay(number, decay)) * (current - averaged)

        super().__init__(avg_fn=average)


def warmed_decay(number: Tensor, decay: float) -> Tensor:
    """The decay of a step: ``(1 + n) / (10 + n)``, and at most ``decay``.

    As TensorFlow's ``ExponentialMovingAverage`` warms up: with 0.999 from the start, the first
    weights, which nothing was learned in, would weigh most for 700 steps.

    Args:
        number: Steps that were averaged before, ``n``, of any integer type.
        decay: Below 1.
    """
    return ((1 + number) / (10 + number)).clamp(max=decay)
