"""Labels per frame: bouts from them, and them from bouts; and the files that they are written to, one per video."""

import posixpath
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from amclip.data.clock import Clock
from amclip.data.formats.notes import without_suffix
from amclip.data.intervals import Bout, Timeline
from amclip.data.label_error import LabelError
from amclip.data.table import LabelTable

__all__ = ["below_a_folder", "frame_bouts", "frame_values", "one_name_each"]

# Times that lie within this share of a frame of one are that frame's: tables are rounded to milliseconds.
_OFF_FRAME = 0.05


def frame_bouts(
    seen: Sequence[bool] | NDArray[np.bool_], edges: NDArray[np.float64], label: str, subject: str = ""
) -> list[Bout]:
    """Bouts of one behaviour from a flag per frame.

    Args:
        seen: Whether each frame shows it, ``[N]``.
        edges: When each frame is shown, and the end of the last; seconds, float64 ``[N + 1]``.
        label: The behaviour.
        subject: Whose it is.
    """
    turns = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(seen, np.int8), [0]])))
    times = edges[turns].tolist()
    return [Bout(start, stop, label, subject=subject) for start, stop in zip(times[::2], times[1::2], strict=True)]


def frame_values(
    timeline: Timeline, classes: Sequence[str], clock: Clock, source: str
) -> tuple[NDArray[np.int64], int]:
    """1, 0 or -1 per frame and class, shape ``(frames, C)``; and how many times lay between two frames.

    Frames of a video behind the end of its time line are ones that nobody observed.
    """
    edges = clock.grid(timeline.video, timeline.end, source)
    middles = (edges[1:] + edges[:-1]) / 2
    length = float(edges[-1]) / (len(edges) - 1)
    off = 0

    def frame(seconds: float) -> int:
        nonlocal off
        nearest = int(np.searchsorted(middles, seconds))
        off += abs(seconds - edges[nearest]) > _OFF_FRAME * length
        return nearest

    values = np.zeros((len(edges) - 1, len(classes)), np.int64)
    for bout in timeline.bouts:
        values[frame(bout.start) : frame(bout.stop), classes.index(bout.label)] = 1
    for start, stop in timeline.unlabelled:
        values[frame(start) : frame(stop)] = -1
    values[max(1, frame(timeline.end)) :] = -1
    return values, off


def one_name_each(table: LabelTable, what: str) -> None:
    """Refuse videos that differ in their suffix alone: one would be written over the other."""
    first: dict[str, str] = {}
    for video in table.videos():
        other = first.setdefault(without_suffix(video), video)
        if other != video:
            raise LabelError(f"{other} and {video} would have one {what}; rename one of them", table.source)


def below_a_folder(table: LabelTable, what: str) -> None:
    """Refuse paths that lead out of the folder, or that have two spellings."""
    for video in table.videos():
        name = without_suffix(video)
        if (
            posixpath.normpath(name) != name
            or name.startswith(("/", "../"))
            or posixpath.basename(name) in ("", ".", "..")
        ):
            reason = f"{what} lie below one folder as the videos do below theirs; write such a path, as in day1/a.mp4"
            raise LabelError(f"{video!r}: {reason}", table.source)
