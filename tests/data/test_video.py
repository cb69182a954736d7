import gc
import multiprocessing
import os
import pickle
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from drawn import CLIPS, draw_sound, draw_video, frame_numbers, numbered_frame

from amclip.data import _reader
from amclip.data.probe import probe
from amclip.data.video import Video, VideoInfo
from amclip.data.video_file import VideoError

FORMATS = {
    "h264.mp4": {},
    "long_gop.mp4": {"keyframe_every": 250},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mjpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "h264.mkv": {},
    "wmv.asf": {"codec": "wmv2"},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "h264.ts": {},
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [None, (90, 120), (48, 48)], ids=str)
def test_any_frame_of_any_container_is_the_frame_asked_for(
    tmp_path: Path, name: str, size: tuple[int, int] | None
) -> None:
    path = draw_video(tmp_path / name, 80, **FORMATS[name])
    asked = [*np.random.default_rng(0).integers(0, 80, 20).tolist(), 79, 0, 79]
    with Video(path, size) as video:
        assert video.num_frames == 80
        assert frame_numbers(video.read(asked)) == asked
        assert frame_numbers(video.read([40, 41])) == [40, 41]  # the reader can be used again
        assert frame_numbers(video.read([3])) == [3]


@pytest.mark.parametrize("name", FORMATS)
def test_one_pass_gives_the_frames_asked_for_and_decodes_no_interval_twice(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = draw_video(tmp_path / name, 120, **FORMATS[name])
    passes = []
    for way in ("_seek", "_from_start"):
        begin = getattr(_reader.FrameReader, way)
        count = lambda self, *place, begin=begin: passes.append(place) or begin(self, *place)  # noqa: E731
        monkeypatch.setattr(_reader.FrameReader, way, count)
    asked = np.unique(np.random.default_rng(1).integers(5, 120, 70))
    with Video(path, (48, 64), resize="crop") as video:
        frames = list(video.read_in_order(asked))
        assert len(passes) == 1
        np.testing.assert_array_equal(np.stack(frames), video.read_array(asked))
        assert list(video.read_in_order([])) == []
        with pytest.raises(IndexError, match="has frames 0 to 119"):
            list(video.read_in_order([0, 120]))


def test_between_key_frames_nothing_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counted:
        decoded = 0

        def __init__(self, packet: av.Packet) -> None:
            self.packet, self.size = packet, packet.size

        def decode(self) -> list[av.VideoFrame]:
            Counted.decoded += 1
            return self.packet.decode()

    packets = _reader.numbered_packets
    counted = lambda *given: ((number, Counted(packet)) for number, packet in packets(*given))  # noqa: E731
    monkeypatch.setattr(_reader, "numbered_packets", counted)
    path = draw_video(tmp_path / "a.mp4", 120, keyframe_every=4, options={})
    asked = [1, 8, 17, 40, 41, 66, 119]
    with Video(path) as video:
        assert frame_numbers(video.read(asked)) == asked
    assert Counted.decoded <= 4 * len(asked)  # from the key frame on, and no more of the 120


def test_a_pass_takes_folders_of_images(tmp_path: Path) -> None:
    for number in range(6):
        av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24").to_image().save(tmp_path / f"{number}.png")
    with Video(tmp_path) as video:
        frames = torch.from_numpy(np.stack(list(video.read_in_order([1, 4, 5])))).permute(0, 3, 1, 2)
        assert frame_numbers(frames) == [1, 4, 5]


def test_what_an_edit_list_cuts_off_are_no_frames(tmp_path: Path) -> None:
    whole = draw_video(tmp_path / "whole.mp4", 60, keyframe_every=30)
    with av.open(str(whole)) as reader, av.open(str(tmp_path / "trimmed.mp4"), "w") as writer:
        stream = reader.streams.video[0]
        copy = writer.add_stream_from_template(stream)
        for packet in reader.demux(stream):
            if packet.dts is not None:
                packet.pts -= 10 * packet.duration  # frames before 0 are there to decode the others, and not shown
                packet.dts -= 10 * packet.duration
                packet.stream = copy
                writer.mux(packet)
    with Video(tmp_path / "trimmed.mp4") as video:
        assert video.num_frames == 50
        assert frame_numbers(video.read([0, 7, 30, 49])) == [10, 17, 40, 59]
        frames = torch.from_numpy(np.stack(list(video.read_in_order(range(50))))).permute(0, 3, 1, 2)
        assert frame_numbers(frames) == list(range(10, 60))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_frame_rate_and_shifted_start_are_counted_from_the_first_frame(tmp_path: Path, suffix: str) -> None:
    steps = np.random.default_rng(0).integers(10, 90, 59)
    times = np.concatenate([[500], 500 + np.cumsum(steps)])
    path = draw_video(tmp_path / f"variable.{suffix}", 60, milliseconds=times.tolist())
    with Video(path) as video:
        np.testing.assert_allclose(video.timestamps(), (times - 500) / 1000, atol=1e-3)
        assert video.fps == pytest.approx(59 / (times[-1] - 500) * 1000, rel=1e-3)
        start, stop = (times[10] - 500) / 1000, (times[20] - 500) / 1000
        assert video.frame_range(start, stop) == range(10, 20)


def test_frame_range_takes_start_and_leaves_stop(videos: Path) -> None:
    with Video(videos / "a.mp4") as video:
        for first in range(60):
            assert video.frame_range(first * 0.04, (first + 1) * 0.04) == range(first, first + 1)
        assert video.frame_range(None, None) == range(60)
        assert video.frame_range(0.05, 0.11) == range(2, 3)
        assert video.frame_range(1.0, 100.0) == range(25, 60)
        assert len(video.frame_range(2.4, 3.0)) == 0
        assert video.duration == pytest.approx(2.4, abs=1e-4)


def test_neighbouring_windows_share_no_frame_and_miss_none(videos: Path) -> None:
    with Video(videos / "long.mp4") as video:
        cuts = [0.0, 0.5, 1.0 / 3, 7.77, 11.9, 12.0]
        covered = [i for a, b in zip(sorted(cuts), sorted(cuts)[1:], strict=False) for i in video.frame_range(a, b)]
        assert covered == list(range(300))


def test_stretch_and_crop(videos: Path) -> None:
    with Video(videos / "a.mp4", (64, 100), "stretch") as video:
        assert (video.height, video.width) == (96, 128)
        assert video.read([5]).shape == (1, 3, 64, 100)
    with Video(videos / "a.mp4", (90, 90), "crop") as video:
        cropped = video.read([0xFFF % 60, 5])
    with Video(videos / "a.mp4", (90, 120)) as video:
        whole = video.read([0xFFF % 60, 5])
    assert cropped.shape == (2, 3, 90, 90)
    assert cropped.dtype == torch.uint8
    assert (cropped.float() - whole[..., 15:105].float()).abs().mean() < 1


def test_frames_outside_of_the_video_and_unknown_settings_are_refused(videos: Path) -> None:
    with Video(videos / "a.mp4") as video:
        with pytest.raises(IndexError, match="60"):
            video.read([60])
        with pytest.raises(IndexError):
            video.read([-1])
        assert video.read([]).shape == (0, 3, 96, 128)
    with pytest.raises(ValueError, match="closed"):
        video.read([0])
    with pytest.raises(ValueError, match="squeeze"):
        Video(videos / "a.mp4", (64, 64), "squeeze")  # type: ignore[arg-type]


def test_one_frame_and_names_with_blanks_and_umlauts(tmp_path: Path, videos: Path) -> None:
    path = tmp_path / "mäuse im Gras, 日本.mp4"
    path.write_bytes((videos / "one.mp4").read_bytes())
    with Video(path) as video:
        assert video.num_frames == 1
        assert video.frame_range(None, None) == range(1)
        assert video.duration == pytest.approx(0.04)
        assert frame_numbers(video.read([0, 0])) == [0, 0]


def _broken(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.mp4"
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("filepath,label\nä.mp4,walking\n" * 50, encoding="utf-8")
    elif kind == "pointer":
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    elif kind == "zeros":
        path.write_bytes(bytes(5000))
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(5000))
    elif kind == "folder":
        path.mkdir()
    elif kind == "sound":
        draw_sound(path)
    elif kind == "cut":
        whole = draw_video(folder / "whole.mp4").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "does not exist"),
        ("empty", r"is empty \(0 bytes\)"),
        ("text", "looks like text"),
        ("pointer", "git lfs pull"),
        ("zeros", "zeros"),
        ("noise", "cannot be opened"),
        ("folder", "is a folder"),
        ("sound", "has no video stream"),
        ("cut", "'moov' box is missing"),
    ],
)
def test_a_broken_file_is_refused_in_words(tmp_path: Path, kind: str, reason: str) -> None:
    path = _broken(tmp_path, kind)
    for resize in ("stretch", "crop"):
        with pytest.raises(VideoError, match=reason) as caught:
            Video(path, (64, 64), resize)  # type: ignore[arg-type]
        assert caught.value.path == str(path)
    copy = pickle.loads(pickle.dumps(caught.value))  # workers send it to the main process
    assert (copy.path, copy.reason, str(copy)) == (caught.value.path, caught.value.reason, str(caught.value))


