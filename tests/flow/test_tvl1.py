"""The module: inputs, presets, backends and errors."""

import sys
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from amclip.flow import TVL1, _cuda, end_point_error
from amclip.flow.choices import PRESETS
from amclip.flow.pairs import grey_levels

Draw = Callable[..., Tensor]


@pytest.fixture
def method() -> TVL1:
    return TVL1.preset("fast")


def test_all_backends_agree_on_colour_pairs(draw: Draw) -> None:
    pytest.importorskip("cv2.optflow", exc_type=ImportError)
    grey = draw(40, 44, motion=(1.4, 0.8))
    pairs = torch.cat([grey, grey.flip(-1), 255 - grey], dim=2)
    flows = {name: TVL1.preset("fast", name)(pairs) for name in ("reference", "numba", "opencv")}  # type: ignore[arg-type]
    for flow in flows.values():
        assert flow.shape == (1, 2, 40, 44)
        assert flow.dtype == torch.float32
        assert end_point_error(flow, flows["reference"]) < 0.002


def test_opencv_leaves_its_thread_setting_alone(draw: Draw) -> None:
    cv2 = pytest.importorskip("cv2")
    before = cv2.getNumThreads()
    TVL1(warps=1, inner_iterations=2, backend="opencv")(
        torch.cat([draw(20, 20), draw(18, 20)[..., [0] * 2 + [*range(18)], :]])
    )
    assert cv2.getNumThreads() == before


