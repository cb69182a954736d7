"""Calibration against scipy's minimum of the same objective, on clips whose scale is known, and after every loss."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.classification import binary_calibration_error

from amclip.calibration import BIAS_DEVIATION, Calibrator, calibrate, fit_calibration
from amclip.calibration import calibrated as calibrated_or_not
from amclip.draw import draw_reliability
from amclip.log_odds import to_probabilities
from amclip.losses import BCE, LDAM, Asymmetric, ClassBalanced, CrossEntropy, Equalization, Focal, Loss
from amclip.metrics import calibration_errors


def clips(
    number: int, temperatures: list[float], biases: list[float] | None = None, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Log-odds that the temperatures and biases put right, and labels drawn from the right ones."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(number, len(temperatures), generator=generator, dtype=torch.float64) * 1.5 - 0.5
    labels = torch.bernoulli(torch.sigmoid(logits), generator=generator)
    shifts = torch.tensor(biases or [0.0] * len(temperatures))
    return ((logits - shifts) * torch.tensor(temperatures)).float(), labels


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([6, 30, 400]),
    st.sampled_from([0.3, 1.0, 4.0]),
    st.sampled_from([-4.0, 0.0, 1.5]),
)
def test_it_is_where_scipy_finds_the_minimum(seed: int, number: int, wanted: float, shift: float) -> None:
    values, labels = clips(number, [wanted], [shift], seed)
    temperatures, biases = fit_calibration(values, labels)
    if labels.sum() in (0, number):
        assert (float(temperatures), float(biases)) == (1, 0)
        return

    def objective(point: np.ndarray) -> float:
        loss = F.binary_cross_entropy_with_logits(
            values.double() / np.exp(point[0]) + point[1], labels, reduction="sum"
        )
        return float(loss) + point[0] ** 2 / 2 + (point[1] / BIAS_DEVIATION) ** 2 / 2

    found = minimize(objective, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10})
    got = np.array([np.log(float(temperatures)), float(biases)])
    assert objective(got) <= found.fun + 1e-6


def test_many_clips_give_temperature_and_bias_away() -> None:
    values, labels = clips(20_000, [3.0, 1.0, 0.5], [0.0, 1.0, -2.0])
    temperatures, biases = fit_calibration(values, labels)
    torch.testing.assert_close(temperatures, torch.tensor([3.0, 1.0, 0.5]), rtol=0.06, atol=0)
    torch.testing.assert_close(biases, torch.tensor([0.0, 1.0, -2.0]), rtol=0, atol=0.1)
    calibrated = calibrate(values, temperatures, biases)
    said = to_probabilities(values)
    before, after = calibration_errors(said, labels), calibration_errors(calibrated, labels)
    assert before[0] > 0.08
    assert max(after) < 0.01
    for c in range(3):
        assert before[c] == float(binary_calibration_error(said[:, c].clone(), labels[:, c].long(), 15))


COUNTS = (300, 12_000)  # training clips of the behaviour in question, and of another one


def answers(loss: Loss, logits: Tensor) -> Tensor:
    """What a network that has learned all it could says of clips whose true logits are these: the loss's minimum."""
    loss.set_counts(COUNTS, 20_000)
    loss.set_progress(1.0)
    grid = torch.linspace(-12, 12, 2401)
    costs = []
    for label in (0.0, 1.0):
        rows = [torch.tensor([[float(x), 0.0]]) for x in grid]
        costs.append(torch.stack([loss(row, torch.tensor([[label, 0.0]])) for row in rows]).double())
    # Between points of the grid, since a network's answers are no multiples of anything.
    known = torch.linspace(-9, 9, 361, dtype=torch.float64)
    true = torch.sigmoid(known)[:, None]
    least = grid[((1 - true) * costs[0] + true * costs[1]).argmin(dim=1)]
    return torch.from_numpy(np.interp(logits.numpy(), known.numpy(), least.double().numpy()))


