"""Size of the report page, and how long it takes to write, to open and to answer, up to two hours and 40 behaviours.

    python docs/benchmarks/report.py [--quick]

Scores are drawn: waves with noise, a window of 2 s every 0.5 s. Times are those of a headless Chromium on this machine,
from asking for the page to its first picture with everything drawn, the median of five.
"""

import platform
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "report"))

from chromium import launch
from pages import Opened, write_run
from sections import Benchmark, new_parser

from amclip.data.tracks import Track, Tracks
from amclip.ethogram.annotation_file import read_run
from amclip.ethogram.bouts import timeline
from amclip.ethogram.scores import WindowScores
from amclip.report.html import Page, write_page
from amclip.report.media import Media
from amclip.report.windows import read_windows

CASES = [(600.0, 10, 0), (7200.0, 10, 0), (7200.0, 40, 0), (7200.0, 10, 2)]
REPEATS = 5


def told_apart(scores: WindowScores, animals: int) -> tuple[list[WindowScores], Tracks | None]:
    """The same curves for every animal, and boxes that wander through full HD, with a pixel of jitter on each side."""
    if not animals:
        return [scores], None
    rng = np.random.default_rng(0)
    frames = np.arange(scores.extent.num_frames)
    tracks = []
    for number in range(animals):
        middle = np.stack([960 + 800 * np.sin(frames / 311 + number), 540 + 400 * np.sin(frames / 217)], axis=1)
        boxes = np.concatenate([middle - 60, middle + 60], axis=1) + rng.normal(0, 1, (len(frames), 4))
        tracks.append((scores.video, Track(f"animal {number}", frames, boxes)))
    names = [track.subject for _, track in tracks]
    return [replace(scores, subject=name) for name in names], Tracks.of("drawn", tracks)


def measure(
    browser: object, work: Path, seconds: float, classes: int, animals: int, repeats: int = REPEATS
) -> list[str]:
    names = [f"behaviour {k}" for k in range(classes)]
    run = read_run(write_run(work / "run", names, [("long.mp4", "", seconds, 25.0)], window=2.0, hop=0.5))
    scores, tracks = told_apart(next(read_windows(run)), animals)
    page = Page("benchmark", "benchmark", "", run.classes, run.settings, 2.0, run.videos, [Media()], tracks=tracks)
    began = time.perf_counter()
    path = write_page(work / "report.html", page, map(timeline, scores))
    written = time.perf_counter() - began
    opening, drawing, moving = [], [], []
    for _ in range(repeats):
        context = browser.new_context(viewport={"width": 1400, "height": 900})  # type: ignore[attr-defined]
        began = time.perf_counter()
        opened = Opened(context, path)
        opening.append(time.perf_counter() - began)
        bouts = opened.tab.evaluate(
            "page.run.units.reduce((sum, _, unit) => sum + page.corrections.allBouts(unit).length, 0)"
        )
        whole = """(() => {
          byId("raster").shown = byId("overview").bars = undefined; // nothing drawn before is taken over
          const t = performance.now();
          page.draw();
          return performance.now() - t;
        })()"""
        drawing.append(opened.tab.evaluate(whole))
        step = """(() => {
          const t = performance.now();
          for (let k = 1; k <= 20; k++) { page.corrections.set(0, { threshold: 0.4 + k / 100 }, true); page.draw(); }
          return (performance.now() - t) / 20;
        })()"""
        moving.append(opened.tab.evaluate(step))
        context.close()
    size = path.stat().st_size / 1e6
    return [
        *(f"{seconds / 60:g} min", str(classes), str(animals or "–"), str(bouts), f"{size:.1f} MB", f"{written:.1f} s"),
        *(
            f"{statistics.median(opening):.2f} s",
            f"{statistics.median(drawing):.0f} ms",
            f"{statistics.median(moving):.0f} ms",
        ),
    ]


def main() -> None:
    from playwright.sync_api import sync_playwright

    run = Benchmark(new_parser(__doc__), __file__)
    cases, repeats = ([(20.0, 3, 0), (20.0, 2, 2)], 1) if run.quick else (CASES, REPEATS)
    lines: list[str] = []
    with sync_playwright() as driver:
        browser = launch(driver)
        if browser is None:
            if not run.quick:
                raise SystemExit("there is no Chromium: install one, or `playwright install chromium`")
            run.skip("All", "there is no Chromium")
            return
        for seconds, classes, animals in cases:
            with run.section(f"{seconds / 60:g} minutes, {classes} behaviours, {animals} animals") as said:
                with tempfile.TemporaryDirectory() as name:
                    cells = measure(browser, Path(name), seconds, classes, animals, repeats)
                lines.append(f"| {' | '.join(cells)} |")
                said.append(lines[-1])
                table = "\n".join(lines)
                run.write(TEXT.format(table=table, chromium=browser.version, machine=platform.machine()))
        browser.close()
    run.close()


TEXT = """# The report page: size and times

Written by `docs/benchmarks/report.py` with Chromium {chromium}, headless, on two {machine} cores without a GPU, shared
with other work: on a machine of its own the page is faster. Scores are drawn: waves with noise, windows
of 2 s every 0.5 s. Opening is from asking for the page to its first whole picture; drawing is one whole picture with
all of the time in sight; a threshold step is moving a threshold by 0.01, finding the bouts anew, keeping the state and
drawing. Medians of five.

| video | behaviours | animals | bouts | page | written in | opens in | drawing | threshold step |
|---|---|---|---|---|---|---|---|---|
{table}

The page holds each probability as float32 in base64 (5.3 bytes), so that its bouts are those of Python to the last one;
it grows with windows × behaviours × animals. Boxes are drawn here with a pixel of jitter on each side in full HD;
without any they take next to nothing, and at worst 18 bytes each.
"""

if __name__ == "__main__":
    main()
