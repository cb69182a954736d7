"""Where the crops of an animal lie, from its track, and how they are cut out of full-resolution frames.

Arithmetic of boxes and pixels: what is read from where is :mod:`amclip.data.dataset`'s and the annotator's business.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from amclip.data.tracks import Track
from amclip.data.video import Video, VideoInfo
from amclip.data.video_file import VideoError
from amclip.inputs import CropInput, NetworkInput

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "LONGEST_GAP",
    "PRESENT",
    "Animal",
    "cut_out",
    "open_video",
    "read_crops",
    "refuse_huge_squares",
    "refuse_other_size",
    "unit_speeds",
]

LONGEST_GAP = 0.5
"""Seconds without a box that are filled by a straight line: what a tracker misses as animals cross or turn. After
longer an animal may be anywhere."""
PRESENT = 0.5
"""Fraction of a window's frames in which an animal must have a box, given or filled in, for the window to be its."""
LARGEST_SQUARE = 8
"""Longer sides of the video that a crop may measure. Wide crops of an animal that fills the picture measure three to
five; what measures more has boxes in other units, and would take gigabytes to fill."""


@dataclass(frozen=True)
class Animal:
    """A track on the clock of its video.

    Attributes:
        track: Its boxes.
        longest_gap: Frames in a row without a box that are filled, see :data:`LONGEST_GAP`.
        body_length: Pixels.
    """

    track: Track
    longest_gap: int
    body_length: float

    @classmethod
    def of(cls, track: Track, fps: float) -> "Animal":
        """An animal of a video with so many frames per second.

        Its body length is what the track says, or the median of the longer sides of its boxes.

        Raises:
            ValueError: If the track says nothing of how large the animal is.
        """
        sides = (track.boxes[:, 2:] - track.boxes[:, :2]).max(axis=1, initial=0.0)
        length = track.body_length if track.body_length is not None else float(np.median(sides)) if len(sides) else 0.0
        if not length > 0:
            raise ValueError(
                f"the track of {track.subject!r} does not say how large the animal is: its boxes are points, and there "
                "is no body length"
            )
        return cls(track, int(LONGEST_GAP * fps + 1e-6), length)

    def presence(self, first: int, stop: int) -> float:
        """Fraction of the frames ``first`` to ``stop - 1`` in which the animal has a box, given or filled in."""
        starts, stops = self._stretches.T
        inside = np.minimum(stops, stop) - np.maximum(starts, first)
        return float(inside.clip(0).sum()) / (stop - first)

    def stretches(self, num_frames: int) -> NDArray[np.int64]:
        """When the animal is there: first frame and the frame after the last of each stretch, int64 ``[n, 2]``.

        Args:
            num_frames: Frames of the video; what the track says of later ones does not count.
        """
        starts, stops = self._stretches.T
        there = starts < num_frames
        return np.stack([starts[there], stops[there].clip(max=num_frames)], axis=1)

    @cached_property
    def _stretches(self) -> NDArray[np.int64]:
        frames = self.track.frames
        if not len(frames):
            return np.empty((0, 2), np.int64)
        breaks = np.flatnonzero(np.diff(frames) - 1 > self.longest_gap)
        return np.stack([frames[np.append(0, breaks + 1)], frames[np.append(breaks, len(frames) - 1)] + 1], axis=1)

    def crops(
        self, crop: CropInput, frames: NDArray[np.int64], partners: NDArray[np.int64], first: int, stop: int
    ) -> NDArray[np.int64]:
        """Squares to cut out at each position: left, top and side in whole pixels, int64 ``[K, G, 3]``.

        A square is centred on what it must cover: all boxes of the clip, or those of a frame and its partner. Where it
        is fixed by position and there is no box, the nearest one in time counts. All squares of a position have one
        centre, to the pixel, and their sides one ratio. They may reach over the border of the frame.

        Args:
            crop: How crops are made.
            frames: Frames of the positions, int64 ``[K]``.
            partners: Their flow partners.
            first: First frame of the clip.
            stop: The frame after its last.

        Raises:
            ValueError: If the animal has no box in the clip.
        """
        if crop.fixed == "window":
            boxes = self.track.at(np.arange(first, stop), self.longest_gap)[:, None]
            boxes = boxes[np.isfinite(boxes[:, 0, 0])]
            if not len(boxes):
                raise ValueError(f"{self.track.subject!r} has no box in the frames {first} to {stop - 1}")
            boxes = boxes.reshape(1, -1, 4)
        else:
            boxes = self._nearest(np.stack([frames, partners], axis=1))
        low, high = boxes[..., :2].min(axis=1), boxes[..., 2:].max(axis=1)
        # One pixel more than the boxes, since the square lies on whole pixels.
        cover = np.ceil((high - low).max(axis=1)) + 1
        side = np.maximum(np.floor(self.body_length * (1 + 2 * crop.margin) + 0.5), cover)[:, None]
        wider = [(1 + 2 * margin) / (1 + 2 * crop.margin) for margin in crop.margins]
        sides = np.floor(side * wider + 0.5)
        corners = np.floor(((low + high) / 2)[:, None] - sides[..., None] / 2 + 0.5)
        squares = np.concatenate([corners, sides[..., None]], axis=-1).astype(np.int64)
        everywhere: NDArray[np.int64] = np.broadcast_to(squares, (len(frames), *squares.shape[1:])).copy()
        return everywhere

    def unit_speed(self, crops: NDArray[np.int64], seconds: NDArray[np.float64]) -> NDArray[np.float32]:
        """How fast what moves by a crop's whole side from a frame to its partner is, see :func:`unit_speeds`.

        Args:
            crops: As :meth:`crops` gives them, int64 ``[K, G, 3]``.
            seconds: From each frame to its partner, float64 ``[K]``; 0 where a frame is its own partner.

        Returns:
            float32 ``[K, G, 2]``.
        """
        return unit_speeds(seconds, crops[..., 2] / self.body_length)

    def _nearest(self, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        """Boxes in frames of any shape, float64 ``[..., 4]``; the nearest one in time where there is none."""
        flat = frames.ravel()
        boxes, known = self.track.at(flat, self.longest_gap), self.track.frames
        if not len(known):
            raise ValueError(f"{self.track.subject!r} has no box at all")
        missing = np.isnan(boxes[:, 0])
        after = np.searchsorted(known, flat[missing]).clip(max=len(known) - 1)
        before = (after - 1).clip(min=0)
        nearer = np.abs(known[before] - flat[missing]) <= np.abs(known[after] - flat[missing])
        boxes[missing] = self.track.boxes[np.where(nearer, before, after)]
        return boxes.reshape(*frames.shape, 4)


def unit_speeds(seconds: NDArray[np.float64], body_lengths: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
    """How fast what moves by a picture's whole side from a frame to its partner is, in both units of speed.

    Args:
        seconds: From each frame to its partner, float64 ``[K]``; 0 where a frame is its own partner.
        body_lengths: Sides of the ``G`` crops of each frame, float64 ``[K, G]``; default: whole frames, ``G`` = 1.

    Returns:
        Body lengths per second (0 for whole frames), and sides per second; float32 ``[K, G, 2]``, 0 where no time
        passes.
    """
    lengths = np.zeros((len(seconds), 1)) if body_lengths is None else body_lengths
    rate = np.divide(1.0, seconds, out=np.zeros(len(seconds)), where=seconds > 0)[:, None]
    return np.stack([lengths * rate, np.broadcast_to(rate, lengths.shape)], axis=-1).astype(np.float32)


def cut_out(frame: NDArray[np.uint8], crop: NDArray[np.int64], input: NetworkInput) -> "Tensor":
    """Cut a square out of a frame and scale it to the size that the input names.

    It is smoothed as it shrinks. What lies beyond the frame's border has the mean colour of the normalisation: zero to
    the network, and at rest from frame to frame, so that flow there is none.

    Args:
        frame: uint8 ``[H, W, 3]``, RGB, at full resolution.
        crop: Left, top and side in pixels, int64 ``[3]``.
        input: What the network sees.

    Returns:
        uint8 ``[3, h, w]`` in ``input.frame_size``.
    """
    import torch  # here: where clips lie is of interest to commands that start without it
    from torch.nn import functional as F

    left, top, side = (int(x) for x in crop)
    height, width = frame.shape[:2]
    seen = frame[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    if seen.shape[:2] != (side, side):
        square = np.empty((side, side, 3), np.uint8)
        square[:] = np.rint(np.multiply(input.mean, 255)).clip(0, 255)
        if seen.size:
            square[max(0, -top) : height - top, max(0, -left) : width - left] = seen
        seen = square
    pixels = torch.from_numpy(np.ascontiguousarray(seen)).permute(2, 0, 1)[None]
    if (side, side) == input.frame_size:
        return pixels[0].contiguous()
    mode = "bilinear" if side > input.frame_size[0] else "bicubic"
    return F.interpolate(pixels, input.frame_size, mode=mode, antialias=True)[0].contiguous()


def open_video(
    path: str | os.PathLike[str], input: NetworkInput, info: VideoInfo | None = None, decode_on: str | None = None
) -> Video:
    """Open a video as the input names it: scaled to its size, or, where crops are cut out, at full resolution.

    Args:
        path: The file.
        input: What the network sees.
        info: What probing found.
        decode_on: The GPU that decodes it, see :class:`amclip.data.video.Video`; ``None``: the CPU.

    Raises:
        VideoError: If the file cannot be opened.
    """
    return Video(path, input.frame_size if input.crop is None else None, input.resize, info, decode_on)


def read_crops(
    video: Video, wanted: NDArray[np.int64], crops: Sequence[NDArray[np.int64]], input: NetworkInput
) -> "list[Tensor]":
    """Cut several animals out of the same frames, each decoded once; one frame is held at a time.

    Args:
        video: Open at full resolution.
        wanted: Frames of the positions, with their partners where there is flow, int64 ``[K, F]``.
        crops: Of each animal, int64 ``[K, G, 3]``.
        input: What the network sees.

    Returns:
        Of each animal uint8 ``[K, G * F, 3, h, w]``: frame and partner, then both of the wider crop.

    Raises:
        VideoError: If a frame cannot be decoded, or is of another size than the video's first, or a crop is far larger
            than the frames.
    """
    import torch

    positions, per_position = wanted.shape
    shape = (positions, per_position * input.num_crops, 3, *input.frame_size)
    pictures = [torch.empty(shape, dtype=torch.uint8) for _ in crops]
    if not crops:
        return pictures
    refuse_huge_squares(video, *crops)
    numbers = np.unique(wanted)
    for number, frame in zip(numbers, video.read_in_order(numbers), strict=True):
        refuse_other_size(video, int(number), frame)
        cut: dict[bytes, Tensor] = {}  # frames that are a partner too have the same crop twice
        for place, which in np.argwhere(wanted == number):
            for picture, squares in zip(pictures, crops, strict=True):
                for wider, square in enumerate(squares[place]):
                    if (key := square.tobytes()) not in cut:
                        cut[key] = cut_out(frame, square, input)
                    picture[place, wider * per_position + which] = cut[key]
    return pictures


def refuse_other_size(video: Video, number: int, frame: NDArray[np.uint8]) -> None:
    """Refuse a frame that is of another size than the video's first: boxes are in the pixels of that.

    Raises:
        VideoError: If it is.
    """
    if frame.shape[:2] != (video.height, video.width):
        height, width = frame.shape[:2]
        raise VideoError(
            video.path,
            f"frame {number} is {width} × {height} pixels and the first {video.width} × {video.height}: tracks are in "
            "pixels of frames that are all of one size",
        )


def refuse_huge_squares(video: Video, *crops: NDArray[np.int64]) -> None:
    """Refuse crops far larger than the frames that they are cut out of, see :data:`LARGEST_SQUARE`.

    Raises:
        VideoError: If one is.
    """
    side = max((int(squares[..., 2].max()) for squares in crops if squares.size), default=0)
    if side > LARGEST_SQUARE * max(video.width, video.height):
        raise VideoError(
            video.path,
            f"a crop of an animal is {side} pixels wide and the video {video.width} × {video.height}: are its boxes "
            "in pixels of this video? (`amclip check` compares them; input.crop.margin and input.crop.context say how "
            "much wider than a box a crop is)",
        )
