"""A data loader whose place in the epoch is kept by checkpoints."""

from collections.abc import Callable
from typing import Any

from torch.utils.data import DataLoader

from amclip.data.samplers import EpochSampler

__all__ = ["ResumableLoader"]


class ResumableLoader(DataLoader[Any]):
    """Training clips; a training that was stopped within an epoch goes on with the clip that would have been next.

    Lightning saves :meth:`state_dict` in its checkpoints, and gives it back before it asks for the first batch.

    Args:
        sampler: Which clips, in what order.
        progress: Epoch that a training would go on with, and how many of its batches are done.
        *args: As :class:`torch.utils.data.DataLoader` takes them.
        **kwargs: The same.
    """

    sampler: EpochSampler

    def __init__(
        self, *args: Any, sampler: EpochSampler, progress: Callable[[], tuple[int, int]], **kwargs: Any
    ) -> None:
        super().__init__(*args, sampler=sampler, **kwargs)
        self.progress = progress

    @property
    def clips_at_once(self) -> int:
        """Clips of a batch, over all processes."""
        return self.sampler.batch_size * self.sampler.num_replicas

    def state_dict(self) -> dict[str, Any]:
        """The same on every process, in plain values."""
        epoch, batches = self.progress()
        return {"epoch": epoch, "batches": batches, "clips_at_once": self.clips_at_once}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there. Reading processes begin before Lightning tells the sampler which epoch it is.

        Raises:
            ValueError: If it is within an epoch, and batches were of another size: then clips would be left out or come
                twice.
        """
        if state_dict["batches"] and state_dict["clips_at_once"] != self.clips_at_once:
            before = state_dict["clips_at_once"]
            raise ValueError(
                f"--ckpt_path: the checkpoint was written within epoch {state_dict['epoch']}, of which "
                f"{state_dict['batches']} batches of {before} clips are done, and now a batch is {self.clips_at_once} "
                f"clips over all devices: set data.batch_size times the number of devices to {before}, or go on from a "
                "checkpoint that was written at the end of an epoch"
            )
        self.sampler.set_epoch(state_dict["epoch"])
        self.sampler.skipped_batches = state_dict["batches"]
