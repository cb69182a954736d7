"""VIA 3 (VGG's video annotator): a project with segments of time, in seconds.

Values of a segment's attributes are behaviours, by the names of their options; ticks may be several. Of a choice of
yes and no the behaviour is the attribute's name. Of an attribute ``subject`` they are the animal instead. A segment of
one time is an event without duration; regions of the image, and what is said of whole files, are passed over.
"""

import math
from pathlib import PurePosixPath
from typing import Any

from amclip.data.formats import strict_json
from amclip.data.formats.label_format import BoutReader, LabelFormat, Noted, Reading
from amclip.data.formats.spans import checked_span, video_timeline
from amclip.data.formats.values import behaviour_of
from amclip.data.intervals import Bout
from amclip.data.label_error import LabelError, raise_together

__all__ = ["FORMAT", "matches", "read"]

_KEYS = ("project", "attribute", "file", "view", "metadata")
_SUBJECT = "subject"
_CHECKBOX = 2  # type of an attribute with several values, separated by commas
_VIDEO = 4  # type of a file


def matches(text: str) -> bool:
    """Whether it is JSON with the parts of a project of VIA 3."""
    return text.lstrip().startswith("{") and all(f'"{key}"' in text for key in ("vid_list", *_KEYS))


class _Project:
    """The parts of a project, and where a segment stands in the text."""

    def __init__(self, text: str, source: str) -> None:
        self.text, self.source = text, source
        content = strict_json.load(text, source)
        for key in _KEYS:
            if not isinstance(content.get(key), dict):
                raise LabelError(f"expected {{id: …}}, got {content.get(key)!r:.80}", source, column=key)
        self.attributes, self.files, self.views, self.segments = (
            content[key] for key in ("attribute", "file", "view", "metadata")
        )

    def line(self, key: str) -> int:
        """The line of a segment."""
        return self.text.count("\n", 0, max(self.text.find(f'"{key}"', self.text.find('"metadata"')), 0)) + 1

    def video(self, vid: str, line: int) -> str | None:
        """Name of a view's video, of several the first; ``None`` where it shows none."""
        view = self.views.get(vid)
        files = view.get("fid_list") if isinstance(view, dict) else None
        if not isinstance(files, list) or not files:
            raise LabelError(f"there is no view {vid!r}", self.source, line, "vid")
        file = self.files.get(str(files[0]))
        if not isinstance(file, dict):
            raise LabelError(f"there is no file {files[0]!r}", self.source, line, "fid_list")
        if file.get("type") != _VIDEO:
            return None
        name = str(file.get("fname") or PurePosixPath(str(file.get("src") or "")).name)
        if not name:
            raise LabelError(f"the file {files[0]!r} has no name", self.source, line, "fname")
        return name

    def values(self, key: str, said: Any, line: int) -> tuple[str, list[str]]:
        """An attribute's name, and what it says."""
        attribute = self.attributes.get(key)
        if not isinstance(attribute, dict) or not isinstance(said, str):
            reason = f"there is no attribute {key!r}" if not isinstance(attribute, dict) else f"{said!r:.80} is no text"
            raise LabelError(reason, self.source, line, "av")
        options = attribute.get("options") or {}
        parts = said.split(",") if attribute.get("type") == _CHECKBOX else [said]
        values = [str(options.get(part.strip(), part.strip())) for part in parts]
        return str(attribute.get("aname", key)), [value for value in values if value]


def read(text: str, source: str, reading: Reading) -> Noted:
    """Time lines, a video each.

    Raises:
        LabelError: If the project is not as VIA writes it; names the line, and the key as the column.
    """
    project = _Project(text, source)
    videos = {vid: project.video(vid, 1) for vid in project.views}
    bouts: dict[str, list[Bout]] = {name: [] for name in videos.values() if name is not None}
    if not bouts:
        raise LabelError("holds no video", source, column="file")
    errors = []
    for key, segment in project.segments.items():
        line = project.line(key)
        try:
            found = _bouts(project, segment, line)
            vid = str(segment.get("vid"))
            video = videos[vid] if vid in videos else project.video(vid, line)
            if video is not None:
                bouts[video] += found
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    return Noted([video_timeline(video, own, reading, source) for video, own in bouts.items()], None, "av")


def _bouts(project: _Project, segment: Any, line: int) -> list[Bout]:
    source = project.source
    if not isinstance(segment, dict) or not isinstance(segment.get("av"), dict):
        raise LabelError(f"expected a segment with 'z' and 'av', got {segment!r:.80}", source, line, "metadata")
    times = segment.get("z")
    if not isinstance(times, list) or not all(
        isinstance(time, int | float) and not isinstance(time, bool) and math.isfinite(time) for time in times
    ):
        raise LabelError(f"{times!r:.80} is no list of seconds", source, line, "z")
    if segment.get("xy") or not times:
        return []
    if len(times) > 2:
        raise LabelError(f"has {len(times)} times; segments have a start and an end", source, line, "z")
    start, stop = checked_span(times[0], times[-1], source, line, ("z", "z"))
    subject, behaviours = "", []
    for key, said in segment["av"].items():
        name, values = project.values(key, said, line)
        if name.lower() == _SUBJECT:
            subject = ", ".join(values)
        else:
            behaviours += [behaviour for value in values if (behaviour := behaviour_of(name, value))]
    return [Bout(start, stop, name, line, subject) for name in behaviours]


FORMAT = LabelFormat("via3", "a project of VIA 3", BoutReader(matches, read, in_sheets=False), None)
