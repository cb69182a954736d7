"""Where a training is in its epochs, and the random numbers that follow from it."""

from typing import Any, NamedTuple

import numpy as np

__all__ = ["Place", "seed_of"]


class Place(NamedTuple):
    """Where a training goes on; in checkpoints.

    Attributes:
        epoch: The epoch, from 0.
        batches: Its batches that are done.
        clips_at_once: Clips of a batch, over all processes.
    """

    epoch: int = 0
    batches: int = 0
    clips_at_once: int = 0

    @classmethod
    def of(cls, trainer: Any, batch_size: int) -> "Place":
        """Where a training of Lightning's is, with so many clips in a process's batch."""
        epochs, batches = trainer.fit_loop.epoch_progress.current, trainer.fit_loop.epoch_loop.batch_progress
        at_once = batch_size * trainer.world_size
        if epochs.started <= epochs.completed:  # between epochs, or behind the last
            return cls(epochs.completed, 0, at_once)
        if batches.is_last_batch or epochs.processed > epochs.completed:  # or ended early, by a limit of steps or time
            return cls(epochs.completed + 1, 0, at_once)
        return cls(epochs.completed, batches.current.processed, at_once)

    def refuse_other_batches(self, clips_at_once: int) -> None:
        """Refuse to go on within an epoch with batches of another size.

        Raises:
            ValueError: If they are.
        """
        if self.batches and clips_at_once != self.clips_at_once:
            raise ValueError(
                f"--ckpt_path: the checkpoint was written within epoch {self.epoch}, of which {self.batches} batches "
                f"of {self.clips_at_once} clips are done, and now a batch is {clips_at_once} clips over all devices: "
                f"set data.batch_size times the number of devices to {self.clips_at_once}, or go on from a checkpoint "
                "that was written at the end of an epoch"
            )


def seed_of(seed: int, *of: int) -> int:
    """A seed that follows from another and from numbers of 0 or more, in ``[0, 2^63)``."""
    state = np.random.SeedSequence([seed % 2**32, *of]).generate_state(1, np.uint64)[0]
    return int(state >> np.uint64(1))
