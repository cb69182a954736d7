"""The folder that annotating leaves: tables of windows, bouts and time budgets, files for other tools, a figure."""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, astuple, fields, replace
from itertools import starmap
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from amclip.atomic import replacing, writing_text
from amclip.data import boris_columns
from amclip.ethogram import annotation_file, boris_files
from amclip.ethogram.annotation_file import AnnotatedVideo, Scoring, find_run, write_run
from amclip.ethogram.bouts import BoutSettings, ScoredBout, ScoreTimeline, find_bouts, smooth, timeline
from amclip.ethogram.budget import Budget, time_budget
from amclip.ethogram.figure import Panel, Track, draw_ethogram
from amclip.ethogram.scores import WindowScores

__all__ = ["BOUT_COLUMNS", "FILES", "WINDOW_COLUMNS", "write_outputs"]

FILES = (
    *("windows.csv", "windows.parquet", "bouts.csv", "time_budget.csv", annotation_file.FILE_NAME),
    *("ethogram.png", "ethogram.svg", "boris/amclip.boris"),
)
"""What the folder holds beside the files of each video."""

WINDOW_COLUMNS = ("video", "start", "stop", "start_frame", "stop_frame")
BOUT_COLUMNS = (
    *("video", "behaviour", "start", "stop", "duration", "start_frame", "stop_frame"),
    *("mean_probability", "peak_probability"),
)
_BUDGET_COLUMNS = ("video", "behaviour", "bouts", "total", "share_of_video", "mean_bout", "mean_gap", "latency")
# Of the figure: what still fits a page.
_MAX_PANELS = 12
_MAX_ROWS = 60
_FILES_PER_VIDEO = (
    "boris/{}_tabular_events.csv",
    "boris/{}_aggregated_events.csv",
    "deepethogram/{}_predictions.csv",
)
_FRAMES_AT_ONCE = 1 << 16


