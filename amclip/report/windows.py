"""The scores of a folder that `amclip annotate` has written, read back and checked."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from amclip.ethogram.annotation_file import FILE_NAME, AnnotatedRun
from amclip.ethogram.scores import WindowScores

__all__ = ["read_windows"]

_FIXED = 5  # columns of windows.parquet before those of the classes


def read_windows(run: AnnotatedRun) -> Iterator[WindowScores]:
    """The scores of each video of a run, one at a time, from ``windows.parquet``.

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
            if len(file.schema_arrow) != _FIXED + len(run.classes):
                raise ValueError(
                    f"{path}: has {len(file.schema_arrow)} columns, and {len(run.classes)} behaviours need "
                    f"{_FIXED + len(run.classes)}"
                )
            parts: dict[str, list[Any]] = {}
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                for name in map(str, pc.unique(table.column(0)).to_pylist()):
                    rows = pc.equal(table.column(0), pa.scalar(name))
                    parts.setdefault(name, []).append(table.filter(rows))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: is damaged ({error}); annotate again") from error
    for video in run.videos:
        # Parquet's text is UTF-8: a name of other bytes is written with signs in their place.
        tables = parts.pop(video.video.encode("utf-8", "surrogateescape").decode("utf-8", "replace"), None)
        if tables is None:
            raise ValueError(f"{path}: holds no window of {video.video}, which {FILE_NAME} names; annotate again")
        columns = [column.to_numpy() for column in pa.concat_tables(tables).columns[1:]]
        start, stop, start_frame, stop_frame = columns[:4]
        yield WindowScores(
            video=video.video,
            classes=run.classes,
            start_frame=start_frame,
            stop_frame=stop_frame,
            start=start,
            stop=stop,
            probabilities=np.stack(columns[4:], axis=1).astype(np.float32),
            fps=video.fps,
            num_frames=video.num_frames,
            duration=video.duration,
            offset=video.offset,
        )
