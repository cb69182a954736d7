import numpy as np
import pytest

from amclip.ethogram.plan import plan_windows
from amclip.live.grid import CompleteWindow, GridImage, LiveGrid
from amclip.live.recorded import PlannedGrid, RecordedClock

WINDOW, POSITIONS = 1.2, 6


def pushed(grid: LiveGrid, times: np.ndarray) -> tuple[list[GridImage], list[CompleteWindow]]:
    images: list[GridImage] = []
    windows: list[CompleteWindow] = []
    for time in times.tolist():
        new_images, new_windows = grid.push(time)
        images += new_images
        for window in new_windows:
            windows += [window._replace(number=window.number + n, alike=1) for n in range(window.alike)]
    return images, windows


def rates() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    even = [np.arange(int(8 * fps)) / fps for fps in (10.0, 15.0, 29.97, 60.0)]
    webcam = np.cumsum(rng.choice([1 / 30, 1 / 15, 1 / 10], 150))
    return [*even, webcam - webcam[0], np.round(np.arange(240) / 30, 3)]


@pytest.mark.parametrize("gap", [1 / 25, 0.2])
@pytest.mark.parametrize("hop", [0.1, 0.3, 2.0])
@pytest.mark.parametrize("times", rates(), ids=["10", "15", "29.97", "60", "varying", "rounded"])
def test_windows_look_at_the_frames_of_an_annotation(times: np.ndarray, hop: float, gap: float) -> None:
    duration = float(times[-1]) * len(times) / (len(times) - 1)
    plan = plan_windows(times, duration, WINDOW, hop, POSITIONS, gap)
    images, windows = pushed(LiveGrid(WINDOW, hop, POSITIONS, gap), times)
    assert [image.number for image in images] == list(range(len(images)))
    assert [window.number for window in windows] == list(range(len(windows)))
    # The last ones wait for frames that never come; that which ends with the video is an annotation's alone; one that
    # ends right behind it, of which no more frame is looked at, is not.
    assert -1 <= len(plan) - len(windows) <= 2 + (WINDOW / POSITIONS + gap) / hop
    for window in windows[: len(plan)]:
        expected = plan.images(window.number)
        seen = [images[image] for image in window.images]
        assert [one.frame for one in seen] == plan.frames[expected].tolist()
        assert [one.partner for one in seen] == plan.partners[expected].tolist()
        assert window.whole
    seconds = [times[image.partner] - times[image.frame] for image in images]
    np.testing.assert_allclose([image.seconds for image in images], seconds)


def test_a_window_is_complete_as_soon_as_its_last_partner_is_known() -> None:
    fps, gap = 20.0, 0.1
    grid = LiveGrid(WINDOW, 0.4, POSITIONS, gap)
    for frame in range(100):
        images, windows = grid.push(frame / fps)
        for window in windows:
            assert window.images[-1] == images[-1].number
            assert frame == images[-1].partner + 1
    unmoved = LiveGrid(WINDOW, 0.4, POSITIONS, gap, waits=False)
    first = next(frame for frame in range(100) if unmoved.push(frame / fps)[1])
    assert first < next(frame for frame in range(100) if LiveGrid.push(grid, 100 + frame / fps)[1]) + 100


def test_memory_is_that_of_a_window() -> None:
    grid = LiveGrid(WINDOW, 0.3, POSITIONS, 0.1)
    for frame in range(3000):
        grid.push(frame / 30)
        assert len(grid._seen) <= 2 * POSITIONS
        assert frame - grid.first_frame < 30 * (WINDOW / POSITIONS + 0.1) + 2
    assert grid.interval == pytest.approx(1 / 30)


def test_windows_with_a_hole_are_not_whole_and_those_behind_it_are() -> None:
    times = np.arange(300) / 15
    times = times[(times < 4) | (times > 12)]
    _, windows = pushed(LiveGrid(WINDOW, 0.3, POSITIONS, 1 / 15), times)
    assert [window.number for window in windows] == list(range(len(windows)))
    broken = [0.3 * window.number for window in windows if not window.whole]
    assert broken[0] == pytest.approx(4 - WINDOW, abs=0.35)
    assert broken[-1] == pytest.approx(12, abs=0.35)
    assert len(broken) == round((broken[-1] - broken[0]) / 0.3) + 1


@pytest.mark.parametrize(("window", "broken"), [(0.5, True), (1.0, True), (2.0, False), (4.0, False)])
def test_a_short_window_is_broken_by_a_short_hole(window: float, broken: bool) -> None:
    times = np.arange(300) / 25
    times = times[(times < 4) | (times > 4.4)]  # less than half a second, and most of a window of half a second
    _, windows = pushed(LiveGrid(window, 0.125, POSITIONS, 1 / 25), times)
    found = [0.125 * one.number for one in windows if not one.whole]
    assert bool(found) is broken
    assert all(4 - window - 0.2 < start < 4.45 for start in found)


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("hop", [0.05, 0.3, 2.0])
def test_windows_within_a_hole_are_those_that_are_found_one_by_one(
    monkeypatch: pytest.MonkeyPatch, hop: float, waits: bool
) -> None:
    rng = np.random.default_rng(5)
    times = np.arange(300) / 15
    for place in (40, 41, 120, 200):
        times[place:] += rng.uniform(0.3, 40)
    found = pushed(LiveGrid(WINDOW, hop, POSITIONS, 0.1, waits), times)
    monkeypatch.setattr(LiveGrid, "_leap", lambda self: None)
    assert found == pushed(LiveGrid(WINDOW, hop, POSITIONS, 0.1, waits), times)


