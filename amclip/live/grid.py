"""Which windows of a running video are complete, and which of its frames they look at: arithmetic of seconds.

The same windows, moments, frames and flow partners as :func:`amclip.ethogram.plan.plan_windows` lays over the whole
video, found as frames come. Which frame a moment shows is known when the next one has come; which one is its flow
partner, when a frame has come that is further off than the one before it.
"""

import math
from collections import deque
from typing import NamedTuple

import numpy as np

from amclip.ethogram.plan import first_moments, grid_moments, grid_spacing
from amclip.frame_times import flow_partners, partner_reach, shown_frames, time_tolerance

__all__ = ["LONGEST_HOLE", "LONGEST_PART", "CompleteWindow", "GridImage", "LiveGrid"]

LONGEST_HOLE = 0.5
"""Seconds without a frame after which nothing is known of a scene: a still picture would pass for an animal that holds
still. Of slow cameras three frames, where these take longer."""
LONGEST_PART = 0.25
"""Of a window that may be missing at a stretch."""
_LEAP = 8  # windows within a hole from which on they are taken as one


class GridImage(NamedTuple):
    """A frame that windows look at.

    Attributes:
        number: Counts images from 0.
        frame: Number of the frame.
        partner: Number of the frame that its optical flow leads to.
        seconds: From the one to the other.
    """

    number: int
    frame: int
    partner: int
    seconds: float


class CompleteWindow(NamedTuple):
    """A window whose frames have all come.

    Attributes:
        number: Counts windows from 0; number ``n`` begins at ``n * hop`` seconds.
        images: Numbers of the images that it looks at, never decreasing.
        whole: Whether no more than :data:`LONGEST_HOLE`, and no more than a quarter of the window, is missing at a
            stretch among its frames.
        alike: Windows from this one on that are all the same, being within a hole; else 1.
    """

    number: int
    images: tuple[int, ...]
    whole: bool
    alike: int = 1


