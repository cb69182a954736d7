"""A training step on a GPU and its parts, for the Animal Kingdom configs; writes train_gpu.md and train_gpu.json.

    python docs/benchmarks/train_gpu.py [--steps 30] [--cases TEXT …] [--output train_gpu.md]
    python docs/benchmarks/train_gpu.py --quick      a tiny network on the CPU, to see that it works

`amclip fit` itself runs, with `configs/animal_kingdom.yaml` and its overlays, random weights, 140 classes and drawn
videos of 640 × 360 pixels; an optimiser step after each batch. Parts are marked by CUDA events, and nothing waits for
them: they add up to the step, and *data wait* is how long the GPU waits for the next batch. Sections are in order of
their worth, and each is saved as soon as it is done.

`--before` measures each case once more as amclip was before host and GPU worked side by side: without side stream,
fused optimiser and tensor cores for float32 products, and with copies that wait for the GPU.
"""

import contextlib
import csv
import datetime
import gc
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from device_times import Machine, StepParts, as_before
from sections import Benchmark, new_parser

from amclip.commands.lightning import AmclipCLI, DataOnly
from amclip.data.synthetic import ClipSettings, iterate_frames
from amclip.data.writer import VideoWriter

CONFIGS = Path(__file__).parents[2] / "configs"
SIZE, SECONDS, FPS, CLIP, CLASSES = (360, 640), 6.0, 24.0, 2.0, 140
# In order of their worth, where time is short. Words are overlays and settings of `amclip fit`.
CASES: dict[str, list[str]] = {
    "animal_kingdom.yaml": [],
    "without gradient checkpointing": ["--model.network.tuning.gradient_checkpointing=false"],
    "X-CLIP B/16": [f"--config={CONFIGS / 'encoders/xclip_b16.yaml'}"],
    "frames alone": ["--input.modality=frames"],
    "LoRA 8": ["--model.network.tuning.lora_rank=8"],
    "semi-dense": [f"--config={CONFIGS / 'schemes/semi_dense.yaml'}"],
    "ViT-B/32": [f"--config={CONFIGS / 'encoders/b32.yaml'}"],
    "sparse": [f"--config={CONFIGS / 'schemes/sparse.yaml'}"],
    "ViT-L/14": [f"--config={CONFIGS / 'encoders/l14.yaml'}"],
}
QUICK = ("X-CLIP B/16", "LoRA 8")
BEFORE = ["--trainer.side_stream=false", "--trainer.float32_products=highest"]


def draw(folder: Path, videos: int, size: tuple[int, int], seconds: float) -> None:
    """Videos of drawn animals, enlarged, and a table of clips of two seconds with labels at random."""
    (folder / "videos").mkdir(parents=True, exist_ok=True)
    choose, rows = random.Random(0), []
    for number in range(videos):
        name = f"videos/{number:03d}.mp4"
        if not (folder / name).exists():
            frames = iterate_frames(ClipSettings(0, seconds, fps=FPS), number)
            with VideoWriter(folder / name, FPS, size, crf=23) as writer:
                for frame in frames:
                    large = cv2.resize(frame, size[::-1], interpolation=cv2.INTER_LINEAR)
                    writer.write(np.asarray(large, np.uint8))
        for start in np.arange(0, seconds - CLIP + 0.01, 0.1):
            labels = ";".join(f"action {label}" for label in choose.sample(range(CLASSES), 2))
            rows.append((name, f"{start:.1f}", f"{start + CLIP:.1f}", labels, "val" if number == 0 else "train"))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("filepath", "start", "stop", "label", "split"), *rows])


def words_of(run: Benchmark, data: Path, machine: Machine) -> list[str]:
    """What all cases have in common."""
    names = ",".join(f"action {label}" for label in range(CLASSES))
    steps = 3 if run.quick else run.options.steps + 10
    words = [
        *(f"--data.source.labels={data / 'labels.csv'}", f"--data.source.root={data}"),
        *(f"--data.source.classes=[{names}]", "--data.source.class_groups=null"),
        *(
            f"--data.cache_dir={data / 'probed'}",
            f"--trainer.default_root_dir={data}",
            "--model.network.pretrained=null",
            "--step.clips=null",
        ),
        *("--trainer.max_epochs=1000", f"--trainer.max_steps={steps}", "--trainer.limit_val_batches=0"),
        *(
            "--trainer.num_sanity_val_steps=0",
            "--trainer.logger=false",
            "--checkpoint.save_top_k=0",
        ),
        *("--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--pictures.clips=0"),
    ]
    if machine.device.type == "cpu":
        words += ["--trainer.accelerator=cpu", "--trainer.precision=32-true", "--data.num_workers=0"]
    else:
        words += [f"--data.num_workers={max(1, (os.cpu_count() or 2) - 1)}"]
    if run.quick:
        words += ["--model.network.backbone=amclip-tiny", "--input.image_size=32", "--input.frame_size=[36,36]"]
        words += ["--data.batch_size=2", "--input.positions_per_segment=2", "--input.num_segments=2"]
        words += ["--model.network.temporal.heads=4", "--model.network.head.video_prompt_heads=4"]
    return words


