"""The next batch is made ready on a GPU while the step of this one is still computed there.

A host launches work and does not wait for it: where nothing in a step asks for a value (see :mod:`amclip.on_device`),
it has launched a whole step long before the GPU has come to its end. What it launches for the next batch then goes into
a stream of its own, beside that step and not behind it, and only the next step waits for it, on the device. The host
does things in the same order as without: seeds, positions and what counts as seen are not touched.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

__all__ = ["CudaStreams", "NoStreams", "SideStream", "Streams", "overrides"]


class Streams(Protocol):
    """What :class:`SideStream` needs of a device."""

    def mark(self) -> Any:
        """The end of all that was launched into the main stream so far."""

    def wait(self, mark: Any) -> None:
        """Have the host wait for it."""

    def aside(self) -> AbstractContextManager[Any]:
        """What is launched meanwhile goes into the side stream."""

    def join(self, tensors: list[Tensor]) -> None:
        """Have the main stream wait for the side stream, and own these tensors of it."""


class CudaStreams:
    """A side stream of a GPU of CUDA.

    Args:
        device: The GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.side: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def mark(self) -> Any:
        """An event of the current stream, for which a host sleeps that waits."""
        event: Any = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self.device))
        return event

    def wait(self, mark: Any) -> None:
        """Sleep until it has come."""
        mark.synchronize()

    def aside(self) -> AbstractContextManager[Any]:
        """Make the side stream the current one."""
        return torch.cuda.stream(self.side)

    def join(self, tensors: list[Tensor]) -> None:
        """Wait on the device; memory of the tensors is not handed out again before the main stream has done with it."""
        main = torch.cuda.current_stream(self.device)
        main.wait_stream(self.side)
        for tensor in tensors:
            if tensor.is_cuda:
                tensor.record_stream(main)


class NoStreams:
    """A device that does one thing after the other, such as the CPU."""

    def mark(self) -> None:
        """There is nothing to wait for."""

    def wait(self, mark: None) -> None:
        """Go on."""

    def aside(self) -> AbstractContextManager[None]:
        """Here, as everything."""
        return nullcontext()

    def join(self, tensors: list[Tensor]) -> None:
        """All is done."""


class SideStream:
    """Makes batches ready beside the step before.

    The host is kept from running ahead further than one step: each batch that waits for its step takes memory.

    Args:
        device: Where batches are made ready.
        streams: The streams; default: those of the device.
    """

    def __init__(self, device: torch.device, streams: Streams | None = None) -> None:
        self.streams: Streams = streams or (CudaStreams(device) if device.type == "cuda" else NoStreams())
        self._step_before: Any = None

    def begin(self) -> None:
        """A batch comes: wait until the step before the last one is done; the last one is computed meanwhile."""
        before, self._step_before = self._step_before, self.streams.mark()
        if before is not None:
            self.streams.wait(before)

    @contextmanager
    def beside(self) -> Iterator[None]:
        """What is launched meanwhile is computed beside the last step."""
        with self.streams.aside():
            yield

    def hand_over(self, batch: Any) -> None:
        """The batch is ready to be launched with: the next step waits for it, on the device.

        Args:
            batch: Tensors in any nest of dicts, lists and tuples.
        """
        self.streams.join([leaf for leaf in tree_leaves(batch) if isinstance(leaf, Tensor)])


def overrides(kind: type, base: type, *methods: str) -> bool:
    """Whether a class has one of these methods of its own, and not the one of its base."""
    return any(getattr(kind, name) is not getattr(base, name) for name in methods)
