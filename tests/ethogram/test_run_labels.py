"""`amclip convert` of what `amclip annotate` found."""

from pathlib import Path

import pytest
from drawn_scores import frame_times, scores_of

from amclip.cli import main
from amclip.data.formats import Reading, read_labels
from amclip.data.intervals import timelines_of
from amclip.ethogram.annotation_file import read_run
from amclip.ethogram.annotations import read_annotation
from amclip.ethogram.bouts import BoutSettings
from amclip.ethogram.outputs import write_outputs
from amclip.ethogram.run_labels import annotated_run, labels_of_run

SETTINGS = {name: BoutSettings(0.6) for name in ("walking", "still, resting", "wing")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("out") / "annotation"
    animals = [scores_of("a.mp4", 90, 1, subject="hen"), scores_of("a.mp4", 90, 2, subject="cock", frames=((30, 60),))]
    assert write_outputs(target, [*animals, scores_of("b.mp4", 60, 3, subject="hen")], SETTINGS) == []
    return target


def test_bouts_animals_and_when_they_are_there_become_labels(folder: Path) -> None:
    run = read_run(folder)
    assert annotated_run(folder / "bouts.csv") == run
    table = labels_of_run(run, Reading(subjects="each"))
    assert table.classes == tuple(SETTINGS)
    first, second = timelines_of(table)
    times = frame_times(90)
    assert (first.end, second.end) == (pytest.approx(times[-1]), pytest.approx(frame_times(60)[-1]))
    there = [(0.0, times[30]), (times[60], times[-1])]
    assert first.of("cock").unlabelled == tuple(map(pytest.approx, there))
    assert first.of("hen").unlabelled == second.of("hen").unlabelled == ()
    noted = {(bout.label, bout.subject) for one in read_annotation(folder).timelines for bout in one.bouts}
    assert {(bout.label, bout.subject) for one in (first, second) for bout in one.bouts} == noted
    scene = labels_of_run(run, Reading())
    assert [timelines_of(scene)[0].unlabelled, scene.merged] == [(), ("cock", "hen")]


def test_a_run_is_converted_and_known_to_be_a_networks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sleap = pytest.importorskip("sleap_io", reason="pip install 'amclip[tracks]'")
    target = folder.parent / "out.slp"
    words = ["convert", str(folder), str(target), "--to", "sleap", "--subjects", "each", "--fps"]
    main([*words, "23"])
    assert "labelled: automated (--labelling" not in capsys.readouterr().out
    kinds = {type(event).__name__ for event in sleap.load_slp(str(target), open_videos=False).events}
    assert kinds == {"PredictedEvent"}
    main([*words, "23", "--labelling", "curated"])
    assert "labelled: curated" in capsys.readouterr().out
    kinds = {type(event).__name__ for event in sleap.load_slp(str(target), open_videos=False).events}
    assert kinds == {"UserEvent"}
    main(["convert", str(folder), str(folder.parent / "windows.csv"), "--window", "0.5"])
    assert read_labels(folder.parent / "windows.csv").clips[1].start == 0.5
