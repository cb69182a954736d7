"""Rows that say that a behaviour starts, or that it stops, paired to bouts."""

from dataclasses import dataclass, field

from amclip.data.formats.spans import checked_span
from amclip.data.intervals import Bout
from amclip.data.label_error import LabelError

__all__ = ["StateEvents"]


@dataclass
class StateEvents:
    """Pairs the starts and stops of one video.

    Args:
        source: The file, for messages.
        column: Its column of times, for messages.
    """

    source: str
    column: str
    bouts: list[Bout] = field(default_factory=list)
    _open: dict[tuple[str, str], list[tuple[float, int, str]]] = field(default_factory=dict)

    def start(self, time: float, behaviour: str, subject: str, line: int, modifiers: str = "") -> None:
        """A behaviour starts; one of other modifiers may go on."""
        begun = self._open.setdefault((behaviour, subject), [])
        other = next((first for _, first, own in begun if own == modifiers), None)
        if other is not None:
            said = f"{behaviour!r} starts at {time:.10g} s and has not stopped since its start in line {other}"
            raise LabelError(said, self.source, line, self.column)
        begun.append((time, line, modifiers))

    def stop(self, time: float, behaviour: str, subject: str, line: int, modifiers: str = "") -> None:
        """It stops: that of the same modifiers, where stops have them."""
        begun = self._open.get((behaviour, subject), [])
        if not begun:
            reason = f"{behaviour!r} stops at {time:.10g} s and had not started"
            raise LabelError(reason, self.source, line, self.column)
        place = next((place for place, (*_, own) in enumerate(begun) if own == modifiers), 0)
        start, first, _ = begun.pop(place)
        self.add(start, time, behaviour, subject, first, line)

    def add(
        self, start: float, stop: float, behaviour: str, subject: str, line: int, stop_line: int | None = None
    ) -> None:
        """A whole bout; one of a single time is an event without duration."""
        span = checked_span(start, stop, self.source, stop_line or line, (self.column, self.column))
        self.bouts.append(Bout(*span, behaviour, line, subject))

    def never_stopped(self) -> list[LabelError]:
        """What is wrong with starts that no stop belongs to."""
        return [
            LabelError(f"{behaviour!r} starts at {time:.10g} s and never stops", self.source, line, self.column)
            for (behaviour, _), begun in self._open.items()
            for time, line, _ in begun
        ]
