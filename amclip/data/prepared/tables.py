"""Labels and tracks of a data set, as they are of its prepared videos: other names, and boxes in other pixels."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from amclip.data.prepared.manifest import Prepared
from amclip.data.table import Clip, LabelTable
from amclip.data.tracks import Track, Tracks, match_names
from amclip.data.video import VideoInfo

__all__ = ["prepared_labels", "prepared_tracks", "within_videos"]


def within_videos(table: LabelTable, early: Mapping[str, VideoInfo]) -> LabelTable:
    """The table without clips that reach beyond videos that end early; whole videos are as long as there are frames.

    Args:
        table: The clips.
        early: What there is of the videos that lack their end, by their names in the table.
    """
    return replace(table, clips=tuple(clip for clip in table.clips if not _is_beyond(clip, early.get(clip.video))))


def _is_beyond(clip: Clip, info: VideoInfo | None) -> bool:
    if info is None or clip.start is None or clip.stop is None:
        return False
    frame = 1 / info.fps
    rounded = max(frame, 0.1)  # seconds, as tables are rounded
    return clip.start > info.duration - frame / 2 or clip.stop > info.duration + rounded


def prepared_labels(table: LabelTable, prepared: Mapping[str, Prepared]) -> LabelTable:
    """The clips of videos that were prepared, by their new names; times are what they were.

    Args:
        table: The clips.
        prepared: What became of each video, by its name in the table.
    """
    clips = (clip.of_video(prepared[clip.video].target) for clip in table.clips if clip.video in prepared)
    return replace(table, clips=tuple(clips))


def prepared_tracks(tracks: Tracks, prepared: Mapping[str, Prepared]) -> Tracks:
    """The tracks of videos that were prepared, in the pixels that these have; frames are what they were.

    Args:
        tracks: Of any videos.
        prepared: What became of each video, by its name in the label table.

    Raises:
        LabelError: If several tracks fit a video, or the same ones two videos.
    """
    videos = {}
    for video, name in match_names(tracks, prepared).items():
        one = prepared[video]
        down, right = (new / old for new, old in zip(one.size, one.source_size, strict=True))
        videos[one.target] = tuple(_scaled(track, right, down) for track in tracks.videos[name])
    return Tracks(tracks.source, videos, tracks.notes)


def _scaled(track: Track, right: float, down: float) -> Track:
    length = None if track.body_length is None else track.body_length * float(np.sqrt(right * down))
    return replace(track, boxes=track.boxes * (right, down, right, down), body_length=length)
