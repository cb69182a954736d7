"""Text in columns: which delimiter it has, and its rows with their line numbers."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from amclip.data.label_error import LabelError

__all__ = [
    "DELIMITERS",
    "Columns",
    "Headed",
    "cells_of",
    "delimiter_of",
    "find_header",
    "first_line",
    "lines_of",
    "number",
    "parse_number",
    "place_columns",
    "read_headed",
    "rows",
]

DELIMITERS = (",", "\t", ";", " ")
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_COMMA = re.compile(r"[+-]?\d+,\d+")


def lines_of(text: str) -> Iterator[str]:
    """Lines with their ends, one at a time: lists of frames have millions, and `io.StringIO` takes 4 bytes a letter."""
    return (match.group() for match in _LINE.finditer(text))


def first_line(text: str) -> str:
    """The first line that is not blank, or ``""``."""
    return next((line for line in lines_of(text) if line.strip()), "")


def delimiter_of(
    line: str, is_header: Callable[[Sequence[str]], bool], delimiters: Sequence[str] = DELIMITERS
) -> str | None:
    """The first delimiter under which a line is the header looked for; its cells are passed stripped, in lower case."""
    for delimiter in delimiters:
        try:
            cells = next(csv.reader([line.strip("\r\n")], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:  # a cell of more than 131,072 characters: it is no header
            continue
        if is_header([cell.strip().lower() for cell in cells]):
            return delimiter
    return None


def find_header(
    text: str, is_header: Callable[[Sequence[str]], bool], delimiters: Sequence[str] = DELIMITERS, within: int = 60
) -> tuple[int, str] | None:
    """Number of lines before the header, and its delimiter; ``None`` where no line of the first ``within`` is one."""
    for index, line in enumerate(islice(lines_of(text), within)):
        delimiter = delimiter_of(line, is_header, delimiters)
        if delimiter is not None:
            return index, delimiter
    return None


def rows(text: str, delimiter: str, source: str, skip: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Line number, counted from 1, and stripped cells of each row that is not blank.

    Args:
        text: The file's text.
        delimiter: One character.
        source: Name of the file, for messages.
        skip: Lines to pass over at the beginning.

    Raises:
        LabelError: If a quote is not closed.
    """
    reader = csv.reader(islice(lines_of(text), skip, None), delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        line = skip + reader.line_num + 1  # a quoted cell may span lines: name the first
        try:
            row = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            reason = str(error)
            if "field limit" in reason:
                reason = f"a cell has more than {csv.field_size_limit()} characters"
            raise LabelError(f"cannot be split into columns ({reason}); check the quotes", source, line) from None
        if any(row):
            yield line, row


class Headed(NamedTuple):
    """A table below its header.

    Attributes:
        skip: Lines before the header.
        delimiter: Between its cells, one character.
        line: The header's line, counted from 1.
        header: Its cells, stripped.
        rows: Line number and stripped cells of each row below it that is not blank.
    """

    skip: int
    delimiter: str
    line: int
    header: list[str]
    rows: Iterator[tuple[int, list[str]]]


def read_headed(
    text: str,
    source: str,
    is_header: Callable[[Sequence[str]], bool],
    delimiters: Sequence[str] = DELIMITERS,
    within: int = 60,
) -> Headed:
    """What lies below the header, by which :func:`find_header` tells the format.

    Raises:
        LabelError: If there is no such header; or, when rows are read, if a quote is not closed.
    """
    found = find_header(text, is_header, delimiters, within)
    if found is None:
        raise LabelError("has no line with the names of the columns that this format has", source)
    lines = rows(text, found[1], source, found[0])
    return Headed(*found, *next(lines), lines)


def cells_of(row: Sequence[str], header: Sequence[str], source: str, line: int) -> Sequence[str]:
    """The cells of a row below a header, one for each column; empty cells behind the last are left out.

    Raises:
        LabelError: If there are more or fewer.
    """
    if len(row) > len(header) and not any(row[len(header) :]):  # spreadsheet programs may add empty cells
        return row[: len(header)]
    if len(row) != len(header):
        hint = "; quote cells that hold the delimiter" if len(row) > len(header) else ""
        raise LabelError(f"has {len(row)} cells where the header has {len(header)}{hint}", source, line)
    return row


def number(
    cell: str, column: str, source: str, line: int, delimiter: str = ",", what: str = "a number of seconds"
) -> float:
    """A number with a decimal point; or with a decimal comma, where cells are not separated by commas.

    Spreadsheet programs separate cells by semicolons where the comma is the decimal sign of the language.

    Raises:
        LabelError: If the cell holds none.
    """
    if delimiter != "," and _COMMA.fullmatch(cell):
        return float(cell.replace(",", "."))
    value = parse_number(cell)
    if value is None:
        hint = " (with a decimal point, such as 12.5)" if "," in cell else " (such as 12.5)"
        raise LabelError(f"{cell[:80]!r} is not {what}{hint}", source, line, column)
    return value


def parse_number(text: str) -> float | None:
    """A number as people and programs write it, or None; Python itself also takes ``1_0`` for ten."""
    if "_" in text or not text.isascii():  # what float takes beyond what anybody writes
        return None
    try:
        return float(text)
    except ValueError:
        return None


def place_columns(
    header: Sequence[str], role_of: Callable[[str], str | None], source: str, line: int
) -> tuple[dict[str, int], list[int]]:
    """Index of each column that has a role, by the role, and the indices of the others.

    Args:
        header: The cells of the header.
        role_of: What a column of this name, in lower case, holds; ``None`` where the name is not known.
        source: Name of the file, for messages.
        line: Of the header.

    Raises:
        LabelError: If two columns have one role.
    """
    places: dict[str, int] = {}
    others = []
    for index, name in enumerate(header):
        role = role_of(name.lower())
        if role is None:
            others.append(index)
        elif role in places:
            first = header[places[role]]
            raise LabelError(f"columns {first!r} and {name!r} both hold the {role}; keep one", source, line)
        else:
            places[role] = index
    return places, others


@dataclass(frozen=True)
class Columns:
    """Where a table has what: reads cells of its rows by role, and names line and column of what cannot be used.

    Attributes:
        source: Name of the file, for messages.
        header: Names of all columns.
        delimiter: What cells are separated by.
        places: Index of each column that has a role.
    """

    source: str
    header: Sequence[str]
    delimiter: str
    places: Mapping[str, int]

    def cells(self, row: Sequence[str], line: int) -> Sequence[str]:
        """As :func:`cells_of`."""
        return row if len(row) == len(self.header) else cells_of(row, self.header, self.source, line)

    def video(self, cells: Sequence[str], line: int) -> str:
        """The cell of the role ``video``.

        Raises:
            LabelError: If it is empty.
        """
        if not (video := cells[self.places["video"]]):
            raise self.error("the path of the video is empty", line, "video")
        return video

    def number(self, cells: Sequence[str], role: str, line: int, what: str = "a number of seconds") -> float:
        """The number in a cell, as :func:`number`."""
        place = self.places[role]
        return number(cells[place], self.header[place], self.source, line, self.delimiter, what)

    def error(self, reason: str, line: int, role: str) -> LabelError:
        """What is wrong with the cell of a role."""
        return LabelError(reason, self.source, line, self.header[self.places[role]])
