"""One video encoded anew: every frame, when it was shown, as :class:`amclip.data.video.Video` shows it.

Frames are read as every command reads them, so what is turned, hidden, cut off by an edit list or out of order in the
file is settled in what is written. Each keeps its moment to the nanosecond, and that of the first is kept too. What was
written is looked through before it counts.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amclip.data._container import open_container
from amclip.data.prepared.settings import PrepareSettings, prepared_size
from amclip.data.video import Video, VideoInfo, find_frames
from amclip.data.video_file import VideoError
from amclip.data.writer import FrameClock, VideoWriter

__all__ = ["clock_of", "encode_video", "fingerprint"]

_LONGEST = 2**31  # ticks between two frames: MP4 has no more
_USUAL = 90_000
_FINEST = 10**9


def encode_video(
    source: str | os.PathLike[str],
    target: Path,
    settings: PrepareSettings,
    info: VideoInfo | None = None,
    alive: Callable[[], None] = lambda: None,
) -> tuple[int, int]:
    """Encode a video anew, without its sound.

    Args:
        source: The video, or a folder of numbered images.
        target: The file to write, ending in ``.mp4``.
        settings: Size, key frames, quality.
        info: What probing found.
        alive: Is called for every frame.

    Returns:
        Height and width of what was written.

    Raises:
        VideoError: If a frame cannot be decoded, or what was written does not show the same frames at the same times.
        OSError: If the file cannot be written.
    """
    with Video(source, info=info) as video:
        size = prepared_size((video.height, video.width), settings.short_side)
    with Video(source, size, info=info) as video:
        times, offset = video.timestamps(), max(0.0, video.offset)  # MP4 hides what lies before 0
        index = video.frame_index
        clock = clock_of(times, offset, 1000 if index is None else _timescale(video.path, index.stream))
        fps = min(video.fps, 1000.0)
        with VideoWriter(target, fps, size, settings.crf, settings.preset, settings.keyframes, clock) as writer:
            for frame in video.read_in_order(range(video.num_frames)):
                writer.write(frame)
                alive()
    written = find_frames(target)
    if len(written) != len(times) or np.abs(written.times - times).max() > 1e-6 or written.size != size:
        shown = f"{len(written)} frames of {written.size}" + f", the last at {written.times[-1]:.9g} s"
        raise VideoError(
            source, f"cannot be written so that it reads the same: {len(times)} frames of {size} gave {shown}"
        )
    return size


def clock_of(times: NDArray[np.float64], offset: float, timescale: int) -> FrameClock:
    """A clock in whole ticks that gives times back to the nanosecond, where one can.

    Args:
        times: Seconds since the first frame, float64 ``[N]``, never decreasing, in whole nanoseconds.
        offset: Time stamp of the first frame, seconds from 0 on.
        timescale: Ticks per second of the source, which are tried first.

    Returns:
        The clock; where frames lie too far apart for ticks of a nanosecond, times are right to half a tick of it.
    """
    gap = float(np.diff(times).max(initial=0.0))
    scales = [scale for scale in (timescale, _USUAL, *(_FINEST // 10**n for n in range(7))) if gap * scale < _LONGEST]
    clocks = [FrameClock(scale, round(offset * scale) + np.rint(times * scale).astype(np.int64)) for scale in scales]
    exact = (
        clock for clock in clocks if (_nanoseconds((clock.ticks - clock.ticks[0]) / clock.timescale) == times).all()
    )
    return next(exact, max(clocks, key=lambda clock: clock.timescale))


def _nanoseconds(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    rounded: NDArray[np.float64] = np.round(seconds * 1e9) / 1e9
    return rounded


def _timescale(path: str, stream: int) -> int:
    with open_container(path) as container:
        base = container.streams[stream].time_base
    return int(base.denominator) if base and base.denominator <= _FINEST else _USUAL


def fingerprint(path: Path) -> str:
    """What tells the content of a video from any other, whenever it was written: SHA-256 in hexadecimal digits.

    Raises:
        OSError: If it cannot be read.
    """
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if path.is_dir():
            digest.update(os.fsencode(file.name) + b"\0")
        with file.open("rb") as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
