"""Frame lists in Charades' form, a line per image: Animal Kingdom's ``train.csv`` and ``val.csv``, KABR, BaboonLand.

``original_vido_id video_id frame_id path labels`` (the slip in the first name is in the published files), with blanks,
or with ``;``, commas or tabs; labels are numbers joined by commas, in quotes. The folder of a clip's images is its
video.
"""

import posixpath
import re
from collections.abc import Sequence
from itertools import pairwise

from amclip.data.intervals import Timeline
from amclip.data.readers.class_names import by_number
from amclip.data.readers.deepethogram import frame_bouts
from amclip.data.readers.delimited import find_header, rows
from amclip.data.table import Clip, LabelError, raise_together
from amclip.data.video import IMAGE_FOLDER_FPS

__all__ = ["matches", "read"]

_DELIMITERS = (" ", ";", "\t", ",")
_COLUMNS = ("original_vido_id", "video_id", "frame_id", "path", "labels")


def _is_header(cells: Sequence[str]) -> bool:
    return {"frame_id", "path"} <= set(cells) and bool({"original_vido_id", "original_video_id"} & set(cells))


def matches(text: str) -> bool:
    """Whether the first line that is not blank names the columns of a frame list."""
    return find_header(text, _is_header, _DELIMITERS, within=3) is not None


def read(text: str, source: str, classes: Sequence[str] | None, per_frame: bool) -> tuple[list[Clip], list[Timeline]]:
    """Clips, or time lines, from a list's text.

    Args:
        text: The file's text.
        source: Its name, for messages.
        classes: Names of the numbers; ``None`` keeps the numbers as names.
        per_frame: ``False`` gives a clip per folder with the labels of all its frames, as SlowFast scores them, and no
            time lines. ``True`` gives a time line per folder, at the rate that folders of images are taken to have.

    Raises:
        LabelError: If a row cannot be used.
    """
    found = find_header(text, _is_header, _DELIMITERS, within=3)
    assert found is not None, "matches() comes first"
    lines = rows(text, found[1], source, found[0])
    head_line, header = next(lines)
    column = {name.lower().replace("original_video_id", "original_vido_id"): i for i, name in enumerate(header)}
    for name in _COLUMNS:
        if name not in column:
            raise LabelError("the list has no such column", source, head_line, name)
    folders: dict[str, list[tuple[int, tuple[str, ...], int]]] = {}
    owner: dict[str, str] = {}
    errors = []
    for line, row in lines:
        try:
            if len(row) != len(header):
                hint = "; a path with blanks must be in quotes" if found[1] == " " and len(row) > len(header) else ""
                raise LabelError(f"has {len(row)} cells where the header has {len(header)}{hint}", source, line)
            path, name = row[column["path"]], row[column["original_vido_id"]]
            folder = posixpath.dirname(path.replace("\\", "/"))
            if not folder:
                raise LabelError(
                    f"{path!r} lies in no folder; a clip is the folder of its images", source, line, "path"
                )
            if owner.setdefault(folder, name) != name:
                raise LabelError(
                    f"the folder {folder} belongs to {owner[folder]!r} and to {name!r}",
                    source,
                    line,
                    "original_vido_id",
                )
            frame = row[column["frame_id"]]
            if not frame.isdecimal():
                raise LabelError(f"{frame!r} is not the number of a frame", source, line, "frame_id")
            numbers = [part for part in re.split(r"[,;\s]+", row[column["labels"]].strip('"')) if part]
            named = tuple(by_number(number, classes, source, line, "labels") for number in numbers)
            folders.setdefault(folder, []).append((int(frame), named, line))
        except LabelError as error:
            errors.append(error)
    for folder, frames in folders.items():
        frames.sort(key=lambda frame: frame[0])
        for before, after in pairwise(frames):
            if before[0] == after[0]:
                reason = f"frame {after[0]} of {folder} stands twice (first in line {before[2]})"
                errors.append(LabelError(reason, source, after[2], "frame_id"))
            elif per_frame and after[0] != before[0] + 1:
                reason = f"frames {before[0] + 1} to {after[0] - 1} of {folder} are missing; windows need them all"
                errors.append(LabelError(reason, source, after[2], "frame_id"))
    raise_together(errors)
    if per_frame:
        return [], [
            _timeline(folder, [frame[1] for frame in frames], frames[0][2]) for folder, frames in folders.items()
        ]
    return [
        Clip(folder, labels=tuple(dict.fromkeys(name for frame in frames for name in frame[1])), line=frames[0][2])
        for folder, frames in folders.items()
    ], []


def _timeline(folder: str, frames: Sequence[Sequence[str]], line: int) -> Timeline:
    names = dict.fromkeys(name for frame in frames for name in frame)
    bouts = [
        bout for name in names for bout in frame_bouts([name in frame for frame in frames], IMAGE_FOLDER_FPS, name)
    ]
    return Timeline(folder, tuple(bouts), len(frames) / IMAGE_FOLDER_FPS, IMAGE_FOLDER_FPS, line=line)
