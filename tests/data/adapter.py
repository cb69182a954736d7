"""Open a video by what probing found, also with a reader that takes the number of frames alone. To be removed."""

import inspect
from pathlib import Path
from typing import Any

from amclip.data.video import Video, VideoInfo

_BY_INFO = "info" in inspect.signature(Video).parameters


def open_video(
    path: Path, info: VideoInfo, size: tuple[int, int] | None = None, resize: Any = "stretch", in_order: bool = False
) -> Video:
    if _BY_INFO:
        return Video(path, size, resize, info=info)  # type: ignore[call-arg]
    return Video(path, size, resize, num_frames=info.num_frames, in_order=in_order)
