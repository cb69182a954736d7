"""DeepEthogram: ``<video>_labels.csv``, a row per frame, a 0/1 column per behaviour, ``background`` first.

-1 in a row means that nobody looked at the frame. The file knows frames, not seconds: the frame rate is given beside
it.
"""

from collections.abc import Sequence
from pathlib import PurePath

from amclip.data.intervals import Bout, Timeline
from amclip.data.readers.delimited import delimiter_of, first_line, rows
from amclip.data.table import LabelError, raise_together

__all__ = ["PREDICTED", "SUFFIX", "frame_bouts", "matches", "read"]

SUFFIX = "_labels"
PREDICTED = "_predictions"
"""End of the names of files with what a network found, of the same form."""
_VALUES = {"0": 0, "1": 1, "-1": -1, "0.0": 0, "1.0": 1, "-1.0": -1}


def _is_header(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and cells[0] in ("", "frame") and cells[1] == "background"


def matches(text: str) -> bool:
    """Whether the header is an unnamed column and ``background``."""
    return delimiter_of(first_line(text), _is_header) is not None


def read(text: str, source: str, fps: float) -> tuple[list[Timeline], list[str]]:
    """The time line of the file's video, and the behaviours in the order of the columns.

    Args:
        text: The file's text.
        source: Its name: the video's is what stands before ``_labels`` or ``_predictions``.
        fps: Frames per second of the video.

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
    video = PurePath(source).stem.removesuffix(SUFFIX).removesuffix(PREDICTED)
    bouts = [
        bout for index, name in enumerate(names) for bout in frame_bouts([row[index] == 1 for row in values], fps, name)
    ]
    unlabelled = [(bout.start, bout.stop) for bout in frame_bouts([-1 in row for row in values], fps, "")]
    return [Timeline(video, tuple(bouts), len(values) / fps, fps, tuple(unlabelled), line=head_line)], names


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
            "is neither background nor a behaviour; frames nobody looked at are -1", source, line, "background"
        )
    return behaviours if background != -1 else [-1] * len(behaviours)


def frame_bouts(seen: Sequence[bool], fps: float, label: str) -> list[Bout]:
    """Bouts of one behaviour from a flag per frame."""
    bouts = []
    start = None
    for index, flag in enumerate([*seen, False]):
        if flag and start is None:
            start = index
        elif not flag and start is not None:
            bouts.append(Bout(start / fps, index / fps, label))
            start = None
    return bouts
