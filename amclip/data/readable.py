"""Which clips of a table can be read, by what probing found of their videos."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np

from amclip.data.animals import Animals
from amclip.data.find import named_otherwise
from amclip.data.frame_rates import describe_rates, describe_slow
from amclip.data.overlaps import contradictions, cut_recordings
from amclip.data.table import Clip, LabelTable
from amclip.data.tracks.summary import describe_odd
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError
from amclip.rank_zero import rank_zero_info, rank_zero_warn
from amclip.text import counted, printable

__all__ = ["Found", "median_length", "readable_clips", "tell_frame_rates", "tell_odd_tracks", "tell_overlaps"]

Found = Mapping[Path, VideoInfo | VideoError]
_EXAMPLES = 5


def readable_clips(
    table: LabelTable,
    root: Path,
    found: Found,
    split: str,
    animals: Animals | None = None,
    named: Iterable[str] = (),
) -> LabelTable:
    """The clips of videos that can be read; warns which others there are, and what becomes of them.

    Args:
        table: The clips of one split.
        root: Folder that its paths are relative to.
        found: What probing found.
        split: Its name, for the warning.
        animals: Where given, a clip's animal must have a track, and be in the picture during half of the clip.
        named: Videos of other splits: like those of ``found``, none is told in the place of one that is not there.
    """
    kept: list[Clip] = []
    unreadable: list[VideoError] = []
    trackless: list[VideoError] = []
    for clip in table.clips:
        info = found[root / clip.video]
        if isinstance(info, VideoError):
            unreadable.append(info)
            continue
        try:
            if animals is not None:
                animals.present(clip, info)
            kept.append(clip)
        except VideoError as error:
            trackless.append(error)
    fate = "left out" if split == "train" else "not scored" if split != "predict" else "listed with their error"
    for errors, what, more in (
        (unreadable, "lie in videos that cannot be read", "\n`amclip check` lists them all"),
        (trackless, "are of animals without boxes there", ""),
    ):
        if errors:
            reasons = [f"  {printable(words)}" for words in _told(errors, {*found, *(root / video for video in named)})]
            rank_zero_warn(
                f"{len(errors)} of {len(table)} clips of the split {split!r} {what} and are {fate}, for "
                "example:\n" + "\n".join(reasons) + more
            )
    return LabelTable(tuple(kept), table.classes, table.source)


def _told(errors: list[VideoError], named: Collection[Path]) -> list[str]:
    """The first of several errors; of videos that are not there, what there is in their place, and no table names."""
    first = list({str(error): error for error in errors}.items())[:_EXAMPLES]
    near = ["" if Path(error.path).exists() else named_otherwise(error.path, named) for _, error in first]
    return [f"{said}{more}" for (said, _), more in zip(first, near, strict=True)]


def explain_unreadable(source: object, clips: int, split: str, root: Path, animals: Animals | None = None) -> str:
    """That no clip of a split can be read, and where its videos should lie.

    Args:
        source: What the clips were read from.
        clips: How many there are.
        split: The name of the split.
        root: The folder that their paths are relative to.
        animals: By their tracks, where animals are cut out.
    """
    folder = str(root) if root.is_dir() else f"{root} (which is no folder)"
    return (
        f"{source}: none of the {clips} clips in {split!r} can be read; the reasons are above. Videos are looked for "
        f"below {folder}: give theirs with --data.source.root"
        + ("" if animals is None else f"; boxes are those of {animals.tracks.source}")
    )


def tell_frame_rates(found: Found, flow_gap: float) -> None:
    """Say which frame rates there are where they differ, and which videos are too slow for the flow gap in seconds."""
    for describe, tell in ((describe_rates, rank_zero_info), (describe_slow, rank_zero_warn)):
        if words := describe(found, flow_gap):
            tell(words)


def median_length(table: LabelTable, root: Path, found: Found) -> float | None:
    """Median length of the clips in seconds, to the millisecond; None where no video can be read."""
    lengths = []
    for clip in table.clips:
        info = found[root / clip.video]
        if isinstance(info, VideoInfo):
            stop = info.duration if clip.stop is None else min(clip.stop, info.duration)
            lengths.append(stop - (clip.start or 0.0))
    return round(float(np.median(lengths)), 3) if lengths else None


def tell_overlaps(table: LabelTable) -> None:
    """Warn of frames that are in two splits, and of clips that contradict each other."""
    shared = [one for one in cut_recordings(table.clips) if one.shared is not None]
    contradicting = contradictions(table.clips)
    for found, what in (
        (shared, "the same frames are in two splits, so that what is measured is too good"),
        (
            contradicting,
            "clips overlap and last differently long, as bouts do, and each denies what the other shows; if "
            "rows are bouts, set data.source.window",
        ),
    ):
        if found:
            words = f"{counted(len(found), 'video')}: {what}. {found[0].video}: {found[0]}"
            rank_zero_warn(f"{printable(words)}. `amclip check` lists all")


def tell_odd_tracks(animals: Animals, tables: Iterable[LabelTable], root: Path, found: Found) -> None:
    """Warn of what the tracks leave out, and of those that do not look as if they were of their video.

    Args:
        animals: The animals by their tracks.
        tables: What is trained on, or scored.
        root: Folder that their paths are relative to.
        found: What probing found.
    """
    for note in animals.tracks.notes:
        rank_zero_warn(note)
    videos = dict.fromkeys(video for table in tables for video in table.videos())
    infos = {video: info for video in videos if isinstance(info := found[root / video], VideoInfo)}
    if words := describe_odd(animals.tracks, infos):
        rank_zero_warn(words)
