"""Write the demo data set: videos, their labels, and the true bouts."""

import csv
import json
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.atomic import write_bytes, writing_text
from amclip.data.synthetic.clips import ClipPlan, iterate_frames, labels_of, plan_clip
from amclip.data.synthetic.group import group_tracks, iterate_group
from amclip.data.synthetic.group_plan import plan_group
from amclip.data.synthetic.group_tables import GROUP_TABLES, write_group_tables
from amclip.data.synthetic.motion import BEHAVIOURS
from amclip.data.synthetic.settings import ClipSettings
from amclip.data.writer import VideoWriter
from amclip.machine import usable_cores

__all__ = ["SPLITS", "split_of", "write_dataset"]

SPLITS = {"train": 0.60, "val": 0.15, "test": 0.25}
"""Shares of the clips."""

_MARKER = "dataset.json"
_VERSION = 1  # raised when the same parameters draw other frames, so that old folders are told apart


def write_dataset(
    directory: str | Path,
    num_clips: int = 240,
    settings: ClipSettings | None = None,
    workers: int | None = None,
    progress: bool = True,
    animals: int | None = None,
) -> Path:
    """Draw and write a data set of clips.

    The folder then holds ``videos/*.mp4``, ``labels.csv`` (``filepath,label,split``; labels joined by ``;``),
    ``events.csv`` (``filepath,behaviour,start,stop``; seconds) and ``dataset.json`` with the parameters. Clip ``i``
    depends on the seed and ``i`` only: a longer data set begins with the shorter one. A run that was cut off goes on
    where it stopped; a folder that is complete is left as it is.

    Args:
        directory: A folder that is new, empty, or holds this very data set.
        num_clips: Number of clips.
        settings: Seed, and length, size and frame rate of the clips; None takes the defaults.
        workers: Processes that draw; None uses one per CPU. New processes are spawned, so a script
            that calls this needs ``if __name__ == "__main__":``; 1 draws in this process.
        progress: Whether to show a progress bar.
        animals: Draw clips of so many animals that cross each other, and write what each does, and where it is:
            ``labels.csv`` and ``events.csv`` get a column ``subject``, and ``tracks.csv`` holds the boxes.

    Returns:
        Path of ``labels.csv``.

    Raises:
        FileExistsError: If the folder holds something else, or this data set with other parameters.
        ValueError: If ``num_clips``, ``workers`` or ``animals`` is out of range.
    """
    root, settings = Path(directory), settings or ClipSettings()
    if num_clips < 1:
        raise ValueError(f"num_clips must be at least 1, not {num_clips}")
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    # Planned before the folder is made: parameters that cannot be are refused here.
    plans = [plan_clip(settings, index) for index in range(num_clips)]
    groups = [] if animals is None else [plan_group(settings, index, animals) for index in range(num_clips)]
    parameters = {"amclip_synthetic": _VERSION, "num_clips": num_clips, **asdict(settings), "size": list(settings.size)}
    if animals is not None:
        parameters["animals"] = animals
    _claim(root, parameters)
    names = [f"videos/clip_{index:05d}.mp4" for index in range(num_clips)]
    missing = [(index, str(root / name)) for index, name in enumerate(names) if not (root / name).exists()]
    if animals is None:
        _run(partial(_write_clip, settings), missing, workers, progress)
        _write_scene_tables(root, names, plans)
    else:
        _run(partial(_write_group, settings, animals), missing, workers, progress)
        if missing or not all((root / name).exists() for name in GROUP_TABLES):
            tracks = [group_tracks(settings, index, animals) for index in range(num_clips)]
            splits = [split_of(index) for index in range(num_clips)]
            write_group_tables(root, names, splits, groups, tracks, settings.fps)
    return root / "labels.csv"


def _write_scene_tables(root: Path, names: Sequence[str], plans: Sequence[ClipPlan]) -> None:
    labels = [
        (name, ";".join(labels_of(plan.bouts)), split_of(index))
        for index, (name, plan) in enumerate(zip(names, plans, strict=True))
    ]
    events = [
        (name, bout.behaviour, f"{bout.start:.3f}", f"{bout.stop:.3f}")
        for name, plan in zip(names, plans, strict=True)
        for bout in plan.bouts
    ]
    _write_table(root / "events.csv", ("filepath", "behaviour", "start", "stop"), events)
    _write_table(root / "labels.csv", ("filepath", "label", "split"), labels)


def split_of(index: int) -> str:
    """The split of clip ``index``.

    Clips come in blocks that have each behaviour at least once, and a whole block goes to the split that lags
    furthest behind its share; so the first four blocks already bring each behaviour to each split.
    """
    counts = dict.fromkeys(SPLITS, 0)
    name = ""
    for block in range(index // len(BEHAVIOURS) + 1):
        name = max(SPLITS, key=lambda split: SPLITS[split] * (block + 1) - counts[split])
        counts[name] += 1
    return name


def _claim(root: Path, parameters: dict[str, Any]) -> None:
    """Make the folder ours, or say whose it is."""
    marker = root / _MARKER
    if marker.exists():
        try:
            found = json.loads(marker.read_text(encoding="utf-8"))
        except ValueError:
            found = None
        if not isinstance(found, dict) or "amclip_synthetic" not in found:
            raise FileExistsError(f"{marker} is not of amclip's demo data; name a new folder")
        keys = [*parameters, *(key for key in found if key not in parameters)]
        other = {key: parameters.get(key) for key in keys if found.get(key) != parameters.get(key)}
        if other:
            there = {key: found.get(key) for key in other}
            raise FileExistsError(
                f"{root} holds demo data drawn with {there}, and {other} was asked for; name a new folder or delete it"
            )
    elif root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(f"{root} exists and is not amclip's demo data; name a new or an empty folder")
    else:
        root.mkdir(parents=True, exist_ok=True)
        write_bytes(marker, (json.dumps(parameters, indent=2) + "\n").encode())


def _write_clip(settings: ClipSettings, index: int, path: str) -> None:
    _write_video(path, settings, iterate_frames(settings, index))


def _write_group(settings: ClipSettings, animals: int, index: int, path: str) -> None:
    _write_video(path, settings, iterate_group(settings, index, animals))


def _write_video(path: str, settings: ClipSettings, frames: Iterable[NDArray[np.uint8]]) -> None:
    with VideoWriter(path, settings.fps, settings.size, crf=23) as writer:
        for frame in frames:
            writer.write(frame)


def _run(
    draw: Callable[[int, str], None], tasks: Sequence[tuple[int, str]], workers: int | None, progress: bool
) -> None:
    """Draw all tasks, in this process or in a pool."""
    workers = min(workers or usable_cores(), len(tasks))
    with _bar(len(tasks), progress) as advance:
        if workers <= 1:
            for task in tasks:
                draw(*task)
                advance()
            return
        # Spawned, not forked: the caller may hold threads (PyTorch, progress bars), which do not survive a fork.
        with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_as_helper) as pool:
            try:
                for done in as_completed([pool.submit(draw, *task) for task in tasks]):
                    done.result()
                    advance()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _as_helper() -> None:
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent decides
    cv2.setNumThreads(1)  # the processes share out the CPUs already


@contextmanager
def _bar(total: int, progress: bool) -> Iterator[Callable[[], None]]:
    from amclip.long_work import LongWork

    with LongWork("Drawing clips", total, "clips", progress) as work:
        yield work.add


def _write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table whole or not at all."""
    with writing_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
