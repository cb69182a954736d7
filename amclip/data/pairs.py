"""Every frame of an interval with its flow partner, in order: for flow that is drawn or stored."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amclip.data.video import Video
from amclip.frame_times import flow_partners

__all__ = ["partners_within", "read_pairs"]


def partners_within(times: NDArray[np.float64], flow_gap: float) -> NDArray[np.int64]:
    """The flow partner of each frame of an interval that has one in it.

    Args:
        times: When each frame of the interval is shown, seconds, shape ``[N]``.
        flow_gap: Seconds from a frame to its partner.

    Returns:
        Numbers of frames in the interval, int64, never decreasing: of the first frame, the second, …; as many as have a
        partner, less than ``N``.
    """
    if len(times) < 2:
        return np.empty(0, np.int64)
    # Frames whose partner would lie behind the interval reach the one imagined there.
    longer = np.append(times, times[-1] + (times[-1] - times[0]) / (len(times) - 1))
    partners = flow_partners(longer, np.arange(len(times)), flow_gap)
    return partners[partners < len(times)]


def read_pairs(video: Video, first: int, partners: NDArray[np.int64], length: int) -> Iterator[Tensor]:
    """Pairs of frames, every frame decoded once.

    Args:
        video: The video.
        first: Where in it the interval begins.
        partners: As :func:`partners_within` gives them.
        length: Pairs at a time.

    Yields:
        uint8 ``(n, 2, 3, H, W)``, RGB, ``n`` up to ``length``.

    Raises:
        VideoError: If a frame cannot be decoded.
    """
    held: Tensor | None = None
    done = 0  # frames of the interval that were read
    for at in range(0, len(partners), length):
        end = min(at + length, len(partners))
        fresh = video.read(range(first + done, first + int(partners[end - 1]) + 1))
        held = fresh if held is None else torch.cat([held[-(done - at) :] if done > at else held[:0], fresh])
        done = int(partners[end - 1]) + 1
        yield torch.stack([held[: end - at], held[torch.from_numpy(partners[at:end] - at)]], dim=1)
