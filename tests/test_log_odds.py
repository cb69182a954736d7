"""Log-odds against float64, where probabilities in float32 have long been 1."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, logsumexp
from torch import Tensor

from amclip.log_odds import mean_log_odds, probability_cell, softmax_log_odds, to_float64, to_probabilities


def rows(least: int) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(-100, 100, width=32), min_size=least, max_size=6)


@settings(max_examples=60, deadline=None)
@given(rows(2))
def test_those_of_a_softmax_are_each_class_against_all_others(logits: list[float]) -> None:
    got = softmax_log_odds(torch.tensor([logits]))[0]
    for c, value in enumerate(logits):
        expected = value - logsumexp(np.delete(np.float64(logits), c))
        assert float(got[c]) == pytest.approx(expected, rel=2e-7, abs=1e-12)
    torch.testing.assert_close(to_probabilities(got), torch.tensor(logits).double().softmax(0), rtol=0, atol=1e-6)


def test_classes_that_a_network_rules_out_stay_out() -> None:
    got = softmax_log_odds(torch.tensor([[0.0, -torch.inf, -torch.inf], [1.0, 2.0, -torch.inf]]))
    assert got[0].tolist() == [math.inf, -math.inf, -math.inf]
    assert got[1].tolist() == pytest.approx([-1, 1, -math.inf])
    assert softmax_log_odds(torch.tensor([[math.nan, 1.0]])).isnan().all()


@settings(max_examples=60, deadline=None)
@given(rows(1))
def test_views_are_averaged_as_their_probabilities(views: list[float]) -> None:
    got = float(mean_log_odds(torch.tensor([views]), dim=1))
    x = np.float64(views)
    both = log_softmax(np.stack([x, np.zeros_like(x)]), axis=0)  # logarithms of p and 1 - p
    expected = logsumexp(both[0]) - logsumexp(both[1])
    assert got == pytest.approx(expected, rel=2e-7, abs=1e-12)
    assert min(views) - 1e-5 <= got <= max(views) + 1e-5
    if len(views) == 1:
        assert got == views[0]
    shown = 1 / (1 + np.exp(-x))
    assert float(to_probabilities(torch.tensor(got))) == pytest.approx(shown.mean(), abs=1e-6)


def test_views_of_sure_clips_keep_their_order() -> None:
    views = torch.tensor([[20.0, 30.0], [20.0, 29.0], [21.0, 30.0], [-40.0, -50.0], [-40.0, -49.0]])
    assert mean_log_odds(views, dim=1).argsort().tolist() == [3, 4, 1, 0, 2]
    assert mean_log_odds(views.sigmoid().logit(), dim=1)[:3].unique().numel() < 3  # by way of probabilities


@pytest.mark.parametrize(
    ("probability", "cell"),
    [
        (0.5, "0.500000"),
        (0.734512345, "0.734512"),
        (0.0512345678, "0.0512346"),
        (0.999999997912345, "0.99999999791234"),
        (2.06e-9, "0.00000000206000"),
        (2.0611536e-22, "2.06115e-22"),
        (1 - 1e-16, "0.99999999999999989"),
        (1.0, "1.000000"),
        (0.0, "0.000000"),
        (math.nan, ""),
    ],
)
def test_a_table_has_six_digits_of_what_is_left(probability: float, cell: str) -> None:
    assert probability_cell(probability) == cell


def test_a_device_without_float64_has_its_numbers_on_the_cpu() -> None:
    class OfApple:  # a tensor there refuses float64
        device = torch.device("mps")

        def cpu(self) -> Tensor:
            return torch.tensor([0.5, math.nan])

    assert torch.equal(to_float64(OfApple()).nan_to_num(7), torch.tensor([0.5, 7], dtype=torch.float64))  # type: ignore[arg-type]
