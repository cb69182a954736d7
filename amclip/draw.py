"""Pictures of what the network was fed and what it made of it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from amclip.atomic import replacing
from amclip.metrics import CALIBRATION_BINS

__all__ = ["draw_clips", "draw_reliability", "draw_scores", "strip"]

_GROUP_COLOURS = {"head": "#2166ac", "middle": "#67a9cf", "tail": "#ef8a62"}


def strip(images: Tensor, gap: int = 2) -> Tensor:
    """A clip's images side by side: one row per view, frames above and their flow images below.

    Args:
        images: Values in ``[0, 1]``, shape ``(K, V, 3, S, S)``.
        gap: White pixels between images.

    Returns:
        Shape ``(3, V * S + (V - 1) * gap, K * S + (K - 1) * gap)``, on the CPU.
    """
    images = images.detach().float().cpu()
    positions, views, _, height, width = images.shape
    canvas = torch.ones(3, views * (height + gap) - gap, positions * (width + gap) - gap)
    for k in range(positions):
        for v in range(views):
            top, left = v * (height + gap), k * (width + gap)
            canvas[:, top : top + height, left : left + width] = images[k, v]
    return canvas


def draw_clips(
    path: str | Path,
    clips: Sequence[Tensor],
    titles: Sequence[str],
    classes: Sequence[str],
    labels: Sequence[Sequence[float]],
    probabilities: Sequence[Sequence[float]],
) -> None:
    """A picture per clip of the frames and flow images fed to the network, beside the probabilities it gave.

    Args:
        path: The picture to write (``.png`` or ``.svg``).
        clips: For each clip its images, values in ``[0, 1]``, shape ``(K, V, 3, S, S)``.
        titles: For each clip a line of text.
        classes: Names of the behaviours.
        labels: For each clip and class 1 if labelled, else 0.
        probabilities: For each clip and class the probability, in ``[0, 1]``.
    """
    figure_class, canvas_class = _matplotlib()
    figure = figure_class(figsize=(14, 2.6 * len(clips)), layout="constrained")
    canvas_class(figure)
    axes = figure.subplots(len(clips), 2, width_ratios=(3, 1), squeeze=False)
    for row, images, title, truth, values in zip(axes, clips, titles, labels, probabilities, strict=True):
        left, right = row
        left.imshow(strip(images).permute(1, 2, 0).numpy(), interpolation="nearest", aspect="equal")
        left.set_title(title, loc="left", fontsize=9)
        left.set_axis_off()
        colours = ["#1b7837" if label else "#bbbbbb" for label in truth]
        right.barh(range(len(classes)), values, color=colours)
        right.set_yticks(range(len(classes)), classes, fontsize=8)
        right.invert_yaxis()
        right.set_xlim(0, 1)
        right.tick_params(axis="x", labelsize=7)
        right.spines[["top", "right"]].set_visible(False)
    axes[0, 1].set_title("probability (green: labelled)", loc="left", fontsize=9)
    with replacing(path, Path(path).suffix) as temporary:
        figure.savefig(temporary, dpi=110)


def draw_scores(
    path: str | Path,
    classes: Sequence[str],
    per_class: Sequence[float],
    support: Sequence[int],
    groups: Sequence[str] | None = None,
) -> None:
    """Bars of average precision per class, the most frequent first.

    Args:
        path: The picture to write.
        classes: Names of the behaviours.
        per_class: Average precision, in ``[0, 1]``; NaN for classes without positives.
        support: Clips with each behaviour.
        groups: ``"head"``, ``"middle"`` or ``"tail"`` of each class, told apart by colour.
    """
    figure_class, canvas_class = _matplotlib()
    order = np.argsort(-np.asarray(support), kind="stable")
    values = [per_class[i] for i in order]
    # A hundred classes must still fit on a screen.
    row, size = (0.32, 9) if len(classes) <= 40 else (0.16, 6)
    figure = figure_class(figsize=(7, 0.9 + row * len(classes)), layout="constrained")
    canvas_class(figure)
    axis = figure.subplots()
    colours = [_GROUP_COLOURS[groups[i]] if groups else _GROUP_COLOURS["head"] for i in order]
    axis.barh(range(len(order)), [0 if math.isnan(v) else v for v in values], color=colours)
    axis.set_yticks(range(len(order)), [f"{classes[i]} ({support[i]})" for i in order], fontsize=size)
    for y, value in enumerate(values):
        text = "no clip shows it" if math.isnan(value) else f"{value:.2f}"
        axis.text(0.01 if math.isnan(value) else value + 0.01, y, text, va="center", fontsize=size - 1)
    shown = [name for name in _GROUP_COLOURS if groups and name in groups]
    if len(shown) > 1:
        from matplotlib.patches import Patch

        axis.legend(handles=[Patch(color=_GROUP_COLOURS[name], label=name) for name in shown], loc="lower right")
    axis.set_ylim(len(order) - 0.5, -0.5)
    axis.set_xlim(0, 1.08)
    axis.set_xlabel("average precision (clips with the behaviour in brackets)")
    axis.spines[["top", "right"]].set_visible(False)
    with replacing(path, Path(path).suffix) as temporary:
        figure.savefig(temporary, dpi=110)


def draw_reliability(path: str | Path, probabilities: Mapping[str, Tensor], labels: Tensor) -> None:
    """Fraction of clips that show a behaviour over the probability given for it, all behaviours together.

    On the diagonal probabilities mean what they say. Below, how many there are of each height.

    Args:
        path: The picture to write.
        probabilities: Name to probabilities of the same clips, float, ``(N, C)`` in ``[0, 1]``; drawn over each other.
        labels: 0 or 1, shape ``(N, C)``.
    """
    figure_class, canvas_class = _matplotlib()
    figure = figure_class(figsize=(4, 4.8), layout="constrained")
    canvas_class(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    truth = labels.cpu().numpy().ravel()
    upper.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=0)
    for (name, values), colour in zip(probabilities.items(), ("#D55E00", "#0072B2", "#009E73"), strict=False):
        given = values.float().cpu().numpy().ravel()
        bins = np.clip(np.digitize(given, edges) - 1, 0, CALIBRATION_BINS - 1)
        count = np.bincount(bins, minlength=CALIBRATION_BINS)
        some = count > 0
        mean = np.bincount(bins, given, CALIBRATION_BINS)[some] / count[some]
        share = np.bincount(bins, truth, CALIBRATION_BINS)[some] / count[some]
        error = float((count[some] * np.abs(share - mean)).sum() / max(count.sum(), 1))
        upper.plot(mean, share, "o-", color=colour, markersize=4, linewidth=1, label=f"{name}: error {error:.3f}")
        lower.stairs(count, edges, color=colour)
    upper.set_ylabel("fraction that shows the behaviour")
    upper.set_ylim(-0.03, 1.03)
    upper.legend(frameon=False, loc="upper left", fontsize=8)
    lower.set_yscale("symlog", linthresh=1)
    lower.set_ylabel("clips × behaviours", fontsize=8)
    lower.set_xlabel("probability")
    lower.set_xlim(0, 1)
    for axis in (upper, lower):
        axis.spines[["top", "right"]].set_visible(False)
    with replacing(path, Path(path).suffix) as temporary:
        figure.savefig(temporary, dpi=130)


def _matplotlib() -> tuple[Any, Any]:
    """Figure and canvas without pyplot, whose state is global and which may want a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    return Figure, FigureCanvasAgg
