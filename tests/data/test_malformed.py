"""Every format in malformed variants: each ends in an error by file, line and column, or is read as the intact file is.

The matrix says for each format and variant what is to happen: ``None``, read right; a pattern, refused so; a sentence
in ``NotApplicable``, why the format cannot be malformed in this way.
"""

import json
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import layouts
import pytest
from openpyxl import load_workbook

from amclip.data.clock import Clock
from amclip.data.formats import read_labels
from amclip.data.label_error import LabelError
from amclip.data.table import LabelTable

VARIANTS = (
    *("wrong delimiter", "missing column", "number out of range", "label unknown", "BOM", "CRLF", "quotes"),
    *("open quote", "duplicate", "empty", "no rows", "wrong sheet"),
)


@dataclass(frozen=True)
class NotApplicable:
    why: str


@dataclass(frozen=True)
class Changed:
    """What is done to the text, and what then happens."""

    change: Callable[[str], str]
    expected: str | None


@dataclass(frozen=True)
class InBook:
    """The text as a workbook: sheets by their titles; what then happens."""

    sheets: Callable[[str], dict[str, str]]
    expected: str | None


Case = Changed | InBook | NotApplicable


@dataclass(frozen=True)
class Format:
    text: str
    name: str
    cases: dict[str, Case]
    options: dict[str, Any] = field(default_factory=dict)


def swap(old: str, new: str, count: int = -1) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, count)

    return change


def every_cell_quoted(text: str, delimiter: str = ",", joined: str = "\n") -> str:
    rows = layouts.as_rows(text) if delimiter == "," else [line.split(delimiter) for line in text.splitlines()]
    return joined.join(delimiter.join('"' + cell.strip('"') + '"' for cell in row) for row in rows) + "\n"


def in_bytes(empty: str = r"^[^,]*: the file is empty") -> dict[str, Case]:
    """What is the same for all formats of text."""
    return {
        "BOM": Changed(lambda text: "\ufeff" + text, None),
        "CRLF": Changed(lambda text: text.replace("\n", "\r\n"), None),
        "empty": Changed(lambda text: "", empty),
    }


