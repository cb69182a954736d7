"""Clips of one video that share frames: those in two splits, and those that deny what the other shows."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from amclip.data.split_names import SPLITS
from amclip.data.table import Clip

__all__ = ["ROUNDED", "Contradiction", "CutRecording", "contradictions", "cut_recordings"]

ROUNDED = 1e-3
"""Seconds by which neighbouring clips may overlap: tables are rounded."""
_ALIKE = 0.05
"""Seconds by which clips of one length may differ in it."""


@dataclass(frozen=True)
class CutRecording:
    """A video whose clips lie in several splits.

    Attributes:
        video: As the table names it first.
        splits: Training first.
        shared: Two of its clips, in different splits, that share frames; ``None`` where they lie at different times.
    """

    video: str
    splits: tuple[str, ...]
    shared: tuple[Clip, Clip] | None

    def __str__(self) -> str:
        if self.shared is None:
            return (
                f"is in {' and '.join(self.splits)}, at different times; neighbouring clips of one recording look alike"
            )
        one, other = self.shared
        return f"{_span(one)} is in {one.split}, {_span(other)} in {other.split}{_lines(one, other)}"


@dataclass(frozen=True)
class Contradiction:
    """Clips of one video, and animal, that overlap and last differently long, as bouts do, and show different things.

    Attributes:
        video: As the table names it.
        first: One of them.
        second: Another, which shows what the first does not, or is shown by it in part alone.
        number: How many clips contradict one before them.
    """

    video: str
    first: Clip
    second: Clip
    number: int

    def __str__(self) -> str:
        words = f"{_span(self.first)} shows {_shown(self.first)}, and {_span(self.second)} {_shown(self.second)}"
        words += _lines(self.first, self.second)
        return words if self.number == 1 else f"{words}, and {self.number - 1} more like these"


def cut_recordings(clips: Iterable[Clip], same: Callable[[Clip], str] | None = None) -> list[CutRecording]:
    """Videos whose clips lie in more than one split, in the order of the table.

    Args:
        clips: Clips; those without a split are passed over.
        same: What is the same for clips of one file; default: the path as it is written, normalised.
    """
    by_video: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        if clip.split is not None:
            by_video[clip.key[0] if same is None else same(clip)].append(clip)
    cut = []
    for of_video in by_video.values():
        splits = {clip.split or "" for clip in of_video}
        if len(splits) > 1:
            ordered = tuple(sorted(splits, key=SPLITS.index))
            cut.append(CutRecording(of_video[0].video, ordered, _first_shared(of_video)))
    return cut


def contradictions(clips: Iterable[Clip]) -> list[Contradiction]:
    """Clips that contradict each other, one for each video and animal, in the order of the table.

    In a table of clips a row has all behaviours of its clip: where one lies within another, what it shows the other
    shows too. Of rows that are bouts each denies what the other shows. Windows, which last alike, may overlap and
    differ. Clips that are not labelled are passed over.

    Args:
        clips: Clips.
    """
    by_animal: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for clip in clips:
        if clip.labels is not None:
            by_animal[clip.key[0], clip.subject].append(clip)
    found = (_contradiction(of_one) for of_one in by_animal.values() if len(of_one) > 1)
    return [one for one in found if one is not None]


def _contradiction(clips: Sequence[Clip]) -> Contradiction | None:
    reach: dict[tuple[str, ...], Clip] = {}  # of each set of labels, the clip that goes furthest so far
    first: tuple[Clip, Clip] | None = None
    number = 0
    for clip in sorted(clips, key=lambda one: (_times(one)[0], -_times(one)[1])):
        labels = tuple(clip.labels or ())
        start = _times(clip)[0]
        # None begins earlier from here on; those that have ended would be asked again and again.
        reach = {shown: one for shown, one in reach.items() if start < _times(one)[1] - _ALIKE}
        before = next((one for one in reach.values() if _contradict(one, clip)), None)
        if before is not None:
            first, number = first or (before, clip), number + 1
        if labels not in reach or _times(clip)[1] > _times(reach[labels])[1]:
            reach[labels] = clip
    return None if first is None else Contradiction(clips[0].video, *first, number)


def _contradict(before: Clip, clip: Clip) -> bool:
    """Whether a clip contradicts one that begins before it, or with it and lasts longer."""
    (begin, end), (start, stop) = _times(before), _times(clip)
    if start >= end - _ALIKE or abs((end - begin) - (stop - start)) <= _ALIKE:
        return False
    shown, known = set(clip.labels or ()), set(before.labels or ())
    return not shown <= known if stop <= end + _ALIKE else shown != known


def _first_shared(clips: Sequence[Clip]) -> tuple[Clip, Clip] | None:
    """Two clips of one video in different splits that share frames."""
    reach: dict[str | None, Clip] = {}  # per split, the clip that goes furthest so far
    for clip in sorted(clips, key=_times):
        start, stop = _times(clip)
        for split, earlier in reach.items():
            if split != clip.split and min(_times(earlier)[1], stop) - start > ROUNDED:
                return earlier, clip
        furthest = reach.get(clip.split)
        if furthest is None or stop > _times(furthest)[1]:
            reach[clip.split] = clip
    return None


def _times(clip: Clip) -> tuple[float, float]:
    if clip.start is None or clip.stop is None:
        return 0.0, float("inf")
    return clip.start, clip.stop


def _span(clip: Clip) -> str:
    return "the whole video" if clip.start is None else f"{clip.start:.10g} to {clip.stop:.10g} s"


def _shown(clip: Clip) -> str:
    return repr(";".join(clip.labels)) if clip.labels else "nothing"


def _lines(one: Clip, other: Clip) -> str:
    if not one.line or not other.line:
        return ""
    lines = [f"{clip.file}, line {clip.line}" if clip.file else f"{clip.line}" for clip in (one, other)]
    return f" ({'' if one.file else 'lines '}{' and '.join(lines)})"
