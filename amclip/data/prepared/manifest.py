"""What lies in a folder of prepared videos: of which files they were made, and how."""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from amclip.atomic import writing_text
from amclip.data.prepared.encode import fingerprint
from amclip.data.prepared.settings import PrepareSettings
from amclip.data.video import READING_RULES

__all__ = ["Manifest", "Prepared", "prepared_sources", "refuse_foreign", "state_of"]

_NAME = "prepared.jsonl"


@dataclass(frozen=True)
class Prepared:
    """One prepared video.

    Attributes:
        source: Absolute path of the video that it was made of.
        fingerprint: Of that file's content.
        state: Size and time of change of that file, by which its content is known to be the same without reading it.
        target: Name below the folder.
        bytes: Size of the prepared file.
        frames: How many there are.
        size: Height and width.
        source_size: The same of the source.
        made_of: Where the source was prepared itself: name and bytes of what it was made of, and of what that was, and
            so on. Kept here, since the source and its list may be gone when it is asked for.
    """

    source: str
    fingerprint: str
    state: tuple[int, int]
    target: str
    bytes: int
    frames: int
    size: tuple[int, int]
    source_size: tuple[int, int]
    made_of: tuple[tuple[str, int], ...] = ()


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds something else than prepared videos.

    Raises:
        ValueError: If it does, or is a file.
        OSError: If it cannot be looked into.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--output: {folder} is a file; name a folder")
    if folder.exists() and not (folder / _NAME).exists():
        for name in sorted(os.listdir(folder)):
            if not name.startswith("."):
                raise ValueError(
                    f"--output: {folder} holds {name!r} and is no folder of `amclip prepare`; name a new one"
                )


def prepared_sources(folder: Path) -> dict[str, tuple[tuple[str, int], ...]]:
    """Of the videos in a folder, which ones they were made of: their names and sizes in bytes, by the prepared name.

    The source comes first, then what that was made of where it was prepared itself, and so on.
    Where there is no list, or none that can be understood, nothing is known.
    """
    found = {}
    try:
        for line in (folder / _NAME).read_text(encoding="utf-8").splitlines()[1:]:
            entry = _entry(json.loads(line))
            found[entry.target] = (Path(entry.source).name, entry.state[0]), *entry.made_of
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return found  # what stands above a line that was cut off
    return found


class Manifest:
    """The list of the prepared videos in a folder: a line of settings, then a line for each as it is done.

    Args:
        folder: Is there.
        settings: Of this run.
        restart: Forget what was prepared before.

    Raises:
        ValueError: If the folder holds videos prepared with other settings, or a list that cannot be understood.
        OSError: If the list cannot be read or written.
    """

    def __init__(self, folder: Path, settings: PrepareSettings, restart: bool = False) -> None:
        self.folder = folder
        self._file = folder / _NAME
        self._lock = threading.Lock()
        self.entries: dict[str, Prepared] = {}
        head = {"amclip_prepared": 1, "reading_rules": READING_RULES, **asdict(settings)}
        lines = self._read()
        if lines and not restart:
            self._refuse_other(head, lines[0])
            try:
                self.entries = {entry.target: entry for entry in map(_entry, lines[1:])}
            except (ValueError, TypeError, KeyError, IndexError) as error:
                raise ValueError(self._unreadable) from error
        self._begin(head)

    def _read(self) -> list[dict[str, Any]]:
        try:
            text = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        try:
            lines = [
                json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")
            ]  # the last: cut
            known = bool(lines) and "amclip_prepared" in lines[0]
        except (ValueError, TypeError):
            known = False
        if not known:
            raise ValueError(self._unreadable)
        return lines

    @property
    def _unreadable(self) -> str:
        return f"{self._file} cannot be read; delete it and its folder, and begin anew"

    def _refuse_other(self, head: Mapping[str, Any], there: Mapping[str, Any]) -> None:
        other = [name for name in head if there.get(name) != head[name]]
        if not other:
            return
        words = [
            f"--{name} {there.get(name)}" if name in asdict(PrepareSettings()) else "another version of amclip"
            for name in other
        ]
        raise ValueError(
            f"--output: {self.folder} holds videos prepared with {', '.join(words)}; give the same settings to go on, "
            "name another folder, or add --restart to begin anew"
        )

    def _begin(self, head: Mapping[str, Any]) -> None:
        """Write the list anew: a line that was cut off, and entries that were replaced, go."""
        with writing_text(self._file) as file:
            for line in (head, *(asdict(entry) for entry in self.entries.values())):
                file.write(json.dumps(line) + "\n")

    def add(self, entry: Prepared) -> None:
        """Note a video that lies in its place; from any thread.

        Raises:
            OSError: If it cannot be written.
        """
        with self._lock:
            self.entries[entry.target] = entry
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(entry)) + "\n")

    def is_done(self, source: Path, target: str, frames: int) -> bool:
        """Whether a video lies there as it was prepared, of a source with the content that it has now.

        Args:
            source: The video.
            target: Name of the prepared one.
            frames: How many of the source decode: what was found out since may be another number.
        """
        entry = self.entries.get(target)
        try:
            if entry is None or entry.source != str(source.absolute()) or entry.frames != frames:
                return False
            if (self.folder / target).stat().st_size != entry.bytes:
                return False
            return state_of(source) == entry.state or fingerprint(source) == entry.fingerprint
        except OSError:
            return False


def state_of(source: Path) -> tuple[int, int]:
    """Size and time of change of a file; of a folder of images, those of all of them together.

    Raises:
        OSError: If it is not there.
    """
    files = [file.stat() for file in source.iterdir()] if source.is_dir() else [source.stat()]
    return sum(file.st_size for file in files), max((file.st_mtime_ns for file in files), default=0)


def _entry(line: Mapping[str, Any]) -> Prepared:
    pairs = {name: (int(line[name][0]), int(line[name][1])) for name in ("state", "size", "source_size")}
    made_of = tuple((str(name), int(size)) for name, size in line["made_of"])
    return Prepared(**{**line, **pairs, "made_of": made_of})
