"""Animal Kingdom's ``AR_metadata.xlsx``: the sheet ``AR`` has a row per clip, ``Action`` the names of the numbers.

Ng et al. 2022, "Animal Kingdom: A Large and Diverse Dataset for Animal Behavior Understanding" (CVPR). The column
``labels`` is what counts: ``list_animal_action`` differs from it in a tenth of the rows. A clip is named by its id; its
video, or folder of images, is looked for below the root.
"""

from collections.abc import Mapping, Sequence

from amclip.data.label_error import LabelError, raise_together
from amclip.data.readers.class_names import by_number, names_of_actions
from amclip.data.split_names import split_name
from amclip.data.table import Clip, LabelTable, build_table

__all__ = ["matches", "read"]

_COLUMNS = ("video_id", "type", "labels")


def matches(sheets: Mapping[str, Sequence[Sequence[str]]]) -> bool:
    """Whether one of the sheets is named ``AR``."""
    return "AR" in sheets


def read(
    sheets: Mapping[str, Sequence[Sequence[str]]], source: str, classes: Sequence[str] | None = None
) -> LabelTable:
    """Read the clips of action recognition.

    Args:
        sheets: Rows of the workbook's sheets.
        source: Name of the file, for messages.
        classes: Names of the numbers; default: those in the sheet ``Action``.

    Raises:
        LabelError: If a sheet, a column or a row cannot be used.
    """
    sheet = sheets["AR"]
    header = [cell.lower() for cell in sheet[0]] if sheet else []
    for name in _COLUMNS:
        if name not in header:
            raise LabelError("the sheet 'AR' has no such column", source, 1, name)
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
