"""A recording that is played as if it were live: its windows are those of an annotation, as its times are known.

A running video is cut into windows without knowing when its next frame comes, or its end. Of a recording both are
known, and so :func:`amclip.ethogram.plan.plan_windows` says which windows there are, the last one too, which ends with
the video. A window is still given only when its frames have come.
"""

from bisect import bisect_left
from collections import deque
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from amclip.ethogram.plan import WindowPlan
from amclip.live.grid import LONGEST_HOLE, LONGEST_PART, CompleteWindow, GridImage

__all__ = ["PlannedGrid", "Recorded", "RecordedClock"]


@runtime_checkable
class Recorded(Protocol):
    """A source that knows all that it will give; see :class:`amclip.live.frames.Source` for the rest.

    Attributes:
        times: When each of its frames is shown, seconds since the first, never decreasing, float64 ``[N]``: the stamps
            of the frames that it gives. It may leave some out.
        duration: Seconds from the first frame to the end of the last.
        pace: Seconds of the recording in a second.
    """

    times: NDArray[np.float64]
    duration: float
    pace: float


class RecordedClock:
    """The times of a recording, at whatever pace it is played: its stamps are beyond doubt.

    Args:
        times: See :class:`Recorded`.

    Attributes:
        lost: Frames that were left out between those that came, and before the first of them.
    """

    def __init__(self, times: NDArray[np.float64]) -> None:
        self._times, self._next, self.lost = times, 0, 0

    def restart(self) -> None:
        """A recording is not opened anew."""

    def place(self, stamp: float | None, arrived: float, skipped: int = 0) -> float:
        """When the next frame is shown; see :meth:`amclip.live.clock.StreamClock.place`."""
        number = _number(self._times, self._next, stamp)
        self.lost += number - self._next
        self._next = number + 1
        return float(self._times[number])

    def finish(self) -> None:
        """No frame comes any more; the last ones may have been left out."""
        self.lost += len(self._times) - self._next
        self._next = len(self._times)


class PlannedGrid:
    """Gives the images and windows of a plan as their frames come; as :class:`amclip.live.grid.LiveGrid` does.

    A frame of the plan that was left out is stood in for by the one before it. Where more is missing around it than a
    window may lack, the windows that look at it are broken, as those of a running video are.

    Args:
        plan: The windows.
        times: See :class:`Recorded`.
        window: Length of a window in seconds.
        hop: Seconds from the start of one window to the next.
        waits: Whether there is flow, so that an image is not known before its partner is.
    """

    def __init__(
        self, plan: WindowPlan, times: NDArray[np.float64], window: float, hop: float, waits: bool = True
    ) -> None:
        self.plan, self.window, self.hop, self.positions = plan, window, hop, plan.positions
        self._times, self._waits, self._last = times, waits, plan.partners if waits else plan.frames
        self._came: deque[int] = deque()  # of the recording's frames those that came, from the one numbered `_base` on
        self._base = self._next = self._images = self._complete = 0
        self._whole: dict[int, bool] = {}  # of images that windows to come look at
        self._usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0

    @property
    def first_frame(self) -> int:
        """Number of the first frame that images to come may show; those before it can be let go."""
        return self._base

    @property
    def first_image(self) -> int:
        """Number of the first image that windows to come look at."""
        done = self._complete == len(self.plan)
        return len(self.plan.frames) if done else int(self.plan.images(self._complete)[0])

    @property
    def interval(self) -> float:
        """Seconds from frame to frame, on average; 0 of a single one."""
        return float(self._times[-1] - self._times[0]) / max(1, len(self._times) - 1)

    @property
    def new_images(self) -> float:
        """Images of a window that the one before it does not look at, on average."""
        return min(len(self.plan.frames) / len(self.plan), self.positions)

    @property
    def longest_hole(self) -> float:
        """Seconds without a frame above which something is missing, where the recording itself has no such hole."""
        steps = np.diff(self._times)
        return max(LONGEST_HOLE, float(steps.max(initial=0.0)) + self._usual)

    def push(self, time: float) -> tuple[list[GridImage], list[CompleteWindow]]:
        """Take the next frame.

        Args:
            time: When it is shown, one of the recording's times.

        Returns:
            Images that are known now, and windows that are complete.
        """
        number = _number(self._times, self._next, time)
        self._came.append(number)
        self._next = number + 1
        # As a camera has it: the next frame has come, and the one before it is known to be the nearest.
        return self._decide(number)

    def finish(self) -> tuple[list[GridImage], list[CompleteWindow]]:
        """No frame comes any more: all that is left."""
        return self._decide(len(self._times)) if self._came else ([], [])

    def _decide(self, below: int) -> tuple[list[GridImage], list[CompleteWindow]]:
        """Images whose frames have numbers below one, and the windows that they complete."""
        images: list[GridImage] = []
        plan = self.plan
        self._let_go()
        while self._images < len(plan.frames) and self._last[self._images] < below:
            images.append(self._image(int(plan.frames[self._images]), int(plan.partners[self._images])))
            self._let_go()
        windows: list[CompleteWindow] = []
        while self._complete < len(plan) and plan.images(self._complete)[-1] < self._images:
            seen = plan.images(self._complete).tolist()
            whole = all(self._whole[image] for image in seen)
            windows.append(CompleteWindow(self._complete, tuple(seen), whole))
            self._complete += 1
        first = self.first_image
        self._whole = {image: whole for image, whole in self._whole.items() if image >= first}
        return images, windows

    def _let_go(self) -> None:
        """Forget the frames before the one that the next image shows."""
        left = self._images < len(self.plan.frames)
        frame = int(self.plan.frames[self._images]) if left else len(self._times)
        while len(self._came) > 1 and self._came[1] <= frame:
            self._came.popleft()
            self._base += 1

    def _image(self, frame: int, partner: int) -> GridImage:
        other = min(bisect_left(self._came, partner), len(self._came) - 1)
        first, second = self._came[0], self._came[other]  # those before the first are gone
        seconds = float(self._times[second] - self._times[first])
        missing = max(self._missing(planned) for planned in (frame, partner)[: 1 + self._waits])
        self._whole[self._images] = missing <= max(min(LONGEST_HOLE, LONGEST_PART * self.window), 3 * self._usual)
        self._images += 1
        return GridImage(self._images - 1, self._base, self._base + other, seconds)

    def _missing(self, planned: int) -> float:
        """Seconds without a frame around one that was left out, but for the longest step of the recording; else 0."""
        behind = bisect_left(self._came, planned)
        if behind < len(self._came) and self._came[behind] == planned:
            return 0.0
        first = self._came[max(0, behind - 1)]
        last = self._came[behind] if behind < len(self._came) else len(self._times) - 1
        steps = np.diff(self._times[min(first, planned) : last + 1])
        return float(steps.sum() - steps.max(initial=0.0)) + self._usual


def _number(times: NDArray[np.float64], first: int, stamp: float | None) -> int:
    """Which frame has a stamp, from the first that can have come on."""
    at = first if stamp is None else max(first, int(np.searchsorted(times, stamp)))
    return min(at, len(times) - 1)
