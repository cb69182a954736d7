"""Numbers of motion, held against fields whose motion is known."""

import math
from typing import Any

import pytest
import torch
from build import make_input, take
from hypothesis import given
from hypothesis import strategies as st
from test_preprocess import moving
from torch import Tensor

from amclip.augmentation import Augmentation
from amclip.data.crops import unit_speeds
from amclip.data.views import clip_views
from amclip.inputs import CropInput, FlowInput, MotionInput, NetworkInput
from amclip.motion import motion_shape, motion_statistics, statistics_of_input
from amclip.preprocess import Preprocess

GAP = 0.1
CROP = CropInput()


def whole(motion: MotionInput | None = None, **more: Any) -> NetworkInput:
    return NetworkInput(flow=FlowInput(motion=motion or MotionInput()), **more)


def numbers(
    flow: Tensor, input: NetworkInput | None = None, gap: float = GAP, side: float = 0.0, shown: Any = (1.0, 1.0)
) -> dict[str, float]:
    """By name, of one field ``(2, S, S)``; ``side`` is a crop's, in body lengths."""
    input = whole() if input is None else input
    speed = torch.tensor([[side / gap, 1 / gap]])
    (found,) = motion_statistics(flow[None].float(), input, torch.tensor([shown]), speed)
    names = [one.name for one in statistics_of_input(input)]
    assert len(set(names)) == len(names)
    return dict(zip(names, found.tolist(), strict=True))


def places(size: int) -> tuple[Tensor, Tensor]:
    """x and y of each pixel from the middle."""
    y, x = torch.meshgrid(*[torch.arange(size) - (size - 1) / 2] * 2, indexing="ij")
    return x, y


def patch(size: int, inner: float, u: float, v: float) -> Tensor:
    """A square in the middle moves, all else is still; the lengths are fractions of the picture's side."""
    x, y = places(size)
    inside = ((x.abs() < inner * size / 2) & (y.abs() < inner * size / 2)).float()
    return torch.stack([u * size * inside, v * size * inside])


def test_what_moves_as_a_whole_has_one_velocity_and_neither_divergence_nor_curl() -> None:
    found = numbers(torch.tensor([3.0, -4.0])[:, None, None].expand(2, 32, 32))
    speed = 5 / 32 / GAP
    for name in ("mean speed", "speed that 30.0% exceed", "speed that 0.1% exceed", "greatest speed"):
        assert found[name] == pytest.approx(speed)
    assert found["deviation of speed"] == pytest.approx(0, abs=1e-3)
    for what in ("mean velocity {}", "velocity {} of what moves"):
        assert found[what.format("x")] == pytest.approx(3 / 32 / GAP)
        assert found[what.format("y")] == pytest.approx(-4 / 32 / GAP)
    for name in ("resultant", "resultant of what moves", "moving area"):
        assert found[name] == pytest.approx(1)
    # A square of side 1: its variance is 1/12 along each axis.
    assert found["scatter of what moves"] == pytest.approx(math.sqrt(1 / 6), rel=1e-3)
    deforms = [
        name for name in found if "divergence" in name or "curl" in name or "turning" in name or "growth" in name
    ]
    assert len(deforms) == 8
    assert all(found[name] == pytest.approx(0, abs=1e-4) for name in deforms)


