"""Smooth tubes and discs in an animal's own coordinates, drawn into an image or measured."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Brush", "Color", "Pen", "Points", "Ruler"]

Points = NDArray[np.float64]
Color = tuple[int, int, int]
_CAP = np.stack([np.cos(np.radians((60, 30, 0, -30, -60))), np.sin(np.radians((60, 30, 0, -30, -60)))])[..., None]
_SHIFT = 4  # OpenCV's drawing functions take fixed-point coordinates: sub-pixel movement stays smooth


class Pen:
    """Turns tubes and discs given in an animal's coordinates into outlines in pixels.

    Args:
        at: Where the animal's feet stand, (x, y) in pixels.
        scale: Torso length in pixels.
        facing: 1 right, -1 left, between them while it turns.
    """

    def __init__(self, at: tuple[float, float], scale: float, facing: float) -> None:
        # An animal seen exactly from the front would be a line: a body has some width.
        width = np.copysign(max(abs(facing), 0.25), facing)
        self.at, self.scale = np.array(at), scale
        self.axes = np.array([scale * width, -scale])

    def tube(self, joints: Points, radii: tuple[float, ...] | NDArray[np.float64], color: Color) -> None:
        """A smooth tube through joints ``(n, 2)`` with a radius at each, and round ends."""
        basis, slope = _spline(len(joints))
        line, radius, forward = basis @ joints, basis @ np.asarray(radii), slope @ joints
        forward /= np.maximum(np.hypot(forward[:, :1], forward[:, 1:]), 1e-9)
        normal = forward[:, ::-1] * (-1, 1) * radius[:, None]
        # Caps: half circles from the left side over the end to the right side.
        end = line[-1] + _CAP[0] * forward[-1] * radius[-1] + _CAP[1] * normal[-1]
        start = line[0] - _CAP[0] * forward[0] * radius[0] - _CAP[1] * normal[0]
        self._polygon(self.at + self.axes * np.concatenate([line + normal, end, (line - normal)[::-1], start]), color)

    def disc(self, center: Points, radius: float, color: Color) -> None:
        """A disc, narrower while the animal turns."""
        self._ellipse(self.at + self.axes * center, np.abs(self.axes) * radius, color)

    def _polygon(self, outline: Points, color: Color) -> None:
        raise NotImplementedError

    def _ellipse(self, center: Points, axes: Points, color: Color) -> None:
        raise NotImplementedError


class Brush(Pen):
    """Draws into an RGB image."""

    def __init__(self, canvas: NDArray[np.uint8], at: tuple[float, float], scale: float, facing: float) -> None:
        super().__init__(at, scale, facing)
        self.canvas = canvas

    def _polygon(self, outline: Points, color: Color) -> None:
        import cv2

        cv2.fillPoly(self.canvas, [np.rint(outline * 2**_SHIFT).astype(np.int32)], color, cv2.LINE_AA, _SHIFT)

    def _ellipse(self, center: Points, axes: Points, color: Color) -> None:
        import cv2

        x, y = np.rint(center * 2**_SHIFT).astype(int).tolist()
        sides = np.rint(axes * 2**_SHIFT).astype(int).tolist()
        cv2.ellipse(self.canvas, (x, y), sides, 0, 0, 360, color, -1, cv2.LINE_AA, _SHIFT)


class Ruler(Pen):
    """Measures how far the parts reach: ``least`` and ``most`` x and y."""

    def __init__(self, at: tuple[float, float], scale: float, facing: float) -> None:
        super().__init__(at, scale, facing)
        self.least, self.most = np.full(2, np.inf), np.full(2, -np.inf)

    def _polygon(self, outline: Points, color: Color) -> None:
        self.least = np.minimum(self.least, outline.min(axis=0))
        self.most = np.maximum(self.most, outline.max(axis=0))

    def _ellipse(self, center: Points, axes: Points, color: Color) -> None:
        self._polygon(np.stack([center - axes, center + axes]), color)


@cache
def _spline(num: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights ``(samples, num)`` of a Catmull-Rom spline through ``num`` points and of its slope, five per piece."""
    ones = np.eye(num)
    if num == 2:
        line = np.array([[1, 0], [0.5, 0.5], [0, 1]])
    else:
        padded = np.concatenate([[2 * ones[0] - ones[1]], ones, [2 * ones[-1] - ones[-2]]])
        matrix = 0.5 * np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]])
        powers = np.linspace(0, 1, 5, endpoint=False)[:, None] ** np.arange(4) @ matrix
        line = np.concatenate([*(powers @ padded[piece : piece + 4] for piece in range(num - 1)), ones[-1:]])
    return line, np.gradient(line, axis=0)
