"""Worker processes that native code may hang or crash in: a request per line, an answer per line, each a JSON object.

A decoder that spins in native code holds the interpreter's lock, so no thread of Python's could stop it. An interval
timer with the signal's default action can: the kernel ends the process, whatever it is doing. Windows has none; there
the watchdog of :mod:`faulthandler` ends it, a thread that needs no lock.

This module imports neither PyAV nor PyTorch: processes start faster without.
"""

import contextlib
import faulthandler
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from amclip.long_work import LongWork

__all__ = ["LineWorker", "alive_within", "serve", "share_out"]

_TIMED_OUT = -signal.SIGALRM if hasattr(signal, "SIGALRM") else 1
"""Exit status of a worker that its time-out ended: the signal's, or on Windows that of :mod:`faulthandler`."""

Item = TypeVar("Item")


class LineWorker:
    """One worker process, started when needed and again after it ended.

    Args:
        command: What is started; calls :func:`serve`.
        timeout: Seconds without a sign of progress after which it ends, by :func:`alive_within`.
        environment: Variables that it gets beside this process' own.

    Attributes:
        closed: Whether it takes no more requests.
        end: How the process ended last, in words.
        hint: What that may mean.
    """

    def __init__(self, command: Sequence[str], timeout: float, environment: Mapping[str, str] | None = None) -> None:
        self._command, self._timeout, self._environment = list(command), timeout, environment or {}
        self._process: subprocess.Popen[str] | None = None
        self.closed = False
        self.end = self.hint = ""

    def ask(self, **request: Any) -> dict[str, Any] | None:
        """The worker's answer, or ``None`` where it ended without one.

        Raises:
            OSError: If no process can be started.
        """
        process = self._running()
        if process is None or process.stdin is None or process.stdout is None:
            return None
        try:
            process.stdin.write(json.dumps({**request, "timeout": self._timeout}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except (OSError, ValueError):  # closed by `close` meanwhile, or it died
            line = ""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        code = process.wait()
        self._process = None
        if code == _TIMED_OUT:
            self.end = f"gave no sign of life for {self._timeout:g} s"
            self.hint = "the disk is slow (then allow a longer time-out)"
        else:
            self.end, self.hint = f"crashed (exit status {code})", "the decoder cannot read it"
        return None

    def _running(self) -> "subprocess.Popen[str] | None":
        if self.closed:
            return None
        if self._process is None:
            # The worker must find this very package, also where it was put on the path by hand.
            home = str(Path(__file__).parents[2])
            search = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # FFmpeg's remarks on damaged files
                text=True,
                encoding="utf-8",
                env={**os.environ, **self._environment, "PYTHONPATH": search},
            )
        return self._process

    def close(self) -> None:
        """End the process; a thread that waits for its answer goes on."""
        self.closed = True
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


def share_out(
    items: Iterable[Item],
    workers: Sequence[LineWorker],
    handle: Callable[[LineWorker, Item], None],
    title: str | None = None,
) -> None:
    """Have workers handle items, each one at a time; all are closed in the end, whatever it is.

    Args:
        items: What is to be done.
        workers: Who does it.
        handle: Called in a thread per worker. Where it raises, no more is begun, and the error is raised here. What it
            did for a worker that was closed meanwhile counts for nothing.
        title: What is done to videos, said with how far it is, see :class:`amclip.long_work.LongWork`. Default:
            nothing is said.
    """
    pending: queue.SimpleQueue[Item] = queue.SimpleQueue()
    total = 0
    for item in items:
        pending.put(item)
        total += 1
    done = threading.Semaphore(0)

    def drive(worker: LineWorker) -> None:
        with contextlib.suppress(queue.Empty):
            while not worker.closed:
                handle(worker, pending.get_nowait())
                done.release()

    with ThreadPoolExecutor(len(workers)) as pool:
        futures = [pool.submit(drive, worker) for worker in workers]
        try:
            _wait(total, done, futures, title)
            for future in futures:
                future.result()
        finally:
            for worker in workers:
                worker.close()


def _wait(total: int, done: threading.Semaphore, futures: Sequence[Future[None]], title: str | None) -> None:
    """Wait for the results, and say how far it is where that takes long."""
    finished = 0
    with LongWork(title or "", total, "videos", title is not None) as work:
        while finished < total and not any(future.done() and future.exception() for future in futures):
            if done.acquire(timeout=0.2):
                finished += 1
            elif all(future.done() for future in futures):
                break
            work.reach(finished)


@contextlib.contextmanager
def alive_within(timeout: float) -> Iterator[Callable[[], None]]:
    """End this process where it gives no sign of life for so many seconds; what is yielded gives one."""

    def alive() -> None:
        _end_after(timeout)

    alive()
    try:
        yield alive
    finally:
        _end_after(None)


def _end_after(seconds: float | None) -> None:
    """End this process then, unless this is called again; ``None``: never."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds or 0)
    elif seconds is None:
        faulthandler.cancel_dump_traceback_later()
    else:
        faulthandler.dump_traceback_later(seconds, exit=True)


def serve(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer requests until the input ends."""
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    import av  # noqa: F401 - now: loading it from a cold disk is no sign of a broken video

    # Libraries that print would break the protocol: only this file object reaches the parent.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        out.write(json.dumps(answer(json.loads(line))) + "\n")
        out.flush()
