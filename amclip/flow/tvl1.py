"""TV-L1 optical flow as a module: parameters, checks and the choice of a backend."""

from dataclasses import astuple, fields
from typing import Literal, get_args

import torch
from torch import Tensor

from amclip.flow import _op, reference  # noqa: F401  (_op registers the operator)
from amclip.flow.choices import PRESETS, Backend, Preset
from amclip.flow.method import FlowMethod
from amclip.flow.pairs import check_pairs, check_values, grey_levels
from amclip.flow.reference import Parameters

__all__ = ["TVL1"]


class TVL1(FlowMethod):
    """TV-L1 optical flow of image pairs (Zach, Pock and Bischof 2007), with OpenCV's parameters and conventions.

    Takes pairs and returns flow; there is nothing to learn and no gradient passes. It works in float32 whatever
    autocast says.

    Args:
        backend: ``"numba"`` and ``"opencv"`` run on CPU tensors, ``"cuda"`` (needs ``amclip[cuda]``) on CUDA tensors,
            ``"reference"`` (plain PyTorch, slow) on any. ``"auto"`` is numba for CPU tensors and cuda for CUDA tensors.
        parameters: Those of :class:`amclip.flow.reference.Parameters` that shall be others than there: ``tau``,
            ``lambda_``, ``theta``, ``nscales``, ``warps``, ``scale_step``, ``inner_iterations``, ``outer_iterations``,
            ``median_filtering``, ``epsilon``.

    Raises:
        ValueError: If a parameter is out of its range.
        TypeError: If there is no such parameter.
    """

    def __init__(self, *, backend: Backend = "auto", **parameters: float) -> None:
        super().__init__()
        if backend not in get_args(Backend):
            raise ValueError(f"backend must be one of {', '.join(get_args(Backend))}, not {backend!r}")
        self.backend: Backend = backend
        known = [field.name for field in fields(Parameters)]
        if unknown := parameters.keys() - known:
            raise TypeError(f"TVL1 has no {', '.join(sorted(unknown))}; it has {', '.join(known)}")
        self.settings = Parameters(**parameters)  # type: ignore[arg-type]  # it looks at each itself
        self._values = astuple(self.settings)  # once, and nothing that torch.compile has to follow

    @classmethod
    def preset(cls, name: Preset = "default", backend: Backend = "auto") -> "TVL1":
        """A named setting: ``fast`` (two warps), ``default``, or ``opencv`` (OpenCV's own defaults).

        Raises:
            ValueError: If there is no such preset.
        """
        if name not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, not {name!r}")
        return cls(**PRESETS[name], backend=backend)

    def extra_repr(self) -> str:
        """The parameters, for ``print``."""
        return f"{self.settings}, backend={self.backend!r}"

    @torch.no_grad()
    def forward(self, pairs: Tensor) -> Tensor:
        """Optical flow of each pair.

        Args:
            pairs: Both images, earlier first, shape ``(N, 2, C, H, W)`` with C = 1 (grey) or 3 (RGB): uint8 in
                [0, 255] or floating point in [0, 1]. Values up to 0.1 beyond (bicubic resizing) are used as they are.
                Floating point values are checked on the CPU only: elsewhere the check would wait for the device.

        Returns:
            ``(u, v)`` in pixels, x right and y down, shape ``(N, 2, H, W)``, float32, on the images' device: what is
            at ``(x, y)`` in the first image is at ``(x + u, y + v)`` in the second.

        Raises:
            ValueError: If shape, type, values or device do not fit.
            ModuleNotFoundError: If the backend's library is not installed.
            torch.OutOfMemoryError: If a GPU has no room for the workspace, which the message states.
        """
        check_pairs(pairs)
        if self._choose(pairs.device) == "operator":
            flow: Tensor = torch.ops.amclip.tvl1(pairs, *self._values)
            return flow
        check_values(pairs)
        if len(pairs) == 0:
            return torch.empty(0, 2, *pairs.shape[-2:], device=pairs.device)
        with torch.autocast(pairs.device.type, enabled=False):
            first, second = grey_levels(pairs).unbind(1)
            if self.backend == "reference":
                return reference.flow(first, second, self.settings)
            from amclip.flow import _opencv  # here, since it needs OpenCV

            return _opencv.flow(first, second, self.settings)

    def _choose(self, device: torch.device) -> Literal["operator", "opencv", "reference"]:
        """The operator is numba on the CPU and our kernels on CUDA devices."""
        if self.backend == "reference":
            return "reference"
        if self.backend == "auto":
            if device.type in ("cpu", "cuda"):
                return "operator"
            raise ValueError(
                f"the images are on {device}, where no fast backend runs: move them with .cpu(), or use "
                'backend="reference" (slow)'
            )
        home = "cuda" if self.backend == "cuda" else "cpu"
        if device.type != home:
            where = "on CUDA devices" if home == "cuda" else "on the CPU"
            raise ValueError(
                f'backend="{self.backend}" computes {where}, but the images are on {device}: move them with '
                f'.{home}(), or use backend="auto"'
            )
        return "opencv" if self.backend == "opencv" else "operator"