def write_outputs(
    directory: str | os.PathLike[str],
    scores: Iterable[WindowScores],
    settings: Mapping[str, BoutSettings],
    scoring: Scoring | None = None,
    paths: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> list[tuple[str, str]]:
    """Write everything that is known of some videos; writes are atomic.

    A video whose scores cannot be used is left out, and named among the errors.

    Args:
        directory: The folder; made where it is missing. Files of the same name are replaced.
        scores: One video at a time; no more than one is held in memory.
        settings: For each class, how its bouts are cut.
        scoring: How the videos were scored; default: nothing is known of it.
        paths: The absolute path of each video, by its name.
        errors: Why videos could not be annotated, by their names.

    Returns:
        Name and reason of each video that was left out here; they are in ``annotation.json`` as well.

    Raises:
        ValueError: If videos have other classes than the first one or than ``settings``, or a video comes twice.
        OSError: If a file cannot be written.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    _remove_left_over(folder)
    classes = tuple(settings)
    paths = paths or {}
    videos: list[AnnotatedVideo] = []
    left_out: list[tuple[str, str]] = []
    panels: list[Panel] = []
    seen: set[str] = set()
    stems: set[str] = set()
    alone: ScoreTimeline | None = None  # a single video has room for its curves
    shown = max(1, min(_MAX_PANELS, _MAX_ROWS // max(len(classes), 1)))
    with ExitStack() as stack:
        windows = stack.enter_context(_Windows.open(folder, classes))
        bouts_file = stack.enter_context(_table(folder / "bouts.csv", BOUT_COLUMNS))
        budget_file = stack.enter_context(_table(folder / "time_budget.csv", _BUDGET_COLUMNS))
        project = stack.enter_context(_Project.open(folder / "boris" / "amclip.boris", settings))
        for one in scores:
            if one.classes != classes:
                raise ValueError(f"{one.video}: was scored for {one.classes}, and the settings are for {classes}")
            if one.video in seen:
                raise ValueError(f"{one.video}: is there twice")
            seen.add(one.video)
            try:
                curves = timeline(one)
            except ValueError as error:
                left_out.append((one.video, str(error)))
                continue
            bouts = find_bouts(curves, settings)
            stem = boris_files.observation_id(one.video, stems)
            windows.add(one)
            bouts_file.writerows(map(_bout_row, bouts))
            budget_file.writerows(map(_budget_row, time_budget(one.video, one.duration, classes, bouts)))
            project.add(stem, one, bouts, paths.get(one.video))
            _write_boris_tables(folder / "boris", stem, one, bouts)
            _write_deepethogram(folder / "deepethogram" / f"{stem}_predictions.csv", one, bouts)
            videos.append(_described(one, paths.get(one.video)))
            if len(panels) < shown:
                panels.append(Panel(one.video, [Track("amclip", bouts)], 0.0, one.duration))
            alone = smooth(curves, settings) if len(videos) == 1 else None
    if panels:
        _draw(folder, [replace(panel, curves=alone) for panel in panels], classes, len(videos))
    _remove_others(folder, stems)
    write_run(folder, scoring or Scoring(), settings, videos, [*(errors or {}).items(), *left_out])
    return left_out


def _remove_left_over(folder: Path) -> None:
    """Remove files that a run was killed over while it wrote them; nobody else writes here while this one does."""
    left = [path for name in FILES for path in folder.glob(f".{name}.*.partial")]
    left += [path for end in ("png", "svg") for path in folder.glob(f".ethogram.{end}.*.{end}")]
    left += [path for below in ("boris", "deepethogram") for path in (folder / below).rglob(".*.partial")]
    for path in left:
        path.unlink(missing_ok=True)


@contextmanager
def _table(path: Path, header: Sequence[str], durable: bool = True) -> Iterator[Any]:
    with writing_text(path, durable) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        yield writer


class _Windows:
    """``windows.csv`` and ``windows.parquet``, a video at a time."""

    def __init__(self, rows: Any, parquet: Any, schema: Any) -> None:
        self._rows, self._parquet, self._schema = rows, parquet, schema

    @classmethod
    @contextmanager
    def open(cls, folder: Path, classes: Sequence[str]) -> Iterator["_Windows"]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        # A behaviour named like a column of ours gets another name, rather than two columns the same.
        named = [f"{name} (behaviour)" if name in WINDOW_COLUMNS else name for name in classes]
        types = (pa.string(), pa.float64(), pa.float64(), pa.int64(), pa.int64())
        columns: list[tuple[str, Any]] = [*zip(WINDOW_COLUMNS, types, strict=True)]
        schema = pa.schema(columns + [(name, pa.float32()) for name in named])
        with (
            replacing(folder / "windows.parquet") as temporary,
            _table(folder / "windows.csv", (*WINDOW_COLUMNS, *named)) as rows,
            pq.ParquetWriter(temporary, schema) as parquet,
        ):
            yield cls(rows, parquet, schema)

    def add(self, scores: WindowScores) -> None:
        import pyarrow as pa

        columns = [scores.start, scores.stop, scores.start_frame, scores.stop_frame]
        # Parquet's text is UTF-8 and nothing else.
        name = scores.video.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        arrays: list[Any] = [pa.array([name] * len(scores.start), pa.string()), *map(pa.array, columns)]
        arrays += [pa.array(column) for column in scores.probabilities.astype(np.float32).T]
        self._parquet.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        times = [list(map(boris_files.seconds, column.tolist())) for column in columns[:2]]
        frames = [column.tolist() for column in columns[2:]]
        # The shortest digits that read back as the same float32.
        values = scores.probabilities.astype(np.float32).astype(str).tolist()
        for *row, numbers in zip(*times, *frames, values, strict=True):
            self._rows.writerow([scores.video, *row, *numbers])


class _Project:
    """A BORIS project, an observation at a time."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._separator = file, "\n"

    @classmethod
    @contextmanager
    def open(cls, path: Path, settings: Mapping[str, BoutSettings]) -> Iterator["_Project"]:
        said = {
            name: f"amclip: {', '.join(starmap('{}={:g}'.format, _set_values(rules)))}"
            for name, rules in settings.items()
        }
        before, behind = boris_files.project_frame(tuple(settings), said)
        with writing_text(path) as file:
            file.write(before)
            yield cls(file)
            file.write(behind)

    def add(self, stem: str, scores: WindowScores, bouts: Sequence[ScoredBout], path: str | None) -> None:
        text = json.dumps(boris_files.observation(scores, bouts, path), ensure_ascii=False)
        self._file.write(f"{self._separator}{json.dumps(stem, ensure_ascii=False)}: {text}")
        self._separator = ",\n"


def _set_values(settings: BoutSettings) -> list[tuple[str, float]]:
    values = asdict(settings) | {"off_threshold": settings.lower}
    return [(field.name, values[field.name]) for field in fields(settings)]


def _bout_row(bout: ScoredBout) -> list[str]:
    times = map(boris_files.seconds, (bout.start, bout.stop, bout.duration))
    frames = map(str, (bout.start_frame, bout.stop_frame))
    return [bout.video, bout.behaviour, *times, *frames, f"{bout.mean:.6f}", f"{bout.peak:.6f}"]


def _budget_row(budget: Budget) -> list[str]:
    return [
        "" if value is None else boris_files.seconds(value) if isinstance(value, float) else str(value)
        for value in astuple(budget)
    ]


def _write_boris_tables(folder: Path, stem: str, scores: WindowScores, bouts: Sequence[ScoredBout]) -> None:
    with _table(folder / f"{stem}_tabular_events.csv", boris_columns.TABULAR, durable=False) as rows:
        rows.writerows(boris_files.tabular_rows(stem, scores, bouts))
    with _table(folder / f"{stem}_aggregated_events.csv", boris_columns.AGGREGATED, durable=False) as rows:
        rows.writerows(boris_files.aggregated_rows(stem, scores, bouts))


def _write_deepethogram(path: Path, scores: WindowScores, bouts: Sequence[ScoredBout]) -> None:
    """A row per frame: its number, 1 where no behaviour is shown, and 0 or 1 per behaviour."""
    # "background" is DeepEthogram's word for no behaviour at all, and it has one such column.
    names = [name for name in scores.classes if name != "background"]
    with _table(path, ("", "background", *names), durable=False) as rows:
        for first in range(0, scores.num_frames, _FRAMES_AT_ONCE):
            shown = np.zeros((min(_FRAMES_AT_ONCE, scores.num_frames - first), len(names)), np.int8)
            for bout in bouts:
                if bout.behaviour in names:
                    begin, end = max(bout.start_frame - first, 0), max(bout.stop_frame - first, 0)
                    shown[begin:end, names.index(bout.behaviour)] = 1
            background = (shown.max(axis=1, initial=0) == 0).astype(np.int8)
            table = np.column_stack([np.arange(first, first + len(shown)), background, shown])
            rows.writerows(table.tolist())


def _remove_others(folder: Path, stems: set[str]) -> None:
    """Remove the files of single videos that an earlier annotation of the folder left, and this one does not write.

    Which these are is read from its ``annotation.json``: nobody else's files are touched.
    """
    earlier: set[str] = set()
    run = find_run(folder)
    for video in () if run is None else run.videos:
        boris_files.observation_id(video.video, earlier)
    for stem in earlier - stems:
        for name in _FILES_PER_VIDEO:
            (folder / name.format(stem)).unlink(missing_ok=True)


def _described(scores: WindowScores, path: str | None) -> AnnotatedVideo:
    return AnnotatedVideo(scores.video, path, scores.fps, scores.num_frames, scores.duration, scores.offset)


def _draw(folder: Path, panels: Sequence[Panel], classes: Sequence[str], videos: int) -> None:
    if videos > len(panels):
        last = panels[-1]
        title = f"{last.title}  (the first {len(panels)} of {videos} videos)"
        panels = [*panels[:-1], Panel(title, last.tracks, last.start, last.stop)]
    draw_ethogram([folder / f"ethogram{end}" for end in (".png", ".svg")], panels, classes)
