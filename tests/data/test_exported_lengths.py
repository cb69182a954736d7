"""How long a video is said to be, by the formats that say it: as long as its file, whatever the labels end with."""

import csv
import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from amclip.cli import main
from amclip.data.clock import Clock
from amclip.data.formats import export, read_labels

CLIPS = Path(__file__).parent / "clips"
VIDEO = "courtship_4s.mp4"
LENGTH = Clock(CLIPS).length(VIDEO) or 0.0
BOUTS = f"video,behaviour,start,stop\n{VIDEO},turning,0.5,1.0\n{VIDEO},still,1.5,2.25\n"
CLIPS_OF_A_PART = f"filepath,label,start,stop\n{VIDEO},turning,0.5,1\n{VIDEO},,1,2\n{VIDEO},still,2,2.25\n"


def observation(table: str, folder: Path, *more: str) -> dict[str, Any]:
    (folder / "events.csv").write_text(table)
    main(["convert", str(folder / "events.csv"), str(folder / "p.boris"), "--to", "boris-project", *more])
    (found,) = json.loads((folder / "p.boris").read_text())["observations"].values()
    assert isinstance(found, dict)
    return found


def test_a_project_has_the_length_of_the_file_and_of_bouts_no_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert LENGTH > 3.9
    found = observation(BOUTS, tmp_path, "--root", str(CLIPS))
    assert found["media_info"]["length"][str(CLIPS / VIDEO)] == pytest.approx(LENGTH, abs=2e-3)
    assert found["observation time interval"] == [0, 0]  # where the last bout ends, nobody stopped looking
    assert "BORIS has no word for intervals nobody observed" in capsys.readouterr().out


def test_clips_of_a_part_are_the_interval_that_was_observed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = observation(CLIPS_OF_A_PART, tmp_path, "--root", str(CLIPS))
    assert found["media_info"]["length"][str(CLIPS / VIDEO)] == pytest.approx(LENGTH, abs=2e-3)
    assert found["observation time interval"] == [0.5, 2.25]
    assert "nobody observed" not in capsys.readouterr().out
    back = read_labels(tmp_path / "p.boris", clock=Clock(CLIPS))
    assert [(clip.start, clip.stop, clip.labels) for clip in back.clips] == [
        *((0.5, 1.0, ("turning",)), (1.0, 2.0, ()), (2.0, 2.25, ("still",))),
    ]


@pytest.mark.parametrize("form", ["boris", "boris-tabular"])
def test_events_have_the_length_of_the_file(tmp_path: Path, form: str) -> None:
    (tmp_path / "clips.csv").write_text(CLIPS_OF_A_PART)
    notes = export(read_labels(tmp_path / "clips.csv"), tmp_path / "events.csv", form, Clock(CLIPS))
    with (tmp_path / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {float(row["Media duration (s)"]) for row in rows} == {LENGTH}
    assert {float(row.get("Observation duration", LENGTH)) for row in rows} == {LENGTH}
    assert any("intervals nobody observed" in note for note in notes)  # what comes after the last clip reads as nothing


@pytest.mark.parametrize("form", ["boris", "boris-tabular", "boris-project", "deepethogram", "feral", "frame-list"])
def test_a_length_that_is_not_known_is_warned_of(tmp_path: Path, form: str) -> None:
    (tmp_path / "clips.csv").write_text(CLIPS_OF_A_PART.replace("0.5,1\n", "0,1\n"))
    table = read_labels(tmp_path / "clips.csv")
    target = tmp_path / ("p.boris" if form == "boris-project" else "out.csv")
    with pytest.warns(UserWarning, match=rf"{re.escape(VIDEO)}: no file is there .* the last label.*--root"):
        export(table, target, form, Clock(fps=25))
    if form == "boris-project":
        (found,) = json.loads(target.read_text())["observations"].values()
        assert found["media_info"]["length"][VIDEO] == 2.25
    other = target.with_name(f"other{target.suffix}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(table, other, form, Clock(CLIPS))


@pytest.mark.parametrize("form", ["boris", "boris-tabular", "boris-project"])
def test_labels_that_go_on_behind_the_file_are_warned_of(tmp_path: Path, form: str) -> None:
    (tmp_path / "clips.csv").write_text(f"filepath,label,start,stop\n{VIDEO},turning,0.5,1\n{VIDEO},still,1,9\n")
    target = tmp_path / f"events.{'boris' if form == 'boris-project' else 'csv'}"
    with pytest.warns(UserWarning, match=rf"{VIDEO}: its labels end at 9 s, and the file lasts {LENGTH:.2f} s"):
        notes = export(read_labels(tmp_path / "clips.csv"), target, form, Clock(CLIPS))
    assert not any("frame rate" in note for note in notes)  # the file is there, and tells its own
    if form == "boris-project":
        (found,) = json.loads(target.read_text())["observations"].values()
        assert found["media_info"]["fps"][str(CLIPS / VIDEO)] == pytest.approx(
            Clock(CLIPS).grid(VIDEO, 1, "").size / LENGTH, rel=0.02
        )