@pytest.mark.parametrize("side", [0.0, 2.4])
def test_what_turns_has_curl_and_what_grows_has_divergence(side: float) -> None:
    input = whole(crop=CROP, frame_size=(32, 32)) if side else whole()
    x, y = places(33)
    turned = numbers(torch.stack([-0.05 * y, 0.05 * x]), input, side=side)  # 0.05 in GAP: 0.5 radians per second
    grown = numbers(torch.stack([0.05 * x, 0.05 * y]), input, side=side)
    for found, one, other in ((turned, "curl", "divergence"), (grown, "divergence", "curl")):
        for kind in ("mean", "mean absolute", "greatest absolute"):
            assert found[f"{kind} {one}"] == pytest.approx(1.0, rel=1e-4)
            assert found[f"{kind} {other}"] == pytest.approx(0.0, abs=1e-4)
        assert found["resultant"] == pytest.approx(0, abs=1e-4)
    # Around the middle, which is still, by a hair less than all moves.
    assert turned["turning of what moves"] == pytest.approx(0.5, rel=1e-4)
    assert turned["growth of what moves"] == pytest.approx(0, abs=1e-4)
    assert grown["growth of what moves"] == pytest.approx(0.5, rel=1e-4)
    assert grown["turning of what moves"] == pytest.approx(0, abs=1e-4)
    assert numbers(torch.stack([0.05 * y, -0.05 * x]), input, side=side)["mean curl"] == pytest.approx(-1, rel=1e-4)


def test_of_a_picture_of_which_half_moves() -> None:
    flow = torch.zeros(2, 32, 32)
    flow[0, :, :16] = 2.0
    found = numbers(flow)
    speed = 2 / 32 / GAP
    assert found["moving area"] == found["resultant"] / 2 == 0.5
    assert found["mean speed"] == found["mean velocity x"] == pytest.approx(speed / 2)
    assert found["deviation of speed"] == pytest.approx(speed / 2)
    assert found["speed of what moves"] == found["velocity x of what moves"] == pytest.approx(speed)
    assert found["scatter of what moves"] == pytest.approx(math.sqrt((1 + 0.25) / 12), rel=2e-3)
    assert found["greatest absolute divergence"] == pytest.approx(2 / GAP)  # where the halves meet
    assert found["mean absolute divergence"] == pytest.approx(2 / GAP / 31)


def test_speeds_that_fractions_of_the_picture_exceed() -> None:
    flow = torch.zeros(2, 100, 100)
    flow[0] = (torch.arange(10000.0) / 1000).view(100, 100)
    found = numbers(flow)
    for top in (0.3, 0.1, 0.03, 0.01, 0.003, 0.001):
        assert found[f"speed that {top:.1%} exceed"] == pytest.approx(10 * (1 - top) / 100 / GAP, rel=1e-3)


@pytest.mark.parametrize("speed", [0.0, 5.0])
def test_nothing_moves_where_nothing_moves_or_no_time_passes(speed: float) -> None:
    flow = torch.full((1, 2, 16, 16), speed)
    for input in (whole(), whole(MotionInput(cells=2), crop=CROP)):
        rate = torch.zeros(1, 2) if speed else torch.ones(1, 2)
        assert not motion_statistics(flow, input, torch.ones(1, 2), rate).any()


SAME = patch(96, 0.25, 0.02, -0.01)


@pytest.mark.parametrize(
    ("flow", "how"),
    [
        (SAME * 2, {"gap": 2 * GAP}),  # half the frame rate
        (patch(48, 0.25, 0.02, -0.01), {}),  # half the image size
        (patch(96, 0.5, 0.04, -0.02), {"shown": (0.5, 0.5)}),  # the middle of it, enlarged
    ],
    ids=["frame rate", "image size", "crop scale"],
)
@pytest.mark.parametrize("side", [0.0, 2.4])
def test_numbers_are_of_the_world_and_not_of_the_pixels(flow: Tensor, how: dict[str, Any], side: float) -> None:
    input = whole(crop=CROP) if side else whole()
    expected, found = numbers(SAME, input, side=side), numbers(flow, input, side=side, **how)
    assert expected["moving area"] == pytest.approx(1 / 16)
    assert expected["velocity x of what moves"] == pytest.approx(0.02 / GAP * (side or 1))
    for name, value in expected.items():
        if "centre" in name or "rim" in name or "absolute" in name:  # of what is shown; and edges are a pixel wide
            continue
        assert found[name] == pytest.approx(value, rel=1e-2, abs=1e-4), name


