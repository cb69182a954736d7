"""XLSX workbooks as text, sheet by sheet, so that what reads CSV reads them too."""

import csv
import io
import os
import zipfile
from collections.abc import Sequence
from typing import Any

from amclip.data.label_error import LabelError
from amclip.text import printable

__all__ = ["as_text", "read_sheets"]


def read_sheets(path: str | os.PathLike[str]) -> dict[str, list[list[str]]]:
    """Rows of each sheet as text, cell by cell; row ``n`` of the sheet is item ``n - 1``.

    Whole numbers are written without a fraction, empty cells as ``""``.

    Raises:
        LabelError: If the file is no workbook.
    """
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    with open(path, "rb") as file:  # a file, since openpyxl goes by the suffix of a path
        try:
            book = load_workbook(file, read_only=True, data_only=True)
            return {
                sheet.title: [[_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)]
                for sheet in book
            }
        except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
            reason = _packed(path) or "is no readable spreadsheet; save it as XLSX or as CSV (UTF-8)"
            raise LabelError(reason, os.fspath(path)) from error


def _packed(path: str | os.PathLike[str]) -> str:
    """What is said of a ZIP archive of other files; ``""`` of what may be a damaged workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except (zipfile.BadZipFile, OSError):
        return ""
    if not names or "[Content_Types].xml" in names:
        return ""
    there = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    return f"is a ZIP archive ({printable(there)}); unpack it, and give what is in it"


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """A sheet as CSV, one line per row."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in rows:
        cells = [" ".join(cell.splitlines()) for cell in row]  # a break within a cell would shift the line numbers
        while cells and not cells[-1]:
            cells.pop()
        writer.writerow(cells + [""] * (len(rows[0]) - len(cells)) if cells else [])
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