# What of each 20,000 answers: the loss, how much oftener clips with the behaviour were drawn, and its frequency.
TRAINED = {
    "bce": (BCE(), 1.0, -1.0),
    "asymmetric": (Asymmetric(), 1.0, -2.0),
    "asymmetric, rare": (Asymmetric(gamma_negative=2.0, margin=0.0), 1.0, -2.5),
    "focal": (Focal(alpha=0.25), 1.0, -0.5),
    "focal, heavy": (Focal(alpha=0.9, gamma=1.0), 1.0, -1.5),
    "class-aware": (BCE(), 30.0, -1.5),
    "class-aware, rare": (BCE(), 200.0, -3.5),
    "class balanced": (ClassBalanced(), 1.0, -1.0),
    "ldam, second phase": (LDAM(reweight_after=0.5), 1.0, -1.0),
    "equalization": (Equalization(fraction=0.1), 1.0, -1.0),
}


@pytest.mark.parametrize("name", TRAINED)
def test_calibrated_probabilities_mean_what_they_say_after_every_loss(name: str) -> None:
    loss, drawn, frequency = TRAINED[name]
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(40_000, generator=generator, dtype=torch.float64) * 1.5 + frequency
    labels = torch.bernoulli(torch.sigmoid(logits), generator=generator)[:, None]
    said = answers(loss, logits + np.log(drawn))[:, None].float()
    calibrator = Calibrator.fit(said[:20_000], labels[:20_000])
    got, truth = calibrator(said[20_000:]), labels[20_000:]
    error = calibration_errors(got, truth)[0]
    assert error <= 0.01
    # Of the clips with 0.7, 70 % show the behaviour.
    near = (got[:, 0] > 0.6) & (got[:, 0] < 0.8)
    if near.sum() > 400:
        assert float(truth[near].mean()) == pytest.approx(float(got[near].mean()), abs=0.05)


def test_a_few_clips_without_error_do_not_ask_for_certainty() -> None:
    values, labels = torch.tensor([[2.2], [1.4], [-1.4]]), torch.tensor([[1], [1], [0]])
    temperatures, biases = fit_calibration(values, labels)
    assert 0.3 < float(temperatures[0]) < 1
    assert abs(float(biases[0])) < 1
    for sure in (30.0, 3e5, torch.inf):  # and wrong, or right
        for values in (torch.tensor([[-sure], [sure], [sure]]), torch.tensor([[sure], [sure], [-sure]])):
            for fitted in fit_calibration(values, labels):
                assert fitted.isfinite().all()


def test_a_class_with_nothing_to_fit_has_what_fits_the_others() -> None:
    values, labels = clips(4000, [2.0, 2.0, 2.0, 2.0], [-1.5] * 4)
    labels[:, 0], labels[:, 1] = 0, 1
    temperatures, biases = fit_calibration(values, labels)
    for c in (0, 1):
        assert float(temperatures[c]) == pytest.approx(2.0, rel=0.1)
        assert float(biases[c]) == pytest.approx(-1.5, abs=0.1)
    calibrator = Calibrator.fit(values, labels)
    assert calibrator.thresholds[0] == 0.5
    # Nothing was tuned: both thresholds are the same one, before and after calibration.
    raw = torch.tensor(calibrator.raw_thresholds)
    torch.testing.assert_close(calibrator(raw), torch.tensor(calibrator.thresholds))
    assert 2.4 < float(raw[0]) < 3.6


def test_without_anything_to_fit_nothing_changes() -> None:
    values = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    for rows, labels, exclusive in (
        (values[:0], torch.zeros(0, 3), False),
        (values, torch.zeros(9, 3), True),
        (values, torch.zeros(9, 3), False),
        (values, torch.ones(9, 3), False),
    ):
        temperatures, biases = fit_calibration(rows, labels, exclusive)
        assert temperatures.tolist() == [1, 1, 1]
        assert biases.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("temperature", "shifts"), [(2.5, [0.0] * 4), (1.5, [2.0, -1.0, 0.0, -1.0])])
