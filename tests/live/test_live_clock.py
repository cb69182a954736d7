from collections.abc import Sequence

import numpy as np
import pytest

from amclip.live.clock import StreamClock


def placed(clock: StreamClock, stamps: Sequence[float | None], arrivals: list[float]) -> list[float]:
    return [clock.place(stamp, arrived) for stamp, arrived in zip(stamps, arrivals, strict=True)]


def test_stamps_count_and_not_when_frames_come() -> None:
    rng = np.random.default_rng(0)
    stamps = (np.arange(100) / 30).tolist()
    arrivals = np.sort(np.arange(100) / 30 + rng.uniform(0, 0.2, 100)).tolist()
    clock = StreamClock()
    np.testing.assert_allclose(placed(clock, [700 + stamp for stamp in stamps], arrivals), stamps, atol=1e-9)
    assert (clock.lost, clock.jumps) == (0, 0)


def test_without_stamps_arrival_counts() -> None:
    clock = StreamClock()
    assert placed(clock, [None] * 3, [5.0, 5.1, 5.3]) == pytest.approx([0.0, 0.1, 0.3])


def test_frames_that_never_came_are_counted() -> None:
    numbers = [n for n in range(200) if n not in (50, 120, 121, 122)]
    clock = StreamClock()
    placed(clock, [n / 25 for n in numbers], [n / 25 for n in numbers])
    assert clock.lost == 4


def test_frames_that_came_late_at_once_are_not_lost() -> None:
    arrivals = [n / 25 for n in range(50)]
    late = [*arrivals, 2.2, 2.201, 2.202, 2.203, 2.204, 2.205, *(2.2 + n / 25 for n in range(1, 30))]
    clock = StreamClock()
    placed(clock, [None] * len(late), late)
    assert clock.lost == 0
    gone = [*arrivals, *(2.2 + n / 25 for n in range(30))]
    clock = StreamClock()
    placed(clock, [None] * len(gone), gone)
    assert clock.lost == 5


@pytest.mark.parametrize("jump", [-1000.0, 1000.0])
def test_where_stamps_jump_time_goes_on_by_arrival(jump: float) -> None:
    clock = StreamClock()
    stamps = [*(n / 10 for n in range(10)), *(jump + n / 10 for n in range(10))]
    arrivals = [*(n / 10 for n in range(10)), *(3 + n / 10 for n in range(10))]
    times = placed(clock, stamps, arrivals)
    assert times[10:] == pytest.approx(arrivals[10:])
    assert clock.jumps == 1


def test_a_source_that_began_anew_goes_on_by_arrival() -> None:
    clock = StreamClock()
    placed(clock, [n / 10 for n in range(10)], [n / 10 for n in range(10)])
    clock.restart()
    assert placed(clock, [0.95, 1.05], [5.0, 5.1]) == pytest.approx([5.0, 5.1])
    assert clock.jumps == 0


