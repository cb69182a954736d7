"""SLEAP's analysis HDF5: body points of each track and frame in one array.

Points are at pixel centres: the centre of the first pixel is (0, 0). A column is a frame of the video, from 0, unless
the file was exported with labelled frames only, which it does not say.
"""

import re
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data.label_error import LabelError
from amclip.data.tracks.boxes import track_of_points
from amclip.data.tracks.building import checked_subject, distinct_tracks
from amclip.data.tracks.hdf5 import array_of, names_of
from amclip.data.tracks.track_format import Found, Hdf5Reader, TrackFormat, TrackReading

__all__ = ["FORMAT", "PIXEL_CENTRE", "matches", "read"]

PIXEL_CENTRE = 0.5
"""What a place has to be moved by, right and down, where the centre of the first pixel is (0, 0)."""
_DIMS = ("track", "xy", "node", "frame")  # as SLEAP itself writes `tracks`, without saying so
_SCORES = ("track", "node", "frame")
_NUMBERED = re.compile(r"^.+\.\d{3}_")
_ENDS = re.compile(r"(\.(analysis|predictions|tracked|sleap))+$")


def matches(file: Any) -> bool:
    """Whether the file has the data sets of tracks and of who is where."""
    return "tracks" in file and "track_occupancy" in file


def read(file: Any, source: str, reading: TrackReading) -> Found:
    """Read the tracks of one video.

    Raises:
        LabelError: If the arrays are not as SLEAP or sleap-io write them.
    """
    points = _ordered(file, "tracks", _DIMS, source).astype(np.float64)
    names, nodes = names_of(file, "track_names", source), names_of(file, "node_names", source)
    if len(points.shape) != 4 or points.shape[1] != 2 or (nodes and points.shape[2] != len(nodes)):
        raise LabelError(
            f"data set 'tracks' has the shape {points.shape}; expected (tracks, 2, {len(nodes) or 'body points'}, "
            "frames). Where the axes lie otherwise, its attribute 'dims' must say so, as sleap-io writes it",
            source,
        )
    if names and len(names) != len(points):
        raise LabelError(f"names {len(names)} tracks in 'track_names' and holds {len(points)} in 'tracks'", source)
    if not len(points):
        raise LabelError("holds no track; in SLEAP, give the instances tracks and export again", source)
    threshold, scores = reading.threshold(0.0), None
    if threshold > 0:
        if "point_scores" not in file:
            raise LabelError("has no data set 'point_scores', and min_likelihood needs one", source)
        scores = _ordered(file, "point_scores", _SCORES, source).astype(np.float64)
        if scores.shape != (points.shape[0], *points.shape[2:]):
            raise LabelError(
                f"data set 'point_scores' has the shape {scores.shape}, that of 'tracks' is {points.shape}", source
            )
    frames = np.arange(points.shape[3], dtype=np.int64)
    names = names or [f"track_{index}" for index in range(len(points))]  # as SLEAP names new tracks
    tracks, empty = [], []
    for index, name in enumerate(names):
        here = points[index].transpose(2, 1, 0) + PIXEL_CENTRE
        likelihood = None if scores is None else scores[index].T
        track = track_of_points(checked_subject(name, source), frames, here, source, likelihood, threshold)
        if len(track.frames):
            tracks.append(track)
        else:
            empty.append(name)
    notes = [f"the track {name!r} holds no body point" for name in empty]
    tracks, numbered = distinct_tracks(tracks)
    video = _video(file, source)
    return Found([(video, track) for track in tracks], _video_of(source), notes + numbered)


def _ordered(file: Any, name: str, dims: tuple[str, ...], source: str) -> NDArray[Any]:
    """A data set with its axes in the order wanted."""
    values: NDArray[Any] = array_of(file, name, source)
    if values.dtype.kind not in "fiu":
        raise LabelError(f"data set {name!r} holds {values.dtype}; expected numbers", source)
    said = file[name].attrs.get("dims")
    if said is None:
        return values
    given = [part.decode() if isinstance(part, bytes) else str(part) for part in _parts(said)]
    if sorted(given) != sorted(dims) or values.ndim != len(dims):
        raise LabelError(f"data set {name!r}: its attribute 'dims' is {given}; expected {', '.join(dims)}", source)
    ordered: NDArray[Any] = values.transpose([given.index(dim) for dim in dims])
    return ordered


def _parts(said: Any) -> list[Any]:
    if isinstance(said, bytes | str):
        text = said.decode() if isinstance(said, bytes) else said
        return [part.strip(" \"'[]()") for part in text.split(",")]
    return list(np.asarray(said).reshape(-1).tolist())


def _video(file: Any, source: str) -> str:
    names = names_of(file, "video_path", source)
    return names[0] if len(names) == 1 else ""


def _video_of(source: str) -> str:
    """The video's name as SLEAP makes one of it: ``labels.v001.000_courtship.analysis.h5``."""
    return _ENDS.sub("", _NUMBERED.sub("", PurePath(source).stem))


FORMAT = TrackFormat("SLEAP's analysis HDF5", Hdf5Reader(matches, read))
