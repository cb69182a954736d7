"""Several label tables joined to one."""

from dataclasses import replace
from pathlib import Path

import layouts
import pytest

import amclip.data.formats.folder as folders
from amclip.data.clock import Clock
from amclip.data.formats import Reading, read_splits, read_table
from amclip.data.formats.label_format import Noted
from amclip.data.formats.reading import FORMATS
from amclip.data.intervals import Timeline, Windows
from amclip.data.label_error import LabelError
from amclip.data.sources import default_root, label_files, read_given, read_several
from amclip.data.table import NoClassError, describe_lost

FERAL = """{"is_multilabel": false, "class_names": {"0": "other", "1": "resting"}, "splits": {},
"labels": {"y.mp4": [0, 1]}}"""


def tables(folder: Path, *texts: str, header: str = "filepath,start,stop,label") -> list[str]:
    paths = []
    for name, text in zip("abcdef", texts, strict=False):
        path = folder / f"{name}.csv"
        path.write_text(text if text.startswith(("file", "Obs", ",", "{")) else f"{header}\n{text}\n")
        paths.append(str(path))
    return paths


def test_rows_and_classes_of_all_tables(tmp_path: Path) -> None:
    paths = tables(tmp_path, "x.mp4,0,1,walking\nx.mp4,1,2,", "y.mp4,0,1,resting", "filepath,label\nz.mp4,calling")
    table = read_several(paths)
    assert table.classes == ("calling", "resting", "walking")
    assert [(clip.video, clip.start, clip.labels) for clip in table.clips] == [
        ("x.mp4", 0.0, ("walking",)),
        ("x.mp4", 1.0, ()),
        ("y.mp4", 0.0, ("resting",)),
        ("z.mp4", None, ("calling",)),
    ]
    assert [table.file_of(clip) for clip in table.clips] == [paths[0], paths[0], paths[1], paths[2]]
    assert read_several(paths, Reading(["walking", "resting", "calling"])).classes == ("walking", "resting", "calling")
    with pytest.raises(LabelError, match=r"b.csv, line 2, column 'label': unknown class 'resting'"):
        read_several(paths, Reading(["walking", "calling"]))
    one = read_several(paths[:1])
    assert one.source == paths[0]
    assert len(one) == 2


def test_numbers_and_columns_keep_their_order(tmp_path: Path) -> None:
    paths = tables(tmp_path, "x.mp4,0,1,10", "x.mp4,1,2,9")
    assert read_several(paths).classes == ("9", "10")
    paths = tables(tmp_path, "filepath,walking,calling\nx.mp4,1,0", "filepath,label\ny.mp4,calling")
    assert read_several(paths).classes == ("walking", "calling")
    assert [clip.labels for clip in read_several(paths).clips] == [("walking",), ("calling",)]


@pytest.mark.parametrize(
    "other", ["filepath,walking,resting\ny.mp4,1,1", "filepath,label\ny.mp4,resting;walking", FERAL]
)
def test_a_behaviour_without_a_column_is_not_known_rather_than_absent(tmp_path: Path, other: str) -> None:
    paths = tables(tmp_path, "filepath,walking,calling\nx.mp4,1,0", other)
    with pytest.raises(LabelError, match=r"says nothing of resting, as others do: .* has a column of 0") as raised:
        read_several(paths, Reading(clock=Clock(fps=10)))
    assert raised.value.file == paths[0]
    assert len(raised.value.others) == (not other.startswith("filepath,label"))  # whose rows name all that they show
    with pytest.raises(LabelError, match="says nothing of resting, as others do"):
        read_splits({"train": paths[0], "test": paths[1]}, Reading(clock=Clock(fps=10)))


def test_the_same_clip_with_the_same_labels_counts_once(tmp_path: Path) -> None:
    paths = tables(tmp_path, "day/x.mp4,0,1,walking;resting", "day\\x.mp4,0.0,1.0,resting;walking\ny.mp4,0,1,")
    table = read_several(paths)
    assert [clip.video for clip in table.clips] == ["day/x.mp4", "y.mp4"]
    assert len(read_several([paths[0], paths[0]])) == 1


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("x.mp4,0,1,resting", "x.mp4 from 0 to 1 s shows 'resting', and 'walking' in {a}, line 2; keep the row"),
        ("x.mp4,0,1,", "x.mp4 from 0 to 1 s shows none of the behaviours, and 'walking' in {a}, line 2"),
        ("./x.mp4,0,1,resting;walking", "shows 'resting;walking', and 'walking' in {a}, line 2"),
    ],
)
def test_the_same_clip_with_other_labels_is_refused_by_both_places(tmp_path: Path, rows: str, said: str) -> None:
    paths = tables(tmp_path, "x.mp4,0,1,walking", f"y.mp4,0,1,walking\n{rows}")
    with pytest.raises(LabelError) as error:
        read_several(paths)
    assert str(error.value).startswith(f"{paths[1]}, line 3: ")
    assert said.format(a=paths[0]) in str(error.value)


