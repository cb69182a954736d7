import pytest
import torch
from torch.nn import functional as F

from amclip.losses import BCE, LDAM, Asymmetric, ClassBalanced, CrossEntropy, Equalization, Focal, Loss

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])
LABELS = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])


def test_bce_is_the_mean_over_clips_and_classes() -> None:
    p = torch.sigmoid(LOGITS)
    expected = -(LABELS * p.log() + (1 - LABELS) * (1 - p).log()).mean()
    torch.testing.assert_close(BCE()(LOGITS, LABELS), expected)


def test_focal_without_focus_and_weight_is_bce() -> None:
    focal = Focal(alpha=-1, gamma=0)
    torch.testing.assert_close(focal(LOGITS, LABELS), BCE()(LOGITS, LABELS))


def test_focal_follows_the_paper() -> None:
    p = torch.sigmoid(LOGITS)
    p_true = torch.where(LABELS == 1, p, 1 - p)
    alpha = torch.where(LABELS == 1, 0.25, 0.75)
    expected = (-alpha * (1 - p_true) ** 2 * p_true.log()).mean()  # arXiv 1708.02002, equation 5
    torch.testing.assert_close(Focal()(LOGITS, LABELS), expected)


def test_asymmetric_follows_the_paper() -> None:
    p = torch.sigmoid(LOGITS)
    shifted = (p - 0.05).clamp(min=0)  # arXiv 2009.14119, equations 4 and 7
    expected = -(LABELS * (1 - p) * p.log() + (1 - LABELS) * shifted**4 * (1 - shifted).log()).mean()
    torch.testing.assert_close(Asymmetric()(LOGITS, LABELS), expected, rtol=1e-4, atol=1e-6)


def test_cross_entropy_shares_the_target_and_leaves_out_clips_without_behaviour() -> None:
    expected = F.cross_entropy(LOGITS, LABELS / LABELS.sum(1, keepdim=True))
    torch.testing.assert_close(CrossEntropy()(LOGITS, LABELS), expected)
    with_empty = torch.cat([LABELS, torch.zeros(1, 3)])
    torch.testing.assert_close(CrossEntropy()(torch.cat([LOGITS, LOGITS[:1]]), with_empty), expected)
    assert CrossEntropy()(LOGITS, torch.zeros(2, 3)) == 0


def test_a_sigmoids_logits_are_log_odds_and_those_of_a_softmax_are_of_its_probabilities() -> None:
    assert BCE().log_odds(LOGITS.half()).dtype == torch.float32
    assert torch.equal(BCE().log_odds(LOGITS), LOGITS)
    torch.testing.assert_close(CrossEntropy().log_odds(LOGITS).sigmoid(), LOGITS.softmax(dim=1))


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        (Focal, {"alpha": 7.0}),
        (Focal, {"gamma": -1.0}),
        (Asymmetric, {"gamma_negative": -1.0}),
        (Asymmetric, {"gamma_positive": -1.0}),
        (Asymmetric, {"margin": 1.0}),
        (ClassBalanced, {"beta": 1.0}),
        (LDAM, {"beta": 1.0}),
        (LDAM, {"margin": -1.0}),
        (LDAM, {"reweight_after": 2.0}),
        (Equalization, {"fraction": 0.0}),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(kind: type[Loss], setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"loss.{next(iter(setting))}: expected"):
        kind(**setting)
