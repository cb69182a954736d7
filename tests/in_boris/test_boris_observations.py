"""Bouts beside the observations of a project: where these have offsets, several files, point events and modifiers."""

import json
from dataclasses import replace
from pathlib import Path

import boris_study
import pytest

from amclip.boris import observations_beside
from amclip.cli import main
from amclip.data.formats import Reading, boris_project
from amclip.data.intervals import Bout, Timeline
from amclip.ethogram.annotations import Annotation


def found(**bouts: list[Bout]) -> Annotation:
    lines = tuple(
        Timeline(f"{name}.mp4", tuple(some), boris_study.LENGTHS[f"{name}.mp4"]) for name, some in bouts.items()
    )
    return Annotation("bouts.csv", ("walking",), lines)


def test_bouts_are_those_that_were_found(tmp_path: object) -> None:
    length = boris_study.LENGTHS["b.mp4"]
    bouts = found(
        a=[Bout(0.1, 1.25, "walking", None, "hen"), Bout(2.0, 3.0, "walking", None, "Küken 2")],
        b=[Bout(1.0, length, "walking")],
        c=[Bout(0.0, 0.5, "walking"), Bout(1.0, 1.5, "still, resting")],
    )
    beside, notes = observations_beside(boris_study.project(), bouts, "study.boris")
    assert notes == []
    first, second = beside["observations"].values()
    assert first["events"][0][0] == pytest.approx(boris_study.OFFSET + 0.1)
    assert second["file"] == boris_study.project()["observations"]["day 2"]["file"]
    text = json.dumps(beside)
    lines = boris_project.read(text, "amclip.boris", Reading()).timelines
    for line, expected in zip(lines, bouts.timelines, strict=True):
        assert line.video == f"videos/{expected.video}"
        key = [(b.label, b.subject, b.start) for b in expected.bouts]
        assert sorted((b.label, b.subject, b.start) for b in line.bouts) == [
            (*one[:2], pytest.approx(one[2])) for one in sorted(key)
        ]
        for bout, other in zip(sorted(line.bouts, key=lambda b: b.start), expected.bouts, strict=True):
            assert bout.stop == pytest.approx(other.stop, abs=1e-3)


def test_points_modifiers_and_bouts_that_meet() -> None:
    project = boris_study.project()
    walking = next(one for one in project["behaviors_conf"].values() if one["code"] == "walking")
    walking["modifiers"] = {"0": {"name": "pace"}, "1": {"name": "where"}}
    bouts = found(a=[Bout(0, 1, "walking"), Bout(1, 2, "walking"), Bout(1.5, 1.8, "walking"), Bout(3, 4, "wing")])
    beside, _ = observations_beside(project, bouts, "study.boris")
    (only,) = beside["observations"].values()
    events = [[round(event[0] - boris_study.OFFSET, 3), *event[2:4]] for event in only["events"]]
    assert events == [[0, "walking", "None|None"], [2, "walking", "None|None"], [3, "wing", ""]]


def test_what_the_project_does_not_have_is_added_and_said() -> None:
    bouts = found(a=[Bout(0, 1, "preening", None, "hen"), Bout(0, 1, "walking", None, "a stranger")])
    more = Annotation("bouts.csv", (), (*bouts.timelines, Timeline("z.mp4", ())))
    beside, notes = observations_beside(boris_study.project(), more, "study.boris")
    behaviours = [one["code"] for one in beside["behaviors_conf"].values()]
    assert behaviours == [*boris_study.CLASSES, "preening"]
    assert [one["name"] for one in beside["subjects_conf"].values()] == ["hen", "Küken 2", "a stranger"]
    assert list(beside["observations"]) == ["day 1 (amclip)"]
    said = "\n".join(notes)
    for words in ("'z.mp4' is only in bouts.csv", "'videos/b.mp4' is only in study.boris", "preening", "a stranger"):
        assert words in said


def test_media_of_unknown_length_are_said() -> None:
    project = boris_study.project()
    del project["observations"]["day 2"]["media_info"]["length"]["videos/b.mp4"]
    bouts = found(a=[Bout(0, 1, "walking")], c=[Bout(0, 1, "walking")])
    beside, notes = observations_beside(project, bouts, "study.boris")
    assert list(beside["observations"]) == ["day 1 (amclip)"]
    assert "observation 'day 2': how long its media are is not known, so that it is left out" in notes
    with pytest.raises(ValueError, match="no video is in both"):
        observations_beside(project, replace(bouts, timelines=(Timeline("other.mp4", ()),)), "study.boris")


def test_exported_events_are_no_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = tmp_path / "events.csv"
    events.write_text(
        "Observation id,Media file name,Media duration (s),FPS (frame/s),Subject,Behavior,Behavior type,Start (s),"
        "Stop (s)\n"
        "v,v.mp4,10.0,20.0,fly,walking,STATE,1.5,3.0\n"
    )
    with pytest.raises(SystemExit):
        main(["boris", "compare", str(events), str(events), f"--output={tmp_path / 'out'}"])
    assert f"{events}: is no project of BORIS" in (said := " ".join(capsys.readouterr().err.split()))
    assert f"amclip evaluate {events} {events}" in said
