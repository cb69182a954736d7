"""What the two benchmarks on courting flies have in common: the smaller video, its flow, and how bouts are chosen."""

import itertools
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import torch

from amclip.ethogram.bouts import BoutSettings

__all__ = ["TRIED", "best_settings", "shrink", "statistics_of"]

TRIED = {"smoothing": (0.0, 0.4, 0.8), "minimum_bout": (0.0, 0.25, 0.4), "minimum_gap": (0.0, 0.3)}
"""Seconds that are tried, alike for all behaviours."""


def shrink(source: Path, target: Path, side: int, options: Mapping[str, str]) -> None:
    """The same frames at the same times, smaller; what is there stays.

    Args:
        source: The video.
        target: The smaller one.
        side: Its width and height, pixels.
        options: Of x264.
    """
    import av

    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name("partial.mp4")
    with av.open(str(source)) as video, av.open(str(partial), "w") as small:
        rate = Fraction(video.streams.video[0].average_rate)
        stream = small.add_stream("libx264", rate=rate, options=dict(options))
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for index, frame in enumerate(video.decode(video=0)):
            picture = frame.reformat(side, side, interpolation="AREA", format="yuv420p")
            picture.pts, picture.time_base = index, 1 / rate
            small.mux(stream.encode(picture))
        small.mux(stream.encode())
    partial.replace(target)


def best_settings(
    thresholds: Mapping[str, float], score: Callable[[dict[str, BoutSettings]], float]
) -> dict[str, BoutSettings]:
    """Those of :data:`TRIED` with the best score.

    Not :func:`amclip.ethogram.tuning.tune_bouts`: here behaviours share smoothing and least lengths, and keep the
    thresholds of their windows, since validation has few bouts of each.

    Args:
        thresholds: Of each behaviour.
        score: How good bouts are that are cut so.
    """
    best, chosen = -1.0, {}
    for values in itertools.product(*TRIED.values()):
        cut = dict(zip(TRIED, values, strict=True))
        settings = {name: BoutSettings(threshold=threshold, **cut) for name, threshold in thresholds.items()}
        if (found := score(settings)) > best:
            best, chosen = found, settings
    return chosen


def statistics_of(field: torch.Tensor) -> torch.Tensor:
    """Thirteen statistics of each flow field, ``[pairs, 13]``, from flow in pixels ``[pairs, 2, side, side]``."""
    u, v = field[:, 0], field[:, 1]
    side = field.shape[-1]
    length = field.norm(dim=1).flatten(1)
    curl = (v.diff(dim=2)[:, 1:] - u.diff(dim=1)[:, :, 1:]).abs().flatten(1)
    spread = (u.diff(dim=2)[:, 1:] + v.diff(dim=1)[:, :, 1:]).abs().flatten(1)
    moving = length > 0.25
    where = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")).flatten(1).float()
    count = moving.sum(dim=1, keepdim=True).clamp(min=1)
    centre = moving.float() @ where.T / count
    scatter = (moving.float() @ (where**2).T / count - centre**2).clamp(min=0).sum(dim=1).sqrt()
    top = length.topk(100, dim=1).values
    return torch.stack(
        [
            *(length.mean(dim=1), length.std(dim=1), top[:, 0], top[:, 10], top.mean(dim=1)),
            *(u.flatten(1).mean(dim=1).abs(), v.flatten(1).mean(dim=1).abs()),
            *(curl.mean(dim=1), curl.amax(dim=1), spread.mean(dim=1), spread.amax(dim=1)),
            *(moving.float().mean(dim=1), scatter),
        ],
        dim=1,
    )
