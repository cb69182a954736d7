"""The list of suggestions, and the page to label them in."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from amclip.atomic import writing_text
from amclip.data.tracks import Tracks
from amclip.ethogram.annotation_file import AnnotatedVideo
from amclip.ethogram.bouts import BoutSettings, timeline
from amclip.report.html import Page, Suggestion, write_page
from amclip.report.make import make_media
from amclip.suggest.pool import Chosen, PoolVideo

__all__ = ["write_list", "write_suggestions"]

_COLUMNS = ("filepath", "subject", "start", "stop", "uncertainty", "prediction")
_NAMED = 3  # behaviours that the list names of a window


def write_list(path: Path, chosen: Sequence[Chosen]) -> None:
    """Write ``filepath[,subject],start,stop,uncertainty,prediction``, a row per window, the most unsure first.

    The animal has a column where animals are told apart.
    Uncertainty is against what is usual among all windows (1); the prediction has the likeliest behaviours with their
    probabilities, to read.
    """
    named = any(one.video.windows.scores.subject for one in chosen)
    with writing_text(path) as file:
        rows = csv.DictWriter(
            file, [name for name in _COLUMNS if named or name != "subject"], extrasaction="ignore", lineterminator="\n"
        )
        rows.writeheader()
        for one in chosen:
            scores = one.video.windows.scores
            ranked = sorted(zip(scores.probabilities[one.row].tolist(), scores.classes, strict=True), reverse=True)
            said = "; ".join(f"{name} {value:.2f}" for value, name in ranked[:_NAMED])
            times = (f"{time:.6f}" for time in (one.start, one.stop))
            cells = (scores.video, scores.subject, *times, f"{one.uncertainty:.4f}", said)
            rows.writerow(dict(zip(_COLUMNS, cells, strict=True)))


def write_suggestions(
    folder: Path,
    pool: Sequence[PoolVideo],
    chosen: Sequence[Chosen],
    thresholds: Mapping[str, float],
    window: float,
    transcode: bool,
    tracks: Tracks | None = None,
) -> Path:
    """Write ``suggest.html``: the report's page, with the videos that have suggestions, asking for one after another.

    Args:
        folder: Where it goes.
        pool: What the windows were chosen from: of a video that has suggestions, all animals are shown.
        chosen: The windows.
        thresholds: Of each behaviour, to show what the network says.
        window: Length of a window in seconds.
        transcode: Copy videos that browsers do not play.
        tracks: Where the animals are, where they are told apart.
    """
    numbers: dict[str, int] = {}
    about: list[AnnotatedVideo] = []
    for one in chosen:
        s, source = one.video.windows.scores, one.video.source
        if source.name not in numbers:
            numbers[source.name] = len(about)
            about.append(AnnotatedVideo(s.video, str(source.path), s.extent))
    shown = [video.windows.scores for name in numbers for video in pool if video.source.name == name]
    media, notes = make_media(about, folder / "media", transcode, None)
    page = Page(
        heading=f"{len(chosen)} intervals to label",
        name=folder.resolve().name,
        copy_command="the command `amclip suggest …` again, with --transcode",
        classes=tuple(thresholds),
        settings={name: BoutSettings(threshold=value) for name, value in thresholds.items()},
        window=window,
        videos=about,
        media=media,
        suggestions=[
            Suggestion(numbers[one.video.source.name], one.start, one.stop, one.video.windows.scores.subject)
            for one in chosen
        ],
        tracks=tracks,
    )
    path = write_page(folder / "suggest.html", page, map(timeline, shown))
    for note in notes:
        print(f"  {note}")
    return path
