"""An ethogram as a figure for a paper: bouts of each behaviour over time, beside curves or other annotations."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from amclip.atomic import replacing
from amclip.data.intervals import Bout
from amclip.ethogram.bouts import ScoredBout, ScoreTimeline

__all__ = ["Panel", "Track", "draw_ethogram", "panel_rows"]

# Okabe and Ito's colours, told apart with every common colour blindness; without yellow, which is too pale on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
# Observers: the first one, usually a human, in black.
_TRACK_COLOURS = ("#000000", *_COLOURS[:-1])
_WIDTH = 7.2  # inches: two columns of a journal
_ABSENT = "0.88"  # a grey that none of the colours is taken for
_MOST_NAMED_ROWS = 24  # of all animals of a video, each row with the name of its behaviour
_MOST_ROWS = 60  # of the animals of a video: what still fits a page
_LEGEND_COLUMNS = 6
_MAX_POINTS = 2000  # of a curve: more than the figure has pixels
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True)
class Track:
    """What one observer, human or network, saw in a video.

    Attributes:
        name: For the legend.
        bouts: In any order.
    """

    name: str
    bouts: Sequence[Bout | ScoredBout]


@dataclass(frozen=True)
class Panel:
    """One video.

    Attributes:
        title: Above the panel; may be empty.
        tracks: What each observer saw; within a row they lie one below the other.
        start: First second shown.
        stop: Last second shown.
        curves: Probabilities to draw over the rows, for a single track of a single animal.
        subjects: Animals, from the top down, each with rows of its own; none: the rows are of all bouts.
        absences: When each animal is not in the picture, starts and stops in seconds; drawn as grey bands.
    """

    title: str
    tracks: Sequence[Track]
    start: float
    stop: float
    curves: ScoreTimeline | None = None
    subjects: Sequence[str] = ()
    absences: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)


def panel_rows(panel: Panel, classes: Sequence[str]) -> int:
    """How many rows of a panel without animals take as much room."""
    if not panel.subjects:
        return len(classes)
    return math.ceil(sum(_Block.of(panel, classes).height for _ in _shown(panel, classes)))


def draw_ethogram(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], panels: Sequence[Panel], classes: Sequence[str]
) -> None:
    """Draw panels below each other, a row per behaviour; of several animals a block of rows each.

    With one track colours tell behaviours apart, with several the tracks. Where the rows of all animals would be too
    many to read, each animal has one row in which behaviours are thin lines, told by colour and, from the top down, by
    the order of the legend.

    Args:
        paths: The picture to write, or several of the same drawing; the suffix (.png, .svg, .pdf) is the format.
        panels: At least one.
        classes: Behaviours, from the top down; bouts of others are not drawn.

    Raises:
        ValueError: If there is nothing to draw, or a panel ends before it starts.
    """
    if not panels or not classes:
        raise ValueError("an ethogram needs at least one video and one behaviour")
    for panel in panels:
        if not panel.stop > panel.start:
            raise ValueError(f"{panel.title}: cannot draw from {panel.start} s to {panel.stop} s")
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    many = len(classes) > 15
    tracks = max(len(panel.tracks) for panel in panels)
    row = (0.15 if many else 0.24) + 0.07 * (tracks - 1)
    heights = [panel_rows(panel, classes) * row + 0.55 for panel in panels]
    height = sum(heights) + (0.3 if tracks > 1 else 0.1)
    named = any(panel.subjects for panel in panels)
    legend = _legend_of(panels, classes, tracks)
    if named:
        height += 0.2 * math.ceil(len(legend) / _LEGEND_COLUMNS)
    # Text stays text in SVG, to be edited, and names with $ are no formulas; a fixed salt makes the same drawing the
    # same file.
    style: Any = {"svg.fonttype": "none", "svg.hashsalt": "amclip", "text.parse_math": False}
    style |= {"font.size": 7, "axes.linewidth": 0.6}
    with rc_context(style):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        FigureCanvasAgg(figure)
        ratios = {"height_ratios": heights} if named else None
        axes = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw=ratios)[:, 0]
        for axis, panel in zip(axes, panels, strict=True):
            _draw(axis, panel, classes, 5.5 if many else 7)
        if legend:
            _draw_legend(figure, legend, _LEGEND_COLUMNS if named else len(legend))
        for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
            form = Path(path).suffix.removeprefix(".")
            metadata = {"Date": None} if form == "svg" else {"Software": None} if form == "png" else None
            with replacing(path, f".{form}") as temporary:
                figure.savefig(temporary, dpi=300, format=form, metadata=metadata)


@dataclass(frozen=True)
class _Block:
    """The rows of one animal, or of all bouts.

    Attributes:
        head: Room above its rows for the animal's name, in rows.
        row: Height of a behaviour's row.
        rule: Whether behaviours are told apart by lines between rows, and by their names on the left.
    """

    head: float
    row: float
    rule: bool
    classes: int

    @classmethod
    def of(cls, panel: Panel, classes: Sequence[str]) -> "_Block":
        """All blocks of a panel are alike."""
        if not panel.subjects:
            return cls(0.0, 1.0, True, len(classes))
        if len(panel.subjects) * len(classes) <= _MOST_NAMED_ROWS or len(panel.tracks) > 1:
            return cls(0.9, 1.0, True, len(classes))
        return cls(0.12, max(0.2, 1.0 / len(classes)), False, len(classes))

    @property
    def height(self) -> float:
        """Of the block, in rows."""
        return self.head + self.row * self.classes + (0.0 if self.rule else self.head)


def _shown(panel: Panel, classes: Sequence[str]) -> Sequence[str]:
    """The animals of a panel that have room."""
    return panel.subjects[: max(1, int(_MOST_ROWS / _Block.of(panel, classes).height))]


def _draw(axis: Any, panel: Panel, classes: Sequence[str], size: float) -> None:
    block = _Block.of(panel, classes)
    subjects: Sequence[str | None] = _shown(panel, classes) or [None]
    middles = [
        number * block.height + block.head + block.row * (index + 0.5) - 0.5
        for number in range(len(subjects))
        for index in range(len(classes))
    ]
    for number, subject in enumerate(subjects):
        _draw_block(axis, panel, classes, subject, number * block.height)
    if block.rule:
        axis.set_yticks(middles, [*classes] * len(subjects), fontsize=size)
    else:
        places = [(number + 0.5) * block.height - 0.5 for number in range(len(subjects))]
        axis.set_yticks(places, [_name(subject) for subject in subjects], fontsize=7)
    bottom = len(subjects) * block.height
    axis.set_ylim(bottom - 0.5, -0.5)
    axis.set_xlim(panel.start, panel.stop)
    ticks, labels, unit = _time_ticks(panel.start, panel.stop)
    axis.set_xticks(ticks, labels)
    axis.set_xlabel(unit, labelpad=1)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", length=2.5, width=0.6)
    axis.spines[["top", "right", "left"]].set_visible(False)
    title = panel.title
    if len(panel.subjects) > len(subjects):
        title = f"{title}  (the first {len(subjects)} of {len(panel.subjects)} animals)".lstrip()
    if title:
        axis.set_title(title, loc="left", fontsize=7.5)


def _draw_block(axis: Any, panel: Panel, classes: Sequence[str], subject: str | None, top: float) -> None:
    """Draw the rows of one animal, or of all bouts, below ``top``."""
    block, lanes = _Block.of(panel, classes), len(panel.tracks)
    first = top + block.head - 0.5
    if subject is not None:
        spans = _clipped(panel.absences.get(subject, ()), panel)
        axis.broken_barh(spans, (first, block.row * len(classes)), facecolors=_ABSENT, linewidth=0, zorder=0)
        if block.rule:
            axis.text(panel.start, first - 0.12, _name(subject), fontsize=7, fontweight="bold", va="bottom")
        if top:
            axis.axhline(top - 0.5, color="0.7", linewidth=0.4, zorder=0)
    for index, name in enumerate(classes):
        middle = first + block.row * (index + 0.5)
        height = 0.8 * block.row
        for lane, track in enumerate(panel.tracks):
            colour = _COLOURS[index % len(_COLOURS)] if lanes == 1 else _track_colour(lane)
            bouts = [bout for bout in track.bouts if subject is None or bout.subject == subject]
            spans = _spans(bouts, name, panel)
            lane_height = height / lanes
            bottom = middle - height / 2 + lane * lane_height
            alpha = 0.35 if panel.curves is not None and lanes == 1 else 1.0
            axis.broken_barh(spans, (bottom, lane_height * 0.94), facecolors=colour, alpha=alpha, linewidth=0)
        if panel.curves is not None and lanes == 1 and name in panel.curves.classes:
            times, values = _curve(panel.curves, name, panel)
            axis.plot(times, middle + 0.4 - 0.8 * values, color=_COLOURS[index % len(_COLOURS)], linewidth=0.6)
    if block.rule:
        for border in first + np.arange(1, len(classes)):
            axis.axhline(border, color="0.9", linewidth=0.4, zorder=0)


def _name(subject: str | None) -> str:
    return subject or "(whole scene)"


def _clipped(spans: Sequence[tuple[float, float]], panel: Panel) -> list[tuple[float, float]]:
    """Starts and lengths of spans, as far as they lie in the panel."""
    inside = ((max(start, panel.start), min(stop, panel.stop)) for start, stop in spans)
    return [(start, stop - start) for start, stop in inside if stop > start]


def _spans(bouts: Sequence[Bout | ScoredBout], name: str, panel: Panel) -> list[tuple[float, float]]:
    """Starts and lengths of the bouts of one behaviour, as far as they lie in the panel."""
    least = (panel.stop - panel.start) / 4000  # what is shorter than a printed dot would not be seen
    spans = []
    for bout in bouts:
        label = bout.behaviour if isinstance(bout, ScoredBout) else bout.label
        start, stop = max(bout.start, panel.start), min(bout.stop, panel.stop)
        if label == name and stop >= start:
            spans.append((start, max(stop - start, least)))
    return spans


def _curve(curves: ScoreTimeline, name: str, panel: Panel) -> tuple[Any, Any]:
    """Times and values of a curve within the panel; long ones are averaged to no more points than can be seen."""
    edges, values = curves.edges, curves.probabilities[:, curves.classes.index(name)].astype(np.float64)
    inside = (edges[1:] > panel.start) & (edges[:-1] < panel.stop)
    if inside.sum() > _MAX_POINTS:
        grid = np.linspace(panel.start, min(panel.stop, edges[-1]), _MAX_POINTS + 1)
        known, lengths = ~np.isnan(values), np.diff(edges)
        area = np.interp(grid, edges, np.concatenate([[0.0], np.cumsum(np.where(known, values, 0) * lengths)]))
        seen = np.diff(grid)
        if not known.all():  # where the animal is absent there is no curve
            seen = np.diff(np.interp(grid, edges, np.concatenate([[0.0], np.cumsum(known * lengths)])))
            seen = np.where(seen > np.diff(grid) / 2, seen, np.nan)
        return (grid[:-1] + grid[1:]) / 2, np.diff(area) / seen
    return np.repeat(edges, 2)[1:-1][np.repeat(inside, 2)], np.repeat(values, 2)[np.repeat(inside, 2)]


def _time_ticks(start: float, stop: float) -> tuple[list[float], list[str], str]:
    """Places, texts and the axis' name: seconds under a minute, min:s under an hour, else h:min."""
    step = next(
        (step for step in _STEPS if (stop - start) / step <= 10), _STEPS[-1] * math.ceil((stop - start) / 864e3)
    )
    first = math.ceil(start / step - 1e-9)
    ticks = [number * step for number in range(first, math.floor(stop / step + 1e-9) + 1)]
    if stop <= 60:
        return list(map(float, ticks)), [f"{tick:g}" for tick in ticks], "time (s)"
    if stop <= 3600:
        return list(map(float, ticks)), [f"{tick // 60}:{tick % 60:02d}" for tick in ticks], "time (min:s)"
    if step < 60:
        texts = [f"{tick // 3600}:{tick // 60 % 60:02d}:{tick % 60:02d}" for tick in ticks]
        return list(map(float, ticks)), texts, "time (h:min:s)"
    return list(map(float, ticks)), [f"{tick // 3600}:{tick // 60 % 60:02d}" for tick in ticks], "time (h:min)"


def _track_colour(lane: int) -> str:
    return _TRACK_COLOURS[lane % len(_TRACK_COLOURS)]


def _legend_of(panels: Sequence[Panel], classes: Sequence[str], tracks: int) -> dict[str, str]:
    """Names and colours of what is not named beside its row."""
    legend = {}
    if tracks > 1:
        most = max(panels, key=lambda panel: len(panel.tracks)).tracks
        legend = {track.name: _track_colour(lane) for lane, track in enumerate(most)}
    elif not all(_Block.of(panel, classes).rule for panel in panels):
        legend = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(classes)}
    if any(panel.absences.get(subject) for panel in panels for subject in _shown(panel, classes)):
        legend["not in the picture"] = _ABSENT
    return legend


def _draw_legend(figure: Any, legend: Mapping[str, str], columns: int) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=name) for name, colour in legend.items()]
    columns = min(len(handles), columns)
    figure.legend(handles=handles, loc="outside upper right", ncols=columns, frameon=False, handlelength=1)
