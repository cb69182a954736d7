"""How far, how fast and how long yet, on standard error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress

__all__ = ["Progress"]

_LINE_EVERY = 60.0  # seconds, where there is no terminal


class Progress:
    """A bar over all videos of a process; where standard error is no terminal, a line a minute and one per video.

    Speed is seconds of video per second of time, over what this run has done itself.

    Args:
        videos: How many there are.
        seconds: How long they are together.
        show: Whether to show anything.
        console: Where; default: standard error.
    """

    def __init__(self, videos: int, seconds: float, show: bool = True, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._videos, self._total = videos, seconds
        self._number, self._before, self._new = 0, 0.0, 0.0
        self._started = self._last_line = time.monotonic()
        self._bar: RichProgress | None = None
        self._lines = show and not self._console.is_terminal
        if show and self._console.is_terminal and videos:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[pace]}"),
            )
            self._bar = RichProgress(*columns, console=self._console, transient=True, redirect_stdout=False)
            self._task = self._bar.add_task("", total=max(seconds, 1e-9), pace="")
            self._bar.start()

    @contextmanager
    def video(self, name: str, duration: float) -> Iterator[Callable[..., None]]:
        """Announce a video.

        Yields:
            A function to call with the seconds of the video that are done; with ``new=False`` for what an earlier run
            did.
        """
        self._number += 1
        at = 0.0

        def tell(done: float, new: bool = True) -> None:
            nonlocal at
            self._new += (done - at) if new else 0.0
            at = done
            self._show(name, at, duration)

        try:
            yield tell
            if self._lines:
                self._print(name, f"done, {duration:.0f} s", duration)
        finally:
            self._before += duration

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def pace(self, at: float = 0.0) -> str:
        """Speed and time left in words, ``at`` seconds into the current video; empty before there is any speed."""
        elapsed = time.monotonic() - self._started
        if self._new <= 0 or elapsed <= 0:
            return ""
        speed = self._new / elapsed
        left = max(0.0, self._total - self._before - at) / speed
        return f"{speed:.3g} × real time, {_clock(left)} left"

    def _show(self, name: str, at: float, duration: float) -> None:
        if self._bar is not None:
            label = f"{self._number}/{self._videos} {name if len(name) <= 40 else '…' + name[-39:]}"
            self._bar.update(self._task, completed=self._before + at, description=label, pace=self.pace(at))
        elif self._lines and time.monotonic() - self._last_line > _LINE_EVERY:
            self._print(name, f"{at:.0f} of {duration:.0f} s", at)

    def _print(self, name: str, what: str, at: float = 0.0) -> None:
        self._last_line = time.monotonic()
        pace = self.pace(at)
        line = f"{self._number}/{self._videos} {name}: {what}" + (f" ({pace})" if pace else "")
        self._console.print(line, markup=False, soft_wrap=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
