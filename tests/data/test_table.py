from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amclip.data.class_name_rules import COLUMNS_OF_PREDICTIONS, refuse_class_names
from amclip.data.datamodule import VideoDataModule
from amclip.data.formats import read_labels
from amclip.data.label_error import LabelError
from amclip.data.source import LabelSource
from amclip.data.split_names import split_name
from amclip.data.table import Clip, LabelTable, build_table, write_table
from amclip.text import holds_control, is_formula


def read(folder: Path, text: str | bytes, classes: list[str] | None = None, name: str = "labels.csv") -> LabelTable:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_labels(path, classes)


class TestLabelForm:
    def test_labels_times_and_splits(self, tmp_path: Path) -> None:
        table = read(
            tmp_path,
            "filepath,start,stop,label,split\n"
            "a.mp4,0,2.5,walking;turning,train\n"
            "a.mp4,2.5,4,,holdout\n"
            '"b, c.mp4",,,still,Validation\n',
        )
        assert table.classes == ("still", "turning", "walking")
        assert [clip.labels for clip in table.clips] == [("turning", "walking"), (), ("still",)]
        assert [(clip.start, clip.stop) for clip in table.clips] == [(0.0, 2.5), (2.5, 4.0), (None, None)]
        assert [clip.split for clip in table.clips] == ["train", "test", "val"]
        assert table.clips[2].video == "b, c.mp4"
        assert [clip.line for clip in table.clips] == [2, 3, 4]
        np.testing.assert_array_equal(table.targets(), [[0, 1, 1], [0, 0, 0], [1, 0, 0]])
        assert table.targets().dtype == np.float32

    @pytest.mark.parametrize("video", ["filepath", "Video", "PATH", "file", "filename", " video_path "])
    @pytest.mark.parametrize("label", ["label", "Labels", "behaviour", "behaviors", "action"])
    def test_names_of_columns(self, tmp_path: Path, video: str, label: str) -> None:
        table = read(tmp_path, f"{video},{label}\na.mp4,x\n")
        assert table.clips[0].labels == ("x",)

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_delimiters_byte_order_mark_and_line_ends(self, tmp_path: Path, delimiter: str) -> None:
        rows = [["filepath", "label", "split"], ["a.mp4", '"x;y"', "train"], [], ["b.mp4", "", "val"]]
        text = "\r\n".join(delimiter.join(row) for row in rows)
        table = read(tmp_path, b"\xef\xbb\xbf" + text.encode())
        assert [clip.labels for clip in table.clips] == [("x", "y"), ()]
        assert [clip.line for clip in table.clips] == [2, 4]

    def test_zamba_with_site_and_columns_of_ones_own(self, tmp_path: Path) -> None:
        table = read(tmp_path, "filepath,label,split,site,notes\na.AVI,gorilla,train,7,dusk; rain\n")
        assert table.classes == ("gorilla",)

    def test_unicode_and_blanks_in_names(self, tmp_path: Path) -> None:
        table = read(tmp_path, "filepath,label\nfüchse im schnee.mp4,head up ; Kämpfen;;跳\n")
        assert set(table.clips[0].labels or ()) == {"head up", "Kämpfen", "跳"}
        assert table.clips[0].video == "füchse im schnee.mp4"

    def test_without_a_label_column_clips_are_not_labelled(self, tmp_path: Path) -> None:
        for text in ("filepath\na.mp4\nb.mp4\n", "filepath,start,stop\na.mp4,0,1\nb.mp4,,\n"):
            table = read(tmp_path, text)
            assert [clip.labels for clip in table.clips] == [None, None]
            assert table.classes == ()
            assert read(tmp_path, text, ["x", "y"]).targets().shape == (2, 2)

    def test_classes_given_set_the_order(self, tmp_path: Path) -> None:
        table = read(tmp_path, "filepath,label\na.mp4,walking;still\n", ["walking", "rare", "still"])
        assert table.classes == ("walking", "rare", "still")
        np.testing.assert_array_equal(table.targets(), [[1, 0, 1]])


class TestOneHotForm:
    def test_columns_are_classes_in_their_order(self, tmp_path: Path) -> None:
        table = read(
            tmp_path, "filepath,split,walking,still,head up,site\na.mp4,train,1,0,1.0,3\nb.mp4,val,0,false,0,3\n"
        )
        assert table.classes == ("walking", "still", "head up")
        np.testing.assert_array_equal(table.targets(), [[1, 0, 1], [0, 0, 0]])
        assert table.clips[1].labels == ()

    @pytest.mark.parametrize("cell", ["2", "", "x", "0.5", "nan"])
    def test_other_cells_are_refused(self, tmp_path: Path, cell: str) -> None:
        with pytest.raises(LabelError, match=r"line 3, column 'walking'.*neither 0 nor 1"):
            read(tmp_path, f"filepath,walking,still\na.mp4,1,0\nb.mp4,{cell},1\n")

    def test_classes_given(self, tmp_path: Path) -> None:
        text = "filepath,walking,still\na.mp4,1,0\n"
        assert read(tmp_path, text, ["still", "walking"]).classes == ("still", "walking")
        with pytest.raises(LabelError, match="says nothing of jumping, which the classes name: whether it shows them"):
            read(tmp_path, text, ["still", "jumping", "walking"])
        with pytest.raises(LabelError, match="unknown class 'walking'"):
            read(tmp_path, text, ["still"])


