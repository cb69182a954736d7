"""Label table + sampling + video → one sample. Workers decode to uint8 and do nothing else."""

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from amclip.data.animals import Animals, windows_of
from amclip.data.crops import open_video, read_crops, unit_speeds
from amclip.data.locate import video_path
from amclip.data.place import seed_of
from amclip.data.table import Clip, LabelTable
from amclip.data.timeline import Timed
from amclip.data.video import Video, VideoInfo
from amclip.data.video_file import VideoError
from amclip.frame_times import clip_span
from amclip.inputs import NetworkInput
from amclip.sampling import sample_positions

__all__ = ["Batch", "ClipDataset", "Drawn", "Pictured", "Sample", "collate", "random_moments", "stack"]

# Opening a recording of an hour takes a second, and its clips are asked for one by one; each open reader holds about
# 20 MB.
_OPEN_VIDEOS = 4


class _Tensors(TypedDict):
    segments: Tensor
    labels: Tensor
    clip: Tensor
    draw: Tensor
    skipped: Tensor


class _Strings(_Tensors):
    reason: list[str]
    error: list[str]


class Sample(_Tensors):
    """One clip, of the whole frame or of one animal.

    ``frames`` uint8 ``[K, V, 3, H, W]`` RGB, where ``V`` is a frame and its flow partner, then both of the wider crop;
    ``unit_speed`` float32 ``[K, G, 2]``, for each of the ``G`` crops of a position how fast what moves by the picture's
    whole side from frame to partner is, see :func:`amclip.data.crops.unit_speeds`; ``segments`` int64 ``[M, P]``;
    ``labels`` float32 ``[C]`` of 0 and 1; ``clip`` int64, the row of the table; ``draw`` int64, how often it was drawn
    before in the epoch; ``skipped`` int64, broken clips skipped to get this one (training), and ``reason`` why the last
    of them was; ``error`` why the frames are all zero, or empty.
    """

    frames: Tensor
    unit_speed: Tensor
    reason: str
    error: str


class Batch(_Strings):
    """Samples stacked along a first axis ``B``; ``reason`` and ``error`` are lists."""

    frames: Tensor
    unit_speed: Tensor


class _Seen(NamedTuple):
    """Pixels and speeds of a clip, as :class:`Sample` has them."""

    frames: Tensor
    unit_speed: Tensor


class Pictured(NamedTuple):
    """What is cut out at the positions of a clip, int64 ``[K, G, 3]``, or None; and its speeds, ``[K, G, 2]``."""

    crops: NDArray[np.int64] | None
    speeds: NDArray[np.float32]


class Drawn(NamedTuple):
    """Of which clip, in which epoch and how often before in it a sample's random moments are drawn."""

    row: int
    epoch: int
    draw: int