def test_all_contradictions_are_on_the_error(tmp_path: Path) -> None:
    paths = tables(tmp_path, "x.mp4,0,1,walking\nx.mp4,1,2,walking", "x.mp4,0,1,resting\nx.mp4,1,2,resting")
    with pytest.raises(LabelError, match=r"and 1 more such rows") as error:
        read_several(paths)
    assert [(one.file, one.line) for one in (error.value, *error.value.others)] == [(paths[1], 2), (paths[1], 3)]


def test_splits_are_kept_by_row_and_named_in_all_rows_or_none(tmp_path: Path) -> None:
    header = "filepath,start,stop,label,split"
    paths = tables(tmp_path, "x.mp4,0,1,walking,train", "x.mp4,1,2,walking,val\ny.mp4,0,1,,test", header=header)
    assert [clip.split for clip in read_several(paths).clips] == ["train", "val", "test"]
    paths = tables(tmp_path, "x.mp4,0,1,walking,train", "x.mp4,0,1,walking,val", header=header)
    with pytest.raises(LabelError, match=r"b.csv, line 2: .*in the split 'val', and in 'train' in .*a.csv, line 2"):
        read_several(paths)
    paths = tables(tmp_path, f"{header}\nx.mp4,0,1,walking,train", "x.mp4,1,2,walking")
    with pytest.raises(LabelError, match=r"b.csv, line 2, column 'split': names no split, and .*a.csv, line 2 names"):
        read_several(paths)


def test_windows_cut_tables_of_bouts_and_leave_clips_as_they_are(tmp_path: Path) -> None:
    paths = tables(tmp_path, layouts.BORIS_AGGREGATED, "b.mp4,0,0.8,walking")
    table = read_several(paths, Reading(windows=Windows(0.6, 0.6)))
    assert [(clip.video, clip.start, clip.stop) for clip in table.clips][-2:] == [
        ("a.mp4", 1.8, 2.4),
        ("b.mp4", 0, 0.8),
    ]
    with pytest.raises(LabelError, match=r"b.csv: is a table of clips: its rows are clips already, .*source.window"):
        read_several(paths[1:], Reading(windows=Windows(0.6, 0.6)))


