"""Share videos out over training, validation and test so that classes are spread evenly, or divide each by time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from amclip.data.label_error import LabelError, raise_together
from amclip.data.split_names import SPLITS
from amclip.data.table import Clip, LabelTable

__all__ = ["assign_splits", "divide_by_time", "hold_out", "stratify"]


def assign_splits(table: LabelTable, fractions: Sequence[float] = (0.7, 0.15, 0.15), seed: int = 0) -> LabelTable:
    """Give a split to every row that names none, by video: never a video in two splits because of this.

    Rows that name a split keep it, and rows without one follow their video. The other videos are shared out by
    :func:`stratify`, which spreads the classes as evenly as can be.

    Args:
        table: Clips; each video is one unit, whatever number of clips it has.
        fractions: Shares of the videos for train, val and test, summing to 1.
        seed: Same seed, same table, same splits.

    Raises:
        ValueError: If ``fractions`` are not three fractions that sum to 1.
        LabelError: If a row without a split belongs to a video whose other rows lie in several splits.
    """
    named: dict[str, set[str]] = {}
    labels: dict[str, set[str]] = {}
    for clip in table.clips:
        labels.setdefault(clip.key[0], set()).update(clip.labels or ())
        if clip.split is not None:
            named.setdefault(clip.key[0], set()).add(clip.split)
    for clip in table.clips:
        splits = named.get(clip.key[0], set())
        if clip.split is None and len(splits) > 1:
            raise LabelError(
                f"names no split, and other rows of {clip.video} lie in {' and '.join(sorted(splits))}; "
                "name a split in every row of this video",
                table.file_of(clip),
                clip.line,
                "split",
            )
    # A video cut by time over several splits counts for the first of them.
    fixed = {video: min(splits, key=SPLITS.index) for video, splits in named.items()}
    chosen = fixed | stratify(fixed, labels, fractions, seed)
    clips = tuple(clip if clip.split is not None else clip.in_split(chosen[clip.key[0]]) for clip in table.clips)
    return replace(table, clips=clips)


def divide_by_time(table: LabelTable, fractions: Sequence[float] = (0.7, 0.15, 0.15)) -> LabelTable:
    """Divide each video by time: its first part is for training, then comes validation, then test.

    The parts have their shares of the time that the video's clips cover, as nearly as the edges of clips allow. Clips
    that reach over a border are left out, so that no frame is in two splits. Of a video with few clips each split gets
    one while there are any, training first, then validation. Videos whose rows name splits stay as they are.

    Args:
        table: Clips with times.
        fractions: Shares for train, val and test, summing to 1.

    Raises:
        ValueError: If ``fractions`` are not three fractions that sum to 1.
        LabelError: If a clip is a whole video, or only some rows of a video name a split.
    """
    shares = _shares(fractions)
    by_video: dict[str, list[Clip]] = {}
    for clip in table.clips:
        by_video.setdefault(clip.key[0], []).append(clip)
    errors = []
    borders: dict[str, tuple[float, float]] = {}
    for video, clips in by_video.items():
        free = [clip for clip in clips if clip.split is None]
        if not free:
            continue
        try:
            borders[video] = _borders(_spans(free, clips, table), shares)
        except LabelError as error:
            errors.append(error)
    raise_together(errors)
    kept = []
    for clip in table.clips:
        if clip.key[0] in borders:
            split = _part(clip, *borders[clip.key[0]])
            if split is None:
                continue
            clip = clip.in_split(split)
        kept.append(clip)
    return replace(table, clips=tuple(kept))


def _spans(free: Sequence[Clip], clips: Sequence[Clip], table: LabelTable) -> NDArray[np.float64]:
    """Start and stop of each clip, ``(N, 2)``; refuses those that cannot be divided."""
    if len(free) < len(clips):
        raise LabelError(
            f"names no split, and other rows of {free[0].video} do; where data.splits.by is time, name it in every row "
            "of a video or in none",
            table.file_of(free[0]),
            free[0].line,
            "split",
        )
    for clip in free:
        if clip.start is None:
            raise LabelError(
                f"{clip.video} without start and stop is a whole video, which cannot be divided by time; give the "
                "times of its clips, or leave data.splits.by at video",
                table.file_of(clip),
                clip.line,
            )
    return np.array([(clip.start, clip.stop) for clip in free], dtype=float)


def _borders(spans: NDArray[np.float64], shares: NDArray[np.float64]) -> tuple[float, float]:
    """Where training ends and validation begins, and where that ends and test begins: edges of clips."""
    starts, stops = np.sort(spans[:, 0]), np.sort(spans[:, 1])
    edges = np.unique(spans)
    middles = (edges[:-1] + edges[1:]) / 2
    covered = np.searchsorted(starts, middles, "right") > np.searchsorted(stops, middles, "right")
    done = np.concatenate([[0.0], np.cumsum(np.diff(edges) * covered)])

    def nearest(share: float, least: float, most: float) -> float:
        far = np.abs(done - share * done[-1]).round(9)
        far[(edges < least) | (edges > max(least, most))] = np.inf
        return float(edges[far == far.min()][-1])  # on a tie to training, or validation

    # Where a split has a share, it goes on until it has a clip, and leaves one to the next where there are any.
    first = nearest(shares[0], stops[0] if shares[0] else edges[0], starts[-1] if shares[1] + shares[2] else edges[-1])
    later = spans[spans[:, 0] >= first, 1]
    least = later.min() if shares[1] and len(later) else first
    second = nearest(shares[0] + shares[1], least, starts[-1] if shares[2] else edges[-1])
    return first, second if shares[2] else float(edges[-1])


def _part(clip: Clip, first: float, second: float) -> str | None:
    start, stop = float(clip.start or 0.0), float(clip.stop or 0.0)
    if stop <= first:
        return "train"
    if first <= start and stop <= second:
        return "val"
    return "test" if start >= second else None


def hold_out(table: LabelTable, fraction: float, seed: int = 0) -> LabelTable:
    """Take validation videos from the training videos, where the table names training clips and no validation clips.

    Published data sets often name training and test only; choosing a checkpoint by the test clips would flatter it.

    Args:
        table: Clips.
        fraction: Fraction of the training videos, in ``[0, 1)``; 0 takes none.
        seed: Same seed, same table, same videos.

    Raises:
        ValueError: If ``fraction`` is out of range.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"val_fraction: expected a fraction in [0, 1), got {fraction}")
    splits = {clip.split for clip in table.clips}
    if fraction == 0 or "train" not in splits or "val" in splits:
        return table
    labels: dict[str, set[str]] = {}
    for clip in table.clips:
        if clip.split == "train":
            labels.setdefault(clip.key[0], set()).update(clip.labels or ())
    chosen = stratify({}, labels, (1 - fraction, fraction, 0.0), seed)
    clips = tuple(clip.in_split(chosen[clip.key[0]]) if clip.split == "train" else clip for clip in table.clips)
    return replace(table, clips=clips)


