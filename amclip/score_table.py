"""Scores for people: a table on the screen, the same as CSV, and a chart of the classes."""

import csv
import math
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info

from amclip.atomic import writing_text
from amclip.cards import ModelFacts, data_card, model_card
from amclip.data.datamodule import VideoDataModule
from amclip.draw import draw_reliability, draw_scores
from amclip.log_odds import probability_cell, to_probabilities
from amclip.metrics import MICRO_BATCH, calibration_errors
from amclip.screen_table import print_table
from amclip.task import BehaviourTask
from amclip.text import counted

__all__ = ["ScoreTable"]


class ScoreTable(Callback):
    """Prints the scores after validation or test on its own; after a test also writes them to the run's folder.

    ``test_classes.csv`` has a row per class, ``test_scores.csv`` one per average, and ``test_classes.png`` shows the
    classes in the order of their support, ``test_calibration.png`` whether probabilities mean what they say.
    ``model_card.md`` and ``data_card.md`` say the same for those who are to use the model, with room for what only a
    person knows.
    """

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say where the best checkpoint is, how good, and what comes next."""
        best = getattr(trainer.checkpoint_callback, "best_model_path", "")
        score = getattr(trainer.checkpoint_callback, "best_model_score", None)
        if best and score is not None:
            rank_zero_info(
                f"Best: {trainer.checkpoint_callback.monitor} {float(score):.3f} in {best}\n"  # type: ignore[union-attr]
                f"Then: amclip test --ckpt_path {shlex.quote(best)}   (the clips of the split test)\n"
                f"      amclip annotate RECORDINGS --checkpoint {shlex.quote(best)} --output FOLDER"
            )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print after `amclip validate`, not within training."""
        if trainer.state.fn == "validate":
            self._show(trainer, pl_module, "val")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print and write after `amclip test`."""
        self._show(trainer, pl_module, "test")

    def _show(self, trainer: Trainer, pl_module: LightningModule, prefix: str) -> None:
        log_dir = trainer.log_dir  # asked by all processes: it is agreed on among them
        if not trainer.is_global_zero or not isinstance(pl_module, BehaviourTask) or pl_module.scores is None:
            return
        rows = list(_classes(pl_module))
        averages = list(_averages(pl_module, prefix))
        _print(
            rows, averages, len(pl_module.scores.labels), int(trainer.callback_metrics[f"{prefix}/unreadable_clips"])
        )
        if prefix == "test" and trainer.loggers and log_dir:
            folder = Path(log_dir)
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / "test_classes.csv", rows)
            _write(folder / "test_scores.csv", averages)
            scores = pl_module.scores
            draw_scores(
                folder / "test_classes.png",
                pl_module.classes,
                scores.per_class.tolist(),
                scores.support.tolist(),
                pl_module.statistics.groups if pl_module.statistics else None,
            )
            draw_reliability(
                folder / "test_calibration.png",
                {"as trained": scores.probabilities, "calibrated": pl_module.calibrate(scores.log_odds)},
                scores.labels,
            )
            _write_cards(folder, trainer, pl_module, rows, averages)
            rank_zero_info(
                "Wrote test_classes.csv, test_scores.csv, test_classes.png, test_calibration.png, model_card.md and "
                f"data_card.md to {folder}"
            )


def _write_cards(
    folder: Path,
    trainer: Trainer,
    task: BehaviourTask,
    rows: list[dict[str, Any]],
    averages: list[dict[str, Any]],
) -> None:
    """Write both cards; that of the data where the data module is ours."""
    data = getattr(trainer, "datamodule", None)
    table = data.read_table() if isinstance(data, VideoDataModule) else None
    assert task.scores is not None
    facts = ModelFacts(
        checkpoint=str(trainer.ckpt_path or "as it is in memory"),
        classes=rows,
        averages=averages,
        clips=len(task.scores.labels),
        unreadable=int(trainer.callback_metrics["test/unreadable_clips"]),
        input=task.input.to_dict(),
        network={"backbone": task.network.config.backbone, "pretrained": task.network.config.pretrained},
        loss=type(task.loss).__name__,
        clip_seconds=task.clip_seconds,
        used=task.describe_used("test"),
    )
    with writing_text(folder / "model_card.md") as file:
        file.write(model_card(facts, table))
    if isinstance(data, VideoDataModule) and table is not None:
        files = [str(path) for path in data.label_files]
        with writing_text(folder / "data_card.md") as file:
            file.write(data_card(table, files, str(data.root_folder)))


def _classes(task: BehaviourTask) -> Iterator[dict[str, Any]]:
    """A row per class, the most frequent first; cells are empty where nothing is known."""
    scores = task.scores
    assert scores is not None
    half = scores.f1(torch.zeros(len(task.classes))).tolist()
    calibrator, known = task.calibrator, task.statistics
    tuned = None if calibrator is None else scores.f1(torch.tensor(calibrator.raw_thresholds)).tolist()
    cuts = [""] * len(task.classes)
    if calibrator is not None:
        cuts = [probability_cell(cut) for cut in to_probabilities(torch.tensor(calibrator.raw_thresholds)).tolist()]
    fitted = {} if calibrator is None else calibrator.parameters()
    calibrated = task.calibrate(scores.log_odds)
    errors = [calibration_errors(values, scores.labels) for values in (scores.probabilities, calibrated)]
    for index in torch.argsort(scores.support, descending=True, stable=True).tolist():
        yield {
            "class": task.classes[index],
            "class_group": known.groups[index] if known else "",
            "training_clips": known.counts[index] if known and known.counts else "",
            "clips": int(scores.support[index]),
            "average_precision": _number(float(scores.per_class[index])),
            "F1_at_0.5": _number(half[index]),
            "threshold_tuned_on_val": cuts[index],
            "F1_at_threshold_tuned_on_val": "" if tuned is None else _number(tuned[index]),
            "calibration_error": _number(errors[0][index]),
            **{name: _number(values[index]) for name, values in fitted.items()},
            "calibration_error_after": "" if calibrator is None else _number(errors[1][index]),
        }


def _averages(task: BehaviourTask, prefix: str) -> Iterator[dict[str, Any]]:
    """A row per average over classes or clips, under the name it is logged by."""
    scores = task.scores
    assert scores is not None
    groups = scores.by_class_group(task.statistics.groups) if task.statistics else {}
    named = task.scores_by_name(scores, prefix)
    yield {"score": "mAP_macro", "value": _number(scores.macro), "classes": scores.num_scored}
    for name, value in named.items():
        classes = groups[name.removeprefix("mAP_")][1] if name.startswith("mAP_") else scores.num_scored
        yield {"score": name, "value": _number(value), "classes": classes}
    yield {"score": "mAP_micro", "value": _number(scores.micro), "classes": len(task.classes)}
    yield {
        "score": f"mAP_micro_mean_of_batches_of_{MICRO_BATCH}",
        "value": _number(scores.micro_batches),
        "classes": len(task.classes),
    }


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6f}"


def _short(value: str) -> str:
    return f"{float(value):.3f}" if value else "–"


def _print(rows: list[dict[str, Any]], averages: list[dict[str, Any]], clips: int, left_out: int) -> None:
    from rich.table import Table
    from rich.text import Text

    note = f" ({left_out} more could not be read)" if left_out else ""
    table = Table(title=f"Scores on {counted(clips, 'clip')}{note}", title_justify="left", caption_justify="left")
    table.caption = "F1 at the threshold tuned on validation, else at 0.5"
    table.add_column("behaviour")
    for name in ("clips with it", "AP", "F1"):
        table.add_column(name, justify="right")
    for row in rows:
        f1 = row["F1_at_threshold_tuned_on_val"] or row["F1_at_0.5"]
        table.add_row(Text(row["class"]), str(row["clips"]), _short(row["average_precision"]), _short(f1))
    print_table(table)
    table = Table(title="Averages", title_justify="left")
    for name in ("score", "classes", "value"):
        table.add_column(name, justify="left" if name == "score" else "right")
    for row in averages:
        table.add_row(row["score"], str(row["classes"]), _short(row["value"]))
    print_table(table)


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with writing_text(path) as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
