"""The table of all formats of tracks. To add one: a module with its ``FORMAT``, and a line here."""

from amclip.data.tracks import plain_table
from amclip.data.tracks.track_format import TrackFormat

__all__ = ["FORMATS"]

FORMATS: tuple[TrackFormat, ...] = (plain_table.FORMAT,)
"""All formats. A file is in the first that matches it."""
