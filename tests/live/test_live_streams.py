"""Streams over the loopback, sent by PyAV and Python's HTTP server, and what broken ones come to."""

import math
import socket
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any

import av
import numpy as np
import pytest
from loopback import files_of, served
from simulated import Simulated, noise

from amclip.inference import TrainedModel
from amclip.live import feed as feeds
from amclip.live.address import unknown_host, without_secrets
from amclip.live.clock import StreamClock
from amclip.live.feed import Feed
from amclip.live.frames import LiveFrame, SourceError
from amclip.live.playout import Playout
from amclip.live.ring import Ring
from amclip.live.sources import open_source
from amclip.live.stream import Stream
from amclip.live.windows import LiveWindows

FPS = 15


def encoded(container: Any, count: int, fps: int = FPS) -> Iterator[None]:
    """Write frames whose brightness is their number, one after the other."""
    stream: Any = container.add_stream("mpeg2video", rate=fps)
    stream.width, stream.height, stream.pix_fmt, stream.codec_context.gop_size = 64, 48, "yuv420p", 5
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * number % 250, np.uint8), "rgb24")
        frame.pts, frame.time_base = number, Fraction(1, fps)
        container.mux(stream.encode(frame))
        yield
    container.mux(stream.encode(None))


def free_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_packets_over_udp_are_frames_until_nobody_sends_any_more() -> None:
    address, done = f"udp://127.0.0.1:{free_port()}", Event()

    def send() -> None:
        with av.open(address + "?pkt_size=1316", "w", format="mpegts") as container:
            for _ in encoded(container, 300, 100):
                if done.wait(0.01):
                    return

    sender = threading.Thread(target=send)
    sender.start()
    frames: list[LiveFrame] = []
    try:
        coming = Stream(address, {"analyzeduration": "300000"}, timeout=0.7).frames(Event())
        frames.extend(islice(coming, 50))
        done.set()
        with pytest.raises(SourceError, match=r"broke off \(no answer within 0.7 s\)"):
            frames.extend(coming)
    finally:
        done.set()
        sender.join()
    steps = np.diff([frame.stamp or 0 for frame in frames[:50]])
    assert steps.min() > 0
    assert np.median(steps) == pytest.approx(0.01, abs=1e-4)
    shown = np.array([frame.picture.to_ndarray(format="gray").mean() for frame in frames[:50]])
    assert (np.diff(shown) % 250 > 0).all()  # none twice


def test_pictures_of_a_camera_without_stamps_come_when_they_arrive() -> None:
    """FFmpeg would say that there are 25 a second."""
    coder: Any = av.CodecContext.create("mjpeg", "w")
    coder.width, coder.height, coder.pix_fmt, coder.time_base = 64, 48, "yuvj420p", Fraction(1, 15)
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), "rgb24").reformat(format="yuvj420p")
    picture = b"".join(bytes(packet) for packet in coder.encode(frame))

    class Pictures(BaseHTTPRequestHandler):
        def log_message(self, *words: Any) -> None: ...

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for _ in range(30):
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(head.encode() + picture + b"\r\n")
                time.sleep(0.02)

    frames: list[LiveFrame] = []
    with served(Pictures) as address, pytest.raises(SourceError, match="broke off") as lost:
        frames.extend(Stream(f"{address}/video?user=me&pwd=secret").frames(Event()))
    assert "secret" not in str(lost.value)
    assert len(frames) >= 29
    assert {frame.stamp for frame in frames} == {None}


def test_segments_are_given_at_the_pace_of_their_stamps(tmp_path: Path) -> None:
    """HLS brings half a second at once here."""
    options = {"hls_time": "0.33", "hls_list_size": "0"}
    with av.open(str(tmp_path / "live.m3u8"), "w", format="hls", options=options) as container:
        for _ in encoded(container, 20):
            pass
    assert len(list(tmp_path.glob("*.ts"))) > 2

    with served(files_of(tmp_path)) as address:
        frames = list(Stream(f"{address}/live.m3u8").frames(Event()))
    assert len(frames) == 20
    came, stamps = (np.array([getattr(frame, name) for frame in frames]) for name in ("arrived", "stamp"))
    assert (came - came[0] >= 0.99 * (stamps - stamps[0])).all()


