"""How the demo animals move: time lines of bouts, and the pose they lead to frame by frame.

The behaviours come in sets that run through the same poses and differ in direction, speed or order in time,
and whatever a bout moves stays where the bout left it, so that a single frame tells little.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

__all__ = ["BEHAVIOURS", "MIN_BOUT", "Actor", "Bout", "Ground", "Pose", "plan_bouts"]

BEHAVIOURS: tuple[str, ...] = (
    "walking",
    "running",  # the steps of walking, 2.3 times as fast
    "backing",  # the steps of walking in reverse, and slower, as animals do
    "rearing",
    "settling",  # rearing in reverse
    "pecking",
    "drinking",  # pecking's movement, more than three times slower
    "tail flicking",
    "tail swaying",  # tail flicking, more than three times slower
)
MIN_BOUT = 1.05
"""Shortest bout to draw in seconds; cut to whole frames, it still has the second that earns a clip the label."""

# In frame widths per second: 1.0, 2.3 and -0.65 pixels per frame at 64 pixels and 15 frames per second.
_SPEED = {"walking": 0.24, "running": 0.55, "backing": -0.15}
# Full cycles per second of the head and the tail: about 1.2 and 4 pixels per frame at their tips.
_HEAD_RATE = {"pecking": 1.7, "drinking": 0.5}
_TAIL_RATE = {"tail flicking": 1.6, "tail swaying": 0.5}
_RISING = {"rearing": 1.0, "settling": -1.0}
_LONGEST_RISE = 1.6  # seconds; slower, and the flow would drown in the camera's own movement
_ODD_POSE = 0.15  # share of animals that start with the head or the tail just anywhere
_STRIDE = 1.3  # torso lengths per full cycle of the legs, so that feet do not slide
_TURN_SECONDS = 0.3
_RAMP_SECONDS = 0.15  # from standing to walking speed


@dataclass(frozen=True)
class Bout:
    """One animal's bout of one behaviour, in seconds since the first frame; ``stop`` is excluded."""

    behaviour: str
    start: float
    stop: float
    animal: int = 0

    @property
    def seconds(self) -> float:
        """Length of the bout."""
        return self.stop - self.start


@dataclass(frozen=True)
class Pose:
    """What a frame shows of an animal; all in the animal's own terms.

    Attributes:
        x: Position along the ground in frame widths, 0 in the middle.
        facing: 1 looks right, -1 left, between them while it turns round.
        stride: Phase of the legs in radians.
        rise: 0 on all feet, 1 fully reared.
        head: 0 raised, 1 at the ground.
        tail: 0 low, 1 upright.
        breath: Phase of breathing in radians.
    """

    x: float
    facing: float
    stride: float
    rise: float
    head: float
    tail: float
    breath: float


def plan_bouts(
    rng: Generator, seconds: float, fps: float, num_bouts: int, main: str | None = None, animal: int = 0
) -> tuple[list[Bout], bool]:
    """Draw one animal's time line: equal slots, one bout in each, rest between.

    An animal that has reared stays up until it settles, and moves on only when down.

    Args:
        rng: Source of randomness.
        seconds: Length of the video.
        fps: Frames per second; bouts begin and end on frames.
        num_bouts: Number of bouts.
        main: A behaviour that must occur; its slot is drawn. None leaves all to chance.
        animal: Number of the animal.

    Returns:
        The bouts in order of time, and whether the animal is up on its hind legs at the start.

    Raises:
        ValueError: If the bouts do not fit.
    """
    if num_bouts == 0:
        return [], bool(rng.random() < 0.25)
    slot = seconds / num_bouts
    if slot < MIN_BOUT + 2 / fps:
        most = int(seconds / (MIN_BOUT + 2 / fps))
        raise ValueError(f"{num_bouts} bouts do not fit into {seconds} seconds; at most {most} do")
    names, up = _plan_names(rng, num_bouts, main)
    bouts = []
    for number, name in enumerate(names):
        longest = min(0.94 * slot, _LONGEST_RISE if name in _RISING else np.inf)
        length = max(MIN_BOUT, rng.uniform(0.8, 1.0) * longest)
        begin = int((number * slot + rng.random() * (slot - length)) * fps)
        end = begin + max(int(length * fps), int(np.ceil(fps)))
        bouts.append(Bout(name, begin / fps, end / fps, animal))
    return bouts, up


