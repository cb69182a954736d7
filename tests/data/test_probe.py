import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
from drawn import draw_video
from numbered_files import CASES

import amclip.data._probe_worker as worker
import amclip.data.probe as module
from amclip.data._container import best_stream, missing_bytes
from amclip.data._index import index_by_stamps
from amclip.data._packets import Scan
from amclip.data.probe import probe
from amclip.data.video import READING_RULES, VideoInfo
from amclip.data.video_file import VideoError

# A worker whose decoder hangs on some files: in native code, holding the interpreter's lock.
HANGING_WORKER = """
import ctypes
import signal
import amclip.data._probe_worker as worker

answer = worker.answer

def hang_on_some(request):
    signal.setitimer(signal.ITIMER_REAL, request["timeout"])
    name = request["path"].rpartition("/")[2]
    if name == "crash.mp4":
        ctypes.string_at(0)
    if name == "hang.mp4" or (name == "spin.mp4" and request["step"] == "ends"):
        ctypes.PyDLL(None).sleep(60)
    return answer(request)

worker.answer = hang_on_some
worker.main()
"""


@pytest.fixture(scope="module", autouse=True)
def remembers_videos() -> None:
    """Nothing: here every video is probed, by processes of its own."""


def test_lengths_rates_and_sizes(videos: Path) -> None:
    found = probe([videos / "a.mp4", str(videos / "one.mp4"), videos / "a.mp4"])
    assert list(found) == [videos / "a.mp4", videos / "one.mp4"]
    info = found[videos / "a.mp4"]
    assert isinstance(info, VideoInfo)
    assert (info.num_frames, info.width, info.height, info.note) == (60, 128, 96, "")
    assert (info.fps, info.duration) == pytest.approx((25, 2.4), rel=1e-4)


def test_a_container_that_claims_too_much_is_counted(videos: Path) -> None:
    info = probe([videos / "phantom.mp4"])[videos / "phantom.mp4"]
    assert isinstance(info, VideoInfo)
    assert info.num_frames == 60
    assert info.note == "ends early: 60 of 90 frames decode"


def test_a_cut_file_with_its_index_in_front_keeps_what_decodes(tmp_path: Path) -> None:
    path = draw_video(tmp_path / "cut.mp4", 120, options={"movflags": "faststart"})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    info = probe([path])[path]
    assert isinstance(info, VideoInfo)
    assert 10 < info.num_frames < 60
    assert info.note.startswith("ends early")


@pytest.mark.parametrize(("name", "codec"), [("cut.mkv", "libx264"), ("cut.avi", "mpeg4"), ("cut.webm", "libvpx")])
def test_a_cut_file_that_claims_no_frames_is_told_by_its_length(tmp_path: Path, name: str, codec: str) -> None:
    path = draw_video(tmp_path / name, 120, codec=codec)
    whole = path.read_bytes()
    assert missing_bytes(path) == 0
    for thorough in (False, True):
        assert getattr(probe([path], thorough=thorough)[path], "note", None) == ""
    path.write_bytes(whole[: len(whole) * 6 // 10])
    assert missing_bytes(path) == len(whole) - len(whole) * 6 // 10
    for thorough in (False, True):
        info = probe([path], thorough=thorough)[path]
        assert isinstance(info, VideoInfo)
        assert info.num_frames < 120
        assert info.note.startswith("ends early")


def test_a_file_whose_length_was_never_written_lacks_nothing(tmp_path: Path) -> None:
    path = draw_video(tmp_path / "live.mkv", options={"live": "1"})
    path.write_bytes(path.read_bytes()[:-3000])
    assert missing_bytes(path) == 0
    for content in (b"", b"\x1aE\xdf\xa3", b"\x1aE\xdf\xa3\x00" + bytes(80), b"RIFF", b"\0\0\0\x18ftyp"):
        path.write_bytes(content)
        assert missing_bytes(path) == 0


def test_thorough_probing_agrees_on_files_without_fault(videos: Path) -> None:
    paths = [videos / "a.mp4", videos / "long.mp4"]
    assert [(info.num_frames, info.note) for info in probe(paths, thorough=True).values()] == [(60, ""), (300, "")]  # type: ignore[union-attr]


def test_thorough_probing_counts_frames_that_are_missing_in_the_middle(tmp_path: Path) -> None:
    path = draw_video(tmp_path / "hole.mp4", 120)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 600] = bytes(600)
    path.write_bytes(data)
    quick, thorough = probe([path])[path], probe([path], thorough=True)[path]
    assert isinstance(quick, VideoInfo)
    assert isinstance(thorough, VideoInfo)
    assert (quick.num_frames, quick.note) == (120, "")
    assert thorough.num_frames == 120
    assert "of 120 frames are missing" in thorough.note


@pytest.mark.parametrize("spoilt", [slice(-4, None), slice(10, -3)], ids=["its end", "its middle"])
@pytest.mark.parametrize("name", ["h264_one_key.mp4", "h265_open_gop.mkv", "mpeg4_bframes.mp4"])
def test_the_last_packets_tell_no_more_than_reading_does(tmp_path: Path, name: str, spoilt: slice) -> None:
    path = CASES[name](tmp_path / name).path
    request = {"path": str(path), "step": "ends", "timeout": 60.0}
    with Scan(path) as scanned:
        index = index_by_stamps(scanned)
        assert index is not None
        last = scanned.packets.places[spoilt]
    found = worker.answer(request)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "last_frame_decodes", lambda *of: False)
        assert worker.answer(request) == found
        data = bytearray(path.read_bytes())
        for place, size in last.tolist():
            data[place : place + size] = bytes(size)  # these packets hold nothing now
        path.write_bytes(data)
        spoiled = worker.answer(request)
    assert worker.answer(request) == spoiled


