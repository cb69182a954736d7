"""What one of several processes trains and tests, and writes of it, for test_processes.py."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from build import make_data, make_task
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback

from amclip.sharded import choose_strategy

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
        labels=str(drawn / "labels.csv"), cache_dir=drawn / "probed", image_size=32, frame_size=(36, 36),
        flow_preset="fast", num_segments=1, positions_per_segment=2, num_workers=0, batch_size=batch_size,
        crop_scale=(0.5, 1.0), color_jitter=0.4, turn=True, **settings,
    )  # fmt: skip
    network = {"backbone": "amclip-tiny", "temporal_heads": 4, "learning_rate": 1e-3, "backbone_learning_rate": 1e-3}
    return make_task(data.classes, {"input": data.input, "warmup_fraction": 0.0, **network}), data


def trainer(folder: Path, processes: int, **settings: Any) -> Trainer:
    """One for so many processes, which are there already."""
    return Trainer(
        accelerator="cpu", devices=processes, default_root_dir=folder, logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False,
        **{"strategy": "ddp" if processes > 1 else "auto", **settings},
    )  # fmt: skip


def _train(drawn: Path, target: Path, processes: int, sampler: str, sharded: bool = False) -> Found:
    """Losses and clips of this process, and the weights at the end."""
    seed_everything(3)
    task, data = task_and_data(drawn, 8 // processes, sampler=sampler, mixup=0.8, cutmix=0.5)
    losses = Losses()
    settings: Found = {"limit_train_batches": STEPS, "limit_val_batches": 0, "max_epochs": EPOCHS}
    if sharded:
        with torch.no_grad():  # processes may begin with other weights; the first one's count
            next(task.network.classifiers.parameters()).add_(int(os.environ["LOCAL_RANK"]))
        settings["strategy"] = choose_strategy("fsdp")
    fitting = trainer(target, processes, callbacks=[losses], gradient_clip_val=0.5, **settings)
    fitting.fit(task, data)
    whole = [weight.full_tensor() if sharded else weight for weight in task.network.parameters()]
    found: Found = {
        "steps": losses.steps,
        "weights": torch.cat([one.detach().flatten() for one in whole])[::97].tolist(),
    }
    if sharded:
        found["kept"] = [weight.to_local().numel() for weight in task.network.parameters()]
        fitting.save_checkpoint(target / "sharded.ckpt")
        found["metrics"] = fitting.test(task, data, verbose=False, ckpt_path=target / "sharded.ckpt")[0]
    return found


def _test(drawn: Path, target: Path, processes: int) -> Found:
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


def work(drawn: Path, target: Path, processes: int, name: str) -> None:
    """Train with the sampler of this name, or test, and write what this process found."""
    if name == "test":
        found = _test(drawn, target, processes)
    else:
        sharded = name == "sharded"
        found = _train(drawn, target, processes, "shuffled" if sharded else name, sharded)
    (target / f"{name}_{processes}_{os.environ['LOCAL_RANK']}.json").write_text(json.dumps(found))
