"""What each of two courting flies does, by rules on its own body points; and their boxes, for a smaller video.

The rules are those that the scene's labels were made by (`courtship_labels.csv`), applied to each fly.
"""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amclip.data.intervals import Bout, Timeline
from amclip.data.tracks import Tracks, read_tracks

__all__ = ["BEHAVIOURS", "VIDEO", "agreement_with_scene", "fly_timelines", "scaled_tracks"]

VIDEO = "courtship.mp4"
FPS = 25.0
BEHAVIOURS = ("chasing", "proximity", "still", "turning", "walking", "wing extension")
_SMOOTH = 13  # frames, half a second
_SHORTEST = 9  # frames: shorter gaps are filled, then shorter bouts are dropped


def fly_timelines(path: Path) -> tuple[Timeline, ...]:
    """Bouts of each fly, from SLEAP's analysis file."""
    shown, names = _behaviours(path)
    frames = next(iter(shown.values())).shape[1]
    timelines = []
    for fly, name in enumerate(names):
        bouts = [
            Bout(int(start) / FPS, int(stop) / FPS, behaviour, subject=name)
            for behaviour in BEHAVIOURS
            for start, stop in _runs(shown[behaviour][fly])
        ]
        timelines.append(Timeline(VIDEO, tuple(sorted(bouts, key=lambda bout: bout.start)), frames / FPS, FPS))
    return tuple(replace(one, subjects=(name,)) for one, name in zip(timelines, names, strict=True))


def agreement_with_scene(path: Path, labels: Path) -> float:
    """Share of the frames and behaviours in which the flies' bouts, joined, say what the scene's labels say."""
    import pandas as pd

    shown, _ = _behaviours(path)
    scene = pd.read_csv(labels)
    joined = {name: of.all(axis=0) if name == "still" else of.any(axis=0) for name, of in shown.items()}
    return float(np.mean([joined[name] == scene[name].to_numpy(bool) for name in BEHAVIOURS]))


def scaled_tracks(path: Path, zoom: float) -> Tracks:
    """The flies' boxes in a video that is smaller than the one that was tracked."""
    tracks = read_tracks(str(path))
    ((_, flies),) = tracks.videos.items()
    smaller = [
        (VIDEO, replace(fly, boxes=fly.boxes * zoom, body_length=(fly.body_length or 0.0) * zoom or None))
        for fly in flies
    ]
    return Tracks.of(tracks.source, smaller)


def _behaviours(path: Path) -> tuple[dict[str, NDArray[np.bool_]], list[str]]:
    """Whether each behaviour is shown, bool ``[flies, frames]``, and the flies' names."""
    import h5py

    with h5py.File(path) as file:
        points = file["tracks"][:]  # fly, xy, node, frame
        nodes = [name.decode() for name in file["node_names"][:]]
        names = [name.decode() for name in file["track_names"][:]]
    smooth = _smoothed(points)
    part = {name: smooth[:, :, number] for number, name in enumerate(nodes)}
    thorax, axis = part["thorax"], part["head"] - part["abdomen"]
    speed = np.hypot(*np.moveaxis(np.gradient(thorax, axis=-1) * FPS, 1, 0))
    heading = np.unwrap(np.arctan2(axis[:, 1], axis[:, 0]), axis=-1)
    turn = np.abs(np.gradient(heading, axis=-1)) * FPS
    wings = np.stack([_angle(part[name] - thorax, -axis) for name in ("wingL", "wingR")]).max(axis=0)
    apart = np.hypot(*(thorax[1] - thorax[0]))
    towards = _angle(np.stack([thorax[1] - thorax[0], thorax[0] - thorax[1]]), axis)
    shown = {
        "walking": speed > 60,
        "still": speed < 25,
        "turning": turn > 1.2,
        "wing extension": wings > 45,
        "proximity": np.stack([apart < 130] * 2),
        # Of both it is the one that faces the other that chases.
        "chasing": (speed > 45).all(axis=0) & (apart < 320) & (towards < 45),
    }
    return {name: np.stack([_cleaned(one) for one in shown[name]]) for name in BEHAVIOURS}, names


def _smoothed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Missing points are filled in between their neighbours in time, then all are averaged over half a second."""
    frames, half = np.arange(points.shape[-1]), _SMOOTH // 2
    kernel = np.full(_SMOOTH, 1 / _SMOOTH)
    smooth = np.empty_like(points)
    for place in np.ndindex(points.shape[:-1]):
        row = points[place]
        there = np.isfinite(row)
        filled = np.interp(frames, frames[there], row[there])
        smooth[place] = np.convolve(np.pad(filled, half, mode="edge"), kernel, "valid")
    return smooth


def _angle(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Degrees between vectors ``[flies, 2, frames]``."""
    lengths = np.hypot(one[:, 0], one[:, 1]) * np.hypot(other[:, 0], other[:, 1])
    return np.degrees(np.arccos(np.clip((one * other).sum(axis=1) / lengths, -1, 1)))


def _runs(shown: NDArray[np.bool_]) -> NDArray[np.int64]:
    """First frame and the frame after the last of each bout, ``[n, 2]``."""
    changes = np.flatnonzero(np.diff(np.pad(shown.astype(np.int8), 1)))
    return changes.reshape(-1, 2)


def _cleaned(shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without short gaps between bouts, then without short bouts."""
    clean = shown.copy()
    runs = _runs(clean)
    for (_, stop), (start, _) in itertools.pairwise(runs):
        if start - stop < _SHORTEST:
            clean[stop:start] = True
    for start, stop in _runs(clean):
        if stop - start < _SHORTEST:
            clean[start:stop] = False
    return clean
