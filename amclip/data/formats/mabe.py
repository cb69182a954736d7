"""Annotations of the MABe challenge of 2025 (Parquet): a row per bout, with who did what to whom.

``stop_frame`` is taken as the challenge's metric takes it: the first frame that is no longer part of the bout, though
its description calls it the last one. Whose behaviour it is is told by ``agent_id``; whom it was done to is left out.
A file is of the video that it is named after, unless it has a column ``video_id``.
"""

import io
from typing import Any

from amclip.data.formats.label_format import BytesReader, Files, LabelFormat, Noted, Reading
from amclip.data.formats.spans import frame_span, video_timeline
from amclip.data.intervals import Bout
from amclip.data.label_error import LabelError, raise_together

__all__ = ["FORMAT", "matches", "read"]

_MAGIC = b"PAR1"
_COLUMNS = ("agent_id", "target_id", "action", "start_frame", "stop_frame")
_VIDEO = "video_id"
_MOST_ROWS = 2_000_000  # a few KB may stand for many more


def matches(data: bytes) -> bool:
    """Whether it is Parquet that has the challenge's columns."""
    if not data.startswith(_MAGIC):
        return False
    from pyarrow import ArrowException, parquet

    try:
        return set(_COLUMNS[2:]) <= set(parquet.read_schema(io.BytesIO(data)).names)
    except (ArrowException, OSError):
        return True  # broken: read() says so


def read(data: bytes, source: str, reading: Reading) -> Noted:
    """Time lines, a video each.

    Raises:
        LabelError: If a row cannot be used; names it as the line, counted from 1, and the column.
    """
    columns = _columns(data, source)
    by_video: dict[str, tuple[int, list[tuple[int, int, str, str, int]]]] = {}
    errors = []
    videos = columns.get(_VIDEO)
    for index in range(len(columns["action"])):
        line = index + 1
        try:
            video = reading.named_after(source) if videos is None else str(videos[index] or "")
            action = columns["action"][index]
            if not isinstance(action, str) or not action.strip() or not video:
                column = "action" if video else _VIDEO
                raise LabelError(f"{columns[column][index]!r} is no name", source, line, column)
            numbers = [_whole(columns[name][index], source, line, name) for name in _COLUMNS[3:]]
            span = frame_span(numbers[0], numbers[1], source, line, 0, ("start_frame", "stop_frame"))
            by_video.setdefault(video, (line, []))[1].append(
                (*span, action.strip(), _agent(columns["agent_id"][index], source, line), line)
            )
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    if not by_video:
        raise LabelError("holds no row; without one it says nothing of its video", source)
    timelines = []
    for video, (line, found) in by_video.items():
        edges = reading.clock.until(video, max(stop for _, stop, *_ in found), source, line)
        bouts = [
            Bout(float(edges[start]), float(edges[stop]), action, row, agent)
            for start, stop, action, agent, row in found
        ]
        timelines.append(video_timeline(video, bouts, reading, source, end=float(edges[-1]), line=line))
    return Noted(timelines, None, "action")


def _columns(data: bytes, source: str) -> dict[str, list[Any]]:
    from pyarrow import ArrowException, parquet

    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        names = file.schema_arrow.names
        for name in _COLUMNS:
            if name not in names:
                raise LabelError(f"has no such column; there are {', '.join(names)}", source, column=name)
        if file.metadata.num_rows > _MOST_ROWS:
            raise LabelError(
                f"holds {file.metadata.num_rows} rows; at most {_MOST_ROWS} are read. Divide it by video", source
            )
        wanted = [name for name in (*_COLUMNS, _VIDEO) if name in names]
        columns: dict[str, list[Any]] = file.read(columns=wanted).to_pydict()
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0][:120]
        raise LabelError(f"is Parquet that cannot be read ({reason}); is it whole? Copy it again", source) from None
    return columns


def _whole(value: Any, source: str, line: int, column: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LabelError(f"{value!r} is not the number of a frame", source, line, column)
    return float(value)


def _agent(value: Any, source: str, line: int) -> str:
    """``mouse1`` for 1, as the challenge's tables have both."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"mouse{value}"
    if not isinstance(value, str) or not value.strip():
        raise LabelError(f"{value!r} names no animal", source, line, "agent_id")
    name = value.strip()
    return f"mouse{name}" if name.isdecimal() else name


FORMAT = LabelFormat(
    "mabe", "annotations of the MABe challenge", BytesReader(matches, read, Files(("*.parquet",), shared=True)), None
)
