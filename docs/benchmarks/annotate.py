"""What `amclip annotate` promises of long videos, measured; writes annotate.md.

    python docs/benchmarks/annotate.py CHECKPOINT FOLDER [--hours 2] [--kills 20] [--output annotate.md]
    python docs/benchmarks/annotate.py --quick      seconds of video, an untrained network, nothing killed

FOLDER keeps the drawn videos and, in measured.json, what was measured: delete that file to measure again. Run it on a
machine that is otherwise idle, or read the times of the processor alone. CHECKPOINT is one of
`amclip demo`.

* memory and time: a video of two hours against one of ten minutes, each annotated by a process of its own
* equality: streamed scores against a run window by window, bit by bit
* speed: against that run, at three overlaps, the two taking turns
* kills: the same command killed with -9 at random moments until it has been killed so often
"""

import contextlib
import io
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sections import Benchmark, new_parser, untrained_checkpoint

import amclip
from amclip.data.synthetic import ClipSettings, iterate_frames
from amclip.data.video import Video
from amclip.data.writer import VideoWriter
from amclip.ethogram.plan import WindowPlan, plan_windows
from amclip.ethogram.stream import stream_windows
from amclip.inference import TrainedModel, load_model

SIZE, FPS = (96, 128), 15
WINDOW = 4.0
OVERLAPS = (0.5, 0.75, 0.9)
ROUNDS = 3


def drawn(folder: Path, seconds: float) -> Path:
    path = folder / f"animals_{seconds:.0f}s.mp4"
    if not path.exists():
        print(f"drawing {path}", flush=True)
        with VideoWriter(path, FPS, SIZE, crf=23) as writer:
            for frame in iterate_frames(ClipSettings(7, seconds, SIZE, FPS), 3):
                writer.write(frame)
    return path


# ---------------------------------------------------------------- memory and time


def annotate_and_measure(words: list[str]) -> None:
    """In a process of its own: run the command, and say what it took."""
    from amclip.commands.parsing import run_command
    from amclip.ethogram.annotator import Annotator

    taken = {}
    step = Annotator.predict_step

    def measured(self: Annotator, number: int) -> int:
        loaded = resident()
        wall, cpu = time.perf_counter(), time.process_time()
        result = step(self, number)
        taken.update(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu, scoring=peak() - loaded)
        return result

    Annotator.predict_step = measured  # type: ignore[method-assign]
    try:
        run_command("annotate", words)
    finally:
        Annotator.predict_step = step  # type: ignore[method-assign]
    print(json.dumps({**taken, "megabytes": peak()}))


def peak() -> float:
    """Most memory this process has had so far, MB. Not ru_maxrss, in which a child begins with what its parent had."""
    return _status("VmHWM")


def resident() -> float:
    """Memory it has now, MB."""
    return _status("VmRSS")


def _status(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def measure(checkpoint: Path, video: Path, output: Path, quick: bool) -> dict[str, float]:
    shutil.rmtree(output, ignore_errors=True)
    words = [str(video), f"--checkpoint={checkpoint}", f"--output={output}", f"--window={WINDOW}", "--accelerator=cpu"]
    if quick:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            annotate_and_measure(words)
        last = said.getvalue().splitlines()[-1]
    else:
        command = [sys.executable, __file__, "--child", *words]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        last = done.stdout.splitlines()[-1]
    found: dict[str, float] = json.loads(last)
    with Video(video) as reader:
        found["frames"] = reader.num_frames
    return found


def memory_and_time(checkpoint: Path, folder: Path, short: Path, long: Path, quick: bool) -> list[dict[str, float]]:
    # The first process compiles the flow's loops, and takes time and memory for that.
    if not quick:
        measure(checkpoint, drawn(folder, 60), folder / "first", quick)
    return [measure(checkpoint, video, folder / name, quick) for video, name in ((short, "short"), (long, "long"))]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(amclip.__file__).parents[1]), "OMP_NUM_THREADS": "1"}


# ---------------------------------------------------------------- the straightforward run


@dataclass
class Straightforward:
    """Each window on its own: its frames decoded, their flow computed, their images embedded, then classified."""

    model: TrainedModel

    def __post_init__(self) -> None:
        self.segments = self.model.input.segments()[None]

    def score(self, video: Video, plan: WindowPlan, window: int) -> np.ndarray:
        chosen = plan.images(window)
        indices = np.stack([plan.frames[chosen], plan.partners[chosen]], axis=1)
        with torch.inference_mode():
            pixels = video.read(indices.ravel())
            images = self.model.preprocess(pixels.view(1, *indices.shape, *pixels.shape[1:])).images
            log_odds = self.model.log_odds(self.model.network(images, self.segments))
            return self.model.calibrate(log_odds)[0].numpy()


def opened(model: TrainedModel, path: Path) -> Video:
    return Video(path, model.input.frame_size, model.input.resize)


