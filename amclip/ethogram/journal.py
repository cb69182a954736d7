"""Progress on disk: the scores of each video so far, so that a run that ended anyhow can go on.

One file per video, whatever animals are in it: they are scored in one pass, so a run that goes on decodes nothing for
one of them alone. It begins with a line of JSON that says what was scored and how; blocks of rows follow, each with its
length and a checksum in front. What a crash or a power cut left half written does not fit its checksum and is cut
off. Whole blocks are valid for good: a run that goes on takes them as they are.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from amclip.atomic import write_bytes
from amclip.data.video_file import VideoError
from amclip.ethogram.extent import Extent
from amclip.ethogram.row_plan import RowPlan, looked_at
from amclip.ethogram.scores import Presence, WindowScores

__all__ = [
    "Journal",
    "JournalHeader",
    "NotedPresence",
    "file_state",
    "is_finished",
    "journal_path",
    "noted_presence",
    "read_scores",
]

_HEAD = struct.Struct("<4sII")  # mark, bytes of rows, CRC-32 of the rows
_MARK = b"rows"
_FORMAT = 2


NotedPresence = tuple[tuple[int, int, float, float], ...]
"""When an animal is in the picture, as far as windows look at it: of each stretch the first frame, the frame after the
last, and both in seconds."""


@dataclass(frozen=True)
class JournalHeader:
    """What a journal is about; a journal with another header is another video's, or was made otherwise.

    Attributes:
        path: The video, absolute.
        state: Size in bytes and time of change in nanoseconds.
        fingerprint: Everything that decides the scores, such as the checkpoint's digest, the window and the hop.
        classes: Names of the behaviours.
        rows: How many there are: windows, or those of all animals together.
        extent: How far the video goes.
        subjects: Names of the animals; one without a name is the whole scene.
        present: When each animal is in the picture; ``None`` for the whole scene.
        decoder: What decoded the frames: pixels differ a little, so a video has one.
    """

    path: str
    state: tuple[int, int]
    fingerprint: dict[str, Any]
    classes: tuple[str, ...]
    rows: int
    extent: Extent
    subjects: tuple[str, ...] = ("",)
    present: tuple[NotedPresence, ...] | None = None
    decoder: str = "cpu"

    def line(self) -> bytes:
        """As the first line of a file."""
        return json.dumps({"format": _FORMAT, **dataclasses.asdict(self)}).encode() + b"\n"


class Journal:
    """The journal of one video, open for adding rows; a context manager.

    Args:
        path: Its file. One that has this very header is taken up, anything else begun anew.
        header: What it is about.

    Raises:
        OSError: If the file cannot be written.
    """

    def __init__(self, path: Path, header: JournalHeader) -> None:
        self.path, self.header = path, header
        line = header.line()
        rows, end = _read(path, line)
        if rows is None:
            write_bytes(path, line)
            rows, end = np.empty(0, _row_type(len(header.classes))), len(line)
        self.rows = len(rows)
        """Rows scored so far."""
        self._file: IO[bytes] = path.open("r+b")
        self._file.truncate(end)
        self._file.seek(end)
        self._pending: list[NDArray[Any]] = []

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Whatever ended the run, what was scored stays; where the disk is full, the first error is the one to see.
        with contextlib.suppress(OSError) if kind is not None else contextlib.nullcontext():
            try:
                self.sync()
            finally:
                self._file.close()

    def add(self, plan: RowPlan, probabilities: NDArray[np.float32]) -> None:
        """Take in the scores of the next rows, float32 ``[n, C]``; :meth:`sync` brings them to the disk."""
        rows = np.empty(len(probabilities), _row_type(len(self.header.classes)))
        here = slice(self.rows, self.rows + len(rows))
        for name in ("start_frame", "stop_frame", "start", "stop"):
            rows[name] = getattr(plan.windows, name)[plan.window[here]]
        rows["subject"] = plan.subject[here]
        rows["probabilities"] = probabilities
        self._pending.append(rows)
        self.rows += len(rows)

    def sync(self) -> None:
        """Bring the rows to the disk; returns when they lie there."""
        content = b"".join(rows.tobytes() for rows in self._pending)
        self._pending = []  # before they are written: rows that are cut short are scored again, none comes twice
        if content:
            self._file.write(_HEAD.pack(_MARK, len(content), zlib.crc32(content)) + content)
            self._file.flush()
            os.fsync(self._file.fileno())


def read_scores(path: Path, name: str, video: Path, fingerprint: dict[str, Any]) -> list[WindowScores]:
    """The scores that a journal holds.

    Args:
        path: Its file.
        name: The video as tables shall name it.
        video: The video.
        fingerprint: How its scores shall have been made.

    Returns:
        All windows of each animal, or of the whole scene; nothing where there are none, or they are of a file that was
        there before, or were made otherwise. Where there are fewer rows than the video has, the scores end with the
        window of the last of them, as if the video did; an animal is then in the picture where its own rows look.
    """
    header, rows = _load(path, video, fingerprint)
    whole = header is not None and len(rows) == header.rows
    if header is None or not (len(rows) or (whole and header.present is not None)):
        return []
    extent = header.extent
    if not whole:
        frames, duration = int(rows["stop_frame"].max()), float(rows["stop"].max())
        extent = dataclasses.replace(extent, num_frames=frames, duration=duration)
    found = []
    for number, subject in enumerate(header.subjects):
        mine = rows[rows["subject"] == number]
        presence = None if header.present is None else _until(header.present[number], extent, mine)
        found.append(
            WindowScores(
                video=name,
                classes=header.classes,
                start_frame=mine["start_frame"],
                stop_frame=mine["stop_frame"],
                start=mine["start"],
                stop=mine["stop"],
                probabilities=mine["probabilities"],
                extent=extent,
                subject=subject,
                present=None if presence is None else tuple((start, stop) for _, _, start, stop in presence),
                present_frames=None if presence is None else tuple((first, stop) for first, stop, _, _ in presence),
            )
        )
    return found


def _until(presence: NotedPresence, extent: Extent, rows: NDArray[Any]) -> NotedPresence:
    """What lies within so many frames and seconds, and some row looks at."""
    num_frames, duration = extent.num_frames, extent.duration
    return tuple(
        (first, min(last, num_frames), start, min(stop, duration))
        for first, last, start, stop in presence
        if first < num_frames and start < duration and looked_at(first, last, rows["start_frame"], rows["stop_frame"])
    )


def is_finished(path: Path, video: Path, fingerprint: dict[str, Any]) -> bool:
    """Whether a journal holds all windows of a video as it is now, made so."""
    header, rows = _load(path, video, fingerprint)
    return header is not None and len(rows) == header.rows


def noted_presence(presence: Iterable[Presence]) -> NotedPresence:
    """When an animal is in the picture, as a journal notes it."""
    return tuple((one.start_frame, one.stop_frame, one.start, one.stop) for one in presence)


def file_state(video: Path) -> tuple[int, int]:
    """Size in bytes and time of change in nanoseconds: a copy that goes on, or another file, has others.

    Raises:
        VideoError: If it is gone.
    """
    try:
        status = video.stat()
    except OSError as error:
        raise VideoError(video, f"cannot be read: {error.strerror}") from error
    return status.st_size, status.st_mtime_ns


def journal_path(folder: Path, video: Path) -> Path:
    """Where the journal of a video lies: a name for people, and a digest of its path, since names repeat."""
    digest = hashlib.sha256(os.fsencode(video)).hexdigest()[:12]
    return folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', video.stem)[:40]}-{digest}.scores"


def _load(path: Path, video: Path, fingerprint: dict[str, Any]) -> tuple[JournalHeader | None, NDArray[Any]]:
    """Header and rows of a journal; no header where it is not of this very video, made so."""
    nothing = np.empty(0, _row_type(0))
    try:
        with path.open("rb") as file:
            line = file.readline()
        content = json.loads(line)
        if content.pop("format") != _FORMAT:
            return None, nothing
        lists = {name: tuple(content[name]) for name in ("classes", "state", "subjects")}
        present = content["present"]
        if present is not None:
            present = tuple(tuple(tuple(stretch) for stretch in one) for one in present)
        header = JournalHeader(**{**content, **lists, "present": present, "extent": Extent(**content["extent"])})
        if header.fingerprint != fingerprint or header.state != file_state(video):
            return None, nothing
    except (FileNotFoundError, VideoError, ValueError, KeyError, TypeError, AttributeError):
        return None, nothing
    rows = _read(path, line)[0]
    return (None, nothing) if rows is None else (header, rows)


def _row_type(classes: int) -> np.dtype[Any]:
    times = [("start_frame", "<i8"), ("stop_frame", "<i8"), ("start", "<f8"), ("stop", "<f8")]
    return np.dtype([*times, ("subject", "<i8"), ("probabilities", "<f4", (classes,))])


def _read(path: Path, line: bytes) -> tuple[NDArray[Any] | None, int]:
    """All rows of a journal that begins with ``line``, and where the last whole block ends; None if it does not."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None, 0
    with file:
        if file.read(len(line)) != line:
            return None, 0
        kind = _row_type(len(json.loads(line)["classes"]))
        blocks, end = [np.empty(0, kind)], len(line)
        for block in _blocks(file):
            if len(block) % kind.itemsize:
                break
            blocks.append(np.frombuffer(block, kind))
            end += _HEAD.size + len(block)
    return np.concatenate(blocks), end


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Blocks up to the first that is not whole."""
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        mark, length, checksum = _HEAD.unpack(head)
        content = file.read(length) if mark == _MARK else b""
        if not content or len(content) < length or zlib.crc32(content) != checksum:
            return
        yield content
