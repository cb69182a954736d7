"""What each of several demo animals will do, and when one leaves the picture for a while; nothing is drawn here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from amclip.data.synthetic.motion import BEHAVIOURS, MIN_BOUT, Actor, Bout, Ground, Pose, plan_bouts
from amclip.data.synthetic.settings import ClipSettings

__all__ = ["GroupPlan", "Outing", "Wanderer", "plan_group", "subject_names"]

_STREAM = 4  # of random numbers; those of clips with one animal are below
_OUTINGS_PER_SECOND = 0.026  # of one animal: about one in ten leaves the picture in four seconds
_LONG_BETWEEN = 30.0  # seconds from one outing to the next in a long video
_AWAY = (0.4, 1.5)  # seconds between the run out and the run back
_EDGE = (
    0.58  # frame widths from the middle: beyond it, an animal's middle is out of the picture wherever the camera looks
)
_DOOR, _DOOR_ROAM = 0.34, 0.08  # where animals that leave have their home: near the edge, so that the way out is short
_OUTSIDE = 0.85  # where they go


@dataclass(frozen=True)
class Outing:
    """An animal runs out of the picture from ``start`` on, and comes back from ``back`` to ``stop``; in seconds."""

    start: float
    out: float
    back: float
    stop: float


@dataclass(frozen=True)
class GroupPlan:
    """What will happen in a video of several animals.

    Attributes:
        bouts: Each animal's bouts in order of time, also what would be out of the picture.
        up: Whether each animal is reared at the start.
        outings: When each leaves the picture.
        depths: The animals from back to front.
        num_frames: Frames of the video.
    """

    bouts: tuple[tuple[Bout, ...], ...]
    up: tuple[bool, ...]
    outings: tuple[tuple[Outing, ...], ...]
    depths: tuple[int, ...]
    num_frames: int


def subject_names(animals: int) -> tuple[str, ...]:
    """How the animals are called in tables."""
    return tuple(f"animal{number + 1}" for number in range(animals))


def relative_size(animals: int) -> float:
    """Size and speed of each of some animals, in parts of an animal that has the picture for itself."""
    return float(min(1.0, 1.15 / np.sqrt(animals)))


def plan_group(settings: ClipSettings, index: int, animals: int) -> GroupPlan:
    """Draw the time lines of clip ``index``: they depend on the arguments and on nothing else.

    Each animal has its own behaviours, and no two animals of a clip show the same set of them. Any
    ``len(BEHAVIOURS)`` clips from a multiple of that number on have each behaviour at least once.

    Args:
        settings: Of the data set; the size of the frames does not matter here.
        index: Number of the clip.
        animals: How many.

    Raises:
        ValueError: If ``animals`` is out of range, or ``index`` is negative.
    """
    if not 1 <= animals <= len(BEHAVIOURS):
        raise ValueError(f"animals must be 1 to {len(BEHAVIOURS)}, so that each can show another behaviour: {animals}")
    seconds, fps = settings.seconds, settings.fps
    rng = settings.generator(index, animals, _STREAM)
    block, place = divmod(index, len(BEHAVIOURS))
    order = settings.generator(block, animals).permutation(len(BEHAVIOURS))
    pace = relative_size(animals)
    bouts: list[tuple[Bout, ...]] = []
    ups: list[bool] = []
    outings: list[tuple[Outing, ...]] = []
    shown: list[set[str]] = []
    for animal in range(animals):
        stays = animal == animals - 1 and all(outings)  # one at least, so that each clip shows what it must
        leaves = rng.random() < 1 - np.exp(-_OUTINGS_PER_SECOND * seconds) and not stays
        trips = _plan_outings(rng, seconds, fps, pace) if leaves else ()
        main = BEHAVIOURS[order[(place + animal) % len(BEHAVIOURS)]]
        while True:
            mine, up = _plan_animal(rng, seconds, fps, trips, main, animal)
            names = {bout.behaviour for bout in mine}
            if names not in shown:
                break
            if trips:  # two that do nothing but run out and back would look alike
                trips = ()
        bouts.append(mine)
        ups.append(up)
        outings.append(trips)
        shown.append(names)
    depths = tuple(int(number) for number in rng.permutation(animals))
    return GroupPlan(tuple(bouts), tuple(ups), tuple(outings), depths, settings.num_frames)


def _plan_outings(rng: Generator, seconds: float, fps: float, pace: float) -> tuple[Outing, ...]:
    """Trips out of the picture, spread over the video; none where it is too short for one."""
    # As long as a slow runner takes from its home near the edge, and to turn round; all in frames.
    run = int(np.ceil(fps * max(MIN_BOUT, (_EDGE - _DOOR + 0.5 * _DOOR_ROAM) / (0.55 * 0.9 * pace) + 0.3)))
    least, most = (int(np.ceil(fps * length)) for length in _AWAY)
    count = max(1, round(seconds / _LONG_BETWEEN))
    slot = int(seconds * fps) // count
    if slot < 2 * run + least:
        return ()
    trips = []
    for number in range(count):
        away = int(rng.integers(least, min(most, slot - 2 * run) + 1))
        start = number * slot + int(rng.integers(slot - 2 * run - away + 1))
        moments = (start, start + run, start + run + away, start + 2 * run + away)
        trips.append(Outing(*(moment / fps for moment in moments)))
    return tuple(trips)


def _plan_animal(
    rng: Generator, seconds: float, fps: float, trips: Sequence[Outing], main: str, animal: int
) -> tuple[tuple[Bout, ...], bool]:
    """One animal's bouts and whether it is up at the start: what it does between its outings, and the runs."""
    if not trips:
        bouts, up = plan_bouts(rng, seconds, fps, _num_bouts(rng, seconds, fps), main, animal)
        return tuple(bouts), up
    mine: list[Bout] = []
    begins, ends = (0.0, *(trip.stop for trip in trips)), (*(trip.start for trip in trips), seconds)
    first_up = False
    for number, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        last = number == len(trips)
        while True:  # until it is down where it has run in, and where it is about to run out
            bouts, up = plan_bouts(rng, end - begin, fps, _num_bouts(rng, end - begin, fps), None, animal)
            rises = [bout.behaviour for bout in bouts if bout.behaviour in ("rearing", "settling")]
            ends_up = rises[-1] == "rearing" if rises else up
            if not (up and number) and (last or not ends_up):
                break
        first_up = up if number == 0 else first_up
        mine += [replace(bout, start=bout.start + begin, stop=bout.stop + begin) for bout in bouts]
        if not last:
            trip = trips[number]
            mine += [Bout("running", trip.start, trip.out, animal), Bout("running", trip.back, trip.stop, animal)]
    return tuple(mine), first_up


