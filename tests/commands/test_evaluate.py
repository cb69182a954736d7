import csv
from pathlib import Path

import pytest

from amclip.cli import main
from amclip.commands.evaluate import _short

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


@pytest.mark.parametrize("name", ["found.csv", "v_predictions.csv"])
def test_what_a_network_found_in_place_of_the_labels_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    found, boris = tmp_path / name, tmp_path / "boris.csv"
    if name == "found.csv":
        found.write_text("video,behaviour,start,stop,peak_probability\nv.mp4,walking,1,3,0.9\n")
    else:
        rows_of_frames = "".join(f"{n},{int(n < 20)},{int(n >= 20)}\n" for n in range(200))
        found.write_text(f",background,walking\n{rows_of_frames}")
    boris.write_text(BORIS)
    more = ["--output", str(tmp_path / "out"), "--label_fps", "20"]
    main(["evaluate", str(boris), str(found), *more])
    said = " ".join(capsys.readouterr().out.split())
    assert f"warning: {found} is what a network found, and {boris} is judged by it" in said
    assert f"Labels come second: amclip evaluate {found} {boris}" in said
    for right in ((found, boris), (found, found), (boris, boris)):
        main(["evaluate", *map(str, right), *more])
        assert "Labels come second" not in capsys.readouterr().out


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


ANIMALS = """\
video,subject,behaviour,start,stop
v.mp4,hen,walking,1,3
v.mp4,cock,walking,4,6
v.mp4,cock,wing,2,4
w.mp4,hen,walking,0,2
"""
CODER = """\
Observation id,Media file name,Media duration (s),FPS (frame/s),Subject,Behavior,Behavior type,Start (s),Stop (s)
v,v.mp4,10.0,20.0,hen,walking,STATE,4.0,6.0
v,v.mp4,10.0,20.0,cock,walking,STATE,4.0,6.0
v,v.mp4,10.0,20.0,cock,wing,STATE,2.0,4.0
w,w.mp4,10.0,20.0,hen,walking,STATE,0.0,2.0
"""


def compared(tmp_path: Path, predicted: str, labels: str, *options: str) -> Path:
    (tmp_path / "bouts.csv").write_text(predicted)
    (tmp_path / "boris.csv").write_text(labels)
    out = tmp_path / "out"
    main(["evaluate", str(tmp_path / "bouts.csv"), str(tmp_path / "boris.csv"), "--output", str(out), *options])
    return out


def table_of(out: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (out / "agreement.csv").open(newline="") as file:
        return {(row["subject"], row["behaviour"]): row for row in csv.DictReader(file)}


def test_animals_are_compared_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = table_of(compared(tmp_path, ANIMALS, CODER))
    assert list(dict.fromkeys(subject for subject, _ in table)) == ["cock", "hen", "(all)"]
    assert list(table)[:3] == [("cock", "walking"), ("cock", "wing"), ("cock", "(mean)")]
    # The hen of v.mp4 walks at another time; that the cock walks then is no agreement.
    hen, cock, every = (table[subject, "walking"] for subject in ("hen", "cock", "(all)"))
    assert (hen["precision"], hen["recall"], hen["predicted_bouts"]) == ("0.500000", "0.500000", "2")
    assert (cock["f1"], cock["predicted_frames"], cock["bout_f1_iou_0.5"]) == ("1.000000", "40", "1.000000")
    assert (every["predicted_frames"], every["labelled_frames"], every["precision"]) == ("120", "120", "0.666667")
    assert table["hen", "wing"]["labelled_bouts"] == "0"
    with (tmp_path / "out" / "matches.csv").open(newline="") as file:
        rows_of = [(row["video"], row["subject"], row["behaviour"], row["iou"]) for row in csv.DictReader(file)]
    assert ("v.mp4", "cock", "walking", "1.000000") in rows_of
    assert rows_of.count(("v.mp4", "hen", "walking", "0.000000")) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert "30 s of 2 animals in 2 videos, frame by frame at 20 per second" in said
    assert "Animal by animal" in said


def test_animals_may_be_compared_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = compared(tmp_path, ANIMALS, CODER, "--subjects", "merged")
    walking = rows(out / "agreement.csv")["walking"]
    assert (walking["predicted_frames"], walking["labelled_frames"], walking["recall"]) == ("120", "80", "1.000000")
    assert "as one" not in capsys.readouterr().out  # it was asked for
    assert "subject" not in (out / "matches.csv").read_text()


def test_where_one_side_names_no_animal_all_are_compared_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = compared(tmp_path, ANIMALS, CODER.replace(",hen,", ",No focal subject,").replace(",cock,", ",,"))
    said = " ".join(capsys.readouterr().out.split())
    assert "all animals are compared as one; " in said
    assert "bouts.csv names them, and the other does not" in said
    assert rows(out / "agreement.csv")["walking"]["predicted_frames"] == "120"


def test_animals_of_one_side_alone_are_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = CODER.replace("cock", "Cocks") + "v,v.mp4,10.0,20.0,,walking,STATE,8.0,9.0\n"
    table = table_of(compared(tmp_path, ANIMALS, labels))
    assert {subject for subject, _ in table} == {"hen", "(all)"}
    said = " ".join(capsys.readouterr().out.split())
    assert "animal 'Cocks' of 'v.mp4' is only in" in said
    assert "is left out (is 'Cocks' the same as 'cock'?)" in said
    assert "animal 'cock' of 'v.mp4' is only in" in said
    assert "says of 'v.mp4' and of no animal in particular is left out" in said


def test_animals_of_quite_other_names_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        compared(tmp_path, ANIMALS, CODER.replace("cock", "Cock").replace("hen", "Henne"))
    assert stopped.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "no animal is in both: " in said
    assert "has Cock, Henne, and" in said
    assert "bouts.csv has hen, cock (is 'Cock' the same as 'cock'?); give them the same names" in said
    assert "(--subjects merged)" in said


def test_what_nobody_watched_of_one_animal_is_left_out_for_it_alone(tmp_path: Path) -> None:
    labels = "filepath,subject,start,stop,label\nv.mp4,hen,0,2,walking\nv.mp4,hen,4,10,\nv.mp4,cock,0,10,walking\n"
    predicted = "video,subject,behaviour,start,stop\nv.mp4,hen,walking,0,4\nv.mp4,cock,walking,0,10\n"
    table = table_of(compared(tmp_path, predicted, labels))
    hen, cock = (table[subject, "walking"] for subject in ("hen", "cock"))
    assert (hen["predicted_frames"], hen["labelled_frames"], hen["f1"]) == ("50", "50", "1.000000")
    assert (cock["predicted_frames"], cock["labelled_frames"]) == ("250", "250")


def test_a_little_less_than_nothing_is_shown_as_nothing() -> None:
    assert [_short("-0.000100"), _short("-0.004000", "+.2f"), _short("-0.010000"), _short("")] == [
        *("0.00", "+0.00", "-0.01", "–"),
    ]
