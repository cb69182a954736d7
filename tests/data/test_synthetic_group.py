import csv
import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from amclip.commands.synth import synth
from amclip.data.synthetic import (
    BEHAVIOURS,
    SPLITS,
    ClipSettings,
    group_tracks,
    iterate_group,
    plan_group,
    seen_bouts,
    seen_spans,
    split_of,
    subject_names,
    write_dataset,
)
from amclip.data.synthetic.animals import animal_box, draw_animal, random_look, relative_of
from amclip.data.synthetic.motion import Actor, Bout, Ground
from amclip.data.tracks import read_tracks

SMALL = (48, 64)
FPS = 15.0
DRAWN, SHORT = ClipSettings(0, 4.0, SMALL), ClipSettings(3, 2.0, SMALL)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def middles(index: int, animals: int, seconds: float = 4.0) -> np.ndarray:
    """Where the boxes' middles are from left to right, ``[frames, animals]``; NaN where there is no box."""
    frames = np.arange(round(seconds * FPS))
    tracks = group_tracks(ClipSettings(0, seconds, SMALL), index, animals)
    return np.stack([track.at(frames)[:, ::2].mean(axis=1) for track in tracks], axis=1)


def test_the_same_seed_draws_the_same_animals_and_boxes() -> None:
    first, again = (list(iterate_group(SHORT, 5, 3)) for _ in range(2))
    assert first[0].shape == (*SMALL, 3)
    assert len(first) == 30
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    for track, other in zip(group_tracks(SHORT, 5, 3), group_tracks(SHORT, 5, 3), strict=True):
        assert np.array_equal(track.boxes, other.boxes)
    assert not np.array_equal(first[0], next(iterate_group(SHORT, 6, 3)))
    assert not np.array_equal(first[0], next(iterate_group(SHORT, 5, 2)))


@pytest.mark.parametrize("animals", [1, 2, 3, 9])
def test_each_animal_has_behaviours_of_its_own(animals: int) -> None:
    for index in range(18):
        plan = plan_group(ClipSettings(1), index, animals)
        shown = [frozenset(bout.behaviour for bout in mine) for mine in plan.bouts]
        assert len(set(shown)) == animals  # no two show the same
        assert sorted(plan.depths) == list(range(animals))
        for number, mine in enumerate(plan.bouts):
            assert all(bout.animal == number and bout.seconds >= 1 - 1e-9 for bout in mine)
            assert all(before.stop <= after.start + 1e-9 for before, after in itertools.pairwise(mine))
            assert mine[0].start >= 0
            assert mine[-1].stop <= 4
            up = plan.up[number]
            for bout in mine:
                assert up or bout.behaviour != "settling"
                assert not up or bout.behaviour not in ("walking", "running", "backing", "rearing")
                up = {"rearing": True, "settling": False}.get(bout.behaviour, up)


def test_each_behaviour_is_in_each_split_and_no_name_or_place_goes_with_one() -> None:
    plans = [plan_group(DRAWN, index, 3) for index in range(72)]
    for split in SPLITS:
        mine = [plan for index, plan in enumerate(plans) if split_of(index) == split]
        assert {bout.behaviour for plan in mine for bouts in plan.bouts for bout in bouts} == set(BEHAVIOURS)
    for number in range(3):
        by_name = Counter(bout.behaviour for plan in plans for bout in plan.bouts[number])
        by_depth = Counter(bout.behaviour for plan in plans for bout in plan.bouts[plan.depths[number]])
        for counted in (by_name, by_depth):
            assert set(counted) == set(BEHAVIOURS)
            assert max(counted.values()) < 0.35 * sum(counted.values())


def test_animals_pass_each_other() -> None:
    passing = 0
    for index in range(9):
        where = middles(index, 3)
        apart, order = np.diff(np.sort(where, axis=1), axis=1), np.argsort(where, axis=1)
        passing += bool((order[1:] != order[:-1]).any() and np.nanmin(apart) < 4)
    assert passing >= 5


def test_some_leave_the_picture_and_come_back() -> None:
    plans = {index: plan_group(DRAWN, index, 3) for index in range(40)}
    left = {index: plan for index, plan in plans.items() if any(plan.outings)}
    assert 4 <= len(left) <= 20
    for index, plan in list(left.items())[:5]:
        assert not all(plan.outings)
        for track, trips, bouts in zip(group_tracks(DRAWN, index, 3), plan.outings, plan.bouts, strict=True):
            spans = seen_spans(track, FPS)
            assert len(spans) == 1 + len(trips)
            for trip, (before, after) in zip(trips, itertools.pairwise(spans), strict=True):
                assert trip.start < before[1] < after[0] < trip.stop
                cut = seen_bouts(bouts, *before)
                assert cut[-1].behaviour == "running"
                assert cut[-1].stop == before[1]
    stayed = next(index for index, plan in plans.items() if not any(plan.outings))
    assert all(len(track.frames) == 60 for track in group_tracks(DRAWN, stayed, 3))


