"""Each loss against its paper's formula, written out clip by clip in plain Python."""

import math

import pytest
import torch

from amclip.losses import BCE, LDAM, ClassBalanced, Equalization, Loss, class_balanced_weights

COUNTS = [1000, 100, 10]
LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0], [0.3, 0.2, -0.1]])
LABELS = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])  # the last clip shows nothing


def counted(loss: Loss) -> Loss:
    loss.set_counts(COUNTS, 2000)
    return loss


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
    loss = counted(ClassBalanced(beta=0.99))
    assert float(loss(LOGITS, LABELS)) == pytest.approx(expected(0.99, [0, 0, 0]), rel=1e-5)


def test_margins_grow_with_rarity_and_weights_come_later() -> None:
    loss = counted(LDAM(margin=0.5, beta=0.99, reweight_after=0.75))
    margins = [0.5 * (10 / n) ** 0.25 for n in COUNTS]
    assert margins[2] == 0.5
    assert float(loss(LOGITS, LABELS)) == pytest.approx(expected(None, margins), rel=1e-5)
    loss.set_progress(0.7)
    assert float(loss(LOGITS, LABELS)) == pytest.approx(expected(None, margins), rel=1e-5)
    loss.set_progress(0.75)
    assert float(loss(LOGITS, LABELS)) == pytest.approx(expected(0.99, margins), rel=1e-5)


def test_rare_classes_learn_from_no_clip_of_another_class() -> None:
    loss = counted(Equalization(fraction=0.01))  # only the last class has less than 20 clips
    kept = [[1, 1, 1], [1, 1, 0], [1, 1, 1]]  # in clip 1 the rare class is absent beside another one
    assert float(loss(LOGITS, LABELS)) == pytest.approx(expected(None, [0, 0, 0], kept), rel=1e-5)
    logits = LOGITS.clone().requires_grad_()
    loss(logits, LABELS).backward()
    assert logits.grad is not None
    assert ((logits.grad == 0).nonzero().tolist()) == [[1, 2]]
    with pytest.raises(ValueError, match="take a smaller one"):
        loss.set_counts([1, 2], 1000)


@pytest.mark.parametrize("loss", [ClassBalanced(), LDAM(), Equalization(fraction=0.05)], ids=str)
def test_without_counts_they_are_plain_and_training_asks_for_them(loss: Loss) -> None:
    torch.testing.assert_close(loss(LOGITS, LABELS), BCE()(LOGITS, LABELS))
    assert loss.needs_counts
    before = float(loss(LOGITS, LABELS))
    loss.set_progress(1.0)
    assert float(counted(loss)(LOGITS, LABELS)) != pytest.approx(before)


MIXED = [  # fractions of a mixed clip that show each class, and the same clip's weight
    ([0.0, 0.0, 0.1], [(0.1, [2]), (0.9, [])]),
    ([0.1, 0.0, 0.0], [(0.1, [0]), (0.9, [])]),
    ([0.3, 0.0, 0.7], [(0.3, [0]), (0.7, [2])]),
    ([0.0, 0.99, 0.01], [(0.99, [1]), (0.01, [2])]),
    ([0.0, 0.0, 0.0], [(1.0, [])]),
]


@pytest.mark.parametrize(("labels", "parts"), MIXED, ids=str)
def test_of_mixed_clips_the_weights_are_mixed_as_the_clips_are(
    labels: list[float], parts: list[tuple[float, list[int]]]
) -> None:
    mixed = torch.tensor([labels])
    weight = sum(share * (weights(0.99)[shown[0]] if shown else 1.0) for share, shown in parts)
    for loss in (counted(ClassBalanced(beta=0.99)), counted(LDAM(margin=0.0, beta=0.99))):
        loss.set_progress(1.0)
        plain = BCE()(LOGITS[:1], mixed)
        assert float(loss(LOGITS[:1], mixed)) == pytest.approx(weight * float(plain), rel=1e-5)
    # Each part's own loss, mixed: what pushes the rare class down is the part that shows another class and not it.
    equalization = counted(Equalization(fraction=0.01))
    apart = 0.0
    for share, shown in parts:
        whole = torch.zeros(1, 3)
        whole[0, shown] = 1
        apart += share * float(equalization(LOGITS[:1], whole))
    assert float(equalization(LOGITS[:1], mixed)) == pytest.approx(apart, rel=1e-5)


def test_a_tenth_of_a_rare_class_weighs_what_a_tenth_should() -> None:
    loss = ClassBalanced(beta=0.9999)
    loss.set_counts([10_000, 100], 20_000)
    rare, frequent = loss._weights[1], loss._weights[0]
    for at, weight in ((1, rare), (0, frequent)):
        mixed = torch.zeros(1, 2)
        mixed[0, at] = 0.1
        got = float(loss(torch.zeros(1, 2), mixed)) / math.log(2)
        assert got == pytest.approx(0.1 * float(weight) + 0.9, rel=1e-5)
    assert 0.1 * float(rare) + 0.9 == pytest.approx(1.10, abs=0.01)
    assert 0.1 * float(frequent) + 0.9 == pytest.approx(0.90, abs=0.01)


def test_a_hundredth_of_another_class_takes_a_hundredth_of_the_push_away() -> None:
    loss = counted(Equalization(fraction=0.01))
    logits = torch.zeros(1, 3, requires_grad=True)
    loss(logits, torch.tensor([[0.01, 0.0, 0.0]])).backward()
    assert logits.grad is not None
    assert float(logits.grad[0, 2]) == pytest.approx(0.99 * 0.5 / 3, rel=1e-5)
