"""How a command ends when it is told to: SIGTERM, Ctrl-C and a closed terminal alike.

Each raises :class:`Stopped` wherever the main thread stands, and nothing is lost by that, since files are written whole
or not at all (:mod:`amclip.atomic`) and journals are cut at their last whole block. The command then says what it kept
and exits with 128 + the signal's number, as shells expect: 143 for SIGTERM, 130 for Ctrl-C, so that ``fit && test``
does not go on.

An exception needs the main thread to run Python. Where it waits in C, for other processes say, a second thread ends
the process; that thread is woken by Python's signal file descriptor, which works in any state of the main thread.
"""

import _thread
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

__all__ = [
    "Stopped",
    "on_hard_exit",
    "outlive_signals",
    "received",
    "rest_is_near",
    "run_stoppable",
    "say_what_is_kept",
    "stop",
    "take_signals",
    "what_is_kept",
]

GRACE = 15.0
"""Seconds that a command has to end before it is interrupted again, and once more before it is ended from outside."""

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # SIGHUP: not on Windows
_WORDS = {"SIGINT": "Ctrl-C", "SIGTERM": "SIGTERM", "SIGHUP": "the end of its terminal (SIGHUP)"}
_NOTHING_LOST = "Files that were there before are as they were."


class Stopped(KeyboardInterrupt):
    """A signal asked the command to end; libraries treat it as they treat Ctrl-C."""


class _Command:
    """State of the command that runs."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.signum: int | None = None
        self.rest_is_near = False
        self.ended = threading.Event()
        self.kept: Callable[[], str] = lambda: _NOTHING_LOST
        self.last_words: list[Callable[[], None]] = []

    def on_signal(self, signum: int, frame: FrameType | None) -> None:
        """Raise at the first signal; others within the grace are the same wish, said by another sender."""
        if os.getpid() != self.pid:  # a forked helper, whose end its parent decides
            if signum != signal.SIGINT:
                os._exit(128 + signum)
            return
        if self.signum is None:
            self.signum = signum
            if self.rest_is_near:
                self.rest_is_near = False
                return
            raise Stopped

    def watch(self, pipe: int) -> None:
        """Wait for a signal's number; then see to it that the command ends."""
        while True:
            try:
                numbers = os.read(pipe, 64)
            except OSError:
                return
            if 0 in numbers:  # the command has ended
                return
            came = [number for number in numbers if number in _SIGNALS]
            if came:
                break
        signum = came[0]
        if self.ended.wait(GRACE):
            return
        # An exception within a finaliser is dropped by Python: raise it once more.
        self.signum = None
        _thread.interrupt_main(signal.Signals(signum))
        if self.ended.wait(GRACE):
            return
        for last_word in self.last_words:
            with suppress(Exception):
                last_word()
        with suppress(OSError):
            os.write(2, f"amclip: did not end within {2 * GRACE:g} s and is ended now. {_NOTHING_LOST}\n".encode())
        os._exit(128 + signum)


_running: _Command | None = None


def received() -> int:
    """The number of the signal that told the command that runs to end; 0 where none came."""
    return 0 if _running is None or _running.signum is None else _running.signum


def rest_is_near(near: bool) -> None:
    """Say whether the command comes within seconds to a point where it can save its work.

    Then the first signal raises nothing: the command asks :func:`received` at that point, saves and raises
    :class:`Stopped`. Where it does not come there within the grace, it is interrupted as ever.
    """
    if _running is not None:
        _running.rest_is_near = near


def stop(signum: int) -> NoReturn:
    """End the command that runs as if the signal had come here and now.

    Raises:
        Stopped: Always.
    """
    if _running is not None:
        _running.signum = signum
    raise Stopped


def outlive_signals(worker: int = 0) -> None:
    """In a helper process: heed SIGTERM after the grace, so that what it does for its parent may come to an end.

    A process group is told to end as a whole, by a terminal or a cluster's scheduler. The parent ends its helpers.

    Args:
        worker: Not used; data loaders give the number of the worker.
    """
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        # By a thread that waits for it, which ends the process also where the main thread is stuck in a decoder.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_after_the_grace, name="amclip signals", daemon=True).start()


def _end_after_the_grace() -> None:
    signum = signal.sigwait({signal.SIGTERM})
    time.sleep(GRACE)
    os._exit(128 + signum)


def say_what_is_kept(describe: Callable[[], str] | str) -> None:
    """Set what the command that runs says when it is stopped: what is kept, and how to go on."""
    if _running is not None:
        _running.kept = (lambda: describe) if isinstance(describe, str) else describe


def what_is_kept() -> str:
    """What the command that runs would say it kept."""
    return _running.kept() if _running is not None else _NOTHING_LOST


def on_hard_exit(last_word: Callable[[], None]) -> None:
    """Have something done where the process must be ended from outside of its main thread, such as ending others."""
    if _running is not None:
        _running.last_words.append(last_word)


def take_signals() -> None:
    """Put the command's handlers in place, also where a library has set its own since."""
    if _running is None or threading.current_thread() is not threading.main_thread():
        return
    for signum in _SIGNALS:
        if signal.getsignal(signum) is not signal.SIG_IGN:  # nohup, and what a shell runs in the background
            signal.signal(signum, _running.on_signal)


def run_stoppable(name: str, work: Callable[[], Any]) -> None:
    """Run a command; where a signal ends it, say so.

    Args:
        name: The command, for the message.
        work: The command.

    Raises:
        SystemExit: With 128 + the signal's number where one came.
    """
    with _handlers() as command:
        error: BaseException | None = None
        try:
            work()
        except KeyboardInterrupt as interrupt:
            command.signum = command.signum or signal.SIGINT
            error = interrupt
        except BaseException as other:
            if command.signum is None:
                raise
            error = other  # what became of the interruption on its way: Lightning makes a SystemExit of it
        if command.signum is None:
            return
        command.ended.set()
        if os.environ.get("AMCLIP_DEBUG") == "1" and error is not None:
            traceback.print_exception(error)
        known = signal.Signals(command.signum).name
        print(f"amclip {name}: stopped by {_WORDS.get(known, known)}. {command.kept()}", file=sys.stderr)
        raise SystemExit(128 + command.signum) from None


@contextmanager
def _handlers() -> Iterator[_Command]:
    """The signals' handlers and the watching thread, for the time of a command; as before afterwards."""
    global _running
    outer, command = _running, _Command()
    if threading.current_thread() is not threading.main_thread():  # only the main thread is interrupted
        yield command
        return
    before = {signum: signal.getsignal(signum) for signum in _SIGNALS}
    reading, writing = os.pipe()
    if hasattr(os, "set_blocking"):  # not on Windows before Python 3.12, which does not ask for it
        os.set_blocking(writing, False)
    previous = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    _running = command
    take_signals()
    watcher = threading.Thread(target=command.watch, args=(reading,), name="amclip signals", daemon=True)
    watcher.start()
    try:
        yield command
    finally:
        command.ended.set()
        for signum, handler in before.items():
            if handler is not None:  # set by another language than Python: cannot be put back
                signal.signal(signum, handler)
        signal.set_wakeup_fd(previous)
        _running = outer
        os.write(writing, b"\0")  # ends the thread; closing would not, where a forked process still lives
        watcher.join()
        os.close(writing)
        os.close(reading)


def _forget_in_child() -> None:
    """A forked process must not wake its parent's thread."""
    if _running is not None:
        with suppress(ValueError):
            signal.set_wakeup_fd(-1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
