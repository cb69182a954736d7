"""How far, how fast and how long yet, on standard error: a bar, or a line a minute where there is no terminal."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

__all__ = ["LongWork", "clock"]

_LINE_EVERY = 60.0  # seconds, where there is no terminal
_SHOW_AFTER = 2.0  # seconds; what is done by then needs no bar


def clock(seconds: float) -> str:
    """Seconds as ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


class LongWork:
    """Work of a known size, within ``with``.

    Args:
        name: What is done, such as "Reading videos".
        total: How much there is to do.
        unit: Of what, in the plural.
        show: Whether to show anything.
        console: Where; default: standard error.
    """

    def __init__(self, name: str, total: float, unit: str, show: bool = True, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._name, self._total, self._unit, self._show = name, total, unit, show
        self._done = 0.0
        self._started = self._last_line = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> "LongWork":
        self._started = self._last_line = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def add(self, amount: float = 1.0, name: str | None = None) -> None:
        """So much more is done; ``name`` says what comes next, where that changes."""
        self.reach(self._done + amount, name)

    def reach(self, done: float, name: str | None = None) -> None:
        """So much is done altogether."""
        self._done, self._name = done, self._name if name is None else name
        now = time.monotonic()
        if not self._show:
            return
        if not self._console.is_terminal:
            if now - self._last_line > _LINE_EVERY:
                self._last_line = now
                self._console.print(f"{self._name}: {self.words()}", markup=False, soft_wrap=True)
            return
        if self._bar is None and now - self._started > _SHOW_AFTER:
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[words]}"))
            # Standard output is left alone: who redirects it meanwhile, or reads it through a pipe, has it as it was.
            self._bar = Progress(*columns, console=self._console, transient=True, redirect_stdout=False)
            self._task = self._bar.add_task(self._name, total=self._total, words="")
            self._bar.start()
        if self._bar is not None:
            self._bar.update(self._task, completed=done, description=self._name, words=self.words())

    def words(self) -> str:
        """How much is done in which time, how fast, and how long it takes yet."""
        seconds = time.monotonic() - self._started
        speed = self._done / max(seconds, 1e-9)
        words = f"{self._done:.10g} of {self._total:.10g} {self._unit} in {clock(seconds)}, {speed:.3g} a second"
        left = self._total - self._done
        return f"{words}, {clock(left / speed)} left" if self._done and left > 0 else words
