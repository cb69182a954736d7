"""The table of all formats of labels. To add one: a module with its ``FORMAT``, and a line here."""

from amclip.data.formats import (
    animal_kingdom,
    boris,
    boris_project,
    boris_tabular,
    csv_table,
    deepethogram,
    feral,
    frame_list,
    nwb,
    path_list,
    sleap_events,
    zamba,
)
from amclip.data.formats.label_format import LabelFormat, Writer

__all__ = ["FORMATS", "WRITERS"]

FORMATS: tuple[LabelFormat, ...] = (
    boris_project.FORMAT,
    boris.FORMAT,
    boris_tabular.FORMAT,
    deepethogram.FORMAT,
    feral.FORMAT,
    frame_list.FORMAT,
    csv_table.FORMAT,
    path_list.FORMAT,
    zamba.FORMAT,
    animal_kingdom.FORMAT,
    nwb.FORMAT,
    sleap_events.FORMAT,
)
"""All formats. A file is in the first that matches it."""

WRITERS: dict[str, Writer] = {form.name: form.writer for form in FORMATS if form.writer is not None}
"""What writes a format, by the name that is typed."""
