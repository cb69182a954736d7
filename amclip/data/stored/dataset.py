"""Clips of which what is stored is read in place of pixels: the embeddings of known positions, the frames of others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amclip.augmentation import Augmentation
from amclip.data.dataset import Batch, ClipDataset, Drawn, Sample, random_moments, stack
from amclip.data.locate import video_path
from amclip.data.place import seed_of
from amclip.data.stored.keys import augmentation_tag, position_keys
from amclip.data.stored.store import KEY_SIZE, PositionStore
from amclip.data.timeline import Timed, Timeline
from amclip.data.video_file import VideoError

__all__ = ["Lookup", "StoredBatch", "StoredClips", "StoredSample", "collate_stored"]


class StoredSample(Sample):
    """A clip as :class:`amclip.data.dataset.Sample`, but for its pixels.

    ``frames`` and ``unit_speed`` are those of the ``n`` positions that are not stored, ``[n, V, 3, H, W]`` and
    ``[n, G, 2]``; ``missing`` bool ``[K]`` says which they are. ``stored`` float32: by name what is stored of all
    positions, ``[K, S, …]`` for ``S`` spatial views, zero where it is missing; ``keys`` uint8 ``[K, S, 16]``;
    ``drawn_by`` the seed of what is drawn for an augmented clip, or None.
    """

    missing: Tensor
    stored: dict[str, Tensor]
    keys: NDArray[np.uint8]
    drawn_by: int | None


class StoredBatch(Batch):
    """Such samples: ``frames`` and ``unit_speed`` of all missing positions one after another, the others stacked."""

    missing: Tensor
    stored: dict[str, Tensor]
    keys: NDArray[np.uint8]
    drawn_by: list[int | None]


@dataclass(frozen=True)
class Lookup:
    """Where stored embeddings are, and by what they are found.

    Attributes:
        store: Where.
        videos: Digests of the videos by path.
        copies: Versions of each training clip; 0: it is seen as in validation.
        augmentation: What changes the pixels of training clips; None where nothing does.
        views: Spatial views of each frame, ``S``.
    """

    store: PositionStore
    videos: Mapping[Path, bytes]
    copies: int = 0
    augmentation: Augmentation | None = None
    views: int = 1


class _Found(NamedTuple):
    """What :class:`StoredSample` has in place of pixels."""

    frames: Tensor
    unit_speed: Tensor
    missing: Tensor
    stored: dict[str, Tensor]
    keys: NDArray[np.uint8]
    drawn_by: int | None


class _Plan(NamedTuple):
    """The positions of a clip: by what they are found, or else made."""

    keys: NDArray[np.uint8]
    drawn_by: int | None
    crops: NDArray[np.int64] | None
    speeds: NDArray[np.float32]


class StoredClips(ClipDataset):
    """As :class:`amclip.data.dataset.ClipDataset`; a position that is stored is not decoded.

    A training clip has :attr:`Lookup.copies` versions: the moments and the augmentation of version ``n`` are those
    that the clip has in epoch ``n`` without a store. Epoch ``e`` takes version ``e``, and where a clip comes again in
    it the next one, modulo their number.
    """

    def use(self, lookup: Lookup) -> None:
        """Say where stored embeddings are; before the first clip is read."""
        self.lookup = lookup
        self._timelines: dict[Path, Timed] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_timelines": {}}

    def keys(self, row: int, epoch: int = 0) -> NDArray[np.uint8]:
        """Keys of the positions of a clip, uint8 ``[N, 16]``, none of one that cannot be read; nothing is decoded."""
        try:
            plan = self._plan([row], Drawn(row, epoch, 0))[0][0]
        except VideoError as error:
            plan = error
        return np.empty((0, KEY_SIZE), np.uint8) if isinstance(plan, VideoError) else plan.keys.reshape(-1, KEY_SIZE)

    def _version(self, drawn: Drawn) -> int | None:
        """Which version of a clip is taken; None: it is seen as in validation."""
        copies = self.lookup.copies if self.training else 0
        return (drawn.epoch + drawn.draw) % copies if copies else None

    def _generator(self, drawn: Drawn) -> torch.Generator | None:
        version = self._version(drawn)
        return None if version is None else random_moments(self.seed, version, int(self.windows[drawn.row]), 0)

    def _read(self, rows: Sequence[int], drawn: Drawn) -> Sequence[Any]:
        """Clips of one window, or why they cannot be read; each frame of a position that is not stored is decoded."""
        path = video_path(self.root, self.table.clips[rows[0]])
        try:
            plans, wanted = self._plan(rows, drawn)
            there = [plan for plan in plans if isinstance(plan, _Plan)]
            known = [self._look_up(plan) for plan in there]
            missing = np.any([lacking for lacking, _ in known], axis=0) if known else np.zeros(len(wanted), bool)
            if missing.any():
                crops = [None if plan.crops is None else plan.crops[missing] for plan in there]
                pictures = self._decode(self._video(path), wanted[missing], crops)
            else:
                pictures = [self._no_pictures()] * len(there)
            clips = (
                _Found(
                    frames[torch.from_numpy(lacking[missing])],
                    torch.from_numpy(plan.speeds[lacking]),
                    torch.from_numpy(lacking),
                    *(stored, plan.keys, plan.drawn_by),
                )
                for plan, (lacking, stored), frames in zip(there, known, pictures, strict=True)
            )
            return [next(clips) if isinstance(plan, _Plan) else plan for plan in plans]
        except VideoError as error:
            self._readers.pop(path, None)  # a reader is of no use after an error
            return [error] * len(rows)

    def _plan(self, rows: Sequence[int], drawn: Drawn) -> tuple[list[_Plan | VideoError], NDArray[np.int64]]:
        """The positions of the clips of a window, and the frames to decode for each position, ``[K, F]``."""
        clip = self.table.clips[rows[0]]
        path = video_path(self.root, clip)
        video = self._timed(path)
        digest = self.lookup.videos.get(path)
        if digest is None:
            raise VideoError(path, "cannot be read to its end")
        frames, partners, span = self._positions(video, path, clip, self._generator(drawn))
        flow, augmentation = self.input.frames_per_position == 2, self.lookup.augmentation
        scaled = flow and (self.input.flow.unit != "pixels" or self.input.flow.motion is not None)
        plans: list[_Plan | VideoError] = []
        seen = self._pictured(rows, video, frames, partners, span)
        for row, one in zip(rows, seen, strict=True):
            if isinstance(one, VideoError):
                plans.append(one)
                continue
            seed, speeds = self._seed(row, drawn), one.speeds if scaled else None
            tag = b"" if seed is None or augmentation is None else augmentation_tag(augmentation, seed)
            keys = position_keys(digest, frames, partners if flow else None, one.crops, speeds, tag, self.lookup.views)
            plans.append(_Plan(keys, seed, one.crops, one.speeds))
        return plans, self._wanted(frames, partners)

    def _seed(self, row: int, drawn: Drawn) -> int | None:
        """Of what is drawn for an augmented clip."""
        version = self._version(drawn)
        if version is None or self.lookup.augmentation is None:
            return None
        return seed_of("augmentation", self.seed, version, row, 0)

    def _look_up(self, plan: _Plan) -> tuple[NDArray[np.bool_], dict[str, Tensor]]:
        """Which positions are missing, bool ``[K]``, and what is stored of all, ``[K, S, …]``."""
        found, stored = self.lookup.store.get(plan.keys.reshape(-1, KEY_SIZE))
        missing = np.logical_not(found.reshape(plan.keys.shape[:2]).all(axis=1))
        if plan.drawn_by is not None and missing.any():
            missing[:] = True  # what is changed at random is changed for a clip as a whole
        shape = plan.keys.shape[:2]
        return missing, {name: _tensor(x, shape) for name, x in stored.items()}

    def _no_pictures(self) -> Tensor:
        return torch.empty(0, self.input.pictures_per_position, 3, *self.input.frame_size, dtype=torch.uint8)

    def _blank(self) -> _Found:
        """Of a clip that cannot be read nothing is decoded or embedded."""
        positions, views = self.num_positions, self.lookup.views
        stored = {name: torch.zeros(positions, views, *shape) for name, shape in self.lookup.store.tensors.items()}
        keys = np.zeros((positions, views, KEY_SIZE), np.uint8)
        none = torch.zeros(positions, dtype=torch.bool)
        return _Found(self._no_pictures(), torch.empty(0, self.input.num_crops, 2), none, stored, keys, None)

    def _timed(self, path: Path) -> Timed:
        """When the video's frames are shown, without opening it where probing has."""
        info = self._info(path)
        if info is None:
            return self._video(path)
        if path not in self._timelines:
            self._timelines[path] = Timeline(path, info)
        return self._timelines[path]


def _tensor(values: NDArray[Any], shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32).reshape(*shape, *values.shape[1:]))


def collate_stored(samples: Sequence[StoredSample]) -> StoredBatch:
    """Put samples together as :class:`StoredBatch` says."""
    names = samples[0]["stored"]
    return {
        **stack(samples),
        "frames": torch.cat([sample["frames"] for sample in samples]),
        "unit_speed": torch.cat([sample["unit_speed"] for sample in samples]),
        "missing": torch.stack([sample["missing"] for sample in samples]),
        "stored": {name: torch.stack([sample["stored"][name] for sample in samples]) for name in names},
        "keys": np.stack([sample["keys"] for sample in samples]),
        "drawn_by": [sample["drawn_by"] for sample in samples],
    }
