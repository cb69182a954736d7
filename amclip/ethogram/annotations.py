"""Who saw what, read from annotations, other tools' exports and amclip's tables; and which videos belong together."""

import difflib
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from amclip.data.class_name_rules import refuse_unsafe_class
from amclip.data.clock import Clock
from amclip.data.formats import Observations, read_labels, read_noted
from amclip.data.formats.csv_table import VIDEO_COLUMNS
from amclip.data.formats.delimited import delimiter_of, number, rows
from amclip.data.formats.files import WORKBOOK, file_bytes, file_text
from amclip.data.intervals import Bout, Timeline, timelines_of
from amclip.data.label_error import LabelError
from amclip.data.locate import same_name
from amclip.data.sources import default_root
from amclip.data.video_file import VIDEO_SUFFIXES
from amclip.ethogram.annotation_file import FILE_NAME, find_run, read_run
from amclip.ethogram.boris_files import observation_id

__all__ = ["Annotation", "Pair", "pair_up", "read_annotation"]

_BOUT_TABLE = ("behaviour", "start", "stop")
_PER_FRAME = "deepethogram"  # the folder of labels per frame in one that `amclip annotate` writes
_OURS = "peak_probability"  # a column that only a network's bouts have
_SAME_LENGTH = 1.0  # seconds by which two tools may tell the length of a video differently


@dataclass(frozen=True)
class Annotation:
    """What one observer noted, a human or a network.

    Attributes:
        source: The file or folder, for messages.
        classes: Behaviours that the observer knows, as far as the source tells.
        timelines: One per video.
    """

    source: str
    classes: tuple[str, ...]
    timelines: tuple[Timeline, ...]


@dataclass(frozen=True)
class Pair:
    """One video as two observers saw it.

    Attributes:
        video: Its name in the second annotation.
        predicted: Bouts of the first; of one behaviour none overlap or touch.
        labelled: Bouts of the second, likewise.
        seen: Intervals, in seconds, that both observed; bouts lie within them.
        fps: Frames per second, where one of the two knows.
    """

    video: str
    predicted: tuple[Bout, ...]
    labelled: tuple[Bout, ...]
    seen: tuple[tuple[float, float], ...]
    fps: float | None


