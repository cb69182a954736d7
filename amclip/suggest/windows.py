"""Scores and embeddings of a video's windows, from one pass over it."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amclip.data.sampling import num_positions
from amclip.data.video import Video, VideoError, VideoInfo
from amclip.ethogram.plan import plan_windows
from amclip.ethogram.scores import WindowScores
from amclip.ethogram.stream import stream_scores
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
    progress: Callable[[float], None] = lambda share: None,
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
        progress: Is told the share that is done, in [0, 1].

    Raises:
        VideoError: If the video cannot be read.
    """
    sampling = model.sampling
    positions = num_positions(*model.layout)
    size = (int(sampling["frame_size"][0]), int(sampling["frame_size"][1]))
    with contextlib.closing(Video(path, size, sampling["resize"], info)) as video:
        try:
            plan = plan_windows(video.timestamps(), video.duration, window, hop, positions, sampling["flow_gap"])
        except ValueError as error:
            raise VideoError(path, str(error)) from error
        probabilities, embeddings = [], []
        with _pooled(model) as pooled:
            for scored in stream_scores(model, video, plan, batch=min(batch, len(plan))):
                probabilities.append(scored)
                embeddings.append(pooled.pop()[: len(scored)])  # a batch is filled up at the end of a video
                progress(len(probabilities) * min(batch, len(plan)) / len(plan))
        scores = WindowScores(
            video=name,
            classes=tuple(model.classes),
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


@contextlib.contextmanager
def _pooled(model: TrainedModel) -> Iterator[list[NDArray[np.float32]]]:
    """What the network's classifiers pooled of each batch, float32 ``[B, D]``, added to the list as they work.

    A hook, since scoring is one function for annotating and for this: the embeddings are on its way.
    """
    kept: list[NDArray[np.float32]] = []

    def keep(module: torch.nn.Module, given: tuple[Any, ...]) -> None:
        embeddings: Tensor = given[0]  # (B, M, D)
        kept.append(embeddings.detach().float().mean(dim=1).cpu().numpy())

    handle = model.task.network.aggregator.register_forward_pre_hook(keep)
    try:
        yield kept
    finally:
        handle.remove()
