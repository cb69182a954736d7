"""The reference is held against OpenCV, and each stage against what its definition says."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from amclip.flow import end_point_error, reference
from amclip.flow.reference import Parameters

Draw = Callable[..., Tensor]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_translation_is_recovered(draw: Draw) -> None:
    first, second = draw(48, 56, motion=(2.3, -1.4))[:, :, 0].double().unbind(1)
    flow = reference.flow(first, second, Parameters())
    inside = flow[..., 8:-8, 8:-8]
    truth = torch.tensor([2.3, -1.4], dtype=torch.float64)[:, None, None].expand_as(inside)
    assert end_point_error(inside, truth) < 0.1


@pytest.mark.parametrize(
    ("parameters", "bound"),
    [
        (Parameters(warps=2), 0.002),
        (Parameters(warps=2, scale_step=0.8, median_filtering=3), 0.002),
        (Parameters(warps=1, median_filtering=1), 0.001),
        (Parameters(scale_step=0.8, outer_iterations=10, epsilon=0.01), 0.03),
    ],
    ids=["fast", "median of 3", "no median", "early stop"],
)
def test_agrees_with_opencv(draw: Draw, parameters: Parameters, bound: float) -> None:
    pytest.importorskip("cv2.optflow", exc_type=ImportError)
    from amclip.flow import _opencv

    for shape, motion, seed in (((48, 64), (1.5, 0.7), 0), ((41, 53), (-2.2, 1.1), 1)):
        first, second = draw(*shape, motion=motion, seed=seed)[:, :, 0].float().unbind(1)
        ours, theirs = reference.flow(first, second, parameters), _opencv.flow(first, second, parameters)
        assert end_point_error(ours, theirs) < bound


def test_sizes_are_rounded_half_to_even_and_end_at_sixteen() -> None:
    assert reference.pyramid_sizes(33, 35, 5, 0.5) == [(33, 35), (16, 18)]  # 16.5 and 17.5
    assert reference.pyramid_sizes(224, 224, 5, 0.8) == [(side, side) for side in (224, 179, 143, 114, 91)]
    assert reference.pyramid_sizes(1, 1, 5, 0.5) == [(1, 1)]
    assert reference.pyramid_sizes(30, 400, 5, 0.5) == [(30, 400)]


@pytest.mark.parametrize(("shape", "step"), [((33, 35), 0.5), ((40, 51), 0.8)])
def test_resizing_is_opencvs(shape: tuple[int, int], step: float) -> None:
    cv2 = pytest.importorskip("cv2")
    image = random(1, *shape).float()
    down = cv2.resize(image[0].numpy(), None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
    ours = reference.pyramid(image, [shape, down.shape], step)[1]
    np.testing.assert_allclose(ours[0].numpy(), down, atol=1e-5)
    up = cv2.resize(down, shape[::-1], interpolation=cv2.INTER_LINEAR) / step
    np.testing.assert_allclose(reference.upsample(ours[None], shape, step)[0, 0].numpy(), up, atol=1e-5)


def test_whole_moves_warp_exactly_and_bring_zeros_in() -> None:
    image = random(1, 2, 6, 7)
    flow = torch.zeros(1, 2, 6, 7, dtype=torch.float64)
    flow[:, 0], flow[:, 1] = 2, -1
    moved = torch.zeros_like(image)
    moved[..., 1:, :-2] = image[..., :-1, 2:]
    torch.testing.assert_close(reference.warp(image, flow), moved)
    for far in (1e4, -1e4, 1e30):
        assert reference.warp(image, torch.full_like(flow, far)).abs().max() == 0


def test_cubic_weights_interpolate() -> None:
    weights = torch.stack(reference.cubic_weights(torch.tensor([0.0, 0.25, 0.5], dtype=torch.float64)))
    torch.testing.assert_close(weights[:, 0], torch.tensor([0.0, 1, 0, 0], dtype=torch.float64))
    torch.testing.assert_close(weights[:, 2], torch.tensor([-0.09375, 0.59375, 0.59375, -0.09375]).double())
    torch.testing.assert_close(weights.sum(dim=0), torch.ones(3, dtype=torch.float64))


def test_divergence_is_minus_the_transpose_of_the_gradient() -> None:
    field, dual = random(2, 2, 5, 4), random(2, 2, 2, 5, 4, seed=1)
    dual[:, :, 0, :, -1] = 0  # as the dual update keeps them
    dual[:, :, 1, -1] = 0
    left, right = (reference.forward_gradient(field) * dual).sum(), -(field * reference.divergence(dual)).sum()
    torch.testing.assert_close(left, right)


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (7, 8)])
def test_median_is_numpys(side: int, shape: tuple[int, int]) -> None:
    field = random(1, 1, *shape)
    padded = np.pad(field[0, 0].numpy(), side // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    np.testing.assert_array_equal(reference.median(field, side)[0, 0].numpy(), np.median(windows, axis=(2, 3)))


def test_a_pair_that_has_converged_does_not_move_on_with_its_batch(draw: Draw) -> None:
    still, moving = draw(24, 24, motion=(0, 0)), draw(24, 24, motion=(1, 1))
    parameters = Parameters(epsilon=0.01, outer_iterations=3, warps=2)
    first, second = torch.cat([still, moving])[:, :, 0].double().unbind(1)
    together = reference.flow(first, second, parameters)
    alone = torch.cat([reference.flow(first[i : i + 1], second[i : i + 1], parameters) for i in range(2)])
    torch.testing.assert_close(together, alone)
    assert together[0].abs().max() == 0


def test_nothing_moves_between_equal_images() -> None:
    image = random(2, 20, 21) * 255
    assert reference.flow(image, image, Parameters(warps=2)).abs().max() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"tau": 0.0},
        {"lambda_": -1.0},
        {"theta": float("nan")},
        {"nscales": 0},
        {"warps": 2.5},
        {"scale_step": 1.0},
        {"inner_iterations": True},
        {"outer_iterations": 0},
        {"median_filtering": 4},
        {"epsilon": -0.1},
    ],
    ids=str,
)
def test_a_wrong_parameter_is_named_with_its_value(wrong: dict[str, float]) -> None:
    (name, value), *_ = wrong.items()
    with pytest.raises(ValueError, match=f"{name} must .*{value!r}"):
        Parameters(**wrong)  # type: ignore[arg-type]
