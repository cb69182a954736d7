import json
import math
from pathlib import Path

import forked
import gathered_scores
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score

from amclip.class_groups import class_groups_by_count
from amclip.data.formats import read_labels
from amclip.metrics import AveragePrecision, AveragePrecisionScores, best_thresholds


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 10**6))
def test_scores_equal_scikit_learn(clips: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.random((clips, classes)) < 0.3).astype(int)
    values = np.round(4 * rng.standard_normal((clips, classes))).astype(np.float32)  # rounded: ties must agree too
    metric = AveragePrecision(classes)
    for part in np.array_split(np.arange(clips), 2):
        metric.update(torch.from_numpy(values[part]), torch.from_numpy(labels[part]), torch.from_numpy(part))
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


def test_an_answer_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 answers of the network are no number"):
        AveragePrecision(2).update(torch.tensor([[0.5, math.nan]]), torch.tensor([[0, 1]]), torch.tensor([0]))


def test_clips_that_are_all_but_sure_are_told_apart() -> None:
    sure = np.asarray([20, 25, 30, 30.00001, 60, 400, -90, -95], np.float32)[:, None]
    labels = np.asarray([0, 1, 0, 1, 0, 1, 1, 0])[:, None]
    assert len(torch.from_numpy(sure).sigmoid().unique()) < 5  # as float32 probabilities
    expected = average_precision_score(labels, sure)
    for order in (slice(None), slice(None, None, -1)):
        got = scored(sure[order].copy(), labels[order].copy())
        assert [got.macro, got.micro, got.micro_batches] == pytest.approx([expected] * 3, abs=1e-6)
    surest = (sure > 30).astype(int)
    cut = best_thresholds(torch.from_numpy(sure), torch.from_numpy(surest), 0.0)
    assert float(cut) == sure[3]
    assert float(scored(sure, surest).f1(cut)) == 1


def test_nothing_seen_is_not_a_number() -> None:
    scores = AveragePrecision(3).compute()
    assert math.isnan(scores.macro)
    assert scores.num_scored == 0


def scored(values: np.ndarray, labels: np.ndarray) -> AveragePrecisionScores:
    return AveragePrecisionScores(torch.from_numpy(values), torch.from_numpy(labels))


def test_batches_are_cut_in_the_order_of_the_table_and_weigh_by_their_clips() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((75, 4)) < 0.2).astype(int)
    values = rng.random((75, 4)).astype(np.float32)
    labels[32:64] = 0  # a batch without positives has no average precision
    expected = sum(
        size * average_precision_score(labels[part].ravel(), values[part].ravel())
        for part, size in ((slice(0, 32), 32), (slice(64, 75), 11))
    )
    metric = AveragePrecision(4)
    for part in np.array_split(rng.permutation(75), 5):  # as several processes would hand them in
        metric.update(*(torch.from_numpy(a) for a in (values[part], labels[part], part)))
    assert metric.compute().micro_batches == pytest.approx(expected / 43, abs=1e-6)
    assert metric.compute().micro_batches == pytest.approx(scored(values, labels).micro_batches, abs=0)


def test_class_groups_are_macro_means_of_their_classes() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random((60, 5)) < 0.3).astype(int)
    labels[:, 4] = 0
    values = rng.random((60, 5)).astype(np.float32)
    groups = class_groups_by_count([500, 499, 100, 99, 0])
    assert groups == ["head", "middle", "middle", "tail", "tail"]
    expected = [average_precision_score(labels[:, c], values[:, c]) for c in range(4)]
    scores = scored(values, labels).by_class_group(groups)
    assert {name: count for name, (_, count) in scores.items()} == {"head": 1, "middle": 2, "tail": 1}
    assert scores["head"][0] == pytest.approx(expected[0], abs=1e-6)
    assert scores["middle"][0] == pytest.approx((expected[1] + expected[2]) / 2, abs=1e-6)
    assert scores["tail"][0] == pytest.approx(expected[3], abs=1e-6)
    with pytest.raises(ValueError, match="each of 5 classes"):
        scored(values, labels).by_class_group(["head"])
    with pytest.raises(ValueError, match="at least as many"):
        class_groups_by_count([1], head=1, tail=2)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(0, 10**6))
