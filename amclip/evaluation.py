"""What one evaluation gathers, and the scores that are made of it."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric, SumMetric

from amclip.calibration import Calibrator
from amclip.log_odds import to_probabilities
from amclip.losses import Loss
from amclip.metrics import MICRO_BATCH, AveragePrecision, AveragePrecisionScores
from amclip.models.classifier import Answer, InterleavedClassifier
from amclip.on_device import on_device

__all__ = ["Evaluation", "answer_batch", "named_scores", "readable_rows", "without_unreadable"]


class Evaluation(nn.Module):
    """What one evaluation gathers. Metrics, because they gather over processes without a collective in any step.

    Args:
        num_classes: ``C``.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.precision = AveragePrecision(num_classes)
        self.loss = MeanMetric()
        self.unreadable = SumMetric()

    def add(self, batch: dict[str, Any], logits: Tensor, log_odds: Tensor, loss: Loss) -> Tensor:
        """Add a batch.

        Args:
            batch: As the data module gives it.
            logits: Of the ``W`` views of each clip, shape ``(B, W, C)``.
            log_odds: What the views say together, shape ``(B, C)``.
            loss: Its mean over clips and views is kept.

        Returns:
            Probabilities, float64; NaN for clips that could not be read, which do not count.
        """
        readable = readable_rows(batch)
        labels = batch["labels"][readable]
        # Also without a readable clip: a process that never updated cannot take part in the gathering.
        self.precision.update(log_odds[readable], labels, batch["clip"][readable])
        if len(labels):
            every = labels.repeat_interleave(logits.shape[1], dim=0)
            self.loss.update(loss(logits[readable].flatten(0, 1), every), weight=float(readable.sum()))
        self.unreadable.update((~readable).sum())
        return without_unreadable(log_odds, readable)

    def averages(self, scores: AveragePrecisionScores) -> dict[str, Any]:
        """What is logged of every evaluation beside the macro average precision."""
        return {
            "mAP_micro": scores.micro,
            f"mAP_micro_mean_of_batches_of_{MICRO_BATCH}": scores.micro_batches,
            "classes_scored": float(scores.num_scored),
            "loss": self.loss.compute(),
            "unreadable_clips": self.unreadable.compute(),
        }

    def reset(self) -> None:
        """Forget everything."""
        for metric in (self.precision, self.loss, self.unreadable):
            metric.reset()


def readable_rows(batch: dict[str, Any]) -> Tensor:
    """Which clips of a batch could be read, bool ``(B,)``."""
    return on_device([not error for error in batch["error"]], batch["labels"].device, torch.bool)


def without_unreadable(log_odds: Tensor, readable: Tensor) -> Tensor:
    """Probabilities ``(B, C)``, float64, of log-odds; NaN for the clips ``(B,)`` that could not be read."""
    probabilities = to_probabilities(log_odds)
    return probabilities.masked_fill(~readable.to(probabilities.device)[:, None], math.nan)


def answer_batch(network: InterleavedClassifier, batch: dict[str, Any]) -> Answer:
    """What a network says of the clips of a batch, by their images or, where there are such, their embeddings."""
    motion: Tensor | None = batch.get("motion")
    if "embeddings" in batch:
        return network.answer_embeddings(batch["embeddings"], batch["segments"], motion)
    return network.answer(batch["images"], batch["segments"], motion)


def named_scores(
    scores: AveragePrecisionScores, groups: Sequence[str] | None, calibrator: Calibrator | None
) -> dict[str, float]:
    """Scores that are only there under conditions, all macro averages over classes with positives.

    Args:
        scores: Of one evaluation.
        groups: Head, middle or tail of each class, where known.
        calibrator: Its thresholds were tuned on validation. None on the validation clips themselves: F1 at these
            thresholds would flatter.

    Returns:
        ``mAP_head``, ``mAP_middle``, ``mAP_tail`` where the classes fall into at least two of them;
        ``F1_at_0.5``; ``F1_at_thresholds_tuned_on_val``.
    """
    named = {}
    if groups is not None and len(set(groups)) > 1:
        named = {f"mAP_{name}": value for name, (value, _) in scores.by_class_group(groups).items()}
    named["F1_at_0.5"] = float(scores.f1(torch.zeros(len(scores.support))).nanmean())
    if calibrator is not None:
        tuned = scores.f1(torch.tensor(calibrator.raw_thresholds))
        named["F1_at_thresholds_tuned_on_val"] = float(tuned.nanmean())
    return named
