"""Windows and pieces against counting in small steps, and round trips through the formats of other tools."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amclip.data.exports import export
from amclip.data.intervals import Bout, Timeline, Windows, clips_of, timelines_of
from amclip.data.readers import read_labels
from amclip.data.table import Clip, LabelError, LabelTable, build_table

FPS = 25.0
frames = st.integers(0, 60)
bouts = st.lists(
    st.tuples(frames, st.integers(1, 20), st.sampled_from(["a", "b", "c"])).map(
        lambda b: Bout(b[0] / FPS, (b[0] + b[1]) / FPS, b[2])
    ),
    max_size=8,
)


def shown(timeline: Timeline, frame: int) -> set[str]:
    middle = (frame + 0.5) / FPS
    return {bout.label for bout in timeline.bouts if bout.start < middle < bout.stop}


@given(bouts)
def test_pieces_say_of_every_frame_what_the_bouts_say(notes: list[Bout]) -> None:
    timeline = Timeline("v", tuple(notes), 80 / FPS)
    clips = clips_of([timeline], None, "test")
    assert clips[0].start == 0
    assert clips[-1].stop == 80 / FPS
    for before, after in pairwise(clips):
        assert before.stop == after.start
        assert before.labels != after.labels
    for frame in range(80):
        (piece,) = [c for c in clips if (c.start or 0) < (frame + 0.5) / FPS < (c.stop or 0)]
        assert set(piece.labels or ()) == shown(timeline, frame)


@settings(max_examples=60)
@given(bouts, st.integers(5, 40), st.integers(3, 40), st.sampled_from([0.25, 0.5, 1.0]))
def test_windows_hold_the_labels_that_fill_their_share(notes: list[Bout], length: int, hop: int, share: float) -> None:
    timeline = Timeline("v", tuple(notes), 80 / FPS)
    clips = clips_of([timeline], Windows(length / FPS, hop / FPS, share), "test")
    assert len(clips) == (80 - length) // hop + 1
    for number, clip in enumerate(clips):
        inside = range(number * hop, number * hop + length)
        expected = {name for name in "abc" if sum(name in shown(timeline, frame) for frame in inside) >= share * length}
        assert set(clip.labels or ()) == expected
        assert clip.stop == pytest.approx((number * hop + length) / FPS)


def test_events_without_duration_and_unlabelled_stretches() -> None:
    timeline = Timeline("v", (Bout(1.5, 1.5, "call"),), 4.0, unlabelled=((3.0, 3.5),))
    clips = clips_of([timeline], Windows(1.0, 1.0), "test")
    assert [(clip.start, clip.labels) for clip in clips] == [(0.0, ()), (1.0, ("call",)), (2.0, ())]
    with pytest.raises(LabelError, match=r"'call' at 1.5 s has no duration"):
        clips_of([timeline], None, "test")
    short = clips_of([Timeline("v", (Bout(0.0, 0.5, "rest"),), 0.8)], Windows(1.0, 1.0), "test")
    assert [(clip.start, clip.stop, clip.labels) for clip in short] == [(0.0, 0.8, ("rest",))]


@pytest.mark.parametrize("values", [(0, 1, 0.5), (1, -1, 0.5), (1, 1, 0), (1, 1, 1.5), (float("nan"), 1, 0.5)], ids=str)
def test_windows_out_of_range_are_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="window"):
        Windows(*values)


@st.composite
def tables(draw: st.DrawFn, gaps: bool = True, quiet: bool = True) -> LabelTable:
    """Clips of two videos that do not overlap, on frames; every class occurs."""
    clips = []
    for video in ("a.mp4", "b b.mp4"):
        at = 0
        for index in range(draw(st.integers(1, 5))):
            at += draw(st.integers(0, 3)) if gaps else 0
            length = draw(st.integers(1, 9))
            labels = draw(st.sets(st.sampled_from(["rest", "walk, slow", "call"]), min_size=0 if quiet or index else 1))
            clips.append(Clip(video, at / FPS, (at + length) / FPS, tuple(labels)))
            at += length
        if not quiet:  # ends with a behaviour: BORIS' table has rows for behaviours only
            clips.append(Clip(video, at / FPS, (at + 1) / FPS, ("rest", "walk, slow", "call")))
    names = {name for clip in clips for name in clip.labels or ()}
    return build_table(clips, "drawn", sorted(names) or ["rest"])


def joined(table: LabelTable) -> list[tuple[str, float | None, float | None, tuple[str, ...]]]:
    """Clips with touching ones of the same labels made one."""
    clips = sorted(clips_of(timelines_of(table), None, "test"), key=lambda clip: (clip.video, clip.start))
    return [(clip.video, clip.start, clip.stop, tuple(sorted(clip.labels or ()))) for clip in clips]


@pytest.mark.parametrize(
    ("form", "name", "drawn", "rename"),
    [
        ("boris", "events.csv", tables(gaps=False, quiet=False), lambda video: video),
        ("deepethogram", "labels", tables(), lambda video: video.removesuffix(".mp4")),
        ("feral", "labels.json", tables(gaps=False), lambda video: video),
        ("table", "table.csv", tables(), lambda video: video),
    ],
)
def test_there_and_back_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory,
    form: str,
    name: str,
    drawn: st.SearchStrategy[LabelTable],
    rename: Callable[[str], str],
) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(drawn)
    def there_and_back(table: LabelTable) -> None:
        target = tmp_path_factory.mktemp("there") / name
        if not any(clip.labels for clip in table.clips):
            return
        notes = export(table, target, form, FPS)
        assert [note for note in notes if "suffix" not in note] == []
        back = read_labels(target, table.classes, fps=FPS)
        assert joined(back) == [(rename(video), *rest) for video, *rest in joined(table)]

    there_and_back()


def test_what_a_format_cannot_hold_is_said(tmp_path: Path) -> None:
    whole = build_table([Clip("a.mp4", labels=("walk",), split="test")], "t")
    with pytest.raises(LabelError, match="is a whole video; a format of bouts needs start and stop"):
        export(whole, tmp_path / "x.csv", "boris")
    assert export(whole, tmp_path / "zamba.csv", "zamba") == []
    assert (tmp_path / "zamba.csv").read_text() == "filepath,label,split\na.mp4,walk,holdout\n"
    assert export(whole, tmp_path / "list.txt", "list") == ["splits"]
    assert read_labels(tmp_path / "list.txt").clips[0].labels == ("walk",)
    overlapping = build_table([Clip("a.mp4", 0, 2, ("walk",)), Clip("a.mp4", 1, 3, ())], "t")
    with pytest.raises(LabelError, match="windows that overlap"):
        export(overlapping, tmp_path / "x.json", "feral", 25)
    gap = build_table([Clip("a.mp4", 0, 1, ("walk",), "train"), Clip("a.mp4", 2.02, 3, ("rest",), "val")], "t")
    notes = "; ".join(export(gap, tmp_path / "x.json", "feral", 25))
    assert "splits within a video" in notes
    assert "2 times lie between two frames" in notes
    assert "read as showing nothing" in notes
    with pytest.raises(ValueError, match="fps: feral counts frames"):
        export(gap, tmp_path / "x.json", "feral")
    with pytest.raises(LabelError, match="zamba's table holds whole videos"):
        export(gap, tmp_path / "x.csv", "zamba")
