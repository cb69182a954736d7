"""The primal-dual iteration of the CPU backend, fused into one pass over the image.

Fields are kept flat, row after row, with a row of zeros above and one below, which turns every neighbour into a
constant offset: the compiler then vectorises whole blocks of rows at once, whatever the width. A state holds six,
``(6, (H + 2) * W)``: u, v and the dual field of each, ux, uy, vx, vy.
"""

import math

import numpy as np

from amclip.flow._compile import Floats, compiled

#: Pixels per block of rows: enough to amortise its loop, few enough for its ten fields to stay close (measured).
BLOCK = 2048
_f = np.float32


@compiled
def dual_rates(width: int, rate: float) -> Floats:
    """The dual update's rate for each pixel of a block of rows: 0 in the last column, where there is no next pixel."""
    rates = np.full(max(BLOCK // width, 1) * width, _f(rate), np.float32)
    rates[width - 1 :: width] = 0
    return rates


@compiled
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
    changes: Floats | None,
) -> None:
    """Twin of :func:`reference.primal_step` on ``count`` pixels in place; adds the squared changes to ``changes``.

    The three cases of the thresholding are one clamp: ``-rho / |gradient|²`` cut to ``± lambda theta``.
    """
    for i in range(count):
        rho = gradient_x[i] * u[i] + (gradient_y[i] * v[i] + constant[i])
        amount = min(max(-rho * inverse[i], -step), step)
        by_u = amount * gradient_x[i] + theta * (ux[i] - ux_left[i] + uy[i] - uy_above[i])
        by_v = amount * gradient_y[i] + theta * (vx[i] - vx_left[i] + vy[i] - vy_above[i])
        u[i] += by_u
        v[i] += by_v
        if changes is not None:  # decided at compile time
            changes[i] += by_u * by_u + by_v * by_v


@compiled
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


@compiled
def sweep(
    data: Floats,
    state: Floats,
    rates: Floats,
    low: int,
    high: int,
    width: int,
    step: float,
    theta: float,
    rate: float,
    changes: Floats | None,
) -> None:
    """One primal-dual iteration in one pass over the rows from ``low`` to ``high``, as if they were the whole image.

    The dual update of a row needs the new flow of the row below, so it follows the primal one a row behind.
    ``ux`` of a last column is always 0, so that it serves as the missing left neighbour of the next row's first pixel.
    """
    u, v, ux, uy, vx, vy = state[0], state[1], state[2], state[3], state[4], state[5]
    rows = max(BLOCK // width, 1)
    done = low  # rows whose dual field is new
    for y in range(low, high, rows):
        stop = min(y + rows, high)
        above = y * width
        here = above + width
        _primal(
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
            changes,
        )
        ready = stop - 1
        if ready > done:
            _dual_rows(u, v, ux, uy, vx, vy, done, ready, width, width, rates, rate)
            done = ready
    # The last row has nothing below: its own flow stands in, so that the difference is 0.
    _dual_rows(u, v, ux, uy, vx, vy, high - 1, high, width, 0, rates, rate)


@compiled
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


@compiled
def total(values: Floats) -> float:
    """Sum by halves, in place: vectorises, yet its order is fixed."""
    count = values.size
    while count > 1:
        half = (count + 1) // 2
        for i in range(count - half):
            values[i] += values[half + i]
        count = half
    return values[0]  # type: ignore[no-any-return]
