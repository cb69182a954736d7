"""Names that terminals would obey, and that spreadsheet programs would compute."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amclip.text import counted, file_label, holds_control, is_formula, nearest, path_cell, printable, text_cell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("walking, été", "walking, été"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb\x07\x9b", "a\\rb\\x07\\x9b"),
        ("caf\udce9", "caf\\udce9"),
        ("turned \u202e round", "turned \\u202e round"),
    ],
)
def test_a_terminal_is_shown_what_it_would_obey(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.binary(min_size=1, max_size=30).filter(lambda name: b"\0" not in name and b"/" not in name))
def test_a_label_for_a_file_can_be_shown_and_written_and_is_another_for_another_file(name: bytes) -> None:
    label = file_label(os.fsdecode(name))
    assert not holds_control(label)
    assert not is_formula(label)
    assert len(label.splitlines()) == 1
    assert "\t" not in label
    label.encode("utf-8")
    assert file_label(os.fsdecode(name + b"\xff")) != label != file_label(os.fsdecode(name + b"\xfe"))


def test_cells_that_begin_like_formulas() -> None:
    assert [path_cell(name) for name in ("=1+1.mp4", "-a.mp4", "a=b.mp4")] == ["./=1+1.mp4", "./-a.mp4", "a=b.mp4"]
    assert [text_cell(text) for text in ("=1+1", "@a", "+", "is empty")] == ["'=1+1", "'@a", "'+", "is empty"]


def test_the_nearest_names_are_those_that_people_write_differently_or_mistype() -> None:
    there = ("Mouse_1.mp4", "Mouse_2.mp4", "cow.avi")
    assert nearest("mouse1.mp4", there, most=2) == ["Mouse_1.mp4"]  # the other is like it too, and another number
    assert nearest("mousse1.mp4", there, most=2) == ["Mouse_1.mp4", "Mouse_2.mp4"]
    assert nearest("walkin", ["resting", "Walking"]) == ["Walking"]
    assert nearest("goat.mov", there, cutoff=0.75) == []
    assert nearest("x", []) == []


def test_counts_agree_with_what_they_count() -> None:
    assert [counted(number, "video") for number in (0, 1, 2)] == ["0 videos", "1 video", "2 videos"]
    assert counted(2, "class", "classes") == "2 classes"
