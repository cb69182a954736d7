"""tvl1.cu on the CPU: the very kernels and plans of the GPU, held against the reference, and searched for races."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from emulator import BEYOND, LARGE, LEAVES, ORDERS, SMALL, WAITS, EmulationError, Emulator, compiler, with_mutants
from torch import Tensor

from amclip.flow import TVL1, end_point_error, reference
from amclip.flow._cut import FLAT, TALL, Device, choose_cut
from amclip.flow.pairs import grey_levels
from amclip.flow.reference import Parameters

Draw = Callable[..., Tensor]

if compiler() is None:
    if os.environ.get("CI"):
        raise RuntimeError("the emulation of the CUDA kernels needs a C++ compiler (g++ or clang++)")
    pytest.skip("needs a C++ compiler (g++ or clang++)", allow_module_level=True)

#: So little shared memory that small images are cut into tiles too.
TINY = Device(20 << 10)
#: Clusters of small blocks, as sm_120 has them.
NARROW = Device(99 << 10, tuple(range(2, 9)))
#: A GPU that two pairs cannot keep busy, so that they are cut finer.
IDLE = Device(227 << 10, tuple(range(2, 17)), 132)
#: Clusters of blocks so small that an image of 45 × 60 pixels takes two.
NARROWER = Device(48 << 10, tuple(range(2, 9)))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("emulator")


@pytest.fixture(scope="session")
def emulator(folder: Path) -> Emulator:
    # One build, since building takes longer than all else: the tests run the source as it is (mutant -1) and otherwise.
    return Emulator(folder, with_mutants()[0])


def some(draw: Draw, count: int, height: int, width: int) -> Tensor:
    return torch.cat([draw(height, width, motion=(1.2, -0.6), seed=seed) for seed in range(count)])


def wanted(pairs: Tensor, parameters: Parameters) -> Tensor:
    first, second = grey_levels(pairs).double().unbind(1)
    return reference.flow(first, second, parameters)


SHAPES = [(1, 1, 1), (1, 1, 19), (2, 23, 1), (3, 17, 33), (2, 36, 50), (1, 61, 90)]


@pytest.mark.parametrize("device", [TINY, IDLE, LARGE], ids=["tiles", "few pairs", "clusters"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_agrees_with_the_reference(emulator: Emulator, draw: Draw, shape: tuple[int, int, int], device: Device) -> None:
    pairs = some(draw, *shape)
    parameters = Parameters(warps=2)
    flow = emulator.flow(pairs, parameters, device)
    assert end_point_error(flow.double(), wanted(pairs, parameters)) < 1e-4


@pytest.mark.parametrize("device", [TINY, LARGE], ids=["tiles", "clusters"])
@pytest.mark.parametrize(
    "parameters",
    [
        Parameters(warps=1, median_filtering=3),
        Parameters(warps=1, median_filtering=1, tau=0.2, lambda_=0.1, theta=0.25),
        Parameters(warps=2, scale_step=0.7, inner_iterations=7, outer_iterations=2),
        Parameters(warps=1, nscales=1, inner_iterations=1),
    ],
    ids=["median of 3", "no median", "odd counts", "one iteration"],
)
def test_every_parameter_means_what_it_means_to_the_reference(
    emulator: Emulator, draw: Draw, parameters: Parameters, device: Device
) -> None:
    pairs = some(draw, 2, 41, 53)
    assert end_point_error(emulator.flow(pairs, parameters, device).double(), wanted(pairs, parameters)) < 2e-4


@pytest.mark.parametrize("device", [TINY, NARROWER, LARGE], ids=["tiles", "clusters", "one block"])
@pytest.mark.parametrize(
    ("epsilon", "counts"), [(0.01, (2, 30, 3)), (0.03, (2, 30, 3)), (0.02, (3, 8, 1)), (0.02, (3, 12, 1))], ids=str
)
def test_early_stop_ends_each_pair_where_the_reference_does(
    emulator: Emulator, draw: Draw, epsilon: float, counts: tuple[int, int, int], device: Device
) -> None:
    # Pairs of unlike motion stop at unlike iterations, and from then on lie in unlike slots.
    pairs = torch.cat([draw(45, 60, motion=(0.3 * k, -0.8 * k), seed=k) for k in range(3)])
    assert (choose_cut(45, 60, 30, True, device).cluster > 1) == bool(device is NARROWER)
    warps, inner, outer = counts
    parameters = Parameters(
        warps=warps, scale_step=0.8, inner_iterations=inner, outer_iterations=outer, epsilon=epsilon
    )
    want = wanted(pairs, parameters)
    for pair, flow in enumerate(emulator.flow(pairs, parameters, device)):
        # A stop decided by rounding moves the flow by a last step of about epsilon, and no further.
        assert end_point_error(flow[None].double(), want[pair : pair + 1]) < 5e-3


def test_colours_and_floats_are_read_as_by_the_module(emulator: Emulator, draw: Draw) -> None:
    grey = draw(30, 35, motion=(1.4, 0.8))
    colours = torch.cat([grey, grey.flip(-1), 255 - grey], dim=2)
    parameters = Parameters(warps=1)
    flow = emulator.flow(colours, parameters)
    assert end_point_error(flow.double(), wanted(colours, parameters)) < 1e-4
    assert end_point_error(emulator.flow(colours.float() / 255, parameters), flow) < 1e-4
    assert end_point_error(flow, TVL1(warps=1, backend="numba")(colours)) < 1e-4


@pytest.mark.parametrize(
    "parameters",
    [Parameters(warps=1), Parameters(warps=1, epsilon=0.02, outer_iterations=2)],
    ids=["fixed", "early stop"],
)
def test_no_order_of_threads_blocks_or_pairs_changes_a_bit(
    emulator: Emulator, draw: Draw, parameters: Parameters
) -> None:
    pairs = some(draw, 2, 45, 60)
    for device in (TINY, LARGE):
        flow = emulator.flow(pairs, parameters, device)
        for order in ORDERS:
            for workers in (1, 2):
                assert torch.equal(emulator.flow(pairs, parameters, device, order, workers), flow)
        alone = [emulator.flow(pair[None], parameters, device) for pair in pairs]
        assert torch.equal(torch.cat(alone), flow)


def test_tiles_blocks_and_clusters_give_the_same_bits(emulator: Emulator, draw: Draw) -> None:
    pairs = some(draw, 1, 100, 100)
    devices = (TINY, SMALL, NARROW, LARGE)
    cuts = [choose_cut(100, 100, 30, False, device, 1) for device in devices]
    assert [cut.tiles[0] * cut.tiles[1] > 1 for cut in cuts] == [True, True, False, False]
    assert cuts[2].cluster > cuts[3].cluster > 1
    assert [cut.pixel_rows for cut in cuts[2:]] == [TALL, FLAT]
    flows = [emulator.flow(pairs, Parameters(warps=1), device) for device in devices]
    assert all(torch.equal(flow, flows[0]) for flow in flows)


def test_no_access_is_outside_or_misaligned(folder: Path, draw: Draw) -> None:
    sanitized = Emulator(folder, with_mutants()[0], sanitize=True)
    for shape in ((1, 1, 1), (2, 5, 7), (1, 37, 46), (1, 61, 90)):
        for device in (TINY, NARROWER, LARGE):
            for parameters in (Parameters(warps=1, inner_iterations=9), Parameters(warps=1, epsilon=0.02)):
                assert sanitized.flow(some(draw, *shape), parameters, device).isfinite().all()
    with pytest.raises(EmulationError, match="AddressSanitizer"):
        sanitized.flow(some(draw, 1, 20, 20), Parameters(warps=1), mutant=BEYOND)


def test_every_barrier_is_missed_when_it_is_gone(emulator: Emulator, draw: Draw) -> None:
    pairs = some(draw, 1, 64, 88)
    cases = [(Parameters(warps=2, nscales=1, inner_iterations=9), device) for device in (TINY, LARGE)]
    intact = [emulator.flow(pairs, *case) for case in cases]

    def is_missed(mutant: int) -> bool:
        for case, want in zip(cases, intact, strict=True):
            for order in ORDERS:
                try:
                    flow = emulator.flow(pairs, *case, order=order, workers=1, mutant=mutant)
                except EmulationError:
                    return True
                if not torch.equal(flow, want):
                    return True
        return False

    _, lines = with_mutants()
    assert len(lines) >= 11
    assert not is_missed(-1)
    assert [line for mutant, line in enumerate(lines) if not is_missed(mutant)] == []


@pytest.mark.parametrize("fault", [WAITS, LEAVES], ids=["waits alone", "leaves"])
def test_the_emulator_forgives_no_thread_that_others_wait_for(emulator: Emulator, draw: Draw, fault: int) -> None:
    with pytest.raises(EmulationError, match="wait for others that never come"):
        emulator.flow(some(draw, 1, 20, 20), Parameters(warps=1), mutant=fault)
