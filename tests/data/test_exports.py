"""There and back through every format that is written: what it can hold is not lost, the rest is refused."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from drawn import draw_video
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from amclip.cli import main
from amclip.data.clock import Clock
from amclip.data.formats import WRITERS, Reading, export, read_classes, read_labels, read_splits
from amclip.data.intervals import clips_of, timelines_of
from amclip.data.label_error import LabelError
from amclip.data.locate import locate_videos
from amclip.data.table import Clip, LabelTable, build_table

FPS = 25.0
QUICK = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
# Names that spreadsheets, delimiters, comments and numbers may be confused with.
PLAIN = ("rest", "walk, slow", "läuft")
ODD = ("=SUM(A1)", "none", "12", "0.5", "#N/A", 'say "hi"', "-", "other", "True", "|x", "two  blanks", "1,5")
odd_text = st.text(st.sampled_from("ab ä,'\"#=|-.\\0"), min_size=1, max_size=6)
odd_names = st.sampled_from(ODD) | odd_text.filter(lambda name: name == name.strip())
odd_videos = odd_text.map(lambda stem: f"{stem}.mp4") | st.sampled_from(
    ("day 1/a.mp4", "#1.avi", "=a.mp4", "a;b.mp4", "/a.mp4")
)


@st.composite
def whole_videos(draw: st.DrawFn, odd: bool = False, one_label: bool = False, splits: bool = True) -> LabelTable:
    """Clips that are whole videos; every class occurs."""
    names = draw(st.lists(odd_names, min_size=1, max_size=3, unique=True)) if odd else list(PLAIN)
    count = draw(st.integers(1, 5))
    stems = odd_videos if odd else st.sampled_from([f"some day/{n} ä.mp4" for n in range(9)])
    videos = draw(st.lists(stems, min_size=count, max_size=count, unique=True))
    clips = []
    for video in videos:
        labels = draw(st.sets(st.sampled_from(names), min_size=int(one_label), max_size=1 if one_label else 3))
        split = draw(st.sampled_from(["train", "test"])) if splits else None
        clips.append(Clip(video, labels=tuple(labels), split=split))
    shown = sorted({name for clip in clips for name in clip.labels or ()})
    assume(shown)
    return checked(clips, shown)


@st.composite
def cut_videos(draw: st.DrawFn, odd: bool = False, gaps: bool = False, ends_shown: bool = False) -> LabelTable:
    """Clips of one or two videos that do not overlap, on frames; every class occurs."""
    names = draw(st.lists(odd_names, min_size=1, max_size=3, unique=True)) if odd else list(PLAIN)
    stems = odd_videos if odd else st.sampled_from(["a.mp4", "day-1/b.avi"])
    clips = []
    for video in draw(st.lists(stems, min_size=1, max_size=2, unique=True)):
        at = 0
        for index in range(draw(st.integers(1, 4))):
            at += draw(st.integers(0, 3)) if gaps else 0
            length = draw(st.integers(1, 9))
            labels = draw(st.sets(st.sampled_from(names), min_size=1 if ends_shown and not index else 0))
            clips.append(Clip(video, at / FPS, (at + length) / FPS, tuple(labels)))
            at += length
        if ends_shown:  # BORIS' tables have rows for behaviours only
            clips.append(Clip(video, at / FPS, (at + 1) / FPS, tuple(names)))
    shown = sorted({name for clip in clips for name in clip.labels or ()})
    assume(shown)
    return checked(clips, shown)


def checked(clips: Sequence[Clip], classes: Sequence[str]) -> LabelTable:
    try:
        return build_table(clips, "drawn", classes)
    except LabelError:  # a name that no table of labels may have, or one video under two spellings
        assume(False)
        raise


def said(table: LabelTable) -> list[tuple[object, ...]]:
    return [(clip.video, clip.start, clip.stop, clip.labels, clip.split) for clip in table.clips]


def joined(table: LabelTable) -> list[tuple[object, ...]]:
    """Clips with touching ones of the same labels made one."""
    clips = sorted(clips_of(timelines_of(table), None, "test"), key=lambda clip: (clip.video, clip.start))
    return [(clip.video, clip.start, clip.stop, tuple(sorted(clip.labels or ()))) for clip in clips]


def suffixless(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [(str(video).rpartition(".")[0], *rest) for video, *rest in rows]


@pytest.mark.parametrize(
    ("form", "file", "kind"),
    [
        ("table", "t.csv", {}),
        ("list", "t.txt", {"splits": False}),
        ("zamba", "t.csv", {"one_label": True}),
        ("animal-kingdom", "AR_metadata.xlsx", {}),
    ],
)
@pytest.mark.parametrize("odd", [False, True], ids=["plain", "odd"])
def test_whole_videos_come_back(
    tmp_path_factory: pytest.TempPathFactory, form: str, file: str, kind: dict[str, bool], odd: bool
) -> None:
    @QUICK
    @given(whole_videos(odd, **kind))
    def there_and_back(table: LabelTable) -> None:
        target = tmp_path_factory.mktemp("there") / file
        try:
            notes = export(table, target, form)
        except LabelError:
            assert odd
            assert not target.exists()
            return
        assert [note for note in notes if "suffix" not in note and "without labels" not in note] == []
        # Animal Kingdom's file has names for its numbers itself; the others get theirs, as a training would.
        back = read_labels(target, None if form == "animal-kingdom" else table.classes)
        assert back.classes == table.classes
        assert said(back) == (suffixless(said(table)) if form == "animal-kingdom" else said(table))

    there_and_back()


@pytest.mark.parametrize(
    ("form", "file", "kind"),
    [
        ("boris", "events.csv", {"ends_shown": True}),
        ("boris", "events.tsv", {"ends_shown": True}),
        ("boris", "events.xlsx", {"ends_shown": True}),
        ("boris-tabular", "events.csv", {"ends_shown": True}),
        ("boris-tabular", "events.xlsx", {"ends_shown": True}),
        ("deepethogram", "labels", {"gaps": True}),
        ("feral", "labels.json", {}),
        ("frame-list", "lists", {}),
        ("table", "table.csv", {"gaps": True}),
    ],
)
@pytest.mark.parametrize("odd", [False, True], ids=["plain", "odd"])
def test_parts_of_videos_come_back(
    tmp_path_factory: pytest.TempPathFactory, form: str, file: str, kind: dict[str, bool], odd: bool
) -> None:
    @QUICK
    @given(cut_videos(odd, **kind))
    def there_and_back(table: LabelTable) -> None:
        target = tmp_path_factory.mktemp("there") / file
        try:
            notes = export(table, target, form, Clock(fps=FPS))
        except LabelError:
            assert odd
            return
        assert [note for note in notes if "suffix" not in note] == []
        if form == "frame-list":
            names = read_classes(target / "classes.json")
            assert names == list(table.classes)
            back = read_labels(target / "all.csv", names, per_frame=True)
        else:
            back = read_labels(target, table.classes, clock=Clock(fps=FPS))
        expected = joined(table)
        assert joined(back) == (sorted(suffixless(expected)) if form in ("deepethogram", "frame-list") else expected)

    there_and_back()


def test_a_list_per_split_comes_back(tmp_path: Path) -> None:
    clips = [
        *(
            Clip("a.mp4", 0, 0.4, ("walk",), "train"),
            Clip("b", 0, 1.2, (), "test"),
            Clip("c", 0, 1, ("rest",), "train"),
        ),
        Clip("a.mp4", 0.4, 0.48, ("rest", "walk"), "train"),
    ]
    table = build_table(clips, "t", ["walk", "rest", "never seen"])
    assert export(table, tmp_path / "lists", "frame-list", Clock(fps=25)) == ["the suffix of the videos"]
    text = (tmp_path / "lists" / "train.csv").read_text().splitlines()
    assert text[:2] == ["original_vido_id video_id frame_id path labels", 'a 0 1 a/1.jpg "0"']
    assert text[12] == 'a 0 12 a/12.jpg "0,1"'
    files = {name: tmp_path / "lists" / f"{name}.csv" for name in ("train", "test")}
    back = read_splits(files, Reading(read_classes(tmp_path / "lists" / "classes.json"), per_frame=True))
    assert back.classes == table.classes
    assert said(back) == [
        ("a", 0.0, 0.4, ("walk",), "train"),
        ("a", 0.4, 0.48, ("walk", "rest"), "train"),
        ("c", 0.0, 1.0, ("rest",), "train"),
        ("b", 0.0, 1.2, (), "test"),
    ]
    whole = read_splits(files, Reading(table.classes))
    assert [clip.labels for clip in whole.clips] == [("walk", "rest"), ("rest",), ()]


WHOLE = Clip("a.mp4", labels=("walk",), split="test")
PART = Clip("a.mp4", 0, 1, ("walk",), "train")
OF_BOUTS = tuple(name for name, writer in WRITERS.items() if writer.holds_bouts)


@pytest.mark.parametrize(
    ("clips", "form", "reason"),
    [
        *(([WHOLE], form, "is a whole video.*table of events .video,behaviour,start,stop") for form in OF_BOUTS),
        *(([PART], form, "is part of a video") for form in ("list", "zamba", "animal-kingdom")),
        *(
            ([PART, Clip("a.mp4", 0.5, 2, ())], form, "overlap do not say when a behaviour starts and stops")
            for form in OF_BOUTS
        ),
        *(([Clip("a.mp4", 0, 1)], form, "no clip shows a behaviour") for form in OF_BOUTS),
        *(([Clip(" a.mp4", 0, 1, ("walk",))], form, "blanks at the ends of a name") for form in (*OF_BOUTS, "table")),
        ([Clip("a.mp4", labels=("walk", "rest"))], "zamba", "shows 2 behaviours; a row of zamba's table has one label"),
        ([WHOLE, Clip("b.mp4", labels=(), split="val")], "animal-kingdom", "is in the split val; AR_metadata.xlsx has"),
        ([WHOLE, Clip("b.mp4", labels=("walk",))], "animal-kingdom", "is in the split None"),
        ([WHOLE, Clip("b.mp4", split="test")], "animal-kingdom", "is not labelled"),
        ([WHOLE, Clip("a.avi", labels=(), split="test")], "animal-kingdom", "a.mp4 and a.avi would have one video_id"),
        ([WHOLE, Clip("b.mp4")], "table", "some rows are labelled and others are not"),
        ([PART, Clip("a.avi", 0, 1, ())], "deepethogram", "would have one label file"),
        *(
            ([Clip(video, 0, 1, ("walk",))], form, "lie below one folder as the videos do below theirs")
            for form in ("deepethogram", "frame-list")
            for video in ("/videos/a.mp4", "../a.mp4", "day//a.mp4", "C:\\..\\a.mp4", "..")
        ),
        ([PART, Clip("a.avi", 0, 1, ())], "frame-list", "would have one folder of images"),
        ([Clip("my a.mp4", 0, 1, ("walk",))], "frame-list", "a frame list is split at blanks"),
        ([Clip("a;b.mp4", 0, 1, ("walk",))], "boris", "separate the names of several videos"),
        ([Clip("a.mp4", 0, 1, ("None",))], "boris-tabular", "BORIS' word for an empty cell"),
        ([Clip("a.mp4", 0, 1, ("other",))], "feral", "which FERAL has for no behaviour"),
        ([Clip("ABCDEFGH", labels=("walk",))], "list", "does not end like a video file"),
        ([Clip("#1.mp4", labels=("walk",))], "list", "would be a comment"),
        ([Clip("a.mp4", labels=("1", "2"))], "list", "would be taken for a genus"),
        ([Clip("a.mp4", labels=("01",))], "list", "would be taken for the numbers of classes"),
        ([Clip("a.mp4", labels=("a\x01",), split="test")], "animal-kingdom", "holds control characters"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(tmp_path: Path, clips: list[Clip], form: str, reason: str) -> None:
    own = {"animal-kingdom": ".xlsx", "deepethogram": "", "frame-list": "", "boris-project": ".boris", "sleap": ".slp"}
    suffix = own.get(form, ".csv")
    with pytest.raises(LabelError, match=reason):
        export(build_table(clips, "t"), tmp_path / f"out{suffix}", form, Clock(fps=25))
    assert list(tmp_path.iterdir()) == []


def test_what_is_lost_is_said(tmp_path: Path) -> None:
    whole = build_table([WHOLE], "t", ["rest", "walk"])
    assert export(whole, tmp_path / "zamba.csv", "zamba") == ["classes without an example: rest"]
    assert (tmp_path / "zamba.csv").read_text() == "filepath,label,split\na.mp4,walk,holdout\n"
    assert export(whole, tmp_path / "list.txt", "list") == ["splits", "classes without an example: rest"]
    gap = build_table([Clip("a.mp4", 0, 1, ("walk",), "train"), Clip("a.mp4", 2.02, 3, ("rest",), "val")], "t")
    for form in ("feral", "frame-list"):
        notes = "; ".join(export(gap, tmp_path / form, form, Clock(fps=25)))
        assert "splits within a video" in notes
        assert "2 times lie between two frames" in notes
        assert "read as showing nothing" in notes
    quiet = build_table([Clip("a.mp4", 0, 1, ("walk",)), Clip("b.mp4", 0, 1, ())], "t")
    for form in ("boris", "boris-tabular"):
        assert export(quiet, tmp_path / "x.csv", form) == ["videos without any behaviour have no row: b.mp4"]


def test_targets_of_the_wrong_kind_are_refused(tmp_path: Path) -> None:
    whole, part = build_table([WHOLE], "t"), build_table([PART], "t")
    with pytest.raises(ValueError, match=r"frames are counted, and a.mp4 is not there to tell"):
        export(part, tmp_path / "x.json", "feral")
    with pytest.raises(ValueError, match=r"t.csv: animal-kingdom is written as a workbook"):
        export(whole, tmp_path / "t.csv", "animal-kingdom")
    with pytest.raises(ValueError, match=r"t.xlsx: zamba is not written as a workbook"):
        export(whole, tmp_path / "t.xlsx", "zamba")
    with pytest.raises(ValueError, match="boris is written to a file, and this is none"):
        export(part, tmp_path, "boris")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="frame-list is written to a folder, and this is none"):
        export(part, tmp_path / "file", "frame-list", Clock(fps=25))
    with pytest.raises(ValueError, match=f"expected one of {', '.join(WRITERS)}"):
        export(part, tmp_path / "x", "excel")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_numbers_for_names_stay_numbers_in_a_list(tmp_path: Path) -> None:
    table = build_table([Clip("a.mp4", labels=("11",)), Clip("b.mp4", labels=("2",))], "t", ["2", "11"])
    export(table, tmp_path / "list.txt", "list")
    back = read_labels(tmp_path / "list.txt")
    assert (back.classes, [clip.labels for clip in back.clips]) == (("2", "11"), [("11",), ("2",)])


def test_feral_with_two_behaviours_at_once(tmp_path: Path) -> None:
    table = build_table([Clip("a.mp4", 0, 0.08, ("rest", "walk")), Clip("a.mp4", 0.08, 0.12, ())], "t")
    assert export(table, tmp_path / "f.json", "feral", Clock(fps=25)) == []
    content = json.loads((tmp_path / "f.json").read_text())
    assert content["is_multilabel"] is True
    assert content["labels"] == {"a.mp4": [[1, 1], [1, 1], [0, 0]]}


def test_a_project_of_boris_names_videos_so_that_boris_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BORIS tries a name as it is, from where it was started, and from the folder of the project (``full_path``)."""
    study, elsewhere = tmp_path / "study", tmp_path / "projects"
    (study / "videos").mkdir(parents=True)
    elsewhere.mkdir()
    draw_video(study / "videos" / "a.mp4", 50)
    (study / "labels.csv").write_text("filepath,label,start,stop\nvideos/a.mp4,walk,0,1\nvideos/gone.mp4,walk,0,1\n")
    monkeypatch.chdir(study)
    for target, named in ((Path("p.boris"), "videos/a.mp4"), (elsewhere / "p.boris", f"{study}/videos/a.mp4")):
        main(["convert", "labels.csv", str(target), "--to", "boris-project", "--fps", "25"])
        observations = json.loads(target.read_text("utf-8"))["observations"]
        assert {name: one["file"]["1"] for name, one in observations.items()} == {
            "videos/a": [named],
            "videos/gone": ["videos/gone.mp4"],
        }
        assert locate_videos(read_labels(target), study).videos() == ("videos/a.mp4", "videos/gone.mp4")
