"""How the videos of a data set are encoded anew."""

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["PRESETS", "PrepareSettings", "Preset", "prepared_size"]

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"
]
PRESETS: tuple[str, ...] = get_args(Preset)
_SMALLEST = 16  # pixels; H.264 is coded in blocks of as many


@dataclass(frozen=True)
class PrepareSettings:
    """What decides how a prepared video looks.

    Args:
        short_side: Pixels of the shorter side; smaller videos keep their size. None: all do.
        keyframes: Frames from one key frame to the next; 1 makes each frame one.
        crf: x264's quality, 0 (lossless) to 51 (worst).
        preset: x264's trade of time for size.

    Raises:
        ValueError: If a value is out of range; names the option of `amclip prepare`.
    """

    short_side: int | None = 256
    keyframes: int = 4
    crf: int = 23
    preset: str = "veryfast"

    def __post_init__(self) -> None:
        if self.short_side is not None and self.short_side < _SMALLEST:
            raise ValueError(f"--short_side: expected {_SMALLEST} pixels or more, got {self.short_side}")
        if self.keyframes < 1:
            raise ValueError(f"--keyframes: expected 1 or more frames, got {self.keyframes}")
        if not 0 <= self.crf <= 51:
            raise ValueError(f"--crf: expected 0 (lossless) to 51, got {self.crf}")
        if self.preset not in PRESETS:
            raise ValueError(f"--preset: expected one of {', '.join(PRESETS)}, got {self.preset!r}")


def prepared_size(size: tuple[int, int], short_side: int | None) -> tuple[int, int]:
    """Height and width of a prepared video: scaled as one until the shorter side fits, never enlarged, and even.

    H.264 in 4:2:0 holds even sizes only, so each side is the even number nearest to it.

    Args:
        size: Height and width in pixels, as the video is shown.
        short_side: Pixels of the shorter side; None keeps the size.
    """
    scale = 1.0 if short_side is None else min(1.0, short_side / min(size))
    height, width = (max(2, 2 * round(side * scale / 2)) for side in size)
    return height, width
