"""How late `amclip watch` is, what it skips and what it takes, on the CPU; writes live.md.

    python docs/benchmarks/live.py [--seconds 40] [--work runs/live]
    python docs/benchmarks/live.py --quick      two seconds of each

Videos of the synthetic animals are drawn and played as if they were cameras. Networks have random heads, which costs
the same as trained ones: that of `amclip demo`, and ViT-S/32, which a busy core cannot keep up with.
`taskset -c 0` before it says how many cores there are.
"""

import os
import platform
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from sections import Benchmark, new_parser

from amclip.data.synthetic import ClipSettings, iterate_frames
from amclip.data.writer import VideoWriter
from amclip.inference import TrainedModel
from amclip.inputs import NetworkInput
from amclip.live.latency import Latencies, measure_speed
from amclip.live.sources import PlayedFile
from amclip.live.windows import LatencyParts, LiveWindows
from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import NetworkConfig
from amclip.plain import from_plain

ROOT = Path(__file__).parents[2]
WINDOW = 4.0
CLASSES = tuple("abcdefg")


class Case(NamedTuple):
    """What is watched, and by which network."""

    name: str
    network: str
    size: tuple[int, int]
    fps: int
    hop: float


SMALL, LARGE = (96, 128), (480, 640)
CASES = [
    Case("the demo's videos", "demo", SMALL, 15, 1.0),
    Case("the demo's videos, a fine hop", "demo", SMALL, 15, 0.1),
    Case("a camera's size", "demo", LARGE, 30, 1.0),
    Case("a camera's size, a fine hop", "demo", LARGE, 30, 0.1),
    Case("a large network", "ViT-B-32", LARGE, 30, 1.0),
    Case("overload", "ViT-B-16", LARGE, 30, 1.0),
]


def drawn(folder: Path, case: Case, seconds: float) -> Path:
    """A video of the case's size and rate."""
    path = folder / f"animals_{case.size[1]}_{case.fps}_{seconds:.0f}.mp4"
    if not path.exists():
        print(f"drawing {path}", flush=True)
        with VideoWriter(path, case.fps, case.size, crf=23, preset="veryfast") as writer:
            for frame in iterate_frames(ClipSettings(7, seconds, case.size, case.fps), 3):
                writer.write(frame)
    return path


def network(name: str) -> TrainedModel:
    """The demo's network, or one with another image tower that sees as much in CLIP's size; random heads."""
    settings = yaml.safe_load((ROOT / "configs/demo.yaml").read_text("utf-8"))
    seen = NetworkInput.from_dict(settings["input"])
    given: dict[str, Any] = settings["model"]["network"]
    if name != "demo":
        seen, given = replace(seen, frame_size=(252, 252), image_size=224), {"backbone": name}
    torch.manual_seed(0)
    config = from_plain(NetworkConfig, {**given, "pretrained": None}).with_architecture(seen.image_size)
    made = InterleavedClassifier(config, len(CLASSES), seen.num_segments, seen.positions_per_segment, seen.num_streams)
    return TrainedModel(made.eval(), seen, CLASSES, clip_seconds=WINDOW)


def resident() -> float:
    """Memory this process has now, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20 if pages else float("nan")


def watch(model: TrainedModel, video: Path, case: Case, window: float, pace: float) -> dict[str, float]:
    """Watch a video to its end."""
    whole, parts = Latencies(), {name: Latencies() for name in LatencyParts._fields}
    live = LiveWindows(model, PlayedFile(video, model.input, pace), window, case.hop)
    memory: list[float] = []
    wall, cpu = time.perf_counter(), time.process_time()
    with live:
        while not live.over:
            for one in live.poll(0.1):
                whole.add(one.latency)
                for name, seconds in zip(parts, one.parts, strict=True):
                    parts[name].add(seconds)
                memory.append(resident())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    counts = live.counts
    return {
        "scored": whole.count,
        "late": counts.late,
        "broken": counts.broken,
        "frames": counts.frames,
        "dropped": counts.dropped_frames,
        "median": whole.percentile(50),
        "95": whole.percentile(95),
        "most": whole.most,
        **{name: part.mean for name, part in parts.items()},
        "processor": cpu / wall,
        "memory, a quarter": memory[len(memory) // 4],
        "memory, end": memory[-1],
    }


def main() -> None:
    """Draw, watch, write."""
    parser = new_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=40.0, help="of each video")
    parser.add_argument("--work", type=Path, default=Path("runs/live"), help="folder for the videos")
    parser.add_argument("--remark", default="", help="what else to say of the machine, a sentence")
    run = Benchmark(parser, __file__)
    seconds, window, pace, cases = run.options.seconds, WINDOW, 1.0, CASES
    if run.quick:
        seconds, window, pace, cases = 2.0, 0.8, 2.0, [case for case in CASES if case.network == "demo"]
        cases = [case._replace(size=SMALL, hop=case.hop / 4) for case in cases]
    torch.set_num_threads(1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    remark = f" {run.options.remark}" if run.options.remark else ""
    run.head(f"""# Live latency

Written by `docs/benchmarks/live.py`: videos of the synthetic animals, {seconds:g} s each, played in real time as if
they were cameras (their H.264 is decoded in the same process, by a thread); windows of {window:g} s;
{platform.machine()}, PyTorch {torch.__version__.split("+")[0]}, {cores} core(s) for everything.{remark}

Latency runs from the arrival of the last frame that a window looks at to its probabilities. What a camera, an encoder
and a cable take before comes on top, and the window itself: a behaviour that has just begun fills little of it.""")
    found: dict[str, dict[str, float]] = {}
    with run.section("What to expect of each network") as lines:
        lines += [
            "Measured on noise when a watch begins, ms.\n",
            "| network | flow of an image | embedding it | classifying a window | a whole window anew |",
            "|---|---|---|---|---|",
        ]
        models = {name: network(name) for name in dict.fromkeys(case.network for case in cases)}
        for name, model in models.items():
            lines.append(f"| {name} | {' | '.join(f'{1e3 * one:.1f}' for one in measure_speed(model))} |")
    with run.section("Latency") as lines:
        lines += [
            "| watched | network | pixels | frames/s | hop, s | median, ms | 95 % within | at most | wait | flow | "
            "network |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for case in cases:
            video = drawn(run.work, case, seconds)
            one = found[case.name] = watch(models[case.network], video, case, window, pace)
            times = [f"{1e3 * one[key]:.0f}" for key in ("median", "95", "most", *LatencyParts._fields)]
            about = f"{case.name} | {case.network} | {case.size[1]} × {case.size[0]} | {case.fps} | {case.hop:g}"
            lines.append(f"| {about} | {' | '.join(times)} |")
            print(lines[-1], flush=True)
        lines.append(
            "\nWait, flow and network are means of the latency's parts; flow and network of what was not done ahead."
        )
    with run.section("What was skipped, and what it took") as lines:
        lines += [
            "| watched | windows scored | skipped for want of time | for want of frames | frames | dropped | "
            "cores used | memory at a quarter, MB | at the end |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for name, one in found.items():
            counts = " | ".join(f"{one[key]:.0f}" for key in ("scored", "late", "broken", "frames", "dropped"))
            memory = f"{one['memory, a quarter']:.0f} | {one['memory, end']:.0f}"
            lines.append(f"| {name} | {counts} | {one['processor']:.2f} | {memory} |")
        lines.append(
            "\nMemory is that of the whole process, with all networks and PyTorch. Under overload the newest window is "
            "scored and those before it are skipped: its latency is that of one window anew, and does not grow."
        )
        run.figures = found
    run.close()


if __name__ == "__main__":
    main()
