"""V-JEPA's video transformer, versions 2 (arXiv 2506.09985) and 2.1 (arXiv 2603.14482), by its authors' names.

A tubelet (two frames of a patch) becomes a token; the tokens of a clip attend to each other in every block; where a
token lies in time, height and width is told by turning queries and keys (RoPE), so a clip may have any length and size.

The versions differ in how they turn. Version 2 takes the angles of neighbouring numbers from two different frequencies
(an oversight that its weights have learned with), and counts patches; 2.1 takes one frequency for both, and stretches
the rows and columns of any image to those of 256 pixels. What 2.1 has for single images (a patch embedding and an
embedding of its own), and the norms of its intermediate layers, is not needed for the features of a video.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

__all__ = ["VideoTower"]

_INIT_STD = 0.02  # the authors'
_BASE = 10000.0  # of the frequencies
_REFERENCE = 256  # pixels: the size that 2.1 stretches positions to


class VideoTower(nn.Module):
    """Frames of clips to tokens.

    Args:
        width: Size of a token, ``D``.
        layers: Blocks.
        heads: Attention heads; each has ``D / heads`` numbers, 6 or more.
        mlp_width: Size of the MLP's hidden layer.
        patch_size: Side of a patch in pixels.
        tubelet_size: Frames of a token.
        version: ``"2"`` or ``"2.1"``.
        qkv_bias: Whether queries, keys and values have a bias.
        norm_eps: Of the norms.

    Raises:
        ValueError: If the heads do not divide the width, or the version is another.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        mlp_width: int,
        patch_size: int = 16,
        tubelet_size: int = 2,
        version: str = "2",
        qkv_bias: bool = True,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        if heads < 1 or width % heads or width // heads < 6:
            raise ValueError(f"{heads} heads do not divide {width} numbers into 6 or more for each")
        if version not in ("2", "2.1"):
            raise ValueError(f"version: expected 2 or 2.1, got {version!r}")
        self.head_width, self.version = width // heads, version
        self.patch_size, self.tubelet_size = patch_size, tubelet_size
        tubelet = (tubelet_size, patch_size, patch_size)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv3d(3, width, tubelet, tubelet)})
        self.patch_embed.apply(_init)
        self.blocks = nn.ModuleList(
            _Block(width, heads, mlp_width, qkv_bias, norm_eps, 1 / math.sqrt(2 * number))
            for number in range(1, layers + 1)
        )
        self.norm = nn.LayerNorm(width, norm_eps)
        self._checkpointing = False

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Recompute the blocks' activations in the backward pass, or keep them."""
        self._checkpointing = enable

    def forward(self, clips: Tensor) -> Tensor:
        """Tokens of the last block, normalised, as the authors' encoder and ``VJEPA2Model`` of transformers give them.

        Args:
            clips: Normalised, shape ``(N, T, 3, H, W)``.

        Returns:
            Shape ``(N, T / tubelet_size, L, D)``, ``L`` patches row by row.

        Raises:
            ValueError: If the frames or pixels do not divide into tubelets.
        """
        frames, (height, width) = clips.shape[1], clips.shape[-2:]
        if frames % self.tubelet_size or height % self.patch_size or width % self.patch_size:
            raise ValueError(
                f"clips of {frames} frames of {height} x {width} pixels do not divide into tubelets of "
                f"{self.tubelet_size} x {self.patch_size} x {self.patch_size}"
            )
        x = self.patch_embed["proj"](clips.transpose(1, 2))  # (N, D, T', h, w)
        steps, rows, columns = x.shape[2:]
        x = x.flatten(2).transpose(1, 2)
        turn = self._turn(steps, rows, columns, x.device)
        for block in self.blocks:
            if self._checkpointing and torch.is_grad_enabled():
                x = checkpoint(block, x, *turn, use_reentrant=False)
            else:
                x = block(x, *turn)
        return self.norm(x).unflatten(1, (steps, rows * columns))  # type: ignore[no-any-return]

    def _turn(self, steps: int, rows: int, columns: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Cosines and sines of each token's angles, ``(L, head_width)``; numbers that do not turn have 1 and 0."""
        part = 2 * (self.head_width // 3 // 2)
        rates = _BASE ** (-torch.arange(part // 2, device=device, dtype=torch.float32) / (part / 2))
        axes = [torch.arange(size, device=device, dtype=torch.float32) for size in (steps, rows, columns)]
        if self.version == "2.1":
            last = _REFERENCE // self.patch_size - 1
            axes[1:] = [axis * (last / max(len(axis) - 1, 1)) for axis in axes[1:]]
        grid = torch.meshgrid(*axes, indexing="ij")
        angles = torch.stack([position.flatten() for position in grid], dim=1)[:, :, None] * rates  # (L, 3, part / 2)
        angles = angles.repeat(1, 1, 2) if self.version == "2" else angles.repeat_interleave(2, dim=2)
        angles = F.pad(angles.flatten(1), (0, self.head_width - 3 * part))
        return angles.cos(), angles.sin()


class _Block(nn.Module):
    """Attention and an MLP, each after a norm and added to its input; ``scale`` is of how their last layers start."""

    def __init__(self, width: int, heads: int, mlp_width: int, qkv_bias: bool, eps: float, scale: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, eps)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width, qkv_bias), "proj": nn.Linear(width, width)})
        self.norm2 = nn.LayerNorm(width, eps)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, mlp_width), "fc2": nn.Linear(mlp_width, width)})
        self.apply(_init)
        with torch.no_grad():
            self.attn["proj"].get_parameter("weight").mul_(scale)
            self.mlp["fc2"].get_parameter("weight").mul_(scale)

    def forward(self, x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        """``(N, L, D)`` to the same."""
        qkv = self.attn["qkv"](self.norm1(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        query, key = (_turned(each, cosines, sines).to(value.dtype) for each in (query, key))
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = x + self.attn["proj"](attended)
        added: Tensor = self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))
        return x + added


def _turned(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Neighbouring numbers ``(a, b)`` to ``(a cos - b sin, b cos + a sin)``."""
    first, second = x.view(*x.shape[:-1], -1, 2).unbind(-1)
    return x * cosines + torch.stack((-second, first), dim=-1).flatten(-2) * sines


def _init(module: Any) -> None:
    if isinstance(module, (nn.Linear, nn.Conv3d)):
        nn.init.trunc_normal_(module.weight, std=_INIT_STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
