"""The table of all formats of labels. To add one: a module with its ``FORMAT``, and a line here."""

from amclip.data.formats import (
    animal_kingdom,
    bento,
    boris,
    boris_project,
    boris_tabular,
    csv_table,
    cvat_labels,
    deepethogram,
    elan,
    ethovision,
    feral,
    frame_list,
    jaaba,
    label_studio,
    mabe,
    nwb,
    observer,
    path_list,
    simba,
    sleap_events,
    via3,
    zamba,
)
from amclip.data.formats.label_format import BoutReader, BytesReader, LabelFormat, Writer

__all__ = ["FILE_NAMES", "FORMATS", "WRITERS"]

FORMATS: tuple[LabelFormat, ...] = (
    boris_project.FORMAT,
    boris.FORMAT,
    boris_tabular.FORMAT,
    deepethogram.FORMAT,
    feral.FORMAT,
    simba.FORMAT,
    bento.FORMAT,
    ethovision.FORMAT,
    observer.FORMAT,
    elan.FORMAT,
    mabe.FORMAT,
    jaaba.FORMAT,
    via3.FORMAT,
    cvat_labels.FORMAT,
    label_studio.FORMAT,
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

FILE_NAMES: tuple[str, ...] = tuple(
    pattern
    for form in FORMATS
    if isinstance(form.reader, BoutReader | BytesReader) and form.reader.files is not None
    for pattern in form.reader.files.patterns
)
"""What the names of label files in a folder are like."""
