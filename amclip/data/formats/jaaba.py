"""JAABA's scores (``scores_BEHAVIOUR.mat``): for each animal and frame whether a classifier found the behaviour.

Frames and animals count from 1. Frames in which an animal was not tracked, or has no score, are not known. A file is of
one behaviour; those of an experiment lie in its folder, which the video is named after.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data.formats.frames import frame_bouts
from amclip.data.formats.label_format import BytesReader, Files, LabelFormat, Noted, Reading
from amclip.data.formats.matlab_file import LEVEL_5, LEVEL_7_3, read_matlab
from amclip.data.intervals import Bout, Timeline, scene_gaps
from amclip.data.label_error import LabelError

__all__ = ["FORMAT", "matches", "read"]

_NAME = re.compile(r"scores_?(?P<behaviour>.+)", re.IGNORECASE)
_MOST = 10_000_000  # frames
_MOST_ANIMALS = 1000
_SCORES = "allScores"


def matches(data: bytes) -> bool:
    """Whether it is a file of MATLAB's."""
    return data.startswith((LEVEL_5, LEVEL_7_3))


def read(data: bytes, source: str, reading: Reading) -> Noted:
    """The time line of the experiment's video, with the file's behaviour.

    Raises:
        LabelError: If it holds no scores, or they are not as JAABA writes them; names the field and the animal.
    """
    content = read_matlab(data, source)
    if _SCORES not in content:
        there = ", ".join(name for name in content if name.isprintable()) or "no variables"
        raise LabelError(f"holds no {_SCORES}, as JAABA's scores do; there are {there:.200}", source, column=_SCORES)
    scores = content[_SCORES]
    if not isinstance(scores, dict):
        raise LabelError("is no struct", source, column=_SCORES)
    behaviour = _behaviour(content, source)
    shown = _shown(scores, source)
    video = _video(source, reading)
    last = max(int(np.flatnonzero(~np.isnan(values))[-1]) + 1 if (~np.isnan(values)).any() else 0 for values in shown)
    edges = reading.clock.until(video, last, source)
    count = len(edges) - 1
    bouts: list[Bout] = []
    gaps: dict[str, list[tuple[float, float]]] = {}
    for index, values in enumerate(shown, start=1):
        whole = np.full(count, np.nan)
        whole[: min(count, len(values))] = values[:count]
        subject = f"animal {index}"
        bouts += frame_bouts(whole > 0, edges, behaviour, subject)
        gaps[subject] = [(gap.start, gap.stop) for gap in frame_bouts(np.isnan(whole), edges, "")]
    end = float(edges[-1])
    unwatched = tuple((subject, *gap) for subject, own in gaps.items() for gap in own)
    timeline = Timeline(
        video,
        tuple(bouts),
        end,
        count / end if end else None,
        scene_gaps(gaps, end),
        None,
        None,
        tuple(gaps),
        unwatched,
    )
    return Noted([timeline], [behaviour], None)


def _behaviour(content: dict[str, Any], source: str) -> str:
    said = content.get("behaviorName")
    if isinstance(said, str) and said.strip():
        return said.strip()
    name = _NAME.fullmatch(Path(source).stem)
    if name is None:
        reason = "says nowhere which behaviour it is of; name it scores_BEHAVIOUR.mat"
        raise LabelError(reason, source, column="behaviorName")
    return name["behaviour"]


def _shown(scores: dict[str, Any], source: str) -> list[NDArray[np.float64]]:
    """Of each animal, 1, 0 or NaN per frame: what was made of the scores afterwards, or else their sign."""
    name = "postprocessed" if scores.get("postprocessed") else "scores"
    cells, column = scores.get(name), f"{_SCORES}.{name}"
    if not isinstance(cells, list) or not cells:
        raise LabelError("holds no scores of any animal", source, column=_SCORES)
    if len(cells) > _MOST_ANIMALS:
        raise LabelError(f"holds scores of {len(cells)} animals: more than any video shows", source, column=column)
    found = []
    for index, values in enumerate(cells, start=1):
        place = f"{column}{{{index}}}"
        if not isinstance(values, np.ndarray):
            raise LabelError("holds other than numbers", source, column=place)
        if len(values) > _MOST:
            raise LabelError(f"holds {len(values)} frames: more than any scores do", source, column=place)
        if name == "postprocessed" and not np.isin(values[~np.isnan(values)], (0, 1)).all():
            raise LabelError("holds other than 0, 1 and NaN", source, column=place)
        found.append(np.where(np.isnan(values), np.nan, values > 0))
    return _while_tracked(found, scores, source)


def _while_tracked(found: list[NDArray[np.float64]], scores: dict[str, Any], source: str) -> list[NDArray[np.float64]]:
    """Frames in which the animal was not tracked are not known, also where 0 stands for them.

    Raises:
        LabelError: If they are not told of every animal.
    """
    starts, ends = (scores.get(name) for name in ("tStart", "tEnd"))
    if not isinstance(starts, np.ndarray) or not isinstance(ends, np.ndarray):
        return found
    if not (len(starts) == len(found) == len(ends)):
        reason = f"holds {len(starts)} first and {len(ends)} last frames of {len(found)} animals"
        raise LabelError(reason, source, column=f"{_SCORES}.tStart")
    for values, start, end in zip(found, starts, ends, strict=True):
        if 1 <= start <= end:
            values[: int(start) - 1] = np.nan
            values[int(min(end, _MOST)) :] = np.nan
    return found


def _video(source: str, reading: Reading) -> str:
    """The experiment's folder, which JAABA keeps a movie in, and that movie where it is the only one there."""
    folder = Path(source).parent
    if reading.folder is not None and folder != reading.folder:
        home = folder.relative_to(reading.folder).as_posix()
    else:
        home = folder.absolute().name
    root = reading.clock.root
    movies = [
        path
        for path in (folder.glob("movie.*") if folder.is_dir() else ())
        if root is not None and path.absolute().is_relative_to(root.absolute())
    ]
    return movies[0].absolute().relative_to(root.absolute()).as_posix() if root and len(movies) == 1 else home


FORMAT = LabelFormat("jaaba", "JAABA's scores", BytesReader(matches, read, Files(("scores*.mat",), parts=True)), None)
