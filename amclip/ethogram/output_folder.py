"""The folder that an annotation is made in: whose it is, how it was begun, and that one run at a time works there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from amclip.atomic import write_bytes
from amclip.machine import lock_file

__all__ = ["OutputFolder"]

_WORDS = {
    "checkpoint": "another checkpoint or other classes (or the file has changed since)",
    "window": "windows of {} s",
    "hop": "a hop of {} s",
    "precision": "precision {}",
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
        self.journals = folder / ".journal"
        self.journals.mkdir(parents=True, exist_ok=True)
        self._begun = self.journals / "run.json"

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
        with (self.journals / "lock").open("w") as lock:
            try:
                lock_file(lock)
            except BlockingIOError:
                raise ValueError(f"another `amclip annotate` is at work in {self.folder}") from None
            if restart:
                for journal in (*self.journals.glob("*.scores"), *self.journals.glob("*.error"), self._begun):
                    journal.unlink(missing_ok=True)
            self._compare(fingerprint)
            write_bytes(self._begun, json.dumps(fingerprint, indent=2).encode())
            yield

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
