"""What can be measured in a drawing; whether it is good to look at, somebody has to look."""

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from amclip.data.intervals import Bout
from amclip.ethogram.bouts import ScoreTimeline
from amclip.ethogram.figure import Panel, Track, _curve, _time_ticks, draw_ethogram, panel_rows


def share_of(picture: Path, colour: str) -> float:
    """Share of the columns of an axis in which a colour is found; the axis' line tells how wide it is."""
    pixels = (imread(picture)[..., :3] * 255).round().astype(int)
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    line = (np.abs(pixels).max(axis=2) < 60).sum(axis=1).max()  # the longest dark row
    return float((np.abs(pixels - wanted).max(axis=2) < 3).any(axis=0).sum() / line)


def test_bouts_fill_their_share_of_the_time(tmp_path: Path) -> None:
    bouts = [Bout(10, 40, "walking"), Bout(50, 60, "walking"), Bout(0, 100, "other")]
    draw_ethogram(tmp_path / "a.png", [Panel("a", [Track("amclip", bouts)], 0, 100)], ["walking"])
    assert share_of(tmp_path / "a.png", "#0072B2") == pytest.approx(0.4, abs=0.01)
    draw_ethogram(tmp_path / "b.png", [Panel("a", [Track("amclip", bouts)], 20, 60)], ["walking"])
    assert share_of(tmp_path / "b.png", "#0072B2") == pytest.approx(0.75, abs=0.01)


def test_observers_are_told_apart_by_colour_and_named(tmp_path: Path) -> None:
    tracks = [Track("by hand", [Bout(0, 50, "walking")]), Track("amclip", [Bout(80, 100, "walking")])]
    paths = [tmp_path / "a.png", tmp_path / "a.svg"]
    draw_ethogram(paths, [Panel("courtship", tracks, 0, 100)], ["walking", "still"])
    assert share_of(paths[0], "#0072B2") == pytest.approx(0.2, abs=0.05)  # and the legend's patch
    texts = re.findall(r">([^<>]+)</text>", paths[1].read_text())
    assert {"walking", "still", "by hand", "amclip", "courtship", "0:30", "time (min:s)"} <= set(texts)


def animals_of(number: int) -> Panel:
    """Animals that walk 10 s each, one after the other; the second is away for half of the time."""
    names = [f"a{index} $x$" for index in range(number)]
    bouts = [Bout(10.0 * index, 10.0 * index + 10, "walking", subject=name) for index, name in enumerate(names)]
    return Panel("pen", [Track("amclip", bouts)], 0, 10.0 * number, subjects=names, absences={names[1]: [(0, 15)]})


def texts_of(picture: Path) -> list[str]:
    return re.findall(r">([^<>]+)</text>", picture.read_text())


def test_each_animal_has_rows_of_its_own(tmp_path: Path) -> None:
    paths = [tmp_path / "a.png", tmp_path / "a.svg"]
    draw_ethogram(paths, [animals_of(3)], ["walking", "still"])
    assert share_of(paths[0], "#0072B2") == pytest.approx(1, abs=0.02)  # all over the time, in three places
    assert texts_of(paths[1]).count("walking") == 3
    assert {"a0 $x$", "a1 $x$", "a2 $x$", "not in the picture"} <= set(texts_of(paths[1]))
    pixels = (imread(paths[0])[..., :3] * 255).round().astype(int)
    blue = (np.abs(pixels - [0, 0x72, 0xB2]).max(axis=2) < 3).any(axis=1)
    assert np.diff(blue.astype(int)).tolist().count(1) == 3
    grey = (np.abs(pixels - 224).max(axis=2) < 2).sum(axis=1)
    line = (pixels.max(axis=2) < 60).sum(axis=1).max()
    assert np.median(grey[grey > line / 4]) == pytest.approx(line / 2, rel=0.02)


def test_many_animals_have_a_row_each_and_a_legend_tells_their_behaviours(tmp_path: Path) -> None:
    classes = ["walking", "still", "eating", "wing"]
    draw_ethogram([tmp_path / "a.png", tmp_path / "a.svg"], [animals_of(12)], classes)
    texts = texts_of(tmp_path / "a.svg")
    assert all(texts.count(name) == 1 for name in (*classes, "a0 $x$", "a11 $x$", "not in the picture"))
    assert share_of(tmp_path / "a.png", "#0072B2") == pytest.approx(1, abs=0.05)
    assert panel_rows(animals_of(12), classes) < 16
    draw_ethogram(tmp_path / "b.svg", [animals_of(90)], classes)
    said = [text for text in texts_of(tmp_path / "b.svg") if text.startswith("pen")]
    assert re.fullmatch(r"pen  \(the first \d\d of 90 animals\)", said[0])


def test_a_curve_stops_where_the_animal_leaves(tmp_path: Path) -> None:
    edges = np.arange(9001, dtype=np.float64) / 100
    probabilities = np.full((9000, 1), 0.5, np.float32)
    probabilities[3000:6000] = np.nan
    for cells in (slice(None), slice(0, 9000, 10)):  # averaged, and as it is
        curves = ScoreTimeline(
            "a",
            ("walking",),
            edges[:: cells.step or 1],
            np.arange(len(edges))[:: cells.step or 1],
            probabilities[cells],
            "hen",
        )
        times, values = _curve(curves, "walking", Panel("", [], 0, 90, curves))
        inside = (times > 30.1) & (times < 59.9)
        assert np.isnan(values[inside]).all()
        assert values[~inside & ((times < 29.9) | (times > 60.1))] == pytest.approx(0.5)


def test_forty_classes_and_a_curve_of_a_day_stay_small(tmp_path: Path) -> None:
    classes = tuple(f"behaviour {i}" for i in range(40))
    edges = np.arange(20001, dtype=np.float64) * 4.32
    probabilities = np.random.default_rng(0).random((20000, 40), dtype=np.float32)
    curves = ScoreTimeline("a", classes, edges, np.arange(20001), probabilities)
    panel = Panel("a day", [Track("amclip", [Bout(10, 20000, "behaviour 3")])], 0, 86400, curves)
    draw_ethogram(tmp_path / "a.svg", [panel], classes)
    assert (tmp_path / "a.svg").stat().st_size < 4e6
    text = (tmp_path / "a.svg").read_text()
    assert ">behaviour 39</text>" in text
    assert ">12:00</text>" in text


@pytest.mark.parametrize(
    ("start", "stop", "first", "last", "unit"),
    [
        (0, 8, "0", "8", "time (s)"),
        (94, 120, "1:35", "2:00", "time (min:s)"),
        (0, 3600, "0:00", "60:00", "time (min:s)"),
        (0, 7200, "0:00", "2:00", "time (h:min)"),
        (7190, 7230, "1:59:50", "2:00:30", "time (h:min:s)"),
        (0, 30 * 86400, "0:00", "720:00", "time (h:min)"),
    ],
)
def test_time_is_told_in_fitting_units(start: float, stop: float, first: str, last: str, unit: str) -> None:
    ticks, texts, said = _time_ticks(start, stop)
    assert (texts[0], texts[-1], said) == (first, last, unit)
    assert 3 <= len(ticks) <= 11
    assert all(start <= tick <= stop for tick in ticks)


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one video and one behaviour"):
        draw_ethogram(tmp_path / "a.png", [], ["walking"])
    with pytest.raises(ValueError, match="a: cannot draw from 3 s to 3 s"):
        draw_ethogram(tmp_path / "a.png", [Panel("a", [], 3, 3)], ["walking"])
