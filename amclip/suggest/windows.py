"""Scores and embeddings of the windows of a video, or of the animals in it, from one pass over it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amclip.data.crops import Animal
from amclip.data.label_error import LabelError
from amclip.data.tracks import Tracks, tracks_of
from amclip.data.video import Video, VideoInfo
from amclip.data.video_file import VideoError
from amclip.ethogram.plan import WindowPlan
from amclip.ethogram.row_plan import RowPlan, rows_of_animals, rows_of_windows
from amclip.ethogram.scores import WindowScores
from amclip.ethogram.stream import open_windows, stream_windows
from amclip.inference import TrainedModel

__all__ = ["EmbeddedWindows", "embed_windows"]


@dataclass(frozen=True)
class EmbeddedWindows:
    """The windows of one video, or of one animal in it.

    Attributes:
        scores: Calibrated scores of its W windows.
        embeddings: What each was classified from, float32 ``[W, D]``.
    """

    scores: WindowScores
    embeddings: NDArray[np.float32]


def embed_windows(
    model: TrainedModel,
    name: str,
    path: Path,
    info: VideoInfo,
    window: float,
    hop: float,
    batch: int = 1,
    progress: Callable[[float], None] = lambda fraction: None,
    tracks: Tracks | None = None,
) -> list[EmbeddedWindows]:
    """Score a video's windows and keep their embeddings, the mean over the segments of a window.

    Args:
        model: The trained network.
        name: The video as tables shall name it.
        path: The file.
        info: What probing found.
        window: Length of a window in seconds.
        hop: Seconds from one window to the next.
        batch: Windows that are classified at a time.
        progress: Is told the fraction that is done, in [0, 1].
        tracks: Where the animals are, for a model that looks at animals cut out.

    Returns:
        One for the whole scene; or one for each animal, in the order of the tracks, without those that are in the
        picture in no window.

    Raises:
        VideoError: If the video cannot be read, or has no track that can be used.
    """
    with open_windows(model, path, info, window, hop) as (video, plan):
        animals = None if tracks is None else _animals(tracks, name, path, info)
        rows = _rows(model, video, plan, animals)
        probabilities = np.empty((len(rows), len(model.classes)), np.float32)
        embeddings: list[NDArray[np.float32]] = []
        batch = max(1, min(batch, len(rows)))
        done = 0
        for scored in stream_windows(model, video, rows, batch=batch, embeddings=True):
            probabilities[done : done + len(scored.probabilities)] = scored.probabilities
            embeddings.append(scored.embeddings)
            done += len(scored.probabilities)
            progress(done / len(rows))
        pooled = np.concatenate(embeddings) if embeddings else np.empty((0, 0), np.float32)
        found = []
        for number, animal in enumerate([None] if animals is None else animals):
            mine = np.flatnonzero(rows.subject == number)
            if len(mine):
                scores = _scores(model, name, video, rows, mine, probabilities[mine], animal)
                found.append(EmbeddedWindows(scores, pooled[mine]))
    return found


def _animals(tracks: Tracks, name: str, path: Path, info: VideoInfo) -> list[Animal]:
    try:
        return [Animal.of(track, info.fps) for track in tracks_of(tracks, name)]
    except LabelError as error:
        raise VideoError(path, error.reason) from error
    except ValueError as error:
        raise VideoError(path, str(error)) from error


def _rows(model: TrainedModel, video: Video, plan: WindowPlan, animals: Sequence[Animal] | None) -> RowPlan:
    crop = model.input.crop
    if animals is None or crop is None:
        return rows_of_windows(plan)
    return rows_of_animals(plan, video.timestamps(), animals, crop)


def _scores(
    model: TrainedModel,
    name: str,
    video: Video,
    rows: RowPlan,
    mine: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    animal: Animal | None,
) -> WindowScores:
    plan, windows = rows.windows, rows.window[mine]
    present = frames = None
    if animal is not None:
        ends = np.append(video.timestamps(), video.duration)
        frames = tuple((int(first), int(stop)) for first, stop in animal.stretches(video.num_frames))
        present = tuple((float(ends[first]), float(ends[stop])) for first, stop in frames)
    return WindowScores(
        video=name,
        classes=model.classes,
        start_frame=plan.start_frame[windows],
        stop_frame=plan.stop_frame[windows],
        start=plan.start[windows],
        stop=plan.stop[windows],
        probabilities=probabilities,
        fps=video.fps,
        num_frames=video.num_frames,
        duration=video.duration,
        offset=video.offset,
        subject="" if animal is None else animal.track.subject,
        present=present,
        present_frames=frames,
    )
