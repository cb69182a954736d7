"""The scores of a folder that `amclip annotate` has written, read back and checked."""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.ethogram.annotation_file import FILE_NAME, AnnotatedRun, AnnotatedVideo
from amclip.ethogram.scores import WindowScores

__all__ = ["read_windows"]

_FIXED = 5  # columns of windows.parquet before those of the classes; a sixth tells animals apart


def read_windows(run: AnnotatedRun) -> Iterator[WindowScores]:
    """The scores of each video of a run, or of each animal in it, one at a time, from ``windows.parquet``.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If it is damaged, or does not fit the run.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = run.folder / "windows.parquet"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: is not there; annotate again")
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            told = ("video", "subject") if names[1:2] == ["subject"] else ("video",)
            fixed = _FIXED - 1 + len(told)
            if len(names) != fixed + len(run.classes):
                raise ValueError(
                    f"{path}: has {len(names)} columns, and {len(run.classes)} behaviours need "
                    f"{fixed + len(run.classes)}"
                )
            nothing = file.schema_arrow.empty_table()
            parts: dict[tuple[str, ...], list[Any]] = {}
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                for key in _keys(table, told):
                    of_key = (
                        pc.equal(table.column(name), pa.scalar(part)) for name, part in zip(told, key, strict=True)
                    )
                    parts.setdefault(key, []).append(table.filter(reduce(pc.and_, of_key)))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: is damaged ({error}); annotate again") from error
    for video in run.videos:
        # Parquet's text is UTF-8: a name of other bytes is written with signs in their place.
        written = video.video.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        for subject in video.subjects or ("",):
            present = video.present.get(subject)
            tables = parts.pop((written, subject)[: len(told)], None)
            if tables is None and present != ():  # an animal that is never there has no window
                who = f"{subject} in {video.video}" if subject else video.video
                raise ValueError(f"{path}: holds no window of {who}, which {FILE_NAME} names; annotate again")
            columns = [column.to_numpy() for column in pa.concat_tables(tables or [nothing]).columns[len(told) :]]
            yield _scores(run, video, subject, columns)


def _keys(table: Any, told: Sequence[str]) -> list[tuple[str, ...]]:
    """Of whom a part of the table has windows."""
    rows = table.select(list(told)).group_by(list(told), use_threads=False).aggregate([]).to_pylist()
    return [tuple(str(row[name]) for name in told) for row in rows]


def _scores(run: AnnotatedRun, video: AnnotatedVideo, subject: str, columns: Sequence[NDArray[Any]]) -> WindowScores:
    start, stop, start_frame, stop_frame = columns[:4]
    present = video.present.get(subject)
    return WindowScores(
        video=video.video,
        classes=run.classes,
        start_frame=start_frame,
        stop_frame=stop_frame,
        start=start,
        stop=stop,
        probabilities=np.stack(columns[4:], axis=1).astype(np.float32),
        extent=video.extent,
        subject=subject,
        present=None if present is None else tuple((one.start, one.stop) for one in present),
        present_frames=None if present is None else tuple((one.start_frame, one.stop_frame) for one in present),
    )
