"""Go over a data set before training: what is missing, broken, too short, mislabelled, or in two splits at once."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

from amclip.commands.check_report import Coverage, Finding, Report
from amclip.commands.check_tracks import check_tracks
from amclip.data.always_shown import always_shown
from amclip.data.animals import Animals
from amclip.data.find import named_otherwise
from amclip.data.frame_rates import describe_rates, explain_slow, gap_in_frames, too_slow
from amclip.data.locate import video_path
from amclip.data.overlaps import contradictions, cut_recordings
from amclip.data.probe import probe
from amclip.data.split_names import SPLITS
from amclip.data.table import LabelTable, describe_lost
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError
from amclip.text import counted, plain_form

__all__ = ["check_data"]

_SAMPLE = 1 << 20  # bytes hashed per video
_EXPLAINED = 20  # missing videos, in whose place names like theirs are looked for


def check_data(
    table: LabelTable,
    root: str | os.PathLike[str],
    positions: int = 1,
    flow_gap: float | None = None,
    lengths: Mapping[Path, VideoInfo | VideoError] | None = None,
    timeout: float = 20.0,
    cache: str | os.PathLike[str] | None = None,
    thorough: bool = False,
    training: bool = True,
    animals: Animals | None = None,
) -> Report:
    """Check a label table against its videos and itself.

    Args:
        table: Clips, with the splits that training would use.
        root: Folder that relative paths start from.
        positions: Sampled positions of a clip. One too short to show as many different frames, with the flow partner of
            the last, is a warning.
        flow_gap: Seconds from a frame to its flow partner; ``None`` where no flow is computed.
        lengths: What probing found, where that was done already; otherwise videos are probed now.
        timeout: Seconds without progress after which a video counts as broken.
        cache: Folder that keeps what probing found.
        thorough: Decode every video from end to end, not only its ends.
        training: Whether the table is for training: its splits and classes matter. Otherwise only videos are checked.
        animals: The animals that clips are of, by their tracks, where animals are cut out.
    """
    paths = {clip.video: video_path(root, clip) for clip in {clip.video: clip for clip in table.clips}.values()}
    found = lengths if lengths is not None else probe(paths.values(), timeout, cache, thorough=thorough)
    findings = _check_videos(table, Path(root), paths, found)
    findings += _check_lengths(table, paths, found, positions, flow_gap)
    if flow_gap is not None:
        findings += _check_rates(paths, found, flow_gap)
    findings += _check_same_content(paths, found)
    if training:
        findings += _check_classes(table)
        findings += _check_splits(table, paths)
        findings += _check_overlaps(table)
    tracked: tuple[Coverage, ...] = ()
    if animals is not None:
        odd, tracked = check_tracks(table, animals, paths, found)
        findings += odd
    readable = {path: found[path] for path in paths.values() if path in found}
    seconds = sum(info.duration for info in readable.values() if isinstance(info, VideoInfo))
    ordered = sorted(findings, key=lambda finding: not finding.fatal)  # stable: kinds stay together
    rates = "" if flow_gap is None else describe_rates(readable, flow_gap)
    return Report(table.source, len(table), len(paths), seconds, _class_counts(table), tuple(ordered), rates, tracked)


def _check_videos(
    table: LabelTable, root: Path, paths: Mapping[str, Path], found: Mapping[Path, VideoInfo | VideoError]
) -> list[Finding]:
    clips = Counter(clip.video for clip in table.clips)
    places = {clip.video: (clip.line, clip.file) for clip in reversed(table.clips)}
    missing = [video for video, path in paths.items() if not path.exists()]
    named = frozenset(paths.values())
    findings = []
    for video in missing:
        detail = f"does not exist below {root}"
        near = named_otherwise(paths[video], named) if video in missing[:_EXPLAINED] else ""
        if len(missing) == len(paths) and not (near and paths[video].parent.is_dir()):
            detail += ", where data.source.root has it: is that the folder of the videos?"
        else:
            detail += near
        findings.append(Finding("videos that are missing", True, video, detail, *places[video]))
    for video, path in paths.items():
        info = found.get(path)
        if isinstance(info, VideoError) and video not in missing:
            count = f" ({clips[video]} clips)" if clips[video] > 1 else ""
            findings.append(Finding("videos that cannot be read", True, video, info.reason + count, *places[video]))
        elif isinstance(info, VideoInfo) and info.note:
            findings.append(Finding("videos that are damaged", False, video, info.note, *places[video]))
    return findings


def _check_lengths(
    table: LabelTable,
    paths: Mapping[str, Path],
    found: Mapping[Path, VideoInfo | VideoError],
    positions: int,
    flow_gap: float | None,
) -> list[Finding]:
    """Clips outside of their video, and clips with few frames (by the average frame rate)."""
    findings = []
    for clip in table.clips:
        info = found.get(paths[clip.video])
        if not isinstance(info, VideoInfo):
            continue
        start = 0.0 if clip.start is None else clip.start
        stop = info.duration if clip.stop is None else clip.stop
        frame = 1 / info.fps
        what = "clips outside of their video"
        if start > info.duration - frame / 2:
            detail = f"starts at {start:.10g} s, and the video lasts {info.duration:.2f} s"
            findings.append(Finding(what, True, clip.video, detail, clip.line, clip.file))
        elif stop > info.duration + max(frame, 0.1):  # tables are rounded
            detail = f"stops at {stop:.10g} s, and the video lasts {info.duration:.2f} s"
            findings.append(Finding(what, True, clip.video, detail, clip.line, clip.file))
        else:
            frames = info.num_frames if clip.start is None else round((min(stop, info.duration) - start) * info.fps)
            needed = positions + (0 if flow_gap is None else gap_in_frames(info.fps, flow_gap))
            if frames < needed:
                detail = f"has {frames} frames where {needed} are sampled; frames are repeated"
                findings.append(
                    Finding("clips shorter than what is sampled", False, clip.video, detail, clip.line, clip.file)
                )
    return findings


def _check_rates(
    paths: Mapping[str, Path], found: Mapping[Path, VideoInfo | VideoError], flow_gap: float
) -> list[Finding]:
    """Videos whose next frame lies much further than the flow gap."""
    infos = {video: found.get(path) for video, path in paths.items()}
    return [
        Finding("videos too slow for the flow gap", False, video, explain_slow(info.fps, flow_gap))
        for video, info in infos.items()
        if isinstance(info, VideoInfo) and too_slow(info, flow_gap)
    ]


def _check_classes(table: LabelTable) -> list[Finding]:
    findings = []
    if table.lost:
        findings.append(Finding("behaviours that no clip shows", False, table.source, describe_lost(table)))
    counts = _class_counts(table)
    splits = [split for split in SPLITS if any(clip.split == split for clip in table.clips)] or ["-"]
    for split in splits:
        without = [name for name in table.classes if not counts[name].get(split)]
        trained = split in ("train", "-")
        for name in without:
            elsewhere = sum(counts[name].values())
            if trained:
                detail = f"no example in training ({elsewhere} in other splits); it cannot be learned"
            else:
                detail = f"no example in {split}; it is left out of the average precision there"
            findings.append(Finding("classes without an example", trained, name, detail))
    for split in splits:
        clips = sum(clip.split == (None if split == "-" else split) for clip in table.clips)
        for name in always_shown(table, None if split == "-" else split):
            if split in ("train", "-"):
                detail = f"all {clips} clips of training show it: what is never seen without it cannot be learned"
            else:
                detail = f"all {clips} clips of {split} show it: its average precision there is 1, whatever is said"
            findings.append(Finding("classes that every clip shows", False, name, detail))
    by_form: dict[str, list[str]] = defaultdict(list)
    for name in table.classes:
        by_form[plain_form(name)].append(name)
    for names in by_form.values():
        if len(names) > 1:
            detail = f"differ only in letter case, blanks or hyphens from {names[0]!r}; are they one class?"
            findings.append(Finding("class names that look alike", False, ", ".join(map(repr, names[1:])), detail))
    for name in table.classes:
        if "," in name and all(part.strip() in table.classes for part in name.split(",")):
            detail = "is made of other classes' names; labels of one clip are joined by ';'"
            findings.append(Finding("class names that look alike", False, name, detail))
    unlabelled = [clip for clip in table.clips if clip.labels is None]
    if unlabelled:
        detail = f"{counted(len(unlabelled), 'clip')} without labels; training needs a label column"
        findings.append(Finding("clips without labels", True, table.source, detail))
    return findings


def _check_splits(table: LabelTable, paths: Mapping[str, Path]) -> list[Finding]:
    """Empty splits, and videos that stand in more than one."""
    named = {clip.split for clip in table.clips}
    findings = []
    for split in SPLITS:
        if split not in named and named != {None}:
            detail = "has no clip" if split == "train" else "has no clip; there is nothing to measure on"
            findings.append(Finding("empty splits", split != "test", split, detail))
    real = {video: os.path.realpath(path) for video, path in paths.items()}  # however it is spelled
    for recording in cut_recordings(table.clips, lambda clip: real[clip.video]):
        if recording.shared is None:
            findings.append(Finding("recordings that are cut over splits", False, recording.video, str(recording)))
        else:
            later = recording.shared[1]
            kind = "the same frames in two splits"
            findings.append(Finding(kind, True, recording.video, str(recording), later.line, later.file))
    return findings


def _check_overlaps(table: LabelTable) -> list[Finding]:
    """Clips that are bouts, by the look of them: a table of clips denies what a row does not name."""
    return [
        Finding("clips that contradict each other", False, one.video, str(one), one.second.line, one.second.file)
        for one in contradictions(table.clips)
    ]


def _check_same_content(paths: Mapping[str, Path], found: Mapping[Path, VideoInfo | VideoError]) -> list[Finding]:
    """Files of the same size whose first megabyte is the same: one video under two names."""
    by_size: dict[int, list[str]] = defaultdict(list)
    for video, path in paths.items():
        if isinstance(found.get(path), VideoInfo) and path.is_file():
            by_size[path.stat().st_size].append(video)
    findings = []
    for videos in by_size.values():
        if len(videos) < 2:
            continue
        first: dict[str, str] = {}
        for video in videos:
            with paths[video].open("rb") as file:
                digest = hashlib.sha256(file.read(_SAMPLE)).hexdigest()
            if digest not in first:
                first[digest] = video
            elif not paths[video].samefile(paths[first[digest]]):
                detail = f"has the same content as {first[digest]}; keep one, or at least both in one split"
                findings.append(Finding("the same video under two names", False, video, detail))
    return findings


def _class_counts(table: LabelTable) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {name: {} for name in table.classes}
    for clip in table.clips:
        for name in clip.labels or ():
            split = clip.split or "-"
            counts[name][split] = counts[name].get(split, 0) + 1
    return counts
