"""Text that others wrote - names of files and behaviours, errors that hold them - on terminals and in tables."""

import difflib
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = [
    "counted",
    "few",
    "file_label",
    "holds_control",
    "is_formula",
    "nearest",
    "one_line",
    "path_cell",
    "plain_form",
    "printable",
    "text_cell",
]

_FORMULA = ("=", "+", "-", "@")
"""What a cell begins with that spreadsheet programs take for a formula."""
# Control characters, which move a terminal's cursor or colour it, but for tab and line break; the parts of letters that
# stand for bytes of file names that are no UTF-8; and the marks that turn the direction of text.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS = re.compile(r"[\t\n]")


def counted(number: int, thing: str, things: str = "") -> str:
    """A number and what it counts: ``1 video``, ``2 videos``.

    Args:
        number: How many.
        thing: What one is called.
        things: What several are called; default: with an s.
    """
    return f"{number} {thing if number == 1 else things or f'{thing}s'}"


def few(lines: Sequence[str], most: int = 8) -> list[str]:
    """The first of many lines, and how many there are beside them."""
    return [*lines] if len(lines) <= most else [*lines[: most - 1], f"and {len(lines) - most + 1} more like these"]


def plain_form(name: str) -> str:
    """A name without what people write differently: letter case, blanks, hyphens and underscores."""
    return "".join(name.casefold().replace("_", " ").replace("-", " ").split())


def nearest(name: str, names: Iterable[str], most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Which of several names may be meant by one that is none of them; empty where none is like it.

    Args:
        name: What was written.
        names: What there is.
        most: How many are told, the likest first. Of names that differ in their plain form none is told where there are
            some that do not.
        cutoff: How like they are at least, in ``[0, 1]``: twice the letters in common, by the letters of both.
    """
    by_form: dict[str, list[str]] = {}
    for other in names:
        by_form.setdefault(plain_form(other), []).append(other)
    form = plain_form(name)
    forms = [form] if form in by_form else difflib.get_close_matches(form, list(by_form), most, cutoff)
    return [other for form in forms for other in by_form[form]][:most]


def printable(text: str) -> str:
    """The same text with signs for what a terminal would obey, as Python writes them."""
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """The same text, printable and in one line, for comments in files that are read again."""
    return " ".join(printable(text).split())


def holds_control(text: str) -> bool:
    """Whether a text holds control characters, marks of direction, or bytes that are no UTF-8."""
    return _CONTROL.search(text) is not None


def is_formula(text: str) -> bool:
    """Whether spreadsheet programs would take a cell with this text for a formula."""
    return text.startswith(_FORMULA)


def path_cell(path: str) -> str:
    """A path as a table holds it: the same file, and no formula."""
    return f"./{path}" if is_formula(path) else path


def text_cell(text: str) -> str:
    """A sentence as a table holds it: with the apostrophe by which spreadsheet programs tell text from a formula."""
    return f"'{text}" if is_formula(text) else text


def file_label(path: str) -> str:
    """A name for a file that every table and terminal can hold, and that no other file has.

    Bytes that are no UTF-8 and control characters are written as in addresses of the web: ``%E9``.
    """
    letters = []
    for letter in os.fsencode(path).decode("utf-8", "surrogateescape"):
        odd = holds_control(letter) or _BREAKS.match(letter) or unicodedata.category(letter) in ("Zl", "Zp")
        letters.append("".join(f"%{byte:02X}" for byte in os.fsencode(letter)) if odd else letter)
    return path_cell("".join(letters))
