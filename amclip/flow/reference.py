"""TV-L1 optical flow in plain PyTorch: what every backend computes, stage by stage.

The method is the duality based one of Zach, Pock and Bischof, "A Duality Based Approach for Realtime TV-L1 Optical
Flow" (DAGM 2007), with every convention of ``cv2.optflow.DualTVL1OpticalFlow`` on the CPU (OpenCV contrib 5,
``tvl1flow.cpp``): its pyramid, its cubic warp, its median and its stop rule. Images are grey levels in ``[0, 255]``;
any floating point type works, and so does any size from 1×1. Nothing here is fast: it is the reference
implementation, so each stage is a function of its own.
"""

from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

#: The pyramid ends above the first level with a side shorter than this (``tvl1flow.cpp``).
SHORTEST_SIDE = 16
#: Squared gradients up to this carry no data term: single precision's epsilon, as in ``tvl1flow.cpp``.
SMALLEST_GRADIENT = 2.0**-23
#: Keys' kernel parameter as OpenCV has it (Matlab and Keys' paper: -0.5).
CUBIC = -0.75


#: What each parameter may be. ``tau`` is stable up to 0.25; beyond the other bounds single precision over- or
#: underflows, or nothing changes any more.
RANGES: dict[str, tuple[float, float]] = {
    "tau": (1e-4, 0.25),
    "lambda_": (1e-5, 1e3),
    "theta": (1e-3, 1e2),
    "nscales": (1, 100),
    "warps": (1, 1000),
    "scale_step": (0.05, 0.99),
    "inner_iterations": (1, 10_000),
    "outer_iterations": (1, 1000),
    "median_filtering": (1, 5),
    "epsilon": (0, 1e3),
}


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """TV-L1's parameters under OpenCV's names; checked when made.

    Args:
        tau: Time step of the dual update; the iteration is stable up to 0.25.
        lambda_: Weight of the data term for grey levels in [0, 255]; smaller means smoother flow.
        theta: Tightness of the coupling between the two halves of the problem.
        nscales: Pyramid levels at most (fewer where a side would fall below 16 pixels).
        warps: Times the second image is warped, per level.
        scale_step: Size of a level relative to the finer one, in (0, 1).
        inner_iterations: Primal-dual iterations between two medians.
        outer_iterations: Rounds of median and inner iterations, per warp.
        median_filtering: Side of the median filter on the flow: 5, 3, or 1 for none.
        epsilon: Stop a warp once the root mean square change of the flow, in pixels, is at or below this;
            0 runs every iteration.
    """

    tau: float = 0.25
    lambda_: float = 0.15
    theta: float = 0.3
    nscales: int = 5
    warps: int = 5
    scale_step: float = 0.5
    inner_iterations: int = 30
    outer_iterations: int = 1
    median_filtering: int = 5
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value: Any = getattr(self, field.name)
            whole = isinstance(field.default, int)
            if isinstance(value, bool) or not isinstance(value, (Integral if whole else Real)):
                raise ValueError(f"{field.name} must be a {'whole ' * whole}number, not {value!r}")
            number: Any = value
            low, high = RANGES[field.name]
            if not low <= number <= high:
                raise ValueError(f"{field.name} must be a number from {low:g} to {high:g}, not {value!r}")
            # numpy's numbers are welcome; plain ones are kept
            object.__setattr__(self, field.name, int(number) if whole else float(number))
        if self.median_filtering not in (1, 3, 5):
            raise ValueError(f"median_filtering must be 5, 3, or 1 for none, not {self.median_filtering!r}")

    def __str__(self) -> str:
        return ", ".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))


def flow(first: Tensor, second: Tensor, parameters: Parameters) -> Tensor:
    """Optical flow from ``first`` to ``second``: ``first(x, y)`` is found at ``second(x + u, y + v)``.

    Args:
        first: Grey levels in [0, 255], shape ``(N, H, W)``, any floating type.
        second: The later images, same shape and type.
        parameters: See :class:`Parameters`.

    Returns:
        ``(u, v)`` in pixels, x right and y down, shape ``(N, 2, H, W)``, type and device of the input.
    """
    count, height, width = first.shape
    sizes = pyramid_sizes(height, width, parameters.nscales, parameters.scale_step)
    firsts, seconds = pyramid(first, sizes, parameters.scale_step), pyramid(second, sizes, parameters.scale_step)
    result = first.new_zeros(count, 2, *sizes[-1])
    for level in reversed(range(len(sizes))):
        if result.shape[-2:] != sizes[level]:
            result = upsample(result, sizes[level], parameters.scale_step)
        result = refine(firsts[level], seconds[level], result, parameters)
    return result


