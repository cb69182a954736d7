from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import untrained
from simulated import Played, Simulated, noise

from amclip.data.probe import probe
from amclip.data.video import Video
from amclip.ethogram.embedded import EmbeddedImages
from amclip.ethogram.stream import open_windows, stream_windows
from amclip.inference import TrainedModel, load_model
from amclip.inputs import CropInput, MotionInput
from amclip.live.frames import LiveFrame, SourceError
from amclip.live.ring import Ring
from amclip.live.windows import LiveWindow, LiveWindows

WINDOW, HOP = 1.2, 0.3


def live(model: TrainedModel, source: Simulated, hop: float = HOP, **settings: Any) -> LiveWindows:
    return LiveWindows(model, source, WINDOW, hop, clock=source.clock, feed=source, **settings)


def played(model: TrainedModel, path: Path) -> list[LiveFrame]:
    with Video(path, model.input.frame_size, model.input.resize) as video:
        times = video.timestamps()
        return [
            LiveFrame(frame, float(time), float(time))
            for time, frame in zip(times, video.read_in_order(range(len(times))), strict=True)
        ]


def annotated(model: TrainedModel, path: Path, hop: float) -> np.ndarray:
    info: Any = probe([path], progress=False)[path]
    with open_windows(model, path, info, WINDOW, hop) as (video, plan):
        return np.concatenate([some.probabilities for some in stream_windows(model, video, plan)])


@pytest.mark.parametrize(
    ("data", "network", "hop"),
    [
        ({}, {}, 0.3),
        ({}, {}, 1.5),
        ({"modality": "frames", "scheme": "sparse"}, {}, 0.3),
        ({"flow_motion": MotionInput(), "flow_gap": "4/15", "resize": "crop"}, {}, 0.5),
        ({}, {"cross_frame": True, "message_init": "xclip"}, 0.5),
    ],
    ids=["interleaved", "apart", "frames", "motion", "messages"],
)
def test_windows_have_the_probabilities_of_an_annotation(
    watched: Path, tmp_path: Path, data: dict[str, Any], network: dict[str, Any], hop: float
) -> None:
    model = load_model(untrained.make_checkpoint(tmp_path, data, **network))
    path = (watched / "animals.mp4").resolve()
    expected = annotated(model, path, hop)
    with live(model, Simulated(played(model, path)), hop) as watching:
        windows = list(watching)
    assert [window.number for window in windows] == list(range(len(windows)))
    assert len(expected) - 2 <= len(windows) <= len(expected)
    found = np.stack([window.probabilities for window in windows])
    np.testing.assert_allclose(found, expected[: len(windows)], atol=1e-5, rtol=0)
    assert np.ptp(found, axis=0).max() > 1e-3
    assert (windows[-1].counts.late, windows[-1].counts.broken, windows[-1].counts.dropped_frames) == (0, 0, 0)
    assert all(window.start == window.number * hop for window in windows)


@pytest.mark.parametrize(("window", "hop"), [(1.2, 0.3), (1.2, 0.25), (1.1, 1.5), (9.0, 1.0)])
def test_a_file_that_is_played_has_the_very_windows_of_its_annotation(
    model: TrainedModel, watched: Path, window: float, hop: float
) -> None:
    path = (watched / "animals.mp4").resolve()
    info: Any = probe([path], progress=False)[path]
    with open_windows(model, path, info, window, hop) as (video, plan):
        expected = np.concatenate([some.probabilities for some in stream_windows(model, video, plan)])
    source = Played(played(model, path), info.times, info.duration)
    with LiveWindows(model, source, window, hop, clock=source.clock, feed=source) as watching:
        windows = list(watching)
    assert [(one.start, one.stop) for one in windows] == list(zip(plan.start.tolist(), plan.stop.tolist(), strict=True))
    np.testing.assert_allclose(np.stack([one.probabilities for one in windows]), expected, atol=1e-5, rtol=0)
    assert watching.counts[1:] == (0, 0, 0)


