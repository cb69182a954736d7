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
from amclip.interrupt import say_what_is_kept
from amclip.long_work import clock
from amclip.text import printable

if TYPE_CHECKING:
    from amclip.ethogram.bouts import BoutSettings
    from amclip.inference import TrainedModel
    from amclip.live.frames import Source
    from amclip.live.latency import Speed
    from amclip.live.lines import EventSender
    from amclip.live.session import Session
    from amclip.live.windows import LiveWindows

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


@dataclass(frozen=True)
class SourceOptions:
    """How the source is read.

    Args:
        pace: For a file: real plays it as a camera would, a number so many times as fast.
        camera_size: Width and height to ask a camera for, such as 640x480.
        camera_fps: Frames per second to ask a camera for.
        camera_code: Four letters of the coding to ask a camera for; many give more frames in MJPG.
        ffmpeg: Options of FFmpeg for a stream or a pipe, such as '{rtsp_transport: udp}'.
        timeout: Seconds without a frame after which the source counts as lost.

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
    for told in filter(None, (_thresholds(settings), _left_out(settings))):
        line.say(told)

    def say_expected() -> None:
        for told in _expected(measure_speed(model), live, reading.speed):
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
                _tell_end(session, sender, progress.seconds, output)
    finally:
        if table is not None:
            table.close()
    if lost is not None:
        print(printable(f"amclip watch: {lost}"), file=sys.stderr)
        raise SystemExit(1)


def _thresholds(settings: "dict[str, BoutSettings]") -> str:
    each = (
        f"{name} from {one.threshold:.2f}" + (f" down to {one.lower:.2f}" if one.lower < one.threshold else "")
        for name, one in settings.items()
    )
    return f"  bouts    {', '.join(each)}"


def _left_out(settings: "dict[str, BoutSettings]") -> str:
    """What the settings say that needs the future."""
    names = [
        name
        for name in ("smoothing", "minimum_bout", "minimum_gap")
        if any(getattr(one, name) > 0 for one in settings.values())
    ]
    return f"  not used {', '.join(names)}: they need the future" if names else ""


def _expected(speed: "Speed", live: "LiveWindows", pace: float = 1.0) -> list[str]:
    """What latency to expect, measured on noise, and whether the machine can keep up with so many seconds a second."""
    new = live.new_images
    soon, late = speed.flow + speed.network + speed.window, speed.anew
    parts = f"flow {_ms(speed.flow)}, network {_ms(speed.network + speed.window)}"
    lines = [
        f"  latency  about {_ms(soon)} from a window's last frame to its probabilities ({parts}),",
        f"           {_ms(late)} where all its images are new. They tell of the {live.window:g} s before: a behaviour",
        "           shows when it fills enough of a window",
    ]
    load = speed.load(live.hop / pace, new)
    if load > 1:
        lines.append(
            f"warning: this machine scores about {1 / load:.0%} of these windows in time and will skip the others. "
            f"Less work: a longer --hop (now {live.hop:g} s), a smaller network, or a GPU"
        )
    else:
        lines.append(f"  load     {load:.0%} of the time is taken by it; from 100% on windows are skipped")
    return lines


def _tell_end(session: "Session", sender: "EventSender", seconds: float, output: str | None) -> None:
    """The summary, on standard error."""
    live = session.live
    counts, all_of = live.counts, session.latencies
    lines = [
        f"{seconds:.0f} s: {counts.frames} frames ({live.frame_rate:.3g} a second), {counts.dropped_frames} dropped; "
        f"{session.scored} windows scored, {counts.late} skipped for want of time, {counts.broken} for want of frames"
    ]
    if live.reconnections:
        lines.append(f"  lost and back {live.reconnections} times")
    if session.scored:
        parts = ", ".join(f"{name} {_ms(part.mean)}" for name, part in session.parts.items())
        lines.append(
            f"  latency  from a window's last frame: median {_ms(all_of.percentile(50))}, 95 % within "
            f"{_ms(all_of.percentile(95))}, at most {_ms(all_of.most)}; on average {parts}. The window itself is "
            f"{live.window:g} s"
        )
    lines.append("  bouts    " + ", ".join(f"{name} {count}" for name, count in session.bouts.begun.items()))
    if sender.unsent:
        lines.append(f"  {sender.unsent} events could not be sent")
    if output is not None and session.scored:
        lines.append(f"  windows  {output}")
    for text in lines:
        print(printable(text), file=sys.stderr)


def _ms(seconds: float) -> str:
    return (
        f"{seconds:.2g} s"
        if seconds >= 1
        else f"{1e3 * seconds:.0f} ms"
        if seconds >= 0.01
        else f"{1e3 * seconds:.1f} ms"
    )


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
        now = time.monotonic()
        if now - self._shown < self._every:
            return
        self._shown = now
        latency = self._session.latencies
        told = f"latency {_ms(latency.percentile(50))} (95 %: {_ms(latency.percentile(95))})" if latency.count else ""
        parts = [
            f"{clock(self.seconds)}  {live.frame_rate:.3g} frames/s, {counts.dropped_frames} dropped",
            f"{self._session.scored} windows, {counts.late + counts.broken} skipped",
            told,
            f"no frame for {live.silent:.0f} s" if live.silent > 2 else "",
            f"on: {', '.join(self._session.bouts.on)}" if self._session.bouts.on else "",
        ]
        self._line.show(" | ".join(filter(None, parts)))
