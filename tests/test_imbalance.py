"""Each loss against its paper's formula, written out clip by clip in plain Python."""

import math

import pytest
import torch

from amclip.imbalance import ClassBalancedLoss, EqualizationLoss, LDAMLoss, class_balanced_weights
from amclip.losses import make_loss

COUNTS = [1000, 100, 10]
LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0], [0.3, 0.2, -0.1]])
LABELS = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])  # the last clip shows nothing


def bce(logit: float, label: float) -> float:
    return math.log1p(math.exp(-logit)) if label else math.log1p(math.exp(logit))


def weights(beta: float) -> list[float]:
    raw = [(1 - beta) / (1 - beta**n) for n in COUNTS]
    return [3 * value / sum(raw) for value in raw]


def expected(beta: float | None, margins: list[float], kept: list[list[float]] | None = None) -> float:
    total = 0.0
    for row, (logits, labels) in enumerate(zip(LOGITS.tolist(), LABELS.tolist(), strict=True)):
        mine = [weights(beta)[c] for c in range(3) if labels[c]] if beta is not None else []
        weight = sum(mine) / len(mine) if mine else 1.0
        for c in range(3):
            keep = kept[row][c] if kept else 1.0
            total += keep * weight * bce(logits[c] - margins[c] * labels[c], labels[c])
    return total / 9


def test_weights_follow_the_paper() -> None:
    assert class_balanced_weights(COUNTS, 0.99).tolist() == pytest.approx(weights(0.99), rel=1e-5)
    assert class_balanced_weights(COUNTS, 0.0).tolist() == [1, 1, 1]
    nearly_inverse = class_balanced_weights(COUNTS, 1 - 1e-9)
    assert float(nearly_inverse[2] / nearly_inverse[0]) == pytest.approx(100, rel=1e-3)
    absent = class_balanced_weights([100, 0], 0.99)
    assert absent.tolist() == pytest.approx([1, 0])


def test_class_balanced_loss() -> None:
    loss = ClassBalancedLoss(COUNTS, beta=0.99)
    assert float(loss(LOGITS, LABELS)) == pytest.approx(expected(0.99, [0, 0, 0]), rel=1e-5)


def test_margins_grow_with_rarity_and_weights_come_later() -> None:
    loss = LDAMLoss(COUNTS, margin=0.5, beta=0.99)
    margins = [0.5 * (10 / n) ** 0.25 for n in COUNTS]
    assert margins[2] == 0.5
    assert float(loss(LOGITS, LABELS)) == pytest.approx(expected(None, margins), rel=1e-5)
    loss.reweight = True
    assert float(loss(LOGITS, LABELS)) == pytest.approx(expected(0.99, margins), rel=1e-5)


def test_rare_classes_learn_from_no_clip_of_another_class() -> None:
    loss = EqualizationLoss(COUNTS, num_clips=2000, share=0.01)  # only the last class has less than 20 clips
    kept = [[1, 1, 1], [1, 1, 0], [1, 1, 1]]  # in clip 1 the rare class is absent beside another one
    assert float(loss(LOGITS, LABELS)) == pytest.approx(expected(None, [0, 0, 0], kept), rel=1e-5)
    logits = LOGITS.clone().requires_grad_()
    loss(logits, LABELS).backward()
    assert logits.grad is not None
    assert ((logits.grad == 0).nonzero().tolist()) == [[1, 2]]
    with pytest.raises(ValueError, match="take a smaller share"):
        EqualizationLoss([1, 2], num_clips=1000, share=0.01)


@pytest.mark.parametrize("name", ["class_balanced", "ldam", "equalization"])
def test_they_are_made_by_name_and_ask_for_counts(name: str) -> None:
    loss = make_loss(name, counts=[1000, 100, 10], num_clips=1100, equalization_share=0.05)  # type: ignore[arg-type]
    assert float(loss(LOGITS, LABELS)) > 0
    with pytest.raises(ValueError, match="training clips per class"):
        make_loss(name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "setting", [{"class_balanced_beta": 1.0}, {"ldam_margin": -1.0}, {"equalization_share": 0.0}], ids=str
)
def test_settings_out_of_range_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        make_loss("bce", **setting)  # type: ignore[arg-type]
