"""Tables with a header: ``filepath,label[,subject][,start,stop][,split]``, or a 0/1 column per class.

Covers zamba's ``filepath,label,split``. The delimiter (comma, semicolon or tab) is taken from the header.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from amclip.data.formats.bout_rows import noted_rows
from amclip.data.formats.delimited import Columns, delimiter_of, first_line, place_columns, rows
from amclip.data.formats.label_format import ClipReader, LabelFormat, Noted, Reading, Writer
from amclip.data.formats.notes import unnamed
from amclip.data.formats.origin import Writing
from amclip.data.label_error import LabelError, raise_together
from amclip.data.split_names import split_name
from amclip.data.table import Clip, LabelTable, build_table, write_table

__all__ = ["FORMAT", "VIDEO_COLUMNS", "matches", "read", "read_bouts", "write"]

# Header cells, lower case, and what they hold. The column of animals has one name: `animal` and `individual` may be
# classes of the 0/1 form, and `id` may count the rows.
_COLUMNS = {
    "video": ("filepath", "file_path", "video", "video_path", "path", "file", "filename", "file_name"),
    "label": ("label", "labels", "behaviour", "behaviours", "behavior", "behaviors", "action", "actions"),
    "start": ("start", "start_s", "start (s)"),
    "stop": ("stop", "stop_s", "stop (s)", "end", "end_s", "end (s)"),
    "split": ("split",),
    "subject": ("subject",),
}
VIDEO_COLUMNS = _COLUMNS["video"]
"""Names of the column of the videos, lower case."""
_ROLE = {name: role for role, names in _COLUMNS.items() for name in names}
_BOUTS = {"behaviour", "start", "stop", "peak_probability"}  # of bouts.csv
# Of columns that may tell animals apart, where there is a label column.
_ANIMALS = {f"{name}{end}" for name in ("animal", "individual", "subject") for end in ("", "s", "_id", " id", "id")}
_IGNORED = ("site",)  # zamba's; not a class in the 0/1 form
_MOST_CLASSES = 10_000
_TRUTH = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}


def matches(text: str) -> bool:
    """Whether the first line is a header that names the column of the videos."""
    return _delimiter(first_line(text)) is not None


def read(text: str, source: str, reading: Reading) -> LabelTable:
    """Read a table from its text.

    Raises:
        LabelError: If a row or the header cannot be used; names line and column.
    """
    classes = reading.classes
    columns, clips = _read_rows(text, source, _ROLE.get)
    header, roles, class_columns = columns.header, columns.places, columns.classes
    if not class_columns:
        apart = [name for name in header if name.lower() in _ANIMALS and "subject" not in roles]
        hint = f". If the column {apart[0]!r} tells which animal it is, name it 'subject'" if apart else ""
        return build_table(clips, source, classes, hint=hint)
    columns.refuse_class_subject()
    found = [header[index] for index in class_columns]
    if classes is not None:  # columns are known classes or a slip, even where all their cells are 0
        unknown = [name for name in found if name not in classes]
        if unknown:
            raise LabelError(
                f"unknown class {unknown[0]!r}; the classes are {', '.join(classes)}", source, 1, unknown[0]
            )
    return replace(build_table(clips, source, classes, found), told=tuple(found))


def read_bouts(text: str, source: str, reading: Reading) -> Noted:
    """As :func:`read`, of a table whose rows are bouts.

    Here a column such as `animal` names the animal too: beside one of behaviours it is no class.

    Raises:
        LabelError: If a row or the header cannot be used; names line and column.
    """
    header = next(rows(text, _delimiter(first_line(text)) or ",", source))[1]
    named = any(_ROLE.get(name.lower()) == "label" for name in header)
    columns, clips = _read_rows(text, source, lambda name: "subject" if named and name in _ANIMALS else _ROLE.get(name))
    columns.refuse_class_subject()
    return noted_rows(clips, source, reading, header[columns.places["label"]] if named else None)


def _read_rows(text: str, source: str, role_of: Callable[[str], str | None]) -> tuple["_ClipColumns", list[Clip]]:
    """The columns of a table and its rows."""
    delimiter = _delimiter(first_line(text)) or ","
    lines = rows(text, delimiter, source)
    _, header = next(lines)
    if {name.lower() for name in header} >= _BOUTS:
        raise LabelError(
            "is a table of bouts, which says what was found and nothing of the time between; train on the label table "
            "of `amclip report`, or on the events in the folder 'boris' with data.source.window",
            source,
            1,
        )
    columns = _ClipColumns(source, header, delimiter, *_layout(header, source, role_of))
    clips, errors = [], []
    for line, row in lines:
        try:
            clips.append(columns.clip(row, line))
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    return columns, clips


def _delimiter(line: str) -> str | None:
    """The delimiter under which the header names a video column; a comma where it is the only column."""
    return delimiter_of(line, lambda cells: any(_ROLE.get(cell) == "video" for cell in cells), (",", "\t", ";"))


def _layout(
    header: Sequence[str], source: str, role_of: Callable[[str], str | None]
) -> tuple[dict[str, int], list[int]]:
    """Index of each known column, and the indices of the class columns (0/1 form only)."""
    roles, others = place_columns(header, role_of, source, 1)
    others = [index for index in others if header[index].lower() not in _IGNORED]
    for given, missing in (("start", "stop"), ("stop", "start")):
        if given in roles and missing not in roles:
            raise LabelError(f"has a column {header[roles[given]]!r} and none for {missing}", source, 1)
    if "label" in roles:
        return roles, []  # other columns (site, observer, notes) are the user's own
    if len(others) > _MOST_CLASSES:
        raise LabelError(
            f"has {len(header)} columns; without a column 'label' each would be a class, and at most {_MOST_CLASSES} "
            "are. Are rows and columns exchanged?",
            source,
            1,
        )
    if "" in (header[index] for index in others):
        raise LabelError("a column has no name; in a table with a 0/1 column per class each needs one", source, 1)
    return roles, others


@dataclass(frozen=True)
class _ClipColumns(Columns):
    """The columns of a table of clips, and what its rows have in common, kept once: millions hold few different ones.

    Attributes:
        classes: Indices of the class columns.
    """

    classes: Sequence[int]
    videos: dict[str, str] = field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=lambda: {"": ""})

    def refuse_class_subject(self) -> None:
        """Refuse a column ``subject`` of zeros and ones in a table with a column per class: it may be one of them.

        Raises:
            LabelError: If it is so.
        """
        names = self.subjects.keys() - {""}
        if "subject" in self.places and names and all(name.lower() in _TRUTH for name in names):
            raise self.error(
                f"holds {' and '.join(sorted(names))} alone: here the column names the animal that a row is about. "
                "Give animals other names (such as a0, a1); or, if it is a class, give that another name",
                1,
                "subject",
            )

    def clip(self, row: Sequence[str], line: int) -> Clip:
        """A row as a clip.

        Raises:
            LabelError: If it cannot be used.
        """
        roles = self.places
        row = self.cells(row, line)
        video = self.video(row, line)
        split = None
        if "split" in roles and row[roles["split"]]:
            try:
                split = _split_name(row[roles["split"]])
            except ValueError as error:
                raise self.error(str(error), line, "split") from None
        start = stop = None
        if "start" in roles:
            start = self.number(row, "start", line) if row[roles["start"]] else None
            stop = self.number(row, "stop", line) if row[roles["stop"]] else None
        video, labels = self.videos.setdefault(video, video), self._labels(row, line)
        if "subject" not in roles:
            return Clip(video, start, stop, labels, split, line)
        subject = self.subjects.setdefault(row[roles["subject"]], row[roles["subject"]])
        return Clip(video, start, stop, labels, split, line, subject=subject)

    def _labels(self, row: Sequence[str], line: int) -> tuple[str, ...] | None:
        if "label" in self.places:
            cell = row[self.places["label"]]
            if cell not in self.labels:
                self.labels[cell] = tuple(name.strip() for name in cell.split(";") if name.strip())
            return self.labels[cell]
        if not self.classes:
            return None
        names = self.header
        shown = tuple(names[index] for index in self.classes if _truth(row[index], names[index], self.source, line))
        return self.labels.setdefault("\0".join(shown), shown)


_split_name = lru_cache(split_name)


def _truth(cell: str, column: str, source: str, line: int) -> bool:
    try:
        return _TRUTH[cell.lower()]
    except KeyError:
        hint = ". Is it Label Studio's? Export as JSON" if cell.startswith(("[{", "{")) else ""
        raise LabelError(
            f"{cell[:80]!r} is neither 0 nor 1; without a column 'label', every column that is not filepath, subject, "
            f"start, stop, split or site is a class{hint}",
            source,
            line,
            column,
        ) from None


def write(table: LabelTable, target: Path, writing: Writing) -> list[str]:
    """The table that amclip reads first."""
    write_table(table, target)
    return unnamed(table)


FORMAT = LabelFormat(
    "table", "a table of clips", ClipReader(matches, read, read_bouts=read_bouts), Writer(write, holds_subjects=True)
)
