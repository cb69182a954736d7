import math
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_animals import texture
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from amclip.data.crops import LARGEST_SQUARE, Animal, cut_out, open_video, read_crops
from amclip.data.tracks import Track
from amclip.data.video_file import VideoError
from amclip.inputs import CropInput, FlowInput, NetworkInput
from amclip.preprocess import Preprocess

CLIPS = Path(__file__).parent / "clips"


def track(boxes: dict[int, tuple[float, float, float, float]], body_length: float | None = None) -> Track:
    return Track("a", np.array(list(boxes), np.int64), np.array(list(boxes.values()), float), body_length)


def square(x: float, y: float, side: float = 70.0) -> tuple[float, float, float, float]:
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def test_a_fly_of_70_pixels_gets_a_crop_of_168_around_it() -> None:
    animal = Animal.of(track({0: square(500, 400)}), 30.0)
    crops = animal.crops(CropInput(), np.array([0, 0]), np.array([0, 0]), 0, 1)
    assert crops.tolist() == [[[416, 316, 168]]] * 2


def test_the_body_length_is_the_tracks_or_the_median_longer_side() -> None:
    boxes = {0: (0.0, 0.0, 10.0, 30.0), 1: (0.0, 0.0, 40.0, 10.0), 2: (0.0, 0.0, 50.0, 50.0)}
    assert Animal.of(track(boxes), 25.0).body_length == 40
    assert Animal.of(track(boxes, 55.0), 25.0).body_length == 55
    with pytest.raises(ValueError, match="how large the animal is"):
        Animal.of(track({0: (3.0, 3.0, 3.0, 3.0)}), 25.0)


@given(
    st.lists(st.tuples(st.floats(-50, 300), st.floats(-50, 300), st.floats(5, 60)), min_size=2, max_size=8),
    st.floats(0, 3),
    st.sampled_from(["window", "position"]),
)
def test_crops_cover_the_boxes_share_a_centre_and_keep_their_scale(
    places: list[tuple[float, float, float]], margin: float, fixed: str
) -> None:
    animal = Animal.of(track({n: square(*place) for n, place in enumerate(places)}), 25.0)
    frames = np.arange(len(places) - 1)
    crop = CropInput(margin, margin + 1, fixed)  # type: ignore[arg-type]
    crops = animal.crops(crop, frames, frames + 1, 0, len(places))
    for k, (near, wide) in enumerate(crops):
        chosen = animal.track.boxes if fixed == "window" else animal.track.boxes[k : k + 2]
        for left, top, side in (near, wide):
            assert (chosen[:, :2].min(axis=0) >= (left, top)).all()
            assert (chosen[:, 2:].max(axis=0) <= (left + side, top + side)).all()
        assert near[2] >= math.floor(animal.body_length * (1 + 2 * margin) + 0.5)
        assert abs(near[:2] + near[2] / 2 - wide[:2] - wide[2] / 2).max() <= 1
        assert wide[2] == pytest.approx(near[2] * (3 + 2 * margin) / (1 + 2 * margin), abs=0.5)
        if fixed == "window":
            assert (crops[k] == crops[0]).all()


def test_an_animal_that_runs_stays_in_the_middle_where_crops_are_fixed_by_position() -> None:
    animal = Animal.of(track({n: square(100 + 50 * n, 100, 20) for n in range(5)}), 25.0)
    by_position = animal.crops(CropInput(1.0, fixed="position"), np.arange(4), np.arange(1, 5), 0, 5)
    assert by_position[:, 0, 2].tolist() == [71] * 4  # both boxes of a pair, 70 pixels
    assert np.diff(by_position[:, 0, 0]).tolist() == [50] * 3
    window = animal.crops(CropInput(1.0), np.arange(4), np.arange(1, 5), 0, 5)
    assert window[:, 0, 2].tolist() == [221] * 4


def test_gaps_are_filled_by_a_line_while_they_are_short_and_else_by_the_nearest_box() -> None:
    animal = Animal.of(track({0: square(100, 100, 20), 12: square(112, 100, 20), 40: square(200, 100, 20)}), 25.0)
    assert animal.longest_gap == 12
    assert animal.stretches(41).tolist() == [[0, 13], [40, 41]]
    assert animal.stretches(6).tolist() == [[0, 6]]
    assert animal.presence(0, 13) == 1
    assert animal.presence(0, 26) == 0.5
    assert animal.presence(20, 30) == 0
    frames = np.array([5, 13, 30, 50])
    crops = animal.crops(CropInput(0, fixed="position"), frames, frames, 0, 51)
    assert (crops[:, 0, 0] + 10).tolist() == [105, 112, 200, 200]  # sides of 21: a pixel more than the boxes
    with pytest.raises(ValueError, match="no box in the frames 20 to 29"):
        animal.crops(CropInput(), np.array([20]), np.array([21]), 20, 30)


