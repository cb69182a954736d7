"""Tables whose rows are bouts in place of clips: a row for each behaviour that was shown, from when to when."""

from collections import defaultdict
from collections.abc import Iterable

from amclip.data.formats.label_format import Noted, Reading
from amclip.data.formats.spans import checked_span, video_timeline
from amclip.data.intervals import SAME_TIME, Bout
from amclip.data.label_error import LabelError, raise_together
from amclip.data.table import Clip

__all__ = ["like_bouts", "noted_rows"]

_ALIKE = 0.05
"""Seconds by which windows of one length may differ in it."""


def noted_rows(rows: Iterable[Clip], source: str, reading: Reading, column: str | None) -> Noted:
    """What rows say that are bouts: between them, up to the end of the video, nothing is shown.

    Args:
        rows: As a table has them, in its order. One without a behaviour says that its video was watched.
        source: The table, for messages.
        reading: Its clock knows how long videos are.
        column: The column that names behaviours; ``None`` where each has its own.

    Raises:
        LabelError: If a row is no bout, or lies behind the end of its video.
    """
    bouts: dict[str, list[Bout]] = {}
    subjects: dict[str, dict[str, None]] = defaultdict(dict)
    lines: dict[str, int | None] = {}
    errors = []
    for row in rows:
        try:
            found = bouts.setdefault(row.video, [])
            found += _bouts(row, source)
        except LabelError as error:
            errors.append(error)
        lines.setdefault(row.video, row.line)
        if row.subject:
            subjects[row.video][row.subject] = None
    raise_together(errors)
    if not bouts:
        raise LabelError("the table has no rows; write one line per bout below the header", source)
    timelines = [
        video_timeline(video, found, reading, source, subjects=subjects[video], line=lines[video])
        for video, found in bouts.items()
    ]
    return Noted(timelines, None, column)


def _bouts(row: Clip, source: str) -> list[Bout]:
    if row.split is not None:
        raise LabelError(
            "names a split. Bouts are cut into windows, and videos shared out by data.splits: take the column out, or "
            "give a file for each split (data.source.labels: {train: FILE, test: FILE})",
            source,
            row.line,
            "split",
        )
    if not row.labels:
        if row.labels is None:
            raise LabelError("has no column of behaviours, and so no bouts", source, 1)
        return []
    if len(row.labels) > 1:
        raise LabelError(
            f"{';'.join(row.labels)!r} are several behaviours; write a row for each, or, if rows are clips, say so: "
            "amclip convert --rows clips",
            source,
            row.line,
        )
    if row.start is None or row.stop is None:
        raise LabelError("has no start and stop, which a bout needs", source, row.line)
    start, stop = checked_span(row.start, row.stop, source, row.line)
    return [Bout(start, stop, row.labels[0], row.line, row.subject)]


def like_bouts(noted: Noted) -> bool:
    """Whether rows can be nothing but bouts: those of different behaviours of one animal overlap, and last differently.

    In a table of clips, a row has all behaviours of its clip, and windows, which may overlap, last alike.

    Args:
        noted: What the rows say if they are bouts.
    """
    for timeline in noted.timelines:
        going: dict[str, list[Bout]] = defaultdict(list)
        for bout in sorted(timeline.bouts, key=lambda bout: bout.start):
            on = going[bout.subject] = [one for one in going[bout.subject] if one.stop > bout.start + SAME_TIME]
            if any(one.label != bout.label and abs(_seconds(one) - _seconds(bout)) > _ALIKE for one in on):
                return True
            on.append(bout)
    return False


def _seconds(bout: Bout) -> float:
    return bout.stop - bout.start
