import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import av
import numpy as np
import pytest
from loopback import files_of, served
from simulated import noise

from amclip.data.video import Video
from amclip.data.video_file import VideoError
from amclip.inference import TrainedModel
from amclip.live import feed as feeds
from amclip.live import stream as streams
from amclip.live.camera import Camera, CameraWishes
from amclip.live.feed import Feed
from amclip.live.frames import LiveFrame, SourceError
from amclip.live.ring import Ring
from amclip.live.sources import PlayedFile, open_source
from amclip.live.stream import Stream


@pytest.fixture(scope="module")
def transport(watched: Path) -> Path:
    """The animals as an MPEG transport stream, which servers send as it is."""
    path = watched / "animals.ts"
    with Video(watched / "animals.mp4") as video, av.open(str(path), "w") as output:
        stream: Any = output.add_stream("mpeg2video", rate=15)
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        for number, pixels in enumerate(video.read_in_order(range(45))):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 15)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def address(transport: Path) -> Iterator[str]:
    with served(files_of(transport.parent)) as address:
        yield address


def test_a_stream_over_the_network_gives_frames_with_its_own_stamps(address: str, transport: Path) -> None:
    frames = list(Stream(f"{address}/animals.ts").frames(Event()))
    assert len(frames) == 45
    np.testing.assert_allclose(np.diff([frame.stamp for frame in frames]), 1 / 15, atol=1e-4)
    arrivals = [frame.arrived for frame in frames]
    assert arrivals == sorted(arrivals)
    assert (frames[0].picture.width, frames[0].picture.height) == (64, 48)


@pytest.mark.parametrize("page", ["nothing.ts", "model.ckpt"])
def test_what_is_no_stream_is_said_without_the_password(address: str, page: str) -> None:
    where = f"{address}/{page}".replace("http://", "http://user:secret@")
    with pytest.raises(SourceError, match="cannot be opened") as refused:
        list(Stream(where).frames(Event()))
    assert "secret" not in str(refused.value)
    assert "…@127.0.0.1" in str(refused.value)


def test_a_camera_is_read_by_opencv_and_its_end_is_a_loss(transport: Path) -> None:
    camera = Camera(str(transport))  # OpenCV reads a file by the same calls
    frames: list[LiveFrame] = []
    with pytest.raises(SourceError, match="was it unplugged"):
        frames.extend(camera.frames(Event()))
    assert len(frames) == 45
    assert frames[0].picture.format.name == "bgr24"
    assert frames[0].stamp is None
    stopped = Event()
    for number, _ in enumerate(camera.frames(stopped)):
        if number == 3:
            stopped.set()
        assert number <= 3


def test_a_camera_that_is_not_there_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SourceError, match="camera 97: cannot be opened; is it plugged in"):
        list(Camera("97", CameraWishes(fps=30)).frames(Event()))
    assert capfd.readouterr().err == ""


def test_a_camera_is_asked_in_the_order_that_drivers_need(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    asked: list[int] = []

    class Capture:
        def __init__(self, where: object) -> None:
            assert where == 3
            self.taken = 0

        def isOpened(self) -> bool:  # noqa: N802
            return True

        def getBackendName(self) -> str:  # noqa: N802
            return "V4L2"

        def set(self, what: int, value: float) -> None:
            asked.append(what)

        def get(self, what: int) -> float:
            return [0.0, 100.0, 133.0, 133.0, 150.0][self.taken]

        def grab(self) -> bool:
            self.taken += 1
            return self.taken < 5

        def retrieve(self) -> tuple[bool, np.ndarray]:
            return True, np.zeros((4, 6, 3), np.uint8)

        def release(self) -> None:
            asked.append(-1)

    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    frames: list[LiveFrame] = []
    with pytest.raises(SourceError):
        frames.extend(Camera("3", CameraWishes((640, 480), 30.0, "MJPG")).frames(Event()))
    assert asked == [cv2.CAP_PROP_FOURCC, *(cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT), cv2.CAP_PROP_FPS, -1]
    assert [frame.stamp for frame in frames] == [0.1, 0.133, None, None]  # a clock that stands still is none


def test_a_file_is_played_at_its_pace_and_too_late_frames_are_left_out(model: TrainedModel, watched: Path) -> None:
    now, stopped = 0.0, Event()
    monkeypatched = Event.wait

    def wait(self: Event, timeout: float | None = None) -> bool:
        nonlocal now
        now += timeout or 0.0
        return monkeypatched(self, 0)

    source = PlayedFile(watched / "animals.mp4", model.input, pace=2, clock=lambda: now)
    stamps = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Event, "wait", wait)
        for frame in source.frames(stopped):
            assert frame.arrived >= (frame.stamp or 0) / 2 - 1e-9
            assert frame.picture.shape == (36, 36, 3)
            stamps.append(frame.stamp or 0)
            if len(stamps) == 30:
                now += 1.0  # two seconds of video
    steps = np.diff(stamps)
    assert np.isclose(steps, 1 / 15).sum() == len(steps) - 1
    assert steps.max() == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(
    ("where", "options", "told"),
    [
        ("animals.mp4", {}, "--pace: .* is a file"),
        ("missing.mp4", {"pace": 1.0}, "is no file. A camera is a number"),
        ("rtsp://a/b", {"pace": 1.0}, "--pace: is for files"),
        ("0", {"ffmpeg": {"a": "b"}}, "--ffmpeg: options"),
        ("rtsp://a/b", {"camera": CameraWishes(fps=20)}, "--camera_fps: is asked of a camera"),
        ("animals.mp4", {"pace": 0.0}, "--pace: expected"),
        ("broken.mp4", {"pace": 1.0}, "broken.mp4: "),
    ],
)
def test_options_that_do_not_go_with_a_source_are_refused(
    model: TrainedModel, watched: Path, where: str, options: dict[str, Any], told: str
) -> None:
    (watched / "broken.mp4").write_bytes(b"no video")
    place = str(watched / where) if where.endswith(".mp4") else where
    with pytest.raises((ValueError, FileNotFoundError, VideoError), match=told):
        open_source(place, model.input, **options)
    assert isinstance(open_source("-", model.input), Stream)
    assert isinstance(open_source("/dev/video0", model.input), Camera)


