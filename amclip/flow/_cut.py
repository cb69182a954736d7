"""How a level of the pyramid is cut into the blocks that iterate on a GPU: arithmetic on sizes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

#: Rows of a thread's pixels (they are 4 wide): a quarter of a block's registers is spared with the few.
FLAT, TALL = 4, 7
#: Threads of a block, by its threads' rows. At 168 registers a thread two blocks of 192 share an SM, at 255 two of 128.
MOST_THREADS = {FLAT: 192, TALL: 256}
PAIRED_THREADS = {FLAT: 192, TALL: 128}
#: Iterations of a launch where the pair may stop: those after its stop are in vain, those before it are repeated.
MOST_STEPS_UNTIL = 10
#: Pairs that keep any GPU busy, however they are cut.
MANY = 1 << 16
#: How many pixels a block could have computed while it waits for its neighbours' edges in a cluster.
WAITED = 1000
#: Bytes that an H100 moves while a launch begins and ends.
LAUNCHED = 10_000_000
#: What a pixel's iteration costs more where an SM has one block only: its warps wait at the same barriers, so that
#: arithmetic, square roots and shared memory take turns instead of overlapping.
ALONE = 1.5


@dataclass(frozen=True)
class Device:
    """What a plan must know of a GPU.

    Args:
        shared_bytes: Shared memory that a block can ask for (``cudaDevAttrMaxSharedMemoryPerBlockOptin``).
        clusters: How many blocks can form a cluster (compute capability 9.0 and later), ascending.
        processors: Multiprocessors (SMs).
    """

    shared_bytes: int
    clusters: tuple[int, ...] = ()
    processors: int = 1


@dataclass(frozen=True)
class Cut:
    """How an image is cut into regions of ``columns`` × ``rows`` threads for the iterations.

    A thread has 4 × ``pixel_rows`` pixels. ``tiles`` regions (in x and y) overlap by twice the halo, or ``cluster``
    regions below each other exchange their edges; ``iterations`` run in a launch.
    """

    columns: int
    rows: int
    tiles: tuple[int, int]
    halo: tuple[int, int]
    iterations: int
    cluster: int = 1
    pixel_rows: int = FLAT

    @property
    def threads(self) -> int:
        """Threads of a block, whole warps."""
        return -(-self.columns * self.rows // 32) * 32

    @property
    def blocks(self) -> int:
        """Blocks of an image."""
        return self.tiles[0] * self.tiles[1] * self.cluster


def bytes_of_block(columns: int, rows: int, pixel_rows: int, counted: int = 0) -> int:
    """What ``iterate`` needs: constants, edges, doors, and a sum per warp and counted iteration; in bytes."""
    threads = columns * rows
    edges = 4 * -(-pixel_rows // 4) + 5
    words = (4 * pixel_rows + 1) * threads + edges * (rows + 2) * (columns + 1) + 2
    return 16 * words + 4 * counted * -(-threads // 32)


def choose_cut(height: int, width: int, iterations: int, stops: bool, device: Device, count: int = MANY) -> Cut:
    """The way to cut a level of ``count`` pairs that costs least.

    A cut is weighed by what it computes and moves: threads of whole warps times iterations (limited by the instructions
    an SM can issue), and 64 bytes per pixel and launch (limited by memory), in the proportion of an H100. Where pairs
    are few, a block's own time is the limit, and smaller blocks are better. A pair's flow does not depend on the cut.
    """
    tiled = choose_tiles(height, width, iterations, stops, device.shared_bytes)
    cuts = [*_whole_cuts(height, width, iterations, stops, device), tiled]
    return min(cuts, key=lambda cut: _cost(cut, (height, width), iterations, stops, device, count))


def _whole_cuts(height: int, width: int, iterations: int, stops: bool, device: Device) -> Iterator[Cut]:
    """Cuts without a halo: one block, or a cluster."""
    columns = -(-width // 4)
    kinds = [(FLAT, 1), *((TALL, blocks) for blocks in device.clusters)]
    if not stops:
        kinds += [(TALL, 1), *((FLAT, blocks) for blocks in device.clusters)]
    for pixel_rows, blocks in kinds:
        rows = -(-height // (pixel_rows * blocks))
        if columns * rows > MOST_THREADS[pixel_rows] or (blocks - 1) * pixel_rows * rows >= height:
            continue
        steps = min(iterations, MOST_STEPS_UNTIL) if stops and blocks > 1 else iterations
        if bytes_of_block(columns, rows, pixel_rows, steps if stops else 0) <= device.shared_bytes:
            yield Cut(columns, rows, (1, 1), (0, 0), steps, blocks, pixel_rows)


def _cost(cut: Cut, size: tuple[int, int], iterations: int, stops: bool, device: Device, count: int = MANY) -> float:
    """Bytes that an H100 would move in the time that a cut takes, per pair."""
    # In the time of one pixel's iteration (41 instructions, at 60 % of what its SMs can issue) an H100 moves 6.5 bytes.
    pixels, block = 4 * cut.pixel_rows, cut.threads * 4 * cut.pixel_rows
    needs = bytes_of_block(cut.columns, cut.rows, cut.pixel_rows, cut.iterations if stops else 0)
    kibibyte = 1 << 10  # which an SM has beyond what a block can ask for, and each block takes
    fits_twice = 2 * (needs + kibibyte) <= device.shared_bytes + kibibyte
    paired = fits_twice and cut.threads <= PAIRED_THREADS[cut.pixel_rows]
    # An SM has four schedulers, each with warps of its own.
    alone = (-(-cut.threads // 128) * 128 * pixels + (WAITED if cut.cluster > 1 else 0)) * ALONE * device.processors
    issue = 6.5 * iterations * max(cut.blocks * block * (1 if paired else ALONE), alone / count)
    launches = -(-iterations // cut.iterations)
    move = launches * (cut.blocks * cut.columns * cut.rows * pixels * 40 + size[0] * size[1] * 24)
    return max(issue, move) + 0.25 * min(issue, move) + launches * LAUNCHED / count  # they overlap, but not wholly


@lru_cache(maxsize=256)
def choose_tiles(height: int, width: int, iterations: int, stops: bool, shared_bytes: int) -> Cut:
    """The tiles that cost least.

    Raises:
        ValueError: If the GPU has too little shared memory for any.
    """
    best, least = None, math.inf
    for pixel_rows in (FLAT,) if stops else (FLAT, TALL):
        most = MOST_THREADS[pixel_rows]
        for steps in range(1, min(iterations, 16) + 1):
            halo = (-(-steps // 4) * 4, steps)
            for columns in range(1, min(most, -(-width // 4)) + 1):
                rows = min(most // columns, -(-height // pixel_rows))
                while rows and bytes_of_block(columns, rows, pixel_rows, steps if stops else 0) > shared_bytes:
                    rows -= 1
                tiles = []
                for length, region, border in ((width, 4 * columns, halo[0]), (height, pixel_rows * rows, halo[1])):
                    if region >= length:
                        tiles.append(1)
                    elif region > 2 * border:
                        tiles.append(-(-(length - 2 * border) // (region - 2 * border)))
                if len(tiles) < 2:
                    continue
                cut = Cut(columns, rows, (tiles[0], tiles[1]), halo, steps, pixel_rows=pixel_rows)
                cost = _cost(cut, (height, width), iterations, stops, Device(shared_bytes))
                if cost < least:
                    best, least = cut, cost
    if best is None:
        raise ValueError(f"a GPU with {shared_bytes} bytes of shared memory per block is too small for TV-L1")
    return best
