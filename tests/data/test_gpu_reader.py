"""Frames by way of torchcodec are those of amclip's own reader, or none.

With torchcodec itself where it is, on the CPU and, where there is one, on a GPU; the checks that must hold everywhere
with a stand-in for it.
"""

import contextlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest
from fake_torchcodec import _Decoder, fake_torchcodec
from numbered import Reading, read_number
from numbered_files import CASES, Numbered, encode, turn

from amclip.data import _same_picture, gpu_reader
from amclip.data._packets import scan
from amclip.data._same_picture import SamePicture
from amclip.data.gpu_reader import GpuDecodingError, GpuReader, why_no_gpu_decoder, why_no_torchcodec
from amclip.data.video import Video, find_frames

Files = dict[str, Numbered]

needs_torchcodec = pytest.mark.skipif(bool(why_no_torchcodec()), reason=why_no_torchcodec() or "it is here")
_AVI, _CODEC = "AVI does not keep when", "is decoded on the CPU only"
#: Files that are left to the CPU, and why; all others are read.
REFUSED = {
    **dict.fromkeys(("h264.avi", "mpeg4.avi", "mpeg4_bframes.avi", "mjpeg.avi"), _AVI),
    **dict.fromkeys(("mpeg4_bframes.mp4", "mpeg2_bframes.mkv", "mpeg2_bframes.mpg", "wmv2.wmv"), _CODEC),
    **dict.fromkeys(("no_index.mkv", "no_index.webm"), "torchcodec does not open it"),
    "ffv1.mkv": "an odd side",
    "double_stamp.mkv": "do not tell its frames apart",
}


