"""How long a training is, and how far it has come."""

import math

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Timer

__all__ = ["training_progress", "training_steps"]


def training_steps(trainer: Trainer) -> int:
    """Steps of the whole training, 1 or more.

    Raises:
        ValueError: If nobody knows how many there will be.
    """
    steps = _steps(trainer)
    if math.isinf(steps):
        raise ValueError(
            "trainer.max_epochs: learning rates fall towards the end of the training, so its length must be known; "
            "set trainer.max_epochs or trainer.max_steps, beside trainer.max_time if you like"
        )
    return int(steps)


def training_progress(trainer: Trainer) -> float:
    """How much of the training is done, in ``[0, 1]``: of its steps or of its time, whichever ends it sooner.

    Both are counted on when a training is resumed.
    """
    fraction = trainer.global_step / _steps(trainer)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, Timer) and (remaining := callback.time_remaining()) is not None:
            elapsed = callback.time_elapsed()
            fraction = max(fraction, elapsed / max(elapsed + remaining, 1e-9))
    return min(1.0, fraction)


def _steps(trainer: Trainer) -> float:
    """Infinite where nothing but time ends it."""
    steps = trainer.estimated_stepping_batches
    return max(1, steps) if steps >= 0 else math.inf
