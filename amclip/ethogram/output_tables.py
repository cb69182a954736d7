"""The tables of an annotation, written a video or an animal at a time.

A column ``subject`` stands behind ``video`` where animals are told apart, and nowhere else.
"""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from amclip.atomic import replacing, writing_text
from amclip.ethogram import boris_files
from amclip.ethogram.bouts import ScoredBout
from amclip.ethogram.budget import Budget
from amclip.ethogram.scores import WindowScores

__all__ = ["BoutTable", "BudgetTable", "WindowTables", "open_table"]

Table = TypeVar("Table", bound="_RowTable")

_WINDOW_COLUMNS = ("video", "start", "stop", "start_frame", "stop_frame")
_BOUT_COLUMNS = (
    *("video", "behaviour", "start", "stop", "duration", "start_frame", "stop_frame"),
    *("mean_probability", "peak_probability"),
)
_BUDGET_COLUMNS = ("video", "behaviour", "bouts", "total", "share_of_video", "mean_bout", "mean_gap", "latency")
_BUDGET_OF_ANIMALS = (
    *("video", "subject", "behaviour", "bouts", "total", "time_present", "share_of_time_present"),
    *("mean_bout", "mean_gap", "latency"),
)


@contextmanager
def open_table(path: Path, header: Sequence[str], durable: bool = True) -> Iterator[Any]:
    """A CSV file to write rows to; it has its name only when it is whole."""
    with writing_text(path, durable) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        yield writer


def _with_subject(cells: Sequence[str], subject: str, named: bool) -> list[str]:
    """Cells that begin with the video, and the animal behind it where animals are told apart."""
    return [cells[0], subject, *cells[1:]] if named else list(cells)


class _RowTable:
    """A table to which rows are added; ``named``: animals are told apart."""

    def __init__(self, rows: Any, named: bool) -> None:
        self._rows, self._named = rows, named

    @staticmethod
    def header(named: bool) -> Sequence[str]:
        """Names of the columns."""
        raise NotImplementedError

    @classmethod
    @contextmanager
    def open(cls: type[Table], path: Path, named: bool) -> Iterator[Table]:
        """A table that is whole when it is closed."""
        with open_table(path, cls.header(named)) as rows:
            yield cls(rows, named)


class BoutTable(_RowTable):
    """``bouts.csv``."""

    @staticmethod
    def header(named: bool) -> Sequence[str]:
        """Names of the columns."""
        return _with_subject(_BOUT_COLUMNS, "subject", named)

    def add(self, bouts: Sequence[ScoredBout]) -> None:
        """Write a row per bout."""
        for bout in bouts:
            times = map(boris_files.seconds, (bout.start, bout.stop, bout.duration))
            frames = map(str, (bout.start_frame, bout.stop_frame))
            row = [bout.video, bout.behaviour, *times, *frames, f"{bout.mean:.6f}", f"{bout.peak:.6f}"]
            self._rows.writerow(_with_subject(row, bout.subject, self._named))


class BudgetTable(_RowTable):
    """``time_budget.csv``; where animals are told apart, shares are of the time that each is present."""

    @staticmethod
    def header(named: bool) -> Sequence[str]:
        """Names of the columns."""
        return _BUDGET_OF_ANIMALS if named else _BUDGET_COLUMNS

    def add(self, budgets: Sequence[Budget]) -> None:
        """Write a row per behaviour."""
        for budget in budgets:
            of_whom = [budget.video, budget.subject] if self._named else [budget.video]
            present = [budget.present] if self._named else []
            told = (budget.bouts, budget.total, *present, budget.share)
            means = (budget.mean_bout, budget.mean_gap, budget.latency)
            self._rows.writerow([*of_whom, budget.behaviour, *map(_cell, told), *map(_cell, means)])


def _cell(value: float | None) -> str:
    return "" if value is None else boris_files.seconds(value) if isinstance(value, float) else str(value)


class WindowTables:
    """``windows.csv`` and ``windows.parquet``; ``named``: animals are told apart."""

    def __init__(self, rows: Any, parquet: Any, schema: Any, named: bool) -> None:
        self._rows, self._parquet, self._schema, self._named = rows, parquet, schema, named

    @classmethod
    @contextmanager
    def open(cls, folder: Path, classes: Sequence[str], named: bool) -> Iterator["WindowTables"]:
        """Tables that are whole when they are closed."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        fixed = _with_subject(_WINDOW_COLUMNS, "subject", named)
        # A behaviour named like a column of ours gets another name, rather than two columns the same.
        header = [*fixed, *(f"{name} (behaviour)" if name in fixed else name for name in classes)]
        types: list[Any] = [pa.string()] * (1 + named) + [pa.float64(), pa.float64(), pa.int64(), pa.int64()]
        schema = pa.schema(list(zip(header, types + [pa.float32()] * len(classes), strict=True)))
        with (
            replacing(folder / "windows.parquet") as temporary,
            open_table(folder / "windows.csv", header) as rows,
            pq.ParquetWriter(temporary, schema) as parquet,
        ):
            yield cls(rows, parquet, schema, named)

    def add(self, scores: WindowScores) -> None:
        """Write a row per window; of an animal without any there is none."""
        import pyarrow as pa

        columns = [scores.start, scores.stop, scores.start_frame, scores.stop_frame]
        # Parquet's text is UTF-8 and nothing else.
        name = scores.video.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        names = [[text] * len(scores.start) for text in _with_subject([name], scores.subject, self._named)]
        arrays: list[Any] = [*(pa.array(column, pa.string()) for column in names), *map(pa.array, columns)]
        arrays += [pa.array(column) for column in scores.probabilities.astype(np.float32).T]
        self._parquet.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        times = [list(map(boris_files.seconds, column.tolist())) for column in columns[:2]]
        frames = [column.tolist() for column in columns[2:]]
        # The shortest digits that read back as the same float32.
        values = scores.probabilities.astype(np.float32).astype(str).tolist()
        of_whom = _with_subject([scores.video], scores.subject, self._named)
        for *row, numbers in zip(*times, *frames, values, strict=True):
            self._rows.writerow([*of_whom, *row, *numbers])
