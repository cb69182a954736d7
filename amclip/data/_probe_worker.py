"""The process that opens unknown videos for :mod:`amclip.data.probe`, so that a decoder that hangs hangs here.

One JSON object per line in (``{"path", "step", "timeout"}``) and out. ``step`` is ``"ends"``: open the file and decode
its first and last frame; or ``"count"``: decode it from end to end. Answers are ``{"info": …}``, ``{"error": …}``, or
``{"claimed": n}`` where the file opens and an end of it does not decode.

A decoder that spins in native code holds the interpreter's lock, so no thread could stop it. An interval timer with the
signal's default action can: the kernel ends the process, whatever it is doing.
"""

import dataclasses
import json
import os
import signal
import sys
from typing import Any

from amclip.data._decoders import PyAVDecoder, missing_bytes
from amclip.data.video import Video, VideoError, info_of, why_unreadable

__all__ = ["answer", "main"]

_SMALL = (112, 112)  # pixels are thrown away; a width that decord reads itself


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request; the time-out runs anew for each sign of progress."""
    path, timeout = request["path"], request["timeout"]
    _still_alive(timeout)
    try:
        if request["step"] == "count":
            return _count(path, timeout)
        with Video(path, _SMALL) as video:
            info = info_of(video, _cut_off(path))
            try:
                video.read_array(sorted({0, info.num_frames - 1}))
            except VideoError as error:
                if os.path.isdir(path):  # images claim nothing: the one at fault is named
                    return {"error": error.reason}
                return {"claimed": info.num_frames}
        return {"info": dataclasses.asdict(info)}
    except VideoError as error:
        return {"error": error.reason}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _count(path: str, timeout: float) -> dict[str, Any]:
    try:
        decoder = PyAVDecoder(path, _SMALL)
    except Exception as error:
        raise VideoError(path, why_unreadable(path) or f"cannot be opened as a video ({error})") from error
    claimed, count, decoded = len(decoder.times), 0, 0
    for reached in decoder.in_sequence():
        count = min(reached, claimed)
        decoded += 1
        _still_alive(timeout)
    if count == 0:
        return {"error": f"none of the {claimed} frames that the file claims can be decoded"}
    with Video(path, _SMALL, num_frames=count) as video:
        notes = [f"ends early: {count} of {claimed} frames decode"] * (count < claimed)
        notes = notes or [cut for cut in [_cut_off(path)] if cut]
        notes += [f"is damaged: {count - decoded} of {count} frames are missing"] * (decoded < count)
        note = "; ".join(notes)
        return {"info": dataclasses.asdict(info_of(video, note))}


def _cut_off(path: str) -> str:
    """What is to be said of a file that lacks its end; a few bytes hold no frame."""
    if os.path.isdir(path):
        return ""
    size, missing = os.path.getsize(path), missing_bytes(path)
    if missing <= 0.01 * size:
        return ""
    return f"ends early: the file was cut off, {missing:,} of {size + missing:,} bytes are missing"


def _still_alive(timeout: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, timeout)


def main() -> None:
    """Answer requests until the input ends."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    import av  # noqa: F401 - both now: loading them from a cold disk is no sign of a broken video
    import decord  # noqa: F401

    # Libraries that print would break the protocol: only this file object reaches the parent.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        out.write(json.dumps(answer(json.loads(line))) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
