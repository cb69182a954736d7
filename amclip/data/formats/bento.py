"""Bento's and MARS' annotations (``.annot``): channels, each with behaviours, each with its bouts.

Frames count from 1 and the last one is part of the bout. In seconds, as Bento in MATLAB writes them, they are the
frame's number by the rate; numbers without any fraction are the frames themselves. With several channels each is taken
for an animal.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from amclip.data.formats.delimited import lines_of, parse_number
from amclip.data.formats.label_format import BoutReader, Files, LabelFormat, Noted, Reading
from amclip.data.formats.spans import frame_span, video_timeline
from amclip.data.intervals import Bout
from amclip.data.label_error import LabelError, raise_together

__all__ = ["FORMAT", "matches", "read"]

_FIRST = "bento annotation file"
_MOVIES = re.compile(r"\S.*?\.\w{2,5}(?=\s|$)")
_HEAD = re.compile(
    r"(?P<key>movie file\(s\)|stimulus name|annotation [a-z ]+|list of channels|list of annotations):(?P<rest>.*)",
    re.IGNORECASE,
)
_CHANNEL = re.compile(r"(?P<name>.+?)-{3,}$")


def matches(text: str) -> bool:
    """Whether the first line is Bento's."""
    return text.lstrip()[: len(_FIRST)].lower() == _FIRST


@dataclass
class _File:
    """What a file holds, as text: its head by key with lines, channels, and rows of bouts with theirs."""

    head: dict[str, tuple[int, str]] = field(default_factory=dict)
    channels: list[str] = field(default_factory=list)
    behaviours: list[str] = field(default_factory=list)
    rows: list[tuple[int, str, str, list[str]]] = field(default_factory=list)  # line, channel, behaviour, cells


def read(text: str, source: str, reading: Reading) -> Noted:
    """The time line of the file's video, and the behaviours in the order of the file's list.

    Raises:
        LabelError: If the file is not as Bento writes it; names the line.
    """
    file = _taken_apart(text, source)
    rate = _rate(file, source)
    errors = []
    spans: list[tuple[int, int, int, str, str]] = []
    in_frames = not any("." in cell for *_, cells in file.rows for cell in cells[:2])
    for line, channel, behaviour, cells in file.rows:
        try:
            spans.append((*_span(cells, rate, in_frames, source, line), line, channel, behaviour))
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    looked_at = _looked_at(file, rate, source)
    video = _video(file, source, reading)
    last = max((stop for _, stop, *_ in spans), default=0)
    if looked_at is not None and reading.clock.path(video) is None:  # else the video says where it ends
        last = max(last, looked_at[1])
    edges = reading.clock.until(video, last, source, usual=rate)
    whose = {name: name if len(file.channels) > 1 else "" for name in file.channels}
    bouts = [
        Bout(float(edges[start]), float(edges[stop]), behaviour, line, whose[channel])
        for start, stop, line, channel, behaviour in spans
    ]
    watched = None
    if looked_at is not None:
        begin, until = (float(edges[min(frame, len(edges) - 1)]) for frame in looked_at)
        watched = [(begin, until)]
    end = float(edges[-1])
    timeline = video_timeline(
        video, bouts, reading, source, end=end, fps=rate, subjects=whose.values(), watched=watched
    )
    return Noted([timeline], file.behaviours, "behaviour")


