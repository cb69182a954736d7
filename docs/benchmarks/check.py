"""How long `amclip check` takes for a data set of short clips, and what it would take to decode their pictures.

    python docs/benchmarks/check.py [VIDEO ...] [--videos 200] [--rounds 5] [--work FOLDER] [--output check.md]
    python docs/benchmarks/check.py --quick     two clips of a second, drawn small

Draws clips of the shape of Animal Kingdom's, 6 s of 640 × 360 pixels at 30 frames per second, H.264 with key frames 250
apart, and looks for the frames of each as a worker of `amclip check` does: as it is done, with the last group of
pictures decoded instead, and with everything decoded (`--thorough`). The ways take turns, in every round, clip by clip,
in a process that keeps its memory as a worker does. Then the whole command runs, without and with what it remembers.
Other videos may be given, to be measured beside them.
"""

import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import av
import numpy as np
from sections import Benchmark, new_parser

from amclip.data import _probe_worker as worker
from amclip.data._thin import Thinner
from amclip.data.probe import KEEP_MEMORY

GOAL = 6.0  # ms: 10,000 clips in a minute
SEVERAL = 32  # videos, for which as many workers are started as for all
DRAWN = 8  # different clips; the others are the same with other sizes, so that none passes for another

HEAD = """# Checking short clips

Written by `docs/benchmarks/check.py`: milliseconds of processor time per video, on one core of {machine}, PyAV {av};
medians of {rounds} rounds in which the ways take turns, and the smallest and largest round. {videos} drawn clips of
{seconds:g} s, 640 × 360, 30 frames/s, H.264, one key frame each. The load of the machine, which has {cores} cores, was
{load:.1f} when this began."""