class LiveGrid:
    """Lays windows over a running video: at 0, ``hop``, 2 ``hop``, … seconds since the first frame.

    Memory is that of the frames within a flow gap and the moments of a window, however long it runs.

    Args:
        window: Length of a window in seconds.
        hop: Seconds from the start of one window to the next.
        positions: ``K``, moments per window.
        flow_gap: Seconds from a frame to its flow partner.
        waits: Whether there is flow, so that an image is not known before its partner is.

    Raises:
        ValueError: If window or hop are not above 0, or a window is no longer than the flow gap.
    """

    def __init__(self, window: float, hop: float, positions: int, flow_gap: float, waits: bool = True) -> None:
        if not 0 < window < np.inf or not 0 < hop < np.inf:
            raise ValueError(f"window and hop: expected seconds above 0, got {window} and {hop}")
        self.window, self.hop, self.positions = window, hop, positions
        self._flow_gap, self._waits = flow_gap, waits
        self._spacing = grid_spacing(window, flow_gap, positions)
        self._times: deque[float] = deque()  # of the frames from the one numbered `_base` on
        self._base = self._moment = self._images = self._complete = 0
        self._steps, self._running = 0, 0.0  # steps between frames, holes left out, and their sum
        self._seen: dict[int, tuple[int, bool]] = {}  # moment: its image, and whether it is whole
        self._last = GridImage(-1, -1, -1, 0.0)

    @property
    def first_frame(self) -> int:
        """Number of the first frame that images to come may show; those before it can be let go."""
        return self._base

    @property
    def first_image(self) -> int:
        """Number of the first image that windows to come look at; not yet there where it is the next one's number."""
        known = self._seen.get(self._first_of(self._complete))
        return self._images if known is None else known[0]

    @property
    def interval(self) -> float:
        """Seconds from frame to frame, on average, holes left out; 0 before there are two frames."""
        return self._running / self._steps if self._steps else 0.0

    @property
    def new_images(self) -> float:
        """Images of a window that the one before it does not look at, where every moment shows another frame."""
        return min(self.hop / self._spacing, self.positions)

    @property
    def longest_hole(self) -> float:
        """Seconds between frames above which something is missing."""
        return max(LONGEST_HOLE, 3 * self.interval, 2 * self._flow_gap)

    @property
    def largest_gap(self) -> float:
        """Seconds between frames of a window above which it is broken: those of a short one must lie closer."""
        shortest = max(3 * self.interval, 2 * self._flow_gap)
        return max(min(LONGEST_HOLE, LONGEST_PART * self.window), shortest)

    def push(self, time: float) -> tuple[list[GridImage], list[CompleteWindow]]:
        """Take the next frame.

        Args:
            time: When it is shown, seconds since the first frame, never decreasing.

        Returns:
            Images that are known now, and windows that are complete.
        """
        if self._times:
            step = time - self._times[-1]
            if not self._steps or step <= self.longest_hole:
                self._steps, self._running = self._steps + 1, self._running + step
        self._times.append(time)
        images: list[GridImage] = []
        windows: list[CompleteWindow] = []
        while len(self._times) > 1 and self._decide(images):
            if (leap := self._leap()) is not None:
                windows.append(leap)
            while self._first_of(self._complete) + self.positions <= self._moment:
                windows.append(self._finish())
        return images, windows

    def _decide(self, images: list[GridImage]) -> bool:
        """Find the image of the next moment that a window looks at; False where it is not known yet."""
        moment = max(self._moment, self._first_of(self._complete))
        at = float(grid_moments(np.array(moment), self._spacing))
        until = at + time_tolerance(np.empty(0), self.positions, self.interval)
        while len(self._times) > 2 and self._times[1] <= until:
            self._times.popleft()
            self._base += 1
        if self._times[-1] <= until:
            return False
        if self._last.frame != self._base:
            if self._waits and not self._partner_is_known():
                return False
            times = np.array(self._times)
            frame = shown_frames(times, np.array([at]), until - at)
            partner = flow_partners(times, frame, self._flow_gap, self.interval)
            seconds = float(times[partner[0]] - times[frame[0]])
            self._last = GridImage(self._images, self._base + int(frame[0]), self._base + int(partner[0]), seconds)
            self._images += 1
            images.append(self._last)
        self._seen[moment] = self._last.number, self._last.seconds <= self.largest_gap
        self._moment = moment + 1
        return True

    def _leap(self) -> CompleteWindow | None:
        """The windows within a hole as one: a source may be away for days, and each of them would take its time."""
        if self._last.seconds <= self.longest_hole or self._last.frame != self._base:
            return None
        first = self._seen.get(self._first_of(self._complete))
        count = math.floor((self._times[1] - self.window) / self.hop) - 1 - self._complete
        if count < _LEAP or first is None or first[0] != self._last.number:
            return None
        window = CompleteWindow(self._complete, (self._last.number,) * self.positions, False, count)
        self._complete += count
        begins = self._first_of(self._complete)
        self._seen = {moment: seen for moment, seen in self._seen.items() if moment >= begins}
        return window

    def _partner_is_known(self) -> bool:
        """Whether a frame has come that is further from where the partner should be than the one before it."""
        wanted = self._times[0] + partner_reach(self._flow_gap, self.interval)
        return 0.5 * (self._times[-1] + self._times[-2]) > wanted

    def _finish(self) -> CompleteWindow:
        first = self._first_of(self._complete)
        seen = [self._seen[moment] for moment in range(first, first + self.positions)]
        window = CompleteWindow(self._complete, tuple(image for image, _ in seen), all(whole for _, whole in seen))
        self._complete += 1
        for moment in range(first, min(self._first_of(self._complete), first + self.positions)):
            del self._seen[moment]
        return window

    def _first_of(self, window: int) -> int:
        return int(first_moments(np.array(window * self.hop), self._spacing))
