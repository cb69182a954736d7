"""Epochs of a training from stored embeddings against the same with a frozen image tower, side by side in one run.

A ViT-B/16 with random weights and the default head, two segments of eight positions with flow images, on drawn clips.
Each round trains one epoch as without a store, then one with an empty store and further ones from it; the moments are
the same and nothing is augmented, so that losses and weights must be equal. Reading, flow and training are done by one
process, whose seconds are counted as they pass and as processor time, which other work on the machine changes less.

    python docs/benchmarks/stored_embeddings.py [--quick]
"""

import csv
import os
import platform
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from sections import Benchmark, drawn_clips, new_parser

import amclip
from amclip.augmentation import Augmentation
from amclip.data.datamodule import VideoDataModule
from amclip.data.source import LabelSource
from amclip.data.stored.settings import StoredEmbeddings
from amclip.data.synthetic import write_dataset
from amclip.inputs import FlowInput, NetworkInput
from amclip.models.config import NetworkConfig, TemporalConfig, TuningConfig
from amclip.task import BehaviourTask

BACKBONE, HEADS = "ViT-B-16", TemporalConfig()
STILL = Augmentation(flip=0.0, crop_scale=(1.0, 1.0), color_jitter=0.0)


@dataclass
class Epochs(Callback):
    """What the epochs of a training took, and the losses of the first one."""

    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self._began = time.perf_counter(), time.process_time()

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.current_epoch == 0:
            self.losses.append(float(outputs["loss"]))

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        wall, used = self._began
        self.seconds.append(time.perf_counter() - wall)
        self.processor.append(time.process_time() - used)


def train(
    table: Path, input: NetworkInput, epochs: int, batch_size: int, store: Path | None
) -> tuple[Epochs, dict[str, torch.Tensor]]:
    """Train and say what the epochs took, with the weights of the head."""
    stored = None if store is None else StoredEmbeddings(str(store), copies=1)
    data = VideoDataModule(
        input,
        LabelSource(str(table)),
        augmentation=STILL,
        batch_size=batch_size,
        num_workers=0,
        cache_dir=str(table.parent / "probed"),
        embeddings=stored,
    )
    torch.manual_seed(0)
    task = BehaviourTask(
        data.classes, input, NetworkConfig(BACKBONE, temporal=HEADS, tuning=TuningConfig(trainable_blocks=0))
    )
    seen = Epochs()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[seen],
    )
    trainer.fit(task, data)
    return seen, {name: value.detach() for name, value in task.network.classifiers.named_parameters()}


def draw(folder: Path, clips: int, quick: bool) -> Path:
    """Clips of which all but the last are trained on."""
    if quick:
        shutil.copytree(drawn_clips(), folder)
    else:
        write_dataset(folder, clips + 1, workers=1, progress=False)
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[: clips + 1]
    for number, row in enumerate(rows):
        row["split"] = "train" if number < clips else "val"
    table = folder / "table.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return table


def main() -> None:
    """Run all rounds and write the page."""
    global BACKBONE, HEADS
    parser = new_parser(__doc__)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    run = Benchmark(parser, __file__)
    clips, rounds, later = run.options.clips, run.options.rounds, 20
    input = NetworkInput(num_segments=2, positions_per_segment=8, flow=FlowInput(gap="1/15"))
    if run.quick:
        BACKBONE, HEADS, clips, rounds, later = "amclip-tiny", TemporalConfig(heads=4), 2, 1, 2
        input = replace(input, num_segments=1, positions_per_segment=2, image_size=32, frame_size=(36, 36))
    began = os.getloadavg()[0]
    today: list[Epochs] = []
    fresh: list[Epochs] = []
    again: list[Epochs] = []
    worst = [0.0, 0.0]
    with tempfile.TemporaryDirectory() as place:
        table = draw(Path(place) / "drawn", clips, run.quick)
        train(table, replace(input, num_segments=1, positions_per_segment=1), 1, 1, None)  # what is compiled is then
        for number in range(rounds):
            with run.section(f"Round {number}"):
                store = Path(place) / f"store {number}"
                plain, expected = train(table, input, 1, min(clips, 8), None)
                first, made = train(table, input, 1, min(clips, 8), store)
                rest, read = train(table, input, later, min(clips, 8), store)
                one, once = train(table, input, 1, min(clips, 8), store)
                today.append(plain)
                fresh.append(first)
                again.append(rest)
                for seen, weights in ((first, made), (one, once)):
                    worst[0] = max(worst[0], *(abs(a - b) for a, b in zip(seen.losses, plain.losses, strict=True)))
                    worst[1] = max(worst[1], *(float((weights[name] - expected[name]).abs().max()) for name in weights))
                assert read.keys() == expected.keys()
                print(number, plain.seconds, first.seconds, statistics.median(rest.seconds), worst, flush=True)
        taken = sum(path.stat().st_size for path in (Path(place) / "store 0").rglob("*.data"))

    def table_row(name: str, kind: str) -> str:
        plain = statistics.median(getattr(seen, kind)[0] for seen in today)
        first = statistics.median(getattr(seen, kind)[0] for seen in fresh)
        rest = statistics.median(x for seen in again for x in getattr(seen, kind))
        return f"| {name} | {plain:.2f} | {first:.2f} | {first / plain:.2f} | {rest:.4f} | **{plain / rest:.0f} ×** |"

    run.write(
        TEXT.format(
            machine=platform.machine(),
            cores=os.cpu_count(),
            threads=torch.get_num_threads(),
            torch=torch.__version__.split("+")[0],
            version=amclip.__version__,
            load=f"{began:.1f} when this began and {os.getloadavg()[0]:.1f} at the end",
            clips=clips,
            positions=input.num_positions,
            images=clips * input.num_positions * input.num_streams,
            rounds=rounds,
            later=later,
            rows="\n".join((table_row("passed", "seconds"), table_row("of processor", "processor"))),
            loss=f"{worst[0]:.1e}",
            weight=f"{worst[1]:.1e}",
            size=f"{taken / clips / 1000:.0f}",
        )
    )
    run.close()


TEXT = """# Training from stored embeddings

Written by `docs/benchmarks/stored_embeddings.py` (amclip {version}, PyTorch {torch}, {machine}, {cores} cores,
{threads} thread(s) of PyTorch). The load of the machine was {load}. A frozen ViT-B/16
with random weights and the default head; {clips} drawn clips of {positions} positions with flow images, {images}
images an epoch; medians of {rounds} round(s), each of one epoch without a store, one that fills it and {later} from it.

| seconds | epoch without | first epoch with | ratio | later epochs | faster by |
|---|---|---|---|---|---|
{rows}

Largest difference to the training without a store, in an epoch that fills it and in one that reads it: of a loss
{loss}, of a weight {weight}. A clip takes {size} kB.
"""

if __name__ == "__main__":
    main()
