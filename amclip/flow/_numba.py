"""TV-L1 on the CPU, compiled by numba: the stages of :mod:`amclip.flow.reference` in single precision, fused.

One call of :func:`_solve` computes one pair from pyramid to flow and holds no lock, so threads over pairs scale;
numba's own threads (``prange``) are left alone, as they abort when two Python threads meet in them or after a fork.
Where pairs are fewer than threads, each level of a pair is cut into bands of rows (:func:`_refine_in_bands`).
The iterations themselves are in :mod:`amclip.flow._sweep`, the median filter in :mod:`amclip.flow._median`.
"""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amclip.flow import reference
from amclip.flow._compile import Floats, blend, compiled
from amclip.flow._median import median
from amclip.flow._sweep import dual_rates, sweep, total
from amclip.flow.reference import Parameters

Index = NDArray[np.int64]
#: What compiled code needs of the parameters: warps, outer and inner iterations, side of the median; step (lambda
#: theta), theta, rate (tau / theta), epsilon.
Settings = tuple[int, int, int, int, float, float, float, float]

#: Pixels times iterations between two meetings that a band must be worth. On idle cores 400,000 gain a little already;
#: on cores that others use too, meeting costs more than that (measured).
LEAST_WORK = 1_000_000
#: Zero pixels around the warped image: a clamped position never reaches beyond.
MARGIN = 4
_f = np.float32


