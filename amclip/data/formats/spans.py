"""From bouts in a file to a time line: how long the video is, who was watched, and times that cannot be."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from amclip.data.formats.label_format import Reading
from amclip.data.intervals import Bout, Interval, Timeline, complement
from amclip.data.label_error import LabelError, raise_together
from amclip.data.subject_names import refuse_subject

__all__ = ["checked_span", "frame_span", "sampled_edges", "video_timeline"]

_ROUNDED = 0.1  # seconds by which a bout may reach beyond the video, as times are rounded
_CLOCK = 1e8  # seconds, three years: a time of the day and not of a video
_MOST_FRAMES = 50_000_000  # of a video: nineteen days at 30 a second


def checked_span(
    start: float, stop: float, source: str, line: int | None, columns: tuple[str, str] = ("start", "stop")
) -> Interval:
    """Start and stop of a bout, in seconds.

    Raises:
        LabelError: If they are no times in a video, or the wrong way round.
    """
    for value, column in zip((start, stop), columns, strict=True):
        if not 0 <= value < _CLOCK:
            raise LabelError(f"{value:.10g} is not a time in seconds since the first frame", source, line, column)
    if stop < start:
        raise LabelError(f"stops at {stop:.10g} s, before it starts at {start:.10g} s", source, line, columns[1])
    return start, stop


def frame_span(
    start: float, stop: float, source: str, line: int | None, first: int, columns: tuple[str, str] = ("start", "stop")
) -> tuple[int, int]:
    """The frames of a bout from 0: its first, and the one behind its last.

    Args:
        start: Number of its first frame.
        stop: Number of the frame behind its last.
        source: The file, for messages.
        line: Its line, for messages.
        first: Number of the video's first frame.
        columns: Names of the two, for messages.

    Raises:
        LabelError: If they are no numbers of frames, or the wrong way round.
    """
    for value, column in zip((start, stop), columns, strict=True):
        if not (first <= value <= _MOST_FRAMES and value == value // 1):
            raise LabelError(f"{value:.10g} is not the number of a frame, from {first}", source, line, column)
    if stop < start:
        raise LabelError(f"stops before frame {stop:.0f}, and starts at {start:.0f}", source, line, columns[1])
    return int(start) - first, int(stop) - first


def sampled_edges(times: Sequence[float]) -> NDArray[np.float64]:
    """When each of some samples begins, and when the last one ends: as late after it as most do.

    Args:
        times: Of the samples, in seconds, increasing.

    Returns:
        float64, one more than there are samples.
    """
    steps = [later - before for before, later in pairwise(times)]
    return np.append(np.asarray(times, np.float64), times[-1] + (float(np.median(steps)) if steps else 0.0))


def video_timeline(
    video: str,
    bouts: Iterable[Bout],
    reading: Reading,
    source: str,
    *,
    end: float | None = None,
    fps: float | None = None,
    subjects: Iterable[str] = (),
    watched: Sequence[Interval] | None = None,
    line: int | None = None,
) -> Timeline:
    """A video's time line, which ends with the video where that is there, and else with what was watched or noted.

    Args:
        video: Its name.
        bouts: What was noted; bouts that reach beyond the end by a rounding are cut off there.
        reading: Its clock knows the video.
        source: The file, for messages.
        end: Of the video, in seconds, where the file says it; it is asked of the video where that is there.
        fps: Frames per second, where known.
        subjects: Animals that were watched, also such as show nothing.
        watched: From when to when somebody looked; default: all the time.
        line: Of the video in the file, for messages.

    Raises:
        LabelError: If a bout lies behind the end, or an animal's name cannot be used.
    """
    bouts = list(bouts)
    known = reading.clock.length(video)
    known = end if known is None else known
    errors = [
        LabelError(
            f"{bout.label!r} stops at {bout.stop:.10g} s, after the end of {video} at {known:.10g} s", source, bout.line
        )
        for bout in sorted(bouts, key=lambda bout: bout.line or 0)
        if known is not None and bout.stop > known + _ROUNDED
    ]
    raise_together(errors)
    reached = max([bout.stop for bout in bouts] + [stop for _, stop in watched or ()], default=0.0)
    until = reached if known is None else known
    cut = (Bout(min(bout.start, until), min(bout.stop, until), bout.label, bout.line, bout.subject) for bout in bouts)
    names = sorted({*subjects, *(bout.subject for bout in bouts)}, key=lambda name: (not name, name))
    for name in names:
        refuse_subject(name, source, next((bout.line for bout in bouts if bout.subject == name), line))
    gaps = () if watched is None else complement(watched, until)
    own = tuple(names) if any(names) else ()
    unwatched = tuple((name, *gap) for name in own for gap in gaps)
    return Timeline(video, tuple(cut), until, fps, gaps, None, line, own, unwatched)
