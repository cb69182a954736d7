"""From decoded pictures to RGB pixels of the size that is asked for: one scaler, whatever they come from."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from amclip.data._frame_index import Orientation, orientation_of

__all__ = ["Fit", "Resize", "Scaler", "cover_size", "cut_middle"]

Resize = Literal["stretch", "crop"]


class Scaler:
    """Scales pictures of PyAV, in one thread."""

    def __init__(self) -> None:
        self._scaler: Any = None

    def __call__(self, frame: Any, stored: tuple[int, int] | None, orientation: Orientation) -> NDArray[np.uint8]:
        """Pixels as they are shown, contiguous ``[height, width, 3]``, RGB.

        Args:
            frame: An ``av.VideoFrame``.
            stored: ``(height, width)`` before it is turned; ``None`` for its own.
            orientation: How it is turned.
        """
        import av

        if self._scaler is None:
            self._scaler = av.video.reformatter.VideoReformatter()
        height, width = stored or (frame.height, frame.width)
        # One thread: several are no faster on small pictures, and take cores from other workers.
        scaled = self._scaler.reformat(frame, width, height, "rgb24", interpolation="BICUBIC", threads=1)
        pixels: NDArray[np.uint8] = np.ascontiguousarray(orientation.apply(scaled.to_ndarray()))
        return pixels


class Fit:
    """Makes pictures of any size what :class:`amclip.data.video.Video` makes of a file's frames.

    Args:
        size: ``(height, width)`` of what comes out.
        resize: ``"stretch"`` changes the aspect ratio; ``"crop"`` scales until both sides reach ``size`` and cuts
            equal parts off the longer one.
    """

    def __init__(self, size: tuple[int, int], resize: Resize) -> None:
        self.size, self.resize = size, resize
        self._scaler = Scaler()

    def __call__(self, picture: Any) -> NDArray[np.uint8]:
        """Pixels ``[height, width, 3]``, RGB.

        Args:
            picture: An ``av.VideoFrame``, or uint8 ``[H, W, 3]``, RGB, which stays as it is where its size is right.
        """
        turned = Orientation()
        if isinstance(picture, np.ndarray):
            if picture.shape[:2] == self.size:
                return picture
            import av

            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
        else:
            turned = orientation_of(picture)
        native = turned.shown((picture.height, picture.width))
        stored = turned.shown(cover_size(native, self.size, self.resize))
        return cut_middle(self._scaler(picture, stored, turned), self.size)


def cover_size(native: tuple[int, int], size: tuple[int, int], resize: Resize) -> tuple[int, int]:
    """What a frame of ``native`` height and width is scaled to: with ``"crop"``, one side is as asked, none less."""
    if resize == "stretch":
        return size
    scale = max(want / have for want, have in zip(size, native, strict=True))
    height, width = (max(want, round(have * scale)) for want, have in zip(size, native, strict=True))
    return height, width


def cut_middle(frame: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """What ``resize="crop"`` leaves of a frame that was scaled to cover the size."""
    top, left = ((have - want) // 2 for have, want in zip(frame.shape[:2], size, strict=True))
    return frame[top : top + size[0], left : left + size[1]]