class TestPathList:
    def test_blanks_tabs_quotes_and_comments(self, tmp_path: Path) -> None:
        table = read(
            tmp_path,
            '# made by hand\nParental/Pseudois1.avi 0 1\n"my clips/a b.mp4" walking\ncam#2/c.mov\n'
            "d e.mkv\thead up\twalking\n\nkid's.mp4 walking;0\n",
            name="list.txt",
        )
        assert [clip.video for clip in table.clips] == [
            "Parental/Pseudois1.avi",
            "my clips/a b.mp4",
            "cam#2/c.mov",
            "d e.mkv",
            "kid's.mp4",
        ]
        assert [clip.labels for clip in table.clips] == [
            ("0", "1"),
            ("walking",),
            (),
            ("head up", "walking"),
            ("0", "walking"),
        ]
        assert table.clips[1].line == 3

    def test_paths_alone_are_not_labelled(self, tmp_path: Path) -> None:
        table = read(tmp_path, "a.mp4\nb.mp4\n")
        assert [clip.labels for clip in table.clips] == [None, None]

    def test_a_line_that_is_no_video_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(LabelError, match=r"line 2: 'my' does not end like a video file; quote"):
            read(tmp_path, "a.mp4 x\nmy clip.mp4 y\n")


HEADER = "filepath,start,stop,label,split\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("filepath,label\n", "no rows"),
        ("clip,label\na.mp4,x\n", r"line 1: cannot tell the format .*'clip,label'.*filepath"),
        ("a.mp4,walking\n", r"cannot tell the format"),
        ("filepath,label\na.mp4,x,y\n", r"line 2: has 3 cells where the header has 2; quote"),
        ("filepath,label\na.mp4\n", r"line 2: has 1 cells where the header has 2$"),
        ('filepath,label\na.mp4,"x\n', r"line 2: cannot be split into columns .*quotes"),
        ("filepath,label\n,x\n", r"line 2, column 'filepath': the path of the video is empty"),
        ("filepath,path,label\na,b,x\n", r"'filepath' and 'path' both hold the video"),
        ("filepath,label\na.mp4,\n", "no row names a class"),
        ("filepath,label\na.mp4,x\n./a.mp4,x\n", r"line 3: .*appears twice \(first in line 2\), with the same labels"),
        ("filepath,label\na.mp4,x\nb.mp4,x\na.mp4,y\n", r"line 4: .*appears twice.*with different labels"),
        ("filepath,label,split\na.mp4,x,train\na.mp4,x,val\n", r"appears twice.*in the splits train and val"),
        (HEADER + "a.mp4,1,2,x,train\na.mp4,1.0,2,x,train\n", r"line 3: a.mp4 from 1.0 to 2.0 s appears twice"),
        (HEADER + "a.mp4,1,,x,train\n", r"line 2, column 'stop': has a start and no stop"),
        (HEADER + "a.mp4,,1,x,train\n", r"line 2, column 'start': has a stop and no start"),
        (HEADER + "a.mp4,2,2,x,train\n", r"line 2, column 'stop': the clip stops at 2.0 s"),
        (HEADER + "a.mp4,-1,2,x,train\n", r"column 'start': -1.0 is not a time"),
        (HEADER + "a.mp4,nan,2,x,train\n", r"column 'start': nan is not a time"),
        (HEADER + "a.mp4,0,inf,x,train\n", r"column 'stop': inf is not a time"),
        (HEADER + "a.mp4,0,soon,x,train\n", r"column 'stop': 'soon' is not a number of seconds"),
        (HEADER + 'a.mp4,0,"1,5",x,train\n', r"'1,5' is not a number of seconds \(with a decimal point"),
        (HEADER + "a.mp4,0,1,x,trian\n", r"line 2, column 'split': 'trian' is not a split; known names are train"),
        ("filepath,start,label\na.mp4,0,x\n", r"has a column 'start' and none for stop"),
        ("filepath,,b\na.mp4,0,1\n", r"a column has no name"),
        ("filepath,x,x\na.mp4,0,1\n", r"class 'x' is named twice"),
        (b"filepath,label\na.mp4,x\nb.mp4,f\xfcchse\n", r"line 3: byte 0xfc is not UTF-8"),
        (b"\xff\xfef", "begins as UTF-16 text and is none"),
        (b"PK\x03\x04stuff", "spreadsheet"),
        (b"\0\0\0 ftypisom\0\0\xc6", "is not text: a video, a picture or the like"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_file_line_and_column(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(LabelError, match=message) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "labels.csv"))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").touch()
    with pytest.raises(LabelError, match=r"lables.csv: the file does not exist; there is labels.csv"):
        read_labels(tmp_path / "lables.csv")
    with pytest.raises(LabelError, match="does not exist"):
        read_labels(tmp_path / "no.csv")
    with pytest.raises(LabelError, match="is a folder"):
        read_labels(tmp_path)


