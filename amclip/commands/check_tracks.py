"""How much of each animal's labels has a track, and what is odd about tracks beside their videos."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from amclip.commands.check_report import Coverage, Finding
from amclip.data.animals import Animals
from amclip.data.crops import PRESENT
from amclip.data.label_error import LabelError
from amclip.data.table import Clip, LabelTable
from amclip.data.tracks import tracks_of
from amclip.data.tracks.summary import beside_video
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError

__all__ = ["check_tracks"]


def check_tracks(
    table: LabelTable,
    animals: Animals,
    paths: Mapping[str, Path],
    found: Mapping[Path, VideoInfo | VideoError],
) -> tuple[list[Finding], tuple[Coverage, ...]]:
    """Compare the labels of a table with the tracks of its animals.

    Args:
        table: Clips.
        animals: The animals by their tracks.
        paths: File of each video.
        found: What probing found of it.

    Returns:
        What is wrong, and for each animal how much of its labels has a track; animals of one name in several videos are
        one line, and ``""`` are clips that name none.
    """
    findings = [
        Finding("parts of the tracks that are left out", False, "tracks", note) for note in animals.tracks.notes
    ]
    covered: dict[str, Coverage] = {}
    seen: dict[tuple[str, str], list[tuple[Clip, float]]] = defaultdict(list)
    refused: set[tuple[str, str]] = set()
    for clip in table.clips:
        info = found.get(paths[clip.video])
        if not isinstance(info, VideoInfo):
            continue
        span = info.frame_range(clip.start, clip.stop)
        name, share = clip.subject, 0.0
        try:
            animal = animals.animal(clip, info.fps)
            name, share = animal.track.subject, animal.presence(span.start, span.stop) if span else 0.0
            seen[clip.video, name].append((clip, share))
        except VideoError as error:
            if (clip.video, clip.subject) not in refused:
                refused.add((clip.video, clip.subject))
                findings.append(
                    Finding("animals without a track", True, clip.video, error.reason, clip.line, clip.file)
                )
        covered[name] = covered.get(name, Coverage(name)).plus(len(span) / info.fps, share, share >= PRESENT)
    findings += _without_boxes(seen)
    for video in dict.fromkeys(clip.video for clip in table.clips):
        info = found.get(paths[video])
        try:
            there = tracks_of(animals.tracks, video) if isinstance(info, VideoInfo) else ()
        except LabelError:
            continue  # said of its clips
        for track in there:
            covered.setdefault(track.subject, Coverage(track.subject))
        if isinstance(info, VideoInfo):
            findings += [Finding(kind, False, video, detail) for kind, detail in beside_video(there, info)]
    return findings, tuple(covered.values())


def _without_boxes(seen: Mapping[tuple[str, str], list[tuple[Clip, float]]]) -> list[Finding]:
    """Animals that are not there while they have labels, a finding each with the first such clip."""
    findings = []
    for (video, name), clips in seen.items():
        absent = [clip for clip, share in clips if share < PRESENT]
        if not absent:
            continue
        first = absent[0]
        when = "" if first.start is None else f", the first from {first.start:.10g} to {first.stop:.10g} s"
        detail = (
            f"{name!r} has boxes in less than {PRESENT:.0%} of the frames of {len(absent)} of {len(clips)} clips{when}"
        )
        findings.append(Finding("labels of animals that have no box", False, video, detail, first.line, first.file))
    return findings
