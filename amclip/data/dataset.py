"""Label table + sampling + video → one sample. Workers decode to uint8 and do nothing else."""

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from amclip.data.locate import video_path
from amclip.data.table import LabelTable
from amclip.data.video import Video, VideoInfo
from amclip.data.video_file import VideoError
from amclip.frame_times import clip_span
from amclip.inputs import NetworkInput
from amclip.sampling import sample_positions

__all__ = ["Batch", "ClipDataset", "Sample", "collate"]

# Opening a recording of an hour takes a second, and its clips are asked for one by one; each open reader holds about
# 20 MB.
_OPEN_VIDEOS = 4


class _Tensors(TypedDict):
    frames: Tensor
    segments: Tensor
    labels: Tensor
    clip: Tensor
    draw: Tensor
    skipped: Tensor


class Sample(_Tensors):
    """One clip.

    ``frames`` uint8 ``[K, V, 3, H, W]`` RGB; ``segments`` int64 ``[M, P]``; ``labels`` float32 ``[C]`` of 0 and 1;
    ``clip`` int64, the row of the table; ``draw`` int64, how often it was drawn before in the epoch; ``skipped`` int64,
    broken clips skipped to get this one (training), and ``reason`` why the last of them was; ``error`` why the frames
    are all zero, or empty.
    """

    reason: str
    error: str


class Batch(_Tensors):
    """Samples stacked along a first axis ``B``; ``reason`` and ``error`` are lists."""

    reason: list[str]
    error: list[str]


