import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amclip.suggest.choose import choose_windows, uncertainty


def test_uncertainty_is_the_entropy_of_every_answer_against_what_is_usual() -> None:
    from scipy.stats import entropy

    rng = np.random.default_rng(0)
    p = rng.random((20, 5)).astype(np.float32) * np.array([1, 1, 1, 1, 0.01], np.float32)  # the last one is rare
    bits = entropy(np.stack([p, 1 - p.astype(np.float64)]), base=2, axis=0)
    np.testing.assert_allclose(uncertainty(p), (bits / bits.mean(axis=0)).mean(axis=1), rtol=1e-5)
    assert uncertainty(p).mean() == pytest.approx(1)
    assert uncertainty(np.array([[0.0, 1.0], [0.5, 1.0]], np.float32)).tolist() == [0.0, 1.0]


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four groups of thirty windows; the network is sure of the first two groups and unsure of the others."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(4), 30)
    embeddings = np.eye(8, dtype=np.float32)[group] * 5 + rng.normal(0, 0.3, (120, 8)).astype(np.float32)
    probabilities = np.where(group[:, None] < 2, 0.001, 0.5).astype(np.float32).repeat(3, axis=1)
    return embeddings, probabilities, group


@pytest.mark.parametrize("seed", range(5))
def test_unsure_windows_of_unlike_kinds_are_chosen(seed: int) -> None:
    embeddings, probabilities, group = (x[np.random.default_rng(seed).permutation(120)] for x in scene(seed))
    assert set(group[choose_windows(embeddings, probabilities, 4, seed)]) == {2, 3}
    assert (group[choose_windows(embeddings, probabilities, 10, seed)] >= 2).all()


def test_where_the_network_is_unsure_of_all_every_kind_is_chosen() -> None:
    embeddings, _, group = scene()
    order = np.random.default_rng(0).permutation(120)[:20]  # no more than are looked at for four
    embeddings, group = embeddings[order], group[order]
    even = np.full((20, 3), 0.5, np.float32)
    hits = [len(set(group[choose_windows(embeddings, even, 4, seed)])) for seed in range(20)]
    assert np.mean(hits) > 3.5
    lottery = [len(set(group[np.random.default_rng(seed).choice(20, 4, False)])) for seed in range(20)]
    assert np.mean(lottery) < 3.2


def test_a_rare_behaviour_counts_like_a_common_one() -> None:
    probabilities = np.full((50, 2), 0.4, np.float32)
    probabilities[:, 1] = 0.001
    probabilities[17, 1] = 0.05  # unsure, for this behaviour
    embeddings = np.random.default_rng(0).random((50, 4)).astype(np.float32)
    assert choose_windows(embeddings, probabilities, 3)[0] == 17


def test_the_same_seed_chooses_the_same() -> None:
    embeddings, probabilities, _ = scene()
    first = choose_windows(embeddings, probabilities, 12, 3)
    assert (first == choose_windows(embeddings, probabilities, 12, 3)).all()
    assert set(first) != set(choose_windows(embeddings, probabilities, 12, 4))


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
