"""Scores of windows for tests: no network, times of a variable frame rate."""

import numpy as np

from amclip.ethogram.extent import Extent
from amclip.ethogram.scores import WindowScores

CLASSES = ("walking", "still, resting", "wing")


def frame_times(num_frames: int) -> np.ndarray:
    """When each frame starts, and the last one ends: frames last 40 or 50 ms."""
    return np.concatenate([[0.0], np.cumsum(np.where(np.arange(num_frames) % 3 == 0, 0.05, 0.04))])


def scores_of(
    video: str = "a.mp4",
    num_frames: int = 60,
    seed: int = 0,
    offset: float = 0.0,
    subject: str = "",
    frames: tuple[tuple[int, int], ...] | None = None,
) -> WindowScores:
    """Windows of 8 frames every 4; ``frames``: first of each presence of the animal, and the one after its last."""
    generator = np.random.default_rng(seed)
    times = frame_times(num_frames)
    first = np.arange(0, num_frames - 7, 4, dtype=np.int64)
    logits = generator.normal(0, 1.5, (len(first), len(CLASSES)))
    return WindowScores(
        video=video,
        classes=CLASSES,
        start_frame=first,
        stop_frame=first + 8,
        start=times[first],
        stop=times[first + 8],
        probabilities=(1 / (1 + np.exp(-logits))).astype(np.float32),
        extent=Extent(float(num_frames / times[-1]), num_frames, float(times[-1]), offset),
        subject=subject,
        present=None if frames is None else tuple((float(times[a]), float(times[b])) for a, b in frames),
        present_frames=frames,
    )
