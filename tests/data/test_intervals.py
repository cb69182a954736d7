"""Windows and pieces against counting in small steps."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amclip.data.intervals import Bout, Timeline, Windows, clips_of
from amclip.data.label_error import LabelError

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


def test_events_without_duration_and_unlabelled_intervals() -> None:
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
