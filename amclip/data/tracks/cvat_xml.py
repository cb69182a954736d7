"""CVAT's XML 1.1 for video, taken apart: tracks and their boxes with line numbers."""

from dataclasses import dataclass, field

from amclip.data.label_error import LabelError
from amclip.data.xml_tree import parse_events

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
    """Takes the elements; see :class:`amclip.data.xml_tree.Taker`."""

    def __init__(self, source: str) -> None:
        self.dump = Dump()
        self._source = source
        self._path: list[str] = []
        self._name: str | None = None  # of the attribute that is open

    def start(self, name: str, cells: dict[str, str], line: int) -> None:
        dump, inside = self.dump, self._path[1:]
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

    def end(self, name: str, said: str) -> None:
        inside = self._path[1:]
        if inside[:1] == ["meta"] and said:
            self.dump.meta.setdefault("/".join(inside[1:]), []).append(said)
        elif inside == ["track", "box", "attribute"] and self._name:
            self.dump.tracks[-1].boxes[-1].attributes[self._name] = said
        self._path.pop()


def parse(text: str, source: str) -> Dump:
    """Take a text apart.

    Raises:
        LabelError: If it is no XML, declares a document type, or is another program's.
    """
    builder = _Builder(source)
    parse_events(text, source, builder)
    return builder.dump
