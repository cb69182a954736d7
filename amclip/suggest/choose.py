"""Choose windows that the network is unsure of and that differ from each other."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["choose_windows", "uncertainty"]


def uncertainty(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """How unsure a network is of each window: the entropy of its answers, summed over the behaviours.

    Args:
        probabilities: Shape ``[N, C]``, in [0, 1]; each behaviour is a yes or no of its own.

    Returns:
        Bits, float64 ``[N]``, from 0 (all answers are sure) to C (each is as good as a coin).
    """
    p = probabilities.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = -np.where(p > 0, p * np.log2(p), 0.0) - np.where(p < 1, (1 - p) * np.log2(1 - p), 0.0)
    total: NDArray[np.float64] = bits.sum(axis=1)
    return total


def choose_windows(
    embeddings: NDArray[np.float32], probabilities: NDArray[np.float32], count: int, seed: int = 0
) -> NDArray[np.int64]:
    """Choose windows to label, in the order of choosing.

    The seeding of k-means++ (Arthur and Vassilvitskii, SODA 2007) over the embeddings, each window weighted by its
    uncertainty: the next window is drawn with a probability that rises with how unsure the network is of it and with
    its distance from those chosen before. BADGE (Ash et al., ICLR 2020) seeds in the same way over gradients, whose
    length is the uncertainty; here both stay apart, since the gradients of C behaviours are C times as wide.

    Args:
        embeddings: One per window, ``[N, D]``; only their direction counts.
        probabilities: ``[N, C]`` in [0, 1].
        count: How many; all, where there are fewer.
        seed: Of the drawing.

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
    from sklearn.cluster import kmeans_plusplus

    unsure = uncertainty(probabilities)
    if count >= len(embeddings):
        return np.argsort(-unsure, kind="stable")
    # Directions, around their mean: what all windows share (the arena, the light) tells none of them apart.
    directions = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    directions = np.ascontiguousarray(directions - directions.mean(axis=0), dtype=np.float64)
    weights = np.maximum(unsure, 1e-9)  # where the network is sure of everything, distance alone decides
    _, chosen = kmeans_plusplus(directions, count, sample_weight=weights, random_state=seed)
    # Equal windows can be drawn twice, once nothing else is left; the most unsure take their place.
    order = list(dict.fromkeys(chosen.tolist()))
    taken = set(order)
    order += [row for row in np.argsort(-unsure, kind="stable").tolist() if row not in taken][: count - len(order)]
    return np.array(order, dtype=np.int64)
