"""The columns of BORIS' event tables as version 9.15 writes them (boris/export_observation.py)."""

__all__ = ["AGGREGATED", "NOBODY", "TABULAR", "subject_of"]

TABULAR = (
    *("Observation id", "Observation date", "Description", "Observation duration", "Observation type", "Source"),
    *("Time offset (s)", "Media duration (s)", "FPS", "Subject", "Behavior", "Behavioral category", "Behavior type"),
    *("Time", "Media file name", "Image index", "Image file path", "Comment"),
)
AGGREGATED = (
    *("Observation id", "Observation date", "Description", "Observation type", "Source", "Time offset (s)"),
    *("Coding duration", "Media duration (s)", "FPS (frame/s)", "Subject"),
    *("Observation duration by subject by observation", "Behavior", "Behavioral category", "Behavior type"),
    *("Start (s)", "Stop (s)", "Duration (s)", "Media file name", "Image index start", "Image index stop"),
    *("Image file path start", "Image file path stop", "Comment start", "Comment stop"),
)
NOBODY = "No focal subject"
"""Subject of a behaviour that is nobody's in particular."""


def subject_of(cell: str) -> str:
    """The animal that a cell names; ``""`` for nobody in particular."""
    name = cell.strip()
    return "" if name.lower() == NOBODY.lower() else name
