"""TV-L1 as an operator of PyTorch, ``torch.ops.amclip.tvl1``, which ``torch.compile`` takes as it is.

Numba computes for CPU tensors, our kernels for CUDA tensors. The parameters follow the pairs one by one, in the order
of :class:`amclip.flow.reference.Parameters`.
"""

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from amclip.flow.pairs import check_pairs, check_values, grey_levels
from amclip.flow.reference import Parameters

_TYPES = {float: "float", int: "int"}
_PARAMETERS = ", ".join(f"{_TYPES[type(field.default)]} {field.name}" for field in fields(Parameters))


@torch.library.custom_op(
    "amclip::tvl1", mutates_args=(), device_types="cpu", schema=f"(Tensor pairs, {_PARAMETERS}) -> Tensor"
)
def tvl1(pairs: Tensor, *parameters: float) -> Tensor:
    """Flow ``(N, 2, H, W)`` of pairs ``(N, 2, C, H, W)``; see :class:`amclip.flow.tvl1.TVL1`."""
    from amclip.flow import _numba  # here, since numba takes half a second to import

    check_pairs(pairs)
    check_values(pairs)
    if len(pairs) == 0:
        return _empty(pairs)
    first, second = grey_levels(pairs).unbind(1)
    return _numba.flow(first, second, _named(parameters))


@tvl1.register_kernel("cuda")
def _(pairs: Tensor, *parameters: float) -> Tensor:
    from amclip.flow import _cuda

    check_pairs(pairs)
    return _cuda.flow(pairs, _named(parameters)) if len(pairs) else _empty(pairs)


@tvl1.register_fake
def _(pairs: Tensor, *parameters: float) -> Tensor:
    return _empty(pairs)


def _empty(pairs: Tensor) -> Tensor:
    return pairs.new_empty((pairs.shape[0], 2, *pairs.shape[3:]), dtype=torch.float32)


def _named(values: tuple[float, ...]) -> Parameters:
    named: dict[str, Any] = {field.name: value for field, value in zip(fields(Parameters), values, strict=True)}
    return Parameters(**named)
