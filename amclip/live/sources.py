"""Where live frames come from: a camera, a network stream, a pipe, or a file that is played as if it were a camera.

Cameras are opened by OpenCV, which knows the cameras of every system; streams and pipes by FFmpeg (PyAV), which gives
their time stamps. A file is read by its index, as every command reads it.
"""

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple, Protocol

from amclip.data._container import best_stream
from amclip.data.video_file import VideoError
from amclip.inputs import NetworkInput

__all__ = ["Camera", "CameraWishes", "LiveFrame", "PlayedFile", "Source", "SourceError", "Stream", "open_source"]

_LATE = 0.5  # seconds behind which frames are skipped to catch up
_BUSY = 1.0  # seconds without waiting for the source, after which reading is what is slow
_DRIFT = 1e-3  # seconds per second by which the source's clock may differ from this machine's


class SourceError(RuntimeError):
    """A source that cannot be opened, or gives nothing any more; the message says which and why."""


class LiveFrame(NamedTuple):
    """A frame that has just come.

    Attributes:
        picture: An ``av.VideoFrame``, or uint8 ``[H, W, 3]``, RGB.
        stamp: Seconds by the source's own clock; ``None`` where it has none.
        arrived: Seconds by ``time.monotonic``.
    """

    picture: Any
    stamp: float | None
    arrived: float


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


