"""Times on a device without waiting for it: events on its own timeline where it is a GPU, else the clock."""

import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from unittest.mock import patch

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

__all__ = ["Machine", "Marks", "StepParts", "as_before"]

PACKAGES = ("torch", "torchvision", "lightning", "av", "cuda-core")


class Machine:
    """Where to run, and how to time there.

    Args:
        device: Such as ``cuda`` or ``cpu``.
        quick: Whether times say nothing, so that two repeats do.
    """

    def __init__(self, device: str, quick: bool) -> None:
        self.device, self.quick = torch.device(device), quick

    @property
    def name(self) -> str:
        """What the device is called."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return platform.processor() or platform.machine()

    @property
    def versions(self) -> str:
        """Of Python and of the libraries that decide about times."""
        said = [f"Python {platform.python_version()}"]
        for package in PACKAGES:
            try:
                said.append(f"{package} {version(package)}")
            except PackageNotFoundError:
                said.append(f"no {package}")
        return ", ".join(said)

    def seconds(self, *calls: Callable[[], object]) -> list[float]:
        """Median time of each call; they take turns. A call's first two runs (compilation, capture) do not count."""
        for call in calls:
            for _ in range(2):
                call()
        taken: list[list[float]] = [[] for _ in calls]
        for _ in range(2 if self.quick else 15):
            for call, times in zip(calls, taken, strict=True):
                marks = Marks(self.device)
                call()
                marks.add("call")
                times.append(marks.intervals()[0][1])
        return [statistics.median(times) for times in taken]


class Marks:
    """Moments, each the end of a part of the work; how far apart they were is asked when all is done.

    On a GPU a mark is reached when the work before it is done there, so that parts are what each takes of the device's
    time, and waiting for the next batch is what the device waits.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._moments: list[tuple[str, Any]] = []
        self.add("begin")

    def add(self, part: str) -> None:
        """What lies between the mark before and this one is ``part``."""
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._moments.append((part, event))
        else:
            self._moments.append((part, time.perf_counter()))

    def intervals(self) -> list[tuple[str, float]]:
        """Part and seconds of each, in order; waits for the device."""
        if self._cuda:
            torch.cuda.synchronize()
        found = []
        for (_, before), (part, moment) in zip(self._moments, self._moments[1:], strict=False):
            found.append((part, before.elapsed_time(moment) / 1e3 if self._cuda else moment - before))
        return found


@contextmanager
def as_before(device: torch.device) -> Iterator[None]:
    """amclip as it was before host and device worked side by side, to be measured beside what it is now.

    The optimiser is not fused, numbers of the host wait their turn for the device, annotating decodes one batch ahead
    and fetches scores at once. What has a setting (side stream, float32 products, precision) is set by the caller.
    """
    from amclip.ethogram import stream

    read_ahead = stream.read_ahead

    def waiting(numbers: torch.Tensor) -> torch.Tensor:
        if device.type == "cuda":
            torch.cuda.current_stream(device).synchronize()
        return numbers

    with ExitStack() as changed:
        changed.enter_context(patch("amclip.optimiser._can_be_fused", lambda parameters: False))
        changed.enter_context(patch("amclip.on_device._pinned", waiting))
        changed.enter_context(patch.object(stream, "read_ahead", lambda items: read_ahead(items, 2)))
        # As if there were two: so one is fetched at once.
        changed.enter_context(patch.object(stream._Underway, "__len__", lambda self: 2))
        yield


class StepParts(Callback):
    """Splits each step of `amclip fit` into its parts, for ``--trainer.callbacks+=device_times.StepParts``.

    Parts are of the main stream: what is done on a side stream beside a step counts as far as the step waits for it.

    Args:
        warm: Steps that do not count: compilation, capture, the first batches of the workers.
    """

    PARTS = ("data wait", "transfer", "preprocessing", "forward", "backward", "optimiser")

    def __init__(self, warm: int = 10) -> None:
        self.warm = warm
        self.steps: list[dict[str, float]] = []
        """Seconds of each part, of each step that counts."""
        self.peak = 0.0
        """Most memory of the device that tensors took in these steps, GiB; 0 on a CPU."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """See what the data module does with a batch."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        transfer, prepare = data.transfer_batch_to_device, data.on_after_batch_transfer

        def transferring(batch: Any, device: torch.device, dataloader_idx: int) -> Any:
            self._marks.add("data wait")
            moved = transfer(batch, device, dataloader_idx)
            self._marks.add("transfer")
            return moved

        def preparing(batch: Any, dataloader_idx: int) -> Any:
            prepared = prepare(batch, dataloader_idx)
            self._marks.add("preprocessing")
            return prepared

        data.transfer_batch_to_device, data.on_after_batch_transfer = transferring, preparing
        self._marks = Marks(pl_module.device)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the first step."""
        self._marks = Marks(pl_module.device)

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: torch.Tensor) -> None:
        """The loss is there."""
        self._marks.add("forward")

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The gradients are there."""
        self._marks.add("backward")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """The weights are new."""
        self._marks.add("optimiser")
        if batch_idx + 1 == self.warm and pl_module.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(pl_module.device)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read what was marked."""
        step: dict[str, float] = {}
        for part, seconds in self._marks.intervals():
            step[part] = step.get(part, 0.0) + seconds
            if part == "optimiser":
                self.steps.append(step)
                step = {}
        del self.steps[: self.warm]
        if pl_module.device.type == "cuda":
            self.peak = torch.cuda.max_memory_allocated(pl_module.device) / 2**30

    def medians(self) -> dict[str, float]:
        """Milliseconds of a whole step and of each part."""
        whole = {"step": statistics.median(sum(step.values()) for step in self.steps)}
        whole |= {part: statistics.median(step.get(part, 0.0) for step in self.steps) for part in self.PARTS}
        return {name: 1e3 * seconds for name, seconds in whole.items()}
