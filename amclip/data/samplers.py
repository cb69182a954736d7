"""The order in which training clips are seen, shuffled or behaviours in turn; and the processes that share them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from lightning.pytorch.overrides.distributed import UnrepeatedDistributedSampler
from numpy.typing import NDArray
from torch import distributed
from torch.utils.data import DistributedSampler

from amclip.data.place import Place, seed_of

__all__ = ["ClassAwareSampler", "EpochSampler", "WindowSampler", "process_group"]


class EpochSampler(DistributedSampler[Any]):
    """Yields ``(row, epoch, draw)``, so that a clip's random positions depend on nothing but these and the seed.

    Windows are shuffled, and the animals of one follow each other, so that its frames are decoded once for all of them:
    only at the end of a batch may a window be cut in two.

    ``draw`` counts how often the clip came before in this epoch, so that it looks otherwise each time. Workers live on
    over epochs and hold a copy of the dataset, so the epoch must travel with the index. Lightning calls ``set_epoch``.

    Every process orders the whole epoch. The clips that all of them take in together are a stretch of that order,
    and each process takes its stretch of it, so that a step has the same clips whether one process takes eight or four
    take two, and the pairs that are mixed are the same.

    Args:
        dataset: The clips.
        batch_size: Clips that a process takes at once.
        num_replicas: Processes.
        rank: Which of them this is.
        seed: The order is a function of it and of the epoch.
    """

    def __init__(self, dataset: Any, batch_size: int = 1, num_replicas: int = 1, rank: int = 0, seed: int = 0) -> None:
        super().__init__(dataset, num_replicas=num_replicas, rank=rank, seed=seed)
        self.batch_size = batch_size
        self._done = 0  # batches of the next epoch that were trained on before a stop

    def go_on(self, place: Place) -> None:
        """Begin at the epoch and batch at which a training was stopped.

        Raises:
            ValueError: If it was within an epoch, and batches were of another size: then clips would be left out or
                come twice.
        """
        place.refuse_other_batches(self.batch_size * self.num_replicas)
        self.set_epoch(place.epoch)
        self._done = place.batches

    def __iter__(self) -> Iterator[Any]:
        """What this process draws, in the epoch's order."""
        rows = self.order()
        draws = _occurrences(rows)
        mine = self._share()[self._done * self.batch_size :]
        self._done = 0
        return ((int(row), self.epoch, int(draw)) for row, draw in zip(rows[mine], draws[mine], strict=True))

    def _share(self) -> NDArray[np.int64]:
        """Places of the order that this process draws: a stretch of those of each step."""
        places = np.arange(self.total_size)
        together = self.batch_size * self.num_replicas
        whole = self.total_size // together * together
        steps = places[:whole].reshape(-1, self.num_replicas, self.batch_size)[:, self.rank].ravel()
        return np.concatenate([steps, places[whole:].reshape(self.num_replicas, -1)[self.rank]])

    def order(self) -> NDArray[np.int64]:
        """Rows of the whole epoch, over all processes, int64 ``[total_size]``; the first come again to even it out."""
        generator = torch.Generator().manual_seed(seed_of("order", self.seed, self.epoch))
        windows = _rows_by_window(self.dataset)
        if windows is None:
            rows = torch.randperm(len(self.dataset), generator=generator).numpy()  # type: ignore[arg-type]
            return np.resize(rows, self.total_size)
        shuffled = torch.randperm(len(windows), generator=generator).tolist()
        return np.resize(np.concatenate([windows[window] for window in shuffled]), self.total_size)


class ClassAwareSampler(EpochSampler):
    """Draws classes in turn, and for each a clip that shows it; an epoch is as long as without it.

    Shen, Lin & Huang 2016, "Relay Backpropagation for Effective Learning of Deep Convolutional Neural Networks" (arXiv
    1512.05830), section 3.2. Clips that show none of the classes are drawn as one more class. A class's clips are gone
    through in a random order before one of them comes again. Animals are drawn one by one, whoever else is in a window.
    """

    def order(self) -> NDArray[np.int64]:
        """Rows of the whole epoch, over all processes, int64 ``[total_size]``."""
        targets = self.dataset.targets.numpy()  # type: ignore[attr-defined]
        groups = [np.flatnonzero(column) for column in targets.T] + [np.flatnonzero(~targets.any(axis=1))]
        groups = [group for group in groups if len(group)]
        # Numbers of their own for each, so that an epoch that is evened out to more clips only goes on longer.
        seeds = (seed_of("order", self.seed, self.epoch, number) for number in range(len(groups) + 1))
        rng, *of_group = map(np.random.default_rng, seeds)
        turns = -(-self.total_size // len(groups))
        order = np.concatenate([rng.permutation(len(groups)) for _ in range(turns)])[: self.total_size]
        rows = np.empty(self.total_size, np.int64)
        for index, group in enumerate(groups):
            places = np.flatnonzero(order == index)
            rounds = -(-len(places) // len(group))
            drawn = [of_group[index].permutation(group) for _ in range(rounds)]
            rows[places] = np.concatenate(drawn)[: len(places)] if drawn else []
        return rows


class WindowSampler(UnrepeatedDistributedSampler):
    """Each clip once over all processes, the animals of one window after each other; for all but training.

    Unlike DistributedSampler it repeats no clip to even out the processes, so each counts once in the metrics.
    """

    def __iter__(self) -> Iterator[Any]:
        """The rows of this process."""
        windows = _rows_by_window(self.dataset)
        if windows is None:
            return super().__iter__()
        return iter(_in_turn(np.concatenate(windows), self.num_replicas)[self.rank :: self.num_replicas].tolist())


def _rows_by_window(dataset: Any) -> list[NDArray[np.int64]] | None:
    """Rows of each window, in the order of the table; None where every window is one row."""
    windows: NDArray[np.int64] | None = getattr(dataset, "windows", None)
    if windows is None or len(first := np.unique(windows)) == len(windows):
        return None
    order = np.argsort(windows, kind="stable")
    return np.split(order, np.searchsorted(windows[order], first[1:]))


def _in_turn(rows: NDArray[np.int64], processes: int) -> NDArray[np.int64]:
    """The same rows in an order of which each process, taking its turn, gets a stretch of the one given."""
    turns: NDArray[np.int64] = np.empty_like(rows)
    begin = 0
    for rank in range(processes):
        share = len(turns[rank::processes])
        turns[rank::processes] = rows[begin : begin + share]
        begin += share
    return turns


def _occurrences(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each row came before, the shape of ``rows``."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    firsts = np.flatnonzero(np.diff(ordered, prepend=-1))
    counts = np.empty_like(rows)
    counts[order] = np.arange(len(rows)) - np.repeat(firsts, np.diff(firsts, append=len(rows)))
    return counts


def process_group() -> tuple[int, int]:
    """Number of processes that train together, and which of them this is."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size(), distributed.get_rank()
    return 1, 0
