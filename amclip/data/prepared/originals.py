"""What a prepared video was made of, and that in turn, as far back as lists of `amclip prepare` say."""

from collections.abc import Mapping
from pathlib import Path

from amclip.data.prepared.manifest import prepared_sources

__all__ = ["Originals"]


class Originals:
    """Of which videos others were made, by the lists of `amclip prepare` in the folders above them, each read once."""

    def __init__(self) -> None:
        self._lists: dict[Path, Mapping[str, tuple[tuple[str, int], ...]]] = {}

    def of(self, path: Path) -> list[tuple[str, int]]:
        """Names and sizes in bytes of what a video was made of, the nearest first; empty: no list has it.

        Args:
            path: The video.
        """
        path = path.absolute()
        found: dict[tuple[str, int], None] = {}
        for folder in path.parents:
            if folder not in self._lists:
                self._lists[folder] = prepared_sources(folder)
            found |= dict.fromkeys(self._lists[folder].get(path.relative_to(folder).as_posix(), ()))
        return list(found)
