"""``amclip flow``, called as the command line calls it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from amclip.commands.flow import flow
from amclip.data.video import Video
from amclip.data.writer import VideoWriter
from amclip.flow import TVL1


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Twelve frames: a disc moves 2 pixels to the right per frame; what is behind it stands still."""
    path = tmp_path_factory.mktemp("flow") / "disc.mp4"
    y, x = np.mgrid[:48, :64]
    still, moving = np.kron(np.random.default_rng(0).uniform(0, 255, (2, 12, 16)), np.ones((4, 4)))
    with VideoWriter(path, fps=10, size=(48, 64)) as writer:
        for frame in range(12):
            disc = np.hypot(x - 16 - 2 * frame, y - 24) < 9
            grey = np.where(disc, np.roll(moving, 2 * frame, axis=1), still)
            writer.write(np.repeat(grey[..., None], 3, axis=2).astype(np.uint8))
    return str(path)


def test_a_video_shows_frame_and_flow_side_by_side(video: str, tmp_path: Path) -> None:
    output = tmp_path / "flow.mp4"
    flow(video, str(output), preset="fast", bound=2)
    with Video(output) as seen:
        assert (seen.num_frames, seen.height, seen.width) == (11, 48, 128)
        picture = seen.read([3])[0].float()
    assert picture[:, 4, 68].min() > 240  # still: white
    red, green, blue = picture[:, 24, 64 + 16 + 6]
    assert red > 200 > 120 > max(green, blue)  # to the right: red
    assert [path.name for path in tmp_path.iterdir()] == ["flow.mp4"]


def test_numbers_are_the_flow_of_the_pairs_asked_for(
    video: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amclip.commands.flow.CHUNK", 3 * 24 * 32)  # several chunks, the last one short
    flow(video, str(tmp_path / "a" / "flow.npz"), preset="fast", start=0.2, stop=1.05, size=24, gap="2/10")
    stored = np.load(tmp_path / "a" / "flow.npz")
    assert stored["flow"].shape == (7, 2, 24, 32)
    np.testing.assert_allclose(stored["times"], 0.2 + 0.1 * np.arange(7), atol=1e-6)
    np.testing.assert_allclose(stored["partner_times"], 0.4 + 0.1 * np.arange(7), atol=1e-6)
    with Video(video, size=(24, 32)) as reader:
        frames = reader.read(list(range(2, 11)))
    want = TVL1.preset("fast")(torch.stack([frames[:-2], frames[2:]], dim=1))
    np.testing.assert_allclose(stored["flow"], want.numpy(), atol=4e-3)


def test_wrong_arguments_leave_nothing_behind(video: str, tmp_path: Path) -> None:
    def refused(words: str, output: str = "x.npz", **arguments: object) -> None:
        with pytest.raises(ValueError, match=words):
            flow(video, str(tmp_path / output), **arguments)  # type: ignore[arg-type]

    refused("must end in .mp4", output="x.avi")
    refused("^--gap: expected seconds above 0 and below 1.*got 0", gap=0)
    refused("--gap: .*meant in frames.*2/25", gap=2)
    refused("--size must be at least 2 pixels", size=1)
    refused("bound must be a positive number", bound=0)
    refused("has 0 frames from 9 s", start=9.0)
    refused(
        "5 frames from 0.65 s to 1.2 s; none has another 0.95 s later .the video lasts 1.20 s", start=0.65, gap=0.95
    )
    refused("--raft_weights my.pth: are RAFT's", raft_weights="my.pth")
    refused("--preset and --backend are TV-L1's", raft="small", raft_weights="random", preset="fast")
    refused("--preset and --backend are TV-L1's", raft="small", raft_weights="random", backend="opencv")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="is a file that this command reads"):
        flow(video, video)


def test_raft_takes_the_place_of_tvl1(video: str, tmp_path: Path) -> None:
    target = tmp_path / "flow.npz"
    flow(video, str(target), size=128, stop=0.3, raft="small", raft_weights="random")
    with np.load(target) as found:
        assert np.isfinite(found["flow"]).all()
        assert found["flow"].shape[1] == 2
        assert min(found["flow"].shape[2:]) == 128
