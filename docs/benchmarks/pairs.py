"""Image pairs for the benchmarks of optical flow: drawn ones, and files with or without their true flow."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from amclip.flow import read_flo

#: Before the true flow, after the first image's name and after the second's.
LINKS = (("_", "_1", "_2"), ("-", "-img0", "-img1"), ("_", "_frame10", "_frame11"))


@dataclass
class Pair:
    name: str
    images: Tensor  # uint8 (1, 2, 1, H, W)
    truth: Tensor | None = None  # (1, 2, H, W)
    valid: Tensor | None = None  # (1, H, W)


def drawn_pairs(count: int, height: int, width: int, motion: tuple[float, float] = (3.2, -1.7)) -> Tensor:
    """The same pair ``count`` times, ``(count, 2, 1, H, W)``: a sum of random waves, and the same moved."""
    generator = np.random.default_rng(0)
    period = 5 * 2 ** generator.uniform(0, 4, 60)
    angle, phase = generator.uniform(0, 2 * np.pi, (2, 60))
    y, x = np.mgrid[:height, :width]

    def sample(right: float, down: float) -> np.ndarray:
        along = np.cos(angle) * (x[..., None] - right) + np.sin(angle) * (y[..., None] - down)
        return 127.5 + 12 * (np.sqrt(period) / 4 * np.cos(2 * np.pi / period * along + phase)).sum(-1)

    images = np.stack([sample(0, 0), sample(*motion)]).round().clip(0, 255).astype(np.uint8)
    return torch.from_numpy(images)[None, :, None].expand(count, -1, -1, -1, -1).contiguous()


def read_pairs(folder: Path) -> list[Pair]:
    pairs = []
    for link, first, second in LINKS:
        for path in sorted(folder.glob(f"*{first}.*")):
            name = path.stem.removesuffix(first)
            paths = [path, path.with_name(name + second + path.suffix)]
            images = np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths])
            pair = Pair(name, torch.from_numpy(images)[None, :, None])
            for truth in folder.glob(f"{name}{link}gt.*"):
                known = truth.suffix == ".flo"
                flow = read_flo(truth) if known else torch.from_numpy(np.load(truth)).movedim(-1, 0).float()
                mask = folder / f"{name}_valid.npy"
                valid = torch.from_numpy(np.load(mask)).bool() if mask.exists() else (flow.abs() < 1e9).all(0)
                pair.truth, pair.valid = flow[None], valid[None]
            pairs.append(pair)
            if pair.valid is not None and pair.valid.all():
                pairs.append(shrunk(pair))
    return pairs


def shrunk(pair: Pair, side: int = 224) -> Pair:
    """The pair at the size that networks see; its true flow, known everywhere, becomes shorter with it."""
    resize = partial(functional.interpolate, size=(side, side), mode="bilinear", antialias=True)
    images = resize(pair.images[0].float())[None].round().clamp(0, 255).to(torch.uint8)
    assert pair.truth is not None
    scale = torch.tensor([side / pair.truth.shape[3], side / pair.truth.shape[2]]).view(1, 2, 1, 1)
    return Pair(pair.name, images, resize(pair.truth) * scale)
