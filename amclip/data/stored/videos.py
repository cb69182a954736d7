"""Which video a file is, wherever it lies and whatever it is called: a digest of its content."""

import contextlib
import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from amclip.atomic import write_bytes
from amclip.data.stored.store import KEY_SIZE

__all__ = ["video_digests"]

_BLOCK = 1 << 20
_THREADS = 4


def video_digests(paths: Iterable[Path], folder: Path, progress: bool = True) -> dict[Path, bytes]:
    """Digests of the content of videos, 16 bytes each; a file is read once and again when it has changed.

    Args:
        paths: Files, or folders of images.
        folder: Where digests are remembered (``videos.json``), by path, size and times of change.
        progress: Say on standard error how far it is where it takes long.

    Returns:
        Digests by path; files that cannot be read have none.
    """
    memory = folder / "videos.json"
    known = _load(memory)
    found: dict[Path, bytes] = {}
    states: dict[Path, Any] = {}
    for path in dict.fromkeys(paths):
        with contextlib.suppress(OSError):
            states[path] = _state(path)
            entry = known.get(str(path.absolute()))
            if isinstance(entry, list) and len(entry) == 2 and entry[0] == states[path]:
                with contextlib.suppress(ValueError, TypeError):
                    found[path] = bytes.fromhex(entry[1])
    todo = [path for path in states if path not in found]
    if not todo:
        return found
    fresh: dict[Path, bytes] = {}
    try:
        _read_all(todo, fresh, progress)
    finally:  # what was read before an interruption is kept
        entries = {str(path.absolute()): [states[path], digest.hex()] for path, digest in fresh.items()}
        content = json.dumps({**_load(memory), **entries})  # other processes may have added theirs
        with contextlib.suppress(OSError):  # a folder that cannot be written says so when embeddings are
            write_bytes(memory, content.encode())
    return found | fresh


def _read_all(todo: list[Path], fresh: dict[Path, bytes], progress: bool) -> None:
    from amclip.long_work import LongWork

    with ThreadPoolExecutor(_THREADS) as pool, LongWork("Reading videos", len(todo), "videos", progress) as work:
        for path, digest in zip(todo, pool.map(_digest, todo), strict=True):
            if digest is not None:
                fresh[path] = digest
            work.add()


def _digest(path: Path) -> bytes | None:
    found = hashlib.blake2b(digest_size=KEY_SIZE)
    try:
        for file in _files(path):
            if file != path:
                found.update(f"{file.name}\n{file.stat().st_size}\n".encode("utf-8", "surrogateescape"))
            with file.open("rb") as opened:
                while block := opened.read(_BLOCK):
                    found.update(block)
    except OSError:
        return None
    return found.digest()


def _state(path: Path) -> list[Any]:
    """What changes when the file does; of a folder, when one of its images does."""
    states = []
    for file in _files(path):
        status = file.stat()
        # The time of change of the entry too, which no copying sets back; on Windows that of creation.
        changed = [status.st_mtime_ns, status.st_ctime_ns]
        states.append([file.name if file != path else "", status.st_size, *changed])
    if len(states) == 1:
        return states[0]
    return [hashlib.blake2b(json.dumps(states).encode(), digest_size=KEY_SIZE).hexdigest()]


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]


def _load(memory: Path) -> dict[str, Any]:
    try:
        content = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