def test_one_that_accepts_and_says_nothing_is_told_without_the_password() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        where = f"rtsp://admin:secret@127.0.0.1:{mute.getsockname()[1]}/live"
        with pytest.raises(SourceError, match=r"cannot be opened \(no answer within 0.3 s\)") as refused:
            list(Stream(where, timeout=0.3).frames(Event()))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://admin:se:cret@cam:554/a/b", "rtsp://…@cam:554/a/b"),
        ("rtsp://admin:se/cret@cam/a/b", "rtsp://…@cam/a/b"),
        ("rtsp://admin:1/secret@cam/a/b", "rtsp://…@cam/a/b"),
        ("rtsp://admin:1/se@cret@cam:554/a", "rtsp://…@cam:554/a"),
        ("rtsp://admin:secret@1/secret@cam/a", "rtsp://…@cam/a"),
        ("rtsp://admin:se?cret@cam/a/b", "rtsp://…"),
        ("rtsp://admin:se#cret@cam/a/b", "rtsp://…"),
        ("rtsp://admin:1/2?se#cret@cam", "rtsp://…"),
        ("rtsp://admin:se=cret@cam/a", "rtsp://…@cam/a"),
        ("rtsp://admin:secret@cam/a?b=c", "rtsp://…@cam/a?…"),
        ("http://cam/pwd=a@secret/b", "http://…"),
        ("http://cam?pwd=a@secret", "http://…"),
        ("rtsp://[fe80::1]:554/a@b", "rtsp://…@b"),
        ("http://cam/video.cgi?user=admin&pwd=secret", "http://cam/video.cgi?…"),
        ("http://cam?pwd=se/c@ret", "http://…"),
        ("rtsp://cam:554/user=admin_password=secret_channel=1.sdp/x", "rtsp://cam:554/user=…/x"),
        ("udp://@239.0.0.1:1234", "udp://@239.0.0.1:1234"),
        ("http://cam/live#secret", "http://cam/live#…"),
        ("/dev/video0", "/dev/video0"),
    ],
)
def test_no_password_is_shown(address: str, shown: str, model: TrainedModel) -> None:
    assert without_secrets(address) == shown
    if "://" in address:
        assert Stream(address).name == shown
        with pytest.raises(ValueError, match="--pace") as refused:
            open_source(address, model.input, pace=1.0)
        assert "secret" not in str(refused.value)


def test_a_part_of_a_password_is_not_looked_up_as_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []

    def refuse(host: str, port: None) -> None:
        looked_up.append(host)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for mark in "/?#":
        assert unknown_host(f"rtsp://admin:1@secret{mark}2@cam/live") is None
    assert not looked_up
    assert unknown_host("rtsp://admin:secret@cam/live") == "the host cam is not known"


def test_bursts_are_played_evenly_and_as_late_as_the_latest_needs() -> None:
    playout, shown, now = Playout(), [], 0.0
    for number in range(600):  # 30 a second, in segments of a second that are there when they end; the sixth is late
        ready = number // 30 + 1 + (0.7 if number // 30 == 6 else 0)
        now = max(now, ready)
        now += playout.wait(500 + number / 30, now)
        shown.append(now)
    steps = np.diff(shown)
    assert np.delete(steps, 179).max() < 0.04
    assert steps[179] == pytest.approx(0.7 + 1 / 30, abs=0.03)
    again = playout.wait(3.0, now)  # another clock
    assert again == 0
    assert playout.wait(3.1, now) == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize("hole", [True, False], ids=["hole", "clock set"])
