"""Time budgets: how often, how long and how soon each behaviour is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from amclip.ethogram.bouts import ScoredBout

__all__ = ["Budget", "time_budget"]


@dataclass(frozen=True)
class Budget:
    """One behaviour in one video; ``None`` where there is nothing to average.

    Attributes:
        video: The video as tables name it.
        behaviour: Name of the class.
        bouts: Their number.
        total: Seconds in all.
        share: Fraction of the video, in [0, 1].
        mean_bout: Mean length of a bout, seconds.
        mean_gap: Mean time from the end of a bout to the start of the next, seconds.
        latency: Start of the first bout, seconds since the first frame.
    """

    video: str
    behaviour: str
    bouts: int
    total: float
    share: float
    mean_bout: float | None
    mean_gap: float | None
    latency: float | None


def time_budget(video: str, duration: float, classes: Sequence[str], bouts: Sequence[ScoredBout]) -> list[Budget]:
    """A budget for every class, also those that are not shown.

    Args:
        video: The video as tables name it.
        duration: Its length in seconds.
        classes: Names of the behaviours.
        bouts: Bouts of this video, by start; those of one behaviour do not overlap.
    """
    budgets = []
    for name in classes:
        shown = [bout for bout in bouts if bout.behaviour == name]
        total = sum(bout.duration for bout in shown)
        gaps = [after.start - before.stop for before, after in pairwise(shown)]
        budgets.append(
            Budget(
                video=video,
                behaviour=name,
                bouts=len(shown),
                total=total,
                share=min(total / duration, 1.0) if duration > 0 else 0.0,
                mean_bout=total / len(shown) if shown else None,
                mean_gap=sum(gaps) / len(gaps) if gaps else None,
                latency=shown[0].start if shown else None,
            )
        )
    return budgets
