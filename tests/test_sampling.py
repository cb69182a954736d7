from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from amclip.frame_times import clip_span, flow_gap_seconds, flow_partners, time_tolerance
from amclip.sampling import Scheme, num_positions, sample_positions, segment_indices

schemes = st.sampled_from(["dense", "semi-dense", "sparse"])
counts = st.integers(1, 12)


@given(schemes, counts, counts)
def test_every_position_is_used_and_every_index_is_in_range(scheme: Scheme, M: int, P: int) -> None:
    K = num_positions(scheme, M, P)
    indices = segment_indices(scheme, M, P)
    assert indices.shape == (M, P)
    assert indices.dtype == torch.int64
    assert indices.min() >= 0
    assert set(indices.flatten().tolist()) == set(range(K))


@given(counts, counts)
def test_dense_and_sparse_share_no_position(M: int, P: int) -> None:
    dense, sparse = segment_indices("dense", M, P), segment_indices("sparse", M, P)
    assert num_positions("dense", M, P) == num_positions("sparse", M, P) == M * P
    assert dense.tolist() == [list(range(m * P, (m + 1) * P)) for m in range(M)]
    assert sparse.tolist() == [list(range(m, M * P, M)) for m in range(M)]


@given(st.integers(2, 12), counts)
def test_semi_dense_context_lies_outside_of_the_span_and_is_spread_evenly(M: int, P: int) -> None:
    own, context = (P + 1) // 2, P // 2
    assert num_positions("semi-dense", M, P) == M * own
    for m, row in enumerate(segment_indices("semi-dense", M, P).tolist()):
        span = list(range(m * own, (m + 1) * own))
        assert row[:own] == span
        rest = row[own:]
        assert len(rest) == context
        assert not set(rest) & set(span)
        assert rest == sorted(set(rest))
        outside = [position for position in range(M * own) if position not in span]
        ranks = [outside.index(position) for position in rest]
        steps = [b - a for a, b in pairwise(ranks)]
        assert not steps or max(steps) - min(steps) <= 1
        if ranks:  # as far from the beginning as from the end, to one position
            assert abs(ranks[0] - (len(outside) - 1 - ranks[-1])) <= 1


def test_with_one_segment_semi_dense_is_dense() -> None:
    assert num_positions("semi-dense", 1, 7) == 7
    assert torch.equal(segment_indices("semi-dense", 1, 7), segment_indices("dense", 1, 7))


@given(st.sampled_from(["dense", "semi-dense"]), counts, counts, st.floats(0, 0.99))
def test_spans_that_overlap_share_positions_and_cover_the_clip(scheme: Scheme, M: int, P: int, share: float) -> None:
    length = (P + 1) // 2 if scheme == "semi-dense" and M > 1 else P
    if (M - 1) * max(1, round((1 - share) * length)) < P - length:
        with pytest.raises(ValueError, match="its context needs"):
            segment_indices(scheme, M, P, share)
        return
    K, indices = num_positions(scheme, M, P, share), segment_indices(scheme, M, P, share)
    spans = indices[:, :length].tolist()
    assert {position for span in spans for position in span} == set(range(K))
    for first, second in pairwise(spans):
        shared = len(set(first) & set(second))
        assert shared < length
        assert abs(shared - share * length) <= max(0.5, share * length - (length - 1)) + 1e-9
    for row in indices.tolist():
        assert len(set(row)) == P
        assert row[:length] == list(range(row[0], row[0] + length))
        assert row[length:] == sorted(row[length:])


def test_half_overlapping_dense_spans() -> None:
    assert segment_indices("dense", 3, 4, 0.5).tolist() == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]
    assert num_positions("dense", 3, 4, 0.5) == 8
    assert segment_indices("semi-dense", 3, 4, 0.5).tolist() == [[0, 1, 2, 3], [1, 2, 0, 3], [2, 3, 0, 1]]


