"""Animals of one video are told apart in every file, and read back; without animals nothing changes."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_scores import CLASSES, frame_times, scores_of
from hypothesis import given, settings
from hypothesis import strategies as st

from amclip.data.clock import Clock
from amclip.data.formats import Reading, boris_events, boris_project, read_noted
from amclip.data.intervals import Timeline
from amclip.data.tracks import Track, Tracks, read_tracks
from amclip.ethogram import outputs
from amclip.ethogram.agreement import agreement
from amclip.ethogram.annotation_file import read_run
from amclip.ethogram.annotations import read_annotation
from amclip.ethogram.bouts import BoutSettings, ScoredBout, find_bouts, timeline
from amclip.ethogram.outputs import write_outputs
from amclip.ethogram.pairing import pair_up
from amclip.ethogram.scores import Presence, WindowScores

SETTINGS = {
    "walking": BoutSettings(0.6, 0.4),
    "still, resting": BoutSettings(0.5, minimum_bout=0.3),
    "wing": BoutSettings(0.5, smoothing=0.5, minimum_gap=0.2),
}
ODD = "fly #2/left_subject=x ü"


def animals() -> list[WindowScores]:
    return [
        scores_of("a.mp4", 90, seed=1, subject="hen"),
        scores_of("a.mp4", 90, seed=2, subject=ODD, frames=((10, 40), (55, 90))),
        scores_of("a.mp4", 90, seed=3, subject="never", frames=()),
        scores_of("night/b.mp4", 60, seed=4, subject="hen", offset=1.4, frames=((0, 58),)),
    ]


def found_in(scores: list[WindowScores]) -> list[ScoredBout]:
    return [bout for one in scores for bout in find_bouts(timeline(one), SETTINGS)]


def boxes(*frames: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array(frames, np.int64), np.tile([1.0, 2.0, 11.5, 22.0], (len(frames), 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("out") / "annotation"
    tracks = [("elsewhere/b.mp4", "hen"), ("a.mp4", ODD), ("a.mp4", "hen"), ("a.mp4", "not scored"), ("c.mp4", "hen")]
    given = Tracks.of("mine.csv", [(video.split("/")[-1], Track(name, *boxes(0, 1, 5))) for video, name in tracks])
    assert write_outputs(target, iter(animals()), SETTINGS, tracks=given) == []
    return target


@pytest.fixture(autouse=True, scope="module")
def no_figure(folder: Path) -> Iterator[None]:
    """One figure is enough here: drawing takes longer than all else."""
    assert (folder / "ethogram.png").is_file()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs, "draw_ethogram", lambda *_: None)
        yield


def test_tables_name_the_animal_behind_the_video(folder: Path) -> None:
    bouts = pd.read_csv(folder / "bouts.csv")
    wanted = found_in(animals())
    assert {bout.subject for bout in wanted} == {"hen", ODD}
    assert list(bouts.columns)[:3] == ["video", "subject", "behaviour"]
    rows = zip(bouts["video"], bouts["subject"], bouts["behaviour"], bouts["start_frame"], strict=True)
    assert list(rows) == [(bout.video, bout.subject, bout.behaviour, bout.start_frame) for bout in wanted]
    for table in (pd.read_parquet(folder / "windows.parquet"), pd.read_csv(folder / "windows.csv")):
        assert list(table.columns) == ["video", "subject", "start", "stop", "start_frame", "stop_frame", *CLASSES]
        names = [(one.video, one.subject) for one in animals() for _ in one.start]
        assert list(zip(table["video"], table["subject"], strict=True)) == names
        np.testing.assert_array_equal(
            table[list(CLASSES)].to_numpy(np.float32), np.concatenate([one.probabilities for one in animals()])
        )


def test_shares_are_of_the_time_that_the_animal_was_there(folder: Path) -> None:
    budget = pd.read_csv(folder / "time_budget.csv")
    bouts = pd.read_csv(folder / "bouts.csv")
    assert list(budget.columns) == [
        *("video", "subject", "behaviour", "bouts", "total", "time_present", "share_of_time_present"),
        *("mean_bout", "mean_gap", "latency"),
    ]
    times = frame_times(90)
    present = {
        ("a.mp4", "hen"): times[90],
        ("a.mp4", ODD): times[40] - times[10] + times[90] - times[55],
        ("a.mp4", "never"): 0.0,
        ("night/b.mp4", "hen"): frame_times(60)[58],
    }
    assert len(budget) == len(present) * len(CLASSES)
    for _, row in budget.iterrows():
        mine = bouts[(bouts[["video", "subject", "behaviour"]] == row[["video", "subject", "behaviour"]]).all(axis=1)]
        there = present[row["video"], row["subject"]]
        assert row["time_present"] == pytest.approx(there, abs=1e-6)
        assert row["share_of_time_present"] == pytest.approx(mine["duration"].sum() / there if there else 0, abs=1e-5)
        between = [
            after - before
            for before, after in zip(mine["stop"], mine["start"][1:], strict=False)
            if row["subject"] != ODD or not before <= times[40] + 1e-6 <= after
        ]
        assert np.isnan(row["mean_gap"]) if not between else row["mean_gap"] == pytest.approx(np.mean(between))


def test_one_observation_of_boris_holds_the_events_of_all_animals(folder: Path) -> None:
    project = json.loads((folder / "boris" / "amclip.boris").read_text())
    assert project["subjects_conf"] == {
        "0": {"key": "1", "name": "hen", "description": ""},
        "1": {"key": "2", "name": ODD, "description": ""},
        "2": {"key": "3", "name": "never", "description": ""},
    }
    assert list(project["observations"]) == ["a", "night/b"]
    events = project["observations"]["a"]["events"]
    mine = [bout for bout in found_in(animals()) if bout.video == "a.mp4"]
    assert len(events) == 2 * len(mine)
    assert [event[0] for event in events] == sorted(event[0] for event in events)
    assert {event[1] for event in events} == {"hen", ODD}
    for number, key in (("tabular", "Time"), ("aggregated", "Start (s)")):
        with (folder / "boris" / f"a_{number}_events.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["Subject"] for row in rows} == {"hen", ODD}
        assert all(row[key] for row in rows)
    totals = {bout.subject: sum(b.duration for b in mine if b.subject == bout.subject) for bout in mine}
    for row in rows:
        said = float(row["Observation duration by subject by observation"])
        assert said == pytest.approx(totals[row["Subject"]], abs=1e-5)


def spans(bouts: object) -> list[tuple[str, str, float, float]]:
    return sorted((bout.subject, bout.label, bout.start, bout.stop) for bout in bouts)  # type: ignore[attr-defined]


def rounded(bouts: list[ScoredBout], video: str) -> list[tuple[str, str, float, float]]:
    mine = [bout for bout in bouts if bout.video == video]
    return sorted((bout.subject, bout.behaviour, round(bout.start, 6), round(bout.stop, 6)) for bout in mine)


def assert_read_back(folder: Path, scores: list[WindowScores]) -> None:
    """Every file of the folder that holds bouts gives the same ones, and the same animals."""
    wanted = found_in(scores)
    whole = read_annotation(folder)
    by_video = {one.video: one for one in whole.timelines}
    named = {video: [one.subject for one in scores if one.video == video] for video in by_video}
    assert list(by_video) == list(dict.fromkeys(one.video for one in scores))
    assert {line.video: list(line.subjects) for line in whole.timelines} == named
    project = folder / "boris" / "amclip.boris"
    boris = {line.video: line for line in boris_project.read(project.read_text(), str(project), Reading()).timelines}
    for video, line in by_video.items():
        assert spans(line.bouts) == rounded(wanted, video)
        assert spans(boris[video].bouts) == rounded(wanted, video)
        assert set(boris[video].subjects) == {bout.subject for bout in wanted if bout.video == video}
        stem = video.removesuffix(".mp4")
        for form in ("tabular", "aggregated"):
            path = folder / "boris" / f"{stem}_{form}_events.csv"
            if any(bout.video == video for bout in wanted):
                (told,) = boris_events.read(path.read_text(), str(path), Reading()).timelines
                assert spans(told.bouts) == rounded(wanted, video)


def frames_of(line: Timeline, fps: float) -> set[tuple[str, str, int, int]]:
    return {(bout.subject, bout.label, round(bout.start * fps), round(bout.stop * fps)) for bout in line.bouts}


def test_all_files_are_read_back_with_their_animals(folder: Path) -> None:
    assert_read_back(folder, animals())
    noted = read_noted(folder / "deepethogram", Clock(fps=20.0))  # by frames alone
    assert noted is not None
    wanted = found_in(animals())
    for line, video in zip(noted.timelines, ("a.mp4", "night/b.mp4"), strict=True):
        frames = {(b.subject, b.behaviour, b.start_frame, b.stop_frame) for b in wanted if b.video == video}
        assert frames_of(line, 20.0) == frames
    assert [set(line.subjects) for line in noted.timelines] == [{"hen", ODD, "never"}, {"hen"}]


def test_an_annotation_agrees_with_its_own_project_animal_by_animal(folder: Path) -> None:
    whole, project = read_annotation(folder), read_annotation(folder / "boris" / "amclip.boris")
    pairs, classes, notes = pair_up(whole, project)
    assert [(pair.video, pair.subject) for pair in pairs] == [("a.mp4", ODD), ("a.mp4", "hen"), ("night/b.mp4", "hen")]
    assert notes == [f"animal 'never' of 'a.mp4' is only in {whole.source}, and is left out"]
    assert all(match.iou == pytest.approx(1) for match in agreement(pairs, classes, 25.0).matches)
    both, _, _ = pair_up(whole, project, subjects="merged")
    assert [(pair.video, pair.subject) for pair in both] == [("a.mp4", ""), ("night/b.mp4", "")]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12),
            st.lists(st.integers(0, 60), unique=True, max_size=6),
        ),
        unique_by=lambda drawn: drawn[0],
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 1000),
)
def test_any_animals_round_trip(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, list[int]]], seed: int
) -> None:
    target = tmp_path_factory.mktemp("any")
    scores = []
    for number, (name, edges) in enumerate(drawn):
        frames = tuple(zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False)) if len(edges) > 1 else None
        scores.append(scores_of("a.mp4", seed=seed + number, subject=name, frames=frames))
    left_out = write_outputs(target, scores, SETTINGS)
    told = " ".join(reason for _, reason in left_out)
    usable = [one for one in scores if repr(one.subject) not in told]
    assert len(usable) == len(scores) or "take another name" in told or "no animal" in told
    if usable:
        assert_read_back(target, usable)
        per_frame = [path for path in (target / "deepethogram").rglob("*") if path.is_file()]
        assert len(per_frame) == len(usable)
        assert {path.parent for path in per_frame} == {target / "deepethogram"}


def test_annotation_says_who_was_there_and_when(folder: Path) -> None:
    run = read_run(folder)
    assert run.tracks == "tracks.csv"
    assert [video.subjects for video in run.videos] == [("hen", ODD, "never"), ("hen",)]
    times = frame_times(90).tolist()
    assert run.videos[0].present == {
        ODD: (Presence(times[10], times[40], 10, 40), Presence(times[55], times[90], 55, 90)),
        "never": (),
    }


def test_tracks_lie_beside_the_tables_under_their_names(folder: Path) -> None:
    tracks = read_tracks(str(folder / "tracks.csv"))
    assert {name: tracks.subjects(name) for name in tracks.videos} == {"a.mp4": (ODD, "hen"), "night/b.mp4": ("hen",)}
    track = tracks.track("night/b.mp4", "hen")
    assert track is not None
    np.testing.assert_array_equal(track.boxes, boxes(0, 1, 5)[1])


def test_files_of_animals_that_are_no_longer_there_go(tmp_path: Path) -> None:
    given = Tracks.of("mine.csv", [("a.mp4", Track("hen", *boxes(0)))])
    write_outputs(tmp_path, animals(), SETTINGS, tracks=given)
    assert (tmp_path / "tracks.csv").is_file()
    write_outputs(tmp_path, animals()[:1], SETTINGS)
    names = sorted(path.name for path in (tmp_path / "deepethogram").rglob("*.csv"))
    assert names == ["a_subject=hen_predictions.csv"]
    assert not (tmp_path / "tracks.csv").exists()
    (tmp_path / "tracks.csv").write_text("somebody's")
    write_outputs(tmp_path, [scores_of("a.mp4")], SETTINGS)
    assert [path.name for path in (tmp_path / "deepethogram").rglob("*.csv")] == ["a_predictions.csv"]
    assert (tmp_path / "tracks.csv").read_text() == "somebody's"


def test_a_scene_and_its_animals_stand_together(tmp_path: Path) -> None:
    both = [scores_of("a.mp4", seed=1, subject="hen"), scores_of("a.mp4", seed=2)]
    write_outputs(tmp_path, both, SETTINGS)
    assert set(pd.read_csv(tmp_path / "bouts.csv", keep_default_na=False)["subject"]) == {"hen", ""}
    assert_read_back(tmp_path, both)
    names = {path.name for path in (tmp_path / "deepethogram").iterdir()}
    assert names == {"a_subject=hen_predictions.csv", "a_predictions.csv"}


def test_one_animal_that_cannot_be_used_does_not_stop_the_others(tmp_path: Path) -> None:
    hen = animals()[0]
    spoilt = replace(hen, subject="spoilt", probabilities=np.full_like(hen.probabilities, np.nan))
    named_nobody = replace(hen, subject="No focal subject")
    longer = replace(hen, subject="longer", extent=replace(hen.extent, num_frames=91))
    left_out = write_outputs(tmp_path, [hen, spoilt, named_nobody, longer, *animals()[3:]], SETTINGS)
    ((video, reason),) = left_out
    assert video == "a.mp4"
    assert "a.mp4: spoilt: there are probabilities outside of [0, 1]" in reason
    assert "'No focal subject' is BORIS' word for no animal" in reason
    assert "a.mp4: longer: ends at 3.9 s, frame 91, and for other animals of the video at 3.9 s, frame 90" in reason
    assert [one.subjects for one in read_run(tmp_path).videos] == [("hen",), ("hen",)]
    assert read_run(tmp_path).errors == ((video, reason),)


def test_a_name_that_makes_a_file_name_too_long_is_left_out_and_said(tmp_path: Path) -> None:
    hen = animals()[0]
    long = replace(hen, subject="鶏" * 30)  # as part of a file name nine letters each
    far = scores_of(f"{'v' * 240}.mp4", subject="hen")
    left_out = dict(write_outputs(tmp_path, [hen, long, far], SETTINGS))
    assert list(left_out) == ["a.mp4", far.video]
    assert "shorten the name of the video or of the animal" in left_out["a.mp4"]
    assert [one.video for one in read_run(tmp_path).videos] == ["a.mp4"]


def test_what_contradicts_itself_is_refused(tmp_path: Path) -> None:
    hen, *_, night = animals()
    with pytest.raises(ValueError, match=r"a.mp4: hen: is there twice"):
        write_outputs(tmp_path, [hen, hen], SETTINGS)
    with pytest.raises(ValueError, match=r"a.mp4: is there twice"):
        write_outputs(tmp_path, [hen, night, replace(hen, subject="cock")], SETTINGS)
    with pytest.raises(ValueError, match=r"night/b.mp4: hen: is an animal, and the first scores were of a scene"):
        write_outputs(tmp_path, [scores_of("a.mp4"), night], SETTINGS)
    assert not list(tmp_path.glob("*.csv"))


def test_tables_of_scenes_are_as_they_were(tmp_path: Path) -> None:
    """Letter by letter, from values: the files name no animal, and are made of nothing else than the scores."""
    scores = scores_of("a.mp4", 20, seed=1)
    write_outputs(tmp_path, [scores], SETTINGS)
    bouts = find_bouts(timeline(scores), SETTINGS)
    header = "video,behaviour,start,stop,duration,start_frame,stop_frame,mean_probability,peak_probability\n"
    rows = (
        f"a.mp4,{quoted(b.behaviour)},{b.start:.6f},{b.stop:.6f},{b.stop - b.start:.6f},{b.start_frame},{b.stop_frame},"
        f"{b.mean:.6f},{b.peak:.6f}\n"
        for b in bouts
    )
    assert (tmp_path / "bouts.csv").read_text() == header + "".join(rows)
    windows = (tmp_path / "windows.csv").read_text().splitlines()
    assert windows[0] == 'video,start,stop,start_frame,stop_frame,walking,"still, resting",wing'
    first = ",".join(map(str, scores.probabilities[0]))  # the shortest digits of float32
    assert windows[1] == f"a.mp4,0.000000,{scores.stop[0]:.6f},0,8,{first}"
    budget = (tmp_path / "time_budget.csv").read_text().splitlines()
    assert budget[0] == "video,behaviour,bouts,total,share_of_video,mean_bout,mean_gap,latency"
    walks = [b for b in bouts if b.behaviour == "walking"]
    total = sum(b.duration for b in walks)
    mean, latency = (f"{total / len(walks):.6f}", f"{walks[0].start:.6f}") if walks else ("", "")
    gaps = [b.start - a.stop for a, b in pairwise(walks)]
    gap = f"{sum(gaps) / len(gaps):.6f}" if gaps else ""
    assert (
        budget[1]
        == f"a.mp4,walking,{len(walks)},{total:.6f},{total / scores.extent.duration:.6f},{mean},{gap},{latency}"
    )
    said = json.loads((tmp_path / "annotation.json").read_text())
    assert list(said) == [
        *("amclip", "checkpoint", "window", "hop", "flow_gap", "classes", "settings", "videos", "errors")
    ]
    assert list(said["videos"][0]) == ["video", "path", "fps", "num_frames", "duration", "offset"]
    project = json.loads((tmp_path / "boris" / "amclip.boris").read_text())
    assert project["subjects_conf"] == {}
    assert list(project)[-1] == "observations"
    assert {event[1] for event in project["observations"]["a"]["events"]} == {""}
    with (tmp_path / "boris" / "a_tabular_events.csv").open(newline="") as file:
        assert {row["Subject"] for row in csv.DictReader(file)} == {"No focal subject"}
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.csv"))
    assert files == [
        *("boris/a_aggregated_events.csv", "boris/a_tabular_events.csv", "bouts.csv"),
        *("deepethogram/a_predictions.csv", "time_budget.csv", "windows.csv"),
    ]


def quoted(name: str) -> str:
    return f'"{name}"' if "," in name else name
