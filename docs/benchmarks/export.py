"""Exported networks beside PyTorch: how far their answers are from amclip's, and how long a clip takes.

    python docs/benchmarks/export.py

The first table: the demo's image tower with random heads, 4 segments of 4 positions, one network for each modality,
fusion, pooling over time, head and loss. Each is written as ONNX and as a program of torch.export, and both run on the
CPU, with one thread, in turns with PyTorch. Times are of the processor, so that other work on the machine counts for
little. The second table: tiny towers of several families with random weights, which is written and compared, not
measured. Where one cannot be written, its reason is in the table. `--quick` writes one, tiny.
"""

import argparse
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from sections import Benchmark, new_parser, untrained_checkpoint

from amclip.calibration import Calibrator
from amclip.inference import TrainedModel, load_model
from amclip.inputs import FlowInput, MotionInput, NetworkInput
from amclip.losses import BCE, CrossEntropy, Loss
from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import FusionConfig, HeadConfig, NetworkConfig, TemporalConfig, TuningConfig
from amclip.models.published import fetch_published
from amclip.motion import motion_shape
from amclip.portable import PortableNetwork, example_clips, write_onnx, write_pt2

CLASSES = ("walking", "eating", "grooming", "resting")
MOTION = FlowInput(motion=MotionInput())
NO_IMAGES = {"tuning": TuningConfig(trainable_blocks=0)}
KINDS: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "frames": ({"modality": "frames"}, {}),
    "flow": ({"modality": "flow"}, {}),
    "frames and flow, late": ({}, {}),
    "frames and flow, interleaved": ({}, {"fusion": FusionConfig("interleaved")}),
    "numbers of motion beside": ({"flow": MOTION}, {}),
    "numbers of motion alone": ({"modality": "motion", "flow": MOTION}, NO_IMAGES),
    "LoRA": ({}, {"tuning": TuningConfig(lora_rank=2)}),
    "mean over time": ({}, {"temporal": TemporalConfig(layers=0)}),
    "attentive probe": ({}, {"temporal": TemporalConfig("attentive", heads=4)}),
    "X-CLIP's pooling": ({}, {"temporal": TemporalConfig("mit", heads=4)}),
    "X-CLIP's messages": ({}, {"cross_frame": True, "message_init": "xclip"}),
    "text head": ({}, {"head": HeadConfig("text")}),
    "text head with video prompts": (
        {},
        {"head": HeadConfig("text", video_prompt_layers=1, video_prompt_heads=4)},
    ),
    "a classifier for each segment, attention": ({}, {"share_classifiers": False, "aggregation": "attention"}),
    "semi-dense segments, maximum": ({"scheme": "semi-dense"}, {"aggregation": "max"}),
}
TOWERS_OF_TIMM = ("siglip", "eva02", "dinov3", "beit", "naflex")  # all other kinds share their code
EXCLUSIVE = "classes that exclude each other, temperature 8"
SURE = "all but sure, temperatures of 8"

TEXT = """\
# Exported networks

`amclip export` beside PyTorch, on the CPU. Difference: the most by which a calibrated probability of drawn clips
differs from amclip's; above 1e-4 nothing is written. Written by `docs/benchmarks/export.py` ({machine}).

## Networks

The demo's image tower (images of {size} pixels), random heads, {positions} positions a clip. PyTorch: milliseconds of
the processor a clip, {clips} clips at a time, one thread, median of {runs} runs. The others: how many times as fast,
the median over runs that took turns. The machine was shared, so a ratio means more than a time.

| network | difference, ONNX | difference, .pt2 | PyTorch, ms a clip | onnxruntime | .pt2 |
|---|---|---|---|---|---|
{rows}

“All but sure”: the largest logit is about {surest:.0f}, which as a probability is 1 in float32.

## Towers

Tiny ones with random weights, of several families of [the list of encoders](../models.md#encoders), for frames and
flow, joined late. (open_clip's own is above.)

| tower | difference, ONNX | difference, .pt2 |
|---|---|---|
{towers}
"""


