"""What stands between a run of Lightning and what may end it: signals, and helpers that are killed."""

import contextlib
import re
import subprocess
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from amclip import interrupt
from amclip.last_checkpoint import LastCheckpoint

__all__ = ["Guard", "explain_lost_process", "explain_lost_worker"]

_END_TIMEOUT = 5.0  # seconds that processes which this one started have to end by themselves

_LOOK_EVERY = 20  # steps; each look waits for a GPU
_OVERFLOWS_IN_A_ROW = 10  # of steps that 16-mixed leaves out: as the scale halves each time, it is not the scale then

_KILLED = re.compile(r"DataLoader worker \(pid(?:\(s\))? ?([\d, ]+)\) (?:is killed by signal: ([\w ]+)|exited unexp)")
_LOST_PEER = re.compile(
    r"Connection closed by peer|Connection reset by peer|Connection refused|Broken pipe"
    r"|[Rr]emote process (?:has )?exited|NCCL .*(?:timeout|timed out|remote)"
    r"|Timed out (?:waiting|after) \S+ ?(?:ms|s)|[Ss]ocket [Tt]imeout"
)
_TIMED_OUT = re.compile(r"DataLoader timed out after ([\d.]+) seconds")


class Guard(Callback):
    """Ends a run of Lightning as every command ends (:mod:`amclip.interrupt`), and says how a training goes on.

    A training whose loss is no number any more is ended too: all that it would still do is lost.

    Lightning has a handler for SIGTERM of its own, which training heeds between steps and prediction never; this puts
    the command's in its place.
    """

    def __init__(self) -> None:
        super().__init__()
        # How many losses in a row were no numbers, at most; on the device, so that steps need not wait for it.
        self._astray: torch.Tensor | None = None
        self._in_a_row: torch.Tensor | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note whether the loss is a number; look at the note now and then.

        Raises:
            ValueError: If it is none.
        """
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs  # none where a step was skipped
        if isinstance(loss, torch.Tensor):
            astray = (~torch.isfinite(loss.detach()).all()).int()
            self._in_a_row = astray if self._in_a_row is None else (self._in_a_row + 1) * astray
            self._astray = self._in_a_row if self._astray is None else torch.maximum(self._astray, self._in_a_row)
        if trainer.global_step % _LOOK_EVERY == 0:
            self._refuse_astray(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look once more, at the end of the epoch."""
        self._refuse_astray(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Look before any checkpoint would take the place of the last good one."""
        self._refuse_astray(trainer)

    def _refuse_astray(self, trainer: Trainer) -> None:
        if self._astray is None:
            return
        astray, self._astray = int(self._astray), None
        # In 16-mixed a step that overflows is left out, and the scale of the gradients made smaller for the next.
        overflows = str(trainer.precision) == "16-mixed"
        if astray >= (_OVERFLOWS_IN_A_ROW if overflows else 1):
            rate = max(group["lr"] for optimiser in trainer.optimizers for group in optimiser.param_groups)
            other = " 16-mixed overflows where bf16-mixed and 32-true do not." if overflows else ""
            raise ValueError(
                f"the loss is no number any more, in step {trainer.global_step} or up to {_LOOK_EVERY} before it: the "
                "training went astray, and nothing that it would still learn is of use. The learning rate is "
                f"{rate:.3g}: train anew with a third of it (--model.optimiser.learning_rate).{other} "
                f"{_how_training_goes_on(trainer)}"
            )

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals back from Lightning."""
        self._take(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals back from Lightning."""
        self._take(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals back from Lightning; within a training see that what is validated are numbers."""
        self._refuse_astray(trainer)
        self._take(trainer)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals back from Lightning."""
        self._take(trainer)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals back from Lightning."""
        self._take(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """End the processes that this one started; they keep what they did, as this one does."""
        if isinstance(exception, KeyboardInterrupt):
            _end(_started(trainer))

    def _take(self, trainer: Trainer) -> None:
        interrupt.take_signals()
        if trainer.state.fn == "fit":
            interrupt.say_what_is_kept(lambda: _how_training_goes_on(trainer))
        started = _started(trainer)
        if started:
            interrupt.on_hard_exit(lambda: _end(started))


def explain_lost_process(error: RuntimeError) -> str | None:
    """What is told of an error that says that another process of a training is gone; ``None`` for any other."""
    if not _LOST_PEER.search(str(error)):
        return None
    return (
        "another process of this training has ended or cannot be reached, so this one ends too: look at what the "
        f"others said, the first of them. {interrupt.what_is_kept()}"
    )


def explain_lost_worker(error: RuntimeError) -> str | None:
    """What PyTorch's word of a lost or stuck reading process means; ``None`` for any other error."""
    text = next((str(one) for one in (error.__cause__, error) if _KILLED.search(str(one))), str(error))
    if stuck := _TIMED_OUT.search(text):
        return (
            f"the processes that read videos gave no batch for {float(stuck[1]):g} s: a disk that is too slow or gone? "
            f"Allow more (--data.probe_timeout, of which this is ten times). {interrupt.what_is_kept()}"
        )
    killed = _KILLED.search(text)
    if killed is None:
        return None
    by = f" by the signal {killed[2].strip()}" if killed[2] else ""
    cause = "was there too little memory? Fewer of them (--data.num_workers) or smaller batches take less"
    if "shared memory" in text or killed[2] == "Bus error":
        cause = "was there too little shared memory (/dev/shm; in Docker --shm-size)? --data.num_workers 0 needs none"
    return f"a process that read videos (pid {killed[1].strip()}) was ended{by}; {cause}. {interrupt.what_is_kept()}"


def _started(trainer: Trainer) -> list[Any]:
    """Lightning's list of the processes that it started on this machine."""
    return getattr(trainer.strategy.launcher, "procs", [])


def _end(started: list[subprocess.Popen[bytes]]) -> None:
    processes = list(started)
    started.clear()  # else Lightning's observer, which shares the list, kills this process once one of them has ended
    for process in processes:
        process.terminate()
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_TIMEOUT)
        process.kill()


def _how_training_goes_on(trainer: Trainer) -> str:
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, LastCheckpoint) and callback.saved_step is not None:
            return (
                f"All is kept up to step {callback.saved_step}, in epoch {callback.saved_epoch}; go on with: "
                f"amclip fit --ckpt_path {callback.best_model_path}"
            )
    if trainer.ckpt_path:
        return f"Nothing was saved since it began; go on as before with: amclip fit --ckpt_path {trainer.ckpt_path}"
    return "No step was finished, so there is no checkpoint to go on from."
