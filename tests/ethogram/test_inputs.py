import os
from pathlib import Path

import pytest

from amclip.ethogram.inputs import find_sources


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def named(*given: object) -> dict[str, Path]:
    sources = find_sources([str(word) for word in given])
    assert all(source.path.is_absolute() for source in sources)
    return {source.name: source.path for source in sources}


def test_a_folder_brings_its_videos_named_below_it(tmp_path: Path) -> None:
    touch(tmp_path, "day1/a.mp4", "day1/._a.mp4", "day1/notes.txt", "day2/a.mp4", "day2/.hidden/b.mp4", "c.AVI")
    assert list(named(tmp_path)) == ["c.AVI", "day1/a.mp4", "day2/a.mp4"]
    assert list(named(tmp_path / "day1")) == ["a.mp4"]


def test_files_of_several_folders_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path, "day1/a.mp4", "day2/a.mp4")
    assert named(tmp_path / "day1/a.mp4", tmp_path / "day2") == {
        "day1/a.mp4": tmp_path / "day1/a.mp4",
        "day2/a.mp4": tmp_path / "day2/a.mp4",
    }


def test_a_file_is_taken_as_it_is_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.mp4", "odd name [1]", "notes.txt")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
    monkeypatch.chdir(tmp_path)
    assert list(named("a.mp4", tmp_path / "a.mp4", "*.mp4", "link.mp4")) == ["a.mp4"]
    assert list(named("odd name [1]", "notes.txt")) == ["notes.txt", "odd name [1]"]


def test_patterns_reach_into_folders_and_pass_over_those_without_videos(tmp_path: Path) -> None:
    touch(tmp_path, "day1/a.mp4", "day2/deep/b.mp4", "tables/t.csv", "texts/t.md")
    assert list(named(tmp_path / "**/*.mp4")) == ["day1/a.mp4", "day2/deep/b.mp4"]
    assert list(named(tmp_path / "*")) == ["day1/a.mp4", "day2/deep/b.mp4"]
    with pytest.raises(ValueError, match=r"there are no videos in .*t\*"):
        named(tmp_path / "t*", tmp_path / "t*s")


def test_a_folder_of_numbered_images_is_a_video(tmp_path: Path) -> None:
    touch(tmp_path, "run/1.png", "run/2.png", "a.mp4")
    assert list(named(tmp_path / "run")) == ["run"]
    assert list(named(tmp_path / "run", tmp_path / "a.mp4")) == ["a.mp4", "run"]


def test_what_stands_for_nothing_is_said(tmp_path: Path) -> None:
    touch(tmp_path, "empty/notes.txt")
    with pytest.raises(FileNotFoundError, match=r"gone\.mp4: there is no such video"):
        named(tmp_path / "gone.mp4")
    with pytest.raises(FileNotFoundError, match=r"\*\.mov: there is no such video or folder, and nothing matches"):
        named(tmp_path / "*.mov")
    with pytest.raises(ValueError, match="empty: the folder holds no videos"):
        named(tmp_path / "empty")


def test_names_that_are_no_utf8_can_be_written(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    path.write_bytes(b"")
    (name,) = named(tmp_path)
    assert name == "caf%E9.mp4"
    assert named(tmp_path)[name] == path