def flow(first: Tensor, second: Tensor, parameters: Parameters) -> Tensor:
    """Twin of :func:`amclip.flow.reference.flow` for float32 on the CPU.

    As many threads run as PyTorch itself would use (``torch.get_num_threads()``: 1 in a DataLoader worker): one to a
    pair, or several where pairs are fewer. The result is the same to the bit for any number of threads.
    """
    count, height, width = first.shape
    firsts, seconds = first.numpy(), second.numpy()
    result = np.empty((count, 2, height, width), np.float32)
    sizes = np.array(reference.pyramid_sizes(height, width, parameters.nscales, parameters.scale_step), dtype=np.int64)
    settings = (
        parameters.warps,
        parameters.outer_iterations,
        parameters.inner_iterations,
        parameters.median_filtering,
        float(parameters.lambda_ * parameters.theta),
        float(parameters.theta),
        float(parameters.tau / parameters.theta),
        float(parameters.epsilon),
    )
    threads = torch.get_num_threads()
    bands = min(threads // count, _most_bands(height, width, settings)) if count else 1

    def solve(pair: int) -> None:
        # Copied here if need be, not by PyTorch: its threads wait for each other longer than small copies take.
        images = np.ascontiguousarray(firsts[pair]), np.ascontiguousarray(seconds[pair])
        if bands > 1:
            _solve_in_bands(*images, result[pair], sizes, 1 / parameters.scale_step, settings, bands)
        else:
            _solve(*images, result[pair], sizes, 1 / parameters.scale_step, settings)

    if min(count, threads) <= 1:
        for pair in range(count):
            solve(pair)
    else:
        # Made per call: a pool that outlives it would not survive a fork.
        with ThreadPoolExecutor(min(count, threads)) as pool:
            for _ in pool.map(solve, range(count)):
                pass
    return torch.from_numpy(result)


@compiled
def _solve(first: Floats, second: Floats, result: Floats, sizes: Index, stride: float, settings: Settings) -> None:
    """Twin of :func:`reference.flow` for one pair: images ``(H, W)``, ``result`` ``(2, H, W)``."""
    firsts, seconds = [first], [second]
    for level in range(1, sizes.shape[0]):
        height, width = sizes[level]
        firsts.append(_resize(firsts[-1], height, width, stride, stride, 1.0))
        seconds.append(_resize(seconds[-1], height, width, stride, stride, 1.0))
    flow = np.zeros((2, 1, 1), np.float32)
    for level in range(sizes.shape[0] - 1, -1, -1):
        height, width = sizes[level]
        state = _start(flow, height, width, stride)
        _refine(firsts[level], _texels(seconds[level]), state, settings)
        flow = _flow(state, height, width)
    result[:] = flow


def _solve_in_bands(
    first: Floats, second: Floats, result: Floats, sizes: Index, stride: float, settings: Settings, threads: int
) -> None:
    """The same on several threads, stage by stage."""
    firsts, seconds = [first], [second]
    for height, width in sizes[1:]:
        firsts.append(_resize(firsts[-1], height, width, stride, stride, 1.0))
        seconds.append(_resize(seconds[-1], height, width, stride, stride, 1.0))
    flow = np.zeros((2, 1, 1), np.float32)
    with ThreadPoolExecutor(threads - 1) as pool:
        for level in reversed(range(len(sizes))):
            height, width = sizes[level]
            state, texels = _start(flow, height, width, stride), _texels(seconds[level])
            bands = min(threads, _most_bands(height, width, settings))
            if bands > 1:
                state = _refine_in_bands(pool, bands, firsts[level], texels, state, settings)
            else:
                _refine(firsts[level], texels, state, settings)
            flow = _flow(state, height, width)
    result[:] = flow


def _most_bands(height: int, width: int, settings: Settings) -> int:
    """Into how many bands of rows a level is worth cutting; 1 for an early stop, which asks after every iteration."""
    _, _, inner_iterations, _, _, _, _, epsilon = settings
    if epsilon > 0:
        return 1
    # No shorter than the rows around it that it computes too.
    shortest = max(inner_iterations, math.ceil(LEAST_WORK / (inner_iterations * width)))
    return max(height // shortest, 1)


def _refine_in_bands(
    pool: ThreadPoolExecutor, bands: int, first: Floats, texels: Floats, state: Floats, settings: Settings
) -> Floats:
    """Twin of :func:`_refine` that returns the new state; threads meet after each round of inner iterations.

    A band also computes the rows around it that its own depend on within a round, so it needs no news until the end.
    States alternate: all bands read the one that none writes.
    """
    height, width = first.shape
    warps, outer_iterations, inner_iterations, side, *_ = settings
    edges = [height * band // bands for band in range(bands + 1)]
    reach = inner_iterations + side // 2
    rows = -(-height // bands) + 2 * reach
    data = np.empty((bands, 4, rows * width), np.float32)
    local = np.empty((bands, 6, (rows + 2) * width), np.float32)
    other = np.zeros_like(state)

    def advance(band: int, source: Floats, target: Floats, turn: int) -> None:
        start, stop = edges[band], edges[band + 1]
        _advance(first, texels, source, target, data[band], local[band], start, stop, turn, settings)

    for _ in range(warps):
        for turn in range(outer_iterations):
            # The first band is computed right here, so that one thread less has to be woken.
            jobs = [pool.submit(advance, band, state, other, turn) for band in range(1, bands)]
            advance(0, state, other, turn)
            for job in jobs:
                job.result()
            state, other = other, state
    return state


@compiled
def _advance(
    first: Floats,
    texels: Floats,
    source: Floats,
    target: Floats,
    data: Floats,
    state: Floats,
    start: int,
    stop: int,
    turn: int,
    settings: Settings,
) -> None:
    """One round of median and inner iterations for the rows from ``start`` to ``stop``, from ``source`` to ``target``.

    ``data`` (kept over the turns of a warp) and ``state`` are the band's own, as for an image of these rows and as many
    around them as they depend on. Of those, each iteration leaves one more at either end behind.
    """
    height, width = first.shape
    _, _, inner_iterations, side, step, theta, rate, _ = settings
    half = side // 2
    top, bottom = max(start - inner_iterations - half, 0), min(stop + inner_iterations + half, height)
    rows = bottom - top
    if turn == 0:
        _linearise(first, texels, source, data, top, bottom)
    for field in range(6):
        state[field, :width] = 0
        state[field, width : (rows + 1) * width] = source[field, (top + 1) * width : (bottom + 1) * width]
        state[field, (rows + 1) * width : (rows + 2) * width] = 0
    if side > 1:
        median(state[0, width:], rows, width, side)
        median(state[1, width:], rows, width, side)
    rates = dual_rates(width, rate)
    for iteration in range(inner_iterations):
        low = iteration + half if top > 0 else 0
        high = rows - (iteration + half if bottom < height else 0)
        sweep(data, state, rates, low, high, width, _f(step), _f(theta), _f(rate), None)
    for field in range(6):
        own = state[field, (start - top + 1) * width : (stop - top + 1) * width]
        target[field, (start + 1) * width : (stop + 1) * width] = own


@compiled
def _refine(first: Floats, texels: Floats, state: Floats, settings: Settings) -> None:
    """Twin of :func:`reference.refine` for one pair, in place; state as of :func:`_start`."""
    height, width = first.shape
    warps, outer_iterations, inner_iterations, side, step, theta, rate, epsilon = settings
    data = np.empty((4, height * width), np.float32)
    rates = dual_rates(width, rate)
    changes = np.empty(min(rates.size, height * width), np.float32)
    threshold = epsilon * epsilon * height * width
    for _ in range(warps):
        _linearise(first, texels, state, data, 0, height)
        running = True
        for _ in range(outer_iterations):
            if side > 1:
                median(state[0, width:], height, width, side)
                median(state[1, width:], height, width, side)
            for _ in range(inner_iterations):
                if epsilon > 0:
                    changes[:] = 0
                    sweep(data, state, rates, 0, height, width, _f(step), _f(theta), _f(rate), changes)
                    running = total(changes) > threshold
                    if not running:
                        break
                else:
                    sweep(data, state, rates, 0, height, width, _f(step), _f(theta), _f(rate), None)
            if not running:
                break


@compiled
def _start(coarse: Floats, height: int, width: int, stride: float) -> Floats:
    """State of a level before its first warp, from the coarser level's flow ``(2, h, w)``.

    Rows are u, v and the dual field of each, ux, uy, vx, vy (0 at first): ``(6, (H + 2) * W)`` with the zero rows.
    """
    state = np.zeros((6, (height + 2) * width), np.float32)
    stride_y, stride_x = coarse.shape[1] / height, coarse.shape[2] / width
    for field in range(2):
        fine = _resize(coarse[field], height, width, stride_y, stride_x, stride)
        state[field, width : (height + 1) * width] = fine.reshape(-1)
    return state


@compiled
def _flow(state: Floats, height: int, width: int) -> Floats:
    """The flow in a state, ``(2, H, W)``."""
    flow: Floats = state[:2, width : (height + 1) * width].copy().reshape(2, height, width)
    return flow


@compiled
def _resize(image: Floats, height: int, width: int, stride_y: float, stride_x: float, factor: float) -> Floats:
    """Twin of :func:`reference.resize` for one image ``(H, W)``, times ``factor``."""
    source_height, source_width = image.shape
    result = np.empty((height, width), np.float32)
    near = np.empty(width, np.int64)
    far = np.empty(width, np.int64)
    across = np.empty(width, np.float32)
    for x in range(width):
        position = min(max((x + 0.5) * stride_x - 0.5, 0.0), source_width - 1.0)
        near[x] = int(position)
        far[x] = min(near[x] + 1, source_width - 1)
        across[x] = _f(position - near[x])
    for y in range(height):
        position = min(max((y + 0.5) * stride_y - 0.5, 0.0), source_height - 1.0)
        top = int(position)
        bottom = min(top + 1, source_height - 1)
        down = _f(position - top)
        for x in range(width):
            upper = image[top, near[x]] + across[x] * (image[top, far[x]] - image[top, near[x]])
            lower = image[bottom, near[x]] + across[x] * (image[bottom, far[x]] - image[bottom, near[x]])
            result[y, x] = _f(factor) * (upper + down * (lower - upper))
    return result


@compiled
def _texels(image: Floats) -> Floats:
    """The image, its centred gradient and a 0 side by side, in a margin of zeros: ``(H + 8, W + 8, 4)``."""
    height, width = image.shape
    result = np.zeros((height + 2 * MARGIN, width + 2 * MARGIN, 4), np.float32)
    for y in range(height):
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        for x in range(width):
            texel = result[y + MARGIN, x + MARGIN]
            texel[0] = image[y, x]
            texel[1] = _f(0.5) * (image[y, min(x + 1, width - 1)] - image[y, max(x - 1, 0)])
            texel[2] = _f(0.5) * (image[below, x] - image[above, x])
    return result


@compiled
def _cubic_weights(fraction: float) -> tuple[float, float, float, float]:
    a, one = _f(reference.CUBIC), _f(1)
    after = one - fraction
    far = fraction + one
    first = ((a * far - _f(5) * a) * far + _f(8) * a) * far - _f(4) * a
    second = ((a + _f(2)) * fraction - (a + _f(3))) * fraction * fraction + one
    third = ((a + _f(2)) * after - (a + _f(3))) * after * after + one
    return first, second, third, one - first - second - third


@compiled
def _linearise(first: Floats, texels: Floats, state: Floats, data: Floats, start: int, stop: int) -> None:
    """Twin of :func:`reference.linearise` for the rows from ``start`` to ``stop``; ``data`` begins with the first.

    Writes gradient x, y, constant and 1 / |gradient|² (0 if none). Each row takes three loops: the first and the last
    vectorise over pixels, the middle one over the floats of a texel.
    """
    height, width = first.shape
    flat = texels.reshape(-1)
    pitch = 4 * texels.shape[1]
    corner = np.empty(width, np.int64)
    weights = np.empty((8, width), np.float32)
    x0, x1, x2, x3 = weights[0], weights[1], weights[2], weights[3]
    y0, y1, y2, y3 = weights[4], weights[5], weights[6], weights[7]
    warped = np.empty(4 * width, np.float32)
    for y in range(start, stop):
        u, v = state[0, (y + 1) * width :], state[1, (y + 1) * width :]
        for x in range(width):
            # Clamped, so that a position far outside reads the margin only; of the first tap, in the margin's frame.
            to_x = min(max(_f(x) + u[x], _f(-3)), _f(width + 1)) + _f(MARGIN - 1)
            to_y = min(max(_f(y) + v[x], _f(-3)), _f(height + 1)) + _f(MARGIN - 1)
            left, top = np.int32(to_x), np.int32(to_y)  # not negative, so this is the floor
            x0[x], x1[x], x2[x], x3[x] = _cubic_weights(to_x - _f(left))
            y0[x], y1[x], y2[x], y3[x] = _cubic_weights(to_y - _f(top))
            corner[x] = top * pitch + 4 * left
        for x in range(width):
            across, down = (x0[x], x1[x], x2[x], x3[x]), (y0[x], y1[x], y2[x], y3[x])
            blend(flat, corner[x], pitch, across, down, warped, 4 * x)
        at = (y - start) * width
        gradient_x, gradient_y, constant, inverse = data[0, at:], data[1, at:], data[2, at:], data[3, at:]
        for x in range(width):
            image, by_x, by_y = warped[4 * x], warped[4 * x + 1], warped[4 * x + 2]
            square = by_x * by_x + by_y * by_y
            gradient_x[x] = by_x
            gradient_y[x] = by_y
            constant[x] = image - by_x * u[x] - by_y * v[x] - first[y, x]
            inverse[x] = _f(1) / square if square > _f(reference.SMALLEST_GRADIENT) else _f(0)
