"""One HTML file from scores: page, style, script and data together, so that it opens anywhere, offline."""

import base64
import hashlib
import html
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from amclip.atomic import writing_text
from amclip.data.boris_columns import AGGREGATED, TABULAR
from amclip.data.class_name_rules import refuse_class_names
from amclip.ethogram import boris_files
from amclip.ethogram.annotation_file import AnnotatedVideo
from amclip.ethogram.bouts import BoutSettings, ScoreTimeline, smooth
from amclip.report.media import Media

__all__ = ["SCRIPTS", "Page", "Suggestion", "write_page"]

SCRIPTS = (
    *("basics.js", "bouts.js", "store.js", "storage.js", "corrections.js", "exports.js", "figure.js", "player.js"),
    *("raster.js", "panels.js", "downloads.js", "suggestions.js", "mouse.js", "keys.js", "page.js"),
)
"""Parts of the page's script, in the order in which they need each other."""


@dataclass(frozen=True)
class Suggestion:
    """An interval that a person is asked to label: number of the video on the page, seconds."""

    video: int
    start: float
    stop: float


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


def write_page(target: str | os.PathLike[str], page: Page, timelines: Iterable[ScoreTimeline]) -> Path:
    """Write the page; it has its name only when it is whole.

    Args:
        target: The file, ending in ``.html``.
        page: What it shows.
        timelines: Curves of each video, not smoothed, in the order of ``page.videos``.

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
    digests = []
    with writing_text(path) as file:
        file.write(head)
        for index, (video, curves) in enumerate(zip(page.videos, timelines, strict=True)):
            if curves.video != video.video or curves.classes != page.classes:
                raise ValueError(f"{video.video}: the scores are of {curves.video}, for {curves.classes}")
            scored = json.dumps([page.classes, video.video, _curves(curves)])
            digests.append(hashlib.sha256(scored.encode()).hexdigest()[:24])
            file.write(_json(f"video-{index}", _curves(smooth(curves, page.settings))))
        file.write(_json("run", _about(page, path, digests)))
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


def _curves(timeline: ScoreTimeline) -> dict[str, str]:
    return {
        "edges": _base64(timeline.edges, "<f8"),
        "edge_frames": _base64(timeline.edge_frames, "<i4"),
        "probabilities": _base64(timeline.probabilities.T, "<f4"),  # class by class
    }


def _base64(values: NDArray[Any], kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values).astype(kind).tobytes()).decode()


def _about(page: Page, target: Path, digests: Sequence[str]) -> dict[str, Any]:
    named: set[str] = set()
    columns = {"tabular": TABULAR, "aggregated": AGGREGATED}
    return {
        "name": page.name,
        "copy_command": page.copy_command,
        "classes": list(page.classes),
        "settings": {name: asdict(rules) | {"off_threshold": rules.lower} for name, rules in page.settings.items()},
        "window": page.window,
        "boris": {"project": boris_files.project_frame(page.classes, {}), **columns},
        "videos": [
            asdict(video)
            | _addresses(video, media, target)
            # The page keeps corrections under the digest of a video's scores, and finds them again wherever these are.
            | {"scores": digest, "boris": _observation(video, boris_files.observation_id(video.video, named))}
            for video, media, digest in zip(page.videos, page.media, digests, strict=True)
        ],
        "suggestions": None if page.suggestions is None else [asdict(one) for one in page.suggestions],
    }


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
