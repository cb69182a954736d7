"""The list of suggestions, and the page to label them in."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from amclip.atomic import writing_text
from amclip.ethogram.annotation_file import AnnotatedVideo
from amclip.ethogram.bouts import BoutSettings, timeline
from amclip.report.html import Page, Suggestion, write_page
from amclip.report.make import make_media
from amclip.suggest.pool import Chosen

__all__ = ["write_list", "write_suggestions"]

_COLUMNS = ("filepath", "start", "stop", "uncertainty", "prediction")
_NAMED = 3  # behaviours that the list names of a window


def write_list(path: Path, chosen: Sequence[Chosen]) -> None:
    """Write ``filepath,start,stop,uncertainty,prediction``, a row per window, the most unsure first.

    Uncertainty is against what is usual among all windows (1); the prediction has the likeliest behaviours with their
    probabilities, to read.
    """
    with writing_text(path) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_COLUMNS)
        for one in chosen:
            scores = one.video.windows.scores
            ranked = sorted(zip(scores.probabilities[one.row].tolist(), scores.classes, strict=True), reverse=True)
            said = "; ".join(f"{name} {value:.2f}" for value, name in ranked[:_NAMED])
            rows.writerow([scores.video, f"{one.start:.6f}", f"{one.stop:.6f}", f"{one.uncertainty:.4f}", said])


def write_suggestions(
    folder: Path, chosen: Sequence[Chosen], thresholds: Mapping[str, float], window: float, transcode: bool
) -> Path:
    """Write ``suggest.html``: the report's page, with the videos that have suggestions, asking for one after another.

    Args:
        folder: Where it goes.
        chosen: The windows.
        thresholds: Of each behaviour, to show what the network says.
        window: Length of a window in seconds.
        transcode: Copy videos that browsers do not play.
    """
    videos = list({one.video.source.name: one.video for one in chosen}.values())
    numbers = {video.source.name: number for number, video in enumerate(videos)}
    about = [
        AnnotatedVideo(s.video, str(video.source.path), s.fps, s.num_frames, s.duration, s.offset)
        for video in videos
        for s in (video.windows.scores,)
    ]
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
        suggestions=[Suggestion(numbers[one.video.source.name], one.start, one.stop) for one in chosen],
    )
    path = write_page(folder / "suggest.html", page, (timeline(video.windows.scores) for video in videos))
    for note in notes:
        print(f"  {note}")
    return path
