"""From body points to a box: the smallest round those that are there, and how long the animal is."""

import numpy as np
import pytest

from amclip.data.label_error import LabelError
from amclip.data.tracks.boxes import SLIMMEST, body_length, boxes_around, track_of_points

NAN = np.nan


def test_boxes_are_the_smallest_round_the_points_that_are_there() -> None:
    points = np.array([[[0, 0], [10, 4], [5, 8]], [[NAN, NAN], [10, 4], [20, 14]]], np.float64)
    np.testing.assert_array_equal(boxes_around(points, 10.0), [[0, 0, 10, 8], [10, 4, 20, 14]])


@pytest.mark.parametrize("length", [40.0, 4.0, None])
def test_one_point_and_a_straight_back_get_a_box_with_sides(length: float | None) -> None:
    points = np.array([[[30, 20], [NAN, NAN]], [[10, 20], [50, 20]]], np.float64)
    least = max(1.0, SLIMMEST * (length or 0))
    alone, level = boxes_around(points, length)
    np.testing.assert_allclose(alone, [30 - least / 2, 20 - least / 2, 30 + least / 2, 20 + least / 2])
    np.testing.assert_allclose(level, [10, 20 - least / 2, 50, 20 + least / 2])


def test_a_body_is_as_long_as_its_furthest_points_are_apart_in_the_median_frame() -> None:
    along = np.array([0.0, 0.5, 1.0])
    lengths = [10, 11, 12, 13, 500]  # a swap makes one frame's points lie far apart
    points = np.stack([np.stack([along * length, np.zeros(3)], axis=1) for length in lengths])
    assert body_length(points) == 12
    points[:2, 2] = NAN  # no tail: such frames say nothing of the length
    assert body_length(points) == 13


def test_without_two_points_in_one_frame_a_length_is_not_known() -> None:
    assert body_length(np.array([[[1, 1], [NAN, NAN]], [[NAN, NAN], [2, 2]]], np.float64)) is None
    assert body_length(np.array([[[1.0, 1], [1, 1]]])) is None
    assert body_length(np.empty((0, 3, 2))) is None


def test_a_length_of_many_frames_is_taken_from_some_of_them() -> None:
    points = np.zeros((30_000, 2, 2))
    points[:, 1, 0] = np.linspace(20, 40, 30_000)
    assert body_length(points) == pytest.approx(30, abs=0.01)


def test_unlikely_points_and_frames_without_a_point_are_left_out() -> None:
    points = np.array([[[0, 0], [90, 90]], [[NAN, NAN], [NAN, 3]], [[4, 4], [8, 7]], [[1, 1], [2, 2]]], np.float64)
    likelihood = np.array([[0.9, 0.1], [0.9, 0.9], [0.6, 1.06], [NAN, 0.59]])
    track = track_of_points("fly", np.array([2, 3, 5, 9]), points, "x", likelihood, 0.6)
    assert track.frames.tolist() == [2, 5]
    assert track.body_length == 5
    np.testing.assert_allclose(track.boxes, [[-0.625, -0.625, 0.625, 0.625], [4, 4, 8, 7]])
    everything = track_of_points("fly", np.array([2, 3, 5, 9]), points, "x", likelihood)
    assert everything.frames.tolist() == [2, 5, 9]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e12])
def test_a_point_that_lies_nowhere_is_refused_by_frame(value: float) -> None:
    points = np.zeros((3, 2, 2))
    points[1, 1, 0] = value
    with pytest.raises(LabelError, match=r"a.h5: frame 8: body point 2 of 'fly' lies at"):
        track_of_points("fly", np.array([7, 8, 9]), points, "a.h5")
