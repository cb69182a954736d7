"""Articulated silhouettes: three body plans and how a pose of one is drawn.

An animal is a few tapered tubes (torso with neck, head, tail, four or two jointed legs) in its own
coordinates: x forward, y up, in torso lengths, the origin on the ground below the middle of the torso.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from amclip.data.synthetic.motion import Pose
from amclip.data.synthetic.pens import Brush, Color, Pen, Points, Ruler

__all__ = ["PLANS", "Look", "Plan", "animal_box", "draw_animal", "random_look", "relative_of"]


class Neck(NamedTuple):
    """Length and radius at the head; angles above straight ahead when raised, and lowered (drinking, pecking)."""

    length: float
    radius: float
    raised: float
    lowered: float


class Head(NamedTuple):
    """Length and radius of the skull, length of snout or beak, how far it bends below the neck, length of the ears."""

    length: float
    radius: float
    snout: float
    bend: float
    ears: float = 0.0


class Tail(NamedTuple):
    """Length, radius at the base, radius at the tip when spread (it spreads as it rises).

    Its angles, low and upright, are measured from straight back.
    """

    length: float
    base: float
    tip: float
    low: float
    upright: float


class Legs(NamedTuple):
    """Radius of the thigh, resting bend of the knee (negative ones point backwards), and the legs.

    Of each leg: place along the torso (0 hip, 1 shoulder), phase of the step in cycles, whether it is a near leg.
    """

    thigh: float
    knee: float
    each: tuple[tuple[float, float, bool], ...]


@dataclass(frozen=True)
class Plan:
    """A body plan; lengths in torso lengths, angles in degrees above the direction it faces.

    Attributes:
        height: Of the hip above the ground.
        torso: Radii at rump, middle and shoulder.
        neck: From the shoulder to the head.
        head: Skull, snout and ears.
        tail: From the rump.
        legs: Two or four.
        reared: Angle of the torso when fully reared.
        dip: How far the torso leans forward when the head is lowered.
    """

    name: str
    height: float
    torso: tuple[float, float, float]
    neck: Neck
    head: Head
    tail: Tail
    legs: Legs
    reared: float
    dip: float


_FOUR = ((0.02, 0.5, False), (0.93, 0.0, False), (0.08, 0.0, True), (0.98, 0.5, True))
_TWO = ((0.52, 0.0, False), (0.58, 0.5, True))
PLANS: tuple[Plan, ...] = (
    Plan(
        "fox", 0.52, (0.17, 0.2, 0.2), Neck(0.4, 0.14, 42, -38), Head(0.2, 0.15, 0.18, 8, ears=0.17),
        Tail(0.75, 0.08, 0.16, -38, 68), Legs(0.095, 22, _FOUR), reared=52, dip=10,
    ),
    Plan(
        "bird", 0.62, (0.13, 0.27, 0.2), Neck(0.42, 0.1, 66, -22), Head(0.13, 0.13, 0.18, 30),
        Tail(0.75, 0.08, 0.17, -24, 75), Legs(0.055, -26, _TWO), reared=44, dip=19,
    ),
    Plan(
        "lizard", 0.3, (0.13, 0.17, 0.15), Neck(0.42, 0.12, 45, -26), Head(0.23, 0.135, 0.14, 18),
        Tail(0.95, 0.13, 0.06, -12, 68), Legs(0.07, 34, _FOUR), reared=48, dip=7,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """One individual: a plan, its colours (RGB) and markings."""

    plan: Plan
    coat: Color
    shade: Color
    light: Color
    spots: Points
    """Shape ``(n, 3)``: place along the torso, height, radius."""

    @property
    def body_length(self) -> float:
        """From rump to snout, laid straight, in torso lengths."""
        return 0.96 + self.plan.neck.length + self.plan.head.length + self.plan.head.snout


def random_look(rng: Generator, ground: Color) -> Look:
    """Draw an individual whose coat stands out from the ground's colour."""
    plan = _stretched(PLANS[int(rng.integers(len(PLANS)))], rng)
    coats = ((196, 98, 44), (62, 44, 38), (212, 198, 170), (40, 48, 66), (214, 160, 70), (110, 46, 40), (216, 216, 208))
    far = [coat for coat in coats if abs(np.dot(np.subtract(coat, ground), (0.3, 0.59, 0.11))) > 42]
    coat = np.array(far[int(rng.integers(len(far)))]) * rng.uniform(0.9, 1.08)
    return Look(plan, _color(coat), _color(coat * 0.62), _color(coat * 0.78 + 62), _spots(rng))


