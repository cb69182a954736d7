"""Packets without their pictures, for finding out whether frames come out of a decoder."""

from __future__ import annotations

from typing import Any

from amclip.data._h264 import is_disposable, length_width, without_pictures
from amclip.data._h264_slice import SliceHeaders

__all__ = ["Thinner"]

# Bytes that are left of a slice whose header has no known length. A header is longer only with a table of weights or of
# frames to forget; a cut through one, in the middle of a group, changes pictures, and at most what later ones refer to.
# Packets that decide what comes out are left more.
_SOME, _MORE = 32, 128


class Thinner:
    """Takes the pictures out of the packets of one stream.

    That is, of H.264 with lengths in front of its units, as in MP4 and Matroska. Other packets stay as they are.

    Args:
        stream: The stream, before it is decoded.

    Attributes:
        works: Whether there is anything that it can take out.
    """

    def __init__(self, stream: Any) -> None:
        context = stream.codec_context
        self._stream = stream
        self._width = length_width(context.extradata) if context.name == "h264" else 0
        self.works = self._width > 0
        self._headers = SliceHeaders(context.extradata if self.works else None)

    def thin(self, packet: Any, decides: bool) -> Any:
        """A packet that the decoder takes, or refuses, as it does this one; where in doubt, this one.

        Args:
            packet: An ``av.Packet``.
            decides: Whether what is looked for hangs on this very packet.

        Returns:
            Another packet without a time stamp, or the same one; ``None`` where it need not be decoded: it decides
            nothing, and no other frame needs its frame.
        """
        import av

        if not self.works:
            return packet
        if next(iter(packet.iter_sidedata()), None) is not None:  # it may be another configuration
            self._headers.forget()
            return packet
        whole = bytes(packet)
        if not decides and is_disposable(whole, self._width):
            return None
        data = without_pictures(whole, self._width, _MORE if decides else _SOME, self._headers)
        if data is None:  # where the decoder may find parameter sets
            self._headers.forget()
            return packet
        thin = av.Packet(data)
        thin.stream, thin.is_keyframe = self._stream, packet.is_keyframe
        return thin