def test_errors_are_values(tmp_path: Path, videos: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    found = probe([tmp_path / "empty.mp4", videos / "a.mp4", tmp_path / "none.mp4"])
    reasons = [info.reason if isinstance(info, VideoError) else "" for info in found.values()]
    assert reasons == ["is empty (0 bytes)", "", "does not exist"]
    assert probe([]) == {}


def test_a_decoder_that_hangs_or_crashes_costs_one_video(
    tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("hang", "spin", "crash", "fine"):
        (tmp_path / f"{name}.mp4").write_bytes((videos / "a.mp4").read_bytes())
    script = tmp_path / "worker.py"
    script.write_text(HANGING_WORKER)
    monkeypatch.setattr(module, "_COMMAND", [sys.executable, str(script)])
    started = time.monotonic()
    found = {path.stem: info for path, info in probe(sorted(tmp_path.glob("*.mp4")), timeout=1.5, workers=2).items()}
    assert time.monotonic() - started < 30
    assert isinstance(found["hang"], VideoError)
    assert "no sign of life for 1.5 s" in found["hang"].reason
    assert isinstance(found["crash"], VideoError)
    assert "crashed" in found["crash"].reason
    for name in ("spin", "fine"):  # "spin" hangs where it is opened, and not where it is counted
        info = found[name]
        assert isinstance(info, VideoInfo)
        assert info.num_frames == 60


class TestCache:
    def test_known_videos_start_no_worker_and_changed_ones_do(
        self, tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, folder = tmp_path / "a.mp4", tmp_path / "cache"
        path.write_bytes((videos / "a.mp4").read_bytes())
        first = probe([path], cache=folder)
        with monkeypatch.context() as patch:
            patch.setattr(module, "_COMMAND", ["/no/such/program"])
            assert probe([path], cache=folder) == first
            with pytest.raises(OSError, match="no/such/program"):
                probe([path], cache=folder, thorough=True)
        path.write_bytes((videos / "one.mp4").read_bytes())
        info = probe([path], cache=folder)[path]
        assert isinstance(info, VideoInfo)
        assert info.num_frames == 1

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 1, "videos": 3}', '{"version": 99, "videos": {}}'])
    def test_a_corrupted_cache_is_ignored_and_replaced(self, tmp_path: Path, videos: Path, content: str) -> None:
        (tmp_path / "videos.json").write_text(content)
        assert isinstance(probe([videos / "one.mp4"], cache=tmp_path)[videos / "one.mp4"], VideoInfo)
        assert json.loads((tmp_path / "videos.json").read_text())["version"] == READING_RULES

    def test_an_entry_of_the_wrong_shape_is_ignored(self, tmp_path: Path, videos: Path) -> None:
        path = videos / "one.mp4"
        probe([path], cache=tmp_path)
        file = tmp_path / "videos.json"
        file.write_text(file.read_text().replace('"fps"', '"rate"'))
        assert isinstance(probe([path], cache=tmp_path)[path], VideoInfo)

    def test_several_writers_leave_a_whole_file(self, tmp_path: Path, videos: Path) -> None:
        paths = [videos / "a.mp4", videos / "long.mp4", videos / "one.mp4"]
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda path: probe([path], cache=tmp_path), paths))
        json.loads((tmp_path / "videos.json").read_text())
        assert not list(tmp_path.glob("*.partial"))

    def test_errors_are_not_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "late.mp4"
        assert isinstance(probe([path], cache=tmp_path / "cache")[path], VideoError)
        assert not (tmp_path / "cache").exists()

    def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(self, tmp_path: Path, videos: Path) -> None:
        (tmp_path / "file").touch()
        found = probe([videos / "one.mp4"], cache=tmp_path / "file" / "cache")
        assert isinstance(found[videos / "one.mp4"], VideoInfo)


def test_the_worker_needs_no_torch() -> None:
    code = "import sys, amclip.data._probe_worker; print('torch' in sys.modules)"
    assert os.popen(f'{sys.executable} -c "{code}"').read().strip() == "False"


@pytest.mark.parametrize("step", ["ends", "count"])
def test_what_cannot_be_opened_anew_is_said_as_what_cannot_be_opened(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A header that is good enough for a first look, and not for the second, which the order of frames asks for.
    draw_video(tmp_path / "a.mp4", 8)
    scans: list[Scan] = []

    def refuse(scanned: Scan) -> None:
        scans.append(scanned)
        raise av.error.InvalidDataError(1094995529, "Invalid data found when processing input")

    monkeypatch.setattr(worker, "index_by_stamps", refuse)
    found = worker.answer({"path": str(tmp_path / "a.mp4"), "step": step, "timeout": 20.0})
    assert "Invalid data found" in found["error"]
    with pytest.raises(Exception, match=r"closed|not open|None"):
        next(iter(scans[0]._container.demux(scans[0].stream)))


def test_a_codec_that_is_not_known_is_said() -> None:
    unknown = SimpleNamespace(streams=SimpleNamespace(video=[SimpleNamespace(codec_context=None)]))
    with pytest.raises(ValueError, match="coded in a way that this FFmpeg does not know"):
        best_stream(unknown)
