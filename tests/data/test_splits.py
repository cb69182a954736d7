from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amclip.data.splits import assign_splits, hold_out
from amclip.data.table import Clip, LabelError, LabelTable, build_table

CLASSES = ("a", "b", "c", "d")
some_labels = st.lists(st.sampled_from(CLASSES), unique=True).map(tuple)


@st.composite
def tables(draw: st.DrawFn, named: bool = False) -> LabelTable:
    clips = []
    for video in range(draw(st.integers(1, 25))):
        split = draw(st.sampled_from([None, None, "train", "val", "test"])) if named else None
        for part in range(draw(st.integers(1, 3))):
            clips.append(Clip(f"{video}.mp4", float(part), part + 1.0, draw(some_labels), split))  # noqa: PERF401
    return build_table(clips, "drawn", CLASSES)


def splits_of_videos(table: LabelTable) -> dict[str, set[str | None]]:
    splits: dict[str, set[str | None]] = defaultdict(set)
    for clip in table.clips:
        splits[clip.video].add(clip.split)
    return splits


@given(tables(), st.integers(0, 2**40))
def test_videos_stay_whole_and_no_split_stays_empty(table: LabelTable, seed: int) -> None:
    result = assign_splits(table, seed=seed)
    videos = splits_of_videos(result)
    assert all(len(splits) == 1 for splits in videos.values())
    used = {clip.split for clip in result.clips}
    assert used == set(("train", "val", "test")[: min(3, len(videos))])
    assert [(clip.key, clip.labels) for clip in result.clips] == [(clip.key, clip.labels) for clip in table.clips]
    assert assign_splits(table, seed=seed) == result


@given(tables(named=True), st.integers(0, 5))
def test_rows_that_name_a_split_keep_it(table: LabelTable, seed: int) -> None:
    result = assign_splits(table, seed=seed)
    for before, after in zip(table.clips, result.clips, strict=True):
        assert after.split in ("train", "val", "test")
        assert before.split in (None, after.split)
    assert all(len(splits) == 1 for splits in splits_of_videos(result).values())


@given(tables())
def test_a_share_of_zero_gets_nothing(table: LabelTable) -> None:
    assert {clip.split for clip in assign_splits(table, (1, 0, 0)).clips} == {"train"}
    assert "test" not in {clip.split for clip in assign_splits(table, (0.8, 0.2, 0)).clips}


def test_classes_are_spread_evenly() -> None:
    clips = [Clip(f"{n}.mp4", labels=("common",) + ("rare",) * (n < 20)) for n in range(200)]
    result = assign_splits(build_table(clips, "test"), (0.7, 0.15, 0.15), seed=3)
    for name, share in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
        counts = dict(zip(result.classes, result.split(name).targets().sum(0).tolist(), strict=True))
        assert counts == {"common": 200 * share, "rare": 20 * share}


def test_seeds_differ() -> None:
    table = build_table([Clip(f"{n}.mp4", labels=("x",)) for n in range(50)], "test")
    assert assign_splits(table, seed=0) != assign_splits(table, seed=1)


def test_a_class_of_one_video_goes_to_training() -> None:
    clips = [Clip(f"{n}.mp4", labels=("x",)) for n in range(20)] + [Clip("only.mp4", labels=("once",))]
    assert splits_of_videos(assign_splits(build_table(clips, "test")))["only.mp4"] == {"train"}


def test_rows_without_a_split_follow_their_video() -> None:
    clips = [Clip("a.mp4", 0.0, 1.0, ("x",), "test"), Clip("./a.mp4", 1.0, 2.0, ("x",)), Clip("b.mp4", labels=())]
    assert assign_splits(build_table(clips, "test")).clips[1].split == "test"
    torn = [*clips[:2], Clip("a.mp4", 2.0, 3.0, ("x",), "train", line=9)]
    with pytest.raises(LabelError, match=r"other rows of \./a\.mp4 lie in test and train"):
        assign_splits(build_table(torn, "test"))


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.7, 0.2, 0.2), (1.2, -0.2, 0.0), (float("nan"), 0.5, 0.5)])
def test_fractions_must_be_shares(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="three shares"):
        assign_splits(build_table([Clip("a.mp4", labels=("x",))], "test"), fractions)


def test_validation_is_held_out_of_training_where_there_is_none() -> None:
    clips = [Clip(f"{n}.mp4", labels=("a",) if n % 4 else ("b",), split="train") for n in range(40)]
    clips.append(Clip("t.mp4", labels=("a",), split="test"))
    table = build_table(clips, "t")
    held = hold_out(table, 0.2, seed=3)
    val = held.split("val")
    assert len(val) == 8
    assert sum(clip.labels == ("b",) for clip in val.clips) == 2  # the classes are spread evenly
    assert [clip.split for clip in held.clips if clip.video == "t.mp4"] == ["test"]
    assert held == hold_out(table, 0.2, seed=3)
    assert hold_out(held, 0.5) is held  # validation clips that are named stay as they are
    assert hold_out(table, 0.0) is table
    with pytest.raises(ValueError, match="val_fraction: expected a share"):
        hold_out(table, 1.0)
