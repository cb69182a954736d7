"""Do memory, file handles and threads level off? 20,000 samples, an hour of `annotate`, and a table of a million rows.

    python docs/benchmarks/leaks.py [--samples 20000] [--hours 1] [--work runs/leaks]
    python docs/benchmarks/leaks.py --quick      some dozens of samples, seconds of video

Samples come from the data module's training loader with two reading processes, of drawn clips; each reading process is
measured too. The hour is drawn small (48 × 64 pixels, 5 frames/s), since what could grow grows by frame and not by
pixel; the network has a few thousand weights. All measured while it goes on: resident memory (RSS), the process's fair
share of it (PSS), open files and threads. Writes leaks.md and leaks.json.
"""

import datetime
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sections import Benchmark, drawn_clips, new_parser, untrained_checkpoint
from start import write_million

SIZE, FPS, DRAWN_SECONDS = (48, 64), 5.0, 20.0
MARKS = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Fractions of the work after which all is measured."""

COLUMNS = ("RSS, MB", "PSS, MB", "files", "threads")


def held(process: int) -> tuple[float, float, int, int]:
    """Resident memory and the fair share of it in MB, open files, and threads of a process."""
    folder = Path(f"/proc/{process}")
    rollup = dict(line.split(":", 1) for line in (folder / "smaps_rollup").read_text().splitlines()[1:])
    rss, pss = (int(rollup[key].split()[0]) / 1024 for key in ("Rss", "Pss"))
    return rss, pss, len(list((folder / "fd").iterdir())), len(list((folder / "task").iterdir()))


class Watch:
    """Measures processes as work goes on.

    Args:
        total: How much work there is.
    """

    def __init__(self, total: float) -> None:
        self.rows: list[tuple[str, float, tuple[float, float, int, int]]] = []
        self._marks = [fraction * total for fraction in MARKS]

    def at(self, done: float, processes: dict[str, int]) -> None:
        """So much is done; what the processes hold is noted where a mark was passed."""
        passed = False
        while self._marks and done >= self._marks[0]:
            self._marks.pop(0)
            passed = True
        if passed:
            self.rows += [(name, done, held(process)) for name, process in processes.items()]

    def table(self, unit: str) -> list[str]:
        """Lines of Markdown; the last says how much was added in the second half of the work."""
        lines = [f"| process | {unit} | {' | '.join(COLUMNS)} |", "|---" * (2 + len(COLUMNS)) + "|"]
        for name in dict.fromkeys(row[0] for row in self.rows):
            own = [row for row in self.rows if row[0] == name]
            for _, done, (rss, pss, files, threads) in own:
                lines.append(f"| {name} | {done:,.0f} | {rss:.0f} | {pss:.0f} | {files} | {threads} |")
            half = min(own, key=lambda row: abs(row[1] - own[-1][1] / 2))
            grown = [end - middle for middle, end in zip(half[2], own[-1][2], strict=True)]
            words = " | ".join(f"{value:+.0f}" for value in grown)
            lines.append(f"| {name}: second half | | {words} |")
        return lines


def samples(run: Benchmark, clips: Path, number: int, workers: int) -> list[str]:
    """A table of the loader's processes over so many samples."""
    import torch

    from amclip.data.datamodule import VideoDataModule
    from amclip.data.source import LabelSource
    from amclip.inputs import FlowInput, NetworkInput

    seen = NetworkInput(num_segments=1, positions_per_segment=3, frame_size=(36, 48), flow=FlowInput(preset="fast"))
    source = LabelSource(labels=str(clips / "labels.csv"), root=str(clips))
    data = VideoDataModule(seen, source, batch_size=8, num_workers=workers, cache_dir=None)
    data.setup("fit")
    loader, watch, done, epoch = data.train_dataloader(), Watch(number), 0, 0
    batches: Iterator[Any] = iter(loader)
    while done < number:
        batch = next(batches, None)
        if batch is None:
            epoch += 1
            loader.sampler.set_epoch(epoch)  # type: ignore[union-attr]
            batches = iter(loader)
            continue
        assert isinstance(batch["frames"], torch.Tensor)
        done += len(batch["frames"])
        readers = [worker.pid for worker in getattr(batches, "_workers", [])]
        watch.at(done, {"trainer": os.getpid(), **{f"reader {n}": pid for n, pid in enumerate(readers, 1)}})
    del batches, loader
    run.figures["samples"] = watch.rows
    return watch.table("samples")


