"""Formats that note bouts or frames, as time lines: BORIS, DeepEthogram, FERAL."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from amclip.data.class_name_rules import unknown_class
from amclip.data.clock import Clock
from amclip.data.intervals import Timeline
from amclip.data.label_error import LabelError, raise_together
from amclip.data.readers import boris, boris_project, deepethogram, feral
from amclip.data.readers.files import WORKBOOK, file_bytes, file_text
from amclip.data.readers.observations import Observations, refuse_observations

__all__ = ["Noted", "folder_noted", "read_noted", "text_noted"]


@dataclass(frozen=True)
class Noted:
    """What a file of bouts or of frames says.

    Attributes:
        timelines: One per video.
        classes: Behaviours in the order of the file, where it has one.
        column: The column that names behaviours, for messages; ``None`` where each behaviour has its own.
    """

    timelines: list[Timeline]
    classes: list[str] | None
    column: str | None


def read_noted(path: str | os.PathLike[str], clock: Clock, observations: Observations | None = None) -> Noted | None:
    """Time lines as a format of bouts or frames has them, uncut; ``None`` for any other format, and for workbooks.

    Args:
        path: BORIS, DeepEthogram (a file or a folder of them), or FERAL.
        clock: See :func:`read_labels`.
        observations: See :func:`read_labels`.

    Raises:
        LabelError: If the file cannot be used.
    """
    if Path(path).is_dir():
        return folder_noted(Path(path), None, clock)
    if file_bytes(path)[:4] == WORKBOOK:
        return None
    found = text_noted(file_text(path, "surrogateescape"), os.fspath(path), None, clock, observations)
    if found is not None and observations is not None:
        observations.refuse_unused(os.fspath(path))
    return found


def text_noted(
    text: str,
    source: str,
    classes: Sequence[str] | None,
    clock: Clock,
    observations: Observations | None = None,
    video: str | None = None,
) -> Noted | None:
    """What a text says; ``None`` where it is in no such format.

    Args:
        text: The file's text.
        source: Its name, for messages.
        classes: The classes to use; a behaviour that is none of them is refused.
        clock: When the frames of the videos are shown.
        observations: Which of BORIS' observations are read.
        video: Of DeepEthogram's file, its video; default: by the file's name.

    Raises:
        LabelError: If the file cannot be used.
    """
    if boris_project.matches(text):
        noted = Noted(*boris_project.read(text, source, clock, observations), "events")
    elif boris.matches(text):
        noted = Noted(*boris.read(text, source, clock, observations), "Behavior")
    elif deepethogram.matches(text):
        refuse_observations(observations, source)
        noted = Noted(*deepethogram.read(text, source, clock, video), None)
    elif feral.matches(text):
        refuse_observations(observations, source)
        noted = Noted(*feral.read(text, source, clock), "class_names")
    else:
        return None
    if classes is not None:  # here the line that names a behaviour is still known; clips know their video's
        unknown = {
            (bout.label, bout.line or (timeline.line if noted.column is None else None)): None
            for timeline in noted.timelines
            for bout in sorted(timeline.bouts, key=lambda bout: bout.line or 0)
            if bout.label not in classes
        }
        errors = [
            LabelError(unknown_class(name, classes), source, line, noted.column or name) for name, line in unknown
        ]
        raise_together(errors)
    return noted


def folder_noted(folder: Path, classes: Sequence[str] | None, clock: Clock) -> Noted:
    """All DeepEthogram label files of a folder, as one.

    Raises:
        LabelError: If there is none, or one cannot be used.
    """
    source = str(folder)
    ends = (deepethogram.SUFFIX, deepethogram.PREDICTED)
    files = next(filter(None, (sorted(folder.rglob(f"*{end}.csv")) for end in ends)), [])
    if not files:
        raise LabelError(
            f"is a folder without label files of DeepEthogram (*{deepethogram.SUFFIX}.csv); give the table itself",
            source,
        )
    timelines: list[Timeline] = []
    errors: list[LabelError] = []
    found: list[str] | None = None
    for file in files:
        text = file_text(file)
        if not deepethogram.matches(text):
            raise LabelError("is no label file of DeepEthogram: its first behaviour is not 'background'", str(file), 1)
        video = (file.parent.relative_to(folder) / deepethogram.video_of(file.name)).as_posix()
        try:
            noted = text_noted(text, str(file), classes, clock, None, video)
        except LabelError as error:  # of one video; all others are still read
            errors += [error, *error.others]
            continue
        assert noted is not None, "matches() was true"
        if found is not None and noted.classes != found:
            raise LabelError(f"has the behaviours {noted.classes}, and the files before it {found}", str(file), 1)
        found = noted.classes
        timelines += [replace(timeline, line=None) for timeline in noted.timelines]
    raise_together(errors)
    return Noted(timelines, found, None)
