"""Scores of windows that slide over a video, in one pass and in memory that does not grow with its length.

Each frame is decoded once, however far windows overlap and however many animals are cut out of it, and each flow pair
computed once. (Where each window has crops of its own, no two windows share a pair.) Where the network looks at images
one by one, each is embedded once too, and a window is classified from the embeddings it shares with its
neighbours. Where images exchange messages or prompt the text (X-CLIP), an image means something else in every window
and must be embedded anew in each.

The network always sees batches of one shape, filled up at the end of a video, and they are cut at the same places
wherever a run begins: libraries of linear algebra choose their order of summation by shape, so only thus are a run that
was interrupted and one that was not equal to the last bit, where one thread computes; the order in which several sum
is not fixed.

Decoding runs ahead in a thread, and scores are fetched when the next batch has been launched: decoder, host and GPU
work side by side, and none of it changes a score.
"""

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amclip.data.crops import cut_out, open_video, refuse_huge_squares, refuse_other_size
from amclip.data.side_stream import CudaStreams, NoStreams, Streams
from amclip.data.video import Video, VideoInfo
from amclip.data.video_file import VideoError
from amclip.ethogram.ahead import read_ahead
from amclip.ethogram.embedded import EmbeddedImages
from amclip.ethogram.plan import WindowPlan, plan_windows
from amclip.ethogram.row_plan import RowPlan, rows_of_windows
from amclip.inference import TrainedModel
from amclip.inputs import NetworkInput
from amclip.on_device import on_device

__all__ = ["Decoder", "Scored", "open_windows", "stream_windows"]

Decoder = Literal["cpu", "gpu"]
"""What decodes videos: PyAV, or the GPU's own decoder by way of torchcodec."""


class Scored(NamedTuple):
    """Some windows, or rows of animals, in order.

    Attributes:
        probabilities: Calibrated, float32 ``[n, C]``.
        embeddings: What each was classified from, the mean over its segments, float32 ``[n, D]``; ``[n, 0]`` where
            nobody asked for them.
    """

    probabilities: NDArray[np.float32]
    embeddings: NDArray[np.float32]


@contextmanager
def open_windows(
    model: TrainedModel, path: Path, info: VideoInfo, window: float, hop: float, decoder: Decoder = "cpu"
) -> Iterator[tuple[Video, WindowPlan]]:
    """Open a video as the model sees it, and lay windows over it.

    Args:
        model: The trained network.
        path: The file.
        info: What probing found.
        window: Length of a window in seconds.
        hop: Seconds from one window to the next.
        decoder: What decodes it; ``"gpu"`` is the model's own device.

    Raises:
        VideoError: If the video cannot be opened, or a window is too short for its frames.
        GpuDecodingError: If a GPU's decoder does not give its frames for certain, now or as it is read; the CPU can.
    """
    seen = model.input
    with closing(open_video(path, seen, info, str(model.device) if decoder == "gpu" else None)) as video:
        try:
            plan = plan_windows(
                video.timestamps(), video.duration, window, hop, seen.num_positions, seen.flow.gap_seconds
            )
        except ValueError as error:
            raise VideoError(path, str(error)) from error
        yield video, plan


def stream_windows(
    model: TrainedModel,
    video: Video,
    plan: WindowPlan | RowPlan,
    first: int = 0,
    batch: int = 1,
    embeddings: bool = False,
) -> Generator[Scored, None, None]:
    """Score the windows of a video, or those of the animals in it, in order.

    Whoever may end early closes this before the video: a thread reads ahead.

    Args:
        model: The network, on the device where it shall run.
        video: Open as :func:`open_windows` opens it.
        plan: The windows; or rows of animals, which a model needs that was trained on crops.
        first: The row to begin with, a multiple of ``batch``; the scores are those of a run from the start.
        batch: Rows that are classified at a time; and as many images are embedded at a time as they would have if
            they shared none.
        embeddings: Also yield what the rows were classified from.

    Yields:
        The next rows: ``batch`` of them, fewer at the end.

    Raises:
        ValueError: If ``first`` is no multiple of ``batch``, or the plan is not what the model looks at.
        VideoError: If a frame cannot be decoded; what was yielded before it stands.
        GpuDecodingError: If a frame of the GPU's decoder is not right for certain; nothing that was yielded stands.
    """
    rows = rows_of_windows(plan, video.timestamps()) if isinstance(plan, WindowPlan) else plan
    if (rows.crops is None) != (model.input.crop is None):
        wanted = "looks at animals that are cut out: it needs their tracks" if rows.crops is None else "sees no crops"
        raise ValueError(f"the model {wanted}")
    if first % batch:
        raise ValueError(f"first: expected a multiple of the batch size {batch}, got {first}")
    if first >= len(rows):
        return
    device = model.device
    size = batch * rows.positions
    begin = int(rows.first_image[first]) // size * size
    row = first
    kept = EmbeddedImages(model, begin)
    underway = _Underway(model)
    decoded = _decoded(video, rows, begin, size, model.input, device.type == "cuda")
    try:
        with closing(read_ahead(decoded)) as ahead:  # at once, not when this generator is collected: the video closes
            for pixels, unit_speed in ahead:
                with torch.inference_mode():
                    kept.add(model.preprocess(on_device(pixels, device), unit_speed=on_device(unit_speed, device)))
                while row < len(rows):
                    chosen = np.arange(row, min(row + batch, len(rows)))
                    if rows.images[chosen, -1].max() >= kept.stop:
                        break
                    filled_up = np.minimum(np.arange(row, row + batch), len(rows) - 1)
                    with torch.inference_mode():
                        answer = kept.answer(rows.images[filled_up])
                        log_odds = model.log_odds(answer.logits)[: len(chosen)]
                        pooled = answer.embeddings[: len(chosen)].float().mean(dim=1) if embeddings else log_odds[:, :0]
                        underway.launch(log_odds, pooled)
                    row += len(chosen)
                    if len(underway) > 1:
                        yield underway.fetch()
                if row < len(rows):
                    kept.let_go(int(rows.first_image[row]))
    except VideoError:
        yield from underway.rest()
        raise
    yield from underway.rest()