def test_long_videos_have_outings_and_go_on_behind_them() -> None:
    long = ClipSettings(0, 50.0, SMALL)
    plan = plan_group(long, 1, 2)
    (leaver,) = [number for number, trips in enumerate(plan.outings) if trips]
    assert len(plan.outings[leaver]) == 2
    track = group_tracks(long, 1, 2)[leaver]
    assert len(seen_spans(track, FPS)) == 3
    assert 0.6 < len(track.frames) / (50 * FPS) < 0.99


def test_a_box_holds_what_is_drawn_and_little_else() -> None:
    rng = np.random.default_rng(0)
    model = random_look(rng, (122, 128, 84))
    for number, place in enumerate([(90.0, 80.0), (61.3, 75.5), (3.0, 80.0), (150.0, 99.0)]):
        look = relative_of(model, rng)
        assert look.plan.name == model.plan.name
        assert look.coat == model.coat
        actor = Actor([Bout(BEHAVIOURS[number * 2], 0, 2)], number == 2, rng, FPS, Ground(0.3))
        for _ in range(12):
            pose = actor.step()
        # A canvas wide enough to hold all of it, whatever lies beyond the border of the picture.
        canvas = np.zeros((200, 400, 3), np.uint8)
        at = (place[0] + 100, place[1] + 40)
        draw_animal(canvas, look, pose, at, 50.0)
        rows, columns = np.flatnonzero(canvas.any((1, 2))), np.flatnonzero(canvas.any((0, 2)))
        drawn = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) - (100, 40, 100, 40)
        np.testing.assert_allclose(animal_box(look, pose, place, 50.0), drawn, atol=2)  # edges are smooth


@pytest.mark.parametrize("animals", [0, 10])
def test_animals_that_cannot_each_do_something_else_are_refused(animals: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"animals must be 1 to 9.*: {animals}"):
        write_dataset(tmp_path / "none", 1, animals=animals)
    assert not (tmp_path / "none").exists()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("group") / "data"
    write_dataset(root, 4, ClipSettings(2, size=SMALL), workers=1, progress=False, animals=3)
    return root


def test_tables_tell_who_does_what_and_where(dataset: Path) -> None:
    labels, events = read_csv(dataset / "labels.csv"), read_csv(dataset / "events.csv")
    tracks = read_tracks(str(dataset / "tracks.csv"))
    assert json.loads((dataset / "dataset.json").read_text())["animals"] == 3
    for index in range(4):
        name = f"videos/clip_{index:05d}.mp4"
        assert tracks.subjects(name) == subject_names(3)
        whole: list[str] = []
        for subject, want in zip(subject_names(3), group_tracks(ClipSettings(2, size=SMALL), index, 3), strict=True):
            track = tracks.track(name, subject)
            assert track is not None
            assert np.array_equal(track.frames, want.frames)
            np.testing.assert_allclose(track.boxes, want.boxes, atol=2e-3)
            assert track.body_length == pytest.approx(want.body_length, abs=1e-3)
            mine = [row for row in labels if (row["filepath"], row["subject"]) == (name, subject)]
            spans = [span for span in seen_spans(want, FPS) if span[1] - span[0] >= 1]
            assert len(mine) == len(spans)
            for row, (start, stop) in zip(mine, spans, strict=True):
                assert row["split"] == split_of(index)
                if row["start"]:
                    assert (float(row["start"]), float(row["stop"])) == pytest.approx((start, stop), abs=1e-3)
                else:
                    assert (start, stop) == (0, 4)
                    whole.append(row["label"])
            for row in [row for row in events if (row["filepath"], row["subject"]) == (name, subject)]:
                frames = np.arange(round(float(row["start"]) * FPS), round(float(row["stop"]) * FPS))
                assert np.isfinite(want.at(frames)).all()  # nothing is told of the time out of the picture
        assert len(set(whole)) == len(whole)  # labels of two animals differ
    assert any(row["start"] for row in labels)  # some leave


def test_writing_again_finishes_what_is_missing(dataset: Path) -> None:
    video, table = dataset / "videos/clip_00003.mp4", dataset / "tracks.csv"
    lost = video.read_bytes(), table.read_bytes()
    video.unlink()
    table.unlink()
    write_dataset(dataset, 4, ClipSettings(2, size=SMALL), workers=1, progress=False, animals=3)
    assert (video.read_bytes(), table.read_bytes()) == lost
    before = table.stat().st_mtime_ns
    write_dataset(dataset, 4, ClipSettings(2, size=SMALL), workers=1, progress=False, animals=3)
    assert table.stat().st_mtime_ns == before
    for other in (None, 2):
        with pytest.raises(FileExistsError, match=f"'animals': 3.*'animals': {other}"):
            write_dataset(dataset, 4, ClipSettings(2, size=SMALL), workers=1, progress=False, animals=other)


def test_the_command_names_the_tracks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synth(str(tmp_path / "demo"), clips=1, seconds=1.5, height=48, width=64, workers=1, animals=2)
    told = capsys.readouterr().out
    assert "1 clip of 1.5 s of 2 animals (1 train)" in told
    assert str(tmp_path / "demo" / "tracks.csv") in told.replace("\n", "")
