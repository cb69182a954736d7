"""The folder that annotating leaves: tables of windows, bouts and time budgets, files for other tools, a figure."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from pathlib import Path

from amclip.data.boris_columns import subject_of
from amclip.data.formats.boris_rows import MISSING
from amclip.data.subject_names import refuse_subject
from amclip.data.tracks import Tracks, match_videos, write_tracks
from amclip.data.used import UsedVideos
from amclip.ethogram import annotation_file
from amclip.ethogram.annotation_file import AnnotatedVideo, Scoring, find_run, write_run
from amclip.ethogram.boris_files import observation_id
from amclip.ethogram.bouts import BoutSettings, ScoredBout, ScoreTimeline, find_bouts, smooth, timeline
from amclip.ethogram.budget import time_budget
from amclip.ethogram.figure import Panel, Track, draw_ethogram, panel_rows
from amclip.ethogram.output_tables import BoutTable, BudgetTable, WindowTables
from amclip.ethogram.scores import WindowScores
from amclip.ethogram.video_files import PROJECT, BorisProject, files_of, write_boris_tables, write_deepethogram

__all__ = ["FILES", "TRACKS", "write_outputs"]

TRACKS = "tracks.csv"
"""The file with the boxes of the animals."""
FILES = (
    *("windows.csv", "windows.parquet", "bouts.csv", "time_budget.csv", annotation_file.FILE_NAME, TRACKS),
    *("ethogram.png", "ethogram.svg", PROJECT),
)
"""What the folder holds beside the files of each video."""

_LONGEST_NAME = 255  # of a file, in bytes
# Of the figure: what still fits a page.
_MAX_PANELS = 12
_MAX_ROWS = 60


def write_outputs(
    directory: str | os.PathLike[str],
    scores: Iterable[WindowScores],
    settings: Mapping[str, BoutSettings],
    scoring: Scoring | None = None,
    paths: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    tracks: Tracks | None = None,
    used: UsedVideos | None = None,
) -> list[tuple[str, str]]:
    """Write everything that is known of some videos; writes are atomic.

    A video, or an animal, whose scores cannot be used is left out, and the video named among the errors. Animals are
    told apart, in columns and files of their own, where ``tracks`` are given or the first scores are of an animal.

    Args:
        directory: The folder; made where it is missing. Files of the same name are replaced.
        scores: One at a time; no more than one is held in memory. Those of the animals of a video follow each other.
        settings: For each class, how its bouts are cut.
        scoring: How the videos were scored; default: nothing is known of it.
        paths: The absolute path of each video, by its name.
        errors: Why videos could not be annotated, by their names.
        tracks: Where the animals are; written beside the tables.
        used: What the network was trained and validated on; ``annotation.json`` says of each video whether it is of it.

    Returns:
        Name and reason of each video that was left out here, or of which animals were; they are in ``annotation.json``
        as well.

    Raises:
        ValueError: If videos have other classes than the first one or than ``settings``, a video or an animal of it
            comes twice, or an animal comes where animals are not told apart.
        OSError: If a file cannot be written.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    _remove_left_over(folder)
    scores = iter(scores)
    first = list(next(zip(scores), ()))
    named = tracks is not None or any(one.subject for one in first)
    left_out: dict[str, str] = {}
    videos: list[AnnotatedVideo] = []
    seen: set[str] = set()
    figure = _Figure(tuple(settings))
    with ExitStack() as stack:
        writer = _Writer.open(stack, folder, settings, named)
        for name, of_video in groupby(chain(first, scores), key=lambda one: one.video):
            if name in seen:
                raise ValueError(f"{name}: is there twice")
            seen.add(name)
            found = _Video(name, (paths or {}).get(name))
            for one in of_video:
                if reason := writer.add(found, one):
                    left_out[name] = f"{left_out[name]}; {reason}" if name in left_out else reason
            if found.about is not None:
                writer.finish(found)
                videos.append(_with_use(found.about, used))
                figure.add(found)
        if tracks is not None:
            write_tracks(_of_annotated(tracks, videos), folder / TRACKS)
    figure.draw(folder, len(videos))
    written = None if tracks is None else TRACKS
    _remove_others(folder, _files_beside(videos, written))
    write_run(folder, scoring or Scoring(), settings, videos, [*(errors or {}).items(), *left_out.items()], written)
    return list(left_out.items())


