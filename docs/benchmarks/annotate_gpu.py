"""How fast `amclip annotate` goes over a video on a GPU, and what takes the time; writes annotate_gpu.md and .json.

    python docs/benchmarks/annotate_gpu.py [--seconds 60] [--output annotate_gpu.md]
    python docs/benchmarks/annotate_gpu.py --quick      a tiny network on the CPU, to see that it works

The loop of `amclip annotate` itself (:func:`amclip.ethogram.stream.stream_windows`) runs over drawn videos, with random
weights of ViT-B/16 (224 pixels), windows of 2 s at 0.5 s, in bfloat16 as `--precision bf16` has it. Decoding is
timed in the thread that reads ahead, the other parts by CUDA events, for which nothing waits: what is left of the time
is what the GPU waits for the decoder and for Python. Sections are in order of their worth, each saved as it is done.
`--before` measures each once more as amclip was before: decoding one batch ahead, and waiting for each batch's scores.

Both decoders are measured side by side, by themselves and within the loop: PyAV on the CPU and, as `--decoder gpu`
has it, torchcodec on the GPU (`pip install "amclip[gpu-decode]"`); where that is not there, a line says so.
"""

import contextlib
import datetime
import os
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from device_times import Machine, Marks, as_before
from sections import Benchmark, new_parser

from amclip.data.gpu_reader import why_no_gpu_decoder, why_no_torchcodec
from amclip.data.probe import probe
from amclip.data.synthetic import ClipSettings, iterate_frames
from amclip.data.video import Video, VideoInfo
from amclip.data.writer import VideoWriter
from amclip.ethogram.stream import Decoder, open_windows, stream_windows
from amclip.inference import TrainedModel
from amclip.inputs import NetworkInput
from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import NetworkConfig, TemporalConfig

FPS, WINDOW, HOP, CLASSES = 25.0, 2.0, 0.5, 20
SIZES = ((360, 640), (1080, 1920), (1024, 1024))  # in order of their worth, where time is short
BATCHES = (1, 8)  # windows at a time: the command's default, and more
DRAWN_SECONDS = 4.0  # are drawn, and repeated to the length
PARTS = ("flow", "other preprocessing", "embed", "classify")


def draw(path: Path, size: tuple[int, int], seconds: float) -> Path:
    """A video of drawn animals, enlarged to the size; some seconds of it again and again."""
    if not path.exists():
        drawn = list(iterate_frames(ClipSettings(0, DRAWN_SECONDS, fps=FPS), 0))
        large = [np.asarray(cv2.resize(frame, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8) for frame in drawn]
        with VideoWriter(path, FPS, size, crf=23) as writer:
            for number in range(round(seconds * FPS)):
                writer.write(large[number % len(large)])
    return path


def new_model(machine: Machine, modality: str) -> TrainedModel:
    """Random weights, which change no time."""
    name, side, positions = ("amclip-tiny", 32, 3) if machine.quick else ("ViT-B-16-quickgelu", 224, 8)
    seen = NetworkInput(
        num_segments=1,
        positions_per_segment=positions,
        image_size=side,
        frame_size=(side, side),
        modality=modality,  # type: ignore[arg-type]
    )
    config = NetworkConfig(name, temporal=TemporalConfig(heads=4)).with_architecture(side)
    streams = 2 if modality == "interleaved" else 1
    network = InterleavedClassifier(config, CLASSES, 1, positions, streams).to(machine.device).eval()
    return TrainedModel(network, seen, tuple(f"action {number}" for number in range(CLASSES)))


@contextlib.contextmanager
def marked(model: TrainedModel, spent: dict[str, float]) -> Iterator[Callable[[], None]]:
    """Seconds of each part while the block runs; what it gives adds them up, and waits for the device."""
    network: Any = model.network
    marks: list[tuple[str, Marks]] = []

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **settings: Any) -> Any:
            mine = Marks(model.device)
            result = function(*arguments, **settings)
            mine.add(part)
            marks.append((part, mine))
            return result

        return call

    def read_in_order(self: Video, indices: Any) -> Iterator[Any]:
        frames = reading(self, indices)
        while True:
            begin = time.perf_counter()
            frame = next(frames, None)
            spent["decode"] += time.perf_counter() - begin
            if frame is None:
                return
            spent["frames"] += 1
            yield frame

    def add_up() -> None:
        for part, mine in marks:
            spent[part] += sum(seconds for _, seconds in mine.intervals())
        spent["other preprocessing"] = spent["preprocessing"] - spent["flow"]

    reading = Video.read_in_order
    embed, classify = network.embed, network.classify
    forward, flow = model.preprocess.forward, model.preprocess.flow.forward
    network.embed, network.classify = timed("embed", embed), timed("classify", classify)
    model.preprocess.forward = timed("preprocessing", forward)
    model.preprocess.flow.forward = timed("flow", flow)
    Video.read_in_order = read_in_order  # type: ignore[method-assign]
    try:
        yield add_up
    finally:
        Video.read_in_order = reading  # type: ignore[method-assign]
        network.embed, network.classify = embed, classify
        model.preprocess.forward, model.preprocess.flow.forward = forward, flow


