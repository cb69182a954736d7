from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import draw_video, frame_numbers
from hypothesis import given
from hypothesis import strategies as st

from amclip.data.dataset import ClipDataset
from amclip.data.table import Clip, build_table
from amclip.data.video import Video
from amclip.ethogram.plan import plan_windows
from amclip.frame_times import flow_partners
from amclip.inputs import NetworkInput
from amclip.sampling import sample_positions


def even(count: int, fps: float) -> tuple[np.ndarray, float]:
    return np.arange(count) / fps, count / fps


@st.composite
def recordings(draw: st.DrawFn) -> tuple[np.ndarray, float]:
    """Times of frames at an even or a varying rate, and the duration as Video computes it."""
    count = draw(st.integers(2, 150))
    if draw(st.booleans()):
        steps = np.full(count - 1, draw(st.sampled_from([1 / 25, 1 / 15, 1001 / 30000, 0.5])))
    else:
        steps = np.array(draw(st.lists(st.floats(0.004, 0.8), min_size=count - 1, max_size=count - 1)))
    times = np.concatenate([[0.0], np.cumsum(steps)])
    return times, times[-1] * count / (count - 1)


@given(recordings(), st.floats(0.05, 20), st.floats(0.01, 20), st.integers(1, 12), st.floats(0.01, 0.9))
def test_windows_cover_the_video_and_look_into_their_own_bins(
    recording: tuple[np.ndarray, float], window: float, hop: float, positions: int, flow_gap: float
) -> None:
    times, duration = recording
    count = len(times)
    frame = duration / count
    gap = min(flow_gap, times[-1])
    longer = duration > window + min(1e-3, 0.25 * frame)
    if longer and window <= gap:
        with pytest.raises(ValueError, match="too short: it must be longer than the flow gap"):
            plan_windows(times, duration, window, hop, positions, flow_gap)
        return
    plan = plan_windows(times, duration, window, hop, positions, flow_gap)
    assert (plan.start_frame >= 0).all()
    assert (plan.start_frame < plan.stop_frame).all()
    assert (plan.stop_frame <= count).all()
    for values in (plan.start_frame, plan.stop_frame, plan.start, plan.stop, plan.offset):
        assert (np.diff(values) >= 0).all()
    np.testing.assert_array_equal(plan.start, times[plan.start_frame])
    np.testing.assert_array_equal(plan.stop, np.append(times, duration)[plan.stop_frame])
    assert plan.start_frame[0] == 0
    assert plan.stop_frame[-1] == count
    if hop <= window:  # no frame is left out
        assert (plan.start_frame[1:] <= plan.stop_frame[:-1]).all()
    assert (np.diff(plan.frames) > 0).all()
    assert (plan.partners > plan.frames).all()
    np.testing.assert_array_equal(plan.partners, flow_partners(times, plan.frames, flow_gap))
    used = np.unique(np.concatenate([plan.images(row) for row in range(len(plan))]))
    np.testing.assert_array_equal(used, np.arange(len(plan.frames)))  # nothing is embedded for nobody
    if longer:
        spacing = (window - gap) / positions
        starts = np.append(np.arange(len(plan)) * hop, duration - window)[: len(plan)]
        starts[-1] = min(starts[-1], duration - window) if starts[-1] + window > duration + 1e-3 else starts[-1]
        centres = starts[:, None] + (np.arange(positions) + 0.5) * spacing
        moments = (plan.offset[:, None] + np.arange(positions) + 0.5) * spacing
        assert (np.abs(moments - centres) <= spacing / 2 + 1e-6).all()


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 12), st.integers(1, 4))
def test_whole_steps_at_an_even_rate_are_sampled_as_clips_are(
    step: int, flow_gap: int, positions: int, hop_steps: int
) -> None:
    frames = step * positions + flow_gap  # of a window
    times, duration = even(frames + 7 * step * hop_steps, 25.0)
    plan = plan_windows(times, duration, frames / 25, hop_steps * step / 25, positions, flow_gap / 25)
    assert len(plan) == 8
    clip, partners = sample_positions(times[:frames], 0.0, frames / 25, positions, flow_gap / 25)
    for row in range(len(plan)):
        first = row * hop_steps * step
        assert (plan.start_frame[row], plan.stop_frame[row]) == (first, first + frames)
        np.testing.assert_array_equal(plan.frames[plan.images(row)], clip.numpy() + first)
        np.testing.assert_array_equal(plan.partners[plan.images(row)], partners.numpy() + first)


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 5))
def test_a_video_no_longer_than_a_window_is_one_clip(count: int, positions: int, flow_gap: int) -> None:
    times, duration = even(count, 20.0)
    plan = plan_windows(times, duration, count / 20, 0.1, positions, flow_gap / 20)
    frames, partners = sample_positions(times, 0.0, duration, positions, flow_gap / 20)
    assert (plan.start_frame.tolist(), plan.stop_frame.tolist()) == ([0], [count])
    assert (plan.start.tolist(), plan.stop.tolist()) == ([0.0], [duration])
    np.testing.assert_array_equal(plan.frames[plan.images(0)], frames.numpy())
    np.testing.assert_array_equal(plan.partners[plan.images(0)], partners.numpy())


