from pathlib import Path

import layouts
import pytest

from amclip.cli import main
from amclip.data.formats import Reading, read_classes, read_labels, read_splits
from amclip.ethogram.annotations import read_annotation


def test_labels_are_converted_and_what_is_lost_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "labels.json"
    source.write_text(layouts.feral_text())
    table = tmp_path / "out" / "table.csv"
    main(["convert", str(source), str(table), "--fps", "10"])
    said = capsys.readouterr().out
    assert "Wrote 6 clips of 2 videos, 2 classes" in said
    assert "not held" not in said
    assert [(c.video, c.start, c.labels, c.split) for c in read_labels(table).clips[:2]] == [
        ("a.mp4", 0.0, (), "train"),
        ("a.mp4", 0.1, ("walking",), "train"),
    ]
    main(["convert", str(table), str(tmp_path / "events.csv"), "--to", "boris"])
    assert "not held by this format: splits" in capsys.readouterr().out
    main(["convert", str(tmp_path / "events.csv"), str(tmp_path / "windows.csv"), "--window", "0.2", "--hop", "0.1"])
    assert [clip.stop for clip in read_labels(tmp_path / "windows.csv").clips[:2]] == [0.2, pytest.approx(0.3)]


def test_names_of_numbers_and_suffixes_of_videos_come_from_beside_the_labels(tmp_path: Path) -> None:
    layouts.kabr(tmp_path)
    target = tmp_path / "table.csv"
    names = str(tmp_path / "annotation" / "classes.json")
    main(["convert", str(tmp_path / "annotation" / "train.csv"), str(target), "--classes", names])
    assert read_labels(target).clips[0].labels == ("Graze", "Walk")
    (tmp_path / "a.MP4").write_bytes(b"")
    (tmp_path / "a_labels.csv").write_text(layouts.DEEPETHOGRAM)
    main(["convert", str(tmp_path / "a_labels.csv"), str(target), "--fps", "10", "--root", str(tmp_path)])
    assert read_labels(target).videos() == ("a.MP4",)


def test_a_frame_list_becomes_events_and_a_frame_list_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = layouts.kabr(tmp_path / "kabr") / "annotation"
    names = f"--classes={root / 'classes.json'}"
    both = f"{{train: {root / 'train.csv'}, test: {root / 'val.csv'}}}"
    table = tmp_path / "table.csv"
    main(["convert", both, str(table), names, "--per_frame=true"])
    clips = read_labels(table, ["Walk", "Graze", "Run"]).clips
    assert [(c.video, c.stop, c.labels, c.split) for c in clips[:2]] == [
        ("ZG0000.1", 0.24, ("Walk",), "train"),
        ("ZG0000.1", 0.48, ("Graze",), "train"),
    ]
    main(["convert", both, str(tmp_path / "events.tsv"), "--to=boris-tabular", names])
    assert [(c.video, c.stop, c.labels) for c in read_labels(tmp_path / "events.tsv").clips[:2]] == [
        ("ZG0000.1", 0.24, ("Walk",)),
        ("ZG0000.1", 0.48, ("Graze",)),
    ]
    capsys.readouterr()
    main(["convert", str(table), str(tmp_path / "lists"), "--to=frame-list", "--fps=25"])
    assert "not held" not in capsys.readouterr().out
    # Classes of a table are in the order of their names, so the numbers are others; the frames are the same.
    again = read_splits(
        {name: tmp_path / "lists" / f"{name}.csv" for name in ("train", "test")},
        Reading(read_classes(tmp_path / "lists" / "classes.json"), per_frame=True),
    )
    assert [(c.video, c.stop, c.labels, c.split) for c in again.clips] == [
        (c.video, c.stop, c.labels, c.split) for c in clips
    ]


def test_animal_kingdoms_metadata_there_and_back(tmp_path: Path) -> None:
    book = layouts.animal_kingdom_book(tmp_path / "AR_metadata.xlsx", layouts.CLIPS)
    main(["convert", str(book), str(tmp_path / "table.csv")])
    main(["convert", str(tmp_path / "table.csv"), str(tmp_path / "again.xlsx"), "--to=animal-kingdom"])
    assert read_labels(tmp_path / "again.xlsx").clips == read_labels(book).clips
    assert read_classes(tmp_path / "again.xlsx") == list(layouts.ACTIONS)


