"""A format of labels is one object, and all that reads, writes or offers formats goes by the table of them."""

import pkgutil
from importlib import import_module
from pathlib import Path

import layouts
import pytest

import amclip.data.formats
from amclip.cli import main
from amclip.data.clock import Clock
from amclip.data.formats import (
    FORMATS,
    WRITERS,
    GivenClipsError,
    Reading,
    export,
    known,
    read_labels,
    read_noted,
    reading,
)
from amclip.data.formats.label_format import BoutReader, ClipReader, LabelFormat, Noted, Writer
from amclip.data.intervals import Bout, Timeline, Windows
from amclip.data.label_error import LabelError
from amclip.data.table import LabelTable

PACKAGE = amclip.data.formats
MODULES = [import_module(f"{PACKAGE.__name__}.{found.name}") for found in pkgutil.iter_modules(PACKAGE.__path__)]
OWN = [module.FORMAT for module in MODULES if hasattr(module, "FORMAT")]


def test_every_format_of_a_module_is_in_the_table_once() -> None:
    assert len(FORMATS) == len(OWN)
    assert all(any(form is own for own in OWN) for form in FORMATS)
    assert len({form.name for form in FORMATS}) == len(FORMATS)
    assert all(form.reader is not None or form.writer is not None for form in FORMATS)
    assert list(WRITERS) == [form.name for form in FORMATS if form.writer is not None]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("filepath,label\na.mp4,walk\n", "table"),
        ("a.mp4 walk\n", "list"),
        (layouts.BORIS_AGGREGATED, "boris"),
        (layouts.BORIS_TABULAR, "boris-tabular"),
        (layouts.BORIS_OLD, "boris"),
        (layouts.boris_project_text(), "boris-project"),
        (layouts.DEEPETHOGRAM, "deepethogram"),
        (layouts.feral_text(), "feral"),
        ('original_vido_id video_id frame_id path labels\na 0 1 a/1.jpg "0"\n', "frame-list"),
        ("what is this?\n", None),
    ],
)
def test_a_text_is_in_one_format(text: str, name: str | None) -> None:
    fitting = [
        form.name for form in FORMATS if isinstance(form.reader, BoutReader | ClipReader) and form.reader.matches(text)
    ]
    assert fitting == ([] if name is None else [name])


def test_the_command_offers_what_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["convert", "--help"])
    assert "{" + ",".join(WRITERS) + "}" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["convert", "a.csv", "b.sdis", "--to", "boris-sdis"])
    assert ended.value.code == 2
    assert "boris-sdis" in capsys.readouterr().err


def _read(text: str, source: str, how: Reading) -> Noted:
    _, *lines = text.splitlines()
    bouts = tuple(Bout(float(one), float(other), name) for one, other, name in map(str.split, lines))
    return Noted([Timeline("a.mp4", bouts, 10.0)], None, "what")


def _write(table: LabelTable, target: Path, clock: Clock) -> list[str]:
    rows = [f"{clip.start} {clip.stop} {name}" for clip in table.clips for name in clip.labels or ()]
    target.write_text("\n".join(["diary", *rows]) + "\n")
    return ["who saw it"]


def said(table: LabelTable) -> list[tuple[object, ...]]:
    return [(clip.video, clip.start, clip.stop, clip.labels) for clip in table.clips]


def test_a_line_in_the_table_is_all_that_a_new_format_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    diary = LabelFormat(
        "diary",
        "a diary",
        BoutReader(lambda text: text.startswith("diary"), _read),
        Writer(_write, holds_bouts=True, holds_nothing_else=True),
    )
    monkeypatch.setattr(reading, "FORMATS", (*known.FORMATS, diary))
    monkeypatch.setitem(WRITERS, "diary", diary.writer)
    path = tmp_path / "diary.txt"
    path.write_text("diary\n1 2 walk\n4 6 rest\n")
    table = read_labels(path)
    assert [(clip.start, clip.stop, clip.labels) for clip in table.clips if clip.labels] == [
        (1, 2, ("walk",)),
        (4, 6, ("rest",)),
    ]
    noted = read_noted(path, Clock())
    assert noted is not None
    assert noted.timelines[0].bouts == (Bout(1, 2, "walk"), Bout(4, 6, "rest"))
    with pytest.raises(LabelError, match="rest") as refused:
        read_labels(path, ["walk"])
    assert refused.value.column == "what"
    assert export(table, tmp_path / "again.txt", "diary") == ["who saw it"]
    assert said(read_labels(tmp_path / "again.txt")) == said(table)
    with pytest.raises(ValueError, match="diary is not written as a workbook"):
        export(table, tmp_path / "again.xlsx", "diary")


@pytest.mark.parametrize(("name", "text"), [("table", "filepath,label\na.mp4,walk\n"), ("list", "a.mp4 walk\n")])
def test_clips_that_are_given_are_not_cut(tmp_path: Path, name: str, text: str) -> None:
    form = next(form for form in FORMATS if form.name == name)
    assert isinstance(form.reader, ClipReader)
    assert not form.reader.takes_windows
    path = tmp_path / "labels"
    path.write_text(text)
    with pytest.raises(GivenClipsError, match=f"is {form.title}: its rows are clips already"):
        read_labels(path, windows=Windows(1, 1))
