"""Frames that carry their number so that it survives coding, scaling, cutting to a square and turning.

In the middle of a frame stand 5 × 5 cells, dark or light: eight fixed ones tell which way up the frame is, eleven bits
its number, six bits check the number. So a frame that is another one is told from one that cannot be read.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_NUMBER", "Reading", "draw_number", "read_number"]

MAX_NUMBER = 2047
_CELLS = 5
# Part of the shorter side that the cells take: cutting the frame to a square leaves them whole.
_SHARE = 0.9
_DARK, _LIGHT = 32, 222
# Corners from the upper left clockwise, then the middles of the upper, right, lower and left side. No turn and no
# mirror image of them equals them.
_FIXED = {(0, 0): 1, (0, 4): 1, (4, 4): 0, (4, 0): 0, (0, 2): 1, (2, 4): 1, (4, 2): 0, (2, 0): 0}
_FREE = [(row, column) for row in range(_CELLS) for column in range(_CELLS) if (row, column) not in _FIXED]
# (x + 1)(x^5 + x^2 + 1): two numbers of 11 bits differ in at least four of the 17 cells.
_POLYNOMIAL = 0b1101111
# A cell between these parts of the way from dark to light is of two frames, or garbage.
_UNCLEAR = (0.35, 0.65)


@dataclass(frozen=True)
class Reading:
    """What a frame shows.

    Attributes:
        number: Its number; -1 where it cannot be read.
        turned: Quarter turns counterclockwise (``numpy.rot90``) that it stands turned by; 4 to 7: mirrored before.
    """

    number: int
    turned: int = 0


def draw_number(number: int, height: int, width: int) -> NDArray[np.uint8]:
    """A frame ``[height, width, 3]``, RGB, that shows a number in ``[0, 2047]``; sides of at least 16 pixels."""
    if not 0 <= number <= MAX_NUMBER:
        raise ValueError(f"number must be in [0, {MAX_NUMBER}], not {number}")
    down, right = np.mgrid[0:height, 0:width]
    # What moves behind the cells gives the coder something to predict, so it uses the frames that it may refer to.
    base = 96 + 24 * np.sin((right + 2 * number) / 17) + 24 * np.sin((down - number) / 23)
    frame = np.stack([base + 20, base, base - 20], -1)
    side = _SHARE * min(height, width)
    top, left = (height - side) / 2, (width - side) / 2
    rows = np.clip(np.floor((np.arange(height) + 0.5 - top) / side * _CELLS), -1, _CELLS).astype(int)
    columns = np.clip(np.floor((np.arange(width) + 0.5 - left) / side * _CELLS), -1, _CELLS).astype(int)
    inside = ((rows >= 0) & (rows < _CELLS))[:, None] & ((columns >= 0) & (columns < _CELLS))[None]
    cells = _pattern(number)[np.clip(rows, 0, _CELLS - 1)][:, np.clip(columns, 0, _CELLS - 1)]
    frame[inside] = np.where(cells, _LIGHT, _DARK)[inside][:, None]
    return frame.round().clip(0, 255).astype(np.uint8)


def read_number(frame: NDArray[np.uint8], shown: tuple[int, int] | None = None) -> Reading:
    """Read a frame ``[H, W, 3]``.

    Args:
        frame: The frame, or a scaled copy.
        shown: ``(height, width)`` that the video is shown at, where the frame was stretched to another shape.
    """
    height, width = shown or frame.shape[:2]
    grey = frame[..., 1].astype(np.float32)
    # A frame that was stretched while it lay on its side has the sides of the other.
    for shape in ((height, width), (width, height))[: 1 if height == width else 2]:
        values = _sample(grey, shape)
        for turned, cells in enumerate(_orientations(values)):
            number = _decode(cells)
            if number >= 0:
                return Reading(number, turned)
    return Reading(-1)


def _sample(grey: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Mean of the middle of each cell."""
    spans = []
    for side, length in zip(shape, grey.shape, strict=True):
        cell = _SHARE * min(shape) / side / _CELLS * length
        centres = length / 2 + (np.arange(_CELLS) - (_CELLS - 1) / 2) * cell
        low = np.clip(np.floor(centres - cell / 4).astype(int), 0, length - 1)
        spans.append(
            [slice(a, max(a + 1, b)) for a, b in zip(low, np.ceil(centres + cell / 4).astype(int), strict=True)]
        )
    return np.array([[grey[rows, columns].mean() for columns in spans[1]] for rows in spans[0]], np.float32)


def _orientations(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The cells turned back by 0 to 3 quarters, and the mirror images of these."""
    turned = [np.rot90(values, -turns) for turns in range(4)]
    return turned + [cells[:, ::-1] for cells in turned]


def _decode(cells: NDArray[np.float32]) -> int:
    light = min(cells[place] for place, bit in _FIXED.items() if bit)
    dark = max(cells[place] for place, bit in _FIXED.items() if not bit)
    if light - dark < 40:
        return -1
    parts = [(cells[place] - dark) / (light - dark) for place in _FREE]
    if any(_UNCLEAR[0] < part < _UNCLEAR[1] for part in parts):
        return -1
    code = sum(1 << bit for bit, part in enumerate(parts) if part > 0.5)
    number = code >> 6
    return number if _checked(number) == code else -1


def _checked(number: int) -> int:
    """The number and its six check bits behind it."""
    rest = number << 6
    for bit in range(16, 5, -1):
        if rest >> bit & 1:
            rest ^= _POLYNOMIAL << (bit - 6)
    return number << 6 | rest


@cache
def _pattern(number: int) -> NDArray[np.bool_]:
    cells = np.zeros((_CELLS, _CELLS), np.bool_)
    code = _checked(number)
    for place, bit in _FIXED.items():
        cells[place] = bool(bit)
    for bit, place in enumerate(_FREE):
        cells[place] = bool(code >> bit & 1)
    return cells
