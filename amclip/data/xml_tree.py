"""XML taken apart, with line numbers. Texts that declare a document type, and so entities, are refused."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol
from xml.parsers import expat

from amclip.data.label_error import LabelError

__all__ = ["Element", "Taker", "parse_events", "parse_tree"]


class Taker(Protocol):
    """Takes what is found, in the order of the text."""

    def start(self, name: str, cells: dict[str, str], line: int) -> None:
        """An element begins, with its attributes."""

    def end(self, name: str, said: str) -> None:
        """It ends; with the text since the last element began or ended in it, stripped."""


def parse_events(text: str, source: str, taker: Taker) -> None:
    """Take a text apart, an element at a time.

    Raises:
        LabelError: If it is no XML, or declares a document type.
    """
    parser = expat.ParserCreate("utf-8")
    said: list[str] = []

    def refuse(*_: object) -> None:
        reason = "declares a document type, by which texts can grow without end or read other files; remove the DOCTYPE"
        raise LabelError(reason, source, parser.CurrentLineNumber)

    def start(name: str, cells: dict[str, str]) -> None:
        said.clear()
        taker.start(name, cells, parser.CurrentLineNumber)

    def end(name: str) -> None:
        taker.end(name, "".join(said).strip())
        said.clear()

    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, said.append
    try:
        parser.Parse(text.encode("utf-8", "surrogateescape"), True)
    except expat.ExpatError as error:
        raise LabelError(f"is not XML: {expat.ErrorString(error.code)}", source, error.lineno) from None


@dataclass
class Element:
    """An element: its name, attributes, line, text and the elements in it."""

    name: str
    cells: dict[str, str]
    line: int
    said: str = ""
    inside: list["Element"] = field(default_factory=list)

    def all(self, *path: str) -> Iterator["Element"]:
        """The elements at a path of names below this one."""
        for one in self.inside:
            if one.name == path[0]:
                yield from [one] if len(path) == 1 else one.all(*path[1:])

    def text(self, *path: str) -> str:
        """The text of the first element at a path; ``""`` where there is none."""
        return next((one.said for one in self.all(*path)), "")

    def cell(self, name: str, source: str) -> str:
        """An attribute.

        Raises:
            LabelError: If it is not there.
        """
        if name not in self.cells:
            raise LabelError(f"<{self.name}> has no {name!r}", source, self.line, name)
        return self.cells[name]


class _Builder:
    def __init__(self) -> None:
        self.open = [Element("", {}, 1)]

    def start(self, name: str, cells: dict[str, str], line: int) -> None:
        one = Element(name, cells, line)
        self.open[-1].inside.append(one)
        self.open.append(one)

    def end(self, name: str, said: str) -> None:
        self.open.pop().said = said


def parse_tree(text: str, source: str) -> Element:
    """The outermost element of a text.

    Raises:
        LabelError: If it is no XML, or declares a document type.
    """
    builder = _Builder()
    parse_events(text, source, builder)
    return builder.open[0].inside[0]
