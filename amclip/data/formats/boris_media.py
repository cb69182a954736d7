"""What BORIS' tables and projects have in common: the media of an observation, and times on them."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from amclip.data.clock import Clock
from amclip.data.formats.label_format import Reading
from amclip.data.formats.observations import Observations
from amclip.data.intervals import Bout, Interval, Timeline, complement
from amclip.data.label_error import LabelError, raise_together
from amclip.data.locate import same_name
from amclip.text import counted

__all__ = ["OF_PICTURES", "Media", "Place", "media_time", "timelines"]

OF_PICTURES = "it is an observation of pictures, whose events have no times"
"""What is said of an observation of BORIS' kind IMAGES."""

_FEW_FRAMES = 0.1  # seconds by which a bout may reach beyond the media, which BORIS rounds
_CLOCK = 1e8  # seconds, three years: a time of the day and not of a video


@dataclass(frozen=True)
class Place:
    """A line of a file, ``None`` where it is not known; errors are made here."""

    source: str
    line: int | None

    def error(self, reason: str, column: str | None = None) -> LabelError:
        """What is wrong there, in a column."""
        return LabelError(reason, self.source, self.line, column)


@dataclass
class Media:
    """Files of one observation that were watched one after the other.

    Attributes:
        names: The files.
        durations: Of each, in seconds; ``None`` where it is not known.
        fps: Of each, frames per second.
        line: Line in the source file, for messages.
        observation: Its name.
        looked_at: From when to when the observer looked, in seconds since the start of the first file.
        bouts: Of each file.
        subjects: Who was seen, in any of its files; ``""`` for nobody in particular.
    """

    names: list[str]
    durations: list[float | None]
    fps: list[float | None]
    line: int | None
    observation: str = ""
    looked_at: tuple[float, float] = (0.0, float("inf"))
    bouts: list[list[Bout]] = field(init=False)
    subjects: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.bouts = [[] for _ in self.names]

    def add(self, start: float, stop: float, label: str, place: Place, subject: str) -> None:
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
                    raise place.error(
                        f"{label!r} stops at {stop:g} s, after the end of {self.names[index]} at {begins + length:g} s"
                    )
                first, last_time = max(start - begins, 0.0), min(stop - begins, length, ends - begins)
                if first < last_time or start == stop:
                    self.bouts[index].append(Bout(min(first, last_time), last_time, label, place.line, subject))
            begins += duration or 0.0


def timelines(observations: Iterable[Media], source: str, reading: Reading) -> list[Timeline]:
    """A time line per video, which ends with its picture where BORIS noted the length of a longer sound.

    Observations of one video are joined where they are of different times, or of different animals: all their events
    name a subject, and none names the same. What else two observations say of one video are two opinions.

    An observation watches the animals that its events name, in all of its files and for all of its time: one that shows
    nothing in the second file was there, and of one that no event names nobody knows whether it was. Without any event
    the whole scene was watched, and showed nothing.

    Args:
        observations: All of the source, or those that were chosen.
        source: The file, for messages.
        reading: Its clock knows how long the videos are; observations that the user chose are joined.

    Raises:
        LabelError: If observations of one video were not chosen among, and are not joined.
    """
    by_video: dict[str, list[tuple[int, Media, tuple[float, float]]]] = {}
    for one in observations:
        begins = 0.0
        for index, duration in enumerate(one.durations):
            looked_at = one.looked_at[0] - begins, one.looked_at[1] - begins
            path = reading.clock.path(one.names[index])  # tables may have several names for one file
            key = same_name(one.names[index]) if path is None else str(path.resolve())
            by_video.setdefault(key, []).append((index, one, looked_at))
            begins += duration or 0.0
    found, errors = [], []
    for parts in by_video.values():
        if reading.observations is None and (pair := _two_opinions(parts)):
            names = " and ".join(repr(one.observation) for one in pair)
            errors.append(
                LabelError(
                    f"{parts[0][1].names[parts[0][0]]} is in the observations {names}; two opinions are not made one. "
                    f"{Observations.HOW_TO_CHOOSE}",
                    source,
                    pair[1].line,
                )
            )
        bouts = [bout for index, one, _ in parts for bout in one.bouts[index]]
        known = [length for index, one, _ in parts if (length := one.durations[index]) is not None]
        index, last, _ = parts[-1]
        whole = Timeline(last.names[index], tuple(bouts), known[-1] if known else None, last.fps[index], line=last.line)
        whole = _without_sound_alone(whole, source, reading.clock)
        whole = replace(whole, unlabelled=complement([looked_at for *_, looked_at in parts], whole.end))
        found.append(_with_subjects(whole, parts))
    raise_together(errors)
    return found


def _with_subjects(timeline: Timeline, parts: Sequence[tuple[int, Media, Interval]]) -> Timeline:
    """A time line with who was watched when, by the observations of its video."""
    watched: dict[str, list[Interval]] = {}
    for _, one, looked_at in parts:
        for subject in one.subjects or {""}:
            watched.setdefault(subject, []).append(looked_at)
    if not any(watched):
        return timeline
    subjects = sorted(watched, key=lambda name: (not name, name))
    gaps = ((name, *gap) for name in subjects for gap in complement(watched[name], timeline.end))
    return replace(timeline, subjects=tuple(subjects), unwatched=tuple(gaps))


def _two_opinions(parts: Sequence[tuple[int, Media, tuple[float, float]]]) -> tuple[Media, Media] | None:
    """Two observations of one time of a video, and not of different animals."""
    for number, (_, one, seen) in enumerate(parts):
        for _, other, also_seen in parts[:number]:
            same_time = min(seen[1], also_seen[1]) > max(seen[0], also_seen[0])
            named = one.subjects and other.subjects and "" not in one.subjects | other.subjects
            if other is not one and same_time and not (named and one.subjects.isdisjoint(other.subjects)):
                return other, one
    return None


def _without_sound_alone(timeline: Timeline, source: str, clock: Clock) -> Timeline:
    """A time line up to the last frame, where BORIS noted the length of a sound that goes on behind it."""
    noted = timeline.duration
    end = None if noted is None else clock.picture_end(timeline.video, noted)
    if noted is None or end is None:
        return timeline
    late = [bout for bout in timeline.bouts if bout.stop > end + _FEW_FRAMES]
    if late:
        warnings.warn(
            f"{source}: the picture of {timeline.video} ends at {end:.2f} s, and its sound at {noted:.2f} s; "
            f"cut off at the last frame: {counted(len(late), 'bout')} that went on behind it",
            stacklevel=2,
        )
    kept = (replace(bout, stop=min(bout.stop, end)) for bout in timeline.bouts if bout.start < end)
    return replace(timeline, bouts=tuple(kept), duration=end)


def media_time(told: float, offset: float, place: Place, column: str) -> float:
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
        raise place.error(f"{value:.10g}{less} is not a time in seconds since the first frame{hint}", column)
    return round(value, 6) if offset else value
