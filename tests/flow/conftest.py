"""Pairs drawn for the tests: smooth random texture, and the same moved by a known flow."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor


def draw_pair(height: int, width: int, motion: tuple[float, float] = (1.0, 0.5), seed: int = 0) -> Tensor:
    """Grey uint8 pair ``(1, 2, 1, H, W)``: texture of several scales, moved by ``motion`` (right, down) pixels.

    Both images are samples of one sum of random waves, so the motion is exact and nothing is interpolated.
    """
    generator = torch.Generator().manual_seed(seed)
    waves = 60
    period = 5 * 2 ** (4 * torch.rand(waves, generator=generator, dtype=torch.float64))  # 5 to 80 pixels
    angle, phase = 2 * torch.pi * torch.rand(2, waves, generator=generator, dtype=torch.float64)
    frequency_x, frequency_y = 2 * torch.pi / period * angle.cos(), 2 * torch.pi / period * angle.sin()
    x = torch.arange(width, dtype=torch.float64)[None, :, None]
    y = torch.arange(height, dtype=torch.float64)[:, None, None]

    def sample(right: float, down: float) -> Tensor:
        turn = frequency_x * (x - right) + frequency_y * (y - down) + phase
        return 127.5 + 12 * (period.sqrt() / 4 * turn.cos()).sum(dim=-1)

    images = torch.stack([sample(0, 0), sample(*motion)])
    return images.round().clamp(0, 255).to(torch.uint8)[None, :, None]


@pytest.fixture
def draw() -> Callable[..., Tensor]:
    return draw_pair
