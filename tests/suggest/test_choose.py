import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amclip.suggest.choose import choose_windows, uncertainty


def test_uncertainty_is_the_entropy_of_every_answer() -> None:
    from scipy.stats import entropy

    rng = np.random.default_rng(0)
    p = rng.random((20, 5)).astype(np.float32)
    want = entropy(np.stack([p, 1 - p.astype(np.float64)]), base=2, axis=0).sum(axis=1)
    np.testing.assert_allclose(uncertainty(p), want, rtol=1e-6)
    assert uncertainty(np.array([[0.0, 1.0], [0.5, 0.5]], np.float32)).tolist() == [0.0, 2.0]


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four groups of thirty windows; the network is sure of the first two groups and unsure of the others."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(4), 30)
    embeddings = np.eye(8, dtype=np.float32)[group] * 5 + rng.normal(0, 0.3, (120, 8)).astype(np.float32)
    probabilities = np.where(group[:, None] < 2, 0.001, 0.5).astype(np.float32).repeat(3, axis=1)
    return embeddings, probabilities, group


@pytest.mark.parametrize("seed", range(5))
def test_unsure_windows_of_unlike_kinds_come_first(seed: int) -> None:
    embeddings, probabilities, group = scene(seed)
    chosen = choose_windows(embeddings, probabilities, 10, seed)
    assert set(group[chosen[:2]]) == {2, 3}, "the first two are of those it is unsure of, one of each kind"
    assert (group[chosen] >= 2).sum() >= 7, "and most others are"


def test_where_the_network_is_unsure_of_all_every_kind_comes_first() -> None:
    embeddings, _, group = scene()
    even = np.full((120, 3), 0.5, np.float32)
    hits = [len(set(group[choose_windows(embeddings, even, 4, seed)])) for seed in range(20)]
    assert np.mean(hits) > 3.9
    lottery = [len(set(group[np.random.default_rng(seed).choice(120, 4, False)])) for seed in range(20)]
    assert np.mean(lottery) < 3.5


def test_the_same_seed_chooses_the_same() -> None:
    embeddings, probabilities, _ = scene()
    first = choose_windows(embeddings, probabilities, 12, 3)
    assert (first == choose_windows(embeddings, probabilities, 12, 3)).all()
    assert (first != choose_windows(embeddings, probabilities, 12, 4)).any()


@given(
    windows=st.integers(1, 30),
    count=st.integers(1, 40),
    kinds=st.integers(1, 3),
    sure=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_no_window_twice_and_as_many_as_asked(windows: int, count: int, kinds: int, sure: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    embeddings = np.eye(3, dtype=np.float32)[rng.integers(0, kinds, windows)]  # most are equal
    probabilities = np.zeros((windows, 2), np.float32) if sure else rng.random((windows, 2)).astype(np.float32)
    chosen = choose_windows(embeddings, probabilities, count, seed).tolist()
    assert len(set(chosen)) == len(chosen) == min(count, windows)
    assert set(chosen) <= set(range(windows))


def test_bad_values_are_refused() -> None:
    good = np.ones((3, 2), np.float32)
    with pytest.raises(ValueError, match="count: expected 1"):
        choose_windows(good, good, 0)
    with pytest.raises(ValueError, match="row per window"):
        choose_windows(good, good[:2], 1)
    with pytest.raises(ValueError, match="no number"):
        choose_windows(np.full((3, 2), np.nan, np.float32), good, 1)
    with pytest.raises(ValueError, match="outside of its range"):
        choose_windows(good, good * 2, 1)
