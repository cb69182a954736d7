"""Who saw what, read from annotations, other tools' exports and amclip's tables."""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from amclip.data.clock import Clock
from amclip.data.formats import Observations, read_labels, read_noted
from amclip.data.formats.csv_table import VIDEO_COLUMNS
from amclip.data.formats.delimited import cells_of, delimiter_of, number, rows
from amclip.data.formats.files import WORKBOOK, file_bytes, file_text
from amclip.data.intervals import Bout, Timeline, timelines_of
from amclip.data.label_error import LabelError
from amclip.data.sources import default_root
from amclip.data.subject_names import refuse_subject
from amclip.ethogram.annotation_file import FILE_NAME, find_run, read_run
from amclip.ethogram.boris_files import observation_id

__all__ = ["Annotation", "has_scores", "read_annotation"]

_BOUT_TABLE = ("behaviour", "start", "stop")
_PER_FRAME = "deepethogram"  # the folder of labels per frame in one that `amclip annotate` writes
_SUBJECT = "subject"
_OURS = "peak_probability"  # a column that only a network's bouts have


@dataclass(frozen=True)
class Annotation:
    """What one observer noted, a human or a network.

    Attributes:
        source: The file or folder, for messages.
        classes: Behaviours that the observer knows, as far as the source tells.
        timelines: One per video, with the bouts of all its animals.
    """

    source: str
    classes: tuple[str, ...]
    timelines: tuple[Timeline, ...]

    @property
    def names_animals(self) -> bool:
        """Whether it says of any behaviour which animal shows it."""
        return any(any(timeline.subjects) for timeline in self.timelines)


def read_annotation(
    path: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
    fps: float | None = None,
    observations: Observations | None = None,
) -> Annotation:
    """Read bouts from whatever holds them.

    Args:
        path: The folder that `amclip annotate` writes; a table with the columns ``video``, ``behaviour``, ``start`` and
            ``stop``, with or without ``subject``, and a row per bout, such as its ``bouts.csv``; a project, tabular or
            aggregated events of BORIS; files of DeepEthogram, FERAL and other programs, or a folder of them; amclip's
            table of clips that do not overlap.
        root: Folder of the videos, which tell when their frames are shown; default: the annotation's own. Videos that
            `amclip annotate` was given are known from beside its files.
        fps: Frames per second, for labels per frame of videos that are not there.
        observations: Which of BORIS' observations are read.

    Raises:
        LabelError: If it cannot be used; names file and line.
    """
    path = Path(path)
    if path.is_dir() and (path / "bouts.csv").is_file():
        path = path / "bouts.csv"
    source = str(path)
    if not path.is_dir() and file_bytes(path)[:4] != WORKBOOK:
        text = file_text(path, "surrogateescape")
        first = next((line for line in text.splitlines() if line.strip()), "")
        if delimiter_of(first, _is_bout_table) is not None:
            if observations is not None:
                raise LabelError("has no observations to choose from, as BORIS' files have; leave them out", source)
            return _bout_table(text, path)
    clock = Clock(default_root(source) if root is None else root, fps, _recorded(path))
    noted = read_noted(path, clock, observations)
    if noted is not None:
        return Annotation(source, tuple(noted.classes or _shown(noted.timelines)), tuple(noted.timelines))
    table = read_labels(path, clock=clock, observations=observations, per_frame=True, subjects="each")
    return Annotation(source, table.classes, tuple(map(_as_far_as_labelled, timelines_of(table))))


