"""What a format cannot hold of a table, in words, and what it refuses; the same for all formats."""

import warnings
from collections.abc import Callable, Sequence

from amclip.data.clock import Clock
from amclip.data.intervals import Timeline
from amclip.data.label_error import LabelError
from amclip.data.table import Clip, LabelTable
from amclip.data.video_file import VIDEO_SUFFIXES

__all__ = [
    "gaps",
    "moved",
    "refuse",
    "split_within",
    "splits",
    "unnamed",
    "whole_videos",
    "without_suffix",
]


def moved(count: int) -> list[str]:
    """Times that no frame of a format of frames has."""
    return [f"{count} times lie between two frames and move to the nearest"] if count else []


def splits(table: LabelTable) -> list[str]:
    """Splits, for formats without."""
    return ["splits"] if any(clip.split for clip in table.clips) else []


def split_within(table: LabelTable, timelines: Sequence[Timeline], what: str) -> list[str]:
    """Splits that divide a video, for formats that have one split per video."""
    cut = any(timeline.split is None for timeline in timelines) and any(clip.split for clip in table.clips)
    return [f"splits within a video: {what} has one split per video"] if cut else []


def gaps(timelines: Sequence[Timeline], what: str) -> list[str]:
    """Intervals nobody observed, of all animals or of one, for formats without."""
    return [what] if any(timeline.unlabelled or timeline.unwatched for timeline in timelines) else []


def warn_of_lengths(timelines: Sequence[Timeline], clock: Clock, what: str) -> None:
    """Warn of videos whose own length is not known, for formats that say how long they are.

    Args:
        timelines: Of the videos.
        clock: Which of them are there.
        what: What ends with the labels, where they are not.
    """
    missing = [timeline.video for timeline in timelines if clock.length(timeline.video) is None]
    if missing:
        names = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        warnings.warn(
            f"{names}: no file is there that can be read, so {what} with the last label, and the video may go on. Give "
            "the folder of the videos (--root)",
            stacklevel=3,
        )


def unnamed(table: LabelTable) -> list[str]:
    """Classes without an example, for formats without a list of classes."""
    named = {name for clip in table.clips for name in clip.labels or ()}
    missing = [name for name in table.classes if name not in named]
    return [f"classes without an example: {', '.join(missing)}"] if missing else []


def whole_videos(table: LabelTable, what: str) -> None:
    """Refuse clips that are part of a video.

    Raises:
        LabelError: At the first of them.
    """
    refuse(table, lambda clip: f"is part of a video; {what} holds whole videos" if clip.start is not None else None)


def refuse(table: LabelTable, reason: Callable[[Clip], str | None]) -> None:
    """Refuse a table for its first clip that there is a reason against.

    Raises:
        LabelError: With that reason.
    """
    for clip in table.clips:
        if (said := reason(clip)) is not None:
            raise LabelError(said, table.file_of(clip), clip.line)


def without_suffix(video: str) -> str:
    """The name of a video without ``.mp4`` or the like."""
    return video[: video.rindex(".")] if video.lower().endswith(VIDEO_SUFFIXES) else video
