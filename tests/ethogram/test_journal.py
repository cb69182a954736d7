import contextlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amclip.atomic import write_bytes
from amclip.data.video_file import VideoError
from amclip.ethogram.bouts import timeline
from amclip.ethogram.extent import Extent
from amclip.ethogram.journal import (
    Journal,
    JournalHeader,
    file_state,
    is_finished,
    journal_path,
    read_scores,
)
from amclip.ethogram.plan import WindowPlan, plan_windows
from amclip.ethogram.row_plan import rows_of_windows

EXTENT = Extent(10.0, 200, 20.0, offset=0.5)
FINGERPRINT = {"checkpoint": "abc", "window": 2.0}
PLAN = plan_windows(np.arange(200) / 10, 20.0, 2.0, 0.5, 4)
ROWS = rows_of_windows(PLAN, np.arange(200) / 10)
SCORES = np.random.default_rng(0).random((len(PLAN), 3), np.float32)


def header_of(video: Path, plan: WindowPlan = PLAN) -> JournalHeader:
    return JournalHeader(str(video), file_state(video), FINGERPRINT, ("a", "b", "ü"), len(plan), EXTENT)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"pixels")
    return path


def written(path: Path, video: Path, blocks: list[int]) -> Path:
    with Journal(path, header_of(video)) as journal:
        for size in blocks:
            journal.add(ROWS, SCORES[journal.rows : journal.rows + size])
            journal.sync()
    return path


def test_what_is_read_is_what_was_written(tmp_path: Path, video: Path) -> None:
    path = written(tmp_path / "a.scores", video, [3, 1, len(PLAN) - 4])
    (scores,) = read_scores(path, "day 1/video.mp4", video, FINGERPRINT)
    assert (scores.video, scores.classes, scores.extent) == ("day 1/video.mp4", ("a", "b", "ü"), EXTENT)
    np.testing.assert_array_equal(scores.probabilities, SCORES)
    for name in ("start_frame", "stop_frame", "start", "stop"):
        np.testing.assert_array_equal(getattr(scores, name), getattr(PLAN, name))
    assert is_finished(path, video, FINGERPRINT)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.data())
def test_after_any_cut_or_damage_whole_blocks_remain_and_the_rest_can_be_added(
    tmp_path: Path, video: Path, blocks: list[int], data: st.DataObject
) -> None:
    path = tmp_path / "a.scores"
    path.unlink(missing_ok=True)
    begin = len(header_of(video).line())
    content = written(path, video, blocks).read_bytes()
    at = data.draw(st.integers(begin, len(content)))
    how = data.draw(st.sampled_from(["cut", "zeros", "flipped"]))
    if how == "cut":
        damaged = content[:at]
    elif how == "zeros":  # what a power cut leaves where only the length had reached the disk
        damaged = content[:at] + bytes(len(content) - at)
    else:
        damaged = content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :] if at < len(content) else content
    path.write_bytes(damaged)
    ends = begin + np.cumsum([12 + size * (40 + 12) for size in blocks])
    assert ends[-1] == len(content)
    intact = [size for size, end in zip(blocks, ends, strict=True) if damaged[:end] == content[:end]]
    with Journal(path, header_of(video)) as journal:
        assert journal.rows == sum(intact)
        journal.add(ROWS, SCORES[journal.rows :])
    (scores,) = read_scores(path, "a", video, FINGERPRINT)
    np.testing.assert_array_equal(scores.probabilities, SCORES)
    np.testing.assert_array_equal(scores.start_frame, PLAN.start_frame)


def test_scores_of_a_part_end_with_it(tmp_path: Path, video: Path) -> None:
    path = written(tmp_path / "a.scores", video, [5])
    (scores,) = read_scores(path, "a", video, FINGERPRINT)
    assert (scores.extent.num_frames, scores.extent.duration) == (int(PLAN.stop_frame[4]), float(PLAN.stop[4]))
    assert not is_finished(path, video, FINGERPRINT)


def test_another_video_other_settings_and_other_files_are_no_progress(tmp_path: Path, video: Path) -> None:
    path = written(tmp_path / "a.scores", video, [len(PLAN)])
    assert not is_finished(path, video, {**FINGERPRINT, "window": 3.0})
    assert read_scores(path, "a", video, {**FINGERPRINT, "window": 3.0}) == []
    with Journal(path, replace(header_of(video), rows=99)) as journal:
        assert journal.rows == 0  # begun anew
    assert read_scores(path, "a", video, FINGERPRINT) == []  # which holds no windows yet

    path = written(path, video, [len(PLAN)])
    video.write_bytes(b"other pixels")
    assert not is_finished(path, video, FINGERPRINT)
    assert read_scores(path, "a", video, FINGERPRINT) == []
    video.unlink()
    assert read_scores(path, "a", video, FINGERPRINT) == []
    with pytest.raises(VideoError, match="cannot be read: No such file"):
        file_state(video)


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b"[1]\n", b"\xff\xfe\n", b'{"format": 2}\n'], ids=repr)
def test_what_is_no_journal_is_none(tmp_path: Path, video: Path, content: bytes) -> None:
    path = tmp_path / "a.scores"
    path.write_bytes(content)
    assert read_scores(path, "a", video, FINGERPRINT) == []
    with Journal(path, header_of(video)) as journal:
        assert journal.rows == 0
        journal.add(ROWS, SCORES[:2])
    assert len(read_scores(path, "a", video, FINGERPRINT)[0].start) == 2