def stratify(
    fixed: Mapping[str, str], labels: Mapping[str, set[str]], fractions: Sequence[float], seed: int
) -> dict[str, str]:
    """Choose a split for each video by iterative stratification.

    Sechidis, Tsoumakas & Vlahavas 2011, "On the stratification of multi-label data", ECML PKDD: the class with the
    fewest videos left goes first, each of its videos to the split that lacks most of it. Every split whose share is
    above zero gets a video while there are enough; with fewer videos than splits, training comes first, then
    validation.

    Args:
        fixed: Videos whose split is given; they count towards what a split already has.
        labels: Classes of every video, also of the fixed ones.
        fractions: Shares of the videos for train, val and test, summing to 1.
        seed: Same seed, same videos, same splits.

    Returns:
        Split of each video that is not fixed.

    Raises:
        ValueError: If ``fractions`` are not three fractions that sum to 1.
    """
    shares = _shares(fractions)
    free = [video for video in labels if video not in fixed]
    rng = np.random.default_rng(seed)
    remaining = [free[index] for index in rng.permutation(len(free))]
    videos = [*remaining, *fixed]
    wanted = shares * len(videos)  # videos that each split still lacks
    everywhere = Counter(name for video in videos for name in labels[video])
    lacking = {name: shares * everywhere[name] for name in sorted(everywhere)}
    chosen: dict[str, str] = {}

    def place(video: str, split: int) -> None:
        wanted[split] -= 1
        for name in labels[video]:
            lacking[name][split] -= 1

    for video, name in fixed.items():
        place(video, SPLITS.index(name))
    counts = Counter(name for video in remaining for name in labels[video])
    while remaining:
        rarest = min((name for name in lacking if counts[name]), key=lambda name: (counts[name], name), default=None)
        batch = [video for video in remaining if rarest is None or rarest in labels[video]]
        for video in batch:
            # Largest lack of the class, then of videos; `min` keeps the first split on a tie: training.
            need = lacking[rarest] if rarest is not None else wanted
            split = min(
                (s for s in range(3) if shares[s] > 0),
                key=lambda s: (-round(float(need[s]), 9), -round(float(wanted[s]), 9)),
            )
            chosen[video] = SPLITS[split]
            place(video, split)
            counts.subtract(labels[video])
        taken = set(batch)
        remaining = [video for video in remaining if video not in taken]
    _fill_empty(chosen, fixed, labels, shares)
    return chosen


def _shares(fractions: Sequence[float]) -> NDArray[np.float64]:
    shares = np.asarray(fractions, dtype=float)
    if shares.shape != (3,) or not (shares >= 0).all() or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(f"fractions must be three fractions that sum to 1 (train, val, test), not {fractions!r}")
    return shares


def _fill_empty(
    chosen: dict[str, str], fixed: Mapping[str, str], labels: Mapping[str, set[str]], shares: NDArray[np.float64]
) -> None:
    """Move single videos so that no split with a share stays empty while another could give one."""
    for rank, split in enumerate(SPLITS):
        where = {**fixed, **chosen}
        members = {name: [video for video in where if where[video] == name] for name in SPLITS}
        if shares[rank] == 0 or members[split]:
            continue
        # A later split may give its only video (two videos: train and val), an earlier one never.
        donors = [name for name in SPLITS if len(members[name]) > (SPLITS.index(name) < rank)]
        movable = [video for video, name in chosen.items() if name in donors]
        if movable:
            harm = {video: _harm(video, members[where[video]], labels) for video in movable}
            chosen[min(harm, key=harm.__getitem__)] = split


def _harm(video: str, members: Sequence[str], labels: Mapping[str, set[str]]) -> tuple[int, int]:
    """What a split loses with a video: classes that no other of its videos has, then how few videos it has."""
    others = [other for other in members if other != video]
    lost = labels[video] - set().union(*(labels[other] for other in others))
    return len(lost), -len(others)
