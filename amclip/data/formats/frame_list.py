"""Frame lists in Charades' form, a line per image: Animal Kingdom's ``train.csv`` and ``val.csv``, KABR, BaboonLand.

``original_vido_id video_id frame_id path labels`` (the slip in the first name is in the published files), with blanks,
or with ``;``, commas or tabs; labels are numbers joined by commas, in quotes. The folder of a clip's images is its
video.
"""

import json
import posixpath
import re
import warnings
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path

import numpy as np

from amclip.data.clock import Clock
from amclip.data.formats.class_names import by_number
from amclip.data.formats.delimited import find_header, read_headed
from amclip.data.formats.frames import below_a_folder, frame_bouts, frame_values, one_name_each
from amclip.data.formats.label_format import ClipReader, LabelFormat, Reading, Writer
from amclip.data.formats.notes import gaps, moved, split_within, warn_of_lengths, without_suffix
from amclip.data.formats.origin import Writing
from amclip.data.formats.target_files import write_text
from amclip.data.image_folder import IMAGE_FOLDER_FPS
from amclip.data.intervals import Timeline, clips_of, timelines_of
from amclip.data.label_error import LabelError, raise_together
from amclip.data.split_names import SPLITS
from amclip.data.table import Clip, LabelTable, build_table
from amclip.text import counted

__all__ = ["FORMAT", "matches", "read", "write"]

_DELIMITERS = (" ", ";", "\t", ",")
_NO_SPLIT = "all"  # name of the list of videos without a split
_CLASSES = "classes.json"
_COLUMNS = ("original_vido_id", "video_id", "frame_id", "path", "labels")


def _is_header(cells: Sequence[str]) -> bool:
    return {"frame_id", "path"} <= set(cells) and bool({"original_vido_id", "original_video_id"} & set(cells))


def matches(text: str) -> bool:
    """Whether the first line that is not blank names the columns of a frame list."""
    return find_header(text, _is_header, _DELIMITERS, within=3) is not None


def read(text: str, source: str, reading: Reading) -> LabelTable:
    """Read a list from its text.

    A folder is one clip with the labels of all its frames, as SlowFast scores them; or it is cut, per frame or into
    windows. The times are then those of the video of that name, or of a folder of images, whose rate is also taken
    where neither is there and the clock has no other. Without classes the numbers are kept as names.

    Raises:
        LabelError: If a row cannot be used.
    """
    whole = not reading.per_frame and reading.windows is None
    folders = _folders(text, source, reading.classes, not whole)
    if whole:
        clips = [
            Clip(folder.name, labels=tuple(dict.fromkeys(chain.from_iterable(folder.labels))), line=folder.line)
            for folder in folders
        ]
    else:
        clips = clips_of(_timelines(folders, reading.clock, source), reading.windows, source)
    labels = {name for clip in clips for name in clip.labels or ()}
    found = sorted(labels, key=int) if reading.classes is None else None
    return build_table(clips, source, reading.classes, found)


def _folders(text: str, source: str, classes: Sequence[str] | None, need_all: bool) -> list["_Folder"]:
    """The rows by folder, each in the order of its frames, all of which must be there where they are needed."""
    _, delimiter, head_line, header, lines = read_headed(text, source, _is_header, _DELIMITERS, within=3)
    column = {name.lower().replace("original_video_id", "original_vido_id"): i for i, name in enumerate(header)}
    for name in _COLUMNS:
        if name not in column:
            raise LabelError("the list has no such column", source, head_line, name)
    video, frame, place, labels = (column[name] for name in ("original_vido_id", "frame_id", "path", "labels"))
    folders: dict[str, _Folder] = {}
    named: dict[str, tuple[str, ...]] = {}  # by the cell: millions of rows hold few different ones
    errors = []
    for line, row in lines:
        try:
            if len(row) != len(header):
                hint = "; a path with blanks must be in quotes" if delimiter == " " and len(row) > len(header) else ""
                raise LabelError(f"has {len(row)} cells where the header has {len(header)}{hint}", source, line)
            folder = folders.get(row[place].rpartition("/")[0])
            if folder is None or "\\" in row[place]:
                folder = _folder(row[place], row[video], line, folders, source)
            if folder.owner != row[video]:
                raise LabelError(
                    f"the folder {folder.name} belongs to {folder.owner!r} and to {row[video]!r}",
                    source,
                    line,
                    "original_vido_id",
                )
            if not row[frame].isdecimal() or len(row[frame]) > 18:  # 64 bits
                raise LabelError(f"{row[frame]!r} is not the number of a frame", source, line, "frame_id")
            cell = row[labels]
            if cell not in named:
                numbers = [part for part in re.split(r"[,;\s]+", cell.strip('"')) if part]
                named[cell] = tuple(by_number(number, classes, source, line, "labels") for number in numbers)
            folder.frames.append(int(row[frame]))
            folder.lines.append(line)
            folder.labels.append(named[cell])
        except LabelError as error:
            errors.append(error)
    for folder in folders.values():
        errors += folder.put_in_order(source, need_all)
    raise_together(errors)
    return list(folders.values())


