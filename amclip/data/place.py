"""Where a training is in its epochs, and the random numbers that follow from it."""

from typing import Any, Literal, NamedTuple, get_args

import numpy as np

__all__ = ["Place", "Purpose", "seed_of"]

Purpose = Literal["order", "moments", "augmentation", "step"]
"""What random numbers of a training are drawn for."""
_PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


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


def seed_of(purpose: Purpose, seed: int, *of: int) -> int:
    """A seed of its own for each purpose, seed and numbers: no draw is another's of a neighbouring seed or epoch.

    Args:
        purpose: What is drawn: the order of an epoch's clips, the moments of a clip that are seen, how a clip is
            augmented, or what else a training step draws (dropout).
        seed: The seed of the training.
        of: What it is drawn for, numbers of 0 or more: the epoch, then clips and how often they came before.

    Returns:
        A seed in ``[0, 2^63)``.
    """
    # With the count of the numbers, as zeros at the end of them would not count.
    entropy = [_PURPOSES.index(purpose), seed % 2**32, len(of), *of]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))