def _taken_apart(text: str, source: str) -> _File:
    file, errors = _File(), []
    lines = enumerate((line.strip() for line in lines_of(text)), start=1)
    channel = behaviour = None
    for line, said in lines:
        if line == 1 or not said:
            continue
        try:
            if (head := _HEAD.fullmatch(said)) and channel is None:
                key = " ".join(head["key"].lower().split())
                if key in file.head:
                    raise LabelError(f"{head['key']!r} stands twice", source, line)
                file.head[key] = line, head["rest"].strip()
                if key.startswith("list of"):
                    names = file.channels if key.endswith("channels") else file.behaviours
                    _names(lines, names, source)
            elif said in (f"{name}{'-' * (len(said) - len(name))}" for name in file.channels) and said.endswith("---"):
                channel, behaviour = _CHANNEL.sub(r"\g<name>", said), None
            elif (other := _CHANNEL.fullmatch(said)) and parse_number(said.split()[0]) is None:
                raise LabelError(f"{other['name']!r} is none of the channels of the list", source, line, "channel")
            elif channel is None:
                raise LabelError(f"{said[:80]!r} stands before the first channel", source, line)
            elif said.startswith(">"):
                behaviour = said[1:].strip()
                if behaviour not in file.behaviours:
                    raise LabelError(f"{behaviour!r} is not in the list of annotations", source, line, "behaviour")
            elif said.lower().split()[:2] == ["start", "stop"]:
                continue
            elif behaviour is None:
                raise LabelError(f"{said[:80]!r} stands below no behaviour ('>name')", source, line)
            else:
                file.rows.append((line, channel, behaviour, said.split()))
        except LabelError as error:
            errors.append(error)
    if not file.channels:
        errors.append(LabelError("names no channel in its 'List of channels:'", source, column="List of channels"))
    raise_together(errors)
    return file


def _names(lines: Iterator[tuple[int, str]], names: list[str], source: str) -> None:
    """The lines of a list, up to a blank one."""
    for line, said in lines:
        if not said:
            return
        if said in names:
            raise LabelError(f"{said!r} stands twice in the list", source, line)
        names.append(said)


def _rate(file: _File, source: str) -> float:
    line, said = file.head.get("annotation framerate", (None, ""))
    rate = parse_number(said)
    if rate is None or not 0 < rate < 1e6:
        reason = f"{said!r} is not a number of frames per second" if said else "says no frames per second"
        raise LabelError(reason, source, line, "Annotation framerate")
    return rate


def _looked_at(file: _File, rate: float, source: str) -> tuple[int, int] | None:
    """The first frame of the part that was annotated, from 0, and the one behind its last."""
    found = []
    for end in ("start", "stop"):
        for unit, by in (("frame", 1.0), ("time", rate)):
            line, said = file.head.get(f"annotation {end} {unit}", (None, ""))
            if said:
                value = parse_number(said)
                if value is None or not 0 <= value * by < 5e7:
                    raise LabelError(f"{said!r} is not a number", source, line, f"Annotation {end} {unit}")
                found.append(round(value * by))
    if len(found) != 2 or found[1] < found[0]:
        return None
    return max(found[0] - 1, 0), found[1]


def _span(cells: list[str], rate: float, in_frames: bool, source: str, line: int) -> tuple[int, int]:
    if len(cells) not in (2, 3):
        raise LabelError(f"has {len(cells)} numbers where start, stop and duration should be", source, line)
    numbers = [parse_number(cell) for cell in cells[:2]]
    for value, cell, column in zip(numbers, cells, ("Start", "Stop"), strict=False):
        if value is None or value != value:
            raise LabelError(f"{cell[:80]!r} is not a number", source, line, column)
    start, stop = (value or 0.0 for value in numbers)
    if not in_frames:
        if not (0 <= start < 1e8 and 0 <= stop < 1e8):
            reason = f"from {start:.10g} to {stop:.10g} s is no part of a video"
            raise LabelError(reason, source, line, "Start" if not 0 <= start < 1e8 else "Stop")
        start, stop = float(round(start * rate)), float(round(stop * rate))
    return frame_span(max(start, 1.0) if not in_frames else start, stop + 1, source, line, 1, ("Start", "Stop"))


def _video(file: _File, source: str, reading: Reading) -> str:
    """The first of the movies that is there; else the one that is named as the file is, if that is there."""
    said = file.head.get("movie file(s)", (None, ""))[1].replace("\\", "/")
    own = reading.named_after(source)
    names = [*(movie.group() for movie in _MOVIES.finditer(said)), own]
    return next((name for name in names if reading.clock.path(name) is not None), names[0])


FORMAT = LabelFormat(
    "bento",
    "Bento's or MARS' annotations",
    BoutReader(matches, read, Files(("*.annot",)), in_sheets=False),
    None,
)
