"""What a run leaves behind beside its checkpoint and its scores: predictions, and pictures in TensorBoard."""

import csv
import math
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch import Tensor

from amclip.atomic import refuse_overwriting, writing_text
from amclip.data.flow_bound import bound_holds, fitting_bound, flow_extent
from amclip.data.table import Clip
from amclip.draw import strip
from amclip.flow.image import flow_lengths
from amclip.log_odds import probability_cell
from amclip.task import BehaviourTask
from amclip.text import counted, path_cell, text_cell

__all__ = ["FlowStrength", "PredictionWriter", "StepSize", "TensorBoardPictures"]


#: How tables are written: a file name that is no UTF-8 must not end a run, so its bytes are kept as they are.
_TEXT: dict[str, Any] = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}


class PredictionWriter(Callback):
    """Writes one CSV: a row per clip, a column per class with its probability, and the error where there was one.

    Where clips are of animals there is a column ``subject`` behind ``filepath``.

    Each process writes its own part as it goes; the parts are merged in the table's order at the end. Where a run is
    cut short the parts stay beside the target as ``NAME.partN.csv``.

    Args:
        path: The file that `amclip predict` writes.
        test_path: The file that `amclip test` writes, with the true labels; a bare name goes to the run's folder. null
            writes none.
    """

    def __init__(self, path: str = "predictions.csv", test_path: str | None = "test_predictions.csv") -> None:
        self.path = Path(path)
        self.test_path = None if test_path is None else Path(test_path)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open this process's part."""
        self._open(trainer, "predict", self.path)

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write a batch."""
        self._write(outputs, batch)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Merge the parts."""
        self._merge(trainer)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open this process's part."""
        target = self.test_path
        if target is not None and len(target.parts) == 1 and trainer.log_dir:
            target = Path(trainer.strategy.broadcast(trainer.log_dir)) / target
        self._open(trainer, "test", target)

    on_test_batch_end, on_test_end = on_predict_batch_end, on_predict_end

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Keep what was written."""
        if getattr(self, "_file", None) is not None:
            self._file.close()

    def _open(self, trainer: Trainer, split: str, target: Path | None) -> None:
        self._file: Any = None
        data: Any = getattr(trainer, "datamodule", None)
        if target is None or data is None or not hasattr(data, "tables"):
            return
        if target.is_dir():
            raise ValueError(f"predictions: {target} is a folder; name a file, such as {target / 'predictions.csv'}")
        root = getattr(data, "root_folder", Path())
        inputs: list[str | Path] = list(getattr(data, "label_files", ()))
        inputs += [root / video for video in data.tables[split].videos()]
        option = "--predictions.path" if split == "predict" else "--predictions.test_path"
        inputs += [str(trainer.ckpt_path)] if trainer.ckpt_path else []
        refuse_overwriting(option, target, inputs)
        self._target = target
        for rank in range(trainer.world_size):
            refuse_overwriting(option, self._part(rank), inputs)
        self._table = data.tables[split]
        self._with_labels = split == "test"
        self._with_subjects = any(clip.subject for clip in self._table.clips)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._part(trainer.global_rank).open("w", **_TEXT)
        self._rows = csv.writer(self._file)

    def _part(self, rank: int) -> Path:
        return self._target.with_name(f"{self._target.stem}.part{rank}{self._target.suffix}")

    def _write(self, probabilities: Tensor, batch: dict[str, Any]) -> None:
        if self._file is None:
            return
        for row, values, error in zip(batch["clip"].tolist(), probabilities.tolist(), batch["error"], strict=True):
            clip: Clip = self._table.clips[row]
            if not error and any(map(math.isnan, values)):
                error = f"{clip.video}: the network's answer is no number"
            numbers = [probability_cell(value) for value in values]
            times = ["" if time is None else repr(float(time)) for time in (clip.start, clip.stop)]
            truth = [";".join(clip.labels or ())] if self._with_labels else []
            whose = [clip.subject] if self._with_subjects else []
            self._rows.writerow([row, path_cell(clip.video), *whose, *times, *truth, *numbers, text_cell(error)])
        self._file.flush()

    def _merge(self, trainer: Trainer) -> None:
        if self._file is None:
            return
        self._file.close()
        trainer.strategy.barrier("predictions written")
        if not trainer.is_global_zero:
            return
        parts = [self._part(rank) for rank in range(trainer.world_size)]
        rows = sorted((row for part in parts for row in _read(part)), key=lambda row: int(row[0]))
        truth = ["label"] if self._with_labels else []
        whose = ["subject"] if self._with_subjects else []
        with writing_text(self._target) as file:
            writer = csv.writer(file)
            writer.writerow(["filepath", *whose, "start", "stop", *truth, *self._table.classes, "error"])
            writer.writerows(row[1:] for row in rows)
        for part in parts:
            part.unlink()
        failed = sum(bool(row[-1]) for row in rows)
        note = f"; {failed} could not be read, see the column `error`" if failed else ""
        rank_zero_info(f"Wrote {counted(len(rows), 'clip')} to {self._target}{note}")


class TensorBoardPictures(Callback):
    """Shows in TensorBoard what the network was fed, and a precision-recall curve per class.

    Args:
        clips: Clips of the first training and validation batch to show as strips: frames above, flow images below.
        every_n_epochs: Epochs between pictures.
    """

    def __init__(self, clips: int = 4, every_n_epochs: int = 5) -> None:
        if clips < 0 or every_n_epochs < 1:
            raise ValueError(f"pictures: expected clips >= 0 and every_n_epochs >= 1, got {clips} and {every_n_epochs}")
        self.clips, self.every_n_epochs = clips, every_n_epochs

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Show the first batch, augmented as it was."""
        self._strips(trainer, batch, batch_idx, "train")

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Show the first batch."""
        self._strips(trainer, batch, batch_idx, "val")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the precision-recall curves."""
        if not trainer.sanity_checking and trainer.current_epoch % self.every_n_epochs == 0:
            self._curves(trainer, pl_module, "val")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the precision-recall curves."""
        self._curves(trainer, pl_module, "test")

    def _strips(self, trainer: Trainer, batch: dict[str, Any], batch_idx: int, name: str) -> None:
        if batch_idx or trainer.sanity_checking or trainer.current_epoch % self.every_n_epochs:
            return
        board, data = _board(trainer), getattr(trainer, "datamodule", None)
        # Of stored embeddings there are no images, nor of numbers of motion alone.
        if board is None or data is None or "images" not in batch or not batch["images"].shape[2]:
            return
        for i, images in enumerate(data.preprocess.denormalise(batch["images"][: self.clips])):
            clip = data.tables[name].clips[int(batch["clip"][i])]
            tag = f"{name}/{i}"
            board.add_image(tag, strip(images), trainer.current_epoch)
            of_whom = f"{clip.video}, {clip.subject}" if clip.subject else clip.video
            board.add_text(tag, f"{of_whom}: {', '.join(clip.labels or ())}", trainer.current_epoch)

    def _curves(self, trainer: Trainer, pl_module: LightningModule, name: str) -> None:
        board = _board(trainer)
        if board is None or not isinstance(pl_module, BehaviourTask) or pl_module.scores is None:
            return
        scores = pl_module.scores
        for index, label in enumerate(pl_module.classes):
            if scores.support[index]:
                truth, values = scores.labels[:, index], scores.probabilities[:, index]
                board.add_pr_curve(f"{name}/{label}", truth, values, trainer.current_epoch)


class FlowStrength(Callback):
    """Warns at the first training batch where flow images are nearly blank, or mostly beyond their scale."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Look at the flow images of the first batch."""
        data: Any = getattr(trainer, "datamodule", None)
        if batch_idx or trainer.current_epoch or not hasattr(data, "input") or not data.input.shows_flow:
            return
        if "images" not in batch:  # all embeddings were stored before
            return
        pictures = data.preprocess.denormalise(batch["images"][:, :, int(data.input.modality == "interleaved")])
        bound, unit = data.input.flow.bound, data.input.flow.unit
        unit += " per second" * (unit == "body lengths")
        holds = f" ({words})" if (words := bound_holds(data.input)) else ""
        most = flow_extent(pictures, data.input.flow.image) * bound
        beyond = float((flow_lengths(pictures, data.input.flow.image) > 0.99).float().mean())
        if most < 0.15 * bound:
            rank_zero_warn(
                f"flow images are nearly blank: nearly all of the first batch's pixels move less than {most:.2f} "
                f"{unit}, and input.flow.bound is {bound:g}. Set it to about {fitting_bound(most):g}{holds}, "
                "or raise input.flow.gap"
            )
        elif beyond > 0.1:
            rank_zero_warn(
                f"{beyond:.0%} of the first batch's flow is beyond input.flow.bound ({bound:g} {unit}): a larger one "
                f"would tell fast from faster{holds}"
            )


