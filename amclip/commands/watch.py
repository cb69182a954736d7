"""``amclip watch``: a camera or a stream, annotated as it runs."""

import math
import re
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from amclip.commands.given_files import refuse_missing
from amclip.commands.options import NetworkOptions, ThresholdOptions
from amclip.commands.parsing import CommandWords
from amclip.commands.watch_words import expected, left_out, measured, ms, tell_end, thresholds
from amclip.interrupt import say_what_is_kept
from amclip.long_work import clock
from amclip.text import printable

if TYPE_CHECKING:
    from amclip.inference import TrainedModel
    from amclip.live.frames import Source
    from amclip.live.session import Session

__all__ = ["WORDS", "watch"]

WORDS = CommandWords(
    switches={
        "every_window": "Send an event for every window too, with all probabilities.",
        "reconnect": "Open a source that is lost anew, as often as need be.",
    }
)
_REDRAW_EVERY = 0.25  # seconds, on a terminal
_LINE_EVERY = 60.0  # seconds, where there is none
_ENOUGH_FRAMES = 50  # tell the frame rate
_ENOUGH_WINDOWS, _LEAST = 20, 3  # windows that tell the latency, and how many must do
_ENOUGH_SECONDS = 10.0  # after so long


@dataclass(frozen=True)
class SourceOptions:
    """How the source is read.

    Args:
        pace: For a file: real plays it as a camera would, a number so many times as fast.
        camera_size: Width and height to ask a camera for, such as 640x480.
        camera_fps: Frames per second to ask a camera for.
        camera_code: Four letters of the coding to ask a camera for; many give more frames in MJPG.
        ffmpeg: Options of FFmpeg for a stream or a pipe, such as '{rtsp_transport: udp}'.
        timeout: Seconds without a frame after which the source is lost; of a file, from when its next one is due.

    Raises:
        ValueError: If a value is out of range.
    """

    pace: float | Literal["real"] | None = None
    camera_size: str | None = None
    camera_fps: float | None = None
    camera_code: str | None = None
    ffmpeg: dict[str, str] | None = None
    timeout: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.timeout < math.inf:
            raise ValueError(f"--timeout: expected seconds above 0, got {self.timeout}")
        if self.pace not in (None, "real") and not 0 < float(self.pace or 0) < math.inf:
            raise ValueError(f"--pace: expected real, or a multiple of real time above 0, got {self.pace}")
        if self.camera_size is not None and not re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", self.camera_size):
            raise ValueError(f"--camera_size: expected width and height in pixels, as 640x480, got {self.camera_size}")

    def open(self, where: str, model: "TrainedModel") -> "Source":
        """The source behind a word, see :func:`amclip.live.sources.open_source`."""
        from amclip.live.camera import CameraWishes
        from amclip.live.sources import open_source

        width, height = (self.camera_size or "0x0").split("x")
        size = None if self.camera_size is None else (int(width), int(height))
        wishes = CameraWishes(size, self.camera_fps, self.camera_code)
        pace = None if self.pace is None else self.speed
        return open_source(where, model.input, pace, wishes, self.ffmpeg, self.timeout)

    @property
    def speed(self) -> float:
        """Seconds of the source in a second: 1, but for files at another pace."""
        return 1.0 if self.pace in (None, "real") else float(self.pace)