def test_an_unknown_class_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"line 2, column 'label': unknown class 'walkin'; did you mean 'walking'\?"):
        read(tmp_path, "filepath,label\na.mp4,walkin\n", ["walking", "still"])
    with pytest.raises(LabelError, match="unknown class 'Q'; the classes are walking, still"):
        read(tmp_path, "filepath,label\na.mp4,Q\n", ["walking", "still"])


@pytest.mark.parametrize("name", ["", " x", "a;b", "x "])
def test_impossible_class_names(name: str) -> None:
    with pytest.raises(LabelError, match="class name"):
        build_table([Clip("a.mp4", labels=())], "test", classes=[name])


def test_split_keeps_all_classes(tmp_path: Path) -> None:
    table = read(tmp_path, "filepath,label,split\na.mp4,x,train\nb.mp4,y,dev\n")
    assert len(table.split("training")) == 1
    assert table.split("val").classes == ("x", "y")
    assert len(table.split("test")) == 0
    assert table.split("test").targets().shape == (0, 2)
    assert split_name(" HoldOut ") == "test"
    with pytest.raises(ValueError, match="not a split"):
        table.split("all")


# 60 letters of four bytes at most: longer names of files are refused.
names = st.text(
    st.characters(exclude_characters=";", exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=60
).filter(
    lambda name: (
        name == name.strip()
        and name.lower() not in COLUMNS_OF_PREDICTIONS
        and not is_formula(name)
        and not holds_control(name)
    )
)
times = st.tuples(st.floats(0, 1e5), st.floats(1e-3, 1e4)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.data())
def test_a_written_table_reads_the_same(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    classes = data.draw(st.lists(names, min_size=1, max_size=4, unique=True))
    labelled = data.draw(st.booleans())
    clips = []
    for number in range(data.draw(st.integers(1, 5))):
        start, stop = data.draw(st.one_of(st.just((None, None)), times))
        labels = tuple(data.draw(st.lists(st.sampled_from(classes), unique=True))) if labelled else None
        video = f"{number}{data.draw(names)}.mp4"
        clips.append(Clip(video, start, stop, labels, data.draw(st.sampled_from(["train", "val", "test", None]))))
    table = build_table(clips, "drawn", classes)
    path = write_table(table, tmp_path_factory.mktemp("tables") / "labels.csv")
    again = read_labels(path, classes)
    assert again.classes == table.classes
    for one, other in zip(again.clips, table.clips, strict=True):
        assert (one.video, one.start, one.stop, one.labels, one.split) == (
            other.video,
            other.start,
            other.stop,
            other.labels,
            other.split,
        )


def test_a_table_cannot_mix_labelled_and_unlabelled_rows(tmp_path: Path) -> None:
    table = build_table([Clip("a.mp4", labels=("x",)), Clip("b.mp4")], "test")
    with pytest.raises(LabelError, match="two files"):
        write_table(table, tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["walking", "a;b"], "labels.csv: class name 'a;b': holds ';', by which label tables separate behaviours"),
        (["walking", ""], "class name '': is empty"),
        (["walking", "  "], "class name '  ': is empty"),
        (["a\tb"], r"class name 'a\\tb': tables do not keep tabs"),
        (["a\nb"], r"class name 'a\\nb': tables do not keep tabs, line breaks"),
        (["a\u2028b"], r"tables do not keep tabs, line breaks"),
        ([" a"], "class name ' a': tables do not keep .* blanks at the ends"),
        (["a "], "class name 'a ': tables do not keep .* blanks at the ends"),
        (["b", "a", "b"], "class 'b' is named twice"),
    ],
)
def test_names_that_tables_do_not_give_back_are_refused(names: list[str], said: str) -> None:
    with pytest.raises(LabelError, match=said):
        refuse_class_names(names, "labels.csv")
    with pytest.raises(LabelError, match=said.removeprefix("labels.csv")):
        build_table([Clip("a.mp4", labels=(names[0],))], "labels.csv", names)
    with pytest.raises(LabelError, match=r"data\.source\.classes: class"):
        VideoDataModule(source=LabelSource(classes=names))


def test_names_in_any_script_are_names() -> None:
    refuse_class_names(["eating, or so", "грумінг", "start", '"quoted"', "a  b"])
