"""Which videos, animals and bouts of two annotations belong together."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from amclip.data.class_name_rules import refuse_unsafe_class
from amclip.data.intervals import Bout, Interval, Subjects, Timeline
from amclip.data.locate import same_name
from amclip.data.video_file import VIDEO_SUFFIXES
from amclip.ethogram.annotations import Annotation
from amclip.text import nearest

__all__ = ["Pair", "bouts_within", "match_videos", "pair_up"]

_SAME_LENGTH = 1.0  # seconds by which two tools may tell the length of a video differently


@dataclass(frozen=True)
class Pair:
    """One video, or one animal of it, as two observers saw it.

    Attributes:
        video: Its name in the second annotation.
        predicted: Bouts of the first; of one behaviour none overlap or touch.
        labelled: Bouts of the second, likewise.
        seen: Intervals, in seconds, that both observed; bouts lie within them.
        fps: Frames per second, where one of the two knows.
        subject: The animal, by its name in the second annotation; ``""`` is the whole scene.
        predicted_as: Video and animal by their names in the first annotation.
    """

    video: str
    predicted: tuple[Bout, ...]
    labelled: tuple[Bout, ...]
    seen: tuple[tuple[float, float], ...]
    fps: float | None
    subject: str = ""
    predicted_as: tuple[str, str] = ("", "")


def pair_up(
    predicted: Annotation,
    labelled: Annotation,
    start: float = 0.0,
    stop: float | None = None,
    subjects: Subjects = "each",
) -> tuple[list[Pair], tuple[str, ...], list[str]]:
    """Bring together what both say of the same videos, and of the same animals where both name some.

    Videos match by their names, or by these without folders and suffix where that is clear; animals by their names.
    Overlapping bouts of one behaviour, and of one animal where these are told apart, become one.

    Args:
        predicted: What is judged.
        labelled: What it is judged by.
        start: Where in each video the comparison starts, seconds.
        stop: Where it stops; default: the end.
        subjects: ``"each"``: animal by animal, in videos of which both name some; ``"merged"``: what any of them shows.

    Returns:
        The pairs, those of the animals of a video one after the other; the behaviours, those of the second annotation
        first; notes on what was left out or looks wrong.

    Raises:
        ValueError: If no video, no behaviour or, of animals that both name, none is in both, or they tell the length of
            a video differently.
    """
    matches, notes = match_videos(predicted, labelled)
    shared = [name for name in labelled.classes if name in predicted.classes]
    if not shared:
        raise ValueError(
            f"no behaviour is in both: {labelled.source} has {', '.join(labelled.classes)}, and {predicted.source} has "
            f"{', '.join(predicted.classes)}"
        )
    for one, other in ((labelled, predicted), (predicted, labelled)):
        for name in one.classes:
            if name not in other.classes:
                near = nearest(name, [known for known in other.classes if known not in shared])
                hint = f"; is it the same as {near[0]!r}?" if near else ""
                where = f"is only in the list of {one.source}"
                notes.append(f"behaviour {name!r} {where}, and counts as never seen by the other{hint}")
    for name in (*labelled.classes, *predicted.classes):
        refuse_unsafe_class(name, labelled.source if name in labelled.classes else predicted.source)
    told_apart, remarks = _match_animals(matches, predicted, labelled, subjects)
    notes += remarks
    pairs = []
    for (judged, judge), animals in zip(matches, told_apart, strict=True):
        end = _end(judged, judge, predicted, labelled)
        of_video = list(_pairs(judged, judge, animals, start, end if stop is None else min(stop, end)))
        pairs += [pair for pair in of_video if pair.seen]
        for pair in of_video:
            if not pair.seen:
                whose = f", animal {pair.subject!r}," if pair.subject else ""
                notes.append(f"video {pair.video!r}{whose} has nothing to compare there, and is left out")
    classes = (*labelled.classes, *(name for name in predicted.classes if name not in labelled.classes))
    return pairs, classes, notes


def _match_animals(
    matches: Sequence[tuple[Timeline, Timeline]], predicted: Annotation, labelled: Annotation, subjects: Subjects
) -> tuple[list[list[tuple[str, str]] | None], list[str]]:
    """Of each matched video the animals that both name, by either's name; ``None``: all that is seen as one.

    Returns:
        These, and notes on what was left out.

    Raises:
        ValueError: If both annotations name animals, and no name is in both.
    """
    naming = [annotation for annotation in (predicted, labelled) if annotation.names_animals]
    if subjects == "merged" or len(naming) < 2:
        alone = f"; {naming[0].source} names them, and the other does not" if len(naming) == 1 else ""
        merged = bool(alone) and subjects == "each"
        return [None] * len(matches), [f"all animals are compared as one{alone}"] if merged else []
    found: list[list[tuple[str, str]] | None] = []
    notes = []
    for judged, judge in matches:
        if not (any(judged.subjects) and any(judge.subjects)):
            silent = labelled if any(judged.subjects) else predicted
            if any(judged.subjects) or any(judge.subjects):
                notes.append(f"all animals of {judge.video!r} are compared as one: {silent.source} names none of them")
            found.append(None)
            continue
        by_form = {same_name(name): name for name in judged.subjects}
        animals = [(by_form[form], name) for name in judge.subjects if (form := same_name(name)) in by_form]
        found.append(animals)
        lone = [
            [name for name in one.subjects if name not in {pair[place] for pair in animals}]
            for place, one in enumerate((judged, judge))
        ]
        for names, others, source in ((lone[1], lone[0], labelled), (lone[0], lone[1], predicted)):
            notes += [_animal_left_out(name, judge.video, source, others) for name in names]
    if not any(animals is None or animals for animals in found):
        ours, theirs = (
            list(dict.fromkeys(name for line in one.timelines for name in line.subjects if name)) for one in naming
        )
        raise ValueError(
            f"no animal is in both: {labelled.source} has {_some(theirs)}, and {predicted.source} has {_some(ours)}"
            f"{_near(theirs, ours)}; give them the same names, or compare all animals as one (--subjects merged)"
        )
    return found, notes


def _animal_left_out(name: str, video: str, source: Annotation, others: Sequence[str]) -> str:
    if not name:
        return f"what {source.source} says of {video!r} and of no animal in particular is left out"
    return f"animal {name!r} of {video!r} is only in {source.source}, and is left out{_near([name], others)}"


def _near(names: Sequence[str], others: Sequence[str]) -> str:
    """A question that suggests which of the others is meant by one of the names, where there is one that is close."""
    for name in names:
        if near := nearest(name, [other for other in others if other]):
            return f" (is {name!r} the same as {near[0]!r}?)"
    return ""


def match_videos(predicted: Annotation, labelled: Annotation) -> tuple[list[tuple[Timeline, Timeline]], list[str]]:
    """Which videos of two annotations are the same, by their names as in :func:`pair_up`.

    Returns:
        The time lines of each, that of the first annotation first; notes on what is only in one.

    Raises:
        ValueError: If no video is in both.
    """
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
            f"no video is in both: {labelled.source} has {_some(_videos(labelled))}, and {predicted.source} has "
            f"{_some(_videos(predicted))}"
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


def _videos(annotation: Annotation) -> list[str]:
    return [timeline.video for timeline in annotation.timelines]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") if names else "none"


def _end(judged: Timeline, judge: Timeline, predicted: Annotation, labelled: Annotation) -> float:
    """Where the video ends, in seconds, as far as both know.

    Raises:
        ValueError: If they contradict each other.
    """
    known = [timeline.duration for timeline in (judged, judge) if timeline.duration is not None]
    open_ends = [gap[0] for timeline in (judged, judge) for gap in timeline.unlabelled if gap[1] == math.inf]
    end = min(known) if known else max(judged.end, judge.end, *open_ends)
    for timeline, annotation in ((judged, predicted), (judge, labelled)):
        if timeline.end > end + _SAME_LENGTH:
            raise ValueError(
                f"{judge.video}: ends at {timeline.end:g} s in {annotation.source}, and at {end:g} s in the other; is "
                "it the same video, and are all times in seconds?"
            )
    return end


def _pairs(
    judged: Timeline, judge: Timeline, animals: Sequence[tuple[str, str]] | None, start: float, stop: float
) -> Iterator[Pair]:
    """The video as both see it from ``start`` to ``stop``: as a whole, or one pair for each animal."""
    fps = next((timeline.fps for timeline in (judge, judged) if timeline.fps is not None), None)
    for names in [None] if animals is None else animals:
        one, other = (judged, judge) if names is None else (judged.of(names[0]), judge.of(names[1]))
        seen = [(start, stop)]
        for gap in sorted((*one.unlabelled, *other.unlabelled)):
            seen = [
                part
                for interval in seen
                for part in ((interval[0], min(interval[1], gap[0])), (max(interval[0], gap[1]), interval[1]))
            ]
            seen = [part for part in seen if part[1] > part[0]]
        seen = [part for part in seen if part[1] > part[0]]
        subject = "" if names is None else names[1]
        cut = [bouts_within(timeline.bouts, seen, 1 / (fps or 25.0), subject) for timeline in (one, other)]
        known_as = (judged.video, "" if names is None else names[0])
        yield Pair(judge.video, cut[0], cut[1], tuple(seen), fps, subject, known_as)


def bouts_within(bouts: Sequence[Bout], seen: Sequence[Interval], frame: float, subject: str) -> tuple[Bout, ...]:
    """Bouts as far as they lie in what was seen, those of one behaviour joined where they meet.

    Args:
        bouts: Of one video or animal; one without a length lasts a frame.
        seen: Intervals, seconds.
        frame: How long a frame lasts, seconds.
        subject: The animal that they are of from now on.

    Returns:
        Sorted by behaviour and start.
    """
    parts = []
    for bout in bouts:
        stop = bout.stop if bout.stop > bout.start else bout.start + frame  # an event lasts a frame
        for first, last in seen:
            if min(stop, last) > max(bout.start, first):
                inside = max(bout.start, first), min(stop, last)
                parts.append(replace(bout, start=inside[0], stop=inside[1], subject=subject))
    joined: list[Bout] = []
    for bout in sorted(parts, key=lambda part: (part.label, part.start)):
        if joined and joined[-1].label == bout.label and bout.start <= joined[-1].stop:
            joined[-1] = replace(joined[-1], stop=max(joined[-1].stop, bout.stop))
        else:
            joined.append(bout)
    return tuple(joined)
