"""`amclip prepare`: the videos of a data set encoded once so that training reads them several times as fast."""

import argparse
import os
import shlex
import statistics
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from amclip.atomic import writing_text
from amclip.commands.described_data import described_data
from amclip.data.prepared.settings import PRESETS, PrepareSettings
from amclip.interrupt import say_what_is_kept
from amclip.text import counted, printable

if TYPE_CHECKING:
    from amclip.data.animals import Animals
    from amclip.data.prepared.run import Outcome
    from amclip.data.table import LabelTable
    from amclip.data.tracks import Tracks
    from amclip.data.video import VideoInfo
    from amclip.data.video_data import VideoData
    from amclip.data.video_file import VideoError

__all__ = ["run_prepare"]

PREPARE_HELP = """\
usage: amclip prepare --output FOLDER [--config FILE] [--data.source.labels TABLE.csv] [--data.source.root FOLDER]
                      [--short_side 256] [--keyframes 4] [--crf 23] [--preset veryfast] [--workers N] [--restart]

Encode the videos of a data set once, smaller and with key frames close together, so that training reads them several
times as fast. Every frame is kept, with the time that amclip shows it at: labels stay valid to the frame. Labels,
splits and tracks are written beside the videos, by their names there; sound is left out, and the originals stay as they
are.
Says what was gained, and how to train on it. The same command goes on where it was stopped, and encodes anew what has
changed since.

  --output FOLDER      where the prepared videos go; neither in the folder of the originals nor above it
  --short_side PIXELS  of the shorter side; smaller videos are not enlarged. Default: 256, and as they are where animals
                       are cut out (input.crop), since they are small enough
  --keyframes N        frames from one key frame to the next: 1 is the fastest to read, 12 takes the least space.
                       Default: 4
  --crf N              quality, from 0 (lossless) to 51; 18 cannot be told from the original by eye. Default: 23
  --preset NAME        x264's trade of time for size, ultrafast to placebo. Default: veryfast
  --workers N          processes that encode. Default: as many as data.num_workers
  --restart            encode all videos anew, whatever the folder holds
  others               as for `amclip fit`: the same config and --data options describe the same data set. Without
                       labels it is all videos below --data.source.root"""

_MEASURED = 12  # samples whose reading is timed
_BLOCKED = 120.0  # seconds that measuring may take at most


