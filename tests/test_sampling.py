from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

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
def test_semi_dense_context_lies_outside_of_the_window_and_is_spread_evenly(M: int, P: int) -> None:
    own, context = (P + 1) // 2, P // 2
    assert num_positions("semi-dense", M, P) == M * own
    for m, row in enumerate(segment_indices("semi-dense", M, P).tolist()):
        window = list(range(m * own, (m + 1) * own))
        assert row[:own] == window
        rest = row[own:]
        assert len(rest) == context
        assert not set(rest) & set(window)
        assert rest == sorted(set(rest))
        outside = [position for position in range(M * own) if position not in window]
        ranks = [outside.index(position) for position in rest]
        steps = [b - a for a, b in pairwise(ranks)]
        assert not steps or max(steps) - min(steps) <= 1
        if ranks:  # as far from the beginning as from the end, to one position
            assert abs(ranks[0] - (len(outside) - 1 - ranks[-1])) <= 1


def test_with_one_segment_semi_dense_is_dense() -> None:
    assert num_positions("semi-dense", 1, 7) == 7
    assert torch.equal(segment_indices("semi-dense", 1, 7), segment_indices("dense", 1, 7))


@given(st.sampled_from(["dense", "semi-dense"]), counts, counts, st.floats(0, 0.99))
def test_windows_that_overlap_share_positions_and_cover_the_clip(scheme: Scheme, M: int, P: int, share: float) -> None:
    length = (P + 1) // 2 if scheme == "semi-dense" and M > 1 else P
    if (M - 1) * max(1, round((1 - share) * length)) < P - length:
        with pytest.raises(ValueError, match="its context needs"):
            segment_indices(scheme, M, P, share)
        return
    K, indices = num_positions(scheme, M, P, share), segment_indices(scheme, M, P, share)
    windows = indices[:, :length].tolist()
    assert {position for window in windows for position in window} == set(range(K))
    for first, second in pairwise(windows):
        shared = len(set(first) & set(second))
        assert shared < length
        assert abs(shared - share * length) <= max(0.5, share * length - (length - 1)) + 1e-9
    for row in indices.tolist():
        assert len(set(row)) == P
        assert row[:length] == list(range(row[0], row[0] + length))
        assert row[length:] == sorted(row[length:])


def test_half_overlapping_dense_windows() -> None:
    assert segment_indices("dense", 3, 4, 0.5).tolist() == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]
    assert num_positions("dense", 3, 4, 0.5) == 8
    assert segment_indices("semi-dense", 3, 4, 0.5).tolist() == [[0, 1, 2, 3], [1, 2, 0, 3], [2, 3, 0, 1]]


@pytest.mark.parametrize(
    ("scheme", "share", "message"),
    [
        ("sparse", 0.5, "sparse segments all span the clip"),
        ("dense", 1.0, "a share in"),
        ("dense", -0.1, "a share in"),
        ("semi-dense", 0.9, "leaves 1 positions outside"),
    ],
)
def test_overlaps_that_cannot_be_are_refused(scheme: Scheme, share: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        segment_indices(scheme, 2, 8, share)


@given(st.integers(1, 500), st.integers(1, 40), st.integers(1, 20), st.one_of(st.none(), st.integers(0, 2**60)))
def test_frames_rise_within_the_clip_and_partners_follow(n: int, K: int, gap: int, seed: int | None) -> None:
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    frames, partners = sample_positions(n, K, gap, generator)
    assert frames.shape == partners.shape == (K,)
    assert frames.dtype == partners.dtype == torch.int64
    assert frames.min() >= 0
    assert partners.max() < n
    assert (frames.diff() >= 0).all()
    assert (partners - frames == min(gap, n - 1)).all()
    usable = n - min(gap, n - 1)
    for k, frame in enumerate(frames.tolist()):
        # A frame f covers the times [f, f + 1); it must meet its bin [k, k + 1) * usable / K.
        assert frame * K < (k + 1) * usable
        assert (frame + 1) * K >= k * usable
    if usable >= K:
        assert (frames.diff() > 0).all() or seed is not None
    if seed is None:
        again, _ = sample_positions(n, K, gap)
        assert torch.equal(again, frames)
        mirrored = usable - 1 - frames.flip(0)
        assert ((mirrored - frames).abs() <= 1).all()  # centred


def test_jitter_is_uniform_in_its_bin() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([sample_positions(41, 4, 1, generator)[0] for _ in range(4000)])
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
    got = sample_positions(n, K, gap)
    assert (got[0].tolist(), got[1].tolist()) == (frames, partners)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme must be one of dense, semi-dense, sparse, not 'thin'"):
        num_positions("thin", 1, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1, not 0 and 4"):
        segment_indices("dense", 0, 4)
    for arguments in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
        with pytest.raises(ValueError, match="at least 1, not 0"):
            sample_positions(*arguments)
