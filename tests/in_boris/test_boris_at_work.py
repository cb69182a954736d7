"""BORIS itself, 9 or 10: runs the plug-ins from its menu, imports what they wrote, and amclip reads what it exports.

Skipped where BORIS is not; ``tests/ethogram/boris_itself.py`` says how to name a Python that has it.
"""

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import boris_study
import pytest
from boris_itself import PYTHON, needs_boris, run_boris

from amclip.boris import PLUGINS, install_plugins, personal_folder
from amclip.cli import main
from amclip.ethogram.annotations import read_annotation

HERE = Path(__file__).parent
pytestmark = needs_boris


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    asked = "from importlib.metadata import version; print(version('boris-behav-obs'))"
    found = subprocess.run([str(PYTHON), "-c", asked], capture_output=True, text=True, check=True).stdout.split()[-1]
    if int(found.split(".")[0]) < 9:
        pytest.skip(f"BORIS {found} has no plug-ins: 9.7.9 and later have")
    return boris_study.write_study(tmp_path_factory.mktemp("boris") / "a study")


@pytest.mark.parametrize("before", [False, True], ids=["no folder", "a folder"])
def test_its_preferences_and_its_menu(
    study: Path, before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preferences, folder = tmp_path / ".boris", tmp_path / ("Käte's plugins" if before else "boris_plugins")
    run_boris(str(HERE / "boris_preferences.py"), preferences, *([folder] if before else []))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    main(["boris", "install"])
    assert personal_folder(preferences) == folder
    install_plugins(folder, boris_study.COMMAND)
    report, annotated = tmp_path / "report.json", study.parent / "annotated"
    run_boris(str(HERE / "boris_plugins.py"), study, preferences, annotated, report)
    said = json.loads(report.read_text("utf-8"))
    assert said["menu"] == sorted(title for title, *_ in PLUGINS.values())
    assert (said["asked"], said["warned"]) == ([], ["Observations imported successfully"])
    assert said["integrity"] == ""
    (sent,) = said["shown"]["amclip: send events"]
    assert "10 events of 2 observations" in sent
    text, agreement, bouts = said["shown"]["amclip: read bouts"]
    assert "Wrote 2 observations" in text
    assert [row[0] for row in agreement["rows"][-4:]] == ["(all)"] * 4
    assert list(said["observations"]) == ["day 1", "day 2", "day 1 (amclip)", "day 2 (amclip)"]
    seen = [tuple(row) for row in said["rows"] if row[0] == "day 1 (amclip)"]
    column = {name: bouts["columns"].index(name) for name in ("video", "subject", "behaviour", "start", "stop")}
    found = [{name: row[place] for name, place in column.items()} for row in bouts["rows"]]
    points = {True: "start", False: "stop"}
    expected = [
        (
            one["subject"],
            one["behaviour"],
            boris_study.OFFSET + one["start"],
            boris_study.OFFSET + one[points[one["behaviour"] == "wing"]],
        )
        for one in found
        if one["video"] == "a.mp4"
    ]
    assert len(seen) == len(expected)
    for (_, *names, start, stop), (*others, begin, end) in zip(sorted(seen), sorted(expected), strict=True):
        assert names == others
        assert (start, stop) == pytest.approx((begin, end), abs=1e-3)


def test_what_it_saves_and_exports_is_read_as_its_project(study: Path, tmp_path: Path) -> None:
    run_boris(str(HERE / "boris_exports.py"), study, tmp_path)
    expected = spans(study, study.parent)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 1 + 3 * 3
    for file in files:
        found = spans(file, study.parent)
        videos = {name: one for name, one in expected.items() if "tabular" not in file.name or name in found}
        assert found.keys() == videos.keys(), file.name
        for name, (duration, bouts) in videos.items():
            other, theirs = found[name]
            assert [one[:2] for one in theirs] == [one[:2] for one in bouts], file.name
            if file.suffix == ".xlsx":  # read as a table, in which an event lasts one frame, and no length is told
                bouts = [one if one[0] != "wing" else (*one[:3], one[2] + 1 / 23) for one in bouts]
            else:
                assert other == pytest.approx(duration, abs=1e-3)
            for one, their in zip(bouts, theirs, strict=True):
                assert their[2:] == pytest.approx(one[2:], abs=1e-3), file.name


def spans(file: Path, root: Path) -> dict[str, tuple[float, list[tuple[Any, ...]]]]:
    """Of each video its length, and label, subject, start and stop of its bouts."""
    return {
        line.video: (
            math.nan if line.duration is None else line.duration,
            sorted((bout.label, bout.subject, bout.start, bout.stop) for bout in line.bouts),
        )
        for line in read_annotation(file, root).timelines
    }
