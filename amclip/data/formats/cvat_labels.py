"""CVAT's XML 1.1: behaviours as attributes of tracks that change, or as tags of frames.

Of an export for video, the attributes that the task calls mutable are read: a choice or a text is the name of the
behaviour, a tick, or a choice of yes and no, the attribute's own. A value holds up to the next box of the track that
stands in the file. The animal is the track, by its number, or by its attribute ``subject``. Of an export for images,
tags are behaviours of their frame, of nobody in particular; CVAT leaves them out of exports for video. Of a task with
every n-th frame they hold for n frames; of what has no image nothing is known. Frames count from 0.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from amclip.data.formats.label_format import BoutReader, LabelFormat, Noted, Reading
from amclip.data.formats.spans import video_timeline
from amclip.data.formats.values import behaviour_of
from amclip.data.intervals import Bout
from amclip.data.label_error import LabelError, raise_together
from amclip.data.xml_tree import Element, parse_tree
from amclip.text import counted

__all__ = ["FORMAT", "matches", "read"]

_BEGINNING = 1 << 16  # characters that hold the root's name, whatever comments come before it
_UNDEFINED = "__undefined__"  # as CVAT writes a choice that nobody made
_SUBJECT = "subject"
_LAST = 50_000_000  # frames
_STEP = re.compile(r"step\s*=\s*(\d{1,6})")

_Held = tuple[int, int, str, str, int]  # first frame, the one behind the last, behaviour, animal, line


def matches(text: str) -> bool:
    """Whether it is XML with CVAT's root."""
    return text.lstrip("\ufeff \t\r\n").startswith("<") and "<annotations" in text[:_BEGINNING]


def read(text: str, source: str, reading: Reading) -> Noted:
    """The time line of the task's video.

    Raises:
        LabelError: If the file is not as CVAT writes it, or holds no behaviour; names the line.
    """
    root = parse_tree(text, source)
    if root.name != "annotations":
        raise LabelError(f"begins with <{root.name}>; CVAT's begins with <annotations>", source, root.line)
    meta = next(root.all("meta"), root)
    tasks = [*meta.all("task"), *meta.all("job"), *meta.all("project", "tasks", "task")]
    if len(tasks) > 1:
        raise LabelError(f"holds {len(tasks)} tasks; export each by itself", source, tasks[1].line)
    task = tasks[0] if tasks else meta
    first, last = (_frame_of(task, name, source) for name in ("start_frame", "stop_frame"))
    tracks, images = [*root.all("track")], [*root.all("image")]
    held: list[_Held] = []
    subjects: set[str] = set()
    errors: list[LabelError] = []
    mutable = _mutable(task, meta)
    for track in tracks:
        try:
            subject = _subject(track, source)
            subjects.add(subject)
            held += _of_track(track, subject, mutable, last, source)
        except LabelError as error:
            errors.append(error)
    step = _step(task)
    for image in images:
        try:
            held += _of_image(image, step, source)
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    if not held:
        raise LabelError(f"holds no behaviour: {_why_none(len(tracks), len(images))}", source)
    numbers = [_frame(image, "id", source) for image in images]
    last = max(numbers, default=last)
    if last is not None and last >= _LAST:
        raise LabelError(f"ends at frame {last}, which no video has", source, task.line)
    video = _video(meta, task, source, reading)
    ends = [stop for _, stop, *_ in held] + ([] if last is None else [last + (step if numbers else 1)])
    if numbers and reading.clock.path(video) is not None:  # it may end before the last step does
        ends = [start + 1 for start in (*numbers, *(one[0] for one in held))]
    until = max(ends)
    edges = reading.clock.until(video, until, source)
    count = len(edges) - 1
    watched = [(float(edges[number]), float(edges[min(number + step, count)])) for number in numbers] or None
    if not numbers and first is not None and last is not None:
        watched = [(float(edges[first]), float(edges[last + 1]))]
    bouts = [
        Bout(float(edges[start]), float(edges[min(stop, count)]), name, line, subject)
        for start, stop, name, subject, line in held
    ]
    timeline = video_timeline(
        video, bouts, reading, source, end=float(edges[-1]), subjects=subjects, watched=watched, fps=reading.clock.fps
    )
    return Noted([timeline], None, "attribute")


