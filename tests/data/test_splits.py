from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amclip.data.label_error import LabelError
from amclip.data.splits import assign_splits, divide_by_time, hold_out
from amclip.data.table import Clip, LabelTable, build_table

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
    with pytest.raises(ValueError, match="three fractions"):
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
    with pytest.raises(ValueError, match="val_fraction: expected a fraction"):
        hold_out(table, 1.0)


@st.composite
def timed_tables(draw: st.DrawFn) -> LabelTable:
    """Clips in a fine grid of times, so that edges meet; windows that overlap, gaps, several videos."""
    step = draw(st.sampled_from([1.0, 0.1, 1 / 3]))
    clips = {}
    for video in range(draw(st.integers(1, 3))):
        for _ in range(draw(st.integers(1, 20))):
            start = draw(st.integers(0, 40))
            stop = start + draw(st.integers(1, 6))
            clips[video, start, stop] = Clip(f"{video}.mp4", start * step, stop * step, draw(some_labels))
    return build_table(clips.values(), "drawn", CLASSES)


some_fractions = st.tuples(*[st.integers(0, 5)] * 3).filter(any).map(lambda n: tuple(one / sum(n) for one in n))


@given(timed_tables(), some_fractions)
def test_no_time_is_in_two_splits_and_all_else_is_kept(table: LabelTable, fractions: tuple[float, ...]) -> None:
    divided = divide_by_time(table, fractions)
    order = ("train", "val", "test")
    kept = {clip.key: clip for clip in divided.clips}
    assert len(kept) == len(divided)
    assert [clip.key for clip in divided.clips] == [clip.key for clip in table.clips if clip.key in kept]
    for video in table.videos():
        mine = [clip for clip in divided.clips if clip.video == video]
        end = {name: max((clip.stop for clip in mine if clip.split == name), default=0.0) for name in order}
        start = {name: min((clip.start for clip in mine if clip.split == name), default=1e9) for name in order}
        for before, after in (("train", "val"), ("train", "test"), ("val", "test")):
            assert end[before] <= start[after]
        for clip in table.clips:  # what was left out could stand in no split
            if clip.video == video and clip.key not in kept:
                placed = [
                    name
                    for rank, name in enumerate(order)
                    if fractions[rank]
                    and all(end[other] <= clip.start for other in order[:rank])
                    and all(clip.stop <= start[other] for other in order[rank + 1 :])
                    and start[name] <= clip.start
                    and clip.stop <= end[name]
                ]
                assert not placed
    for rank, name in enumerate(order):
        if not fractions[rank]:
            assert not len(divided.split(name))
    if fractions[0]:
        assert all(any(c.split == "train" and c.video == video for c in divided.clips) for video in table.videos())
    if fractions[0] and (fractions[1] or fractions[2]):
        second = "val" if fractions[1] else "test"
        for video in table.videos():
            mine = [clip for clip in table.clips if clip.video == video]
            if max(clip.start for clip in mine) >= min(clip.stop for clip in mine):  # two are apart
                assert any(clip.split == second and clip.video == video for clip in divided.clips)
    assert divide_by_time(divided, fractions) == divided


def test_each_video_is_divided_by_the_time_that_its_clips_cover() -> None:
    clips = [Clip("a.mp4", float(n), n + 1.0, ("a",)) for n in range(100)]
    clips += [Clip("b.mp4", 1000.0 + n, 1001.0 + n, ("a",)) for n in range(20)]  # nobody observed what lies before
    divided = divide_by_time(build_table(clips, "t"))
    counts = {
        video: [sum(c.video == video and c.split == s for c in divided.clips) for s in ("train", "val", "test")]
        for video in ("a.mp4", "b.mp4")
    }
    assert counts == {"a.mp4": [70, 15, 15], "b.mp4": [14, 3, 3]}
    assert [clip.split for clip in divided.clips[:70]] == ["train"] * 70
    overlapping = [Clip("a.mp4", n / 2, n / 2 + 2, ("a",)) for n in range(197)]
    divided = divide_by_time(build_table(overlapping, "t"))
    assert len(divided) == 197 - 2 * 3  # three reach over each border
    assert max(clip.stop for clip in divided.split("train").clips) == 70


@pytest.mark.parametrize(("number", "splits"), [(1, ["train"]), (2, ["train", "val"]), (3, ["train", "train", "val"])])
def test_of_few_clips_training_comes_first_then_validation(number: int, splits: list[str]) -> None:
    table = build_table([Clip("a.mp4", float(n), n + 1.0, ("a",)) for n in range(number)], "t")
    assert [clip.split for clip in divide_by_time(table).clips] == splits


def test_rows_that_name_splits_stay_and_whole_videos_cannot_be_divided() -> None:
    timed = [Clip("a.mp4", float(n), n + 1.0, ("a",)) for n in range(10)]
    named = [Clip("b.mp4", 0.0, 9.0, ("a",), "test"), Clip("c.mp4", labels=("a",), split="val")]
    divided = divide_by_time(build_table([*named, *timed], "t"))
    assert [clip.split for clip in divided.clips[:2]] == ["test", "val"]
    with pytest.raises(
        LabelError, match=r"t, line 7: d.mp4 without start and stop is a whole video.*splits\.by"
    ) as error:
        divide_by_time(build_table([*timed, Clip("d.mp4", labels=(), line=7), Clip("e.mp4", labels=())], "t"))
    assert len(error.value.others) == 1
    torn = [*timed, Clip("a.mp4", 20.0, 21.0, ("a",), "test")]
    with pytest.raises(LabelError, match=r"names no split, and other rows of a.mp4 do"):
        divide_by_time(build_table(torn, "t"))
    with pytest.raises(ValueError, match="three fractions"):
        divide_by_time(build_table(timed, "t"), (0.5, 0.1, 0.1))
