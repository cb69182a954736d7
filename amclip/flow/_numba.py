"""TV-L1 on the CPU, compiled by numba: the stages of :mod:`amclip.flow.reference` in single precision, fused.

One call of :func:`_solve` computes one pair from pyramid to flow and holds no lock, so threads over pairs scale;
numba's own threads (``prange``) are left alone, as they abort when two Python threads meet in them or after a fork.
Fields are kept flat, row after row, with a row of zeros above and one below, which turns every neighbour into a
constant offset: the compiler then vectorises whole blocks of rows at once, whatever the width.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amclip.flow import _networks, reference
from amclip.flow.reference import Parameters

F = TypeVar("F", bound=Callable[..., Any])
Floats = NDArray[np.float32]
Index = NDArray[np.int64]

#: Pixels per block of rows: enough to amortise its loop, few enough for its ten fields to stay close (measured).
BLOCK = 2048
#: Zero pixels around the warped image: a clamped position never reaches beyond.
MARGIN = 4
_f, _U = np.float32, np.uint64


# As arrays: numba cannot index tuples by a variable.
_COLUMN_OF_3, _COLUMN_OF_5 = np.array(_networks.COLUMN_OF_3), np.array(_networks.COLUMN_OF_5)
_MEDIAN_OF_3, _MEDIAN_OF_5 = np.array(_networks.MEDIAN_OF_3), np.array(_networks.MEDIAN_OF_5)


def _compiled(function: F) -> F:
    """Compile on first use, keep the machine code on disk (in memory only where no directory can be written)."""
    options = {"nogil": True, "fastmath": True, "error_model": "numpy", "boundscheck": False}
    try:
        return numba.njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # numba's "no locator available": neither beside this file nor in the user's cache
        return numba.njit(**options)(function)  # type: ignore[no-any-return]


def flow(first: Tensor, second: Tensor, parameters: Parameters) -> Tensor:
    """Twin of :func:`amclip.flow.reference.flow` for float32 on the CPU; one thread per pair at a time.

    As many threads run as PyTorch itself would use (``torch.get_num_threads()``: 1 in a DataLoader worker).
    """
    count, height, width = first.shape
    firsts, seconds = first.contiguous().numpy(), second.contiguous().numpy()
    result = np.empty((count, 2, height, width), np.float32)
    sizes = np.array(
        reference.pyramid_sizes(height, width, parameters.nscales, parameters.scale_step), dtype=np.int64
    ).reshape(-1, 2)

    def solve(pair: int) -> None:
        _solve(
            firsts[pair],
            seconds[pair],
            result[pair],
            sizes,
            float(parameters.scale_step),
            float(parameters.tau),
            float(parameters.lambda_),
            float(parameters.theta),
            parameters.warps,
            parameters.inner_iterations,
            parameters.outer_iterations,
            parameters.median_filtering,
            float(parameters.epsilon),
        )

    threads = min(count, torch.get_num_threads())
    if threads <= 1:
        for pair in range(count):
            solve(pair)
    else:
        # Made per call: a pool that outlives it would not survive a fork.
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(solve, range(count)):
                pass
    return torch.from_numpy(result)


@_compiled
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


@_compiled
def _texels(image: Floats) -> Floats:
    """The image and its centred gradient side by side, in a margin of zeros: ``(H + 8, W + 8, 3)``."""
    height, width = image.shape
    result = np.zeros((height + 2 * MARGIN, width + 2 * MARGIN, 3), np.float32)
    for y in range(height):
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        for x in range(width):
            texel = result[y + MARGIN, x + MARGIN]
            texel[0] = image[y, x]
            texel[1] = _f(0.5) * (image[y, min(x + 1, width - 1)] - image[y, max(x - 1, 0)])
            texel[2] = _f(0.5) * (image[below, x] - image[above, x])
    return result


@_compiled
def _cubic_weights(fraction: float) -> tuple[float, float, float, float]:
    a, one = _f(reference.CUBIC), _f(1)
    after = one - fraction
    far = fraction + one
    first = ((a * far - _f(5) * a) * far + _f(8) * a) * far - _f(4) * a
    second = ((a + _f(2)) * fraction - (a + _f(3))) * fraction * fraction + one
    third = ((a + _f(2)) * after - (a + _f(3))) * after * after + one
    return first, second, third, one - first - second - third


@_compiled
def _taps(texels: Floats, at: np.uint64, a: float, b: float, c: float, d: float) -> tuple[float, float, float]:
    """Weighted sum of four texels in a row, from element ``at`` of the flat texels.

    ``at`` is unsigned: a signed index may count from the end, and asking whether it does would cost as much again.
    """
    image = a * texels[at] + b * texels[at + _U(3)] + c * texels[at + _U(6)] + d * texels[at + _U(9)]
    across = a * texels[at + _U(1)] + b * texels[at + _U(4)] + c * texels[at + _U(7)] + d * texels[at + _U(10)]
    down = a * texels[at + _U(2)] + b * texels[at + _U(5)] + c * texels[at + _U(8)] + d * texels[at + _U(11)]
    return image, across, down


@_compiled
def _linearise(first: Floats, texels: Floats, state: Floats, data: Floats) -> None:
    """Twin of :func:`reference.linearise`: writes gradient x, y, constant and 1 / |gradient|² (0 if none) to data.

    Each row takes three loops, so that the first and the last vectorise; only the middle one gathers.
    """
    height, width = first.shape
    flat = texels.reshape(-1)
    pitch = 3 * texels.shape[1]
    second_row, third_row, fourth_row = _U(pitch), _U(2 * pitch), _U(3 * pitch)
    corner = np.empty(width, np.int32)
    weights = np.empty((8, width), np.float32)
    x0, x1, x2, x3 = weights[0], weights[1], weights[2], weights[3]
    y0, y1, y2, y3 = weights[4], weights[5], weights[6], weights[7]
    warped = np.empty((3, width), np.float32)
    image, across, down = warped[0], warped[1], warped[2]
    for y in range(height):
        u, v = state[0, (y + 1) * width :], state[1, (y + 1) * width :]
        for x in range(width):
            # Clamped, so that a position far outside reads the margin only; of the first tap, in the margin's frame.
            to_x = min(max(_f(x) + u[x], _f(-3)), _f(width + 1)) + _f(MARGIN - 1)
            to_y = min(max(_f(y) + v[x], _f(-3)), _f(height + 1)) + _f(MARGIN - 1)
            left, top = np.int32(to_x), np.int32(to_y)  # not negative, so this is the floor
            x0[x], x1[x], x2[x], x3[x] = _cubic_weights(to_x - _f(left))
            y0[x], y1[x], y2[x], y3[x] = _cubic_weights(to_y - _f(top))
            corner[x] = np.int32(top * np.int32(pitch) + np.int32(3) * left)
        for x in range(width):
            at = _U(corner[x])
            i0, p0, q0 = _taps(flat, at, x0[x], x1[x], x2[x], x3[x])
            i1, p1, q1 = _taps(flat, at + second_row, x0[x], x1[x], x2[x], x3[x])
            i2, p2, q2 = _taps(flat, at + third_row, x0[x], x1[x], x2[x], x3[x])
            i3, p3, q3 = _taps(flat, at + fourth_row, x0[x], x1[x], x2[x], x3[x])
            image[x] = y0[x] * i0 + y1[x] * i1 + y2[x] * i2 + y3[x] * i3
            across[x] = y0[x] * p0 + y1[x] * p1 + y2[x] * p2 + y3[x] * p3
            down[x] = y0[x] * q0 + y1[x] * q1 + y2[x] * q2 + y3[x] * q3
        gradient_x, gradient_y = data[0, y * width :], data[1, y * width :]
        constant, inverse = data[2, y * width :], data[3, y * width :]
        for x in range(width):
            square = across[x] * across[x] + down[x] * down[x]
            gradient_x[x] = across[x]
            gradient_y[x] = down[x]
            constant[x] = image[x] - across[x] * u[x] - down[x] * v[x] - first[y, x]
            inverse[x] = _f(1) / square if square > _f(reference.SMALLEST_GRADIENT) else _f(0)


@_compiled
def _primal(
    count: int,
    gradient_x: Floats,
    gradient_y: Floats,
    constant: Floats,
    inverse: Floats,
    u: Floats,
    v: Floats,
    ux: Floats,
    ux_left: Floats,
    uy: Floats,
    uy_above: Floats,
    vx: Floats,
    vx_left: Floats,
    vy: Floats,
    vy_above: Floats,
    step: float,
    theta: float,
) -> float:
    """Twin of :func:`reference.primal_step` on ``count`` pixels in place; returns the sum of squared changes.

    The three cases of the thresholding are one clamp: ``-rho / |gradient|²`` cut to ``± lambda theta``.
    """
    change: float = _f(0)
    for i in range(count):
        rho = gradient_x[i] * u[i] + (gradient_y[i] * v[i] + constant[i])
        amount = min(max(-rho * inverse[i], -step), step)
        by_u = amount * gradient_x[i] + theta * (ux[i] - ux_left[i] + uy[i] - uy_above[i])
        by_v = amount * gradient_y[i] + theta * (vx[i] - vx_left[i] + vy[i] - vy_above[i])
        u[i] += by_u
        v[i] += by_v
        change += by_u * by_u + by_v * by_v
    return change


@_compiled
def _dual(
    count: int,
    u: Floats,
    u_right: Floats,
    u_below: Floats,
    v: Floats,
    v_right: Floats,
    v_below: Floats,
    ux: Floats,
    uy: Floats,
    vx: Floats,
    vy: Floats,
    rates: Floats,
    rate: float,
) -> None:
    """Twin of :func:`reference.dual_step` on ``count`` pixels in place; ``rates`` is ``rate``, 0 in the last column."""
    one = _f(1)
    for i in range(count):
        u_x, u_y = rates[i] * (u_right[i] - u[i]), rate * (u_below[i] - u[i])
        v_x, v_y = rates[i] * (v_right[i] - v[i]), rate * (v_below[i] - v[i])
        u_norm, v_norm = one + math.sqrt(u_x * u_x + u_y * u_y), one + math.sqrt(v_x * v_x + v_y * v_y)
        both = one / (u_norm * v_norm)  # one division for two: it is the slowest instruction here
        u_scale, v_scale = both * v_norm, both * u_norm
        ux[i] = (ux[i] + u_x) * u_scale
        uy[i] = (uy[i] + u_y) * u_scale
        vx[i] = (vx[i] + v_x) * v_scale
        vy[i] = (vy[i] + v_y) * v_scale


@_compiled
def _sweep(
    data: Floats, state: Floats, rates: Floats, height: int, width: int, step: float, theta: float, rate: float
) -> float:
    """One primal-dual iteration in one pass over the image; returns the sum of squared changes of the flow.

    The dual update of a row needs the new flow of the row below, so it follows the primal one a row behind.
    ``ux`` of a last column is always 0, so that it serves as the missing left neighbour of the next row's first pixel.
    """
    u, v, ux, uy, vx, vy = state[0], state[1], state[2], state[3], state[4], state[5]
    rows = max(BLOCK // width, 1)
    change = 0.0
    done = 0  # rows whose dual field is new
    for y in range(0, height, rows):
        stop = min(y + rows, height)
        above = y * width
        here = above + width
        change += _primal(
            (stop - y) * width,
            data[0, above:],
            data[1, above:],
            data[2, above:],
            data[3, above:],
            u[here:],
            v[here:],
            ux[here:],
            ux[here - 1 :],
            uy[here:],
            uy[above:],
            vx[here:],
            vx[here - 1 :],
            vy[here:],
            vy[above:],
            step,
            theta,
        )
        ready = stop - 1
        if ready > done:
            _dual_rows(u, v, ux, uy, vx, vy, done, ready, width, width, rates, rate)
            done = ready
    # The last row has nothing below: its own flow stands in, so that the difference is 0.
    _dual_rows(u, v, ux, uy, vx, vy, height - 1, height, width, 0, rates, rate)
    return change


@_compiled
def _dual_rows(
    u: Floats,
    v: Floats,
    ux: Floats,
    uy: Floats,
    vx: Floats,
    vy: Floats,
    start: int,
    stop: int,
    width: int,
    below: int,
    rates: Floats,
    rate: float,
) -> None:
    at = (start + 1) * width
    _dual(
        (stop - start) * width,
        u[at:],
        u[at + 1 :],
        u[at + below :],
        v[at:],
        v[at + 1 :],
        v[at + below :],
        ux[at:],
        uy[at:],
        vx[at:],
        vy[at:],
        rates,
        rate,
    )


@_compiled
def _sort(rows: Floats, network: Index) -> None:
    """Run an exchange network over ``rows``, for every column of the array at once."""
    for k in range(network.shape[0]):
        low, high = network[k, 0], network[k, 1]
        for x in range(rows.shape[1]):
            a, b = rows[low, x], rows[high, x]
            rows[low, x] = min(a, b)
            rows[high, x] = max(a, b)


@_compiled
def _median(field: Floats, height: int, width: int, side: int) -> None:
    """Twin of :func:`reference.median` for one flat field, in place, a row at a time.

    The columns around a row are sorted once and shared by all squares they lie in; an exchange network then brings
    the median of each square to the middle.
    """
    half = side // 2
    original = field[: height * width].copy()
    columns = np.empty((side, width + 2 * half), np.float32)
    squares = np.empty((side * side, width), np.float32)
    for y in range(height):
        for j in range(side):
            at = min(max(y + j - half, 0), height - 1) * width
            for x in range(width):
                columns[j, half + x] = original[at + x]
            for x in range(half):
                columns[j, x] = original[at]
                columns[j, half + width + x] = original[at + width - 1]
        _sort(columns, _COLUMN_OF_3 if side == 3 else _COLUMN_OF_5)
        for j in range(side):
            for i in range(side):
                for x in range(width):
                    squares[j * side + i, x] = columns[j, i + x]
        _sort(squares, _MEDIAN_OF_3 if side == 3 else _MEDIAN_OF_5)
        for x in range(width):
            field[y * width + x] = squares[side * side // 2, x]


@_compiled
def _solve(
    first: Floats,
    second: Floats,
    result: Floats,
    sizes: Index,
    scale_step: float,
    tau: float,
    lambda_: float,
    theta: float,
    warps: int,
    inner_iterations: int,
    outer_iterations: int,
    median_filtering: int,
    epsilon: float,
) -> None:
    """Twin of :func:`reference.flow` for one pair: images ``(H, W)``, ``result`` ``(2, H, W)``."""
    stride = 1 / scale_step
    step, rate = _f(lambda_ * theta), _f(tau / theta)
    firsts, seconds = [first], [second]
    for level in range(1, sizes.shape[0]):
        height, width = sizes[level]
        firsts.append(_resize(firsts[-1], height, width, stride, stride, 1.0))
        seconds.append(_resize(seconds[-1], height, width, stride, stride, 1.0))
    flow_u, flow_v = np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32)
    for level in range(sizes.shape[0] - 1, -1, -1):
        height, width = sizes[level]
        pixels = height * width
        if level < sizes.shape[0] - 1:
            stride_y, stride_x = flow_u.shape[0] / height, flow_u.shape[1] / width
            flow_u = _resize(flow_u, height, width, stride_y, stride_x, stride)
            flow_v = _resize(flow_v, height, width, stride_y, stride_x, stride)
        else:
            flow_u, flow_v = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
        state = np.zeros((6, pixels + 2 * width), np.float32)  # u, v, and the dual field of each: ux, uy, vx, vy
        state[0, width : width + pixels] = flow_u.reshape(-1)
        state[1, width : width + pixels] = flow_v.reshape(-1)
        data = np.empty((4, pixels), np.float32)
        rates = np.full(max(BLOCK // width, 1) * width, rate, np.float32)
        rates[width - 1 :: width] = 0
        texels = _texels(seconds[level])
        threshold = epsilon * epsilon * pixels
        for _ in range(warps):
            _linearise(firsts[level], texels, state, data)
            change = np.inf
            for _ in range(outer_iterations):
                if epsilon > 0 and change <= threshold:
                    break
                if median_filtering > 1:
                    _median(state[0, width:], height, width, median_filtering)
                    _median(state[1, width:], height, width, median_filtering)
                for _ in range(inner_iterations):
                    change = _sweep(data, state, rates, height, width, step, _f(theta), rate)
                    if epsilon > 0 and change <= threshold:
                        break
        flow_u = state[0, width : width + pixels].copy().reshape(height, width)
        flow_v = state[1, width : width + pixels].copy().reshape(height, width)
    result[0] = flow_u
    result[1] = flow_v