def test_windows_start_when_asked_and_the_last_ends_with_the_video() -> None:
    plan = plan_windows(*even(250, 25.0), window=2.0, hop=0.7, positions=8)
    np.testing.assert_allclose(plan.start[:-1], np.ceil(np.arange(12) * 0.7 * 25 - 1e-6) / 25)
    np.testing.assert_allclose(plan.stop - plan.start, 2.0, atol=0.04)
    assert (plan.start[-1], plan.stop[-1]) == (8.0, 10.0)


def test_times_rounded_to_single_precision_change_nothing() -> None:
    times = np.arange(100_000) / 25.0
    exact = plan_windows(times, 4000.0, 2.0, 0.5, 16)
    rounded = plan_windows(times.astype(np.float32).astype(np.float64), 4000.0, 2.0, 0.5, 16)
    for name in ("start_frame", "stop_frame", "frames", "offset"):
        np.testing.assert_array_equal(getattr(exact, name), getattr(rounded, name))


def test_windows_and_clips_sample_the_same_moments_where_the_rate_drops() -> None:
    times = np.concatenate([np.arange(150) / 30, 5 + np.arange(50) / 10])
    positions, window = 8, 2.0
    plan = plan_windows(times, 10.0, window, 0.3, positions)
    bin_width = (window - 1 / 25) / positions
    for row in range(len(plan)):
        start = min(0.3 * row, 8.0)
        frames = np.flatnonzero((times >= start - 1e-9) & (times < start + window - 1e-9))
        clip, partners = sample_positions(times[frames], start, start + window, positions)
        apart = times[plan.frames[plan.images(row)]] - times[frames[clip.numpy()]]
        slowest = np.diff(times[frames]).max()
        assert np.abs(apart).max() <= bin_width / 2 + slowest  # half a bin between moments, a frame between stamps
        partners_apart = times[plan.partners[plan.images(row)]] - times[frames[partners.numpy()]]
        assert np.abs(partners_apart).max() <= bin_width / 2 + 2 * slowest


def test_a_drawn_video_whose_rate_drops_is_predicted_and_annotated_at_the_same_moments(tmp_path: Path) -> None:
    """From 30 to 10 frames/s, in the middle of windows; numbers are read from the pixels."""
    stamps = [round(n * 1000 / 30) for n in range(90)] + [3000 + 100 * n for n in range(30)]
    draw_video(tmp_path / "drops.mp4", 120, milliseconds=stamps)
    positions, window = 8, 2.0
    bin_width = (window - 1 / 25) / positions
    with Video(tmp_path / "drops.mp4", (96, 128)) as video:
        times = video.timestamps()
        plan = plan_windows(times, video.duration, window, 0.5, positions)
        decoded = dict(zip(plan.frames.tolist(), video.read_in_order(plan.frames), strict=True))
        starts = [min(0.5 * row, video.duration - window) for row in range(len(plan))]
    clips = [Clip("drops.mp4", start, start + window, ("x",)) for start in starts]
    table = build_table(clips, "test", ["x"])
    layout = NetworkInput(num_segments=1, positions_per_segment=positions, frame_size=(96, 128))
    predicted = ClipDataset(table, tmp_path, {}, layout)
    trained = ClipDataset(table, tmp_path, {}, layout, training=True)
    for row, start in enumerate(starts):
        annotated = [
            frame_numbers(torch.from_numpy(decoded[frame]).movedim(-1, 0)[None])[0]
            for frame in plan.frames[plan.images(row)]
        ]
        seen = np.array(
            [annotated, frame_numbers(predicted[row]["frames"][:, 0]), frame_numbers(trained[row, 0]["frames"][:, 0])]
        )
        # What is on screen at a moment began at most a tenth of a second before.
        apart = times[seen] - (start + (np.arange(positions) + 0.5) * bin_width)
        assert (apart <= [[bin_width / 2 + 1e-3], [1e-3], [bin_width / 2 + 1e-3]]).all()
        least = np.broadcast_to([[-bin_width / 2 - 0.101], [-0.101], [-bin_width / 2 - 0.101]], apart.shape).copy()
        least[:, -1] -= 0.1  # the last frame has no partner, so the one before it is shown
        assert (apart >= least).all()


def test_a_pause_in_the_recording_shows_the_frame_before_it() -> None:
    times = np.concatenate([np.arange(50) / 25, 62.0 + np.arange(50) / 25])
    plan = plan_windows(times, 64.04, window=4.0, hop=2.0, positions=4)
    still = (plan.start_frame == 49) & (plan.stop_frame == 50)
    assert still.sum() > 20
    assert all((plan.frames[plan.images(row)] == 49).all() for row in np.flatnonzero(still))


@pytest.mark.parametrize(("window", "hop"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (float("nan"), 1.0), (1.0, np.inf)])
def test_windows_need_a_length(window: float, hop: float) -> None:
    with pytest.raises(ValueError, match="seconds above 0"):
        plan_windows(*even(100, 25.0), window=window, hop=hop, positions=4)
