"""Motion in numbers: what a flow field says of a moment, in physical units, where a flow image clips and rounds.

Arithmetic on flow fields alone; :mod:`amclip.preprocess` computes them, and :mod:`amclip.models.motion` makes a token
of the numbers.

Lengths are sides of the decoded picture (x in widths, y in heights) for whole frames, and body lengths for animals that
are cut out; time is the real time from a frame to its partner. What a random crop cuts off counts as still, and what
is left is measured in the decoded picture's sides: a crop changes numbers of the whole picture only by what leaves it.
Zones and cells are of what is shown.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from amclip.inputs import NetworkInput
from amclip.on_device import on_device

__all__ = ["Statistic", "motion_shape", "motion_statistics", "statistics_of_input"]

_Kind = Literal["speed", "rate", "area", "length", "fraction"]

# Fractions of the picture's area that are faster than the speeds given: an animal that fills a crop, a limb of it, and
# an animal of a dozen pixels in a whole frame.
_TOP = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


class Statistic(NamedTuple):
    """One of the numbers.

    Attributes:
        name: As docs and figures call it.
        kind: What it is: a speed (lengths per second; components of a velocity have a sign), a rate (per second), an
            area (fraction of the decoded picture's), a length, or a fraction in [0, 1].
    """

    name: str
    kind: _Kind


_WHOLE = (
    Statistic("mean speed", "speed"),
    Statistic("deviation of speed", "speed"),
    *(Statistic(f"speed that {top:.1%} exceed", "speed") for top in _TOP),
    Statistic("greatest speed", "speed"),
    Statistic("mean velocity x", "speed"),
    Statistic("mean velocity y", "speed"),
    Statistic("resultant", "fraction"),
    Statistic("mean divergence", "rate"),
    Statistic("mean absolute divergence", "rate"),
    Statistic("greatest absolute divergence", "rate"),
    Statistic("mean curl", "rate"),
    Statistic("mean absolute curl", "rate"),
    Statistic("greatest absolute curl", "rate"),
    Statistic("moving area", "area"),
    Statistic("scatter of what moves", "length"),
    Statistic("speed of what moves", "speed"),
    Statistic("velocity x of what moves", "speed"),
    Statistic("velocity y of what moves", "speed"),
    Statistic("resultant of what moves", "fraction"),
    Statistic("turning of what moves", "rate"),
    Statistic("growth of what moves", "rate"),
)
_ZONES = (
    Statistic("mean speed in the centre", "speed"),
    Statistic("mean speed at the rim", "speed"),
    Statistic("moving area in the centre", "area"),
    Statistic("moving area at the rim", "area"),
)


def statistics_of_input(input: NetworkInput) -> tuple[Statistic, ...]:
    """The ``F`` numbers of each crop, in their order; none where the input has no ``flow.motion``."""
    if input.flow.motion is None:
        return ()
    n = input.flow.motion.cells
    cells = (
        Statistic(f"{what} in cell {row}, {column}", "speed")
        for row in range(n)
        for column in range(n)
        for what in ("mean speed", "mean velocity x", "mean velocity y")
    )
    return (*_WHOLE, *(() if input.crop is None else _ZONES), *cells)


def motion_shape(input: NetworkInput) -> tuple[int, int] | None:
    """``(G, F)``: crops, and numbers of each; None where the input has no ``flow.motion``."""
    return None if input.flow.motion is None else (input.num_crops, len(statistics_of_input(input)))


def motion_statistics(flow: Tensor, input: NetworkInput, shown: Tensor, unit_speed: Tensor) -> Tensor:
    """The numbers of each flow field.

    Of the whole picture: mean and deviation of the speed, the speeds that 30, 10, 3, 1, 0.3 and 0.1 % of the area
    exceed, the greatest; the mean velocity, and the resultant, its length by the mean speed (1: all go one way; Mardia
    and Jupp, Directional Statistics, 2000). Divergence ``du/dx + dv/dy`` and curl ``dv/dx - du/dy``, by differences of
    neighbours: mean, mean and greatest of the absolute value; a disc that turns by ω has a curl of 2 ω (clockwise to
    the eye, as y points down), one that grows by a fraction g per second a divergence of 2 g. In a whole frame that is
    ``a`` times as wide as high the curl is ``(a + 1 / a) ω``, as each side is a length of its own.

    Of what moves, faster than ``input.moving_speed``: its area, its scatter (root of the mean square distance from its
    centre), mean speed, mean velocity, resultant; how fast it turns (radians per second) and grows (per second) around
    its centre, by least squares over it: sums of ``r × v`` and ``r · v`` by that of ``r²``.

    With crops also the mean speed in the centre (the middle half of both sides) and at the rim, and the area that
    moves in each. With cells the mean speed and mean velocity in each cell of an n × n grid, row by row.

    Args:
        flow: Pixels, float32, shape ``(N, 2, S, S)``.
        input: What the network sees, with ``flow.motion``.
        shown: Fractions of the decoded picture's height and width that the flow field shows, float32 in ``(0, 1]``,
            shape ``(N, 2)``.
        unit_speed: Of what moves by the decoded picture's whole side, in body lengths per second (0 for whole frames)
            and in sides per second (0 where no time passes), float32 ``(N, 2)``.

    Returns:
        float32 ``(N, F)``, finite; 0 where nothing moves or no time passes.
    """
    motion = input.flow.motion
    assert motion is not None
    height, width = shown.unbind(1)
    rate = unit_speed[:, 1]
    lengths = unit_speed[:, 0] if input.crop is not None else rate  # per second, of what moves by a whole side
    side = lengths / rate.clamp(min=1e-12)
    area = height * width
    # Velocities in lengths per second; where a pixel lies, in lengths.
    u, v = ((flow[:, i] * (x / flow.shape[-1] * lengths)[:, None, None]) for i, x in enumerate((width, height)))
    speed = torch.hypot(u, v)
    moving = (speed > input.moving_speed).to(flow.dtype)

    def mean(of: Tensor) -> Tensor:
        return of.mean(dim=(-2, -1)) * area

    mean_speed, drift_x, drift_y = mean(speed), mean(u), mean(v)
    found = [mean_speed, (mean(speed**2) - mean_speed**2).clamp(min=0).sqrt(), *_exceeded(speed, area)]
    found += [drift_x, drift_y, _ratio(torch.hypot(drift_x, drift_y), mean_speed)]
    across, down = flow.diff(dim=3)[:, :, 1:], flow.diff(dim=2)[:, :, :, 1:]  # (N, 2, S - 1, S - 1)
    stretch = (width / height)[:, None, None]
    for deformation in (across[:, 0] + down[:, 1], across[:, 1] / stretch - down[:, 0] * stretch):
        deformation = deformation * rate[:, None, None]
        found += [mean(deformation), mean(deformation.abs()), deformation.abs().amax(dim=(-2, -1))]
    found += [mean(moving), *_of_what_moves(u, v, speed, moving, (side * width, side * height))]
    if input.crop is not None:
        found += _zones(speed, moving, area)
    if motion.cells:
        found += _cells(torch.stack([speed, u, v], dim=1), motion.cells)
    return torch.stack(found, dim=1)


def _exceeded(speed: Tensor, area: Tensor) -> list[Tensor]:
    """Speeds that fractions of the decoded picture's area exceed, and the greatest, each ``(N,)``.

    What is not shown is still, so that a fraction of the picture is a greater one of what is shown.
    """
    pixels = speed[0].numel()
    ordered = torch.cat([speed.flatten(1).sort(dim=1, descending=True).values, speed.new_zeros(len(speed), 1)], dim=1)
    ranks = (on_device(_TOP, speed.device, speed.dtype) * pixels / area[:, None]).long().clamp(max=pixels)
    return [*ordered.gather(1, ranks).unbind(1), ordered[:, 0]]


def _of_what_moves(u: Tensor, v: Tensor, speed: Tensor, moving: Tensor, sides: tuple[Tensor, Tensor]) -> list[Tensor]:
    """Scatter, speed, velocity, resultant, turning and growth of the moving pixels, each ``(N,)``."""
    count = moving.sum(dim=(-2, -1)).clamp(min=1)

    def mean(of: Tensor) -> Tensor:
        return (of * moving).sum(dim=(-2, -1)) / count

    pixels = speed.shape[-1]
    place = (torch.arange(pixels, device=speed.device, dtype=speed.dtype) + 0.5) / pixels - 0.5
    x, y = place * sides[0][:, None, None], (place * sides[1][:, None])[..., None]
    x, y = x - mean(x)[:, None, None], y - mean(y)[:, None, None]
    velocity_x, velocity_y, quick = mean(u), mean(v), mean(speed)
    spread = mean(x**2 + y**2)
    return [
        spread.sqrt(),
        *(quick, velocity_x, velocity_y),
        _ratio(torch.hypot(velocity_x, velocity_y), quick),
        # Around its centre the mean velocity drops out.
        _ratio(mean(x * v - y * u), spread),
        _ratio(mean(x * u + y * v), spread),
    ]


def _zones(speed: Tensor, moving: Tensor, area: Tensor) -> list[Tensor]:
    """Mean speed in the middle half of both sides and around it, and moving areas there, each ``(N,)``."""
    pixels = speed.shape[-1]
    edge = pixels // 4
    inner = slice(edge, pixels - edge)
    count = (pixels - 2 * edge) ** 2
    found = []
    for of, totals in ((speed, (count, max(pixels**2 - count, 1))), (moving * area[:, None, None], (pixels**2,) * 2)):
        centre, whole = of[:, inner, inner].sum(dim=(-2, -1)), of.sum(dim=(-2, -1))
        found += [centre / totals[0], (whole - centre).clamp(min=0) / totals[1]]
    return found


def _cells(fields: Tensor, cells: int) -> list[Tensor]:
    """Means of fields ``(N, 3, S, S)`` in each cell, row by row, each ``(N,)``."""
    means = torch.nn.functional.adaptive_avg_pool2d(fields, cells)
    return list(means.flatten(2).transpose(1, 2).flatten(1).unbind(1))


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Their quotient, 0 where both are 0."""
    return torch.where(whole > 0, part / whole.clamp(min=torch.finfo(whole.dtype).tiny), 0.0)