def test_a_turn_stays_one_in_a_crop_of_other_proportions() -> None:
    x, y = places(64)
    turned = torch.stack([-0.05 * y, 0.05 * x])
    shown = 0.5, 0.8  # half of the height fills the picture as 0.8 of the width does
    squeezed = torch.stack([turned[0] * 0.5 / 0.8, turned[1] * 0.8 / 0.5])
    found = numbers(squeezed, shown=shown)
    assert found["greatest absolute curl"] == pytest.approx(1.0, rel=1e-3)
    assert found["turning of what moves"] == pytest.approx(0.5, rel=1e-2)


def test_cells_and_zones_say_where() -> None:
    flow = torch.zeros(2, 32, 32)
    flow[1, :8, 16:] = 4.0  # above, right of the middle: moves down
    found = numbers(flow, whole(MotionInput(cells=2), crop=CROP), side=2.0)
    speed = 4 / 32 * 2 / GAP
    cell = {f"{what} in cell {row}, {column}" for what in ("mean speed", "mean velocity y") for row, column in [(0, 1)]}
    for name, value in found.items():
        if "cell" in name:
            assert value == pytest.approx(speed / 2 if name in cell else 0, abs=1e-6), name
    assert found["moving area at the rim"] == found["moving area"] == pytest.approx(1 / 8)
    assert found["mean speed at the rim"] == pytest.approx(speed / 8 / (3 / 4))
    assert found["moving area in the centre"] == found["mean speed in the centre"] == 0
    inner = numbers(patch(32, 0.5, 0.1, 0), whole(crop=CROP), side=2.0)
    assert inner["moving area at the rim"] == inner["mean speed at the rim"] == 0
    assert inner["mean speed in the centre"] == pytest.approx(0.2 / GAP)


def test_what_counts_as_motion_is_set_in_the_unit_of_speeds() -> None:
    flow = patch(32, 0.5, 0.005, 0)  # 0.05 sides per second, or 0.12 body lengths
    assert numbers(flow)["moving area"] == 0.25
    assert numbers(flow, whole(MotionInput(moving=0.06)))["moving area"] == 0
    assert numbers(flow, whole(crop=CROP), side=2.4)["moving area"] == 0.25
    assert numbers(flow, whole(MotionInput(moving=0.13), crop=CROP), side=2.4)["moving area"] == 0


