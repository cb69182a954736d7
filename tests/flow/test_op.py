"""TV-L1 as an operator of PyTorch."""

from collections.abc import Callable
from dataclasses import astuple

import pytest
import torch
from torch import Tensor

from amclip.flow import TVL1
from amclip.flow.reference import Parameters

Draw = Callable[..., Tensor]
FEW = astuple(Parameters(warps=1, inner_iterations=5))


def devices() -> list[object]:
    return ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.mark.parametrize("device", devices())
def test_the_operator_passes_pytorchs_own_checks(draw: Draw, device: str) -> None:
    for pairs in (draw(20, 24), draw(20, 24).float() / 255):
        torch.library.opcheck(torch.ops.amclip.tvl1.default, (pairs.to(device), *FEW))


@pytest.mark.parametrize("shape", [(1, 3, 1, 8, 8), (1, 2, 2, 8, 8), (1, 2, 1, 0, 8), (2, 8, 8)], ids=str)
def test_the_operator_refuses_what_are_no_pairs(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="pairs must have shape"):
        torch.ops.amclip.tvl1(torch.zeros(shape), *FEW)


def test_shapes_are_known_without_computing() -> None:
    pairs = torch.empty(3, 2, 3, 20, 30, dtype=torch.uint8, device="meta")
    flow = torch.ops.amclip.tvl1(pairs, *FEW)
    assert (flow.shape, flow.dtype, flow.device.type) == ((3, 2, 20, 30), torch.float32, "meta")


@pytest.mark.parametrize("device", devices())
def test_the_module_compiles_as_one_graph(draw: Draw, device: str) -> None:
    method = TVL1(warps=1, inner_iterations=5)
    pairs = draw(20, 24).to(device)
    compiled = torch.compile(lambda images: method(images) * 2, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(pairs), method(pairs) * 2)


@pytest.mark.parametrize("device", devices())
def test_inference_mode_and_empty_batches(draw: Draw, device: str) -> None:
    method = TVL1(warps=1, inner_iterations=5)
    with torch.inference_mode():
        flow = method(draw(20, 24).to(device))
    assert flow.is_inference()
    assert method(torch.empty(0, 2, 3, 20, 30, device=device)).shape == (0, 2, 20, 30)