def _num_bouts(rng: Generator, seconds: float, fps: float) -> int:
    """As of an animal alone: one to three in a clip, one per 2.5 seconds of a longer video."""
    most = int(seconds / (MIN_BOUT + 2 / fps))
    drawn = int(rng.choice([1, 2, 3], p=[0.4, 0.5, 0.1])) if seconds < 6 else round(seconds / 2.5)
    return min(drawn, most)


class Wanderer(Actor):
    """An animal that leaves the picture and comes back.

    Args:
        outings: When it does.
        ground: As for :class:`Actor`, as are the others; those that leave have their home near the edge.
    """

    def __init__(
        self, bouts: Sequence[Bout], up: bool, rng: Generator, fps: float, ground: Ground, outings: Sequence[Outing]
    ) -> None:
        if outings:
            ground = replace(ground, home=float(np.copysign(_DOOR, ground.home)), roam=_DOOR_ROAM)
        super().__init__(bouts, up, rng, fps, ground)
        self.outings, self.inside = tuple(outings), ground.home

    def step(self) -> Pose:
        """The pose of the next frame."""
        time = (self.frame + 0.5) / self.fps
        away = any(trip.start <= time < trip.back for trip in self.outings)
        # Whoever walks turns towards home when that is behind: a home out of the picture is the way out.
        self.home = float(np.copysign(_OUTSIDE, self.inside)) if away else self.inside
        return super().step()
