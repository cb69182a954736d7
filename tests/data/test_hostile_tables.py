"""Tables that nobody means well with, and tables of a million rows."""

import contextlib
import sys
import tempfile
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import pytest
from field_samples import ETHOVISION, ETHOVISION_LOG, SAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st

from amclip.data.clock import Clock
from amclip.data.formats import read_labels
from amclip.data.formats.delimited import parse_number
from amclip.data.label_error import LabelError
from amclip.data.table import Clip, build_table, write_table
from amclip.ethogram.settings import bout_settings

HEADER = "filepath,start,stop,label\n"
GOOD = "a.mp4,0,1,walking\n"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (HEADER + GOOD + "a.mp4,1,2," + "x" * 140_000 + "\n", 3, "a cell has more than 131072 characters"),
        (HEADER + GOOD + '"' + "a" * 200_000 + '.mp4",1,2,walking\n', 3, "a cell has more than 131072 characters"),
        # Python 3.10's csv takes no NUL.
        (HEADER + GOOD + "a\0.mp4,1,2,walking\n", 3, "control characters" if sys.version_info > (3, 11) else "NUL"),
        (HEADER + GOOD + "\x1b[2Ja.mp4,1,2,walking\n", 3, "holds control characters"),
        (HEADER + GOOD + "a" * 5000 + ".mp4,1,2,walking\n", 3, "has 5004 characters, more than any file's"),
        (HEADER + GOOD + "é" * 130 + ".mp4,1,2,walking\n", 3, "has 134 characters, more than any file's"),
        (HEADER + GOOD + "d/" * 2200 + "a.mp4,1,2,walking\n", 3, "has 4405 characters, more than any file's"),
        (HEADER + GOOD + "a.mp4,1_0,2_0,walking\n", 3, "'1_0' is not a number of seconds"),
        (HEADER + GOOD + "a.mp4,\u0661,\u0662,walking\n", 3, "is not a number of seconds"),
        ("filepath," + ",".join(f"c{n}" for n in range(200_000)) + "\n", 1, "has 200001 columns"),
        ("filepath;" + ";".join(f"c{n}" for n in range(20_000)) + "\n", 1, "has 20001 columns"),
        ("x" * 150_000 + "\n" + GOOD, 1, "cannot tell the format from the first line"),
        (",".join(f"c{n}" for n in range(200_000)) + "\n", 1, "cannot tell the format from the first line"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, str) else str(value),
)
def test_it_is_refused_by_its_line(text: str, line: int, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabelError) as refused:
        read_labels(path)
    assert refused.value.line == line
    assert reason in str(refused.value)
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("name", ["=1+1", '=HYPERLINK("x")', "@sum", "+a", "-a", "\x1b[31mred", "turned\u202eround"])
def test_names_of_behaviours_that_a_program_would_obey_are_refused(name: str, tmp_path: Path) -> None:
    cell = name.replace('"', '""')
    (tmp_path / "labels.csv").write_text(f'{HEADER}a.mp4,0,1,"{cell}"\n', encoding="utf-8")
    with pytest.raises(LabelError, match=r"class name .* take another"):
        read_labels(tmp_path / "labels.csv")
    (tmp_path / "columns.csv").write_text(f'filepath,walking,"{cell}"\na.mp4,0,1\n', encoding="utf-8")
    with pytest.raises(LabelError, match=r"class name .* take another"):
        read_labels(tmp_path / "columns.csv")


def test_a_path_that_begins_like_a_formula_is_written_as_none_and_read_back(tmp_path: Path) -> None:
    table = build_table([Clip("=1+1.mp4", labels=("a",)), Clip("-x/b.mp4", labels=("a",))], "drawn")
    write_table(table, tmp_path / "out.csv")
    assert [line.split(",")[0] for line in (tmp_path / "out.csv").read_text().splitlines()[1:]] == [
        "./=1+1.mp4",
        "./-x/b.mp4",
    ]
    assert [clip.video for clip in read_labels(tmp_path / "out.csv").clips] == ["=1+1.mp4", "-x/b.mp4"]


@given(st.text(max_size=12))
def test_a_number_is_what_float_reads_without_its_liberties(text: str) -> None:
    value = parse_number(text)
    if value is not None:
        assert "_" not in text
        assert text.isascii()
        assert value == float(text) or value != value
    assert parse_number("12.5e-1") == 1.25


