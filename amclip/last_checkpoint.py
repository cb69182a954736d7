"""The checkpoint that a training goes on from: at the end of each epoch, on request within, and where it is stopped."""

import time
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from amclip import interrupt

__all__ = ["LastCheckpoint"]


class LastCheckpoint(ModelCheckpoint):
    """Keeps one file, written anew each time; a training goes on from it with `amclip fit --ckpt_path`.

    ModelCheckpoint's own ``save_last`` writes the last epoch only where it was the best so far, and resuming would
    repeat epochs. A training that is told to end (SIGTERM, as clusters send it before they take a machine back; Ctrl-C;
    a closed terminal) saves it behind the step that it is at. Where a step takes longer than a command may take to
    end, what was saved before is kept.

    Args:
        dirpath: Folder; default: ``checkpoints`` in the run's folder.
        filename: Name of the file, without its ending.
        every_n_steps: Steps of the optimiser after which it is saved also within an epoch; null for none.
        every_n_minutes: The same in minutes of training; null for none.

    Raises:
        ValueError: If a number is not above 0.
    """

    def __init__(
        self,
        dirpath: str | None = None,
        filename: str = "last",
        every_n_steps: int | None = None,
        every_n_minutes: float | None = None,
    ) -> None:
        for name, value in (("every_n_steps", every_n_steps), ("every_n_minutes", every_n_minutes)):
            if value is not None and not value > 0:
                raise ValueError(f"last_checkpoint.{name}: expected a number above 0, or null for none, got {value}")
        # At the end of training's part of an epoch: else it waits for a validation, and epochs since are lost.
        super().__init__(dirpath, filename, save_on_train_epoch_end=True, enable_version_counter=False)
        self.every_n_steps, self.every_n_minutes = every_n_steps, every_n_minutes
        self.saved_step: int | None = None
        """Steps of the optimiser that were done when it was saved last; None before."""
        self.saved_epoch = 0
        """Epoch that it was in then, from 0."""
        self._began_step = self._gathering_since = 0
        self._saved_time = 0.0
        self._hosts: Any = None

    @property
    def state_key(self) -> str:
        """Lightning tells the states of callbacks apart by it."""
        return "LastCheckpoint"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count steps and minutes from here."""
        super().on_train_start(trainer, pl_module)
        self._began_step = self._gathering_since = trainer.global_step
        self._hosts = _group_of_hosts(trainer)
        self._saved_time = time.monotonic()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """The step's end is near."""
        if not interrupt.received():
            interrupt.rest_is_near(True)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save where it is due, or where the training was told to end, on all processes at the same step.

        Raises:
            amclip.interrupt.Stopped: If it was told to end.
        """
        # The end of an epoch is saved as it comes, and gradients that are gathered for a step are in no checkpoint.
        if trainer.fit_loop.epoch_loop.batch_progress.is_last_batch or trainer.global_step == self._gathering_since:
            return
        self._gathering_since = trainer.global_step
        signum = self._highest(trainer, interrupt.received())
        if signum or self._is_due(trainer):
            self._save(trainer)
        if signum:
            interrupt.stop(signum)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save.

        Raises:
            amclip.interrupt.Stopped: If the training was told to end at the epoch's last step.
        """
        super().on_train_epoch_end(trainer, pl_module)
        self._note(trainer)
        interrupt.rest_is_near(False)
        if signum := self._highest(trainer, interrupt.received()):
            interrupt.stop(signum)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A validation may be long."""
        interrupt.rest_is_near(False)

    def _is_due(self, trainer: Trainer) -> bool:
        since = self._began_step if self.saved_step is None else self.saved_step
        steps = self.every_n_steps is not None and trainer.global_step - since >= self.every_n_steps
        if self.every_n_minutes is None:
            return steps
        passed = time.monotonic() - self._saved_time >= 60 * self.every_n_minutes
        return steps or bool(self._highest(trainer, int(passed)))  # clocks of several machines differ

    def _highest(self, trainer: Trainer, number: int) -> int:
        """The greatest of all processes' numbers; hosts ask each other, and none waits for its device."""
        if trainer.world_size == 1:
            return number
        import torch

        found = torch.tensor(number)
        torch.distributed.all_reduce(found, torch.distributed.ReduceOp.MAX, group=self._hosts)
        return int(found)

    def _save(self, trainer: Trainer) -> None:
        assert self.dirpath is not None
        self.best_model_path = str(Path(self.dirpath) / f"{self.filename}{self.FILE_EXTENSION}")
        trainer.save_checkpoint(self.best_model_path, self.save_weights_only)
        self._note(trainer)

    def _note(self, trainer: Trainer) -> None:
        self.saved_step, self.saved_epoch = trainer.global_step, trainer.current_epoch
        self._saved_time = time.monotonic()


def _group_of_hosts(trainer: Trainer) -> Any:
    """The processes, to talk to each other without their devices; None where they do so anyway, or there is one."""
    if trainer.world_size == 1:
        return None
    import torch

    gloo = torch.distributed.get_backend() == "gloo"
    return None if gloo else torch.distributed.new_group(backend="gloo")
