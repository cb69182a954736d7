"""From a video, a table of tracks and a table of labels to the network's flow images: they show what was drawn."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from drawn_animals import texture
from numpy.typing import NDArray
from torch import Tensor

from amclip.data.datamodule import VideoDataModule
from amclip.data.source import LabelSource
from amclip.data.table import Clip, build_table, write_table
from amclip.data.tracks import Track, Tracks, write_tracks
from amclip.inputs import CropInput, FlowInput, NetworkInput

HEIGHT, WIDTH, FPS, FRAMES = 200, 280, 25, 10
BODY = 56.0
SIDE = 112  # of the crops: a body length and half of one on each side
BOUND = 8.0
# Where each animal is in the first frame, and how far it goes from frame to frame, in pixels.
INSIDE = {"runner": ((110.0, 60.0), (3.25, 0.75)), "sitter": ((140.0, 140.0), (0.0, 0.0))}
AT_THE_BORDER = {"runner": ((8.0, 60.0), (2.5, -1.5)), "sitter": ((268.0, 190.0), (0.0, 0.0))}


def draw(path: Path, animals: dict[str, Any]) -> None:
    """Write a video without loss: textured animals, told from the still textured ground by their blue."""
    import av

    ground, coat = texture(HEIGHT, WIDTH), texture(80, 80, seed=1)
    ground[..., 2], coat[..., 2] = 0, 255
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=FPS)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "bgr0"
        for number in range(FRAMES):
            image = ground
            for start, speed in animals.values():
                x, y = np.add(start, np.multiply(number, speed))
                shift = np.array([[1, 0, x - 40], [0, 1, y - 40]], np.float32)
                body = cv2.warpAffine(coat, shift, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
                inside = np.hypot((columns - x) / (BODY / 2), (rows - y) / (0.4 * BODY))
                mask = np.clip((1 - inside) * BODY / 2 + 0.5, 0, 1)[..., None]
                image = image * (1 - mask) + body * mask
            frame = np.rint(image).clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def track_of(name: str, start: tuple[float, float], speed: tuple[float, float]) -> Track:
    frames = np.arange(FRAMES)
    centres = np.add(start, frames[:, None] * np.array(speed))
    half = np.array([BODY / 2, 0.4 * BODY])
    return Track(name, frames, np.concatenate([centres - half, centres + half], axis=1), BODY)


def flow_of(images: Tensor, data: VideoDataModule) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Flow in pixels ``[2, S, S]`` and where the animal is, of one position as the network sees it."""
    frame, coloured = data.preprocess.denormalise(images)
    u, v = (2 * coloured[:2] - 1) * BOUND
    return torch.stack([u, v]).numpy(), frame[2].numpy() > 0.6


@pytest.mark.parametrize("zoom", [1.0, 0.75], ids=["as large", "smaller"])
@pytest.mark.parametrize("animals", [INSIDE, AT_THE_BORDER], ids=["inside", "at the border"])
def test_a_runner_and_a_sitter_move_as_drawn(animals: dict[str, Any], zoom: float, tmp_path: Path) -> None:
    draw(tmp_path / "a.mkv", animals)
    write_tracks(
        Tracks.of("drawn", [("a.mkv", track_of(name, *how)) for name, how in animals.items()]), tmp_path / "t.csv"
    )
    clips = [Clip("a.mkv", 0.0, FRAMES / FPS, (name,), "test", subject=name) for name in animals]
    write_table(build_table(clips, "drawn"), tmp_path / "labels.csv")
    size = round(zoom * SIDE)
    flow = FlowInput(gap=f"1/{FPS}", image="uvm", bound=BOUND)
    seen = NetworkInput(
        num_segments=1,
        positions_per_segment=3,
        frame_size=(size, size),
        image_size=size,
        crop=CropInput(0.5),
        flow=flow,
    )
    source = LabelSource(str(tmp_path / "labels.csv"), tracks=str(tmp_path / "t.csv"))
    data = VideoDataModule(seen, source, num_workers=0, cache_dir=None, batch_size=2)
    data.setup("predict")
    batch = data.on_after_batch_transfer(next(iter(data.predict_dataloader())), 0)
    for row, (name, (_, speed)) in enumerate(animals.items()):
        positions = batch["images"][row]
        assert positions.shape == (3, 2, 3, size, size)
        places = []
        for position in positions:
            found, body = flow_of(position, data)
            wrong = found - np.array(speed)[:, None, None] * zoom * body  # the ground stands still
            rows, columns = np.flatnonzero(body.any(axis=1)), np.flatnonzero(body.any(axis=0))
            box = wrong[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            assert np.abs(box.mean(axis=(1, 2))).max() < 0.1, name
            # TV-L1 smooths edges over and makes motion a little short; well within the animal it is what it is.
            inner = cv2.erode(body.astype(np.uint8), np.ones((13, 13))) > 0
            assert np.abs(wrong[:, inner].mean(axis=1)).max() < (0.01 if name == "sitter" else 0.15), name
            assert body.mean() > 0.03
            places.append(np.argwhere(body).mean(axis=0))
        # All positions share one box, past which the animal moves.
        assert (np.ptp(places, axis=0).max() > 4) == (name == "runner")
