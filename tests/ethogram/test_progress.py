import io

import pytest
from rich.console import Console

from amclip.ethogram import progress
from amclip.ethogram.progress import Progress


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_speed_counts_what_this_run_did_and_time_left_what_is_left(clock: Clock) -> None:
    bar = Progress(2, 1000.0, show=False)
    with bar.video("a.mp4", 600.0) as at:
        at(200.0, new=False)
        assert bar.pace(200.0) == ""
        clock.now += 10
        at(300.0)
        assert bar.pace(300.0) == "10 × real time, 0:01:10 left"
        clock.now += 30
        at(600.0)
    with bar.video("b.mp4", 400.0) as at:
        assert bar.pace() == "10 × real time, 0:00:40 left"


def test_without_a_terminal_there_is_a_line_a_minute_and_one_per_video(clock: Clock) -> None:
    out = io.StringIO()
    bar = Progress(1, 600.0, console=Console(file=out, width=40))
    with bar.video("a name of some length [bold].mp4", 600.0) as at:
        for second in range(0, 130, 10):
            clock.now += 10
            at(second * 2.0)
    bar.close()
    lines = out.getvalue().splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        "1/1 a name of some length [bold].mp4: 120 of 600 s",
        "1/1 a name of some length [bold].mp4: done, 600 s",
    ]
    assert "× real time" in lines[0]


def test_a_video_that_fails_is_not_said_to_be_done(clock: Clock) -> None:
    out = io.StringIO()
    bar = Progress(2, 20.0, console=Console(file=out))
    with pytest.raises(RuntimeError), bar.video("a.mp4", 10.0):
        raise RuntimeError
    assert out.getvalue() == ""


def test_a_terminal_shows_a_bar_with_name_speed_and_time_left(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")  # where the tests run, it may be one that draws no bars
    out = io.StringIO()
    bar = Progress(3, 100.0, console=Console(file=out, force_terminal=True, width=120))
    with bar.video("night.mp4", 100.0) as at:
        clock.now += 5
        at(50.0)
    bar.close()
    assert "1/3 night.mp4" in out.getvalue()
    assert "10 × real time, 0:00:05 left" in out.getvalue()
