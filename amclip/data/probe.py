"""Find out which videos can be read, and what their frames are, without ever hanging.

A decoder may spin in native code for ever, or crash, on a file that is broken. So each video is opened once in a worker
process that a time-out ends; what is found is kept on disk, and everything after it reads by it.
"""

import contextlib
import json
import os
import sys
import threading
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data._index import index_by_stamps
from amclip.data._line_worker import LineWorker, share_out
from amclip.data._packets import Scan
from amclip.data.video import READING_RULES, Video, VideoInfo
from amclip.data.video_file import VideoError

__all__ = ["KEEP_MEMORY", "frame_times", "probe"]

_COMMAND = [sys.executable, "-m", "amclip.data._probe_worker"]
# glibc's allocator: memory of a video's frames is kept for the next video's. To get it from the system anew takes a
# fifth of the time.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 28)}
_CACHE_VERSION = READING_RULES


def probe(
    paths: Iterable[str | os.PathLike[str]],
    timeout: float = 20.0,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = True,
    thorough: bool = False,
    workers: int | None = None,
) -> dict[Path, VideoInfo | VideoError]:
    """Probe videos: find their frames, decode the first and the last one, and everything where one of them fails.

    A video whose end cannot be decoded is still of use: ``num_frames`` says how far it goes, ``note`` that it ends
    early.

    Args:
        paths: The videos; repeats cost nothing.
        timeout: Seconds without a sign of progress after which a worker is ended.
        cache: Folder where results of readable videos are kept (``videos.json``), by path, size and time of change.
        progress: Say on standard error how far it is where it takes long, see :class:`amclip.long_work.LongWork`.
        thorough: Decode every video from end to end; ``note`` then also counts frames that are missing in the
            middle, at the cost of decoding everything once.
        workers: Worker processes; by default up to four, and fewer for few videos.

    Returns:
        What was found, by path, in the order given.
    """
    wanted = list(dict.fromkeys(Path(path) for path in paths))
    store = _Cache(Path(cache) if cache is not None else None)
    found: dict[Path, VideoInfo | VideoError] = {}
    for path in wanted:
        info = store.get(path, thorough)
        if info is not None:
            found[path] = info
    todo = [path for path in wanted if path not in found]
    if todo:
        count = workers or min(4, os.cpu_count() or 1, 1 + len(todo) // 8)
        try:
            _probe_all(todo, found, count, timeout, thorough, progress)
        finally:  # what was found before an interruption is kept
            store.add({path: found[path] for path in todo if path in found}, thorough)
    return {path: found[path] for path in wanted}


def frame_times(
    path: str | os.PathLike[str], cache: str | os.PathLike[str] | None = "~/.cache/amclip"
) -> tuple[NDArray[np.float64], float]:
    """When each frame of a video is shown. Mostly known without decoding one; where it is not, the video is probed.

    Args:
        path: The video.
        cache: Folder where the result of probing is kept, as for :func:`probe`.

    Returns:
        Seconds since the first frame, float64 ``[num_frames]``, never decreasing; and those to the end of the last.

    Raises:
        VideoError: If the video cannot be read.
    """
    path = Path(path)
    index = None
    with contextlib.suppress(Exception):  # what is wrong with a file, Video says in words
        if not path.is_dir():
            with Scan(path) as scanned:
                index = index_by_stamps(scanned)
    info: VideoInfo | None = None
    if index is not None:
        info = VideoInfo(len(index), 0.0, 0, 0, 0.0, index=index)
    elif path.is_file():
        folder = None if cache is None else Path(cache).expanduser()
        found = probe([path], cache=folder, progress=False)[path]
        if isinstance(found, VideoError):
            raise found
        info = found
    with Video(path, info=info) as video:
        return video.timestamps(), video.duration


def _probe_all(
    todo: list[Path],
    found: dict[Path, VideoInfo | VideoError],
    count: int,
    timeout: float,
    thorough: bool,
    progress: bool,
) -> None:
    def handle(worker: LineWorker, path: Path) -> None:
        result = _probe_one(worker, path, thorough)
        if not worker.closed:
            found[path] = result

    workers = [LineWorker(_COMMAND, timeout, KEEP_MEMORY) for _ in range(count)]
    share_out(todo, workers, handle, "Checking videos" if progress else None)


def _probe_one(worker: LineWorker, path: Path, thorough: bool) -> VideoInfo | VideoError:
    """What a video holds."""
    answer = None
    if not thorough:
        answer = worker.ask(path=str(path), step="ends")
    if answer is None or "claimed" in answer:  # ended by the time-out, or an end does not decode: see how far it goes
        answer = worker.ask(path=str(path), step="count")
    if answer is None:
        return VideoError(path, f"the decoder {worker.end}; the file is damaged, or {worker.hint}")
    if "error" in answer:
        return VideoError(path, answer["error"])
    return VideoInfo.from_json(answer["info"])


class _Cache:
    """Results on disk; a file that cannot be read or written is as good as none."""

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / "videos.json"
        self._entries = self._load()

    def _load(self) -> dict[str, Any]:
        if self._file is None:
            return {}
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            entries = content["videos"] if content["version"] == _CACHE_VERSION else {}
            return entries if isinstance(entries, dict) else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def get(self, path: Path, thorough: bool) -> VideoInfo | None:
        """What is known of a file that has not changed since."""
        if self._file is None:
            return None
        try:
            entry = self._entries[str(path.absolute())]
            if entry["state"] != _state(path) or (thorough and not entry["thorough"]):
                return None
            return VideoInfo.from_json(entry["info"])
        except (OSError, ValueError, KeyError, TypeError, zlib.error):
            return None

    def add(self, found: dict[Path, VideoInfo | VideoError], thorough: bool) -> None:
        """Keep results of readable videos. Errors are not kept: a disk may be mounted, a time-out be too short."""
        if self._file is None:
            return
        fresh = {
            str(path.absolute()): {"state": _state(path), "thorough": thorough, "info": info.to_json()}
            for path, info in found.items()
            if isinstance(info, VideoInfo)
        }
        if not fresh:
            return
        self._entries = {**self._load(), **fresh}  # other processes may have added theirs
        partial = self._file.with_name(f"{self._file.name}.{os.getpid()}.{threading.get_ident()}.partial")
        with contextlib.suppress(OSError):  # a read-only folder costs time, not the run
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps({"version": _CACHE_VERSION, "videos": self._entries}), encoding="utf-8")
            partial.replace(self._file)  # whole or not at all, also with several processes


def _state(path: Path) -> list[int]:
    """What changes when the file does; the last is the entry's own time, which no copying sets back."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
