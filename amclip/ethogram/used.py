"""How much of what is compared, or annotated, the network was trained and validated on; and that in words."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from amclip.data.intervals import Interval, union
from amclip.data.overlaps import ROUNDED
from amclip.data.used import USES, names_in_words, shared_seconds
from amclip.ethogram.annotation_file import AnnotatedRun, AnnotatedVideo, find_run
from amclip.ethogram.boris_files import observation_id
from amclip.ethogram.pairing import Pair
from amclip.text import counted

__all__ = ["VideoUse", "describe_uses", "run_of", "unused_from", "use_of_video", "uses_of_pairs", "uses_of_run"]

_WHOLE = 0.95
"""Share from which a video counts as used whole: windows seldom end with it."""


@dataclass(frozen=True)
class VideoUse:
    """A video, as far as it is looked at, and what the training saw of it.

    Attributes:
        video: Its name.
        seconds: How much of it is looked at.
        train: Seconds of these that training clips are of.
        val: Seconds of these that validation clips are of.
        elsewhere: Whether training clips are of other parts of it alone.
        validated_elsewhere: Whether validation clips are.
        until: Where looking at it ends, seconds.
        used_until: Where the last clip of training or validation ends that is of any part of it.
    """

    video: str
    seconds: float
    train: float = 0.0
    val: float = 0.0
    elsewhere: bool = False
    validated_elsewhere: bool = False
    until: float = field(default=0.0, compare=False)
    used_until: float = field(default=0.0, compare=False)

    @property
    def trained(self) -> bool:
        """Whether the network was trained on any of it."""
        return self.train > ROUNDED

    @property
    def validated(self) -> bool:
        """Whether it was validated on any of it, and not trained."""
        return self.val > ROUNDED and not self.trained

    @property
    def new(self) -> bool:
        """Whether nothing of it was used, its other parts neither."""
        return not (self.trained or self.validated or self.elsewhere or self.validated_elsewhere)

    @property
    def in_words(self) -> str:
        """What was used of it, in words; empty for nothing."""
        if self.trained:
            part = self._part(self.train)
            return (
                f"The network was trained on {part}: its bouts are closer to the labels than those of new ones will be."
            )
        if self.validated:
            part = self._part(self.val)
            return f"The network's best epoch was chosen by {part}: its bouts are a little too good."
        return ""

    def _part(self, seconds: float) -> str:
        share = seconds / self.seconds
        return "this video" if share >= _WHOLE else f"{max(1, round(100 * share))} % of this video"

    def named(self, seconds: float) -> str:
        """Its name, and how much of it so many seconds are, where that is not all."""
        share = seconds / self.seconds
        return self.video if share >= _WHOLE else f"{self.video} ({max(1, round(100 * share))} % of it)"


def run_of(path: str | os.PathLike[str]) -> AnnotatedRun | None:
    """The annotation by a network that a path names: its folder, its table of bouts, or a file for another program."""
    place = Path(path).absolute()
    if place.name == "bouts.csv":
        place = place.parent
    for folder in (place, place.parent):
        if folder.name in ("boris", "deepethogram"):
            place = folder.parent
    return find_run(place) if place.is_dir() else None


def uses_of_run(run: AnnotatedRun) -> list[VideoUse] | None:
    """Of each video of an annotation; ``None`` where nobody knows what its network saw."""
    return None if all(one.used_in is None for one in run.videos) else [use_of_video(one) for one in run.videos]


def use_of_video(video: AnnotatedVideo) -> VideoUse:
    """Of one video of an annotation, from its first frame to its last."""
    return _use(video.video, [(0.0, video.extent.duration)], [video.used_in or {}])


def uses_of_pairs(
    pairs: Sequence[Pair], predicted: AnnotatedRun | None, labelled: AnnotatedRun | None = None
) -> list[VideoUse] | None:
    """Of each video that is compared, as far as it is.

    Args:
        pairs: What is compared.
        predicted: The annotation by a network that the first observer is; ``None``: it is none.
        labelled: The same of the second.

    Returns:
        In the order of the pairs; ``None`` where nobody knows what a network saw.
    """
    known = [{} if run is None else dict(_by_name(run)) for run in (predicted, labelled)]
    if not any(known):
        return None
    looked_at: dict[str, list[Interval]] = {}
    names = {pair.video: pair.predicted_as[0] for pair in pairs}
    for pair in pairs:
        looked_at.setdefault(pair.video, []).extend(pair.seen)
    return [
        _use(video, spans, [known[0].get(names[video], {}), known[1].get(video, {})])
        for video, spans in looked_at.items()
    ]


def _by_name(run: AnnotatedRun) -> Iterator[tuple[str, Mapping[str, Sequence[Interval]]]]:
    """What was used of each video, by every name that the files of an annotation give it."""
    stems: set[str] = set()
    for one in run.videos:
        names = (observation_id(one.video, stems), one.path, one.video)
        if one.used_in is not None:
            yield from ((name, one.used_in) for name in names if name)


def _use(video: str, looked_at: Sequence[Interval], parts: Sequence[Mapping[str, Sequence[Interval]]]) -> VideoUse:
    spans = union(looked_at)
    used = {split: union(span for part in parts for span in part.get(split, ())) for split in USES}
    train, val = (shared_seconds(spans, used[split]) for split in USES)
    # Clips that end where looking begins may overlap by what rounding adds; they are of another part all the same.
    elsewhere = bool(used["train"]) and train <= ROUNDED
    validated_elsewhere = bool(used["val"]) and val <= ROUNDED
    seconds, until = sum(stop - start for start, stop in spans), max((stop for _, stop in spans), default=0.0)
    used_until = max((stop for split in USES for _, stop in used[split]), default=0.0)
    return VideoUse(video, seconds, train, val, elsewhere, validated_elsewhere, until, used_until)


def unused_from(uses: Sequence[VideoUse]) -> float | None:
    """The second from which on nothing of any video was used, as where each is divided by time.

    ``None`` where nothing of what is looked at was used, or nothing that counts is left behind it.
    """
    start = math.ceil(1000 * max((use.used_until for use in uses), default=0.0)) / 1000
    parts = [use for use in uses if 0 < use.train + use.val < _WHOLE * use.seconds]
    return start if any(use.until - start > ROUNDED for use in parts) else None


def describe_uses(uses: Sequence[VideoUse]) -> list[str]:
    """What that means for scores, in sentences; none where all videos are new."""
    total, told = counted(len(uses), "video"), []
    if trained := [one for one in uses if one.trained]:
        names = names_in_words([one.named(one.train) for one in trained])
        told.append(
            f"the network was trained on {len(trained)} of {total}: {names}. It knows their labels: what is measured "
            "on them is too good, and does not tell what new videos will give"
        )
    if validated := [one for one in uses if one.validated]:
        names = names_in_words([one.named(one.val) for one in validated])
        told.append(
            f"{len(validated)} of {total} chose its best epoch and its thresholds (the split val): {names}. What is "
            "measured on them is somewhat too good"
        )
    if elsewhere := [one for one in uses if one.elsewhere and not one.validated]:
        names = names_in_words([one.video for one in elsewhere])
        told.append(
            f"of {len(elsewhere)} of {total} the network was trained on other parts: {names}. Other recordings, of "
            "other animals or in other light, will probably give less"
        )
    if chosen := [one for one in uses if one.validated_elsewhere and not (one.trained or one.elsewhere)]:
        names = names_in_words([one.video for one in chosen])
        told.append(
            f"other parts of {len(chosen)} of {total} chose its best epoch and its thresholds (the split val): "
            f"{names}. Other recordings may give somewhat less"
        )
    return told