def planned(model: TrainedModel, video: Video, hop: float) -> WindowPlan:
    seen = model.input
    return plan_windows(video.timestamps(), video.duration, WINDOW, hop, seen.num_positions, seen.flow.gap)


def equal_to_straightforward(model: TrainedModel, path: Path, output: Path, sample: int | None) -> tuple[int, int]:
    """Windows compared, and how many differ in any bit; ``output`` is the folder of an annotation of the video."""
    import pyarrow.parquet as pq

    table = pq.read_table(output / "windows.parquet")
    scores = np.stack([table[name].to_numpy() for name in model.classes], axis=1)
    plain = Straightforward(model)
    with opened(model, path) as video:
        plan = planned(model, video, WINDOW / 4)
        assert len(plan) == len(scores)
        rows = np.arange(len(plan))
        if sample is not None:
            rows = np.sort(np.random.default_rng(0).choice(rows, sample, replace=False))
        differ = sum(not np.array_equal(plain.score(video, plan, int(row)), scores[row]) for row in rows)
    return len(rows), differ


def speed(model: TrainedModel, path: Path, overlap: float) -> dict[str, Any]:
    plain = Straightforward(model)
    times: dict[str, list[tuple[float, float]]] = {"streamed": [], "straightforward": []}
    scores = {}
    with opened(model, path) as video:
        plan = planned(model, video, WINDOW * (1 - overlap))
    for _ in range(ROUNDS):
        for name in times:
            with opened(model, path) as video:
                wall, cpu = time.perf_counter(), time.process_time()
                if name == "streamed":
                    rows = [some.probabilities for some in stream_windows(model, video, plan)]
                else:
                    rows = [plain.score(video, plan, window)[None] for window in range(len(plan))]
                times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
            scores[name] = np.concatenate(rows)
    wall, cpu = (
        statistics.median(b[i] / a[i] for a, b in zip(times["streamed"], times["straightforward"], strict=True))
        for i in (0, 1)
    )
    return {
        "windows": len(plan),
        "wall": wall,
        "cpu": cpu,
        "equal": bool(np.array_equal(scores["streamed"], scores["straightforward"])),
    }


# ---------------------------------------------------------------- kills


