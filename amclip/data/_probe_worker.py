"""The process that opens unknown videos for :mod:`amclip.data.probe`, so that a decoder that hangs hangs here.

One JSON object per line in (``{"path", "step", "timeout"}``) and out. ``step`` is ``"ends"``: find the frames and
decode the first and the last one; or ``"count"``: decode the video from end to end. Answers are ``{"info": …}``,
``{"error": …}``, or ``{"claimed": n}`` where the file opens and an end of it does not decode.

A decoder that spins in native code holds the interpreter's lock, so no thread of Python's could stop it. An interval
timer with the signal's default action can: the kernel ends the process, whatever it is doing. Windows has none; there
the watchdog of :mod:`faulthandler` ends it, a thread that needs no lock.
"""

import faulthandler
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from amclip.data._container import missing_bytes
from amclip.data._frame_index import FrameIndex
from amclip.data._index import describe, index_by_decoding, index_by_stamps
from amclip.data._packets import Packets, scan
from amclip.data._reader import FrameReader
from amclip.data.video import Video, VideoInfo, info_of
from amclip.data.video_file import VideoError, why_unreadable

__all__ = ["answer", "main"]

_SMALL = (32, 32)  # pixels are thrown away


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request; the time-out runs anew for each sign of progress."""
    path, timeout = request["path"], request["timeout"]

    def alive() -> None:
        _end_after(timeout)

    alive()
    try:
        reason = why_unreadable(path, thorough=False)
        if reason:
            return {"error": reason}
        if os.path.isdir(path):
            return _images(path)
        try:
            packets = scan(path, alive)
        except Exception as error:  # PyAV's and our own
            reason = str(error) if isinstance(error, ValueError) else f"cannot be opened as a video ({error})"
            return {"error": why_unreadable(path) or reason}
        return (_count if request["step"] == "count" else _ends)(path, packets, alive)
    except VideoError as error:
        return {"error": error.reason}
    finally:
        _end_after(None)


def _end_after(seconds: float | None) -> None:
    """End this process then, unless this is called again; ``None``: never."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds or 0)
    elif seconds is None:
        faulthandler.cancel_dump_traceback_later()
    else:
        faulthandler.dump_traceback_later(seconds, exit=True)


def _images(path: str) -> dict[str, Any]:
    """A folder of images claims nothing: the one at fault is named."""
    with Video(path, _SMALL) as video:
        video.read_array(sorted({0, video.num_frames - 1}))
        return {"info": info_of(video).to_json()}


def _ends(path: str, packets: Packets, alive: Callable[[], None]) -> dict[str, Any]:
    index = index_by_stamps(packets)  # has decoded the first frames
    if index is None:
        index, decoded = index_by_decoding(packets, alive)
        if index is None:
            return _nothing(packets)
        return _found(path, packets, index, [_cut_off(path), _refused(decoded.failed)])
    reader = FrameReader(path, index, _SMALL, drafts=True)
    try:
        next(reader.frames([len(index) - 1]))
    except Exception:  # PyAV's errors share no base class with our own
        return {"claimed": len(index)}
    finally:
        reader.close()
    return _found(path, packets, index, [_cut_off(path)])


def _count(path: str, packets: Packets, alive: Callable[[], None]) -> dict[str, Any]:
    index = index_by_stamps(packets)
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
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    import av  # noqa: F401 - now: loading it from a cold disk is no sign of a broken video

    # Libraries that print would break the protocol: only this file object reaches the parent.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        out.write(json.dumps(answer(json.loads(line))) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