def test_classes_that_exclude_each_other_share_a_temperature_and_still_sum_to_one(
    temperature: float, shifts: list[float]
) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(20_000, 4, generator=generator, dtype=torch.float64) * 2
    labels = F.one_hot(torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0], 4)
    # as drawing rare classes oftener does
    values = CrossEntropy().log_odds((logits - torch.tensor(shifts)) * temperature)
    temperatures, biases = fit_calibration(values, labels, exclusive=True)
    assert temperatures.tolist() == pytest.approx([temperature] * 4, rel=0.05)
    torch.testing.assert_close(biases - biases.mean(), torch.tensor(shifts), rtol=0, atol=0.12)
    calibrated = calibrate(values, temperatures, biases, exclusive=True)
    torch.testing.assert_close(calibrated.sum(dim=1), torch.ones(20_000))
    assert max(calibration_errors(calibrated, labels)) <= 0.01


def test_a_class_that_excludes_others_and_was_never_seen_has_no_bias() -> None:
    values = CrossEntropy().log_odds(torch.rand(60, 3, generator=torch.Generator().manual_seed(0)))
    labels = F.one_hot(torch.arange(60) % 2, 3)
    temperatures, biases = fit_calibration(values, labels, exclusive=True)
    assert biases[2] == 0
    assert biases[:2].isfinite().all()
    assert temperatures.isfinite().all()


@given(st.lists(st.floats(-90, 90, width=32), min_size=2, max_size=20), st.floats(0.1, 10), st.floats(-5, 5))
def test_the_order_of_clips_is_kept(values: list[float], temperature: float, bias: float) -> None:
    given_ = torch.tensor(values)[:, None]
    calibrated = calibrate(given_, torch.tensor([temperature]), torch.tensor([bias]))[:, 0]
    assert ((calibrated >= 0) & (calibrated <= 1)).all()
    assert (calibrated[given_[:, 0].argsort()].diff() >= 0).all()
    as_given = to_probabilities(given_).float()
    assert torch.equal(calibrate(given_, torch.ones(1), torch.zeros(1)), as_given)
    assert torch.equal(calibrated_or_not(given_, None), as_given)


@pytest.mark.parametrize("exclusive", [False, True])
def test_sure_windows_keep_their_order_and_distance_under_a_high_temperature(exclusive: bool) -> None:
    """Probabilities of 1 in float32, which a temperature of 8 brings down to where they matter."""
    sure = np.linspace(17, 40, 24).astype(np.float32)
    loss = CrossEntropy() if exclusive else BCE()
    log_odds = loss.log_odds(torch.from_numpy(np.stack([sure, np.zeros_like(sure)], axis=1)))
    assert (log_odds[:, 0].sigmoid() > 1 - 1e-7).all()
    calibrator = Calibrator((8.0, 8.0), (-3.0, 0.5), (0.5, 0.5), (0.0, 0.0), exclusive)
    got = calibrator(log_odds).numpy()
    x = sure.astype(np.float64)
    if exclusive:  # of the two, exp(logs / T + b) in float64
        first = 1 / (1 + np.exp((-np.log1p(np.exp(x)) + np.log1p(np.exp(-x))) / 8 + 3.5))
        expected = np.stack([first, 1 - first], axis=1)
    else:
        expected = np.stack([1 / (1 + np.exp(-(x / 8 - 3))), np.full(24, 1 / (1 + np.exp(-0.5)))], axis=1)
    assert (np.diff(got[:, 0]) > 1e-3).all()
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-7)


def test_what_could_not_be_read_stays_unknown() -> None:
    values = torch.tensor([[-1.2, torch.nan]])
    assert calibrate(values, torch.tensor([2.0, 2.0]), torch.zeros(2)).isnan().tolist() == [[False, True]]


def test_a_calibrator_survives_a_checkpoint() -> None:
    values, labels = clips(200, [3.0, 1.0], [1.0, 0.0])
    fitted = Calibrator.fit(values, labels)
    again = Calibrator.from_dict(fitted.to_dict())
    assert again == fitted
    assert torch.equal(again(values), fitted(values))
    assert fitted.parameters() == {"temperature": fitted.temperatures, "bias": fitted.biases}


def test_the_diagram_is_drawn(tmp_path: Path) -> None:
    values, labels = clips(300, [3.0, 1.0])
    path = tmp_path / "reliability.svg"
    calibrated = calibrate(values, torch.tensor([3.0, 1.0]), torch.zeros(2))
    draw_reliability(path, {"as trained": to_probabilities(values), "calibrated": calibrated}, labels)
    assert path.read_text().count("<path") > 20
