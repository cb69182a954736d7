"""The order in which training clips are seen: shuffled, or behaviours in turn."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import DistributedSampler

__all__ = ["ClassAwareSampler", "EpochSampler"]


class EpochSampler(DistributedSampler[Any]):
    """Yields ``(row, epoch)``, so that a clip's random positions depend on nothing but seed, epoch and row.

    Workers live on over epochs and hold a copy of the dataset, so the epoch must travel with the index. Lightning calls
    ``set_epoch``. With one process it is a plain seeded shuffle.
    """

    def __iter__(self) -> Iterator[Any]:
        """Rows of this process in the epoch's order."""
        return ((index, self.epoch) for index in super().__iter__())


class ClassAwareSampler(EpochSampler):
    """Draws classes in turn, and for each a clip that shows it; an epoch is as long as without it.

    Shen, Lin & Huang 2016, "Relay Backpropagation for Effective Learning of Deep Convolutional Neural Networks" (arXiv
    1512.05830), section 3.2. Clips that show none of the classes are drawn as one more class. A class's clips are gone
    through in a random order before one of them comes again. Every process draws the whole epoch, from seed and epoch
    alone, and takes its share.
    """

    def __iter__(self) -> Iterator[Any]:
        """Rows of this process in the epoch's order."""
        targets = self.dataset.targets.numpy()  # type: ignore[attr-defined]
        groups = [np.flatnonzero(column) for column in targets.T] + [np.flatnonzero(~targets.any(axis=1))]
        groups = [group for group in groups if len(group)]
        rng = np.random.default_rng([self.seed % 2**32, self.epoch])
        turns = -(-self.total_size // len(groups))
        order = np.concatenate([rng.permutation(len(groups)) for _ in range(turns)])[: self.total_size]
        rows = np.empty(self.total_size, np.int64)
        for index, group in enumerate(groups):
            places = np.flatnonzero(order == index)
            rounds = -(-len(places) // len(group))
            drawn = [rng.permutation(group) for _ in range(rounds)]
            rows[places] = np.concatenate(drawn)[: len(places)] if drawn else []
        return ((int(row), self.epoch) for row in rows[self.rank : self.total_size : self.num_replicas])
