"""Which videos a folder holds: links, loops, and what cannot be looked into."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amclip.data.find import in_its_place, list_videos
from amclip.data.probe import probe
from amclip.data.video_file import VideoError
from amclip.ethogram.inputs import find_sources


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in list_videos(folder)]


def test_list_videos(tmp_path: Path) -> None:
    touch(tmp_path, "b.MP4", "sub/a.avi", ".hidden/c.mp4", "._b.MP4", "notes.txt", "sub/deep/d.mkv")
    assert found(tmp_path) == ["b.MP4", "sub/a.avi", "sub/deep/d.mkv"]
    assert list_videos(tmp_path / "b.MP4") == [tmp_path / "b.MP4"]
    with pytest.raises(FileNotFoundError):
        list_videos(tmp_path / "no")


def test_loops_of_links_end_and_keep_the_good_videos(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.mp4", "in/sub/b.mp4")
    (tmp_path / "in" / "self.mp4").symlink_to(tmp_path / "in" / "self.mp4")
    (tmp_path / "in" / "self").symlink_to(tmp_path / "in" / "self")
    (tmp_path / "in" / "sub" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "sub" / "further up").symlink_to(tmp_path)
    (tmp_path / "in" / "sub" / "here").symlink_to(".")
    (tmp_path / "in" / "gone.mp4").symlink_to(tmp_path / "no such file")
    assert found(tmp_path / "in") == ["a.mp4", "gone.mp4", "self.mp4", "sub/b.mp4"]
    sources = find_sources([str(tmp_path / "in")])
    assert [source.name for source in sources] == ["a.mp4", "gone.mp4", "self.mp4", "sub/b.mp4"]
    reasons = probe((tmp_path / "in" / name for name in ("gone.mp4", "self.mp4")), progress=False)
    assert all(isinstance(one, VideoError) for one in reasons.values())


def test_linked_folders_are_followed_each_once(tmp_path: Path) -> None:
    touch(tmp_path, "disk/day1/a.mp4", "disk/day2/b.mp4", "project/c.mp4")
    for name in ("one", "two"):
        (tmp_path / "project" / name).symlink_to(tmp_path / "disk")
    (tmp_path / "project" / "day2").symlink_to(tmp_path / "disk" / "day2")
    names = found(tmp_path / "project")
    assert len(names) == 3
    assert {Path(name).name for name in names} == {"a.mp4", "b.mp4", "c.mp4"}
    touch(tmp_path, "both/real/x.mp4")
    (tmp_path / "both" / "a link").symlink_to(tmp_path / "both" / "real")
    assert found(tmp_path / "both") == ["real/x.mp4"]


@pytest.mark.parametrize("locked", ["locked", "locked/deeper", "."])
def test_a_folder_that_cannot_be_looked_into_is_told(
    locked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.mp4", "locked/deeper/b.mp4")
    scandir = os.scandir

    def refused(path: Any) -> Iterator[os.DirEntry[str]]:
        if Path(path) == tmp_path / locked:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    names = [source.path for source in find_sources([str(tmp_path)])]
    assert tmp_path / locked in names
    assert (tmp_path / "a.mp4" in names) == (locked != ".")


def test_names_that_are_no_utf8_are_told_apart(tmp_path: Path) -> None:
    for name in (b"a\xe9.mp4", b"a\xe8.mp4", b"=1.mp4", b"a\x1b[2J.mp4"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    names = [source.name for source in find_sources([str(tmp_path)])]
    assert names == ["./=1.mp4", "a%1B[2J.mp4", "a%E8.mp4", "a%E9.mp4"]


def test_in_the_place_of_a_video_none_is_told_that_is_named_itself(tmp_path: Path) -> None:
    touch(tmp_path, "videos/clip_00034.mp4", "day 1/a.mp4")
    missing = tmp_path / "videos" / "clip_00004.mp4"
    assert in_its_place(missing) == "; there is clip_00034.mp4"
    assert in_its_place(missing, {missing, tmp_path / "videos" / "clip_00034.mp4"}) == ""
    lost = tmp_path / "day_1" / "a.mp4"
    assert in_its_place(lost) == f"; there is no folder {tmp_path / 'day_1'}; there is day 1"
    assert in_its_place(lost, {tmp_path / "day 1" / "a.mp4"}) == f"; there is no folder {tmp_path / 'day_1'}"
