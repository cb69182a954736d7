from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from amclip.data.writer import VideoWriter


def gradient(number: int, height: int, width: int) -> NDArray[np.uint8]:
    """A smooth picture whose level tells the frame's number, and whose channels differ."""
    ramp = np.linspace(0, 40, width)[None, :].repeat(height, 0)
    return np.stack([ramp + 8 * number, np.full_like(ramp, 120), 200 - ramp], -1).astype(np.uint8)


def write(path: Path, num_frames: int = 20, size: tuple[int, int] = (48, 64), fps: float = 12.5) -> Path:
    with VideoWriter(path, fps, size, crf=12) as writer:
        for number in range(num_frames):
            writer.write(gradient(number, *size))
    return path


@pytest.mark.parametrize(("num_frames", "fps"), [(1, 15.0), (20, 12.5), (61, 30000 / 1001)])
def test_frames_come_back_as_written(tmp_path: Path, num_frames: int, fps: float) -> None:
    import decord

    path = write(tmp_path / "new" / "clip.mp4", min(num_frames, 20), fps=fps)
    video = decord.VideoReader(str(path), num_threads=1)
    assert len(video) == min(num_frames, 20)
    assert video.get_avg_fps() == pytest.approx(fps, rel=1e-4)
    for number in range(len(video)):
        got = video[number].asnumpy().astype(int)
        assert got.shape == (48, 64, 3)
        assert np.abs(got - gradient(number, 48, 64)).mean() < 3  # grey levels: compression and chroma at half size


def test_odd_sizes_repeat_the_last_row_and_column(tmp_path: Path) -> None:
    import decord

    path = write(tmp_path / "odd.mp4", 3, size=(47, 63))
    frame = decord.VideoReader(str(path), num_threads=1)[2].asnumpy().astype(int)
    assert frame.shape == (48, 64, 3)
    assert np.abs(frame[:47, :63] - gradient(2, 47, 63)).mean() < 3
    assert np.abs(frame[-1] - frame[-2]).max() < 12


def test_equal_frames_give_equal_bytes(tmp_path: Path) -> None:
    # Noise in a picture of few macroblocks: there x264's defaults did vary between runs.
    frames = np.random.default_rng(0).integers(0, 60, (12, 48, 64, 3)).astype(np.uint8)
    contents = set()
    for number in range(6):
        with VideoWriter(tmp_path / f"{number}.mp4", 15, (48, 64)) as writer:
            for frame in frames:
                writer.write(frame)
        contents.add(writer.path.read_bytes())
    assert len(contents) == 1


def test_an_error_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_text("here before")
    writer = VideoWriter(path, 15, (48, 64))
    with pytest.raises(ValueError, match="must be uint8"), writer:
        writer.write(gradient(0, 48, 62))
    with pytest.raises(ValueError, match="no frame"), VideoWriter(path, 15, (48, 64)):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["clip.mp4"]
    assert path.read_text() == "here before"


def test_the_target_appears_only_when_complete(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, 15, (48, 64)) as writer:
        writer.write(gradient(0, 48, 64))
        assert not path.exists()
    assert path.exists()
    assert path.stat().st_mode & 0o400


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "clip.avi"}, r"\.avi"),
        ({"fps": 0}, "fps"),
        ({"size": (1, 64)}, "size"),
        ({"crf": 52}, "crf"),
    ],
    ids=str,
)
def test_wrong_arguments_are_named(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"path": "clip.mp4", "fps": 15, "size": (48, 64), **changes}
    with pytest.raises(ValueError, match=message):
        VideoWriter(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "frame", [np.zeros((48, 62, 3), np.uint8), np.zeros((48, 64, 3)), np.zeros((48, 64), np.uint8)], ids=["w", "t", "d"]
)
def test_wrong_frames_are_refused(tmp_path: Path, frame: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="must be uint8"), VideoWriter(tmp_path / "clip.mp4", 15, (48, 64)) as writer:
        writer.write(frame)
    assert list(tmp_path.iterdir()) == []


def test_writing_needs_the_with_statement(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="with VideoWriter"):
        VideoWriter(tmp_path / "clip.mp4", 15, (48, 64)).write(gradient(0, 48, 64))
