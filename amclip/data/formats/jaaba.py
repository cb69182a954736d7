"""JAABA's scores (``scores_BEHAVIOUR.mat``): for each animal and frame whether a classifier found the behaviour.

Frames and animals count from 1. Frames in which an animal was not tracked, or has no score, are not known. A file is of
one behaviour; those of an experiment lie in its folder, which the video is named after.
"""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data.formats.frames import frame_bouts
from amclip.data.formats.label_format import BytesReader, Files, LabelFormat, Noted, Reading
from amclip.data.intervals import Bout, Timeline, scene_gaps
from amclip.data.label_error import LabelError

__all__ = ["FORMAT", "matches", "read"]

_HEAD = b"MATLAB 5.0 MAT-file"
_HDF5 = b"MATLAB 7.3 MAT-file"
_NAME = re.compile(r"scores_?(?P<behaviour>.+)", re.IGNORECASE)
_MOST = 10_000_000  # frames
_SCORES = "allScores"


def matches(data: bytes) -> bool:
    """Whether it is a file of MATLAB's."""
    return data.startswith((_HEAD, _HDF5))


def read(data: bytes, source: str, reading: Reading) -> Noted:
    """The time line of the experiment's video, with the file's behaviour.

    Raises:
        LabelError: If it holds no scores, or they are not as JAABA writes them; names the field and the animal.
    """
    content = _load(data, source)
    if _SCORES not in content:
        names = ", ".join(name for name in content if not name.startswith("__"))
        raise LabelError(f"holds no {_SCORES}, as JAABA's scores do; there are {names}", source, column=_SCORES)
    scores = content[_SCORES]
    behaviour = _behaviour(content, source)
    shown = _shown(scores, source)
    count = max(len(values) for values in shown)
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


def _load(data: bytes, source: str) -> dict[str, Any]:
    if data.startswith(_HDF5):
        raise LabelError(
            "is MATLAB's format 7.3; save it as version 7: save(file, '-struct', 'content', '-v7')", source
        )
    from scipy.io import loadmat

    try:
        content: dict[str, Any] = loadmat(io.BytesIO(data), squeeze_me=True, struct_as_record=False)
    except Exception as error:  # what its parser meets in broken bytes is of any kind
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise LabelError(f"cannot be read as a file of MATLAB ({reason}); is it whole?", source) from None
    return content


def _behaviour(content: dict[str, Any], source: str) -> str:
    said = content.get("behaviorName")
    if isinstance(said, str) and said.strip():
        return said.strip()
    name = _NAME.fullmatch(Path(source).stem)
    if name is None:
        reason = "says nowhere which behaviour it is of; name it scores_BEHAVIOUR.mat"
        raise LabelError(reason, source, column="behaviorName")
    return name["behaviour"]


def _shown(scores: Any, source: str) -> list[NDArray[np.float64]]:
    """Of each animal, 1, 0 or NaN per frame: what was made of the scores afterwards, or else their sign."""
    for name in ("postprocessed", "scores"):
        cells = getattr(scores, name, None)
        if cells is None or np.size(cells) == 0:
            continue
        column = f"{_SCORES}.{name}"
        many = cells if isinstance(cells, np.ndarray) and cells.dtype == object else [cells]
        found = [_numbers(cell, source, f"{column}{{{index}}}") for index, cell in enumerate(many, start=1)]
        if name == "scores":
            return [np.where(np.isnan(values), np.nan, values > 0) for values in found]
        for index, values in enumerate(found, start=1):
            if not np.isin(values[~np.isnan(values)], (0, 1)).all():
                raise LabelError("holds other than 0, 1 and NaN", source, column=f"{column}{{{index}}}")
        return _as_scored(found, scores)
    raise LabelError("holds no scores of any animal", source, column=_SCORES)


def _as_scored(found: list[NDArray[np.float64]], scores: Any) -> list[NDArray[np.float64]]:
    """Frames in which the animal was not tracked are not known, also where 0 stands for them."""
    starts, ends = (np.atleast_1d(getattr(scores, name, ())) for name in ("tStart", "tEnd"))
    if len(starts) != len(found) or len(ends) != len(found):
        return found
    for values, start, end in zip(found, starts, ends, strict=True):
        values[: max(int(start) - 1, 0)] = np.nan
        values[int(end) :] = np.nan
    return found


def _numbers(cell: Any, source: str, column: str) -> NDArray[np.float64]:
    try:
        values = np.array(cell, np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise LabelError("holds other than numbers", source, column=column) from None
    if len(values) > _MOST:
        raise LabelError(f"holds {len(values)} frames: more than any scores do", source, column=column)
    return values


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