def _plan_names(rng: Generator, num_bouts: int, main: str | None) -> tuple[list[str], bool]:
    """Draw behaviours that can follow each other; again from the start where ``main`` finds no place."""
    while True:
        up = start_up = bool(rng.random() < 0.25) or (main == "settling" and num_bouts == 1)
        main_slot = int(rng.integers(num_bouts)) if main else -1
        names: list[str] = []
        for number in range(num_bouts):
            possible = [name for name in BEHAVIOURS if _possible(name, up) and name not in names[-1:]]
            if number == main_slot and main is not None:
                if main not in possible:
                    break
                name = main
            elif "settling" in possible and rng.random() < 0.5:
                name = "settling"  # the way down opens the other behaviours again
            else:
                name = str(rng.choice(possible))
            up = name == "rearing" if name in _RISING else up
            names.append(name)
        else:
            return names, start_up


def _possible(name: str, up: bool) -> bool:
    return name not in _SPEED and name != "rearing" if up else name != "settling"


@dataclass(frozen=True)
class Ground:
    """How large an animal is in the picture and where it walks, in frame widths.

    Attributes:
        length: Torso length.
        home: Middle of the ground it walks over.
        roam: How far from there it turns round.
        pace: How fast it moves along, in parts of the usual speed; smaller animals are slower.
    """

    length: float
    home: float = 0.0
    roam: float = 0.2
    pace: float = 1.0


class Actor:
    """Moves one animal: each call of :meth:`step` gives the pose of the next frame.

    Args:
        bouts: The animal's time line.
        up: Whether it starts reared.
        rng: Draws the first pose and the animal's own tempo.
        fps: Frames per second.
        ground: Its size, and where it walks.
    """

    def __init__(self, bouts: Sequence[Bout], up: bool, rng: Generator, fps: float, ground: Ground) -> None:
        self.bouts, self.fps, self.length = bouts, fps, ground.length
        self.home, self.roam, self.pace = ground.home, ground.roam, ground.pace
        self.tempo = rng.uniform(0.9, 1.1)
        self.x = ground.home + ground.roam * rng.uniform(-0.6, 0.6)
        self.heading = self.facing = float(rng.choice([-1, 1]))
        self.stride, self.breath = rng.uniform(0, 2 * np.pi, 2)
        # In cycles; the wave below makes poses of them. Some animals happen to look down, or hold up their tails.
        self.head, self.tail = rng.uniform(0, np.where(rng.random(2) < _ODD_POSE, 1.0, 0.1))
        self.rise = float(up)
        self.speed = 0.0
        self.frame = self.number = 0

    def step(self) -> Pose:
        """The pose of the next frame."""
        rise = self.rise * self.rise * (3 - 2 * self.rise)
        pose = Pose(self.x, self.facing, self.stride, rise, _wave(self.head), _wave(self.tail), self.breath)
        self._advance(self._bout())
        self.frame += 1
        return pose

    def _bout(self) -> Bout | None:
        # Half a frame of tolerance: a bout's times are frame numbers divided by the frame rate.
        time = (self.frame + 0.5) / self.fps
        while self.number < len(self.bouts) and self.bouts[self.number].stop <= time:
            self.number += 1
        if self.number < len(self.bouts) and self.bouts[self.number].start <= time:
            return self.bouts[self.number]
        return None

    def _advance(self, bout: Bout | None) -> None:
        name = bout.behaviour if bout else ""
        passed = self.tempo / self.fps
        goal = _SPEED.get(name, 0.0) * self.pace
        ramp = 1 / (_RAMP_SECONDS * self.fps)
        top = max(abs(goal), abs(self.speed))
        self.speed += float(np.clip(goal - self.speed, -ramp * top, ramp * top)) if bout and goal else -self.speed
        if self.speed:
            self.stride += 2 * np.pi * self.speed * passed / (_STRIDE * self.length)
            going = self.heading * np.sign(self.speed)
            if going * (self.x - self.home) > self.roam:
                self.heading = -self.heading
        turn = 2 / (_TURN_SECONDS * self.fps)
        self.facing += float(np.clip(self.heading - self.facing, -turn, turn))
        self.x += self.speed * self.facing * passed
        self.head += _HEAD_RATE.get(name, 0.0) * passed
        self.tail += _TAIL_RATE.get(name, 0.0) * passed
        self.breath += 2 * np.pi * 0.4 / self.fps
        if bout and name in _RISING:
            step = _RISING[name] / round(bout.seconds * self.fps)
            self.rise = min(1.0, max(0.0, self.rise + step))


def _wave(cycles: float) -> float:
    """From 0 to 1 and back once per cycle, at nearly constant speed, with soft turns."""
    triangle = 1 - abs(2 * (cycles % 1.0) - 1)
    return float(0.6 * triangle + 0.4 * (0.5 - 0.5 * np.cos(np.pi * triangle)))
