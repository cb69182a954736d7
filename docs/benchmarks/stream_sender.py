"""Cameras that are none: a process that draws frames in real time, with their number and the time in them, and sends
them as network cameras and servers do.

All by PyAV and Python's own HTTP server; for RTSP an outer server passes on the packets it gets (`rtsp_server.py`).
"""

import multiprocessing
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mark", "Sender", "Sending", "read_mark"]

BLOCK = 16  # pixels a side; that of a macroblock survives any bit rate
BITS = 32
_RING = 128  # pieces that a slow client may be behind


@dataclass(frozen=True)
class Mark:
    """What is drawn into a frame.

    Attributes:
        number: Counts frames of a sender from 0.
        drawn: When, milliseconds of ``time.monotonic``, which all processes of a machine share.
    """

    number: int
    drawn: int


@dataclass(frozen=True)
class Sending:
    """What is sent, and where to.

    Args:
        kind: ``udp``, ``http`` (both MPEG-TS), ``hls``, ``mjpeg`` or ``rtp``.
        port: Of this machine: that of the server, or where packets go.
        video: What is shown, over and over; else noise that moves.
        size: Height and width, multiples of 2, and wide enough for the marks.
        fps: Frames per second.
        keyframes: Frames from one key frame to the next.
        segment: Seconds of a segment of HLS.
        first_stamp: Seconds at which the stamps begin.
        path: Of the address; behind it whatever is asked for.
        login: ``user:password`` that a client must know.
    """

    kind: str
    port: int
    video: Path | None = None
    size: tuple[int, int] = (480, 640)
    fps: int = 30
    keyframes: int = 30
    segment: float = 1.0
    first_stamp: float = 0.0
    path: str = "live"
    login: str | None = None

    @property
    def address(self) -> str:
        """Where it is to be had."""
        scheme = {"udp": "udp", "rtp": "rtp"}.get(self.kind, "http")
        end = {"udp": "", "rtp": "", "hls": f"/{self.path}.m3u8"}.get(self.kind, f"/{self.path}")
        return f"{scheme}://127.0.0.1:{self.port}{end}"


