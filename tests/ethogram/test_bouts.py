"""Curves and bouts against a walk over frames, one at a time."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amclip.ethogram.bouts import BoutSettings, ScoredBout, ScoreTimeline, find_bouts, smooth, timeline
from amclip.ethogram.extent import Extent
from amclip.ethogram.scores import WindowScores

NUM_FRAMES = 30
# Frames of 0.2 or 0.3 s: a variable frame rate.
TIMES = np.concatenate([[0.0], np.cumsum(np.where(np.arange(NUM_FRAMES) % 3 == 0, 0.3, 0.2))])
CLASSES = ("walk", "rest")

values = st.integers(0, 10).map(lambda tenth: tenth / 10)
windows = st.lists(
    st.tuples(st.integers(0, NUM_FRAMES - 1), st.integers(1, 12), values, values), min_size=1, max_size=12
).map(lambda found: sorted((first, min(first + length, NUM_FRAMES), p, q) for first, length, p, q in found))
seconds = st.sampled_from([0.0, 0.2, 0.5, 0.7, 2.0])
bout_settings = st.builds(
    lambda on, off, smoothing, bout, gap: BoutSettings(on, on * off, smoothing, bout, gap),
    values,
    st.sampled_from([0.5, 1.0]),
    seconds,
    seconds,
    seconds,
)


def scores_of(found: list[tuple[int, int, float, float]]) -> WindowScores:
    first, stop, p, q = (np.array(column) for column in zip(*found, strict=True))
    return WindowScores(
        video="a.mp4",
        classes=CLASSES,
        start_frame=first.astype(np.int64),
        stop_frame=stop.astype(np.int64),
        start=TIMES[first],
        stop=TIMES[stop],
        probabilities=np.stack([p, q], axis=1).astype(np.float32),
        extent=Extent(NUM_FRAMES / TIMES[-1], NUM_FRAMES, float(TIMES[-1])),
    )


def curve_of(probabilities: list[float], name: str = "walk") -> ScoreTimeline:
    """Cells of one second, a frame each."""
    cells = np.arange(len(probabilities) + 1)
    return ScoreTimeline(
        "a.mp4", (name,), cells.astype(np.float64), cells.astype(np.int64), np.float32(probabilities)[:, None]
    )


@settings(max_examples=150)
@given(windows)
def test_each_frame_has_the_mean_of_its_windows_or_of_the_nearest(found: list[tuple[int, int, float, float]]) -> None:
    result = timeline(scores_of(found))
    assert result.edges[0] == 0
    assert result.edges[-1] == TIMES[-1]
    np.testing.assert_array_equal(result.edges, TIMES[result.edge_frames])
    for frame in range(NUM_FRAMES):
        cell = int(np.searchsorted(result.edge_frames, frame, "right")) - 1
        mine = [(p, q) for first, stop, p, q in found if first <= frame < stop]
        if not mine:
            middle = (result.edges[cell] + result.edges[cell + 1]) / 2
            away = [max(TIMES[first] - middle, middle - TIMES[stop]) for first, stop, _, _ in found]
            nearest = min(away)
            near = [w for w, distance in zip(found, away, strict=True) if distance <= nearest + 1e-9]
            if any(stop <= frame for _, stop, _, _ in near):  # as near on both sides: the earlier
                near = [w for w in near if w[1] <= frame]
            mine = [(p, q) for _, _, p, q in near]
        np.testing.assert_allclose(result.probabilities[cell], np.mean(mine, axis=0), atol=1e-6)


@settings(max_examples=100)
@given(st.lists(values, min_size=1, max_size=25), st.integers(1, 9))
def test_smoothing_is_the_mean_over_its_span(curve: list[float], span: int) -> None:
    result = smooth(curve_of(curve), {"walk": BoutSettings(smoothing=float(span))})
    steps = 20  # of 1/20 s: half a span has a whole number of them
    fine = np.repeat(np.float64(curve), steps)
    for cell, got in enumerate(result.probabilities[:, 0]):
        middle, half = cell * steps + steps // 2, span * steps // 2
        assert got == pytest.approx(fine[max(middle - half, 0) : middle + half].mean(), abs=1e-6)


def walked(curve: np.ndarray, edges: np.ndarray, cut: BoutSettings) -> list[tuple[int, int]]:
    """Bouts by going over the cells: up to the threshold, then out in both directions while it lasts."""
    inside = [False] * len(curve)
    for peak in range(len(curve)):
        if curve[peak] >= cut.threshold:
            for step in (1, -1):
                cell = peak
                while 0 <= cell < len(curve) and curve[cell] >= cut.lower:
                    inside[cell] = True
                    cell += step
    for first in range(len(curve)):
        for stop in range(first + 1, len(curve)):
            gap = not any(inside[first:stop]) and first > 0 and inside[first - 1] and inside[stop]
            if gap and round(edges[stop] - edges[first], 6) < cut.minimum_gap:
                inside[first:stop] = [True] * (stop - first)
    bouts, first = [], None
    for cell, flag in enumerate([*inside, False]):
        if flag and first is None:
            first = cell
        elif not flag and first is not None:
            if round(edges[cell] - edges[first], 6) >= cut.minimum_bout:
                bouts.append((first, cell))
            first = None
    return bouts


@settings(max_examples=300)
@given(windows, bout_settings, bout_settings)
def test_bouts_are_those_of_a_walk_over_the_cells(
    found: list[tuple[int, int, float, float]], walk: BoutSettings, rest: BoutSettings
) -> None:
    chosen = {"walk": walk, "rest": rest}
    cells = timeline(scores_of(found))
    smoothed = smooth(cells, chosen)
    bouts = find_bouts(cells, chosen)
    assert [bout.start for bout in bouts] == sorted(bout.start for bout in bouts)
    for column, name in enumerate(CLASSES):
        curve = smoothed.probabilities[:, column].astype(np.float64)
        mine = [bout for bout in bouts if bout.behaviour == name]
        assert [(bout.start_frame, bout.stop_frame) for bout in mine] == [
            (cells.edge_frames[first], cells.edge_frames[stop])
            for first, stop in walked(curve, cells.edges, chosen[name])
        ]
        for bout in mine:
            assert (bout.start, bout.stop) == (TIMES[bout.start_frame], TIMES[bout.stop_frame])
            assert bout.peak >= chosen[name].threshold
            assert bout.mean <= bout.peak


@given(windows, bout_settings)
def test_a_longer_minimum_and_a_higher_threshold_never_find_more_time(
    found: list[tuple[int, int, float, float]], cut: BoutSettings
) -> None:
    cells = timeline(scores_of(found))

    def total(chosen: BoutSettings) -> float:
        return sum(bout.duration for bout in find_bouts(cells, dict.fromkeys(CLASSES, chosen)))

    assert total(replace(cut, minimum_bout=cut.minimum_bout + 0.4)) <= total(cut)
    assert total(replace(cut, minimum_gap=cut.minimum_gap + 0.4)) >= total(cut)
    if cut.threshold <= 0.9:
        assert total(replace(cut, threshold=cut.threshold + 0.1)) <= total(cut) + 1e-9


def test_every_step_on_a_curve_to_read() -> None:
    curve = curve_of([0.0, 0.4, 0.8, 0.4, 0.1, 0.6, 0.1, 0.1, 0.9, 0.4])

    def spans(**kwargs: float) -> list[tuple[float, float]]:
        return [(bout.start, bout.stop) for bout in find_bouts(curve, {"walk": BoutSettings(**kwargs)})]

    assert spans() == [(2, 3), (5, 6), (8, 9)]
    assert spans(off_threshold=0.3) == [(1, 4), (5, 6), (8, 10)]
    assert spans(minimum_gap=2) == [(2, 3), (5, 6), (8, 9)]  # gaps of exactly 2 s stay
    assert spans(minimum_gap=2.1) == [(2, 9)]
    assert spans(off_threshold=0.3, minimum_bout=2) == [(1, 4), (8, 10)]  # a bout of exactly 2 s stays
    assert spans(off_threshold=0.3, minimum_gap=1.5, minimum_bout=3) == [(1, 6)]  # gaps are closed first
    assert spans(smoothing=3, threshold=0.533) == [(2, 3), (9, 10)]  # at the end there is less to average
    (bout,) = find_bouts(curve, {"walk": BoutSettings(off_threshold=0.3, threshold=0.7, minimum_bout=2.5)})
    assert bout == ScoredBout("a.mp4", "walk", 1, 4, 1, 4, pytest.approx(1.6 / 3), pytest.approx(0.8))


def test_times_that_are_equal_but_for_rounding_are_equal() -> None:
    edges = np.array([0.0, 0.8, 1.0, 1.2, 1.4])
    assert edges[3] - edges[2] < 0.2
    curve = ScoreTimeline("a.mp4", ("walk",), edges, np.arange(5), np.float32([[0.9], [0.9], [0.1], [0.9]]))
    assert len(find_bouts(curve, {"walk": BoutSettings(minimum_gap=0.2)})) == 2
    assert len(find_bouts(curve, {"walk": BoutSettings(minimum_bout=0.2)})) == 2


def test_a_threshold_is_not_rounded_to_the_precision_of_the_scores() -> None:
    curve = curve_of([float(np.float32(0.7))])  # 0.69999999 in full
    assert find_bouts(curve, {"walk": BoutSettings(threshold=0.7)}) == []
    assert find_bouts(curve, {"walk": BoutSettings(threshold=float(np.float32(0.7)))})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"threshold": 1.2}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"threshold": 0.4, "off_threshold": 0.5}, "off_threshold: expected a probability from 0 to the threshold 0.4"),
        ({"minimum_gap": -1.0}, "minimum_gap: expected seconds from 0 on, got -1.0"),
        ({"smoothing": float("inf")}, "smoothing"),
    ],
)
def test_settings_out_of_range_are_named(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        BoutSettings(**wrong)


presences = st.lists(st.integers(0, NUM_FRAMES), unique=True, max_size=8).map(
    lambda found: tuple((a, b) for a, b in zip(sorted(found)[::2], sorted(found)[1::2], strict=False))
)


def in_parts(
    found: list[tuple[int, int, float, float]], there: tuple[tuple[int, int], ...], chosen: dict[str, BoutSettings]
) -> list[ScoredBout]:
    """Bouts of each presence by itself: its cells as a video of their own."""
    # Every other stretch, then those between: cut at the same edges, since a cell that no window covers may be nearer
    # to another one when it is cut.
    stretches = list(pairwise(sorted({0, NUM_FRAMES, *(edge for stretch in there for edge in stretch)})))
    halves = []
    for half in (stretches[::2], stretches[1::2]):
        seconds = tuple((float(TIMES[first]), float(TIMES[stop])) for first, stop in half)
        halves.append(timeline(replace(scores_of(found), present=seconds, present_frames=tuple(half))))
    values = [half.probabilities for half in halves]
    whole = replace(halves[0], probabilities=np.where(np.isnan(values[0]), values[1], values[0]))
    bouts = []
    for first, stop in there:
        edges = np.unique([first, stop, *(edge for edge in whole.edge_frames if first < edge < stop)])
        cells = np.searchsorted(whole.edge_frames, edges[:-1], "right") - 1
        part = ScoreTimeline("a.mp4", CLASSES, TIMES[edges], edges, whole.probabilities[cells], "hen")
        bouts += find_bouts(part, chosen)
    return sorted(bouts, key=lambda bout: (bout.start, CLASSES.index(bout.behaviour)))


@settings(max_examples=100)
@given(windows, presences, bout_settings, bout_settings)
def test_an_animal_that_comes_and_leaves_shows_in_each_presence_what_it_would_alone(
    found: list[tuple[int, int, float, float]],
    there: tuple[tuple[int, int], ...],
    walk: BoutSettings,
    rest: BoutSettings,
) -> None:
    seconds = tuple((float(TIMES[first]), float(TIMES[stop])) for first, stop in there)
    scores = replace(scores_of(found), subject="hen", present=seconds, present_frames=there)
    cells, chosen = timeline(scores), {"walk": walk, "rest": rest}
    inside = [any(first <= frame < stop for first, stop in there) for frame in cells.edge_frames[:-1].tolist()]
    np.testing.assert_array_equal(np.isnan(cells.probabilities), np.repeat(~np.array(inside), 2).reshape(-1, 2))
    np.testing.assert_array_equal(np.isnan(smooth(cells, chosen).probabilities), np.isnan(cells.probabilities))
    bouts = find_bouts(cells, chosen)
    wanted = in_parts(found, there, chosen)
    key = ("behaviour", "start", "stop", "start_frame", "stop_frame", "subject")
    assert [[getattr(b, k) for k in key] for b in bouts] == [[getattr(b, k) for k in key] for b in wanted]
    assert [b.mean for b in bouts] == pytest.approx([b.mean for b in wanted], abs=1e-6)
    # Without the frames these are reckoned; between windows that is exact at an even rate alone.
    even = replace(
        scores, start=scores.start_frame / 4, stop=scores.stop_frame / 4, extent=Extent(4.0, NUM_FRAMES, NUM_FRAMES / 4)
    )
    even = replace(even, present=tuple((first / 4, stop / 4) for first, stop in there))
    assert replace(even, present_frames=None).presences() == even.presences()


def test_no_step_reaches_over_an_absence() -> None:
    curve = curve_of([0.9, 0.9, float("nan"), 0.9, 0.2, 0.9, float("nan"), 0.1])

    def spans(**kwargs: float) -> list[tuple[float, float]]:
        return [(bout.start, bout.stop) for bout in find_bouts(curve, {"walk": BoutSettings(**kwargs)})]

    assert spans() == [(0, 2), (3, 4), (5, 6)]
    assert spans(minimum_gap=9) == [(0, 2), (3, 6)]  # over the low cell, not over the absence
    assert spans(minimum_gap=9, minimum_bout=2.5) == [(3, 6)]
    assert spans(threshold=0.0) == [(0, 2), (3, 6), (7, 8)]
    smoothed = smooth(curve, {"walk": BoutSettings(smoothing=3)}).probabilities[:, 0]
    np.testing.assert_allclose(smoothed, [0.9, 0.9, np.nan, 0.55, 2 / 3, 0.55, np.nan, 0.1], atol=1e-6)


def test_an_animal_that_is_never_there_needs_no_window() -> None:
    scores = scores_of([(0, 10, 0.5, 0.5)])
    none = {name: getattr(scores, name)[:0] for name in ("start", "stop", "start_frame", "stop_frame", "probabilities")}
    never = timeline(replace(scores, **none, subject="hen", present=()))
    assert np.isnan(never.probabilities).all()
    assert (never.subject, find_bouts(never, dict.fromkeys(CLASSES, BoutSettings(0.0)))) == ("hen", [])
    with pytest.raises(ValueError, match=r"a.mp4: hen: there is no window"):
        timeline(replace(scores, **none, subject="hen", present=((0.0, 1.0),)))


def test_scores_that_mean_nothing_are_refused() -> None:
    scores = scores_of([(0, 10, 0.5, 0.5), (10, 20, 0.5, 0.5)])
    with pytest.raises(ValueError, match="no number"):
        timeline(replace(scores, probabilities=np.float32([[0.5, np.nan], [0.5, 0.5]])))
    with pytest.raises(ValueError, match="within the video's 15"):
        timeline(replace(scores, extent=replace(scores.extent, num_frames=15)))
    with pytest.raises(ValueError, match="do not rise"):
        timeline(replace(scores, start=np.array([0.0, 9.0]), stop=np.array([8.0, 8.5])))
    none = {name: getattr(scores, name)[:0] for name in ("start", "stop", "start_frame", "stop_frame", "probabilities")}
    with pytest.raises(ValueError, match="no window"):
        timeline(replace(scores, **none))
    with pytest.raises(ValueError, match="no bout settings for rest"):
        find_bouts(timeline(scores), {"walk": BoutSettings()})