SHEETS = {
    "wrong sheet": InBook(
        lambda text: {"Notes": "what,who\nlabels are on paper,me\n"},
        r"no sheet holds labels in a form known here \(sheets: Notes\)",
    ),
}
NO_NUMBERS = NotApplicable("holds names and no numbers")
TABLE = "filepath,start,stop,label,split\na.mp4,0,2.5,walk;rest,train\na.mp4,2.5,5,,train\nb.mp4,0,1,rest,val\n"
TABLE_CASES: dict[str, Case] = {
    **in_bytes(),
    **SHEETS,
    "wrong delimiter": Changed(swap(",", "|"), r"line 1: cannot tell the format from the first line"),
    "missing column": Changed(swap(",stop", ",until"), r"line 1: has a column 'start' and none for stop"),
    "number out of range": Changed(swap("a.mp4,2.5", "a.mp4,-2.5"), r"line 3, column 'start': -2.5 is not a time"),
    "label unknown": Changed(
        swap("0,1,rest", "0,1,rests"), r"line 4, column 'label': unknown class 'rests'; did you mean"
    ),
    "quotes": Changed(every_cell_quoted, None),
    "open quote": Changed(swap("b.mp4,0", '"b.mp4,0'), r"line 4: cannot be split into columns"),
    "duplicate": Changed(lambda text: text + "b.mp4,0,1,rest,val\n", r"line 5: b.mp4 from 0.0 to 1.0 s appears twice"),
    "no rows": Changed(lambda text: text.splitlines()[0], r"the table has no rows"),
}
ANIMALS = (
    "filepath,subject,start,stop,label,split\na.mp4,f1,0,2.5,walk;rest,train\na.mp4,f2,0,2.5,,train\n"
    "b.mp4,f 3,0,1,rest,val\nb.mp4,,1,2,,val\n"
)
ANIMALS_CASES: dict[str, Case] = {
    **in_bytes(),
    **SHEETS,
    "wrong delimiter": Changed(swap(",", "|"), r"line 1: cannot tell the format from the first line"),
    "missing column": Changed(swap("subject", "animal"), r"line 3: a.mp4 from 0.0 to 2.5 s appears twice"),
    "number out of range": Changed(swap("f2,0", "f2,-2.5"), r"line 3, column 'start': -2.5 is not a time"),
    "label unknown": Changed(swap("0,1,rest", "0,1,rests"), r"line 4, column 'label': unknown class 'rests'; did you"),
    "quotes": Changed(every_cell_quoted, None),
    "open quote": Changed(swap("f 3", '"f 3'), r"line 4: cannot be split into columns"),
    "duplicate": Changed(swap("f2", "f1"), r"line 3: a.mp4 of 'f1' from 0.0 to 2.5 s appears twice .first in line 2"),
    "no rows": Changed(lambda text: text.splitlines()[0], r"the table has no rows"),
}
ONE_HOT = "filepath,walk,rest,split\na.mp4,1,1,train\nb.mp4,0,1,val\n"
ONE_HOT_CASES: dict[str, Case] = {
    **in_bytes(),
    **SHEETS,
    "wrong delimiter": Changed(swap(",", " "), r"line 1: cannot tell the format"),
    "missing column": Changed(swap("filepath", "clip"), r"line 1: cannot tell the format"),
    "number out of range": Changed(swap("b.mp4,0,1", "b.mp4,0,2"), r"line 3, column 'rest': '2' is neither 0 nor 1"),
    "label unknown": Changed(swap("rest", "rests"), r"line 1, column 'rests': unknown class 'rests'"),
    "quotes": Changed(every_cell_quoted, None),
    "open quote": Changed(swap("val", '"val'), r"line 3: cannot be split into columns"),
    "duplicate": Changed(
        lambda text: text + "b.mp4,1,0,val\n", r"line 4: b.mp4 appears twice .* with different labels"
    ),
    "no rows": Changed(lambda text: text.splitlines()[0], r"the table has no rows"),
}
ZAMBA = "filepath,label,split,site\na.mp4,walk,train,north\nb.avi,rest,holdout,south\n"
ZAMBA_CASES: dict[str, Case] = {
    **in_bytes(),
    **SHEETS,
    "wrong delimiter": Changed(swap(",", "|"), r"line 1: cannot tell the format"),
    "missing column": Changed(swap("filepath", "clip"), r"line 1: cannot tell the format"),
    "number out of range": NO_NUMBERS,
    "label unknown": Changed(
        swap("rest", "rset"), r"line 3, column 'label': unknown class 'rset'; did you mean 'rest'"
    ),
    "quotes": Changed(every_cell_quoted, None),
    "open quote": Changed(swap("b.avi", '"b.avi'), r"line 3: cannot be split into columns"),
    "duplicate": Changed(
        lambda text: text + "a.mp4,walk,holdout,north\n", r"line 4: a.mp4 appears twice .* in the splits train and test"
    ),
    "no rows": Changed(lambda text: text.splitlines()[0], r"the table has no rows"),
}
LIST = "# my clips\na.mp4 walk rest\nday/b.avi rest\n"
LIST_CASES: dict[str, Case] = {
    **in_bytes(),
    **SHEETS,
    "wrong delimiter": Changed(swap(" ", ","), r"line 1: cannot tell the format"),
    "missing column": Changed(swap("day/b.avi rest", "rest"), r"line 3: 'rest' does not end like a video file"),
    "number out of range": NO_NUMBERS,
    "label unknown": Changed(swap("avi rest", "avi rests"), r"line 3, column 'label': unknown class 'rests'"),
    "quotes": Changed(lambda text: '# my clips\n"a.mp4" "walk" "rest"\n"day/b.avi" "rest"\n', None),
    "open quote": Changed(swap("day", '"day'), r"line 3: a quote is not closed"),
    "duplicate": Changed(lambda text: text + "day/b.avi walk\n", r"line 4: day/b.avi appears twice .*different labels"),
    "no rows": Changed(lambda text: text.splitlines()[0], r"line 1: cannot tell the format"),
}
MAMMALNET = "trimmed_videos/a_1.mp4 0 17\ntrimmed_videos/b.mp4 11 172\n" + "".join(
    f"trimmed_videos/c{n}.mp4 {n} {n}\n" for n in range(10)
)
MAMMALNET_CASES: dict[str, Case] = {
    **in_bytes(),
    **SHEETS,
    "wrong delimiter": Changed(swap(" ", ","), r"line 1: cannot tell the format"),
    "missing column": Changed(swap(" 172", ""), r"line 2: has 1 number where 11 of 12 lines have two, as in Mamm"),
    "number out of range": Changed(
        swap(" 11 ", " 12 "), r"line 2, column 'label': class 12 is out of range: there are 12"
    ),
    "label unknown": Changed(
        swap(" 11 172", " fights 172"), r"line 2, column 'label': 'fights' is not the number of a class"
    ),
    "quotes": Changed(lambda text: every_cell_quoted(text, " "), None),
    "open quote": Changed(swap("trimmed_videos/b", '"trimmed_videos/b'), r"line 2: a quote is not closed"),
    "duplicate": Changed(
        lambda text: text + "trimmed_videos/b.mp4 3 172\n",
        r"line 13: trimmed_videos/b.mp4 appears twice .*different labels",
    ),
    "no rows": NotApplicable("has no header, so without rows it is empty"),
}
FRAMES = (
    "original_vido_id video_id frame_id path labels\n"
    'AAAA 0 1 AAAA/1.jpg "0"\nAAAA 0 2 AAAA/2.jpg "0,2"\nBBBB 1 1 BBBB/1.jpg ""\n'
)
FRAMES_CASES: dict[str, Case] = {
    **in_bytes(),
    **SHEETS,
    "wrong delimiter": Changed(swap(" ", "|"), r"line 1: cannot tell the format"),
    "missing column": Changed(swap(" labels", " tags"), r"line 1, column 'labels': the list has no such column"),
    "number out of range": Changed(
        swap("0,2", "0,3"), r"line 3, column 'labels': class 3 is out of range: there are 3"
    ),
    "label unknown": Changed(swap("0,2", "0,run"), r"line 3, column 'labels': 'run' is not the number of a class"),
    "quotes": Changed(lambda text: every_cell_quoted(text, " "), None),
    "open quote": Changed(swap('"0,2"', '"0,2'), r"line 3: cannot be split into columns"),
    "duplicate": Changed(
        lambda text: text + 'AAAA 0 2 AAAA/2.jpg "1"\n', r"line 5, column 'frame_id': frame 2 of AAAA stands twice"
    ),
    "no rows": Changed(lambda text: text.splitlines()[0], r"the table has no rows"),
}
BORIS_CASES: dict[str, Case] = {
    **in_bytes(),
    **SHEETS,
    "wrong delimiter": Changed(swap(",", "|"), r"line 1: cannot tell the format"),
    "missing column": Changed(swap("Start (s)", "Begin"), r"line 1: cannot tell the format"),
    "number out of range": Changed(
        swap("1.0,2.0,1.0", "1.0,9.0,1.0"), r"line 3: 'resting' stops at 9 s, after the end of"
    ),
    "label unknown": Changed(
        swap("calling", "caling"), r"line 4, column 'Behavior': unknown class 'caling'; did you mean"
    ),
    "quotes": Changed(every_cell_quoted, None),
    "open quote": Changed(swap('"sleepy, or so"', '"sleepy'), r"line 3: cannot be split into columns"),
    "duplicate": Changed(lambda text: text + text.splitlines()[-1] + "\n", None),  # bouts of two animals may coincide
    "no rows": Changed(lambda text: text.splitlines()[0], r"line 1: there is no event below the header"),
}
TABULAR_CASES: dict[str, Case] = {
    **in_bytes(),
    **SHEETS,
    "wrong delimiter": Changed(swap(",", "|"), r"line 1: cannot tell the format"),
    "missing column": Changed(swap(",Media file name", ",File"), None),  # `Source` names it too
    "number out of range": Changed(
        swap("STOP,2.0", "STOP,9.0"), r"line 8: 'resting' stops at 9 s, after the end of a.mp4"
    ),
    "label unknown": Changed(
        swap("resting", "restin"), r"line 8, column 'Behavior': unknown class 'restin'; did you mean 'resting'"
    ),
    "quotes": Changed(every_cell_quoted, None),
    "open quote": Changed(swap("resting,,STOP", '"resting,,STOP'), r"line 8: cannot be split into columns"),
    "duplicate": Changed(
        lambda text: text + text.splitlines()[-1] + "\n",
        r"line 9, column 'Time': 'resting' stops at 2 s and had not started",
    ),
    "no rows": Changed(lambda text: "\n".join(text.splitlines()[:3]), r"line 3: there is no event below the header"),
}
OLD_CASES: dict[str, Case] = {
    **in_bytes(),
    **SHEETS,
    "wrong delimiter": Changed(swap("\t", "|"), r"line 1: cannot tell the format"),
    "missing column": Changed(swap("Media file", "File"), r"line 1: has no column of the media file"),
    "number out of range": Changed(swap("0.2\t1.0", "-0.2\t1.0"), r"line 2, column 'Start .s.': -0.2 is not a time"),
    "label unknown": Changed(swap("walking", "walkin"), r"line 2, column 'Behavior': unknown class 'walkin'"),
    "quotes": Changed(lambda text: every_cell_quoted(text, "\t"), None),
    "open quote": Changed(swap("calling", '"calling'), r"line 4: cannot be split into columns"),
    "duplicate": Changed(lambda text: text + text.splitlines()[-1] + "\n", None),
    "no rows": Changed(lambda text: text.splitlines()[0], r"line 1: there is no event below the header"),
}
DEEPETHOGRAM_CASES: dict[str, Case] = {
    **in_bytes(),
    **SHEETS,
    "wrong delimiter": Changed(swap(",", "|"), r"line 1: cannot tell the format"),
    "missing column": Changed(swap("background,", ""), r"line 1: cannot tell the format"),
    "number out of range": Changed(swap("1,0,1,0", "1,0,2,0"), r"line 3, column 'walking': '2' is none of 0, 1 and -1"),
    "label unknown": Changed(
        swap("calling", "caling"), r"line 1, column 'caling': unknown class 'caling'; did you mean"
    ),
    "quotes": Changed(every_cell_quoted, None),
    "open quote": Changed(swap("4,1,0,0", '"4,1,0,0'), r"line 6: cannot be split into columns"),
    "duplicate": Changed(
        lambda text: text + "4,1,0,0\n", r"line 7, column 'frame': is frame '4' where frame 5 should be"
    ),
    "no rows": Changed(lambda text: text.splitlines()[0], r"line 1: there is no frame below the header"),
}
FERAL_CASES: dict[str, Case] = {
    **in_bytes(),
    "wrong delimiter": Changed(swap(",", ";"), r"line \d+: is not JSON"),
    "missing column": Changed(swap('"labels"', '"frames"'), r"line 1: cannot tell the format"),
    "number out of range": Changed(
        swap("   2,\n", "   3,\n", 1), r"line 15, column 'labels': b.mp4, frame 0: 3 is not a class"
    ),
    "label unknown": Changed(swap("walking", "walkin"), r"column 'class_names': unknown class 'walkin'; did you mean"),
    "quotes": Changed(swap('"', "'"), r"line 1: cannot tell the format"),
    "open quote": Changed(swap('"b.mp4"', '"b.mp4', 1), r"line 15: is not JSON"),
    "duplicate": Changed(swap('"b.mp4"', '"a.mp4"', 1), r"line 15: 'a.mp4' stands twice"),
    "no rows": Changed(
        lambda text: json.dumps({**json.loads(text), "labels": {}, "splits": {}}), r"column 'labels': holds no labels"
    ),
    "wrong sheet": NotApplicable("is JSON"),
}
PROJECT_CASES: dict[str, Case] = {
    **in_bytes(),
    "wrong delimiter": Changed(swap(",", ";"), r"line 2: is not JSON"),
    "missing column": Changed(
        swap('"events"', '"happenings"'), r"line 18, column 'events': observation 'day 1': expec"
    ),
    "number out of range": Changed(
        swap("2.0,", "9.0,"), r"line 18: observation 'day 1': 'resting' stops at 9 s, after the end of a.mp4 at 2.4 s"
    ),
    "label unknown": Changed(
        swap('"code": "calling"', '"code": "caling"'), r"of no behaviour of the ethogram: unknown class 'calling'"
    ),
    "quotes": Changed(swap('"', "'"), r"line 1: cannot tell the format"),
    "open quote": Changed(swap('"a.mp4"', '"a.mp4', 1), r"line \d+: is not JSON"),
    "duplicate": Changed(swap('"2": []', '"1": []'), r"line \d+: '1' stands twice"),
    "no rows": Changed(
        lambda text: json.dumps({**json.loads(text), "observations": {}}), r"'observations': holds no observations"
    ),
    "wrong sheet": NotApplicable("is JSON"),
}
FORMATS = {
    "table": Format(TABLE, "labels.csv", TABLE_CASES, {"classes": ["walk", "rest"]}),
    "table with animals": Format(
        ANIMALS, "labels.csv", ANIMALS_CASES, {"classes": ["walk", "rest"], "subjects": "each"}
    ),
    "one-hot table": Format(ONE_HOT, "labels.csv", ONE_HOT_CASES, {"classes": ["walk", "rest"]}),
    "zamba": Format(ZAMBA, "labels.csv", ZAMBA_CASES, {"classes": ["walk", "rest"]}),
    "list": Format(LIST, "list.txt", LIST_CASES, {"classes": ["walk", "rest"]}),
    "MammalNet": Format(MAMMALNET, "train.csv", MAMMALNET_CASES, {"classes": [f"behaviour {n}" for n in range(12)]}),
    "frame list": Format(FRAMES, "train.csv", FRAMES_CASES, {"classes": ["walk", "graze", "run"]}),
    "BORIS aggregated": Format(
        layouts.BORIS_AGGREGATED, "events.csv", BORIS_CASES, {"classes": ["walking", "resting", "calling"]}
    ),
    "BORIS tabular": Format(
        layouts.BORIS_TABULAR, "events.csv", TABULAR_CASES, {"classes": ["walking", "resting", "calling"]}
    ),
    "BORIS old": Format(layouts.BORIS_OLD, "events.tsv", OLD_CASES, {"classes": ["walking", "resting", "calling"]}),
    "BORIS project": Format(
        layouts.boris_project_text(), "p.boris", PROJECT_CASES, {"classes": ["walking", "resting", "calling"]}
    ),
    "DeepEthogram": Format(
        layouts.DEEPETHOGRAM,
        "a_labels.csv",
        DEEPETHOGRAM_CASES,
        {"classes": ["walking", "calling"], "clock": Clock(fps=10)},
    ),
    "FERAL": Format(
        layouts.feral_text(), "labels.json", FERAL_CASES, {"classes": ["walking", "resting"], "clock": Clock(fps=10)}
    ),
}


