"""The plug-ins as BORIS calls them: with its project in memory, and a command `amclip` of another Python."""

import copy
import csv
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import boris_study
import pytest
import yaml

from amclip.boris import plugin
from amclip.cli import main
from amclip.data.formats import Reading, boris_project


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boris_study.write_study(tmp_path_factory.mktemp("boris") / "a study")


@pytest.fixture
def in_boris(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that a person chooses, in a BORIS that has the study open."""
    monkeypatch.setattr(plugin, "_open_project", lambda: study)
    monkeypatch.setattr(plugin, "_ask_folder", lambda title: tmp_path)
    monkeypatch.setattr(plugin, "_wait", lambda process, title: process.wait())
    monkeypatch.setattr(plugin, "AMCLIP", list(boris_study.COMMAND))
    return tmp_path


def in_memory() -> dict[str, Any]:
    """The project as BORIS has it in memory, where times are decimal numbers."""
    content = boris_study.project()
    for observation in content["observations"].values():
        for event in observation["events"]:
            event[0] = Decimal(str(event[0]))
    return content


def spans(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    lines = boris_project.read(file.read_text("utf-8"), file.name, Reading()).timelines
    return {
        Path(line.video).name: [(b.label, b.subject, round(b.start, 3), round(b.stop, 3)) for b in line.bouts]
        for line in lines
    }


def test_events_are_sent_with_the_config_of_a_training(
    in_boris: Path, study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def here(title: str, *words: str) -> tuple[bool, str]:
        main(words)  # in this process, which has all of it loaded
        return True, capsys.readouterr().out

    monkeypatch.setattr(plugin, "_amclip", here)
    project = in_memory()
    before = copy.deepcopy(project)
    said = plugin.run(project)
    assert project == before  # BORIS goes on with it
    sent, config = in_boris / "study_events.boris", in_boris / "study.yaml"
    assert f"10 events of 2 observations, written to\n  {sent}" in said
    assert f'amclip annotate "{study.parent / "videos" / "a.mp4"}"' in said
    assert "Wrote" in said
    assert str(config) in said
    assert spans(sent) == spans(study)
    source = yaml.safe_load(config.read_text("utf-8"))["data"]["source"]
    assert (source["labels"], source["subjects"]) == (str(sent), "merged")
    content = config.read_text("utf-8")
    again = plugin.run(project)
    assert "is there already and stays as it is" in again
    assert f'amclip fit --config "{config}"' in again
    assert config.read_text("utf-8") == content


def test_bouts_are_read_back(study: Path, in_boris: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas", reason="BORIS has pandas: pip install pandas")
    folder = study.parent / "annotated"
    monkeypatch.setattr(plugin, "TASK", "read")
    monkeypatch.setattr(plugin, "_ask_folder", lambda title: folder)
    output = study.parent / "annotated_with_boris"
    output.mkdir()
    (output / "agreement.csv").write_text("of the last time\n")
    said, agreement, bouts = plugin.run(in_memory())
    assert "Wrote 2 observations" in said
    assert "kappa" in said
    assert set(agreement["subject"]) == {"hen", "Küken 2", "", "(all)"}
    with (folder / "bouts.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [tuple(row) for row in bouts[["video", "behaviour", "start"]].to_numpy().tolist()] == [
        (row["video"], row["behaviour"], float(row["start"])) for row in rows
    ]
    beside = json.loads((output / "amclip.boris").read_text("utf-8"))
    assert list(beside["observations"]) == ["day 1 (amclip)", "day 2 (amclip)"]


def test_what_was_not_chosen_is_left_out(in_boris: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "_amclip", lambda *words: (True, ""))
    chosen = {"selected subjects": ["hen", "No focal subject"], "selected behaviors": ["walking", "wing"]}
    times = {"time": "time interval", "start time": Decimal("1"), "end time": Decimal("102.5")}
    plugin.run(in_memory(), {**chosen, **times})
    content = json.loads((in_boris / "study_events.boris").read_text("utf-8"))
    assert {one["code"] for one in content["behaviors_conf"].values()} == {"walking", "wing"}
    first, second = content["observations"].values()
    assert {(event[1], event[2]) for event in first["events"]} == {("hen", "walking"), ("hen", "wing")}
    assert first["observation time interval"] == [0, 2.5]  # less the time offset
    assert second["observation time interval"] == [1, 102.5]
    assert len(second["events"]) == 3
    plugin.run(in_memory(), {**times, "end time": Decimal("60")})  # which the first, at 100 s, does not reach
    content = json.loads((in_boris / "study_events.boris").read_text("utf-8"))
    assert list(content["observations"]) == ["day 2"]
    times = {**times, "start time": Decimal("0"), "end time": Decimal("0")}
    assert "lies in none of these observations" in plugin.run(in_memory(), times)


def test_without_a_path_of_the_project_its_name_is_taken(in_boris: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "_open_project", lambda: None)
    monkeypatch.setattr(plugin, "_amclip", lambda *words: (True, ""))
    said = plugin.run(in_memory())
    assert (in_boris / "a study_events.boris").is_file()
    assert "These videos are not where the project says, and are left out:\n  videos/a.mp4" in said


def told(change: str) -> dict[str, Any]:
    content = in_memory()
    if change == "live":
        content["observations"]["day 1"]["type"] = "LIVE"
    else:
        content["observations"] = {}
    return content


@pytest.mark.parametrize(
    ("project", "said"),
    [
        ([1, 2], "amclip needs BORIS 9.7.9 or later"),
        (told("live"), "The observation 'day 1' is of no video: choose observations of media files only."),
        (told("none"), "Choose at least one observation of a video."),
    ],
    ids=["an old BORIS", "a live observation", "nothing chosen"],
)
def test_what_cannot_be_sent_is_said(in_boris: Path, project: Any, said: str) -> None:
    assert plugin.run(project).startswith(said)
    assert not list(in_boris.iterdir())


def test_an_amclip_that_is_gone_and_a_folder_that_was_not_annotated(
    in_boris: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "AMCLIP", [str(in_boris / "no such python")])
    assert "Type `amclip boris install` where it is installed now." in plugin.run(in_memory())
    monkeypatch.setattr(plugin, "TASK", "read")
    assert "has no bouts.csv: choose the folder that `amclip annotate` has written" in plugin.run(in_memory())


def test_the_python_of_boris_is_not_that_of_amclip(in_boris: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PYTHONHOME", "/boris"), ("PYTHONPATH", "/boris"), ("LD_LIBRARY_PATH", "/boris")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/usr/own")
    names = "[os.environ.get(n) for n in ('PYTHONHOME', 'PYTHONPATH', 'LD_LIBRARY_PATH')]"
    monkeypatch.setattr(plugin, "AMCLIP", [sys.executable, "-c", f"import os; print({names}); raise SystemExit(2)"])
    assert plugin._amclip("trying") == (False, "[None, None, '/usr/own']")
