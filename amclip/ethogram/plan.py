"""Where the windows of a video lie and which of its frames are sampled: pure arithmetic.

Windows that overlap can share work only where they look at the same frames. So all windows of a video draw on one grid
of moments, spaced as the network's positions were in training; each window takes the ``K`` moments of the grid that lie
nearest to the centres of its own ``K`` bins. No moment is further than half a bin from its centre: within the bins that
training draws its positions from.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amclip.frame_times import DEFAULT_FLOW_GAP, flow_partners, shown_frames, time_tolerance
from amclip.sampling import sample_positions

__all__ = ["DEFAULT_WINDOW", "WindowPlan", "first_moments", "grid_moments", "grid_spacing", "plan_windows"]

DEFAULT_WINDOW = 2.0
"""Seconds, where the checkpoint does not know how long its training clips were."""


@dataclass(frozen=True)
class WindowPlan:
    """The windows of one video, in order of time, and the frames that they need.

    Attributes:
        start_frame: First frame of each window, int64 ``[W]``, never decreasing.
        stop_frame: The frame after its last, int64 ``[W]``.
        start: When the first frame is shown, float64 ``[W]``, seconds since the first frame of the video.
        stop: When its last frame ends.
        frames: Frames to be sampled, int64 ``[U]``, increasing: each once, however many windows look at it.
        partners: The frames that their optical flow leads to, int64 ``[U]``, never
            decreasing.
        image_of: Which of the ``U`` frames each moment of the grid shows, int64 ``[G]``.
        offset: First moment of each window, int64 ``[W]``, never decreasing.
        positions: Moments per window, ``K``.
    """

    start_frame: NDArray[np.int64]
    stop_frame: NDArray[np.int64]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    frames: NDArray[np.int64]
    partners: NDArray[np.int64]
    image_of: NDArray[np.int64]
    offset: NDArray[np.int64]
    positions: int

    def __len__(self) -> int:
        return len(self.offset)

    def images(self, window: int) -> NDArray[np.int64]:
        """Which of the ``U`` frames a window looks at, int64 ``[K]``, never decreasing."""
        first = self.offset[window]
        return self.image_of[first : first + self.positions]


def plan_windows(
    times: NDArray[np.float64],
    duration: float,
    window: float,
    hop: float,
    positions: int,
    flow_gap: float = DEFAULT_FLOW_GAP,
) -> WindowPlan:
    """Lay windows over a video: at 0, ``hop``, 2 ``hop``, … and a last one that ends with the video.

    A video no longer than a window is one window, whose positions are those that a clip of the whole video has in
    prediction. The windows' frames are ``[start, start + window)`` as in a table of clips.

    Args:
        times: When each frame is shown, seconds since the first, never decreasing, shape ``[N]``.
        duration: Seconds from the first frame to the end of the last.
        window: Length of a window in seconds.
        hop: Seconds from the start of one window to the next.
        positions: ``K``, moments per window.
        flow_gap: Seconds from a frame to its flow partner; less where the video is shorter.

    Raises:
        ValueError: If window or hop are not above 0, or a window is no longer than the flow gap.
    """
    if not 0 < window < np.inf or not 0 < hop < np.inf:
        raise ValueError(f"window and hop: expected seconds above 0, got {window} and {hop}")
    count = len(times)
    gap = min(flow_gap, float(times[-1] - times[0]))
    frame = duration / count
    tolerance = min(1e-3, 0.25 * frame)  # as in Video.frame_range: times in tables and containers are rounded
    if duration <= window + tolerance:
        sampled, _ = sample_positions(times, 0.0, duration, positions, flow_gap)
        whole = np.array([0.0]), np.array([duration])
        return _plan(times, duration, *whole, sampled.numpy(), np.zeros(1, np.int64), flow_gap, positions)
    spacing = grid_spacing(window, gap, positions)
    starts = np.arange(int((duration + tolerance - window) / hop) + 1, dtype=np.float64) * hop
    if starts[-1] + window < duration - 0.5 * frame:
        starts = np.append(starts, duration - window)
    offset = first_moments(starts, spacing)
    moments = grid_moments(np.arange(offset[-1] + positions), spacing)
    shown = shown_frames(times, moments, time_tolerance(times, positions))
    return _plan(times, duration, starts, starts + window, shown, offset, flow_gap, positions)


def grid_spacing(window: float, gap: float, positions: int) -> float:
    """Seconds from one moment of the grid to the next.

    Args:
        window: Length of a window in seconds.
        gap: Seconds from a frame to its flow partner.
        positions: ``K``, moments per window.

    Raises:
        ValueError: If a window is no longer than the gap.
    """
    spacing = (window - gap) / positions
    if spacing <= 0:
        raise ValueError(f"a window of {window:g} s is too short: it must be longer than the flow gap, {gap:g} s")
    return spacing


def first_moments(starts: NDArray[np.float64], spacing: float) -> NDArray[np.int64]:
    """The first moment of the windows that begin at ``starts`` seconds: the nearest to the centre of the first bin."""
    return np.floor(starts / spacing + 0.5 + 1e-9).astype(np.int64)


def grid_moments(numbers: NDArray[np.int64], spacing: float) -> NDArray[np.float64]:
    """When the moments with these numbers are, in seconds since the first frame."""
    return np.asarray((numbers + 0.5) * spacing)


def _plan(
    times: NDArray[np.float64],
    duration: float,
    starts: NDArray[np.float64],
    stops: NDArray[np.float64],
    shown: NDArray[np.int64],
    offset: NDArray[np.int64],
    flow_gap: float,
    positions: int,
) -> WindowPlan:
    """Frames and times of the windows; ``shown`` is the frame at each moment of the grid."""
    count = len(times)
    frame = duration / count
    tolerance = min(1e-3, 0.25 * frame)
    start_frame = np.searchsorted(times, starts - tolerance)
    stop_frame = np.where(stops >= duration - 0.5 * frame, count, np.searchsorted(times, stops - tolerance))
    stop_frame = np.maximum(stop_frame, 1)
    # Where no frame begins in a window (a gap in a recording of varying rate), the one before it is on all the time.
    start_frame = np.minimum(start_frame, stop_frame - 1)
    # Moments between windows that leave gaps are nobody's.
    edges = np.zeros(len(shown) + 1, np.int64)
    np.add.at(edges, offset, 1)
    np.add.at(edges, offset + positions, -1)
    frames = np.unique(shown[np.cumsum(edges[:-1]) > 0])
    return WindowPlan(
        start_frame=start_frame,
        stop_frame=stop_frame,
        start=times[start_frame],
        stop=np.append(times, duration)[stop_frame],
        frames=frames,
        partners=flow_partners(times, frames, flow_gap),
        image_of=np.searchsorted(frames, shown),
        offset=np.asarray(offset, np.int64),
        positions=positions,
    )