def said(table: LabelTable) -> list[tuple[object, ...]]:
    return [(clip.video, clip.start, clip.stop, clip.labels, clip.split, clip.subject) for clip in table.clips]


def read_quietly(path: Path, options: dict[str, Any]) -> LabelTable:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*genus or species")
        return read_labels(path, **options)


def read_or_refuse(path: Path, expected: str | None, options: dict[str, Any], right: LabelTable) -> None:
    if expected is None:
        table = read_quietly(path, options)
        assert table.classes == right.classes
        assert said(table) == said(right)
        return
    with pytest.raises(LabelError, match=expected) as refused:
        read_quietly(path, options)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_in_every_malformed_variant(tmp_path: Path, name: str, variant: str) -> None:
    form = FORMATS[name]
    case = form.cases[variant]
    if isinstance(case, NotApplicable):
        return
    (tmp_path / "good").mkdir()
    good = tmp_path / "good" / form.name
    good.write_bytes(form.text.encode())
    right = read_quietly(good, form.options)
    if isinstance(case, InBook):
        path = layouts.save_sheets(
            tmp_path / "book.xlsx", {t: layouts.as_rows(s) for t, s in case.sheets(form.text).items()}
        )
    else:
        changed = case.change(form.text)
        assert changed != form.text
        path = tmp_path / form.name
        path.write_bytes(changed.encode())
    read_or_refuse(path, case.expected, form.options, right)