def _timelines(folders: Sequence["_Folder"], clock: Clock, source: str) -> list[Timeline]:
    timelines, errors = [], []
    for folder in folders:
        try:
            timelines.append(_timeline(folder, clock, source))
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    _tell_late_starts([folder for folder in folders if clock.path(folder.name) is None], source)
    return timelines


def _tell_late_starts(folders: Iterable["_Folder"], source: str) -> None:
    """Times count from the folder's first image; a list that leaves out the first ones would be moved in silence."""
    late = [folder for folder in folders if min(folder.frames) > 1]
    if late:
        first = min(late[0].frames)
        warnings.warn(
            f"{source}: a later frame than 1 begins {counted(len(late), 'folder')}, for example {late[0].name} at "
            f"{first} (line {late[0].line}). That frame is taken for the folder's first image; where earlier images "
            f"are there, list them too, or windows come {first - 1} frames too early",
            stacklevel=2,
        )


@dataclass
class _Folder:
    """The rows of one folder: numbers of frames, lines of the file, and names; in arrays, as there are millions."""

    name: str
    owner: str
    line: int
    frames: "array[int]" = field(default_factory=lambda: array("q"))
    lines: "array[int]" = field(default_factory=lambda: array("q"))
    labels: list[tuple[str, ...]] = field(default_factory=list)

    def put_in_order(self, source: str, whole: bool) -> list[LabelError]:
        """Sort the rows by frame; says which frames stand twice and, where ``whole``, which are missing."""
        order = range(len(self.frames))
        if any(after <= before for before, after in pairwise(self.frames)):
            order = sorted(order, key=self.frames.__getitem__)  # type: ignore[assignment]
            self.labels = [self.labels[index] for index in order]
            self.line = self.lines[order[0]]
        errors = []
        for index, following in pairwise(order):
            before, after = self.frames[index], self.frames[following]
            if before == after:
                reason = f"frame {after} of {self.name} stands twice (first in line {self.lines[index]})"
            elif whole and after != before + 1:
                reason = f"frames {before + 1} to {after - 1} of {self.name} are missing; windows need them all"
            else:
                continue
            errors.append(LabelError(reason, source, self.lines[following], "frame_id"))
        return errors


def _folder(path: str, owner: str, line: int, folders: dict[str, _Folder], source: str) -> _Folder:
    """The folder of an image, entered on first sight."""
    name = posixpath.dirname(path.replace("\\", "/"))
    if not name:
        raise LabelError(f"{path!r} lies in no folder; a clip is the folder of its images", source, line, "path")
    if name not in folders:
        folders[name] = _Folder(name, owner, line)
    return folders[name]


def _timeline(folder: _Folder, clock: Clock, source: str) -> Timeline:
    count = len(folder.frames)
    edges = clock.edges(folder.name, count, source, folder.line, IMAGE_FOLDER_FPS)
    names = dict.fromkeys(name for frame in folder.labels for name in frame)
    bouts = [bout for name in names for bout in frame_bouts([name in frame for frame in folder.labels], edges, name)]
    end = float(edges[-1])
    return Timeline(folder.name, tuple(bouts), end, count / end, line=folder.line)


def write(table: LabelTable, target: Path, writing: Writing) -> list[str]:
    """Charades' form, as Animal Kingdom, KABR and BaboonLand have it: a folder with a list per split and classes.

    Frame n of ``VIDEO.mp4``, counted from 1, is the image ``VIDEO/n.jpg``. Videos without a split are in ``all.csv``.
    """
    timelines = timelines_of(table)
    one_name_each(table, "folder of images")
    below_a_folder(table, "folders of images")
    for video in table.videos():
        if any(letter.isspace() or letter == '"' for letter in video):
            raise LabelError(f"{video!r}: a frame list is split at blanks; rename the video", table.source)
    lists: dict[str, list[str]] = {}
    off = 0
    for number, timeline in enumerate(timelines):
        frames, between = frame_values(timeline, table.classes, writing.clock, table.source)
        off += between
        rows = lists.setdefault(timeline.split or _NO_SPLIT, ["original_vido_id video_id frame_id path labels"])
        name = without_suffix(timeline.video)
        for index, values in enumerate(frames > 0, start=1):
            labels = ",".join(str(column) for column in np.flatnonzero(values))
            rows.append(f'{name} {number} {index} {name}/{index}.jpg "{labels}"')
    for split, rows in lists.items():
        write_text(target / f"{split}.csv", "\n".join(rows) + "\n")
    write_text(target / _CLASSES, json.dumps({name: n for n, name in enumerate(table.classes)}) + "\n")
    notes = split_within(table, timelines, "a frame list") + moved(off)
    warn_of_lengths(timelines, writing.clock, "its labels per frame end")
    notes += gaps(timelines, "intervals nobody observed read as showing nothing")
    return notes + (["the suffix of the videos"] if any(without_suffix(v) != v for v in table.videos()) else [])


def _files(table: LabelTable) -> list[str]:
    return [*(f"{split}.csv" for split in (*SPLITS, _NO_SPLIT)), _CLASSES]


FORMAT = LabelFormat(
    "frame-list",
    "a frame list",
    ClipReader(matches, read, takes_windows=True),
    Writer(write, holds_bouts=True, files=_files),
)
