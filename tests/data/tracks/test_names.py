"""Tracks are matched to videos and animals by name; what could be two is refused."""

import numpy as np
import pytest

from amclip.data.label_error import LabelError
from amclip.data.tracks import (
    NoTracksError,
    Track,
    Tracks,
    UnknownSubjectError,
    match_subjects,
    match_videos,
    tracks_of,
)


def of(*videos: str) -> Tracks:
    box = np.array([[0.0, 0, 1, 1]])
    return Tracks.of("tracks.csv", [(video, Track(f"in {video}", np.array([0]), box)) for video in videos])


@pytest.mark.parametrize(
    ("there", "video", "right"),
    [
        (["a.mp4", "b.mp4"], "b.mp4", "b.mp4"),
        (["a", "b"], "b.mp4", "b"),
        (["day/a.mp4", "a.mp4"], "a.mp4", "a.mp4"),
        (["day/a.mp4", "other/a.mp4"], "day/a.mp4", "day/a.mp4"),
        (["./day/a.mp4"], "day/a.mp4", "./day/a.mp4"),
        (["C:\\films\\day\\a.mp4", "C:\\films\\night\\a.mp4"], "night/a.mp4", "C:\\films\\night\\a.mp4"),
        (["/home/me/a.mp4"], "day/a.mp4", "/home/me/a.mp4"),
        (["a.mp4"], "day/a.mp4", "a.mp4"),
        (["a.avi", "a.mp4"], "day/a.mp4", "a.mp4"),
        (["a.avi"], "a.mp4", "a.avi"),
        (["aDLC_resnet50_flyMay3shuffle1_100000"], "a.mp4", "aDLC_resnet50_flyMay3shuffle1_100000"),
        (["aDLC_HrnetW32_flyMay3shuffle1_snapshot_200_el_filtered"], "a.mp4", None),
        (["aDeepCut_resnet50_flyMay3shuffle1_100000"], "a.mp4", None),
        (["cafe\u0301.mp4"], "caf\u00e9.mp4", None),
        (["a.b.mp4", "a.mp4"], "a.b", "a.b.mp4"),
        ([""], "any.mp4", ""),
    ],
)
def test_videos_are_matched_by_name(there: list[str], video: str, right: str | None) -> None:
    assert tracks_of(of(*there), video)[0].subject == f"in {there[0] if right is None else right}"


@pytest.mark.parametrize("there", [["/x/a.mp4", "/y/a.mp4"], ["a.avi", "a.mov"]])
def test_two_that_fit_are_refused(there: list[str]) -> None:
    with pytest.raises(LabelError, match=r"fit a.mp4; name the video with its folder") as refused:
        tracks_of(of(*there), "a.mp4")
    assert not isinstance(refused.value, NoTracksError)


@pytest.mark.parametrize(
    ("there", "video", "words"),
    [
        (["night/a.mp4"], "day/a.mp4", r"no tracks of day/a.mp4; did you mean 'night/a.mp4'"),
        (["flies1.mp4"], "flies2.mp4", r"did you mean 'flies1.mp4'"),
        (["x", "y"], "films.mp4", r"there are 'x', 'y'"),
        ([], "a.mp4", r"there is none at all"),
    ],
)
def test_a_video_without_tracks_is_named_with_what_is_close(there: list[str], video: str, words: str) -> None:
    with pytest.raises(NoTracksError, match=words):
        tracks_of(of(*there), video)


def test_all_videos_of_a_table_are_matched_at_once() -> None:
    found = match_videos(of("a.mp4", "b"), ["day/b.mp4", "a.mp4", "c.mp4", "a.mp4"])
    assert {video: known[0].subject for video, known in found.items()} == {"day/b.mp4": "in b", "a.mp4": "in a.mp4"}
    with pytest.raises(LabelError, match=r"the tracks of 'a' fit day1/a.mp4 and day2/a.mp4"):
        match_videos(of("a"), ["day1/a.mp4", "day2/a.mp4"])


def test_animals_are_matched_by_name_and_a_slip_gets_a_suggestion() -> None:
    there = ("fly1", "re\u0301ne")
    assert dict(match_subjects(["r\u00e9ne", "fly1"], there, "x")) == {"r\u00e9ne": "re\u0301ne", "fly1": "fly1"}
    with pytest.raises(UnknownSubjectError, match=r"x: 'Fly1' has no track; did you mean 'fly1'\?.*1 more") as refused:
        match_subjects(["Fly1", "zebra"], there, "x")
    assert "'zebra' has no track; there are 'fly1'" in str(refused.value.others[0])


def test_a_name_as_it_is_written_comes_before_another_form_of_it() -> None:
    composed, taken_apart = "K\u00e4the", "Ka\u0308the"
    for there in ([composed, taken_apart], [taken_apart, composed]):
        found = match_subjects([composed, taken_apart], there, "tracks.csv")
        assert dict(found) == {composed: composed, taken_apart: taken_apart}
    assert dict(match_subjects([composed], [taken_apart], "tracks.csv")) == {composed: taken_apart}