def _why_none(tracks: int, images: int) -> str:
    """Why a file holds no behaviour, and which export would, in words."""
    if not tracks and not images:
        return "it has neither tracks nor images; is the task without annotations?"
    of_frames = "are tags, in an export as 'CVAT for images 1.1'"
    if not tracks:
        return (
            f"it has {counted(images, 'image')} without a tag, and no track. Behaviours of frames {of_frames}; those "
            "of an animal are attributes of its track that change, in an export as 'CVAT for video 1.1'"
        )
    return (
        f"it has {counted(tracks, 'track')}, and no attribute of one that changes ('mutable' in the task's labels) is "
        f"set; behaviours of frames {of_frames}. Tracks alone are given as data.source.tracks"
    )


def _frame_of(task: Element, name: str, source: str) -> int | None:
    said = next(task.all(name), None)
    if said is None or not said.said:
        return None
    if not said.said.isdecimal():
        raise LabelError(f"{said.said!r} is not the number of a frame", source, said.line, name)
    return int(said.said)


def _frame(one: Element, name: str, source: str) -> int:
    said = one.cell(name, source)
    if not (said.isdecimal() and said.isascii() and int(said) < _LAST):
        raise LabelError(f"{said!r} is not the number of a frame, from 0", source, one.line, name)
    return int(said)


def _mutable(task: Element, meta: Element) -> set[str] | None:
    """Names of attributes that change from frame to frame; ``None`` where the file does not list any."""
    listed = [*task.all("labels", "label", "attributes", "attribute")]
    listed += meta.all("project", "labels", "label", "attributes", "attribute")
    if not listed:
        return None
    return {one.text("name") for one in listed if one.text("mutable").lower() == "true"}


def _subject(track: Element, source: str) -> str:
    named = {one.said for one in _attributes(track) if one.cells.get("name", "").lower() == _SUBJECT and one.said}
    if len(named) > 1:
        reason = f"the track has the names {', '.join(sorted(named))} in its attribute {_SUBJECT!r}"
        raise LabelError(reason, source, track.line)
    return named.pop() if named else track.cell("id", source)


def _attributes(track: Element) -> Iterator[Element]:
    for shape in track.inside:
        yield from shape.all("attribute")


def _of_track(track: Element, subject: str, mutable: set[str] | None, last: int | None, source: str) -> list[_Held]:
    """What a track shows, from each box up to the next; after the last, if it has key frames alone, up to the end."""
    shapes = [shape for shape in track.inside if "frame" in shape.cells]
    listed = sorted(((_frame(shape, "frame", source), shape) for shape in shapes), key=lambda one: one[0])
    for (before, _), (frame, shape) in pairwise(listed):
        if before == frame:
            raise LabelError(f"the track has two boxes in frame {frame}; keep one", source, shape.line, "frame")
    only_keys = all(shape.cells.get("keyframe", "1") != "0" for _, shape in listed)
    held: list[_Held] = []
    for place, (frame, shape) in enumerate(listed):
        outside = shape.cells.get("outside", "0")
        if outside not in ("0", "1"):
            raise LabelError(f"{outside!r} is neither 0 nor 1", source, shape.line, "outside")
        if place + 1 < len(listed):
            stop = listed[place + 1][0]
        else:
            stop = last + 1 if only_keys and last is not None and last >= frame else frame + 1
        shown = {} if outside == "1" else {one.cells.get("name", ""): one.said for one in shape.all("attribute")}
        for name, said in shown.items():
            if name.lower() == _SUBJECT or said.lower() == _UNDEFINED or (mutable is not None and name not in mutable):
                continue
            if not (behaviour := behaviour_of(name, said)):
                continue
            if held and (own := _same(held, frame, behaviour)) is not None:
                held[own] = (held[own][0], stop, *held[own][2:])
            else:
                held.append((frame, stop, behaviour, subject, shape.line))
    return held


def _same(held: list[_Held], frame: int, behaviour: str) -> int | None:
    """The place of a behaviour that holds up to a frame, among the last ones."""
    for place in range(len(held) - 1, max(-1, len(held) - 33), -1):
        if held[place][1] == frame and held[place][2] == behaviour:
            return place
    return None


def _step(task: Element) -> int:
    """How many frames an image stands for."""
    said = _STEP.search(task.text("frame_filter"))
    return max(1, int(said[1])) if said else 1


def _of_image(image: Element, step: int, source: str) -> list[_Held]:
    frame = _frame(image, "id", source)
    return [(frame, frame + step, tag.cell("label", source), "", tag.line) for tag in image.all("tag")]


def _video(meta: Element, task: Element, source: str, reading: Reading) -> str:
    """The video's name; that of the file where it names none."""
    return task.text("source") or meta.text("source") or reading.named_after(source)


FORMAT = LabelFormat("cvat", "CVAT's annotations", BoutReader(matches, read, in_sheets=False), None)
