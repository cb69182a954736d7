"""Tracks on the command line: which of them belong to the videos, and what tells them from others."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from amclip.data.tracks import NoTracksError, Tracks, match_videos, read_tracks, tracks_of

if TYPE_CHECKING:
    from amclip.ethogram.inputs import Source
    from amclip.inputs import NetworkInput

__all__ = ["fingerprint_of", "refuse_lone_tracks", "tracks_of_sources"]


def tracks_of_sources(given: str | list[str], sources: "Sequence[Source]") -> Tracks:
    """The tracks of the videos, by the names that tables have for these; a video without any is left out.

    Args:
        given: Files or folders of tracks.
        sources: The videos.

    Raises:
        LabelError: If tracks cannot be used, or none are of any of the videos.
    """
    read = read_tracks(given)
    found = match_videos(read, [source.name for source in sources])
    if not found:
        try:
            tracks_of(read, sources[0].name)
        except NoTracksError as error:
            raise NoTracksError(f"of none of the videos; {error.reason}", read.source) from error
    return Tracks.of(read.source, [(name, track) for name, tracks in found.items() for track in tracks], read.notes)


def refuse_lone_tracks(input: "NetworkInput", tracks: Tracks | None) -> None:
    """Refuse tracks for a model that sees whole frames, and a model that looks at animals without them.

    Raises:
        ValueError: If it is so.
    """
    if input.crop is not None and tracks is None:
        raise ValueError("--tracks: the checkpoint was trained on animals cut out; say where they are: --tracks FILE")
    if input.crop is None and tracks is not None:
        raise ValueError(
            "--tracks: the checkpoint was trained on whole frames, and would look at no tracks; leave them out, or "
            "train with input.crop"
        )


def fingerprint_of(tracks: Tracks) -> str:
    """A digest of all boxes, wherever they came from: scores of other boxes are others."""
    digest = hashlib.sha256()
    for video, animals in sorted(tracks.videos.items()):
        for track in animals:
            digest.update(repr((video, track.subject, track.body_length, len(track.frames))).encode())
            digest.update(track.frames.astype("<i8").tobytes() + track.boxes.astype("<f8").tobytes())
    return digest.hexdigest()
