"""DeepEthogram: ``<video>_labels.csv``, a row per frame, a 0/1 column per behaviour, ``background`` first.

-1 in a row means that nobody observed the frame. The file knows frames, not seconds: these the video tells.
"""

from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from amclip.data.clock import Clock
from amclip.data.intervals import Bout, Timeline
from amclip.data.label_error import LabelError, raise_together
from amclip.data.readers.delimited import delimiter_of, first_line, rows

__all__ = ["PREDICTED", "SUFFIX", "frame_bouts", "matches", "read", "video_of"]

SUFFIX = "_labels"
PREDICTED = "_predictions"
"""End of the names of files with what a network found, of the same form."""
_VALUES = {"0": 0, "1": 1, "-1": -1, "0.0": 0, "1.0": 1, "-1.0": -1}


def _is_header(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and cells[0] in ("", "frame") and cells[1] == "background"


def matches(text: str) -> bool:
    """Whether the header is an unnamed column and ``background``."""
    return delimiter_of(first_line(text), _is_header) is not None


def video_of(file: str) -> str:
    """The video's name without suffix: what stands before ``_labels`` or ``_predictions`` in the file's."""
    return PurePath(file).stem.removesuffix(SUFFIX).removesuffix(PREDICTED)


def read(text: str, source: str, clock: Clock, video: str | None = None) -> tuple[list[Timeline], list[str]]:
    """The time line of the file's video, and the behaviours in the order of the columns.

    Args:
        text: The file's text.
        source: Its name.
        clock: When the frames of the video are shown.
        video: The video's name; default: by the file's, see :func:`video_of`.

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
    video = video_of(source) if video is None else video
    edges = clock.edges(video, len(values), source)
    shown = np.array(values, np.int8).T
    bouts = [bout for name, row in zip(names, shown, strict=True) for bout in frame_bouts(row == 1, edges, name)]
    unlabelled = tuple((bout.start, bout.stop) for bout in frame_bouts((shown == -1).any(axis=0), edges, ""))
    end = float(edges[-1])
    return [Timeline(video, tuple(bouts), end, len(values) / end, unlabelled, line=head_line)], names


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


def frame_bouts(seen: Sequence[bool] | NDArray[np.bool_], edges: NDArray[np.float64], label: str) -> list[Bout]:
    """Bouts of one behaviour from a flag per frame.

    Args:
        seen: Whether each frame shows it, ``[N]``.
        edges: When each frame is shown, and the end of the last; seconds, float64 ``[N + 1]``.
        label: The behaviour.
    """
    turns = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(seen, np.int8), [0]])))
    times = edges[turns].tolist()
    return [Bout(start, stop, label) for start, stop in zip(times[::2], times[1::2], strict=True)]
