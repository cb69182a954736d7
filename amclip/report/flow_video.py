"""The optical flow of a video, drawn to be laid over it."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amclip.data.pairs import partners_within, read_pairs
from amclip.data.video import Video
from amclip.data.writer import VideoWriter
from amclip.flow.choices import Preset
from amclip.flow.image import encode_flow
from amclip.flow.tvl1 import TVL1
from amclip.report.media import is_newer

__all__ = ["draw_flow"]

_CHUNK = 2**22  # pixels of the frames worked on at a time


def draw_flow(
    source: str | os.PathLike[str],
    target: Path,
    size: int,
    bound: float,
    preset: Preset,
    gap: float,
    progress: Callable[[float], None],
) -> Path:
    """Write the flow of a video as colour wheel, to be multiplied with it: still is white and changes nothing.

    As many frames as the video has, evenly spaced; each shows the flow to the frame ``gap`` later, the last ones that
    before them. One that is newer than the video is left as it is.

    Args:
        source: The video.
        target: The file to write.
        size: Shorter side, in pixels, that frames are shrunk to.
        bound: Flow in pixels of that size that gives the strongest colour.
        preset: Of TV-L1.
        gap: Seconds between the frames of a pair.
        progress: Is told the fraction that is done, in [0, 1].

    Raises:
        ValueError: If the size is below 16 pixels, or the bound not above 0.
        VideoError: If the video cannot be read.
    """
    if size < 16:
        raise ValueError(f"flow size: expected 16 pixels or more, got {size}")
    if not 0 < bound < float("inf"):
        raise ValueError(f"flow bound: expected pixels above 0, got {bound}")
    if is_newer(target, Path(source)):
        return target
    method = TVL1.preset(preset)
    with Video(source) as native:
        scale = min(1.0, size / min(native.height, native.width))
        shape = (max(2, round(native.height * scale)), max(2, round(native.width * scale)))
    with Video(source, size=shape) as reader, VideoWriter(target, reader.fps, shape, crf=26) as writer:
        picture = torch.ones(3, *shape)  # of a video of one frame
        partners = partners_within(reader.timestamps(), gap)
        for pairs in read_pairs(reader, 0, partners, max(1, _CHUNK // (shape[0] * shape[1]))):
            for picture in encode_flow(method(pairs), "wheel", bound):
                writer.write(_pixels(picture))
            progress(writer.num_frames / reader.num_frames)
        for _ in range(len(partners), reader.num_frames):
            writer.write(_pixels(picture))
    return target


def _pixels(picture: Tensor) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = (picture * 255).round().to(torch.uint8).movedim(0, -1).contiguous().numpy()
    return pixels
