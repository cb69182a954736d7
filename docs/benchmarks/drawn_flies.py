"""A stand-in for the video of two flies, for quick runs: drawn dots whose body points do all that the rules know of."""

import csv
from pathlib import Path

import cv2
import fly_tracks
import numpy as np
from numpy.typing import NDArray

from amclip.data.boris_columns import AGGREGATED
from amclip.data.writer import VideoWriter
from amclip.ethogram import boris_files
from amclip.ethogram.annotation_file import AnnotatedVideo
from amclip.ethogram.bouts import ScoredBout
from amclip.ethogram.extent import Extent

__all__ = ["PARTS", "draw_flies"]

SECONDS, FPS, SIDE, SHOWN = 24.0, 25.0, 1024, 96
#: Seconds of training, validation and the held-out part.
PARTS = ((0.0, 12.0), (12.0, 16.0), (17.0, 24.0))
NODES = ("head", "thorax", "abdomen", "wingL", "wingR")
# A round of four seconds: how fast the flies go (pixels a second), turn (radians a second), hold their wings (degrees),
# and whether they are side by side.
ROUND = ((0, 0.0, 20, False), (120, 0.0, 20, False), (30, 2.5, 20, False), (80, 0.0, 20, True), (0, 0.0, 80, True))


def body_points() -> NDArray[np.float64]:
    """Of both flies, ``[fly, xy, node, frame]``, pixels of a video of 1024 × 1024."""
    frames = round(SECONDS * FPS)
    points = np.zeros((2, 2, len(NODES), frames))
    place, heading = np.array([300.0, 400.0]), 0.0
    for frame in range(frames):
        phase = (frame / FPS) % 4.0 / 0.8
        speed, turn, wings, close = ROUND[int(phase)]
        heading += turn / FPS
        if not (150 < place[0] < 800 and 150 < place[1] < 800):  # back to the middle
            heading = float(np.arctan2(500 - place[1], 500 - place[0]))
        along = np.array([np.cos(heading), np.sin(heading)])
        place = place + speed / FPS * along
        for fly in range(2):
            middle = place - fly * (90.0 if close else 400.0) * along
            raised = np.radians(wings if fly == 0 else 20)
            tips = [
                np.array([np.cos(heading + np.pi + side * raised), np.sin(heading + np.pi + side * raised)])
                for side in (-1, 1)
            ]
            nodes = (middle + 30 * along, middle, middle - 30 * along, *(middle + 50 * tip for tip in tips))
            points[fly, :, :, frame] = np.stack(nodes, axis=1)
    return points


def draw_flies(folder: Path) -> Path:
    """Write `courtship.mp4`, its tracks as SLEAP has them, the scene's events as BORIS has them, and its labels."""
    import h5py

    points = body_points()
    with h5py.File(folder / "courtship.sleap.h5", "w") as file:
        file["tracks"] = points
        file["track_occupancy"] = np.ones((points.shape[-1], len(points)), np.uint8)
        file["track_names"], file["node_names"] = [b"one", b"two"], [name.encode() for name in NODES]
    with VideoWriter(folder / fly_tracks.VIDEO, FPS, (SHOWN, SHOWN), crf=23) as writer:
        for frame in range(points.shape[-1]):
            picture = np.full((SHOWN, SHOWN, 3), 200, np.uint8)
            for node, size in zip(range(len(NODES)), (2, 3, 3, 1, 1), strict=True):
                for x, y in (points[:, :, node, frame] * SHOWN / SIDE).round().astype(int).tolist():
                    cv2.circle(picture, (x, y), size, (40, 30, 30), -1)
            writer.write(picture)
    _write_scene(folder)
    return folder


def _write_scene(folder: Path) -> None:
    """What both flies do together."""
    flies = fly_tracks.fly_timelines(folder / "courtship.sleap.h5")
    frames = round(SECONDS * FPS)
    shown = {name: np.zeros((len(flies), frames), bool) for name in fly_tracks.BEHAVIOURS}
    for number, fly in enumerate(flies):
        for bout in fly.bouts:
            shown[bout.label][number, round(bout.start * FPS) : round(bout.stop * FPS)] = True
    scene = {name: of.all(axis=0) if name == "still" else of.any(axis=0) for name, of in shown.items()}
    bouts = []
    for name, there in scene.items():
        edges = np.flatnonzero(np.diff(np.pad(there.astype(np.int8), 1))).reshape(-1, 2)
        for first, stop in edges.tolist():
            bouts.append(ScoredBout(fly_tracks.VIDEO, name, first / FPS, stop / FPS, first, stop, 1.0, 1.0))
    about = AnnotatedVideo(fly_tracks.VIDEO, None, Extent(FPS, frames, SECONDS))
    with (folder / "courtship_aggregated_events.csv").open("w", newline="") as file:
        csv.writer(file).writerows([AGGREGATED, *boris_files.aggregated_rows("courtship", about, bouts)])
    with (folder / "courtship_labels.csv").open("w", newline="") as file:
        rows = np.stack(list(scene.values()), axis=1).astype(int).tolist()
        csv.writer(file).writerows([list(scene), *rows])
