"""How long a training takes yet: the bar of an epoch says nothing of those that follow."""

import time
from collections import deque
from statistics import median

from lightning.pytorch import Callback, LightningModule, Trainer

from amclip.long_work import clock
from amclip.rank_zero import rank_zero_info

__all__ = ["EpochTimes"]

_LINE_EVERY = 60.0  # seconds: where epochs take seconds, not each of them has a line


class EpochTimes(Callback):
    """Says at the end of epochs, at most once a minute, how long all that are left will take.

    By the median of the last five, since one that other programs held up says nothing of the others. The first counts
    only while there is no other: it makes embeddings that the others find stored.
    """

    def __init__(self) -> None:
        super().__init__()
        self._began = self._said = time.monotonic()
        self._took: deque[float] = deque(maxlen=5)
        self._ended = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._began = self._said = time.monotonic()
        self._took.clear()
        self._ended = 0

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say it."""
        now = time.monotonic()
        took, self._began = now - self._began, now
        if self._ended == 1:
            self._took.clear()
        self._ended += 1
        self._took.append(took)
        done, epochs = trainer.current_epoch + 1, trainer.max_epochs
        if now - self._said < _LINE_EVERY or trainer.sanity_checking:
            return
        self._said = now
        if epochs is None or epochs < 0:
            rank_zero_info(f"Epoch {done} took {clock(took)}")
        elif done < epochs:
            left = median(self._took) * (epochs - done)
            rank_zero_info(f"Epoch {done} of {epochs} took {clock(took)}; about {clock(left)} left")
