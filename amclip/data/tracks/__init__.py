"""Where each animal is: boxes per video, subject and frame, from whatever tracked them."""

from amclip.data.tracks.names import (
    NoTracksError,
    UnknownSubjectError,
    match_names,
    match_subjects,
    match_videos,
    tracks_of,
)
from amclip.data.tracks.plain_table import write_tracks
from amclip.data.tracks.reading import read_tracks, track_files, track_format_of
from amclip.data.tracks.track import Track, Tracks
from amclip.data.tracks.track_format import TrackReading

__all__ = [
    "NoTracksError",
    "Track",
    "TrackReading",
    "Tracks",
    "UnknownSubjectError",
    "match_names",
    "match_subjects",
    "match_videos",
    "read_tracks",
    "track_files",
    "track_format_of",
    "tracks_of",
    "write_tracks",
]
