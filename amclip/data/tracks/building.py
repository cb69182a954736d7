"""Tracks from boxes as files list them: in any order, some of which cannot be."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from amclip.data.class_name_rules import round_trips
from amclip.data.label_error import LabelError
from amclip.data.tracks.track import Track
from amclip.text import holds_control

__all__ = [
    "LARGEST_FRAME",
    "LARGEST_PIXEL",
    "BoxRows",
    "Edges",
    "checked_box",
    "checked_subject",
    "distinct_tracks",
    "joined",
]

LARGEST_FRAME = 10**9
"""No video has as many frames: at 1000 per second it would last eleven days."""
LARGEST_PIXEL = 10**6
"""No coordinate lies further out; numbers beyond are a slip, or another unit."""
Edges = tuple[float, float, float, float]
"""Left, top, right, bottom of a box in pixels."""


def checked_subject(name: str, source: str, line: int | None = None, column: str | None = None) -> str:
    """An animal's name that tables give back.

    Raises:
        LabelError: If it is empty, or tables would not keep it.
    """
    if not name.strip():
        raise LabelError("the animal has no name; name each", source, line, column)
    if holds_control(name) or not round_trips(name):
        raise LabelError(
            f"the animal's name {name!r} holds control characters, tabs, line breaks, or blanks at its ends, which "
            "tables do not keep; take another",
            source,
            line,
            column,
        )
    return name


def checked_box(
    left: float, top: float, right: float, bottom: float, source: str, line: int | None = None, where: str = ""
) -> Edges:
    """The same numbers, if they are a box.

    Args:
        left: Of the box, in pixels; likewise ``top``, ``right``, ``bottom``.
        top: See ``left``.
        right: See ``left``.
        bottom: See ``left``.
        source: Name of the file, for messages.
        line: Line in it.
        where: Place in it, in words, where a line does not say it.

    Raises:
        LabelError: If one is no number or far out, or the box ends before it begins.
    """
    box = (left, top, right, bottom)
    prefix = f"{where}: " if where else ""
    for value in box:
        if not abs(value) <= LARGEST_PIXEL:  # NaN is not either
            what = "is no number" if value != value else f"lies further out than {LARGEST_PIXEL:,}"
            raise LabelError(f"{prefix}the box {_text(box)} {what}; its unit is pixels", source, line)
    if right < left or bottom < top:
        raise LabelError(f"{prefix}the box {_text(box)} ends before it begins", source, line)
    return box


def _text(box: Sequence[float]) -> str:
    return "left {:.10g}, top {:.10g}, right {:.10g}, bottom {:.10g}".format(*box)


@dataclass
class _Rows:
    frames: list[int] = field(default_factory=list)
    boxes: list[Edges] = field(default_factory=list)
    places: list[int | str] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)
    blocks: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]] = field(default_factory=list)


class BoxRows:
    """Gathers the boxes of a file, in any order, into tracks.

    Args:
        source: Name of the file, for messages.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._rows: dict[tuple[str, str], _Rows] = {}

    def add(
        self,
        video: str,
        subject: str,
        frame: int,
        box: Edges,
        place: int | str,
        body_length: float | None = None,
    ) -> None:
        """Add a box; of the body lengths that an animal's rows say, the median counts.

        Args:
            video: Name of the video, ``""`` where the file names none.
            subject: The animal's name.
            frame: From 0.
            box: Left, top, right, bottom in pixels.
            place: Line of the file, or a place in words.
            body_length: In pixels, where the row says it.
        """
        rows = self._rows.setdefault((video, subject), _Rows())
        rows.frames.append(frame)
        rows.boxes.append(box)
        rows.places.append(place)
        if body_length is not None:
            rows.lengths.append(body_length)

    def add_block(
        self,
        video: str,
        subject: str,
        frames: NDArray[np.int64],
        boxes: NDArray[np.float64],
        lines: NDArray[np.int64],
        lengths: Sequence[float] = (),
    ) -> None:
        """Add boxes ``[n, 4]`` of one animal at once, with their frames and lines ``[n]``; else as :meth:`add`."""
        rows = self._rows.setdefault((video, subject), _Rows())
        rows.blocks.append((frames, boxes, lines))
        rows.lengths += lengths

    def tracks(self) -> list[tuple[str, Track]]:
        """A track per video and subject, in the order of the file.

        Raises:
            LabelError: If a subject has two boxes in one frame, or there is no box at all.
        """
        if not self._rows:
            raise LabelError("holds no box", self._source)
        return [(video, self._track(subject, video, rows)) for (video, subject), rows in self._rows.items()]

    def _track(self, subject: str, video: str, rows: _Rows) -> Track:
        parts = [np.array(rows.frames, np.int64)], [np.array(rows.boxes, np.float64).reshape(-1, 4)]
        places = list(rows.places)
        for block in rows.blocks:
            parts[0].append(block[0])
            parts[1].append(block[1])
            places += block[2].tolist()
        frames, boxes = np.concatenate(parts[0]), np.concatenate(parts[1])
        order = np.argsort(frames, kind="stable")
        twice = np.flatnonzero(np.diff(frames[order]) == 0)
        if len(twice):
            first, second = (places[order[at]] for at in (twice[0], twice[0] + 1))
            if isinstance(first, int) and isinstance(second, int):
                first, second = min(first, second), max(first, second)
            where = f" of {video}" if video else ""
            here = f"line {first}" if isinstance(first, int) else first
            reason = f"{subject!r} has two boxes in frame {frames[order[twice[0]]]}{where} (the first in {here})"
            reason += "; keep one, or give two animals two names"
            if isinstance(second, int):
                raise LabelError(reason, self._source, second)
            raise LabelError(f"{second}: {reason}", self._source)
        length = float(np.median(rows.lengths)) if rows.lengths else None
        place = places[0]
        origin = f"{self._source}, line {place}" if isinstance(place, int) else f"{self._source}, {place}"
        return Track(subject, frames[order], boxes[order], length, origin)