def test_no_threshold_beats_the_tuned_one(clips: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.random((clips, 3)) < 0.4).astype(int)
    values = np.round(rng.random((clips, 3)), 1).astype(np.float32)
    thresholds = best_thresholds(torch.from_numpy(values), torch.from_numpy(labels), 0.5)
    got = scored(values, labels).f1(thresholds)
    for c in range(3):
        if not labels[:, c].any():
            assert thresholds[c] == 0.5
            assert got[c].isnan()
            continue
        cuts = np.unique(values[:, c])
        best = max(f1_score(labels[:, c], values[:, c] >= cut, zero_division=0) for cut in cuts)
        assert float(got[c]) == pytest.approx(best, abs=1e-6)
        assert float(got[c]) == pytest.approx(f1_score(labels[:, c], values[:, c] >= thresholds[c].item()), abs=1e-6)


def animal_kingdom_labels() -> tuple[np.ndarray, np.ndarray]:
    """Test labels and training counts: the real ones where they are at hand, else a long tail of the same kind."""
    metadata = Path(__file__).parents[2] / "shared" / "data" / "animal_kingdom" / "AR_metadata.xlsx"
    if metadata.is_file():
        table = read_labels(metadata)
        return table.split("test").targets().astype(int), table.split("train").targets().sum(axis=0).astype(int)
    rng = np.random.default_rng(0)
    shares = 0.3 / np.arange(1, 141)
    return (rng.random((611, 140)) < shares).astype(int), (24000 * shares).astype(int)


def test_scores_of_the_benchmark_equal_scikit_learn_in_one_process_and_in_two(tmp_path: Path) -> None:
    labels, counts = animal_kingdom_labels()
    rng = np.random.default_rng(0)
    prior = labels.mean(axis=0).clip(1e-4)
    logits = np.log(prior / (1 - prior)) + 2 * labels + rng.normal(size=labels.shape)
    values = logits.astype(np.float32)
    present = np.flatnonzero(labels.any(axis=0))
    per_class = average_precision_score(labels[:, present], values[:, present], average=None)
    expected = [per_class.mean(), average_precision_score(labels, values, average="micro")]
    batches = [(start, len(labels[start : start + 32])) for start in range(0, len(labels), 32)]
    batches = [(start, size) for start, size in batches if labels[start : start + 32].any()]
    pooled = [average_precision_score(labels[s : s + 32].ravel(), values[s : s + 32].ravel()) for s, _ in batches]
    expected.append(np.average(pooled, weights=[size for _, size in batches]))
    groups = np.asarray(class_groups_by_count(counts.tolist()))
    expected += [per_class[groups[present] == name].mean() for name in ("head", "middle", "tail")]

    one = scored(values, labels)
    parts = one.by_class_group(groups.tolist())
    got = [one.macro, one.micro, one.micro_batches, *(parts[name][0] for name in ("head", "middle", "tail"))]
    assert got == pytest.approx(expected, abs=1e-6)
    np.savez(tmp_path / "clips.npz", labels=labels, scores=values, counts=counts)
    output = tmp_path / "scores.json"
    words = (str(tmp_path / "rendezvous"), str(tmp_path / "clips.npz"), str(output))
    prints = [tmp_path / "first.txt", tmp_path / "second.txt"]
    processes = [forked.start(prints[rank], gathered_scores.main, rank, *words) for rank in range(2)]
    assert [forked.ended(process) for process in processes] == [0, 0], [path.read_text() for path in prints]
    assert json.loads(output.read_text()) == pytest.approx(expected, abs=1e-6)