class Source(Protocol):
    """What frames come from; one of your own needs no more."""

    name: str
    endless: bool  # whether its end is a loss: a camera that was unplugged, a stream that broke off

    def frames(self, stopped: Event) -> Iterator[LiveFrame]:
        """Open it, and give frames as they come, until it ends or ``stopped`` is set; a wait ends with that too.

        Raises:
            SourceError: If it cannot be opened, or gives nothing any more.
        """


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
    """
    is_camera = where.isdecimal() or where.startswith("/dev/video")
    if camera != CameraWishes() and not is_camera:
        name = next(each.name for each in fields(camera) if getattr(camera, each.name) is not None)
        raise ValueError(f"--camera_{name}: is asked of a camera, and {where} is none")
    is_stream = where == "-" or "://" in where or (os.path.exists(where) and stat.S_ISFIFO(os.stat(where).st_mode))
    if ffmpeg and not is_stream:
        raise ValueError(f"--ffmpeg: options are those of a network stream or a pipe, and {where} is none")
    if pace is not None and (is_camera or is_stream):
        raise ValueError(f"--pace: is for files; {where} comes at its own pace")
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
        capture = cv2.VideoCapture(int(self.where) if self.where.isdecimal() else self.where)
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


@dataclass
class Stream:
    """A network stream or a pipe, by FFmpeg.

    Where decoding is slower than the stream, packets are skipped up to a key frame that is not late: what comes out is
    never old.

    Args:
        where: An address, ``-`` for standard input, or a named pipe.
        options: Of FFmpeg. RTSP comes by TCP unless ``rtsp_transport`` says otherwise, and nothing is held back.
        timeout: Seconds to wait for it to open, and then for data.
        clock: Seconds, never stepping.
    """

    where: str
    options: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10.0
    clock: Callable[[], float] = time.monotonic
    endless: bool = field(default=True, init=False)

    @property
    def name(self) -> str:
        """In words, without a password that the address may hold."""
        head, slashes, rest = self.where.partition("://")
        login, at, _ = rest.partition("/")[0].rpartition("@")
        hidden = f"…@{rest[len(login) + 1 :]}" if at else rest
        return "standard input" if self.where == "-" else f"{head}{slashes}{hidden}"

    def frames(self, stopped: Event) -> Iterator[LiveFrame]:
        """Its frames; see :class:`Source`."""
        import av

        options = {"fflags": "nobuffer", **self.options}
        if self.where.startswith("rtsp"):
            options = {"rtsp_transport": "tcp", **options}
        target: Any = sys.stdin.buffer if self.where == "-" else self.where
        try:
            container = av.open(target, options=options, timeout=self.timeout)
        except OSError as error:  # FFmpeg's are such too
            raise SourceError(f"{self.name}: cannot be opened ({_reason(error)})") from error
        with container:
            try:
                stream = best_stream(container)
            except ValueError as error:
                raise SourceError(f"{self.name}: {error}") from error
            stream.thread_type = "SLICE"  # threads of whole frames would each hold one back
            yield from self._decoded(container, stream, stopped)

    def _decoded(self, container: Any, stream: Any, stopped: Event) -> Iterator[LiveFrame]:
        import av

        behind = _Behind()
        packets = container.demux(stream)
        while not stopped.is_set():
            asked = self.clock()
            try:
                packet = next(packets)
            except StopIteration:
                return
            except OSError as error:
                raise SourceError(f"{self.name}: broke off ({_reason(error)})") from error
            arrived = self.clock()
            stamp = None if packet.pts is None else float(packet.pts * packet.time_base)
            if packet.size and behind.skips(stamp, bool(packet.is_keyframe), arrived, arrived - asked):
                continue
            try:
                frames = packet.decode()
            except av.error.FFmpegError:  # it begins between two key frames, or something was lost on the way
                continue
            for frame in frames:
                yield LiveFrame(frame, frame.time, arrived)


def _reason(error: OSError) -> str:
    """What an error says, without the address, which may hold a password."""
    return error.strerror or type(error).__name__


class _Behind:
    """Whether packets come later than they could since we are slow, and not the source."""

    def __init__(self) -> None:
        self._least: float | None = None  # of arrival less stamp: how a packet comes that waits for nobody
        self._waited = self._at = 0.0
        self._skipping = False

    def skips(self, stamp: float | None, key: bool, arrived: float, waited: float) -> bool:
        """Whether to leave a packet out.

        Args:
            stamp: Its time by the source's clock.
            key: Whether decoding can begin with it.
            arrived: When it came.
            waited: How long we waited for it, seconds.
        """
        if self._least is None or waited > 1e-3:
            self._waited = arrived
        if stamp is None:
            return False
        delay = arrived - stamp
        drifted = delay if self._least is None else self._least + _DRIFT * (arrived - self._at)
        self._least, self._at = min(delay, drifted), arrived
        late = delay - self._least
        if not self._skipping:
            self._skipping = late > _LATE and arrived - self._waited > _BUSY
        elif key and late < _LATE / 2:
            self._skipping = False
        return self._skipping


class PlayedFile:
    """A file, frame by frame, at the times of its index; frames that come too late are left out, as a camera would.

    Args:
        where: The file, or a folder of numbered images.
        input: Its frames are scaled to the network's input.
        pace: Multiple of real time.
        clock: Seconds, never stepping.

    Raises:
        ValueError: If the pace is not above 0.
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
        self.name, self._input, self._pace, self._clock = os.fspath(where), input, pace, clock

    def frames(self, stopped: Event) -> Iterator[LiveFrame]:
        """Its frames; see :class:`Source`."""
        from amclip.data.crops import open_video
        from amclip.data.probe import probe

        path = Path(self.name).resolve()
        info = probe([path], progress=False)[path]
        try:
            if isinstance(info, VideoError):
                raise info
            with open_video(path, self._input, info) as video:
                times = video.timestamps()
                begun, at = self._clock(), 0
                while at < len(times) and not stopped.is_set():
                    first = at  # is given however late it is: reading may take longer than frames do
                    for frame in video.read_in_order(range(at, len(times))):
                        due = begun + float(times[at]) / self._pace
                        if at > first and self._clock() > due + _LATE:
                            at = int((times < (self._clock() - begun) * self._pace).sum())
                            break
                        if stopped.wait(max(0.0, due - self._clock())):
                            return
                        yield LiveFrame(frame, float(times[at]), self._clock())
                        at += 1
        except VideoError as error:
            raise SourceError(str(error)) from error