def test_settings_know_the_same_numbers(tmp_path: Path) -> None:
    path = tmp_path / "settings.csv"
    path.write_text("behaviour,threshold\na,0_1\n")
    with pytest.raises(ValueError, match="'0_1' is not a number"):
        bout_settings(["a"], [0.5], str(path))
    path.write_text("behaviour,threshold\na," + "1" * 200_000 + "\n")
    with pytest.raises(ValueError, match="cannot be split into columns"):
        bout_settings(["a"], [0.5], str(path))


def test_clips_that_stand_twice_are_found_whatever_the_order() -> None:
    clips = [
        Clip("a.mp4", 1, 2, ("x",), line=2),
        Clip("b.mp4", labels=("x",), line=3),
        Clip("./a.mp4", 1.0, 2.0, ("x",), line=4),
        Clip("b.mp4", 0, 1, ("x",), line=5),
        Clip("b.mp4", labels=(), line=6),
        Clip("a.mp4", 1, 2, ("x",), line=7),
    ]
    with pytest.raises(LabelError) as refused:
        build_table(clips, "t.csv")
    errors = [refused.value, *refused.value.others]
    assert [error.line for error in errors] == [4, 6, 7]
    assert ["first in line" in error.reason for error in errors] == [True] * 3
    assert "first in line 2" in errors[2].reason
    assert "with different labels" in errors[1].reason


def test_a_million_rows_take_seconds_and_little_memory(tmp_path: Path) -> None:
    """Time and memory of a row, on a table of 20,000; what a row costs does not depend on how many there are."""
    rows, path = 20_000, tmp_path / "labels.csv"
    lines = (f"day{n % 7}/video_{n % 90:04d}.mp4,{n / 2:.3f},{n / 2 + 0.5:.3f},walking;b\n" for n in range(rows))
    path.write_text(HEADER + "".join(lines))
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    tracemalloc.start()
    table = read_labels(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    sys.setprofile(count)
    read_labels(path)
    sys.setprofile(None)
    assert len(table) == rows
    assert peak / rows < 450  # bytes: 0.45 GB for a million
    assert calls / rows < 40  # a call takes about 0.1 µs


def test_a_table_of_events_with_a_start_and_no_stop_is_no_puzzle(tmp_path: Path) -> None:
    """Found by changing tables at random: a column `Start` beside those of BORIS' tabular events."""
    path = tmp_path / "events.csv"
    header = "Observation id,Media file name,Behavior,Behavior type,Time,Start\n"
    path.write_text(header + "one,a.mp4,walking,START,1.0,9\none,a.mp4,walking,STOP,2.0,9\n")
    shown = [(clip.start, clip.stop) for clip in read_labels(path).clips if clip.labels]
    assert shown == [(1.0, 2.0)]


TEXTS = (
    HEADER + GOOD + "b/c.mp4,1.5,2.5,walking;eating\n",
    "filepath;walking;eating;split\na.mp4;0;1;train\nb.mp4;1;0;val\n",
    "a.mp4 walking\n'b c.mp4' eating\n",
    "Observation id,Media file name,Behavior,Behavior type,Time\n"
    "one,a.mp4,walking,START,1.0\none,a.mp4,walking,STOP,2\n",
    'original_vido_id video_id frame_id path labels\na 1 1 a/1.jpg "0"\na 1 2 a/2.jpg "0,1"\n',
    '{"class_names": {"0": "other", "1": "walking"}, "is_multilabel": false, "labels": {"a.mp4": [0, 1, 1]}}',
    *(sample.text for name, sample in SAMPLES.items() if name not in ("ethovision", "mabe", "jaaba")),
    ETHOVISION,
    ETHOVISION_LOG,
)
ODD = (
    "\0",
    '"',
    ",",
    ";",
    "\t",
    "\n",
    "\r",
    "nan",
    "inf",
    "-1",
    "1_0",
    "{",
    "]",
    "=",
    "\x1b",
    "9" * 40,
    "1e999",
    "\u2028",
)


@settings(max_examples=300)
@given(st.sampled_from(TEXTS), st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 9), st.sampled_from(ODD))))
def test_whatever_is_changed_in_a_table_it_is_read_or_refused(text: str, changes: list[tuple[int, int, str]]) -> None:
    for at, length, word in changes:
        text = text[:at] + word + text[at + length :]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), contextlib.suppress(LabelError):
        warnings.simplefilter("ignore")
        path = Path(folder, "labels")
        path.write_bytes(text.encode())
        read_labels(path, clock=Clock(fps=25.0))