# Forms with a header in columns.
IN_BOOKS = [name for name in FORMATS if name not in ("list", "MammalNet", "BORIS project", "FERAL")]


@pytest.mark.parametrize("name", IN_BOOKS)
def test_a_sheet_among_others_is_found_and_two_are_refused(tmp_path: Path, name: str) -> None:
    form = FORMATS[name]
    (tmp_path / "good").mkdir()
    good = tmp_path / "good" / form.name
    good.write_bytes(form.text.encode())
    right = read_quietly(good, form.options)
    delimiter = {"frame list": " ", "BORIS old": "\t"}.get(name, ",")
    rows = layouts.as_rows(form.text, delimiter)
    notes = [["what", "who"], ["seen on Monday", "me"]]
    stem = form.name.partition(".")[0]
    path = layouts.save_sheets(tmp_path / f"{stem}.xlsx", {"Notes": notes, "Labels": rows})
    read_or_refuse(path, None, form.options, right)
    path = layouts.save_sheets(tmp_path / f"{stem}.xlsx", {"Monday": rows, "Tuesday": rows})
    read_or_refuse(path, r"2 sheets hold labels \(sheets: Monday, Tuesday\); keep one", form.options, right)


# ------------------------------------------------- Animal Kingdom's metadata, whose form is a workbook with two sheets

