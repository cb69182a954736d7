"""Scores and embeddings of the windows of a video, or of the animals in it, from one pass over it."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amclip.data.tracks import Tracks
from amclip.data.video import Video, VideoInfo
from amclip.ethogram.extent import Extent
from amclip.ethogram.scores import WindowScores
from amclip.ethogram.stream import Decoder, open_windows, stream_windows
from amclip.ethogram.video_rows import VideoRows, rows_of_video
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
    decoder: Decoder = "cpu",
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
        decoder: What decodes the video.

    Returns:
        One for the whole scene; or one for each animal, in the order of the tracks, without those that are in the
        picture in no window.

    Raises:
        VideoError: If the video cannot be read, or has no track that can be used.
        GpuDecodingError: If a GPU's decoder does not give its frames for certain; the CPU can.
    """
    with open_windows(model, path, info, window, hop, decoder) as (video, plan):
        whose = rows_of_video(video, name, plan, model.input.crop, tracks)
        rows = whose.rows
        probabilities = np.empty((len(rows), len(model.classes)), np.float32)
        embeddings: list[NDArray[np.float32]] = []
        batch = max(1, min(batch, len(rows)))
        done = 0
        with closing(stream_windows(model, video, rows, batch=batch, embeddings=True)) as stream:
            for scored in stream:
                probabilities[done : done + len(scored.probabilities)] = scored.probabilities
                embeddings.append(scored.embeddings)
                done += len(scored.probabilities)
                progress(done / len(rows))
        pooled = np.concatenate(embeddings) if embeddings else np.empty((0, 0), np.float32)
        found = []
        for number in range(len(whose.subjects)):
            mine = np.flatnonzero(rows.subject == number)
            if len(mine):
                scores = _scores(model, name, video, whose, number, mine, probabilities[mine])
                found.append(EmbeddedWindows(scores, pooled[mine]))
    return found


def _scores(
    model: TrainedModel,
    name: str,
    video: Video,
    whose: VideoRows,
    number: int,
    mine: NDArray[np.int64],
    probabilities: NDArray[np.float32],
) -> WindowScores:
    plan, windows = whose.rows.windows, whose.rows.window[mine]
    presence = None if whose.present is None else whose.present[number]
    return WindowScores(
        video=name,
        classes=model.classes,
        start_frame=plan.start_frame[windows],
        stop_frame=plan.stop_frame[windows],
        start=plan.start[windows],
        stop=plan.stop[windows],
        probabilities=probabilities,
        extent=Extent.of(video),
        subject=whose.subjects[number],
        present=None if presence is None else tuple((one.start, one.stop) for one in presence),
        present_frames=None if presence is None else tuple((one.start_frame, one.stop_frame) for one in presence),
    )
