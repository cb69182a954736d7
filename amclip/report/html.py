"""One HTML file from scores: page, style, script and data together, so that it opens anywhere, offline."""

import base64
import hashlib
import html
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from amclip.atomic import writing_text
from amclip.data.boris_columns import AGGREGATED, TABULAR
from amclip.data.class_name_rules import refuse_class_names
from amclip.data.tracks import Tracks
from amclip.ethogram import boris_files
from amclip.ethogram.annotation_file import AnnotatedVideo
from amclip.ethogram.bouts import BoutSettings, ScoreTimeline, smooth
from amclip.ethogram.used import use_of_video
from amclip.report.boxes import pack_boxes
from amclip.report.media import Media

__all__ = ["SCRIPTS", "Page", "Suggestion", "write_page"]

SCRIPTS = (
    *("basics.js", "bouts.js", "units.js", "store.js", "storage.js", "corrections.js", "exports.js", "figure.js"),
    *("player.js", "raster.js", "strips.js", "names.js", "panels.js", "downloads.js", "suggestions.js", "mouse.js"),
    *("keys.js", "page.js"),
)
"""Parts of the page's script, in the order in which they need each other."""


@dataclass(frozen=True)
class Suggestion:
    """An interval that a person is asked to label.

    Attributes:
        video: Number of the video on the page.
        start: Seconds since the first frame.
        stop: Seconds since the first frame.
        subject: The animal in it that is asked for; ``""``: the whole scene.
    """

    video: int
    start: float
    stop: float
    subject: str = ""


@dataclass(frozen=True)
class Page:
    """What a page shows besides the scores.

    Attributes:
        heading: Title of the page.
        name: First part of the names of downloaded files.
        copy_command: What makes copies of videos that do not play, for messages on the page.
        classes: Names of the behaviours.
        settings: How bouts are cut, for each class.
        window: Length of a window in seconds.
        videos: The videos.
        media: Where their pictures are, for each.
        suggestions: Intervals to label, in the order of asking; ``None`` for a report.
        tracks: Where the animals are, by the names of ``videos``; ``None``: not known.
    """

    heading: str
    name: str
    copy_command: str
    classes: tuple[str, ...]
    settings: Mapping[str, BoutSettings]
    window: float
    videos: Sequence[AnnotatedVideo]
    media: Sequence[Media]
    suggestions: Sequence[Suggestion] | None = None
    tracks: Tracks | None = None


def write_page(target: str | os.PathLike[str], page: Page, timelines: Iterable[ScoreTimeline]) -> Path:
    """Write the page; it has its name only when it is whole.

    Args:
        target: The file, ending in ``.html``.
        page: What it shows.
        timelines: Curves of each video, not smoothed, in the order of ``page.videos``; those of several animals in a
            video one after the other.

    Returns:
        The file.

    Raises:
        ValueError: If the target does not end in ``.html``, there is no video, a class has a name that label tables
            cannot hold, or curves and videos do not match.
    """
    path = Path(target)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{path}: the page is written as .html")
    refuse_class_names(page.classes)  # its label tables could not be read
    if not page.videos:
        raise ValueError(f"{path}: no video was annotated, so there is nothing to show")
    style, script = f"\n{_part('page.css')}", "\n" + "\n".join(map(_part, SCRIPTS))
    head, tail = _part("page.html").split("$data\n")
    words = {
        # Nothing may be fetched but videos of this machine; no script may run but the page's own.
        "policy": (
            f"default-src 'none'; base-uri 'none'; form-action 'none'; media-src 'self' file: blob:; "
            f"style-src {_digest(style)}; script-src {_digest(script)}"
        ),
        "title": html.escape(page.heading),
        "heading": html.escape(page.heading),
    }
    for word, text in words.items():
        head = head.replace(f"${word}", text)
    head = head.replace("\n$style\n", style)
    tail = tail.replace("\n$script\n", script)
    told = []
    with writing_text(path) as file:
        file.write(head)
        of_videos = groupby(timelines, lambda curves: curves.video)
        for index, (video, (name, group), media) in enumerate(zip(page.videos, of_videos, page.media, strict=True)):
            units = tuple(group)
            for curves in units:
                if name != video.video or curves.classes != page.classes:
                    raise ValueError(f"{video.video}: the scores are of {name}, for {curves.classes}")
            file.write(_json(f"video-{index}", _shown(page, media, units)))
            told.append(_units(units))
        file.write(_json("run", _about(page, path, told)))
        file.write(tail)
    return path