class StepSize(Callback):
    """Gathers gradients over batches and devices, so that a training step sees the same number of clips everywhere.

    Args:
        clips: Clips of a step; null leaves trainer.accumulate_grad_batches as it is, which must else be left alone.

    Raises:
        ValueError: If the number is below 1.
    """

    def __init__(self, clips: int | None = None) -> None:
        if clips is not None and clips < 1:
            raise ValueError(f"step.clips: expected 1 or more, got {clips}")
        self.clips = clips

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Work out how many batches make a step.

        Raises:
            ValueError: If they are no whole number of batches, or both settings are given.
        """
        if self.clips is None or stage != "fit":
            return
        if trainer.accumulate_grad_batches != 1:
            raise ValueError(
                "step.clips: gathers as many batches as it takes; leave trainer.accumulate_grad_batches out"
            )
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        at_once = data.batch_size * trainer.world_size
        if self.clips % at_once:
            raise ValueError(
                f"step.clips: {self.clips} clips are no whole number of batches of {data.batch_size} on "
                f"{trainer.world_size} device(s); take a multiple of {at_once}"
            )
        trainer.accumulate_grad_batches = self.clips // at_once


def _board(trainer: Trainer) -> Any:
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger) and trainer.is_global_zero:
            return logger.experiment
    return None


def _read(path: Path) -> list[list[str]]:
    with path.open("r", **_TEXT) as file:
        return list(csv.reader(file))
