"""The table of all formats of tracks. To add one: a module with its ``FORMAT``, and a line here."""

from amclip.data.tracks import coco, cvat, deeplabcut, mot, plain_table, sleap_analysis, sleap_slp
from amclip.data.tracks.track_format import TrackFormat

__all__ = ["FORMATS"]

FORMATS: tuple[TrackFormat, ...] = (
    sleap_slp.FORMAT,
    sleap_analysis.FORMAT,
    deeplabcut.FORMAT_HDF5,
    deeplabcut.FORMAT,
    plain_table.FORMAT,
    mot.FORMAT,
    cvat.FORMAT,
    coco.FORMAT,
)
"""All formats. A file is in the first that matches it."""
