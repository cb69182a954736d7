"""Folders of numbered images, read as videos; and the search for files that a table names without a suffix."""

from datetime import datetime
from pathlib import Path

import pytest
from drawn import frame_numbers
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import image_folder

from amclip.data.image_folder import numbered_images
from amclip.data.label_error import LabelError
from amclip.data.locate import locate_videos
from amclip.data.probe import probe
from amclip.data.table import Clip, build_table
from amclip.data.video import Video, VideoInfo
from amclip.data.video_file import VideoError


def test_images_are_frames_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "clip", 12)  # 1.jpg, 2.jpg, … 10.jpg
    (folder / "notes.txt").write_text("no image")
    with Video(folder) as video:
        assert (video.num_frames, video.fps, video.height, video.width) == (12, 25.0, 96, 128)
        assert frame_numbers(video.read([11, 0, 9, 9])) == [11, 0, 9, 9]
        assert list(video.frame_range(0.2, 0.4)) == [5, 6, 7, 8, 9]
        with pytest.raises(IndexError, match="frames 0 to 11"):
            video.read([12])
    with Video(folder, (48, 64)) as video:
        assert video.read([3]).shape == (1, 3, 48, 64)
        assert frame_numbers(video.read([3])) == [3]
    with Video(folder, (64, 64), resize="crop") as video:
        assert video.read([3]).shape == (1, 3, 64, 64)


def test_probing_counts_images_and_names_the_broken_one(tmp_path: Path) -> None:
    good = image_folder(tmp_path / "good", 3)
    broken = image_folder(tmp_path / "broken", 3)
    (broken / "3.jpg").write_bytes(b"not an image" * 100)
    (tmp_path / "empty").mkdir()
    twice = image_folder(tmp_path / "twice", 2)
    (twice / "02.jpg").write_bytes((twice / "2.jpg").read_bytes())
    unnumbered = image_folder(tmp_path / "unnumbered", 2)
    (unnumbered / "cover.jpg").write_bytes((twice / "2.jpg").read_bytes())
    found = probe([good, broken, tmp_path / "empty", twice, unnumbered], cache=tmp_path / "cache")
    info = found[good]
    assert isinstance(info, VideoInfo)
    assert (info.num_frames, info.duration) == (3, pytest.approx(0.12))
    for folder, words in (
        (broken, "the image 3.jpg is broken"),
        (tmp_path / "empty", "folder without images"),
        (twice, "02.jpg and 2.jpg have the same number"),
        (unnumbered, "cover.jpg has no number"),
    ):
        error = found[folder]
        assert isinstance(error, VideoError)
        assert words in error.reason


def test_images_of_different_sizes_are_an_error_only_where_no_size_is_asked_for(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "clip", 2)
    other = image_folder(tmp_path / "other", 1, size=(48, 64))
    (folder / "3.jpg").write_bytes((other / "1.jpg").read_bytes())
    with Video(folder) as video, pytest.raises(VideoError, match="different sizes"):
        video.read([0, 2])
    with Video(folder, (48, 64)) as video:
        assert video.read([0, 2]).shape == (2, 3, 48, 64)


def test_names_without_a_suffix_are_completed(tmp_path: Path) -> None:
    image_folder(tmp_path / "day" / "FOLDER", 2)
    for name in ("FOLDER.mp4", "FILE.MP4", "TWO.avi", "TWO.mp4", "dots.1.mp4"):
        (tmp_path / "day" / name).write_bytes(b"")
    names = ["day/FOLDER", "day/FILE", "day/none", "day/dots.1", "day/given.avi", "nowhere/x"]
    table = locate_videos(build_table([Clip(name, labels=("a",)) for name in names], "t"), tmp_path)
    expected = ["day/FOLDER", "day/FILE.MP4", "day/none", "day/dots.1.mp4", "day/given.avi", "nowhere/x"]
    assert [clip.video for clip in table.clips] == expected
    with pytest.raises(LabelError, match=r"t, line 4: day/TWO may be TWO.avi or TWO.mp4"):
        locate_videos(build_table([Clip("day/TWO", labels=("a",), line=4)], "t"), tmp_path)


def names_in_order(folder: Path, names: list[str]) -> list[str]:
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    return [Path(path).name for path in numbered_images(folder)]


@pytest.mark.parametrize(
    "names",
    [
        ["2024-05-01_12-30-00_001.jpg", "2024-05-01_12-30-00_002.jpg", "2024-05-01_12-30-01_001.jpg"],
        ["frame_2024_9.png", "frame_2024_10.png", "frame_2025_1.png"],
        ["cam 1_99.jpg", "cam 1_100.jpg", "cam 2_1.jpg"],
        ["IMG_1.JPG", "img_2.jpg", "IMG_10.jpeg"],
        ["9 of 12.jpg", "10 of 12.jpg"],
    ],
)
def test_whole_names_say_the_order(tmp_path: Path, names: list[str]) -> None:
    assert names_in_order(tmp_path / "there", names) == names
    assert names_in_order(tmp_path / "back", names[::-1]) == names


@given(st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1)), min_size=1, max_size=20, unique=True))
@settings(max_examples=30)
def test_time_stamps_in_names_say_the_order(tmp_path_factory: pytest.TempPathFactory, times: list[datetime]) -> None:
    names = [f"cam2_{time:%Y-%m-%d_%H-%M-%S_%f}.jpg" for time in times]
    assert names_in_order(tmp_path_factory.mktemp("stamped") / "clip", names) == sorted(names)


@pytest.mark.parametrize("names", [["1.jpg", "01.jpg"], ["1.jpg", "1.png"], ["IMG_1.jpg", "img_1.jpg"]])
def test_names_that_are_equal_in_the_order_are_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(ValueError, match="have the same number, so which comes first is not known"):
        names_in_order(tmp_path / "clip", [*names, "2.jpg"])
