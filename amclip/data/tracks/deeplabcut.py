"""DeepLabCut's predictions, of one animal or several, in CSV and HDF5.

Points are measured from the image's top left corner. The index is the number of the frame, which readers may not count
anew: analysed parts of a video begin later, and rows may be missing.
"""

import re
import warnings
from collections.abc import Sequence
from itertools import islice
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data.extras import required
from amclip.data.formats.delimited import lines_of, parse_number, rows
from amclip.data.label_error import LabelError
from amclip.data.tracks.boxes import track_of_points
from amclip.data.tracks.building import LARGEST_FRAME, checked_subject
from amclip.data.tracks.names import video_stem
from amclip.data.tracks.track_format import Found, Hdf5Reader, TextReader, TrackFormat, TrackReading

__all__ = ["FORMAT", "FORMAT_HDF5", "ONE_ANIMAL", "USUAL_LIKELIHOOD", "matches", "matches_hdf5", "read", "read_hdf5"]

ONE_ANIMAL = "animal"
"""Name of the animal in files of one, which name none."""
USUAL_LIKELIHOOD = 0.6
"""``pcutoff`` of DeepLabCut's own configuration: what it draws and trusts."""
_LEVELS = ("scorer", "individuals", "bodyparts", "coords")
_NOBODYS = "single"  # individual that DeepLabCut has for body points of no animal
_COORDS = {"x", "y", "likelihood"}


def matches(text: str) -> bool:
    """Whether the first lines name scorer, body parts and coordinates."""
    firsts = [line.partition(",")[0].strip().strip('"').lower() for line in islice(lines_of(text), 4)]
    return firsts[:1] == ["scorer"] and "bodyparts" in firsts


def read(text: str, source: str, reading: TrackReading) -> Found:
    """Read a CSV.

    Raises:
        LabelError: If it is not as DeepLabCut writes it; names line and column.
    """
    lines = rows(text, ",", source)
    header: list[list[str]] = []
    first = None
    for line, row in lines:
        if row[0].lower() not in _LEVELS:
            first = line, row
            break
        header.append(row)
    names = [row[0].lower() for row in header]
    if names not in (list(_LEVELS), [_LEVELS[0], *_LEVELS[2:]]):
        reason = f"the header has the lines {', '.join(names)}; expected {', '.join(_LEVELS)} (individuals if several)"
        raise LabelError(reason, source, len(header))
    width = len(header[0])
    for number, row in enumerate(header, 1):
        if len(row) != width:
            raise LabelError(f"has {len(row)} cells where the first line has {width}", source, number)
    columns = list(zip(*(row[1:] for row in header), strict=True))
    frames, values, places = [], [], []
    for line, row in [first] if first else []:
        _refuse_images(row[0], source, line)
    for line, row in ([first] if first else []) + list(lines):
        if len(row) != width:
            raise LabelError(f"has {len(row)} cells where the header has {width}", source, line)
        frames.append(_frame(row[0], source, line))
        values.append(_numbers(row[1:], columns, source, line))
        places.append(line)
    table = np.array(values, np.float64).reshape(len(frames), len(columns))
    return _found(columns, names, np.array(frames, np.int64), table, source, reading, places)