@given(st.integers(0, 10**6), st.sampled_from([1e-6, 1.0, 1e4]), st.integers(0, 3), st.booleans())
def test_numbers_are_finite_whatever_the_field(seed: int, size: float, cells: int, cropped: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    flow = torch.randn(3, 2, 12, 12, generator=generator) * size
    shown, speeds = torch.rand(3, 2, generator=generator).clamp(min=0.01), torch.rand(3, 2, generator=generator)
    input = whole(MotionInput(cells=cells), crop=CROP if cropped else None)
    found = motion_statistics(flow, input, shown, speeds)
    assert found.shape == (3, 26 + 4 * cropped + 3 * cells**2)
    assert found.isfinite().all()
    assert torch.equal(found[:1], motion_statistics(flow[:1], input, shown[:1], speeds[:1]))
    resultants = [i for i, one in enumerate(statistics_of_input(input)) if one.kind == "fraction"]
    assert ((found[:, resultants] >= 0) & (found[:, resultants] <= 1 + 1e-5)).all()


class TestPreprocess:
    def build(self, **settings: Any) -> Preprocess:
        usual = {"image_size": 64, "flow_preset": "fast", "flow_motion": MotionInput(), "color_jitter": 0.0}
        settings = {**usual, "flip": 0.0, "crop_scale": (1.0, 1.0), **settings}
        return Preprocess(make_input(settings), take(Augmentation, settings))

    def seconds(self, frames: Tensor, gap: float = GAP) -> Tensor:
        """Whole frames at one distance in time, as the data has them."""
        return torch.from_numpy(unit_speeds(torch.full(frames.shape[1:2], gap).numpy())).expand(len(frames), -1, -1, -1)

    def test_numbers_come_beside_whatever_images_there_are(self) -> None:
        frames = moving(64, 64, 2)[:2]
        speeds = self.seconds(frames)
        expected = self.build()(frames, unit_speed=speeds).motion
        assert expected.shape == (2, 2, 1, 26)
        velocity = expected[..., 9:11].mean(dim=(0, 1, 2))
        torch.testing.assert_close(velocity, torch.full((2,), 2 / 64 / GAP), rtol=0.1, atol=0)
        for modality, streams in (("frames", 1), ("flow", 1), ("motion", 0)):
            seen = self.build(modality=modality)(frames, unit_speed=speeds)
            torch.testing.assert_close(seen.motion, expected, rtol=0, atol=0)
            assert seen.images.shape == (2, 2, streams, 3, 64, 64)
        assert self.build(flow_motion=None)(frames).motion.shape == (2, 2, 1, 0)

    def test_they_need_a_partner_and_its_distance_in_time(self) -> None:
        frames = moving(64, 64, 2)[:2]
        with pytest.raises(ValueError, match=r"unit_speed: .* its statistics"):
            self.build(modality="frames")(frames)
        with pytest.raises(ValueError, match="partner"):
            self.build(modality="frames")(frames[:, :, :1], unit_speed=self.seconds(frames))

    def test_a_mirror_image_moves_the_other_way(self) -> None:
        frames = moving(64, 64, 2)[:2]
        speeds = self.seconds(frames)
        plain = self.build()(frames, unit_speed=speeds).motion
        mirrored = self.build(flip=1.0)(frames, augment=True, unit_speed=speeds).motion
        torch.testing.assert_close(mirrored[..., 9], -plain[..., 9], rtol=0.02, atol=0.01)
        torch.testing.assert_close(mirrored[..., [0, 10]], plain[..., [0, 10]], rtol=0.02, atol=0.01)

    def test_random_crops_and_views_change_no_speed(self) -> None:
        frames = moving(96, 96, 2)
        speeds = self.seconds(frames)
        build = self.build(image_size=96, crop_scale=(0.5, 0.7), flow_preset="default")
        torch.manual_seed(0)
        names = [one.name for one in statistics_of_input(build.input)]
        column = names.index("speed of what moves")
        expected = build(frames, unit_speed=speeds).motion[..., column].mean()
        cropped = build(frames, augment=True, unit_speed=speeds).motion[..., column].mean()
        assert cropped == pytest.approx(float(expected), rel=0.05)
        views = clip_views(frames, 1, 2)
        seen = build(views, shown=(84 / 96, 84 / 96), unit_speed=speeds.repeat_interleave(2, dim=0)).motion
        assert seen[..., column].mean() == pytest.approx(float(expected), rel=0.05)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MotionInput(cells=-1), "input.flow.motion.cells: expected .* got -1"),
        (lambda: MotionInput(moving=0.0), "input.flow.motion.moving: expected a speed above 0"),
        (lambda: NetworkInput(modality="motion"), "input.modality: motion shows no image, only the numbers of"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_settings_survive_a_checkpoint() -> None:
    for input in (whole(MotionInput(cells=3, moving=0.2)), NetworkInput()):
        assert NetworkInput.from_dict(input.to_dict()) == input
    assert NetworkInput(modality="frames").frames_per_position == 1
    assert whole(modality="frames").frames_per_position == 2
    assert motion_shape(NetworkInput()) is None
    assert motion_shape(whole(MotionInput(cells=2), crop=CropInput(context=2.0))) == (2, 42)
    assert whole(MotionInput(cells=1)).differences(NetworkInput()) == {"flow.motion": ("set", None)}
    assert whole(MotionInput(cells=1)).differences(whole()) == {"flow.motion.cells": (1, 0)}