def distinct_tracks(tracks: Sequence[Track]) -> tuple[list[Track], list[str]]:
    """The tracks of a video, those whose name stands several times numbered: ``fly #1``, ``fly #2``; and a note of it.

    Tracks of one name may be one animal or two, which nobody but their author knows: each stays a track of its own.
    """
    names = [track.subject for track in tracks]
    found: list[Track] = []
    taken = set(names)
    for track, name in zip(tracks, names, strict=True):
        new, number = name, 0
        while names.count(name) > 1 and new in taken:
            number += 1
            new = f"{name} #{number}"
        taken.add(new)
        found.append(track if new == name else replace(track, subject=new))
    if len(set(names)) == len(names):
        return found, []
    return found, ["tracks of one name are numbered (#1, #2): the file does not say whether they are one animal"]


def joined(tracks: Sequence[Track], source: str) -> Track:
    """Tracks that are said to be of one animal as one: pieces of its path that a tracker gave names of their own.

    Its body length is the median of theirs, by their frames.

    Raises:
        LabelError: If two of them have a box in the same frame.
    """
    first = tracks[0]
    if len(tracks) == 1:
        return first
    frames = np.concatenate([track.frames for track in tracks])
    order = np.argsort(frames, kind="stable")
    twice = np.flatnonzero(np.diff(frames[order]) == 0)
    if len(twice):
        reason = (
            f"{first.subject!r} would have two boxes in frame {frames[order[twice[0]]]}: tracks that are given one name"
        )
        raise LabelError(f"{reason} must not be there at the same time", source)
    known = [(track.body_length, len(track.frames)) for track in tracks if track.body_length is not None]
    lengths = np.repeat(*map(np.array, zip(*known, strict=True))) if known else np.empty(0)
    length = float(np.median(lengths)) if len(lengths) else None
    boxes = np.concatenate([track.boxes for track in tracks])
    return Track(first.subject, frames[order], boxes[order], length, first.origin)
