"""CVAT's XML 1.1 for video: a track per animal with a box per frame, or per key frame where other programs wrote it.

Edges in pixels of the image, whose top left corner is (0, 0); frames from 0.
"""

import math
import re
from itertools import pairwise

from amclip.data.formats.delimited import parse_number
from amclip.data.label_error import LabelError, raise_together
from amclip.data.tracks.building import LARGEST_FRAME, BoxRows, Edges, checked_box, checked_subject
from amclip.data.tracks.cvat_xml import Box, Dump, TrackElement, parse
from amclip.data.tracks.track_format import Found, TextReader, TrackFormat, TrackReading
from amclip.text import counted

__all__ = ["FORMAT", "matches", "read"]

_EDGES = ("xtl", "ytl", "xbr", "ybr")
_BEGINNING = 1 << 16  # characters that hold the root's name, whatever comments come before it
_STEP = re.compile(r"step\s*=\s*(\d+)")
_LONGEST_FILL = 10**6


def matches(text: str) -> bool:
    """Whether it is XML with CVAT's root."""
    return text.lstrip("\ufeff \t\r\n").startswith("<") and "<annotations" in text[:_BEGINNING]


def read(text: str, source: str, reading: TrackReading) -> Found:
    """Read the tracks.

    Between two boxes the animal is on the straight line, where the file lists key frames only, or where a task shows
    every n-th frame; where ``outside`` is set it is not there, whatever numbers stand beside it.

    Raises:
        LabelError: If the file is not as CVAT writes it; names the line.
    """
    dump = parse(text, source)
    if not dump.tracks:
        hint = "; does the task have annotations?"
        if dump.images:
            hint = f": it has {counted(dump.images, 'image')}; export the task of the video as 'CVAT for video 1.1'"
        raise LabelError(f"holds no track{hint}", source)
    boxes = [box for track in dump.tracks for box in track.boxes]
    only_keys = all(box.cells.get("keyframe", "1") != "0" for box in boxes)
    longest = _LONGEST_FILL if only_keys else _step(dump)
    found, errors, others, empty = BoxRows(source), [], 0, 0
    for track in dump.tracks:
        others += bool(track.others) and not track.boxes
        try:
            there = _listed(track, source)
            if not any(place for _, _, place in there):
                empty += bool(track.boxes)
                continue
            subject, video = _subject(track, source, reading), _video(track, dump)
            for frame, box, place in _filled(there, longest):
                found.add(video, subject, frame, place, box.line)
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    notes = []
    if others:
        notes.append(f"left out: {counted(others, 'track')} with shapes other than boxes")
    if empty:
        notes.append(f"left out: {counted(empty, 'track')} outside of the image in all frames")
    return Found(found.tracks(), notes=notes)


def _listed(track: TrackElement, source: str) -> list[tuple[int, Box, Edges | None]]:
    """Frame, element and edges of each box of a track by frame; no edges where the animal is not there."""
    listed = []
    for box in track.boxes:
        frame = _value(box, "frame", source)
        if not (frame == frame // 1 and 0 <= frame < LARGEST_FRAME):
            raise LabelError(f"{box.cells['frame']!r} is not the number of a frame, from 0", source, box.line, "frame")
        outside = box.cells.get("outside", "0")
        if outside not in ("0", "1"):
            raise LabelError(f"{outside!r} is neither 0 nor 1", source, box.line, "outside")
        listed.append((int(frame), box, None if outside == "1" else _edges(box, source)))
    listed.sort(key=lambda one: one[0])
    for (before, _, _), (frame, box, _) in pairwise(listed):
        if before == frame:
            raise LabelError(f"the track has two boxes in frame {frame}; keep one", source, box.line, "frame")
    return listed


def _value(box: Box, name: str, source: str) -> float:
    if name not in box.cells:
        raise LabelError(f"the box has no {name!r}", source, box.line, name)
    value = parse_number(box.cells[name].strip())
    if value is None:
        raise LabelError(f"{box.cells[name][:80]!r} is not a number", source, box.line, name)
    return value


def _edges(box: Box, source: str) -> Edges:
    """The box; of a turned one, which is written as it was before, that round its corners."""
    left, top, right, bottom = (_value(box, name, source) for name in _EDGES)
    edges = checked_box(left, top, right, bottom, source, box.line)
    if "rotation" not in box.cells:
        return edges
    angle = _value(box, "rotation", source)
    if not math.isfinite(angle):
        raise LabelError(f"{angle} is not an angle in degrees", source, box.line, "rotation")
    sine, cosine = abs(math.sin(math.radians(angle))), abs(math.cos(math.radians(angle)))
    width, height = right - left, bottom - top
    across, down = (width * cosine + height * sine) / 2, (width * sine + height * cosine) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return x - across, y - down, x + across, y + down


def _filled(listed: list[tuple[int, Box, Edges | None]], longest: int) -> list[tuple[int, Box, Edges]]:
    """All boxes, with those between two listed ones up to ``longest`` frames apart on the straight line.

    Up to the frame where the animal leaves its last box stays.
    """
    filled: list[tuple[int, Box, Edges]] = []
    for index, (frame, box, edges) in enumerate(listed):
        if edges is None:
            continue
        filled.append((frame, box, edges))
        if index + 1 == len(listed) or listed[index + 1][0] - frame > longest:
            continue
        later, _, after = listed[index + 1]
        for between in range(frame + 1, later):
            share = (between - frame) / (later - frame)
            a, b, c, d = (here + (there - here) * share for here, there in zip(edges, after or edges, strict=True))
            filled.append((between, box, (a, b, c, d)))
    return filled


def _step(dump: Dump) -> int:
    """Frames of the video from one frame of the task to the next."""
    found = [int(match.group(1)) for text in dump.meta.get("task/frame_filter", []) if (match := _STEP.search(text))]
    return max(1, *found) if found else 1


def _subject(track: TrackElement, source: str, reading: TrackReading) -> str:
    if reading.cvat_name is None:
        if "id" not in track.cells:
            raise LabelError("the track has no 'id'", source, track.line, "id")
        return checked_subject(track.cells["id"].strip(), source, track.line, "id")
    said = {box.attributes.get(reading.cvat_name, "") for box in track.boxes} - {""}
    if len(said) != 1:
        there = sorted({name for box in track.boxes for name in box.attributes})
        what = f"has the names {', '.join(sorted(said))}" if said else "has none"
        reason = (
            f"the track {what} in the attribute {reading.cvat_name!r}; its attributes are: {', '.join(there) or 'none'}"
        )
        raise LabelError(reason, source, track.line)
    return checked_subject(said.pop(), source, track.line, reading.cvat_name)


def _video(track: TrackElement, dump: Dump) -> str:
    """The video's name; of a dump of a project, that of the track's task."""
    names, ids = dump.meta.get("project/tasks/task/source", []), dump.meta.get("project/tasks/task/id", [])
    if len(names) == len(ids) and track.cells.get("task_id") in ids:
        return names[ids.index(track.cells["task_id"])]
    alone = dump.meta.get("task/source") or dump.meta.get("source") or []
    return alone[0] if len(alone) == 1 else ""


FORMAT = TrackFormat("CVAT's XML 1.1 for video", TextReader(matches, read))
