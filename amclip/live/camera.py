"""Live frames of a camera, by OpenCV, which knows the cameras of every system."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from amclip.live.frames import LiveFrame, SourceError

__all__ = ["Camera", "CameraWishes"]


@dataclass(frozen=True)
class CameraWishes:
    """What a camera is asked for; it takes what is nearest to that, and its own where nothing is asked.

    Args:
        size: Width and height in pixels.
        fps: Frames per second.
        code: Four letters of the coding, such as ``MJPG``, in which many cameras give more frames.

    Raises:
        ValueError: If a value is none; names the option.
    """

    size: tuple[int, int] | None = None
    fps: float | None = None
    code: str | None = None

    def __post_init__(self) -> None:
        if self.size is not None and min(self.size) < 1:
            raise ValueError(f"--camera_size: expected pixels, such as 640x480, got {self.size}")
        if self.fps is not None and not 0 < self.fps < float("inf"):
            raise ValueError(f"--camera_fps: expected frames per second above 0, got {self.fps}")
        if self.code is not None and (len(self.code) != 4 or not self.code.isascii()):
            raise ValueError(f"--camera_code: expected four letters, such as MJPG, got {self.code!r}")


@dataclass
class Camera:
    """A camera, by OpenCV.

    Args:
        where: Number or device.
        wishes: What to ask of it.
    """

    where: str
    wishes: CameraWishes = CameraWishes()
    endless: bool = field(default=True, init=False)

    @property
    def name(self) -> str:
        """In words."""
        return f"camera {self.where}"

    def frames(self, stopped: Event) -> Iterator[LiveFrame]:
        """Its frames; see :class:`Source`."""
        import cv2

        before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it tells of what is said below
        number = self.where.removeprefix("/dev/video")  # of a device's name OpenCV would have FFmpeg open it
        capture = cv2.VideoCapture(int(number) if number.isdecimal() else self.where)
        cv2.utils.logging.setLogLevel(before)
        try:
            if not capture.isOpened():
                raise SourceError(f"{self.name}: cannot be opened; is it plugged in, and used by no other program?")
            self._ask(cv2, capture)
            stamped, last = capture.getBackendName() == "V4L2", 0.0  # others give zeros, or their own ideas
            while not stopped.is_set():
                if not capture.grab():
                    raise SourceError(f"{self.name}: gives no frames any more; was it unplugged?")
                arrived = time.monotonic()
                stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
                stamped, last = stamped and stamp > last, stamp
                ok, pixels = capture.retrieve()
                if ok:
                    yield LiveFrame(_bgr(pixels), stamp if stamped else None, arrived)
        finally:
            capture.release()

    def _ask(self, cv2: Any, capture: Any) -> None:
        wishes = self.wishes
        if wishes.code is not None:  # first: it decides which sizes and rates there are
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*wishes.code))
        if wishes.size is not None:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, wishes.size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wishes.size[1])
        if wishes.fps is not None:
            capture.set(cv2.CAP_PROP_FPS, wishes.fps)


def _bgr(pixels: Any) -> Any:
    import av

    return av.VideoFrame.from_ndarray(pixels, "gray" if pixels.ndim == 2 else "bgr24")
