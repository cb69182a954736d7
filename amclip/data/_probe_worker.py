"""The process that opens unknown videos for :mod:`amclip.data.probe`, so that a decoder that hangs hangs here.

One JSON object per line in (``{"path", "step", "timeout"}``) and out. ``step`` is ``"ends"``: find the frames and
decode the first and the last one; or ``"count"``: decode the video from end to end. Answers are ``{"info": …}``,
``{"error": …}``, or ``{"claimed": n}`` where the file opens and an end of it does not decode.
"""

import os
from collections.abc import Callable
from typing import Any

from amclip.data._container import missing_bytes
from amclip.data._frame_index import FrameIndex
from amclip.data._index import describe, index_by_decoding, index_by_stamps
from amclip.data._last_frame import last_frame_decodes
from amclip.data._line_worker import alive_within, serve
from amclip.data._packets import Packets, Scan
from amclip.data._reader import FrameReader
from amclip.data.video import Video, VideoInfo, info_of
from amclip.data.video_file import VideoError, why_unreadable

__all__ = ["answer", "main"]

_SMALL = (32, 32)  # pixels are thrown away


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request; the time-out runs anew for each sign of progress."""
    path = request["path"]
    try:
        with alive_within(request["timeout"]) as alive:
            reason = why_unreadable(path, thorough=False)
            if reason:
                return {"error": reason}
            if os.path.isdir(path):
                return _images(path)
            try:
                scanned, index = _scan(path, alive)
            except Exception as error:  # PyAV's and our own
                reason = str(error) if isinstance(error, ValueError) else f"cannot be opened as a video ({error})"
                return {"error": why_unreadable(path) or reason}
            with scanned:
                return (_count if request["step"] == "count" else _ends)(path, scanned, index, alive)
    except VideoError as error:
        return {"error": error.reason}


def _scan(path: str, alive: Callable[[], None]) -> tuple[Scan, FrameIndex | None]:
    """The open file, and its frames where stamps tell them: to find these the file may be opened and read anew."""
    scanned = Scan(path, alive)
    try:
        return scanned, index_by_stamps(scanned)
    except BaseException:
        scanned.close()
        raise


def _images(path: str) -> dict[str, Any]:
    """A folder of images claims nothing: the one at fault is named."""
    with Video(path, _SMALL) as video:
        video.read_array(sorted({0, video.num_frames - 1}))
        return {"info": info_of(video).to_json()}


def _ends(path: str, scanned: Scan, index: FrameIndex | None, alive: Callable[[], None]) -> dict[str, Any]:
    packets = scanned.packets  # its index has decoded the first frames
    if index is None:
        index, decoded = index_by_decoding(packets, alive)
        if index is None:
            return _nothing(packets)
        return _found(path, packets, index, [_cut_off(path), _refused(decoded.failed)])
    if last_frame_decodes(scanned, index.packets, alive):
        return _found(path, packets, index, [_cut_off(path)])
    reader = FrameReader(path, index, _SMALL, drafts=True)
    try:
        next(reader.frames([len(index) - 1]))
    except Exception:  # PyAV's errors share no base class with our own
        return {"claimed": len(index)}
    finally:
        reader.close()
    return _found(path, packets, index, [_cut_off(path)])


def _count(path: str, scanned: Scan, index: FrameIndex | None, alive: Callable[[], None]) -> dict[str, Any]:
    packets = scanned.packets
    came, decoded = index_by_decoding(packets, alive)
    if came is None:
        return _nothing(packets)
    notes = []
    if index is None:
        index, notes = came, [_cut_off(path), _refused(decoded.failed)]
    else:
        claimed, seen = len(index), set(came.packets.tolist())
        count = 1 + max(place for place, packet in enumerate(index.packets.tolist()) if packet in seen)
        missing = count - len(seen)
        index = index.first(count)
        if count < claimed:
            notes.append(f"ends early: {count} of {claimed} frames decode")
        else:
            notes.append(_cut_off(path))
        if missing > 0:
            notes.append(f"is damaged: {missing} of {count} frames are missing")
    return _found(path, packets, index, notes)


def _found(path: str, packets: Packets, index: FrameIndex, notes: list[str]) -> dict[str, Any]:
    note = "; ".join(filter(None, [*notes, *describe(packets, index)]))
    with Video(path, info=VideoInfo(len(index), 0.0, 0, 0, 0.0, index=index)) as video:
        return {"info": info_of(video, note).to_json()}


def _nothing(packets: Packets) -> dict[str, Any]:
    return {"error": f"none of the {len(packets)} frames that the file claims can be decoded"}


def _refused(failed: int) -> str:
    return f"is damaged: {failed} packets cannot be decoded" if failed else ""


def _cut_off(path: str) -> str:
    """What is to be said of a file that lacks its end; a few bytes hold no frame."""
    size, missing = os.path.getsize(path), missing_bytes(path)
    if missing <= 0.01 * size:
        return ""
    return f"ends early: the file was cut off, {missing:,} of {size + missing:,} bytes are missing"


def main() -> None:
    """Answer requests until the input ends."""
    serve(lambda request: answer(request))


if __name__ == "__main__":
    main()