def test_a_hole_of_more_than_two_frames_is_an_error_and_what_lies_before_it_is_not(tmp_path: Path) -> None:
    path = draw_video(tmp_path / "hole.mp4", 120)
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half : half + 600] = bytes(600)
    path.write_bytes(data)
    with Video(path) as video:
        assert frame_numbers(video.read([0, 10, 30])) == [0, 10, 30]
        with pytest.raises(VideoError, match="is damaged"):
            video.read(range(120))


def test_one_pass_names_the_frame_that_damage_hides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = draw_video(tmp_path / "a.ts", 60)
    come_out = _reader._Pass._come_out

    def hidden(self: Any, wanted: Any, last: int) -> Any:
        frame = come_out(self, wanted, last)
        while frame is not None and 30 <= self._frame_of[frame.pts] < 36:
            frame = come_out(self, wanted, last)
        return frame

    monkeypatch.setattr(_reader._Pass, "_come_out", hidden)
    frames = []
    with Video(path) as video, pytest.raises(VideoError, match=r"frame 30 cannot be decoded"):
        frames.extend(video.read_in_order(range(60)))
    assert len(frames) == 30


def test_frames_beyond_the_known_length_are_never_asked_for(videos: Path) -> None:
    info = probe([videos / "phantom.mp4"])[videos / "phantom.mp4"]
    assert isinstance(info, VideoInfo)
    with Video(videos / "phantom.mp4", info=info) as video:
        assert video.num_frames == 60
        assert video.frame_range(None, None) == range(60)
        assert frame_numbers(video.read([59, 58, 0])) == [59, 58, 0]


@pytest.mark.parametrize("path", sorted(p for p in CLIPS.iterdir() if p.suffix not in (".csv", ".md")), ids=str)
def test_real_clips_read_the_same_in_any_order(path: Path) -> None:
    with Video(path, (60, 80)) as video:
        indices = torch.arange(min(video.num_frames, 60))
        forwards = video.read(indices)
        shuffled = torch.randperm(len(indices), generator=torch.Generator().manual_seed(0))
        for part in shuffled.split(7):
            assert torch.equal(video.read(part), forwards[part])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_reader_that_was_open_at_a_fork_can_be_dropped_there(tmp_path: Path) -> None:
    path = draw_video(tmp_path / "a.mp4", 10)
    video = Video(path)
    video.read([0])
    open_here: list[Any] = [video]
    open_here.append(open_here)  # a cycle: gone only when the garbage collector comes by

    def drop() -> None:
        open_here.clear()
        gc.collect()

    process = multiprocessing.get_context("fork").Process(target=drop)
    process.start()
    process.join(timeout=20)
    alive = process.is_alive()
    process.kill()
    assert not alive
    assert frame_numbers(open_here[0].read([7])) == [7]
