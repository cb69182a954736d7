"""BORIS' own code opens the project and exports the events that amclip's tables for BORIS hold."""

import csv
import json
from pathlib import Path

import boris_reader
import pytest
from boris_itself import needs_boris, run_boris
from drawn_scores import CLASSES, scores_of

from amclip.data.boris_columns import subject_of
from amclip.data.formats import Reading, boris_events, boris_project
from amclip.ethogram.bouts import BoutSettings, find_bouts, timeline
from amclip.ethogram.outputs import write_outputs
from amclip.ethogram.scores import WindowScores

pytestmark = needs_boris

SCENES = [scores_of("a.mp4", 400, seed=1), scores_of("night/b.mp4", 91, seed=2, offset=1.4)]
ANIMALS = [
    scores_of("a.mp4", 400, seed=1, subject="hen"),
    scores_of("a.mp4", 400, seed=2, subject="Küken 2", frames=((0, 130), (200, 400))),
    scores_of("a.mp4", 400, seed=3),
    scores_of("night/b.mp4", 91, seed=2, offset=1.4, subject="hen"),
]


@pytest.mark.parametrize("scores", [SCENES, ANIMALS], ids=["scenes", "animals"])
def test_boris_reads_the_same_events(tmp_path: Path, scores: list[WindowScores]) -> None:
    settings = dict.fromkeys(CLASSES, BoutSettings())
    write_outputs(tmp_path / "out", scores, settings)
    project = tmp_path / "out" / "boris" / "amclip.boris"
    run_boris(boris_reader.__file__, project, tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    version = report.pop("version")
    animals = list(dict.fromkeys(one.subject for one in scores if one.subject))
    assert report == {"observations": ["a", "night/b"], "converted": "", "animals": animals, "integrity": ""}
    for number, stem in enumerate(report["observations"]):
        bouts = [bout for one in scores if one.video == f"{stem}.mp4" for bout in find_bouts(timeline(one), settings)]
        theirs = rows(tmp_path / f"tabular_{number}.csv")
        ours = rows(tmp_path / "out" / "boris" / f"{stem}_tabular_events.csv")
        if int(version.split(".")[0]) >= 9:
            assert list(theirs[0]) == list(ours[0])  # the columns, in this order
        assert len(theirs) == len(ours) == 2 * len(bouts)
        kinds = ("Observation id", "Subject", "Behavior", "Behavior type", "Image index", "Source", "Media file name")
        # Events at one time may come in either order.
        order = [
            sorted(table, key=lambda row: (round(float(row["Time"]), 3), row["Subject"], row["Behavior"]))
            for table in (theirs, ours)
        ]
        for their, our in zip(*order, strict=True):
            assert [their[name] for name in kinds] == [our[name] for name in kinds]
            assert float(their["Time"]) == pytest.approx(float(our["Time"]), abs=6e-4)  # BORIS writes milliseconds
        exported = json.loads((tmp_path / f"aggregated_{number}.json").read_text())
        table = rows(tmp_path / "out" / "boris" / f"{stem}_aggregated_events.csv")
        spans = [(row["Subject"], row["Behavior"], float(row["Start (s)"]), float(row["Stop (s)"])) for row in table]
        column, whose = (list(table[0]).index(name) for name in ("Behavior", "Subject"))
        assert len(exported) == len(spans)
        got = [
            (subject_of(row[whose]), row[column], float(row[column + 3]), float(row[column + 4])) for row in exported
        ]
        for their_bout, our_bout in zip(sorted(got), sorted(spans), strict=True):
            assert their_bout[:2] == our_bout[:2]
            assert their_bout[2:] == pytest.approx(our_bout[2:], abs=6e-4)
        totals = {subject_of(row[whose]): float(row[whose + 1]) for row in exported}
        said = {row["Subject"]: float(row["Observation duration by subject by observation"]) for row in table}
        assert totals == pytest.approx(said, abs=1e-3)


def test_a_project_is_read_as_the_tables_that_boris_exports_of_it(tmp_path: Path) -> None:
    settings = dict.fromkeys(CLASSES, BoutSettings())
    write_outputs(tmp_path / "out", [scores_of("a.mp4", 400, seed=1)], settings)
    project = tmp_path / "out" / "boris" / "amclip.boris"
    content = json.loads(project.read_text())
    one = content["observations"]["a"]
    one["time offset"] = 2.5  # BORIS leaves out of its tables what is then later than its media are long
    one["events"] = [[round(event[0] + 2.5, 3), *event[1:]] for event in one["events"]]
    for info, values in (("length", (7.0, 13.0)), ("fps", (25.0, 25.0))):  # two files, one after the other
        one["media_info"][info] = dict(zip(("a.mp4", "b.mp4"), values, strict=True))
    one["file"]["1"] = ["a.mp4", "b.mp4"]
    project.write_text(json.dumps(content))
    run_boris(boris_reader.__file__, project, tmp_path)
    theirs = boris_events.read((tmp_path / "tabular_0.csv").read_text(), "tabular_0.csv", Reading()).timelines
    ours = boris_project.read(project.read_text(), "amclip.boris", Reading()).timelines
    assert [(line.video, line.duration, line.fps) for line in ours] == [("a.mp4", 7.0, 25.0), ("b.mp4", 13.0, 25.0)]
    for their, our in zip(theirs, ours, strict=True):
        assert (their.video, their.duration, their.fps) == (our.video, our.duration, our.fps)
        spans = [sorted((bout.label, bout.start, bout.stop) for bout in line.bouts) for line in (their, our)]
        assert spans[0]
        for (label, *times), (name, *others) in zip(*spans, strict=True):
            assert label == name
            assert times == pytest.approx(others, abs=1e-3)


def rows(path: Path) -> list[dict[str, str]]:
    """Rows of a table; a cell without an animal is empty, which BORIS has two ways to write."""
    with path.open(newline="") as file:
        return [row | {"Subject": subject_of(row["Subject"])} for row in csv.DictReader(file)]
