"""What the whole scene shows, from rows that say it of each animal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from amclip.data.intervals import SAME_TIME
from amclip.data.label_error import LabelError, raise_together
from amclip.data.table import Clip, LabelTable

__all__ = ["merge_subjects"]

_WAY_OUT = "or learn from each animal by itself (--data.source.subjects each; amclip convert: --subjects each)"


def merge_subjects(table: LabelTable) -> LabelTable:
    """The table of the whole scene: a behaviour holds while any animal shows it.

    Rows of the same times are joined. Where animals have rows of other times, these are cut at each other's borders:
    each piece shows what the rows show that it is part of. Whole videos, and rows of one animal that overlap, are not
    cut: where in them a behaviour is shown they do not say.

    What the scene shows is known where all animals have a row that their video's rows name, or where a row names none
    and so speaks of the whole scene. Videos whose rows name no animal stay as they are.

    Raises:
        LabelError: If it is not known what the scene shows of an interval that some row is about, or in which split it
            is; at the first such interval of each video.
    """
    if not any(clip.subject for clip in table.clips):
        return table
    by_video: dict[str, list[Clip]] = {}
    for clip in table.clips:
        by_video.setdefault(clip.key[0], []).append(clip)
    order = {name: index for index, name in enumerate(table.classes)}
    clips: list[Clip] = []
    errors: list[LabelError] = []
    for rows in by_video.values():
        if not any(clip.subject for clip in rows):
            clips += rows
            continue
        try:
            clips += _Video(table, order, rows).merged()
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    return replace(table, clips=tuple(clips), merged=tuple(sorted({clip.subject for clip in table.clips} - {""})))


@dataclass(frozen=True)
class _Video:
    """Rows of one video, of which some name an animal; ``order`` has the place of each class."""

    table: LabelTable
    order: Mapping[str, int]
    rows: Sequence[Clip]

    def merged(self) -> Iterator[Clip]:
        """Its rows as the scene's.

        Raises:
            LabelError: As of :func:`merge_subjects`.
        """
        labelled = [clip for clip in self.rows if clip.labels is not None]
        animals = {clip.subject for clip in labelled} - {""}
        groups = _by_times(labelled)
        unknown = next((rows for rows in groups if not _known(rows, animals)), None)
        if any(clip.start is None for clip in labelled):  # nothing can be cut
            if unknown is not None:
                raise self._unknown(unknown, animals)
        elif unknown is not None or _others_overlap(groups):
            groups = self._cut(labelled, animals)
        times = {(rows[0].start, rows[0].stop) for rows in groups}
        # Rows that are there to be predicted say nothing; each interval is predicted once.
        silent = _by_times(clip for clip in self.rows if clip.labels is None)
        groups += [rows for rows in silent if (rows[0].start, rows[0].stop) not in times]
        return map(self._joined, groups)

    def _cut(self, labelled: Sequence[Clip], animals: set[str]) -> list[list[Clip]]:
        """Rows cut at each other's borders, by piece.

        Raises:
            LabelError: If they cannot be cut, or a piece says nothing of an animal.
        """
        self._refuse_overlaps(labelled)
        events = sorted(
            [(float(clip.start or 0.0), 1, index) for index, clip in enumerate(labelled)]
            + [(float(clip.stop or 0.0), 0, index) for index, clip in enumerate(labelled)]
        )
        pieces: list[list[Clip]] = []
        running: dict[int, Clip] = {}
        for (time, begins, index), (then, *_) in pairwise(events):
            if begins:
                running[index] = labelled[index]
            else:
                running.pop(index, None)
            if not running or then - time <= SAME_TIME:
                continue
            piece = [Clip(c.video, time, then, c.labels, c.split, c.line, c.file, c.subject) for c in running.values()]
            if not _known(piece, animals):
                raise self._unknown(piece, animals)
            pieces.append(piece)
        return pieces

    def _refuse_overlaps(self, labelled: Sequence[Clip]) -> None:
        reached: dict[str, Clip] = {}
        for clip in sorted(labelled, key=lambda clip: clip.start or 0.0):
            before = reached.get(clip.subject)
            if before is not None and (clip.start or 0.0) < (before.stop or 0.0) - SAME_TIME:
                whose = f"of {clip.subject!r}" if clip.subject else "of the whole scene"
                raise self._error(
                    clip,
                    f"{clip.video} from {clip.start:.10g} s overlaps the row {whose} before it, and other animals have "
                    "rows of other times, so what the whole scene shows is not known: give all animals rows of the "
                    f"same times, {_WAY_OUT}",
                )
            reached[clip.subject] = clip

    def _unknown(self, piece: Sequence[Clip], animals: set[str]) -> LabelError:
        there = sorted({clip.subject for clip in piece if clip.subject})
        missing = ", ".join(map(repr, sorted(animals.difference(there))))
        first = piece[0]
        span = " as a whole" if first.start is None else f" from {first.start:.10g} to {first.stop:.10g} s"
        return self._error(
            first,
            f"{first.video}{span} is labelled for {', '.join(map(repr, there))} and not for {missing}, so what the "
            f"whole scene shows is not known there: add rows for {missing} (with an empty label where it shows none of "
            f"the behaviours), {_WAY_OUT}",
        )

    def _joined(self, rows: Sequence[Clip]) -> Clip:
        """Rows of one interval as one.

        Raises:
            LabelError: If they are in different splits.
        """
        first = rows[0]
        splits = sorted({clip.split for clip in rows if clip.split is not None})
        if len(splits) > 1:
            span = "" if first.start is None else f" from {first.start:.10g} to {first.stop:.10g} s"
            other = next(clip for clip in rows if clip.split not in (None, first.split))
            raise self._error(
                other,
                f"{first.video}{span} is in the splits {' and '.join(splits)}, for different animals; put all animals "
                "of a video in one split, as they share its frames",
            )
        labels = first.labels
        if any(clip.labels != labels for clip in rows):
            shown = {name for clip in rows for name in clip.labels or ()}
            labels = tuple(sorted(shown, key=self.order.__getitem__))
        split = splits[0] if splits else None
        return Clip(first.video, first.start, first.stop, labels, split, first.line, first.file)

    def _error(self, clip: Clip, reason: str) -> LabelError:
        return LabelError(reason, self.table.file_of(clip), clip.line)


def _by_times(clips: Iterable[Clip]) -> list[list[Clip]]:
    groups: dict[tuple[float | None, float | None], list[Clip]] = {}
    for clip in clips:
        groups.setdefault((clip.start, clip.stop), []).append(clip)
    return list(groups.values())


def _others_overlap(groups: Sequence[Sequence[Clip]]) -> bool:
    """Whether rows of different animals overlap and are not of the same times."""
    reached: dict[frozenset[str], float] = {}
    for rows in sorted(groups, key=lambda rows: rows[0].start or 0.0):
        whose = frozenset(clip.subject for clip in rows)
        start, stop = rows[0].start or 0.0, rows[0].stop or 0.0
        if any(start < end - SAME_TIME for others, end in reached.items() if others != whose):
            return True
        reached[whose] = max(stop, reached.get(whose, 0.0))
    return False


def _known(rows: Sequence[Clip], animals: set[str]) -> bool:
    """Whether rows of one interval say what the whole scene shows in it."""
    named = {clip.subject for clip in rows}
    return "" in named or named >= animals