def _with_use(video: AnnotatedVideo, used: UsedVideos | None) -> AnnotatedVideo:
    if used is None or video.path is None:
        return video
    return replace(video, used_in=used.find(Path(video.path), video.extent.duration))


def _remove_left_over(folder: Path) -> None:
    """Remove files that a run was killed over while it wrote them; nobody else writes here while this one does."""
    left = [path for name in FILES for path in folder.glob(f".{name}.*.partial")]
    left += [path for end in ("png", "svg") for path in folder.glob(f".ethogram.{end}.*.{end}")]
    left += [path for below in ("boris", "deepethogram") for path in (folder / below).rglob(".*.partial")]
    for path in left:
        path.unlink(missing_ok=True)


@dataclass
class _Video:
    """What was found in a video, as far as its animals have come.

    Attributes:
        name: As the tables name it.
        path: Where it lies, if that is known.
        stem: Name of its observation; empty before anything was found.
        about: What is known of it, and of whom something was found; ``None`` before anything was.
        bouts: Of all animals.
        absences: When each animal is not in the picture, in seconds.
        curves: Smoothed, where they are of one animal alone, or of the scene.
        given: All whose scores came, those that cannot be used too.
    """

    name: str
    path: str | None
    stem: str = ""
    about: AnnotatedVideo | None = None
    bouts: list[ScoredBout] = field(default_factory=list)
    absences: dict[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    curves: ScoreTimeline | None = None
    given: set[str] = field(default_factory=set)

    def describe(self, scores: WindowScores) -> AnnotatedVideo:
        """The video as it is known with one animal more.

        Raises:
            ValueError: If these scores tell of it otherwise than those before.
        """
        s, before = scores, self.about
        one = AnnotatedVideo(s.video, self.path, s.extent)
        if before is not None and replace(before, subjects=(), present={}) != one:
            raise ValueError(
                f"{s.name}: ends at {s.extent.duration:g} s, frame {s.extent.num_frames}, and for other animals of the "
                f"video at {before.extent.duration:g} s, frame {before.extent.num_frames}"
            )
        known = () if before is None else before.subjects or ("",)
        present = dict(before.present) if before else {}
        if s.present is not None:
            present[s.subject] = s.presences()
        if not known and not s.subject:  # a scene alone is no animal
            return one
        return replace(one, subjects=(*known, s.subject), present=present)


@dataclass(frozen=True)
class _Writer:
    """All files to which a video is added."""

    folder: Path
    settings: Mapping[str, BoutSettings]
    named: bool
    windows: WindowTables
    bouts: BoutTable
    budget: BudgetTable
    project: BorisProject
    stems: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, stack: ExitStack, folder: Path, settings: Mapping[str, BoutSettings], named: bool) -> "_Writer":
        windows = stack.enter_context(WindowTables.open(folder, tuple(settings), named))
        bouts = stack.enter_context(BoutTable.open(folder / "bouts.csv", named))
        budget = stack.enter_context(BudgetTable.open(folder / "time_budget.csv", named))
        project = stack.enter_context(BorisProject.open(folder, settings, named))
        return cls(folder, settings, named, windows, bouts, budget, project)

    def add(self, video: _Video, scores: WindowScores) -> str:
        """Add one animal, or the scene; returns why it cannot be used, or nothing."""
        classes = tuple(self.settings)
        if scores.classes != classes:
            raise ValueError(f"{scores.name}: was scored for {scores.classes}, and the settings are for {classes}")
        if scores.subject and not self.named:
            raise ValueError(f"{scores.name}: is an animal, and the first scores were of a scene; give the tracks too")
        if scores.subject in video.given:
            raise ValueError(f"{scores.name}: is there twice")
        video.given.add(scores.subject)
        try:
            _refuse_subject(scores)
            self._refuse_long_names(video, scores.subject)
            curves = timeline(scores)
            video.about = video.describe(scores)
        except ValueError as error:
            return str(error)
        bouts = find_bouts(curves, self.settings)
        video.stem = video.stem or observation_id(video.name, self.stems)
        self.windows.add(scores)
        self.bouts.add(bouts)
        self.budget.add(time_budget(scores, bouts))
        write_deepethogram(self.folder, video.stem, scores.subject, scores.extent.num_frames, classes, bouts)
        video.curves = None if video.absences else smooth(curves, self.settings)
        video.bouts += bouts
        video.absences[scores.subject] = scores.absences()
        return ""

    def _refuse_long_names(self, video: _Video, subject: str) -> None:
        stem = video.stem or observation_id(video.name, set(self.stems))
        longest = max((Path(file).name for file in files_of(stem, (subject,))), key=lambda name: len(os.fsencode(name)))
        if len(os.fsencode(longest)) > _LONGEST_NAME:
            raise ValueError(
                f"{video.name}: the file {longest[:40]}… would have a name of {len(os.fsencode(longest))} bytes, and "
                f"disks take {_LONGEST_NAME}; shorten the name of the video{' or of the animal' if subject else ''}"
            )

    def finish(self, video: _Video) -> None:
        """Write what holds all animals of a video."""
        assert video.about is not None
        self.project.add(video.stem, video.about, video.about.subjects, video.bouts, video.path)
        write_boris_tables(self.folder, video.stem, video.about, video.bouts)


