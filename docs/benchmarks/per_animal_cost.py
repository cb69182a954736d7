"""What a second animal costs in `amclip annotate --tracks`, on drawn video of 1080 lines; writes per_animal_cost.md.

    python docs/benchmarks/per_animal_cost.py CHECKPOINT [--work FOLDER] [--quick]

CHECKPOINT is one of `per_animal_drawn.py`, which was trained on crops. The same video of two animals is annotated with
the tracks of one and of both; the frames that come out of the decoder are counted, and the processor's time is compared
with that of decoding alone. A longer video shows whether memory grows. `--quick` takes a few seconds of video and
writes no figures.
"""

import contextlib
import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from sections import Benchmark, new_parser, untrained_checkpoint

import amclip
from amclip.data import _reader
from amclip.data.synthetic import ClipSettings, group_tracks, iterate_group, plan_group
from amclip.data.tracks import Tracks, write_tracks
from amclip.data.video import Video
from amclip.data.writer import VideoWriter

DRAWN, ZOOM, FPS = (360, 640), 3, 15.0  # drawn small and enlarged: drawing at full size takes minutes
WINDOW, HOP = 1.0, 0.25
ROUNDS = 2


def draw(work: Path, seconds: float) -> Path:
    """A video of two animals that both stay in the picture, and the tracks of one and of both beside it."""
    folder = work / f"{seconds:.0f}s"
    path = folder / "animals.mp4"
    if path.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    settings = ClipSettings(0, seconds, DRAWN, FPS)
    index = next(number for number in range(10_000) if not any(plan_group(settings, number, 2).outings))
    size = (DRAWN[0] * ZOOM, DRAWN[1] * ZOOM)
    tracks = [
        type(track)(track.subject, track.frames, track.boxes * ZOOM, (track.body_length or 1.0) * ZOOM)
        for track in group_tracks(settings, index, 2)
    ]
    for count in (1, 2):
        write_tracks(
            Tracks.of("drawn", [(path.name, track) for track in tracks[:count]]), folder / f"tracks_{count}.csv"
        )
    with VideoWriter(path, FPS, size, crf=23) as writer:
        for frame in iterate_group(settings, index, 2):
            writer.write(cv2.resize(frame, size[::-1], interpolation=cv2.INTER_LINEAR))
    return folder


def child(words: list[str]) -> None:
    """In a process of its own: run the command, or decode alone, and say what it took and which frames came out."""
    from amclip.commands.parsing import run_command
    from amclip.ethogram.annotator import Annotator

    torch.set_num_threads(1)
    decoded: Counter[int] = Counter()
    come_out = _reader._Pass._come_out

    def counted(self: Any, *arguments: Any) -> Any:
        frame = come_out(self, *arguments)
        if frame is not None:
            decoded[int(frame.pts)] += 1
        return frame

    _reader._Pass._come_out = counted  # type: ignore[method-assign]
    taken: dict[str, float] = {}
    step = Annotator.predict_step

    def measured(self: Annotator, number: int) -> int:
        decoded.clear()  # videos are looked at before
        loaded, cpu, wall = memory("VmRSS"), time.process_time(), time.perf_counter()
        result = step(self, number)
        taken.update(cpu=time.process_time() - cpu, wall=time.perf_counter() - wall, scoring=memory("VmHWM") - loaded)
        return result

    try:
        if words[0] == "--decode":
            with Video(words[1]) as video:
                cpu, wall = time.process_time(), time.perf_counter()
                for _ in video.read_in_order(np.arange(video.num_frames)):
                    pass
                taken.update(cpu=time.process_time() - cpu, wall=time.perf_counter() - wall)
        else:
            Annotator.predict_step = measured  # type: ignore[method-assign]
            run_command("annotate", words)
    finally:
        _reader._Pass._come_out = come_out  # type: ignore[method-assign]
        Annotator.predict_step = step  # type: ignore[method-assign]
    times = max(decoded.values())
    print(json.dumps({**taken, "megabytes": memory("VmHWM"), "frames": len(decoded), "most": times}))


