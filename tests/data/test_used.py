"""A training's videos are known again by name and size, and as far as its clips go; others of the same name are not."""

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest

from amclip.data.intervals import union
from amclip.data.table import Clip, LabelTable
from amclip.data.used import UsedVideo, UsedVideos, names_in_words, shared_seconds
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError


def info(duration: float) -> VideoInfo:
    return VideoInfo(round(duration * 25), 25.0, 64, 48, duration)


def table(*clips: Clip) -> LabelTable:
    return LabelTable(clips, ("walking",), "labels.csv")


def write(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


@pytest.fixture
def used(tmp_path: Path) -> UsedVideos:
    """Of day1: clip_1.mp4 was trained on whole, cut.mp4 is divided by time, and images are a folder."""
    root = tmp_path / "root"
    for name, size in (("day1/clip_1.mp4", 100), ("cut.mp4", 200), ("val.mp4", 300)):
        write(root / name, size)
    (root / "images").mkdir()
    tables = {
        "train": table(
            Clip("day1/clip_1.mp4"),
            Clip("cut.mp4", 1.0, 3.0),
            Clip("cut.mp4", 0.0, 2.0, subject="hen"),
            Clip("cut.mp4", 5.0, 6.0),
            Clip("images", 0.0, 99.0),
            Clip("gone.mp4"),
        ),
        "val": table(Clip("cut.mp4", 7.0, 9.0), Clip("val.mp4")),
    }
    found: dict[Path, VideoInfo | VideoError] = {
        root / "day1/clip_1.mp4": info(10.0),
        root / "cut.mp4": info(8.0),
        root / "val.mp4": info(4.0),
        root / "images": info(12.0),
        root / "gone.mp4": VideoError(root / "gone.mp4", "is not there"),
    }
    return UsedVideos.of(tables, root, found)


def test_each_video_stands_once_with_the_parts_that_its_clips_cover(used: UsedVideos) -> None:
    assert used.by_split["train"] == (
        UsedVideo("cut.mp4", 200, 8.0, ((0.0, 3.0), (5.0, 6.0))),
        UsedVideo("day1/clip_1.mp4", 100, 10.0, ((0.0, 10.0),)),
        UsedVideo("images", None, 12.0, ((0.0, 12.0),)),
    )
    assert used.by_split["val"] == (
        UsedVideo("cut.mp4", 200, 8.0, ((7.0, 8.0),)),
        UsedVideo("val.mp4", 300, 4.0, ((0.0, 4.0),)),
    )


def test_a_copy_is_known_and_another_file_of_the_same_name_is_not(used: UsedVideos, tmp_path: Path) -> None:
    copy = write(tmp_path / "elsewhere" / "clip_1.mp4", 100)
    assert used.find(copy, 10.0) == {"train": ((0.0, 10.0),)}
    other = write(tmp_path / "day2" / "clip_1.mp4", 101)
    assert used.find(other, 10.0) == {}  # as long as it is, as recordings of one camera are
    assert used.find(write(tmp_path / "day2" / "clip_2.mp4", 100), 10.0) == {}
    assert used.find(tmp_path / "root" / "cut.mp4", 8.0) == {"train": ((0.0, 3.0), (5.0, 6.0)), "val": ((7.0, 8.0),)}


def test_folders_of_images_are_compared_by_their_length(used: UsedVideos, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    assert used.find(tmp_path / "images", 12.01) == {"train": ((0.0, 12.0),)}
    assert used.find(tmp_path / "images", 12.2) == {}


def test_a_name_is_the_same_in_all_forms_of_unicode(tmp_path: Path) -> None:
    path = write(tmp_path / "m\u00e4use.mp4", 7)
    used = UsedVideos({"train": (UsedVideo("ma\u0308use.mp4", 7, 1.0, ((0.0, 1.0),)),), "val": ()})
    assert used.find(path, 1.0)


def prepare(folder: Path, target: str, size: int, original: Path, *made_of: tuple[str, int]) -> Path:
    """A prepared video and the list that has it, whose last line was cut off."""
    line = {"source": str(original), "fingerprint": "", "state": [original.stat().st_size, 1], "target": target}
    line |= {"bytes": size, "frames": 100, "size": [48, 64], "source_size": [480, 640], "made_of": made_of}
    path = write(folder / target, size)
    (folder / "prepared.jsonl").write_text("\n".join(map(json.dumps, [{"amclip_prepared": 1}, line])) + '\n{"cut off')
    return path


@pytest.mark.parametrize("trained_on", ["original", "small", "large", "smaller"])
def test_a_prepared_video_its_original_and_other_copies_stand_for_each_other(tmp_path: Path, trained_on: str) -> None:
    original = write(tmp_path / "camera" / "a.avi", 900)
    paths = {
        "original": original,
        "small": prepare(tmp_path / "small", "day1/a.mp4", 50, original),
        "large": prepare(tmp_path / "large", "day1/a.mp4", 80, original),
    }
    paths["smaller"] = prepare(tmp_path / "smaller", "b.mp4", 30, paths["small"], ("a.avi", 900))
    # The folder that a table's names start from need not be the one that holds the list.
    for root in (paths[trained_on].parent, paths[trained_on].parent.parent, tmp_path):
        name = paths[trained_on].relative_to(root).as_posix()
        clips, found = table(Clip(name, 0.0, 1.0)), {root / name: info(4.0)}
        used = UsedVideos.from_text(UsedVideos.of({"train": clips, "val": table()}, root, found).text)
        assert used is not None
        for path in paths.values():
            assert used.find(path, 4.0) == {"train": ((0.0, 1.0),)}
            # Where it is to be tested it is one video, under its own name.
            here = {path: info(4.0)}
            at_hand = UsedVideos.of({"test": table(Clip(path.name))}, path.parent, here)
            said = used.describe_shared(at_hand, "test")
            assert said.startswith(f"of 1 of 1 video in the split 'test' frames were trained on ({path.name})")
    assert used.find(write(tmp_path / "small" / "a.mp4", 51), 4.0) == {}  # another, which no list has


def test_a_checkpoint_holds_a_text_and_gives_them_back(used: UsedVideos) -> None:
    assert UsedVideos.from_text(used.text) == used
    assert UsedVideos.from_text(None) is None
    for damaged in ("", "[]", "7", '{"train":[]}', '{"train":[[]],"val":[]}', '{"train":[["a",1,2.0,[1]]],"val":[]}'):
        with pytest.raises(ValueError, match="list of the videos of its training is damaged"):
            UsedVideos.from_text(damaged)


def test_many_clips_of_a_video_do_not_make_the_list_long(tmp_path: Path) -> None:
    rng = random.Random(0)
    starts = sorted(rng.uniform(0, 9_000) for _ in range(3_000))
    spans = [(start, start + 0.5) for start in starts]
    root = tmp_path
    clips = table(*(Clip("a.mp4", *span) for span in spans))
    (video,) = UsedVideos.of({"train": clips}, root, {root / "a.mp4": info(10_000.0)}).by_split["train"]
    assert len(video.spans) == 100
    assert video.spans == tuple(union(video.spans))
    assert all(any(a - 1e-3 <= start and stop <= b + 1e-3 for a, b in video.spans) for start, stop in spans)
    exact = union(spans)
    gaps, kept = (sorted(b[0] - a[1] for a, b in pairwise(one)) for one in (exact, video.spans))
    assert kept == pytest.approx(gaps[-99:], abs=2e-3)  # the longest


def test_trainings_that_go_on_from_each_other_add_up() -> None:
    one = UsedVideos({"train": (UsedVideo("a.mp4", 1, 9.0, ((0.0, 4.0),)),), "val": ()})
    two = UsedVideos(
        {
            "train": (UsedVideo("a.mp4", 1, 9.0, ((3.0, 5.0),)), UsedVideo("a.mp4", 2, 9.0, ((0.0, 1.0),))),
            "val": (UsedVideo("b.mp4", 1, 9.0, ((0.0, 4.0),)),),
        }
    )
    assert UsedVideos.joined(None, None) is None
    assert UsedVideos.joined(one, None) == one
    both = UsedVideos.joined(one, two)
    assert both is not None
    assert [(video.size, video.spans) for video in both.by_split["train"]] == [(1, ((0.0, 5.0),)), (2, ((0.0, 1.0),))]
    assert both.by_split["val"] == two.by_split["val"]
    assert UsedVideos.joined(both, two) == both


def test_clips_to_be_tested_that_share_frames_with_others_are_named(used: UsedVideos) -> None:
    def here(*videos: UsedVideo) -> UsedVideos:
        return UsedVideos({"test": videos, "val": videos})

    seen = UsedVideo("clip_1.mp4", 100, 10.0, ((2.0, 3.0),))
    chosen_by = UsedVideo("val.mp4", 300, 4.0, ((0.0, 4.0),))
    other_part = UsedVideo("cut.mp4", 200, 8.0, ((3.0, 5.0),))
    another = UsedVideo("clip_1.mp4", 99, 10.0, ((2.0, 3.0),))
    assert used.describe_shared(here(other_part, another), "test") == ""
    said = used.describe_shared(here(seen, chosen_by, other_part, another), "test")
    assert "of 1 of 4 videos in the split 'test' frames were trained on (clip_1.mp4)" in said
    assert "of 1 of 4 videos in the split 'test' frames were validated on (val.mp4)" in said
    assert "val.mp4" not in used.describe_shared(here(seen, chosen_by), "val")  # where it belongs


def test_seconds_shared_are_counted_as_moment_by_moment() -> None:
    for seed in range(50):
        rng = random.Random(seed)
        first, second = (
            union((start, start + rng.randint(1, 6)) for start in rng.sample(range(40), rng.randint(0, 8)))
            for _ in "ab"
        )
        moments = [{at for start, stop in spans for at in range(start, stop)} for spans in (first, second)]
        assert shared_seconds(first, second) == len(moments[0] & moments[1])


def test_few_names_are_all_named() -> None:
    assert names_in_words(["a", "b", "c"]) == "a, b, c"
    assert names_in_words(["a\x1b", "b", "c", "d", "e"]) == "a\\x1b, b, c and 2 more"
