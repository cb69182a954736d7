"""Whether a file is a video at all, why not, and how long its header says it is: what is known before frames are.

This module imports no torch: the probing workers start faster without.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from amclip.data._container import best_stream, mp4_boxes, open_container
from amclip.data.image_folder import why_no_image_folder

__all__ = ["VIDEO_SUFFIXES", "VideoError", "cannot_open", "lengths_by_header", "short_reason", "why_unreadable"]

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".asf", ".wmv", ".mpg", ".mpeg", ".m2ts", ".mts", ".ts"),
    *(".3gp", ".flv", ".ogv", ".vob"),
)


class VideoError(RuntimeError):
    """A video that cannot be read.

    Attributes:
        path: The file.
        reason: What is wrong with it, in words.
    """

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(os.fspath(path), reason)
        self.path, self.reason = os.fspath(path), reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def short_reason(error: Exception) -> str:
    """What an error says in its first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:160] if lines else type(error).__name__


def cannot_open(error: Exception) -> str:
    """The same as the reason of a :class:`VideoError`."""
    return f"cannot be opened as a video ({short_reason(error)})"


def why_unreadable(path: str | os.PathLike[str], thorough: bool = True) -> str:
    """Say in words why a file is no readable video, from its first bytes; empty where nothing is plainly wrong.

    Args:
        path: The file.
        thorough: Also look for a missing index and a missing video stream, which costs opening the file.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if path.is_dir():
            return why_no_image_folder(path)
        if size == 0:
            return "is empty (0 bytes)"
        with path.open("rb") as file:
            head = file.read(1024)
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the video itself; fetch it with `git lfs pull`"
    if not head.strip(b"\0"):
        return "begins with zeros only; was the copy cut off?"
    if _looks_like_text(head):
        return "is not a video (it looks like text)"
    return _what_is_missing(path, size) if thorough else ""


def _looks_like_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character may be cut at the end
            return False
        text = head[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter.isspace() for letter in text)


def _what_is_missing(path: Path, size: int) -> str:
    boxes = mp4_boxes(path)
    if "ftyp" in boxes and "moov" not in boxes:
        return "has no index (the 'moov' box is missing): the recording or the copy was cut off"
    with (
        contextlib.suppress(Exception),
        open_container(path) as container,
    ):  # what else is wrong the caller's error says
        if not container.streams.video:
            return "has no video stream (only sound or other data)"
    if size < 1024:
        return f"is too small to be a video ({size} bytes)"
    return ""


def lengths_by_header(path: str | os.PathLike[str]) -> tuple[float | None, float | None]:
    """How long a file with sound says that it is, as other programs tell it, and how long its picture.

    Returns:
        Seconds of the file and of its picture, each ``None`` where the header does not say.

    Raises:
        VideoError: If the file cannot be opened.
    """
    if os.path.isdir(path):
        return None, None
    try:
        with open_container(path) as container:
            whole = container.duration / 1e6 if container.duration else None
            stream = best_stream(container)
            picture = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
            return whole, picture if container.streams.audio else whole
    except Exception as error:
        raise VideoError(path, why_unreadable(path) or cannot_open(error)) from error
