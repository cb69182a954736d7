"""Names of classes, and their segments, from the files that data sets bring beside labels that are numbers."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from amclip.class_groups import CLASS_GROUPS
from amclip.data.formats import strict_json
from amclip.data.formats.delimited import find_header, rows
from amclip.data.formats.spreadsheet import as_text, read_sheets
from amclip.data.label_error import LabelError

__all__ = ["by_number", "names_of_actions", "read_class_groups", "read_classes"]

_NUMBER = ("id", "index", "label", "class")
_NAME = ("name", "action", "behaviour", "behavior")


def by_number(label: str, classes: Sequence[str] | None, source: str, line: int | None, column: str) -> str:
    """The class that a number in a label file stands for; the number itself where no names are known.

    Raises:
        LabelError: If it is no number, or no class has it.
    """
    if not label.isdecimal():
        raise LabelError(f"{label!r} is not the number of a class", source, line, column)
    if classes is None:
        return str(int(label))
    if int(label) >= len(classes):
        raise LabelError(
            f"class {label} is out of range: there are {len(classes)} names, for 0 to {len(classes) - 1}",
            source,
            line,
            column,
        )
    return classes[int(label)]


def read_classes(path: str | os.PathLike[str]) -> list[str]:
    """Names of classes in the order of their numbers.

    Args:
        path: JSON (``{"Walk": 0, …}`` as KABR has it, ``{"0": "walk", …}``, or a list); Animal Kingdom's
            ``AR_metadata.xlsx``; a table with the columns ``id,name``; or a text file with a name per line.

    Raises:
        LabelError: If numbers are missing or double, or the file is none of these.
    """
    source = os.fspath(path)
    if _is_workbook(path):
        sheets = read_sheets(path)
        if "Action" in sheets:
            return names_of_actions(sheets["Action"], source)
        raise LabelError(
            "has no sheet 'Action'; Animal Kingdom's names come from AR_metadata.xlsx (its df_action.xlsx numbers six "
            "actions otherwise than the labels do)",
            source,
        )
    text = _read(path)
    if text.lstrip().startswith(("{", "[")):
        return _from_json(text, source)
    found = find_header(text, lambda cells: bool({*_NUMBER} & {*cells}) and bool({*_NAME} & {*cells}), (",", "\t", ";"))
    if found is None:
        names = [line.strip() for line in text.splitlines() if line.strip()]
        if not names:
            raise LabelError("holds no names of classes", source)
        return names
    lines = rows(text, found[1], source, found[0])
    _, header = next(lines)
    lowered = [cell.lower() for cell in header]
    number, name = (next(lowered.index(n) for n in names if n in lowered) for names in (_NUMBER, _NAME))
    return _in_order([(row[number], row[name], line) for line, row in lines if len(row) > max(number, name)], source)


def names_of_actions(sheet: Sequence[Sequence[str]], source: str) -> list[str]:
    """Names in the order of their numbers, from the sheet ``Action`` of Animal Kingdom's ``AR_metadata.xlsx``.

    One cell of the column ``Label`` holds no number in the published file; the one that is missing belongs there.

    Raises:
        LabelError: If the columns are not there, or more than one number is missing.
    """
    header = [cell.lower() for cell in sheet[0]] if sheet else []
    for name in ("label", "action"):
        if name not in header:
            raise LabelError("the sheet 'Action' has no such column", source, 1, name.capitalize())
    label, action = header.index("label"), header.index("action")
    entries = [(row[label], row[action], line) for line, row in enumerate(sheet[1:], start=2) if any(row)]
    blank = [index for index, entry in enumerate(entries) if entry[0] in ("", "#N/A")]
    if len(blank) == 1:
        free = {str(number) for number in range(len(entries))} - {entry[0] for entry in entries}
        if len(free) == 1:
            entries[blank[0]] = (free.pop(), *entries[blank[0]][1:])
    return _in_order(entries, source)


def read_class_groups(path: str | os.PathLike[str], classes: Sequence[str]) -> list[str]:
    """Head, middle or tail of each class as a data set publishes it, in the columns ``action`` and ``segment``.

    Classes are found by name, whatever the letter case and blanks: Animal Kingdom's ``df_action.xlsx`` numbers six
    actions otherwise than its labels do.

    Raises:
        LabelError: If a class is missing or stands twice with different segments.
    """
    source = os.fspath(path)
    if _is_workbook(path):
        sheets = read_sheets(path)
        texts = [as_text(sheet) for sheet in sheets.values() if sheet]
    else:
        texts = [_read(path)]
    for text in texts:
        found = find_header(text, lambda cells: "segment" in cells and bool({*_NAME} & {*cells}), (",", "\t", ";"))
        if found is not None:
            break
    else:
        raise LabelError("has no columns 'action' and 'segment'", source)
    lines = rows(text, found[1], source, found[0])
    _, header = next(lines)
    lowered = [cell.lower() for cell in header]
    name, segment = next(lowered.index(n) for n in _NAME if n in lowered), lowered.index("segment")
    known: dict[str, str] = {}
    for line, row in lines:
        key, value = _folded(row[name]), row[segment].lower()
        if value not in CLASS_GROUPS:
            raise LabelError(f"{row[segment]!r} is none of {', '.join(CLASS_GROUPS)}", source, line, header[segment])
        if known.setdefault(key, value) != value:
            raise LabelError(f"{row[name]!r} stands twice, as {known[key]} and as {value}", source, line, header[name])
    for one in classes:
        if _folded(one) not in known:
            raise LabelError(f"names no segment for the class {one!r}", source, column=header[name])
    return [known[_folded(one)] for one in classes]


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _from_json(text: str, source: str) -> list[str]:
    content = strict_json.load(text, source)
    if isinstance(content, list):
        if not content or not all(isinstance(name, str | int) for name in content):
            raise LabelError(f"expected a list of names, got {content!r:.80}", source)
        return [str(name) for name in content]
    if not isinstance(content, Mapping):
        raise LabelError("expected names and numbers, or a list of names", source)
    numbered = all(isinstance(value, int) for value in content.values())
    pairs = [
        (str(value), str(key), None) if numbered else (str(key), str(value), None) for key, value in content.items()
    ]
    return _in_order(pairs, source)


def _in_order(entries: Sequence[tuple[str, str, int | None]], source: str) -> list[str]:
    names: dict[int, str] = {}
    for number, name, line in entries:
        if not number.isdecimal():
            raise LabelError(f"{name!r} has {number!r} where its number should be", source, line)
        if int(number) in names:
            raise LabelError(f"number {number} belongs to {names[int(number)]!r} and to {name!r}", source, line)
        names[int(number)] = name
    missing = sorted(set(range(len(names))) - set(names))
    if missing or not names:
        raise LabelError(f"no name has the number {missing[0] if missing else 0}", source)
    return [names[number] for number in range(len(names))]


def _is_workbook(path: str | os.PathLike[str]) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError as error:
        raise LabelError(f"cannot be read: {error.strerror}", os.fspath(path)) from error


def _read(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise LabelError("is not UTF-8 text", os.fspath(path)) from None
