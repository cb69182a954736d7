"""Temperatures against scipy's minimum of the same objective, and on clips whose temperature is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.classification import binary_calibration_error

from amclip.calibration import calibrate, fit_temperatures
from amclip.draw import draw_reliability
from amclip.metrics import calibration_errors


def clips(number: int, temperatures: list[float], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Probabilities whose logits are too large by the temperatures, and labels drawn from the right ones."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(number, len(temperatures), generator=generator, dtype=torch.float64) * 1.5 - 0.5
    labels = torch.bernoulli(torch.sigmoid(logits), generator=generator)
    return torch.sigmoid(logits * torch.tensor(temperatures)).float(), labels


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([6, 30, 400]), st.sampled_from([0.3, 1.0, 4.0]))
def test_temperatures_are_where_scipy_finds_the_minimum(seed: int, number: int, wanted: float) -> None:
    values, labels = clips(number, [wanted], seed)
    got = float(fit_temperatures(values, labels)[0])
    if labels.sum() in (0, number):
        assert got == 1
        return
    logits = torch.logit(values.double(), eps=1e-7)

    def objective(log: float) -> float:
        loss = F.binary_cross_entropy_with_logits(logits / np.exp(log), labels, reduction="sum")
        return float(loss) + log**2 / 2

    found = minimize_scalar(objective, bounds=(-3, 3), method="bounded", options={"xatol": 1e-8})
    assert np.log(got) == pytest.approx(found.x, abs=1e-3) or objective(np.log(got)) <= found.fun + 1e-9


def test_many_clips_give_the_temperature_away() -> None:
    values, labels = clips(20_000, [3.0, 1.0, 0.5])
    temperatures = fit_temperatures(values, labels)
    torch.testing.assert_close(temperatures, torch.tensor([3.0, 1.0, 0.5]), rtol=0.06, atol=0)
    before, after = calibration_errors(values, labels), calibration_errors(calibrate(values, temperatures), labels)
    assert before[0] > 0.08
    assert max(after) < 0.02
    for c in range(3):
        assert before[c] == float(binary_calibration_error(values[:, c].clone(), labels[:, c].long(), 15))


def test_a_few_clips_without_error_do_not_ask_for_certainty() -> None:
    values, labels = torch.tensor([[0.9], [0.8], [0.2]]), torch.tensor([[1], [1], [0]])
    assert 0.3 < float(fit_temperatures(values, labels)[0]) < 1
    assert fit_temperatures(torch.tensor([[0.0], [1.0], [1.0]]), labels[[2, 0, 1]]).isfinite().all()


def test_classes_with_nothing_to_fit_stay_as_they_are() -> None:
    values = torch.rand(9, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.stack([torch.zeros(9), torch.ones(9), torch.arange(9) % 2], dim=1)
    temperatures = fit_temperatures(values, labels)
    assert temperatures[:2].tolist() == [1, 1]
    assert temperatures[2] != 1
    assert fit_temperatures(values[:0], labels[:0]).tolist() == [1, 1, 1]
    assert fit_temperatures(values, torch.zeros(9, 3), softmax=True).tolist() == [1, 1, 1]


def test_classes_that_exclude_each_other_share_a_temperature_and_still_sum_to_one() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(20_000, 4, generator=generator, dtype=torch.float64) * 2
    labels = F.one_hot(torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0], 4)
    values = (logits * 2.5).softmax(dim=1)
    temperatures = fit_temperatures(values, labels, softmax=True)
    assert temperatures.tolist() == pytest.approx([2.5] * 4, rel=0.05)
    calibrated = calibrate(values, temperatures, softmax=True)
    torch.testing.assert_close(calibrated.sum(dim=1), torch.ones(20_000))
    assert torch.equal(calibrated.argmax(dim=1), values.argmax(dim=1))


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=20), st.floats(0.1, 10))
def test_the_order_of_clips_is_kept(values: list[float], temperature: float) -> None:
    given_, temperatures = torch.tensor(values)[:, None], torch.tensor([temperature])
    calibrated = calibrate(given_, temperatures)[:, 0]
    assert ((calibrated >= 0) & (calibrated <= 1)).all()
    assert (calibrated[given_[:, 0].argsort()].diff() >= 0).all()
    torch.testing.assert_close(calibrate(given_, torch.ones(1)), given_, atol=2e-7, rtol=1e-5)


def test_what_could_not_be_read_stays_unknown() -> None:
    values = torch.tensor([[0.2, torch.nan]])
    assert calibrate(values, torch.tensor([2.0, 2.0])).isnan().tolist() == [[False, True]]


def test_the_diagram_is_drawn(tmp_path: Path) -> None:
    values, labels = clips(300, [3.0, 1.0])
    path = tmp_path / "reliability.svg"
    draw_reliability(path, {"as trained": values, "calibrated": calibrate(values, torch.tensor([3.0, 1.0]))}, labels)
    assert path.read_text().count("<path") > 20