class ClipDataset(Dataset[Sample]):
    """Clips as frames at ``K`` positions, with or without their flow partners.

    Args:
        table: The clips.
        root: Folder that relative paths of the table start from.
        found: What :func:`amclip.data.probe.probe` found, keyed by ``video_path(root, clip)``. A video found
            unreadable is never opened; one that is missing here is opened on trust.
        input: What the network sees: positions, flow partners, size.
        training: Jitter positions, and replace clips that cannot be read.
        seed: Jitter is a function of (seed, epoch, row, draw) only: the same on any number of workers and devices.
        temporal_views: ``T``; with more than one, ``K * T`` positions, see :func:`amclip.data.views.clip_views`.
    """

    def __init__(
        self,
        table: LabelTable,
        root: str | os.PathLike[str],
        found: Mapping[Path, VideoInfo | VideoError],
        input: NetworkInput,
        training: bool = False,
        seed: int = 0,
        temporal_views: int = 1,
    ) -> None:
        self.table = table
        self.root = Path(root)
        self.found = dict(found)
        self.input = input
        self.num_positions = temporal_views * input.num_positions
        self.segments = input.segments()
        self.training = training
        self.seed = seed
        self.targets = torch.from_numpy(table.targets())
        self._readers: OrderedDict[Path, Video] = OrderedDict()
        self._inherited = self._readers
        self._process = os.getpid()

    def __len__(self) -> int:
        return len(self.table)

    def __getstate__(self) -> dict[str, Any]:
        # Open readers belong to one process.
        return {**self.__dict__, "_readers": OrderedDict(), "_inherited": OrderedDict()}

    def __getitem__(self, item: int | tuple[int, ...]) -> Sample:
        """Read a clip.

        Args:
            item: Row of the table; in training ``(row, epoch, draw)``, which the sampler yields: how often the row was
                drawn before in this epoch; 0 where left out.

        Raises:
            VideoError: In training, if no clip at all can be read.
        """
        row, epoch, draw = (*item, 0, 0)[:3] if isinstance(item, tuple) else (item, 0, 0)
        if not 0 <= row < len(self):
            raise IndexError(f"clip {row} of a table with {len(self)} rows")
        reason = ""
        for skipped in range(len(self) if self.training else 1):
            current = (row + skipped) % len(self)
            try:
                # By the row that was asked for, so that a clip in several others' places looks otherwise in each.
                frames = self._frames(current, _generator(self.seed, epoch, row, draw) if self.training else None)
                return self._sample(current, frames, draw, skipped, reason)
            except VideoError as error:
                reason = str(error)
        if self.training:
            raise VideoError(self.root, f"none of the {len(self)} clips of {self.table.source} can be read; {reason}")
        shape = (self.num_positions, self.input.frames_per_position, 3, *self.input.frame_size)
        return self._sample(row, torch.zeros(shape, dtype=torch.uint8), draw, error=reason)

    def _sample(
        self, row: int, frames: Tensor, draw: int, skipped: int = 0, reason: str = "", error: str = ""
    ) -> Sample:
        return {
            "frames": frames,
            "segments": self.segments.clone(),
            "labels": self.targets[row].clone(),
            "clip": torch.tensor(row),
            "draw": torch.tensor(draw),
            "skipped": torch.tensor(skipped),
            "reason": reason,
            "error": error,
        }

    def _frames(self, row: int, generator: torch.Generator | None) -> Tensor:
        """uint8 ``[K, V, 3, H, W]``; each frame is decoded once, also where it is another one's partner."""
        clip = self.table.clips[row]
        path = video_path(self.root, clip)
        video = self._video(path)
        span = video.frame_range(clip.start, clip.stop)
        if not span:
            reason = f"has no frame from {clip.start} to {clip.stop} s; it lasts {video.duration:.2f} s"
            raise VideoError(path, reason)
        times = video.timestamps()
        start, stop = clip_span(times, video.duration, span, clip.start, clip.stop)
        shown, gap = times[span.start : span.stop], self.input.flow.gap_seconds
        frames, partners = sample_positions(shown, start, stop, self.num_positions, gap, generator)
        refuse_holes(video, start, stop, (stop - start) / self.num_positions)
        wanted = torch.stack([frames, partners][: self.input.frames_per_position], dim=1) + span.start
        try:
            pixels = video.read(wanted.flatten())
        except VideoError:
            self._readers.pop(path, None)  # a reader is of no use after an error
            raise
        return pixels.reshape(self.num_positions, self.input.frames_per_position, 3, *self.input.frame_size)

    def _video(self, path: Path) -> Video:
        """The open reader of a video; the few used last are kept."""
        if self._process != os.getpid():
            # Forked: the parent's readers have lost their threads, and closing one would wait for them for ever.
            self._inherited = self._readers
            self._process, self._readers = os.getpid(), OrderedDict()
        video = self._readers.pop(path, None)
        if video is None:
            found = self.found.get(path)
            if isinstance(found, VideoError):
                raise found
            video = Video(path, self.input.frame_size, self.input.resize, found)
        self._readers[path] = video
        if len(self._readers) > _OPEN_VIDEOS:
            self._readers.popitem(last=False)[1].close()
        return video


def refuse_holes(video: Video, start: float, stop: float, longest: float) -> None:
    """Refuse an interval in which frames are missing for so long that a moment may fall where there are none.

    What was on before would be shown there: a still picture, which passes for an animal that holds still.

    Args:
        video: The video.
        start: Seconds.
        stop: Seconds.
        longest: Seconds without a frame that are allowed.

    Raises:
        VideoError: If frames are missing for longer; says where.
    """
    for begin, end in video.holes:
        if min(end, stop) - max(begin, start) > longest:
            raise VideoError(video.path, f"has a hole: there are no frames from {begin:.2f} to {end:.2f} s")


def _generator(seed: int, epoch: int, row: int, draw: int) -> torch.Generator:
    """Random numbers for one sample; SeedSequence keeps neighbouring seeds, epochs, rows and draws apart."""
    state = np.random.SeedSequence([seed % 2**32, epoch, row, draw]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples; errors become a list."""
    return {
        "frames": torch.stack([sample["frames"] for sample in samples]),
        "segments": torch.stack([sample["segments"] for sample in samples]),
        "labels": torch.stack([sample["labels"] for sample in samples]),
        "clip": torch.stack([sample["clip"] for sample in samples]),
        "draw": torch.stack([sample["draw"] for sample in samples]),
        "skipped": torch.stack([sample["skipped"] for sample in samples]),
        "reason": [sample["reason"] for sample in samples],
        "error": [sample["error"] for sample in samples],
    }
