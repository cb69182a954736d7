"""Processes for tests that need several or kill one: forked from one that has loaded everything.

To load PyTorch, Lightning and the compiled flow takes 8 s of processor time; here that is done once for all tests. The
process forked from is no test's: it has no threads, no autograd and no CUDA, which do not survive a fork. That `amclip`
starts processes by itself where it is told ``--devices=2`` is tested with real ones (test_end_to_end.py,
commands/test_annotate.py).
"""

import multiprocessing
import os
import socket
import sys
from collections.abc import Callable, Sequence
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch

from amclip.cli import main

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["preloaded"])


def start(
    output: Path, work: Callable[..., None], *arguments: Any, environment: dict[str, str] | None = None
) -> BaseProcess:
    """Call a function of a module in a process of its own, on one thread; what it prints goes to a file."""
    with pytest.MonkeyPatch.context() as patch:  # the process that is forked from gets its path by this alone
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
        patch.setenv("OMP_NUM_THREADS", "1")
        forkserver.ensure_running()
    process = _context.Process(target=_carry_out, args=(output, work, arguments, environment or {}))
    process.start()
    return process


def start_command(output: Path, words: Sequence[str], environment: dict[str, str] | None = None) -> BaseProcess:
    """The same for a command line of `amclip`."""
    return start(output, main, list(words), environment=environment)


def start_ranks(
    outputs: Sequence[Path], work: Callable[..., None], *arguments: Any, environment: dict[str, str] | None = None
) -> list[BaseProcess]:
    """As many processes as outputs, which find each other as those of one training do."""
    with socket.socket() as probing:
        probing.bind(("127.0.0.1", 0))
        place = {**(environment or {}), "MASTER_ADDR": "127.0.0.1", "NODE_RANK": "0"}
        place["MASTER_PORT"] = str(probing.getsockname()[1])
    return [
        start(output, work, *arguments, environment={**place, "LOCAL_RANK": str(rank)})
        for rank, output in enumerate(outputs)
    ]


def ended(process: BaseProcess, seconds: float = 600) -> int | None:
    """Wait for the end of a process; its exit code."""
    process.join(seconds)
    return process.exitcode


def _carry_out(
    output: Path, work: Callable[..., None], arguments: tuple[Any, ...], environment: dict[str, str]
) -> None:
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.environ.update(environment)
    sys.argv = ["amclip"]
    torch.set_num_threads(1)
    work(*arguments)
