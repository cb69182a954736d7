"""``annotation.json``: what `amclip annotate` says of a folder that it has written. It is written and read here."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from amclip.atomic import writing_text
from amclip.data.intervals import Interval
from amclip.data.used import USES
from amclip.ethogram.bouts import BoutSettings
from amclip.ethogram.extent import Extent
from amclip.ethogram.scores import Presence
from amclip.frame_times import DEFAULT_FLOW_GAP
from amclip.version import __version__

__all__ = ["FILE_NAME", "AnnotatedRun", "AnnotatedVideo", "Scoring", "find_run", "read_run", "write_run"]

FILE_NAME = "annotation.json"


@dataclass(frozen=True)
class Scoring:
    """How videos were scored.

    Attributes:
        checkpoint: The checkpoint that scored, or the name of published weights; ``None`` where no network did.
        window: Length of a window in seconds; ``None`` where there were none.
        hop: Seconds from one window's start to the next.
        flow_gap: Seconds that the network's optical flow runs over.

    Raises:
        ValueError: If a number is not above 0.
    """

    checkpoint: str | None = None
    window: float | None = None
    hop: float | None = None
    flow_gap: float = DEFAULT_FLOW_GAP

    def __post_init__(self) -> None:
        for name in ("window", "hop", "flow_gap"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} {value}")


@dataclass(frozen=True)
class AnnotatedVideo:
    """One video of a run.

    Attributes:
        video: As the tables name it.
        path: Where the file was when it was annotated; ``None`` where that is not known.
        extent: How far it goes.
        subjects: The animals that were scored, in the order of the tables; among them ``""`` where the whole scene was
            scored besides. Empty: the whole scene alone.
        present: When each animal is in the picture, for those that are not all the time.
        used_in: From when to when, in seconds, the clips are that the network was trained on (``train``) and validated
            on (``val``); empty for a new video, ``None`` where that is not known.

    Raises:
        ValueError: If ``present`` is of an animal that was not scored, or ``used_in`` of another split.
    """

    video: str
    path: str | None
    extent: Extent
    subjects: tuple[str, ...] = ()
    present: Mapping[str, tuple[Presence, ...]] = field(default_factory=dict)
    used_in: Mapping[str, tuple[Interval, ...]] | None = None

    def __post_init__(self) -> None:
        if others := (self.used_in or {}).keys() - set(USES):
            raise ValueError(f"{self.video}: used_in {sorted(others)}")
        if others := self.present.keys() - set(self.subjects):
            raise ValueError(f"{self.video}: present of {sorted(others)}, and subjects {list(self.subjects)}")


@dataclass(frozen=True)
class AnnotatedRun:
    """A folder of `amclip annotate`.

    Attributes:
        folder: The folder.
        scoring: How its videos were scored.
        settings: How bouts are cut, for each behaviour, in the order of the network's classes.
        videos: What was annotated.
        errors: Name and reason of each video that could not be.
        tracks: Name of the file in the folder that has the boxes of the animals; ``None`` where there is none.
    """

    folder: Path
    scoring: Scoring
    settings: dict[str, BoutSettings]
    videos: tuple[AnnotatedVideo, ...]
    errors: tuple[tuple[str, str], ...]
    tracks: str | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the behaviours, C."""
        return tuple(self.settings)


def write_run(
    folder: Path,
    scoring: Scoring,
    settings: Mapping[str, BoutSettings],
    videos: Sequence[AnnotatedVideo],
    errors: Sequence[tuple[str, str]],
    tracks: str | None = None,
) -> None:
    """Write the file; writes are atomic. Arguments are as in :class:`AnnotatedRun`.

    Raises:
        OSError: If it cannot be written.
    """
    content = {
        "amclip": __version__,
        **asdict(scoring),
        "classes": list(settings),
        "settings": {name: asdict(one) | {"off_threshold": one.lower} for name, one in settings.items()},
        **({} if tracks is None else {"tracks": tracks}),
        "videos": [_content(video) for video in videos],
        "errors": [{"video": video, "reason": reason} for video, reason in errors],
    }
    with writing_text(folder / FILE_NAME) as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def read_run(folder: str | os.PathLike[str]) -> AnnotatedRun:
    """Read the file.

    Raises:
        FileNotFoundError: If the folder, or the file in it, is not there.
        ValueError: If the file does not say what it should; names what is missing.
    """
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: is not there; give the folder that `amclip annotate … --output FOLDER` has written"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
        names = content["classes"]
        if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
            raise ValueError(f"classes {names}")
        scored = {name: content[name] for name in Scoring.__dataclass_fields__ if name in content}
        return AnnotatedRun(
            folder=Path(folder),
            scoring=Scoring(**scored),
            settings={name: BoutSettings(**content["settings"][name]) for name in names},
            videos=tuple(map(_video, content["videos"])),
            errors=tuple((str(error["video"]), str(error["reason"])) for error in content.get("errors", [])),
            tracks=None if content.get("tracks") is None else str(content["tracks"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path}: is damaged, or of another version of amclip ({error!r}); annotate again") from error


def find_run(folder: str | os.PathLike[str]) -> AnnotatedRun | None:
    """What the file says; ``None`` where there is none that can be read."""
    try:
        return read_run(folder)
    except (OSError, ValueError):
        return None


def _content(video: AnnotatedVideo) -> dict[str, Any]:
    """A video as the file has it: animals only where they are told apart."""
    content: dict[str, Any] = {"video": video.video, "path": video.path, **asdict(video.extent)}
    if video.subjects:
        content |= {"subjects": video.subjects, "present": video.present}
    return content if video.used_in is None else {**content, "used_in": video.used_in}


def _video(content: dict[str, Any]) -> AnnotatedVideo:
    present = {
        str(subject): tuple(Presence(float(a), float(b), int(first), int(stop)) for a, b, first, stop in spans)
        for subject, spans in content.get("present", {}).items()
    }
    path, used = content.get("path"), content.get("used_in")
    try:
        length = float(content["duration"])
        extent = Extent(float(content["fps"]), int(content["num_frames"]), length, float(content.get("offset", 0.0)))
    except ValueError as error:
        raise ValueError(f"{content['video']}: {error}") from error
    return AnnotatedVideo(
        video=str(content["video"]),
        path=None if path is None else str(path),
        extent=extent,
        subjects=tuple(map(str, content.get("subjects", ()))),
        present=present,
        used_in=None if used is None else {str(split): _intervals(spans) for split, spans in used.items()},
    )


def _intervals(spans: Any) -> tuple[Interval, ...]:
    found = tuple((float(start), float(stop)) for start, stop in spans)
    if not all(0 <= start < stop < math.inf for start, stop in found):
        raise ValueError(f"used_in {spans}")
    return found
