"""RAFT optical flow: torchvision's networks behind amclip's flow interface."""

import math
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from amclip.flow.method import FlowMethod
from amclip.flow.pairs import check_pairs, check_values
from amclip.on_device import on_device

__all__ = ["RAFT"]

_SMALLEST = 128  # pixels; the correlation pyramid needs 16 cells of 8 pixels
_MULTIPLE = 8


class RAFT(FlowMethod):
    """RAFT (Teed and Deng 2020, arXiv 2003.12039), which AnimalMotionCLIP computes its flow with; torchvision's.

    Weights are read when they are first needed, by :meth:`prepare` or the first pairs, so a config or a checkpoint
    that names RAFT opens without them. They do not travel in amclip's checkpoints.

    Images whose sides are no multiples of 8 are padded by repeating the border, as RAFT's own evaluation does; below
    128 pixels, the least that the network takes, they are enlarged, and the flow is scaled back.

    Args:
        size: ``"large"`` (5.3 M weights) or ``"small"`` (1.0 M, faster, less exact).
        weights: ``"published"``: torchvision's best for the size, fetched into PyTorch's cache when they are not there
            (20 MB and 4 MB); a file of them (``torch.save`` of a state dict); or ``"random"``: an untrained network,
            whose flow means nothing, to try the plumbing.
        updates: Iterations of the recurrent unit.
        pairs_at_once: Pairs that pass through the network together; bounds the memory.

    Raises:
        ValueError: If a setting is out of range.
    """

    def __init__(
        self,
        size: Literal["small", "large"] = "large",
        weights: str = "published",
        updates: int = 12,
        pairs_at_once: int = 32,
    ) -> None:
        super().__init__()
        if size not in ("small", "large"):
            raise ValueError(f"size must be small or large, not {size!r}")
        if updates < 1 or pairs_at_once < 1:
            raise ValueError(f"updates and pairs_at_once must be at least 1, not {updates} and {pairs_at_once}")
        self.size: Literal["small", "large"] = size
        self.weights, self.updates, self.pairs_at_once = weights, updates, pairs_at_once
        self.network: nn.Module | None = None

    def prepare(self) -> None:
        """Read the weights, or fetch them.

        Raises:
            FileNotFoundError: If the file of weights is not there.
            ValueError: If the file holds other weights, or published ones are damaged, or not on disk and cannot be
                fetched.
        """
        if self.network is None:
            self.network = self._load().eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, pairs: Tensor) -> Tensor:
        """Optical flow of each pair.

        Args:
            pairs: Both images, earlier first, shape ``(N, 2, C, H, W)`` with C = 1 (grey) or 3 (RGB): uint8 in
                [0, 255] or floating point in [0, 1].

        Returns:
            ``(u, v)`` in pixels, x right and y down, shape ``(N, 2, H, W)``, float32, on the images' device.

        Raises:
            ValueError: If shape, type or values do not fit, or the weights cannot be had.
            FileNotFoundError: If the file of weights is not there.
        """
        check_pairs(pairs)
        check_values(pairs)
        if len(pairs) == 0:
            return torch.empty(0, 2, *pairs.shape[-2:], device=pairs.device)
        self.prepare()
        assert self.network is not None
        network = self.network.to(pairs.device)
        with torch.autocast(pairs.device.type, enabled=False):
            return torch.cat([self._flow(network, part) for part in torch.split(pairs, self.pairs_at_once)])

    def extra_repr(self) -> str:
        """The settings, for ``print``."""
        return f"size={self.size!r}, weights={self.weights!r}, updates={self.updates}"

    def _flow(self, network: nn.Module, pairs: Tensor) -> Tensor:
        images = pairs.float() / 255 if pairs.dtype == torch.uint8 else pairs.float()
        images = 2 * images.expand(-1, -1, 3, -1, -1) - 1
        height, width = images.shape[-2:]
        enlarged = max(1.0, _SMALLEST / min(height, width))
        inner = math.ceil(height * enlarged), math.ceil(width * enlarged)
        flat = images.flatten(0, 1)
        if enlarged > 1:
            flat = F.interpolate(flat, inner, mode="bilinear", align_corners=False)
        below, right = (-side % _MULTIPLE for side in inner)
        flat = F.pad(flat, (right // 2, right - right // 2, below // 2, below - below // 2), mode="replicate")
        first, second = flat.view(-1, 2, *flat.shape[1:]).unbind(1)
        flow: Tensor = network(first, second, num_flow_updates=self.updates)[-1]
        flow = flow[..., below // 2 : below // 2 + inner[0], right // 2 : right // 2 + inner[1]]
        if enlarged > 1:
            flow = F.interpolate(flow, (height, width), mode="bilinear", align_corners=False)
            flow = flow * on_device([width / inner[1], height / inner[0]], flow.device, flow.dtype).view(2, 1, 1)
        return flow.contiguous()

    def _load(self) -> nn.Module:
        from torchvision.models import optical_flow

        build: Any = optical_flow.raft_large if self.size == "large" else optical_flow.raft_small
        if self.weights == "random":
            random: nn.Module = build(weights=None)
            return random
        if self.weights == "published":
            weights = optical_flow.Raft_Large_Weights if self.size == "large" else optical_flow.Raft_Small_Weights
            try:
                published: nn.Module = build(weights=weights.DEFAULT)
            except OSError as error:
                name = weights.DEFAULT.url.rsplit("/", 1)[-1]
                raise ValueError(
                    f"flow: RAFT's weights {name} are not in {Path(torch.hub.get_dir()) / 'checkpoints'} and cannot be "
                    f"fetched ({error}). Fetch the file elsewhere and put it there, or name it: "
                    "flow: {class_path: amclip.flow.RAFT, init_args: {weights: FILE}}"
                ) from error
            except Exception as error:  # pickle, zip and torch each have their own
                damaged = Path(torch.hub.get_dir()) / "checkpoints" / weights.DEFAULT.url.rsplit("/", 1)[-1]
                raise ValueError(
                    f"flow: {damaged} does not hold RAFT's published weights ({' '.join(str(error).split())[:200]}). "
                    "Delete the file, and it is fetched anew, or put a whole one there"
                ) from error
            return published
        path = Path(self.weights)
        if not path.is_file():
            raise FileNotFoundError(
                f"flow: there is no file {path} with RAFT's weights; give a file, published or random"
            )
        network: nn.Module = build(weights=None)
        try:
            network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:  # pickle, zip and torch each have their own
            raise ValueError(
                f"flow: {path} does not hold the weights of torchvision's raft_{self.size} "
                f"({' '.join(str(error).split())[:200]})"
            ) from error
        return network
