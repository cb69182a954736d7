import pytest
import torch
from build import make_input, take
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amclip.augmentation import Augmentation
from amclip.data.views import clip_views
from amclip.flow import TVL1, encode_flow
from amclip.preprocess import Preprocess


def build(**settings: object) -> Preprocess:
    settings = {"image_size": 32, "flow_preset": "fast", **settings}
    return Preprocess(make_input(settings), take(Augmentation, settings))


@pytest.fixture(scope="module")
def frames() -> Tensor:
    """Two clips of two positions: a blurred texture and the same moved by two pixels to the right."""
    noise = torch.rand(2, 2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(noise.flatten(0, 1), (48, 48), mode="bicubic").clamp(0, 1)
    first = (smooth.view(2, 2, 3, 48, 48) * 255).to(torch.uint8)
    return torch.stack([first[..., 8:40, 8:40], first[..., 8:40, 6:38]], dim=2)


def test_the_order_is_frames_then_flow_images(frames: Tensor) -> None:
    preprocess = build(flow_bound=4.0)
    images = preprocess(frames).images
    assert images.shape == (2, 2, 2, 3, 32, 32)
    assert images.dtype == torch.float32
    seen = preprocess.denormalise(images)
    torch.testing.assert_close(seen[:, :, 0], frames[:, :, 0].float() / 255, rtol=0, atol=1e-5)
    flow = TVL1.preset("fast")(frames.flatten(0, 1))
    torch.testing.assert_close(seen[:, :, 1].flatten(0, 1), encode_flow(flow, "wheel", 4.0), rtol=0, atol=1e-4)
    assert flow[:, 0].median() == pytest.approx(2, abs=0.3)


def test_one_modality_alone(frames: Tensor) -> None:
    both = build()(frames).images
    torch.testing.assert_close(build(modality="frames")(frames[:, :, :1]).images[:, :, 0], both[:, :, 0])
    torch.testing.assert_close(build(modality="flow")(frames).images[:, :, 0], both[:, :, 1])


def test_a_mirror_image_mirrors_flow_and_its_sign(frames: Tensor) -> None:
    preprocess = build(flip=1.0, crop_scale=(1.0, 1.0), color_jitter=0.0, flow_image="uvm", flow_bound=4.0)
    plain = preprocess.denormalise(preprocess(frames).images)
    mirrored = preprocess.denormalise(preprocess(frames, augment=True).images).flip(-1)
    torch.testing.assert_close(mirrored[:, :, 0], plain[:, :, 0], rtol=0, atol=1e-2)
    u, mirrored_u = plain[:, :, 1, 0] - 0.5, mirrored[:, :, 1, 0] - 0.5
    assert (u + mirrored_u).abs().mean() < 0.02  # motion to the right is motion to the left in the mirror


@pytest.mark.parametrize("size", [16, 24, 32, 48])
def test_training_sees_as_sharp_as_evaluation(frames: Tensor, size: int) -> None:
    # A crop of everything is the whole frame, by another way.
    plain = build(image_size=size, color_jitter=0.0)(frames).images
    cropped = build(image_size=size, color_jitter=0.0, flip=1e-12, crop_scale=(1.0, 1.0))(frames, augment=True).images
    torch.testing.assert_close(cropped, plain, rtol=0, atol=1e-5)
    torch.manual_seed(0)
    nearly = build(image_size=size, modality="frames", color_jitter=0.0, flip=0.0, crop_scale=(0.99, 1.0))
    sharpness = [
        float(images.diff(dim=-1).abs().mean()) for images, _ in (nearly(frames, augment=True), nearly(frames))
    ]
    assert sharpness[0] == pytest.approx(sharpness[1], rel=0.05)


def test_jitter_tints_frames_and_leaves_flow_alone(frames: Tensor) -> None:
    preprocess = build(flip=0.0, crop_scale=(1.0, 1.0), color_jitter=0.5)
    torch.manual_seed(0)
    plain, tinted = preprocess(frames).images, preprocess(frames, augment=True).images
    assert not torch.allclose(plain[:, :, 0], tinted[:, :, 0], atol=1e-2)
    torch.testing.assert_close(plain[:, :, 1], tinted[:, :, 1])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_a_clips_positions_are_cropped_and_tinted_alike(seed: int) -> None:
    torch.manual_seed(seed)
    frame = torch.randint(0, 256, (1, 1, 1, 3, 40, 40), dtype=torch.uint8).expand(2, 3, 2, -1, -1, -1)
    images = build(modality="frames")(frame, augment=True).images
    torch.testing.assert_close(images[:, :1].expand_as(images), images)


def test_augmentation_is_repeatable_by_seed(frames: Tensor) -> None:
    preprocess = build()
    results = []
    for _ in range(2):
        torch.manual_seed(7)
        results.append(preprocess(frames, augment=True).images)
    torch.testing.assert_close(*results, rtol=0, atol=0)


def test_other_sizes_are_scaled(frames: Tensor) -> None:
    assert build(image_size=24)(frames).images.shape[-2:] == (24, 24)
    assert build(image_size=24)(frames, augment=True).images.shape[-2:] == (24, 24)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flip": 1.5}, "flip"),
        ({"crop_scale": (0.9, 0.5)}, "crop_scale"),
        ({"color_jitter": -1}, "color_jitter"),
        ({"color_jitter": 5}, "color_jitter"),
        ({"flow_bound": 0}, "flow.bound"),
        ({"std": (1, 0, 1)}, "std"),
        ({"modality": "sound"}, "got 'sound'"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**change)


def test_frames_of_another_kind_are_refused(frames: Tensor) -> None:
    with pytest.raises(ValueError, match="float32"):
        build()(frames.float())
    with pytest.raises(ValueError, match="partner"):
        build()(frames[:, :, :1])


def moving(height: int, width: int, pixels: float) -> Tensor:
    """Drawn clips of two positions: a smooth texture, and the same moved to the right and down."""
    noise = torch.rand(8, 2, 3, 14, 14, generator=torch.Generator().manual_seed(1)).flatten(0, 1)
    large = torch.nn.functional.interpolate(noise, (height + 16, width + 16), mode="bicubic").clamp(0, 1)
    clips = (large.view(8, 2, 3, height + 16, width + 16) * 255).to(torch.uint8)
    step = round(pixels)
    first, second = (clips[..., 8 - s : 8 - s + height, 8 - s : 8 - s + width] for s in (0, step))
    return torch.stack([first, second], dim=2)


def mean_length(preprocess: Preprocess, frames: Tensor, **how: object) -> float:
    images = preprocess.denormalise(preprocess(frames, **how).images)  # type: ignore[arg-type]
    return float(images[:, :, -1, 2, 12:-12, 12:-12].mean())  # uvm's third channel is the length


@pytest.mark.parametrize(
    ("size", "crop_scale"), [((96, 96), (0.7, 1.0)), ((96, 96), (0.3, 0.5)), ((72, 96), (0.6, 0.8))]
)
def test_flow_is_as_long_in_training_as_in_testing(size: tuple[int, int], crop_scale: tuple[float, float]) -> None:
    frames = moving(*size, 2)
    settings = {"image_size": 96, "flow_image": "uvm", "flow_bound": 10.0, "flow_preset": "default", "flip": 0.0}
    preprocess = build(**settings, modality="flow", crop_scale=crop_scale)
    whole = mean_length(preprocess, frames)
    torch.manual_seed(0)
    lengths = [mean_length(preprocess, frames, augment=True) for _ in range(3)]
    # 8 % longer where vectors are not scaled back, at the default crops; 60 % at the smallest here.
    assert sum(lengths) / 3 == pytest.approx(whole, rel=0.02)


@pytest.mark.parametrize(("size", "side"), [((96, 96), 84), ((72, 96), 72), ((96, 72), 72)])
def test_flow_is_as_long_in_views_as_in_whole_frames(size: tuple[int, int], side: int) -> None:
    frames = moving(*size, 2)
    preprocess = build(image_size=96, flow_image="uvm", flow_preset="default", modality="flow", flow_bound=10.0)
    height, width = size
    views = clip_views(frames, 1, 2)
    assert views.shape[-2:] == (side, side)
    whole = mean_length(preprocess, frames)
    assert mean_length(preprocess, views, shown=(side / height, side / width)) == pytest.approx(whole, rel=0.03)
    assert mean_length(preprocess, views) > 1.05 * whole
