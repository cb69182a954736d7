"""The CUDA backend on a GPU; what can be shown without one, test_kernels_emulated and test_kernels_compiled show."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from amclip.flow import TVL1, _cuda, _plan, end_point_error, reference
from amclip.flow.choices import PRESETS
from amclip.flow.pairs import grey_levels
from amclip.flow.reference import Parameters

Draw = Callable[..., Tensor]
pytestmark = pytest.mark.gpu


def some(draw: Draw, count: int, height: int, width: int) -> Tensor:
    return torch.cat([draw(height, width, motion=(1.2, -0.6), seed=seed) for seed in range(count)])


def wanted(pairs: Tensor, parameters: Parameters) -> Tensor:
    first, second = grey_levels(pairs).double().unbind(1)
    return reference.flow(first, second, parameters)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (2, 1, 19), (2, 23, 1), (3, 37, 61), (2, 224, 224), (1, 256, 340)], ids=str
)
def test_agrees_with_the_reference(draw: Draw, shape: tuple[int, int, int]) -> None:
    pairs = some(draw, *shape)
    flow = TVL1.preset("fast")(pairs.cuda())
    assert flow.is_cuda
    assert end_point_error(flow.cpu().double(), wanted(pairs, Parameters(warps=2))) < 0.002


@pytest.mark.parametrize("preset", list(PRESETS))
def test_presets_agree_with_the_cpu(draw: Draw, preset: str) -> None:
    pairs = some(draw, 4, 96, 128)
    method = TVL1.preset(preset)  # type: ignore[arg-type]
    assert end_point_error(method(pairs.cuda()).cpu(), method(pairs)) < 0.03


def test_random_shapes_and_batches(draw: Draw) -> None:
    choose = random.Random(0)
    for _ in range(1000):
        pairs = some(draw, choose.randint(1, 3), choose.randint(1, 120), choose.randint(1, 120))
        parameters = Parameters(
            warps=1,
            inner_iterations=choose.randint(1, 12),
            epsilon=choose.choice([0.0, 0.02]),
            median_filtering=choose.choice([1, 3, 5]),
        )
        flow = _cuda.flow(pairs.cuda(), parameters).cpu()
        assert end_point_error(flow.double(), wanted(pairs, parameters)) < 0.02


def test_graphs_replay_what_launches_compute(draw: Draw) -> None:
    method = TVL1.preset("fast")
    pairs = [some(draw, 2, 64, 80).cuda() + k for k in range(4)]  # uint8: wraps around, which is as good as any image
    first = method(pairs[0])
    for images in pairs:
        alone = torch.cat([method(image[None]) for image in images])
        assert torch.equal(method(images), alone)
    assert torch.equal(method(pairs[0]), first)


def test_becomes_part_of_another_graph(draw: Draw) -> None:
    method = TVL1.preset("fast")
    pairs = some(draw, 2, 64, 80).cuda()
    want = method(pairs)
    images, graph = torch.zeros_like(pairs), torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        flow = method(images)
    images.copy_(pairs)
    graph.replay()
    assert torch.equal(flow, want)


def test_large_batches_are_split(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = some(draw, 7, 48, 64).cuda()
    whole = TVL1.preset("fast")(pairs)
    per_pair = 4 * _plan.workspace_elements(48, 64, Parameters(warps=2), _cuda.describe(0))
    monkeypatch.setattr(_cuda, "WORKSPACE_BYTES", 2 * per_pair)
    assert torch.equal(TVL1.preset("fast")(pairs), whole)


def test_two_streams_and_two_threads(draw: Draw) -> None:
    method = TVL1.preset("fast")
    batches = [some(draw, 2, 64, 80).cuda() + k for k in range(2)]
    want = [method(batch) for batch in batches]
    torch.cuda.synchronize()

    def work(k: int) -> bool:
        stream = torch.cuda.Stream() if k % 3 else torch.cuda.current_stream()
        with torch.cuda.stream(stream):
            flows = [method(batches[k % 2]) for _ in range(5)]
        stream.synchronize()
        return all(torch.equal(flow, want[k % 2]) for flow in flows)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(12)))


def test_a_graph_made_under_inference_mode_serves_outside_of_it(draw: Draw) -> None:
    method, pairs = TVL1.preset("fast"), some(draw, 2, 41, 43).cuda()
    with torch.inference_mode():
        want = [method(pairs) for _ in range(3)][-1].cpu()
    assert torch.equal(method(pairs).cpu(), want)


def test_floats_views_autocast(draw: Draw) -> None:
    method = TVL1.preset("fast")
    pairs = some(draw, 2, 40, 44).cuda()
    want = method(pairs)
    assert end_point_error(method(pairs.float() / 255), want) < 1e-3
    view = pairs.transpose(-1, -2).contiguous().transpose(-1, -2)
    assert torch.equal(method(view), want)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        assert torch.equal(method(pairs), want)


def test_too_large_says_what_it_needs() -> None:
    free, _ = torch.cuda.mem_get_info()
    side = int((free / 60) ** 0.5)  # a pair needs 91 bytes per pixel
    with pytest.raises(torch.OutOfMemoryError, match=r"needs a workspace of .* MiB for 1 pairs"):
        TVL1.preset("fast")(torch.zeros(1, 2, 1, side, side, dtype=torch.uint8, device="cuda"))


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_any_device(draw: Draw) -> None:
    pairs = some(draw, 2, 64, 80)
    method = TVL1.preset("fast")
    flows = [method(pairs.to(f"cuda:{k % 2}")) for k in range(8)]  # each device launches, captures and replays
    assert flows[1].device == torch.device("cuda:1")
    assert all(torch.equal(flow.cpu(), flows[0].cpu()) for flow in flows)
