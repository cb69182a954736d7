"""The place the demo animals move in, and its camera: everything that moves without being a behaviour."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from amclip.data.synthetic.animals import Look, draw_animal
from amclip.data.synthetic.motion import Actor
from amclip.data.synthetic.pens import Color

__all__ = ["Scene"]

_SUPERSAMPLING = 2
_PAN = 0.08  # farthest the camera looks to either side, in frame widths
_PALETTES: tuple[tuple[Color, Color, Color], ...] = (  # far, ground, blades
    ((178, 196, 200), (122, 128, 84), (76, 98, 52)),
    ((206, 190, 160), (170, 144, 100), (128, 118, 62)),
    ((150, 172, 150), (84, 106, 70), (52, 82, 46)),
    ((188, 200, 214), (140, 132, 122), (96, 104, 84)),
    ((160, 150, 140), (106, 86, 66), (86, 90, 50)),
)


class Scene:
    """A textured ground before a far background, blades in the wind, a slowly panning camera, drifting light.

    Args:
        rng: Draws all of it.
        size: Height and width of the frames in pixels.
        fps: Frames per second.
    """

    def __init__(self, rng: Generator, size: tuple[int, int], fps: float) -> None:
        self.fps, self.size = fps, size
        self.height, self.width = (_SUPERSAMPLING * length for length in size)
        far, self.ground, self.blade = _PALETTES[int(rng.integers(len(_PALETTES)))]
        self.horizon = rng.uniform(0.3, 0.48)
        self.margin = int(np.ceil(_PAN * self.width)) + 1
        self.texture = self._draw_texture(rng, far)
        # Two slow swings of the camera per direction; at most about 0.1 pixels per frame at 64 pixels and 15 frames/s.
        self.pan = rng.uniform(0.15, 0.4, 2) * _PAN, rng.uniform(12, 24, 2), rng.uniform(0, 2 * np.pi, 2)
        self.light = rng.uniform(0.02, 0.06), rng.uniform(5, 12), rng.uniform(0, 2 * np.pi)
        self.noise = np.rint(rng.normal(0, rng.uniform(1.0, 2.2), (size[0] + 24, size[1] + 24, 3))).astype(np.int16)
        self.offsets = rng.integers(0, 24, (61, 2))
        self.behind = self._grow(rng, int(rng.integers(10, 22)), (self.horizon, 0.7))
        self.before = self._grow(rng, int(rng.integers(4, 9)), (0.97, 1.08))

    def frames(
        self, actors: Sequence[Actor], looks: Sequence[Look], feet: Sequence[float], num_frames: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Draw frame after frame, in constant memory.

        Args:
            actors: The animals from back to front.
            looks: Their looks.
            feet: The heights their feet stand at, in frame heights from the top.
            num_frames: How many frames to draw.

        Yields:
            RGB frames, ``uint8``, shape ``(H, W, 3)``.
        """
        import cv2

        for frame in range(num_frames):
            time = frame / self.fps
            shift = self.camera(time)
            # The middle of the view; getRectSubPix counts pixel centres, so that a shift of 0 cuts out whole pixels.
            middle = (self.margin + shift + 0.5 * np.array([self.width - 1, self.height - 1])).tolist()
            canvas = cv2.getRectSubPix(self.texture, (self.width, self.height), middle)
            self._draw_blades(canvas, self.behind, time, shift, 0.85)
            for actor, look, foot in zip(actors, looks, feet, strict=True):
                pose = actor.step()
                at = ((0.5 + pose.x) * self.width - shift[0], foot * self.height - shift[1])
                scale = actor.length * self.width
                self._draw_shadow(canvas, at, scale)
                draw_animal(canvas, look, pose, at, scale)
            self._draw_blades(canvas, self.before, time, shift, 0.6)
            small = cv2.resize(canvas, self.size[::-1], interpolation=cv2.INTER_AREA)
            yield self._expose(small, frame)

    def camera(self, time: float) -> NDArray[np.float64]:
        """Where the camera looks, (x, y) in supersampled pixels; less movement up and down than sideways."""
        reach, period, phase = self.pan
        swing = reach * np.sin(2 * np.pi * time / period + phase) * self.width
        return np.array([swing[0], 0.35 * swing[1]])

    def _expose(self, image: NDArray[np.uint8], frame: int) -> NDArray[np.uint8]:
        """Add the drift of the light and the sensor's noise."""
        depth, period, phase = self.light
        gain = 1 + depth * np.sin(2 * np.pi * frame / self.fps / period + phase)
        # One noise field read at changing places is as good as a new one, and far cheaper; 61 is prime to most rhythms.
        y, x = self.offsets[frame % len(self.offsets)]
        noise = self.noise[y : y + self.size[0], x : x + self.size[1]]
        lit = np.rint(image * np.float32(gain)).astype(np.int16)
        bright: NDArray[np.uint8] = np.clip(lit + noise, 0, 255).astype(np.uint8)
        return bright

    def _draw_texture(self, rng: Generator, far: Color) -> NDArray[np.uint8]:
        """The still background, wider and higher than the frame by what the camera may pan."""
        height, width = self.height + 2 * self.margin, self.width + 2 * self.margin
        rows = (np.arange(height) - self.margin)[:, None] / self.height
        hills = self.horizon + 0.035 * _smooth_noise(rng, (2, width), 5)[:1]
        below = np.clip((rows - hills) * self.height / 3 + 0.5, 0, 1)[..., None]
        depth = np.clip(rows - self.horizon, 0, 1)[..., None]
        ground = np.array(self.ground) * (0.86 + 0.4 * depth)
        sky = np.array(far) * (1.06 - 0.25 * rows[..., None])
        image = (1 - below) * sky + below * ground
        grain = _smooth_noise(rng, (height, width), 9) * 0.5 + _smooth_noise(rng, (height, width), 26) * 0.35
        grain += _smooth_noise(rng, (height, width), 70) * 0.25
        image = image * (1 + (0.05 + 0.09 * below) * grain[..., None])
        return np.clip(image, 0, 255).astype(np.uint8)

    def _grow(self, rng: Generator, count: int, feet: tuple[float, float]) -> dict[str, NDArray[np.float64]]:
        """Blades: where they stand, how long, how they lean and sway."""
        x, y = rng.uniform(-0.6, 0.6, count), np.sort(rng.uniform(*feet, count))
        return {
            "x": (0.5 + x) * self.width,
            "y": y * self.height,
            "length": rng.uniform(0.07, 0.16, count) * self.height * (0.5 + y),
            "width": rng.uniform(0.006, 0.012, count) * self.width,
            "lean": rng.uniform(-0.5, 0.5, count),
            "rate": rng.uniform(0.25, 0.5, count),
            "phase": rng.uniform(0, 2 * np.pi, count),
        }

    def _draw_blades(
        self,
        canvas: NDArray[np.uint8],
        blades: dict[str, NDArray[np.float64]],
        time: float,
        shift: NDArray[np.float64],
        dim: float,
    ) -> None:
        import cv2

        lean = blades["lean"] + 0.16 * np.sin(2 * np.pi * blades["rate"] * time + blades["phase"])
        x, y = blades["x"] - shift[0], blades["y"] - shift[1]
        tip_x, tip_y = x + blades["length"] * np.sin(lean), y - blades["length"] * np.cos(lean)
        mid_x, mid_y = 0.5 * (x + tip_x) - 0.1 * blades["length"] * lean, 0.5 * (y + tip_y)
        width = blades["width"]
        shape = [
            (x - width, y),
            (mid_x - 0.7 * width, mid_y),
            (tip_x, tip_y),
            (mid_x + 0.7 * width, mid_y),
            (x + width, y),
        ]
        points = np.rint(np.stack([np.stack(point, 1) for point in shape], 1) * 16).astype(np.int32)
        color = tuple(int(dim * value) for value in self.blade)
        cv2.fillPoly(canvas, list(points), color, cv2.LINE_AA, 4)

    def _draw_shadow(self, canvas: NDArray[np.uint8], at: tuple[float, float], scale: float) -> None:
        import cv2

        color = tuple(int(0.55 * value) for value in self.ground)
        center = (round(at[0] * 16), round(at[1] * 16))
        cv2.ellipse(canvas, center, (round(scale * 9), round(scale * 1.1)), 0, 0, 360, color, -1, cv2.LINE_AA, 4)


def _smooth_noise(rng: Generator, size: tuple[int, int], cells: int) -> NDArray[np.float32]:
    """Noise of about unit variance that changes over a ``cells``-th of the width."""
    import cv2

    rows = max(2, round(cells * size[0] / size[1]))
    coarse = rng.normal(0, 1, (rows, cells)).astype(np.float32)
    smooth: NDArray[np.float32] = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    return smooth
