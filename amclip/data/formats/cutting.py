"""From what a file of bouts or of frames notes to a table of clips."""

from dataclasses import replace
from typing import NamedTuple

from amclip.data.formats.label_format import LabelFormat, Noted, Reading
from amclip.data.intervals import clips_of
from amclip.data.table import LabelTable, NoClassError, build_table, lost_of

__all__ = ["NotedFile", "cut_noted", "cut_part"]


class NotedFile(NamedTuple):
    """A file of bouts or of frames.

    Attributes:
        form: Its format.
        noted: What it says, uncut.
    """

    form: LabelFormat
    noted: Noted


def cut_noted(noted: Noted, source: str, reading: Reading) -> LabelTable:
    """The table of clips that a file of bouts or of frames becomes.

    Raises:
        LabelError: If a behaviour is none of the classes, or nothing is left.
    """
    clips = clips_of(noted.timelines, reading.windows, source, reading.subjects)
    shown, noted_names = None, set[str]()
    if reading.windows is not None:
        # What windows lose is no class where classes are not named. It need not be one where they are: a network is
        # tested on the table that it was trained on.
        shown = {name for clip in clips for name in clip.labels or ()}
        noted_names = {bout.label for timeline in noted.timelines for bout in timeline.bouts}
    noted.refuse_others(reading.classes, source, shown)
    told = None if noted.classes is None else tuple(noted.classes)
    try:
        table = build_table(clips, source, reading.classes, noted.classes)
    except NoClassError as error:
        raise NoClassError(replace(error.table, lost=lost_of(noted_names, error.table), told=told)) from error
    table = replace(table, lost=lost_of(noted_names, table), told=told)
    if reading.subjects == "each":
        return table
    merged = {name for timeline in noted.timelines for name in timeline.subjects if name}
    return replace(table, merged=tuple(sorted(merged)))


def cut_part(read: NotedFile | LabelTable, source: str, reading: Reading) -> LabelTable:
    """The table of one of several files, which alone may show none of the behaviours."""
    try:
        return read if isinstance(read, LabelTable) else cut_noted(read.noted, source, reading)
    except NoClassError as error:
        return error.table
