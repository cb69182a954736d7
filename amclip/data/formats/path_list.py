"""Plain lists: ``path label [label …]`` per line, as TSN, X-CLIP, MammalNet and LoTE-Animal have them."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from amclip.data.formats.class_names import by_number
from amclip.data.formats.delimited import lines_of
from amclip.data.formats.label_format import ClipReader, LabelFormat, Reading, Writer
from amclip.data.formats.notes import refuse, splits, unnamed, whole_videos
from amclip.data.formats.origin import Writing
from amclip.data.formats.target_files import write_text
from amclip.data.label_error import LabelError, raise_together
from amclip.data.table import Clip, LabelTable, build_table
from amclip.data.video_file import VIDEO_SUFFIXES
from amclip.text import counted

__all__ = ["FORMAT", "matches", "read", "write"]

_Row = tuple[int, str, tuple[str, ...]]  # line, video, labels
_WORD = re.compile(r'"([^"]*)"|(\S+)')  # quotes keep blanks together


def matches(text: str) -> bool:
    """Whether the first line that is no comment begins with the path of a video."""
    for line in lines_of(text):
        words = _words(line)
        if words:
            return words[0].lower().endswith(VIDEO_SUFFIXES)
    return False


def read(text: str, source: str, reading: Reading) -> LabelTable:
    """Read a list from its text. Where no line has a label, the clips are not labelled.

    Lines that begin with ``#`` are comments. A line with a tab is split at tabs alone, so labels may hold blanks;
    other lines are split at blanks, and quotes keep a path or a label with blanks together.

    Where every line has exactly two numbers, the second is MammalNet's genus or LoTE-Animal's species, not a behaviour:
    it is left out, with a warning; where nearly every line has, the others are taken for damaged. Where every label is
    a number and classes are given, the numbers count them.

    Raises:
        LabelError: If a line cannot be used.
    """
    classes = reading.classes
    rows: list[_Row] = []
    for number, line in enumerate(lines_of(text), start=1):
        words = _words(line)
        if not words:
            continue
        if line.count('"') % 2:
            raise LabelError("a quote is not closed", source, number)
        video, *labels = words
        if not video.lower().endswith(VIDEO_SUFFIXES):
            hint = "; quote a path that holds blanks" if " " in line else ""
            raise LabelError(f"{video!r} does not end like a video file{hint}", source, number)
        if any(";" in label for label in labels):
            labels = [part.strip() for label in labels for part in label.split(";") if part.strip()]
        rows.append((number, video, tuple(labels)))
    numbers = bool(rows) and all(label.isdecimal() for _, _, labels in rows for label in labels)
    if numbers:
        rows = _without_species(rows, source)
    elif classes is not None and not any(name.isdecimal() for name in classes):
        _refuse_slips(rows, source)
    labelled = any(labels for _, _, labels in rows)
    found = None
    if numbers and labelled:
        counted = None if classes is None or all(name.isdecimal() for name in classes) else classes
        errors = []
        for index, (number, video, numbered) in enumerate(list(rows)):
            try:
                found_names = tuple(by_number(word, counted, source, number, "label") for word in numbered)
                rows[index] = (number, video, found_names)
            except LabelError as error:
                errors.append(error)
        raise_together(errors)
        if classes is None:
            found = sorted({label for _, _, labels in rows for label in labels}, key=int)
    clips = [Clip(video, labels=labels if labelled else None, line=number) for number, video, labels in rows]
    return build_table(clips, source, classes, found)


def _without_species(rows: list[_Row], source: str) -> list[_Row]:
    """Leave out the second number where every line has two; where a line in ten or fewer has not, they are damaged."""
    others = [(number, len(labels)) for number, _, labels in rows if len(labels) != 2]
    if not others:
        warnings.warn(
            f"{source}: every line has two numbers; the second is taken for a genus or species, as in MammalNet and "
            "LoTE-Animal, and left out",
            stacklevel=3,
        )
        return [(number, video, labels[:1]) for number, video, labels in rows]
    if len(others) <= len(rows) / 10:
        line, count = others[0]
        raise LabelError(
            f"has {count or 'no'} number{'' if count == 1 else 's'} where {len(rows) - len(others)} of {len(rows)} "
            "lines have two, as in MammalNet, whose second number is no behaviour. Mend the line; or, where all are "
            "behaviours, write a table with a column 'label'",
            source,
            line,
        )
    return rows


def _refuse_slips(rows: Sequence[_Row], source: str) -> None:
    """Refuse the few words among labels that are numbers: named as unknown classes, the numbers would be blamed."""
    words = [(label, number) for number, _, labels in rows for label in labels if not label.isdecimal()]
    if 2 * len(words) < sum(len(labels) for _, _, labels in rows):
        raise LabelError(f"{words[0][0]!r} is not the number of a class", source, words[0][1], "label")


def _words(line: str) -> list[str]:
    stripped = line.strip()
    if not stripped or stripped.startswith("#"):
        return []
    if "\t" in stripped:
        return [word.strip().strip('"') for word in stripped.split("\t") if word.strip()]
    return [quoted or bare for quoted, bare in _WORD.findall(stripped)]


def write(table: LabelTable, target: Path, writing: Writing) -> list[str]:
    """A line per video with its labels, separated by tabs, so that both may hold blanks."""
    whole_videos(table, "a list of paths")
    refuse(table, _not_for_a_list)
    labels = {name for clip in table.clips for name in clip.labels or ()}
    if labels and all(name.isdecimal() for name in labels):  # read as numbers of classes
        if any(not name.isdecimal() or name != str(int(name)) for name in table.classes):
            raise LabelError(
                "labels that are numbers would be taken for the numbers of classes; name them", table.source
            )
        if sum(len(clip.labels or ()) == 2 for clip in table.clips) >= 0.9 * len(table.clips):
            raise LabelError("the second of two numbers would be taken for a genus; name the classes", table.source)
    lines = ["\t".join((clip.video, *(clip.labels or ()))) for clip in table.clips]
    lines = [f'"{line}"' if " " in line and "\t" not in line else line for line in lines]
    write_text(target, "\n".join(lines) + "\n")
    nothing = sum(not clip.labels for clip in table.clips)
    words = f"{counted(nothing, 'clip')} without labels: observed or not makes no difference there"
    notes = [words] if nothing else []
    return notes + splits(table) + unnamed(table)


def _not_for_a_list(clip: Clip) -> str | None:
    for word in (clip.video, *(clip.labels or ())):
        if '"' in word:
            return f"a list cannot hold quotes: {word!r}"
    if clip.video.startswith("#"):
        return f"{clip.video!r} would be a comment"
    if not clip.video.lower().endswith(VIDEO_SUFFIXES):
        return f"{clip.video!r} does not end like a video file, by which a list is told"
    return None


FORMAT = LabelFormat("list", "a list of clips", ClipReader(matches, read), Writer(write))
