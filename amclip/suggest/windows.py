"""Scores and embeddings of a video's windows, from one pass over it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amclip.data.video import VideoInfo
from amclip.ethogram.scores import WindowScores
from amclip.ethogram.stream import open_windows, stream_windows
from amclip.inference import TrainedModel

__all__ = ["EmbeddedWindows", "embed_windows"]


@dataclass(frozen=True)
class EmbeddedWindows:
    """One video's windows: calibrated scores, and the embedding that each was classified from, float32 ``[W, D]``."""

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
) -> EmbeddedWindows:
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

    Raises:
        VideoError: If the video cannot be read.
    """
    with open_windows(model, path, info, window, hop) as (video, plan):
        probabilities, embeddings = [], []
        batch = min(batch, len(plan))
        for scored in stream_windows(model, video, plan, batch=batch, embeddings=True):
            probabilities.append(scored.probabilities)
            embeddings.append(scored.embeddings)
            progress(len(probabilities) * batch / len(plan))
        scores = WindowScores(
            video=name,
            classes=model.classes,
            start_frame=plan.start_frame,
            stop_frame=plan.stop_frame,
            start=plan.start,
            stop=plan.stop,
            probabilities=np.concatenate(probabilities),
            fps=video.fps,
            num_frames=video.num_frames,
            duration=video.duration,
            offset=video.offset,
        )
    return EmbeddedWindows(scores, np.concatenate(embeddings))
