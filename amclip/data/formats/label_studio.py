"""Label Studio's export (JSON) of labels on the timeline of videos.

A range has both its first and its last frame, counted from 1. Frames are those of Label Studio: seconds times the
``framerate`` of the tag ``<Video>``, which is 24 where nobody sets it, whatever the video has. The export does not
hold that number; it is the task's own ``fps`` or ``framerate``, where tasks have one, and else must be given.
"""

import math
import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from amclip.data.formats import strict_json
from amclip.data.formats.label_format import BoutReader, LabelFormat, Noted, Reading
from amclip.data.formats.spans import frame_span, video_timeline
from amclip.data.intervals import Bout, Timeline
from amclip.data.label_error import LabelError, raise_together

__all__ = ["FORMAT", "matches", "read"]

_LABELS = "timelinelabels"
_RATES = ("fps", "framerate", "frame_rate")
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?P<name>.+)")  # Label Studio's own prefix of files that were uploaded
_OPTIONS = "--data.source.label_fps; amclip suggest, evaluate: --label_fps; amclip convert: --fps"


def matches(text: str) -> bool:
    """Whether it is JSON of tasks with labels on a timeline."""
    start = text.lstrip()[:1]
    if start not in ("[", "{"):
        return False
    labelled = f'"{_LABELS}"' in text and '"ranges"' in text
    return labelled or all(f'"{key}"' in text for key in ("annotations", "result", "from_name", "to_name"))


def read(text: str, source: str, reading: Reading) -> Noted:
    """Time lines, a task each.

    Raises:
        LabelError: If the export cannot be used; names the task and the key.
    """
    content = strict_json.load(text, source)
    tasks = content if isinstance(content, list) else [content]
    timelines, errors = [], []
    names: dict[str, str] = {}
    for number, task in enumerate(tasks):
        where = f"[{number}]"
        try:
            timeline = _timeline(task, where, source, reading)
            if timeline is None:
                continue
            other = names.setdefault(timeline.video, where)
            if other != where:
                raise LabelError(
                    f"task {where}: is of {timeline.video}, as is {other}; keep one", source, column="data"
                )
            timelines.append(timeline)
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    if f'"{_LABELS}"' not in text:
        reason = "holds no labels on a timeline (<TimelineLabels>): boxes, choices and other results are no behaviours"
        raise LabelError(f"{reason} that begin and end", source, column=_LABELS)
    return Noted(timelines, None, _LABELS)


def _timeline(task: Any, where: str, source: str, reading: Reading) -> Timeline | None:
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        reason = f"task {where}: expected {{'data': …, 'annotations': […]}}; export as JSON, not as JSON-MIN"
        raise LabelError(reason, source, column="data")
    annotations = task.get("annotations")
    if not isinstance(annotations, list):
        reason = f"task {where}: has no list of annotations; export as JSON, not as JSON-MIN"
        raise LabelError(reason, source, column="annotations")
    made = [
        (f"{where}.annotations[{place}]", one)
        for place, one in enumerate(annotations)
        if not (isinstance(one, dict) and one.get("was_cancelled"))
    ]
    if not made:
        return None
    if len(made) > 1:
        who = " and ".join(str(one.get("completed_by")) for _, one in made if isinstance(one, dict))
        reason = f"task {where}: has {len(made)} annotations (by {who}); two opinions are not made one. Export one"
        raise LabelError(reason, source, column="annotations")
    place, annotation = made[0]
    results = annotation.get("result") if isinstance(annotation, dict) else None
    if not isinstance(results, list):
        raise LabelError(f"task {place}: has no list of results", source, column="result")
    video = _video(task["data"], results, where, source, reading)
    bouts, errors = [], []
    rate: float | None = None
    for index, result in enumerate(results):
        if not isinstance(result, dict) or not isinstance(result.get("value"), dict) or _LABELS not in result["value"]:
            continue  # boxes, choices and the like
        try:
            rate = _rate(task["data"], where, source, reading) if rate is None else rate
            bouts += _bouts(result["value"], rate, f"{place}.result[{index}]", source)
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    return video_timeline(video, bouts, reading, source, fps=rate)


def _rate(data: dict[str, Any], where: str, source: str, reading: Reading) -> float:
    """Frames per second by which Label Studio counts."""
    for key in _RATES:
        if key in data:
            try:
                rate = float(data[key])
            except (TypeError, ValueError):
                rate = math.nan
            if not 0 < rate < math.inf:
                raise LabelError(
                    f"task {where}: {data[key]!r} is not a number of frames per second", source, column=key
                )
            return rate
    if reading.clock.fps is not None:
        return reading.clock.fps
    raise LabelError(
        f"task {where}: frames are counted by the framerate of Label Studio's <Video> tag (24 where it is not set), "
        f"which the export does not hold: say it ({_OPTIONS})",
        source,
        column="data",
    )


def _bouts(value: dict[str, Any], rate: float, where: str, source: str) -> list[Bout]:
    names, ranges = value[_LABELS], value.get("ranges")
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise LabelError(f"task {where}: {names!r:.80} is no list of labels", source, column=_LABELS)
    if not isinstance(ranges, list):
        raise LabelError(f"task {where}: {ranges!r:.80} is no list of ranges", source, column="ranges")
    bouts = []
    for one in ranges:
        ends = [
            float(end)
            for end in ([one.get(key) for key in ("start", "end")] if isinstance(one, dict) else [])
            if isinstance(end, int | float) and not isinstance(end, bool)
        ]
        if len(ends) != 2:
            raise LabelError(f"task {where}: {one!r:.80} is no range of frames", source, column="ranges")
        try:
            start, stop = frame_span(ends[0], ends[1] + 1, source, None, 1, ("start", "end"))
        except LabelError as error:
            raise LabelError(f"task {where}: {error.reason}", source, column=error.column) from None
        bouts += [Bout(start / rate, stop / rate, name.strip()) for name in names]
    return bouts


def _video(data: dict[str, Any], results: list[Any], where: str, source: str, reading: Reading) -> str:
    """The name of a task's video: what ``data`` has for the tag that is labelled, or the only text that is a path."""
    tags = {str(result.get("to_name")) for result in results if isinstance(result, dict)} & set(data)
    keys = sorted(tags) or [key for key in ("video", "video_url", "url") if key in data]
    keys = keys or [key for key, value in data.items() if isinstance(value, str) and "/" in value]
    said = data.get(keys[0]) if len(keys) >= 1 else None
    if not isinstance(said, str) or not said.strip():
        raise LabelError(f"task {where}: names no video", source, column="data")
    parts = urlsplit(said.strip())
    local = parse_qs(parts.query).get("d", [])  # /data/local-files/?d=videos/a.mp4
    path = unquote(local[0] if local else parts.path).replace("\\", "/")
    name = path if local else PurePosixPath(path).name
    if "/upload/" in path and reading.clock.path(name) is None and (own := _UPLOADED.fullmatch(name)):
        return own["name"]
    return name


FORMAT = LabelFormat("label-studio", "an export of Label Studio", BoutReader(matches, read, in_sheets=False), None)
