"""What holds for any TV-L1 flow, whichever backend computes it."""

import atexit
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from emulator import Emulator, compiler
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amclip.flow import PRESETS, TVL1, _numba, end_point_error
from amclip.flow.reference import Parameters

Draw = Callable[..., Tensor]

BACKENDS = (
    "reference",
    "numba",
    pytest.param("emulated", marks=pytest.mark.skipif(compiler() is None, reason="needs a C++ compiler")),
    pytest.param("cuda", marks=pytest.mark.gpu),
)
every_backend = pytest.mark.parametrize("backend", BACKENDS)
sides = st.integers(1, 40)
seeds = st.integers(0, 2**31)
some = settings(max_examples=30, deadline=None)


def method_of(backend: str, **parameters: float) -> Callable[[Tensor], Tensor]:
    """From pairs to flow, both on the CPU; ``"emulated"`` is the CUDA kernels, carried out there."""
    if backend == "emulated":
        settings = Parameters(**parameters)  # type: ignore[arg-type]
        return lambda pairs: emulator().flow(pairs if pairs.dtype == torch.uint8 else pairs.float(), settings)
    method = TVL1(**parameters, backend=backend)  # type: ignore[arg-type]
    device = "cuda" if backend == "cuda" else "cpu"
    return lambda pairs: method(pairs.to(device)).cpu()


def small(backend: str, **parameters: float) -> Callable[[Tensor], Tensor]:
    """Every stage once or more, in little time."""
    return method_of(backend, **{"warps": 2, "inner_iterations": 6, **parameters})


@cache
def emulator() -> Emulator:
    folder = TemporaryDirectory(prefix="emulator-")
    atexit.register(folder.cleanup)
    return Emulator(Path(folder.name))


def noise(count: int, height: int, width: int, seed: int, channels: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 2, channels, height, width), generator=generator).to(torch.uint8)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@every_backend
@some
@given(sides, sides, seeds)
def test_equal_frames_do_not_flow(backend: str, height: int, width: int, seed: int) -> None:
    frame = noise(2, height, width, seed)[:, :1]
    assert small(backend)(torch.cat([frame, frame], dim=1)).abs().max() == 0


@every_backend
@pytest.mark.parametrize("shift", [(8, 8), (16, 0), (3, 5)], ids=str)
@pytest.mark.parametrize(("motion", "seed"), [((1.3, -0.8), 0), ((-2.1, 0.6), 1)])
def test_flow_moves_along_with_the_content(
    draw: Draw, backend: str, shift: tuple[int, int], motion: tuple[float, float], seed: int
) -> None:
    down, right = shift
    pairs = draw(45 + down, 52 + right, motion=motion, seed=seed)
    method = method_of(backend, **PRESETS["fast"])
    here = method(pairs[..., :45, :52])[..., 8 + down : -8, 8 + right : -8]
    there = method(pairs[..., down:, right:])[..., 8 : -8 - down, 8 : -8 - right]
    # Inexact: the two windows end elsewhere, which smoothing carries inwards, and a shift that is no multiple of every
    # level's step samples other pixels of the pyramid. Up to 0.02 was seen.
    assert end_point_error(here, there) < 0.04


@every_backend
@some
@given(sides, sides, seeds)
def test_a_transposed_pair_flows_transposed(backend: str, height: int, width: int, seed: int) -> None:
    pairs = noise(1, height, width, seed)
    method = small(backend, warps=1, scale_step=0.7)
    transposed = method(pairs.transpose(-1, -2)).flip(1).transpose(-1, -2)
    # Every stage treats x and y alike, but adds up in another order; noise amplifies rounding most.
    assert end_point_error(transposed, method(pairs)) < 2e-3


@every_backend
@pytest.mark.parametrize("axis", [-1, -2], ids=["left and right", "up and down"])
@pytest.mark.parametrize(("motion", "seed"), [((1.3, -0.8), 0), ((-2.1, 0.6), 1), ((0.4, 2.2), 2)])
def test_a_mirrored_pair_flows_mirrored(
    draw: Draw, backend: str, axis: int, motion: tuple[float, float], seed: int
) -> None:
    pairs = draw(45, 52, motion=motion, seed=seed)
    method = method_of(backend, **PRESETS["fast"])
    mirrored = method(pairs.flip(axis)).flip(axis)
    mirrored[:, 0 if axis == -1 else 1] *= -1
    # Inexact: gradients look to the right and down, so the length of a gradient pairs other neighbours in a mirror, and
    # odd sizes are not halved about their middle. Up to 0.05 was seen.
    assert end_point_error(mirrored, method(pairs)) < 0.08