def watch(
    checkpoint: str,
    source: str,
    output: str | None = None,
    send: str = "-",
    every_window: bool = False,
    reconnect: bool = False,
    seconds: float | None = None,
    network: NetworkOptions = NetworkOptions(),
    reading: SourceOptions = SourceOptions(),
    bouts: ThresholdOptions = ThresholdOptions(),
) -> None:
    """Annotate a camera or a stream as it runs, with a latency that is told, for experiments that answer behaviour.

    Each window is scored as soon as its last frame is there; where the network cannot keep up, windows are skipped and
    counted, and what is told is never old. Bouts begin and end by thresholds alone, for all else needs the future.
    Events go to standard output, or where --send says, as lines of JSON; all that is for people goes to standard error.

    Args:
        checkpoint: A checkpoint of `amclip fit`, trained on whole frames.
        source: A camera's number (0) or device (/dev/video0), an address (rtsp://, http://, udp://), - for standard
            input, a named pipe, or with --pace a file.
        output: A new CSV file for the windows, written row by row. Default: none.
        send: Where events go: - is standard output; udp://HOST:PORT, tcp://HOST:PORT, or a new file.
        every_window: Send an event for every window too, with all probabilities.
        reconnect: Open a source that is lost anew, as often as need be.
        seconds: Watch for so long, once the source is open. Default: until the source ends, or Ctrl-C.
        network: How windows are scored.
        reading: How the source is read.
        bouts: When bouts begin and end.

    Raises:
        ValueError: If a setting does not fit, or the source gives no frame.
        FileNotFoundError: If the checkpoint or a file does not exist.
        SystemExit: With 1 where a camera or stream was lost.
    """
    if seconds is not None and not 0 < seconds < math.inf:
        raise ValueError(f"--seconds: expected seconds above 0, got {seconds}")
    refuse_missing(checkpoint, bouts.settings)
    from amclip.inference import load_model  # here, since wrong options are answered without PyTorch
    from amclip.live.camera import Camera
    from amclip.live.frames import SourceError
    from amclip.live.latency import measure_speed
    from amclip.live.lines import EventSender, WindowTable
    from amclip.live.session import Session
    from amclip.live.windows import LiveWindows

    precision, why = network.chosen_precision
    model = load_model(checkpoint, "cuda" if network.gpu else "cpu").compute_in(precision)
    settings = bouts.for_model(model)
    window, hop = network.windows(model, 0.25)
    opened = reading.open(source, model)
    line = _StatusLine()
    live = LiveWindows(model, opened, window, hop, reading.timeout, reconnect, line.say)
    line.say(f"{opened.name}: windows of {window:g} s, every {hop:g} s; precision {precision}{why}")
    for told in filter(None, (thresholds(settings), left_out(settings))):
        line.say(told)

    def say_expected() -> None:
        for told in expected(measure_speed(model), live, reading.speed):
            line.say(told)

    comes_by_itself = isinstance(opened, Camera) or "://" in source  # a file and a pipe wait
    if not comes_by_itself:
        say_expected()
    table = None if output is None else WindowTable(output, model.classes)
    try:
        sender = EventSender(send, line.clear)
        session = Session(live, settings, sender, table, every_window)
        say_what_is_kept("" if output is None else f"{output} is whole up to its last row.")
        progress = _Progress(session, line)

        def begin() -> None:
            line.say(f"  opened   after {progress.seconds:.1f} s")
            say_expected()
            progress.begin()

        lost: SourceError | None = None
        try:
            session.run(opened.name, seconds, progress.show, begin if comes_by_itself else None)
        except SourceError as error:
            if not live.counts.frames:
                raise ValueError(str(error)) from error
            lost = error
        finally:
            line.clear()
            sender.close(keep=live.counts.frames > 0)
            if live.counts.frames:
                tell_end(session, sender, progress.seconds, output)
    finally:
        if table is not None:
            table.close()
    if lost is not None:
        print(printable(f"amclip watch: {lost}"), file=sys.stderr)
        raise SystemExit(1)


class _StatusLine:
    """A line on standard error that changes, and sentences above it; several threads may say something."""

    def __init__(self) -> None:
        self.is_terminal = sys.stderr.isatty()
        self._lock = threading.Lock()
        self._shown = False

    def say(self, sentence: str) -> None:
        """Write a sentence that stays."""
        with self._lock:
            self._clear()
            print(printable(sentence), file=sys.stderr, flush=True)

    def show(self, text: str) -> None:
        """Change the line; without a terminal it is a line of its own."""
        if not self.is_terminal:
            self.say(text)
            return
        with self._lock:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r{printable(text)[:width]}\x1b[K")
            sys.stderr.flush()
            self._shown = True

    def clear(self) -> None:
        """Take the line away."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        self._shown = False


class _Progress:
    """How it goes: four times a second on a terminal, else once a minute."""

    def __init__(self, session: "Session", line: _StatusLine) -> None:
        self._session, self._line = session, line
        self.begin()
        self._every = _REDRAW_EVERY if line.is_terminal else _LINE_EVERY
        self._rate_told = not session.live.model.input.needs_flow
        self._latency_told = False

    def begin(self) -> None:
        """Count the seconds from here on."""
        self._begun = self._shown = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._begun

    def show(self) -> None:
        """Tell it, where it is time to."""
        from amclip.data.frame_rates import explain_slow, too_slow_rate

        live = self._session.live
        counts = live.counts
        if not self._rate_told and counts.frames >= _ENOUGH_FRAMES:
            self._rate_told = True
            rate, gap = live.frame_rate, live.model.input.flow.gap_seconds
            if too_slow_rate(rate, gap):
                self._line.say(f"warning: {live.name} {explain_slow(rate, gap)}")
        scored = self._session.scored
        if (
            not self._latency_told
            and scored >= _LEAST
            and (scored >= _ENOUGH_WINDOWS or self.seconds >= _ENOUGH_SECONDS)
        ):
            self._latency_told = True
            self._line.say(measured(self._session, self.seconds))
        now = time.monotonic()
        if now - self._shown < self._every:
            return
        self._shown = now
        latency = self._session.latencies
        told = f"latency {ms(latency.percentile(50))} (95 %: {ms(latency.percentile(95))})" if latency.count else ""
        parts = [
            f"{clock(self.seconds)}  {live.frame_rate:.3g} frames/s, {counts.dropped_frames} dropped",
            f"{self._session.scored} windows, {counts.late + counts.broken} skipped",
            told,
            f"no frame for {live.silent:.0f} s" if live.silent > 2 else "",
            f"on: {', '.join(self._session.bouts.on)}" if self._session.bouts.on else "",
        ]
        self._line.show(" | ".join(filter(None, parts)))