def annotate(
    model: TrainedModel, path: Path, machine: Machine, batch: int, decoder: Decoder = "cpu"
) -> dict[str, float]:
    """Frames per second and times real time of one pass over a video, and milliseconds per frame of each part."""
    info = probe([path], progress=False)[path]
    assert isinstance(info, VideoInfo)
    spent = dict.fromkeys(("decode", "frames", "preprocessing", *PARTS), 0.0)
    if machine.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with (
        open_windows(model, path, info, WINDOW, HOP, decoder) as (video, plan),
        marked(model, spent) as add_up,
    ):
        begin, windows = time.perf_counter(), 0
        for some in stream_windows(model, video, plan, batch=batch):
            windows += len(some.probabilities)
        whole = time.perf_counter() - begin
        add_up()
    found = {part: 1e3 * spent[part] / info.num_frames for part in ("decode", *PARTS)}
    busy = sum(spent[part] for part in PARTS) / whole
    peak = torch.cuda.max_memory_allocated() / 2**30 if machine.device.type == "cuda" else 0.0
    rates = {"frames/s": info.num_frames / whole, "real time": info.duration / whole, "windows": windows}
    return {**rates, **found, "decoded": spent["frames"] / info.num_frames, "device busy": busy, "peak GiB": peak}


def decode(path: Path, size: tuple[int, int], device: str | None, every: int) -> dict[str, float]:
    """Seconds to open a video, and frames of it per second and per second of the processor, reading some of them."""
    info = probe([path], progress=False)[path]
    assert isinstance(info, VideoInfo)
    begin, used = time.perf_counter(), time.process_time()
    with Video(path, size, info=info, decode_on=device) as video:
        opened = time.perf_counter() - begin
        for _ in video.read_in_order(range(0, video.num_frames, every)):
            pass
    whole, used = time.perf_counter() - begin, time.process_time() - used
    return {"open": opened, "frames/s": info.num_frames / (whole - opened), "frames/CPU s": info.num_frames / used}


def gpu_decoder(machine: Machine) -> tuple[str, str]:
    """The device that torchcodec shall decode on, and why there is none; a quick run takes the CPU."""
    why = why_no_torchcodec() if machine.device.type == "cpu" else why_no_gpu_decoder()
    return str(torch.empty(0, device=machine.device).device), why


DECODERS = [
    "| | frames read | decoder | opened in, ms | frames/s | frames per second of the processor |",
    "|---|---|---|---|---|---|",
]
HEADER = [
    "| | windows at a time | frames/s | × real time | frames decoded | decode, ms per frame | "
    f"{' | '.join(PARTS)} | device busy | peak GiB |",
    "|---" * (8 + len(PARTS)) + "|",
]


