"""Which kernels of ``tvl1.cu`` compute the flow of a batch of pairs: their order, sizes and arguments, as plain data.

The plan is arithmetic on shapes. :mod:`amclip.flow._cuda` carries it out on a GPU; the tests carry out the very same
plan on the CPU. Kernels wait for each other on one stream; nothing in a plan depends on pixels, so it can be captured
as a CUDA graph.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np

from amclip.flow import _networks
from amclip.flow._cut import MANY, TALL, Cut, Device, bytes_of_block, choose_cut
from amclip.flow.reference import Parameters, pyramid_sizes

#: ``gridDim.z`` ends at 65535, and both images of a pair count there.
MOST_PAIRS = 32767
#: ``gridDim.y`` ends there too.
MOST_ROWS_OF_BLOCKS = 65535
#: After what ``keep_book`` is called, as ``tvl1.cu`` numbers it.
UPSAMPLED, FILTERED, ITERATED, REPEATED = range(4)
NO_THRESHOLD = np.float32(0)

Buffer = Literal["pairs", "result", "images", "texels", "data", "flow", "dual", "control", "changes"]


@dataclass(frozen=True)
class At:
    """Address of an argument: a buffer and how many of its 4-byte elements lie before."""

    buffer: Buffer
    offset: int = 0


Argument = At | None | int | np.int32 | np.uint64 | np.float32 | np.float64


@dataclass(frozen=True)
class Launch:
    """One kernel: ``grid`` in blocks, ``cluster`` blocks in y direction that run as one, ``shared`` in bytes."""

    kernel: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    shared: int
    arguments: tuple[Argument, ...]
    cluster: int = 1


@dataclass
class Plan:
    """Kernels in order, and the 4-byte elements of each buffer they need beside input and output.

    ``control``, where there is one, must be zero at the start.
    """

    launches: list[Launch] = field(default_factory=list)
    buffers: dict[Buffer, int] = field(default_factory=dict)


def networks_source() -> str:
    """The exchange networks as macros that apply another macro to each exchange; put in front of ``tvl1.cu``."""
    names = ("COLUMN_OF_3", "COLUMN_OF_5", "MEDIAN_OF_3", "MEDIAN_OF_5")
    lines = [
        f"#define {name}(exchange) " + " ".join(f"exchange({low}, {high})" for low, high in getattr(_networks, name))
        for name in names
    ]
    return "\n".join(lines) + "\n"


def pitch_of(width: int) -> int:
    """Floats from one row to the next: rows begin at multiples of 16 bytes."""
    return -(-width // 4) * 4


def workspace_elements(height: int, width: int, parameters: Parameters, device: Device) -> int:
    """4-byte elements of workspace that one pair needs: ``2 Σ h·p + 4 h·w + 16 h·p``, a little more with early stop.

    The sum goes over the pyramid's levels, ``h`` and ``w`` are a level's height and width (outside the sum: the finest
    level's), ``p`` is ``w`` rounded up to a multiple of 4. With ``scale_step`` 0.5 that is about 91 bytes per pixel.
    """
    sizes = pyramid_sizes(height, width, parameters.nscales, parameters.scale_step)
    elements = 2 * sum(h * pitch_of(w) for h, w in sizes) + 4 * height * width + 16 * height * pitch_of(width)
    if parameters.epsilon > 0:
        elements += 4 + _changes_per_pair(sizes, parameters, device)
    return elements


@lru_cache(maxsize=64)
def make_plan(
    count: int, channels: int, whole: bool, height: int, width: int, parameters: Parameters, device: Device
) -> Plan:
    """The kernels that compute the flow of ``count`` pairs.

    Args:
        count: Pairs, 1 to :data:`MOST_PAIRS`.
        channels: 1 (grey) or 3 (RGB).
        whole: Whether pixels are uint8 in [0, 255]; else float32 in [0, 1].
        height: Of the images, in pixels.
        width: Of the images, in pixels.
        parameters: TV-L1's.
        device: Where it shall run.

    Returns:
        The plan, for ``pairs (count, 2, channels, height, width)`` and ``result (count, 2, height, width)`` in float32.
    """
    if -(-height // 8) > MOST_ROWS_OF_BLOCKS:
        raise ValueError(f"TV-L1 on the GPU takes images up to {8 * MOST_ROWS_OF_BLOCKS} pixels high, not {height}")
    return Planner(count, channels, whole, height, width, parameters, device).plan


class Planner:
    """Writes a plan from the coarsest level to the finest; keeps which slots of flow and dual field are current."""

    def __init__(
        self, count: int, channels: int, whole: bool, height: int, width: int, parameters: Parameters, device: Device
    ) -> None:
        self.count, self.parameters, self.device = count, parameters, device
        self.plan = Plan()
        self.flow_slot = self.dual_slot = 0
        self.stops = parameters.epsilon > 0
        sizes = pyramid_sizes(height, width, parameters.nscales, parameters.scale_step)
        self.slot_strides = (2 * height * pitch_of(width), 4 * height * pitch_of(width))
        self.images = [0]
        for h, w in sizes:
            self.images.append(self.images[-1] + 2 * count * h * pitch_of(w))
        self.plan.buffers = {
            "images": self.images[-1],
            "texels": 4 * count * height * width,
            "data": 4 * count * height * pitch_of(width),
            "flow": 2 * count * self.slot_strides[0],
            "dual": 2 * count * self.slot_strides[1],
        }
        if self.stops:
            self.plan.buffers["control"] = 4 * count
            self.plan.buffers["changes"] = count * _changes_per_pair(sizes, parameters, device)
        self._draw_pyramid(channels, whole, sizes)
        coarser = (0, 0)
        for level in reversed(range(len(sizes))):
            self._upsample(coarser, sizes[level])
            self._refine(level, sizes[level])
            coarser = sizes[level]
        self._upsample(coarser, sizes[0], At("result"))

    def cut(self, height: int, width: int) -> Cut:
        """How a level is cut for the iterations."""
        # With early stop the workspace depends on the cut, and is the same for each pair of a batch.
        count = MANY if self.stops else self.count
        return choose_cut(height, width, self.parameters.inner_iterations, self.stops, self.device, count)

    def _add(
        self,
        kernel: str,
        size: tuple[int, int],
        arguments: tuple[Argument, ...],
        deep: int = 1,
        wide: int = 32,
        shared: int = 0,
    ) -> None:
        """A kernel with a thread (or, ``wide`` 128, a quarter) per pixel, ``deep`` images per pair."""
        height, width = size
        grid = (-(-width // wide), -(-height // 8), deep * self.count)
        self.plan.launches.append(Launch(kernel, grid, (32, 8, 1), shared, arguments))

    @property
    def _control(self) -> At | None:
        return At("control") if self.stops else None

    @property
    def _slots(self) -> np.int32:
        slots: np.int32 = np.int32(self.flow_slot | self.dual_slot << 1)
        return slots

    def _draw_pyramid(self, channels: int, whole: bool, sizes: list[tuple[int, int]]) -> None:
        height, width = sizes[0]
        shape = (np.int32(width), np.int32(height), np.int32(pitch_of(width)))
        kernel = "grey_from_bytes" if whole else "grey_from_floats"
        self._add(kernel, sizes[0], (At("pairs"), At("images"), np.int32(channels), *shape), deep=2)
        for level in range(1, len(sizes)):
            (fine_height, fine_width), (height, width) = sizes[level - 1], sizes[level]
            self._add(
                "downscale",
                sizes[level],
                (
                    At("images", self.images[level - 1]),
                    At("images", self.images[level]),
                    np.int32(fine_width),
                    np.int32(fine_height),
                    np.int32(pitch_of(fine_width)),
                    np.int32(width),
                    np.int32(height),
                    np.int32(pitch_of(width)),
                    np.float64(1 / self.parameters.scale_step),
                ),
                deep=2,
            )

    def _upsample(self, coarse: tuple[int, int], fine: tuple[int, int], result: At | None = None) -> None:
        """The coarser level's flow in this level's pixels, or (``result``) the finest level's as it is."""
        (coarse_height, coarse_width), (height, width) = coarse, fine
        self._add(
            "upsample",
            fine,
            (
                At("flow"),
                result,
                self._control,
                self._slots,
                np.uint64(self.slot_strides[0]),
                np.int32(coarse_width),
                np.int32(coarse_height),
                np.int32(pitch_of(coarse_width)),
                np.int32(width),
                np.int32(height),
                np.int32(width if result else pitch_of(width)),
                np.float64(coarse_width / width),
                np.float64(coarse_height / height),
                np.float32(1 if result else 1 / self.parameters.scale_step),
            ),
        )
        if result is None:
            self._turn_flow(UPSAMPLED)

    def _refine(self, level: int, size: tuple[int, int]) -> None:
        """All warps of a level."""
        height, width = size
        p = self.parameters
        images = At("images", self.images[level])
        shape = (np.int32(width), np.int32(height), np.int32(pitch_of(width)))
        cut = self.cut(height, width)
        self._add("make_texels", size, (images, At("texels"), *shape))
        first = True
        for _ in range(p.warps):
            flow = (self._control, self._slots, np.uint64(self.slot_strides[0]), *shape)
            self._add("linearise", size, (images, At("texels"), At("flow"), At("data"), *flow))
            for _ in range(p.outer_iterations):
                if p.median_filtering > 1:
                    half = p.median_filtering // 2
                    flow = (self._control, self._slots, np.uint64(self.slot_strides[0]), *shape)
                    shared = 4 * (128 + 2 * half) * (8 + 2 * half)
                    self._add(f"median_{p.median_filtering}", size, (At("flow"), *flow), wide=128, shared=shared)
                    self._turn_flow(FILTERED)
                left = p.inner_iterations
                while left:
                    iterations = min(left, cut.iterations)
                    self._iterate(size, cut, iterations, first)
                    left -= iterations
                    first = False
            if self.stops and cut.blocks > 1:
                self._iterate(size, cut, cut.iterations, first=False, repeat=True)

    def _iterate(self, size: tuple[int, int], cut: Cut, iterations: int, first: bool, repeat: bool = False) -> None:
        height, width = size
        p = self.parameters
        threshold = np.float32(p.epsilon**2 * height * width)
        tall = cut.pixel_rows == TALL
        if self.stops:
            kernel = "iterate_cluster_until" if cut.cluster > 1 else "iterate_until"
        elif cut.cluster > 1:
            kernel = "iterate_cluster" if tall else "iterate_cluster_flat"
        else:
            kernel = "iterate_tall" if tall else "iterate_block"
        arguments = (
            At("data"),
            At("flow"),
            At("dual"),
            self._control,
            At("changes") if self.stops else None,
            self._slots,
            np.uint64(self.slot_strides[0]),
            np.uint64(self.slot_strides[1]),
            np.int32(width),
            np.int32(height),
            np.int32(pitch_of(width)),
            np.int32(cut.columns),
            np.int32(cut.rows),
            np.int32(cut.halo[0]),
            np.int32(cut.halo[1]),
            np.int32(iterations),
            np.int32(first),
            np.int32(repeat),
            np.float32(p.lambda_ * p.theta),
            np.float32(p.tau / p.theta),
            np.float32(p.tau),
            threshold,
        )
        shared = bytes_of_block(cut.columns, cut.rows, cut.pixel_rows, iterations if self.stops else 0)
        grid = (cut.tiles[0], cut.tiles[1] * cut.cluster, self.count)
        self.plan.launches.append(Launch(kernel, grid, (cut.threads, 1, 1), shared, arguments, cut.cluster))
        if not self.stops:
            self.flow_slot ^= 1
            self.dual_slot ^= 1
        elif cut.blocks > 1:  # a block that has the whole image keeps the book itself
            self._keep_book(REPEATED if repeat else ITERATED, cut.blocks, iterations, first, threshold)

    def _turn_flow(self, event: int) -> None:
        """The flow's other slot is current from here on."""
        if self.stops:
            self._keep_book(event)
        else:
            self.flow_slot ^= 1

    def _keep_book(
        self, event: int, tiles: int = 0, iterations: int = 0, first: bool = False, threshold: np.float32 = NO_THRESHOLD
    ) -> None:
        counts = (np.int32(event), np.int32(tiles), np.int32(iterations), np.int32(first))
        arguments = (At("control"), At("changes"), *counts, threshold)
        self.plan.launches.append(Launch("keep_book", (1, 1, self.count), (32, 1, 1), 0, arguments))


def _changes_per_pair(sizes: list[tuple[int, int]], parameters: Parameters, device: Device) -> int:
    """Squared changes that the tiles of a pair hand over at most in one launch."""
    cuts = [choose_cut(*size, parameters.inner_iterations, True, device) for size in sizes]
    return max(cut.blocks * cut.iterations for cut in cuts)
