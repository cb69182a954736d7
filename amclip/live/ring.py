"""Frames that came, for as long as a window that is worth scoring looks at them: the newest one, and those to come.

A thread puts frames in and never waits; a loop takes windows out, always the newest that is complete. Windows before it
that nobody took are skipped and counted: nothing queues up, however slow the loop.
"""

import threading
from collections import deque
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from amclip.data._scale import Fit
from amclip.data.crops import unit_speeds
from amclip.ethogram.plan import plan_windows
from amclip.inputs import NetworkInput
from amclip.live.clock import StreamClock
from amclip.live.frames import LiveFrame
from amclip.live.grid import CompleteWindow, GridImage, LiveGrid
from amclip.live.recorded import PlannedGrid, Recorded, RecordedClock

__all__ = ["Counts", "Due", "LiveImage", "Ring"]


class LiveImage(NamedTuple):
    """What the network is shown of a frame.

    Attributes:
        number: Counts images from 0.
        pixels: The frame, and its flow partner where there is flow, uint8 ``[V, 3, h, w]``.
        unit_speed: See :func:`amclip.data.crops.unit_speeds`, float32 ``[1, 2]``.
    """

    number: int
    pixels: Tensor
    unit_speed: Tensor


class Counts(NamedTuple):
    """What came, and what did not, since the beginning.

    Attributes:
        frames: Frames that came.
        dropped_frames: Frames that never came, see :class:`amclip.live.clock.StreamClock`.
        late: Windows that were skipped since a newer one was complete before their turn.
        broken: Windows that were skipped since frames were missing in them.
    """

    frames: int = 0
    dropped_frames: int = 0
    late: int = 0
    broken: int = 0


class Due(NamedTuple):
    """Windows to be scored now; several only where they look at the same images.

    Attributes:
        windows: Their numbers, rising.
        images: What they look at, ``K`` images in order of time, one of them perhaps several times.
        arrived: When the last frame came that they wait for, by the clock of the frames.
        counts: Up to here, these windows not counted.
        gap: Whether a window was broken since those that were taken before.
    """

    windows: list[int]
    images: list[LiveImage]
    arrived: float
    counts: Counts
    gap: bool


