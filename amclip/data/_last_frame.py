"""Whether the frame that a video shows last comes out of the decoder, mostly without decoding pictures."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data._packets import Alive, Scan, flush_packet, name_packet

__all__ = ["last_frame_decodes"]

_FAR = 12  # packets that are decoded with their pictures
_AT_THE_END = 4  # packets that decide
_OFTEN = 64  # packets


def last_frame_decodes(scanned: Scan, order: NDArray[np.int64], alive: Alive = lambda: None) -> bool:
    """Whether the last frame is known to come out, with all since its key frame in the right order.

    Where it does not come out so, reading tells, which decodes pictures too.

    Args:
        scanned: The video.
        order: Numbers of its packets, in the order in which their frames are shown.
        alive: Is called now and then.

    Returns:
        True only where reading would give the frame too; False where it may not, or too many pictures would have to be
        decoded.
    """
    import av

    group, target, end = scanned.group, int(order[-1]), len(scanned.packets)
    if not group or not group[0][0] <= target or group[-1][0] != end - 1:
        return False
    key = group[0][0]
    if not scanned.thinner.works and target - key > _FAR:
        return False
    places = {packet: place for place, packet in enumerate(order.tolist())}
    context, last = scanned.stream.codec_context, -1
    context.flush_buffers()
    for number, packet in [*group, (end, flush_packet(scanned.stream))]:
        if packet.size:
            # As the reader does, frames are left out that no other frame needs.
            packet = scanned.thinner.thin(packet, decides=number in (key, target) or number >= end - _AT_THE_END)
            if packet is None:
                continue
            name_packet(packet, number)
        frames: list[Any] = []
        with suppress(av.error.FFmpegError):
            frames = context.decode(packet)
        for frame in frames:
            place = places.get(frame.pts, -1)
            if place < 0:  # is not shown
                continue
            if place <= last or (frame.pts == key and not frame.key_frame):
                return False
            last = place  # to the end: damage may have a frame come out behind the last one
        if not number % _OFTEN:
            alive()
    return last == len(order) - 1