def new_network(
    input: NetworkInput, config: NetworkConfig, loss: Loss = BCE(), temperature: float = 1.0
) -> TrainedModel:
    """A network with random weights, and calibrated."""
    config = config.with_architecture(input.image_size)
    torch.manual_seed(0)
    motion = motion_shape(input) if input.flow.motion is not None else None
    shape = input.num_segments, input.positions_per_segment, input.num_streams
    network = InterleavedClassifier(config, len(CLASSES), *shape, motion)
    if config.pretrained:
        network.load(fetch_published(config))
    with torch.no_grad():
        for head in network.text_heads():
            head.set_text_features(torch.randn(head.text_features.shape))
        for name, parameter in network.named_parameters():
            if "lora_B" in name:  # starts as 0: nothing learned
                torch.nn.init.normal_(parameter, std=0.02)
    calibrator = Calibrator((temperature,) * 4, (-0.5, 0.0, 0.5, 1.0), (0.5,) * 4, (0.0,) * 4, loss.exclusive)
    return TrainedModel(network.eval(), input, CLASSES, loss, calibrator)


def model_of(seen: Mapping[str, Any], made: Mapping[str, Any], **more: Any) -> TrainedModel:
    """A network of the demo's tower with random heads."""
    input = NetworkInput(num_segments=4, positions_per_segment=4, frame_size=(64, 64), image_size=64, **seen)
    config = NetworkConfig("amclip-tiny", "synthetic", **{"temporal": TemporalConfig(heads=4), **made})
    return new_network(input, config, **more)


def sure_model(loss: Loss) -> TrainedModel:
    """The first network with heads that are all but sure of everything."""
    model = model_of({}, {}, loss=loss, temperature=8.0)
    with torch.no_grad():
        for name, parameter in model.network.classifiers.named_parameters():
            if name.endswith("head.linear.weight"):
                parameter.mul_(150)
    return model


def tower_model(backbone: str) -> TrainedModel:
    """A network of a tiny tower."""
    input = NetworkInput(num_segments=2, positions_per_segment=2, frame_size=(32, 32), image_size=32)
    return new_network(input, NetworkConfig(backbone, None, temporal=TemporalConfig(heads=2)))


def tiny_towers() -> dict[str, str]:
    """The tests' tiny towers: what each is of, and its name."""
    tests = str(Path(__file__).parents[2] / "tests/data")
    sys.path[:0] = [] if tests in sys.path else [tests]
    import tiny_timm  # noqa: F401 (makes the towers known)
    import tiny_vjepa

    towers = {f"timm: {kind}": f"timm:tiny_{kind}" for kind in TOWERS_OF_TIMM}
    return towers | {f"V-JEPA {kind[0]}": f"vjepa:{name}" for name, kind in tiny_vjepa.KINDS.items()}


def written(model: TrainedModel, folder: Path) -> dict[str, str]:
    """How far the answers of each kind of file are from amclip's, or why there is none."""
    found = {}
    for kind, write in (("onnx", write_onnx), ("pt2", write_pt2)):
        try:
            found[kind] = f"{write(model, folder / f'model.{kind}'):.0e}"
        except (ValueError, ModuleNotFoundError) as error:  # the latter in a quick run without the extra `export`
            found[kind] = "`" + str(error).replace("|", "/").replace("`", "'") + "`"  # it may hold what reads as a link
            (folder / f"model.{kind}").unlink(missing_ok=True)
    return found


def ways_to_run(model: TrainedModel, folder: Path, clips: int) -> dict[str, Callable[[], object]]:
    """PyTorch, and the files that are there, on the same drawn clips."""
    given = example_clips(model, clips)
    network = PortableNetwork(model).eval()
    ways: dict[str, Callable[[], object]] = {"torch": lambda: network(*given.values())}
    if (folder / "model.onnx").exists():
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        arrays = {key: value.numpy() for key, value in given.items()}
        ways["onnx"] = lambda: session.run(None, arrays)
    if (folder / "model.pt2").exists():
        program = torch.export.load(folder / "model.pt2").module()
        ways["pt2"] = lambda: program(*given.values())
    return ways


