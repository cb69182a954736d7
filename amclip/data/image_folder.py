"""Folders of numbered images, read as videos; see :mod:`amclip.data.video`."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["IMAGE_FOLDER_FPS", "IMAGE_SUFFIXES", "ImageFolderReader", "numbered_images", "why_no_image_folder"]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
IMAGE_FOLDER_FPS = 25.0
"""Frames per second that a folder of images is taken to have: images carry no time."""


def numbered_images(folder: str | os.PathLike[str]) -> list[str]:
    """Paths of a folder's images in the natural order of their whole names; other files are skipped.

    Runs of digits are compared as numbers and what is between them as text, so that ``2.jpg`` comes before ``10.jpg``,
    and ``2024-05-01_12-30-00_002.jpg`` before ``2024-05-01_12-30-01_001.jpg``. Letter case and suffix do not count.

    Raises:
        ValueError: If there is no image, an image without a number, or two whose names are equal in that order; says
            which.
    """
    with os.scandir(folder) as entries:
        names = sorted(
            e.name for e in entries if e.name.lower().endswith(IMAGE_SUFFIXES) and not e.name.startswith(".")
        )
    if not names:
        raise ValueError("is a folder without images, not a video")
    placed: dict[tuple[str | int, ...], str] = {}
    for name in names:
        key = _natural(os.path.splitext(name)[0])
        if len(key) == 1:
            raise ValueError(f"is a folder in which the image {name} has no number, so its place in time is not known")
        if key in placed:
            raise ValueError(
                f"is a folder in which {placed[key]} and {name} have the same number, so which comes first is not known"
            )
        placed[key] = name
    return [os.path.join(folder, placed[key]) for key in sorted(placed)]


def _natural(stem: str) -> tuple[str | int, ...]:
    """Text and numbers of a name in turn, beginning with text."""
    parts = re.split(r"([0-9]+)", unicodedata.normalize("NFC", stem).casefold())
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts))


def why_no_image_folder(folder: Path) -> str:
    """Why a folder cannot be read as a video, in words; empty where it can."""
    try:
        numbered_images(folder)
    except ValueError as error:
        return str(error)
    return ""


class ImageFolderReader:
    """Images one by one through FFmpeg, scaled as frames of videos are."""

    def __init__(self, path: str, size: tuple[int, int] | None) -> None:
        self._images, self._size = numbered_images(path), size
        self.claimed = IMAGE_FOLDER_FPS
        self.times: NDArray[np.float64] = np.arange(len(self._images)) / IMAGE_FOLDER_FPS
        self.size = size or self._image(self._images[0]).shape[:2]

    def close(self) -> None:
        """Nothing stays open."""

    def frames(self, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Frames at increasing indices, one by one, ``[height, width, 3]``, RGB.

        Raises:
            RuntimeError: If an image cannot be decoded.
        """
        for index in indices:
            yield self._image(self._images[index])

    def _image(self, path: str) -> NDArray[np.uint8]:
        import av

        try:
            # An open file, since FFmpeg takes a % in a name for the pattern of a sequence.
            with open(path, "rb") as file, av.open(file) as container:
                frame: Any = next(container.decode(video=0))
                height, width = self._size or (frame.height, frame.width)
                scaled = frame.reformat(width=width, height=height, format="rgb24", interpolation="BICUBIC")
                pixels: NDArray[np.uint8] = scaled.to_ndarray()
                return pixels
        except (av.error.FFmpegError, StopIteration) as error:
            raise RuntimeError(f"the image {os.path.basename(path)} is broken") from error