CLIPS = [("AAAA", "train", "0,2"), ("BBBB", "test", "3"), ("CCCC", "test", "")]
BOOK: dict[str, tuple[list[tuple[str, str, str]], dict[str, str], str | None] | NotApplicable] = {
    "wrong delimiter": (
        [("AAAA", "train", "0|2"), *CLIPS[1:]],
        {},
        r"line 2, column 'labels': '0\|2' is not the number of a class",
    ),
    "missing column": (CLIPS, {"labels": "label ids"}, r"line 1, column 'labels': the sheet 'AR' has no such column"),
    "number out of range": (
        [*CLIPS, ("D", "test", "4")],
        {},
        r"line 5, column 'labels': class 4 is out of range: there are 4",
    ),
    "label unknown": ([*CLIPS, ("D", "test", "Digging")], {}, r"line 5, column 'labels': 'Digging' is not the number"),
    "BOM": NotApplicable("a workbook holds no bytes of text"),
    "CRLF": NotApplicable("a workbook holds no lines of text"),
    "quotes": ([("AAAA", "train", '"0,2"'), *CLIPS[1:]], {}, None),
    "open quote": ([("AAAA", "train", '"0,2'), *CLIPS[1:]], {}, r"line 2, column 'labels': '\"0' is not the number"),
    "duplicate": (
        [*CLIPS, ("AAAA", "test", "0,2")],
        {},
        r"line 5: AAAA appears twice .first in line 2., in the splits",
    ),
    "empty": NotApplicable("a file of no bytes is no workbook; it is tested below"),
    "no rows": ([], {}, r"the table has no rows"),
    "wrong sheet": (
        CLIPS,
        {"AR": "Clips"},
        r"no sheet holds labels in a form known here \(sheets: Clips, CARe, Action",
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_animal_kingdoms_metadata_in_every_malformed_variant(tmp_path: Path, variant: str) -> None:
    case = BOOK[variant]
    if isinstance(case, NotApplicable):
        return
    clips, names, expected = case
    (tmp_path / "good").mkdir()
    right = read_labels(layouts.animal_kingdom_book(tmp_path / "good" / "AR_metadata.xlsx", CLIPS))
    path = layouts.animal_kingdom_book(tmp_path / "AR_metadata.xlsx", clips)
    book = load_workbook(path)
    for old, new in names.items():
        if old in book.sheetnames:
            book[old].title = new
            continue
        (cell,) = [cell for cell in book["AR"][1] if cell.value == old]
        cell.value = new
    book.save(path)
    read_or_refuse(path, expected, {}, right)


def test_files_of_no_bytes_and_books_cut_short_are_named(tmp_path: Path) -> None:
    path = tmp_path / "AR_metadata.xlsx"
    path.write_bytes(b"")
    with pytest.raises(LabelError, match=r"AR_metadata.xlsx: the file is empty"):
        read_labels(path)
    layouts.animal_kingdom_book(path, CLIPS)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(LabelError, match=r"AR_metadata.xlsx: is no readable spreadsheet"):
        read_labels(path)
    with zipfile.ZipFile(path, "w") as archive:  # as CVAT exports
        archive.writestr("annotations.xml", "<annotations/>")
    with pytest.raises(LabelError, match=r"is a ZIP archive \(annotations.xml\); unpack it"):
        read_labels(path)


def test_the_matrix_is_complete() -> None:
    for form in FORMATS.values():
        assert set(form.cases) == set(VARIANTS)
    assert set(BOOK) == set(VARIANTS)


# ----------------------------------------------------------------------------------- what spreadsheet programs write


@pytest.mark.parametrize(
    "text",
    [
        'filepath;start;stop;label;split\na.mp4;0;2,5;"walk;rest";train\na.mp4;2,5;5;;train\nb.mp4;0;1;rest;val\n',
        'sep=;\nfilepath;start;stop;label;split\na.mp4;0;2,5;"walk;rest";train\na.mp4;2,5;5;;train\nb.mp4;0;1;rest;val\n',
        "filepath\tstart\tstop\tlabel\tsplit\na.mp4\t0\t2,5\twalk;rest\ttrain\na.mp4\t2,5\t5\t\ttrain\nb.mp4\t0\t1\trest\tval\n",
        'filepath;start;stop;label;split\na.mp4;0;2,5;"walk;rest";train;;\na.mp4;2,5;5;;train;;\nb.mp4;0;1;rest;val;;\n;;;;;;\n',
    ],
    ids=["semicolons", "separator line", "tabs", "empty cells at the end"],
)
def test_tables_as_spreadsheets_write_them_where_the_comma_is_the_decimal_sign(tmp_path: Path, text: str) -> None:
    (tmp_path / "good.csv").write_text(TABLE)
    (tmp_path / "t.csv").write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    assert said(read_labels(tmp_path / "t.csv")) == said(read_labels(tmp_path / "good.csv"))


def test_a_decimal_comma_is_not_guessed_at(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('filepath,start,stop\na.mp4,"0,5",1\n')
    with pytest.raises(
        LabelError, match=r"line 2, column 'start': '0,5' is not a number of seconds .with a decimal point"
    ):
        read_labels(path)
    path.write_text("filepath;start;stop\na.mp4;0;1.234,5\n")
    with pytest.raises(LabelError, match=r"line 2, column 'stop': '1.234,5' is not a number"):
        read_labels(path)
    path.write_bytes("filepath;label\nläuft.mp4;x\n".encode("cp1252"))
    with pytest.raises(LabelError, match=r"line 2: byte 0xe4 is not UTF-8"):
        read_labels(path)


def test_boris_tables_with_decimal_commas(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(layouts.BORIS_OLD)
    rows = [[cell.replace(".", ",") if cell[:1].isdigit() and "-" not in cell else cell for cell in line.split("\t")]
            for line in layouts.BORIS_OLD.splitlines()]  # fmt: skip
    (tmp_path / "t.csv").write_text("\n".join(";".join(row) for row in rows))
    assert said(read_labels(tmp_path / "t.csv")) == said(read_labels(tmp_path / "good.csv"))


def test_paths_as_windows_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("filepath,label\nday 1\\a.mp4,walk\nC:\\videos\\b.mp4,rest\n")
    assert read_labels(path).videos() == ("day 1/a.mp4", "C:/videos/b.mp4")
    path.write_text("filepath,label\nday 1\\a.mp4,walk\nday 1/a.mp4,rest\n")
    with pytest.raises(LabelError, match=r"line 3: day 1/a.mp4 appears twice"):
        read_labels(path)
