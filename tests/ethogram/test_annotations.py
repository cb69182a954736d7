import math
from pathlib import Path

import pytest
from drawn_scores import CLASSES, scores_of

from amclip.data.intervals import Bout, Timeline
from amclip.data.label_error import LabelError
from amclip.ethogram.annotations import Annotation, read_annotation
from amclip.ethogram.bouts import BoutSettings
from amclip.ethogram.outputs import write_outputs
from amclip.ethogram.pairing import pair_up


def annotation(*timelines: Timeline, classes: tuple[str, ...] = ("a", "b"), source: str = "x.csv") -> Annotation:
    return Annotation(source, classes, timelines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("annotated")
    videos = [scores_of("a.mp4", seed=1), scores_of("night/b.mp4", 91, seed=2)]
    settings = dict.fromkeys(CLASSES[:2], BoutSettings()) | {CLASSES[2]: BoutSettings(1.0)}  # the third never
    write_outputs(target, videos, settings)
    return target


def test_an_annotated_folder_is_read_back_from_each_of_its_tables(folder: Path) -> None:
    whole = read_annotation(folder)
    assert whole.classes == CLASSES  # also the one without a bout
    assert [(timeline.video, timeline.fps) for timeline in whole.timelines] == [
        ("a.mp4", pytest.approx(scores_of().extent.fps)),
        ("night/b.mp4", pytest.approx(scores_of(num_frames=91).extent.fps)),
    ]
    assert read_annotation(folder / "bouts.csv").timelines == whole.timelines
    for video, stem in (("a.mp4", "a"), ("night/b.mp4", "night/b")):
        (mine,) = [timeline for timeline in whole.timelines if timeline.video == video]
        for form in ("tabular", "aggregated"):
            (theirs,) = read_annotation(folder / "boris" / f"{stem}_{form}_events.csv").timelines
            key = [(bout.label, bout.start, bout.stop) for bout in mine.bouts]
            assert sorted((bout.label, bout.start, bout.stop) for bout in theirs.bouts) == sorted(key)


def test_a_coders_table_beside_an_annotation_is_not_taken_for_its_own(folder: Path, tmp_path: Path) -> None:
    for name in ("annotation.json", "bouts.csv"):
        (tmp_path / name).write_text((folder / name).read_text())
    (tmp_path / "coder.csv").write_text("video,behaviour,start,stop\nb.mp4,sleeping,1,2\n")
    read = read_annotation(tmp_path / "coder.csv")
    assert read.classes == ("sleeping",)
    assert [(timeline.video, timeline.bouts) for timeline in read.timelines] == [
        ("b.mp4", (Bout(1, 2, "sleeping", 2),))
    ]
    with (tmp_path / "bouts.csv").open("a") as file:
        file.write("new.mp4,sleeping,1,2,1,15,30,1,1\n")
    grown = read_annotation(tmp_path)
    assert grown.classes == (*CLASSES, "sleeping")
    assert [timeline.video for timeline in grown.timelines] == ["a.mp4", "night/b.mp4", "new.mp4"]


def test_deepethograms_predictions_are_named_like_the_video(folder: Path) -> None:
    fps = scores_of().extent.fps
    whole = {Path(timeline.video).stem: len(timeline.bouts) for timeline in read_annotation(folder).timelines}
    read = read_annotation(folder / "deepethogram" / "a_predictions.csv", fps=fps)
    assert [(timeline.video, len(timeline.bouts)) for timeline in read.timelines] == [("a", whole["a"])]
    assert [timeline.video for timeline in read_annotation(folder / "deepethogram", fps=fps).timelines] == [
        "a",
        "night/b",
    ]


def test_events_of_the_drawn_animals_are_bouts(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("filepath,behaviour,start,stop\na.mp4,walking,0,2\na.mp4,flicking,1,3\n")
    (timeline,) = read_annotation(path).timelines
    assert timeline.bouts == (Bout(0, 2, "walking", 2), Bout(1, 3, "flicking", 3))
    path.write_text("filepath,behaviour,start,stop\na.mp4,walking;flicking,0,2\n")
    with pytest.raises(LabelError, match=r"line 2.*several behaviours.*'label'"):
        read_annotation(path)


def test_a_table_of_bouts_may_overlap_and_one_of_clips_may_not(tmp_path: Path) -> None:
    path = tmp_path / "bouts.csv"
    path.write_text("Behaviour;start;stop;video;sure\na;0;2;v.mp4;1\nb;1;3;v.mp4;0\n")
    (line,) = read_annotation(path).timelines
    assert [(bout.start, bout.stop, bout.label) for bout in line.bouts] == [(0, 2, "a"), (1, 3, "b")]
    assert line.duration is None
    path.write_text("filepath,label,start,stop\nv.mp4,a,0,1\nv.mp4,a;b,1,2\nv.mp4,,4,5\n")
    (line,) = read_annotation(path).timelines
    assert {(bout.start, bout.stop, bout.label) for bout in line.bouts} == {(0, 2, "a"), (1, 2, "b")}
    assert line.unlabelled == ((2.0, 4.0), (5.0, math.inf))  # the video may go on
    path.write_text("filepath,label,start,stop\nv.mp4,a,0,1\nv.mp4,b,0.5,2\n")
    with pytest.raises(LabelError, match="overlaps the clip before it"):
        read_annotation(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("video,behaviour,start,stop\nv,a,3,2\n", "line 2, column 'stop': a bout from 3 to 2 s makes no sense"),
        ("video,behaviour,start,stop\nv,a,1\n", "line 2: has 3 cells"),
        ("video,behaviour,start,stop\nv,a,one,2\n", "'one' is not a number of seconds"),
        ("video,behaviour,start,stop\nv,,1,2\n", "names no video or no behaviour"),
        (",background,a\n0,1,0\n", "frames are counted, and t is not there"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(LabelError, match=said) as raised:
        read_annotation(tmp_path / "t.csv")
    assert "t.csv" in str(raised.value)
    with pytest.raises(LabelError, match="does not exist"):
        read_annotation(tmp_path / "none.csv")


def test_videos_match_by_name_or_where_it_is_clear_without_folder_and_suffix() -> None:
    bout = (Bout(1, 2, "a"),)
    predicted = annotation(
        *(Timeline(name, bout, 5.0) for name in ("x/one.mp4", "p/two.mp4", "q/two.mp4", "p/only.mp4"))
    )
    labelled = annotation(
        *(Timeline(name, bout, 5.0) for name in ("one", "q/two.mp4", "two.avi", "lost")), source="y.csv"
    )
    pairs, _, notes = pair_up(predicted, labelled)
    assert [pair.video for pair in pairs] == ["one", "q/two.mp4"]
    assert notes == [
        "video 'two.avi' is only in y.csv, and is left out",
        "video 'lost' is only in y.csv, and is left out",
        "video 'p/two.mp4' is only in x.csv, and is left out",
        "video 'p/only.mp4' is only in x.csv, and is left out",
    ]
    with pytest.raises(ValueError, match=r"no video is in both: y.csv has lost, and x.csv has one"):
        pair_up(annotation(Timeline("one", bout)), annotation(Timeline("lost", bout), source="y.csv"))


def test_only_what_both_looked_at_is_compared() -> None:
    bouts = (Bout(0, 4, "a"), Bout(3.5, 6, "a"), Bout(8, 8, "b"), Bout(9.9, 12, "b"))
    first = annotation(Timeline("v", bouts, 12.0, 10.0, unlabelled=((1.0, 2.0),)))
    second = annotation(Timeline("v", (Bout(2, 3, "a"),), 12.3, unlabelled=((5.0, 5.5), (0.0, 0.5))))
    ((pair,), classes, notes) = pair_up(first, second, stop=11.0)
    assert pair.seen == ((0.5, 1.0), (2.0, 5.0), (5.5, 11.0))
    assert [(bout.label, bout.start, bout.stop) for bout in pair.predicted] == [
        ("a", 0.5, 1.0),
        ("a", 2.0, 5.0),  # two animals at once: one bout
        ("a", 5.5, 6.0),
        ("b", 8.0, 8.1),  # an event lasts a frame
        ("b", 9.9, 11.0),
    ]
    assert pair.fps == 10
    assert (classes, notes) == (("a", "b"), [])
    pairs, _, notes = pair_up(first, second, start=30.0)
    assert pairs == []
    assert notes == ["video 'v' has nothing to compare there, and is left out"]


def test_names_that_differ_are_noted_and_nothing_in_common_is_refused() -> None:
    bout = (Bout(1, 2, "walking"),)
    first = annotation(Timeline("v", bout), classes=("walking", "still"))
    second = annotation(Timeline("v", bout), classes=("Still", "walking"), source="y.csv")
    _, classes, notes = pair_up(first, second)
    assert classes == ("Still", "walking", "still")
    assert notes[0] == (
        "behaviour 'Still' is only in the list of y.csv, and counts as never seen by the other; is it the same as "
        "'still'?"
    )
    with pytest.raises(ValueError, match=r"no behaviour is in both: y.csv has run, and x.csv has walking, still"):
        pair_up(first, annotation(Timeline("v", ()), classes=("run",), source="y.csv"))


def test_a_behaviour_that_both_have_is_no_other_ones_near_spelling() -> None:
    ours = annotation(Timeline("x", (Bout(0, 1, "walking"),)), classes=("walking",))
    theirs = annotation(Timeline("x", (Bout(0, 1, "walking"),)), classes=("walking", "backing"))
    (note,) = pair_up(theirs, ours)[2]
    assert note.endswith("counts as never seen by the other")


def test_videos_of_other_lengths_are_not_compared() -> None:
    first = annotation(Timeline("v", (Bout(1, 2, "a"),), 60.0))
    with pytest.raises(ValueError, match=r"v: ends at 1500 s in y.csv, and at 60 s in the other; is it the same video"):
        pair_up(first, annotation(Timeline("v", (Bout(25, 1500, "a"),)), source="y.csv"))  # frames, not seconds
    (pair,), _, _ = pair_up(first, annotation(Timeline("v", (Bout(1, 2, "a"),), 60.04)))
    assert pair.seen == ((0.0, 60.0),)


def test_a_table_of_a_videos_first_part_says_nothing_of_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("filepath,start,stop,label\nv.mp4,0,30,a\nv.mp4,30,60,\n")
    whole = annotation(Timeline("v.mp4", (Bout(0, 30, "a"), Bout(200, 230, "a")), 600.0))
    labels = read_annotation(path)
    for start, stop, seen in ((0.0, None, (0.0, 60.0)), (0.0, 45.0, (0.0, 45.0)), (10.0, 90.0, (10.0, 60.0))):
        for one, other in ((whole, labels), (labels, whole)):
            (pair,), _, _ = pair_up(one, other, start, stop)
            assert pair.seen == (seen,)
            assert [bout.start for bout in pair.predicted] == [start]
    # Two tables: as far as either goes, and nothing behind it; clips without a behaviour count.
    (tmp_path / "other.csv").write_text("filepath,start,stop,label\nv.mp4,0,20,a\nv.mp4,20,50,\n")
    (pair,), _, _ = pair_up(labels, read_annotation(tmp_path / "other.csv"))
    assert pair.seen == ((0.0, 50.0),)


def test_a_damaged_file_beside_the_bouts_is_named(tmp_path: Path) -> None:
    write_outputs(tmp_path, [scores_of("a.mp4")], dict.fromkeys(CLASSES, BoutSettings()))
    (tmp_path / "annotation.json").write_text('{"videos": 3}')
    with pytest.raises(LabelError, match=r"annotation.json: is damaged, .*take the table elsewhere"):
        read_annotation(tmp_path)
    (tmp_path / "bouts.csv").rename(tmp_path / "elsewhere.csv")
    (tmp_path / "annotation.json").unlink()
    assert read_annotation(tmp_path / "elsewhere.csv").timelines
