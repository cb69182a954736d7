"""One file of labels as `amclip new` reads it, and which of its videos are not there."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amclip.data.clock import Clock
from amclip.data.formats import Reading, Rows, read_noted, read_rows_as_bouts, read_table
from amclip.data.formats.label_format import BoutReader, BytesReader, LabelFormat
from amclip.data.intervals import Bout, timelines_of
from amclip.data.label_error import LabelError
from amclip.data.locate import Locator, same_name
from amclip.data.table import Clip
from amclip.data.video_file import VIDEO_SUFFIXES
from amclip.text import counted, nearest

__all__ = ["LabelFile", "names_differ", "read_below", "read_labels"]


@dataclass(frozen=True)
class LabelFile:
    """A file of labels, as far as a survey reads it.

    Attributes:
        path: The file.
        form: Its format.
        root: The folder below which most of its videos lie.
        videos: Names of its videos below the root, of those that are there.
        missing: Names of its videos that are not.
        bouts: With their lengths, where the format notes bouts, which windows cut; else ``None``.
        clips: Its clips, where its rows are clips; else none.
        animals: Video and animal of all that is labelled; the animal is ``""`` for the whole scene.
        rows: What rows of a table are.
        timed: Whether its times are known: of labels that count frames not where a video is missing, which tells when
            each frame is shown. Such a file cannot be used; what it names is known all the same.
    """

    path: Path
    form: LabelFormat
    root: Path
    videos: frozenset[str]
    missing: tuple[str, ...]
    bouts: tuple[Bout, ...] | None
    clips: tuple[Clip, ...]
    animals: frozenset[tuple[str, str]]
    rows: Rows = "clips"
    timed: bool = True

    @property
    def title(self) -> str:
        """What the file is, in words."""
        return "a table of bouts" if self.rows == "bouts" else self.form.title

    @property
    def size(self) -> int:
        """Bouts or clips."""
        return len(self.clips) if self.bouts is None else len(self.bouts)


def read_labels(path: Path, form: LabelFormat, roots: Sequence[Path], left_out: list[str]) -> LabelFile | None:
    """A file of labels by the root below which most of its videos lie; ``None`` where it cannot be used.

    Args:
        path: The file.
        form: Its format.
        roots: Folders that its names may start from, the likeliest first.
        left_out: Gets a sentence where it cannot be used.
    """
    best: LabelFile | None = None
    refusal: LabelError | None = None
    for root in dict.fromkeys([*roots[:1], path.parent, *roots[1:]]):
        try:
            file = read_below(path, form, root)
        except LabelError as error:
            refusal = refusal or error
            continue
        if best is None or len(file.videos) > len(best.videos):
            best = file
        if not file.missing:
            break
    if best is not None and not best.videos and refusal is not None:
        # Where its videos are it is refused for what it says of them, such as a bout behind the end of one.
        left_out.append(f"{path}: is {best.title}, and cannot be used: {refusal}")
        return None
    if best is None:
        assert refusal is not None
        untimed = _read_untimed(path, form, roots)
        if untimed is not None:
            return untimed
        left_out.append(f"{path}: is {form.title}, and cannot be used: {refusal}")
    elif best.size == 0:
        left_out.append(f"{path}: is {form.title}, and names no behaviour")
        return None
    return best


def _read_untimed(path: Path, form: LabelFormat, roots: Sequence[Path]) -> LabelFile | None:
    """A file that counts frames of videos, some of which are missing; ``None`` where other reasons refuse it."""
    best: LabelFile | None = None
    for root in dict.fromkeys([*roots[:1], path.parent, *roots[1:]]):
        try:
            file = read_below(path, form, root, timed=False)
        except LabelError:
            continue
        if file.missing and (best is None or len(file.videos) > len(best.videos)):
            best = file
    return best


def read_below(path: Path, form: LabelFormat, root: Path, timed: bool = True) -> LabelFile:
    """A file of labels whose names start from a folder.

    Args:
        path: The file.
        form: Its format.
        root: The folder.
        timed: Whether times must be known, see :class:`LabelFile`.

    Raises:
        LabelError: If it cannot be read.
    """
    clock = Clock(root, guess=None if timed else 25.0)
    bouts: tuple[Bout, ...] | None = None
    clips: tuple[Clip, ...] = ()
    of_rows = read_rows_as_bouts(path, clock)
    if of_rows is not None or isinstance(form.reader, BoutReader | BytesReader):
        noted = of_rows or read_noted(path, clock)
        timelines = noted.timelines if noted else timelines_of(read_table(path, Reading(clock=clock, subjects="each")))
        bouts = tuple(bout for timeline in timelines for bout in timeline.bouts)
        animals = {(line.video, animal) for line in timelines for animal in line.subjects or ("",)}
    else:
        clips = read_table(path, Reading(clock=clock, subjects="each")).clips
        clips = tuple(clip for clip in clips if clip.labels is not None)
        animals = {(clip.video, clip.subject) for clip in clips}
    locator = Locator(root)
    where = {name: _found(locator, name) or name for name in sorted({name for name, _ in animals})}
    there = {name: near for name, near in where.items() if os.path.exists(root / near)}
    missing = tuple(name for name in where if name not in there)
    pairs = frozenset((there[name], animal) for name, animal in animals if name in there)
    rows: Rows = "bouts" if of_rows else "clips"
    return LabelFile(path, form, root, frozenset(there.values()), missing, bouts, clips, pairs, rows, timed)


def _found(locator: Locator, name: str) -> str | None:
    """The file that a name means; ``None`` also where several fit it, or one of another letter case.

    One such name makes one video missing, and the others stay what they are.
    """
    try:
        return locator.find(name)
    except LabelError:
        return None


def names_differ(file: LabelFile, names: Sequence[str], there: Iterable[Path]) -> str:
    """Which videos a file of labels names that are not there, and what there is that they may be.

    Args:
        file: The file.
        names: Names of those videos.
        there: The videos there are. Those that the file names itself are none of the missing ones.
    """
    relative = (os.path.relpath(path, file.root).replace(os.sep, "/") for path in there)
    free: dict[str, list[str]] = {}
    for path in relative:
        if path not in file.videos:
            free.setdefault(path.rpartition("/")[2], []).append(path)
    told = [f"{name}{_in_place_of(name, free)}" for name in names[:3]]
    more = " …" if len(names) > 3 else ""
    why = "" if file.timed else ". Its rows are frames, and only the video tells when each is shown"
    return f"{file.path} names {counted(len(names), 'video')} that cannot be found here: {', '.join(told)}{more}{why}"


def _in_place_of(name: str, free: Mapping[str, Sequence[str]]) -> str:
    """What there is that a name may mean, in brackets; ``free`` has the paths of videos by their names."""
    name = name.replace("\\", "/")
    last = name.rpartition("/")[2]
    begun = [path for other in free if os.path.splitext(other)[0] == last for path in free[other]]
    if len(begun) > 1:
        return f" (may be {' or '.join(begun[:3])}: write the whole name)"
    suffixed = last.lower().endswith(VIDEO_SUFFIXES)
    by_stem = {other if suffixed else os.path.splitext(other)[0]: other for other in free}
    near = [by_stem[stem] for stem in nearest(last, by_stem)]
    if not near:
        return ""
    # Of files of that one name in several folders, the one whose folders are likest.
    path = next(iter(nearest(name, free[near[0]], cutoff=0.0)))
    compared = path if suffixed else os.path.splitext(path)[0]
    wanted, found = (f"/{same_name(one)}" for one in (name, compared))
    other_case = not wanted.endswith(found) and wanted.casefold().endswith(found.casefold())
    return f" (there is {path}{', whose letter case is another' if other_case else ''})"