def measured(ways: Mapping[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Milliseconds of the processor of each way in each run, in turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    with torch.inference_mode():
        for run in range(runs + 1):
            for name, call in ways.items():
                begin = time.process_time()
                call()
                if run:  # the first one warms up
                    times[name].append(1000 * (time.process_time() - begin))
    return times


def row_of(name: str, model: TrainedModel, folder: Path, clips: int, runs: int) -> str:
    """The table's row of a network."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        differences = written(model, Path(place))
        times = measured(ways_to_run(model, Path(place), clips), runs)
    cells = [*differences.values(), f"{statistics.median(times['torch']) / clips:.1f}"]
    for kind in differences:
        turns = zip(times["torch"], times.get(kind, ()), strict=False)
        ratios = [plain / other for plain, other in turns]
        cells.append(f"{statistics.median(ratios):.2f}" if ratios else "–")
    return f"| {name} | {' | '.join(cells)} |"


def row_of_tower(name: str, backbone: str, folder: Path) -> str:
    """The table's row of a tower."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        return f"| {name} | {' | '.join(written(tower_model(backbone), Path(place)).values())} |"


def kept(folder: Path, name: str, measure: Callable[[], str]) -> str:
    """A row that an earlier run left in the folder, or else one that is measured now and left there."""
    path = folder / f"{re.sub(r'[^a-z0-9]+', '_', name.lower())}.row"
    if not path.exists():
        path.write_text(measure(), encoding="utf-8")
    return path.read_text("utf-8")


def highest_logit(model: TrainedModel) -> float:
    """Of drawn clips."""
    with torch.inference_mode():
        return float(model.network(*example_clips(model, 4).values()).max())


def parser() -> argparse.ArgumentParser:
    found = new_parser(__doc__)
    found.add_argument(
        "--work",
        type=Path,
        default=Path("runs/export"),
        help="folder for rows: a second run keeps them",
    )
    found.add_argument("--runs", type=int, default=15, help="runs that are measured")
    return found


def main() -> None:
    """Measure and write the tables."""
    run = Benchmark(parser(), __file__)
    torch.set_num_threads(1)
    clips, runs = (1, 1) if run.quick else (4, run.options.runs)
    models: dict[str, Callable[[], TrainedModel]] = {
        name: (lambda kinds=kinds: model_of(*kinds)) for name, kinds in KINDS.items()
    }
    models |= {SURE: lambda: sure_model(BCE()), EXCLUSIVE: lambda: sure_model(CrossEntropy())}
    towers = tiny_towers()
    if run.quick:
        models, towers = {"untrained": lambda: load_model(untrained_checkpoint(run.work))}, {}
    rows: list[str] = []
    kinds_of_towers: list[str] = []
    for name, made in models.items():
        with run.section(name) as lines:
            lines.append(kept(run.work, name, lambda: row_of(name, made(), run.work, clips, runs)))  # noqa: B023
            rows += lines
    for name, backbone in towers.items():
        with run.section(name) as lines:
            lines.append(kept(run.work, name, lambda: row_of_tower(name, backbone, run.work)))  # noqa: B023
            kinds_of_towers += lines
    with run.section("Tables"):
        names = ("torch", *(name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name)))
        versions = ", ".join(f"{name} {version(name).split('+')[0]}" for name in names)
        sure = sure_model(BCE())
        told = {"size": sure.input.image_size, "positions": sure.input.num_positions, "surest": highest_logit(sure)}
        run.write(
            TEXT.format(
                machine=f"{platform.machine()}, Python {platform.python_version()}, {versions}",
                **{**told, "clips": clips, "runs": runs},
                rows="\n".join(rows),
                towers="\n".join(kinds_of_towers),
            )
        )
    run.close()


if __name__ == "__main__":
    main()
