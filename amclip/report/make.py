"""Make what the pages' videos need, one video after the other; a video that fails does not end it."""

from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress, TaskID

from amclip.data.video_file import VideoError
from amclip.ethogram.annotation_file import AnnotatedVideo
from amclip.flow.choices import Preset
from amclip.report.media import (
    Media,
    copy_video,
    flow_path,
    is_newer,
    media_path,
    newest_flow,
    remove_other_flows,
    stretched_size,
    why_unplayable,
)

__all__ = ["make_media"]


def make_media(
    videos: Sequence[AnnotatedVideo], folder: Path, transcode: bool, overlay: tuple[int, float, Preset, float] | None
) -> tuple[list[Media], list[str]]:
    """Copies of videos that browsers do not play, and flow videos.

    Args:
        videos: The videos of the page.
        folder: Where made videos go.
        transcode: Whether copies are made.
        overlay: Size, bound, preset and gap (seconds) of the flow; ``None``: none is drawn, and the page shows what was
            drawn before.

    Returns:
        What each video has, and in words what a user should know.
    """
    media, notes = [], []
    with Progress(transient=True) as bar:
        for video in videos:
            found, remarks = _media_of(video, folder, transcode, overlay, bar)
            media.append(found)
            notes += [f"{video.video}: {note}" for note in remarks]
    return media, notes


def _media_of(
    video: AnnotatedVideo,
    folder: Path,
    transcode: bool,
    overlay: tuple[int, float, Preset, float] | None,
    bar: Progress,
) -> tuple[Media, list[str]]:
    if not video.path or not Path(video.path).exists():
        return Media(), ["is no longer where it was annotated; the page asks for it"]
    copy, flow, notes = None, None, []
    task = bar.add_task(video.video, total=1)
    reason = why_unplayable(video.path)
    place = media_path(folder, video.video, video.path, "")
    try:
        if reason and transcode:
            copy = copy_video(video.path, place, lambda share: _advance(bar, task, share))
        elif reason and is_newer(place, Path(video.path)):
            copy = place
        elif reason:
            notes.append(f"{reason}, which browsers do not play; --transcode makes a copy that they do")
        if overlay is not None:
            from amclip.report.flow_video import draw_flow  # here, since the flow needs PyTorch and the page does not

            drawn = flow_path(folder, video.video, video.path, *overlay)
            flow = draw_flow(video.path, drawn, *overlay, lambda share: _advance(bar, task, share))
            remove_other_flows(flow, video.video, video.path)
        else:
            flow = newest_flow(folder, video.video, video.path)
    except VideoError as error:
        notes.append(error.reason)
    bar.remove_task(task)
    size = None if copy is not None or Path(video.path).is_dir() else stretched_size(video.path)
    return Media(copy, flow, size), notes


def _advance(bar: Progress, task: TaskID, share: float) -> None:
    bar.update(task, completed=share)
