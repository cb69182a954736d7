"""Files as labs have them: each frame is the right one, at the right time, the right way up, for every way to read."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from amclip.data.dataset import ClipDataset
from amclip.data.probe import frame_times, probe
from amclip.data.table import Clip, LabelTable
from amclip.data.video import Video, VideoInfo
from amclip.inputs import NetworkInput

FOLDER = Path(__file__).parent / "cases"
# Name: frames, the first one's number, seconds. By the ffmpeg program and OpenCV, which agree, and ffprobe.
FILES = {
    "h264.avi": (200, 0, 8.0),
    "h264_bframes.avi": (200, 0, 8.0),
    "divx_bframes.avi": (200, 0, 8.0),
    "hevc_default_gop.mkv": (200, 0, 8.0),
    "hevc_default_gop.mp4": (200, 0, 8.0),
    "h264_intra_refresh.mp4": (300, 0, 12.0),
    "trimmed.mp4": (160, 140, 6.4),
    "trimmed_hevc.mov": (160, 140, 6.4),
    "phone.mp4": (300, 0, 12.0),
    "phone_hevc.mov": (300, 0, 12.0),
    "vp8_hidden.webm": (300, 0, 12.0),
    "webcam_clean.mkv": (300, 0, 35.92),
    "webcam_burst.mkv": (300, 0, 35.92),
    "no_index.mkv": (300, 0, 12.0),
    "no_index_vp8.webm": (300, 0, 12.0),
}
TURNED = ("phone.mp4", "phone_hevc.mov")


def number(frame: NDArray[np.uint8], turned: bool) -> int:
    """The number in a frame ``[H, W, 3]``, drawn as ten bars in its middle before it was turned."""
    stored = np.rot90(frame, -1) if turned else frame
    height, width = stored.shape[:2]
    bar = width / 12
    middle = stored[height // 2 - height // 16 : height // 2 + height // 16]
    bits = [middle[:, int((bit + 1.3) * bar) : int((bit + 1.7) * bar)].mean() > 127 for bit in range(10)]
    return sum(1 << bit for bit, on in enumerate(bits) if on)


@pytest.fixture(scope="module")
def found() -> dict[Path, VideoInfo]:
    infos = probe([FOLDER / name for name in FILES], progress=False)
    assert all(isinstance(info, VideoInfo) for info in infos.values()), infos
    return infos  # type: ignore[return-value]


@pytest.mark.parametrize("name", FILES)
def test_frames_times_and_shape(found: dict[Path, VideoInfo], name: str) -> None:
    path, (count, first, seconds), turned = FOLDER / name, FILES[name], name in TURNED
    info = found[path]
    assert (info.num_frames, info.note) == (count, "")
    assert info.duration == pytest.approx(seconds, abs=2e-3)
    assert (info.height, info.width) == ((160, 120) if turned else (120, 160))
    with Video(path, info=info) as video:
        order = np.random.default_rng(0).permutation(count)[:60]
        assert [number(video.read_array([index])[0], turned) for index in order] == (order + first).tolist()
        batch = np.sort(order)
        assert [number(frame, turned) for frame in video.read_array(batch)] == (batch + first).tolist()
        in_order = [number(frame, turned) for frame in video.read_in_order(range(count))]
        assert in_order == list(range(first, first + count))
        if seconds == pytest.approx(count / 25):
            np.testing.assert_allclose(video.timestamps(), np.arange(count) / 25, atol=1.001e-3)
        times, duration = frame_times(path)
        np.testing.assert_array_equal(times, video.timestamps())
        assert duration == video.duration


def test_what_is_blue_in_a_phones_video_is_in_the_upper_left_corner(found: dict[Path, VideoInfo]) -> None:
    for name in TURNED:
        with Video(FOLDER / name, info=found[FOLDER / name]) as video:
            frame = video.read_array([3])[0]
        assert frame[5, 5].argmax() == 2
        assert frame[-5, 5].argmax() == 0


def test_one_double_stamp_changes_no_other_time(found: dict[Path, VideoInfo]) -> None:
    clean, burst = (found[FOLDER / f"webcam_{kind}.mkv"].index for kind in ("clean", "burst"))
    assert clean is not None
    assert burst is not None
    assert burst.times[250] == pytest.approx(26.0)
    others = np.arange(300) != 100
    np.testing.assert_array_equal(clean.times[others], burst.times[others])
    assert burst.times[100] == burst.times[99]


@pytest.mark.parametrize("name", FILES)
def test_training_reads_frames_of_its_clip_alone(found: dict[Path, VideoInfo], name: str) -> None:
    """Clips of a second, as they are sampled in training: each frame lies in its clip, its partner behind it."""
    path, (_, first, seconds), turned = FOLDER / name, FILES[name], name in TURNED
    clips = tuple(Clip(str(path), float(start), start + 1.0) for start in range(int(seconds) - 1))
    data = ClipDataset(
        LabelTable(clips, (), "test"),
        Path(),
        found,
        NetworkInput(scheme="dense", num_segments=1, positions_per_segment=4, frame_size=(96, 96), image_size=96),
        training=True,
    )
    times = found[path].index.times  # type: ignore[union-attr]
    for row, clip in enumerate(clips):
        sample = data[row, 1]
        assert sample["clip"] == row
        for pair in sample["frames"].permute(0, 1, 3, 4, 2).numpy():
            frame, partner = (number(pixels, turned) - first for pixels in pair)
            assert clip.start - 2e-3 <= times[frame] < clip.stop  # type: ignore[operator]
            assert frame < partner
            assert times[partner] < clip.stop + 2e-3  # type: ignore[operator]
