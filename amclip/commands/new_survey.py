"""What lies in a folder: its videos, labels and tracks, each told by its content; and what was left out, and why."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from amclip.commands.new_labels import LabelFile, names_differ, read_labels
from amclip.commands.new_tracks import choose_tracks, words_of
from amclip.data.find import list_videos
from amclip.data.formats import FILE_NAMES, format_of
from amclip.data.formats.label_format import LabelFormat
from amclip.data.intervals import Bout
from amclip.data.label_error import LabelError
from amclip.data.overlaps import contradictions
from amclip.data.probe import probe
from amclip.data.split_names import SPLITS, split_name
from amclip.data.tracks import track_format_of
from amclip.data.tracks.track_format import TrackFormat
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError
from amclip.text import counted

__all__ = ["Survey", "survey"]

_TRACKS_ALONE = (".h5", ".hdf5", ".slp")
_NAMES = (
    *FILE_NAMES,
    *("*.csv", "*.tsv", "*.txt", "*.json", "*.xlsx", "*.xml", "*.boris"),
    *(f"*{suffix}" for suffix in _TRACKS_ALONE),
)
"""Names of files that may hold labels or tracks, packed by gzip or not."""
_NO_TRACKS = (".xlsx", ".mat", ".parquet")
_BOTH = (".xml", ".xml.gz")  # of CVAT, whose files may hold tracks and labels
_NOT_LABELS = ("check_report", "predictions")  # ends of names of what amclip and DeepEthogram found, beside labels
_MOST_ROOTS = 30
_EXPLAINED = 8  # files of labels of other videos, of which names like theirs are looked for


@dataclass(frozen=True)
class Survey:
    """What lies in a folder.

    Attributes:
        folder: The folder.
        root: The folder that names of videos are relative to.
        videos: What probing found of each readable video, by its name below the root.
        labels: The files of labels that are taken, all of one format.
        splits: Those files by split, where their names are those of splits; else empty.
        tracks: The files of tracks that are taken.
        left_out: What was found and is not used, and what could not be decided, each with the reason.
        strange: Files of labels none of whose videos is there, or that cannot be used without those that are missing,
            with names that are like theirs, in words.
        refused: Files of labels that cannot be used for other reasons, in words.
    """

    folder: Path
    root: Path
    videos: Mapping[str, VideoInfo]
    labels: tuple[LabelFile, ...] = ()
    splits: Mapping[str, Path] = field(default_factory=dict)
    tracks: tuple[Path, ...] = ()
    left_out: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def bouts(self) -> list[Bout] | None:
        """Of all files; ``None`` where their rows are clips."""
        if not self.labels or self.labels[0].bouts is None:
            return None
        return [bout for file in self.labels for bout in file.bouts or ()]

    @property
    def labelled(self) -> dict[str, VideoInfo]:
        """The readable videos that are labelled."""
        names = frozenset[str]().union(*(file.videos for file in self.labels))
        return {name: info for name, info in self.videos.items() if name in names}

    @property
    def animals(self) -> list[str]:
        """Names of the animals that labels tell apart."""
        return sorted({animal for file in self.labels for _, animal in file.animals if animal})


def survey(folder: str | os.PathLike[str], timeout: float = 20.0, cache: Path | None = None) -> Survey:
    """Look through a folder and all below it; or at one file of labels, and the videos that it names.

    Args:
        folder: The folder, or the file.
        timeout: Seconds without progress after which a video counts as unreadable.
        cache: Folder that keeps what probing found.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it is a file, and none of labels.
    """
    top = Path(folder)
    left_out: list[str] = []
    if top.is_file():
        return _survey_of_file(top, left_out, timeout, cache)
    there = list_videos(top)
    label_files, track_files = _sorted_out(top, left_out)
    roots = _roots(top, there)
    refused: list[str] = []
    read = [file for path, form in label_files if (file := read_labels(path, form, roots, refused))]
    tracked = tuple(f"{path}: " for path, _ in track_files)
    refused = [said for said in refused if not (said.startswith(tracked) and "holds no behaviour" in said)]
    left_out += refused
    others = [file for file in read if not (file.videos and file.timed)]
    strange = [names_differ(file, file.missing, there if n < _EXPLAINED else ()) for n, file in enumerate(others)]
    read = [file for file in read if file.videos and file.timed]
    left_out += strange if read else []
    chosen, splits = _choose_labels(read, top, there, left_out)
    root = chosen[0].root if chosen else top
    found = _probe(there, left_out, timeout, cache)
    names = {path: os.path.relpath(path, root).replace(os.sep, "/") for path in there}
    videos = {names[path]: info for path, info in found.items()}
    images = {name for file in chosen for name in file.videos if name not in videos and (root / name).is_dir()}
    for path, info in probe([root / name for name in sorted(images)], timeout, cache).items():
        if isinstance(info, VideoInfo):
            videos[path.relative_to(root).as_posix()] = info
    pairs = sorted({pair for file in chosen for pair in file.animals if pair[0] in videos})
    tracks = choose_tracks(track_files, videos, pairs, left_out)
    told = (tuple(said) for said in (left_out, strange, refused))
    return Survey(top, root, videos, tuple(chosen), splits, tuple(tracks), *told)


def _survey_of_file(file: Path, left_out: list[str], timeout: float, cache: Path | None) -> Survey:
    """Labels in one file; its videos lie where it says, or below its folder."""
    form = format_of(file)
    if form is None:
        raise ValueError(
            f"{file} is no file of labels that amclip reads; give that, or the folder of videos and labels"
        )
    refused: list[str] = []
    labels = read_labels(file, form, [], refused)
    if labels is None:
        raise ValueError(refused[0])
    there = list_videos(file.parent)
    if not (labels.videos and labels.timed):
        seen = _probe(there, left_out, timeout, cache)
        below = {path.relative_to(file.parent).as_posix(): info for path, info in seen.items()}
        strange = (names_differ(labels, labels.missing, there),)
        return Survey(file.parent, file.parent, below, left_out=tuple(left_out), strange=strange)
    chosen, _ = _choose_labels([labels], file.parent, there, left_out)
    paths = {file.parent / name: name for name in sorted(labels.videos)}
    videos = {paths[path]: info for path, info in _probe(list(paths), left_out, timeout, cache).items()}
    return Survey(file.parent, file.parent, videos, tuple(chosen), left_out=tuple(left_out))


def _probe(paths: Sequence[Path], left_out: list[str], timeout: float, cache: Path | None) -> dict[Path, VideoInfo]:
    """What probing found of each video that can be read."""
    found = probe(paths, timeout, cache)
    broken = [info for info in found.values() if isinstance(info, VideoError)]
    left_out += [f"{one.path}: cannot be read: {one.reason}" for one in broken]
    return {path: info for path, info in found.items() if isinstance(info, VideoInfo)}


def _sorted_out(
    top: Path, left_out: list[str]
) -> tuple[list[tuple[Path, LabelFormat]], list[tuple[Path, TrackFormat]]]:
    """Files of labels and files of tracks below a folder, each with its format."""
    labels: list[tuple[Path, LabelFormat]] = []
    tracks: list[tuple[Path, TrackFormat]] = []
    for path in sorted(top.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(top).parts)
        name = path.name.lower()
        named = any(fnmatch(name.removesuffix(".gz"), pattern) for pattern in _NAMES)
        if hidden or not named or not path.is_file():
            continue
        try:
            form, track_form = None, None if name.endswith(_NO_TRACKS) else track_format_of(path)
            if name.endswith(_BOTH) or (track_form is None and not name.endswith(_TRACKS_ALONE)):
                form = format_of(path)
        except (LabelError, ModuleNotFoundError) as error:
            left_out.append(words_of(path, error))
            continue
        if track_form is not None:
            tracks.append((path, track_form))
        if form is not None and not path.stem.endswith(_NOT_LABELS):
            labels.append((path, form))
    return labels, tracks


def _roots(top: Path, videos: Iterable[Path]) -> list[Path]:
    """Folders that the names in a table may start from, the likeliest first."""
    folders = sorted({path.parent for path in videos}, key=lambda path: (len(path.parts), path))
    between = [parent for path in folders for parent in path.parents if parent.is_relative_to(top)]
    return list(dict.fromkeys([top, *folders, *between]))[:_MOST_ROOTS]


def _choose_labels(
    read: Sequence[LabelFile], top: Path, there: Sequence[Path], left_out: list[str]
) -> tuple[list[LabelFile], Mapping[str, Path]]:
    """The files of labels to take: the one with most videos, and those of its format that label others."""
    if not read:
        return [], {}

    def rank(file: LabelFile) -> tuple[Any, ...]:
        return (
            -len(file.videos),
            not _is_divided(file),
            bool(contradictions(file.clips)),
            -file.size,
            -file.path.stat().st_mtime,
            file.path,
        )

    ranked = sorted(read, key=rank)
    first, *others = ranked
    same = [file for file in ranked if _alike(file, first) and file.root == first.root]
    splits = {name: file.path for file in same if (name := _split_of(file.path)) is not None}
    if first.bouts is None and _split_of(first.path) and {"train"} < splits.keys() and len(splits) == len(same):
        ordered: dict[str, Path] = {name: splits[name] for name in SPLITS if name in splits}
        left_out += [_not_taken(file, first) for file in others if file not in same]
        return same, ordered
    taken, videos = [first], first.videos
    for file in others:
        if file in same and not file.videos & videos:
            taken.append(file)
            videos |= file.videos
        else:
            left_out.append(_not_taken(file, first))
    left_out += [
        f"{file.path}: its clips overlap and last differently long, as bouts do. It is taken for a table of clips, in "
        "which one row has all behaviours of a clip; of two rows that overlap each would deny what the other shows"
        for file in taken
        if contradictions(file.clips)
    ]
    if first.missing:
        left_out.append(
            f"{names_differ(first, first.missing, there)}. `amclip check` lists them, with "
            f"the command that renames those of another letter case; put them below {top}, give file and labels one "
            "name, or take what is labelled of them out"
        )
    return sorted(taken, key=lambda file: file.path), {}


def _alike(file: LabelFile, first: LabelFile) -> bool:
    """Whether two files are read in one way."""
    return file.form is first.form and file.rows == first.rows


def _is_divided(file: LabelFile) -> bool:
    return any(clip.split is not None for clip in file.clips)


def _split_of(path: Path) -> str | None:
    try:
        return split_name(path.stem)
    except ValueError:
        return None


def _not_taken(file: LabelFile, first: LabelFile) -> str:
    if both := len(file.videos & first.videos):
        why = f"{first.path.name} labels {both} of its {counted(len(file.videos), 'video')} too, and "
        if len(first.videos) > len(file.videos):
            why += f"{counted(len(first.videos), 'video')} in all"
        elif _is_divided(first) and not _is_divided(file):
            why += "says which split each is for"
        else:
            why += f"has {counted(first.size, 'entry', 'entries')} to {file.size} here"
    elif not _alike(file, first):
        why = f"it is {file.title}, and {first.path.name}, which labels more, is {first.title}"
    else:
        why = f"its videos lie below {file.root}, and those of {first.path.name} below {first.root}"
    take = f"To take it instead: --data.source.labels {file.path}"
    if not both and file.bouts is not None and first.bouts is not None and file.root == first.root:
        take = f'To learn from both: --data.source.labels "[{first.path}, {file.path}]"'
    return f"{file.path}: labels, not used: {why}. {take} with check and fit"
