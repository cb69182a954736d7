"""Whether pictures of another decoder are those of amclip's own reader."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from amclip.data._frame_index import FrameIndex
from amclip.data._reader import FrameReader
from amclip.data.video_file import short_reason

__all__ = ["SamePicture"]

_AT_START = 3  # frames
_FIRST_CHECK = 32  # frames later
_NEAR_KEY = 16  # frames behind a key frame: cheap to decode once more
_LONG_DUE = 256  # frames without one that is cheap, as in files with few key frames
_MOST_DECODED = 2048  # frames on the way to one: a file of one key frame is not to be decoded twice
# Grey levels. Before they are scaled, frames of torchcodec on a CPU differ by 0.00 in the mean (docs/benchmarks/
# gpu_pixels.md); a GPU rounds and may place colours between pixels otherwise. Scaled, saturated colours of 4:2:0 would
# differ by up to 9 and interlaced pictures by 11, which says nothing.
_LARGEST_DIFFERENCE = 6.0
_CLEARLY_NEARER = 0.8  # of the difference from the frame itself


class SamePicture:
    """Says which frames to check, and what is wrong with them; as they are stored, not scaled.

    Args:
        path: The file.
        index: Its frames.
    """

    def __init__(self, path: str | os.PathLike[str], index: FrameIndex) -> None:
        self._index, self._cpu = index, FrameReader(path, index)
        self._given, self._check_at = 0, _FIRST_CHECK
        self._stands = -1  # the CPU's reader, at this frame

    def close(self) -> None:
        """Give file and memory back; checking opens them anew."""
        self._cpu.close()
        self._stands = -1

    def due(self, batch: Sequence[int], begins: bool) -> list[int]:
        """Places of frames to check within the next batch.

        Args:
            batch: Numbers of its frames, increasing.
            begins: Whether decoding begins with it.
        """
        given, self._given = self._given, self._given + len(batch)
        if begins:
            return list(range(min(_AT_START, len(batch))))
        if given < self._check_at:
            return []
        costs = [self._cost(index) for index in batch]
        cheap = [place for place, (behind_key, _) in enumerate(costs) if behind_key < _NEAR_KEY]
        if not cheap and given >= self._check_at + _LONG_DUE and costs[0][1] <= _MOST_DECODED:
            cheap = [0]
        if cheap:
            self._check_at = 2 * given
        return cheap[:1]

    def _cost(self, index: int) -> tuple[int, int]:
        """How far a frame is behind a key frame, and how many the CPU decodes for it from there or where it stands."""
        key = self._index.key_before(index)
        behind = index - max(0, int(self._index.keys.frames[key])) if key >= 0 else index
        return behind, min(behind, index - self._stands) if 0 <= self._stands < index else behind

    def why_not(self, indices: Sequence[int], pixels: NDArray[np.uint8]) -> str:
        """What is wrong with some frames; empty where nothing is.

        Args:
            indices: Their numbers, increasing.
            pixels: What is to be checked, ``[n, height, width, 3]``, RGB, turned as it is shown.
        """
        around = {near for index in indices for near in range(index - 1, index + 2)}
        numbers = sorted(around & set(range(len(self._index))))
        try:
            right = dict(zip(numbers, self._cpu.frames(numbers), strict=True))
        except Exception as error:  # what is wrong with it, the CPU's reader says when it reads the video
            return f"frames near {numbers[0]} do not decode on the CPU ({short_reason(error)})"
        self._stands = numbers[-1]
        if self._cpu.interlaced:
            return "its pictures are interlaced"
        return next(filter(None, (_other(index, seen, right) for index, seen in zip(indices, pixels, strict=True))), "")


def _other(index: int, seen: NDArray[np.uint8], right: dict[int, NDArray[np.uint8]]) -> str:
    if seen.shape != right[index].shape:
        return f"frame {index} has another size than on the CPU"
    difference = seen.astype(np.float32) - right[index]
    apart = _spread(difference)
    for other in (index - 1, index + 1):
        if other in right and right[other].shape == seen.shape:
            nearer = _spread(seen.astype(np.float32) - right[other])
            if nearer < _CLEARLY_NEARER * apart:
                return f"frame {index} looks like the CPU's frame {other}"
    if (mean := float(np.abs(difference).mean())) > _LARGEST_DIFFERENCE:
        return f"frame {index} differs from the CPU's by {mean:.0f} grey levels in the mean"
    return ""


def _spread(difference: NDArray[np.float32]) -> float:
    """How far pixels differ beyond a tint of the whole picture, ``[H, W, 3]``."""
    return float(difference.std(axis=(0, 1)).mean())