def relative_of(look: Look, rng: Generator) -> Look:
    """Another individual of the same kind and coat, with proportions and markings of its own."""
    kind = next(plan for plan in PLANS if plan.name == look.plan.name)
    return replace(look, plan=_stretched(kind, rng), spots=_spots(rng))


def _stretched(plan: Plan, rng: Generator) -> Plan:
    stretch = rng.uniform(0.9, 1.1, 4)
    return replace(
        plan,
        height=plan.height * stretch[0],
        neck=plan.neck._replace(length=plan.neck.length * stretch[1]),
        tail=plan.tail._replace(length=plan.tail.length * stretch[2], tip=plan.tail.tip * stretch[3]),
    )


def _spots(rng: Generator) -> Points:
    count = int(rng.integers(4, 9))
    return np.stack([rng.uniform(0, 0.95, count), rng.uniform(-0.07, 0.1, count), rng.uniform(0.03, 0.06, count)], 1)


def draw_animal(canvas: NDArray[np.uint8], look: Look, pose: Pose, at: tuple[float, float], scale: float) -> None:
    """Draw an animal into an RGB image.

    Args:
        canvas: ``uint8``, shape ``(H, W, 3)``, drawn into.
        look: The individual.
        pose: Its pose.
        at: Where its feet stand, (x, y) in pixels.
        scale: Torso length in pixels.
    """
    _trace(Brush(canvas, at, scale, pose.facing), look, pose)


def animal_box(look: Look, pose: Pose, at: tuple[float, float], scale: float) -> tuple[float, float, float, float]:
    """The box round what :func:`draw_animal` draws, also where that reaches over the border of the image.

    Args:
        look: The individual.
        pose: Its pose.
        at: Where its feet stand, (x, y) in pixels, as for :func:`draw_animal`: the first pixel's centre is (0, 0).
        scale: Torso length in pixels.

    Returns:
        Left, top, right, bottom in pixels; the top left corner of the image is (0, 0), as for tracks.
    """
    ruler = Ruler(at, scale, pose.facing)
    _trace(ruler, look, pose)
    (left, top), (right, bottom) = (ruler.least + 0.5).tolist(), (ruler.most + 0.5).tolist()
    return left, top, right, bottom


