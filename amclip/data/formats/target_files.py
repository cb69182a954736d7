"""Files of other tools, written whole or not at all."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amclip.atomic import replacing, writing_text
from amclip.data.label_error import LabelError

__all__ = ["write_book", "write_rows", "write_text"]

Rows = Sequence[Sequence[Any]]


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8 with plain line ends."""
    with writing_text(path) as file:
        file.write(text)


def write_rows(path: Path, rows: Rows, title: str) -> None:
    """Write a table as what the suffix says: ``.tsv``, ``.xlsx`` (one sheet of that title), else CSV.

    Raises:
        LabelError: If a workbook cannot hold a cell.
    """
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        write_book(path, {title: rows})
        return
    buffer = io.StringIO()
    csv.writer(buffer, delimiter="\t" if suffix == ".tsv" else ",", lineterminator="\n").writerows(rows)
    write_text(path, buffer.getvalue())


def write_book(path: Path, sheets: dict[str, Rows]) -> None:
    """Write an XLSX workbook. Text is text, also where it begins like a formula.

    Raises:
        LabelError: If a cell holds a letter that no workbook can, or there are more rows than a sheet has.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.utils.exceptions import IllegalCharacterError

    book = Workbook(write_only=True)
    for title, rows in sheets.items():
        if len(rows) > 1_048_576:
            raise LabelError(f"{len(rows)} rows: a sheet of a workbook has 1048576; write CSV", str(path))
        sheet = book.create_sheet(title)
        for row in rows:
            cells = []
            for value in row:
                try:
                    cell = WriteOnlyCell(sheet, value)
                except IllegalCharacterError:
                    raise LabelError(f"a workbook cannot hold the letters of {value!r}; rename it", str(path)) from None
                if isinstance(value, str):
                    cell.data_type = "s"
                cells.append(cell)
            sheet.append(cells)
    with replacing(path) as temporary:
        book.save(temporary)