def drawn_video(path: Path, seconds: float) -> Path:
    """Some drawn seconds again and again."""
    from amclip.data.synthetic import ClipSettings, iterate_frames
    from amclip.data.writer import VideoWriter

    if not path.exists():
        frames: Sequence[np.ndarray] = list(iterate_frames(ClipSettings(3, DRAWN_SECONDS, SIZE, FPS), 3))
        with VideoWriter(path, FPS, SIZE, crf=23) as writer:
            for number in range(round(seconds * FPS)):
                writer.write(frames[number % len(frames)])
    return path


def annotated(run: Benchmark, video: Path, checkpoint: Path, seconds: float) -> list[str]:
    """A table of this process while the command scores the video."""
    from amclip.cli import main
    from amclip.ethogram import annotator
    from amclip.ethogram.journal import Journal

    watch, add = Watch(seconds), Journal.add

    def watched(self: Journal, rows: Any, scores: Any) -> None:
        add(self, rows, scores)
        watch.at(float(rows.stop[self.rows - 1]), {"annotate": os.getpid()})

    output = run.work / f"annotated_{time.time_ns()}"
    annotator.Journal.add = watched  # type: ignore[method-assign]
    words = [f"--checkpoint={checkpoint}", f"--output={output}", "--window=2", "--hop=1", "--accelerator=cpu"]
    try:
        main(["annotate", str(video), *words])
    finally:
        annotator.Journal.add = add  # type: ignore[method-assign]
    run.figures["annotate"] = watch.rows
    return watch.table("seconds of video")


LOAD = """
import sys, time
sys.path[:0] = sys.argv[2:]
from amclip.data.formats import Reading, read_table
before = time.process_time()
table = read_table(sys.argv[1], Reading())
import resource
print(len(table), time.process_time() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def million(run: Benchmark, videos: int) -> list[str]:
    """Rows, seconds and memory of reading a large table in a process of its own."""
    import amclip

    path = run.work / "million.csv"
    write_million(path, videos)
    command = [sys.executable, "-c", LOAD, str(path), str(Path(amclip.__file__).parents[1])]
    rows, seconds, memory = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    run.figures["table"] = {"rows": int(rows), "processor": float(seconds), "MB": float(memory)}
    return [
        "| rows | processor, s | peak memory of the process, MB |",
        "|---|---|---|",
        f"| {int(rows):,} | {float(seconds):.1f} | {float(memory):.0f} |",
    ]


def main() -> None:
    """Measure and write the page."""
    parser = new_parser(__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/leaks"), help="folder for what is drawn")
    parser.add_argument("--samples", type=int, default=20000)
    parser.add_argument("--hours", type=float, default=1.0)
    run = Benchmark(parser, __file__)
    number, seconds, videos = run.options.samples, 3600 * run.options.hours, 2000
    if run.quick:
        number, seconds, videos = 48, 20.0, 2
    run.head(
        f"""# Memory, files and threads of long runs

Written by `docs/benchmarks/leaks.py`, {datetime.date.today()}. What processes hold as work goes on: resident memory,
their fair share of it (what several processes share is divided among them), open files, threads. *Second half*: what
was added from the middle to the end."""
    )
    with run.section("A table of a million rows") as lines:
        lines += million(run, videos)
    with run.section(f"{seconds / 3600:g} h of video in `amclip annotate`") as lines:
        video = drawn_video(run.work / f"animals_{seconds:.0f}s.mp4", seconds)
        lines += annotated(run, video, untrained_checkpoint(run.work), seconds)
    with run.section(f"{number:,} samples") as lines:
        lines += samples(run, drawn_clips(), number, 0 if run.quick else 2)
    run.close()


if __name__ == "__main__":
    main()
