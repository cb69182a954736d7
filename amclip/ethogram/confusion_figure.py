"""Which behaviours are taken for each other, as a figure."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amclip.atomic import replacing

__all__ = ["draw_confusion"]


def draw_confusion(path: str | os.PathLike[str], table: NDArray[np.float64], names: Sequence[str]) -> None:
    """Draw a confusion table, each row as shares of its sum.

    Args:
        path: The picture to write.
        table: Frames, ``[C, C]``: rows what the labels say, columns what was predicted.
        names: Names of rows and columns.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1e-12)
    size = 1.6 + 0.34 * len(names)
    few = len(names) <= 15
    figure = Figure(figsize=(size + 0.8, size), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    picture = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(len(names)), names, rotation=90, fontsize=8 if few else 6)
    rows = [f"{name} ({round(total)})" for name, total in zip(names, table.sum(axis=1), strict=True)]
    axis.set_yticks(range(len(names)), rows, fontsize=8 if few else 6)
    axis.set_xlabel("predicted", fontsize=8)
    axis.set_ylabel("labelled (frames)", fontsize=8)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    for row, column in zip(*np.nonzero(shares >= 0.005), strict=True) if few else ():
        colour = "white" if shares[row, column] > 0.6 else "0.2"
        axis.text(column, row, f"{shares[row, column]:.2f}", ha="center", va="center", color=colour, fontsize=7)
    bar = figure.colorbar(picture, ax=axis, shrink=0.7)
    bar.set_label("fraction of the row", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    with replacing(path, Path(path).suffix) as temporary:
        figure.savefig(temporary, dpi=200)