def _frame(cell: str, source: str, line: int) -> int:
    value = parse_number(cell)
    if value is None or not (value == value // 1 and 0 <= value < LARGEST_FRAME):
        raise LabelError(f"{cell[:80]!r} is not the number of a frame, from 0", source, line, "the first column")
    return int(value)


def _numbers(cells: Sequence[str], columns: Sequence[tuple[str, ...]], source: str, line: int) -> list[float]:
    try:
        if "_" not in "".join(cells):  # float takes 1_0 for ten
            return [float(cell) if cell else np.nan for cell in cells]
    except ValueError:
        pass
    for cell, column in zip(cells, columns, strict=True):
        if cell and parse_number(cell) is None:
            raise LabelError(f"{cell[:80]!r} is not a number of pixels", source, line, ", ".join(column[1:]))
    return [float(cell) if cell else np.nan for cell in cells]


def _refuse_images(index: str, source: str, line: int | None = None) -> None:
    if "labeled-data" in index or re.search(r"\.(png|jpe?g|tiff?)$", index, re.IGNORECASE):
        raise LabelError(
            "holds DeepLabCut's labelled images (CollectedData), which are single pictures and no tracks; give the "
            "file that deeplabcut.analyze_videos writes beside the video",
            source,
            line,
        )


def matches_hdf5(file: Any) -> bool:
    """Whether a group of the file is a pandas table; DeepLabCut writes one."""
    return any("pandas_type" in getattr(group, "attrs", ()) for group in file.values())


def read_hdf5(file: Any, source: str, reading: TrackReading) -> Found:
    """Read an HDF5, through pandas, which wrote it.

    Raises:
        LabelError: If it is not as DeepLabCut writes it.
        ModuleNotFoundError: If pandas or PyTables is not installed.
    """
    keys = [key for key, group in file.items() if "pandas_type" in getattr(group, "attrs", ())]
    if len(keys) != 1:
        raise LabelError(f"holds the tables {', '.join(keys)}; DeepLabCut writes one a file", source)
    pandas = required("pandas", source)
    required("tables", source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how another version of pandas stored it
            frame = pandas.read_hdf(source, key=keys[0])
    except Exception as error:  # whatever a broken file makes it stumble over
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise LabelError(
            f"pandas {pandas.__version__} cannot read it ({reason}); write it again, or give the CSV", source
        ) from None
    names = [str(name).lower() for name in getattr(frame, "columns", frame).names]
    if names not in (list(_LEVELS), [_LEVELS[0], *_LEVELS[2:]]):
        raise LabelError(f"the columns have the levels {', '.join(names)}; expected {', '.join(_LEVELS)}", source)
    index = frame.index
    if len(index) and (index.nlevels > 1 or isinstance(index[0], str)):
        _refuse_images("/".join(index[0]) if index.nlevels > 1 else index[0], source)
    try:
        numbers, table = index.to_numpy(np.float64), frame.to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise LabelError(f"holds other than numbers ({error})", source) from None
    good = (numbers == np.floor(numbers)) & (numbers >= 0) & (numbers < LARGEST_FRAME)
    if not good.all():
        raise LabelError(
            f"its index holds {numbers[~good][0]:.10g}, which is not the number of a frame, from 0", source
        )
    columns = [tuple(map(str, column)) for column in frame.columns]
    return _found(columns, names, numbers.astype(np.int64), table, source, reading, None)


def _found(
    columns: Sequence[tuple[str, ...]],
    names: Sequence[str],
    frames: NDArray[np.int64],
    table: NDArray[np.float64],
    source: str,
    reading: TrackReading,
    lines: Sequence[int] | None,
) -> Found:
    """Tracks from a table whose columns have several names each."""
    if not len(frames):
        raise LabelError("has no frame below its header", source)
    order = np.argsort(frames, kind="stable")
    twice = np.flatnonzero(np.diff(frames[order]) == 0)
    if len(twice):
        line = lines[order[twice[0] + 1]] if lines else None
        raise LabelError(f"frame {frames[order[twice[0]]]} stands twice; keep one row", source, line)
    scorers = list(dict.fromkeys(column[0] for column in columns))
    if len(scorers) != 1:
        raise LabelError(
            f"has the scorers {', '.join(scorers)}; give a file of one network", source, 1 if lines else None
        )
    animals: dict[str, dict[str, dict[str, int]]] = {}
    for at, column in enumerate(columns):
        animal, point, coordinate = (column[1] if "individuals" in names else ONE_ANIMAL), *column[-2:]
        place = animals.setdefault(animal, {}).setdefault(point, {})
        if coordinate in place:
            raise LabelError(f"{animal}, {point} has two columns {coordinate!r}", source, 1 if lines else None)
        place[coordinate] = at
    notes, tracks = [], []
    for animal, points in animals.items():
        for point, place in points.items():
            if place.keys() != _COORDS:
                reason = f"{animal}, {point}: has the columns {', '.join(place)}; expected x, y, likelihood"
                raise LabelError(reason, source, len(names) if lines else None)
        if animal == _NOBODYS and len(animals) > 1:
            notes.append(f"the body points {', '.join(points)} belong to no animal, and are left out")
            continue
        track = _track(animal, list(points.values()), frames[order], table[order], source, reading)
        if len(track.frames):
            tracks.append(("", track))
        else:
            least = reading.threshold(USUAL_LIKELIHOOD)
            notes.append(f"{animal!r} has no body point of a likelihood of {least:.10g} or more, in no frame")
    return Found(tracks, _video_of(source, str(scorers[0])), notes)


def _track(
    animal: str,
    places: Sequence[dict[str, int]],
    frames: NDArray[np.int64],
    table: NDArray[np.float64],
    source: str,
    reading: TrackReading,
) -> Any:
    xy = np.array([[place["x"], place["y"]] for place in places])
    likelihood = table[:, [place["likelihood"] for place in places]]
    if np.isinf(likelihood).any():
        raise LabelError(f"{animal}: there is a likelihood that is infinite", source)
    name = checked_subject(animal, source)
    return track_of_points(name, frames, table[:, xy], source, likelihood, reading.threshold(USUAL_LIKELIHOOD))


def _video_of(source: str, scorer: str) -> str:
    """The video's name: what stands before the network's in the file's own."""
    stem = PurePath(source.removesuffix(".gz")).stem
    before, found, _ = stem.partition(scorer)
    return before if found and before else video_stem(stem)


FORMAT = TrackFormat("DeepLabCut's predictions in CSV", TextReader(matches, read))
FORMAT_HDF5 = TrackFormat("DeepLabCut's predictions in HDF5", Hdf5Reader(matches_hdf5, read_hdf5))
