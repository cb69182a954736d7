"""What a network says of every window of one video."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["WindowScores"]


@dataclass(frozen=True)
class WindowScores:
    """Scores of windows that slide over one video, in order of time.

    Attributes:
        video: The video as tables name it.
        classes: Names of the behaviours, C.
        start_frame: First frame of each window, int64 ``[W]``, never decreasing.
        stop_frame: The frame after its last, int64 ``[W]``.
        start: When the first frame of each window is shown, float64 ``[W]``, seconds since the first frame of the
            video; right for variable frame rates too.
        stop: When its last frame ends.
        probabilities: float32 ``[W, C]`` in [0, 1].
        fps: Frames per second, averaged over the video.
        num_frames: Frames of the video.
        duration: Seconds from the first frame to the end of the last.
        offset: Time stamp that the file gives its first frame, in seconds; added to times only where a tool counts
            from the container's zero.
        subject: The animal whose behaviours these are; ``""`` is the whole scene.

    Raises:
        ValueError: If the shapes do not fit each other.
    """

    video: str
    classes: tuple[str, ...]
    start_frame: NDArray[np.int64]
    stop_frame: NDArray[np.int64]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    probabilities: NDArray[np.float32]
    fps: float
    num_frames: int
    duration: float
    offset: float = 0.0
    subject: str = ""

    def __post_init__(self) -> None:
        windows = len(self.start_frame)
        if self.probabilities.shape != (windows, len(self.classes)):
            raise ValueError(
                f"{self.video}: {windows} windows and {len(self.classes)} classes need probabilities of that shape, "
                f"got {self.probabilities.shape}"
            )
        for name in ("stop_frame", "start", "stop"):
            if getattr(self, name).shape != (windows,):
                raise ValueError(f"{self.video}: {name} has shape {getattr(self, name).shape}, expected ({windows},)")
