"""What encoders cost and support, side by side in one run: speed on this CPU, weights that train, memory of a step.

    python docs/benchmarks/encoders.py [--quick] [--note TEXT] [--output encoders.md]

Random weights, which change neither speed nor memory, so that nothing is fetched. Every row is measured in a process of
its own, in turns with ViT-B-16 in the same process, so that other work on the machine slows both; ratios are the median
of the turns'. The memory is what one training step adds to a fresh process (its peak above what it held before, the
encoder included), as Linux tells it. What is supported is tried, not looked up. Each row is printed and written as soon
as it is there. `--quick` takes small images, in this process; `--note` adds a sentence, such as that others used the
machine.
"""

import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from sections import Benchmark, new_parser

from amclip.models.config import HeadConfig, NetworkConfig, TuningConfig
from amclip.models.encoder import ImageEncoder, VideoEncoder, make_encoder

BASE = "ViT-B-16"
SIZE = 224
ENCODERS = (
    *("ViT-B-32", BASE, "ViT-L-14", "ViT-B-16-SigLIP2", "PE-Core-B-16", "MobileCLIP-B", "EVA02-B-16"),
    *("timm:vit_small_patch14_dinov2", "timm:vit_base_patch16_dinov3", "timm:naflexvit_base_patch16_siglip"),
    *("vjepa:vjepa2_1_vit_base_384", "vjepa:vjepa2_vit_large"),
)
QUICK = ("amclip-tiny", "timm:vit_small_patch14_dinov2")
TUNINGS = {
    "all": TuningConfig(),
    "last 2 blocks": TuningConfig(trainable_blocks=2),
    "LoRA 8": TuningConfig(lora_rank=8),
}
STEPS = {**TUNINGS, "LoRA 8, checkpointing": TuningConfig(lora_rank=8, gradient_checkpointing=True)}
FRAMES = 8  # of a clip, for those that see videos; images of a batch, for the others
STEP_IMAGES, TURNS = 4, 3


def encoder(name: str, tuning: TuningConfig = TUNINGS["all"], **settings: Any) -> ImageEncoder | VideoEncoder:
    """An encoder with random weights, as a network of eight positions has it."""
    torch.manual_seed(0)
    config = NetworkConfig(backbone=name, tuning=tuning, **settings).with_architecture(SIZE)
    return make_encoder(config, FRAMES, 1)


def pixels(made: ImageEncoder | VideoEncoder, images: int) -> torch.Tensor:
    """So many images; a clip of so many frames for one that sees videos."""
    shape = (1, images, 1) if isinstance(made, VideoEncoder) else (images,)
    return torch.randn(*shape, 3, SIZE, SIZE)


def weights(name: str) -> list[float]:
    """Millions of weights: all, and those that train in each way; on the meta device, where they take no memory."""
    with torch.device("meta"):
        made = [encoder(name, tuning) for tuning in TUNINGS.values()]
    trained = [sum(x.numel() for x in one.parameters() if x.requires_grad) / 1e6 for one in made]
    return [sum(x.numel() for x in made[0].parameters()) / 1e6, *trained]


def speeds(name: str) -> tuple[float, float]:
    """Images per second, and the ratio to the base: medians of the turns after one to warm up."""
    frozen = TuningConfig(trainable_blocks=0)
    made = [encoder(each, frozen).eval() for each in (name, BASE)]
    seen = [pixels(one, FRAMES) for one in made]
    found: list[list[float]] = []
    for _ in range(TURNS + 1):
        turn = []
        for one, images in zip(made, seen, strict=True):
            start = time.perf_counter()
            one(images)
            turn.append(FRAMES / (time.perf_counter() - start))
        found.append(turn)
    own, base = zip(*found[1:], strict=True)
    return statistics.median(own), statistics.median(a / b for a, b in zip(own, base, strict=True))