def row(name: str, batch: int, found: dict[str, float]) -> str:
    """A line of the table."""
    parts = " | ".join(f"{found[part]:.2f}" for part in ("decode", *PARTS))
    rates = f"{found['frames/s']:.0f} | {found['real time']:.1f} | {found['decoded']:.0%}"
    return f"| {name} | {batch} | {rates} | {parts} | {found['device busy']:.0%} | {found['peak GiB']:.1f} |"


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/annotate_gpu"), help="folder for the drawn videos")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the videos")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--before", action="store_true", help="each also as amclip was before")
    run = Benchmark(parser, __file__)
    sizes, batches, modalities = SIZES, BATCHES, ("interleaved", "frames")
    if run.quick:
        run.options.device, run.options.seconds, run.options.before = "cpu", 4.0, True
        sizes, batches = ((48, 64),), (1, 2)
    machine = Machine(run.options.device, run.quick)
    run.head(
        f"""# Annotating on a GPU

Written by `docs/benchmarks/annotate_gpu.py` on {machine.name}, {datetime.date.today()}; {machine.versions};
{os.cpu_count()} cores. One drawn video of {run.options.seconds:g} s at {FPS:g} frames/s, ViT-B/16 at 224 pixels with
random weights, bfloat16, windows of {WINDOW:g} s every {HOP:g} s. Parts in milliseconds per frame of the video;
decoding runs in a thread beside the others, which are the GPU's time."""
    )
    run.figures["device"] = machine.name
    on_gpu, why = gpu_decoder(machine)
    decoders: tuple[Decoder, ...] = ("cpu",) if why else ("cpu", "gpu")
    with run.section("Decoders, side by side") as lines:
        lines += [f"Not measured on the GPU: {why}.", ""] if why else []
        lines += DECODERS
        for height, width in sizes:
            video = draw(run.work / f"{width}_{height}.mp4", (height, width), run.options.seconds)
            for every, decoder in product((1, 3), decoders):
                device = on_gpu if decoder == "gpu" else None
                for _ in range(2):  # the first time brings the file into the system's cache
                    found = decode(video, (36, 36) if machine.quick else (224, 224), device, every)
                run.figures[f"decode, {width} × {height}, every {every}, {decoder}"] = found
                speed = f"{1e3 * found['open']:.0f} | {found['frames/s']:.0f} | {found['frames/CPU s']:.0f}"
                lines.append(f"| {width} × {height} | {'all' if every == 1 else 'a third'} | {decoder} | {speed} |")
    rows = []
    for modality in modalities:
        with run.section(f"Warming up, {modality}"):
            model = new_model(machine, modality).compute_in("bf16" if machine.device.type == "cuda" else "32")
            first = draw(run.work / f"first_{sizes[0][0]}.mp4", sizes[0], 4.0)
            for batch in batches:  # compiles kernels and captures graphs of these shapes
                annotate(model, first, machine, batch)
        for height, width in sizes:
            ways = [(decoder, False) for decoder in decoders] + [("cpu", True)] * run.options.before
            for batch, (decoder, before) in product(batches, ways):
                name = f"{width} × {height}, {modality}{', as before' if before else ''}"
                name += ", decoded on the GPU" if decoder == "gpu" else ""
                way = as_before(machine.device) if before else contextlib.nullcontext()
                with run.section(f"{name}, {batch} windows at a time") as lines, way:
                    video = draw(run.work / f"{width}_{height}.mp4", (height, width), run.options.seconds)
                    found = annotate(model, video, machine, batch, decoder)
                    run.figures[f"{name}, {batch}"] = found
                    rows.append(row(name, batch, found))
                    lines += [*HEADER, rows[-1]]
    with run.section("Together") as lines:
        lines += [*HEADER, *rows]
    run.close()


if __name__ == "__main__":
    main()