def has_scores(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one in which a network says what it found: bouts with a probability, or DeepEthogram's own."""
    path = Path(path)
    if not path.is_file() or file_bytes(path)[:4] == WORKBOOK:
        return False
    text = file_text(path, "surrogateescape")
    first = next((line for line in text.splitlines() if line.strip()), "")
    return path.stem.endswith("_predictions") or delimiter_of(first, lambda cells: _OURS in cells) is not None


def _as_far_as_labelled(timeline: Timeline) -> Timeline:
    """A table of clips says how far it goes, not how long the video is: what comes after is unlabelled."""
    rest = (timeline.end, math.inf)
    unwatched = (*timeline.unwatched, *((subject, *rest) for subject in timeline.subjects))
    return replace(timeline, duration=None, unlabelled=(*timeline.unlabelled, rest), unwatched=unwatched)


def _recorded(path: Path) -> dict[str, str]:
    """Where the videos lie whose labels per frame `amclip annotate` wrote, by the names that these files have."""
    files = path if path.is_dir() else path.parent
    home = next((folder for folder in (files, *files.parents) if folder.name == _PER_FRAME), None)
    if home is None:
        return {}
    run = find_run(home.parent)
    stems: set[str] = set()
    placed = [(Path(home, observation_id(one.video, stems)), one.path) for one in (run.videos if run else ())]
    return {
        name.relative_to(files).as_posix(): place
        for name, place in placed
        if place is not None and name.is_relative_to(files)
    }


def _is_bout_table(cells: Sequence[str]) -> bool:
    return set(_BOUT_TABLE) <= set(cells) and not set(VIDEO_COLUMNS).isdisjoint(cells)


def _bout_table(text: str, path: Path) -> Annotation:
    source = str(path)
    first = next(line for line in text.splitlines() if line.strip())
    lines = rows(text, delimiter_of(first, _is_bout_table) or ",", source)
    _, header = next(lines)
    named = [cell.lower() for cell in header]
    column = {name: named.index(name) for name in _BOUT_TABLE}
    column["video"] = next(named.index(name) for name in ("video", *VIDEO_COLUMNS) if name in named)
    whose = named.index(_SUBJECT) if _SUBJECT in named else None
    bouts: dict[str, list[Bout]] = {}
    for line, row in lines:
        cells = cells_of(row, header, source, line)
        start, stop = (number(cells[column[name]], name, source, line) for name in ("start", "stop"))
        if not 0 <= start <= stop < float("inf"):
            raise LabelError(f"a bout from {start:g} to {stop:g} s makes no sense", source, line, "stop")
        video, behaviour = cells[column["video"]], cells[column["behaviour"]]
        if not video or not behaviour:
            raise LabelError("names no video or no behaviour", source, line)
        if ";" in behaviour:
            raise LabelError(
                f"{behaviour!r} are several behaviours; write a row for each, or, if this is a table of clips, name "
                "the column 'label'",
                source,
                line,
                "behaviour",
            )
        subject = "" if whose is None else cells[whose]
        refuse_subject(subject, source, line, _SUBJECT)
        bouts.setdefault(video, []).append(Bout(start, stop, behaviour, line, subject))
    if not path.with_name(FILE_NAME).is_file() or _OURS not in named:  # another table may lie in the folder
        lines_of = [_noted(Timeline(video, tuple(found))) for video, found in bouts.items()]
        return Annotation(source, _shown(lines_of), tuple(lines_of))
    try:
        run = read_run(path.parent)
    except ValueError as error:
        raise LabelError(f"{error}, or take the table elsewhere to read it alone", source) from error
    # Videos without any bout are in no row of the table.
    known = []
    for one in run.videos:
        mine, extent = tuple(bouts.pop(one.video, ())), one.extent
        known.append(_noted(Timeline(one.video, mine, extent.duration, extent.fps, subjects=one.subjects)))
    known += [_noted(Timeline(video, tuple(found))) for video, found in bouts.items()]  # into the table by hand
    return Annotation(source, tuple(dict.fromkeys((*run.classes, *_shown(known)))), tuple(known))


def _noted(timeline: Timeline) -> Timeline:
    """A time line with those animals too that only its bouts name."""
    named = dict.fromkeys((*timeline.subjects, *(bout.subject for bout in timeline.bouts)))
    return replace(timeline, subjects=tuple(named)) if any(named) else timeline


def _shown(timelines: Iterable[Timeline]) -> tuple[str, ...]:
    return tuple(sorted({bout.label for timeline in timelines for bout in timeline.bouts}))
