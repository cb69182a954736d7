"""Draw one clip or one long video of the demo animals, with its true bouts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amclip.data.synthetic.animals import Look, random_look
from amclip.data.synthetic.motion import BEHAVIOURS, MIN_BOUT, Actor, Bout, Pose, plan_bouts
from amclip.data.synthetic.scene import Scene

__all__ = [
    "FPS",
    "SECONDS",
    "SIZE",
    "ClipPlan",
    "draw_clip",
    "iterate_frames",
    "iterate_poses",
    "labels_of",
    "look_of",
    "plan_clip",
]

SIZE = (128, 160)
FPS = 15.0
SECONDS = 4.0
_BEHAVIOURS_STREAM, _ACTORS_STREAM, _SCENE_STREAM = 1, 2, 3


@dataclass(frozen=True)
class ClipPlan:
    """What will happen in a video, before a frame of it is drawn.

    Attributes:
        bouts: All animals' bouts, by start.
        num_frames: Frames of the video.
        up: For each animal from back to front, whether it is reared at the start.
    """

    bouts: tuple[Bout, ...]
    num_frames: int
    up: tuple[bool, ...]


def plan_clip(
    seed: int, index: int, seconds: float = SECONDS, num_bouts: int | None = None, fps: float = FPS
) -> ClipPlan:
    """Draw the time lines of clip ``index``: they depend on the arguments and on nothing else.

    Any ``len(BEHAVIOURS)`` clips from a multiple of that number on have each behaviour at least once.

    Args:
        seed: Of the data set.
        index: Number of the clip.
        seconds: Length of the video; minutes and hours are fine.
        num_bouts: Bouts of the animal in front; None draws 1 to 3, or one per 2.5 seconds of a longer video.
        fps: Frames per second.

    Raises:
        ValueError: If the bouts do not fit, or a number is out of range.
    """
    if fps <= 0 or seconds < MIN_BOUT + 2 / fps or index < 0 or seed < 0:
        raise ValueError(
            f"seconds must be at least {MIN_BOUT:g} and two frames (one bout), fps positive, seed and index not "
            f"negative; got seconds={seconds}, fps={fps}, seed={seed}, index={index}"
        )
    rng = np.random.default_rng([seed, index, _BEHAVIOURS_STREAM])
    most = int(seconds / (MIN_BOUT + 2 / fps))
    if num_bouts is None:
        drawn = int(rng.choice([1, 2, 3], p=[0.5, 0.42, 0.08]))
        num_bouts = min(drawn if seconds < 6 else round(seconds / 2.5), most)
    block, place = divmod(index, len(BEHAVIOURS))
    order = np.random.default_rng([seed, block]).permutation(len(BEHAVIOURS))
    main = BEHAVIOURS[order[place]] if num_bouts else None
    front, up = plan_bouts(rng, seconds, fps, num_bouts, main, animal=0)
    bouts, ups = list(front), [up]
    if rng.random() < 0.12:  # a second animal, behind the first
        back, up = plan_bouts(rng, seconds, fps, int(rng.integers(min(num_bouts, 1) + 1)), animal=1)
        bouts += back
        ups.insert(0, up)
    bouts.sort(key=lambda bout: (bout.start, bout.animal))
    return ClipPlan(tuple(bouts), round(seconds * fps), tuple(ups))


def iterate_frames(
    seed: int,
    index: int,
    seconds: float = SECONDS,
    num_bouts: int | None = None,
    size: tuple[int, int] = SIZE,
    fps: float = FPS,
) -> Iterator[NDArray[np.uint8]]:
    """Draw a video frame by frame, in constant memory; :func:`plan_clip` with the same arguments has its bouts.

    Args:
        seed: Of the data set.
        index: Number of the clip.
        seconds: Length of the video.
        num_bouts: As for :func:`plan_clip`.
        size: Height and width of the frames in pixels.
        fps: Frames per second.

    Yields:
        RGB frames, ``uint8``, shape ``(H, W, 3)``.
    """
    cast = _cast(seed, index, seconds, num_bouts, size, fps)
    return cast.scene.frames(cast.actors, cast.looks, cast.feet, cast.plan.num_frames)


def iterate_poses(
    seed: int, index: int, seconds: float = SECONDS, num_bouts: int | None = None, fps: float = FPS
) -> Iterator[Pose]:
    """The pose of the animal in front, frame by frame, without drawing.

    Args:
        seed: Of the data set.
        index: Number of the clip.
        seconds: Length of the video.
        num_bouts: As for :func:`plan_clip`.
        fps: Frames per second.
    """
    cast = _cast(seed, index, seconds, num_bouts, SIZE, fps)
    for _ in range(cast.plan.num_frames):
        yield cast.actors[-1].step()


def look_of(seed: int, index: int, seconds: float = SECONDS, num_bouts: int | None = None, fps: float = FPS) -> Look:
    """How the animal in front looks: its body plan, coat and markings.

    Args:
        seed: Of the data set.
        index: Number of the clip.
        seconds: Length of the video.
        num_bouts: As for :func:`plan_clip`.
        fps: Frames per second.
    """
    return _cast(seed, index, seconds, num_bouts, SIZE, fps).looks[-1]


@dataclass(frozen=True)
class _Cast:
    """What a video is drawn from; animals from back to front."""

    plan: ClipPlan
    scene: Scene
    actors: list[Actor]
    looks: list[Look]
    feet: list[float]


def _cast(seed: int, index: int, seconds: float, num_bouts: int | None, size: tuple[int, int], fps: float) -> _Cast:
    plan = plan_clip(seed, index, seconds, num_bouts, fps)
    rng = np.random.default_rng([seed, index, _ACTORS_STREAM])
    scene = Scene(np.random.default_rng([seed, index, _SCENE_STREAM]), size, fps)
    pair = len(plan.up) == 2
    actors: list[Actor] = []
    looks: list[Look] = []
    homes = [-0.14, 0.14] if rng.random() < 0.5 else [0.14, -0.14]
    for place, up in enumerate(plan.up):
        animal = len(plan.up) - 1 - place  # number 0 stands in front and is drawn last
        length = rng.uniform(0.27, 0.35) * (0.82 if pair else 1.0)
        bouts = [bout for bout in plan.bouts if bout.animal == animal]
        home, roam = (homes[animal], 0.15) if pair else (0.0, 0.19)
        actors.append(Actor(bouts, up, rng, fps, length, home, roam))
        looks.append(random_look(rng, scene.ground))
    feet = [rng.uniform(0.68, 0.72), rng.uniform(0.88, 0.93)] if pair else [rng.uniform(0.8, 0.9)]
    return _Cast(plan, scene, actors, looks, feet)


def draw_clip(
    seed: int,
    index: int,
    seconds: float = SECONDS,
    num_bouts: int | None = None,
    size: tuple[int, int] = SIZE,
    fps: float = FPS,
) -> tuple[NDArray[np.uint8], list[Bout]]:
    """Draw a clip into memory.

    Args:
        seed: Of the data set.
        index: Number of the clip.
        seconds: Length of the clip.
        num_bouts: As for :func:`plan_clip`.
        size: Height and width of the frames in pixels.
        fps: Frames per second.

    Returns:
        RGB frames, ``uint8``, shape ``(T, H, W, 3)``, and the bouts by start.
    """
    plan = plan_clip(seed, index, seconds, num_bouts, fps)
    frames = np.empty((plan.num_frames, *size, 3), np.uint8)
    for number, frame in enumerate(iterate_frames(seed, index, seconds, num_bouts, size, fps)):
        frames[number] = frame
    return frames, list(plan.bouts)


def labels_of(bouts: tuple[Bout, ...] | list[Bout]) -> tuple[str, ...]:
    """The behaviours that fill at least one second, in the order of :data:`BEHAVIOURS`."""
    total = dict.fromkeys(BEHAVIOURS, 0.0)
    for bout in bouts:
        total[bout.behaviour] += bout.seconds
    return tuple(name for name in BEHAVIOURS if total[name] >= 1.0 - 1e-9)
