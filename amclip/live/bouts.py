"""Bouts as they begin and end, from what was seen so far and nothing else.

A bout begins with the first window whose probability reaches the threshold, and ends with the first one below the lower
threshold (hysteresis). Smoothing, least lengths and gaps that are closed need the future; the bouts of an annotation
may have them, these have not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from amclip.ethogram.bouts import BoutSettings
from amclip.live.windows import LiveWindow

__all__ = ["BoutChange", "LiveBouts"]

Reason = Literal["probability", "no frames", "end"]


@dataclass(frozen=True)
class BoutChange:
    """A bout that begins or ends.

    Attributes:
        change: Which of both.
        behaviour: Name of the class.
        reason: ``probability`` passed the threshold; ``no frames`` came, so that nothing is known any more; the
            watching came to its ``end``.
        probability: Of the window that says so; ``None`` where no window does.
    """

    change: Literal["start", "stop"]
    behaviour: str
    reason: Reason
    probability: float | None = None


class LiveBouts:
    """Says which behaviours are on, window by window.

    Args:
        classes: Names of the behaviours, in the order of the probabilities.
        settings: For each class; of these the two thresholds count.

    Attributes:
        on: Behaviours that are on, in the order in which they began.
        begun: How many bouts of each there were.
    """

    def __init__(self, classes: Sequence[str], settings: Mapping[str, BoutSettings]) -> None:
        self._classes, self._settings = tuple(classes), settings
        self.on: list[str] = []
        self.begun = dict.fromkeys(classes, 0)

    def update(self, window: LiveWindow) -> list[BoutChange]:
        """What a window changes; where frames were missing before it, bouts ended there."""
        changes = self.end("no frames") if window.gap else []
        for name, probability in zip(self._classes, window.probabilities.astype(float).tolist(), strict=True):
            settings = self._settings[name]
            if name not in self.on and probability >= settings.threshold:
                self.on.append(name)
                self.begun[name] += 1
                changes.append(BoutChange("start", name, "probability", probability))
            elif name in self.on and not probability >= settings.lower:  # NaN is no behaviour
                self.on.remove(name)
                changes.append(BoutChange("stop", name, "probability", probability))
        return changes

    def end(self, reason: Reason) -> list[BoutChange]:
        """End all bouts that are on."""
        ended, self.on = self.on, []
        return [BoutChange("stop", name, reason) for name in ended]