def killed(
    checkpoint: Path, video: Path, output: Path, undisturbed: Path, kills: int, longest: float
) -> dict[str, Any]:
    """Kill runs until so many were killed; one that comes through is compared, and the next begins anew."""
    words = [str(video), f"--checkpoint={checkpoint}", f"--output={output}", f"--window={WINDOW}", "--accelerator=cpu"]
    command = [sys.executable, "-m", "amclip", "annotate", *words]
    rng = random.Random(0)
    found: dict[str, Any] = {"kills": 0, "grown": 0, "whole": 0, "differ": [], "files": 0}
    shutil.rmtree(output, ignore_errors=True)
    while True:
        size = journal_size(output)
        process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        try:
            _, said = process.communicate(timeout=rng.uniform(0, longest) if found["kills"] < kills else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            found["kills"] += 1
            found["grown"] += journal_size(output) > size
            print(f"kill {found['kills']}: {journal_size(output)} bytes of scores", flush=True)
            continue
        if process.returncode:
            raise SystemExit(said)
        expected, got = texts(undisturbed), texts(output)
        found["whole"] += 1
        found["files"] += len(got)
        found["differ"] += [name for name in expected | got if expected.get(name) != got.get(name)]
        if found["kills"] == kills:
            return found
        shutil.rmtree(output)


def journal_size(output: Path) -> int:
    return sum(path.stat().st_size for path in output.glob(".journal/*.scores"))


def texts(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.suffix in (".csv", ".json", ".boris", ".parquet", ".png")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if ".journal" not in path.parts}


# ---------------------------------------------------------------- all of it


def kept(folder: Path, name: str, measured: Callable[[], Any]) -> Any:
    """What was measured before under this name, or is now."""
    file = folder / "measured.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    if name not in known:
        known[name] = measured()
        file.write_text(json.dumps(known, indent=1))
    print(name, known[name], flush=True)
    return known[name]


def main() -> None:
    global WINDOW, ROUNDS
    if sys.argv[1:2] == ["--child"]:
        torch.set_num_threads(1)
        annotate_and_measure(sys.argv[2:])
        return
    parser = new_parser(__doc__)
    parser.add_argument("checkpoint", type=Path, nargs="?")
    parser.add_argument("work", metavar="folder", type=Path, nargs="?")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=40.0, help="a run is killed within so many seconds")
    run = Benchmark(parser, __file__, needs=["checkpoint", "work"])
    options, folder, quick = run.options, run.work, run.quick
    short_minutes, minute, overlaps, sample = 10.0, 60.0, OVERLAPS, 300
    if quick:
        WINDOW, ROUNDS, overlaps, sample = 1.0, 1, OVERLAPS[:1], 3
        short_minutes, minute, options.hours, options.kills = 0.1, 4.0, 0.002, 0
        options.checkpoint = untrained_checkpoint(folder)
    torch.set_num_threads(1)
    checkpoint = options.checkpoint.absolute()
    model = load_model(checkpoint)
    short, long = drawn(folder, 60 * short_minutes), drawn(folder, 3600 * options.hours)
    with run.section("Memory and time"):
        found = kept(folder, "memory and time", lambda: memory_and_time(checkpoint, folder, short, long, quick))
        few, many = found
    with run.section("Speed"):
        speeds = kept(folder, "speed", lambda: [speed(model, drawn(folder, minute), overlap) for overlap in overlaps])
    with run.section("Equality"):
        all_short = kept(folder, "equal, all", lambda: equal_to_straightforward(model, short, folder / "short", None))
        some_long = kept(folder, "equal, some", lambda: equal_to_straightforward(model, long, folder / "long", sample))
    kills: dict[str, Any] = {"kills": 0, "grown": 0, "whole": 0, "differ": [], "files": 0}
    if quick:
        run.skip("Kills", "they need processes of their own; tests/commands/test_annotate.py kills one")
    else:
        with run.section("Kills"):
            kills = kept(
                folder,
                "kills",
                lambda: killed(checkpoint, long, folder / "killed", folder / "long", options.kills, options.longest),
            )
    with run.section("The page"):
        ratios = [many[what] / few[what] for what in ("megabytes", "scoring")]
        ratios += [_per_frame(many, what) / _per_frame(few, what) for what in ("cpu", "wall")]
        text = f"""# Annotating long videos

Written by `docs/benchmarks/annotate.py`: synthetic animals at {SIZE[1]} × {SIZE[0]} pixels and {FPS} frames/s, the
network of `amclip demo` ({model.input.image_size} × {model.input.image_size} pixels), windows of
{WINDOW:g} s; {platform.machine()}, PyTorch {torch.__version__}, one thread for flow and network and one that reads
ahead. A small network on small frames: the times do not carry over to large ones. There embedding is nearly all of the
work, and the ratios should come nearer to those of the images, 2, 4 and 10.

## Memory and time do not depend on the length

`amclip annotate`, a hop of {WINDOW / 4:g} s, each video by a process of its own. What is not for scoring is the
libraries, the network and compiled code.

| video | peak memory, MB | of it for scoring, MB | ms of processor per frame | ms per frame | × real time |
|---|---|---|---|---|---|
{_row(f"{short_minutes:g} minutes", few)}
{_row(f"{options.hours:g} hours", many)}
| ratio | {" | ".join(f"{ratio:.3f}" for ratio in ratios)} | |

## Against a run window by window

That run decodes, computes flow, embeds and classifies every window on its own. One minute of video, medians of
{ROUNDS} pairs of runs that took turns.

| overlap | windows | times faster (processor) | times faster (clock) | bits that differ |
|---|---|---|---|---|
{chr(10).join(_speed_row(*row) for row in zip(overlaps, speeds, strict=True))}

Scores in `windows.parquet` against the same run: of the {short_minutes:g} minutes all {all_short[0]} windows were
compared, {all_short[1]} of them differ in any bit; of the {options.hours:g} hours {some_long[0]} windows drawn at
random, {some_long[1]} differ.

## Killed and taken up again

`amclip annotate` on the {options.hours:g} hours was killed with -9 at a random moment of its first
{options.longest:g} s, and the same command given again, {kills["kills"]} times; {kills["grown"]} of the killed runs
had brought new scores to the disk (the others were killed while loading, or in the first ten seconds of scoring). Where
a run came through, its files (tables, `annotation.json`, BORIS' and DeepEthogram's files, Parquet, PNG) were compared
byte by byte with those of an undisturbed run, and the next began anew: {kills["whole"]} came through, of their
{kills["files"]} files {len(kills["differ"])} differ.
"""
        run.write(text)
        print(text)
    run.close()


def _per_frame(found: dict[str, float], what: str) -> float:
    return 1e3 * found[what] / found["frames"]


def _row(name: str, found: dict[str, float]) -> str:
    times = f"{_per_frame(found, 'cpu'):.2f} | {_per_frame(found, 'wall'):.2f}"
    memory = f"{found['megabytes']:.0f} | {found['scoring']:.0f}"
    return f"| {name} | {memory} | {times} | {found['frames'] / FPS / found['wall']:.1f} |"


def _speed_row(overlap: float, found: dict[str, Any]) -> str:
    same = "none" if found["equal"] else "SOME"
    return f"| {overlap:.0%} | {found['windows']} | {found['cpu']:.1f} | {found['wall']:.1f} | {same} |"


if __name__ == "__main__":
    main()
