"""Formats of labels: each is a module with its reader, its writer and its ``FORMAT``; ``known`` has the table."""

from amclip.data.formats.class_names import read_class_groups, read_classes
from amclip.data.formats.joining import in_words, joined_classes, refuse_untold
from amclip.data.formats.known import FILE_NAMES, FORMATS, WRITERS
from amclip.data.formats.label_format import LabelFormat, Noted, Reading, Rows
from amclip.data.formats.observations import NoObservationsError, Observations
from amclip.data.formats.origin import Origin
from amclip.data.formats.parts import read_parts
from amclip.data.formats.reading import (
    GivenClipsError,
    files_in,
    format_of,
    read_labels,
    read_noted,
    read_part,
    read_rows_as_bouts,
    read_splits,
    read_table,
)
from amclip.data.formats.writing import export, files_below, refuse_other_suffix

__all__ = [
    "FILE_NAMES",
    "FORMATS",
    "WRITERS",
    "GivenClipsError",
    "LabelFormat",
    "NoObservationsError",
    "Noted",
    "Observations",
    "Origin",
    "Reading",
    "Rows",
    "export",
    "files_below",
    "files_in",
    "format_of",
    "in_words",
    "joined_classes",
    "read_class_groups",
    "read_classes",
    "read_labels",
    "read_noted",
    "read_part",
    "read_parts",
    "read_rows_as_bouts",
    "read_splits",
    "read_table",
    "refuse_other_suffix",
    "refuse_untold",
]
