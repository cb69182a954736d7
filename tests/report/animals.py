"""Pages of several animals: drawn squares that walk through each other's paths, one of which leaves and returns."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amclip.commands.report import report
from amclip.data.tracks import Track, Tracks
from amclip.data.writer import VideoWriter
from amclip.ethogram.annotation_file import Scoring, read_run
from amclip.ethogram.bouts import BoutSettings, timeline
from amclip.ethogram.extent import Extent
from amclip.ethogram.outputs import write_outputs
from amclip.ethogram.scores import WindowScores
from amclip.report.html import Page, Suggestion, write_page
from amclip.report.media import Media
from amclip.report.windows import read_windows

CLASSES = ("walking", "grooming", "still")
FPS, FRAMES, SIZE = 25, 150, (120, 160)
SIDE = 16
AWAY = (50, 90)
"""Frames in which the second animal is not in the picture."""


def places(count: int) -> NDArray[np.int64]:
    """Left top corners of the squares, int64 ``[count, frames, 2]``, whole pixels; x is linear between walls."""
    times = np.arange(FRAMES)
    found = []
    for number in range(count):
        forth = (times * (1 + number % 3)) % 240
        x = np.where(forth < 120, forth, 240 - forth)
        x = 8 + (x if number % 2 == 0 else 120 - x)
        found.append(np.stack([x, np.full(FRAMES, 20 + (number * 10) % 80)], axis=1))
    return np.stack(found)


def write_video(path: Path, count: int) -> Path:
    ground = np.random.default_rng(0).integers(30, 100, (*SIZE, 3)).astype(np.uint8)
    colours = np.random.default_rng(1).integers(120, 255, (count, 3))
    with VideoWriter(path, FPS, SIZE) as writer:
        for frame in range(FRAMES):
            picture = ground.copy()
            for number, (x, y) in enumerate(places(count)[:, frame]):
                if number != 1 or not AWAY[0] <= frame < AWAY[1]:
                    picture[y : y + SIDE, x : x + SIDE] = colours[number]
            writer.write(picture)
    return path


def tracks(video: str, names: Sequence[str]) -> Tracks:
    """The boxes of the squares, to the pixel."""
    found = []
    for number, (name, corners) in enumerate(zip(names, places(len(names)), strict=True)):
        frames = np.arange(FRAMES)
        if number == 1:
            frames = frames[(frames < AWAY[0]) | (frames >= AWAY[1])]
        boxes = np.concatenate([corners, corners + SIDE], axis=1)[frames].astype(np.float64)
        found.append((video, Track(name, frames, boxes)))
    return Tracks.of("tracks.csv", found)


def scores(video: str, names: Sequence[str], classes: Sequence[str] = CLASSES) -> list[WindowScores]:
    """Waves with noise; the second animal is absent for a while."""
    rng = np.random.default_rng(3)
    first = np.arange(0, FRAMES - 9, 5)
    found = []
    for number, name in enumerate(names):
        cycles = 2.2 + 0.7 * (np.arange(len(classes)) + number) % 5
        waves = -np.cos(2 * np.pi * np.linspace(0, 1, len(first))[:, None] * cycles)
        probabilities = (1 / (1 + np.exp(-3 * waves - rng.normal(0, 0.4, waves.shape)))).astype(np.float32)
        present = ((0, AWAY[0]), (AWAY[1], FRAMES)) if number == 1 else ((0, FRAMES),)
        found.append(
            WindowScores(
                video=video,
                classes=tuple(classes),
                start_frame=first,
                stop_frame=first + 10,
                start=first / FPS,
                stop=(first + 10) / FPS,
                probabilities=probabilities,
                extent=Extent(float(FPS), FRAMES, FRAMES / FPS),
                subject=name,
                present=tuple((a / FPS, b / FPS) for a, b in present),
                present_frames=present,
            )
        )
    return found


def write_animals(
    folder: Path,
    names: Sequence[str] = ("Ada", "Bo"),
    classes: Sequence[str] = CLASSES,
    asked: Sequence[tuple[float, float, str]] | None = None,
) -> Path:
    """A folder as `amclip annotate --tracks` leaves it, and its page; or one that asks.

    Args:
        folder: Where it goes.
        names: Of the animals.
        classes: Of the behaviours.
        asked: Start, stop and animal of intervals to label; default: the page is a report.
    """
    video = write_video(folder / "pair.mp4", len(names))
    settings = {name: BoutSettings(minimum_gap=1.0) for name in classes}
    scoring = Scoring("best.ckpt", 0.4, 0.2)
    boxes = tracks("pair.mp4", names)
    write_outputs(folder, scores("pair.mp4", names, classes), settings, scoring, {"pair.mp4": str(video)}, tracks=boxes)
    if asked is None:
        report(str(folder))
        return folder / "report.html"
    run = read_run(folder)
    page = Page(
        heading="Intervals to label",
        name="run",
        copy_command="",
        classes=run.classes,
        settings=run.settings,
        window=0.4,
        videos=run.videos,
        media=[Media()],
        suggestions=[Suggestion(0, start, stop, name) for start, stop, name in asked],
        tracks=boxes,
    )
    return write_page(folder / "suggest.html", page, map(timeline, read_windows(run)))
