"""Videos that a browser plays: copies of those that it does not, and where what is drawn of their flow lies."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from amclip.data._container import best_stream, open_container
from amclip.data.video import Video
from amclip.data.writer import VideoWriter
from amclip.flow.choices import Preset

__all__ = [
    "Media",
    "copy_video",
    "flow_path",
    "is_newer",
    "media_path",
    "newest_flow",
    "remove_other_flows",
    "stretched_size",
    "why_unplayable",
]

#: What current Chromium, Firefox and Safari all play.
_CODECS = ("h264", "vp8", "vp9", "av1")
_SUFFIXES = (".mp4", ".m4v", ".mov", ".webm")
_FLOW = "-flow"


@dataclass(frozen=True)
class Media:
    """Pictures of one video.

    Attributes:
        copy: A copy that plays; ``None``: the video itself does.
        flow: What was drawn of its flow; ``None``: nothing.
        size: Width and height of its pictures in pixels, where these are not square and players show it wider or higher
            than that; ``None``: as players show it.
    """

    copy: Path | None = None
    flow: Path | None = None
    size: tuple[int, int] | None = None


def why_unplayable(path: str | os.PathLike[str]) -> str:
    """Say why browsers do not play a video; empty where they do, as far as the file's header tells."""
    import av

    path = Path(path)
    if path.is_dir():
        return "is a folder of images"
    try:
        with open_container(path) as container:
            context = best_stream(container).codec_context
            codec, pixels = context.name, context.pix_fmt or ""
    except (av.error.FFmpegError, ValueError, OSError) as error:
        return f"cannot be read ({error})"
    codec = {"libdav1d": "av1", "libvpx-vp9": "vp9", "libvpx": "vp8"}.get(codec, codec)
    if codec not in _CODECS:
        return f"is coded as {codec}"
    if path.suffix.lower() not in _SUFFIXES:
        return f"is a {path.suffix or 'file without a suffix'} file"
    if codec == "h264" and pixels not in ("yuv420p", "yuvj420p"):
        return f"has pixels of the kind {pixels}"
    return ""


def stretched_size(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Width and height in pixels of a video whose pixels are not square, by its header; ``None`` of any other."""
    import av

    try:
        with open_container(path) as container:
            stream = best_stream(container)
            context, aspect = stream.codec_context, stream.sample_aspect_ratio
    except (av.error.FFmpegError, ValueError, OSError):
        return None
    return (context.width, context.height) if aspect and aspect != 1 else None


def media_path(folder: Path, video: str, path: str, kind: str) -> Path:
    """Where a made video lies: named for people, with a digest of the source's path, since names repeat."""
    return folder / f"{Path(video).stem[:60]}-{_digest(os.fsencode(path))}{kind}.mp4"


def flow_path(folder: Path, video: str, path: str, size: int, bound: float, preset: Preset, gap: float) -> Path:
    """Where the flow video of these settings lies (:mod:`amclip.report.flow_video`): other settings, another file."""
    settings = f"{size} {float(bound)!r} {preset} {gap!r}"
    return media_path(folder, video, path, f"{_FLOW}-{_digest(settings.encode())}")


def newest_flow(folder: Path, video: str, path: str) -> Path | None:
    """The flow video that was drawn last, of whatever settings; ``None`` where all are older than the video."""
    flows = [flow for flow in _flows(folder, video, path) if is_newer(flow, Path(path))]
    return max(flows, key=lambda flow: flow.stat().st_mtime, default=None)


def remove_other_flows(kept: Path, video: str, path: str) -> None:
    """Remove flow videos of other settings, so that the folder holds one per video: that which the page shows."""
    for flow in _flows(kept.parent, video, path):
        if flow != kept:
            flow.unlink()


def _flows(folder: Path, video: str, path: str) -> list[Path]:
    if not folder.is_dir():
        return []
    begins = media_path(folder, video, path, _FLOW).stem  # no pattern: names may hold brackets
    return [file for file in folder.iterdir() if file.name.startswith(begins) and file.suffix == ".mp4"]


def is_newer(target: Path, source: Path) -> bool:
    """Whether a made video is there and was made of the source as it is now."""
    return target.exists() and source.exists() and target.stat().st_mtime >= source.stat().st_mtime


def copy_video(source: str | os.PathLike[str], target: Path, progress: Callable[[float], None]) -> Path:
    """Write a copy that browsers play: H.264, as many frames as the video has, evenly spaced.

    A copy that is newer than the video is left as it is.

    Args:
        source: The video.
        target: The copy.
        progress: Is told the fraction that is done, in [0, 1].

    Raises:
        VideoError: If the video cannot be read.
    """
    if is_newer(target, Path(source)):
        return target
    with Video(source) as reader, VideoWriter(target, reader.fps, (reader.height, reader.width), crf=20) as writer:
        for frame in reader.read_in_order(range(reader.num_frames)):
            writer.write(frame)
            progress(writer.num_frames / reader.num_frames)
    return target


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]
