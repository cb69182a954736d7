"""Frames against scikit-learn, bouts against trying every matching."""

import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, confusion_matrix, precision_recall_fscore_support

from amclip.data.intervals import Bout, Timeline
from amclip.ethogram.agreement import IOUS, agreement, match_bouts
from amclip.ethogram.annotations import Annotation
from amclip.ethogram.pairing import Pair, pair_up

FPS = 10.0
CLASSES = ("a", "b", "c")


def bouts_of(edges: list[int], label: str) -> tuple[Bout, ...]:
    """Bouts between every second pair of frame numbers."""
    places = sorted(set(edges))
    return tuple(Bout(p / FPS, q / FPS, label) for p, q in zip(places[::2], places[1::2], strict=False))


edges = st.lists(st.integers(0, 60), max_size=10)
observers = st.fixed_dictionaries(dict.fromkeys(CLASSES, edges)).map(
    lambda drawn: tuple(bout for name in CLASSES for bout in bouts_of(drawn[name], name))
)


def flags(bouts: tuple[Bout, ...], name: str, frames: range) -> list[int]:
    return [int(any(b.label == name and b.start <= (f + 0.5) / FPS < b.stop for b in bouts)) for f in frames]


@settings(max_examples=60, deadline=None)
@given(observers, observers)
def test_frames_agree_as_scikit_learn_says(predicted: tuple[Bout, ...], labelled: tuple[Bout, ...]) -> None:
    # Between 3 s and 4 s nobody looked.
    frames = [*range(30), *range(40, 60)]
    found = agreement([Pair("v", predicted, labelled, ((0.0, 3.0), (4.0, 6.0)), FPS)], CLASSES, FPS)
    assert found.seconds == pytest.approx(5.0)
    for name, mine in zip(CLASSES, found.classes, strict=True):
        truth, guess = (flags(bouts, name, frames) for bouts in (labelled, predicted))  # type: ignore[arg-type]
        assert mine.frames.sum() == len(frames)
        precision, recall, f1, _ = precision_recall_fscore_support(
            truth, guess, average="binary", zero_division=math.nan
        )
        assert mine.precision == pytest.approx(precision, nan_ok=True)
        assert mine.recall == pytest.approx(recall, nan_ok=True)
        assert mine.f1 == pytest.approx(f1, nan_ok=True)
        if len({*truth, *guess}) == 2:
            assert mine.kappa == pytest.approx(cohen_kappa_score(truth, guess))
        else:
            assert math.isnan(mine.kappa)
    shown = [sum(flags(labelled, name, frames)) for name in CLASSES]  # type: ignore[arg-type]
    np.testing.assert_allclose(found.confusion[:3].sum(axis=1), shown, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_one_behaviour_at_a_time_gives_the_plain_confusion(drawn: list[tuple[int, int]]) -> None:
    names = ["a", "b", "c", "(none)"]

    def bouts(side: int) -> tuple[Bout, ...]:
        return tuple(Bout(i / FPS, (i + 1) / FPS, names[pair[side]]) for i, pair in enumerate(drawn) if pair[side] < 3)

    found = agreement([Pair("v", bouts(0), bouts(1), ((0.0, len(drawn) / FPS),), FPS)], CLASSES, FPS)
    plain = confusion_matrix([pair[1] for pair in drawn], [pair[0] for pair in drawn], labels=range(4))
    np.testing.assert_allclose(found.confusion, plain)


def test_two_behaviours_at_once_are_shared_out() -> None:
    labelled = (Bout(0, 1, "a"), Bout(0, 1, "b"))
    predicted = (Bout(0, 1, "b"), Bout(0, 0.5, "c"))
    found = agreement([Pair("v", predicted, labelled, ((0.0, 2.0),), FPS)], CLASSES, FPS)
    assert found.confusion.tolist() == [[0, 0, 5, 5], [0, 10, 0, 0], [0, 0, 0, 0], [0, 0, 0, 10]]


def overlap(one: Bout, other: Bout) -> float:
    both = max(0.0, min(one.stop, other.stop) - max(one.start, other.start))
    return both / (max(one.stop, other.stop) - min(one.start, other.start))


@settings(max_examples=150, deadline=None)
@given(edges, edges, st.sampled_from(IOUS))
def test_no_other_matching_has_more_pairs_or_as_many_that_overlap_better(
    first: list[int], second: list[int], least: float
) -> None:
    predicted, labelled = bouts_of(first, "a"), bouts_of(second, "a")
    found = match_bouts(predicted, labelled, least)
    assert len({i for i, _, _ in found}) == len({j for _, j, _ in found}) == len(found)
    for i, j, iou in found:
        assert iou == pytest.approx(overlap(predicted[i], labelled[j]))
        assert iou >= least - 1e-9
    best = (0, 0.0)
    slots = [*range(len(labelled)), *[None] * len(predicted)]
    for order in set(permutations(slots, len(predicted))) if predicted and labelled else ():
        worth = [overlap(predicted[i], labelled[j]) for i, j in enumerate(order) if j is not None]
        good = [iou for iou in worth if iou >= least - 1e-9]
        best = max(best, (len(good), sum(good)))
    assert len(found) == best[0]
    assert sum(iou for _, _, iou in found) == pytest.approx(best[1])


def test_a_greedy_choice_would_lose_a_pair() -> None:
    predicted = (Bout(0, 4, "a"), Bout(4, 10, "a"))
    labelled = (Bout(1, 7, "a"), Bout(8, 20, "a"))
    # The best overlap alone (4 to 10 with 1 to 7) would leave the others without a partner.
    assert [(i, j) for i, j, _ in match_bouts(predicted, labelled, 0.1)] == [(0, 0), (1, 1)]


def test_bouts_and_their_errors_to_read() -> None:
    labelled = (Bout(1.0, 3.0, "a"), Bout(5.0, 6.0, "a"), Bout(8.0, 9.0, "a"))
    predicted = (Bout(1.2, 3.5, "a"), Bout(5.6, 6.6, "a"))
    (mine,) = agreement([Pair("v", predicted, labelled, ((0.0, 10.0),), FPS)], ["a"], FPS).classes
    assert (mine.predicted_bouts, mine.labelled_bouts) == (2, 3)
    # Overlaps are 1.8 / 2.5 and 0.4 / 1.6.
    assert [mine.matched[iou] for iou in (0.1, 0.25, 0.5)] == [2, 2, 1]
    assert mine.bout_f1(0.5) == pytest.approx(2 / 5)
    assert mine.onset_errors == pytest.approx([0.2, 0.6])
    assert mine.offset_errors == pytest.approx([0.5, 0.6])


def test_every_bout_is_told_once_and_nothing_is_better_than_the_same() -> None:
    same = (Bout(1.0, 3.0, "a"), Bout(5.0, 6.0, "b"))
    pairs = [Pair("v", same, same, ((0.0, 10.0),), FPS), Pair("w", same, (), ((0.0, 10.0),), FPS)]
    found = agreement(pairs, CLASSES, FPS)
    assert [(m.video, m.behaviour, m.predicted, m.labelled) for m in found.matches] == [
        ("v", "a", same[0], same[0]),
        ("v", "b", same[1], same[1]),
        ("w", "a", same[0], None),
        ("w", "b", same[1], None),
    ]
    alone = agreement(pairs[:1], CLASSES, FPS)
    assert [mine.f1 for mine in alone.classes[:2]] == [1, 1]
    assert [mine.kappa for mine in alone.classes[:2]] == [1, 1]
    assert math.isnan(alone.classes[2].f1)
    assert math.isnan(alone.classes[2].bout_f1(0.5))


@pytest.mark.parametrize(
    ("seen", "onsets", "offsets"),
    [
        (((0.0, 60.0),), [-2.0, -2.0], [-2.0, -2.0]),
        (((12.0, 60.0),), [-2.0], [-2.0, -2.0]),  # the first bout is on where looking begins
        (((0.0, 35.0),), [-2.0, -2.0], [-2.0]),
        (((12.0, 15.0), (31.0, 35.0)), [], []),
        (((0.0, 15.0), (25.0, 60.0)), [-2.0, -2.0], [-2.0]),
    ],
)
def test_where_looking_begins_or_ends_is_no_onset_and_no_offset(
    seen: tuple[tuple[float, float], ...], onsets: list[float], offsets: list[float]
) -> None:
    """A network that is always two seconds early, in labels of parts of a video."""
    labelled = Timeline("v", (Bout(10, 20, "a"), Bout(30, 40, "a")), 60.0)
    early = Timeline("v", (Bout(8, 18, "a"), Bout(28, 38, "a")), 60.0)
    edges = [0.0, *(time for part in seen for time in part), 60.0]
    gaps = tuple((a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a)
    pairs, classes, _ = pair_up(
        Annotation("p", ("a",), (early,)), Annotation("l", ("a",), (replace(labelled, unlabelled=gaps),))
    )
    (mine,) = agreement(pairs, classes, FPS).classes
    assert mine.onset_errors == pytest.approx(onsets)
    assert mine.offset_errors == pytest.approx(offsets)
