"""Make what the pages' videos need, one video after the other; a video that fails does not end it."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from amclip.data.video_file import VideoError
from amclip.ethogram.annotation_file import AnnotatedVideo
from amclip.flow.choices import Preset
from amclip.long_work import LongWork
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
    with LongWork("Videos of the report", len(videos), "videos") as work:
        for number, video in enumerate(videos):
            tell = partial(_tell, work, number, video.video)
            found, remarks = _media_of(video, folder, transcode, overlay, tell)
            work.reach(number + 1)
            media.append(found)
            notes += [f"{video.video}: {note}" for note in remarks]
    return media, notes


def _media_of(
    video: AnnotatedVideo,
    folder: Path,
    transcode: bool,
    overlay: tuple[int, float, Preset, float] | None,
    tell: Callable[[float], None],
) -> tuple[Media, list[str]]:
    if not video.path or not Path(video.path).exists():
        return Media(), ["is no longer where it was annotated; the page asks for it"]
    copy, flow, notes = None, None, []
    reason = why_unplayable(video.path)
    place = media_path(folder, video.video, video.path, "")
    try:
        if reason and transcode:
            copy = copy_video(video.path, place, tell)
        elif reason and is_newer(place, Path(video.path)):
            copy = place
        elif reason:
            notes.append(f"{reason}, which browsers do not play; --transcode makes a copy that they do")
        if overlay is not None:
            from amclip.report.flow_video import draw_flow  # here, since the flow needs PyTorch and the page does not

            drawn = flow_path(folder, video.video, video.path, *overlay)
            flow = draw_flow(video.path, drawn, *overlay, tell)
            remove_other_flows(flow, video.video, video.path)
        else:
            flow = newest_flow(folder, video.video, video.path)
    except VideoError as error:
        notes.append(error.reason)
    size = None if copy is not None or Path(video.path).is_dir() else stretched_size(video.path)
    return Media(copy, flow, size), notes


def _tell(work: LongWork, number: int, name: str, fraction: float) -> None:
    work.reach(round(number + fraction, 2), name)
