"""Flow images, .flo files and the end-point error."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amclip.flow import encode_flow, end_point_error, read_flo, write_flo

pixels = st.floats(-50, 50, allow_nan=False, width=32)


def vector(u: float, v: float) -> Tensor:
    return torch.tensor([u, v], dtype=torch.float64)[None, :, None, None]


def colour(u: float, v: float, bound: float = 1.0) -> list[float]:
    return encode_flow(vector(u, v), "wheel", bound).flatten().tolist()


def middlebury(u: float, v: float) -> list[float]:
    """Restated from the loop over pixels and channels of Middlebury's colorcode.cpp, for |(u, v)| ≤ 1."""
    wheel = []
    wheel += [(255, 255 * i // 15, 0) for i in range(15)]
    wheel += [(255 - 255 * i // 6, 255, 0) for i in range(6)]
    wheel += [(0, 255, 255 * i // 4) for i in range(4)]
    wheel += [(0, 255 - 255 * i // 11, 255) for i in range(11)]
    wheel += [(255 * i // 13, 0, 255) for i in range(13)]
    wheel += [(255, 0, 255 - 255 * i // 6) for i in range(6)]
    radius, angle = math.sqrt(u * u + v * v), math.atan2(-v, -u) / math.pi
    place = (angle + 1) / 2 * (len(wheel) - 1)
    k0 = int(place)
    k1, f = (k0 + 1) % len(wheel), place - k0
    result = []
    for b in range(3):
        col = (1 - f) * wheel[k0][b] / 255 + f * wheel[k1][b] / 255
        result.append(1 - radius * (1 - col))
    return result


@settings(deadline=None)
@given(angle=st.floats(-3.14, 3.14), radius=st.floats(0, 1))
def test_wheel_is_middleburys(angle: float, radius: float) -> None:
    u, v = radius * math.cos(angle), radius * math.sin(angle)
    np.testing.assert_allclose(colour(u, v), middlebury(u, v), atol=1e-9)


def test_wheel_at_its_corners() -> None:
    assert colour(0, 0) == [1, 1, 1]
    assert colour(1, 0) == pytest.approx([1, 0, 0], abs=0.03)  # right is red
    assert colour(-1, 0) == pytest.approx([0, 209 / 255, 1], abs=0.05)  # left is its opposite, a light blue
    down, up = colour(0, 1), colour(0, -1)
    assert min(down[:2]) > 0.8 > 0.05 > down[2]  # down is yellow
    assert up[2] > 0.9 > 0.05 > up[1]  # up is violet
    assert colour(7, 0, bound=7) == colour(1, 0) == colour(900, 0, bound=7)


@settings(deadline=None)
@given(u=pixels, v=pixels, bound=st.floats(0.5, 30), kind=st.sampled_from(["wheel", "uvm"]))
def test_images_stay_in_range_and_depend_on_flow_over_bound_only(u: float, v: float, bound: float, kind: str) -> None:
    image = encode_flow(vector(u, v), kind, bound)  # type: ignore[arg-type]
    assert image.min() >= 0
    assert image.max() <= 1
    torch.testing.assert_close(encode_flow(vector(2 * u, 2 * v), kind, 2 * bound), image)  # type: ignore[arg-type]


@settings(deadline=None)
@given(u=pixels, v=pixels)
def test_uvm_mirrors_with_the_flow(u: float, v: float) -> None:
    image, mirrored = (encode_flow(vector(side, v), "uvm", 20).flatten().tolist() for side in (u, -u))
    assert mirrored == pytest.approx([1 - image[0], image[1], image[2]])
    assert image[2] == pytest.approx(min(math.hypot(u, v) / 20, 1))


@settings(deadline=None)
@given(u=pixels, v=pixels)
def test_longer_flow_is_never_paler(u: float, v: float) -> None:
    near, far = colour(u, v, bound=40), colour(1.5 * u, 1.5 * v, bound=40)
    assert min(far) <= min(near) + 1e-9


def test_every_pixel_is_its_own() -> None:
    flow = torch.randn(2, 2, 5, 6, generator=torch.Generator().manual_seed(0)) * 3
    whole = encode_flow(flow, bound=5)
    assert whole.shape == (2, 3, 5, 6)
    assert whole.dtype == torch.float32
    torch.testing.assert_close(encode_flow(flow[1:, :, 2:4, 3:], bound=5), whole[1:, :, 2:4, 3:])
    torch.testing.assert_close(encode_flow(flow.flip(-1), bound=5), whole.flip(-1))
    assert encode_flow(flow.half()).dtype == torch.float32
    assert encode_flow(flow[:0]).shape == (0, 3, 5, 6)


def test_wrong_arguments_are_refused() -> None:
    flow = torch.zeros(1, 2, 3, 3)
    with pytest.raises(ValueError, match="kind must be one of wheel, uvm, not 'hsv'"):
        encode_flow(flow, "hsv")  # type: ignore[arg-type]
    for bound in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="bound must be a positive number"):
            encode_flow(flow, bound=bound)
    with pytest.raises(ValueError, match=r"torch.float32 \(1, 3, 3, 3\)"):
        encode_flow(torch.zeros(1, 3, 3, 3))
    with pytest.raises(ValueError, match="must both have shape"):
        end_point_error(flow, torch.zeros(1, 2, 3, 4))
    with pytest.raises(ValueError, match="valid must be bool"):
        end_point_error(flow, flow, torch.ones(1, 3, 3))


def test_end_point_error_averages_over_valid_pixels() -> None:
    flow, truth = torch.zeros(1, 2, 1, 3), torch.tensor([[[[3.0, 0, 9e9]], [[4.0, 1, 9e9]]]])
    assert end_point_error(flow, truth, torch.tensor([[[True, True, False]]])) == 3
    assert end_point_error(flow, torch.zeros_like(flow)) == 0
    assert end_point_error(flow, truth, torch.zeros(1, 1, 3, dtype=torch.bool)).isnan()


def test_flo_files_come_back(tmp_path: Path) -> None:
    flow = torch.randn(2, 4, 7, generator=torch.Generator().manual_seed(0))
    write_flo(tmp_path / "a.flo", flow)
    assert torch.equal(read_flo(tmp_path / "a.flo"), flow)
    data = (tmp_path / "a.flo").read_bytes()
    assert np.frombuffer(data[:4], "<f4")[0] == np.float32(202021.25)
    assert np.frombuffer(data, "<i4", 2, 4).tolist() == [7, 4]  # width first
    assert np.frombuffer(data, "<f4", 2, 12).tolist() == flow[:, 0, 0].tolist()  # u and v alternate


def test_damaged_flo_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "b.flo"
    write_flo(path, torch.zeros(2, 3, 3))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"b\.flo is damaged: .* 3 × 3 pixels has 84 bytes, this one 83"):
        read_flo(path)
    path.write_bytes(b"PNG!" * 9)
    with pytest.raises(ValueError, match=r"b\.flo is not a \.flo file"):
        read_flo(path)
    with pytest.raises(ValueError, match=r"c\.flo: flow must have shape"):
        write_flo(tmp_path / "c.flo", torch.zeros(1, 2, 3, 3))
