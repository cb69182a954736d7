"""How `amclip watch` takes real streams: what opening takes, how late lines are, what is missing, what a cut does.

    python docs/benchmarks/live_streams.py [--seconds 30] [--work runs/live_streams]
    python docs/benchmarks/live_streams.py --quick      some of them, seconds of each

A process of its own draws a clip with the frames' number and time in it and sends it as cameras and servers do; the
time read from a frame that was decoded says how old it is. All by PyAV; RTSP where there is GStreamer's server
(Debian: gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-good gstreamer1.0-plugins-bad).
"""

import platform
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from live import network
from sections import Benchmark, new_parser
from stream_sender import Mark, Sender, Sending, read_mark

from amclip.inference import TrainedModel
from amclip.live.frames import LiveFrame
from amclip.live.lines import EventSender
from amclip.live.stream import Stream
from amclip.live.windows import LiveWindows

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "tests/data/clips/courtship_4s.mp4"
FPS = 30


@dataclass(frozen=True)
class Case:
    """A kind of stream, and options of FFmpeg for it."""

    name: str
    kind: str
    options: Mapping[str, str] = field(default_factory=dict)


CASES = [
    Case("RTSP", "rtsp"),
    Case("JPEGs over HTTP", "mjpeg"),
    Case("MPEG-TS over UDP", "udp"),
    Case("MPEG-TS over HTTP", "http"),
    Case("HLS", "hls"),
    Case("HLS, `live_start_index: -1`", "hls", {"live_start_index": "-1"}),
]


class Marked:
    """A stream whose frames are read: number and time are drawn into them.

    Attributes:
        seen: What was read of each frame, and when it came.
        opened: Seconds that each opening took.
    """

    endless = True

    def __init__(self, stream: Stream) -> None:
        self._stream, self.name = stream, stream.name
        self.seen: list[tuple[Mark, float]] = []
        self.opened: list[float] = []

    def frames(self, stopped: threading.Event) -> Iterator[LiveFrame]:
        """See :class:`amclip.live.frames.Source`."""
        begun, first = time.monotonic(), True
        for frame in self._stream.frames(stopped):
            if first:
                self.opened.append(time.monotonic() - begun)
            first = False
            self.seen.append((read_mark(frame.picture), frame.arrived))
            yield frame


class Server:
    """What sends, and can be cut off: everything dies, and begins anew."""

    def __init__(self, kind: str, size: tuple[int, int], python: str | None) -> None:
        self._kind, self._size, self._python = kind, size, python
        self._port, self._rtp = _free_port(socket.SOCK_STREAM), _free_port(socket.SOCK_DGRAM)
        self._rtsp: Any = None
        self.begin()
        self._sender.wait()
        time.sleep(1.0 if kind == "rtsp" else 0.0)  # GStreamer is up by then

    @property
    def address(self) -> str:
        """Where it is."""
        return f"rtsp://127.0.0.1:{self._port}/live" if self._kind == "rtsp" else self._sender.sending.address

    def begin(self) -> None:
        """Send."""
        kind, port = ("rtp", self._rtp) if self._kind == "rtsp" else (self._kind, self._port)
        if self._kind == "rtsp":
            words = [self._python or "", "-c", "import rtsp_server; rtsp_server.main()", str(self._port), str(port)]
            self._rtsp = subprocess.Popen(words, stdout=subprocess.DEVNULL, cwd=Path(__file__).parent)
        self._sender = Sender(Sending(kind, port, CLIP, self._size, FPS, FPS))

    def end(self) -> None:
        """Die."""
        self._sender.close()
        if self._rtsp is not None:
            self._rtsp.kill()
            self._rtsp.wait()


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(type=kind) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def rtsp_python() -> str | None:
    """A Python that has GStreamer's RTSP server, if there is one."""
    test = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    for python in (sys.executable, "/usr/bin/python3"):
        if Path(python).exists() and subprocess.run([python, "-c", test], capture_output=True).returncode == 0:
            return python
    return None


