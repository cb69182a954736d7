"""What is written is read back by pandas, by pyarrow, and by amclip's readers of other tools' files."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_scores import CLASSES, scores_of

from amclip.data.clock import Clock
from amclip.data.formats import Reading, boris_events, deepethogram
from amclip.ethogram.annotation_file import Scoring
from amclip.ethogram.bouts import BoutSettings, find_bouts, timeline
from amclip.ethogram.outputs import write_outputs
from amclip.ethogram.scores import WindowScores

SETTINGS = {
    "walking": BoutSettings(0.6, 0.4),
    "still, resting": BoutSettings(0.5, minimum_bout=0.3),
    "wing": BoutSettings(0.5, smoothing=0.5, minimum_gap=0.2),
}
SCORING = Scoring("run/best.ckpt", 0.35, 0.17)
PATHS = {"a.mp4": "/videos/a.mp4"}
ERRORS = {"broken.mp4": "no frame decodes"}


@pytest.fixture(scope="module")
def videos() -> list[WindowScores]:
    return [scores_of("a.mp4", seed=1), scores_of("night/b.mp4", 91, seed=2, offset=1.4)]


@pytest.fixture(scope="module")
def folder(videos: list[WindowScores], tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("out") / "annotation"
    assert write_outputs(target, iter(videos), SETTINGS, SCORING, PATHS, ERRORS) == []
    return target


def test_windows_read_back_exactly_from_both_files(folder: Path, videos: list[WindowScores]) -> None:
    parquet, text = pd.read_parquet(folder / "windows.parquet"), pd.read_csv(folder / "windows.csv")
    assert list(parquet.columns) == ["video", "start", "stop", "start_frame", "stop_frame", *CLASSES]
    assert list(text.columns) == list(parquet.columns)
    assert list(parquet["video"]) == ["a.mp4"] * 14 + ["night/b.mp4"] * 21
    for table in (parquet, text):
        wanted = np.concatenate([one.probabilities for one in videos])
        np.testing.assert_array_equal(table[list(CLASSES)].to_numpy(np.float32), wanted)
        np.testing.assert_allclose(table["stop"], np.concatenate([one.stop for one in videos]), atol=1e-6)
        np.testing.assert_array_equal(table["stop_frame"], np.concatenate([one.stop_frame for one in videos]))
    np.testing.assert_array_equal(parquet["start"], np.concatenate([one.start for one in videos]))


def test_bouts_and_the_time_budget_agree(folder: Path, videos: list[WindowScores]) -> None:
    table, budget = pd.read_csv(folder / "bouts.csv"), pd.read_csv(folder / "time_budget.csv")
    wanted = [bout for one in videos for bout in find_bouts(timeline(one), SETTINGS)]
    assert len(wanted) > 6
    assert list(zip(table["video"], table["behaviour"], table["start_frame"], table["stop_frame"], strict=True)) == [
        (bout.video, bout.behaviour, bout.start_frame, bout.stop_frame) for bout in wanted
    ]
    np.testing.assert_allclose(table["duration"], table["stop"] - table["start"], atol=2e-6)
    assert (table["mean_probability"] <= table["peak_probability"]).all()
    assert len(budget) == 2 * len(CLASSES)
    for _, row in budget.iterrows():
        mine = table[(table["video"] == row["video"]) & (table["behaviour"] == row["behaviour"])]
        assert row["bouts"] == len(mine)
        assert row["total"] == pytest.approx(mine["duration"].sum(), abs=1e-5)
        length = next(one.extent.duration for one in videos if one.video == row["video"])
        assert row["share_of_video"] == pytest.approx(mine["duration"].sum() / length, abs=1e-5)
        if len(mine):
            assert row["mean_bout"] == pytest.approx(mine["duration"].mean(), abs=1e-5)
            assert row["latency"] == pytest.approx(mine["start"].min(), abs=1e-5)
        else:
            assert np.isnan(row["mean_bout"])
            assert np.isnan(row["latency"])
        between = (mine["start"].shift(-1) - mine["stop"]).dropna()
        assert (np.isnan(row["mean_gap"]) and between.empty) or row["mean_gap"] == pytest.approx(between.mean())


@pytest.mark.parametrize("form", ["tabular", "aggregated"])
def test_boris_tables_hold_the_same_bouts(folder: Path, form: str) -> None:
    table = pd.read_csv(folder / "bouts.csv")
    for video in ("a", "night/b"):
        path = folder / "boris" / f"{video}_{form}_events.csv"
        (line,) = boris_events.read(path.read_text(), str(path), Reading()).timelines
        assert line.video == f"{video}.mp4"
        mine = table[table["video"] == line.video]
        got = sorted((bout.start, bout.stop, bout.label) for bout in line.bouts)
        assert got == sorted(zip(mine["start"], mine["stop"], mine["behaviour"], strict=True))


def test_deepethogram_has_a_row_per_frame(folder: Path, videos: list[WindowScores]) -> None:
    for one, stem in zip(videos, ("a", "night/b"), strict=True):
        path = folder / "deepethogram" / f"{stem}_predictions.csv"
        table = pd.read_csv(path, index_col=0)
        assert list(table.columns) == ["background", *CLASSES]
        assert list(table.index) == list(range(one.extent.num_frames))
        shown = np.zeros((one.extent.num_frames, len(CLASSES)), bool)
        for bout in find_bouts(timeline(one), SETTINGS):
            shown[bout.start_frame : bout.stop_frame, CLASSES.index(bout.behaviour)] = True
        np.testing.assert_array_equal(table[list(CLASSES)].to_numpy(bool), shown)
        np.testing.assert_array_equal(table["background"], ~shown.any(axis=1))
        noted = deepethogram.read(path.read_text(), str(path), Reading(clock=Clock(fps=one.extent.fps)))
        lines, names = noted.timelines, noted.classes
        assert names == [name.lower() for name in CLASSES]
        assert lines[0].duration == pytest.approx(one.extent.duration)


def test_a_project_for_boris_holds_every_bout(folder: Path, videos: list[WindowScores]) -> None:
    project = json.loads((folder / "boris" / "amclip.boris").read_text())
    assert list(project["observations"]) == ["a", "night/b"]
    behaviours = project["behaviors_conf"].values()
    assert [behaviour["code"] for behaviour in behaviours] == list(CLASSES)
    assert len({behaviour["key"] for behaviour in behaviours}) == len(CLASSES)
    assert project["observations"]["a"]["file"]["1"] == ["/videos/a.mp4"]
    for one, observation in zip(videos, project["observations"].values(), strict=True):
        bouts = find_bouts(timeline(one), SETTINGS)
        assert len(observation["events"]) == 2 * len(bouts)
        times = [event[0] for event in observation["events"]]
        assert times == sorted(times)
        assert max(event[5] for event in observation["events"]) < one.extent.num_frames


def test_annotation_says_how_it_was_made(folder: Path) -> None:
    said = json.loads((folder / "annotation.json").read_text())
    assert said["classes"] == list(CLASSES)
    assert said["settings"]["walking"] == {
        "threshold": 0.6,
        "off_threshold": 0.4,
        "smoothing": 0.0,
        "minimum_bout": 0.0,
        "minimum_gap": 0.0,
    }
    assert said["settings"]["wing"]["off_threshold"] == 0.5
    assert (said["checkpoint"], said["window"], said["hop"]) == ("run/best.ckpt", 0.35, 0.17)
    assert said["errors"] == [{"video": "broken.mp4", "reason": "no frame decodes"}]
    assert [video["path"] for video in said["videos"]] == ["/videos/a.mp4", None]
    assert said["videos"][1] | {"fps": 0, "duration": 0, "path": None} == {
        "video": "night/b.mp4",
        "path": None,
        "fps": 0,
        "num_frames": 91,
        "duration": 0,
        "offset": 1.4,
    }


def test_the_same_scores_give_the_same_files(folder: Path, videos: list[WindowScores], tmp_path: Path) -> None:
    write_outputs(tmp_path, videos, SETTINGS, SCORING, PATHS, ERRORS)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert "ethogram.png" in names
    assert "ethogram.svg" in names
    assert not [name for name in names if "partial" in name]
    assert names == sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_one_video_that_cannot_be_used_does_not_stop_the_others(tmp_path: Path, videos: list[WindowScores]) -> None:
    spoilt = replace(videos[0], video="spoilt.mp4", probabilities=np.full_like(videos[0].probabilities, np.nan))
    ((video, reason),) = write_outputs(tmp_path, [spoilt, videos[1]], SETTINGS)
    assert video == "spoilt.mp4"
    assert "no number" in reason
    said = json.loads((tmp_path / "annotation.json").read_text())
    assert said["errors"] == [{"video": video, "reason": reason}]
    assert [one["video"] for one in said["videos"]] == ["night/b.mp4"]
    assert set(pd.read_csv(tmp_path / "windows.csv")["video"]) == {"night/b.mp4"}


def test_names_that_could_be_confused_are_kept_apart(tmp_path: Path) -> None:
    names = ["/data/a.mp4", "data/a.avi", "../data/a.mp4", "x/start.mp4"]
    classes = ("start", "background", "wing")
    videos = [replace(scores_of(name, seed=4), classes=classes) for name in names]
    write_outputs(tmp_path, videos, dict.fromkeys(classes, BoutSettings()))
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*_predictions.csv"))
    stems = ("data/a", "data/a.avi", "data/a.mp4", "x/start")
    assert files == sorted(f"deepethogram/{stem}_predictions.csv" for stem in stems)
    assert list(pd.read_csv(tmp_path / "windows.csv").columns)[5:] == ["start (behaviour)", "background", "wing"]
    with (tmp_path / files[0]).open() as file:
        assert next(csv.reader(file)) == ["", "background", "start", "wing"]


def test_what_cannot_be_written_together_leaves_what_was_there(tmp_path: Path, videos: list[WindowScores]) -> None:
    (tmp_path / "bouts.csv").write_text("of an earlier run")
    with pytest.raises(ValueError, match="is there twice"):
        write_outputs(tmp_path, [videos[0], videos[0]], SETTINGS)
    with pytest.raises(ValueError, match="was scored for"):
        write_outputs(tmp_path, [replace(videos[0], classes=("x", "y", "z"))], SETTINGS)

    def interrupted() -> Iterator[WindowScores]:
        yield videos[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_outputs(tmp_path, interrupted(), SETTINGS)
    assert (tmp_path / "bouts.csv").read_text() == "of an earlier run"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["bouts.csv"]
    assert not list(tmp_path.rglob("*.partial"))


def test_no_video_at_all_gives_empty_tables(tmp_path: Path) -> None:
    write_outputs(tmp_path, [], SETTINGS)
    assert len(pd.read_csv(tmp_path / "windows.csv")) == 0
    assert json.loads((tmp_path / "boris" / "amclip.boris").read_text())["observations"] == {}
    assert not (tmp_path / "ethogram.png").exists()


def test_files_of_videos_that_are_no_longer_annotated_go(tmp_path: Path) -> None:
    settings = dict.fromkeys(CLASSES, BoutSettings())
    write_outputs(tmp_path, [scores_of("day/a.mp4"), scores_of("day/b.mp4")], settings)
    others = tmp_path / "boris" / "day" / "coder_tabular_events.csv"
    others.write_text("somebody's")
    write_outputs(tmp_path, [scores_of("a.mp4"), scores_of("day/b.mp4")], settings)
    per_video = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*_*.csv") if path.parent != tmp_path}
    ends = {"boris": ("_tabular_events", "_aggregated_events"), "deepethogram": ("_predictions",)}
    written = {f"{kind}/{stem}{end}.csv" for kind, all_of in ends.items() for end in all_of for stem in ("a", "day/b")}
    assert per_video == written | {"boris/day/coder_tabular_events.csv"}


def test_what_a_killed_run_left_half_written_goes(tmp_path: Path) -> None:
    settings = dict.fromkeys(CLASSES, BoutSettings())
    write_outputs(tmp_path, [scores_of("day/a.mp4")], settings)
    whole = {path for path in tmp_path.rglob("*") if path.is_file()}
    for path in whole:
        end = path.suffix if path.stem == "ethogram" else ".partial"
        path.with_name(f".{path.name}.x1y2z3_4{end}").touch()
    (tmp_path / ".report.html.99999.partial").touch()  # of another command, which may be at work
    write_outputs(tmp_path, [scores_of("day/a.mp4")], settings)
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()} - {path.name for path in whole}
    assert left == {".report.html.99999.partial"}