def run_prepare(args: list[str]) -> None:
    """`amclip prepare`: encode the videos of a data set as a config describes it; takes what `amclip fit` takes.

    Args:
        args: The words after ``prepare``.

    Raises:
        ValueError: If a setting does not fit, or the folder cannot be used.
        LabelError: If labels or tracks cannot be used.
        OSError: If nothing can be written.
        SystemExit: With 1 where videos could not be prepared, or end early; all others are whole.
    """
    if not args or "-h" in args or "--help" in args:
        print(PREPARE_HELP)
        return
    parser = argparse.ArgumentParser(prog="amclip prepare", add_help=False, allow_abbrev=False)
    parser.add_argument("--output")
    for name in ("short_side", "keyframes", "crf", "workers"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--preset", choices=PRESETS)
    parser.add_argument("--restart", action="store_true")
    own, rest = parser.parse_known_args(args)
    if own.output is None:
        raise ValueError("--output: say where the prepared videos shall go")
    given = {name: getattr(own, name) for name in ("short_side", "keyframes", "crf", "preset")}
    settings = PrepareSettings(**{name: value for name, value in given.items() if value is not None})
    if own.workers is not None and own.workers < 1:
        raise ValueError(f"--workers: expected 1 or more, got {own.workers}")
    _, data = described_data(rest)
    if data.input.crop is not None and own.short_side is None:
        settings = replace(settings, short_side=None)
    _prepare(data, Path(own.output), settings, own.workers or max(1, data.num_workers), own.restart)


@dataclass(frozen=True)
class _DataSet:
    """Clips with labels or without, by videos and their paths."""

    table: "LabelTable"
    labelled: bool
    paths: Mapping[str, Path]


def _prepare(data: "VideoData", output: Path, settings: PrepareSettings, workers: int, restart: bool) -> None:
    from amclip.data.prepared.names import prepared_names
    from amclip.data.prepared.run import prepare_videos
    from amclip.data.prepared.tables import prepared_labels, prepared_tracks, within_videos
    from amclip.data.probe import probe
    from amclip.data.video import VideoInfo

    whole = _read(data)
    _refuse_nested(output, data.root_folder, whole.paths.values())
    print(f"{counted(len(whole.paths), 'video')}, {_in_words(settings)}, to {printable(str(output))}")
    found = probe(whole.paths.values(), data.probe_timeout, data.cache_dir)
    names = prepared_names(whole.paths)
    targets = {path: names[video] for video, path in whole.paths.items()}
    say_what_is_kept("What was prepared is kept: the same command goes on from there.")
    outcome = prepare_videos(targets, found, output, settings, workers, data.probe_timeout, restart)
    done = {video: outcome.prepared[path] for video, path in whole.paths.items() if path in outcome.prepared}
    early = {
        video: info
        for video, path in whole.paths.items()
        if path in outcome.early and isinstance(info := found[path], VideoInfo)
    }
    kept = within_videos(whole.table, early)
    labels = prepared_labels(kept, done)
    animals = data.labels.animals
    tracks = None if animals is None else prepared_tracks(animals.tracks, done)
    words = _write_tables(data, whole, labels, tracks, output)
    for line in _told(whole, outcome):
        print(printable(line))
    if labels.clips:
        originals = replace(kept, clips=tuple(clip for clip in kept.clips if clip.video in done))
        _tell_gain(data, originals, labels, tracks, found, output)
        print(printable(f"To use it, with all other options as before: {words}"))
    beyond = len(whole.table) - len(kept)
    lost = len(kept) - len(labels)
    if outcome.errors:
        _tell_left_out(
            f"{len(outcome.errors)} could not be prepared",
            f"{counted(lost, 'clip')} of theirs left out" if whole.labelled else "",
            map(str, outcome.errors.values()),
        )
    if outcome.early:
        _tell_left_out(
            f"{len(outcome.early)} end early",
            f"{counted(beyond, 'clip')} that reach beyond their ends left out" if whole.labelled else "",
            (f"{path}: {words}" for path, words in outcome.early.items()),
        )
    if outcome.errors or outcome.early:
        raise SystemExit(1)


def _tell_left_out(what: str, clips: str, videos: Iterable[str]) -> None:
    print(f"{what}, and {clips}:" if clips else f"{what}:", file=sys.stderr)
    for line in videos:
        print(printable(f"  {line}"), file=sys.stderr)


def _in_words(settings: PrepareSettings) -> str:
    side = "sizes as they are" if settings.short_side is None else f"{settings.short_side} pixels on the shorter side"
    every = "every frame a key frame" if settings.keyframes == 1 else f"a key frame every {settings.keyframes} frames"
    return f"{side}, {every}, crf {settings.crf}, preset {settings.preset}"


def _read(data: "VideoData") -> _DataSet:
    """The clips of the data set; without a table, its videos as clips without labels.

    Raises:
        ValueError: If there is neither a table nor a folder of videos.
    """
    from amclip.data.find import list_videos
    from amclip.data.locate import video_path
    from amclip.data.table import Clip, LabelTable

    source, root = data.labels.source, data.root_folder
    labelled = source.labels is not None or source.synthetic_clips > 0 or source.root is None
    if labelled:
        table = data.read_table()
    else:
        videos = list_videos(root)
        if not videos:
            raise ValueError(f"--data.source.root: no videos below {root}")
        table = LabelTable(tuple(Clip(video.relative_to(root).as_posix()) for video in videos), (), str(root))
    first = {clip.video: clip for clip in reversed(table.clips)}
    return _DataSet(table, labelled, {video: video_path(root, first[video]) for video in table.videos()})


def _refuse_nested(output: Path, root: Path, videos: Iterable[Path]) -> None:
    """Refuse an output that holds originals, or lies where they are looked for.

    Raises:
        ValueError: If it does.
    """
    inner, outer = os.path.realpath(output), os.path.realpath(root)
    common = os.path.commonpath([inner, outer])
    if common == outer:
        raise ValueError(
            f"--output: {output} is in the folder of the videos, {root}, where it would be taken for more of them; "
            "name a folder elsewhere"
        )
    if common == inner:
        raise ValueError(f"--output: {output} holds the folder of the videos, {root}; name a folder elsewhere")
    for path in videos:
        if os.path.commonpath([inner, os.path.realpath(path)]) == inner:
            raise ValueError(f"--output: {output} holds {path}, which is one of the videos; name a folder elsewhere")


def _write_tables(
    data: "VideoData", whole: _DataSet, labels: "LabelTable", tracks: "Tracks | None", output: Path
) -> str:
    """Write what is known of the videos beside them.

    Returns:
        The options by which a training reads it, as a shell takes them.
    """
    from amclip.data.table import write_table
    from amclip.data.tracks import write_tracks

    words = []
    if whole.labelled and labels.clips:
        words += ["--data.source.labels", str(write_table(labels, output / "labels.csv"))]
        with writing_text(output / "classes.txt") as file:  # in their order, and those that no clip shows
            file.write("".join(f"{name}\n" for name in data.classes))
        words += ["--data.source.classes", str(output / "classes.txt")]
        source = data.labels.source
        for name in ("window", "window_hop", "observations"):  # the rows are what these made
            if getattr(source, name) is not None:
                words += [f"--data.source.{name}", "null"]
    words += ["--data.source.root", str(output)]
    if tracks is not None:
        words += ["--data.source.tracks", str(write_tracks(tracks, output / "tracks.csv"))]
    return shlex.join(words)


def _told(whole: _DataSet, outcome: "Outcome") -> list[str]:
    """How much there is, and what it takes."""
    done = outcome.prepared
    here = f", {outcome.fresh} of them now" if outcome.fresh < len(done) else ""
    before = sum(one.state[0] for one in done.values())
    after = sum(one.bytes for one in done.values())
    lines = [f"{len(done)} of {counted(len(whole.paths), 'video')} prepared{here}"]
    if before:
        lines.append(f"  space: {before / 1e6:,.1f} MB before, {after / 1e6:,.1f} MB now ({after / before:.2f} times)")
    return lines


def _tell_gain(
    data: "VideoData",
    originals: "LabelTable",
    labels: "LabelTable",
    tracks: "Tracks | None",
    found: "Mapping[Path, VideoInfo | VideoError]",
    output: Path,
) -> None:
    """Read some samples of the originals and of the prepared videos as training does, in turns, and compare."""
    from amclip.data.animals import Animals

    rows = range(0, len(labels), max(1, -(-len(labels) // _MEASURED)))
    kept = [replace(table, clips=tuple(table.clips[row] for row in rows)) for table in (originals, labels)]
    there = _infos(output, kept[1])
    before = _Samples(data, kept[0], data.root_folder, found, data.labels.animals)
    after = _Samples(data, kept[1], output, there, None if tracks is None else Animals(tracks))
    started = time.monotonic()
    taken: list[tuple[float, float]] = []
    for row in range(len(rows)):
        first, second = before.seconds(row), after.seconds(row)
        if first is not None and second is not None:
            taken.append((first, second))
        if time.monotonic() - started > _BLOCKED:
            break
    if taken:
        one, other = (1e3 * statistics.median(column) for column in zip(*taken, strict=True))
        print(
            f"  reading a sample: {one:.0f} ms of processor time before, {other:.0f} ms now "
            f"({one / other:.1f} times as fast; median of {len(taken)})"
        )


def _infos(output: Path, table: "LabelTable") -> "dict[Path, VideoInfo | VideoError]":
    from amclip.data.video import Video, info_of

    infos: dict[Path, VideoInfo | VideoError] = {}
    for video in table.videos():
        with Video(output / video) as opened:
            infos[output / video] = info_of(opened)
    return infos


class _Samples:
    """Clips as training reads them, timed."""

    def __init__(
        self,
        data: "VideoData",
        table: "LabelTable",
        root: Path,
        found: "Mapping[Path, VideoInfo | VideoError]",
        animals: "Animals | None",
    ) -> None:
        from amclip.data.dataset import ClipDataset

        self._clips = ClipDataset(table, root, found, data.input, training=False, animals=animals)

    def seconds(self, row: int) -> float | None:
        """Processor time of the second reading, whose file is open and in the system's cache; None if it fails."""
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            if self._clips[row]["error"]:
                return None
            started = time.process_time()
            self._clips[row]
            return time.process_time() - started
        finally:
            torch.set_num_threads(threads)
