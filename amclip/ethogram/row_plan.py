"""What is scored of a video, row by row, and which images each row is made of: pure arithmetic.

A row is a window; where animals are cut out, a window of one of them, in which it is in the picture. Images are what
the network embeds: frames with their flow partners, whole or cut out. They are put in the order of their frames,
whoever they show, so that one pass over a video serves all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from amclip.data.crops import PRESENT, Animal, unit_speeds
from amclip.ethogram.plan import WindowPlan
from amclip.inputs import CropInput

__all__ = ["RowPlan", "looked_at", "rows_of_animals", "rows_of_windows"]


@dataclass(frozen=True)
class RowPlan:
    """The rows of one video, in order of their windows, then of the animals.

    Attributes:
        windows: Where the windows lie.
        window: The window of each row, int64 ``[R]``, never decreasing.
        subject: The animal of each row, by its number, int64 ``[R]``; 0 for whole frames.
        frames: Frame of each image, int64 ``[U]``, never decreasing.
        partners: The frames that their optical flow leads to, int64 ``[U]``, never decreasing.
        images: The images of each row, int64 ``[R, K]``, never decreasing along a row.
        crops: Squares to cut out, left, top and side in pixels, int64 ``[X, G, 3]``; ``None`` for whole frames.
        crop_of: Which of them each image shows, int64 ``[U]``.
        unit_speed: How fast what moves by a picture's whole side is, float32 ``[U, G, 2]``, see
            :func:`amclip.data.crops.unit_speeds`.
    """

    windows: WindowPlan
    window: NDArray[np.int64]
    subject: NDArray[np.int64]
    frames: NDArray[np.int64]
    partners: NDArray[np.int64]
    images: NDArray[np.int64]
    crops: NDArray[np.int64] | None
    crop_of: NDArray[np.int64]
    unit_speed: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.window)

    @property
    def positions(self) -> int:
        """Images per row, ``K``."""
        return self.windows.positions

    @cached_property
    def first_image(self) -> NDArray[np.int64]:
        """The first image that a row or any later one looks at, int64 ``[R]``: what lies before it can be let go."""
        return np.minimum.accumulate(self.images[::-1, 0])[::-1]

    @property
    def stop(self) -> NDArray[np.float64]:
        """When each row's window ends, float64 ``[R]``, seconds."""
        return self.windows.stop[self.window]

    def seen(self, subject: int, stretches: NDArray[np.int64]) -> list[tuple[int, int]]:
        """The stretches of an animal's presence that a row of it looks at; of a shorter appearance nothing is known.

        Args:
            subject: Its number.
            stretches: First frame and the frame after the last, int64 ``[n, 2]``.
        """
        mine = self.window[self.subject == subject]
        first, stop = self.windows.start_frame[mine], self.windows.stop_frame[mine]
        return [(a, b) for a, b in stretches.tolist() if looked_at(a, b, first, stop)]


def looked_at(first: int, stop: int, start_frame: NDArray[np.int64], stop_frame: NDArray[np.int64]) -> bool:
    """Whether any window looks at some of the frames ``first`` to ``stop - 1``.

    Args:
        first: The first of them.
        stop: The frame after the last.
        start_frame: First frame of each window, int64 ``[W]``.
        stop_frame: The frame after its last.
    """
    return bool(((start_frame < stop) & (stop_frame > first)).any())


def rows_of_windows(plan: WindowPlan, times: NDArray[np.float64]) -> RowPlan:
    """A row per window, at whole frames.

    Args:
        plan: The windows.
        times: When each frame of the video is shown, seconds, float64 ``[N]``.
    """
    count = len(plan.frames)
    return RowPlan(
        windows=plan,
        window=np.arange(len(plan)),
        subject=np.zeros(len(plan), np.int64),
        frames=plan.frames,
        partners=plan.partners,
        images=plan.image_of[plan.offset[:, None] + np.arange(plan.positions)],
        crops=None,
        crop_of=np.zeros(count, np.int64),
        unit_speed=unit_speeds(times[plan.partners] - times[plan.frames]),
    )


def rows_of_animals(
    plan: WindowPlan, times: NDArray[np.float64], animals: Sequence[Animal], crop: CropInput
) -> RowPlan:
    """A row per window and animal that has a box in half of the window's frames at least.

    Where crops are fixed by position, neighbouring windows share the images of an animal, as they share whole frames;
    where each window has its own, they cannot.

    Args:
        plan: The windows.
        times: When each frame of the video is shown, seconds, shape ``[N]``.
        animals: All that are tracked in the video.
        crop: How they are cut out.
    """
    spans = np.stack([plan.start_frame, plan.stop_frame], axis=1).tolist()
    there = np.array([[animal.presence(*span) >= PRESENT for animal in animals] for span in spans], bool)
    window, subject = np.nonzero(there.reshape(len(plan), len(animals)))
    seen = plan.image_of[plan.offset[window][:, None] + np.arange(plan.positions)]  # of the plan's frames, [R, K]
    shared = crop.fixed == "position"
    owner = subject if shared else np.arange(len(window))
    keys, images = np.unique(seen * (len(owner) + len(animals)) + owner[:, None], return_inverse=True)
    at, owner_of = np.divmod(keys, len(owner) + len(animals))
    frames, partners = plan.frames[at], plan.partners[at]
    animal_of = owner_of if shared else subject[owner_of]
    crops = np.zeros((len(keys) if shared else len(window), len(crop.margins), 3), np.int64)
    unit_speed = np.zeros((len(keys), len(crop.margins), 2), np.float32)
    for number, animal in enumerate(animals):
        mine = animal_of == number
        if shared:
            crops[mine] = animal.crops(crop, frames[mine], partners[mine], 0, len(times)) if mine.any() else 0
        else:
            for row in np.flatnonzero(subject == number):
                first = np.array([plan.start_frame[window[row]]])
                crops[row] = animal.crops(crop, first, first, *spans[window[row]])[0]
        crop_of = np.flatnonzero(mine) if shared else owner_of[mine]
        unit_speed[mine] = animal.unit_speed(crops[crop_of], times[partners[mine]] - times[frames[mine]])
    return RowPlan(
        windows=plan,
        window=window,
        subject=subject,
        frames=frames,
        partners=partners,
        images=images.reshape(seen.shape),
        crops=crops,
        crop_of=np.arange(len(keys)) if shared else owner_of,
        unit_speed=unit_speed,
    )
