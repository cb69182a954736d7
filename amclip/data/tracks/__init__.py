"""Where each animal is: boxes per video, subject and frame, from whatever tracked them."""

from amclip.data.tracks.track import Track, Tracks

__all__ = ["Track", "Tracks"]
