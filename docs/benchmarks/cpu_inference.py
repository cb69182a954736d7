"""What `amclip annotate` does on a CPU, by stage, and what libraries give; writes cpu_inference.md and .json.

    python docs/benchmarks/cpu_inference.py --demo FOLDER [--seconds 6] [--threads 2]
    python docs/benchmarks/cpu_inference.py --quick      a tiny network, an untrained checkpoint

The loop of `amclip annotate` itself runs over a drawn video with random weights of ViT-B/16 (224 pixels), in float32
and in bfloat16, the two taking turns. Then the image tower alone, in all the ways that there are, all taking turns in
one process; those of libraries that are not installed (torchao, OpenVINO) are left out and named. CPUs that lack
instructions are played by oneDNN, which can be told to use fewer. FOLDER is one of `amclip demo`: its test clips are
scored in each precision.
"""

import copy
import dataclasses
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from annotate_gpu import PARTS, annotate, draw, new_model
from device_times import Machine
from sections import Benchmark, drawn_clips, new_parser, untrained_checkpoint
from torch import Tensor, nn

from amclip.data.formats import Reading, read_table
from amclip.inference import TrainedModel, load_model
from amclip.metrics import AveragePrecisionScores
from amclip.precision import bfloat16_is_fast

ROUNDS, IMAGES = 3, 4
SECTIONS = ("stages", "libraries", "instructions", "answers")
ISAS = ("AVX512_CORE_AMX", "AVX512_CORE_BF16", "AVX512_CORE_VNNI", "AVX2")
"""What oneDNN is told to use at most: this CPU; one with bfloat16 without AMX; one with neither; an older one."""
Call = Callable[[Tensor], Tensor]


def cost(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the processor, and of the clock."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.process_time() - cpu, time.perf_counter() - wall


# ---------------------------------------------------------------- the whole loop


def stages(run: Benchmark, video: Path, modality: str) -> list[str]:
    """A table of the loop's parts, in float32 and in bfloat16."""
    machine = Machine("cpu", run.quick)
    models = {"float32": new_model(machine, modality), "bfloat16": new_model(machine, modality).compute_in("bf16")}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in models}
    for name, model in models.items():
        annotate(model, video, machine, 1)  # numba compiles, oneDNN lays out weights
        found[name].clear()
    for _ in range(1 if run.quick else ROUNDS):
        for name, model in models.items():
            cpu = time.process_time()
            one = annotate(model, video, machine, 1)
            one["processor"] = time.process_time() - cpu
            found[name].append(one)
    middle = {
        name: {key: statistics.median(one[key] for one in ones) for key in ones[0]} for name, ones in found.items()
    }
    lines = [
        f"| {modality} | frames/s | × real time | decode, ms per frame | {' | '.join(PARTS)} | processor, s | faster |",
        "|---" * (6 + len(PARTS)) + "|",
    ]
    for name, one in middle.items():
        times = [
            first["processor"] / second["processor"]
            for first, second in zip(found["float32"], found[name], strict=True)
        ]
        one["faster"] = statistics.median(times)
        parts = " | ".join(f"{one[part]:.1f}" for part in ("decode", *PARTS))
        lines.append(
            f"| {name} | {one['frames/s']:.1f} | {one['real time']:.2f} | {parts} | {one['processor']:.1f} | "
            f"**{one['faster']:.2f}** |"
        )
    run.figures[f"stages, {modality}"] = middle
    return lines


# ---------------------------------------------------------------- the image tower alone