def refine(first: Tensor, second: Tensor, start: Tensor, parameters: Parameters) -> Tensor:
    """All warps of one pyramid level.

    Args:
        first: Shape ``(N, H, W)``.
        second: Shape ``(N, H, W)``.
        start: Flow to begin from, shape ``(N, 2, H, W)``, pixels of this level.
        parameters: See :class:`Parameters`.

    Returns:
        The refined flow, shape ``(N, 2, H, W)``.
    """
    now = start
    dual = start.new_zeros(*start.shape[:2], 2, *start.shape[2:])  # kept over warps, zero at each level
    texels = torch.stack([second, *centred_gradient(second)], dim=1)
    # OpenCV compares the sum of squared changes with epsilon² · pixels.
    threshold = parameters.epsilon**2 * first.shape[-2] * first.shape[-1]
    for _ in range(parameters.warps):
        gradient, constant = linearise(first, texels, now)
        running = torch.ones(len(first), dtype=torch.bool, device=first.device)
        for _ in range(parameters.outer_iterations):
            now = torch.where(_per_pair(running, now), median(now, parameters.median_filtering), now)
            for _ in range(parameters.inner_iterations):
                moved = primal_step(now, dual, gradient, constant, parameters)
                bent = dual_step(moved, dual, parameters)
                if parameters.epsilon == 0:
                    now, dual = moved, bent
                    continue
                change = (moved - now).square().sum(dim=(1, 2, 3))
                now = torch.where(_per_pair(running, now), moved, now)
                dual = torch.where(_per_pair(running, dual), bent, dual)
                running = running & (change > threshold)
                if not running.any():
                    break
            if parameters.epsilon > 0 and not running.any():
                break
    return now


def _per_pair(mask: Tensor, like: Tensor) -> Tensor:
    return mask.view(-1, *[1] * (like.ndim - 1))


def pyramid_sizes(height: int, width: int, nscales: int, scale_step: float) -> list[tuple[int, int]]:
    """``(height, width)`` of each level, finest first: each a step from the one before, rounded half to even.

    The first level with a side below :data:`SHORTEST_SIDE` and all after it are left out; the images themselves stay.
    """
    sizes = [(height, width)]
    while len(sizes) < nscales:
        height, width = round(height * scale_step), round(width * scale_step)
        if min(height, width) < SHORTEST_SIDE:
            break
        sizes.append((height, width))
    return sizes


def pyramid(images: Tensor, sizes: list[tuple[int, int]], scale_step: float) -> list[Tensor]:
    """Images ``(N, H, W)`` at each size, each level from the one before; there is no smoothing first."""
    levels = [images]
    for size in sizes[1:]:
        levels.append(resize(levels[-1], size, (1 / scale_step, 1 / scale_step)))
    return levels


def upsample(flow: Tensor, size: tuple[int, int], scale_step: float) -> Tensor:
    """Flow ``(N, 2, h, w)`` at the exact size of the finer level, in that level's pixels."""
    height, width = flow.shape[-2:]
    return resize(flow, size, (height / size[0], width / size[1])) * (1 / scale_step)


def resize(images: Tensor, size: tuple[int, int], strides: tuple[float, float]) -> Tensor:
    """Linear interpolation with half-pixel centres, as ``cv2.resize``.

    Args:
        images: Shape ``(..., H, W)``.
        size: New ``(height, width)``.
        strides: Source pixels per new pixel, ``(vertical, horizontal)``. Kept apart from ``size``, because a pyramid
            steps by exactly ``1 / scale_step`` while its sizes are rounded.

    Returns:
        Shape ``(..., *size)``; samples beyond the border repeat it.
    """
    top, bottom, down = _linear_taps(size[0], images.shape[-2], strides[0], images)
    left, right, across = _linear_taps(size[1], images.shape[-1], strides[1], images)
    rows = images[..., left] * (1 - across) + images[..., right] * across
    return rows[..., top, :] * (1 - down)[:, None] + rows[..., bottom, :] * down[:, None]


