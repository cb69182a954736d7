"""What a row of the label table may say of its video and its times."""

import math
import os

from amclip.data.label_error import LabelError
from amclip.text import holds_control, is_formula

__all__ = ["check_times", "checked_path"]

# Of a file, in bytes: what Linux, macOS and Windows take at most.
_LONGEST_NAME, _LONGEST_PATH = 255, 4096


def checked_path(video: str, source: str, line: int | None) -> str:
    """The path of a row's video, with ``/`` between folders.

    Args:
        video: As it is written.
        source: The file, for messages.
        line: Its line, for messages.

    Raises:
        LabelError: If no file can have that name.
    """
    path = video.replace("\\", "/")  # Windows' way to write a path
    if path.startswith("./") and is_formula(path[2:]):  # as tables are written
        path = path[2:]
    if not path.strip():
        raise LabelError("the path of the video is empty", source, line)
    longest = max(len(os.fsencode(part)) for part in path.split("/"))
    if longest > _LONGEST_NAME or len(os.fsencode(path)) > _LONGEST_PATH:
        raise LabelError(
            f"the path of the video has {len(path)} characters, more than any file's ({path[:40]!r} …); is a quote "
            "missing, or is it another column?",
            source,
            line,
        )
    if holds_control(path):
        raise LabelError(
            f"the path of the video, {path!r}, holds control characters; write it without them (and rename the file "
            "if it has them)",
            source,
            line,
        )
    return video if path == video else path


def check_times(start: float | None, stop: float | None, source: str, line: int | None) -> None:
    """Refuse times that are no interval.

    Args:
        start: Seconds since the first frame, or None.
        stop: Likewise; both or neither.
        source: The file, for messages.
        line: Its line, for messages.

    Raises:
        LabelError: If one is missing, is no time, or they are in the wrong order.
    """
    if start is None and stop is None:
        return
    if start is None or stop is None:
        given, missing = ("start", "stop") if stop is None else ("stop", "start")
        raise LabelError(
            f"has a {given} and no {missing}; give both in seconds, or neither for the whole video",
            source,
            line,
            missing,
        )
    for column, value in (("start", start), ("stop", stop)):
        if not 0 <= value < math.inf:
            raise LabelError(f"{value} is not a time in seconds since the first frame", source, line, column)
    if stop <= start:
        raise LabelError(f"the clip stops at {stop} s, at or before its start at {start} s", source, line, "stop")