def test_an_error_keeps_what_was_added(tmp_path: Path, video: Path) -> None:
    path = tmp_path / "a.scores"
    with contextlib.suppress(KeyboardInterrupt), Journal(path, header_of(video)) as journal:
        journal.add(ROWS, SCORES[:7])
        raise KeyboardInterrupt
    assert len(read_scores(path, "a", video, FINGERPRINT)[0].start) == 7


def test_a_full_disk_is_told_and_leaves_no_half_file(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = written(tmp_path / "a.scores", video, [4])
    monkeypatch.setattr(os, "fsync", full)
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.raises(OSError, match="No space left"))
        journal = stack.enter_context(Journal(path, header_of(video)))
        journal.add(ROWS, SCORES[4:9])
        journal.sync()
    (scores,) = read_scores(path, "a", video, FINGERPRINT)
    np.testing.assert_array_equal(scores.probabilities, SCORES[: len(scores.start)])  # none is there twice
    assert len(scores.start) in (4, 9)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(tmp_path / "b", b"content")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.scores", "video.mp4"]


def test_names_that_repeat_and_names_that_no_disk_takes_get_journals_of_their_own(tmp_path: Path) -> None:
    videos = [Path("/a/x.mp4"), Path("/b/x.mp4"), Path("/a/x.avi"), Path("/a/" + "é" * 200 + ".mp4")]
    paths = [journal_path(tmp_path, video) for video in videos]
    assert len(set(paths)) == len(paths)
    assert all(len(path.name) < 80 and path.name.isascii() for path in paths)
    assert paths[0] == journal_path(tmp_path, Path("/a/x.mp4"))


def test_animals_share_a_journal_and_are_told_apart(tmp_path: Path, video: Path) -> None:
    window = np.repeat(np.arange(len(PLAN)), 2)
    rows = replace(ROWS, window=window[:-10], subject=np.tile([0, 1], len(PLAN))[:-10])
    scores = np.random.default_rng(1).random((len(rows), 3), np.float32)
    present = (((0, 200, 0.0, 20.0),), ((0, 50, 0.0, 5.0), (60, 155, 6.0, 15.5)), ())
    header = replace(header_of(video), rows=len(rows), subjects=("ada", "bob", "cid"), present=present)
    path = tmp_path / "a.scores"
    with Journal(path, header) as journal:
        journal.add(rows, scores[:7])
    ada, bob, cid = read_scores(path, "a", video, FINGERPRINT)
    assert [len(one.start) for one in (ada, bob, cid)] == [4, 3, 0]
    assert ada.extent.num_frames == int(PLAN.stop_frame[3])  # as far as it got
    assert bob.present == ((0.0, float(PLAN.stop[3])),)
    with Journal(path, header) as journal:
        assert journal.rows == 7
        journal.add(rows, scores[7:])
    ada, bob, cid = read_scores(path, "a", video, FINGERPRINT)
    assert [one.subject for one in (ada, bob, cid)] == ["ada", "bob", "cid"]
    np.testing.assert_array_equal(bob.probabilities, scores[1::2])
    np.testing.assert_array_equal(bob.start_frame, PLAN.start_frame[: len(bob.start)])
    assert bob.present == ((0.0, 5.0), (6.0, 15.5))
    assert bob.present_frames == ((0, 50), (60, 155))
    assert (len(cid.start), cid.present) == (0, ())
    assert is_finished(path, video, FINGERPRINT)


def test_of_an_animal_that_comes_behind_the_last_row_nothing_is_known(tmp_path: Path, video: Path) -> None:
    """Rows end where a video cannot be decoded: also between the animals of one window."""
    rows = replace(ROWS, window=np.array([0, 1, 2, 2, 3, 3]), subject=np.array([0, 0, 0, 1, 0, 1]))
    present = (((0, 35, 0.0, 3.5),), ((22, 35, 2.2, 3.5),))
    header = replace(header_of(video), rows=len(rows), subjects=("ada", "bob"), present=present)
    path = tmp_path / "a.scores"
    with Journal(path, header) as journal:
        journal.add(rows, SCORES[:3])
    ada, bob = read_scores(path, "a", video, FINGERPRINT)
    assert int(PLAN.stop_frame[2]) > 22
    assert ada.present == ((0.0, float(PLAN.stop[2])),)
    assert (len(bob.start), bob.present) == (0, ())
    assert timeline(bob).absent.all()
