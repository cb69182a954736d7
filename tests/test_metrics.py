import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from amclip.metrics import AveragePrecision


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 10**6))
def test_scores_equal_scikit_learn(clips: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.random((clips, classes)) < 0.3).astype(int)
    values = np.round(rng.random((clips, classes)), 1).astype(np.float32)  # rounded: ties must agree too
    metric = AveragePrecision(classes)
    for part in np.array_split(np.arange(clips), 2):
        metric.update(torch.from_numpy(values[part]), torch.from_numpy(labels[part]))
    scores = metric.compute()
    present = labels.any(axis=0)
    assert scores.num_scored == present.sum()
    assert scores.support.tolist() == labels.sum(axis=0).tolist()
    if not present.any():
        assert math.isnan(scores.macro)
        return
    expected = [average_precision_score(labels[:, c], values[:, c]) for c in range(classes) if present[c]]
    assert scores.macro == pytest.approx(np.mean(expected), abs=1e-6)
    assert scores.per_class[torch.from_numpy(present)].tolist() == pytest.approx(expected, abs=1e-6)
    assert scores.per_class[torch.from_numpy(~present)].isnan().all()
    assert scores.micro == pytest.approx(average_precision_score(labels.ravel(), values.ravel()), abs=1e-6)


def test_logits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        AveragePrecision(2).update(torch.tensor([[0.5, 2.0]]), torch.tensor([[0, 1]]))


def test_nothing_seen_is_not_a_number() -> None:
    scores = AveragePrecision(3).compute()
    assert math.isnan(scores.macro)
    assert scores.num_scored == 0