def _refuse_subject(scores: WindowScores) -> None:
    """Refuse an animal's name that a table or BORIS would not give back.

    Raises:
        LabelError: If it is one.
    """
    refuse_subject(scores.subject, scores.video)
    name = scores.subject
    if name and (name.lower() in MISSING or not subject_of(name)):
        raise ValueError(f"{scores.video}: {name!r} is BORIS' word for no animal; rename it")


@dataclass
class _Figure:
    """The videos that the figure shows: the first ones, as far as they fit a page."""

    classes: Sequence[str]
    panels: list[Panel] = field(default_factory=list)
    rows: int = 0
    full: bool = False

    def add(self, video: _Video) -> None:
        """Take a video in, where there is room."""
        assert video.about is not None
        bouts = [Track("amclip", video.bouts)]
        about = video.about
        panel = Panel(video.name, bouts, 0.0, about.extent.duration, video.curves, about.subjects, video.absences)
        self.rows += panel_rows(panel, self.classes)
        self.full |= bool(self.panels) and (len(self.panels) == _MAX_PANELS or self.rows > _MAX_ROWS)
        if self.panels:  # curves have room where there is one video
            self.panels[0] = replace(self.panels[0], curves=None)
            panel = replace(panel, curves=None)
        if not self.full:
            self.panels.append(panel)

    def draw(self, folder: Path, videos: int) -> None:
        """Draw it, where there is anything; ``videos`` is the number of all."""
        panels = self.panels
        if not panels:
            return
        if videos > len(panels):
            title = f"{panels[-1].title}  (the first {len(panels)} of {videos} videos)"
            panels = [*panels[:-1], replace(panels[-1], title=title)]
        draw_ethogram([folder / f"ethogram{end}" for end in (".png", ".svg")], panels, self.classes)


def _of_annotated(tracks: Tracks, videos: Sequence[AnnotatedVideo]) -> Tracks:
    """The tracks of the animals in the tables, by the names that the tables give the videos."""
    named = {video.video: set(video.subjects) for video in videos if any(video.subjects)}
    found = match_videos(tracks, named)
    return Tracks(
        tracks.source,
        {name: tuple(track for track in of_video if track.subject in named[name]) for name, of_video in found.items()},
    )


def _files_beside(videos: Iterable[AnnotatedVideo], tracks: str | None) -> set[str]:
    """The files of single videos, and that of the tracks, as the folder of an annotation of these videos has them."""
    stems: set[str] = set()
    files = {file for video in videos for file in files_of(observation_id(video.video, stems), video.subjects)}
    return files if tracks is None else {*files, tracks}


def _remove_others(folder: Path, files: set[str]) -> None:
    """Remove the files of single videos and animals that an earlier annotation left, and this one does not write.

    Which these are is read from its ``annotation.json``: nobody else's files are touched.
    """
    run = find_run(folder)
    # By its own name alone: another one in that file would be somebody's.
    earlier = set() if run is None else _files_beside(run.videos, TRACKS if run.tracks == TRACKS else None)
    for name in earlier - files:
        (folder / name).unlink(missing_ok=True)
