"""Animal Kingdom's ``AR_metadata.xlsx``: the sheet ``AR`` has a row per clip, ``Action`` the names of the numbers.

Ng et al. 2022, "Animal Kingdom: A Large and Diverse Dataset for Animal Behavior Understanding" (CVPR). The column
``labels`` is what counts: ``list_animal_action`` differs from it in a tenth of the rows. A clip is named by its id; its
video, or folder of images, is looked for below the root.
"""

import posixpath
from pathlib import Path

from amclip.data.formats.class_names import by_number, names_of_actions
from amclip.data.formats.label_format import BookReader, LabelFormat, Reading, Sheets, Writer
from amclip.data.formats.notes import refuse, whole_videos, without_suffix
from amclip.data.formats.origin import Writing
from amclip.data.formats.target_files import write_book
from amclip.data.label_error import LabelError, raise_together
from amclip.data.split_names import split_name
from amclip.data.table import Clip, LabelTable, build_table

__all__ = ["FORMAT", "matches", "read", "write"]

_COLUMNS = ("video_id", "type", "labels")


def matches(sheets: Sheets) -> bool:
    """Whether one of the sheets is named ``AR``."""
    return "AR" in sheets


def read(sheets: Sheets, source: str, reading: Reading) -> LabelTable:
    """Read the clips of action recognition; where no classes are given, their names are those in ``Action``.

    Raises:
        LabelError: If a sheet, a column or a row cannot be used.
    """
    sheet = sheets["AR"]
    header = [cell.lower() for cell in sheet[0]] if sheet else []
    for name in _COLUMNS:
        if name not in header:
            raise LabelError("the sheet 'AR' has no such column", source, 1, name)
    classes = reading.classes
    if classes is None:
        if "Action" not in sheets:
            raise LabelError(
                "has no sheet 'Action' with the names of the classes; give them (data.source.classes)", source
            )
        classes = names_of_actions(sheets["Action"], source)
    video, split, labels = (header.index(name) for name in _COLUMNS)
    clips, errors = [], []
    for line, row in enumerate(sheet[1:], start=2):
        if not any(row):
            continue
        try:
            cell = (
                row[labels][1:-1] if len(row[labels]) > 1 and row[labels][0] == row[labels][-1] == '"' else row[labels]
            )
            numbers = [part.strip() for part in cell.split(",") if part.strip()]
            named = tuple(by_number(number, classes, source, line, "labels") for number in numbers)
            clips.append(Clip(row[video], labels=named, split=_split(row[split], source, line), line=line))
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    return build_table(clips, source, classes)


def _split(cell: str, source: str, line: int) -> str:
    try:
        return split_name(cell)
    except ValueError as error:
        raise LabelError(str(error), source, line, "type") from None


def write(table: LabelTable, target: Path, writing: Writing) -> list[str]:
    """The sheets ``AR`` and ``Action`` of ``AR_metadata.xlsx``; ``list_animal_action`` (animals) is left empty."""
    whole_videos(table, "AR_metadata.xlsx")
    number = {name: str(index) for index, name in enumerate(table.classes)}
    names: dict[str, str] = {}

    def unfit(clip: Clip) -> str | None:
        if clip.labels is None:
            return "is not labelled; in AR_metadata.xlsx no label means that no action is seen"
        if clip.split not in ("train", "test"):
            return f"is in the split {clip.split}; AR_metadata.xlsx has train and test, and every clip is in one"
        name = without_suffix(clip.video)
        if name != name.strip():
            return f"{clip.video!r} has a blank before its suffix, which a video_id does not keep; rename the file"
        first = names.setdefault(posixpath.normpath(name), clip.video)
        return f"{first} and {clip.video} would have one video_id" if first != clip.video else None

    refuse(table, unfit)
    clips: list[list[object]] = [["S/N", "video_id", "type", "labels", "list_animal_action"]]
    for index, clip in enumerate(table.clips, start=1):
        labels = ",".join(number[name] for name in clip.labels or ())
        clips.append([index, without_suffix(clip.video), clip.split, labels, "[]"])
    actions: list[list[object]] = [["Label", "Category", "Action", "Description"]]
    actions += [[index, "", name, ""] for index, name in enumerate(table.classes)]
    write_book(target, {"AR": clips, "Action": actions})
    return ["the suffix of the videos"] if any(without_suffix(video) != video for video in names.values()) else []


FORMAT = LabelFormat(
    "animal-kingdom", "Animal Kingdom's metadata", BookReader(matches, read), Writer(write, workbook="must")
)
