"""Boxes packed for a page, unpacked by a reader written from the description alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from amclip.data.tracks import Track
from amclip.report.boxes import pack_boxes


def numbers(packed: bytes) -> list[int]:
    found, value, shift = [], 0, 0
    for byte in packed:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found.append(value)
            value = shift = 0
    assert not shift
    return found


def unpack(packed: bytes, num_frames: int) -> NDArray[np.float64]:
    """Boxes of all frames; NaN where there is none."""
    boxes = np.full((num_frames, 4), np.nan)
    told = iter(numbers(packed))
    frame, sides = 0, np.zeros(4)
    for gap in told:
        frame += gap
        knots = []
        for number in range(next(told)):
            frame += next(told) if number else 0
            zigzag = [next(told) for _ in range(4)]
            sides = sides + [-(one + 1) // 2 if one % 2 else one // 2 for one in zigzag]
            knots.append((frame, sides))
        at = [knot[0] for knot in knots]
        shown = np.arange(at[0], at[-1] + 1)
        for side in range(4):
            boxes[shown, side] = np.interp(shown, at, [knot[1][side] for knot in knots])
    return boxes


@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 700),
    jumps=st.floats(0, 200),
    seen=st.floats(0.05, 1),
    known=st.booleans(),
)
def test_every_box_is_where_it_was_and_no_other_is(
    seed: int, count: int, jumps: float, seen: float, known: bool
) -> None:
    rng = np.random.default_rng(seed)
    frames = np.flatnonzero(rng.random(count) < seen) + int(rng.integers(0, 300))
    corner = np.cumsum(rng.normal(0, jumps, (len(frames), 2)), axis=0) + rng.normal(0, 1, (len(frames), 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0, 90, (len(frames), 2))], axis=1)
    presences = [(0, 400), (500, 2000)] if known else []
    found = unpack(pack_boxes(Track("a", frames, boxes), presences), 1200)
    wanted = Track("a", frames, boxes).at(np.arange(1200), longest_gap=2000 if known else 0)
    if known:  # what lies in a gap between presences is not filled; what was found there stays
        before, after = frames[frames < 400], frames[frames >= 500]
        gap = np.setdiff1d(np.arange(before.max(initial=-1) + 1, after.min(initial=1200)), frames)
        wanted[gap] = np.nan
        lonely = frames[(frames >= 400) & (frames < 500)]
        wanted[np.setdiff1d(np.arange(400, 500), lonely)] = np.nan
    assert np.array_equal(np.isnan(found), np.isnan(wanted))
    if len(frames):
        extent = (boxes[:, 2:].max(axis=0) - boxes[:, :2].min(axis=0)).max()
        assert np.abs(found[frames] - boxes).max() <= max(1.0, extent / 500) + 0.5 + 1e-9


def test_an_animal_that_is_never_seen_has_no_box() -> None:
    nobody = Track("a", np.array([], np.int64), np.empty((0, 4)))
    assert pack_boxes(nobody, []) == pack_boxes(nobody, [(0, 10)]) == b""


@pytest.mark.parametrize(("jitter", "most"), [(0.0, 1.0), (1.0, 2.5), (500.0, 13.0)])
def test_two_hours_are_small(jitter: float, most: float) -> None:
    rng = np.random.default_rng(0)
    count = 30_000  # a sixth of them
    times = np.arange(count)
    middle = np.stack([960 + 600 * np.sin(times / 311), 540 + 300 * np.sin(times / 217)], axis=1)
    middle += rng.normal(0, jitter, middle.shape)
    boxes = np.concatenate([middle - 40, middle + 40], axis=1)
    assert len(pack_boxes(Track("a", times, boxes), [(0, count)])) <= most * count
