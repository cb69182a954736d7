import csv
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from amclip.commands.synth import synth
from amclip.data.synthetic import (
    BEHAVIOURS,
    SPLITS,
    Bout,
    ClipSettings,
    draw_clip,
    iterate_frames,
    labels_of,
    plan_clip,
    split_of,
    write_dataset,
)
from amclip.data.synthetic.motion import Actor, Ground

SMALL = (48, 64)
FPS = 15.0


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def poses_of(behaviour: str, up: bool = False, seed: int = 0) -> NDArray[np.float64]:
    """Rows (x, facing, stride, rise, head, tail) of an animal that does one thing for two seconds."""
    actor = Actor([Bout(behaviour, 0, 2)], up, np.random.default_rng(seed), FPS, Ground(0.3))
    poses = [actor.step() for _ in range(30)]
    return np.array([(pose.x, pose.facing, pose.stride, pose.rise, pose.head, pose.tail) for pose in poses])


def test_the_same_seed_draws_the_same_bytes() -> None:
    first, bouts = draw_clip(ClipSettings(3, size=SMALL), 5)
    again, again_bouts = draw_clip(ClipSettings(3, size=SMALL), 5)
    assert first.shape == (60, *SMALL, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert bouts == again_bouts
    for seed, index in ((4, 5), (3, 6)):
        assert not np.array_equal(first, draw_clip(ClipSettings(seed, size=SMALL), index)[0])


def test_streaming_draws_the_same_frames_as_drawing_at_once() -> None:
    settings = ClipSettings(seconds=2, size=SMALL)
    frames, _ = draw_clip(settings, 2, num_bouts=1)
    for got, want in itertools.zip_longest(iterate_frames(settings, 2, num_bouts=1), frames):
        assert np.array_equal(got, want)


@pytest.mark.parametrize("index", range(40))
def test_bouts_are_in_order_and_fill_a_second(index: int) -> None:
    plan = plan_clip(ClipSettings(1), index)
    assert labels_of(plan.bouts)
    assert set(labels_of(plan.bouts)) == {bout.behaviour for bout in plan.bouts}  # no bout goes without its label
    for animal in range(2):
        own = [bout for bout in plan.bouts if bout.animal == animal]
        assert all(before.stop <= after.start for before, after in itertools.pairwise(own))
        assert all(bout.start >= 0 and bout.stop <= 4 and bout.seconds >= 1 - 1e-9 for bout in own)
        # A reared animal does not walk, and only a reared one settles.
        up = plan.up[-1 - animal] if own else False
        for bout in own:
            assert up or bout.behaviour != "settling"
            assert not up or bout.behaviour not in ("walking", "running", "backing", "rearing")
            up = {"rearing": True, "settling": False}.get(bout.behaviour, up)


@pytest.mark.parametrize("fps", [7.5, 12.0, 15.0, 30000 / 1001])
def test_bouts_fit_at_any_frame_rate(fps: float) -> None:
    for index, num_bouts in itertools.product(range(9), (1, 2, 3)):
        plan = plan_clip(ClipSettings(0, 4.2, fps=fps), index, num_bouts)
        assert all(bout.seconds >= 1 - 1e-9 and bout.stop * fps <= plan.num_frames for bout in plan.bouts)
        assert len([bout for bout in plan.bouts if bout.animal == 0]) == num_bouts


def test_long_videos_have_many_bouts_and_stay_in_the_picture() -> None:
    plan = plan_clip(ClipSettings(seconds=600), 0)
    assert len(plan.bouts) >= 200
    assert {bout.behaviour for bout in plan.bouts} == set(BEHAVIOURS)
    actor = Actor(
        [bout for bout in plan.bouts if bout.animal == 0], plan.up[-1], np.random.default_rng(0), FPS, Ground(0.3)
    )
    assert max(abs(actor.step().x) for _ in range(plan.num_frames)) < 0.4
    frames = iterate_frames(ClipSettings(seconds=36000, size=SMALL), 0)  # ten hours: only what is asked for is drawn
    assert next(frames).shape == (*SMALL, 3)


def test_a_video_without_bouts_has_no_labels() -> None:
    frames, bouts = draw_clip(ClipSettings(seconds=1.5, size=SMALL), 0, num_bouts=0)
    assert len(frames) > 0
    assert bouts == []
    assert labels_of(bouts) == ()


@pytest.mark.parametrize(
    "values", [{"seconds": 0.5}, {"fps": 0.0}, {"fps": 1.0, "seconds": 3.0}, {"seed": -1}], ids=str
)
def test_impossible_settings_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"seconds must be at least 1.05 and two frames .* got seconds="):
        ClipSettings(**values)


