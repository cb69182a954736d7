"""Runs `amclip annotate` again and again, kills it each time, and lets it end at last; started by test_killed.py.

    python killed.py KILLS WORDS...

Prints as JSON, for each run, how many bytes of journals it left behind. A process that has loaded everything is forked
for each run, since loading takes longer than the runs.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import lightning.pytorch  # noqa: F401
import pyarrow.parquet  # noqa: F401
import torch

import amclip.commands.parsing
from amclip.ethogram import annotator, figure, outputs  # noqa: F401


def journals(output: Path) -> int:
    return sum(path.stat().st_size for path in output.glob(".journal/*.scores"))


def run(words: list[str], output: Path, kill: bool, rng: random.Random) -> None:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        torch.set_num_threads(1)
        annotator._SYNC_EVERY = 0.0  # a short video is over before ten seconds are
        amclip.commands.parsing.run_command("annotate", words)
        os._exit(0)
    if kill:
        before = journals(output)
        # Once it is scoring, at a moment that no line of code chooses: torn writes, headers and empty files included.
        deadline = time.monotonic() + 120
        while journals(output) == before and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.1))  # a short video is scored in less than half a second
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if status != (signal.SIGKILL if kill else 0):
        raise SystemExit(f"a run {'to be killed' if kill else 'at last'} ended with status {status}")


def main() -> None:
    kills, words = int(sys.argv[1]), sys.argv[2:]
    output = Path(words[words.index("--output") + 1])
    rng = random.Random(kills)
    sizes = []
    for number in range(kills + 1):
        run(words, output, number < kills, rng)
        sizes.append(journals(output))
    print(json.dumps(sizes))


if __name__ == "__main__":
    main()
