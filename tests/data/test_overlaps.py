"""Clips that contradict each other are found as by comparing each with each, in a time that grows as their number."""

import random

import pytest

import amclip.data.overlaps as overlaps
from amclip.data.overlaps import contradictions
from amclip.data.table import Clip


def drawn(seed: int, count: int, seconds: float, lengths: tuple[float, ...]) -> list[Clip]:
    rng = random.Random(seed)
    names = [f"b{number}" for number in range(3)]
    clips = []
    for _ in range(count):
        start = round(rng.uniform(0, seconds), 1)
        shown = tuple(sorted(rng.sample(names, rng.randint(0, 3))))
        clips.append(Clip(video="a.mp4", labels=shown, start=start, stop=start + rng.choice(lengths)))
    return clips


def test_as_by_comparing_each_with_each() -> None:
    for seed in range(40):
        clips = drawn(seed, 12, 15.0, (0.5, 1.0, 2.0, 5.0))
        ordered = sorted(clips, key=lambda one: (one.start, -(one.stop or 0)))
        some = any(overlaps._contradict(a, b) for at, b in enumerate(ordered) for a in ordered[:at])
        assert bool(contradictions(clips)) == some


def test_clips_that_have_ended_are_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, contradict = 0, overlaps._contradict

    def counted(before: Clip, clip: Clip) -> bool:
        nonlocal asked
        asked += 1
        return contradict(before, clip)

    monkeypatch.setattr(overlaps, "_contradict", counted)
    assert not contradictions(drawn(0, 500, 500.0, (1.0,)))
    assert asked < 1500