def _linear_taps(length: int, source: int, stride: float, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    position = ((torch.arange(length, dtype=torch.float64) + 0.5) * stride - 0.5).clamp(0, source - 1)
    before = position.floor()
    near = before.long()
    far = (near + 1).clamp(max=source - 1)
    return near.to(like.device), far.to(like.device), (position - before).to(like)


def centred_gradient(images: Tensor) -> tuple[Tensor, Tensor]:
    """Half the difference of both neighbours along x and y; the border repeats, so it is one-sided and halved there."""
    padded = functional.pad(images[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    return (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2, (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2


def linearise(first: Tensor, texels: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Brightness difference as a linear function of the flow: ``rho(w) = constant + gradient · w``.

    Args:
        first: Shape ``(N, H, W)``.
        texels: The second image and its gradient, ``(N, 3, H, W)``: the gradient is taken once and then warped.
        flow: Where to linearise, ``(N, 2, H, W)``.

    Returns:
        ``gradient`` ``(N, 2, H, W)`` and ``constant`` ``(N, H, W)``.
    """
    warped = warp(texels, flow)
    gradient = warped[:, 1:]
    return gradient, warped[:, 0] - (gradient * flow).sum(dim=1) - first


def warp(images: Tensor, flow: Tensor) -> Tensor:
    """Images at ``(x + u, y + v)`` by cubic interpolation; everything outside counts as 0.

    A pixel that moves outside so gets gradient 0, and with it no data term.

    Args:
        images: Shape ``(N, C, H, W)``.
        flow: Shape ``(N, 2, H, W)``, pixels.

    Returns:
        Shape ``(N, C, H, W)``.
    """
    count, channels, height, width = images.shape
    x, across = _cubic_taps(flow[:, 0] + torch.arange(width).to(flow), width)
    y, down = _cubic_taps(flow[:, 1] + torch.arange(height).to(flow)[:, None], height)
    flat = images.reshape(count, channels, height * width)
    result = torch.zeros_like(images)
    for row, vertical in zip(y, down, strict=True):
        for column, horizontal in zip(x, across, strict=True):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            index = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
            taps = flat.gather(2, index.flatten(1)[:, None].expand(-1, channels, -1)).view_as(images)
            result += taps * (vertical * horizontal * inside)[:, None]
    return result


def _cubic_taps(position: Tensor, length: int) -> tuple[list[Tensor], tuple[Tensor, ...]]:
    position = position.clamp(-3, length + 1)  # from there on every tap is outside; keeps the index small
    before = position.floor()
    return [before.long() + tap for tap in (-1, 0, 1, 2)], cubic_weights(position - before)


def cubic_weights(fraction: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Keys' cubic kernel (1981) at the four taps around a position ``fraction`` past the second; they sum to 1."""
    after = 1 - fraction
    far = fraction + 1
    first = ((CUBIC * far - 5 * CUBIC) * far + 8 * CUBIC) * far - 4 * CUBIC
    second = ((CUBIC + 2) * fraction - (CUBIC + 3)) * fraction * fraction + 1
    third = ((CUBIC + 2) * after - (CUBIC + 3)) * after * after + 1
    return first, second, third, 1 - first - second - third


def median(fields: Tensor, side: int) -> Tensor:
    """Median over a ``side`` × ``side`` square (odd), border repeated; shape ``(N, C, H, W)``."""
    if side == 1:
        return fields
    padded = functional.pad(fields, [side // 2] * 4, mode="replicate")
    return padded.unfold(2, side, 1).unfold(3, side, 1).flatten(-2).median(dim=-1).values


def primal_step(flow: Tensor, dual: Tensor, gradient: Tensor, constant: Tensor, parameters: Parameters) -> Tensor:
    """One update of the flow: thresholding of the data term, then ``theta`` times the divergence of the dual field.

    Args:
        flow: Shape ``(N, 2, H, W)``.
        dual: Shape ``(N, 2, 2, H, W)``: of u and of v, each ``(x, y)``.
        gradient: Shape ``(N, 2, H, W)``.
        constant: Shape ``(N, H, W)``.
        parameters: See :class:`Parameters`.

    Returns:
        Shape ``(N, 2, H, W)``.
    """
    step = parameters.lambda_ * parameters.theta
    square = gradient.square().sum(dim=1)
    rho = constant + (gradient * flow).sum(dim=1)
    usable = square > SMALLEST_GRADIENT
    inner = torch.where(usable, -rho / torch.where(usable, square, 1), 0)
    amount = torch.where(rho < -step * square, step, torch.where(rho > step * square, -step, inner))
    return flow + amount[:, None] * gradient + parameters.theta * divergence(dual)


def dual_step(flow: Tensor, dual: Tensor, parameters: Parameters) -> Tensor:
    """One update of the dual field ``(N, 2, 2, H, W)`` from the new flow ``(N, 2, H, W)``."""
    slope = forward_gradient(flow)
    rate = parameters.tau / parameters.theta
    return (dual + rate * slope) / (1 + rate * torch.hypot(slope[:, :, 0], slope[:, :, 1])[:, :, None])


def forward_gradient(fields: Tensor) -> Tensor:
    """Next pixel minus this one along x and y, 0 at the last: ``(N, C, H, W)`` to ``(N, C, 2, H, W)``."""
    result = fields.new_zeros(*fields.shape[:2], 2, *fields.shape[2:])
    result[:, :, 0, :, :-1] = fields[..., 1:] - fields[..., :-1]
    result[:, :, 1, :-1] = fields[..., 1:, :] - fields[..., :-1, :]
    return result


def divergence(dual: Tensor) -> Tensor:
    """Backward differences, 0 before the first pixel: ``(N, C, 2, H, W)`` to ``(N, C, H, W)``."""
    result = dual.sum(dim=2)
    result[..., 1:] -= dual[:, :, 0, :, :-1]
    result[..., 1:, :] -= dual[:, :, 1, :-1]
    return result
