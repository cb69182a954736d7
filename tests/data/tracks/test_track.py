"""Boxes of an animal: where there are none, nothing is made up."""

import numpy as np
import pytest

from amclip.data.tracks import Track, Tracks

BOXES = np.array([[0.0, 0, 10, 10], [10, 0, 20, 10], [40, 0, 50, 10]])
TRACK = Track("fly", np.array([2, 3, 6]), BOXES)


def test_boxes_of_frames_that_have_one_are_given_as_they_are() -> None:
    np.testing.assert_array_equal(TRACK.at(np.array([6, 2, 3])), BOXES[[2, 0, 1]])


def test_gaps_and_what_lies_around_a_track_are_empty() -> None:
    assert np.isnan(TRACK.at(np.array([0, 1, 4, 5, 7, 100]))).all()


def test_short_gaps_are_filled_by_a_straight_line_and_longer_ones_are_not() -> None:
    np.testing.assert_allclose(TRACK.at(np.array([4, 5]), longest_gap=2), [[20, 0, 30, 10], [30, 0, 40, 10]])
    assert np.isnan(TRACK.at(np.array([4, 5]), longest_gap=1)).all()
    assert np.isnan(TRACK.at(np.array([1, 7]), longest_gap=9)).all()


def test_a_track_without_a_frame_is_nowhere() -> None:
    assert np.isnan(Track("fly", np.empty(0, np.int64), np.empty((0, 4))).at(np.arange(3))).all()


@pytest.mark.parametrize(
    ("frames", "boxes", "words"),
    [
        ([0, 1], BOXES, "2 frames and boxes of shape"),
        ([0, 2, 2], BOXES, "do not rise"),
        ([-1, 0, 1], BOXES, "do not rise from 0"),
        ([0, 1, 2], BOXES * np.nan, "no number"),
        ([0, 1, 2], BOXES[:, [2, 1, 0, 3]], "end before they begin"),
    ],
)
def test_what_is_no_track_is_refused(frames: list[int], boxes: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Track("fly", np.array(frames), boxes)


def test_a_video_has_one_track_of_a_subject() -> None:
    tracks = Tracks.of("boxes.csv", [("a", TRACK), ("b", TRACK)])
    assert tracks.subjects("a") == ("fly",)
    assert tracks.track("b", "fly") is TRACK
    assert tracks.track("c", "fly") is None
    with pytest.raises(ValueError, match=r"boxes.csv: 'fly' has two tracks in 'a'"):
        Tracks.of("boxes.csv", [("a", TRACK), ("a", TRACK)])
