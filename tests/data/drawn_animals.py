"""Animals that are drawn where their tracks say, on a textured background that stands still."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data.tracks import Track, Tracks, write_tracks

SIZE = (96, 128)
COLOURS = {"ada": (230, 20, 20), "bob": (20, 230, 20), "cid": (30, 30, 240)}
LENGTH = 14


def texture(height: int, width: int, seed: int = 0, scale: float = 2.0) -> NDArray[np.float32]:
    """A smooth texture, float32 ``[height, width, 3]``, 40 to 215."""
    import cv2

    noise = np.random.default_rng(seed).standard_normal((height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), scale)
    low, high = smooth.min(), smooth.max()
    return np.asarray(40 + 175 * (smooth - low) / (high - low), np.float32)


def places(subject: str, frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """Centres, float64 ``[n, 2]``: ada runs to the right, bob stands, cid sits half beyond the left border."""
    start, speed = {"ada": ((20, 20), (1, 0)), "bob": ((90, 60), (0, 0)), "cid": ((2, 70), (0, 0))}[subject]
    return np.array(start, float) + frames[:, None] * np.array(speed, float)


def track_of(subject: str, frames: NDArray[np.int64]) -> Track:
    half = np.array([LENGTH, LENGTH]) / 2
    centres = places(subject, frames)
    return Track(subject, frames, np.concatenate([centres - half, centres + half], axis=1), origin="drawn")


def draw_animals(path: Path, num_frames: int = 50, animals: tuple[str, ...] = tuple(COLOURS), rate: int = 25) -> Path:
    """Write a video without loss: squares of one colour each."""
    import av

    background = texture(*SIZE).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=rate)
        (stream.height, stream.width), stream.pix_fmt = SIZE, "bgr0"
        for number in range(num_frames):
            image = background.copy()
            for name in animals:
                left, top = (places(name, np.array([number]))[0] - LENGTH / 2).astype(int)
                image[max(0, top) : top + LENGTH, max(0, left) : max(0, left + LENGTH)] = COLOURS[name]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def tracks_of_video(video: str, num_frames: int = 50, animals: tuple[str, ...] = tuple(COLOURS)) -> Tracks:
    return Tracks.of("drawn.csv", [(video, track_of(name, np.arange(num_frames))) for name in animals])


def write_labelled(folder: Path) -> None:
    """Three videos of three animals, one per split, with their ``labels.csv`` and ``tracks.csv``."""
    folder.mkdir(exist_ok=True)
    videos = {f"{name}.mkv": split for name, split in zip("abc", ("train", "val", "test"), strict=True)}
    tracks = []
    rows = ["filepath,start,stop,subject,label,split"]
    for video, split in videos.items():
        draw_animals(folder / video)
        tracks += [(video, track_of(name, np.arange(50))) for name in COLOURS]
        for name in COLOURS:
            shown = "runs" if name == "ada" else "rests"
            rows += [f"{video},{start},{start + 0.5},{name},{shown},{split}" for start in (0.0, 0.5, 1.0)]
    write_tracks(Tracks.of("drawn", tracks), folder / "tracks.csv")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
