"""How far a video goes: one value for all that tell of its scores."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amclip.data.video import Video

__all__ = ["Extent"]


@dataclass(frozen=True)
class Extent:
    """How far a video goes, in frames and in seconds.

    Attributes:
        fps: Frames per second, averaged over the video.
        num_frames: Frames.
        duration: Seconds from the first frame to the end of the last.
        offset: Time stamp that the file gives its first frame, in seconds; added to times only where a tool counts
            from the container's zero.

    Raises:
        ValueError: If a number is out of range.
    """

    fps: float
    num_frames: int
    duration: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and self.fps > 0 and math.isfinite(self.offset)):
            raise ValueError(f"fps {self.fps}, offset {self.offset}")
        if not (math.isfinite(self.duration) and self.duration >= 0 and self.num_frames >= 0):
            raise ValueError(f"duration {self.duration}, num_frames {self.num_frames}")

    @classmethod
    def of(cls, video: "Video") -> "Extent":
        """Of an open video."""
        return cls(video.fps, video.num_frames, video.duration, video.offset)
