import csv
from pathlib import Path

import pytest

from amclip.cli import main

BOUTS = "video,behaviour,start,stop\nv.mp4,walking,1,3\nv.mp4,wing,2,4\n"
BORIS = """\
Observation id,Media file name,Media duration (s),FPS (frame/s),Subject,Behavior,Behavior type,Start (s),Stop (s)
v,v.mp4,10.0,20.0,fly,walking,STATE,1.5,3.0
v,v.mp4,10.0,20.0,fly,still,STATE,5.0,6.0
"""


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {next(iter(row.values())): row for row in csv.DictReader(file)}


def test_a_table_of_bouts_against_boris(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bouts.csv").write_text(BOUTS)
    (tmp_path / "boris.csv").write_text(BORIS)
    main(["evaluate", str(tmp_path / "bouts.csv"), str(tmp_path / "boris.csv"), "--output", str(tmp_path / "out")])
    said = capsys.readouterr().out
    assert "10 s of 1 video, frame by frame at 20 per second" in said
    assert "behaviour 'wing' is only in" in said.replace("\n", " ")
    table = rows(tmp_path / "out" / "agreement.csv")
    assert list(table) == ["still", "walking", "wing", "(mean)"]
    walking = table["walking"]
    assert (walking["predicted_frames"], walking["labelled_frames"]) == ("40", "30")
    assert [float(walking[name]) for name in ("precision", "recall", "f1")] == pytest.approx([0.75, 1, 6 / 7], abs=1e-6)
    assert [float(walking[f"bout_f1_iou_{iou}"]) for iou in ("0.1", "0.25", "0.5")] == [1, 1, 1]
    assert float(walking["onset_error_median"]) == pytest.approx(-0.5)
    assert table["still"]["precision"] == ""
    assert table["wing"]["recall"] == ""
    # Over what the labels show: walking and still.
    assert float(table["(mean)"]["recall"]) == pytest.approx(0.5)
    assert float(table["(mean)"]["f1"]) == pytest.approx(3 / 7, abs=1e-6)
    confusion = rows(tmp_path / "out" / "confusion.csv")
    assert float(confusion["walking"]["walking"]) == 30
    assert float(confusion["still"]["(none)"]) == 20
    assert (tmp_path / "out" / "confusion.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "out" / "matches.csv").open(newline="") as file:
        matches = list(csv.DictReader(file))
    assert [(row["behaviour"], row["predicted_start"], row["start"]) for row in matches] == [
        ("still", "", "5.000000"),
        ("walking", "1.000000", "1.500000"),
        ("wing", "2.000000", ""),
    ]


def test_a_part_of_the_video_and_another_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bouts.csv").write_text(BOUTS)
    (tmp_path / "boris.csv").write_text(BORIS)
    files = [str(tmp_path / "boris.csv"), str(tmp_path / "bouts.csv"), "--output", str(tmp_path / "out")]
    main(["evaluate", *files, "--start", "2", "--stop", "4", "--fps", "50"])
    assert "2 s of 1 video, frame by frame at 50 per second" in capsys.readouterr().out
    assert rows(tmp_path / "out" / "agreement.csv")["walking"]["f1"] == "1.000000"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--start", "20"], "nothing is left to compare"),
        (["--start", "3", "--stop", "3"], "--start, --stop: expected seconds"),
        (["--fps", "0"], "--fps: expected frames per second above 0, got 0"),
    ],
)
def test_what_cannot_be_compared_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (tmp_path / "bouts.csv").write_text(BOUTS)
    (tmp_path / "boris.csv").write_text(BORIS)
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", str(tmp_path / "bouts.csv"), str(tmp_path / "boris.csv"), *arguments])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