def test_frames_of_a_file_that_are_left_out_are_counted_and_break_windows(model: TrainedModel, watched: Path) -> None:
    path = (watched / "animals.mp4").resolve()
    info: Any = probe([path], progress=False)[path]
    frames = played(model, path)
    source = Played([*frames[3:8], *frames[30:-1]], info.times, info.duration)
    with LiveWindows(model, source, WINDOW, HOP, clock=source.clock, feed=source) as watching:
        windows = list(watching)
    counts = watching.counts
    assert counts.dropped_frames == 3 + 22 + 1
    assert counts.broken > 2
    assert len(windows) + counts.broken == 14
    assert windows[-1].stop == info.duration


def slow(monkeypatch: pytest.MonkeyPatch, source: Simulated, seconds: float) -> None:
    """Let an image take so long to be embedded."""
    add = EmbeddedImages.add

    def timed(self: EmbeddedImages, seen: Any) -> None:
        add(self, seen)
        source.work(seconds * seen.images.shape[:2].numel())

    monkeypatch.setattr(EmbeddedImages, "add", timed)


@pytest.mark.parametrize(("per_image", "skips"), [(0.05, False), (0.5, True)])
def test_a_network_that_cannot_keep_up_skips_windows_and_is_never_late(
    model: TrainedModel, monkeypatch: pytest.MonkeyPatch, per_image: float, skips: bool
) -> None:
    source = Simulated(noise(150))
    slow(monkeypatch, source, per_image)
    windows: list[LiveWindow] = []
    held = []
    with live(model, source) as watching:
        for window in watching:
            windows.append(window)
            held.append(len(watching._ring._images))
    positions = model.input.num_positions
    latencies = [window.latency for window in windows]
    # All images of a window, one that was begun before, and the time to the next window; the last one has no next.
    assert max(latencies[:-1]) <= (positions + 1) * per_image + HOP
    assert max(held) <= 3 * positions
    counts = watching.counts
    assert (counts.late > 0) == skips
    assert len(windows) + counts.late == windows[-1].number + 1
    numbers = [window.number for window in windows]
    assert numbers == sorted(set(numbers))
    for window in windows:
        parts = window.parts
        assert window.latency == pytest.approx(sum(parts))
    assert counts.frames == 150
    if not skips:
        return
    # What is told of a window is what its own images say, whatever was skipped before.
    source = Simulated(noise(150))
    monkeypatch.undo()
    with live(model, source) as watching:
        whole = {window.number: window.probabilities for window in watching}
    for window in windows:
        np.testing.assert_allclose(window.probabilities, whole[window.number], atol=1e-5)


