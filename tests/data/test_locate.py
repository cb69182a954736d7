"""Names that look the same, and names with what other systems use: how tables and command lines find the files."""

import os
import unicodedata
from pathlib import Path

import pytest

from amclip.data.clock import Clock
from amclip.data.formats import read_labels
from amclip.data.label_error import LabelError
from amclip.data.locate import Locator, locate_videos, spelled
from amclip.data.table import Clip, LabelTable, build_table
from amclip.ethogram.annotations import read_annotation
from amclip.ethogram.inputs import find_sources
from amclip.ethogram.pairing import pair_up

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Gänse") for form in ("NFC", "NFD"))


def located(root: Path, *names: str) -> list[str]:
    table = build_table([Clip(name, labels=("a",), line=2 + n) for n, name in enumerate(names)], "t.csv")
    return [clip.video for clip in locate_videos(table, root).clips]


@pytest.mark.parametrize(("there", "named"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_another_form_of_unicode_is_the_same_name(tmp_path: Path, there: str, named: str) -> None:
    (tmp_path / there).mkdir()
    for name in (f"{there}.mp4", f"{there}/{there} 2.mp4"):
        (tmp_path / name).touch()
    right = [f"{there}.mp4", f"{there}/{there} 2.mp4"]
    assert located(tmp_path, f"{named}.mp4", f"{named}/{named} 2.mp4") == right
    assert located(tmp_path, f"/else/where/{named}/{named} 2.mp4") == right[1:]  # of another computer
    (tmp_path / f"{there}.csv").write_text(f"filepath,label\n{named}/{named} 2,a\n", encoding="utf-8")
    table = read_labels(tmp_path / f"{named}.csv")
    assert located(tmp_path, table.clips[0].video) == right[1:]  # also without the suffix
    assert [source.path.name for source in find_sources([str(tmp_path / f"{named}.mp4")])] == [f"{there}.mp4"]
    assert spelled(tmp_path / named / f"{named} 2.mp4") == tmp_path / right[1]


def test_both_forms_side_by_side_are_told_apart(tmp_path: Path) -> None:
    for name in (COMPOSED, DECOMPOSED):
        (tmp_path / f"{name}.mp4").touch()
    if len(os.listdir(tmp_path)) < 2:
        pytest.skip("this file system does not tell them apart")
    assert located(tmp_path, f"{COMPOSED}.mp4", f"{DECOMPOSED}.mp4") == [f"{COMPOSED}.mp4", f"{DECOMPOSED}.mp4"]


def test_another_letter_case_is_refused_with_the_name_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "Day").mkdir()
    for name in ("Stall1.MP4", "Day/b.mp4"):
        (tmp_path / name).touch()
    if (tmp_path / "stall1.mp4").exists():
        assert located(tmp_path, "stall1.mp4") == ["stall1.mp4"]
        return
    with pytest.raises(LabelError) as error:
        located(tmp_path, "stall1.mp4", "none.mp4", "Day/B.mp4", "day/b.mp4")
    assert [(one.line, one.reason.partition(",")[0]) for one in (error.value, *error.value.others)] == [
        (2, "stall1.mp4 is not there; there is Stall1.MP4"),
        (4, "Day/B.mp4 is not there; there is Day/b.mp4"),
        (5, "day/b.mp4 is not there; there is Day/b.mp4"),
    ]
    commands = [one.reason.rpartition(": ")[2] for one in (error.value, *error.value.others)]
    assert commands == [  # the first part of another name is renamed
        f"mv {tmp_path}/Stall1.MP4 {tmp_path}/stall1.mp4",
        f"mv {tmp_path}/Day/b.mp4 {tmp_path}/Day/B.mp4",
        f"mv {tmp_path}/Day {tmp_path}/day",
    ]
    for look in (spelled, lambda path: find_sources([str(path)])):
        with pytest.raises(FileNotFoundError, match=r"there is .*Stall1.MP4, whose letter case"):
            look(tmp_path / "stall1.mp4")
    with pytest.raises(LabelError, match=r"there is .*Stall1.MP4"):
        read_labels(tmp_path / "stall1.mp4")


def test_colons_in_names_are_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["2024-05-01T12:30:00.mp4", "cam1:day2.mp4", "c:/b.mp4"]
    (tmp_path / "c:").mkdir()
    for name in names:
        (tmp_path / name).touch()
    assert located(tmp_path, *names) == names
    assert located(tmp_path, "2024-05-01T12:30:00") == names[:1]
    for root in (tmp_path, Path()):
        monkeypatch.chdir(tmp_path)
        assert Locator(root).find("d:/study/cam1:day2.mp4") == "cam1:day2.mp4"


def test_coders_who_write_a_name_otherwise_saw_one_video(tmp_path: Path) -> None:
    head = "video,behaviour,start,stop\n"
    texts = (f"{COMPOSED}.mp4,a,0,1\nx/Cam.mp4,a,0,1\n", f"{DECOMPOSED}.mp4,a,0,1\nx/cam.mp4,a,0,1\n")
    for name, text in zip("ab", texts, strict=True):
        (tmp_path / f"{name}.csv").write_text(head + text, encoding="utf-8")
    pairs, _, notes = pair_up(*(read_annotation(tmp_path / f"{name}.csv") for name in "ab"))
    assert [pair.video for pair in pairs] == [f"{DECOMPOSED}.mp4"]
    assert notes[0].endswith("has 'x/Cam.mp4', whose letter case is another")


@pytest.mark.parametrize("name", ["a" * 300 + ".mp4", f"/{'b' * 300}/c.mp4", "d\0.mp4"])
def test_a_name_that_no_file_can_have_is_not_there(tmp_path: Path, name: str) -> None:
    clock = Clock(tmp_path)
    assert clock.path(name) is None
    assert clock.file_length(name) is None
    table = LabelTable((Clip(name, 0.0, 1.0, ("a",)),), ("a",), "labels.csv")
    assert [clip.video for clip in locate_videos(table, tmp_path).clips] == [name]