def ways(tower: nn.Module, images: Tensor, compiled: bool) -> dict[str, Callable[[], Call]]:
    """How to make each way of embedding images."""

    def half() -> nn.Module:
        return copy.deepcopy(tower).to(torch.bfloat16)

    def by_autocast() -> Call:
        def call(given: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                return tower(given)  # type: ignore[no-any-return]

        return call

    def in_bfloat16(other: nn.Module) -> Call:
        return lambda given: other(given.to(torch.bfloat16))  # type: ignore[no-any-return]

    def channels_last() -> Call:
        other = copy.deepcopy(tower).to(memory_format=torch.channels_last)
        return lambda given: other(given.to(memory_format=torch.channels_last))  # type: ignore[no-any-return]

    def int8() -> nn.Module:
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        other = copy.deepcopy(tower)
        quantize_(other, Int8DynamicActivationInt8WeightConfig())
        return other

    def openvino(precision: str) -> Call:
        import openvino

        model = openvino.convert_model(copy.deepcopy(tower), example_input=images)
        settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        core = openvino.compile_model(model, "CPU", settings)
        return lambda given: torch.from_numpy(core(given.numpy())[0])

    found: dict[str, Callable[[], Call]] = {
        "float32": lambda: tower,
        "float32, channels last": channels_last,
        "bfloat16 weights": lambda: in_bfloat16(half()),
        "bfloat16 by autocast": by_autocast,
        "int8 (torchao)": int8,
        "OpenVINO, float32": lambda: openvino("f32"),
        "OpenVINO, bfloat16": lambda: openvino("bf16"),
    }
    if compiled:
        found["float32, compiled"] = lambda: torch.compile(copy.deepcopy(tower))
        found["bfloat16 weights, compiled"] = lambda: in_bfloat16(torch.compile(half()))  # type: ignore[arg-type]
        found["int8 (torchao), compiled"] = lambda: torch.compile(int8())
    return found


def side_by_side(run: Benchmark, tower: nn.Module, side: int) -> list[str]:
    """A table of the ways to embed images."""
    images = torch.randn(IMAGES, 3, side, side, generator=torch.Generator().manual_seed(0))
    calls: dict[str, Call] = {}
    left_out: dict[str, str] = {}
    first: dict[str, float] = {}
    given: dict[str, Tensor] = {}
    # Not inference_mode: what OpenVINO and the compiler trace does not take its tensors.
    with torch.no_grad():
        for name, make in ways(tower, images, compiled=not run.quick).items():
            begin = time.process_time()
            try:
                call = make()
                given[name] = call(images).float()
            except Exception as error:  # whatever a library cannot do is told
                left_out[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
                continue
            calls[name], first[name] = call, time.process_time() - begin
            print(f"{name}: first call {first[name]:.1f} s of the processor", flush=True)
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
        for _ in range(1 if run.quick else ROUNDS):
            for name, call in calls.items():
                taken[name].append(cost(lambda call=call: call(images)))  # type: ignore[misc]
    lines = [
        "| way | ms per image, processor | clock | faster | least cosine with float32 | set up, processor s |",
        "|---" * 6 + "|",
    ]
    rows = {}
    for name, ones in taken.items():
        faster = statistics.median(a[0] / b[0] for a, b in zip(taken["float32"], ones, strict=True))
        cosine = torch.nn.functional.cosine_similarity(given["float32"], given[name]).min().item()
        cpu, wall = (1e3 * statistics.median(one[i] for one in ones) / IMAGES for i in (0, 1))
        rows[name] = {"processor": cpu, "clock": wall, "faster": faster, "cosine": cosine, "set up": first[name]}
        lines.append(f"| {name} | {cpu:.0f} | {wall:.0f} | **{faster:.2f}** | {cosine:.5f} | {first[name]:.1f} |")
    lines += [f"\nNot measured: {name}: {why}" for name, why in left_out.items()]
    run.figures["tower"] = rows
    return lines


# ---------------------------------------------------------------- CPUs that lack instructions


def times_of_this_cpu(quick: bool) -> dict[str, float]:
    """Processor time of the tower in float32 and in bfloat16, ms per image, and what `auto` takes."""
    model = new_model(Machine("cpu", quick), "frames")
    tower: Any = model.network.encoder
    images = torch.randn(4, 3, model.input.image_size, model.input.image_size)
    other = copy.deepcopy(tower)
    other.round_to(torch.bfloat16)
    taken: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    with torch.inference_mode():
        for turn in range(ROUNDS):
            for name, call in (("float32", tower), ("bfloat16", other)):
                spent = cost(lambda call=call: call(images))[0]  # type: ignore[misc]
                if turn:
                    taken[name].append(1e3 * spent / len(images))
    return {name: min(ones) for name, ones in taken.items()}


def other_cpus(run: Benchmark) -> list[str]:
    """A table of the same tower where oneDNN may use fewer instructions."""
    lines = ["| at most | float32, ms per image | bfloat16 | faster |", "|---|---|---|---|"]
    for isa in ISAS[:1] if run.quick else ISAS:
        if run.quick:
            one = times_of_this_cpu(True)
        else:
            command = [sys.executable, __file__, "--child"]
            done = subprocess.run(
                command, env={**os.environ, "ONEDNN_MAX_CPU_ISA": isa}, capture_output=True, text=True, check=True
            )
            one = json.loads(done.stdout.splitlines()[-1])
        faster = one["float32"] / one["bfloat16"]
        run.figures.setdefault("instructions", {})[isa] = {**one, "faster": faster}
        lines.append(f"| {isa} | {one['float32']:.0f} | {one['bfloat16']:.0f} | **{faster:.2f}** |")
    return lines


# ---------------------------------------------------------------- the same answers


def precision_of(model: TrainedModel, table: Any, root: Path) -> tuple[AveragePrecisionScores, Tensor]:
    """Scores on a table's clips, and the probabilities ``(N, C)``."""
    scored = []
    for clip in table.clips:
        answer = model.predict(root / clip.video, clip.start, clip.stop)
        scored.append([answer[name] for name in model.classes])
    probabilities = torch.tensor(scored, dtype=torch.float64)
    labels = torch.tensor([[int(name in clip.labels) for name in model.classes] for clip in table.clips])
    return AveragePrecisionScores(probabilities.logit(), labels), probabilities


def answers(run: Benchmark, checkpoint: Path, labels: Path, clips: int | None) -> list[str]:
    """A table of macro mAP on the test clips in each precision."""
    table = read_table(labels, Reading()).split("test")
    table = dataclasses.replace(table, clips=table.clips[:clips])
    lines = ["| precision | macro mAP | points | largest change of a probability |", "|---|---|---|---|"]
    base: tuple[float, Tensor] | None = None
    for name in ("float32", "bfloat16"):
        model = load_model(checkpoint)
        scores, probabilities = precision_of(
            model if name == "float32" else model.compute_in("bf16"), table, labels.parent
        )
        base = base or (scores.macro, probabilities)
        points, change = 100 * (scores.macro - base[0]), float((probabilities - base[1]).abs().max())
        run.figures.setdefault("demo", {})[name] = {"mAP": scores.macro, "points": points, "change": change}
        lines.append(f"| {name} | {100 * scores.macro:.2f} | {points:+.2f} | {change:.4f} |")
    return lines


def packages() -> str:
    """Versions of what was measured."""
    found = []
    for name in ("torch", "open_clip_torch", "torchao", "openvino"):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)


def main() -> None:
    """Measure and write the page."""
    parser = new_parser(__doc__)
    parser.add_argument("--demo", type=Path, help="folder of `amclip demo`, with runs and data")
    parser.add_argument("--work", type=Path, default=Path("runs/cpu_inference"), help="folder for the drawn video")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of the video")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sections", nargs="*", choices=SECTIONS, default=SECTIONS, help="default: all")
    parser.add_argument("--child", action="store_true", help="times of the tower alone, for oneDNN's sake")
    if "--child" in sys.argv:
        torch.set_num_threads(1)
        print(json.dumps(times_of_this_cpu(False)))
        return
    run = Benchmark(parser, __file__, needs=["demo"])
    seconds, size = (2.0, (48, 64)) if run.quick else (run.options.seconds, (360, 640))
    torch.set_num_threads(run.options.threads)
    capable = "" if bfloat16_is_fast() else "out"
    run.head(
        f"""# Annotating on a CPU

Written by `docs/benchmarks/cpu_inference.py`, {datetime.date.today()}; {packages()};
{run.options.threads} threads of {os.cpu_count()} cores, an {torch.backends.cpu.get_cpu_capability()} CPU with{capable}
AMX for bfloat16. ViT-B/16 at 224 pixels with random weights, windows of 2 s every 0.5 s, one at a
time; each frame is decoded and embedded once, however far windows overlap. All that is compared takes turns, {ROUNDS}
rounds, medians; *faster* is a ratio of processor times, since the machine had other work (load
{os.getloadavg()[0]:.0f}): on an idle one the clock's times are about the processor's, over the threads."""
    )
    wanted = run.options.sections
    for modality in ("interleaved", "frames") if "stages" in wanted else ():
        with run.section(f"By stage, {modality}") as lines:
            lines += stages(run, draw(run.work / f"{seconds:g}s.mp4", size, seconds), modality)
    torch.set_num_threads(1)
    if "libraries" in wanted:
        with run.section("What libraries give") as lines:
            model = new_model(Machine("cpu", run.quick), "frames")
            lines.append(f"The image tower alone, {IMAGES} images at a time, one thread.\n")
            lines += side_by_side(run, model.network.encoder.visual, model.input.image_size)
    if "instructions" in wanted:
        with run.section("CPUs that lack instructions") as lines:
            lines.append("The same tower, one thread, 4 images, with oneDNN told to use no more than these.\n")
            lines += other_cpus(run)
    if "answers" in wanted:
        with run.section("The same answers") as lines:
            if run.quick:
                lines += answers(run, untrained_checkpoint(run.work), drawn_clips() / "labels.csv", 2)
            else:
                lines.append("The test clips of `amclip demo`, its checkpoint.\n")
                checkpoint = next(run.options.demo.glob("runs/version_*/checkpoints/best.ckpt"))
                lines += answers(run, checkpoint, run.options.demo / "data/labels.csv", None)
    run.close()


if __name__ == "__main__":
    main()
