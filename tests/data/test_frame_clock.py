"""Time stamps as odd as files have them, and holes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amclip.data._clock import find_holes, mend_stamps

EVEN = np.arange(10) / 25


def mended(stamps: object) -> tuple[list[float], list[str]]:
    times, notes = mend_stamps(np.asarray(stamps, np.float64), 0.04)
    return times.round(6).tolist(), notes


def test_stamps_that_never_fall_are_counted_from_the_first() -> None:
    assert mended(EVEN + 7) == (EVEN.round(6).tolist(), [])
    assert mended([3.0, 3.04, 3.04, 3.5]) == ([0.0, 0.04, 0.04, 0.5], [])  # two frames at once stay at once


@pytest.mark.parametrize("wrong", [0.0, 100.0, -5.0])
@pytest.mark.parametrize("place", [1, 4, 8])
def test_one_odd_stamp_throws_no_clock_away(place: int, wrong: float) -> None:
    stamps = EVEN + 1
    stamps[place] = wrong
    times, notes = mended(stamps)
    expected = EVEN.copy()
    expected[place] = (EVEN[place - 1] + EVEN[place + 1]) / 2
    np.testing.assert_allclose(times, expected, atol=1e-6)
    assert notes == ["1 odd time stamp replaced by the middle of the neighbours'"]


def test_a_first_stamp_that_is_too_late_moves_no_other() -> None:
    times, notes = mended([9.0, 1.04, 1.08, 1.12])
    np.testing.assert_allclose(times, [0, 0.04, 0.08, 0.12], atol=1e-6)
    assert len(notes) == 1


def test_joined_recordings_go_on_counting() -> None:
    times, notes = mended([*EVEN + 20, *EVEN, *EVEN + 3])
    np.testing.assert_allclose(times[:20], np.arange(20) / 25, atol=1e-6)
    assert times[20] - times[19] == pytest.approx(3 - EVEN[-1])  # forwards a clock may jump
    assert notes == ["time stamps step back after 0.36 s (joined recordings?); times go on counting there"]


def test_missing_stamps_lie_between_their_neighbours() -> None:
    nan = np.nan
    assert mended([nan, 1.0, nan, nan, 1.12, nan])[0] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2])
    assert mended([nan] * 3)[0] == pytest.approx([0, 0.04, 0.08])
    # One stamp of a program stream that was given to two frames belongs to the last.
    assert mended([0.5, nan, 0.62, 0.62])[0] == pytest.approx([0, 0.04, 0.08, 0.12])


def test_stamps_in_the_order_of_decoding_are_put_in_order() -> None:
    stamps = (np.arange(40) / 25).reshape(-1, 4)[:, [2, 0, 1, 3]].reshape(-1)
    assert mended(stamps) == ((np.arange(40) / 25).round(6).tolist(), [])


def test_stamps_that_are_all_the_same_say_nothing() -> None:
    times, notes = mended([4.0] * 4)
    assert times == pytest.approx([0, 0.04, 0.08, 0.12])
    assert "all the same" in notes[0]
    assert mended([]) == ([], [])
    assert mended([4.0]) == ([0.0], [])


@given(st.lists(st.one_of(st.floats(-1e4, 1e4), st.just(float("nan"))), max_size=40))
def test_times_begin_at_zero_and_never_fall(stamps: list[float]) -> None:
    times, _ = mend_stamps(stamps, 0.04)
    assert len(times) == len(stamps)
    assert np.isfinite(times).all()
    assert (np.diff(times) >= 0).all()
    assert not len(times) or times[0] == 0


def test_a_hole_is_a_long_interval_in_a_constant_rate() -> None:
    times = np.delete(np.arange(200) / 25, np.arange(50, 110))
    assert find_holes(times) == [pytest.approx((2.0, 4.4))]
    assert find_holes(np.delete(np.arange(200) / 25, [50, 51])) == []  # two frames
    assert find_holes(np.delete(np.arange(200) / 100, np.arange(50, 60))) == []  # a tenth of a second
    assert find_holes(np.array([0.0, 5.0])) == []


def test_a_variable_rate_has_no_holes() -> None:
    steps = np.random.default_rng(0).choice([0.04, 0.2, 1.5], 300)
    assert find_holes(np.cumsum(steps)) == []
