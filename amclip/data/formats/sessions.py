"""When each video was recorded, and what its recording is called: NWB knows no file without."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from amclip.data.formats.csv_table import VIDEO_COLUMNS
from amclip.data.formats.delimited import cells_of, delimiter_of, first_line, rows
from amclip.data.formats.files import file_text
from amclip.data.formats.origin import Origin
from amclip.data.label_error import LabelError, raise_together

__all__ = ["Session", "sessions_of"]

_START = "session_start"
_OTHERS = ("identifier", "session_description")
_EXAMPLE = "2024-05-31T09:30:00+02:00"
_A_TIME = re.compile(r"\d{4}-\d")


@dataclass(frozen=True)
class Session:
    """One recording.

    Attributes:
        start: When it began, with its time zone.
        identifier: What it is known by.
        description: What was recorded.
    """

    start: datetime
    identifier: str
    description: str


def sessions_of(origin: Origin, videos: Sequence[str], source: str) -> dict[str, Session]:
    """The recording of each video. Nothing is made up of when it began.

    Args:
        origin: What was said of them: a time, or a table of times.
        videos: Their names.
        source: The labels, for messages.

    Raises:
        LabelError: If it is not said when each began, or a time cannot be read; names file, line and column.
    """
    said = origin.session_start
    if said is None:
        raise LabelError(
            "an NWB file says when its recording began, and labels do not: give "
            f"--session_start {_EXAMPLE}, or a table with the columns filepath and session_start",
            source,
        )
    if not _A_TIME.match(said):
        for option in _OTHERS:
            if getattr(origin, option) is not None:
                raise LabelError(f"--{option} is of one recording; in {said} it is a column", source)
        return _from_table(Path(said), videos)
    if len(videos) > 1:
        raise LabelError(
            f"{len(videos)} videos, and one --session_start: give a table with the columns filepath and session_start",
            source,
        )
    start = _time(said, "--session_start", None)
    return {video: _session(video, start, origin.identifier, origin.session_description) for video in videos}


def _session(video: str, start: datetime, identifier: str | None, description: str | None) -> Session:
    made = str(uuid5(NAMESPACE_URL, f"amclip:{video} {start.isoformat()}"))  # the same whenever it is written again
    return Session(start, identifier or made, description or f"Behaviour in {video}")


def _time(text: str, source: str, line: int | None) -> datetime:
    column = None if line is None else _START
    try:
        time = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    except ValueError:
        raise LabelError(f"{text!r} is no time; write it as {_EXAMPLE}", source, line, column) from None
    if time.tzinfo is None:
        reason = f"{text!r} has no time zone; write it as {_EXAMPLE}, with Z for UTC"
        raise LabelError(reason, source, line, column)
    return time


def _from_table(path: Path, videos: Sequence[str]) -> dict[str, Session]:
    source, text = str(path), file_text(path)
    delimiter = delimiter_of(first_line(text), _is_header)
    if delimiter is None:
        raise LabelError(f"needs the columns filepath and {_START} in its first line", source, 1)
    lines = rows(text, delimiter, source)
    _, header = next(lines)
    named = [cell.lower() for cell in header]
    video_at = next(named.index(name) for name in VIDEO_COLUMNS if name in named)
    found: dict[str, Session] = {}
    errors = []
    for line, row in lines:
        try:
            cells = cells_of(row, header, source, line)
            video = cells[video_at].replace("\\", "/")
            if video in found:
                raise LabelError(f"{video!r} stands twice", source, line)
            others = [cells[named.index(name)] if name in named else None for name in _OTHERS]
            found[video] = _session(video, _time(cells[named.index(_START)], source, line), *others)
        except LabelError as error:
            errors.append(error)
    if missing := [video for video in videos if video not in found]:
        errors.append(LabelError(f"does not say when {', '.join(missing[:3])} began", source))
    raise_together(errors)
    return {video: found[video] for video in videos}


def _is_header(cells: Sequence[str]) -> bool:
    return _START in cells and not set(VIDEO_COLUMNS).isdisjoint(cells)
