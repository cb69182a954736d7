"""The folder that an annotation is made in: whose it is, how it was begun, and that one run at a time works there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from amclip.atomic import write_bytes
from amclip.lock import held

__all__ = ["OutputFolder"]

_WORDS = {
    "checkpoint": "another checkpoint or other classes (or the file has changed since)",
    "window": "windows of {} s",
    "hop": "a hop of {} s",
    "precision": "precision {}",
    "decoder": "--decoder {}",
    "tracks": "other tracks, or without any",
    "version": "amclip {}",
    "reading_rules": "other rules of which frame is shown when (of another version of amclip)",
}


class OutputFolder:
    """An output folder and the journals inside.

    Args:
        folder: The output folder; made if missing.

    Raises:
        ValueError: If it is a file.
        OSError: If it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"--output: {folder} is a file; name a folder")
        self.folder = folder
        self._made = [one for one in (folder, *folder.parents) if not one.exists()]
        self.journals = folder / ".journal"
        self.journals.mkdir(parents=True, exist_ok=True)
        self._begun = self.journals / "run.json"

    @staticmethod
    def begun_with(folder: Path) -> dict[str, Any]:
        """The fingerprint of the annotation that a folder holds; empty where it holds none that can be read."""
        try:
            begun = json.loads((folder / ".journal" / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return begun if isinstance(begun, dict) else {}

    @contextmanager
    def claimed(self, fingerprint: dict[str, Any], restart: bool = False, first: bool = True) -> Iterator[None]:
        """Hold the folder for one run.

        Args:
            fingerprint: Everything that decides the scores.
            restart: Throw away what was scored before.
            first: Whether this is the first of several processes, which acts for all.

        Raises:
            ValueError: If another run works there, or what lies there was made otherwise.
        """
        if not first:
            yield
            return
        with held(self.journals / "lock", f"another `amclip annotate` is at work in {self.folder}"):
            if restart:
                for journal in (*self.journals.glob("*.scores"), *self.journals.glob("*.error"), self._begun):
                    journal.unlink(missing_ok=True)
            self._compare(fingerprint)
            write_bytes(self._begun, json.dumps(fingerprint, indent=2).encode())
            yield

    def discard(self) -> None:
        """Remove what was begun here, unless something was scored, now or before; what lies beside it stays."""
        if any(self.journals.glob("*.scores")):
            return
        for file in (*self.journals.glob("*.error"), self._begun, self.journals / "lock"):
            file.unlink(missing_ok=True)
        for folder in (self.journals, *self._made):
            if any(folder.iterdir()):
                return
            folder.rmdir()

    def _compare(self, fingerprint: dict[str, Any]) -> None:
        try:
            begun = json.loads(self._begun.read_text(encoding="utf-8"))
            other = [key for key in {**begun, **fingerprint} if begun.get(key) != fingerprint.get(key)]
        except FileNotFoundError:
            return
        except (ValueError, TypeError, AttributeError):
            other, begun = list(_WORDS), {}
        if other:
            words = ", ".join(_WORDS.get(key, key).format(begun.get(key, "?")) for key in other)
            raise ValueError(
                f"{self.folder} holds an annotation made with {words}: give the same settings to go on with it, name "
                "another --output, or add --restart to begin anew"
            )
