"""Exported networks beside PyTorch: how far their answers are from amclip's, and how long a clip takes.

    python docs/benchmarks/export.py

Networks are the demo's image tower with random heads, 4 segments of 4 positions, one for each modality, fusion, pooling
over time and head; each is written as ONNX and as a program of torch.export, and both run on the CPU, with one thread,
as PyTorch does. Where one cannot be written, its reason is in the table. `--quick` writes one, tiny.
"""

import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from sections import Benchmark, new_parser, untrained_checkpoint

from amclip.inference import TrainedModel, load_model
from amclip.inputs import FlowInput, MotionInput, NetworkInput
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
    "frozen tower": ({}, NO_IMAGES),
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

TEXT = """\
# Exported networks

`amclip export` beside PyTorch: the demo's image tower (images of {size} pixels), random heads, {positions} positions
a clip. Difference: the most by which a probability of drawn clips differs from amclip's. Milliseconds a clip: {clips}
clips at a time, median of {runs} runs, one thread. {machine}. Written by `docs/benchmarks/export.py`.

| network | difference, ONNX | difference, .pt2 | ms a clip, PyTorch | onnxruntime | .pt2 |
|---|---|---|---|---|---|
{rows}
"""


def model_of(seen: Mapping[str, Any], made: Mapping[str, Any]) -> TrainedModel:
    """A network of the demo's tower with random heads."""
    input = NetworkInput(num_segments=4, positions_per_segment=4, frame_size=(64, 64), image_size=64, **seen)
    settings = {"temporal": TemporalConfig(heads=4), **made}
    config = NetworkConfig("amclip-tiny", "synthetic", **settings).with_architecture(input.image_size)
    torch.manual_seed(0)
    motion = motion_shape(input) if input.flow.motion is not None else None
    network = InterleavedClassifier(config, len(CLASSES), 4, 4, input.num_streams, motion)
    network.load(fetch_published(config))
    with torch.no_grad():
        for head in network.text_heads():
            head.set_text_features(torch.randn(head.text_features.shape))
    return TrainedModel(network.eval(), input, CLASSES)


def milliseconds(run: Callable[[], object], runs: int) -> float:
    """Median time of a call."""
    times = []
    with torch.inference_mode():
        run()
        for _ in range(runs):
            begin = time.perf_counter()
            run()
            times.append(time.perf_counter() - begin)
    return 1000 * statistics.median(times)


def row_of(name: str, model: TrainedModel, folder: Path, clips: int, runs: int) -> str:
    """The table's row of a network."""
    given = example_clips(model, clips)
    network = PortableNetwork(model).eval()
    cells = {"torch": f"{milliseconds(lambda: network(*given.values()), runs) / clips:.1f}"}
    for kind, write in (("onnx", write_onnx), ("pt2", write_pt2)):
        path = folder / f"model.{kind}"
        try:
            cells[f"{kind} difference"] = f"{write(model, path):.1e}"
        except (ValueError, ModuleNotFoundError) as error:  # the latter in a quick run without the extra `export`
            cells |= {f"{kind} difference": str(error).replace("|", "/"), kind: "–"}
            continue
        if kind == "onnx":
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            arrays = {key: value.numpy() for key, value in given.items()}
            taken = milliseconds(lambda: session.run(None, arrays), runs)  # noqa: B023 (called at once)
        else:
            program = torch.export.load(path).module()
            taken = milliseconds(lambda: program(*given.values()), runs)  # noqa: B023 (called at once)
        cells[kind] = f"{taken / clips:.1f}"
    order = ("onnx difference", "pt2 difference", "torch", "onnx", "pt2")
    return f"| {name} | {' | '.join(cells[key] for key in order)} |"


def main() -> None:
    """Measure and write the table."""
    run = Benchmark(new_parser(__doc__), __file__)
    torch.set_num_threads(1)
    rows: list[str] = []
    clips, runs = (1, 1) if run.quick else (4, 20)
    models: dict[str, Callable[[], TrainedModel]] = {
        name: (lambda kinds=kinds: model_of(*kinds)) for name, kinds in KINDS.items()
    }
    if run.quick:
        models = {"untrained": lambda: load_model(untrained_checkpoint(run.work))}
    for name, made in models.items():
        with run.section(name) as lines:
            model = made()
            rows.append(row_of(name, model, run.work, clips, runs))
            lines.append(rows[-1])
    with run.section("Table"):
        names = ("torch", *(name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name)))
        versions = ", ".join(f"{name} {version(name).split('+')[0]}" for name in names)
        positions = model.input.num_positions
        machine = f"{platform.machine()}, Python {platform.python_version()}, {versions}"
        size = model.input.image_size
        run.write(
            TEXT.format(size=size, positions=positions, clips=clips, runs=runs, machine=machine, rows="\n".join(rows))
        )
    run.close()


if __name__ == "__main__":
    main()
