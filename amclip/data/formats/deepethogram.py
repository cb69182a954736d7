"""DeepEthogram: ``<video>_labels.csv``, a row per frame, a 0/1 column per behaviour, ``background`` first.

-1 in a row means that nobody observed the frame. The file knows frames, not seconds: these the video tells.

It knows no animals either. amclip writes and reads a file for each, named ``<video>_subject=<animal>_labels.csv``; see
:func:`amclip.data.subject_names.stem_with_subject`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np

from amclip.data.formats.delimited import delimiter_of, first_line, rows
from amclip.data.formats.files import file_text
from amclip.data.formats.frames import below_a_folder, frame_bouts, frame_values, one_name_each
from amclip.data.formats.label_format import BoutReader, LabelFormat, Noted, Reading, Writer
from amclip.data.formats.notes import moved, splits, without_suffix
from amclip.data.formats.origin import Writing
from amclip.data.formats.target_files import write_rows
from amclip.data.intervals import Timeline, scene_gaps, timelines_of
from amclip.data.label_error import LabelError, raise_together
from amclip.data.subject_names import split_stem, stem_with_subject
from amclip.data.table import LabelTable

__all__ = ["FORMAT", "matches", "read", "read_folder", "write"]

_SUFFIX = "_labels"
_PREDICTED = "_predictions"  # ends the names of files with what a network found, of the same form
_VALUES = {"0": 0, "1": 1, "-1": -1, "0.0": 0, "1.0": 1, "-1.0": -1}


def _is_header(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and cells[0] in ("", "frame") and cells[1] == "background"


def matches(text: str) -> bool:
    """Whether the header is an unnamed column and ``background``."""
    return delimiter_of(first_line(text), _is_header) is not None


def _video_of(file: str) -> tuple[str, str]:
    """The video's name without suffix and the animal's: what stands before ``_labels`` or ``_predictions``."""
    stem = PurePath(file).stem
    return split_stem(stem.removesuffix(_SUFFIX) if stem.endswith(_SUFFIX) else stem.removesuffix(_PREDICTED))


def read(text: str, source: str, reading: Reading, video: str | None = None) -> Noted:
    """The time line of the file's video, and the behaviours in the order of the columns.

    Args:
        text: The file's text.
        source: Its name, for messages.
        reading: How it is read.
        video: The video's name; default: what stands before ``_labels`` or ``_predictions`` in the file's.

    Raises:
        LabelError: If a row cannot be used.
    """
    lines = rows(text, delimiter_of(first_line(text), _is_header) or ",", source)
    head_line, header = next(lines)
    names = header[2:]
    if not names or "" in names or len(set(names)) < len(names):
        raise LabelError(
            "needs columns for behaviours after 'background', each with a name of its own", source, head_line
        )
    values: list[list[int]] = []
    errors = []
    for line, row in lines:
        try:
            values.append(_frame(row, header, len(values), source, line))
        except LabelError as error:
            errors.append(error)
            values.append([0] * len(names))  # so that the numbers of the rows that follow are still compared rightly
    raise_together(errors)
    if not values:
        raise LabelError("there is no frame below the header", source, head_line)
    named, subject = _video_of(source)
    video = named if video is None else video
    edges = reading.clock.edges(video, len(values), source)
    shown = np.array(values, np.int8).T
    bouts = [
        bout for name, row in zip(names, shown, strict=True) for bout in frame_bouts(row == 1, edges, name, subject)
    ]
    unlabelled = tuple((bout.start, bout.stop) for bout in frame_bouts((shown == -1).any(axis=0), edges, ""))
    end = float(edges[-1])
    timeline = Timeline(video, tuple(bouts), end, len(values) / end, unlabelled, line=head_line)
    if subject:
        gaps = tuple((subject, *gap) for gap in unlabelled)
        timeline = replace(timeline, subjects=(subject,), unwatched=gaps)
    return Noted([timeline], names, None)


def read_folder(folder: Path, reading: Reading) -> Noted:
    """All label files of a folder, as one; those of the animals of a video are one time line.

    Raises:
        LabelError: If there is none, one cannot be used, or two are of one animal in one video.
    """
    source = str(folder)
    files = next(filter(None, (sorted(folder.rglob(f"*{end}.csv")) for end in (_SUFFIX, _PREDICTED))), [])
    if not files:
        raise LabelError(
            f"is a folder without label files of DeepEthogram (*{_SUFFIX}.csv); give the table itself", source
        )
    by_video: dict[str, dict[str, tuple[Path, Timeline]]] = {}
    errors: list[LabelError] = []
    found: list[str] | None = None
    for file in files:
        text = file_text(file)
        if not matches(text):
            raise LabelError("is no label file of DeepEthogram: its first behaviour is not 'background'", str(file), 1)
        stem, subject = _video_of(file.name)
        video = (file.parent.relative_to(folder) / stem).as_posix()
        try:
            noted = read(text, str(file), reading, video)
            noted.refuse_others(reading.classes, str(file))
        except LabelError as error:  # of one video; all others are still read
            errors += [error, *error.others]
            continue
        if found is not None and noted.classes != found:
            raise LabelError(f"has the behaviours {noted.classes}, and the files before it {found}", str(file), 1)
        found = noted.classes
        of_video = by_video.setdefault(video, {})
        if subject in of_video:
            errors.append(LabelError(f"is of the same video and animal as {of_video[subject][0]}", str(file)))
        of_video[subject] = file, replace(noted.timelines[0], line=None)
    timelines = []
    for video_files in by_video.values():
        try:
            timelines.append(_of_all_animals(video_files))
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    return Noted(timelines, found, None)


def _of_all_animals(files: Mapping[str, tuple[Path, Timeline]]) -> Timeline:
    """One time line of a video from those of its animals.

    Raises:
        LabelError: If one has more frames than another.
    """
    first_file, first = next(iter(files.values()))
    for file, timeline in files.values():
        if timeline.end != first.end:
            frames, of_first = (round(one.end * (one.fps or 0.0)) for one in (timeline, first))
            raise LabelError(f"has {frames} frames, and {first_file}, of the same video, has {of_first}", str(file))
    if len(files) == 1:
        return first
    gaps = {subject: timeline.unlabelled for subject, (_, timeline) in files.items()}
    return replace(
        first,
        bouts=tuple(bout for _, timeline in files.values() for bout in timeline.bouts),
        unlabelled=scene_gaps(gaps, first.end),
        subjects=tuple(files),
        unwatched=tuple((subject, *gap) for subject, own in gaps.items() for gap in own),
    )


def _frame(row: list[str], header: list[str], index: int, source: str, line: int) -> list[int]:
    if len(row) != len(header):
        raise LabelError(f"has {len(row)} cells where the header has {len(header)}", source, line)
    if row[0] not in (str(index), f"{index}.0"):
        raise LabelError(
            f"is frame {row[0]!r} where frame {index} should be; rows are missing, double or out of order",
            source,
            line,
            header[0] or "frame",
        )
    numbers = []
    for cell, column in zip(row[1:], header[1:], strict=True):
        if cell not in _VALUES:
            raise LabelError(f"{cell!r} is none of 0, 1 and -1", source, line, column)
        numbers.append(_VALUES[cell])
    background, behaviours = numbers[0], numbers[1:]
    if background == 1 and 1 in behaviours:
        column = header[2 + behaviours.index(1)]
        raise LabelError(f"is background and {column!r} at once", source, line, "background")
    if background == 0 and not any(behaviours):
        raise LabelError(
            "is neither background nor a behaviour; frames nobody observed are -1", source, line, "background"
        )
    return behaviours if background != -1 else [-1] * len(behaviours)


def write(table: LabelTable, target: Path, writing: Writing) -> list[str]:
    """DeepEthogram's label files, one per video, or per animal of a video, below the target folder."""
    timelines = timelines_of(table)
    one_name_each(table, "label file")
    below_a_folder(table, "label files")
    off = 0
    of_animals = [(one, subject) for one in timelines for subject in one.subjects or ("",)]
    for timeline, subject in of_animals:
        frames, between = frame_values(timeline.of(subject), table.classes, writing.clock, table.source)
        off += between
        rows: list[Sequence[object]] = [["", "background", *table.classes]]
        background = np.where(frames.min(axis=1) < 0, -1, frames.max(axis=1) == 0).astype(int)
        rows += [[index, background[index], *frame] for index, frame in enumerate(frames.tolist())]
        write_rows(target / _label_file(timeline.video, subject), rows, "labels")
    return moved(off) + splits(table) + ["the suffix of the videos"]


def _label_file(video: str, subject: str) -> str:
    """Name of DeepEthogram's label file of an animal in a video, below the folder that the videos are below."""
    return f"{stem_with_subject(without_suffix(video), subject)}{_SUFFIX}.csv"


def _files(table: LabelTable) -> list[str]:
    return [_label_file(*each) for each in dict.fromkeys((clip.video, clip.subject) for clip in table.clips)]


FORMAT = LabelFormat(
    "deepethogram",
    "DeepEthogram's labels per frame",
    BoutReader(matches, read, read_folder),
    Writer(write, holds_bouts=True, holds_subjects=True, files=_files),
)
