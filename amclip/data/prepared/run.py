"""All videos of a data set encoded anew, by several processes; what is done is not done again."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from amclip.data._line_worker import LineWorker, share_out
from amclip.data.prepared.manifest import Manifest, Prepared, refuse_foreign
from amclip.data.prepared.originals import Originals
from amclip.data.prepared.settings import PrepareSettings
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError
from amclip.lock import held

__all__ = ["Outcome", "prepare_videos"]

_COMMAND = [sys.executable, "-m", "amclip.data.prepared._worker"]
_UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class Outcome:
    """What became of videos.

    Attributes:
        prepared: Those that lie in their places, by the source's path.
        errors: Why others do not.
        early: What is known of those that lie there, and lack their end as their sources do.
        fresh: How many were encoded now, and not before.
    """

    prepared: Mapping[Path, Prepared]
    errors: Mapping[Path, VideoError]
    early: Mapping[Path, str]
    fresh: int


def prepare_videos(
    targets: Mapping[Path, str],
    found: Mapping[Path, VideoInfo | VideoError],
    folder: Path,
    settings: PrepareSettings,
    workers: int = 1,
    timeout: float = 20.0,
    restart: bool = False,
) -> Outcome:
    """Encode videos anew; files are whole or not there, and a run that was stopped goes on where it stood.

    Args:
        targets: The videos, and the name that each gets below the folder, ending in ``.mp4``.
        found: What probing found of each.
        folder: Where they go; made if missing.
        settings: Size, key frames, quality.
        workers: Processes.
        timeout: Seconds without progress after which a video counts as unreadable.
        restart: Encode all, whatever is there.

    Raises:
        ValueError: If two videos have one name, the folder holds something else or videos of other settings, or another
            run is at work there.
        OSError: If nothing can be written; what is done is kept.
    """
    _refuse_shared(targets)
    refuse_foreign(folder)
    unfinished = folder / _UNFINISHED
    unfinished.mkdir(parents=True, exist_ok=True)
    with held(folder / ".lock", f"another `amclip prepare` is at work in {folder}"):
        manifest, originals = Manifest(folder, settings, restart), Originals()
        shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
        unfinished.mkdir()
        errors = {path: info for path in targets if isinstance(info := found[path], VideoError)}
        todo = [
            path for path in targets if path not in errors and not _is_done(manifest, path, targets[path], found[path])
        ]

        def handle(worker: LineWorker, path: Path) -> None:
            result = _prepare(worker, path, folder, targets[path], settings, found[path])
            if isinstance(result, Prepared):
                manifest.add(replace(result, made_of=tuple(originals.of(path))))
            elif not worker.closed:
                errors[path] = result

        try:
            if todo:
                processes = [LineWorker(_COMMAND, timeout) for _ in range(min(workers, len(todo)))]
                share_out(todo, processes, handle, "Preparing videos")
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    done = {path: manifest.entries[name] for path, name in targets.items() if path not in errors}
    early = {path: words for path in done if (words := _ends_early(found[path]))}
    return Outcome(done, errors, early, sum(path in done for path in todo))


def _ends_early(info: VideoInfo | VideoError) -> str:
    return info.ends_early if isinstance(info, VideoInfo) else ""


def _is_done(manifest: Manifest, path: Path, target: str, info: VideoInfo | VideoError) -> bool:
    return isinstance(info, VideoInfo) and manifest.is_done(path, target, info.num_frames)


def _refuse_shared(targets: Mapping[Path, str]) -> None:
    """Refuse names of which one video would overwrite another's; case does not tell them apart everywhere.

    Raises:
        ValueError: If there are some.
    """
    first: dict[str, Path] = {}
    for path, name in targets.items():
        other = first.setdefault(name.casefold(), path)
        if other is not path:
            raise ValueError(f"{other} and {path} would both be written to {name}")


def _prepare(
    worker: LineWorker,
    path: Path,
    folder: Path,
    name: str,
    settings: PrepareSettings,
    info: VideoInfo | VideoError,
) -> Prepared | VideoError:
    """Have a worker encode one video.

    Raises:
        OSError: If nothing can be written.
    """
    assert isinstance(info, VideoInfo)
    source, partial = os.path.abspath(path), folder / _UNFINISHED / f"{id(worker):x}.mp4"
    answer = worker.ask(
        source=source,
        target=str(folder / name),
        partial=str(partial),
        settings=asdict(settings),
        info=info.to_json(),
    )
    if answer is None:
        return VideoError(path, f"the decoder {worker.end}; the file is damaged, or {worker.hint}")
    if "disk" in answer:
        number, words = answer["disk"]
        raise OSError(number, f"{words}; what was prepared is kept, and the same command goes on", str(folder / name))
    if "error" in answer:
        return VideoError(path, answer["error"])
    (height, width), state = answer["size"], answer["state"]
    return Prepared(
        source=source,
        fingerprint=answer["fingerprint"],
        state=(int(state[0]), int(state[1])),
        target=name,
        bytes=int(answer["bytes"]),
        frames=info.num_frames,
        size=(int(height), int(width)),
        source_size=(info.height, info.width),
    )
