"""What encoders cost and support, side by side in one run: speed on this CPU, weights, memory of a training step.

    python docs/benchmarks/encoders.py [--quick] [--note TEXT] [--output encoders.md]

Random weights, which change neither speed nor memory, so that nothing is fetched. Images per second are of batches of 8
without gradients, the median of three after one to warm up, encoders in turns; ratios are to ViT-B-16 of the same turn.
The memory is what one training step adds to the process (its peak above what it held before), each in a process of its
own, as Linux tells it. What is supported is tried, not looked up. `--quick` takes two encoders. Writes `encoders.md`
beside this file; `--note` adds a sentence on the machine, such as that others worked on it.
"""

import multiprocessing
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from sections import Benchmark, new_parser

from amclip.models.encoder import ImageEncoder
from amclip.models.pretrained import describe_backbone

BASE = "ViT-B-16"
# Each with its own size of images, the nearest that its patches divide.
ENCODERS = {
    "ViT-B-32": 224,
    BASE: 224,
    "ViT-B-16-SigLIP2": 224,
    "PE-Core-B-16": 224,
    "MobileCLIP2-B": 224,
    "EVA02-B-16": 224,
    "timm:vit_base_patch16_dinov3": 224,
    "timm:vit_small_patch14_dinov2": 224,
}
WAYS: dict[str, dict[str, int]] = {
    "all": {},
    "LoRA 8": {"lora_rank": 8},
    "last 2 blocks": {"trainable_blocks": 2},
}
BATCH, REPEATS, STEP_BATCH = 8, 3, 4


def encoder(name: str, **settings: Any) -> ImageEncoder:
    """An encoder with random weights."""
    torch.manual_seed(0)
    return ImageEncoder(describe_backbone(name, None, ENCODERS[name]), **settings)


def weights(name: str) -> list[float]:
    """Millions of weights: all, and those that train in each way; on the meta device, where they take no memory."""
    found = []
    for settings in WAYS.values():
        with torch.device("meta"):
            made = encoder(name, **settings)
        if not found:
            found.append(sum(x.numel() for x in made.parameters()) / 1e6)
        found.append(sum(x.numel() for x in made.parameters() if x.requires_grad) / 1e6)
    return found


def speeds(names: list[str]) -> dict[str, list[float]]:
    """Images per second of each encoder in each turn."""
    made = {name: encoder(name, trainable_blocks=0).eval() for name in names}
    found: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(REPEATS + 1):
        for name, one in made.items():
            images = torch.randn(BATCH, 3, ENCODERS[name], ENCODERS[name])
            start = time.perf_counter()
            one(images)
            if turn:
                found[name].append(BATCH / (time.perf_counter() - start))
    return found


def held(which: str) -> int:
    """Memory of this process in MiB: ``VmRSS`` now, ``VmHWM`` at most since the count was set back."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which)) // 1024


def training_step(name: str, settings: dict[str, Any], pipe: Any) -> None:
    """Send how many MiB one step of AdamW adds to the process."""
    made = encoder(name, **settings).train()
    images = torch.randn(STEP_BATCH, 3, ENCODERS[name], ENCODERS[name])
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is held now
    before = held("VmRSS")
    optimiser = torch.optim.AdamW([x for x in made.parameters() if x.requires_grad])
    made(images).square().mean().backward()
    optimiser.step()
    pipe.send(held("VmHWM") - before)


def memory(name: str, settings: dict[str, Any]) -> int:
    """As :func:`training_step`, in a process of its own: a peak never falls."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=training_step, args=(name, settings, theirs))
    process.start()
    theirs.close()
    found: int = ours.recv()
    process.join()
    return found


def supported(name: str) -> list[str]:
    """Whether each option can be built for an encoder, on the meta device."""
    options: list[dict[str, Any]] = [
        {"trainable_blocks": 2},
        {"lora_rank": 8},
        {"gradient_checkpointing": True},
        {"messages": "zero", "num_frames": 4},
    ]
    found = []
    for settings in options:
        try:
            with torch.device("meta"):
                made = encoder(name, **settings)
            made.depths()
            found.append("yes")
        except ValueError:
            found.append("no")
    return [*found, "no" if describe_backbone(name, None, ENCODERS[name]).get("image_only") else "yes"]


def main() -> None:
    """Measure, and write the table."""
    global BASE, BATCH, REPEATS
    parser = new_parser(__doc__)
    parser.add_argument("--note", default="")
    run = Benchmark(parser, __file__)
    names, ways = list(ENCODERS), [*WAYS.values(), {"gradient_checkpointing": True}]
    if run.quick:
        BASE, BATCH, REPEATS = "amclip-tiny", 2, 1
        ENCODERS[BASE] = 64
        names, ways = [BASE, "timm:vit_small_patch14_dinov2"], ways[:1]
        ENCODERS[names[1]] = 56
    head = (
        f"| encoder | pixels | images / s | to {BASE} | weights, M | of these train: {' / '.join(WAYS)} | "
        f"a step's memory, MiB: {' / '.join(WAYS)} / all, checkpointing | last blocks, layer decay | LoRA | "
        "checkpointing | messages | text |"
    )
    run.head(
        f"""# Encoders

Written by `docs/benchmarks/encoders.py` (PyTorch {torch.__version__.split("+")[0]}, {platform.machine()},
{os.cpu_count()} cores). {run.options.note}
Random weights. Images per second: batches of {BATCH} without gradients, median of {REPEATS}, encoders in turns; the
ratio is the median of the turns' ratios. A step is one of AdamW on {STEP_BATCH} images, float32; its memory is the peak
above what the process held with the encoder in it. What is supported was tried."""
    )
    rows = []
    found: dict[str, list[float]] = {}
    with run.section("Speed"):
        found = speeds(names)
    for name in names:
        with run.section(name):
            ratio = statistics.median(one / base for one, base in zip(found[name], found[BASE], strict=True))
            total, *trained = weights(name)
            # A quick run takes no process of its own for it.
            step = [0] if run.quick else [memory(name, settings) for settings in ways]
            rows.append(
                f"| {name} | {ENCODERS[name]} | {statistics.median(found[name]):.1f} | {ratio:.2f} | {total:.0f} | "
                f"{' / '.join(f'{x:.1f}' for x in trained)} | {' / '.join(str(x) for x in step)} | "
                f"{' | '.join(supported(name))} |"
            )
            print(rows[-1], flush=True)
    with run.section("Side by side") as lines:
        lines += [head, f"|{'---|' * head.count(' | ')}---|", *rows]
    run.close()


if __name__ == "__main__":
    main()
