"""``amclip report``: the page to look at, correct and download what `amclip annotate` found."""

import shlex
from pathlib import Path

from amclip.atomic import refuse_overwriting
from amclip.commands.parsing import CommandWords
from amclip.flow.choices import Preset
from amclip.text import counted, printable

__all__ = ["WORDS", "report"]


WORDS = CommandWords(
    ("folder", "The folder that `amclip annotate … --output FOLDER` has written."),
    {
        "transcode": "Make copies of videos that browsers do not play.",
        "flow_overlay": "Draw the optical flow, to be laid over the videos.",
    },
)


def report(
    folder: str,
    output: str | None = None,
    transcode: bool = False,
    flow_overlay: bool = False,
    flow_size: int = 256,
    flow_bound: float = 6.0,
    flow_preset: Preset = "fast",
) -> None:
    """Write one HTML page for a folder of `amclip annotate`: video beside raster, thresholds to move, bouts to correct.

    The page works offline and needs nothing but a browser. It plays the videos from where they lie: keep them there, or
    move them together with the folder. Corrections stay in the browser until they are downloaded.

    Args:
        folder: The folder that `amclip annotate … --output FOLDER` has written.
        output: The page; default: report.html in the folder.
        transcode: Make copies, in `media` beside the page, of videos that browsers do not play (AVI and others).
        flow_overlay: Draw the optical flow of every video, in `media` beside the page, to be laid over it.
        flow_size: Shorter side of the flow pictures in pixels; videos are shrunk to it.
        flow_bound: Flow in pixels of that size that gives the strongest colour; take less if all is pale.
        flow_preset: TV-L1's settings: fast, default, opencv.

    Raises:
        FileNotFoundError: If the folder is not one of `amclip annotate`.
        ValueError: If a file in it is damaged, or an argument does not fit.
    """
    from amclip.data.tracks import read_tracks
    from amclip.ethogram.annotation_file import FILE_NAME, read_run
    from amclip.ethogram.bouts import timeline
    from amclip.ethogram.outputs import FILES
    from amclip.report.html import Page, write_page
    from amclip.report.make import make_media
    from amclip.report.windows import read_windows

    run = read_run(folder)
    if run.scoring.window is None:
        raise ValueError(f"{run.folder / FILE_NAME}: says no length of windows; was it written by `amclip annotate`?")
    target = Path(output) if output is not None else run.folder / "report.html"
    inputs: list[str | Path] = [
        *(run.folder / name for name in FILES),
        *(video.path for video in run.videos if video.path),
    ]
    refuse_overwriting("--output", target, inputs)
    tracks = None
    if run.tracks is not None and any(video.subjects for video in run.videos):  # a table without boxes is refused
        tracks = read_tracks(str(run.folder / run.tracks))
    overlay = (flow_size, flow_bound, flow_preset, run.scoring.flow_gap) if flow_overlay else None
    media, notes = make_media(run.videos, target.parent / "media", transcode, overlay)
    place = [] if output is None else ["--output", output]
    page = Page(
        heading=f"Ethogram: {run.folder.resolve().name}",
        name=run.folder.resolve().name,
        copy_command=shlex.join(["amclip", "report", folder, *place, "--transcode"]),
        classes=run.classes,
        settings=run.settings,
        window=run.scoring.window,
        videos=run.videos,
        media=media,
        tracks=tracks,
    )
    path = write_page(target, page, map(timeline, read_windows(run)))
    size = f"{counted(len(run.videos), 'video')}, {counted(len(run.classes), 'behaviour')}"
    print(f"{path}: {size}, {path.stat().st_size / 1e6:.1f} MB")
    for note in (*notes, *(f"{video}: was not annotated: {reason}" for video, reason in run.errors)):
        print(printable(f"  {note}"))