def test_a_jump_in_bursts_is_a_hole_for_all_and_its_delay_is_made_good(hole: bool) -> None:
    """Segments of two seconds; of the one behind frame 900 stamps are 5 s further on."""
    playout, clock, now = Playout(), StreamClock(), 0.0
    shown: list[float] = []
    placed: list[float] = []
    for number in range(8000):
        later = 5 * (number >= 900)
        now = max(now, 2 * (number // 60 + 1) + later * hole)  # it is there when it ends
        now += playout.wait(500 + number / 30 + later, now)
        shown.append(now)
        placed.append(clock.place(500 + number / 30 + later, now))
    steps = np.diff(shown)
    assert (steps[899], np.diff(placed)[899]) == pytest.approx((5 + 1 / 30,) * 2, abs=0.02)
    assert clock.lost == pytest.approx(150, abs=1)
    assert clock.jumps == 0
    assert np.delete(steps, 899).max() < 0.25  # late once, where there was nothing to make good
    taken = np.arange(8000) / 30 + 5 * hole * (np.arange(8000) >= 900)
    lateness = np.array(shown) - taken
    assert lateness[-1] == pytest.approx(lateness[800], abs=0.3)


def test_a_frame_that_came_with_the_next_stream_takes_no_time_away() -> None:
    """MPEG-TS gives the last frame of a stream that broke off when the next one begins, here 5 s later."""
    stamps = [700 + n / 30 for n in range(90)] + [n / 30 for n in range(60)]
    arrivals = [n / 30 for n in range(89)] + [8.0] + [8.0 + n / 30 for n in range(60)]
    clock = StreamClock()
    times = [clock.place(*both) for both in zip(stamps, arrivals, strict=True)]
    assert times[-1] == pytest.approx(8 + 59 / 30, abs=0.02)
    assert clock.lost == pytest.approx(150, abs=2)


def test_frames_with_uneven_stamps_are_not_lost() -> None:
    times = np.arange(300) / 30
    times[10::10] += 0.03  # stamped late by 30 ms
    clock = StreamClock()
    for time_ in times.tolist():
        clock.place(time_, time_)
    assert clock.lost == 0


class Odd:
    """Ends with an error that no source should have."""

    name, endless = "odd", True

    def __init__(self) -> None:
        self.times = 0

    def frames(self, stopped: Event) -> Iterator[LiveFrame]:
        self.times += 1
        yield from (frame._replace(arrived=time.monotonic()) for frame in noise(5))
        raise UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "what a library says")


def test_a_source_with_whatever_error_is_opened_anew(model: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_AGAIN", 0.01)
    source, told = Odd(), list[str]()
    feed = Feed(source, Ring(model.input, 1.2, 0.3), reconnect=True, tell=told.append)
    until = time.monotonic() + 5
    while source.times < 3 and time.monotonic() < until:
        feed.wait(0.05)
    feed.close()
    assert feed.reconnections >= 1
    assert "odd: UnicodeDecodeError: " in told[0]
    once = Feed(Odd(), Ring(model.input, 1.2, 0.3))
    once._thread.join(5)
    assert isinstance(once.error, SourceError)


def test_losses_and_returns_are_told_in_turn_before_the_beginning_too(
    model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "_AGAIN", 0.01)
    source, told, ring = Odd(), list[str](), Ring(model.input, 1.2, 0.3)
    ring.held = True
    feed = Feed(source, ring, reconnect=True, tell=told.append)
    until = time.monotonic() + 5
    while len(told) < 6 and time.monotonic() < until:
        time.sleep(0.01)
    feed.close()
    assert ["anew" in sentence for sentence in told[:6]] == [True, False] * 3
    assert ["is back" in sentence for sentence in told[:6]] == [False, True] * 3


class Exits(Odd):
    def frames(self, stopped: Event) -> Iterator[LiveFrame]:
        yield from noise(2)
        raise SystemExit(3)


def test_a_source_that_exits_has_ended(model: TrainedModel) -> None:
    feed = Feed(Exits(), Ring(model.input, 1.2, 0.3))
    feed._thread.join(5)
    assert feed.ended
    assert str(feed.error) == "odd: SystemExit: 3"


def test_stamps_that_are_no_numbers_are_none() -> None:
    for first in (math.nan, 5.0):
        clock = StreamClock()
        stamps = [first, math.nan, math.inf, -math.inf, None]
        assert [clock.place(stamp, 7.0 + n) for n, stamp in enumerate(stamps)] == [0, 1, 2, 3, 4]


def live(model: TrainedModel, source: Simulated, **settings: Any) -> LiveWindows:
    return LiveWindows(model, source, 1.2, 0.3, clock=source.clock, feed=source, **settings)


def test_frames_before_the_beginning_are_not_counted(model: TrainedModel) -> None:
    source = Simulated([frame._replace(arrived=30 + frame.arrived) for frame in noise(90)])
    watching = live(model, source, timeout=10)
    watching.hold()
    with watching:
        waits = 0
        while not watching.opens(1.0):  # longer than a source that gave frames may be silent
            waits += 1
        assert waits in (29, 30)
        source.work(2.0)
        assert watching.counts.frames == 0
        watching.release()
        windows = list(watching)
    assert windows[0].start == 0
    assert watching.counts.frames == pytest.approx(60, abs=2)
    assert watching.counts.broken == 0


def test_a_source_that_never_opens_is_lost_after_a_minute(model: TrainedModel) -> None:
    source = Simulated([frame._replace(arrived=100.0) for frame in noise(1)])
    watching = live(model, source, timeout=10)
    watching.hold()
    with watching:
        while source.now < 59:
            assert not watching.opens(1.0)
        source.work(2.0)
        with pytest.raises(SourceError, match="no frame for 60 s"):
            watching.opens(1.0)
    source = Simulated([])
    source.ended, source.error = True, SourceError("refused")  # type: ignore[assignment]
    with live(model, source) as watching, pytest.raises(SourceError, match="refused"):
        watching.opens(1.0)


def test_pictures_may_change_their_size(model: TrainedModel) -> None:
    small, large = noise(90), noise(90, size=(96, 64))
    with live(model, Simulated([*small[:45], *large[45:]])) as watching:
        windows = list(watching)
    assert watching.counts.broken == 0
    assert len(windows) == windows[-1].number + 1
    assert np.isfinite([window.probabilities for window in windows]).all()
