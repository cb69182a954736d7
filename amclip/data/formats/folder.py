"""Folders of label files, one per video, per animal of a video, or per behaviour: found, read and joined."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from amclip.data.formats.label_format import BoutReader, BytesReader, Files, LabelFormat, Noted, Reading
from amclip.data.intervals import Timeline, scene_gaps
from amclip.data.label_error import LabelError, raise_together

__all__ = ["found_files", "join_files", "read_files"]


def found_files(
    folder: Path, forms: Iterable[LabelFormat], form_of: Callable[[Path], LabelFormat | None]
) -> tuple[LabelFormat, list[Path]]:
    """The format of a folder's label files, and the files.

    Args:
        folder: The folder; files below it count.
        forms: All formats.
        form_of: The format of a file.

    Raises:
        LabelError: If there are none, files of two formats, or a file is not what its name says.
    """
    found = {form.name: (form, files) for form in forms if (files := _files_of(form, folder, form_of))}
    if len(found) > 1:
        names = " and ".join(f"{form.title} ({files[0].name})" for form, files in found.values())
        raise LabelError(f"holds {names}; give the files of one of them, or a folder for each", str(folder))
    if not found:
        known = ", ".join(dict.fromkeys(name for form in forms for name in _patterns(form)))
        raise LabelError(f"is a folder without label files ({known}); give the table itself", str(folder))
    return next(iter(found.values()))


def _patterns(form: LabelFormat) -> tuple[str, ...]:
    files = form.reader.files if isinstance(form.reader, BoutReader | BytesReader) else None
    return () if files is None else files.patterns


def _files_of(form: LabelFormat, folder: Path, form_of: Callable[[Path], LabelFormat | None]) -> list[Path]:
    patterns = _patterns(form)
    for group in [patterns] if patterns and _how(form).shared else [(pattern,) for pattern in patterns]:
        named = sorted({path for pattern in group for path in folder.rglob(pattern) if path.is_file()})
        files = [path for path in named if _is_in(path, form, form_of)]
        other = next((path for path in named if path not in set(files)), None)
        if other is not None and not _how(form).shared:
            raise LabelError(f"has a name like a file of {form.title}, and is none", str(other), 1)
        if files:
            return files
    return []


def _is_in(path: Path, form: LabelFormat, form_of: Callable[[Path], LabelFormat | None]) -> bool:
    try:
        return form_of(path) is form
    except LabelError:
        if not _how(form).shared:
            raise
        return False  # another program's table


def _how(form: LabelFormat) -> Files:
    assert isinstance(form.reader, BoutReader | BytesReader), "others have no files in folders"
    assert form.reader.files is not None, "its files were found"
    return form.reader.files


def read_files(
    form: LabelFormat, files: Iterable[Path], read: Callable[[Path, Reading], Noted], reading: Reading
) -> Noted:
    """All label files of a folder as one.

    Args:
        form: Their format.
        files: The files.
        read: Reads one.
        reading: How; with the folder.

    Raises:
        LabelError: If one cannot be used, or they do not go together; with all that is wrong of other videos.
    """
    parts = _how(form).parts
    there: list[tuple[Path, Noted]] = []
    errors: list[LabelError] = []
    for file in files:
        try:
            noted = read(file, reading)
            noted.refuse_others(reading.classes, str(file))
        except LabelError as error:  # of one video; all others are still read
            errors += [error, *error.others]
            continue
        if there and not parts and noted.classes != there[0][1].classes:
            reason = f"has the behaviours {noted.classes}, and the files before it {there[0][1].classes}"
            raise LabelError(reason, str(file), 1)
        there.append((file, noted))
    return _joined(form, there, errors)


def join_files(form: LabelFormat, files: Sequence[tuple[Path, Noted]]) -> list[tuple[list[Path], Noted]]:
    """Files that lie anywhere, those of one video joined as in a folder.

    Joined are files of other animals or behaviours of the video. Others may go together as clips, if at all.

    Args:
        form: Their format.
        files: The files, and what they say.

    Returns:
        The files of each, in the order of the first of them, and what they say together.

    Raises:
        LabelError: If files of one video do not go together.
    """
    if not _patterns(form):
        return [([file], noted) for file, noted in files]
    groups: dict[int, list[tuple[Path, Noted]]] = {}  # by the place of their first file
    group_of: dict[str, int] = {}  # of each video
    for place, one in enumerate(files):
        videos = _videos(one[1])
        first, *others = sorted({group_of[video] for video in videos if video in group_of}) or [place]
        group = groups.setdefault(first, [])
        for other in others:
            for member in groups.pop(other):
                group.append(member)
                videos |= _videos(member[1])
        group.append(one)
        group_of.update(dict.fromkeys(videos, first))
    found: list[tuple[list[Path], Noted]] = []
    for group in groups.values():
        if len(group) > 1 and _go_together(form, group):
            found.append(([file for file, _ in group], _joined(form, group, [])))
        else:
            found += [([file], noted) for file, noted in group]
    return found


def _videos(noted: Noted) -> set[str]:
    return {timeline.video for timeline in noted.timelines}


def _go_together(form: LabelFormat, files: Sequence[tuple[Path, Noted]]) -> bool:
    """Whether files are of different behaviours or animals of their videos."""
    if _how(form).parts:
        return True
    whose = [(line.video, animal) for _, noted in files for line in noted.timelines for animal in line.subjects]
    named = all(line.subjects for _, noted in files for line in noted.timelines)
    return named and len(set(whose)) == len(whose) and all(noted.classes == files[0][1].classes for _, noted in files)


def _joined(form: LabelFormat, files: Sequence[tuple[Path, Noted]], errors: list[LabelError]) -> Noted:
    """Files as one.

    Raises:
        LabelError: If there are errors already, or they do not go together.
    """
    parts = _how(form).parts
    by_video: dict[str, list[tuple[Path, Timeline, list[str] | None]]] = {}
    for file, noted in files:
        for timeline in noted.timelines:
            by_video.setdefault(timeline.video, []).append((file, replace(timeline, line=None), noted.classes))
    timelines: list[Timeline] = []
    for of_video in by_video.values():
        try:
            timelines.append(_of_behaviours(of_video) if parts else _of_animals(of_video))
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    first = files[0][1]
    return Noted(timelines, _same_behaviours(by_video) if parts else first.classes, first.column)


def _of_animals(files: list[tuple[Path, Timeline, list[str] | None]]) -> Timeline:
    """One time line of a video from those of its animals.

    Raises:
        LabelError: If two are of one animal, or one ends elsewhere than another.
    """
    own: dict[str, tuple[Path, Timeline]] = {}
    first_file, first, _ = files[0]
    for file, timeline, _ in files:
        for subject in timeline.subjects or ("",):
            if subject in own:
                raise LabelError(f"is of the same video and animal as {own[subject][0]}", str(file))
            own[subject] = file, timeline
        _refuse_other_end(file, timeline, first_file, first)
    if len(files) == 1:
        return first
    gaps: Mapping[str, tuple[tuple[float, float], ...]] = {
        subject: timeline.of(subject).unlabelled for subject, (_, timeline) in own.items()
    }
    return replace(
        first,
        bouts=tuple(bout for _, timeline, _ in files for bout in timeline.bouts),
        unlabelled=scene_gaps(gaps, first.end),
        subjects=tuple(own),
        unwatched=tuple((subject, *gap) for subject, of_one in gaps.items() for gap in of_one),
    )


def _refuse_other_end(file: Path, timeline: Timeline, first_file: Path, first: Timeline) -> None:
    if timeline.fps is not None and first.fps is not None and timeline.end != first.end:
        frames, of_first = (round(one.end * (one.fps or 0.0)) for one in (timeline, first))
        raise LabelError(f"has {frames} frames, and {first_file}, of the same video, has {of_first}", str(file))


def _of_behaviours(files: list[tuple[Path, Timeline, list[str] | None]]) -> Timeline:
    """One time line of a video from those of its behaviours, which are of the same animals.

    Raises:
        LabelError: If two are of one behaviour, or of other animals or frames.
    """
    whose: dict[str, Path] = {}
    first_file, first, _ = files[0]
    for file, timeline, behaviours in files:
        for name in behaviours or ():
            if name in whose:
                raise LabelError(f"is of the same video and of {name!r}, as is {whose[name]}", str(file))
            whose[name] = file
        if timeline.subjects != first.subjects:
            these, those = (", ".join(one.subjects) or "no animal" for one in (timeline, first))
            raise LabelError(f"is of {these}, and {first_file}, of the same video, of {those}", str(file))
        _refuse_other_end(file, timeline, first_file, first)
    return replace(
        first,
        bouts=tuple(bout for _, timeline, _ in files for bout in timeline.bouts),
        unlabelled=tuple(sorted({gap for _, timeline, _ in files for gap in timeline.unlabelled})),
        unwatched=tuple(sorted({gap for _, timeline, _ in files for gap in timeline.unwatched})),
    )


def _same_behaviours(by_video: Mapping[str, list[tuple[Path, Timeline, list[str] | None]]]) -> list[str]:
    """The behaviours that every video has a file of.

    Raises:
        LabelError: If one lacks a file that another has: what it shows of that behaviour is not known.
    """
    errors = []
    names = sorted({name for files in by_video.values() for *_, own in files for name in own or ()})
    for video, files in by_video.items():
        missing = sorted(set(names) - {name for *_, own in files for name in own or ()})
        if missing:
            errors.append(LabelError(f"{video}: has no file of {', '.join(missing)}, as others have", str(files[0][0])))
    raise_together(errors)
    return names
