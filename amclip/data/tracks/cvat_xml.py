"""CVAT's XML 1.1 for video, taken apart: tracks and their boxes with line numbers.

Texts that declare a document type, and so entities, are refused.
"""

from dataclasses import dataclass, field
from xml.parsers import expat

from amclip.data.label_error import LabelError

__all__ = ["Box", "Dump", "TrackElement", "parse"]


@dataclass
class Box:
    """An element ``box``: its attributes as text, those that people set by name, and its line."""

    cells: dict[str, str]
    line: int
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class TrackElement:
    """An element ``track``: its attributes, its boxes, the other shapes it holds, and its line."""

    cells: dict[str, str]
    line: int
    boxes: list[Box] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


@dataclass
class Dump:
    """What a file holds: tracks; texts of ``meta`` by their path, such as ``task/source``; number of images."""

    tracks: list[TrackElement] = field(default_factory=list)
    meta: dict[str, list[str]] = field(default_factory=dict)
    images: int = 0


class _Builder:
    """Takes the parser's events."""

    def __init__(self, source: str) -> None:
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.dump = Dump()
        self._source = source
        self._path: list[str] = []
        self._said: list[str] = []
        self._name: str | None = None  # of the attribute that is open

    def _refuse(self, *_: object) -> None:
        reason = "declares a document type, by which texts can grow without end or read other files; remove the DOCTYPE"
        raise LabelError(reason, self._source, self.parser.CurrentLineNumber)

    def _start(self, name: str, cells: dict[str, str]) -> None:
        line, dump = self.parser.CurrentLineNumber, self.dump
        inside = self._path[1:]
        if not self._path and name != "annotations":
            raise LabelError(f"begins with <{name}>; CVAT's begins with <annotations>", self._source, line)
        if name == "track" and not inside:
            dump.tracks.append(TrackElement(cells, line))
        elif name == "image" and not inside:
            dump.images += 1
        elif inside == ["track"]:
            if name == "box":
                dump.tracks[-1].boxes.append(Box(cells, line))
            elif name != "attribute":
                dump.tracks[-1].others.append(name)
        if name == "attribute":
            self._name = cells.get("name")
        self._path.append(name)
        self._said = []

    def _text(self, text: str) -> None:
        self._said.append(text)

    def _end(self, name: str) -> None:
        said, inside = "".join(self._said).strip(), self._path[1:]
        if inside[:1] == ["meta"] and said:
            self.dump.meta.setdefault("/".join(inside[1:]), []).append(said)
        elif inside == ["track", "box", "attribute"] and self._name:
            self.dump.tracks[-1].boxes[-1].attributes[self._name] = said
        self._path.pop()
        self._said = []


def parse(text: str, source: str) -> Dump:
    """Take a text apart.

    Raises:
        LabelError: If it is no XML, declares a document type, or is another program's.
    """
    builder = _Builder(source)
    try:
        builder.parser.Parse(text.encode("utf-8", "surrogateescape"), True)
    except expat.ExpatError as error:
        raise LabelError(f"is not XML: {expat.ErrorString(error.code)}", source, error.lineno) from None
    return builder.dump
