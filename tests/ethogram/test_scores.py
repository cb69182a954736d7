"""What :class:`amclip.ethogram.scores.WindowScores` accepts."""

from typing import Any

import numpy as np
import pytest

from amclip.ethogram.extent import Extent
from amclip.ethogram.scores import WindowScores


def scores(**others: Any) -> WindowScores:
    first = np.arange(0, 75, 25, dtype=np.int64)
    return WindowScores(
        video="barn.mp4",
        classes=("eat", "rest"),
        start_frame=first,
        stop_frame=first + 25,
        start=first / 25,
        stop=first / 25 + 1,
        probabilities=np.full((3, 2), 0.5, np.float32),
        extent=Extent(25.0, 75, 3.0),
        **others,
    )


def test_a_scene_is_always_there_and_an_animal_at_given_times() -> None:
    assert scores().present is None
    assert scores(subject="hen", present=()).present == ()
    there = scores(subject="hen", present=((0.0, 1.2), (1.24, 3.0)), present_frames=((0, 30), (31, 75)))
    assert there.present == ((0.0, 1.2), (1.24, 3.0))


@pytest.mark.parametrize(
    ("present", "frames", "message"),
    [
        (((1.0, 1.0),), None, "hen: present: expected starts and stops in order and apart"),
        (((0.0, 1.0), (1.0, 2.0)), None, "apart from each other"),
        (((1.0, 2.0), (0.0, 0.5)), None, "in order"),
        (((float("nan"), 2.0),), None, "in order"),
        (((-0.5, 2.0),), None, "from 0 to the video's end, 3"),
        (((0.5, 3.5),), None, "from 0 to the video's end, 3"),
        (((0.0, 1.0),), ((0, 76),), "present_frames: expected frames from 0 to the video's end, 75"),
        (((0.0, 1.0),), ((0, 20), (22, 25)), "present has 1 times in it, present_frames 2"),
        (None, ((0, 20),), "present_frames without present"),
    ],
)
def test_impossible_presences_are_named(present: Any, frames: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scores(subject="hen", present=present, present_frames=frames)