def test_beyond_the_border_is_the_mean_colour_and_what_is_seen_is_in_its_place() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    seen = NetworkInput(crop=CropInput(), frame_size=(12, 12), mean=(0.0, 1.0, 0.5))
    fill = torch.tensor([0, 255, 128], dtype=torch.uint8)[:, None, None]
    for left, top in ((-4, -5), (25, 15), (-4, 15), (10, 4), (-12, 0), (40, 50)):
        cut = cut_out(frame, np.array([left, top, 12]), seen)
        for y in range(12):
            for x in range(12):
                inside = 0 <= left + x < 30 and 0 <= top + y < 20
                want = torch.from_numpy(frame[top + y, left + x]) if inside else fill[:, 0, 0]
                assert torch.equal(cut[:, y, x], want)
    smaller = NetworkInput(crop=CropInput(), frame_size=(6, 6))
    stripes = np.zeros((24, 24, 3), np.uint8)
    stripes[:, ::2] = 255
    assert (cut_out(stripes, np.array([0, 0, 24]), smaller).int() - 127).abs().max() <= 40  # smoothed, not skipped


def test_a_square_far_larger_than_the_video_is_refused_before_it_takes_all_memory() -> None:
    seen = NetworkInput(crop=CropInput(), frame_size=(8, 8))
    with open_video(CLIPS / "courtship_4s.mp4", seen) as video:
        largest = LARGEST_SQUARE * max(video.width, video.height)
        wanted, square = np.array([[0, 1]]), np.array([[[0, 0, largest]]])
        assert read_crops(video, wanted, [square], seen)[0].shape == (1, 2, 3, 8, 8)
        with pytest.raises(VideoError, match=rf"{largest + 1} pixels wide.*in pixels of this video"):
            read_crops(video, wanted, [square, square + 1], seen)


class TestFlow:
    """Flow inside the boxes is what was drawn: of what moves, of what stands, and at the border of the frame."""

    BODY = 56.0

    def draw(self, x: float, y: float) -> NDArray[np.uint8]:
        """A textured animal, round, at any place between pixels, on a textured background."""
        import cv2

        height, width = 240, 320
        shift = np.array([[1, 0, x - 40], [0, 1, y - 40]], np.float32)
        body = cv2.warpAffine(texture(80, 80, seed=1), shift, (width, height), flags=cv2.INTER_CUBIC)
        rows, columns = np.mgrid[:height, :width] + 0.5
        radius = self.BODY / 2
        inside = np.hypot((columns - x) / radius, (rows - y) / (0.8 * radius))
        mask = np.clip((1 - inside) * radius + 0.5, 0, 1)[..., None]
        return np.rint(texture(height, width) * (1 - mask) + body * mask).clip(0, 255).astype(np.uint8)

    @pytest.mark.parametrize("motion", [(3.0, 0.0), (0.0, 0.0), (1.5, -2.0)], ids=str)
    @pytest.mark.parametrize("centre", [(160.0, 120.0), (30.0, 120.0), (12.0, 110.0), (160.0, 20.0)], ids=str)
    def test_flow_is_what_was_drawn(self, centre: tuple[float, float], motion: tuple[float, float]) -> None:
        x, y = centre
        u, v = motion
        half = np.array([self.BODY / 2, 0.4 * self.BODY])
        boxes = [np.concatenate([place - half, place + half]) for place in (np.array([x, y]), np.array([x + u, y + v]))]
        animal = Animal.of(Track("a", np.arange(2), np.array(boxes)), 25.0)
        size = 128
        seen = NetworkInput(crop=CropInput(), frame_size=(size, size), image_size=size)
        crop = animal.crops(CropInput(), np.array([0]), np.array([1]), 0, 2)[0, 0]
        pair = torch.stack([cut_out(frame, crop, seen) for frame in (self.draw(x, y), self.draw(x + u, y + v))])
        found = Preprocess(seen).flow(pair[None].float() / 255)[0] * crop[2] / size
        # Where the pixels of the flow lie in the frame: within the box, and within the frame.
        across = (np.arange(size) + 0.5) * crop[2] / size
        columns, rows = across + crop[0], across + crop[1]
        left, top, right, bottom = np.clip(boxes[0], 0, (320, 240, 320, 240))
        within = np.ix_((rows > top) & (rows < bottom), (columns > left) & (columns < right))
        body = np.hypot((columns[None] - x) / half[0], (rows[:, None] - y) / half[1]) < 1
        wrong = found.numpy() - np.where(body, np.array([u, v])[:, None, None], 0.0)
        assert np.abs([part[within].mean() for part in wrong]).max() < 0.1
        if not any(motion):
            assert found.abs().max() < 1e-3


