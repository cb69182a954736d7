from pathlib import Path

import pytest
from drawn import add_phantom_packets, draw_video


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``a.mp4`` (60 frames), ``long.mp4`` (300), ``one.mp4`` (1), ``phantom.mp4`` (60 of 90 decode)."""
    folder = tmp_path_factory.mktemp("videos")
    draw_video(folder / "a.mp4")
    draw_video(folder / "long.mp4", 300, keyframe_every=250)
    draw_video(folder / "one.mp4", 1)
    add_phantom_packets(folder / "a.mp4", folder / "phantom.mp4")
    return folder
