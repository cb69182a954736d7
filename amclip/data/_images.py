"""Folders of numbered images, read as videos; see :mod:`amclip.data.video`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data.video import IMAGE_FOLDER_FPS, IMAGE_SUFFIXES

__all__ = ["ImageFolderReader", "numbered_images", "why_no_image_folder"]


def numbered_images(folder: str | os.PathLike[str]) -> list[str]:
    """Paths of a folder's images in the order of the last number in their names; other files are passed over.

    Raises:
        ValueError: If there is no image, or an image without a number or with another one's; says which.
    """
    by_number: dict[int, str] = {}
    with os.scandir(folder) as entries:
        names = sorted(
            e.name for e in entries if e.name.lower().endswith(IMAGE_SUFFIXES) and not e.name.startswith(".")
        )
    for name in names:
        digits = re.findall(r"\d+", os.path.splitext(name)[0])
        if not digits:
            raise ValueError(f"is a folder in which the image {name} has no number, so its place in time is not known")
        if int(digits[-1]) in by_number:
            raise ValueError(f"is a folder in which {by_number[int(digits[-1])]} and {name} have the same number")
        by_number[int(digits[-1])] = name
    if not by_number:
        raise ValueError("is a folder without images, not a video")
    return [os.path.join(folder, by_number[number]) for number in sorted(by_number)]


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