def draw_mark(pixels: NDArray[np.uint8], mark: Mark) -> None:
    """Into the upper rows of pixels ``[H, W, 3]``, in blocks; 32 bits of each, in rows as wide as the frame."""
    for place, bit in enumerate(_bits(mark.number) + _bits(mark.drawn)):
        row, column = divmod(place, pixels.shape[1] // BLOCK)
        pixels[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK] = 235 if bit else 16


def read_mark(picture: Any) -> Mark:
    """Of an ``av.VideoFrame``, whatever its coding did to it."""
    grey = picture.to_ndarray(format="gray")
    columns = picture.width // BLOCK
    bits = []
    for place in range(2 * BITS):
        row, column = divmod(place, columns)
        middle = grey[row * BLOCK + 4 : row * BLOCK + 12, column * BLOCK + 4 : column * BLOCK + 12]
        bits.append(int(middle.mean() > 125))
    number, drawn = (sum(bit << at for at, bit in enumerate(bits[first : first + BITS])) for first in (0, BITS))
    return Mark(number, drawn)


def _bits(value: int) -> list[int]:
    return [value >> at & 1 for at in range(BITS)]


class Sender:
    """Sends from a process of its own until it is closed, or killed as a server that dies.

    Args:
        sending: What and where to.
    """

    def __init__(self, sending: Sending) -> None:
        self.sending = sending
        context = multiprocessing.get_context("spawn")
        self._paused, self._begun = context.Event(), context.Event()
        self._process = context.Process(target=_send, args=(sending, self._paused, self._begun), daemon=True)
        self._process.start()

    def wait(self) -> None:
        """Until the first frame is sent, half a minute at most."""
        self._begun.wait(30)

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def stall(self, seconds: float) -> None:
        """Send nothing for a while, connections left open."""
        self._paused.set()
        time.sleep(seconds)
        self._paused.clear()

    def close(self) -> None:
        """Die, as a server does: without a word."""
        self._process.kill()
        self._process.join()


def _send(sending: Sending, paused: Any, begun: Any) -> None:
    _Camera(sending, paused, begun).run()


@dataclass
class _Camera:
    sending: Sending
    paused: Any
    begun: Any

    def run(self) -> None:
        """Draw, encode and send, at the times of a clock."""
        kind = self.sending.kind
        with tempfile.TemporaryDirectory(prefix="sender-") as folder:
            server = _Server(self.sending, Path(folder)) if kind in ("http", "mjpeg", "hls") else None
            encoded = self._encoded(server, Path(folder))
            for picture in self._pictures():
                if not self.paused.is_set():
                    encoded.send(picture)
                self.begun.set()

    def _pictures(self) -> Iterator[Any]:
        import av

        height, width = self.sending.size
        shown, begun, number = self._shown(), time.monotonic(), 0
        while True:
            pixels = next(shown).copy()
            time.sleep(max(0.0, begun + number / self.sending.fps - time.monotonic()))
            draw_mark(pixels, Mark(number, int(time.monotonic() * 1e3)))
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(width, height, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, self.sending.fps)
            yield frame
            number += 1

    def _shown(self) -> Iterator[NDArray[np.uint8]]:
        import av

        height, width = self.sending.size
        pictures = []
        if self.sending.video is None:
            noise = np.random.default_rng(0).integers(60, 200, (height // 8, width // 8, 3), np.uint8)
            wide = noise.repeat(8, 0).repeat(8, 1)
            pictures = [np.roll(wide, 4 * step, 1) for step in range(width // 4)]
        else:
            with av.open(str(self.sending.video)) as container:
                for frame in container.decode(video=0):
                    pictures.append(frame.to_ndarray(format="rgb24", width=width, height=height))
                    if len(pictures) == 2 * self.sending.fps:
                        break
        while True:
            yield from pictures

    def _encoded(self, server: "_Server | None", folder: Path) -> "_Muxed | _Pictures":
        if self.sending.kind == "mjpeg":
            assert server is not None
            return _Pictures(self.sending, server)
        return _Muxed(self.sending, server, folder)


class _Muxed:
    """H.264, packed for the way it is sent."""

    def __init__(self, sending: Sending, server: "_Server | None", folder: Path) -> None:
        import av

        self._server = server
        target, form, options = {
            "udp": (f"udp://127.0.0.1:{sending.port}?pkt_size=1316", "mpegts", {}),
            "rtp": (f"rtp://127.0.0.1:{sending.port}?pkt_size=1200", "rtp", {}),
            "http": (self, "mpegts", {"mpegts_flags": "resend_headers+pat_pmt_at_frames"}),
            "hls": (
                str(folder / f"{sending.path}.m3u8"),
                "hls",
                {"hls_time": f"{sending.segment}", "hls_list_size": "4", "hls_flags": "delete_segments+temp_file"},
            ),
        }[sending.kind]
        self._container = av.open(target, "w", format=form, options={**options, "flush_packets": "1"})
        self._stream: Any = self._container.add_stream("libx264", rate=sending.fps)
        self._stream.height, self._stream.width = sending.size
        self._stream.pix_fmt, self._stream.codec_context.gop_size = "yuv420p", sending.keyframes
        self._stream.codec_context.max_b_frames = 0
        self._stream.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "scenecut=0"}
        self._first = round(sending.first_stamp * sending.fps)
        self._key = True

    def send(self, frame: Any) -> None:
        frame.pts += self._first
        for packet in self._stream.encode(frame):
            self._key = packet.is_keyframe
            self._container.mux(packet)

    def write(self, data: bytes) -> int:
        """What the muxer gives; a key frame's begins where a client may join."""
        assert self._server is not None
        self._server.give(bytes(data), self._key)
        self._key = False
        return len(data)


class _Pictures:
    """JPEG after JPEG, as cheap cameras send them; without stamps."""

    def __init__(self, sending: Sending, server: "_Server") -> None:
        import av

        self._server = server
        self._coder: Any = av.CodecContext.create("mjpeg", "w")
        self._coder.height, self._coder.width = sending.size
        self._coder.pix_fmt, self._coder.color_range = "yuv420p", 2
        self._coder.time_base = Fraction(1, sending.fps)
        self._coder.options = {"qmin": "3", "qmax": "3"}

    def send(self, frame: Any) -> None:
        frame.color_range = 2
        for packet in self._coder.encode(frame):
            data = bytes(packet)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self._server.give(head.encode() + data + b"\r\n", True)


class _Server:
    """Gives what comes to everybody who asks, from the next key frame on; or the files of a folder."""

    def __init__(self, sending: Sending, folder: Path) -> None:
        self._clients: dict[queue.Queue[bytes], bool] = {}
        self._lock = threading.Lock()
        camera = self

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def log_message(self, *words: Any) -> None: ...

            def do_GET(self) -> None:
                import base64

                name = self.path.partition("?")[0].lstrip("/")
                known = "Basic " + base64.b64encode((sending.login or "").encode()).decode()
                if sending.login is not None and self.headers.get("Authorization") != known:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                    self.end_headers()
                elif sending.kind == "hls" and (folder / name).is_file():
                    data = (folder / name).read_bytes()
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                elif sending.kind != "hls" and name == sending.path:
                    self.send_response(200)
                    form = {"mjpeg": "multipart/x-mixed-replace; boundary=frame"}.get(sending.kind, "video/mp2t")
                    self.send_header("Content-Type", form)
                    self.end_headers()
                    camera._serve(self.wfile)
                else:
                    self.send_error(404)

        self._http = ThreadingHTTPServer(("127.0.0.1", sending.port), Answer)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def give(self, data: bytes, key: bool) -> None:
        with self._lock:
            for client, joined in self._clients.items():
                if (joined or key) and not client.full():
                    self._clients[client] = True
                    client.put_nowait(data)

    def _serve(self, file: Any) -> None:
        client: queue.Queue[bytes] = queue.Queue(_RING)
        with self._lock:
            self._clients[client] = False
        try:
            while True:
                file.write(client.get())
                file.flush()
        except OSError:
            pass
        finally:
            with self._lock:
                del self._clients[client]


def main() -> None:
    """For trials by hand: ``python -c "import stream_sender; stream_sender.main()" KIND PORT [NAME=VALUE…]``."""
    kind, port, *rest = sys.argv[1:]
    given = dict(word.split("=") for word in rest)
    sending = Sending(kind, int(port))
    for name, value in given.items():
        kindly = {"size": lambda v: tuple(map(int, v.split("x"))), "video": Path, "path": str, "login": str}
        sending = replace(sending, **{name: kindly.get(name, type(getattr(sending, name)))(value)})
    print(sending.address, flush=True)
    _send(sending, threading.Event(), threading.Event())