def memory(key: str) -> float:
    """Megabytes of this process: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def measure(words: list[str], quick: bool) -> dict[str, float]:
    if quick:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            child(words)
        measured: dict[str, float] = json.loads(said.getvalue().splitlines()[-1])
        return measured
    environment = {**os.environ, "PYTHONPATH": str(Path(amclip.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, __file__, "--child", *words], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(" ".join(words), found, flush=True)
    return found


def annotate(checkpoint: Path, folder: Path, animals: int, quick: bool) -> dict[str, float]:
    output = folder / f"annotated_{animals}"
    shutil.rmtree(output, ignore_errors=True)
    return measure(
        [
            *(str(folder / "animals.mp4"), f"--checkpoint={checkpoint}", f"--output={output}", "--accelerator=cpu"),
            *(f"--tracks={folder / f'tracks_{animals}.csv'}", f"--window={WINDOW}", f"--hop={HOP}"),
        ],
        quick,
    )


def median(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def report(found: dict[str, dict[str, float]], lengths: tuple[float, float]) -> str:
    short, long = lengths
    decoding = found["decoding"]
    per_frame = decoding["cpu"] / decoding["frames"]  # frames that no window looks at are not decoded in annotation
    each = {
        count: 1e3 * (mine["cpu"] / mine["frames"] - per_frame) / count
        for count, mine in ((count, found[f"{count} short"]) for count in (1, 2))
    }
    lines = [
        "# What a second animal costs",
        "",
        f"Written by `docs/benchmarks/per_animal_cost.py`. One drawn video of two animals, {DRAWN[1] * ZOOM} × "
        f"{DRAWN[0] * ZOOM} pixels, {FPS:g} frames/s, {short:g} s; the network of `per_animal_drawn.py` (64 × 64 "
        f"pixels), windows of {WINDOW:g} s every {HOP:g} s. `amclip annotate --tracks` with the tracks of one animal "
        f"and of both, one thread, each by a process of its own; medians of {ROUNDS} runs that took turns. Times are "
        f"the processor's; {platform.machine()}, PyTorch {torch.__version__}.",
        "",
        "| | frames decoded | most times one of them | ms per frame | beside decoding, ms per animal and frame |",
        "|---|---|---|---|---|",
        f"| decoding alone | {decoding['frames']:.0f} | {decoding['most']:.0f} | "
        f"{1e3 * decoding['cpu'] / decoding['frames']:.1f} | |",
    ]
    for count, name in ((1, "one animal"), (2, "two animals")):
        mine = found[f"{count} short"]
        lines.append(
            f"| {name} | {mine['frames']:.0f} | {mine['most']:.0f} | {1e3 * mine['cpu'] / mine['frames']:.1f} | "
            f"{each[count]:.1f} |"
        )
    lines += [
        "",
        f"Two animals take {each[2] / each[1]:.2f} × the time of one for each animal and frame beside decoding.",
        "",
        "| two animals | peak memory, MB | of it for scoring, MB |",
        "|---|---|---|",
    ]
    for name, seconds in (("short", short), ("long", long)):
        mine = found[f"2 {name}"]
        lines.append(f"| {seconds:g} s | {mine['megabytes']:.0f} | {mine['scoring']:.0f} |")
    ratio = found["2 long"]["megabytes"] / found["2 short"]["megabytes"]
    lines += [f"| ratio | {ratio:.3f} | |", ""]
    return "\n".join(lines)


def main() -> None:
    global DRAWN, ZOOM
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
        return
    parser = new_parser(__doc__)
    parser.add_argument("checkpoint", type=Path, nargs="?")
    parser.add_argument("--work", type=Path, default=Path("runs/per_animal_cost"))
    run = Benchmark(parser, __file__, needs=["checkpoint"])
    checkpoint, lengths, rounds, quick = run.options.checkpoint, (12.0, 36.0), ROUNDS, run.quick
    if quick:
        DRAWN, ZOOM, lengths, rounds = (48, 64), 2, (2.0, 3.0), 1
        checkpoint = untrained_checkpoint(run.work, crops=True)
    folders = [draw(run.work, seconds) for seconds in lengths]
    checkpoint = checkpoint.absolute()
    if not quick:
        annotate(checkpoint, draw(run.work, 3.0), 1, quick)  # the first run compiles the flow's loops
    runs: dict[str, list[dict[str, float]]] = {}
    for number in range(rounds):
        with run.section(f"Round {number}"):
            runs.setdefault("decoding", []).append(measure(["--decode", str(folders[0] / "animals.mp4")], quick))
            for count in (1, 2):
                runs.setdefault(f"{count} short", []).append(annotate(checkpoint, folders[0], count, quick))
    with run.section("The long video"):
        runs["2 long"] = [annotate(checkpoint, folders[1], 2, quick)]
    with run.section("The page"):
        text = report({name: median(mine) for name, mine in runs.items()}, lengths)
        run.write(text)
        print(text)
    run.close()


if __name__ == "__main__":
    main()