def test_flow_in_body_lengths_is_the_same_at_any_size_and_frame_rate() -> None:
    """Half a body length in a fifth of a second: near and far, slow and fast cameras."""
    lengths = []
    for body, gap in ((24.0, 1 / 5), (48.0, 1 / 5), (48.0, 1 / 10)):
        move = body * gap * 0.5  # pixels, at half a body length per second
        picture = texture(300, 300, scale=body / 12)
        import cv2

        shift = np.array([[1, 0, move], [0, 1, 0]], np.float32)
        later = cv2.warpAffine(picture, shift, (300, 300), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        frames = [np.rint(one).clip(0, 255).astype(np.uint8) for one in (picture, later)]
        box = square(150, 150, body)
        animal = Animal.of(track({0: box, 1: box}), 25.0)
        flow = FlowInput(unit="body lengths", bound=1.0, image="uvm")
        seen = NetworkInput(crop=CropInput(), flow=flow, frame_size=(64, 64), image_size=56, modality="flow")
        crops = animal.crops(CropInput(), np.array([0]), np.array([1]), 0, 2)
        speeds = torch.from_numpy(animal.unit_speed(crops, np.array([gap])))[None]
        pair = torch.stack([cut_out(frame, crops[0, 0], seen) for frame in frames])[None, None]
        preprocess = Preprocess(seen)
        images = preprocess.denormalise(preprocess(pair, unit_speed=speeds).images)
        lengths.append(float(images[0, 0, 0, 2, 8:-8, 8:-8].mean()))
        with pytest.raises(ValueError, match="unit_speed"):
            preprocess(pair)
    assert lengths == pytest.approx([0.5] * 3, abs=0.02)


def test_a_frame_that_is_its_own_partner_does_not_move() -> None:
    animal = Animal.of(track({0: square(50, 50, 20)}), 25.0)
    crops = animal.crops(CropInput(), np.array([0, 0]), np.array([0, 0]), 0, 1)
    assert animal.unit_speed(crops, np.array([0.0, 0.5])).tolist() == [[[0, 0]], [[pytest.approx(48 / 20 / 0.5), 2]]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crop": CropInput(), "frame_size": (64, 80)}, "crops are squares"),
        ({"crop": CropInput(), "resize": "crop"}, "cuts squares"),
        ({"flow": FlowInput(unit="body lengths")}, "set input.crop too"),
    ],
)
def test_inputs_that_make_no_sense_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkInput(**change)  # type: ignore[arg-type]
    for wrong in ({"margin": -1.0}, {"margin": 1.0, "context": 0.5}, {"fixed": "clip"}):
        with pytest.raises(ValueError, match=r"input\.crop\."):
            CropInput(**wrong)  # type: ignore[arg-type]


def test_crops_travel_as_plain_values_and_differences_are_named(tmp_path: Path) -> None:
    seen = NetworkInput(crop=CropInput(1.0, 3.0, "position"), flow=FlowInput(unit="body lengths", bound=4.0))
    assert NetworkInput.from_dict(seen.to_dict()) == seen
    assert seen.num_streams == 4
    assert seen.pictures_per_position == 4
    other = NetworkInput(crop=CropInput(0.5), flow=FlowInput(unit="body lengths", bound=4.0))
    assert set(seen.differences(other)) == {"crop.margin", "crop.context", "crop.fixed"}
    whole = NetworkInput(flow=FlowInput(bound=4.0))
    assert set(other.differences(whole)) == {"crop", "flow.unit"}
    assert set(other.differences(whole)) <= set(NetworkInput.FIXED)