def _part(name: str) -> str:
    return (files("amclip.report") / "page" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(element: str, data: object) -> str:
    """A script element with data; no sign of markup is left in it, whatever names hold."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return f'<script type="application/json" id="{element}">{text}</script>\n'


def _shown(page: Page, media: Media, units: Sequence[ScoreTimeline]) -> dict[str, Any]:
    """Everything of a video that is shown over time: curves of all its animals in the same cells, and their boxes."""
    smoothed = [smooth(curves, page.settings) for curves in units]
    edge_frames, first = np.unique(np.concatenate([one.edge_frames for one in smoothed]), return_index=True)
    edges = np.concatenate([one.edges for one in smoothed])[first]
    cells = [np.searchsorted(one.edge_frames, edge_frames[:-1], "right") - 1 for one in smoothed]
    probabilities = np.concatenate([one.probabilities[mine] for one, mine in zip(smoothed, cells, strict=True)], axis=1)
    shown: dict[str, Any] = _curves(edges, edge_frames, probabilities)
    boxes = [_boxes(page.tracks, curves) for curves in units]
    if any(boxes):
        shown |= {"boxes": boxes, "size": media.size}
    return shown


def _boxes(tracks: Tracks | None, curves: ScoreTimeline) -> str | None:
    track = None if tracks is None else tracks.track(curves.video, curves.subject)
    if track is None:
        return None
    presences = [(int(curves.edge_frames[first]), int(curves.edge_frames[stop])) for first, stop in curves.presences()]
    return base64.b64encode(pack_boxes(track, presences)).decode()


def _units(units: Sequence[ScoreTimeline]) -> dict[str, Any]:
    """What has corrections of its own: a video, or each animal in it, with when it is in the picture."""
    if len(units) == 1 and not units[0].subject:
        return {"scores": _digest_of(units[0]), "subjects": []}
    subjects = []
    for curves in units:
        present = [[float(curves.edges[first]), float(curves.edges[stop])] for first, stop in curves.presences()]
        subjects.append({"subject": curves.subject, "scores": _digest_of(curves), "present": present})
    return {"scores": "", "subjects": subjects}


def _digest_of(curves: ScoreTimeline) -> str:
    """Of scores: the page keeps corrections under it, and finds them again wherever these scores are."""
    who = [curves.subject] if curves.subject else []
    cells = _curves(curves.edges, curves.edge_frames, curves.probabilities)
    scored = json.dumps([curves.classes, curves.video, *who, cells])
    return hashlib.sha256(scored.encode()).hexdigest()[:24]


def _curves(
    edges: NDArray[np.float64], edge_frames: NDArray[np.int64], probabilities: NDArray[np.float32]
) -> dict[str, str]:
    return {
        "edges": _base64(edges, "<f8"),
        "edge_frames": _base64(edge_frames, "<i4"),
        "probabilities": _base64(probabilities.T, "<f4"),  # class by class
    }


def _base64(values: NDArray[Any], kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values).astype(kind).tobytes()).decode()


def _about(page: Page, target: Path, told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    named: set[str] = set()
    columns = {"tabular": TABULAR, "aggregated": AGGREGATED}
    animals = dict.fromkeys(animal["subject"] for units in told for animal in units["subjects"] if animal["subject"])
    return {
        "name": page.name,
        "copy_command": page.copy_command,
        "classes": list(page.classes),
        "settings": {name: asdict(rules) | {"off_threshold": rules.lower} for name, rules in page.settings.items()},
        "window": page.window,
        "boris": {"project": boris_files.project_frame(page.classes, {}, tuple(animals)), **columns},
        "videos": [
            {"video": video.video, "path": video.path, "used": _used(video), **asdict(video.extent)}
            | _addresses(video, media, target)
            | {**units, "boris": _observation(video, boris_files.observation_id(video.video, named))}
            for video, media, units in zip(page.videos, page.media, told, strict=True)
        ],
        "suggestions": None if page.suggestions is None else [asdict(one) for one in page.suggestions],
    }


def _used(video: AnnotatedVideo) -> str:
    """What the training saw of a video, in words; empty for nothing, or where nobody knows."""
    return "" if video.used_in is None else use_of_video(video).in_words


def _observation(video: AnnotatedVideo, name: str) -> dict[str, Any]:
    """What the page writes of a video for BORIS, but for the bouts."""
    return {
        "id": name,
        "observation": boris_files.observation(video, (), video.path or None),
        "tabular": boris_files.tabular_cells(name, video),
        "aggregated": boris_files.aggregated_cells(name, video),
    }


def _addresses(video: AnnotatedVideo, media: Media, target: Path) -> dict[str, Any]:
    """Where the page looks for the pictures: beside itself first, so that both can be moved together."""
    addresses = []
    if media.copy is not None:
        addresses.append({"address": _relative(media.copy, target), "byFrames": True})
    elif video.path:
        path = Path(video.path).absolute()
        addresses += [{"address": each, "byFrames": False} for each in (_relative(path, target), path.as_uri())]
    return {"addresses": addresses, "flow": None if media.flow is None else _relative(media.flow, target)}


def _relative(path: Path, target: Path) -> str:
    return "./" + quote(os.fsencode(os.path.relpath(path.absolute(), target.absolute().parent)))
