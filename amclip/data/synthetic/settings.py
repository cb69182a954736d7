"""What the videos of a drawn data set have in common."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from amclip.data.synthetic.motion import MIN_BOUT

__all__ = ["FPS", "SECONDS", "SIZE", "ClipSettings"]

SIZE = (128, 160)
FPS = 15.0
SECONDS = 4.0


@dataclass(frozen=True)
class ClipSettings:
    """From which videos are drawn: with the number of a clip it decides what happens, and every pixel.

    Attributes:
        seed: Of the data set.
        seconds: Length of a video; minutes and hours are fine.
        size: Height and width of the frames in pixels.
        fps: Frames per second.

    Raises:
        ValueError: If a number is out of range, or a video is too short for one bout.
    """

    seed: int = 0
    seconds: float = SECONDS
    size: tuple[int, int] = SIZE
    fps: float = FPS

    def __post_init__(self) -> None:
        if self.fps <= 0 or self.seconds < MIN_BOUT + 2 / self.fps or self.seed < 0:
            raise ValueError(
                f"seconds must be at least {MIN_BOUT:g} and two frames (one bout), fps positive and seed not negative; "
                f"got seconds={self.seconds}, fps={self.fps}, seed={self.seed}"
            )

    @property
    def num_frames(self) -> int:
        """Frames of a video."""
        return round(self.seconds * self.fps)

    def generator(self, index: int, *stream: int) -> Generator:
        """Random numbers for one purpose (``stream``) in clip ``index``, whatever else is drawn.

        Raises:
            ValueError: If ``index`` is negative.
        """
        if index < 0:
            raise ValueError(f"index: the number of a clip must not be negative, got {index}")
        return np.random.default_rng([self.seed, index, *stream])
