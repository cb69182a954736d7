"""Draw a video of several demo animals that cross each other, and measure where each of them is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from amclip.data.synthetic.animals import Look, animal_box, random_look, relative_of
from amclip.data.synthetic.group_plan import GroupPlan, Wanderer, plan_group, relative_size, subject_names
from amclip.data.synthetic.motion import Bout, Ground
from amclip.data.synthetic.scene import Scene
from amclip.data.synthetic.settings import ClipSettings
from amclip.data.tracks import Track

__all__ = ["group_tracks", "iterate_group", "seen_bouts", "seen_spans"]

_ACTORS_STREAM, _SCENE_STREAM = 5, 6
_ROAM, _SPREAD = 0.24, 0.12  # frame widths: how far each roams round its home, and how far homes are from the middle
_TRIES = 24  # sets of homes that are compared
_LOOK_AHEAD = 20.0  # seconds of their paths that are looked at, so that hours of video begin at once


@dataclass(frozen=True)
class _Group:
    """What a video is drawn from; all by number of the animal."""

    plan: GroupPlan
    scene: Scene
    actors: list[Wanderer]
    looks: list[Look]
    feet: list[float]


def iterate_group(settings: ClipSettings, index: int, animals: int) -> Iterator[NDArray[np.uint8]]:
    """Draw a video frame by frame, in constant memory.

    Args:
        settings: Of the data set.
        index: Number of the clip.
        animals: How many animals.

    Yields:
        RGB frames, ``uint8``, shape ``(H, W, 3)``.
    """
    group = _group(settings, index, animals)
    order = group.plan.depths
    return group.scene.frames(
        [group.actors[number] for number in order],
        [group.looks[number] for number in order],
        [group.feet[number] for number in order],
        group.plan.num_frames,
    )


def group_tracks(settings: ClipSettings, index: int, animals: int) -> tuple[Track, ...]:
    """Where each animal of a video is, measured on the outlines that :func:`iterate_group` draws.

    A box holds the whole animal, also what others hide and what lies beyond the border. There is none while the middle
    of the animal is out of the picture. The arguments are those of :func:`iterate_group`.

    Returns:
        A track per animal; its body length is from rump to snout.
    """
    group = _group(settings, index, animals)
    scene, (_, width) = group.scene, settings.size
    zoom = width / scene.width  # frames are drawn larger than they are
    found: list[tuple[list[int], list[tuple[float, ...]]]] = [([], []) for _ in range(animals)]
    for frame in range(group.plan.num_frames):
        shift = scene.camera(frame / settings.fps)
        for (frames, boxes), actor, look, foot in zip(found, group.actors, group.looks, group.feet, strict=True):
            pose = actor.step()
            at = ((0.5 + pose.x) * scene.width - shift[0], foot * scene.height - shift[1])
            if 0 <= at[0] + 0.5 <= scene.width:
                frames.append(frame)
                box = animal_box(look, pose, at, actor.length * scene.width)
                boxes.append(tuple(zoom * edge for edge in box))
    return tuple(
        Track(
            name,
            np.array(frames, np.int64),
            np.array(boxes, np.float64).reshape(-1, 4),
            look.body_length * actor.length * width,
            f"clip {index}",
        )
        for name, (frames, boxes), look, actor in zip(
            subject_names(animals), found, group.looks, group.actors, strict=True
        )
    )


def seen_spans(track: Track, fps: float) -> list[tuple[float, float]]:
    """Seconds during which an animal is in the picture, from start to stop."""
    breaks = np.flatnonzero(np.diff(track.frames) > 1) + 1
    return [(int(piece[0]) / fps, (int(piece[-1]) + 1) / fps) for piece in np.split(track.frames, breaks) if len(piece)]


def seen_bouts(bouts: tuple[Bout, ...], start: float, stop: float) -> list[Bout]:
    """What an animal shows from ``start`` to ``stop``, cut to these times; in seconds."""
    cut = [Bout(bout.behaviour, max(bout.start, start), min(bout.stop, stop), bout.animal) for bout in bouts]
    return [bout for bout in cut if bout.seconds > 1e-6]


def _group(settings: ClipSettings, index: int, animals: int) -> _Group:
    plan = plan_group(settings, index, animals)
    scene = Scene(settings.generator(index, animals, _SCENE_STREAM), settings.size, settings.fps)
    rng = settings.generator(index, animals, _ACTORS_STREAM)
    # One kind, one coat: who is who cannot be told by looks, and looks are drawn apart from what the animals do.
    model = random_look(rng, scene.ground)
    looks = [relative_of(model, rng) for _ in range(animals)]
    rows = np.linspace(0.66, 0.93, animals) if animals > 1 else np.array([rng.uniform(0.8, 0.9)])
    feet, sizes = [0.0] * animals, [0.0] * animals
    for row, number in zip(rows.tolist(), plan.depths, strict=True):
        feet[number] = float(row + rng.uniform(-0.012, 0.012))
        sizes[number] = relative_size(animals) * (0.85 + 0.15 * feet[number] / 0.93)  # the far ones are smaller
    lengths = [float(rng.uniform(0.29, 0.33)) * size for size in sizes]
    seeds = rng.integers(0, 2**32, animals)

    def actor(number: int, home: float) -> Wanderer:
        ground = Ground(lengths[number], home, _ROAM, sizes[number])
        own = np.random.default_rng(int(seeds[number]))
        return Wanderer(plan.bouts[number], plan.up[number], own, settings.fps, ground, plan.outings[number])

    homes = _choose_homes(rng, animals, actor, min(plan.num_frames, round(_LOOK_AHEAD * settings.fps)))
    return _Group(plan, scene, [actor(number, home) for number, home in enumerate(homes)], looks, feet)


def _choose_homes(
    rng: Generator, animals: int, actor: Callable[[int, float], Wanderer], num_frames: int
) -> list[float]:
    """Homes with which two animals pass each other, if any walks that far, and stand apart for the rest of the time.

    Of some that are drawn; in frame widths from the middle. A home that moves takes its animal's path with it.
    """
    paths = []
    for side in (-_SPREAD, _SPREAD):  # those that leave have another home on either side, and another path
        cast = [actor(number, side) for number in range(animals)]
        paths.append(np.array([[one.step().x for one in cast] for _ in range(num_frames)]))
    leaves = np.array([bool(actor(number, 0.0).outings) for number in range(animals)])
    best, homes = -np.inf, np.zeros(animals)
    for _ in range(_TRIES):
        drawn = rng.uniform(-_SPREAD, _SPREAD, animals)
        path = np.where(drawn > 0, paths[1], paths[0])
        place = np.where(leaves, path, path + drawn - np.copysign(_SPREAD, drawn))
        apart = place[:, :, None] - place[:, None, :]
        crossing = (np.sign(apart[1:]) * np.sign(apart[:-1]) < 0).any()
        nearest = np.abs(apart + 9 * np.eye(animals)).min(axis=(1, 2)).mean()
        if crossing + nearest > best:
            best, homes = float(crossing + nearest), drawn
    return [float(home) for home in homes]
