"""Live frames of a network stream or a pipe, by FFmpeg (PyAV), which gives their time stamps."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from amclip.data._container import best_stream
from amclip.live.address import unknown_host, without_secrets
from amclip.live.frames import LiveFrame, SourceError
from amclip.live.playout import Playout

__all__ = ["Stream"]

_LATE = 0.5  # seconds behind which packets are skipped to catch up
_BUSY, _IDLE = 1.0, 0.35  # seconds of which less than this share is spent waiting where reading is what is slow
_IN_BURSTS = ("hls", "dash")  # names of formats
_NO_TIMESTAMPS = 0x80  # AVFMT_NOTIMESTAMPS
_DRIFT = 1e-3  # seconds per second by which the source's clock may differ from this machine's


@dataclass
class Stream:
    """A network stream or a pipe, by FFmpeg.

    Where decoding is slower than the stream, packets are skipped up to a key frame that is not late: what comes out is
    never old. HLS, which comes in bursts, is given at the pace of its stamps.

    Args:
        where: An address, ``-`` for standard input, or a named pipe.
        options: Of FFmpeg. RTSP comes by TCP unless ``rtsp_transport`` says otherwise.
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
        return "standard input" if self.where == "-" else without_secrets(self.where)

    def frames(self, stopped: Event) -> Iterator[LiveFrame]:
        """Its frames; see :class:`Source`."""
        import av

        options = dict(self.options)
        if self.where.startswith("rtsp"):
            options = {"rtsp_transport": "tcp", **options}
        where, begun = "pipe:0" if self.where == "-" else self.where, self.clock()
        # PyAV 19 takes what is no text by itself, and has no such word any more.
        lenient = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}
        try:
            container = av.open(where, options=options, timeout=self.timeout, **lenient)
        except (av.error.FFmpegError, OSError) as error:
            late = self.clock() - begun >= self.timeout  # RTSP then says something else
            why = self._no_answer if late else unknown_host(self.where) or self._reason(error)
            raise SourceError(f"{self.name}: cannot be opened ({why})") from error
        with container:
            try:
                stream = best_stream(container)
            except ValueError as error:
                raise SourceError(f"{self.name}: {error}") from error
            stream.thread_type = "SLICE"  # threads of whole frames would each hold one back
            yield from self._decoded(container, stream, stopped)

    def _decoded(self, container: Any, stream: Any, stopped: Event) -> Iterator[LiveFrame]:
        import av

        behind, paused, skipped = _Behind(), 0.0, 0
        playout = Playout() if container.format.name in _IN_BURSTS else None
        stamped = not _is_without_stamps(container.format)
        packets = container.demux(stream)
        while not stopped.is_set():
            asked = self.clock() - paused
            paused = 0.0
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError) as error:
                raise SourceError(f"{self.name}: broke off ({self._reason(error)})") from error
            arrived = self.clock()
            stamp = None if packet.pts is None or not stamped else float(packet.pts * packet.time_base)
            if packet.size and behind.skips(stamp, bool(packet.is_keyframe), arrived, arrived - asked):
                skipped += 1
                continue
            try:
                frames = packet.decode()
            except av.error.FFmpegError:  # it begins between two key frames, or something was lost on the way
                continue
            for frame in frames:
                if playout is not None and frame.time is not None:
                    pause = playout.wait(frame.time, self.clock())
                    if stopped.wait(pause):
                        return
                    arrived, paused = self.clock(), paused + pause
                yield LiveFrame(frame, frame.time if stamped else None, arrived, skipped)
                skipped = 0

    @property
    def _no_answer(self) -> str:
        return f"no answer within {self.timeout:g} s"

    def _reason(self, error: Any) -> str:
        """What an error of FFmpeg says, without the address, which may hold a password."""
        import av

        if isinstance(error, av.error.ExitError):  # by its clock
            return self._no_answer
        return error.strerror or type(error).__name__


def _is_without_stamps(form: Any) -> bool:
    """Whether FFmpeg makes stamps up, 25 a second however many come: JPEGs of a camera, H.264 in no container."""
    return bool(int(form.flags) & _NO_TIMESTAMPS) or (form.name.endswith("pipe") and form.name != "yuv4mpegpipe")


class _Behind:
    """Whether packets come later than they could since we are slow, and not the source."""

    def __init__(self) -> None:
        self._least: float | None = None  # of arrival less stamp: how a packet comes that waits for nobody
        self._at: float | None = None  # when the last packet came
        self._idle = 1.0  # the share of the time that is waited
        self._skipping = False

    def skips(self, stamp: float | None, key: bool, arrived: float, waited: float) -> bool:
        """Whether to leave a packet out.

        Args:
            stamp: Its time by the source's clock.
            key: Whether decoding can begin with it.
            arrived: When it came.
            waited: How long we waited for it, seconds.
        """
        since = max(1e-9, waited if self._at is None else arrived - self._at)
        # A share, as other threads hold up the one that reads for some milliseconds again and again.
        kept = math.exp(-since / _BUSY)
        self._idle = kept * self._idle + (1 - kept) * min(1.0, waited / since)
        self._at = arrived
        if stamp is None:
            return False
        delay = arrived - stamp
        self._least = delay if self._least is None else min(delay, self._least + _DRIFT * since)
        late = delay - self._least
        if not self._skipping:
            self._skipping = late > _LATE and self._idle < _IDLE
        elif key and (late < _LATE / 2 or self._idle > _IDLE):  # one that is waited for is as new as there is
            self._skipping = False
        return self._skipping
