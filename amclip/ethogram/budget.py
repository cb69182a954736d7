"""Time budgets: how often, how long and how soon each behaviour is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from amclip.ethogram.bouts import ScoredBout
from amclip.ethogram.scores import WindowScores

__all__ = ["Budget", "time_budget"]


@dataclass(frozen=True)
class Budget:
    """One behaviour in one video, of one animal or of the whole scene; ``None`` where there is nothing to average.

    Attributes:
        video: The video as tables name it.
        subject: The animal; ``""`` is the whole scene.
        behaviour: Name of the class.
        bouts: Their number.
        total: Seconds in all.
        present: Seconds in which the animal is in the picture; of a scene the length of the video.
        share: Fraction of these seconds, in [0, 1].
        mean_bout: Mean length of a bout, seconds.
        mean_gap: Mean time from the end of a bout to the start of the next, seconds; without gaps in which the animal
            is absent, since what it did there is not known.
        latency: Start of the first bout, seconds since the first frame of the video.
    """

    video: str
    subject: str
    behaviour: str
    bouts: int
    total: float
    present: float
    share: float
    mean_bout: float | None
    mean_gap: float | None
    latency: float | None


def time_budget(scores: WindowScores, bouts: Sequence[ScoredBout]) -> list[Budget]:
    """A budget for every class, also those that are not shown.

    Args:
        scores: What the bouts were found in.
        bouts: Bouts of this animal in this video, by start; those of one behaviour do not overlap.
    """
    present = scores.seconds_present
    absences = scores.absences()
    budgets = []
    for name in scores.classes:
        shown = [bout for bout in bouts if bout.behaviour == name]
        total = sum(bout.duration for bout in shown)
        gaps = [
            after.start - before.stop
            for before, after in pairwise(shown)
            if not any(start < after.start and stop > before.stop for start, stop in absences)
        ]
        budgets.append(
            Budget(
                video=scores.video,
                subject=scores.subject,
                behaviour=name,
                bouts=len(shown),
                total=total,
                present=present,
                share=min(total / present, 1.0) if present > 0 else 0.0,
                mean_bout=total / len(shown) if shown else None,
                mean_gap=sum(gaps) / len(gaps) if gaps else None,
                latency=shown[0].start if shown else None,
            )
        )
    return budgets
