"""Trains and tests on 1 to 4 processes and writes what came out of it: `run_processes.py DRAWN TARGET`.

Processes are forked, so that libraries are loaded once.
"""

import json
import os
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from build import make_data, make_task
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback

STEPS, EPOCHS = 2, 2
Found = dict[str, Any]


class Losses(Callback):
    """Loss and clips of each step of this process."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, list[int]]] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, *_: Any) -> None:
        """Note them."""
        self.steps.append((float(outputs["loss"]), batch["clip"].tolist()))


def task_and_data(drawn: Path, batch_size: int, **settings: Any) -> tuple[Any, Any]:
    """A small network that sees both streams, with every random change of clips."""
    data = make_data(
        labels=str(drawn / "labels.csv"), image_size=32, frame_size=(36, 36), flow_preset="fast", num_segments=1,
        positions_per_segment=2, num_workers=0, cache_dir=None, batch_size=batch_size, crop_scale=(0.5, 1.0),
        color_jitter=0.4, turn=True, **settings,
    )  # fmt: skip
    network = {"backbone": "amclip-tiny", "temporal_heads": 4, "learning_rate": 1e-3, "backbone_learning_rate": 1e-3}
    return make_task(data.classes, {"input": data.input, "warmup_fraction": 0.0, **network}), data


def trainer(folder: Path, processes: int, **settings: Any) -> Trainer:
    """One for so many processes, which are there already."""
    return Trainer(
        accelerator="cpu", devices=processes, strategy="ddp" if processes > 1 else "auto", default_root_dir=folder,
        logger=False, enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False, **settings,
    )  # fmt: skip


def train(drawn: Path, target: Path, processes: int, sampler: str) -> Found:
    """Losses and clips of this process, and the weights at the end."""
    seed_everything(3)
    task, data = task_and_data(drawn, 8 // processes, sampler=sampler, mixup=0.8, cutmix=0.5)
    losses = Losses()
    limits = {"limit_train_batches": STEPS, "limit_val_batches": 0, "max_epochs": EPOCHS}
    fitting = trainer(target, processes, callbacks=[losses], **limits)
    fitting.fit(task, data)
    weights = torch.cat([weight.detach().flatten() for weight in task.network.parameters()])
    return {"steps": losses.steps, "weights": weights[::97].tolist()}


def test(drawn: Path, target: Path, processes: int) -> Found:
    """Scores of the test clips, as every process has them."""
    seed_everything(4)
    task, data = task_and_data(drawn, 3)
    testing = trainer(target, processes)
    metrics = testing.test(task, data, verbose=False)[0]
    return {
        "metrics": metrics,
        "probabilities": task.scores.probabilities.tolist(),
        "labels": task.scores.labels.tolist(),
    }


def on_processes(number: int, work: Callable[[], Found], target: Path, name: str) -> None:
    """Do the same in so many processes, and write what each found."""
    with socket.socket() as probing:
        probing.bind(("127.0.0.1", 0))
        port = str(probing.getsockname()[1])
    children = []
    for rank in range(number):
        child = os.fork()
        if not child:
            os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port, NODE_RANK="0", LOCAL_RANK=str(rank))
            try:
                (target / f"{name}_{number}_{rank}.json").write_text(json.dumps(work()))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(child)
    for child in children:
        if os.waitpid(child, 0)[1]:
            raise SystemExit(f"{name} on {number} processes failed")


if __name__ == "__main__":
    torch.set_num_threads(1)
    drawn, target = Path(sys.argv[1]), Path(sys.argv[2])
    for processes in (1, 2, 4):
        for sampler in ("shuffled", "class-aware"):
            on_processes(processes, lambda: train(drawn, target, processes, sampler), target, sampler)  # noqa: B023
    for processes in (1, 2, 3, 4):
        on_processes(processes, lambda: test(drawn, target, processes), target, "test")  # noqa: B023