class ClipDataset(Dataset[Sample]):
    """Clips as frames at ``K`` positions, with or without their flow partners.

    With ``input.crop`` a sample is one animal. Animals of one window are sampled at the same moments, and where they
    are asked for together (:meth:`__getitems__`, which data loaders use) each frame is decoded once for all of them.

    Args:
        table: The clips.
        root: Folder that relative paths of the table start from.
        found: What :func:`amclip.data.probe.probe` found, keyed by ``video_path(root, clip)``. A video found
            unreadable is never opened; one that is missing here is opened on trust.
        input: What the network sees: positions, flow partners, size.
        training: Jitter positions, and replace clips that cannot be read.
        seed: Jitter is a function of (seed, epoch, window, draw) only: the same on any number of workers and devices.
        temporal_views: ``T``; with more than one, ``K * T`` positions, see :func:`amclip.data.views.clip_views`.
        animals: The animals that are cut out; needed where the input has a crop.

    Raises:
        ValueError: If they are missing.
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
        animals: Animals | None = None,
    ) -> None:
        if input.crop is not None and animals is None:
            raise ValueError("input.crop: which animals are cut out say tracks, and there are none")
        self.animals = animals
        self.windows = windows_of(table.clips)
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
        return self.__getitems__([item])[0]

    def __getitems__(self, items: Sequence[int | tuple[int, ...]]) -> list[Sample]:
        """Read the clips of a batch, those of one window in one pass; see :meth:`__getitem__`."""
        asked = [(*item, 0, 0)[:3] if isinstance(item, tuple) else (item, 0, 0) for item in items]
        groups: dict[tuple[int, int, int], list[int]] = {}
        for place, (row, epoch, draw) in enumerate(asked):
            if not 0 <= row < len(self):
                raise IndexError(f"clip {row} of a table with {len(self)} rows")
            groups.setdefault((int(self.windows[row]), epoch, draw), []).append(place)
        samples: dict[int, Sample] = {}
        for (_, epoch, draw), places in groups.items():
            rows = [asked[place][0] for place in places]
            for place, row, seen in zip(places, rows, self._read(rows, Drawn(rows[0], epoch, draw)), strict=True):
                if isinstance(seen, VideoError):
                    samples[place] = self._instead(Drawn(row, epoch, draw), str(seen))
                else:
                    samples[place] = self._sample(row, seen, draw)
        return [samples[place] for place in range(len(asked))]

    def _instead(self, drawn: Drawn, reason: str) -> Sample:
        """What stands in for a clip that cannot be read: in training the next one that can, else zeros."""
        if not self.training:
            return self._sample(drawn.row, self._blank(), drawn.draw, error=reason)
        for skipped in range(1, len(self)):
            current = (drawn.row + skipped) % len(self)
            # By the row that was asked for, so that a clip in several others' places looks otherwise in each.
            seen = self._read([current], drawn)[0]
            if not isinstance(seen, VideoError):
                return self._sample(current, seen, drawn.draw, skipped, reason)
            reason = str(seen)
        raise VideoError(self.root, f"none of the {len(self)} clips of {self.table.source} can be read; {reason}")

    def _blank(self) -> Any:
        frames = (self.num_positions, self.input.pictures_per_position, 3, *self.input.frame_size)
        return _Seen(torch.zeros(frames, dtype=torch.uint8), torch.zeros(self.num_positions, self.input.num_crops, 2))

    def _sample(self, row: int, seen: Any, draw: int, skipped: int = 0, reason: str = "", error: str = "") -> Sample:
        own: Sample = seen._asdict()
        return {
            **own,
            "segments": self.segments.clone(),
            "labels": self.targets[row].clone(),
            "clip": torch.tensor(row),
            "draw": torch.tensor(draw),
            "skipped": torch.tensor(skipped),
            "reason": reason,
            "error": error,
        }

    def _generator(self, drawn: Drawn) -> torch.Generator | None:
        if not self.training:
            return None
        return random_moments(self.seed, drawn.epoch, int(self.windows[drawn.row]), drawn.draw)

    def _read(self, rows: Sequence[int], drawn: Drawn) -> Sequence[Any]:
        """Clips of one window, or why they cannot be read; each frame is decoded once, whoever is seen in it."""
        clip = self.table.clips[rows[0]]
        path = video_path(self.root, clip)
        try:
            video = self._video(path)
            frames, partners, span = self._positions(video, path, clip, self._generator(drawn))
            wanted = self._wanted(frames, partners)
            seen = self._pictured(rows, video, frames, partners, span)
            there = [one.crops for one in seen if isinstance(one, Pictured)]
            pictures = iter(self._decode(video, wanted, there))
            return [
                one if isinstance(one, VideoError) else _Seen(next(pictures), torch.from_numpy(one.speeds))
                for one in seen
            ]
        except VideoError as error:
            self._readers.pop(path, None)  # a reader is of no use after an error
            return [error] * len(rows)

    def _decode(
        self, video: Video, wanted: NDArray[np.int64], crops: Sequence[NDArray[np.int64] | None]
    ) -> list[Tensor]:
        """Pictures of frames ``[K, F]`` for each of several clips, uint8 ``[K, V, 3, H, W]``."""
        if self.input.crop is not None:
            return read_crops(video, wanted, [squares for squares in crops if squares is not None], self.input)
        return [video.read(wanted.ravel()).reshape(*wanted.shape, 3, *self.input.frame_size)] * len(crops)

    def _wanted(self, frames: NDArray[np.int64], partners: NDArray[np.int64]) -> NDArray[np.int64]:
        """Frames to decode for each position, ``[K, F]``."""
        return np.stack([frames, partners][: self.input.frames_per_position], axis=1)

    def _pictured(
        self, rows: Sequence[int], video: Timed, frames: NDArray[np.int64], partners: NDArray[np.int64], span: range
    ) -> list[Pictured | VideoError]:
        """What is seen of each row at the positions of a window; an animal that is not there is an error of its row."""
        times = video.timestamps()
        seconds = times[partners] - times[frames]
        if self.input.crop is None:
            return [Pictured(None, unit_speeds(seconds))] * len(rows)
        assert self.animals is not None
        found: list[Pictured | VideoError] = []
        for row in rows:
            try:
                animal = self.animals.present(self.table.clips[row], video)[0]
            except VideoError as error:
                found.append(error.with_traceback(None))  # which holds this frame, and with it the pixels to come
            else:
                crops = animal.crops(self.input.crop, frames, partners, span.start, span.stop)
                found.append(Pictured(crops, animal.unit_speed(crops, seconds)))
        return found

    def _positions(
        self, video: Timed, path: Path, clip: Clip, generator: torch.Generator | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], range]:
        """Frames of the positions and their partners, int64 ``[K]``, and the frames of the clip."""
        span = video.frame_range(clip.start, clip.stop)
        if not span:
            reason = f"has no frame from {clip.start} to {clip.stop} s; it lasts {video.duration:.2f} s"
            raise VideoError(path, reason)
        times = video.timestamps()
        start, stop = clip_span(times, video.duration, span, clip.start, clip.stop)
        shown, gap = times[span.start : span.stop], self.input.flow.gap_seconds
        frames, partners = sample_positions(shown, start, stop, self.num_positions, gap, generator)
        refuse_holes(video, start, stop, (stop - start) / self.num_positions)
        return frames.numpy() + span.start, partners.numpy() + span.start, span

    def _video(self, path: Path) -> Video:
        """The open reader of a video; the few used last are kept."""
        if self._process != os.getpid():
            # Forked: the parent's readers have lost their threads, and closing one would wait for them for ever.
            self._inherited = self._readers
            self._process, self._readers = os.getpid(), OrderedDict()
        video = self._readers.pop(path, None)
        if video is None:
            video = open_video(path, self.input, self._info(path))
        self._readers[path] = video
        if len(self._readers) > _OPEN_VIDEOS:
            self._readers.popitem(last=False)[1].close()
        return video

    def _info(self, path: Path) -> VideoInfo | None:
        """What probing found of a video; None where it was not probed."""
        found = self.found.get(path)
        if isinstance(found, VideoError):  # anew: one that is kept would gather tracebacks, and all that they hold
            raise VideoError(found.path, found.reason)
        return found


def refuse_holes(video: Timed, start: float, stop: float, longest: float) -> None:
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


def random_moments(seed: int, epoch: int, row: int, draw: int) -> torch.Generator:
    """Random numbers for the moments of one sample."""
    return torch.Generator().manual_seed(seed_of("moments", seed, epoch, row, draw))


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples; errors become a list."""
    return {
        **stack(samples),
        "frames": torch.stack([sample["frames"] for sample in samples]),
        "unit_speed": torch.stack([sample["unit_speed"] for sample in samples]),
    }


def stack(samples: Sequence[Sample]) -> _Strings:
    """Stack all of samples but their pixels."""
    return {
        "segments": torch.stack([sample["segments"] for sample in samples]),
        "labels": torch.stack([sample["labels"] for sample in samples]),
        "clip": torch.stack([sample["clip"] for sample in samples]),
        "draw": torch.stack([sample["draw"] for sample in samples]),
        "skipped": torch.stack([sample["skipped"] for sample in samples]),
        "reason": [sample["reason"] for sample in samples],
        "error": [sample["error"] for sample in samples],
    }
