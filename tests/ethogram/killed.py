"""Runs `amclip annotate` again and again, kills it each time, and lets it end at last, for test_killed.py."""

import random
import signal
import time
from pathlib import Path

import forked

import amclip.commands.parsing
from amclip.ethogram import annotator


def annotate(words: list[str]) -> None:
    annotator._SYNC_EVERY = 0.0  # a short video is over before ten seconds are
    amclip.commands.parsing.run_command("annotate", words)


def annotate_killed(words: list[str], output: Path, kills: int) -> list[int]:
    """How many bytes of journals each run left behind; the last one is not killed."""

    def journals() -> int:
        return sum(path.stat().st_size for path in output.glob(".journal/*.scores"))

    rng = random.Random(kills)
    sizes = []
    for number in range(kills + 1):
        kill, before = number < kills, journals()
        run = forked.start(output.with_suffix(".txt"), annotate, [*words, "--output", str(output)])
        if kill:
            # Once it is scoring, at a moment that no line of code chooses: torn writes, headers, empty files included.
            deadline = time.monotonic() + 120
            while journals() == before and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(rng.uniform(0.0, 0.1))  # a short video is scored in less than half a second
            run.kill()
        assert forked.ended(run) == (-signal.SIGKILL if kill else 0), output.with_suffix(".txt").read_text()
        sizes.append(journals())
    return sizes