@pytest.mark.parametrize(
    ("scheme", "share", "message"),
    [
        ("sparse", 0.5, "sparse segments all span the clip"),
        ("dense", 1.0, "a fraction in"),
        ("dense", -0.1, "a fraction in"),
        ("semi-dense", 0.9, "leaves 1 positions outside"),
    ],
)
def test_overlaps_that_cannot_be_are_refused(scheme: Scheme, share: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        segment_indices(scheme, 2, 8, share)


RATES = [1.0, 12.5, 15.0, 24000 / 1001, 25.0, 30000 / 1001, 30.0, 60.0, 250.0]


def by_index(n: int, K: int, gap: int, generator: torch.Generator | None) -> tuple[list[int], list[int]]:
    """Sampling at an even rate as arithmetic of frame numbers, in whole numbers where there is no jitter."""
    gap = min(gap, n - 1)
    usable = n - gap
    if generator is None:
        frames = [(2 * k + 1) * usable // (2 * K) for k in range(K)]
    else:
        drawn = torch.rand(K, generator=generator, dtype=torch.float64).tolist()
        frames = [min(int((k + u) * (usable / K)), usable - 1) for k, u in enumerate(drawn)]
    return frames, [frame + gap for frame in frames]


def seeded(seed: int | None) -> torch.Generator | None:
    return None if seed is None else torch.Generator().manual_seed(seed)


seeds = st.one_of(st.none(), st.integers(0, 2**60))


@given(
    st.integers(1, 400), st.integers(1, 130), st.integers(1, 30), st.sampled_from(RATES), st.integers(0, 100_000), seeds
)
def test_at_an_even_rate_moments_are_frame_numbers(
    n: int, K: int, gap: int, fps: float, first: int, seed: int | None
) -> None:
    times = (first + np.arange(n)) / fps
    frames, partners = sample_positions(times, times[0], (first + n) / fps, K, gap / fps, seeded(seed))
    assert (frames.tolist(), partners.tolist()) == by_index(n, K, gap, seeded(seed))
    assert frames.dtype == partners.dtype == torch.int64


@example(113, 14, 30000 / 1001)  # three moments lie so near to an edge
@given(st.integers(1, 120), st.integers(1, 16), st.sampled_from([15.0, 24000 / 1001, 25.0, 30000 / 1001]))
def test_stamps_rounded_to_milliseconds_move_a_moment_by_a_frame_at_most(n: int, K: int, fps: float) -> None:
    exact = np.arange(n) / fps
    rounded = exact.round(3)
    want = sample_positions(exact, 0.0, n / fps, K, 1 / fps)
    got = sample_positions(rounded, 0.0, round(n / fps, 3), K, 1 / fps)
    moments = (np.arange(K) + 0.5) / K * (n - min(1, n - 1)) / fps
    from_edge = np.abs(moments * fps - np.round(moments * fps)) / fps
    # A frame's time and the clip's end are rounded by half a millisecond each: a moment so near to the edge of two
    # frames may fall to either. All others show the frame that they showed.
    near = from_edge <= 1e-3 + time_tolerance(exact, K)
    for have, expected in zip(got, want, strict=True):
        moved = (have - expected).abs()
        assert moved.max() <= 1
        assert not moved[torch.from_numpy(~near)].any()
    assert ((got[1] != want[1]) == (got[0] != want[0])).all()  # a frame's partner goes with it


@st.composite
def uneven(draw: st.DrawFn) -> np.ndarray:
    steps = draw(st.lists(st.floats(0.002, 1.5), max_size=80))
    return draw(st.floats(0, 5000)) + np.concatenate([[0.0], np.cumsum(steps)])


@given(uneven(), st.floats(0, 0.5), st.floats(0, 0.5), st.integers(1, 30), st.floats(0.001, 0.999), seeds)
def test_each_moment_shows_the_frame_on_screen_and_its_partner_the_gap_later(
    times: np.ndarray, before: float, after: float, K: int, gap: float, seed: int | None
) -> None:
    start, stop = times[0] - before, times[-1] + after
    frames, partners = (x.tolist() for x in sample_positions(times, start, stop, K, gap, seeded(seed)))
    n = len(times)
    assert frames == sorted(frames)
    assert partners == sorted(partners)
    bin_width = (stop - start - min(gap, times[-1] - times[0])) / K
    slack = 0.0 if seed is not None else min(1e-3, (times[-1] - times[0]) / max(1, n - 1) / (4 * K))
    for k, (frame, partner) in enumerate(zip(frames, partners, strict=True)):
        assert 0 <= frame <= partner < n
        assert partner > frame or n == 1
        # Shown from times[frame] to times[frame + 1]: that meets the bin, but for the clip's edges.
        ends = times[frame + 1] if frame < n - 2 else np.inf
        begins = times[frame] if frame else -np.inf
        assert begins <= start + (k + 1) * bin_width + slack + 1e-9
        assert ends >= start + k * bin_width - 1e-9
        # No other frame that could be the partner lies nearer, but for the rounding of halves.
        distances = np.abs(times[frame + 1 :] - times[frame] - gap)
        if n > 1:
            assert distances[partner - frame - 1] <= distances.min() + 2e-3 + 1e-9


def test_the_gap_covers_the_same_time_at_every_rate() -> None:
    steps = {}
    for fps in (10, 15, 24, 25, 30, 36, 38, 50, 60, 120, 250):
        frames, partners = sample_positions(np.arange(10 * fps) / fps, 0.0, 10.0, 8)
        assert len(set((partners - frames).tolist())) == 1
        steps[fps] = int(partners[0] - frames[0])
    assert steps == {10: 1, 15: 1, 24: 1, 25: 1, 30: 1, 36: 1, 38: 2, 50: 2, 60: 2, 120: 5, 250: 10}


def test_halfway_between_two_frames_the_later_is_the_partner_whatever_the_rounding() -> None:
    times = (np.arange(1000) / 30).round(3)
    frames = np.arange(990)
    assert (flow_partners(times, frames, 1 / 20) - frames == 2).all()  # one and a half frames


def test_the_same_moments_are_sampled_at_any_rate() -> None:
    sampled = {
        fps: sample_positions(np.arange(4 * fps) / fps, 0.0, 4.0, 16, 1 / 15)[0].numpy() / fps for fps in (15, 30, 60)
    }
    for fps, times in sampled.items():
        moments = (np.arange(16) + 0.5) * (4 - 1 / 15) / 16
        assert (times <= moments + 1e-3).all()
        assert (times > moments - 1 / fps - 1e-9).all()


def test_jitter_is_uniform_in_its_bin() -> None:
    generator = torch.Generator().manual_seed(0)
    times = np.arange(41) / 25
    drawn = torch.stack([sample_positions(times, 0.0, 41 / 25, 4, 1 / 25, generator)[0] for _ in range(4000)])
    for k in range(4):
        frames, number = drawn[:, k].unique(return_counts=True)
        assert frames.tolist() == list(range(10 * k, 10 * k + 10))
        assert (number - 400).abs().max() < 100  # five standard deviations


@pytest.mark.parametrize(
    ("n", "K", "gap", "frames", "partners"),
    [
        (1, 3, 1, [0, 0, 0], [0, 0, 0]),
        (2, 3, 1, [0, 0, 0], [1, 1, 1]),
        (3, 2, 5, [0, 0], [2, 2]),
        (3, 4, 1, [0, 0, 1, 1], [1, 1, 2, 2]),
        (5, 4, 1, [0, 1, 2, 3], [1, 2, 3, 4]),
        (101, 4, 1, [12, 37, 62, 87], [13, 38, 63, 88]),
    ],
)
def test_short_clips(n: int, K: int, gap: int, frames: list[int], partners: list[int]) -> None:
    got = sample_positions(np.arange(n) / 10, 0.0, n / 10, K, gap / 10)
    assert (got[0].tolist(), got[1].tolist()) == (frames, partners)


@pytest.mark.parametrize("given", ["1/25", " 1 / 25 ", "0.04", "4e-2", 0.04, 1 / 25])
def test_the_gap_is_a_number_of_seconds_or_a_fraction(given: float | str) -> None:
    assert flow_gap_seconds(given) == 1 / 25


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (0, "seconds above 0 and below 1.*got 0$"),
        ("-1/25", "got -1/25$"),
        ("1/0", "got '1/0'$"),
        ("soon", "fraction such as 1/25 .one frame at 25 frames/s., got 'soon'$"),
        (float("nan"), "got nan"),
        (1, "meant in frames, divide by the frame rate: 1 frame at 25 frames/s: 1/25"),
        ("4", "4 frames at 25 frames/s: 4/25"),
    ],
)
def test_a_gap_that_is_no_time_is_refused(given: float | str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^flow_gap: expected.*{words}"):
        flow_gap_seconds(given)


class TestSpan:
    times = np.arange(100) / 30
    duration = 100 / 30

    def span(self, frames: range, start: float | None, stop: float | None) -> tuple[float, float]:
        return clip_span(self.times, self.duration, frames, start, stop)

    def test_a_whole_video_is_its_first_frame_to_its_end(self) -> None:
        assert self.span(range(100), None, None) == (0.0, self.duration)

    def test_rounded_times_are_those_of_the_frames_meant(self) -> None:
        assert self.span(range(10, 20), 0.333, 0.667) == (10 / 30, 20 / 30)
        assert self.span(range(90, 100), 3.0, 3.333) == (3.0, self.duration)

    def test_other_times_stand_as_they_are(self) -> None:
        assert self.span(range(10, 20), 0.31, 0.65) == (0.31, 0.65)

    def test_a_clip_ends_with_the_video(self) -> None:
        assert self.span(range(100), -1.0, 99.0) == (0.0, self.duration)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme must be one of dense, semi-dense, sparse, not 'thin'"):
        num_positions("thin", 1, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1, not 0 and 4"):
        segment_indices("dense", 0, 4)
    times = np.arange(3) / 25
    with pytest.raises(ValueError, match="number of frames must be at least 1, not 0"):
        sample_positions(times[:0], 0.0, 0.12, 1)
    with pytest.raises(ValueError, match="num_positions must be at least 1, not 0"):
        sample_positions(times, 0.0, 0.12, 0)
    with pytest.raises(ValueError, match="flow_gap must be above 0 seconds, not 0"):
        sample_positions(times, 0.0, 0.12, 1, 0)
    for start, stop in ((0.1, 0.12), (0.0, 0.05)):
        with pytest.raises(ValueError, match=r"cannot end with a frame at 0.08 s"):
            sample_positions(times, start, stop, 1)