def test_behaviours_that_fill_too_little_of_every_window_are_known(tmp_path: Path) -> None:
    paths = tables(tmp_path, layouts.BORIS_AGGREGATED, "b.mp4,0,0.8,walking")
    whole = Reading(windows=Windows(2, 2, 1.0))
    assert read_table(paths[0], Reading()).lost == ()
    assert read_table(paths[0], Reading(windows=Windows(0.6, 0.6))).lost == ()
    table = read_table(paths[0], whole)
    assert (table.classes, table.lost) == (("calling",), ("resting", "walking"))
    assert describe_lost(table).startswith("'resting', 'walking': noted, and in no clip")
    assert read_table(paths[0], replace(whole, classes=table.classes)) == table  # as a checkpoint names them
    with pytest.raises(LabelError, match=r"line 2, column 'Behavior': unknown class 'walking'"):
        read_table(paths[0], Reading(classes=table.classes))
    with pytest.raises(LabelError, match=r"line 2, column 'Behavior': unknown class 'walking'"):
        read_table(paths[0], Reading(classes=table.classes, windows=Windows(0.6, 0.6)))
    assert read_several(paths, whole).lost == ("resting",)  # the other table shows walking
    lines = layouts.BORIS_AGGREGATED.splitlines(keepends=True)
    Path(paths[0]).write_text("".join(line for line in lines if "POINT" not in line))
    with pytest.raises(NoClassError, match="'resting', 'walking': noted, and in no clip, as no bout fills enough"):
        read_table(paths[0], whole)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda paths: Path(paths[1]).unlink(), r"b.csv: the file does not exist"),
        (lambda paths: Path(paths[1]).write_text(""), r"b.csv: the file is empty"),
        (lambda paths: Path(paths[1]).write_text("filepath,start\nx.mp4,0\n"), r"b.csv, line 1: has a column 'start'"),
        (lambda paths: Path(paths[0]).write_bytes(b"\xff\xfex"), r"a.csv: begins as UTF-16"),
        (
            lambda paths: Path(paths[1]).write_text(layouts.DEEPETHOGRAM),
            r"b.csv: frames are counted, and b is not there",
        ),
        (lambda paths: paths.clear(), r"the list of label tables is empty"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(tmp_path: Path, change: object, said: str) -> None:
    paths = tables(tmp_path, "x.mp4,0,1,walking", "y.mp4,0,1,walking")
    change(paths)  # type: ignore[operator]
    with pytest.raises(LabelError, match=said):
        read_several(paths)


def test_a_table_without_any_behaviour_is_good_beside_others(tmp_path: Path) -> None:
    paths = tables(tmp_path, "x.mp4,0,1,", "y.mp4,0,1,walking", "z.mp4,0,1,")
    assert read_several(paths).classes == ("walking",)
    assert read_given({"train": paths[1], "val": paths[2]}).clips[1].labels == ()
    with pytest.raises(LabelError, match=r"a.csv, .*c.csv: no row names a class"):
        read_several([paths[0], paths[2]])


def test_labels_are_given_in_three_ways(tmp_path: Path) -> None:
    paths = tables(tmp_path, "x.mp4,0,1,walking", "y.mp4,0,1,walking", "z.mp4,0,1,", "w.mp4,0,1,")
    assert len(read_given(paths[0])) == 1
    assert len(read_given(paths)) == 4
    assert [clip.split for clip in read_given({"train": paths[0], "val": paths[1]}).clips] == ["train", "val"]
    assert read_given(paths).source == f"{paths[0]}, {paths[1]}, {paths[2]} and 1 more"
    for labels in (paths[0], paths, {"train": paths[0]}):
        assert default_root(labels) == tmp_path
        assert label_files(labels)[0] == paths[0]
    assert default_root(str(tmp_path)) == tmp_path  # a folder of label files


def test_a_video_has_one_name_in_all_tables(tmp_path: Path) -> None:
    root = tmp_path / "videos"
    for folder in ("day1", "day2"):
        (root / folder).mkdir(parents=True)
        (root / folder / "cam.mp4").touch()
    here, gone = (root / "day1" / "cam.mp4").as_posix(), "/home/other/study/day1/cam.mp4"
    windows = "C:\\study\\day2\\cam.mp4"
    paths = tables(tmp_path, "day1/cam.mp4,0,1,walking", f"{here},0,1,walking\n{gone},1,2,\n{windows},0,1,walking")
    table = read_several(paths, root=root)
    assert [(clip.video, clip.start) for clip in table.clips] == [
        ("day1/cam.mp4", 0.0),
        ("day1/cam.mp4", 1.0),
        ("day2/cam.mp4", 0.0),
    ]
    paths = tables(tmp_path, "day1/cam.mp4,0,1,walking", f"{here},0,1,resting")
    with pytest.raises(LabelError, match="shows 'resting', and 'walking'"):
        read_several(paths, root=root)
    nowhere = tables(tmp_path, "/nowhere/other.mp4,0,1,walking", "x.mp4,0,1,walking")
    assert read_several(nowhere, root=root).clips[0].video == "/nowhere/other.mp4"
    (root / "cam.mp4").touch()
    paths = tables(tmp_path, "x.mp4,0,1,walking", "/a/x/cam.mp4,0,1,walking\n/a/y/cam.mp4,0,1,walking")
    with pytest.raises(LabelError, match=r"/a/y/cam.mp4 and /a/x/cam.mp4 are not there, and below .* only cam.mp4"):
        read_several(paths, root=root)


def test_videos_of_many_files_are_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    form = next(form for form in FORMATS if form.name == "deepethogram")
    asked, videos = 0, folders._videos

    def counted(noted: Noted) -> set[str]:
        nonlocal asked
        asked += 1
        return videos(noted)

    monkeypatch.setattr(folders, "_videos", counted)
    lines = [(Timeline(f"{n}.mp4", (), subjects=("a",)), Timeline(f"{n}.mp4", (), subjects=("b",))) for n in range(200)]
    files = [(Path(f"{line}"), Noted([line], ["x"], None)) for pair in zip(*lines, strict=True) for line in pair]
    found = folders.join_files(form, files)
    assert [len(paths) for paths, _ in found] == [2] * 200
    assert asked < 1000
