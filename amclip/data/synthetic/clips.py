"""Draw one clip or one long video of the demo animals, with its true bouts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amclip.data.synthetic.animals import Look, random_look
from amclip.data.synthetic.motion import BEHAVIOURS, MIN_BOUT, Actor, Bout, Ground, Pose, plan_bouts
from amclip.data.synthetic.scene import Scene
from amclip.data.synthetic.settings import ClipSettings

__all__ = ["ClipPlan", "draw_clip", "iterate_frames", "iterate_poses", "labels_of", "look_of", "plan_clip"]

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


def plan_clip(settings: ClipSettings, index: int, num_bouts: int | None = None) -> ClipPlan:
    """Draw the time lines of clip ``index``: they depend on the arguments and on nothing else.

    Any ``len(BEHAVIOURS)`` clips from a multiple of that number on have each behaviour at least once.

    Args:
        settings: Of the data set; the size of the frames does not matter here.
        index: Number of the clip.
        num_bouts: Bouts of the animal in front; None draws 1 to 3, or one per 2.5 seconds of a longer video.

    Raises:
        ValueError: If the bouts do not fit, or ``index`` is negative.
    """
    seconds, fps = settings.seconds, settings.fps
    rng = settings.generator(index, _BEHAVIOURS_STREAM)
    most = int(seconds / (MIN_BOUT + 2 / fps))
    if num_bouts is None:
        drawn = int(rng.choice([1, 2, 3], p=[0.5, 0.42, 0.08]))
        num_bouts = min(drawn if seconds < 6 else round(seconds / 2.5), most)
    block, place = divmod(index, len(BEHAVIOURS))
    order = settings.generator(block).permutation(len(BEHAVIOURS))
    main = BEHAVIOURS[order[place]] if num_bouts else None
    front, up = plan_bouts(rng, seconds, fps, num_bouts, main, animal=0)
    bouts, ups = list(front), [up]
    if rng.random() < 0.12:  # a second animal, behind the first
        back, up = plan_bouts(rng, seconds, fps, int(rng.integers(min(num_bouts, 1) + 1)), animal=1)
        bouts += back
        ups.insert(0, up)
    bouts.sort(key=lambda bout: (bout.start, bout.animal))
    return ClipPlan(tuple(bouts), settings.num_frames, tuple(ups))


def iterate_frames(settings: ClipSettings, index: int, num_bouts: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """Draw a video frame by frame, in constant memory; :func:`plan_clip` with the same arguments has its bouts.

    Args:
        settings: Of the data set.
        index: Number of the clip.
        num_bouts: As for :func:`plan_clip`.

    Yields:
        RGB frames, ``uint8``, shape ``(H, W, 3)``.
    """
    cast = _cast(settings, index, num_bouts)
    return cast.scene.frames(cast.actors, cast.looks, cast.feet, cast.plan.num_frames)


def iterate_poses(settings: ClipSettings, index: int, num_bouts: int | None = None) -> Iterator[Pose]:
    """The pose of the animal in front, frame by frame, without drawing; arguments as for :func:`iterate_frames`."""
    cast = _cast(settings, index, num_bouts)
    for _ in range(cast.plan.num_frames):
        yield cast.actors[-1].step()


def look_of(settings: ClipSettings, index: int, num_bouts: int | None = None) -> Look:
    """How the animal in front looks: its body plan, coat and markings; arguments as for :func:`iterate_frames`."""
    return _cast(settings, index, num_bouts).looks[-1]


@dataclass(frozen=True)
class _Cast:
    """What a video is drawn from; animals from back to front."""

    plan: ClipPlan
    scene: Scene
    actors: list[Actor]
    looks: list[Look]
    feet: list[float]


def _cast(settings: ClipSettings, index: int, num_bouts: int | None) -> _Cast:
    plan = plan_clip(settings, index, num_bouts)
    rng = settings.generator(index, _ACTORS_STREAM)
    scene = Scene(settings.generator(index, _SCENE_STREAM), settings.size, settings.fps)
    pair = len(plan.up) == 2
    actors: list[Actor] = []
    looks: list[Look] = []
    homes = [-0.14, 0.14] if rng.random() < 0.5 else [0.14, -0.14]
    for place, up in enumerate(plan.up):
        animal = len(plan.up) - 1 - place  # number 0 stands in front and is drawn last
        length = rng.uniform(0.27, 0.35) * (0.82 if pair else 1.0)
        bouts = [bout for bout in plan.bouts if bout.animal == animal]
        home, roam = (homes[animal], 0.15) if pair else (0.0, 0.19)
        actors.append(Actor(bouts, up, rng, settings.fps, Ground(length, home, roam)))
        looks.append(random_look(rng, scene.ground))
    feet = [rng.uniform(0.68, 0.72), rng.uniform(0.88, 0.93)] if pair else [rng.uniform(0.8, 0.9)]
    return _Cast(plan, scene, actors, looks, feet)


def draw_clip(settings: ClipSettings, index: int, num_bouts: int | None = None) -> tuple[NDArray[np.uint8], list[Bout]]:
    """Draw a clip into memory; arguments as for :func:`iterate_frames`.

    Returns:
        RGB frames, ``uint8``, shape ``(T, H, W, 3)``, and the bouts by start.
    """
    plan = plan_clip(settings, index, num_bouts)
    frames = np.empty((plan.num_frames, *settings.size, 3), np.uint8)
    for number, frame in enumerate(iterate_frames(settings, index, num_bouts)):
        frames[number] = frame
    return frames, list(plan.bouts)


def labels_of(bouts: tuple[Bout, ...] | list[Bout]) -> tuple[str, ...]:
    """The behaviours that fill at least one second, in the order of :data:`BEHAVIOURS`."""
    total = dict.fromkeys(BEHAVIOURS, 0.0)
    for bout in bouts:
        total[bout.behaviour] += bout.seconds
    return tuple(name for name in BEHAVIOURS if total[name] >= 1.0 - 1e-9)