def step_of(case: list[str], words: list[str], machine: Machine) -> dict[str, float]:
    """Milliseconds of a step and its parts, clips per second, peak memory of one case."""
    config = f"--config={CONFIGS / 'animal_kingdom.yaml'}"
    callback = {"class_path": "device_times.StepParts", "init_args": {"warm": 1 if machine.quick else 10}}
    ran = AmclipCLI.run("fit", [config, *case, *words, f"--trainer.callbacks+={json.dumps(callback)}"])
    parts = next(one for one in ran.trainer.callbacks if isinstance(one, StepParts))  # type: ignore[attr-defined]
    clips = ran.datamodule.batch_size
    found = {"clips": clips, **parts.medians(), "peak GiB": parts.peak}
    found["clips/s"] = 1e3 * clips / found["step"]
    del ran, parts
    gc.collect()  # a trainer and what it trains refer to each other
    if machine.device.type == "cuda":
        torch.cuda.empty_cache()
    return found


HEADER = [
    f"| | clips a step | step, ms | {' | '.join(StepParts.PARTS)} | clips/s | peak GiB |",
    "|---" * (6 + len(StepParts.PARTS)) + "|",
]


def row(name: str, found: dict[str, float]) -> str:
    """A line of the table."""
    parts = " | ".join(f"{found[part]:.1f}" for part in StepParts.PARTS)
    return (
        f"| {name} | {found['clips']:.0f} | {found['step']:.0f} | {parts} | {found['clips/s']:.1f} | "
        f"{found['peak GiB']:.1f} |"
    )


def loader_alone(words: list[str], quick: bool) -> float:
    """Clips per second that the loader gives to one that does nothing with them."""
    data: Any = DataOnly.run("fit", [f"--config={CONFIGS / 'animal_kingdom.yaml'}", *words]).datamodule
    data.setup("fit")
    loader = data.train_dataloader()
    batches = iter(loader)
    next(batches)
    begin, clips = time.perf_counter(), 0
    for _, batch in zip(range(1 if quick else 40), batches, strict=False):
        clips += len(batch["labels"])
    return clips / (time.perf_counter() - begin)


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/train_gpu"), help="folder for the drawn videos")
    parser.add_argument("--steps", type=int, default=30, help="that count, of each case")
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--before", action="store_true", help="each case also as amclip was before")
    run = Benchmark(parser, __file__)
    if run.quick:
        run.options.device, run.options.cases, run.options.before = "cpu", list(QUICK), True
    machine = Machine(run.options.device, run.quick)
    if run.quick:
        draw(run.work, 2, (48, 64), 3.0)
    else:
        draw(run.work, 12, SIZE, SECONDS)
    run.head(
        f"""# Training on a GPU

Written by `docs/benchmarks/train_gpu.py` on {machine.name}, {datetime.date.today()}; {machine.versions}.
`amclip fit` with `configs/animal_kingdom.yaml` (bf16-mixed where the GPU has it, dense, M = 4, P = 8, ViT-B/16, 8
clips, gradient checkpointing) and what each row changes; random weights, {CLASSES} classes, drawn videos of {SIZE[1]} ×
{SIZE[0]} pixels. Medians over {run.options.steps} steps; the parts of a step are the GPU's time, in milliseconds."""
    )
    words = words_of(run, run.work, machine)
    run.figures["device"] = machine.name
    found: dict[str, dict[str, float]] = {}
    for case in run.options.cases:
        for before in (False, True) if run.options.before else (False,):
            name = f"{case}, as before" if before else case
            with run.section(name) as lines, as_before(machine.device) if before else contextlib.nullcontext():
                found[name] = step_of([*CASES[case], *(BEFORE if before else [])], words, machine)
                run.figures[name] = found[name]
                lines += [*HEADER, row(name, found[name])]
    with run.section("The loader alone") as lines:
        run.figures["loader alone, clips/s"] = loader_alone(words, run.quick)
        lines.append(f"{run.figures['loader alone, clips/s']:.0f} clips/s on {os.cpu_count()} cores.")
    with run.section("Together") as lines:
        lines += [*HEADER, *(row(name, one) for name, one in found.items())]
    run.close()


if __name__ == "__main__":
    main()