def draw_clip(path: Path, seed: int, seconds: float, size: tuple[int, int]) -> None:
    """A textured ground that a camera pans over, with a dark animal on it."""
    height, width = size
    random = np.random.default_rng(seed)
    coarse = random.integers(60, 200, (height // 8 + 8, width // 8 + 24, 3), dtype=np.uint8)
    ground = coarse.repeat(8, 0).repeat(8, 1)
    rows, columns = np.ogrid[:height, :width]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "veryfast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = 250
        for number in range(round(30 * seconds)):
            image = ground[:height, number // 2 : number // 2 + width].copy()
            image = image + random.integers(0, 12, image.shape, dtype=np.uint8)
            away = ((rows - height / 2) / (height / 6)) ** 2 + ((columns - 2 * number % width) / (width / 9)) ** 2
            image[away < 1] //= 3
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def draw_clips(folder: Path, count: int, seconds: float, size: tuple[int, int]) -> list[Path]:
    """Clips in a folder, those that are not there already."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"clip{number:05d}.mp4" for number in range(count)]
    for number, path in enumerate(paths):
        if path.exists():
            continue
        if number < DRAWN:
            draw_clip(path, number, seconds, size)
        else:
            unused = (8 + number).to_bytes(4, "big") + b"free" + bytes(number)  # a box that players skip
            path.write_bytes(paths[number % DRAWN].read_bytes() + unused)
    return paths


def look(path: Path, step: str = "ends") -> None:
    worker.answer({"path": str(path), "step": step, "timeout": 600.0})


def with_pictures(path: Path) -> None:
    """The ends, with every picture since the key frame decoded."""
    with (
        mock.patch.object(worker, "last_frame_decodes", return_value=False),
        mock.patch.object(Thinner, "thin", lambda self, packet, decides: packet),
    ):
        look(path)


WAYS: dict[str, Callable[[Path], None]] = {
    "as it is": look,
    "last group decoded": with_pictures,
    "`--thorough`": lambda path: look(path, "count"),
}


def measure(paths: Sequence[Path], rounds: int) -> dict[str, list[float]]:
    """Milliseconds per video of each way, round by round; a first reading of each video does not count."""
    for path in paths:
        look(path)
    taken: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        spent = dict.fromkeys(WAYS, 0.0)
        for path in paths:
            for name, way in WAYS.items():
                begin = time.process_time()
                way(path)
                spent[name] += time.process_time() - begin
        for name, seconds in spent.items():
            taken[name].append(1e3 * seconds / len(paths))
    return taken


def table(taken: dict[str, list[float]]) -> list[str]:
    """One row for each way; ratios are those within a round."""
    rows = ["| way | ms per video | from, to | times as long |", "|---|---|---|---|"]
    for name, times in taken.items():
        ratio = statistics.median(time / base for time, base in zip(times, taken["as it is"], strict=True))
        cells = f"{statistics.median(times):.1f} | {min(times):.1f} to {max(times):.1f} | {ratio:.1f}"
        rows.append(f"| {name} | {cells} |")
    return rows


def spent_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_check(labels: Path, cache: str) -> float:
    """Processor time of one `amclip check`, its workers included, in seconds."""
    before = spent_by_children()
    words = ["check", f"--data.source.labels={labels.name}", f"--data.cache_dir={cache}"]
    done = subprocess.run(
        [sys.executable, "-m", "amclip", *words], cwd=labels.parent, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1) or " in " not in done.stdout:
        raise RuntimeError(f"amclip check: {done.stdout}{done.stderr}")
    return spent_by_children() - before


def write_table(path: Path, videos: Sequence[Path]) -> Path:
    """A row for each video, with a label."""
    rows = (f"clips/{video.name},{('walking', 'resting')[number % 2]}\n" for number, video in enumerate(videos))
    path.write_text("filepath,label\n" + "".join(rows), encoding="utf-8")
    return path


def main() -> None:
    """Measure and write the page."""
    parser = new_parser(__doc__)
    parser.add_argument("given", type=Path, nargs="*", metavar="VIDEO")
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", type=Path, default=Path("runs/check"))
    run = Benchmark(parser, __file__)
    if not run.quick and any(os.environ.get(name) != value for name, value in KEEP_MEMORY.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **KEEP_MEMORY})
    count, rounds, seconds, size = run.options.videos, run.options.rounds, 6.0, (360, 640)
    if run.quick:
        count, rounds, seconds, size = 2, 1, 1.0, (48, 64)
    paths = draw_clips(run.work / "clips", count, seconds, size)
    run.head(
        HEAD.format(
            machine=platform.machine(),
            av=version("av"),
            rounds=rounds,
            videos=count,
            seconds=seconds,
            cores=os.cpu_count(),
            load=os.getloadavg()[0],
        )
    )
    with run.section("A video") as lines:
        taken = measure(paths[:40], rounds)
        lines += [*table(taken), "", f"10,000 such videos in a minute would be {GOAL:g} ms each."]
    with run.section("The whole command") as lines:
        several = min(SEVERAL, count - 1)
        labels, few = write_table(run.work / "labels.csv", paths), write_table(run.work / "few.csv", paths[:several])
        costs: list[list[float]] = [[], [], []]
        for turn in range(rounds):
            cache = f"cache-{os.getpid()}-{turn}"
            costs[0].append(run_check(few, f"{cache}/few"))
            costs[1].append(run_check(labels, f"{cache}/all"))
            costs[2].append(run_check(labels, f"{cache}/all"))
        some, new, known = (statistics.median(ones) for ones in costs)
        per_video = statistics.median(
            1e3 * (more - few) / (count - several) for few, more in zip(costs[0], costs[1], strict=True)
        )
        lines += [
            "| `amclip check` of | processor, s |",
            "|---|---|",
            f"| {several} videos | {some:.2f} |",
            f"| {count} videos | {new:.2f} |",
            f"| the same again: what was found is remembered | {known:.2f} |",
            "",
            f"A video more costs {per_video:.1f} ms, with all that the command does for it.",
        ]
    for path in run.options.given:
        with run.section(path.name) as lines:
            lines += table(measure([path], rounds))
    run.close()


if __name__ == "__main__":
    main()
