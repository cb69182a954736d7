"""The files of the video matrix."""

from collections.abc import Iterator

from numbered_videos import Case, Workshop
from video_codings import codings
from video_structures import structures

__all__ = ["QUICK", "all_cases"]

#: Of the small files that PyAV writes alone, those that a quick run reads.
QUICK = (
    *("h264_bframes.mp4", "h264_open_gop.mkv", "h264_intra_refresh.mp4", "h264.avi", "h264.ts", "h265_open_gop.mp4"),
    *("vp8_hidden.webm", "mpeg4_bframes.avi", "trimmed.mp4", "turned_90.mp4", "variable_rate.mkv", "double_stamp.mkv"),
    *("two_tracks.mp4", "no_index.mkv", "clock_wraps.ts"),
)


def all_cases(shop: Workshop) -> Iterator[Case]:
    """Every file of the matrix."""
    yield from codings(shop)
    yield from structures(shop)