@every_backend
@some
@given(st.integers(1, 3), sides, sides, seeds, st.sampled_from([0.0, 0.05]))
def test_a_batch_is_its_pairs_to_the_bit(
    backend: str, count: int, height: int, width: int, seed: int, epsilon: float
) -> None:
    pairs = noise(count, height, width, seed)
    method = small(backend, epsilon=epsilon, outer_iterations=2)
    assert torch.equal(method(pairs), torch.cat([method(pair[None]) for pair in pairs]))


@pytest.mark.parametrize("bands", [True, False], ids=["bands of rows", "whole pairs"])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"outer_iterations": 2, "scale_step": 0.7, "median_filtering": 3},
        {"inner_iterations": 1, "median_filtering": 1},
        {"outer_iterations": 2, "epsilon": 0.05},
    ],
    ids=str,
)
def test_numba_gives_the_same_bits_for_any_threads_and_any_split(
    threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, parameters: dict[str, float], bands: bool
) -> None:
    method = small("numba", **parameters)
    for height, width in ((1, 7), (37, 19), (61, 33), (20, 4), (90, 1)):
        pairs = noise(3, height, width, seed=height)
        threads(1)
        want = method(pairs)
        monkeypatch.setattr(_numba, "LEAST_WORK", 1 if bands else 2**31)
        for number, count in itertools.product((2, 3, 5), (1, 2, 3)):
            threads(number)
            assert torch.equal(method(pairs[:count]), want[:count]), (height, width, number, count)


def test_numba_cuts_pairs_into_bands_in_several_threads_at_once(
    threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    method, pairs = small("numba"), noise(1, 45, 31, seed=0)
    threads(1)
    want = method(pairs)
    threads(3)
    monkeypatch.setattr(_numba, "LEAST_WORK", 1)
    with ThreadPoolExecutor(4) as pool:
        for flow in pool.map(method, [pairs] * 12):
            assert torch.equal(flow, want)


@every_backend
@some
@given(sides, sides, seeds, st.sampled_from(["constant", "saturated", "noise", "stripes", "flash"]))
def test_flow_is_finite(backend: str, height: int, width: int, seed: int, kind: str) -> None:
    pairs = noise(1, height, width, seed)
    if kind == "constant":
        pairs[:] = pairs[..., :1, :1]
    elif kind == "saturated":
        pairs = torch.where(pairs < 128, 0, 255).to(torch.uint8)
    elif kind == "stripes":  # gradients in one direction only, and so strong that one step leads far
        pairs[:] = 255 * (torch.arange(width) % 2)
        pairs[:, 1] = 255 - pairs[:, 1]
    elif kind == "flash":
        pairs[:, 0], pairs[:, 1] = 0, 255
    flow = small(backend, outer_iterations=2)(pairs)
    assert flow.shape == (1, 2, height, width)
    assert flow.isfinite().all()
    if kind in ("constant", "flash"):
        assert flow.abs().max() == 0  # without texture there is nothing to follow


@every_backend
@some
@given(st.integers(1, 20), st.integers(1, 20), seeds, st.sampled_from([torch.uint8, torch.float32, torch.float64]))
def test_layout_in_memory_does_not_matter(backend: str, height: int, width: int, seed: int, dtype: torch.dtype) -> None:
    drawn = noise(4, 2 * height, 3 * width, seed, channels=3)
    pairs = drawn if dtype == torch.uint8 else drawn.to(dtype) / 255
    method = small(backend, warps=1)
    for view in (
        pairs[::2, :, :, ::2, ::3],
        pairs[..., :height, width : 2 * width],
        pairs[1:, :, :, :height, :width].transpose(-1, -2),
        pairs[:, :, 1:2, :height, :width],
        pairs[..., :height, :width].permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3),  # channels last
        pairs[:1, :, :, :height, :width].expand(2, -1, -1, -1, -1),
    ):
        assert torch.equal(method(view), method(view.contiguous()))
