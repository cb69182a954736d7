"""`amclip check --estimate`: a few steps of the very training that is asked for, and what they say of all of it."""

import contextlib
import io
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from amclip.commands.lightning import AmclipCLI
from amclip.commands.time_left import Rates, describe_estimate
from amclip.data.table import Clip, LabelTable, write_table
from amclip.long_work import LongWork

__all__ = ["estimate"]

_STEPS = 4
"""Steps that are run; the first one, which also loads and compiles, says nothing of the others."""
_CLIPS_ON_CPU = 2
"""Clips of such a step on a CPU, where time grows with their number and a step of many takes minutes."""
_LOGGERS = ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")


class _Clock(Callback):
    """When steps of training and validation ended.

    Args:
        work: Is told of each.
        clips: Of a step.
        name: What is measured.
    """

    def __init__(self, work: LongWork, clips: int, name: str) -> None:
        self.work, self.clips, self.name = work, clips, name
        self.train: list[float] = []
        self.val: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.work.add(0, self.name)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        _finish(pl_module.device)
        self.train.append(time.perf_counter())
        self.work.add(self.clips)

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        _finish(pl_module.device)
        self.val.append(time.perf_counter())
        self.work.add(self.clips)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class _FewSteps(AmclipCLI):
    """`amclip fit` with a clock, which leaves nothing behind."""

    clock: _Clock

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """A trainer that runs a few steps."""
        trainer = super().instantiate_trainer(**{**kwargs, "fast_dev_run": _STEPS})
        trainer.callbacks.append(self.clock)  # type: ignore[attr-defined]
        return trainer


@dataclass(frozen=True)
class _Measured:
    """Seconds of a step of training and of validation, and of reading what the first needs, in one process."""

    train: list[float]
    val: list[float]
    reading: float
    cli: AmclipCLI


def estimate(args: list[str], table: LabelTable, root: Path, workers: int) -> str:
    """Train a few steps on a few clips, with weights that are not fetched, and say what the whole will take.

    Args:
        args: The words of `amclip fit`.
        table: All clips, divided.
        root: Folder of their videos.
        workers: Processes that will read them.

    Returns:
        Time, memory, and what would take less, in words.

    Raises:
        ValueError: If there are no clips of training or validation, or the settings cannot be used.
    """
    counts = {split: len(table.split(split)) for split in ("train", "val")}
    if not all(counts.values()):
        raise ValueError("--estimate: there are no clips for training, or none for validation")
    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.reset_peak_memory_stats()
    settings = _settings(args)["data"]["init_args"]
    stores, size = settings["embeddings"] is not None, int(settings["batch_size"])
    tried = size if gpu else min(size, _CLIPS_ON_CPU)
    with tempfile.TemporaryDirectory(prefix="amclip-estimate-") as folder:
        few = [clip for split in counts for clip in _few(table.split(split).clips, _STEPS * tried)]
        write_table(LabelTable(tuple(few), table.classes, table.source), Path(folder) / "few.csv")
        words = [*args, *_changes(Path(folder), root, table.classes, stores), f"--data.batch_size={tried}"]
        steps = sum(min(_STEPS, -(-min(count, _STEPS * tried) // tried)) for count in counts.values()) + 1
        names = ("Measuring steps that embed", "Measuring later epochs") if stores else ("Measuring steps",)
        total = steps * tried * len(names)
        print(
            f"Measuring a few steps of this training, {total} clips in all; on a CPU this takes minutes",
            file=sys.stderr,
            flush=True,
        )
        with LongWork(names[0], total, "clips") as work:
            first, *later = [_run(words, _Clock(work, tried, name)) for name in names]
        again = later[0] if later else None
    data, task, trainer = first.cli.datamodule, first.cli.model, first.cli.trainer
    devices = max(1, trainer.num_devices * trainer.num_nodes)
    rates = Rates(
        batches={split: -(-count // (size * devices)) for split, count in counts.items()},
        epochs=_epochs(first.cli),
        workers=workers,
        first=_rate(first, size / tried),
        later=None if again is None else _rate(again, size / tried),
    )
    return describe_estimate(
        rates,
        data.input,
        task.network.config,
        gpu=gpu,
        memory=_memory(),
        embedded=again is not None,
        batch_size=tried,
    )


def _few(clips: Sequence[Clip], count: int) -> list[Clip]:
    """Clips from all over a split."""
    step = max(1, len(clips) // count)
    return list(clips[::step][:count])


def _changes(folder: Path, root: Path, classes: Sequence[str], stores: bool) -> list[str]:
    """What makes a training one of a few clips that leaves nothing behind."""
    names = "[" + ",".join('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in classes) + "]"
    words = [
        f"--data.source.labels={folder / 'few.csv'}",
        f"--data.source.root={root}",
        f"--data.source.classes={names}",
        *("--data.source.window=null", "--data.source.window_hop=null", "--data.source.observations=null"),
        *("--data.num_workers=0", "--trainer.logger=false", "--trainer.enable_progress_bar=false"),
        *("--trainer.enable_model_summary=false", f"--trainer.default_root_dir={folder}"),
        "--step.clips=null",
        "--model.network.pretrained=null",  # the same work, and nothing to fetch
    ]
    return [*words, f"--data.embeddings.folder={folder / 'embeddings'}"] if stores else words


class _Described(AmclipCLI):
    """Only parses."""

    def instantiate_classes(self) -> None: ...

    def after_instantiate_classes(self) -> None: ...

    def _run_subcommand(self, subcommand: str) -> None: ...


def _settings(args: list[str]) -> Any:
    return _Described.run("fit", args).config["fit"]


def _epochs(cli: AmclipCLI) -> int | None:
    epochs = cli.config["fit"]["trainer"]["max_epochs"]
    return None if epochs in (None, -1) else int(epochs)


def _run(words: list[str], clock: _Clock) -> _Measured:
    class Clocked(_FewSteps):
        """With this clock."""

    Clocked.clock = clock
    with _quiet():
        began = time.perf_counter()
        cli = Clocked.run("fit", words)
        train = _between(clock.train) or [time.perf_counter() - began]
        val = _between(clock.val) or train
        started = time.perf_counter()
        next(iter(cli.datamodule.train_dataloader()))
        reading = time.perf_counter() - started
        clock.work.add(clock.clips)
    return _Measured(train, val, reading, cli)


def _between(times: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Of a few steps nobody wants to read; errors come through."""
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _rate(measured: _Measured, larger: float) -> dict[str, tuple[float, float]]:
    """Seconds of computing and of reading a batch, for training and validation.

    Args:
        measured: Of batches that are smaller.
        larger: How many times.
    """
    train, val = median(measured.train) * larger, median(measured.val) * larger
    reading = min(measured.reading * larger, train)
    return {"train": (train - reading, reading), "val": (max(0.0, val - reading), min(reading, val))}


def _memory() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.max_memory_reserved() / 2**30:.1f} GiB of the GPU"
    try:
        import resource
    except ImportError:  # not on Windows
        return "not known on this system"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    gib = peak / (2**30 if sys.platform == "darwin" else 2**20)  # bytes there, KiB elsewhere
    return f"{gib:.1f} GiB"
