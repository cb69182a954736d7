"""What `amclip annotate` left in a folder, read back and checked."""

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from amclip.ethogram.bouts import BoutSettings
from amclip.ethogram.scores import WindowScores
from amclip.frame_times import DEFAULT_FLOW_GAP

__all__ = ["AnnotatedRun", "AnnotatedVideo", "read_run", "read_windows"]

_FIXED = 5  # columns of windows.parquet before those of the classes


@dataclass(frozen=True)
class AnnotatedVideo:
    """One video of a run.

    Attributes:
        video: As the tables name it.
        path: Where the file was when it was annotated; empty where that is not known.
        fps: Frames per second, averaged over the video.
        num_frames: Frames.
        duration: Seconds from the first frame to the end of the last.
        offset: Time stamp that the file gives its first frame, in seconds.
    """

    video: str
    path: str
    fps: float
    num_frames: int
    duration: float
    offset: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and self.fps > 0 and math.isfinite(self.offset)):
            raise ValueError(f"{self.video}: fps {self.fps}, offset {self.offset}")
        if not (math.isfinite(self.duration) and self.duration >= 0 and self.num_frames >= 0):
            raise ValueError(f"{self.video}: duration {self.duration}, num_frames {self.num_frames}")


@dataclass(frozen=True)
class AnnotatedRun:
    """A folder of `amclip annotate`.

    Attributes:
        folder: The folder.
        checkpoint: The checkpoint that scored.
        classes: Names of the behaviours, C.
        window: Length of a window in seconds.
        flow_gap: Seconds that the network's optical flow runs over.
        settings: How bouts are cut, for each class.
        videos: What was annotated.
        errors: Name and reason of each video that could not be.
    """

    folder: Path
    checkpoint: str
    classes: tuple[str, ...]
    window: float
    flow_gap: float
    settings: dict[str, BoutSettings]
    videos: tuple[AnnotatedVideo, ...]
    errors: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if not (math.isfinite(self.window) and self.window > 0):
            raise ValueError(f"window {self.window}")
        if not all(isinstance(name, str) for name in self.classes) or len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes {list(self.classes)}")


def read_run(folder: str | os.PathLike[str]) -> AnnotatedRun:
    """Read ``annotation.json``.

    Raises:
        FileNotFoundError: If the folder, or the file in it, is not there.
        ValueError: If the file does not say what it should; names what is missing.
    """
    path = Path(folder) / "annotation.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: is not there; give the folder that `amclip annotate … --output FOLDER` has written"
        )
    try:
        told = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
        return AnnotatedRun(
            folder=Path(folder),
            checkpoint=str(told.get("checkpoint") or ""),
            classes=tuple(told["classes"]),
            window=float(told["window"]),
            flow_gap=float(told.get("flow_gap", DEFAULT_FLOW_GAP)),
            settings={name: BoutSettings(**told["settings"][name]) for name in told["classes"]},
            videos=tuple(_video(video) for video in told["videos"]),
            errors=tuple((str(error["video"]), str(error["reason"])) for error in told.get("errors", [])),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path}: is damaged, or of another version of amclip ({error!r}); annotate again") from error


def _video(told: dict[str, Any]) -> AnnotatedVideo:
    return AnnotatedVideo(
        video=str(told["video"]),
        path=str(told.get("path") or ""),
        fps=float(told["fps"]),
        num_frames=int(told["num_frames"]),
        duration=float(told["duration"]),
        offset=float(told.get("offset", 0.0)),
    )


def read_windows(run: AnnotatedRun) -> Iterator[WindowScores]:
    """The scores of each video of a run, one at a time, from ``windows.parquet``.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If it is damaged, or does not fit ``annotation.json``.
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
            raise ValueError(f"{path}: holds no window of {video.video}, which annotation.json names; annotate again")
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