def test_time_never_goes_back() -> None:
    clock = StreamClock()
    assert placed(clock, [0.0, 0.1, 0.05, 0.2, None, 0.4], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(
        [0.0, 0.1, 0.1, 0.2, 0.3, 0.4]
    )


def runs(count: int, at: int, stamps: float, arrivals: float) -> tuple[list[float | None], list[float]]:
    """Frames of a camera at 25 a second, with some jitter; from one on, stamps and arrivals are so much further on."""
    jitter = np.random.default_rng(1).uniform(0, 0.03, count)
    behind = np.arange(count) >= at
    taken = np.arange(count) / 25
    return (500 + taken + stamps * behind).tolist(), (taken + arrivals * behind + jitter).tolist()


@pytest.mark.parametrize("jump", [0.8, 3.0, 9.0, 30.0])
def test_a_clock_that_is_set_forward_makes_no_hole_and_a_source_that_gave_nothing_does(jump: float) -> None:
    clock = StreamClock()
    stamps, arrivals = runs(200, 100, jump, 0.0)
    steps = np.diff(placed(clock, stamps, arrivals))
    assert steps.max() < 0.1
    assert (clock.lost, clock.jumps) == (0, 1)
    clock = StreamClock()
    stamps, arrivals = runs(200, 100, jump, jump)
    steps = np.diff(placed(clock, stamps, arrivals))
    assert steps[99] == pytest.approx(jump + 1 / 25)
    assert (clock.lost, clock.jumps) == (round(jump * 25), 0)


@pytest.mark.parametrize("seed", range(5))
def test_a_clock_that_is_set_makes_no_hole_however_uneven_frames_come(seed: int) -> None:
    late = np.random.default_rng(seed).uniform(0, 0.2, 200)
    late[100] = 0.15  # frames before it came sooner and later
    taken = np.arange(200) / 25
    arrivals = np.maximum.accumulate(taken + late).tolist()
    for jump in (-1000.0, -3.0, 0.9, 3.0, 1000.0):
        clock = StreamClock()
        steps = np.diff(placed(clock, (taken + jump * (taken >= 4)).tolist(), arrivals))
        assert steps.max() < 0.06
        assert (clock.lost, clock.jumps) == (0, 1)


def test_the_last_frame_before_a_cut_may_have_waited_for_the_first_behind_it() -> None:
    """MPEG-TS gives a frame when the next one begins; the server was away for 3 s and counts anew."""
    clock = StreamClock()
    stamps = [*(n / 25 for n in range(100)), *(n / 25 for n in range(50))]
    arrivals = [n / 25 for n in range(150)]
    arrivals[99:] = [7.0 + n / 25 for n in range(51)]
    times = placed(clock, list(stamps), arrivals)
    assert times[100:] == pytest.approx(arrivals[100:], abs=0.05)
    assert (clock.lost, clock.jumps) == (pytest.approx(76, abs=1), 1)


@pytest.mark.parametrize(("late", "hole", "read"), [(0.4, 2.0, 2.0), (1.0, 2.0, 1.0), (1.0, 5.0, 4.0)])
def test_a_hole_behind_frames_that_were_all_late_is_read_as_the_time_in_which_nothing_came(
    late: float, hole: float, read: float
) -> None:
    """Of a camera that gives nothing for a second and one whose clock is set meanwhile the same comes."""
    clock = StreamClock()
    behind, taken = np.arange(200) >= 100, np.arange(200) / 25
    arrivals = np.where(behind, taken + hole, taken + late)
    steps = np.diff(placed(clock, (taken + hole * behind).tolist(), arrivals.tolist()))
    assert steps[99] == pytest.approx(read + 1 / 25)
    assert clock.lost == round(25 * read)


def test_a_hole_behind_frames_that_came_late_is_one() -> None:
    """Decoding fell behind by two seconds, and what was late was left out up to a key frame."""
    stamps = [*(n / 25 for n in range(100)), *(5.9 + n / 25 for n in range(50))]
    arrivals = [n / 25 if n < 50 else 2 + (n - 50) / 12.5 for n in range(100)] + [6.0 + n / 25 for n in range(50)]
    clock = StreamClock()
    steps = np.diff(placed(clock, list(stamps), arrivals))
    assert steps[99] == pytest.approx(5.9 - 99 / 25)
    assert clock.jumps == 0
    assert clock.lost == pytest.approx(48, abs=1)


def test_a_hole_of_frames_that_were_left_out_is_one_where_all_before_it_were_late() -> None:
    """The machine was busy when it began to watch, and was in time again behind the next key frame."""
    clock = StreamClock()
    stamps = [*(n / 25 for n in range(20)), *(2.8 + n / 25 for n in range(50))]
    arrivals = [*(0.9 + n / 25 for n in range(20)), *(2.8 + n / 25 for n in range(50))]
    skipped = [50 if n == 20 else 0 for n in range(70)]
    times = [clock.place(*frame) for frame in zip(stamps, arrivals, skipped, strict=True)]
    assert times == pytest.approx(stamps)
    assert (clock.lost, clock.jumps) == (50, 0)


def test_the_first_frames_may_come_in_a_burst_and_slow_cameras_have_long_steps() -> None:
    clock = StreamClock()
    assert placed(clock, [float(n) for n in range(20)], [n * 0.001 for n in range(20)])[-1] == 19
    assert (clock.jumps, clock.lost) == (0, 0)


def test_frames_that_the_source_left_out_count_from_the_first_on_and_once() -> None:
    clock = StreamClock()
    at, stamp = 0.0, 0.0
    for number in range(60):
        skipped = 7 if number in (3, 40) else 0
        stamp += (1 + skipped) / 25
        at = clock.place(stamp, stamp, skipped)
    assert at == pytest.approx(stamp - 1 / 25)
    assert clock.lost == 14
