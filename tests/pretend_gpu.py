"""A GPU that is not there: what is on it has a shape and a type and no values, and nothing may wait for it.

Host and device work side by side as long as the host asks for no value, and copies nothing that waits its turn. Here
tensors of the device are PyTorch's fake ones, tensors of the host are real, so that what is drawn and decided on the
host goes its way, and what would wait for a real GPU raises :class:`WaitedError`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torchmetrics import Metric

__all__ = ["GPU", "WaitedError", "move_module", "pretend_gpu", "tensor_on_gpu"]

GPU = torch.device("cuda", 0)
# What gives numbers to the host, or has a shape that only the numbers tell.
_ASKING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "_unique2", "unique_dim"}


class WaitedError(AssertionError):
    """The host would have waited for the device."""


class _Watch(TorchDispatchMode):
    def __init__(self, fake: FakeTensorMode) -> None:
        super().__init__()
        self.fake = fake

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::")
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        on_gpu = any(tensor.is_cuda for tensor in tensors)
        if on_gpu and name in _ASKING:
            raise WaitedError(f"{name} of {[tuple(tensor.shape) for tensor in tensors]}")
        if name.startswith("index") and any(
            leaf.is_cuda and leaf.dtype == torch.bool for leaf in tree_leaves(args[1:2]) if isinstance(leaf, Tensor)
        ):
            raise WaitedError(f"{name}: how many are chosen is known to the device alone")
        made_there = kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "cuda"
        if name in ("_to_copy", "copy_"):
            self._refuse_waiting_copy(name, args, kwargs)
        if on_gpu or made_there:
            with self.fake:
                return func(*args, **kwargs)
        return func(*args, **kwargs)

    def _refuse_waiting_copy(self, name: str, args: Any, kwargs: Any) -> None:
        if name == "copy_":
            source, target = args[1], args[0].device
            in_passing = kwargs.get("non_blocking", args[2] if len(args) > 2 else False)
        else:
            source, target = args[0], torch.device(kwargs.get("device") or args[0].device)
            in_passing = kwargs.get("non_blocking", False)
        if source.device.type != target.type and (target.type == "cpu" or not in_passing):
            raise WaitedError(f"a copy of {tuple(source.shape)} from {source.device.type} to {target.type}")


@contextmanager
def pretend_gpu() -> Iterator[FakeTensorMode]:
    """While it lasts, PyTorch believes in a GPU, and what would wait for it raises."""
    if not hasattr(torch._C, "_ensureCUDADeviceGuardSet"):
        pytest.skip("an older PyTorch, which cannot make a GPU up")
    torch._C._ensureCUDADeviceGuardSet()
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    with (
        patch("torch.cuda._lazy_init"),
        patch("amclip.on_device._pinned", lambda numbers: numbers),
        torch.autograd.set_multithreading_enabled(False),
        _Watch(fake),
    ):
        try:
            yield fake
        except RuntimeError as error:  # of what makes a tensor of numbers there, before anything is dispatched
            if "NVIDIA driver" not in str(error):
                raise
            raise WaitedError("a tensor was made of numbers of the host") from error


def tensor_on_gpu(like: Tensor, fake: FakeTensorMode) -> Tensor:
    """A tensor of the device, of the same shape and type."""
    with fake:
        return torch.empty(like.shape, dtype=like.dtype, device=GPU)


def move_module(module: nn.Module, fake: FakeTensorMode) -> None:
    """Put a module's weights and the states of its metrics there."""
    for part in module.modules():
        for name, weight in part._parameters.items():
            if weight is not None:
                part._parameters[name] = nn.Parameter(tensor_on_gpu(weight, fake), weight.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = tensor_on_gpu(buffer, fake)
        if isinstance(part, Metric):
            part._device = GPU
            for name, state in part.metric_state.items():
                if isinstance(state, Tensor):
                    setattr(part, name, tensor_on_gpu(state, fake))
