"""`amclip tracks`: what a user sees of a file of tracks, and the table that is written of it."""

import csv
from pathlib import Path

import numpy as np
import pytest
import texts
from drawn import draw_video

from amclip.cli import main
from amclip.data.tracks import Track, Tracks, read_tracks, write_tracks


def rows(text: str) -> dict[str, list[str]]:
    """Cells of the animals' lines by the animal."""
    lines = [line.split() for line in text.splitlines() if line.startswith(" ")]
    return {cells[1]: cells[2:] for cells in lines[1:]}


def test_any_form_becomes_the_table_and_is_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dump.xml").write_text(texts.CVAT)
    main(
        ["tracks", str(tmp_path / "dump.xml"), "--output", str(tmp_path / "out" / "tracks.csv"), "--cvat_name", "name"]
    )
    said = capsys.readouterr().out
    assert rows(said) == {"ann": ["2", "0", "1", "0", "0", "40.0", "-"], "bob": ["1", "3", "3", "0", "0", "8.0", "-"]}
    assert "Wrote 3 boxes of 1 video to" in said
    with (tmp_path / "out" / "tracks.csv").open() as file:
        assert list(csv.reader(file))[1:] == [
            ["a.mp4", "0", "ann", "10", "20", "30", "40"],
            ["a.mp4", "1", "ann", "11", "20", "30", "40"],
            ["a.mp4", "3", "bob", "50", "60.5", "7", "8"],
        ]


def test_settings_reach_the_reader_and_notes_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text(texts.MOT_TRUTH)
    target = tmp_path / "tracks.csv"
    words = ["--mot_first_pixel", "0", "--offset", "[100, 0]", "--names", "{'1': ann}", "--output", str(target)]
    main(["tracks", str(tmp_path / "a.txt"), *words])
    assert "note: " in capsys.readouterr().out
    assert read_tracks(target).track("a", "ann").boxes[0].tolist() == [111, 21, 141, 61]  # type: ignore[union-attr]


def test_beside_their_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "films" / "day").mkdir(parents=True)
    draw_video(tmp_path / "films" / "day" / "a.mp4", 10)
    boxes = np.array([[0.0, 0, 8, 8], [-20, 0, -10, 8], [0, 0, 9, 9], [2000, 0, 2010, 9]])
    track = Track("ann", np.array([0, 2, 3, 10]), boxes)
    write_tracks(Tracks.of("drawn", [("a", track)]), tmp_path / "in.csv")
    main(["tracks", str(tmp_path / "in.csv"), "--root", str(tmp_path / "films"), "--output", str(tmp_path / "out.csv")])
    assert rows(capsys.readouterr().out)["ann"] == ["4", "0", "10", "2", "6", "9.5", "-", "50.0%", "1"]
    assert list(read_tracks(tmp_path / "out.csv").videos) == ["day/a.mp4"]
    write_tracks(Tracks.of("drawn", [("b", track)]), tmp_path / "in.csv")
    with pytest.raises(SystemExit) as ended:
        main(["tracks", str(tmp_path / "in.csv"), "--root", str(tmp_path / "films")])
    assert ended.value.code == 2
    assert "no video below" in capsys.readouterr().err


def test_what_is_read_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tracks.csv").write_text(texts.PLAIN)
    with pytest.raises(SystemExit):
        main(["tracks", str(tmp_path), "--output", str(tmp_path / "tracks.csv")])
    assert "--output" in capsys.readouterr().err
    assert (tmp_path / "tracks.csv").read_text() == texts.PLAIN


def test_a_name_that_labels_cannot_have_is_refused_and_can_be_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "boxes.csv"
    table.write_text("video,frame,subject,x,y,width,height\na.mp4,0,ann;bob,1,2,3,4\na.mp4,0,cid,1,2,3,4\n")
    target = tmp_path / "tracks.csv"
    with pytest.raises(SystemExit):
        main(["tracks", str(table), "--output", str(target)])
    assert "line 2: subject 'ann;bob': holds ';'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["tracks", str(table), "--output", str(target), "--names", "{cid: '=x'}"])
    assert not target.exists()
    main(["tracks", str(table), "--output", str(target), "--names", "{'ann;bob': ann}"])
    assert read_tracks(target).subjects("a.mp4") == ("ann", "cid")
