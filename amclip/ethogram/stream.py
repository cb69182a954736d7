"""Scores of windows that slide over a video, in one pass and in memory that does not grow with its length.

Each frame is decoded once and each flow pair computed once, however far windows overlap. Where the network looks at
images one by one, each is embedded once too, and a window is classified from the embeddings it shares with its
neighbours. Where images exchange messages or prompt the text (X-CLIP), an image means something else in every window
and must be embedded anew in each.

The network always sees batches of one shape, filled up at the end of a video, and they are cut at the same places
wherever a run begins: libraries of linear algebra choose their order of summation by shape, so only thus are a run that
was interrupted and one that was not equal to the last bit, where one thread computes; the order in which several sum
is not fixed.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amclip.data.video import Video, VideoInfo
from amclip.data.video_file import VideoError
from amclip.ethogram.plan import WindowPlan, plan_windows
from amclip.inference import TrainedModel

__all__ = ["Scored", "open_windows", "stream_windows"]


class Scored(NamedTuple):
    """Some windows, in order.

    Attributes:
        probabilities: Calibrated, float32 ``[n, C]``.
        embeddings: What each was classified from, the mean over its segments, float32 ``[n, D]``; ``[n, 0]`` where
            nobody asked for them.
    """

    probabilities: NDArray[np.float32]
    embeddings: NDArray[np.float32]


@contextmanager
def open_windows(
    model: TrainedModel, path: Path, info: VideoInfo, window: float, hop: float
) -> Iterator[tuple[Video, WindowPlan]]:
    """Open a video as the model sees it, and lay windows over it.

    Args:
        model: The trained network.
        path: The file.
        info: What probing found.
        window: Length of a window in seconds.
        hop: Seconds from one window to the next.

    Raises:
        VideoError: If the video cannot be opened, or a window is too short for its frames.
    """
    seen = model.input
    with closing(Video(path, seen.frame_size, seen.resize, info)) as video:
        try:
            plan = plan_windows(
                video.timestamps(), video.duration, window, hop, seen.num_positions, seen.flow.gap_seconds
            )
        except ValueError as error:
            raise VideoError(path, str(error)) from error
        yield video, plan


def stream_windows(
    model: TrainedModel, video: Video, plan: WindowPlan, first: int = 0, batch: int = 1, embeddings: bool = False
) -> Iterator[Scored]:
    """Score the windows of a video, in order.

    Args:
        model: The network, on the device where it shall run.
        video: Open, decoding to the size that the model's input names.
        plan: The windows.
        first: The window to begin with, a multiple of ``batch``; the scores are those of a run from the start.
        batch: Windows that are classified at a time; and as many images are embedded at a time as they would have if
            they shared none.
        embeddings: Also yield what the windows were classified from.

    Yields:
        The next windows: ``batch`` of them, fewer at the end.

    Raises:
        ValueError: If ``first`` is no multiple of ``batch``.
        VideoError: If a frame cannot be decoded; what was yielded before it stands.
    """
    if first % batch:
        raise ValueError(f"first: expected a multiple of the batch size {batch}, got {first}")
    if first >= len(plan):
        return
    network, device = model.network, model.device
    alone = not network.cross_frame and not network.prompted
    segments = model.input.segments().to(device).expand(batch, -1, -1)
    size = batch * plan.positions
    begin = plan.images(first)[0] // size * size
    window = first
    kept: Tensor | None = None  # embeddings, or images, from the one numbered `base` on
    base = begin
    for pixels in _read_ahead(_decoded(video, plan, int(begin), size, model.input.frames_per_position)):
        with torch.inference_mode():
            images = model.preprocess(pixels.to(device))
            fresh = (network.embed(images) if alone else images).flatten(0, 1)
            kept = fresh if kept is None else torch.cat([kept, fresh])
        while window < len(plan):
            chosen = np.arange(window, min(window + batch, len(plan)))
            if plan.images(chosen[-1])[-1] >= base + len(kept):
                break
            rows = np.stack([plan.images(min(row, len(plan) - 1)) for row in range(window, window + batch)])
            with torch.inference_mode():
                images_of = kept[torch.from_numpy(rows - base).to(device)]
                answer = network.classify(images_of, segments) if alone else network.answer(images_of, segments)
                scored = model.calibrate(model.probabilities(answer.logits)[: len(chosen)].cpu()).numpy()
                pooled = (
                    answer.embeddings[: len(chosen)].float().mean(dim=1) if embeddings else torch.empty(len(chosen), 0)
                )
            yield Scored(scored, pooled.cpu().numpy())
            window += len(chosen)
        if window < len(plan):
            needed = int(plan.images(window)[0])
            kept, base = kept[max(0, needed - base) :], max(base, needed)


def _decoded(video: Video, plan: WindowPlan, begin: int, size: int, per_position: int) -> Iterator[Tensor]:
    """Frames with their partners from the one numbered ``begin`` on, uint8 ``[size / K, K, V, 3, H, W]``.

    The last are filled up by repeating the last one.
    """
    frames, partners = plan.frames[begin:], plan.partners[begin:]
    wanted = np.unique(np.concatenate([frames, partners][:per_position]))
    stream = video.read_in_order(wanted)
    read = 0
    held: NDArray[np.uint8] | None = None  # decoded, from the one at place `oldest` of `wanted` on
    oldest = 0
    for at in range(0, len(frames), size):
        rows = np.minimum(np.arange(at, at + size), len(frames) - 1)
        pairs = np.searchsorted(wanted, np.stack([frames[rows], partners[rows]][:per_position], axis=1))
        fresh = [next(stream) for _ in range(int(pairs.max()) + 1 - read)]
        read += len(fresh)
        if held is None:
            held = np.stack(fresh)
        else:
            needed = int(pairs.min())
            held, oldest = np.concatenate([held[needed - oldest :], *(x[None] for x in fresh)]), needed
        pixels = torch.from_numpy(held[pairs - oldest])
        yield pixels.movedim(-1, 2).contiguous().view(-1, plan.positions, *pixels.shape[1:2], 3, *pixels.shape[2:4])


def _read_ahead(items: Iterator[Tensor]) -> Iterator[Tensor]:
    """The same items, each made by a thread of its own while the one before is worked on."""
    with ThreadPoolExecutor(1) as reader:
        upcoming = reader.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = reader.submit(next, items, None)
            yield item
