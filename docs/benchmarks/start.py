"""How long commands that need no network take from their first byte to their last, beside `import torch`, and how much
memory.

    python docs/benchmarks/start.py [--quick]

Every command runs five times in a process of its own, in turn with the others, after one run that counts for nothing.
The table of a million rows names 2,000 videos, none of which is there. Writes `start.md` beside this file.
"""

import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from sections import Benchmark, new_parser

RUNS = 5
AMCLIP = ("-m", "amclip")
CHECK = (*AMCLIP, "check", "--data.cache_dir=null", "--data.source.labels")
TABLE = "filepath,start,stop,label\na.mp4,0,1,walking\na.mp4,2,3,eating\n"
COMMANDS = {
    "python -c pass": ("-c", "pass"),
    'python -c "import torch"': ("-c", "import torch"),
    "amclip --help": (*AMCLIP, "--help"),
    "amclip annotate --help": (*AMCLIP, "annotate", "--help"),
    "amclip annotate --windw 2": (*AMCLIP, "annotate", "--windw", "2"),
    "amclip convert a.csv b.csv": (*AMCLIP, "convert", "a.csv", "b.csv"),
    "amclip evaluate a.csv b.csv": (*AMCLIP, "evaluate", "a.csv", "b.csv"),
    "amclip check --data.source.labels a.csv": (*CHECK, "a.csv"),
    "amclip check, a million rows": (*CHECK, "million.csv"),
}
TORCH = 'python -c "import torch"'

TEXT = """# Time to start

Written by `docs/benchmarks/start.py`: seconds from start to end of a process, processor time and peak memory, {runs}
runs of each in turn ({machine}). Help, wrong options and commands that need no network load neither
PyTorch nor Lightning. The tables have two rows, but for that of a million; `evaluate` also draws a figure, which takes
most of its time. The load of the machine, which has {cores} cores, was {before:.1f} when this began and {after:.1f} at
the end: what a command's seconds are more than its processor time is mostly waiting for other work.

| command | median, s | from, to | of `import torch` | processor, s | memory, MB |
|---|---|---|---|---|---|
{rows}
"""


def write_million(path: Path, videos: int = 2000) -> None:
    """A table of a million rows, 500 of each video, with splits."""
    drawn = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("filepath,start,stop,label,split\n")
        for video in range(videos):
            split = drawn.choices(("train", "val", "test"), (7, 2, 1))[0]
            for second in range(0, 1000, 2):
                label = drawn.choice(("walking", "eating", "resting"))
                file.write(f"v{video:04d}.mp4,{second},{second + 2},{label},{split}\n")


def cost(words: tuple[str, ...], folder: str) -> tuple[float, float, float]:
    """Seconds, those of the processor, and megabytes of one run."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    taken = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    return taken, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def main() -> None:
    """Measure and write the table."""
    run = Benchmark(new_parser(__doc__), __file__)
    runs, commands, before = RUNS, list(COMMANDS), os.getloadavg()[0]
    if run.quick:  # one process each, without those that take longest
        runs, commands = 1, [TORCH, "amclip --help", "amclip convert a.csv b.csv", "amclip check, a million rows"]
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.csv", "b.csv"):
            (Path(folder) / name).write_text(TABLE)
        write_million(Path(folder) / "million.csv", 2 if run.quick else 2000)
        for turn in range(runs + (not run.quick)):
            with run.section(f"Turn {turn}"):
                for name in commands:
                    one = cost(COMMANDS[name], folder)
                    if turn or run.quick:
                        taken[name].append(one)
    with run.section("Table"):
        medians = {name: statistics.median(one[0] for one in ones) for name, ones in taken.items()}
        rows = []
        for name, ones in taken.items():
            seconds, processor, memory = zip(*ones, strict=True)
            cells = f"{medians[name]:.2f} | {min(seconds):.2f} to {max(seconds):.2f}"
            rows.append(
                f"| `{name}` | {cells} | {medians[name] / medians[TORCH]:.2f} | "
                f"{statistics.median(processor):.2f} | {statistics.median(memory):.0f} |"
            )
        machine = f"{platform.machine()}, Python {platform.python_version()}, PyTorch {version('torch').split('+')[0]}"
        text = TEXT.format(
            runs=runs,
            machine=machine,
            rows="\n".join(rows),
            before=before,
            after=os.getloadavg()[0],
            cores=os.cpu_count(),
        )
        run.write(text)
        print(text)
    run.close()


if __name__ == "__main__":
    main()