def test_frames_that_come_between_two_looks_change_no_window(
    model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window is completed behind the look for windows and before that for images to be known in advance."""
    with live(model, Simulated(noise(90))) as watching:
        whole = {window.number: window.probabilities for window in watching}
    source, ahead = Simulated(noise(90)), Ring.ahead
    stalled = False

    def late(self: Ring, after: int) -> Any:
        nonlocal stalled
        while after >= 8 and not stalled:
            source.work(1 / 15)
            stalled = bool(self._due) and self._due[0].images[0] > after
        return ahead(self, after)

    monkeypatch.setattr(Ring, "ahead", late)
    with live(model, source) as watching:
        windows = list(watching)
    assert stalled
    assert windows[-1].number == max(whole)
    for window in windows:
        np.testing.assert_allclose(window.probabilities, whole[window.number], atol=1e-5)


def test_images_of_windows_that_are_all_broken_do_not_pile_up(model: TrainedModel) -> None:
    missing = [number for number in range(300) if number % 15 < 8]  # half a second in each
    source = Simulated(noise(300, missing=missing))
    with live(model, source) as watching:
        for _ in range(190):
            watching.poll(0.1)
            kept = watching._images.stop - watching._images._base
            assert max(len(watching._known), kept) <= 2 * model.input.num_positions
    assert watching._images.stop > 4 * model.input.num_positions
    assert watching.counts.broken > 50


def test_windows_between_two_images_are_one(model: TrainedModel) -> None:
    with live(model, Simulated(noise(60)), hop=0.05) as watching:
        windows = list(watching)
    assert [window.number for window in windows] == list(range(len(windows)))
    assert watching.counts.late == 0
    assert np.array_equal(windows[0].probabilities, windows[1].probabilities)
    assert windows[0].arrived == windows[1].arrived


def test_windows_over_a_hole_are_left_out_and_told(model: TrainedModel) -> None:
    source = Simulated(noise(150, missing=range(60, 90)))
    told = []
    with live(model, source) as watching:
        while not watching.over:
            told += [(window, watching.silent) for window in watching.poll(0.1)]
            if watching.blind:
                assert 4 < source.now < 6.1 or source.now > 9.9
    windows = [window for window, _ in told]
    numbers = [window.number for window in windows]
    (gap,) = (window for window in windows if window.gap)
    assert gap.counts.dropped_frames == 30
    assert gap.counts.broken == gap.number - numbers[numbers.index(gap.number) - 1] - 1 > 0
    assert gap.start == pytest.approx(6, abs=0.35)


def test_the_end_of_a_recording_is_no_hole_however_slow_the_network(
    model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [frame._replace(stamp=frame.arrived) for frame in noise(60)]
    source = Played(frames, np.arange(60) / 15, 4.0)
    slow(monkeypatch, source, 0.5)
    behind = 0
    with live(model, source, hop=0.05) as watching:
        while not watching.over:
            behind += bool(watching.poll(0.1)) and source.ended
            assert not source.ended or not watching.blind
    assert behind > 1
    assert source.now > 5


@pytest.mark.parametrize(("fps", "pace"), [(15, 0.02), (15, 0.003), (0.05, 1.0)])
def test_a_recording_whose_frames_come_slowly_is_neither_blind_nor_lost(
    model: TrainedModel, fps: float, pace: float
) -> None:
    """Played slowly, or of a frame every 20 s."""
    times = np.arange(30) / fps
    frames = [frame._replace(stamp=at, arrived=at / pace) for frame, at in zip(noise(30), times.tolist(), strict=True)]
    source = Played(frames, times, 30 / fps, pace)
    with LiveWindows(model, source, 18 / fps, 5 / fps, clock=source.clock, feed=source) as watching:
        scored = 0
        while not watching.over:
            scored += len(watching.poll(0.1 / pace))
            assert not watching.blind
    assert scored == 3 + 1
    assert watching.counts[1:] == (0, 0, 0)


def test_a_recording_that_hangs_is_blind_and_lost(model: TrainedModel) -> None:
    frames = [frame._replace(stamp=frame.arrived, arrived=10 * frame.arrived) for frame in noise(60)]
    source = Played([*frames[:30], frames[30]._replace(arrived=1000.0)], np.arange(60) / 15, 4.0, pace=0.1)
    with live(model, source, timeout=5) as watching:
        while not watching.blind:
            watching.poll(0.1)
        # Seconds of ten in which one of the file passes; it may be still for half of one.
        assert watching.silent == pytest.approx(5, abs=0.2)
        with pytest.raises(SourceError, match="no frame for 10 s"):
            list(watching)


def test_a_source_that_gives_nothing_is_lost(model: TrainedModel) -> None:
    late = [*noise(20), LiveFrame(np.zeros((36, 36, 3), np.uint8), 200.0, 100.0)]
    with live(model, Simulated(late), timeout=5) as watching, pytest.raises(SourceError, match="no frame for 5 s"):
        list(watching)
    assert watching.over
    source = Simulated(late)
    with live(model, source, timeout=5, reconnect=True) as watching:
        list(watching)
    assert source.closed


def test_an_error_of_the_source_comes_behind_what_was_seen(model: TrainedModel) -> None:
    source = Simulated(noise(60))
    source.error = SourceError("unplugged")  # type: ignore[assignment]
    found: list[LiveWindow] = []
    with live(model, source) as watching, pytest.raises(SourceError, match="unplugged"):
        found.extend(watching)
    assert len(found) > 8


def test_a_network_of_animals_cut_out_is_refused(tmp_path: Path) -> None:
    path = untrained.make_checkpoint(tmp_path, {"crop": CropInput(), "tracks": "boxes.csv"})
    with pytest.raises(ValueError, match="needs their tracks"):
        live(load_model(path), Simulated([]))


def test_nothing_of_autograd_is_kept(model: TrainedModel) -> None:
    with live(model, Simulated(noise(40))) as watching:
        list(watching)
    assert all(kept.is_inference() for kept in watching._images._kept if isinstance(kept, torch.Tensor))
