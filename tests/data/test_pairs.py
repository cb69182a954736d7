from pathlib import Path

import numpy as np
import pytest
from drawn import draw_video, frame_numbers

from amclip.data.pairs import partners_within, read_pairs
from amclip.data.video import Video


@pytest.mark.parametrize(
    ("fps", "gap", "step"), [(25, 1 / 25, 1), (25, 3 / 25, 3), (60, 1 / 25, 2), (15, 1 / 25, 1), (30, 1 / 20, 2)]
)
def test_frames_without_a_partner_in_the_interval_are_left_out(fps: int, gap: float, step: int) -> None:
    partners = partners_within(7.0 + np.arange(40) / fps, gap)
    assert partners.tolist() == list(range(step, 40))


def test_one_frame_has_no_partner() -> None:
    assert len(partners_within(np.zeros(1), 1 / 25)) == 0
    assert len(partners_within(np.arange(5) / 10, 0.5)) == 0


@pytest.mark.parametrize("length", [1, 4, 1000])
def test_pairs_of_an_uneven_video_are_a_time_apart_and_every_frame_is_decoded_once(
    tmp_path: Path, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps = [20 * n for n in range(30)] + [600 + 50 * n for n in range(20)]
    draw_video(tmp_path / "uneven.mp4", 50, milliseconds=stamps)
    asked: list[int] = []
    with Video(tmp_path / "uneven.mp4") as video:
        read = video.read
        monkeypatch.setattr(video, "read", lambda indices: asked.extend(indices) or read(indices))
        partners = partners_within(video.timestamps()[5:], 0.1)
        chunks = list(read_pairs(video, 5, partners, length))
    assert [len(chunk) for chunk in chunks[:-1]] == [length] * (len(chunks) - 1)
    seen = [frame_numbers(chunk[:, n]) for n in range(2) for chunk in chunks]
    firsts = [number for numbers in seen[: len(chunks)] for number in numbers]
    seconds = [number for numbers in seen[len(chunks) :] for number in numbers]
    assert firsts == list(range(5, 48))
    assert asked == list(range(5, 50))
    apart = np.array(stamps)[seconds] - np.array(stamps)[firsts]
    assert apart[:20].tolist() == [100] * 20
    assert (np.abs(apart - 100) <= 25).all()