def watch(
    model: TrainedModel, case: Case, server: Server, times: tuple[float, float, float], window: float, lines: Path
) -> dict[str, float]:
    """Watch a stream, cut it off, and watch on.

    Args:
        model: The network.
        case: How to open it.
        server: What sends.
        times: Seconds before the cut, of the cut, and behind it.
        window: Seconds.
        lines: File that takes a line for each window.
    """
    source = Marked(Stream(server.address, case.options))
    live = LiveWindows(model, source, window, window / 8, reconnect=True)
    sender = EventSender(str(lines))
    printed: list[tuple[float, float]] = []  # when the last frame came, and when the line was out
    before, cut, after = times
    found: dict[str, float] = {}
    cut_at = end_at = float("inf")
    until = time.monotonic() + 60 + sum(times)
    with live:
        while (now := time.monotonic()) < min(end_at, until):
            for one in live.poll(0.05):
                sender.send({"event": "window", "stop": one.stop, "probabilities": one.probabilities.tolist()})
                done = time.monotonic()
                printed.append((done - (time.time() - one.arrived), done))
            if source.seen and "frames" not in found and now - source.seen[0][1] > before:
                counts = live.counts
                found |= {"frames": counts.frames, "told": counts.dropped_frames, "late": counts.late}
                found |= {"broken": counts.broken, "rate": live.frame_rate, "windows": len(printed)}
                server.end()
                cut_at = time.monotonic()
                threading.Timer(cut, server.begin).start()
            if np.isinf(end_at) and cut_at < now and _back(source, cut_at):
                end_at = now + after
    sender.close()
    if "frames" not in found:
        raise RuntimeError(f"{case.name}: gave too few frames within a minute")
    found["opened"] = source.opened[0]
    marks = [(mark, came) for mark, came in source.seen if mark.drawn < 1e3 * cut_at]
    steps = np.diff([mark.number for mark, _ in marks])
    found |= {"missing": float((steps[steps > 1] - 1).sum()), "holes": float((steps > 1).sum())}
    settled = [(mark, came) for mark, came in marks if came > marks[0][1] + min(3.0, before / 3)]
    ages = np.array([came - mark.drawn / 1e3 for mark, came in settled])
    came = np.array([came for _, came in marks])
    ready = np.array([(came[np.abs(came - last).argmin()], done) for last, done in printed if last < cut_at])
    drawn = {when: mark.drawn / 1e3 for mark, when in marks}
    totals = np.array([done - drawn[last] for last, done in ready if last >= settled[0][1]])
    for name, values in (("frame", ages), ("line", totals)):
        found |= {f"{name}, median": float(np.median(values)), f"{name}, 95": float(np.percentile(values, 95))}
    back = _back(source, cut_at)
    found["back"] = float("nan") if back is None else back[1] - (back[0].drawn / 1e3 - back[0].number / FPS)
    return found


def _back(source: Marked, cut_at: float) -> tuple[Mark, float] | None:
    """The first frame of those that were drawn behind a cut."""
    return next(((mark, came) for mark, came in source.seen if mark.drawn > 1e3 * cut_at), None)


def main() -> None:
    """Send, watch, write."""
    parser = new_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each stream before it is cut off")
    parser.add_argument("--work", type=Path, default=Path("runs/live_streams"), help="folder for what is printed")
    parser.add_argument("--remark", default="", help="what else to say of the machine, a sentence")
    run = Benchmark(parser, __file__)
    times, window, size, cases = (run.options.seconds, 3.0, 5.0), 2.0, (480, 640), CASES
    python = rtsp_python()
    if run.quick:
        times, window, size, cases = (2.0, 0.2, 0.2), 0.8, (240, 320), [one for one in CASES if one.kind == "mjpeg"]
    elif python is None:
        run.skip("RTSP", "no Python here has GStreamer's RTSP server")
        cases = [one for one in CASES if one.kind != "rtsp"]
    torch.set_num_threads(1)
    version = ".".join(map(str, av.library_versions["libavformat"]))
    remark = f" {run.options.remark}" if run.options.remark else ""
    run.head(f"""# Live streams

Written by `docs/benchmarks/live_streams.py`: a clip of {size[1]} × {size[0]} pixels, {FPS} frames a second, drawn,
coded (H.264 with a key frame a second, no B frames; or JPEG) and sent by another process of the same machine; the
demo's network, windows of {window:g} s, {8 / window:g} a second; {platform.machine()}, PyAV {av.__version__} with
libavformat {version}.{remark}

Number and time are drawn into each frame and read from what was decoded: ages are true ones, and so are numbers that
are missing.""")
    model = network("demo")
    found: dict[str, dict[str, float]] = {}
    with run.section("Before the cut") as lines:
        lines += [
            "| source | open after, s | age of a frame as it comes, ms: median | 95 % within | age of a window's last "
            "frame when its line is out: median | 95 % within | frames/s | frames | numbers missing | "
            "dropped, as told | windows | skipped |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for case in cases:
            server = Server(case.kind, size, python)
            file = run.work / f"{len(found)}.jsonl"
            file.unlink(missing_ok=True)
            try:
                one = found[case.name] = watch(model, case, server, times, window, file)
            finally:
                server.end()
            ages = " | ".join(
                f"{1e3 * one[f'{what}, {how}']:.0f}" for what in ("frame", "line") for how in ("median", "95")
            )
            counts = " | ".join(f"{one[name]:.0f}" for name in ("frames", "missing", "told", "windows"))
            skipped = f"{one['late'] + one['broken']:.0f}"
            lines.append(f"| {case.name} | {one['opened']:.1f} | {ages} | {one['rate']:.1f} | {counts} | {skipped} |")
            print(lines[-1], flush=True)
        lines.append("\nThe first seconds are left out of ages: what came while a stream was being opened is old.")
    with run.section("After a cut") as lines:
        lines += [
            f"The server is killed, and begins anew {times[1]:g} s later; `--reconnect`.\n",
            "| source | seconds from the new server's first frame to the first that is seen |",
            "|---|---|",
            *(f"| {name} | {one['back']:.1f} |" for name, one in found.items()),
        ]
        run.figures = found
    run.close()


if __name__ == "__main__":
    main()