@pytest.mark.parametrize("wrong", [{"size": (0, 4)}, {"fps": 0.0}, {"code": "JPEG2"}])
def test_wishes_that_no_camera_has_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"--camera_{next(iter(wrong))}: expected"):
        CameraWishes(**wrong)


@pytest.mark.parametrize("held_up", [0.0, 0.004], ids=["alone", "beside other threads"])
def test_packets_are_skipped_to_a_key_frame_where_reading_is_what_is_slow(held_up: float) -> None:
    behind = streams._Behind()
    taken = []
    now = 0.0
    for number in range(900):  # 30 a second, a key frame every second; decoding takes 50 ms in the middle
        stamp = number / 30
        waited = max(held_up, stamp - now)
        now += waited
        if not behind.skips(stamp, number % 30 == 0, now, waited):
            taken.append(number)
            now += 0.05 if 300 <= number < 600 else 0.001
        assert now - stamp < 1.6
    left_out = [(a, b) for a, b in pairwise(taken) if b != a + 1]
    assert left_out
    assert all(after % 30 == 0 for _, after in left_out)
    assert all(300 <= before < 640 for before, _ in left_out)
    assert not any(streams._Behind().skips(None, True, 1.0, 0.0) for _ in range(3))


def test_a_clock_that_is_set_back_while_packets_are_skipped_does_not_end_the_stream() -> None:
    for place in range(10, 120, 4):
        behind = streams._Behind()
        taken, now = [], 0.0
        for number in range(600):
            due = number / 30
            waited = max(0.0, due - now)
            now += waited
            if not behind.skips(due - 3600 * (number >= place), number % 30 == 0, now, waited):
                taken.append(number)
                now += 0.06 if number < 90 else 0.001
        assert len(taken) < 590
        assert taken[-300:] == list(range(300, 600))


class Breaking:
    """Gives some frames, breaks off, and is there again."""

    name, endless = "breaking", True

    def __init__(self, *parts: int) -> None:
        self.parts = list(parts)

    def frames(self, stopped: Event) -> Iterator[LiveFrame]:
        count = self.parts.pop(0) if self.parts else 0
        if not count:
            raise SourceError("breaking: cannot be opened")
        yield from (frame._replace(arrived=time.monotonic()) for frame in noise(count))


def test_a_source_that_is_lost_is_opened_anew(model: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_AGAIN", 0.01)
    ring, told = Ring(model.input, 1.2, 0.3), list[str]()
    feed = Feed(Breaking(10, 0, 10), ring, reconnect=True, tell=told.append)
    until = time.monotonic() + 5
    while ring.counts.frames < 20 and time.monotonic() < until:
        feed.wait(0.05)
    feed.close()
    assert ring.counts.frames == 20
    assert feed.reconnections == 1
    assert told[:2] == ["breaking: ended; it gives no frames any more; opening it anew", "breaking: is back"]


def test_a_file_that_has_ended_is_not_played_anew(model: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_AGAIN", 0.01)
    source = Breaking(10, 10)
    source.endless = False
    feed = Feed(source, Ring(model.input, 1.2, 0.3), reconnect=True)
    feed._thread.join(5)
    assert feed.ended
    assert (feed.error, source.parts) == (None, [10])


class Damaged(Breaking):
    """A recording that cannot be read to its end, however often it is opened."""

    name, endless = "damaged", False
    times, duration, pace = np.arange(20) / 15, 20 / 15, 1.0

    def frames(self, stopped: Event) -> Iterator[LiveFrame]:
        yield from (frame._replace(stamp=frame.arrived) for frame in noise(self.parts.pop(0)))
        raise SourceError("damaged: its end is not there")


def test_a_recording_that_breaks_off_is_not_played_anew(model: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_AGAIN", 0.01)
    source = Damaged(10, 10, 10, 10)
    ring = Ring(model.input, 1.2, 0.3, source)
    feed = Feed(source, ring, reconnect=True)
    feed._thread.join(5)
    assert str(feed.error) == "damaged: its end is not there"
    assert (ring.counts.frames, ring.counts.dropped_frames) == (10, 0)


def test_without_that_its_end_is_an_error(model: TrainedModel) -> None:
    ring = Ring(model.input, 1.2, 0.3)
    feed = Feed(Breaking(10), ring)
    feed.wait(5)
    feed._thread.join(5)
    assert feed.ended
    assert isinstance(feed.error, SourceError)
    assert ring.counts.frames == 10
