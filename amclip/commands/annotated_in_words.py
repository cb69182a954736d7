"""What `amclip annotate` says at its end of behaviours that are never shown or always, and of videos that are short."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amclip.ethogram.bouts import BoutSettings
    from amclip.ethogram.scores import WindowScores

__all__ = ["Watched"]

_NEARLY_ALL = 0.95


@dataclass
class Watched:
    """What was seen of scores as they passed.

    Attributes:
        highest: Each behaviour's highest probability.
        unscored: Animals that no window is of.
        seconds: Seconds of all videos; of animals, those in which they are in the picture.
        longest: Seconds of the longest video.
    """

    highest: dict[str, float] = field(default_factory=dict)
    unscored: list[str] = field(default_factory=list)
    seconds: float = 0.0
    longest: float = 0.0

    def passing(self, scores: "Iterable[WindowScores]") -> "Iterator[WindowScores]":
        """Hand scores on, and keep what is told at the end.

        Args:
            scores: The windows of one video, or of one animal of it, after those of another.
        """
        for one in scores:
            if one.subject and not len(one.start):
                self.unscored.append(f"{one.subject!r} of {one.video}")
                yield one
                continue
            self.seconds += one.seconds_present
            self.longest = max(self.longest, one.extent.duration)
            for name, peak in zip(one.classes, one.probabilities.max(axis=0, initial=0.0), strict=True):
                self.highest[name] = max(self.highest.get(name, 0.0), float(peak))
            yield one

    def words(self, budget: Path, cutting: "Mapping[str, BoutSettings]", window: float) -> list[str]:
        """Lines for the screen.

        Args:
            budget: The table of time budgets of these videos.
            cutting: For each class, how its bouts are cut.
            window: Length of a window in seconds.
        """
        lines = []
        if 0 < self.longest <= 1.001 * window:  # a frame rate is not exact
            lines.append(
                f"no video is longer than one window ({window:g} s), so that each bout is a whole video; bouts inside "
                "of a video need longer videos, or a shorter --window"
            )
        never = [(name, peak) for name, peak in self.highest.items() if peak < cutting[name].threshold]
        if never:
            each = (
                f"{name} (at most {_down(peak):.2f}, threshold {cutting[name].threshold:.2f})" for name, peak in never
            )
            lines.append(f"no bout of these, whose probability does not reach the threshold: {', '.join(each)}")
        totals: dict[str, float] = {}
        with budget.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                totals[row["behaviour"]] = totals.get(row["behaviour"], 0.0) + float(row["total"])
        always = [(name, total / self.seconds) for name, total in totals.items() if total > _NEARLY_ALL * self.seconds]
        if always:
            each = (
                f"{name} ({100 * min(share, 1):.0f}%, threshold {cutting[name].threshold:.2f})"
                for name, share in always
            )
            lines.append(f"bouts of these last nearly all the time: {', '.join(each)}")
        if never or always:
            lines.append(
                "A threshold from few validation clips is a guess: `amclip report` shows the curves; --threshold sets "
                "that of all behaviours, --settings FILE those of single ones"
            )
        return lines


def _down(peak: float) -> float:
    return math.floor(100 * peak) / 100  # not rounded up to a threshold that it does not reach