def _trace(brush: Pen, look: Look, pose: Pose) -> None:
    """Give the parts of an animal to a brush that draws them, or to a ruler that measures them, from back to front."""
    plan = look.plan
    head, legs = plan.head, plan.legs
    rise = np.radians(plan.reared) * pose.rise
    hip = np.array([-0.45, plan.height + 0.012 * np.sin(2 * pose.stride)])
    lean = rise - np.radians(plan.dip) * pose.head * (1 - 0.5 * pose.rise)
    along, across = _direction(lean), _direction(lean + np.pi / 2)
    shoulder = hip + 0.9 * along

    neck_angle = np.radians(_mix(plan.neck[2:], pose.head)) + 0.55 * rise
    nape = shoulder + plan.neck.length * _direction(neck_angle)
    skull = nape + head.length * _direction(neck_angle - np.radians(head.bend))
    snout = skull + head.snout * _direction(neck_angle - np.radians(head.bend + 8))
    rump = hip - 0.06 * along
    tail_angle = np.pi - np.radians(_mix(plan.tail[3:], pose.tail)) + 0.3 * rise
    curl = 0.25 * (pose.tail - 0.4)  # the tip lags: it bends against the middle
    tail = [rump, rump + 0.5 * plan.tail.length * _direction(tail_angle)]
    tail.append(tail[1] + 0.5 * plan.tail.length * _direction(tail_angle - curl))

    for place, phase, near in legs.each:
        if not near:
            brush.tube(*_leg(plan, hip + 0.9 * place * along, place, phase, pose), look.shade)
    tip = plan.tail.tip * (0.45 + 0.55 * pose.tail)
    girth = np.array([plan.tail.base, _mix((plan.tail.base, tip), 0.7), tip])
    brush.tube(np.array(tail), girth, look.shade)
    brush.tube(np.array(tail) + 0.02, 0.7 * girth, look.coat)

    breath = 1 + 0.02 * np.sin(pose.breath)
    middle = hip + 0.45 * along - 0.02 * across
    spine = np.array([rump, middle, shoulder, 0.5 * (shoulder + nape), nape])
    radii = np.array([*plan.torso, 0.5 * (plan.torso[2] + plan.neck.radius) * 0.86, plan.neck.radius]) * breath
    brush.tube(spine, radii, look.shade)
    brush.tube(spine + 0.035 * across, radii * 0.86, look.coat)
    for place, height, radius in look.spots:
        brush.disc(hip + 0.9 * place * along + (height + 0.04) * across, radius, look.light)
    for place, phase, near in legs.each:
        if near:
            brush.tube(*_leg(plan, hip + 0.9 * place * along, place, phase, pose), look.coat)

    radius = head.radius
    up = _direction(neck_angle - np.radians(head.bend) + np.pi / 2)
    if head.ears:
        for offset, color in ((0.05, look.shade), (-0.03, look.coat)):
            base = skull - (offset + 0.04) * _direction(neck_angle)
            brush.tube(np.array([base, base + (radius + head.ears * 0.6) * up]), (0.06, 0.015), color)
    beak = plan.name == "bird"
    brush.tube(
        np.array([skull, snout]), (radius * (0.5 if beak else 0.75), 0.02), (222, 150, 40) if beak else look.shade
    )
    brush.tube(np.array([nape, skull]), (plan.neck.radius, radius), look.coat)
    brush.disc(skull + 0.3 * radius * up + 0.25 * radius * _direction(neck_angle), 0.03, (12, 12, 14))


def _leg(plan: Plan, top: Points, place: float, phase: float, pose: Pose) -> tuple[Points, tuple[float, ...]]:
    """Joints and radii of one leg: it swings with the stride and bends on its way forward."""
    thigh, resting, _ = plan.legs
    cycle = pose.stride + 2 * np.pi * phase
    front = place > 0.7
    hanging = pose.rise if front else 0.0
    swing = np.radians(30) * np.sin(cycle) * (1 - 0.7 * hanging) + hanging * np.radians(18)
    lift = max(0.0, float(np.cos(cycle))) * (1 - hanging)
    knee = np.radians(resting) * (-0.6 if front and resting > 0 else 1.0)
    bend = knee * (1 + 0.9 * lift + 0.8 * hanging)
    # Standing legs reach the ground at any angle, as a real shoulder or hip sinks and stretches a little.
    reach = top[1] if not hanging else _mix((top[1], plan.height * 0.95), hanging)
    half = 0.5 * reach / np.cos(knee) * (1 / np.cos(swing) if lift == 0 else 1.0)
    joint = top + half * _direction(swing + bend - np.pi / 2)
    foot = joint + half * _direction(swing - bend - np.pi / 2)
    foot[1] = max(foot[1], 0.02)
    toe = foot + np.array([0.07, 0.0])
    return np.array([top, joint, foot, toe]), (thigh * 1.25, thigh * 0.72, thigh * 0.5, thigh * 0.35)


def _direction(angle: float) -> Points:
    return np.array([np.cos(angle), np.sin(angle)])


def _mix(ends: tuple[float, ...], share: float) -> float:
    return (1 - share) * ends[0] + share * ends[1]


def _color(values: NDArray[np.float64]) -> Color:
    red, green, blue = np.clip(np.rint(values), 0, 255).astype(int).tolist()
    return red, green, blue
