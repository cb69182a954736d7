"""Flow as images a person or an image model can look at, Middlebury's .flo files, and the end-point error."""

import math
import os
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from amclip.flow.choices import FlowImage
from amclip.on_device import on_device

#: Colours between one primary or secondary colour and the next on Middlebury's wheel, red to yellow first.
SEGMENTS = (15, 6, 4, 11, 13, 6)
#: First bytes of a .flo file: 202021.25 as a little-endian float ("PIEH").
FLO_MAGIC = b"PIEH"


def encode_flow(flow: Tensor, kind: FlowImage = "wheel", bound: float = 20.0) -> Tensor:
    """Flow as a three-channel image, on a scale that is the same for every image.

    ``"wheel"`` is the colour wheel of Baker et al., "A Database and Evaluation Methodology for Optical Flow" (IJCV
    2011): the hue says whereto, the saturation how far; still is white. ``"uvm"`` is linear: u, v and the length of
    the flow in one channel each; still is (0.5, 0.5, 0).

    Args:
        flow: ``(u, v)`` in pixels, shape ``(N, 2, H, W)``, floating point, finite.
        kind: ``"wheel"`` or ``"uvm"``.
        bound: Length of flow, in pixels, at which colours end; longer flow looks as if it were this long. In
            ``"uvm"``, u and v are cut to ``± bound`` each, and the length to ``bound``.

    Returns:
        RGB in [0, 1], shape ``(N, 3, H, W)``, the input's device, float32 (float64 for float64).

    Raises:
        ValueError: If kind, bound, shape or type do not fit.
    """
    if kind not in get_args(FlowImage):
        raise ValueError(f"kind must be one of {', '.join(get_args(FlowImage))}, not {kind!r}")
    if not 0 < bound < math.inf:
        raise ValueError(f"bound must be a positive number of pixels, not {bound!r}")
    if flow.ndim != 4 or flow.shape[1] != 2 or not flow.is_floating_point():
        raise ValueError(f"flow must be floating point of shape (N, 2, H, W); this is {flow.dtype} {tuple(flow.shape)}")
    scaled = (flow if flow.dtype == torch.float64 else flow.float()) / bound
    u, v = scaled.unbind(1)
    length = torch.hypot(u, v).clamp(max=1)
    if kind == "uvm":
        return torch.stack([(u.clamp(-1, 1) + 1) / 2, (v.clamp(-1, 1) + 1) / 2, length], dim=1)
    wheel = on_device(_wheel(), scaled.device, scaled.dtype)
    # Middlebury's colorcode.cpp: the wheel runs from left (-pi) over up to right and back, its ends meeting at left.
    place = (torch.atan2(-v, -u) / math.pi + 1) / 2 * (len(wheel) - 1)
    before = place.floor().long().clamp(max=len(wheel) - 1)
    after = (before + 1) % len(wheel)
    part = (place - before)[..., None]
    colour = (1 - part) * wheel[before] + part * wheel[after]
    return (1 - length[..., None] * (1 - colour)).movedim(-1, 1)


def flow_lengths(images: Tensor, kind: FlowImage) -> Tensor:
    """How long the flow is that :func:`encode_flow` made images of.

    Args:
        images: Shape ``(..., 3, H, W)``, values in [0, 1].
        kind: Their kind.

    Returns:
        A share of the bound in [0, 1], shape ``(..., H, W)``.
    """
    # In the wheel the least channel falls from 1 as the length grows; in uvm the third channel is the length.
    return images[..., 2, :, :] if kind == "uvm" else 1 - images.amin(dim=-3)


@cache
def _wheel() -> list[list[float]]:
    """The 55 colours of Middlebury's wheel, RGB in [0, 1]: along each segment one channel rises or falls."""
    colours = []
    corners = [(255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255)]
    for corner, (steps, start) in enumerate(zip(SEGMENTS, corners, strict=True)):
        end = corners[(corner + 1) % len(corners)]
        for step in range(steps):
            move = 255 * step // steps  # whole levels, as in colorcode.cpp
            colours.append(
                [(a + (move if b > a else -move if b < a else 0)) / 255 for a, b in zip(start, end, strict=True)]
            )
    return colours


def end_point_error(flow: Tensor, truth: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean distance between two flows, in pixels.

    Args:
        flow: Shape ``(N, 2, H, W)``.
        truth: Same shape.
        valid: Where the truth is known, bool, shape ``(N, H, W)``; everywhere if left out.

    Returns:
        The mean over all valid pixels, a scalar; NaN if there is none.

    Raises:
        ValueError: If shapes differ.
    """
    if flow.ndim != 4 or flow.shape[1] != 2 or flow.shape != truth.shape:
        raise ValueError(
            "flow and truth must both have shape (N, 2, H, W), "
            f"but they have {tuple(flow.shape)} and {tuple(truth.shape)}"
        )
    distance = torch.hypot(*(flow - truth).unbind(1))
    if valid is None:
        return distance.mean()
    if valid.dtype != torch.bool or valid.shape != distance.shape:
        raise ValueError(
            f"valid must be bool of shape {tuple(distance.shape)}; this is {valid.dtype} {tuple(valid.shape)}"
        )
    return distance[valid].mean()


def read_flo(path: str | os.PathLike[str]) -> Tensor:
    """Flow from a Middlebury .flo file: ``(u, v)`` in pixels, shape ``(2, H, W)``, float32.

    Unknown flow is stored as values beyond 1e9 and returned as it is stored.

    Raises:
        ValueError: If the file is not a whole .flo file.
    """
    data = Path(path).read_bytes()
    if data[:4] != FLO_MAGIC or len(data) < 12:
        raise ValueError(f"{path} is not a .flo file: it begins with {data[:4]!r} instead of {FLO_MAGIC!r}")
    width, height = (int(side) for side in np.frombuffer(data, "<i4", 2, 4))
    if width < 1 or height < 1 or len(data) != 12 + 8 * width * height:
        raise ValueError(
            f"{path} is damaged: a .flo file of {width} × {height} pixels has {12 + 8 * width * height} bytes, "
            f"this one {len(data)}"
        )
    values = np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2)
    return torch.from_numpy(values.astype(np.float32)).movedim(-1, 0).contiguous()


def write_flo(path: str | os.PathLike[str], flow: Tensor) -> None:
    """Write flow ``(2, H, W)``, ``(u, v)`` in pixels, to a Middlebury .flo file.

    Raises:
        ValueError: If the shape does not fit.
    """
    if flow.ndim != 3 or flow.shape[0] != 2:
        raise ValueError(f"{path}: flow must have shape (2, H, W), not {tuple(flow.shape)}")
    values = flow.detach().cpu().movedim(0, -1).contiguous().numpy().astype("<f4")
    height, width = values.shape[:2]
    Path(path).write_bytes(FLO_MAGIC + np.array([width, height], "<i4").tobytes() + values.tobytes())
