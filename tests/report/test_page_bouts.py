"""The page's arithmetic against Python's, in a real browser."""

from pathlib import Path

import numpy as np
import pytest
from pages import Opened, OpenPage, write_run

from amclip.commands.report import report
from amclip.data.formats import read_labels
from amclip.data.intervals import Bout, Timeline, Windows, clips_of
from amclip.ethogram.annotation_file import read_run
from amclip.ethogram.bouts import BoutSettings, find_bouts, runs_of, timeline
from amclip.report.windows import read_windows


@pytest.fixture
def plain(tmp_path: Path, opened: OpenPage) -> Opened:
    run = write_run(tmp_path / "run", off_threshold=0.35, minimum_gap=0.4, minimum_bout=0.4, smoothing=0.3)
    report(str(run))
    return opened(run / "report.html")


def test_bouts_are_those_of_python(plain: Opened, tmp_path: Path) -> None:
    run = read_run(tmp_path / "run")
    for scores in read_windows(run):
        for column, name in enumerate(run.classes):
            want = [(b.start, b.stop) for b in find_bouts(timeline(scores), run.settings) if b.behaviour == name]
            assert want, "a test without bouts shows nothing"
            assert plain.bouts(column) == want


def test_means_and_peaks_are_those_of_python(plain: Opened, tmp_path: Path) -> None:
    run = read_run(tmp_path / "run")
    for bout in find_bouts(timeline(next(read_windows(run))), run.settings):
        column = run.classes.index(bout.behaviour)
        got = plain.tab.evaluate("([c, a, b]) => page.scores.summary(c, a, b)", [column, bout.start, bout.stop])
        assert got["mean"] == pytest.approx(bout.mean, abs=1e-6)
        assert got["peak"] == pytest.approx(bout.peak, abs=1e-6)


def test_hysteresis_gaps_and_shortest_bouts_on_many_curves(plain: Opened) -> None:
    rng = np.random.default_rng(1)
    cases, want = [], []
    for _ in range(600):
        cells = int(rng.integers(1, 40))
        lattice = rng.random() < 0.5  # values and times that often lie just on a border
        curve = (rng.integers(0, 11, cells) / 10 if lattice else rng.random(cells)).astype(np.float32)
        lengths = rng.integers(1, 4, cells) * 0.2 if lattice else rng.random(cells) + 0.01
        edges = np.concatenate([[0.0], np.cumsum(lengths)])
        threshold = float(rng.integers(0, 11) / 10) if lattice else float(rng.random())
        settings = BoutSettings(
            threshold=threshold,
            off_threshold=float(rng.integers(0, round(10 * threshold) + 1) / 10)
            if lattice
            else threshold * rng.random(),
            minimum_bout=float(rng.integers(0, 6) * 0.2),
            minimum_gap=float(rng.integers(0, 6) * 0.2),
        )
        want.append([list(run) for run in runs_of(curve.astype(np.float64), edges, settings)])
        told = {name: getattr(settings, name) for name in ("threshold", "minimum_bout", "minimum_gap")}
        cases.append([curve.astype(np.float64).tolist(), edges.tolist(), told | {"off_threshold": settings.lower}])
    got = plain.tab.evaluate(
        "cases => cases.map(([curve, edges, settings]) => runsOf(new Float32Array(curve), edges, settings))", cases
    )
    assert got == want
    assert sum(map(len, want)) > 600


def test_frames_and_seconds_fit_each_other(plain: Opened, tmp_path: Path) -> None:
    curves = timeline(next(read_windows(read_run(tmp_path / "run"))))
    times = plain.tab.evaluate("[...Array(151).keys()].map(frame => page.scores.timeOf(frame))")
    np.testing.assert_allclose(times, np.interp(np.arange(151), curves.edge_frames, curves.edges), atol=1e-12)
    shown = plain.tab.evaluate("times => times.map(time => page.scores.shownAt(time))", times[:-1])
    assert shown == list(range(150))


@pytest.mark.parametrize(
    ("length", "hop", "share"), [(2.0, 2.0, 0.5), (1.0, 0.3, 0.25), (0.7, 0.7, 1.0), (9.0, 9.0, 0.5)]
)
def test_windows_of_the_label_table_are_those_of_python(
    plain: Opened, tmp_path: Path, length: float, hop: float, share: float
) -> None:
    how = {"form": "windows", "length": length, "hop": hop, "share": share, "onlyChecked": False}
    (tmp_path / "labels.csv").write_text(plain.tab.evaluate("how => labelTable(page.corrections, how)", how))
    table = read_labels(tmp_path / "labels.csv", ["walking", "grooming", "still"])
    names = ("walking", "grooming", "still")
    bouts = tuple(Bout(*bout, name) for column, name in enumerate(names) for bout in plain.bouts(column))
    want = clips_of([Timeline("clip.mp4", bouts, 6.0)], Windows(length, hop, share), "")
    assert [(c.start, c.stop, set(c.labels or ())) for c in table.clips] == [
        (c.start, c.stop, set(c.labels or ())) for c in want
    ]
