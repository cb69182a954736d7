"""Numbers of the host on a device, without waiting for it."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["on_device"]


def on_device(
    numbers: Tensor | float | Sequence[float] | Sequence[Sequence[float]],
    device: torch.device,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """A tensor of numbers that the host knows.

    ``torch.tensor(…, device=…)``, ``new_tensor`` and ``to(device)`` wait on a GPU until all work before them is done
    there, so that the host cannot prepare what comes next meanwhile. This copies from memory that the GPU reads by
    itself, in its turn.

    Args:
        numbers: A number, a list, a table, or a tensor of the host.
        device: Where they are to be.
        dtype: Default: float32 for numbers, a tensor's own for a tensor.

    Returns:
        The tensor, on the device.
    """
    if not isinstance(numbers, Tensor):
        numbers = torch.tensor(numbers, dtype=dtype or torch.float32)
    if device.type != "cuda":
        return numbers.to(device, dtype)
    return _pinned(numbers).to(device, dtype, non_blocking=True)


def _pinned(numbers: Tensor) -> Tensor:
    """In memory that does not move; PyTorch keeps it until the copy is done."""
    return numbers.pin_memory()