class Ring:
    """The last frames of a running video, and the newest window that they complete.

    Memory is that of the images of two windows, at the size in which the network's input takes frames, and of the
    frames within a flow gap as they came.

    Args:
        input: What the network sees.
        window: Length of a window in seconds.
        hop: Seconds from the start of one window to the next.
        recorded: Times of the frames that will come, where they are known: windows are then those of an annotation.

    Attributes:
        held: Whether frames that come are left out, and not counted: nothing has begun.
        arrived: When the last frame came; ``None`` before the first.

    Raises:
        ValueError: If window or hop are not above 0, or a window is no longer than the flow gap.
    """

    def __init__(self, input: NetworkInput, window: float, hop: float, recorded: Recorded | None = None) -> None:
        of_input = input.num_positions, input.flow.gap_seconds
        self._grid: LiveGrid | PlannedGrid
        self._clock: StreamClock | RecordedClock
        if recorded is None:
            self._grid, self._clock = LiveGrid(window, hop, *of_input, input.needs_flow), StreamClock()
        else:
            plan = plan_windows(recorded.times, recorded.duration, window, hop, *of_input)
            self._grid = PlannedGrid(plan, recorded.times, window, hop, input.needs_flow)
            self._clock = RecordedClock(recorded.times)
        self._fit = Fit(input.frame_size, input.resize)
        self._per_image = input.frames_per_position
        self._frames: dict[int, LiveFrame] = {}
        self._fitted: dict[int, Tensor] = {}
        self._lock = threading.Lock()
        self._images: dict[int, LiveImage] = {}
        self._due: list[CompleteWindow] = []
        self._rest: deque[CompleteWindow] = deque()  # behind the last frame: nothing newer comes, so none is late
        self._due_since = 0.0
        self._first_wanted = self._count = self._late = self._broken = 0
        self._gap = False
        self.held = False
        self.arrived: float | None = None

    @property
    def recorded(self) -> bool:
        """Whether it is known which frames will come."""
        return isinstance(self._grid, PlannedGrid)

    @property
    def interval(self) -> float:
        """Seconds from frame to frame, on average; 0 before there are two."""
        return self._grid.interval

    @property
    def new_images(self) -> float:
        """Images of a window that the one before it does not look at, where every moment shows another frame."""
        return self._grid.new_images

    @property
    def longest_hole(self) -> float:
        """Seconds without a frame above which nothing is known of the scene."""
        return self._grid.longest_hole

    @property
    def counts(self) -> Counts:
        """What came, and what did not, so far."""
        return Counts(self._count, self._clock.lost, self._late, self._broken)

    @property
    def first_needed(self) -> int:
        """Number of the first image that a window looks at which nobody took yet."""
        with self._lock:
            return self._first_needed()

    def restart(self) -> None:
        """The source began anew: stamps of frames to come are of another clock."""
        self._clock.restart()

    def push(self, frame: LiveFrame) -> bool:
        """Take the next frame; called by one thread alone.

        Returns:
            Whether there is something new to do.
        """
        if self.held:
            self.arrived = frame.arrived
            return True
        number = self._count
        images, windows = self._grid.push(self._clock.place(frame.stamp, frame.arrived, frame.skipped))
        self._frames[number] = frame
        fresh = [self._image(image) for image in images]
        first = self._grid.first_frame
        for held in (self._frames, self._fitted):
            for old in [old for old in held if old < first]:
                del held[old]
        with self._lock:
            self._count, self.arrived = number + 1, frame.arrived
            self._images.update((image.number, image) for image in fresh)
            for window in windows:
                self._complete(window, frame.arrived)
            self._first_wanted = self._grid.first_image
            needed = self._first_needed()
            for old in [old for old in self._images if old < needed]:
                del self._images[old]
        return bool(images)

    def finish(self) -> None:
        """No frame comes any more; of a recording the windows up to its end are complete."""
        if not isinstance(self._grid, PlannedGrid) or self.arrived is None:
            return
        if isinstance(self._clock, RecordedClock):
            self._clock.finish()
        images, windows = self._grid.finish()
        fresh = [self._image(image) for image in images]
        with self._lock:
            self._images.update((image.number, image) for image in fresh)
            self._rest.extend(windows)
            self._first_wanted = self._grid.first_image

    def span(self, window: int) -> tuple[float, float]:
        """When a window begins and ends, seconds since the first frame; of a recording, as an annotation has it."""
        if isinstance(self._grid, PlannedGrid):
            plan = self._grid.plan
            return float(plan.start[window]), float(plan.stop[window])
        return window * self._grid.hop, window * self._grid.hop + self._grid.window

    def take(self) -> Due | None:
        """The newest window that is complete, if nobody took it."""
        with self._lock:
            while not self._due and self._rest:
                self._complete(self._rest.popleft(), self.arrived or 0.0)
            if not self._due:
                return None
            windows, self._due = self._due, []
            gap, self._gap = self._gap, False
            images = [self._images[number] for number in windows[0].images]
            return Due([window.number for window in windows], images, self._due_since, self.counts, gap)

    def ahead(self, after: int) -> LiveImage | None:
        """The next image that windows to come look at.

        Args:
            after: Number of the last image that is known.
        """
        with self._lock:
            return self._images.get(max(after + 1, self._first_wanted))

    def _first_needed(self) -> int:
        return min([self._first_wanted, *(window.images[0] for window in (*self._due, *self._rest))])

    def _complete(self, window: CompleteWindow, arrived: float) -> None:
        if not window.whole:
            self._broken += window.alike
            self._gap = True
            return
        if self._due and self._due[0].images != window.images:
            self._late += len(self._due)
            self._due = []
        if not self._due:
            self._due_since = arrived
        self._due.append(window)

    def _image(self, image: GridImage) -> LiveImage:
        numbers = (image.frame, image.partner)[: self._per_image]
        pixels = torch.stack([self._pixels(number) for number in numbers])
        return LiveImage(image.number, pixels, torch.from_numpy(unit_speeds(np.array([image.seconds])))[0])

    def _pixels(self, number: int) -> Tensor:
        if number not in self._fitted:
            pixels = self._fit(self._frames[number].picture)
            self._fitted[number] = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
        return self._fitted[number]