def read_annotation(
    path: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
    fps: float | None = None,
    observations: Observations | None = None,
) -> Annotation:
    """Read bouts from whatever holds them.

    Args:
        path: The folder that `amclip annotate` writes; a table with the columns ``video``, ``behaviour``, ``start`` and
            ``stop`` and a row per bout, such as its ``bouts.csv``; a project, tabular or aggregated events of BORIS;
            DeepEthogram (a file, or a folder of them) or FERAL; amclip's table of clips that do not overlap.
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
    table = read_labels(path, clock=clock, observations=observations, per_frame=True)
    return Annotation(source, table.classes, tuple(map(_as_far_as_labelled, timelines_of(table))))


def _as_far_as_labelled(timeline: Timeline) -> Timeline:
    """A table of clips says how far it goes, not how long the video is: what comes after is unlabelled."""
    rest = (timeline.end, math.inf)
    return replace(timeline, duration=None, unlabelled=(*timeline.unlabelled, rest))


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
    bouts: dict[str, list[Bout]] = {}
    for line, cells in lines:
        if len(cells) != len(header):
            raise LabelError(f"has {len(cells)} cells where the header has {len(header)}", source, line)
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
        bouts.setdefault(video, []).append(Bout(start, stop, behaviour, line))
    if not path.with_name(FILE_NAME).is_file() or _OURS not in named:  # another table may lie in the folder
        lines_of = [Timeline(video, tuple(found)) for video, found in bouts.items()]
        return Annotation(source, _shown(lines_of), tuple(lines_of))
    try:
        run = read_run(path.parent)
    except ValueError as error:
        raise LabelError(f"{error}, or take the table elsewhere to read it alone", source) from error
    # Videos without any bout are in no row of the table.
    known = [Timeline(one.video, tuple(bouts.pop(one.video, ())), one.duration, one.fps) for one in run.videos]
    known += [Timeline(video, tuple(found)) for video, found in bouts.items()]  # written into the table by hand
    return Annotation(source, tuple(dict.fromkeys((*run.classes, *_shown(known)))), tuple(known))


def _shown(timelines: Iterable[Timeline]) -> tuple[str, ...]:
    return tuple(sorted({bout.label for timeline in timelines for bout in timeline.bouts}))


def pair_up(
    predicted: Annotation, labelled: Annotation, start: float = 0.0, stop: float | None = None
) -> tuple[list[Pair], tuple[str, ...], list[str]]:
    """Bring together what both say of the same videos.

    Videos match by their names, or by these without folders and suffix where that is clear. Overlapping bouts of one
    behaviour (several animals) become one.

    Args:
        predicted: What is judged.
        labelled: What it is judged by.
        start: Where in each video the comparison starts, seconds.
        stop: Where it stops; default: the end.

    Returns:
        The pairs; the behaviours, those of the second annotation first; notes on what was left out or looks wrong.

    Raises:
        ValueError: If no video or no behaviour is in both, or they tell the length of a video differently.
    """
    matches, notes = _match_videos(predicted, labelled)
    shared = [name for name in labelled.classes if name in predicted.classes]
    if not shared:
        raise ValueError(
            f"no behaviour is in both: {labelled.source} has {', '.join(labelled.classes)}, and {predicted.source} has "
            f"{', '.join(predicted.classes)}"
        )
    for one, other in ((labelled, predicted), (predicted, labelled)):
        for name in one.classes:
            if name not in other.classes:
                free = [known.lower() for known in other.classes if known not in shared]
                near = difflib.get_close_matches(name.lower(), free, 1)
                hint = f"; is it the same as {near[0]!r}?" if near else ""
                notes.append(f"behaviour {name!r} is only in {one.source}, and counts as never seen by the other{hint}")
    for name in (*labelled.classes, *predicted.classes):
        refuse_unsafe_class(name, labelled.source if name in labelled.classes else predicted.source)
    pairs = [_pair(judged, judge, predicted, labelled, start, stop) for judged, judge in matches]
    classes = (*labelled.classes, *(name for name in predicted.classes if name not in labelled.classes))
    notes += [f"video {pair.video!r} has nothing to compare there, and is left out" for pair in pairs if not pair.seen]
    return [pair for pair in pairs if pair.seen], classes, notes


def _match_videos(predicted: Annotation, labelled: Annotation) -> tuple[list[tuple[Timeline, Timeline]], list[str]]:
    exact = {_path(timeline): timeline for timeline in predicted.timelines}
    by_stem: dict[str, list[Timeline]] = {}
    for timeline in predicted.timelines:
        by_stem.setdefault(_path(timeline).stem, []).append(timeline)
    matches, notes, used = [], [], set()
    for judge in labelled.timelines:
        stem = _path(judge).stem
        judged = exact.get(_path(judge)) or _named_otherwise(judge, predicted.timelines)
        alone = sum(_path(other).stem == stem for other in labelled.timelines) == 1
        if judged is None and alone and len(by_stem.get(stem, ())) == 1:
            judged = by_stem[stem][0]
        if judged is None:
            notes.append(_left_out(judge, labelled, predicted))
        else:
            matches.append((judged, judge))
            used.add(judged.video)
    notes += [
        _left_out(timeline, predicted, labelled) for timeline in predicted.timelines if timeline.video not in used
    ]
    if not matches:
        raise ValueError(
            f"no video is in both: {labelled.source} has {_some(labelled)}, and {predicted.source} has "
            f"{_some(predicted)}"
        )
    return matches, notes


def _path(timeline: Timeline) -> PurePosixPath:
    return PurePosixPath(same_name(timeline.video))


def _named_otherwise(video: Timeline, others: Sequence[Timeline]) -> Timeline | None:
    """The one video of the same folders: named without its suffix, or from the root of the disk."""
    path = _path(video)
    fitting = []
    for other in others:
        other_path = _path(other)
        short, long = sorted((_without_suffix(path).parts, _without_suffix(other_path).parts), key=len)
        suffixes = {one.suffix for one in (path, other_path) if one != _without_suffix(one)}
        if len(suffixes) < 2 and (short == long or (long[0] == "/" and long[-len(short) :] == short)):
            fitting.append(other)
    return fitting[0] if len(fitting) == 1 else None


def _without_suffix(path: PurePosixPath) -> PurePosixPath:
    return path.with_suffix("") if path.suffix.lower() in VIDEO_SUFFIXES else path


def _left_out(timeline: Timeline, annotation: Annotation, other: Annotation) -> str:
    stem = _path(timeline).stem.casefold()
    near = [one.video for one in other.timelines if _path(one).stem.casefold() == stem != _path(one).stem]
    hint = f"; {other.source} has {near[0]!r}, whose letter case is another" if len(near) == 1 else ""
    return f"video {timeline.video!r} is only in {annotation.source}, and is left out{hint}"


def _some(annotation: Annotation) -> str:
    names = [timeline.video for timeline in annotation.timelines]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") if names else "none"


def _pair(
    judged: Timeline, judge: Timeline, predicted: Annotation, labelled: Annotation, start: float, stop: float | None
) -> Pair:
    known = [timeline.duration for timeline in (judged, judge) if timeline.duration is not None]
    open_ends = [gap[0] for timeline in (judged, judge) for gap in timeline.unlabelled if gap[1] == math.inf]
    end = min(known) if known else max(judged.end, judge.end, *open_ends)
    for timeline, annotation in ((judged, predicted), (judge, labelled)):
        if timeline.end > end + _SAME_LENGTH:
            raise ValueError(
                f"{judge.video}: ends at {timeline.end:g} s in {annotation.source}, and at {end:g} s in the other; is "
                "it the same video, and are all times in seconds?"
            )
    fps = next((timeline.fps for timeline in (judge, judged) if timeline.fps is not None), None)
    seen = [(start, end if stop is None else min(stop, end))]
    for gap in sorted((*judged.unlabelled, *judge.unlabelled)):
        seen = [
            part
            for interval in seen
            for part in ((interval[0], min(interval[1], gap[0])), (max(interval[0], gap[1]), interval[1]))
        ]
        seen = [part for part in seen if part[1] > part[0]]
    seen = [part for part in seen if part[1] > part[0]]
    cut = [_within(timeline.bouts, seen, 1 / (fps or 25.0)) for timeline in (judged, judge)]
    return Pair(judge.video, cut[0], cut[1], tuple(seen), fps)


def _within(bouts: Sequence[Bout], seen: Sequence[tuple[float, float]], frame: float) -> tuple[Bout, ...]:
    """Bouts as far as they lie in what was seen, those of one behaviour joined where they meet."""
    parts = []
    for bout in bouts:
        stop = bout.stop if bout.stop > bout.start else bout.start + frame  # an event lasts a frame
        for first, last in seen:
            if min(stop, last) > max(bout.start, first):
                parts.append(replace(bout, start=max(bout.start, first), stop=min(stop, last)))
    joined: list[Bout] = []
    for bout in sorted(parts, key=lambda part: (part.label, part.start)):
        if joined and joined[-1].label == bout.label and bout.start <= joined[-1].stop:
            joined[-1] = replace(joined[-1], stop=max(joined[-1].stop, bout.stop))
        else:
            joined.append(bout)
    return tuple(joined)
