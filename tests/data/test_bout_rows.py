"""Tables whose rows are bouts: between them nothing is shown, and what they are is told by how they lie."""

from pathlib import Path

import pytest
from drawn import draw_video

from amclip.data.clock import Clock
from amclip.data.formats import Reading, read_table
from amclip.data.intervals import Windows
from amclip.data.label_error import LabelError

HEAD = "video,behaviour,start,stop"
BOUTS = f"{HEAD}\na.mp4,walk,0,2\na.mp4,call,0.5,1\na.mp4,walk,3,3.5\n"
WINDOWS = Windows(1, 1)


def table(tmp_path: Path, text: str) -> Path:
    (tmp_path / "scoring.csv").write_text(text)
    return tmp_path / "scoring.csv"


def test_rows_that_overlap_as_bouts_do_are_cut_up_to_the_end_of_the_video(tmp_path: Path) -> None:
    draw_video(tmp_path / "a.mp4", 150)  # 6 s
    found = read_table(table(tmp_path, BOUTS), Reading(windows=WINDOWS, clock=Clock(tmp_path)))
    assert [(clip.start, clip.labels) for clip in found.clips] == [
        (0, ("call", "walk")),
        (1, ("walk",)),
        (2, ()),
        (3, ("walk",)),
        (4, ()),
        (5, ()),
    ]
    without = read_table(table(tmp_path, BOUTS), Reading(windows=WINDOWS))  # the video is not there
    assert max(clip.stop or 0 for clip in without.clips) == 3
    as_they_are = read_table(table(tmp_path, BOUTS), Reading())
    assert [(clip.start, clip.stop) for clip in as_they_are.clips] == [(0, 2), (0.5, 1), (3, 3.5)]


@pytest.mark.parametrize(
    "rows",
    [
        "a.mp4,walk,0,2\na.mp4,call,2,3\n",  # behaviours that exclude each other
        "a.mp4,walk,0,2\na.mp4,call,1,3\na.mp4,walk,2,4\n",  # windows
        "a.mp4,walk;run,0,2\na.mp4,call,0.5,1\n",
        "a.mp4,walk,,\n",
    ],
)
def test_rows_that_may_be_clips_are_not_cut(tmp_path: Path, rows: str) -> None:
    with pytest.raises(LabelError, match=r"rows are clips already.* --rows bouts"):
        read_table(table(tmp_path, f"{HEAD}\n{rows}"), Reading(windows=WINDOWS))


def test_rows_are_bouts_where_that_is_said(tmp_path: Path) -> None:
    text = f"{HEAD}\na.mp4,walk,0,2\na.mp4,call,2,3\nb.mp4,,,\n"
    draw_video(tmp_path / "b.mp4", 50)
    said = Reading(windows=WINDOWS, rows="bouts", clock=Clock(tmp_path))
    found = read_table(table(tmp_path, text), said).clips
    assert [(clip.video, clip.start, clip.labels) for clip in found] == [
        ("a.mp4", 0, ("walk",)),
        ("a.mp4", 1, ("walk",)),
        ("a.mp4", 2, ("call",)),
        ("b.mp4", 0, ()),
        ("b.mp4", 1, ()),
    ]


@pytest.mark.parametrize("column", ["subject", "Animal", "individual", "animal_id"])
def test_a_column_names_the_animal(tmp_path: Path, column: str) -> None:
    text = f"{HEAD},{column}\na.mp4,walk,0,2,ann\na.mp4,call,0.5,2,ann\na.mp4,walk,2,3,bob\n"
    found = read_table(table(tmp_path, text), Reading(windows=WINDOWS, subjects="each")).clips
    assert {(clip.subject, clip.start, clip.labels) for clip in found} == {
        *(("ann", start, labels) for start, labels in ((0, ("call", "walk")), (1, ("call", "walk")), (2, ()))),
        *(("bob", start, labels) for start, labels in ((0, ()), (1, ()), (2, ("walk",)))),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEAD}\na.mp4,walk,0,2\na.mp4,call,,\n", "line 3: has no start and stop"),
        (f"{HEAD}\na.mp4,walk,2,1\n", "line 2, column 'stop': stops at 1 s, before it starts at 2 s"),
        (f"{HEAD}\na.mp4,walk,-1,1\n", "line 2, column 'start': -1 is not a time"),
        (f"{HEAD}\na.mp4,walk,x,1\n", "line 2, column 'start'"),
        (f"{HEAD}\na.mp4,walk;call,0,1\n", "line 2: 'walk;call' are several behaviours"),
        (f"{HEAD},split\na.mp4,walk,0,1,train\n", "line 2, column 'split': names a split"),
        (f"{HEAD},animal,subject\na.mp4,walk,0,1,x,y\n", "both hold the subject; keep one"),
        ("video,start,stop\na.mp4,0,1\n", "no column of behaviours"),
        (f"{HEAD}\n,walk,0,1\n", "line 2"),
        (f"{HEAD}\n", "the table has no rows"),
        (f"{HEAD},peak_probability\na.mp4,walk,0,1,0.9\n", "says what was found"),
        (f"{HEAD}\na.mp4,walk,0,9\n", "line 2: 'walk' stops at 9 s, after the end of a.mp4 at 2 s"),
    ],
)
def test_what_no_table_of_bouts_holds(tmp_path: Path, text: str, words: str) -> None:
    draw_video(tmp_path / "a.mp4", 50)
    with pytest.raises(LabelError) as raised:
        read_table(table(tmp_path, text), Reading(windows=WINDOWS, rows="bouts", clock=Clock(tmp_path)))
    assert words in str(raised.value)
