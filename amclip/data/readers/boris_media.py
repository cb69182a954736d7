"""What BORIS' tables and projects have in common: the media of an observation, and times on them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from amclip.data.intervals import Bout, Timeline
from amclip.data.table import LabelError

__all__ = ["Media", "media_time", "timelines"]

_FEW_FRAMES = 0.1  # seconds by which a bout may reach beyond the media, which BORIS rounds
_CLOCK = 1e8  # seconds, three years: a time of the day and not of a video


@dataclass
class Media:
    """Files of one observation that were watched one after the other.

    Attributes:
        names: The files.
        durations: Of each, in seconds; ``None`` where it is not known.
        fps: Of each, frames per second.
        line: Line in the source file, for messages.
        looked_at: From when to when the observer looked, in seconds since the start of the first file.
        bouts: Of each file.
    """

    names: list[str]
    durations: list[float | None]
    fps: list[float | None]
    line: int | None
    looked_at: tuple[float, float] = (0.0, float("inf"))
    bouts: list[list[Bout]] = field(init=False)

    def __post_init__(self) -> None:
        self.bouts = [[] for _ in self.names]

    def add(self, start: float, stop: float, label: str, line: int | None, source: str) -> None:
        """Place a bout in the file, or files, that it falls in; its times count from the start of the observation.

        Raises:
            LabelError: If it ends after the last file.
        """
        begins = 0.0
        for index, duration in enumerate(self.durations):
            last = index == len(self.names) - 1
            ends = float("inf") if duration is None or last else begins + duration
            if start < ends and (stop > begins or start == stop >= begins):
                length = float("inf") if duration is None else duration
                if last and stop - begins > length + _FEW_FRAMES:
                    raise LabelError(
                        f"{label!r} stops at {stop:g} s, after the end of {self.names[index]} at {begins + length:g} s",
                        source,
                        line,
                    )
                first, last_time = max(start - begins, 0.0), min(stop - begins, length, ends - begins)
                if first < last_time or start == stop:
                    self.bouts[index].append(Bout(min(first, last_time), last_time, label, line))
            begins += duration or 0.0


def timelines(observations: Iterable[Media]) -> list[Timeline]:
    """A time line per video; joined where it was watched several times, for other behaviours or animals."""
    found: dict[str, Timeline] = {}
    looked_at: dict[str, list[tuple[float, float]]] = {}
    for one in observations:
        begins = 0.0
        for video, bouts, duration, fps in zip(one.names, one.bouts, one.durations, one.fps, strict=True):
            looked_at.setdefault(video, []).append((one.looked_at[0] - begins, one.looked_at[1] - begins))
            begins += duration or 0.0
            before = found.get(video)
            if before is not None:
                bouts = [*before.bouts, *bouts]
                duration = duration if duration is not None else before.duration
            found[video] = Timeline(video, tuple(bouts), duration, fps, line=one.line)
    return [replace(one, unlabelled=_between(looked_at[one.video], one.end)) for one in found.values()]


def _between(stretches: Sequence[tuple[float, float]], end: float) -> tuple[tuple[float, float], ...]:
    """What lies in none of the stretches, from 0 to the end."""
    gaps, reached = [], 0.0
    for start, stop in sorted(stretches):
        if start > reached:
            gaps.append((reached, min(start, end)))
        reached = max(reached, stop)
    if reached < end:
        gaps.append((reached, end))
    return tuple(gap for gap in gaps if gap[1] > gap[0])


def media_time(told: float, offset: float, source: str, line: int | None, column: str) -> float:
    """Seconds since the start of the observation's media: what BORIS noted less the time offset that it added.

    Raises:
        LabelError: If that is no time in a video.
    """
    value = told - offset if offset else told
    if -_FEW_FRAMES < value < 0 and offset:
        return 0.0
    if not 0 <= value < _CLOCK:
        less = f" ({told:.10g} less the time offset of {offset:.10g} s)" if offset else ""
        hint = "; times by the creation date of the media say nothing of where in it they lie" if value > _CLOCK else ""
        raise LabelError(
            f"{value:.10g}{less} is not a time in seconds since the first frame{hint}", source, line, column
        )
    return round(value, 6) if offset else value
