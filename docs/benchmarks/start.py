"""How long commands that need no network take from their first byte to their last, beside `import torch`.

    python docs/benchmarks/start.py

Every command runs five times in a process of its own, in turn with the others, after one run that counts for nothing.
Writes `start.md` beside this file.
"""

import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

RUNS = 5
AMCLIP = ("-m", "amclip")
TABLE = "filepath,start,stop,label\na.mp4,0,1,walking\na.mp4,2,3,eating\n"
COMMANDS = {
    "python -c pass": ("-c", "pass"),
    'python -c "import torch"': ("-c", "import torch"),
    "amclip --help": (*AMCLIP, "--help"),
    "amclip annotate --help": (*AMCLIP, "annotate", "--help"),
    "amclip annotate --windw 2": (*AMCLIP, "annotate", "--windw", "2"),
    "amclip convert a.csv b.csv": (*AMCLIP, "convert", "a.csv", "b.csv"),
    "amclip evaluate a.csv b.csv": (*AMCLIP, "evaluate", "a.csv", "b.csv"),
    "amclip check --data.source.labels a.csv": (*AMCLIP, "check", "--data.source.labels", "a.csv"),
    "amclip check, a million rows": (*AMCLIP, "check", "--data.source.labels", "million.csv"),
}
TORCH = 'python -c "import torch"'

TEXT = """# Time to start

Written by `docs/benchmarks/start.py`: seconds from start to end of a process, {runs} runs of each in turn ({machine}).
Help, wrong options and commands that need no network load neither PyTorch nor Lightning. The tables have two rows;
`evaluate` also draws a figure, which takes most of its time.

| command | median, s | from, to | of `import torch` |
|---|---|---|---|
{rows}
"""


def seconds(words: tuple[str, ...], folder: str) -> float:
    """Of one run."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, check=False)
    return time.perf_counter() - begin


def main() -> None:
    """Measure and write the table."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.csv", "b.csv"):
            (Path(folder) / name).write_text(TABLE)
        for turn in range(RUNS + 1):
            for name, words in COMMANDS.items():
                one = seconds(words, folder)
                if turn:
                    taken[name].append(one)
    medians = {name: statistics.median(runs) for name, runs in taken.items()}
    rows = []
    for name, runs in taken.items():
        share = medians[name] / medians[TORCH]
        rows.append(f"| `{name}` | {medians[name]:.2f} | {min(runs):.2f} to {max(runs):.2f} | {share:.2f} |")
    machine = f"{platform.machine()}, Python {platform.python_version()}, PyTorch {version('torch').split('+')[0]}"
    text = TEXT.format(runs=RUNS, machine=machine, rows="\n".join(rows))
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