def test_a_source_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a_labels.csv").write_text(layouts.DEEPETHOGRAM.replace("1,0,1,0", "1,0,7,0"))
    with pytest.raises(SystemExit) as stopped:
        main(["convert", str(tmp_path / "a_labels.csv"), str(tmp_path / "t.csv"), "--fps", "10"])
    assert stopped.value.code == 2
    assert "a_labels.csv, line 3, column 'walking'" in capsys.readouterr().err
    assert not (tmp_path / "t.csv").exists()


def test_options_without_effect_and_the_source_as_target_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "events.csv"
    source.write_text(layouts.BORIS_AGGREGATED)
    before = source.read_bytes()
    target = str(tmp_path / "table.csv")
    for arguments, message in (
        ([target, "--hop", "1"], "--hop and --share say how windows lie"),
        ([target, "--share", "0.2"], "--hop and --share say how windows lie"),
        ([target, "--window", "2", "--hop", "0"], "window hop: expected seconds above 0, got 0.0"),
        ([str(source), "--window", "2"], "is a file that this command reads"),
    ):
        with pytest.raises(SystemExit):
            main(["convert", str(source), *arguments])
        assert message in capsys.readouterr().err
    assert source.read_bytes() == before
    assert not Path(target).exists()


def test_several_sources_become_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"filepath,label\n{name}.mp4,walking\n")
    both = f"[{tmp_path / 'a.csv'}, {tmp_path / 'b.csv'}]"
    main(["convert", both, str(tmp_path / "table.csv")])
    assert read_labels(tmp_path / "table.csv").videos() == ("a.mp4", "b.mp4")
    with pytest.raises(SystemExit):
        main(["convert", both, str(tmp_path / "b.csv")])
    assert "is a file that this command reads" in capsys.readouterr().err


def test_a_boris_project_is_converted_and_compared_with_its_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, events = tmp_path / "p.boris", tmp_path / "events.csv"
    project.write_text(layouts.boris_project_text())
    main(["convert", str(project), str(tmp_path / "table.csv"), "--window", "0.6"])
    assert "Wrote 4 clips of 1 video, 3 classes" in capsys.readouterr().out
    main(["convert", str(project), str(events), "--to=boris-tabular"])
    main(["evaluate", str(project), str(events), "--output", str(tmp_path / "agreement")])
    rows = (tmp_path / "agreement" / "agreement.csv").read_text().splitlines()
    assert {row.split(",")[5] for row in rows[1:4]} == {"1.000000"}  # F1


def test_bouts_that_overlap_are_converted_and_windows_that_do_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "events.csv", tmp_path / "events.boris"
    header, rows = "filepath,label,start,stop", ["a.mp4,walking,1,3", "a.mp4,pecking,2,5", "b.mp4,walking,0.5,1"]
    source.write_text("\n".join([header, *rows]) + "\n")
    main(["convert", str(source), str(target), "--to", "boris-project"])
    assert "its rows are taken for bouts" in capsys.readouterr().out
    found = {one.video: one.bouts for one in read_annotation(target).timelines}
    assert {video: sorted((b.label, b.start, b.stop) for b in bouts) for video, bouts in found.items()} == {
        "a.mp4": [("pecking", 2, 5), ("walking", 1, 3)],
        "b.mp4": [("walking", 0.5, 1)],
    }
    main(["convert", str(source), str(tmp_path / "windows.csv"), "--window", "2"])
    assert (tmp_path / "windows.csv").read_text().splitlines()[1:] == [
        "a.mp4,0.0,2.0,walking",
        "a.mp4,2.0,4.0,pecking;walking",
        "b.mp4,0.0,1.0,walking",
    ]
    for head, those in (
        (header, ["a.mp4,walking,1,3", "a.mp4,pecking,2,4"]),  # of one length: may be windows
        (f"{header},split", [f"{row},train" for row in rows]),
        (header, [*rows, "b.mp4,walking;pecking,2,3"]),
    ):
        source.write_text("\n".join([head, *those]) + "\n")
        with pytest.raises(SystemExit):
            main(["convert", str(source), str(tmp_path / "no.boris"), "--to", "boris-project"])
        assert "If rows are bouts, a behaviour each, say so: --rows bouts" in capsys.readouterr().err
