"""The tables of a data set of several drawn animals: who does what, when, and where it is."""

import csv
from collections.abc import Sequence
from pathlib import Path

from amclip.atomic import writing_text
from amclip.data.synthetic.group import seen_bouts, seen_spans
from amclip.data.synthetic.group_plan import GroupPlan
from amclip.data.synthetic.motion import BEHAVIOURS, Bout
from amclip.data.table import Clip, build_table, write_table
from amclip.data.tracks import Track, Tracks, write_tracks

__all__ = ["GROUP_TABLES", "write_group_tables"]

GROUP_TABLES = ("labels.csv", "events.csv", "tracks.csv")
"""Names of the files."""

_SHORTEST_ROW = 1.0  # seconds an animal must be in the picture for a row of labels


def write_group_tables(
    root: Path,
    videos: Sequence[str],
    splits: Sequence[str],
    plans: Sequence[GroupPlan],
    tracks: Sequence[tuple[Track, ...]],
    fps: float,
) -> None:
    """Write ``labels.csv``, ``events.csv`` and ``tracks.csv``; of what animals do out of the picture, nothing.

    Args:
        root: The folder.
        videos: Paths of the videos in it.
        splits: The split of each.
        plans: What happens in each.
        tracks: The animals' tracks of each, by number of the animal.
        fps: Frames per second.
    """
    clips, events = [], []
    for video, split, plan, animals in zip(videos, splits, plans, tracks, strict=True):
        length = plan.num_frames / fps
        for track, bouts in zip(animals, plan.bouts, strict=True):
            for start, stop in seen_spans(track, fps):
                mine = seen_bouts(bouts, start, stop)
                events += [
                    (video, track.subject, bout.behaviour, f"{bout.start:.3f}", f"{bout.stop:.3f}") for bout in mine
                ]
                if stop - start >= _SHORTEST_ROW - 1e-9:
                    whole = stop - start >= length - 1e-9
                    first, end = (None, None) if whole else (round(start, 3), round(stop, 3))
                    names = _labels_of(mine, stop - start)
                    clips.append(Clip(video, first, end, names, split, subject=track.subject))
    named = [(video, track) for video, mine in zip(videos, tracks, strict=True) for track in mine]
    write_tracks(Tracks.of("the drawn animals", named), root / "tracks.csv")
    with writing_text(root / "events.csv") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("filepath", "subject", "behaviour", "start", "stop"))
        writer.writerows(events)
    write_table(build_table(clips, "the drawn animals"), root / "labels.csv")


def _labels_of(bouts: Sequence[Bout], seconds: float) -> tuple[str, ...]:
    """The behaviours that fill at least one second, or half of a span that is shorter than two."""
    total = dict.fromkeys(BEHAVIOURS, 0.0)
    for bout in bouts:
        total[bout.behaviour] += bout.seconds
    return tuple(name for name in BEHAVIOURS if total[name] >= min(1.0, 0.5 * seconds) - 1e-9)
