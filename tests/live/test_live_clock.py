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
