"""The compiled backend against the reference in double precision."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from amclip.flow import TVL1, _numba, end_point_error, reference
from amclip.flow.reference import Parameters

Draw = Callable[..., Tensor]


@pytest.mark.parametrize("shape", [(1, 1), (1, 19), (23, 1), (17, 33), (36, 50)], ids=str)
@pytest.mark.parametrize(
    "parameters",
    [
        Parameters(warps=2),
        Parameters(warps=2, scale_step=0.8, median_filtering=3),
        Parameters(warps=1, median_filtering=1, tau=0.2, lambda_=0.1, theta=0.25),
        Parameters(warps=2, epsilon=0.01, outer_iterations=2),
    ],
    ids=["fast", "median of 3", "no median", "early stop"],
)
def test_agrees_with_the_reference(draw: Draw, shape: tuple[int, int], parameters: Parameters) -> None:
    pairs = torch.cat([draw(*shape, motion=(1.2, -0.6), seed=seed) for seed in range(3)])[:, :, 0]
    first, second = pairs.float().unbind(1)
    ours = _numba.flow(first, second, parameters)
    want = reference.flow(first.double(), second.double(), parameters)
    # A warp that stops an iteration sooner or later by rounding differs by up to its last steps.
    assert end_point_error(ours.double(), want) < (1e-4 if parameters.epsilon == 0 else 5e-3)


def test_threads_and_batches_give_the_same_flow(draw: Draw) -> None:
    pairs = torch.cat([draw(24, 31, seed=seed) for seed in range(4)])
    method = TVL1.preset("fast", backend="numba")
    alone = torch.cat([method(pair[None]) for pair in pairs])
    assert torch.equal(method(pairs), alone)
    with ThreadPoolExecutor(4) as pool:
        for flow in pool.map(method, [pairs] * 8):
            assert torch.equal(flow, alone)


def _in_worker(pairs: Tensor, results: "multiprocessing.Queue[list[float]]") -> None:
    results.put(TVL1.preset("fast")(pairs).flatten().tolist())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_works_in_a_worker_process_after_it_ran_here(draw: Draw, start: str) -> None:
    pairs = torch.cat([draw(18, 20, seed=seed) for seed in range(2)])
    want = TVL1.preset("fast")(pairs).flatten().tolist()
    context = multiprocessing.get_context(start)
    results = context.Queue()
    worker = context.Process(target=_in_worker, args=(pairs, results))
    worker.start()
    got = results.get(timeout=60)
    worker.join(timeout=60)
    assert worker.exitcode == 0
    assert got == want  # to the bit, whether compiled there or read from the cache


def test_works_where_no_cache_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def njit(cache: bool = False, **options: object) -> Callable[[Callable[..., int]], Callable[..., int]]:
        if cache:
            raise RuntimeError("cannot cache function 'double': no locator available for file '/double.py'")
        return lambda function: function

    monkeypatch.setattr("numba.njit", njit)
    assert _numba.compiled(lambda number: 2 * number)(3) == 6
