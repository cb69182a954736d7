"""How a level of the pyramid is cut into the blocks that iterate on a GPU: arithmetic on sizes."""

import math
from dataclasses import dataclass
from functools import lru_cache

#: Threads of a block that iterates: with 16 pixels each, as many registers as an SM has at 255 a thread.
MOST_THREADS = 256
#: Rows of a thread's pixels (they are 4 wide) where the block stands alone, and in a cluster.
ROWS, CLUSTER_ROWS = 4, 7
#: Blocks that every GPU with clusters can run as one.
MOST_BLOCKS_PER_CLUSTER = 8


@dataclass(frozen=True)
class Device:
    """What a plan must know of a GPU.

    Args:
        shared_bytes: Shared memory that a block can ask for (``cudaDevAttrMaxSharedMemoryPerBlockOptin``).
        clusters: Whether blocks can form clusters (compute capability 9.0 and later).
    """

    shared_bytes: int
    clusters: bool


@dataclass(frozen=True)
class Cut:
    """How an image is cut into regions of ``columns`` × ``rows`` threads (4 × 4 pixels each) for the iterations.

    ``tiles`` regions (in x and y) overlap by twice the halo; ``iterations`` run in a launch.
    """

    columns: int
    rows: int
    tiles: tuple[int, int]
    halo: tuple[int, int]
    iterations: int
    cluster: int = 1

    @property
    def threads(self) -> int:
        """Threads of a block, whole warps."""
        return -(-self.columns * self.rows // 32) * 32


def bytes_of_block(columns: int, rows: int, pixel_rows: int, counted: int = 0) -> int:
    """What ``iterate`` needs: constants, edges, and a sum per warp and counted iteration; in bytes."""
    threads = columns * rows
    side = -(-pixel_rows // 4)
    words = 4 * pixel_rows * threads + 4 * side * rows * (columns + 1) + 4 * (rows + 1) * columns
    return 16 * words + 4 * counted * -(-threads // 32)


def choose_cut(height: int, width: int, iterations: int, stops: bool, device: Device) -> Cut:
    """The way to cut a level that costs least: one block if the level fits, else a cluster, else tiles.

    Tiles are weighed by what a launch computes and moves: threads of whole warps times iterations (limited by the
    instructions an SM can issue), and 64 bytes per pixel and launch (limited by memory), in the proportion of an H100.
    The choice depends on the size alone, so a pair's flow does not depend on the batch.
    """
    columns, rows = -(-width // 4), -(-height // ROWS)
    counted = iterations if stops else 0
    if columns * rows <= MOST_THREADS and bytes_of_block(columns, rows, ROWS, counted) <= device.shared_bytes:
        return Cut(columns, rows, (1, 1), (0, 0), iterations)
    if device.clusters and not stops and (cut := _cluster_cut(height, width, iterations, device)):
        return cut
    return choose_tiles(height, width, iterations, stops, device.shared_bytes)


def _cluster_cut(height: int, width: int, iterations: int, device: Device) -> Cut | None:
    columns = -(-width // 4)
    for blocks in (2, 4, MOST_BLOCKS_PER_CLUSTER):
        rows = -(-height // (CLUSTER_ROWS * blocks))
        fits = bytes_of_block(columns, rows, CLUSTER_ROWS) <= device.shared_bytes
        if columns * rows <= MOST_THREADS and fits:
            return Cut(columns, rows, (1, 1), (0, 0), iterations, blocks)
    return None


@lru_cache(maxsize=256)
def choose_tiles(height: int, width: int, iterations: int, stops: bool, shared_bytes: int) -> Cut:
    # In the time of one pixel's iteration (41 instructions, at 60 % of what its SMs can issue) an H100 moves 6.5 bytes.
    bytes_per_iteration = 6.5
    best, least = None, math.inf
    for steps in range(1, min(iterations, 16) + 1):
        halo = (-(-steps // 4) * 4, steps)
        launches = -(-iterations // steps)
        for columns in range(1, min(MOST_THREADS, -(-width // 4)) + 1):
            rows = min(MOST_THREADS // columns, -(-height // ROWS))
            while rows and bytes_of_block(columns, rows, ROWS, steps if stops else 0) > shared_bytes:
                rows -= 1
            tiles = []
            for length, region, border in ((width, 4 * columns, halo[0]), (height, ROWS * rows, halo[1])):
                if region >= length:
                    tiles.append(1)
                elif region > 2 * border:
                    tiles.append(-(-(length - 2 * border) // (region - 2 * border)))
            if len(tiles) < 2:
                continue
            cut = Cut(columns, rows, (tiles[0], tiles[1]), halo, steps)
            blocks = tiles[0] * tiles[1]
            issue = iterations * blocks * cut.threads * 16 * bytes_per_iteration
            move = launches * (blocks * columns * rows * 16 * 40 + height * width * 24)
            cost = max(issue, move) + 0.25 * min(issue, move)  # they overlap, but not wholly
            if cost < least:
                best, least = cut, cost
    if best is None:
        raise ValueError(f"a GPU with {shared_bytes} bytes of shared memory per block is too small for TV-L1")
    return best
