"""Read files of tracks: a file is in the first format that matches its content, whatever its name."""

import os
import posixpath
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from amclip.data.formats.delimited import first_line
from amclip.data.formats.files import file_bytes, file_text
from amclip.data.label_error import LabelError
from amclip.data.locate import spelled
from amclip.data.subject_names import refuse_subject
from amclip.data.tracks.building import checked_subject, joined
from amclip.data.tracks.hdf5 import SIGNATURE, opened
from amclip.data.tracks.known import FORMATS
from amclip.data.tracks.track import Track, Tracks
from amclip.data.tracks.track_format import Found, Hdf5Reader, TextReader, TrackFormat, TrackReading

__all__ = ["read_tracks", "track_files", "track_format_of"]

_SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".xml", ".h5", ".hdf5", ".slp")
"""Names of files of tracks in a folder, packed by gzip or not. Of a file that is given, only the content counts."""
_HDF5 = (".h5", ".hdf5")
_NAMED = 3  # files that messages name

Given = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def track_files(given: Given) -> list[Path]:
    """The files that are given, and those below folders that are given, which may be in no known form."""
    return [path for path, _ in _files(given)]


def read_tracks(given: Given, reading: TrackReading | None = None) -> Tracks:
    """Read tracks of any known format and join them.

    Args:
        given: A file, a folder (with all below it), or several of either.
        reading: How files are read that leave a choice.

    Returns:
        The tracks. A file that does not name its video is of the video that has its name.

    Raises:
        LabelError: If a file cannot be used, none holds tracks, or two hold the same animal of one video.
    """
    reading = reading or TrackReading()
    files = _files(given)
    found: list[tuple[str, Track, str]] = []
    notes: list[str] = []
    sources: list[str] = []
    seen: set[str] = set()
    stored = {path.with_suffix("") for path, _ in files if path.suffix in _HDF5}
    for path, folder in files:
        source = os.fspath(path)
        if folder is not None and path.suffix == ".csv" and path.with_suffix("") in stored:
            notes.append(f"{source}: is left out: there is an HDF5 file of its name, as DeepLabCut writes them")
            continue
        read = _read_file(path, reading)
        if read is None:
            if folder is None:
                raise _unknown(path)
            notes.append(f"{source}: is in no form of tracks known here, and left out")
            continue
        sources.append(source)
        notes += [f"{source}: {note}" for note in read.notes]
        seen.update(track.subject for _, track in read.tracks)
        for (video, _), pieces in _named(read.tracks, reading).items():
            name = video or _video_name(path, folder, read.stem)
            found.append((name, joined(pieces, source), source))
    if not sources:
        raise LabelError(
            "holds no file of tracks in a form known here", ", ".join(os.fspath(one) for one in _listed(given))
        )
    unused = sorted(set(reading.names) - seen)
    if unused:
        raise LabelError(f"--names: no animal is named {unused[0]!r}; there are {', '.join(sorted(seen))}", sources[0])
    first: dict[tuple[str, str], str] = {}
    for video, track, source in found:
        before = first.setdefault((video, track.subject), source)
        if before != source:
            reason = f"{track.subject!r} of {video} has a track here and in {before}; give one of the files"
            raise LabelError(reason, source)
    name = ", ".join(sources[:_NAMED]) + (f" and {len(sources) - _NAMED} more" if len(sources) > _NAMED else "")
    return Tracks.of(name, ((video, track) for video, track, _ in found), notes)


def _named(tracks: Sequence[tuple[str, Track]], reading: TrackReading) -> dict[tuple[str, str], list[Track]]:
    """The tracks of a file by video and the name that the animal is to have, in pixels of the whole video."""
    offset = np.tile(np.array(reading.offset, np.float64), 2)
    named: dict[tuple[str, str], list[Track]] = {}
    for video, track in tracks:
        subject = checked_subject(reading.names.get(track.subject, track.subject), track.origin)
        refuse_subject(subject, track.origin)  # here and not in the file: whoever reads it can give another name
        moved = replace(track, subject=subject, boxes=track.boxes + offset)
        named.setdefault((video, subject), []).append(moved)
    return named


def _listed(given: Given) -> list[str | os.PathLike[str]]:
    return [given] if isinstance(given, str | os.PathLike) else list(given)


def _files(given: Given) -> list[tuple[Path, Path | None]]:
    """Files, and the folder that was given where one is in it."""
    listed = _listed(given)
    if not listed:
        raise LabelError("the list of files of tracks is empty; name one or more")
    found: list[tuple[Path, Path | None]] = []
    for one in map(Path, listed):
        if one.is_dir():
            found += [(path, one) for path in sorted(one.rglob("*")) if _may_hold_tracks(path, one)]
        else:
            found.append((one, None))
    return found


def _may_hold_tracks(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.name.lower().removesuffix(".gz").endswith(_SUFFIXES) and path.is_file()


def _video_name(path: Path, folder: Path | None, stem: str | None) -> str:
    """The name of the video that a file is of by its own name; in a folder that is given, from there."""
    name = stem if stem is not None else PurePath(path.name.removesuffix(".gz")).stem
    if folder is None:
        return posixpath.basename(name)
    below = posixpath.normpath((path.parent.relative_to(folder) / name).as_posix())
    return posixpath.basename(below) if below.startswith("..") else below


def track_format_of(path: str | os.PathLike[str]) -> TrackFormat | None:
    """The format of tracks that a file is in, told by its content as reading tells it; ``None`` where none is known.

    Raises:
        LabelError: If the file cannot be read.
        ModuleNotFoundError: If it is HDF5, and the packages that read such files are not installed.
    """
    if _begins_like_hdf5(Path(path)):
        with opened(Path(path)) as file:
            return _first(Hdf5Reader, file)
    return _first(TextReader, file_text(path))


def _first(kind: type[Hdf5Reader] | type[TextReader], content: Any) -> TrackFormat | None:
    return next((form for form in FORMATS if isinstance(form.reader, kind) and form.reader.matches(content)), None)


def _read_file(path: Path, reading: TrackReading) -> Found | None:
    """What a file says; ``None`` where no format matches."""
    source = os.fspath(path)
    if _begins_like_hdf5(path):
        with opened(path) as file:
            form = _first(Hdf5Reader, file)
            return None if form is None else form.reader.read(file, source, reading)
    text = file_text(path)
    form = _first(TextReader, text)
    return None if form is None else form.reader.read(text, source, reading)


def _begins_like_hdf5(path: Path) -> bool:
    try:
        with spelled(path).open("rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except OSError:  # reading it as text says why
        return False


def _unknown(path: Path) -> LabelError:
    source = os.fspath(path)
    titles = "; ".join(form.title for form in FORMATS)
    if _begins_like_hdf5(path):
        return LabelError(f"is HDF5 in no form of tracks known here. Known are: {titles}", source)
    if not file_bytes(path).strip():
        return LabelError("the file is empty", source)
    first = first_line(file_text(path)).strip()
    reason = f"cannot tell the form of tracks from the first line {first[:80]!r}. Known are: {titles}"
    return LabelError(reason, source, 1)
