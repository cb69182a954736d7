"""SimBA's targets (``csv/targets_inserted/VIDEO.csv``): a row per frame with body points, features and behaviours.

The file does not say which of its columns are behaviours. They are those that the user names as classes; else those of
the project, in ``project_config.ini`` two folders above; where that is not there, the last columns that hold 0 and 1
alone. Nothing says whose behaviour it is.
"""

import configparser
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from amclip.data.formats.delimited import delimiter_of, first_line, rows
from amclip.data.formats.frames import frame_bouts
from amclip.data.formats.label_format import BoutReader, Files, LabelFormat, Noted, Reading
from amclip.data.intervals import Timeline
from amclip.data.label_error import LabelError, raise_together

__all__ = ["FORMAT", "matches", "read"]

_VALUES = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
_POSE = ("_x", "_y", "_p")
_FEATURES = ("low_prob_detections", "probability_")  # numbers that may be 0 in all frames
_MOST = 64  # columns at the end of a table of hundreds that may be behaviours
_RARE = 0.1  # share of cells other than 0 and 1 below which a column is taken for a behaviour with wrong cells


def _is_header(cells: Sequence[str]) -> bool:
    return len(cells) > 4 and cells[0] == "" and all(map(str.endswith, cells[1:4], _POSE))


def matches(text: str) -> bool:
    """Whether the header is an unnamed column and x, y and likelihood of a body point."""
    return delimiter_of(first_line(text), _is_header, (",",)) is not None


def read(text: str, source: str, reading: Reading) -> Noted:
    """The time line of the file's video, and the behaviours in the order of the columns.

    Raises:
        LabelError: If a row cannot be used, or no column is a behaviour.
    """
    lines = rows(text, ",", source)
    head_line, header = next(lines)
    named = _named(header, source, head_line, reading)
    columns = [header.index(name) for name in named] or list(range(max(1, len(header) - _MOST), len(header)))
    values = bytearray()  # 0 and 1, and 2 for all else: tables have hundreds of thousands of rows
    wrong: dict[int, tuple[int, str]] = {}
    errors, count = [], 0
    for line, row in lines:
        if len(row) != len(header):
            errors.append(LabelError(f"has {len(row)} cells where the header has {len(header)}", source, line))
        elif row[0] not in (str(count), f"{count}.0"):
            said = f"is frame {row[0]!r} where frame {count} should be; rows are missing, double or out of order"
            errors.append(LabelError(said, source, line))
        else:
            for column in columns:
                value = _VALUES.get(row[column], 2)
                values.append(value)
                if value == 2:
                    wrong.setdefault(column, (line, row[column]))
        count += 1
    raise_together(errors)
    if not count:
        raise LabelError("there is no frame below the header", source, head_line)
    shown = np.frombuffer(values, np.uint8).reshape(count, len(columns))
    kept = columns if named else _last_ones(shown, columns, header, source, wrong)
    raise_together(
        [_neither(cell, source, line, header[column]) for column, (line, cell) in wrong.items() if column in kept]
    )
    names = [header[column] for column in kept]
    if "" in names or len(set(names)) < len(names):
        raise LabelError("each behaviour needs a column with a name of its own", source, head_line)
    video = reading.named_after(source)
    edges = reading.clock.edges(video, count, source)
    bouts = [
        bout
        for name, column in zip(names, kept, strict=True)
        for bout in frame_bouts(shown[:, columns.index(column)] == 1, edges, name)
    ]
    end = float(edges[-1])
    return Noted([Timeline(video, tuple(bouts), end, count / end, line=head_line)], names, None)


def _neither(cell: str, source: str, line: int, column: str) -> LabelError:
    hint = "; if the column is none of a behaviour, name the classes (--data.source.classes, amclip convert: --classes)"
    return LabelError(f"{cell[:80]!r} is neither 0 nor 1{hint}", source, line, column)


def _named(header: Sequence[str], source: str, line: int, reading: Reading) -> list[str]:
    """Behaviours by the classes, or by the project's settings; empty where neither says."""
    if reading.classes is not None:
        found = [name for name in header if name in reading.classes]
        if missing := [name for name in reading.classes if name not in found]:
            reason = f"has no column of the classes {', '.join(missing)}: whether it shows them is not known"
            raise LabelError(reason, source, line)
        return found
    path = Path(source)
    config = path.absolute().parents[2] / "project_config.ini" if len(path.absolute().parents) > 2 else path
    if path.parent.name != "targets_inserted" or not config.is_file():
        return []
    settings = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        settings.read(config, encoding="utf-8")
        names = [value for key, value in settings.items("SML settings") if key.startswith("target_name_")]
    except (configparser.Error, UnicodeDecodeError) as error:
        raise LabelError(f"cannot be read as settings of SimBA ({str(error).splitlines()[0]})", str(config)) from None
    missing = [name for name in names if name not in header]
    if missing:
        raise LabelError(f"has no column {missing[0]!r}, a behaviour of {config}", source, line)
    return [name for name in header if name in names]


def _last_ones(
    shown: np.ndarray[tuple[int, int], np.dtype[np.uint8]],
    columns: Sequence[int],
    header: Sequence[str],
    source: str,
    wrong: dict[int, tuple[int, str]],
) -> list[int]:
    """The columns at the end that hold 0 and 1, but for few cells.

    Raises:
        LabelError: If there is none.
    """
    kept: list[int] = []
    for place in reversed(range(len(columns))):
        name = header[columns[place]].lower()
        if (shown[:, place] == 2).mean() > _RARE or name.startswith(_FEATURES) or name.endswith(_POSE):
            break
        kept.insert(0, columns[place])
    if not kept:
        line, cell = wrong.get(columns[-1], (None, ""))
        said = f" (such as {cell[:20]!r})" if cell else ""
        reason = f"the last column is none of a behaviour: it holds other than 0 and 1{said}. Features without targets?"
        raise LabelError(reason, source, line, header[columns[-1]])
    return kept


FORMAT = LabelFormat(
    "simba", "SimBA's targets", BoutReader(matches, read, Files(("*.csv",), shared=True), in_sheets=False), None
)