class _Underway:
    """Scores on their way from the device, in order; whoever fetches some waits for these and for no later work."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model
        self._streams: Streams = CudaStreams(model.device) if model.device.type == "cuda" else NoStreams()
        self._launched: deque[tuple[Tensor, Tensor, Any]] = deque()

    def __len__(self) -> int:
        return len(self._launched)

    def rest(self) -> Iterator[Scored]:
        """All that was launched."""
        while self._launched:
            yield self.fetch()

    def launch(self, log_odds: Tensor, pooled: Tensor) -> None:
        """Have log-odds ``[n, C]`` and embeddings ``[n, D]`` copied."""
        copies = (each.to("cpu", non_blocking=True) for each in (log_odds, pooled))
        self._launched.append((*copies, self._streams.mark()))

    def fetch(self) -> Scored:
        """The next ones, calibrated."""
        log_odds, pooled, mark = self._launched.popleft()
        self._streams.wait(mark)
        with torch.inference_mode():
            return Scored(self._model.calibrate(log_odds).numpy(), pooled.numpy())


def _decoded(
    video: Video, rows: RowPlan, begin: int, size: int, input: NetworkInput, pinned: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Images from the one numbered ``begin`` on: pictures uint8 ``[size / K, K, V, 3, H, W]``, and their unit speeds.

    The last are filled up by repeating the last one. Those to be ``pinned`` lie where a GPU can read them by itself.
    """
    pictures = _frames(video, rows, begin, input) if rows.crops is None else _crops(video, rows, begin, input)
    for at in range(begin, len(rows.frames), size):
        numbers = np.minimum(np.arange(at, at + size), len(rows.frames) - 1)
        pixels = torch.stack([next(pictures) for _ in range(at, min(at + size, len(rows.frames)))])
        pixels = pixels[torch.from_numpy(numbers - at)]
        pixels = pixels.pin_memory() if pinned else pixels
        unit_speed = torch.from_numpy(rows.unit_speed[numbers])
        yield (
            pixels.reshape(-1, rows.positions, *pixels.shape[1:]),
            unit_speed.reshape(-1, rows.positions, *unit_speed.shape[1:]),
        )


def _frames(video: Video, rows: RowPlan, begin: int, input: NetworkInput) -> Iterator[Tensor]:
    """Whole frames, with their partners where there is flow, of one image after the other, uint8 ``[V, 3, H, W]``."""
    needed = np.stack([rows.frames, rows.partners][: input.frames_per_position], axis=1)[begin:]
    wanted = np.unique(needed)
    stream = zip(wanted.tolist(), video.read_in_order(wanted), strict=True)
    held: dict[int, Tensor] = {}
    for pair in needed.tolist():
        while pair[-1] not in held:
            number, frame = next(stream)
            held[number] = torch.from_numpy(frame).permute(2, 0, 1)
        yield torch.stack([held[number] for number in pair])
        held = {number: frame for number, frame in held.items() if number >= pair[0]}


def _crops(video: Video, rows: RowPlan, begin: int, input: NetworkInput) -> Iterator[Tensor]:
    """The same of crops, uint8 ``[G * F, 3, h, w]``; one frame of the video is held at a time."""
    assert rows.crops is not None
    refuse_huge_squares(video, rows.crops)
    needed = np.stack([rows.frames, rows.partners][: input.frames_per_position], axis=1)
    per_position = needed.shape[1]
    shape = input.pictures_per_position, 3, *input.frame_size
    wanted = np.unique(needed[begin:])
    stream = zip(wanted.tolist(), video.read_in_order(wanted), strict=True)
    begun: dict[int, Tensor] = {}
    read = -1
    for image in range(begin, len(needed)):
        while read < needed[image, -1]:
            read, frame = next(stream)
            refuse_other_size(video, read, frame)
            cut: dict[bytes, Tensor] = {}  # a frame that is a partner too may have the same crop twice
            for which in range(per_position):
                users = range(*np.searchsorted(needed[:, which], (read, read + 1)).tolist())
                for user in users[max(0, begin - users.start) :]:
                    picture = begun.setdefault(user, torch.empty(shape, dtype=torch.uint8))
                    for wider, square in enumerate(rows.crops[rows.crop_of[user]]):
                        if (key := square.tobytes()) not in cut:
                            cut[key] = cut_out(frame, square, input)
                        picture[wider * per_position + which] = cut[key]
        yield begun.pop(image)