def test_no_opencv_contrib_names_the_package(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    cv2 = pytest.importorskip("cv2")
    monkeypatch.delattr(cv2, "optflow", raising=False)
    with pytest.raises(ModuleNotFoundError, match="pip install opencv-contrib-python"):
        TVL1(backend="opencv")(draw(20, 20))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floats_of_any_width_are_read_in_zero_to_one(draw: Draw, method: TVL1, dtype: torch.dtype) -> None:
    pairs = draw(20, 22)
    flow = method((pairs.double() / 255).to(dtype))
    assert flow.dtype == torch.float32
    assert end_point_error(flow, method(pairs)) < (1e-3 if dtype.itemsize >= 4 else 0.2)


def test_grey_levels_are_those_of_cvtcolor() -> None:
    cv2 = pytest.importorskip("cv2")
    image = torch.randint(256, (9, 8, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    ours = grey_levels(image.movedim(-1, 0))
    theirs = torch.from_numpy(cv2.cvtColor(image.float().numpy(), cv2.COLOR_RGB2GRAY))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-3)
    torch.testing.assert_close(grey_levels(image.movedim(-1, 0).double() / 255), ours, rtol=0, atol=1e-3)


def test_no_pairs_give_no_flow(method: TVL1) -> None:
    flow = method(torch.empty(0, 2, 3, 20, 30, dtype=torch.uint8))
    assert flow.shape == (0, 2, 20, 30)
    assert flow.dtype == torch.float32


@pytest.mark.parametrize("backend", ["numba", "reference"])
def test_no_gradient_and_no_autocast(draw: Draw, backend: str) -> None:
    method = TVL1(warps=1, inner_iterations=5, backend=backend)  # type: ignore[arg-type]
    pairs = (draw(20, 24).float() / 255).requires_grad_()
    plain = method(pairs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = method(pairs)
    assert not plain.requires_grad
    assert under.dtype == torch.float32
    assert torch.equal(under, plain)


def test_views_are_fine(draw: Draw, method: TVL1) -> None:
    pairs = draw(24, 20)
    view = pairs.transpose(-1, -2).contiguous().transpose(-1, -2)
    assert torch.equal(method(view), method(pairs))
    assert torch.equal(method(pairs[:, [0]].expand(-1, 2, -1, -1, -1)), torch.zeros(1, 2, 24, 20))


def test_presets_and_printing() -> None:
    assert set(PRESETS) == {"fast", "default", "opencv"}
    assert TVL1.preset("fast").settings.warps == 2
    assert TVL1.preset().settings == TVL1().settings
    theirs = TVL1.preset("opencv").settings
    assert (theirs.scale_step, theirs.outer_iterations, theirs.epsilon) == (0.8, 10, 0.01)
    assert "warps=2" in repr(TVL1.preset("fast"))
    assert "backend='numba'" in repr(TVL1(backend="numba"))
    with pytest.raises(ValueError, match="preset must be one of fast, default, opencv, not 'slow'"):
        TVL1.preset("slow")  # type: ignore[arg-type]


def test_opencvs_defaults_are_the_opencv_preset() -> None:
    pytest.importorskip("cv2.optflow", exc_type=ImportError)
    import cv2

    theirs, ours = cv2.optflow.DualTVL1OpticalFlow_create(), TVL1.preset("opencv").settings
    for name, value in {
        "Tau": ours.tau,
        "Lambda": ours.lambda_,
        "Theta": ours.theta,
        "ScalesNumber": ours.nscales,
        "WarpingsNumber": ours.warps,
        "Epsilon": ours.epsilon,
        "InnerIterations": ours.inner_iterations,
        "OuterIterations": ours.outer_iterations,
        "ScaleStep": ours.scale_step,
        "MedianFiltering": ours.median_filtering,
    }.items():
        assert getattr(theirs, f"get{name}")() == value, name


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (torch.zeros(2, 3, 8, 8), r"shape \(N, 2, C, H, W\).*\(2, 3, 8, 8\)"),
        (torch.zeros(1, 3, 1, 8, 8), r"\(1, 3, 1, 8, 8\)"),
        (torch.zeros(1, 2, 2, 8, 8), r"\(1, 2, 2, 8, 8\)"),
        (torch.zeros(1, 2, 1, 0, 8), r"\(1, 2, 1, 0, 8\)"),
        (torch.zeros(1, 2, 1, 8, 8, dtype=torch.int64), "not torch.int64"),
        (torch.full((1, 2, 1, 8, 8), 255.0), "reach from 255 to 255.*divide"),
        (torch.full((1, 2, 1, 8, 8), float("nan")), "reach from nan"),
        (torch.full((1, 2, 1, 8, 8), -2.0), "reach from -2"),
    ],
)
def test_wrong_pairs_are_refused_in_words(method: TVL1, pairs: Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        method(pairs)


def test_backends_are_named_and_never_fall_back(draw: Draw) -> None:
    with pytest.raises(ValueError, match="backend must be one of auto, numba, opencv, reference, cuda, not 'gpu'"):
        TVL1(backend="gpu")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"TVL1 has no wraps; it has tau, lambda_, .*, warps"):
        TVL1(wraps=3)
    with pytest.raises(ValueError, match="computes on CUDA devices, but the images are on cpu"):
        TVL1(backend="cuda")(draw(20, 20))
    with pytest.raises(ValueError, match="on meta, where no fast backend runs"):
        TVL1()(torch.zeros(1, 2, 1, 8, 8, device="meta"))
    with pytest.raises(ValueError, match="computes on the CPU, but the images are on meta"):
        TVL1(backend="numba")(torch.zeros(1, 2, 1, 8, 8, device="meta"))


def test_no_cuda_core_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "amclip\[cuda\]"'):
        _cuda.describe(0)


def test_pytorchs_streams_reach_cuda_core_by_their_handles(monkeypatch: pytest.MonkeyPatch) -> None:
    """cuda-core wants its own streams: an object of PyTorch's is converted with a warning, and one day refused."""
    made = []
    core = SimpleNamespace(Stream=SimpleNamespace(from_handle=lambda handle: made.append(handle) or f"stream {handle}"))
    monkeypatch.setattr(_cuda, "_core", lambda: core)
    _cuda._stream.cache_clear()
    assert [_cuda._stream(handle) for handle in (0, 7, 7)] == ["stream 0", "stream 7", "stream 7"]
    assert made == [0, 7]  # one for each stream, not for each call
    _cuda._stream.cache_clear()


def test_cuda_core_has_the_constructor_of_streams() -> None:
    core = pytest.importorskip("cuda.core")
    assert callable(core.Stream.from_handle)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tau": 0.3}, "tau must be a number from 0.0001 to 0.25, not 0.3"),
        ({"tau": float("nan")}, "tau must be"),
        ({"tau": 10**400}, "tau must be"),
        ({"theta": 1e-40}, "theta must be a number from 0.001 to 100"),
        ({"lambda_": 0.0}, "lambda_ must be"),
        ({"scale_step": 1.0}, "scale_step must be a number from 0.05 to 0.99"),
        ({"epsilon": -0.1}, "epsilon must be"),
        ({"warps": 0}, "warps must be a number from 1 to 1000, not 0"),
        ({"warps": 2.0}, "warps must be a whole number, not 2.0"),
        ({"nscales": True}, "nscales must be a whole number, not True"),
        ({"median_filtering": 4}, "median_filtering must be 5, 3, or 1 for none, not 4"),
        ({"theta": "0.3"}, "theta must be a number, not '0.3'"),
    ],
    ids=str,
)
def test_parameters_out_of_range_are_refused_with_the_value_seen(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TVL1(**change)  # type: ignore[arg-type]


def test_numbers_of_numpy_are_welcome(draw: Draw) -> None:
    method = TVL1(tau=np.float32(0.25), warps=np.int64(1), inner_iterations=3)  # type: ignore[arg-type]
    assert (type(method.settings.tau), type(method.settings.warps)) == (float, int)
    assert torch.equal(method(draw(20, 20)), TVL1(warps=1, inner_iterations=3)(draw(20, 20)))


@pytest.mark.parametrize(
    "extreme", [{"theta": 1e-3}, {"theta": 100.0}, {"lambda_": 1e3}, {"scale_step": 0.05}], ids=str
)
def test_the_ends_of_the_ranges_give_finite_flow(draw: Draw, extreme: dict[str, float]) -> None:
    pairs = torch.randint(256, (1, 2, 1, 40, 44), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    for backend in ("numba", "reference"):
        flow = TVL1(**extreme, warps=2, inner_iterations=5, backend=backend)(pairs)  # type: ignore[arg-type]
        assert flow.isfinite().all()
