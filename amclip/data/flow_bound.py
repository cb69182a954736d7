"""How far things move in a data set, and the bound that gives their flow the whole range of colours."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from amclip.data.animals import Animals
from amclip.data.dataset import ClipDataset, collate
from amclip.data.table import LabelTable
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError
from amclip.flow.choices import FlowImage
from amclip.flow.image import flow_lengths
from amclip.inputs import NetworkInput
from amclip.preprocess import Preprocess

__all__ = ["MOST_PAIRS", "MeasuredFlow", "bound_holds", "fitting_bound", "flow_extent", "measure_flow"]

_PIXELS = 0.999  # of a clip's, which move no further than its extent
_CLIPS = 0.9  # which move no further than what all together are said to
_PAIRS = 2  # of each clip
MOST_PAIRS = 24
"""Pairs of frames that are measured, at most."""
_WIDE = 1000.0  # a bound beyond all motion, in pixels and in body lengths per second


@dataclass(frozen=True)
class MeasuredFlow:
    """How far things move.

    Attributes:
        extent: In the unit of the flow, see :func:`flow_extent`.
        pairs: How many pairs of frames were measured.
        videos: Of how many videos.
    """

    extent: float
    pairs: int
    videos: int


def flow_extent(images: Tensor, kind: FlowImage) -> float:
    """How far things move: nine clips in ten, in all but a thousandth of their pixels.

    What is small in the picture, and what only one clip in ten shows, is so not lost among all that rests.

    Args:
        images: Flow images of each clip, ``(N, ..., 3, H, W)``, values in [0, 1].
        kind: Of which kind.

    Returns:
        A share of the bound, in [0, 1].
    """
    flat = flow_lengths(images, kind).flatten(1)
    each = flat.kthvalue(max(1, round(_PIXELS * flat.shape[1])), dim=1).values  # quantile() takes few elements
    return float(torch.quantile(each, _CLIPS))


def fitting_bound(extent: float) -> float:
    """The bound for flow of an extent, with room for what moves faster, to two digits; 0.1 at least."""
    return float(f"{max(1.5 * extent, 0.1):.2g}")


def bound_holds(input: NetworkInput) -> str:
    """For which size of image a bound of an input's flow holds, in words; ``""`` where its unit knows no image.

    Pixels are those of the image that the network sees, so at half the size the same motion is half as many.
    """
    if input.flow.unit != "pixels":
        return ""
    size = input.image_size
    return f"at input.image_size {size}; for another size times that size / {size}"


def measure_flow(
    table: LabelTable,
    root: Path,
    found: Mapping[Path, VideoInfo | VideoError],
    input: NetworkInput,
    animals: Animals | None = None,
    seconds: float = 60.0,
    progress: Callable[[int], None] | None = None,
) -> MeasuredFlow | None:
    """Compute the flow of a few pairs of frames, on the CPU, of clips of every behaviour.

    Args:
        table: The clips.
        root: Folder that their paths are relative to.
        found: What probing found of their videos.
        input: What a network is to see of them; with flow.
        animals: The animals that are cut out, where the input has a crop.
        seconds: No further clip is begun so long after the first one.
        progress: Is told how many pairs are done.

    Returns:
        What was measured; ``None`` where no clip can be read.
    """
    seen = replace(
        input,
        modality="flow",
        scheme="sparse",
        num_segments=1,
        positions_per_segment=_PAIRS,
        segment_overlap=0.0,
        flow=replace(input.flow, image="uvm", bound=_WIDE, motion=None),
    )
    clips = ClipDataset(table, root, found, seen, animals=animals)
    preprocess = Preprocess(seen)
    preprocess.flow.prepare()
    pictures: list[Tensor] = []
    videos: set[str] = set()
    until = math.inf
    for row in _of_each_behaviour(table, MOST_PAIRS // _PAIRS):
        if time.monotonic() > until:
            break
        batch = collate([clips[row]])
        if batch["error"][0]:
            continue
        images = preprocess(batch["frames"], unit_speed=batch["unit_speed"]).images
        pictures.append(preprocess.denormalise(images[:, :, 0]))
        videos.add(table.clips[row].video)
        if len(pictures) == 1:  # which may have waited for the flow's machine code
            until = time.monotonic() + seconds
        if progress is not None:
            progress(_PAIRS * len(pictures))
    if not pictures:
        return None
    return MeasuredFlow(_WIDE * flow_extent(torch.cat(pictures), "uvm"), _PAIRS * len(pictures), len(videos))


def _of_each_behaviour(table: LabelTable, count: int) -> Iterator[int]:
    """Rows, each once, the behaviours in turn, each from another place on and all over the table; at most so many."""
    shown = table.targets().astype(bool)
    groups = [column.nonzero()[0].tolist() for column in shown.T] + [(~shown.any(axis=1)).nonzero()[0].tolist()]
    starts = [number * len(rows) // len(groups) for number, rows in enumerate(groups)]
    turned = [rows[start:] + rows[:start] for start, rows in zip(starts, groups, strict=True) if rows]
    spread = [iter(rows[:: max(1, len(rows) // count)]) for rows in turned]
    taken: set[int] = set()
    while spread and len(taken) < count:
        for rows in list(spread):
            row = next((row for row in rows if row not in taken), None)
            if row is None:
                spread.remove(rows)
            elif len(taken) < count:
                taken.add(row)
                yield row
