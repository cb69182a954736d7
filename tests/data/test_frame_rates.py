import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amclip.data.frame_rates import describe_rates, describe_slow, gap_in_frames, too_slow
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError
from amclip.sampling import sample_positions


def info(fps: float, frames: int = 100) -> VideoInfo:
    return VideoInfo(frames, fps, 64, 48, frames / fps)


def found(*rates: float) -> dict[Path, VideoInfo | VideoError]:
    videos: dict[Path, VideoInfo | VideoError] = {Path(f"{n}.mp4"): info(fps) for n, fps in enumerate(rates)}
    return {**videos, Path("broken.mp4"): VideoError("broken.mp4", "is empty")}


@given(st.floats(1, 300), st.floats(0.005, 0.9))
def test_the_gap_in_frames_is_what_sampling_takes(fps: float, gap: float) -> None:
    frames, partners = sample_positions(np.arange(400) / fps, 0.0, 400 / fps, 1, gap)
    assert int(partners[0] - frames[0]) == gap_in_frames(fps, gap)


def test_one_rate_needs_no_words() -> None:
    assert describe_rates(found(29.97, 30.0, 30.01), 1 / 25) == ""
    assert describe_rates({Path("one.mp4"): info(50, 1), Path("a.mp4"): info(25)}, 1 / 25) == ""


def test_rates_that_differ_are_counted_with_the_gap_at_each() -> None:
    assert describe_rates(found(25, 60, 25, 0.98), 1 / 25) == (
        "frame rates: 0.98 (1 video), 25 (2 videos), 60 (1 video); the flow gap of 0.04 s is 1, 1, 2 frames"
    )


def test_many_rates_are_summed_up() -> None:
    words = describe_rates(found(*[25] * 9, *range(30, 40)), 1 / 25)
    assert words.startswith("frame rates: 25 (9 videos), 30 (1 video)")
    assert "others from 35 to 39 (5)" in words
    assert words.endswith("1, 1, 1, 1, 1, 1, … frames")


def test_a_video_is_too_slow_where_the_next_frame_comes_after_one_and_a_half_gaps() -> None:
    assert not too_slow(info(25 / 1.5), 1 / 25)
    assert too_slow(info(16), 1 / 25)
    assert not too_slow(info(15), 1 / 15)
    assert not too_slow(info(1, frames=1), 1 / 25)


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ((25, 10, 15), "2 of 3 videos. 1.mp4 has 10 frames/s: the next frame comes after 0.1 s, 2.5 times the gap"),
        ((10,), "1 of 1 video. .*set --input.flow.gap 1/10 in training"),
        ((1,), "1 of 1 video. .*after 1 s, 25 times the gap.*--input.modality frames"),
    ],
)
def test_slow_videos_are_told_once_with_numbers_and_a_way_out(rates: tuple[float, ...], words: str) -> None:
    assert re.search(f"^too slow for the flow gap of 0.04 s: {words}", describe_slow(found(*rates), 1 / 25))
    assert describe_slow(found(25, 50), 1 / 25) == ""
