"""Median filter of the CPU backend: a column around each pixel is sorted once and shared by all squares it lies in."""

import numpy as np

from amclip.flow import _networks
from amclip.flow._compile import Floats, compiled, through

_sorted_3, _sorted_5 = through(_networks.COLUMN_OF_3, (0, 1, 2)), through(_networks.COLUMN_OF_5, (0, 1, 2, 3, 4))
_middle_3, _middle_5 = through(_networks.MEDIAN_OF_3, (4,)), through(_networks.MEDIAN_OF_5, (12,))


@compiled
def median(field: Floats, height: int, width: int, side: int) -> None:
    """Twin of :func:`reference.median` for one field, flat, row after row, in place; ``side`` is 3 or 5."""
    half = side // 2
    original = field[: height * width].copy()
    columns = np.empty((side, width + 2 * half), np.float32)
    for y in range(height):
        # Rows beyond the border repeat it; of a 3 × 3 square the outermost two go unused.
        a, b = original[max(y - 2, 0) * width :], original[max(y - 1, 0) * width :]
        c = original[y * width :]
        d, e = original[min(y + 1, height - 1) * width :], original[min(y + 2, height - 1) * width :]
        if side == 3:
            _sort_3(b, c, d, width, columns)
        else:
            _sort_5(a, b, c, d, e, width, columns)
        for j in range(side):
            columns[j, :half] = columns[j, half]
            columns[j, half + width :] = columns[j, half + width - 1]
        if side == 3:
            _pick_3(columns, width, field[y * width :])
        else:
            _pick_5(columns, width, field[y * width :])


@compiled
def _sort_3(a: Floats, b: Floats, c: Floats, width: int, columns: Floats) -> None:
    p, q, r = columns[0], columns[1], columns[2]
    for x in range(width):
        p[x + 1], q[x + 1], r[x + 1] = _sorted_3((a[x], b[x], c[x]))


@compiled
def _sort_5(a: Floats, b: Floats, c: Floats, d: Floats, e: Floats, width: int, columns: Floats) -> None:
    p, q, r, s, t = columns[0], columns[1], columns[2], columns[3], columns[4]
    for x in range(width):
        p[x + 2], q[x + 2], r[x + 2], s[x + 2], t[x + 2] = _sorted_5((a[x], b[x], c[x], d[x], e[x]))


@compiled
def _pick_3(columns: Floats, width: int, medians: Floats) -> None:
    a, b, c = columns[0], columns[1], columns[2]
    for x in range(width):
        square = (a[x], a[x + 1], a[x + 2], b[x], b[x + 1], b[x + 2], c[x], c[x + 1], c[x + 2])
        medians[x] = _middle_3(square)[0]


@compiled
def _pick_5(columns: Floats, width: int, medians: Floats) -> None:
    a, b, c, d, e = columns[0], columns[1], columns[2], columns[3], columns[4]
    for x in range(width):
        first = (a[x], a[x + 1], a[x + 2], a[x + 3], a[x + 4], b[x], b[x + 1], b[x + 2], b[x + 3], b[x + 4])
        middle = (c[x], c[x + 1], c[x + 2], c[x + 3], c[x + 4])
        last = (d[x], d[x + 1], d[x + 2], d[x + 3], d[x + 4], e[x], e[x + 1], e[x + 2], e[x + 3], e[x + 4])
        medians[x] = _middle_5(first + middle + last)[0]
