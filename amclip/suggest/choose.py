"""Choose windows that the network is unsure of and that differ from each other."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["choose_windows", "uncertainty"]

#: Windows that are candidates for each that is chosen: the most unsure ones.
CANDIDATES = 5


def uncertainty(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """How unsure a network is of each window, every behaviour counting alike.

    The entropy of the answer on each behaviour, divided by its mean over all windows, so that a rare behaviour, of
    which the network is sure nearly always, weighs as much as a common one; then the mean over the behaviours.

    Args:
        probabilities: Shape ``[N, C]``, in [0, 1]; each behaviour is a yes or no of its own.

    Returns:
        float64 ``[N]``: 1 is usual among these windows, 0 is sure of everything.
    """
    p = probabilities.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = -np.where(p > 0, p * np.log2(p), 0.0) - np.where(p < 1, (1 - p) * np.log2(1 - p), 0.0)
    usual = bits.mean(axis=0)
    total: NDArray[np.float64] = (bits / np.where(usual > 0, usual, 1.0)).mean(axis=1)
    return total


def choose_windows(
    embeddings: NDArray[np.float32], probabilities: NDArray[np.float32], count: int, seed: int = 0
) -> NDArray[np.int64]:
    """Choose windows to label, the most unsure first.

    Diverse mini-batch active learning (Zhdanov, arXiv:1901.05954): of the most unsure windows, five for each that is
    wanted, the embeddings are grouped by k-means weighted by uncertainty, and of each group the window nearest to its
    middle is taken. Uncertainty is that of :func:`uncertainty`, in place of the margin between two classes, which
    behaviours that go together do not have.

    Args:
        embeddings: One per window, ``[N, D]``.
        probabilities: ``[N, C]`` in [0, 1].
        count: How many; all, where there are fewer.
        seed: Of k-means.

    Returns:
        Numbers of windows, int64, none twice.

    Raises:
        ValueError: If shapes do not fit, a value is no number, or the count is below 1.
    """
    if count < 1:
        raise ValueError(f"count: expected 1 or more windows to suggest, got {count}")
    if embeddings.ndim != 2 or probabilities.ndim != 2 or len(embeddings) != len(probabilities) or not len(embeddings):
        raise ValueError(f"embeddings {embeddings.shape} and probabilities {probabilities.shape} need a row per window")
    if not (np.isfinite(embeddings).all() and ((probabilities >= 0) & (probabilities <= 1)).all()):
        raise ValueError("an embedding or a probability is no number, or lies outside of its range")
    unsure = uncertainty(probabilities)
    ranked = np.argsort(-unsure, kind="stable")
    if count >= len(embeddings):
        return ranked
    candidates = ranked[: CANDIDATES * count]
    chosen = set(candidates[_middles(embeddings[candidates], unsure[candidates], count, seed)].tolist())
    # Where fewer than `count` windows differ at all, the most unsure of the others fill up.
    chosen.update([row for row in ranked.tolist() if row not in chosen][: count - len(chosen)])
    return np.array([row for row in ranked.tolist() if row in chosen], dtype=np.int64)


def _middles(embeddings: NDArray[np.float32], unsure: NDArray[np.float64], count: int, seed: int) -> list[int]:
    """Rows that are nearest to the middle of their group, one of each."""
    from sklearn.cluster import KMeans

    spread = embeddings.std(axis=0)
    scaled = ((embeddings - embeddings.mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0)).astype(np.float64)
    groups = min(count, len(np.unique(scaled, axis=0)))
    # A weight of 0 would take a window out, and all may be 0: then the network is sure of everything.
    means = KMeans(groups, n_init=1, random_state=seed).fit(scaled, sample_weight=np.maximum(unsure, 1e-9))
    away = means.transform(scaled)
    rows: list[int] = []
    for group in range(groups):
        order = np.argsort(away[:, group], kind="stable").tolist()
        rows.append(next(row for row in order if row not in rows))
    return rows