def held(which: str) -> int:
    """Memory of this process in MiB: ``VmRSS`` now, ``VmHWM`` at most since the count was set back."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which)) // 1024


def training_step(name: str, tuning: TuningConfig) -> int:
    """How many MiB one step of AdamW adds to the process."""
    made = encoder(name, tuning).train()
    images = pixels(made, STEP_IMAGES)
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is held now
    before = held("VmRSS")
    optimiser = torch.optim.AdamW([x for x in made.parameters() if x.requires_grad])
    made(images).square().mean().backward()
    optimiser.step()
    return held("VmHWM") - before


def supported(name: str) -> list[str]:
    """Whether each option can be built for an encoder, on the meta device."""
    options: list[Callable[[], Any]] = [
        lambda: encoder(name, TuningConfig(trainable_blocks=2)).depths(),
        lambda: encoder(name, TuningConfig(lora_rank=8)),
        lambda: encoder(name, TuningConfig(gradient_checkpointing=True)),
        lambda: encoder(name, cross_frame=True),
        lambda: encoder(name, head=HeadConfig("text")),
    ]
    found = []
    for build in options:
        try:
            with torch.device("meta"):
                build()
            found.append("yes")
        except ValueError:
            found.append("no")
    return found


def apart(way: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function in a process of its own: spawned, or forked from a process that has computed nothing."""
    context: Any = multiprocessing.get_context(way)
    ours, theirs = context.Pipe()
    process = context.Process(target=_send, args=(theirs, function, arguments))
    process.start()
    theirs.close()
    found = ours.recv()
    process.join()
    return found


def _send(pipe: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    pipe.send(function(*arguments))


def row(name: str, fork: bool = True) -> str:
    """A line of the table."""
    tunings = list(STEPS.values())
    if fork:
        steps = [apart("fork", training_step, name, tuning) for tuning in tunings]
    else:
        steps = [training_step(name, tunings[-1])]
    total, *trained = weights(name)
    options = supported(name)
    speed, ratio = speeds(name)
    return (
        f"| {name} | {speed:.2f} | {ratio:.2f} | {total:.0f} | {' / '.join(f'{x:.1f}' for x in trained)} | "
        f"{' / '.join(str(x) for x in steps)} | {' | '.join(options)} |"
    )


def main() -> None:
    """Measure, and write the table."""
    global BASE, SIZE, FRAMES, TURNS
    parser = new_parser(__doc__)
    parser.add_argument("--note", default="")
    run = Benchmark(parser, __file__)
    if run.quick:
        BASE, SIZE, FRAMES, TURNS = QUICK[0], 56, 2, 1
    head = (
        f"| encoder | images / s | to {BASE} | weights, M | of these train: {' / '.join(TUNINGS)} | "
        f"a step's memory, MiB: {' / '.join(STEPS)} | last blocks, layer decay | LoRA | "
        "checkpointing | cross_frame | text |"
    )
    text = f"""# Encoders

Written by `docs/benchmarks/encoders.py` (PyTorch {torch.__version__.split("+")[0]}, {platform.machine()},
{os.cpu_count()} cores, {torch.get_num_threads()} thread(s)). {run.options.note}

Random weights, {SIZE} pixels, float32. Images per second: batches of {FRAMES} without gradients, for `vjepa:` one clip
of {FRAMES} frames; median of {TURNS} turns with {BASE} in the same process, and the median of the turns' ratios. A step
is one of AdamW on {STEP_IMAGES} images (a clip of {STEP_IMAGES} frames); its memory is the peak above what the process
held with the encoder in it. What is supported was tried; `text` is text prompts and zero-shot. The row of
{BASE} compares it with itself: how far its ratio is from 1 is what other work on the machine makes of a ratio.
"""
    rows: list[str] = []
    for name in QUICK if run.quick else ENCODERS:
        with run.section(name):
            rows.append(row(name, fork=False) if run.quick else apart("spawn", row, name))
            print(rows[-1], flush=True)
        run.write("\n".join([text, head, f"|{'---|' * head.count(' | ')}---|", *rows]))
    run.close()


if __name__ == "__main__":
    main()