@pytest.mark.parametrize(
    ("index", "num_bouts", "message"), [(0, 9, "9 bouts do not fit"), (-1, 1, "index: the number of a clip .* got -1")]
)
def test_impossible_clips_are_refused(index: int, num_bouts: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_clip(ClipSettings(), index, num_bouts)


def test_backing_is_walking_in_reverse_and_running_is_walking_faster() -> None:
    walking, running, backing = (poses_of(name) for name in ("walking", "running", "backing"))

    for poses, ratio in ((running, 0.55 / 0.24), (backing, -0.15 / 0.24)):
        assert (np.diff(poses[:, 2])[5:] / np.diff(walking[:, 2])[5:]).mean() == pytest.approx(ratio, rel=0.01)
    # Forward is where the animal looks, and backing goes the other way, also after it has turned round.
    for poses, direction in ((walking, 1), (running, 1), (backing, -1)):
        looking = np.abs(poses[:-1, 1] + poses[1:, 1]) == 2
        assert np.all((np.diff(poses[:, 0]) * poses[:-1, 1] * direction)[looking] >= 0)
        assert looking.mean() > 0.6


def test_settling_is_rearing_in_reverse() -> None:
    rise, fall = poses_of("rearing")[:, 3], poses_of("settling", up=True)[:, 3]
    assert np.all(np.diff(rise) > 0)
    np.testing.assert_allclose(rise + fall, 1, atol=1e-9)


@pytest.mark.parametrize(("fast", "slow", "column"), [("pecking", "drinking", 4), ("tail flicking", "tail swaying", 5)])
def test_fast_and_slow_twins_go_through_the_same_poses(fast: str, slow: str, column: int) -> None:
    quick, calm = poses_of(fast), poses_of(slow)
    for poses in (quick, calm):
        assert np.ptp(poses[:, column]) > 0.8
        still = [other for other in range(6) if other != column]
        assert np.ptp(poses[:, still], axis=0).max() == 0
    path_quick, path_calm = (np.abs(np.diff(poses[:, column])).sum() for poses in (quick, calm))
    assert 3 < path_quick / path_calm < 5


@pytest.mark.parametrize("seed", range(5))
def test_walkers_turn_round_before_they_leave(seed: int) -> None:
    assert np.abs(poses_of("running", seed=seed)[:, 0]).max() < 0.35


def test_movement_shows_between_neighbouring_frames() -> None:
    """Whatever the behaviour, frames in a bout differ far more than frames at rest."""
    active, rest = [], []
    for index in range(9):
        frames, bouts = draw_clip(ClipSettings(size=SMALL), index)
        change = np.abs(np.diff(frames.astype(int), axis=0)).mean((1, 2, 3))
        times = (np.arange(len(change)) + 0.5) / FPS
        busy = np.any([(bout.start <= times) & (times < bout.stop) for bout in bouts], axis=0)
        active.append(change[busy])
        rest.append(change[~busy])
    assert np.median(np.concatenate(active)) > 1.3 * np.median(np.concatenate(rest))


@pytest.mark.parametrize("num_clips", [40, 240])
def test_each_behaviour_is_in_each_split(num_clips: int) -> None:
    for seed in range(3):
        for name, share in SPLITS.items():
            own = [index for index in range(num_clips) if split_of(index) == name]
            found = {label for index in own for label in labels_of(plan_clip(ClipSettings(seed), index).bouts)}
            assert found == set(BEHAVIOURS)
            assert len(own) / num_clips == pytest.approx(share, abs=0.16 if num_clips < 100 else 0.02)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic") / "data"
    write_dataset(root, 4, ClipSettings(seconds=2, size=SMALL), workers=1, progress=False)
    return root


def test_tables_tell_what_the_videos_show(dataset: Path) -> None:
    import decord

    labels, events = read_csv(dataset / "labels.csv"), read_csv(dataset / "events.csv")
    assert [row["filepath"] for row in labels] == [f"videos/clip_{index:05d}.mp4" for index in range(4)]
    assert {row["filepath"] for row in events} == {row["filepath"] for row in labels}
    for index, row in enumerate(labels):
        assert len(decord.VideoReader(str(dataset / row["filepath"]), num_threads=1)) == 30
        assert row["split"] == split_of(index)
        bouts = [event for event in events if event["filepath"] == row["filepath"]]
        assert set(row["label"].split(";")) == {bout["behaviour"] for bout in bouts}
        assert all(0 <= float(bout["start"]) < float(bout["stop"]) <= 2 for bout in bouts)


def test_a_longer_dataset_begins_with_the_shorter_one(dataset: Path, tmp_path: Path) -> None:
    # Two processes here, one in the fixture: the bytes do not depend on it.
    write_dataset(tmp_path, 6, ClipSettings(seconds=2, size=SMALL), workers=2, progress=False)
    assert read_csv(tmp_path / "labels.csv")[:4] == read_csv(dataset / "labels.csv")
    for path in (dataset / "videos").iterdir():
        assert path.read_bytes() == (tmp_path / "videos" / path.name).read_bytes()


def test_writing_again_changes_nothing_and_finishes_what_is_missing(dataset: Path) -> None:
    videos = sorted((dataset / "videos").iterdir())
    lost = videos[1].read_bytes()
    videos[1].unlink()
    before = videos[0].stat().st_mtime_ns
    write_dataset(dataset, 4, ClipSettings(seconds=2, size=SMALL), workers=1, progress=False)
    assert videos[1].read_bytes() == lost
    assert videos[0].stat().st_mtime_ns == before


def test_other_parameters_and_foreign_folders_are_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match=r"'seed': 0.*'seed': 1"):
        write_dataset(dataset, 4, ClipSettings(1, 2, SMALL), progress=False)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not amclip's demo data"):
        write_dataset(tmp_path, num_clips=1)
    (tmp_path / "dataset.json").write_text(json.dumps({"name": "another tool's"}))
    with pytest.raises(FileExistsError, match=r"dataset\.json"):
        write_dataset(tmp_path, num_clips=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset.json", "thesis.txt"]
    with pytest.raises(FileExistsError):
        write_dataset(tmp_path / "thesis.txt", num_clips=1)
    with pytest.raises(ValueError, match="num_clips"):
        write_dataset(tmp_path / "none", num_clips=0)
    assert not (tmp_path / "none").exists()


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synth(str(tmp_path / "demo"), clips=2, seconds=1.5, height=48, width=64, workers=1)
    told = capsys.readouterr().out
    assert "2 clips of 1.5 s (2 train)" in told
    assert str(tmp_path / "demo" / "labels.csv") in told.replace("\n", "")
