"""A source whose time passes only where the test says so."""

from collections.abc import Iterator, Sequence
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.live.frames import LiveFrame
from amclip.live.ring import Ring


class Simulated:
    """Brings frames into a ring as a thread would, by a clock that work moves on; see :class:`LiveWindows`' `feed`."""

    name, endless = "simulated", True

    def __init__(self, frames: Sequence[LiveFrame]) -> None:
        self.now = 0.0
        self._coming = list(frames)
        self.ended, self.error, self.reconnections = False, None, 0
        self.closed = False

    def __call__(self, ring: Ring) -> "Simulated":
        self._ring = ring
        return self

    def frames(self, stopped: Event) -> Iterator[LiveFrame]:
        raise AssertionError("no thread takes them")

    def clock(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        """Let time pass; frames come meanwhile."""
        self.now += seconds
        while self._coming and self._coming[0].arrived <= self.now:
            self._ring.push(self._coming.pop(0))
        if not self._coming and not self.ended and not self.endless:
            self._ring.finish()
        self.ended = not self._coming

    def wait(self, seconds: float) -> None:
        due = self._coming[0].arrived - self.now if self._coming else seconds
        self.work(min(seconds, max(0.0, due)))

    def close(self) -> None:
        self.closed = True


class Played(Simulated):
    """A recording, whose times are known before."""

    name, endless = "played", False

    def __init__(
        self, frames: Sequence[LiveFrame], times: NDArray[np.float64], duration: float, pace: float = 1.0
    ) -> None:
        super().__init__(frames)
        self.times, self.duration, self.pace = times, duration, pace


def noise(count: int, fps: float = 15.0, size: tuple[int, int] = (36, 36), **changes: Any) -> list[LiveFrame]:
    """Frames of noise at an even rate; ``missing``: numbers of those that never come."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (count, *size, 3), np.uint8)
    frames = [LiveFrame(picture, 100 + n / fps, n / fps) for n, picture in enumerate(pictures)]
    return [frame for n, frame in enumerate(frames) if n not in changes.get("missing", ())]