#: Larger, since GPUs decode these codecs from 128 or 144 pixels on.
LARGE: dict[str, tuple[str, dict[str, str]]] = {
    "h264_bframes.mp4": ("libx264", {"g": "30", "bf": "3"}),
    "h264.ts": ("libx264", {"g": "12", "bf": "2"}),
    "h265_open_gop.mkv": ("libx265", {"x265-params": "keyint=15:log-level=none", "preset": "ultrafast"}),
    "vp9_hidden.webm": ("libvpx-vp9", {"lag-in-frames": "12", "auto-alt-ref": "1", "g": "25", "cpu-used": "8"}),
    "av1.mp4": ("libsvtav1", {"preset": "8", "g": "25", "crf": "20"}),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("numbered")
    made = {name: make(folder / name) for name, make in CASES.items()}
    for name, (codec, options) in LARGE.items():
        made[f"large_{name}"] = encode(folder / f"large_{name}", codec, size=(144, 192), options=options)
    return made


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 numbered frames, a key frame every 25."""
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    encode(path, "libx264", range(200), options={"g": "25", "bf": "2", "sc_threshold": "0"})
    return path


@pytest.fixture(scope="module")
def lone_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2600 frames of one key frame; each differs from its neighbours."""
    path = tmp_path_factory.mktemp("lone") / "lone.mp4"
    with av.open(str(path), "w") as container:
        options = {"g": "9999", "sc_threshold": "0", "preset": "ultrafast"}
        stream: Any = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        picture = np.zeros((48, 64, 3), np.uint8)
        for number in range(2600):
            picture[:] = 40
            left = 8 * (number % 7)
            picture[8:40, left : left + 12] = 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return path


def right(numbered: Numbered) -> list[Reading]:
    return [Reading(number, numbered.turned) for number in numbered.numbers]


def read_all(path: Path, size: tuple[int, int] | None = None) -> list[int]:
    with Video(path, size, decode_on="cpu") as video:
        return [read_number(frame).number for frame in video.read_in_order(range(video.num_frames))]


def check_frames(numbered: Numbered, device: str) -> None:
    """In order, from the middle on, and one by one in any order."""
    expected = right(numbered)
    with Video(numbered.path, decode_on=device) as video:
        found = [read_number(frame, numbered.shown) for frame in video.read_in_order(range(video.num_frames))]
        assert found == expected
        some = np.arange(len(expected) // 2, len(expected), 3)
        # Of a key frame that is none, what comes out has another stamp or looks otherwise, and is refused.
        with contextlib.suppress(GpuDecodingError) if "refresh" in numbered.path.name else contextlib.nullcontext():
            again = [read_number(frame, numbered.shown) for frame in video.read_array(some)]
            assert again == [expected[index] for index in some]
            for index in np.random.default_rng(0).permutation(len(expected))[:3]:
                assert read_number(video.read_array([index])[0], numbered.shown) == expected[index]


def check_scaled(numbered: Numbered, device: str) -> None:
    """Scaled frames are as near to the CPU's as another filter lets them be."""
    for size, resize in (((72, 64), "stretch"), ((64, 64), "crop")):
        with Video(numbered.path, size, resize) as cpu, Video(numbered.path, size, resize, decode_on=device) as other:  # type: ignore[arg-type]
            some = np.arange(0, cpu.num_frames, 9)
            apart = np.abs(cpu.read_array(some).astype(int) - other.read_array(some))
        assert apart.mean(axis=(1, 2, 3)).max() < 2.5


@needs_torchcodec
@pytest.mark.parametrize("name", [*CASES, *(f"large_{name}" for name in LARGE)])
def test_torchcodec_gives_the_frames_asked_for_or_none(files: Files, name: str) -> None:
    if name in REFUSED:
        with pytest.raises(GpuDecodingError, match=REFUSED[name]):
            check_frames(files[name], "cpu")
        return
    check_frames(files[name], "cpu")
    check_scaled(files[name], "cpu")


@pytest.mark.gpu
@needs_torchcodec
@pytest.mark.parametrize("name", [*CASES, *(f"large_{name}" for name in LARGE)])
def test_a_gpu_gives_the_frames_asked_for_or_none(files: Files, name: str) -> None:
    try:
        check_frames(files[name], "cuda:0")
        check_scaled(files[name], "cuda:0")
    except GpuDecodingError as refused:  # tiny pictures, or a codec that this GPU has not
        assert name in REFUSED or name == "tiny.mp4" or "the GPU does not decode it" in refused.reason  # noqa: PT017


@pytest.mark.gpu
@needs_torchcodec
def test_a_gpu_decodes_a_plain_video(plain: Path) -> None:
    assert not why_no_gpu_decoder()
    with Video(plain, decode_on="cuda:0") as video:
        assert [read_number(frame).number for frame in video.read_in_order(range(200))] == list(range(200))


@needs_torchcodec
def test_right_stamps_on_wrong_pictures_are_noticed(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """So they are in H.264 in AVI by the stamps of its packets, which is why that is refused at once."""
    packets = scan(files["h264.avi"].path)
    index = find_frames(files["h264.avi"].path)
    stamps = packets.time_base, packets.pts[index.packets]
    monkeypatch.setattr(GpuReader, "_stamps_of_index", lambda self: stamps)
    with pytest.raises(GpuDecodingError, match=r"(differs from|looks like) the CPU's"):
        check_frames(files["h264.avi"], "cpu")


def test_mirrored_pictures_are_refused_and_turned_ones_are_not(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "turned.mp4"
    path.write_bytes(plain.read_bytes())
    turn(path, 1)
    with fake_torchcodec(), Video(path, decode_on="cpu") as video:
        assert (video.height, video.width) == (128, 96)
        assert read_number(video.read_array([40])[0]) == Reading(40, 3)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 44
    data[place : place + 36] = (
        bytes(data[place : place + 4])
        + (1 << 16).to_bytes(4, "big") * 1
        + bytes(4)
        + ((1 << 16).to_bytes(4, "big") + bytes(16) + (1 << 30).to_bytes(4, "big"))
    )
    path.write_bytes(bytes(data))
    with fake_torchcodec(), pytest.raises(GpuDecodingError, match="mirrored"):
        Video(path, decode_on="cpu")


# ------------------------------------------------------------------ a decoder that errs


def test_every_frame_comes_in_batches_of_bounded_size(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_torchcodec() as fake:
        assert read_all(plain) == list(range(200))
        assert fake.opened == 1
        assert max(map(len, fake.batches)) == 32
    monkeypatch.setattr(gpu_reader, "_BATCH_BYTES", 5 * 3 * 96 * 128)
    with fake_torchcodec() as fake:
        read_all(plain)
        assert max(map(len, fake.batches)) == 5


def test_far_frames_are_reached_by_a_seek_and_near_ones_by_going_on(
    plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_reader, "_WORTH_SEEKING", 50)
    with fake_torchcodec() as fake, Video(plain, decode_on="cpu") as video:
        for wanted, opened in (([0, 40], 1), ([41, 90], 1), ([160, 199], 2), ([10], 3), ([10], 4)):
            assert [read_number(frame).number for frame in video.read_array(wanted)] == wanted
            assert fake.opened == opened
    monkeypatch.setattr(gpu_reader, "_LONGEST_PASS", 70)
    with fake_torchcodec() as fake:
        assert read_all(plain) == list(range(200))
        assert fake.opened == 3


@pytest.mark.parametrize(
    ("faults", "said", "before"),
    [
        ({"stamp": lambda frame: 0.04}, "gives the frame of 0.040 s for frame 0, of 0.000 s", 0),
        ({"stamp": lambda frame: 0.04 * (frame == 70)}, "gives the frame of 2.840 s for frame 70, of 2.800 s", 64),
        ({"picture": lambda frame: frame + 1}, "frame 0 looks like the CPU's frame 1", 0),
        ({"picture": lambda frame: max(frame - 1, 0)}, "frame 1 looks like the CPU's frame 0", 0),
        ({"picture": lambda frame: frame + 30}, "frame 0 (differs from|looks like) the CPU's", 0),
        ({"picture": lambda frame: frame + (frame > 40)}, "frame 64 looks like the CPU's frame 65", 64),
        ({"fails_at": 100}, r"gives up between frames 96 and 127 \(Could not push packet to decoder\)", 96),
        ({"about": {"codec": "mpeg4"}}, "the codec mpeg4 is decoded on the CPU only", 0),
        ({"about": {"pixel_format": "yuv420p10le"}}, "pixels of the format yuv420p10le are decoded on the CPU", 0),
        ({"about": {"height": 100}}, "takes its pictures to be of 128 × 100 pixels", 0),
    ],
)
@pytest.mark.parametrize("size", [None, (72, 80)])
def test_a_decoder_that_errs_is_caught(
    plain: Path, faults: dict[str, Any], said: str, before: int, size: tuple[int, int] | None
) -> None:
    seen = []
    with fake_torchcodec(**faults), pytest.raises(GpuDecodingError, match=said):  # noqa: PT012
        video = Video(plain, size, decode_on="cpu")
        seen.extend(read_number(frame, (96, 128)).number for frame in video.read_in_order(range(200)))
    assert len(seen) == before


@pytest.mark.parametrize("first_wrong", [250, 800, 1900])
def test_late_errors_are_caught_in_a_file_with_one_key_frame(lone_key: Path, first_wrong: int) -> None:
    seen = 0
    with (  # noqa: PT012
        fake_torchcodec(picture=lambda frame: frame + (frame >= first_wrong)),
        pytest.raises(GpuDecodingError, match=r"frame \d+ looks like the CPU's frame"),
        Video(lone_key, (24, 32), decode_on="cpu") as video,
    ):
        for _ in video.read_in_order(range(video.num_frames)):
            seen += 1
    assert seen <= {250: 288, 800: 832, 1900: 1920}[first_wrong]


def test_a_file_with_one_key_frame_is_not_decoded_twice(lone_key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[int] = []
    why_not = SamePicture.why_not

    def noted(self: SamePicture, indices: list[int], pixels: Any) -> str:
        checked.extend(indices)
        return why_not(self, indices, pixels)

    monkeypatch.setattr(SamePicture, "why_not", noted)
    with fake_torchcodec():
        assert sum(1 for _ in Video(lone_key, (24, 32), decode_on="cpu").read_in_order(range(2600))) == 2600
    assert checked == [0, 1, 2, 288, 832, 1920]
    monkeypatch.setattr(_same_picture, "_MOST_DECODED", 500)
    checked.clear()
    with fake_torchcodec():
        assert sum(1 for _ in Video(lone_key, (24, 32), decode_on="cpu").read_in_order(range(2600))) == 2600
    assert checked == [0, 1, 2, 288]


def test_interlaced_pictures_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "interlaced.mp4"
    encode(path, "libx264", range(20), options={"x264-params": "interlaced=1"})
    for size in (None, (72, 80)):
        with (
            fake_torchcodec(),
            Video(path, size, decode_on="cpu") as video,
            pytest.raises(GpuDecodingError, match="interlaced"),
        ):
            next(video.read_in_order(range(5)))


def test_a_tint_is_noticed_whatever_it_is_scaled_to(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = _Decoder.get_frames_at

    def tinted(self: _Decoder, indices: list[int]) -> Any:
        found = given(self, indices)
        found.data = (found.data.int() + 9).clamp(0, 255).byte()
        return found

    monkeypatch.setattr(_Decoder, "get_frames_at", tinted)
    for size in (None, (24, 32)):
        with (
            fake_torchcodec(),
            Video(plain, size, decode_on="cpu") as video,
            pytest.raises(GpuDecodingError, match="frame 0 differs from the CPU's by 9 grey levels"),
        ):
            next(video.read_in_order(range(5)))


def test_a_frame_that_the_gpu_leaves_to_the_cpu_is_refused(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GpuReader, "_aside", lambda self: contextlib.nullcontext())
    with fake_torchcodec(fallback="Video not supported"):
        with pytest.raises(GpuDecodingError, match=r"the GPU does not decode it \(Video not supported\)"):
            Video(plain, decode_on="cuda:0")
        with Video(plain, decode_on="cpu") as video:
            assert len(video.read_array([3, 4])) == 2


def test_still_pictures_and_flicker_are_no_error(tmp_path: Path) -> None:
    path = tmp_path / "still.mp4"
    encode(path, "libx264", [7] * 80, options={"g": "20", "sc_threshold": "0"})
    with fake_torchcodec():
        assert read_all(path) == [7] * 80


def test_folders_of_images_are_read_on_the_cpu(tmp_path: Path) -> None:
    import cv2

    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((20, 20, 3), 40 * number, np.uint8))
    with fake_torchcodec(), pytest.raises(GpuDecodingError, match="it is a folder of images"):
        Video(tmp_path, decode_on="cpu")


# ------------------------------------------------------------------ what is missing is named


def test_what_is_missing_is_named_with_what_to_do(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    assert "pip install 'amclip[gpu-decode]'" in why_no_torchcodec()
    assert why_no_gpu_decoder() == why_no_torchcodec()
    with pytest.raises(GpuDecodingError, match=r"pip install 'amclip\[gpu-decode\]'"):
        Video(plain, decode_on="cpu")
    without_ffmpeg = ModuleType("torchcodec")
    without_ffmpeg.ffmpeg_major_version = None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchcodec", without_ffmpeg)
    assert "apt install ffmpeg" in why_no_torchcodec()
    with fake_torchcodec():
        assert why_no_torchcodec() == ""
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
        assert "no GPU of CUDA" in why_no_gpu_decoder()
        monkeypatch.setattr("torch.cuda.is_available", lambda: True)
        monkeypatch.setattr(gpu_reader, "_loads", lambda library: False)
        assert "NVIDIA_DRIVER_CAPABILITIES" in why_no_gpu_decoder() or sys.platform != "linux"
        monkeypatch.setattr(gpu_reader, "_loads", lambda library: library.endswith(".1"))
        assert why_no_gpu_decoder() == ""
