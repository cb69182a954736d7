"""TV-L1 optical flow as a module: parameters, checks and the choice of a backend."""

from dataclasses import astuple
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
    autocast says. See :class:`amclip.flow.reference.Parameters` for what each parameter does.

    Args:
        tau: Time step of the dual update; stable up to 0.25.
        lambda_: Weight of the data term for grey levels in [0, 255]; smaller means smoother flow.
        theta: Tightness of the coupling between the two halves of the problem.
        nscales: Pyramid levels at most.
        warps: Times the second image is warped, per level.
        scale_step: Size of a level relative to the finer one, in (0, 1).
        inner_iterations: Primal-dual iterations between two medians.
        outer_iterations: Rounds of median and inner iterations, per warp.
        median_filtering: Side of the median filter on the flow: 5, 3, or 1 for none.
        epsilon: Stop a warp once the root mean square change of the flow, in pixels, is at or below this; 0 runs
            every iteration, which takes the same time for every pair and keeps backends close to each other.
        backend: ``"numba"`` and ``"opencv"`` run on CPU tensors, ``"cuda"`` (needs ``amclip[cuda]``) on CUDA tensors,
            ``"reference"`` (plain PyTorch, slow) on any. ``"auto"`` is numba for CPU tensors and cuda for CUDA tensors.

    Raises:
        ValueError: If a parameter is out of its range.
    """

    def __init__(
        self,
        *,
        tau: float = 0.25,
        lambda_: float = 0.15,
        theta: float = 0.3,
        nscales: int = 5,
        warps: int = 5,
        scale_step: float = 0.5,
        inner_iterations: int = 30,
        outer_iterations: int = 1,
        median_filtering: int = 5,
        epsilon: float = 0.0,
        backend: Backend = "auto",
    ) -> None:
        super().__init__()
        if backend not in get_args(Backend):
            raise ValueError(f"backend must be one of {', '.join(get_args(Backend))}, not {backend!r}")
        self.backend: Backend = backend
        self.settings = Parameters(
            tau=tau,
            lambda_=lambda_,
            theta=theta,
            nscales=nscales,
            warps=warps,
            scale_step=scale_step,
            inner_iterations=inner_iterations,
            outer_iterations=outer_iterations,
            median_filtering=median_filtering,
            epsilon=epsilon,
        )
        self._values = astuple(self.settings)  # here, since torch.compile could not follow it before PyTorch 2.7

    @classmethod
    def preset(cls, name: Preset = "default", backend: Backend = "auto") -> "TVL1":
        """A named setting: ``fast`` (two warps), ``default``, or ``opencv`` (OpenCV's own defaults).

        Raises:
            ValueError: If there is no such preset.
        """
        if name not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, not {name!r}")
        return cls(**PRESETS[name], backend=backend)  # type: ignore[arg-type]

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
