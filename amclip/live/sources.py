"""Where live frames come from: a camera, a stream, a pipe, or a file that is played as if it were one of these.

A file is read by its index, as every command reads it.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from threading import Event

from amclip.data.video_file import VideoError
from amclip.inputs import NetworkInput
from amclip.live.address import without_secrets
from amclip.live.camera import Camera, CameraWishes
from amclip.live.frames import LiveFrame, Source, SourceError
from amclip.live.stream import Stream

__all__ = ["PlayedFile", "open_source"]

_LATE = 0.5  # seconds behind which frames are left out


def open_source(
    where: str,
    input: NetworkInput,
    pace: float | None = None,
    camera: CameraWishes = CameraWishes(),
    ffmpeg: Mapping[str, str] | None = None,
    timeout: float = 10.0,
) -> Source:
    """The source behind a word of the command line; it is opened when frames are asked for.

    Args:
        where: A camera's number or device (``0``, ``/dev/video0``), an address with ``://``, ``-`` for standard input,
            a named pipe, or a file.
        input: What the network sees: the size in which a file's frames are needed.
        pace: Multiple of real time at which a file is played.
        camera: What to ask of a camera.
        ffmpeg: Options of FFmpeg, for streams.
        timeout: Seconds that a stream may take to open, and to give something.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If options do not go with the source.
        VideoError: If a file cannot be read.
    """
    shown = without_secrets(where)
    is_camera = where.isdecimal() or where.startswith("/dev/video")
    if camera != CameraWishes() and not is_camera:
        name = next(each.name for each in fields(camera) if getattr(camera, each.name) is not None)
        raise ValueError(f"--camera_{name}: is asked of a camera, and {shown} is none")
    is_stream = where == "-" or "://" in where or (os.path.exists(where) and stat.S_ISFIFO(os.stat(where).st_mode))
    if ffmpeg and not is_stream:
        raise ValueError(f"--ffmpeg: options are those of a network stream or a pipe, and {shown} is none")
    if pace is not None and (is_camera or is_stream):
        raise ValueError(f"--pace: is for files; {shown} comes at its own pace")
    if is_camera:
        return Camera(where, camera)
    if is_stream:
        return Stream(where, dict(ffmpeg or {}), timeout)
    if not os.path.exists(where):
        raise FileNotFoundError(
            f"{where}: is no file. A camera is a number (0) or a device (/dev/video0), a stream an address such as "
            "rtsp://…, and - is standard input"
        )
    if pace is None:
        raise ValueError(
            f"--pace: {where} is a file. --pace real plays it as a camera would, for a trial; `amclip annotate` "
            "annotates files, with all that needs the future"
        )
    return PlayedFile(where, input, pace)


class PlayedFile:
    """A file, frame by frame, at the times of its index; frames that come too late are left out, as a camera would.

    Args:
        where: The file, or a folder of numbered images.
        input: Its frames are scaled to the network's input.
        pace: Multiple of real time.
        clock: Seconds, never stepping.

    Attributes:
        times: When each of its frames is shown, see :class:`amclip.live.recorded.Recorded`.
        duration: Seconds from the first frame to the end of the last.
        pace: Multiple of real time.

    Raises:
        ValueError: If the pace is not above 0.
        VideoError: If the file cannot be read.
    """

    endless = False

    def __init__(
        self,
        where: str | os.PathLike[str],
        input: NetworkInput,
        pace: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < pace < float("inf"):
            raise ValueError(f"--pace: expected real, or a multiple of real time above 0, got {pace}")
        from amclip.data.probe import probe

        self.name, self._input, self.pace, self._clock = os.fspath(where), input, pace, clock
        self._path = Path(self.name).resolve()
        info = probe([self._path], progress=False)[self._path]
        if isinstance(info, VideoError):
            raise info
        self._info, self.times, self.duration = info, info.times, info.duration

    def frames(self, stopped: Event) -> Iterator[LiveFrame]:
        """Its frames; see :class:`Source`."""
        from amclip.data.crops import open_video

        try:
            with open_video(self._path, self._input, self._info) as video:
                times = video.timestamps()
                begun, at = self._clock(), 0
                while at < len(times) and not stopped.is_set():
                    first = at  # is given however late it is: reading may take longer than frames do
                    for frame in video.read_in_order(range(at, len(times))):
                        due = begun + float(times[at]) / self.pace
                        if at > first and self._clock() > due + _LATE:
                            at = int((times < (self._clock() - begun) * self.pace).sum())
                            break
                        if stopped.wait(max(0.0, due - self._clock())):
                            return
                        yield LiveFrame(frame, float(times[at]), self._clock())
                        at += 1
        except VideoError as error:
            raise SourceError(str(error)) from error
