"""Write frames to an H.264 video that browsers and every player open."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.atomic import replacing

__all__ = ["FrameClock", "VideoWriter"]


@dataclass(frozen=True)
class FrameClock:
    """When each frame of a video is shown, where that is not by a rate.

    Attributes:
        timescale: Ticks per second.
        ticks: The moment of each frame, int64 ``[N]``, from 0 on, never decreasing.
    """

    timescale: int
    ticks: NDArray[np.int64]

    def decoding(self) -> NDArray[np.int64]:
        """When each frame is decoded: when it is shown, and where two are shown at once, the first of them earlier."""
        numbers = np.arange(len(self.ticks))
        rising: NDArray[np.int64] = np.minimum.accumulate((self.ticks - numbers)[::-1])[::-1] + numbers
        return rising


class VideoWriter:
    """An ``.mp4`` file being written, H.264, 4:2:0, one thread, so that equal frames give equal bytes.

    Frames go to a temporary file beside the target, which takes the target's name when the ``with`` block
    ends without an error; otherwise it is removed, and a file that was there before stays as it was.

    H.264 in 4:2:0 holds even sizes only: a frame of odd height or width is padded by repeating its last row
    or column, so the video is one pixel larger there.

    Args:
        path: The file to write, ending in ``.mp4``; its folder is made if missing.
        fps: Frames per second.
        size: Height and width of the frames in pixels.
        crf: Quality, 0 (lossless) to 51 (worst) on x264's scale; about 6 steps halve the file.
        preset: x264's trade of time for size, ``"ultrafast"`` to ``"veryslow"``.
        keyframes: Frames from one key frame to the next at most. Default: those of two seconds.
        clock: When each frame is shown, and none is coded by a later one. Default: evenly, by ``fps``.

    Raises:
        ValueError: If the suffix is not ``.mp4``, or ``fps``, ``size`` or ``crf`` is out of range.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float,
        size: tuple[int, int],
        crf: int = 18,
        preset: str = "veryfast",
        keyframes: int | None = None,
        clock: FrameClock | None = None,
    ) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() != ".mp4":
            raise ValueError(f"{self.path}: videos are written as .mp4, not {self.path.suffix or 'without a suffix'}")
        if not 0 < fps <= 1000:
            raise ValueError(f"fps must lie in (0, 1000], not {fps}")
        if len(size) != 2 or min(size) < 2:
            raise ValueError(f"size must be (height, width), both at least 2 pixels, not {size}")
        if not 0 <= crf <= 51:
            raise ValueError(f"crf must lie in [0, 51], not {crf}")
        self.fps, self.size, self.crf, self.preset = fps, size, crf, preset
        self._keyframes, self._clock = keyframes, clock
        self._decoding = None if clock is None else clock.decoding()
        self.num_frames = 0
        self._container: Any = None
        self._stream: Any = None
        self._file: AbstractContextManager[Path]

    def __enter__(self) -> "VideoWriter":
        import av

        self._file = replacing(self.path, ".part")
        name = str(self._file.__enter__())
        try:
            # faststart: the index comes first, so that a browser plays before the whole file is there.
            # bitexact: no version tag
            muxing = {"movflags": "faststart", "fflags": "bitexact"}
            if self._clock is not None:  # the moment of the first frame is written in the file's own unit
                muxing |= dict.fromkeys(("movie_timescale", "video_track_timescale"), str(self._clock.timescale))
            self._container = av.open(name, "w", format="mp4", options=muxing)
            rate = Fraction(self.fps).limit_denominator(1001)
            # x264's macroblock tree makes bytes vary from run to run in pictures of a few macroblocks (seen at 64x48).
            options = {"crf": str(self.crf), "preset": self.preset, "threads": "1", "mbtree": "0"}
            if self._clock is not None:
                options |= {"bf": "0", "tune": "fastdecode"}
            self._stream = self._container.add_stream("libx264", rate=rate, options=options)
            context = self._stream.codec_context
            context.height, context.width = (length + length % 2 for length in self.size)
            context.pix_fmt = "yuv420p"
            context.thread_count = 1
            # A key frame every two seconds keeps random access quick.
            context.gop_size = self._keyframes or max(1, round(2 * self.fps))
            context.time_base = 1 / rate
        except BaseException as error:
            self._discard(error)
            raise
        return self

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append one frame.

        Args:
            frame: RGB, ``uint8``, shape ``(H, W, 3)``.

        Raises:
            ValueError: If the shape or the type is another.
            RuntimeError: If the writer is not open (use it in a ``with`` statement).
        """
        import av

        if self._container is None:
            raise RuntimeError(f"{self.path} is not open: write inside `with VideoWriter(...) as writer:`")
        if frame.shape != (*self.size, 3) or frame.dtype != np.uint8:
            raise ValueError(f"a frame must be uint8 {(*self.size, 3)}, not {frame.dtype} {frame.shape}")
        pad_y, pad_x = (length % 2 for length in self.size)
        if pad_y or pad_x:
            frame = np.pad(frame, ((0, pad_y), (0, pad_x), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture.pts = self.num_frames
        picture.time_base = self._stream.codec_context.time_base
        self._mux(self._stream.encode(picture))
        self.num_frames += 1

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            if self._clock is not None and self._decoding is not None:
                scale, ticks, number = self._clock.timescale, self._clock.ticks, packet.pts
                following = ticks[number + 1] - ticks[number] if number + 1 < len(ticks) else scale / self.fps
                packet.pts, packet.dts = int(ticks[number]), int(self._decoding[number])
                packet.duration, packet.time_base = max(1, round(following)), Fraction(1, scale)
            self._container.mux(packet)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._discard(error)
            return
        try:
            if self.num_frames == 0:
                raise ValueError(f"{self.path}: no frame was written")
            self._mux(self._stream.encode(None))
            self._container.close()
            self._container = None
        except BaseException as failure:
            self._discard(failure)
            raise
        self._file.__exit__(None, None, None)

    def _discard(self, error: BaseException) -> None:
        """Close and remove the temporary file; never raises, so that the first error is the one seen."""
        container, self._container = self._container, None
        try:
            if container is not None:
                container.close()
        except Exception:  # the muxer refuses to finish a file without packets
            pass
        finally:
            with suppress(type(error)):
                self._file.__exit__(type(error), error, error.__traceback__)
