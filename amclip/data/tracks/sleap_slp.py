"""SLEAP's ``.slp`` through sleap-io: instances in frames, each with a track, an identity, both or neither.

Points are at pixel centres: the centre of the first pixel is (0, 0); sleap-io moves those of old files there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amclip.data.extras import required
from amclip.data.label_error import LabelError
from amclip.data.tracks.boxes import track_of_points
from amclip.data.tracks.building import LARGEST_FRAME, checked_subject, distinct_tracks
from amclip.data.tracks.sleap_analysis import PIXEL_CENTRE
from amclip.data.tracks.track import Track
from amclip.data.tracks.track_format import Found, Hdf5Reader, TrackFormat, TrackReading

__all__ = ["FORMAT", "matches", "read"]


def matches(file: Any) -> bool:
    """Whether the file has the data sets of SLEAP's instances."""
    return "metadata" in file and "instances" in file and "frames" in file


def read(file: Any, source: str, reading: TrackReading) -> Found:
    """Read the tracks of all its videos.

    Animals are the identities, where instances have some: an identity is an animal, a track a piece of its path. Else
    they are the tracks. In a frame an instance set by hand overrides a predicted one.

    Raises:
        LabelError: If sleap-io cannot read it, no instance has a track, or an animal stands twice in a frame.
        ModuleNotFoundError: If sleap-io is not installed.
    """
    sleap = required("sleap_io", source)
    try:
        labels = sleap.load_slp(source, open_videos=False)
    except ModuleNotFoundError:
        raise
    except Exception as error:  # whatever a broken file makes it stumble over
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise LabelError(
            f"sleap-io {sleap.__version__} cannot read it ({reason}); save it again in SLEAP", source
        ) from None
    instances = [one for frame in labels for one in frame.instances]
    by_identity = any(_identity(one) is not None for one in instances)
    owner, what = (_identity, "identity") if by_identity else (_track, "track")
    order = [*(getattr(labels, "identities", None) or []), *labels.tracks]
    found: dict[tuple[int, int], _Path] = {}
    nobodys = 0
    for frame in labels:
        number = int(frame.frame_idx)
        if not 0 <= number < LARGEST_FRAME:
            raise LabelError(f"has an instance in frame {number}; frames count from 0", source)
        for one in frame.instances:
            whose = owner(one)
            if whose is None:
                nobodys += 1
                continue
            path = found.setdefault((id(frame.video), id(whose)), _Path(whose.name, frame.video, _place(whose, order)))
            path.add(number, one, sleap.PredictedInstance, source)
    if not found:
        reason = f"none of its {len(instances)} instances has a track or an identity"
        raise LabelError(f"{reason}; track the animals in SLEAP (or sleap-nn), or give the instances tracks", source)
    threshold = reading.threshold(0.0)
    by_video: dict[int, list[_Path]] = {}
    for path in sorted(found.values(), key=lambda path: path.place):
        by_video.setdefault(id(path.video), []).append(path)
    tracks, notes = [], []
    if nobodys:
        notes.append(f"{nobodys} of {len(instances)} instances have no {what}, and are left out")
    for paths in by_video.values():
        distinct, numbered = distinct_tracks([path.track(source, threshold) for path in paths])
        notes += numbered
        tracks += [(_name_of(paths[0].video), track) for track in distinct if len(track.frames)]
    return Found(tracks, notes=list(dict.fromkeys(notes)))


@dataclass
class _Path:
    """Instances of one animal in one video by their frames."""

    name: str
    video: Any
    place: int
    instances: dict[int, tuple[Any, bool]] = field(default_factory=dict)

    def add(self, frame: int, instance: Any, predicted: type, source: str) -> None:
        """Add an instance; one set by hand overrides a predicted one.

        Raises:
            LabelError: If there are two of a kind.
        """
        by_machine = isinstance(instance, predicted)
        before = self.instances.get(frame)
        if before is not None and before[1] == by_machine:
            raise LabelError(f"{self.name!r} has two instances in frame {frame}; delete one in SLEAP", source)
        if before is None or before[1]:
            self.instances[frame] = instance, by_machine

    def track(self, source: str, threshold: float) -> Track:
        """Its track."""
        frames = sorted(self.instances)
        chosen = [self.instances[frame] for frame in frames]
        points = np.stack([np.asarray(one.numpy(), np.float64)[:, :2] for one, _ in chosen]) + PIXEL_CENTRE
        points += _offset(self.video)
        likelihood = None
        if threshold > 0:
            likelihood = np.stack([_scores(one, by_machine) for one, by_machine in chosen])
        name = checked_subject(self.name, source)
        return track_of_points(name, np.array(frames, np.int64), points, source, likelihood, threshold)


def _track(instance: Any) -> Any:
    return instance.track


def _identity(instance: Any) -> Any:
    return getattr(instance, "identity", None)  # sleap-io before 0.9 knows none


def _place(owner: Any, order: Sequence[Any]) -> int:
    """Place in the file's list, which is what tells tracks of one name apart."""
    return next((index for index, one in enumerate(order) if one is owner), len(order))


def _scores(instance: Any, by_machine: bool) -> Any:
    """Likelihood of each point; what a person has set is certain."""
    if by_machine:
        return np.asarray(instance.points["score"], np.float64)
    return np.ones(len(instance.points))


def _name_of(video: Any) -> str:
    """A video's name; of frames that are stored in the file or cut out, the name of the video that they are from."""
    while getattr(video, "source_video", None) is not None:
        video = video.source_video
    name = video.filename
    if isinstance(name, Sequence) and not isinstance(name, str):  # a folder of images
        return str(name[0]).replace("\\", "/").rpartition("/")[0] if name else ""
    return str(name)


def _offset(video: Any) -> Any:
    """Where the part of the video that points are measured in begins, in pixels of the whole."""
    rect = getattr(video, "crop_rect", None)
    return np.zeros(2) if rect is None else np.array(rect[:2], np.float64)


FORMAT = TrackFormat("SLEAP's .slp", Hdf5Reader(matches, read))