def test_a_source_that_was_away_for_a_year_is_watched_on_at_once() -> None:
    grid = LiveGrid(WINDOW, 0.3, POSITIONS, 0.1)
    found = [len(grid.push(time)[1]) for time in (*np.arange(60) / 15, *(3e7 + np.arange(60) / 15))]
    assert sum(found) < 40
    assert grid.first_frame > 100


@pytest.mark.parametrize(("window", "hop"), [(0.0, 1.0), (1.0, 0.0), (0.03, 1.0)])
def test_windows_that_cannot_be_are_refused(window: float, hop: float) -> None:
    with pytest.raises(ValueError, match="window"):
        LiveGrid(window, hop, POSITIONS, 1 / 25)


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("hop", [0.1, 0.3, 2.0])
@pytest.mark.parametrize("times", rates(), ids=["10", "15", "29.97", "60", "varying", "rounded"])
def test_of_a_recording_windows_are_the_plan_and_come_when_their_frames_have(
    times: np.ndarray, hop: float, waits: bool
) -> None:
    plan = plan_windows(times, float(times[-1]) + 0.05, WINDOW, hop, POSITIONS, 0.1)
    grid = PlannedGrid(plan, times, WINDOW, hop, waits)
    images: list[GridImage] = []
    windows: list[CompleteWindow] = []
    for number, time in enumerate([*times.tolist(), None]):
        new_images, new_windows = grid.finish() if time is None else grid.push(time)
        images += new_images
        windows += new_windows
        assert all((one.partner if waits else one.frame) < number for one in new_images)
        assert number - grid.first_frame < 60 * (WINDOW / POSITIONS + 0.1 + max(0, hop - WINDOW)) + 3
        assert len(grid._whole) <= 2 * POSITIONS + 1
    assert [one.frame for one in images] == plan.frames.tolist()
    if waits:
        assert [one.partner for one in images] == plan.partners.tolist()
    assert [list(one.images) for one in windows] == [plan.images(n).tolist() for n in range(len(plan))]
    assert all(one.whole for one in windows)


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("positions", [6, 16])
@pytest.mark.parametrize("hole", [0.4, 0.55, 0.7, 1.2])
def test_frames_of_a_recording_that_are_left_out_break_the_windows_that_a_hole_in_a_stream_breaks(
    hole: float, positions: int, waits: bool
) -> None:
    times, window, hop = np.arange(360) / 30, 4.0, 0.25
    plan = plan_windows(times, 12.0, window, hop, positions, 1 / 25)
    broken = []
    for begin in np.linspace(5, 5.5, 6):
        came = times[(times <= begin) | (times >= begin + hole)]
        _, live = pushed(LiveGrid(window, hop, positions, 1 / 25, waits), came)
        grid = PlannedGrid(plan, times, window, hop, waits)
        played = [one for time in came.tolist() for one in grid.push(time)[1]] + grid.finish()[1]
        lost = {one.number for one in live if not one.whole}
        found = {one.number for one in played if not one.whole}
        # Of one whose last image is the frame before the hole, a recording knows that it is the right one.
        assert found <= lost
        assert len(lost - found) <= (0 if waits else 1)
        broken.append(len(found))
    assert max(broken) > 10 if hole > 0.5 else max(broken) == 0


def test_holes_of_a_recording_itself_break_nothing_and_its_end_does_where_it_is_left_out() -> None:
    times = np.arange(300) / 30
    times[150:] += 3
    plan = plan_windows(times, float(times[-1]) + 1 / 30, WINDOW, 0.3, POSITIONS, 0.1)

    def broken(left_out: range) -> list[float]:
        grid = PlannedGrid(plan, times, WINDOW, 0.3)
        came = [time for number, time in enumerate(times.tolist()) if number not in left_out]
        windows = [one for time in came for one in grid.push(time)[1]] + grid.finish()[1]
        assert len(windows) == len(plan)
        return [float(plan.start[one.number]) for one in windows if not one.whole]

    assert broken(range(0)) == broken(range(147, 150)) == []
    assert min(broken(range(280, 300))) == pytest.approx(times[280] - WINDOW, abs=0.4)


def test_frames_of_a_recording_at_one_time_are_told_apart() -> None:
    clock = RecordedClock(np.array([0.0, 0.1, 0.1, 0.2, 0.3]))
    assert [clock.place(stamp, 9.0) for stamp in (0.0, 0.1, 0.1, 0.3)] == [0.0, 0.1, 0.1, 0.3]
    assert clock.lost == 1
