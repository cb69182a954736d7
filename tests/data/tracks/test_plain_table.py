"""amclip's own table of tracks, and how files and folders of it are joined."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amclip.data.label_error import LabelError
from amclip.data.tracks import Track, TrackReading, Tracks, read_tracks, write_tracks

HEADER = "video,frame,subject,x,y,width,height\n"
TABLE = HEADER + "a.mp4,1,ann,10,20,30,40\na.mp4,0,ann,1.5,2,30,40\nday/b.mp4,7,ann,-5,0,10,10\na.mp4,0,bob,0,0,5,5\n"


def read(folder: Path, text: str, name: str = "tracks.csv") -> Tracks:
    (folder / name).write_text(text)
    return read_tracks(str(folder / name))


def same(one: Tracks, other: Tracks) -> bool:
    assert list(one.videos) == list(other.videos)
    for video in one.videos:
        assert one.subjects(video) == other.subjects(video)
        for here, there in zip(one.videos[video], other.videos[video], strict=True):
            np.testing.assert_array_equal(here.frames, there.frames)
            np.testing.assert_allclose(here.boxes, there.boxes, atol=2e-3)
            assert here.body_length == there.body_length
    return True


def test_rows_in_any_order_become_tracks(tmp_path: Path) -> None:
    tracks = read(tmp_path, TABLE)
    assert list(tracks.videos) == ["a.mp4", "day/b.mp4"]
    assert tracks.subjects("a.mp4") == ("ann", "bob")
    ann = tracks.videos["a.mp4"][0]
    assert ann.frames.tolist() == [0, 1]
    assert ann.boxes.tolist() == [[1.5, 2, 31.5, 42], [10, 20, 40, 60]]
    assert ann.body_length is None
    assert tracks.videos["day/b.mp4"][0].boxes.tolist() == [[-5, 0, 5, 10]]


def test_a_row_whose_box_is_empty_says_nothing_and_other_columns_are_the_users(tmp_path: Path) -> None:
    text = "frame;note;subject;x;y;width;height;filepath\n3;seen;ann;1,5;2;3;4;a.mp4\n4;lost;ann;;;;;a.mp4\n"
    track = read(tmp_path, text).videos["a.mp4"][0]
    assert track.frames.tolist() == [3]
    assert track.boxes.tolist() == [[1.5, 2, 4.5, 6]]


def test_body_lengths_are_one_per_animal(tmp_path: Path) -> None:
    rows = [f"a.mp4,{frame},ann,0,0,5,5,{length}" for frame, length in enumerate(("10", "12", "", "90"))]
    text = HEADER.strip() + ",body_length\n" + "\n".join(rows) + "\na.mp4,0,bob,0,0,5,5,\n"
    ann, bob = read(tmp_path, text).videos["a.mp4"]
    assert ann.body_length == 12
    assert bob.body_length is None


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(-20, 500, (50, 2))
    boxes = np.hstack([corners, corners + rng.uniform(0, 90, (50, 2))])
    frames = np.sort(rng.choice(1000, 50, replace=False))
    tracks = Tracks.of(
        "drawn",
        [
            ("day/a.mp4", Track("ann", frames, boxes, 31.125)),
            ("day/a.mp4", Track("bob, or so", frames, boxes[::-1])),
            ("=b.mp4", Track("ann", frames, boxes)),
        ],
    )
    write_tracks(tracks, tmp_path / "tracks.csv")
    again = read_tracks(tmp_path / "tracks.csv")
    assert list(again.videos) == ["day/a.mp4", "./=b.mp4"]  # no cell is a formula
    assert same(Tracks.of("", [("day/a.mp4", track) for track in tracks.videos["day/a.mp4"]]), Tracks.of(
        "", [("day/a.mp4", track) for track in again.videos["day/a.mp4"]]))  # fmt: skip
    first = (tmp_path / "tracks.csv").read_bytes()
    write_tracks(again, tmp_path / "tracks.csv")
    assert (tmp_path / "tracks.csv").read_bytes() == first


def test_without_body_lengths_there_is_no_such_column(tmp_path: Path) -> None:
    write_tracks(
        Tracks.of("", [("a.mp4", Track("ann", np.array([0]), np.array([[0.0, 0, 2, 2]])))]), tmp_path / "t.csv"
    )
    assert (tmp_path / "t.csv").read_text() == HEADER + "a.mp4,0,ann,0,0,2,2\n"


@pytest.mark.parametrize(("video", "subject"), [("", "ann"), ("a\tb", "ann"), ("a.mp4", " ann"), ("a.mp4", "")])
def test_names_that_a_table_would_not_keep_are_refused(tmp_path: Path, video: str, subject: str) -> None:
    tracks = Tracks.of("drawn", [(video, Track(subject, np.array([0]), np.array([[0.0, 0, 2, 2]])))])
    with pytest.raises(LabelError):
        write_tracks(tracks, tmp_path / "t.csv")
    assert not (tmp_path / "t.csv").exists()


def test_files_and_folders_are_joined(tmp_path: Path) -> None:
    (tmp_path / "more" / "deep").mkdir(parents=True)
    (tmp_path / "more" / ".hidden").mkdir()
    (tmp_path / "one.csv").write_text(HEADER + "a.mp4,0,ann,0,0,1,1\n")
    (tmp_path / "more" / "deep" / "two.csv").write_text(HEADER + "a.mp4,0,bob,0,0,1,1\n")
    (tmp_path / "more" / ".hidden" / "x.csv").write_text(HEADER + "a.mp4,0,ann,0,0,1,1\n")
    (tmp_path / "more" / "labels.csv").write_text("filepath,label\na.mp4,walk\n")
    (tmp_path / "more" / "a.mp4").write_bytes(b"no text")
    tracks = read_tracks([str(tmp_path / "one.csv"), tmp_path / "more"])
    assert tracks.subjects("a.mp4") == ("ann", "bob")
    assert len(tracks.notes) == 1
    assert "labels.csv: is in no form of tracks known here" in tracks.notes[0]


def test_the_same_animal_in_two_files_is_refused_by_both_names(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text(HEADER + "a.mp4,0,ann,0,0,1,1\n")
    with pytest.raises(LabelError, match=r"two.csv: 'ann' of a.mp4 has a track here and in .*one.csv"):
        read_tracks(tmp_path)


def test_where_there_are_no_tracks_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="holds no file of tracks"):
        read_tracks(tmp_path)
    with pytest.raises(LabelError, match="the list of files of tracks is empty"):
        read_tracks([])
    with pytest.raises(LabelError, match=r"no\.csv: .*does not exist"):
        read_tracks(tmp_path / "no.csv")
    with pytest.raises(LabelError, match=r"line 1: cannot tell the form of tracks from the first line 'hello'"):
        read(tmp_path, "hello\n")
    with pytest.raises(LabelError, match="the file is empty"):
        read(tmp_path, "\n")


def test_an_animal_that_came_back_under_another_name_is_one_by_its_name(tmp_path: Path) -> None:
    rows = ["a.mp4,5,t7,0,0,8,8,30", "a.mp4,0,t0,1,1,8,8,10", "a.mp4,1,t0,2,1,8,8,10", "a.mp4,5,t3,2,1,8,8,"]
    (tmp_path / "tracks.csv").write_text(HEADER.strip() + ",body_length\n" + "\n".join(rows) + "\n")
    tracks = read_tracks(tmp_path / "tracks.csv", TrackReading(names={"t0": "ann", "t7": "ann"}))
    ann = tracks.videos["a.mp4"][0]
    assert tracks.subjects("a.mp4") == ("ann", "t3")
    assert ann.frames.tolist() == [0, 1, 5]
    assert ann.boxes[:, 0].tolist() == [1, 2, 0]
    assert ann.body_length == 10
    with pytest.raises(LabelError, match=r"tracks.csv: 'ann' would have two boxes in frame 5: tracks that are given"):
        read_tracks(tmp_path / "tracks.csv", TrackReading(names={"t3": "ann", "t7": "ann"}))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"min_likelihood": 2}, "min_likelihood: expected a number from 0 to 1, got 2"),
        ({"mot_first_pixel": 2}, "mot_first_pixel: expected 0 or 1, got 2"),
        ({"coco_first_frame": -1}, "coco_first_frame: expected 0 or 1, got -1"),
        ({"offset": (0, float("nan"))}, "offset: expected two numbers of pixels"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TrackReading(**settings)


def test_long_tables_are_read_as_short_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for frame in rng.permutation(60):
        for animal in ("ann", "bob"):
            x, y, width, height = rng.integers(0, 99, 4) / 4
            cells = ["", "", "", "", ""] if rng.random() < 0.05 else [x, y, width, height, 7 if animal == "ann" else ""]
            rows.append(",".join(map(str, ["a.mp4", frame, animal, *cells])))
    text = HEADER.strip() + ",body_length\n" + "\n".join(rows) + "\n"
    monkeypatch.setattr("amclip.data.tracks.plain_table._BLOCK", 7)  # most blocks are usual, some hold an empty box
    quick = read(tmp_path, text)
    monkeypatch.setattr("amclip.data.tracks.plain_table._BoxColumns.add_block", lambda *_: False)
    assert same(quick, read(tmp_path, text))
