"""Which animal: through tables, projects and files of labels, there and back, and as one scene."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_boris_project import observation, project, write

from amclip.cli import main
from amclip.commands.check import check_data
from amclip.data.clock import Clock
from amclip.data.formats import WRITERS, Reading, export, read_labels, read_noted, read_splits
from amclip.data.intervals import Bout, Subjects, Timeline, Windows, clips_of, scene_gaps, timelines_of
from amclip.data.label_error import LabelError
from amclip.data.merge_subjects import merge_subjects
from amclip.data.source import LabelSource
from amclip.data.sources import read_several
from amclip.data.splits import assign_splits, divide_by_time
from amclip.data.subject_names import split_stem, stem_with_subject
from amclip.data.table import Clip, LabelTable, build_table, write_table

# Of the formats that are written to files of one suffix alone.
SUFFIXES = {"boris-project": ".boris", "sleap": ".slp"}


FPS = 25.0
QUICK = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
FLIES = (
    "filepath,subject,start,stop,label\n"
    "a.mp4,fly 1,0,2,walk\na.mp4,fly 2,0,2,\na.mp4,fly 1,2,4,\na.mp4,fly 2,2,4,rest;walk\nb.mp4,,0,4,rest\n"
)


def read(folder: Path, text: str, subjects: Subjects = "each", classes: list[str] | None = None) -> LabelTable:
    path = folder / "labels.csv"
    path.write_text(text)
    return read_labels(path, classes, subjects=subjects)


def said(table: LabelTable) -> list[tuple[object, ...]]:
    return [(clip.video, clip.subject, clip.start, clip.stop, clip.labels) for clip in table.clips]


# ---------------------------------------------------------------------------------------------------- amclip's table


def test_each_animal_has_rows_of_its_own_and_merged_they_are_the_scene(tmp_path: Path) -> None:
    each = read(tmp_path, FLIES)
    assert said(each) == [
        ("a.mp4", "fly 1", 0.0, 2.0, ("walk",)),
        ("a.mp4", "fly 2", 0.0, 2.0, ()),
        ("a.mp4", "fly 1", 2.0, 4.0, ()),
        ("a.mp4", "fly 2", 2.0, 4.0, ("rest", "walk")),
        ("b.mp4", "", 0.0, 4.0, ("rest",)),
    ]
    assert each.merged == ()
    merged = read(tmp_path, FLIES, "merged")
    assert said(merged) == [
        ("a.mp4", "", 0.0, 2.0, ("walk",)),
        ("a.mp4", "", 2.0, 4.0, ("rest", "walk")),
        ("b.mp4", "", 0.0, 4.0, ("rest",)),
    ]
    assert [clip.line for clip in merged.clips] == [2, 4, 6]
    assert merged.merged == ("fly 1", "fly 2")


def test_the_column_is_written_where_an_animal_is_named(tmp_path: Path) -> None:
    each = read(tmp_path, FLIES)
    assert write_table(each, tmp_path / "out.csv").read_text().splitlines()[:2] == [
        "filepath,subject,start,stop,label",
        "a.mp4,fly 1,0.0,2.0,walk",
    ]
    assert said(read_labels(tmp_path / "out.csv", subjects="each")) == said(each)
    write_table(merge_subjects(each), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().startswith("filepath,start,stop,label\n")


def test_one_animal_twice_at_one_time_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"line 7: a.mp4 of 'fly 2' from 2.0 to 4.0 s appears twice \(first in line 5"):
        read(tmp_path, FLIES + "a.mp4,fly 2,2,4,walk\n")


@pytest.mark.parametrize("column", ["Animal", "individual_id", "subject id"])
def test_a_column_that_may_name_animals_is_told_of(tmp_path: Path, column: str) -> None:
    text = FLIES.replace("subject", column)
    with pytest.raises(
        LabelError, match=f"appears twice .* If the column '{column}' tells which animal it is, name it"
    ):
        read(tmp_path, text)


@pytest.mark.parametrize("column", ["animal", "individual", "id"])
def test_classes_of_a_class_table_stay_classes(tmp_path: Path, column: str) -> None:
    table = read(tmp_path, f"filepath,{column},vehicle\na.mp4,1,0\nb.mp4,0,1\n")
    assert table.classes == (column, "vehicle")
    assert {clip.subject for clip in table.clips} == {""}


def test_animals_of_a_class_table(tmp_path: Path) -> None:
    table = read(tmp_path, "filepath,Subject,walk,rest\na.mp4,f1,1,0\na.mp4,f2,0,0\nb.mp4,,0,1\n")
    assert table.classes == ("walk", "rest")
    assert [(clip.subject, clip.labels) for clip in table.clips] == [("f1", ("walk",)), ("f2", ()), ("", ("rest",))]


@pytest.mark.parametrize("cells", [("1", "0"), ("0", "0"), ("TRUE", "false")])
def test_a_column_subject_that_may_be_a_class_is_refused(tmp_path: Path, cells: tuple[str, str]) -> None:
    text = "filepath,walk,subject\n" + "".join(f"{n}.mp4,1,{cell}\n" for n, cell in enumerate(cells))
    for subjects in ("merged", "each"):
        with pytest.raises(LabelError, match=r"line 1, column 'subject': holds .* Give animals other names .* a class"):
            read(tmp_path, text, subjects)  # type: ignore[arg-type]
    labelled = text.replace("walk", "label")
    assert [clip.subject for clip in read(tmp_path, labelled).clips] == list(cells)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("=1", "for a formula"),
        ("-1", "for a formula"),
        ("a;b", "holds ';'"),
        ("a\x1b[2J", "holds control characters"),
        ("a\u2028b", "tables do not keep tabs, line breaks"),
        ("x" * 101, "has 101 characters; is a quote missing"),
    ],
)
def test_names_that_no_table_holds_are_refused(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(LabelError, match=f"line 2, column 'subject': subject .*{reason}"):
        read(tmp_path, f'filepath,label,subject\na.mp4,walk,"{name}"\n')
    table = LabelTable((Clip("a.mp4", 0, 1, ("walk",), subject=name),), ("walk",), "t")
    for form in ("table", "boris", "boris-tabular", "boris-project", "deepethogram"):
        with pytest.raises(LabelError, match=reason):
            export(table, tmp_path / f"out{SUFFIXES.get(form, '')}", form, Clock(fps=25))


def test_blanks_at_the_ends_are_no_part_of_a_name_in_a_table(tmp_path: Path) -> None:
    assert read(tmp_path, "filepath,label,subject\na.mp4,walk, fly 1 \n").clips[0].subject == "fly 1"
    with pytest.raises(LabelError, match="blanks at the ends"):
        write_table(LabelTable((Clip("a.mp4", labels=(), subject=" f"),), ("walk",), "t"), tmp_path / "t.csv")


def test_a_table_per_animal(tmp_path: Path) -> None:
    for name, label in (("f1", "walk"), ("f2", "rest")):
        text = f"filepath,subject,start,stop,label\na.mp4,{name},0,2,{label}\n"
        (tmp_path / f"{name}.csv").write_text(text)
    paths = [str(tmp_path / f"{name}.csv") for name in ("f1", "f2")]
    merged = read_several(paths)
    assert said(merged) == [("a.mp4", "", 0.0, 2.0, ("rest", "walk"))]
    assert merged.merged == ("f1", "f2")
    assert [clip.subject for clip in read_several(paths, Reading(subjects="each")).clips] == ["f1", "f2"]
    with pytest.raises(
        LabelError, match="in the splits test and train, for different animals; put all animals of a vi"
    ):
        read_splits({"train": paths[0], "test": paths[1]})
    assert len(read_splits({"train": paths[0], "test": paths[1]}, Reading(subjects="each"))) == 2
    (tmp_path / "f2.csv").write_text("filepath,subject,start,stop,label\na.mp4,f1,0,2,rest\n")
    with pytest.raises(LabelError, match=r"a.mp4 of 'f1' from 0 to 2 s shows 'rest', and 'walk' in"):
        read_several(paths)


def test_animals_follow_their_video_into_its_split() -> None:
    clips = [
        Clip(f"{n}.mp4", at, at + 1, ("walk",), subject=name)
        for n in range(6)
        for at in range(9)
        for name in ("x", "y")
    ]
    table = build_table(clips, "t")
    by_video = assign_splits(table)
    for video in table.videos():
        assert len({clip.split for clip in by_video.clips if clip.video == video}) == 1
    for divided in (by_video, divide_by_time(table)):
        assert {clip.subject for clip in divided.clips} == {"x", "y"}
        by_time: dict[tuple[object, ...], set[str | None]] = {}
        for clip in divided.clips:
            by_time.setdefault((clip.video, clip.start), set()).add(clip.split)
        assert all(len(splits) == 1 for splits in by_time.values())


def test_animals_of_one_time_in_two_splits_are_an_error_of_the_check(tmp_path: Path) -> None:
    clips = [Clip("a.mp4", 0, 2, ("walk",), split, subject=who) for who, split in (("x", "train"), ("y", "val"))]
    report = check_data(build_table(clips, "t"), tmp_path, lengths={})
    assert [finding.subject for finding in report.findings if finding.kind == "the same frames in two splits"] == [
        "a.mp4"
    ]


def test_the_label_source_reads_each_animal(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(FLIES)
    for subjects, count in (("merged", 3), ("each", 5)):
        table = LabelSource(str(tmp_path / "t.csv"), subjects=subjects).read(None)  # type: ignore[arg-type]
        assert table is not None
        assert len(table) == count
    with pytest.raises(ValueError, match=r"source.subjects: expected merged or each, got 'all'"):
        LabelSource(subjects="all")  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------- the scene from animals


@st.composite
def watched(draw: st.DrawFn) -> LabelTable:
    """Clips of two or three animals that cover one video each in its own pieces; now and then the scene's own."""
    clips = []
    names = draw(st.sampled_from([("x", "y"), ("x", "y", "z"), ("x", "y", "")]))
    for name in names:
        edges = sorted(draw(st.sets(st.integers(1, 29), max_size=4)) | {0, 30})
        for start, stop in pairwise(edges):
            labels = draw(st.sets(st.sampled_from("abc"), max_size=2))
            clips.append(Clip("v.mp4", start / FPS, stop / FPS, tuple(labels), subject=name))
    return build_table(clips, "drawn", ["c", "a", "b"])


@QUICK
@given(watched())
def test_the_scene_shows_in_every_frame_what_any_animal_shows(table: LabelTable) -> None:
    merged = merge_subjects(table)
    assert {clip.subject for clip in merged.clips} == {""}
    for frame in range(30):
        middle = (frame + 0.5) / FPS
        shown = {name for c in table.clips if c.start <= middle < c.stop for name in c.labels or ()}  # type: ignore[operator]
        (piece,) = [c for c in merged.clips if c.start <= middle < c.stop]  # type: ignore[operator]
        assert piece.labels == tuple(name for name in table.classes if name in shown)


@QUICK
@given(watched())
def test_time_lines_know_each_animal_and_the_scene(table: LabelTable) -> None:
    (timeline,) = timelines_of(table)
    each = clips_of([timeline], None, "t", "each")
    assert {clip.subject for clip in each} == {clip.subject for clip in table.clips}
    assert timeline.unlabelled == timeline.unwatched == ()
    scene = build_table(clips_of([timeline], None, "t"), "t", table.classes)
    assert timelines_of(scene)[0].bouts == timelines_of(merge_subjects(table))[0].bouts
    windows = Windows(0.2, 0.2)
    for subject in timeline.subjects:
        alone = clips_of([Timeline("v.mp4", timeline.of(subject).bouts, timeline.end)], windows, "t")
        own = [c for c in clips_of([timeline], windows, "t", "each") if c.subject == subject]
        assert [(c.start, c.stop, c.labels) for c in own] == [(c.start, c.stop, c.labels) for c in alone]


def scene(*clips: tuple[str, float | None, float | None, str]) -> LabelTable:
    return build_table(
        [Clip("a.mp4", start, stop, (label,), subject=who) for who, start, stop, label in clips], "t.csv"
    )


def test_windows_that_overlap_and_whole_videos_are_joined_where_all_animals_have_the_same() -> None:
    both = [(who, at, at + 2, "walk" if who == "x" else "rest") for at in (0.0, 1.0) for who in ("x", "y")]
    merged = merge_subjects(scene(*both))  # type: ignore[arg-type]
    assert [(clip.start, clip.stop, clip.labels) for clip in merged.clips] == [
        (0.0, 2.0, ("rest", "walk")),
        (1.0, 3.0, ("rest", "walk")),
    ]
    merged = merge_subjects(scene(("x", None, None, "walk"), ("y", None, None, "rest")))
    assert said(merged) == [("a.mp4", "", None, None, ("rest", "walk"))]


def test_the_scene_s_own_rows_need_no_animal_s() -> None:
    merged = merge_subjects(scene(("x", 0, 2, "walk"), ("y", 0, 2, "rest"), ("", 2, 4, "rest")))
    assert [clip.labels for clip in merged.clips] == [("rest", "walk"), ("rest",)]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            [("x", 0, 4, "walk"), ("y", 0, 2, "rest")],
            r"a.mp4 from 2 to 4 s is labelled for 'x' and not for 'y', so what the whole scene shows is not known there"
            r": add rows for 'y' \(with an empty label .*--data.source.subjects each; amclip convert: --subjects each",
        ),
        (
            [("x", 0, 2, "walk"), ("x", 1, 3, "walk"), ("y", 0, 3, "rest")],
            r"from 1 s overlaps the row of 'x' before it, and other animals have rows of other times",
        ),
        (
            [("x", None, None, "walk"), ("y", 0, 2, "rest")],
            r"a.mp4 as a whole is labelled for 'x' and not for 'y'",
        ),
        (
            [("x", None, None, "walk"), ("y", None, None, "rest"), ("y", 0, 2, "rest")],
            r"a.mp4 from 0 to 2 s is labelled for 'y' and not for 'x'",
        ),
    ],
)
def test_what_the_scene_shows_is_not_guessed(rows: list[tuple[str, float, float, str]], reason: str) -> None:
    with pytest.raises(LabelError, match=reason):
        merge_subjects(scene(*rows))


def test_rows_to_predict_are_joined_by_their_times() -> None:
    clips = [Clip("a.mp4", at, at + 1, subject=who) for who, at in (("x", 0), ("y", 0), ("y", 1))]
    merged = merge_subjects(build_table(clips, "t"))
    assert said(merged) == [("a.mp4", "", 0, 1, None), ("a.mp4", "", 1, 2, None)]


def test_gaps_of_the_scene() -> None:
    gaps = {"x": [(0.0, 1.0)], "y": [(0.5, 2.0), (3.0, 4.0)]}
    assert scene_gaps(gaps, 5.0) == ((0.0, 2.0), (3.0, 4.0))
    assert scene_gaps({**gaps, "": [(1.5, 3.5)]}, 5.0) == ((1.5, 2.0), (3.0, 3.5))
    assert scene_gaps({"": [(1.5, 3.5)]}, 5.0) == ((1.5, 3.5),)


# ---------------------------------------------------------------------------------------------------- there and back

NAMES = ("fly 1", "fly 2", "Käthe", "a_subject=b", "0", "a/b:c%20", "x_predictions", "x_labels", "..", "1,5")
names = st.sampled_from(NAMES) | st.text(st.sampled_from("ab ä,'\"#=%|_./\\0"), min_size=1, max_size=6)


@st.composite
def animals(draw: st.DrawFn, all_show: bool = False, gaps: bool = False, scenes: bool = True) -> LabelTable:
    """Clips on frames, of up to three animals and the whole scene, in one or two videos."""
    found = draw(st.lists(names, min_size=1, max_size=3, unique=True)) + (
        [""] if scenes and draw(st.booleans()) else []
    )
    clips = []
    for video in draw(st.sampled_from([["a.mp4"], ["a_subject=x.mp4", "day/b.avi"]])):
        end = draw(st.integers(4, 20))
        for name in found:
            edges = [0, *sorted(draw(st.sets(st.integers(1, end - 1), max_size=3))), end]
            for index, (start, stop) in enumerate(pairwise(edges)):
                if gaps and stop < end and draw(st.booleans()):
                    continue
                labels = draw(st.sets(st.sampled_from("ab"), min_size=int(all_show and not index)))
                clips.append(Clip(video, start / FPS, stop / FPS, tuple(labels), subject=name))
    assume({label for clip in clips for label in clip.labels or ()})
    try:
        return build_table(clips, "drawn", ["b", "a"])
    except LabelError:
        assume(False)
        raise


def joined(table: LabelTable, whole_names: bool = True) -> list[tuple[object, ...]]:
    found = []
    for timeline in timelines_of(table):
        video = timeline.video if whole_names else timeline.video.rpartition(".")[0] or timeline.video
        for subject in timeline.subjects or ("",):
            own = timeline.of(subject)
            found.append((video, subject, *sorted((b.start, b.stop, b.label) for b in own.bouts), own.unlabelled))
    return sorted(found, key=str)


@pytest.mark.parametrize(
    ("form", "file", "kind"),
    [
        ("table", "t.csv", {"gaps": True}),
        ("boris", "events.csv", {"all_show": True}),
        ("boris-tabular", "events.tsv", {"all_show": True}),
        ("boris-tabular", "events.xlsx", {"all_show": True}),
        ("boris-project", "p.boris", {"all_show": True}),
        ("deepethogram", "labels", {"gaps": True}),
    ],
)
def test_every_animal_comes_back(
    tmp_path_factory: pytest.TempPathFactory, form: str, file: str, kind: dict[str, bool]
) -> None:
    @QUICK
    @given(animals(**kind))
    def there_and_back(table: LabelTable) -> None:
        target = tmp_path_factory.mktemp("there") / file
        notes = export(table, target, form, Clock(fps=FPS))
        assert [note for note in notes if "suffix" not in note and "without an example" not in note] == []
        back = read_labels(target, table.classes, clock=Clock(fps=FPS), subjects="each")
        if form == "deepethogram":
            assert joined(back) == joined(table, whole_names=False)
        else:
            assert joined(back) == joined(table)

    there_and_back()


@pytest.mark.parametrize("form", sorted({*WRITERS} - {"animal-kingdom", "zamba", "list", "nwb"}))
def test_what_is_lost_of_the_animals_is_said(tmp_path: Path, form: str) -> None:
    table = scene(("x", 0, 1, "walk"), ("y", 0, 1, "rest"))
    suffix = SUFFIXES.get(form, "")
    notes = export(table, tmp_path / f"there{suffix}", form, Clock(fps=25))
    without = "subjects: a behaviour holds while any of them shows it"
    assert (without in notes) == (not WRITERS[form].holds_subjects)
    if form.startswith("boris"):
        clips = (*table.clips, Clip("a.mp4", 0, 1, (), subject="z"))
        silent = LabelTable(clips, table.classes, "t")
        (note,) = export(silent, tmp_path / f"silent{suffix}", form, Clock(fps=25))
        assert note.endswith("z in a.mp4")
    if form == "boris-project":  # without a rate BORIS' own export fails
        there = tmp_path / f"there{suffix}"
        assert export(table, there, form)[0].startswith("the frame rate of videos that are not there")
        assert '"fps": {' in there.read_text()


def test_forms_of_whole_videos_join_the_animals(tmp_path: Path) -> None:
    table = scene(("x", None, None, "walk"), ("y", None, None, "walk"))
    assert export(table, tmp_path / "z.csv", "zamba") == ["subjects: a behaviour holds while any of them shows it"]
    assert (tmp_path / "z.csv").read_text() == "filepath,label\na.mp4,walk\n"
    with pytest.raises(LabelError, match="as a whole is labelled for 'x' and not for 'y'"):
        export(scene(("x", None, None, "walk"), ("y", 0, 2, "walk")), tmp_path / "list.txt", "list")


def test_the_command_says_that_animals_are_joined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text(FLIES)
    main(["convert", str(tmp_path / "t.csv"), str(tmp_path / "out.csv")])
    said = capsys.readouterr().out
    assert "behaviours of 2 animals (fly 1, fly 2) are those of the whole scene; --subjects each tells whose" in said
    main(["convert", str(tmp_path / "t.csv"), str(tmp_path / "p.boris"), "--to", "boris-project", "--subjects", "each"])
    assert "whole scene" not in capsys.readouterr().out
    content = json.loads((tmp_path / "p.boris").read_text())
    assert [one["name"] for one in content["subjects_conf"].values()] == ["fly 1", "fly 2"]
    assert content["observations"]["a"]["events"] == [
        [0.0, "fly 1", "walk", "", "", "NA"],
        [2.0, "fly 1", "walk", "", "", "NA"],
        [2.0, "fly 2", "rest", "", "", "NA"],
        [2.0, "fly 2", "walk", "", "", "NA"],
        [4.0, "fly 2", "rest", "", "", "NA"],
        [4.0, "fly 2", "walk", "", "", "NA"],
    ]
    assert content["observations"]["b"]["events"] == [[0.0, "", "rest", "", "", "NA"], [4.0, "", "rest", "", "", "NA"]]


# -------------------------------------------------------------------------------------------------------------- BORIS


def events(*bouts: tuple[str, float, float]) -> list[list[object]]:
    """Of walking, by subject, start and stop."""
    return [[time, who, "walking", "", "", "NA"] for who, *times in bouts for time in times]


def by_animal(table: LabelTable) -> dict[tuple[str, str], list[tuple[object, ...]]]:
    found: dict[tuple[str, str], list[tuple[object, ...]]] = {}
    for clip in table.clips:
        found.setdefault((clip.video, clip.subject), []).append((clip.start, clip.stop, clip.labels))
    return found


def test_an_observation_watches_its_animals_in_all_its_files(tmp_path: Path) -> None:
    content = project(
        pair=observation(events(("mum", 1, 2), ("pup", 12, 13)), {"a.mp4": 10.0, "b.mp4": 5.0}),
        alone=observation(events(("mum", 0, 1)), {"c.mp4": 4.0}),
        nobody=observation([], {"d.mp4": 4.0}),
    )
    content["subjects_conf"] = {str(n): {"key": "", "name": name} for n, name in enumerate(("mum", "pup", "dad"))}
    table = read_labels(write(tmp_path / "p.boris", content), subjects="each")
    assert by_animal(table) == {
        ("a.mp4", "mum"): [(0.0, 1.0, ()), (1.0, 2.0, ("walking",)), (2.0, 10.0, ())],
        ("a.mp4", "pup"): [(0.0, 10.0, ())],  # was there, as the second file shows
        ("b.mp4", "mum"): [(0.0, 5.0, ())],
        ("b.mp4", "pup"): [(0.0, 2.0, ()), (2.0, 3.0, ("walking",)), (3.0, 5.0, ())],
        ("c.mp4", "mum"): [(0.0, 1.0, ("walking",)), (1.0, 4.0, ())],  # of the pup nobody knows whether it was there
        ("d.mp4", ""): [(0.0, 4.0, ())],
    }
    merged = read_labels(tmp_path / "p.boris")
    assert {clip.subject for clip in merged.clips} == {""}
    assert merged.merged == ("mum", "pup")


def test_what_is_nobody_s_is_the_whole_scene_s_beside_the_animals(tmp_path: Path) -> None:
    content = project(day=observation(events(("mum", 1, 2), ("", 3, 4), ("No focal subject", 5, 6))))
    found = by_animal(read_labels(write(tmp_path / "p.boris", content), subjects="each"))
    assert found[("a.mp4", "mum")] == [(0.0, 1.0, ()), (1.0, 2.0, ("walking",)), (2.0, 10.0, ())]
    walking = [(start, stop) for start, stop, labels in found[("a.mp4", "")] if labels]
    assert walking == [(3.0, 4.0), (5.0, 6.0)]
    alone = project(day=observation(events(("", 3, 4))))
    noted = read_noted(write(tmp_path / "p.boris", alone), Clock())
    assert noted is not None
    assert [timeline.subjects for timeline in noted.timelines] == [()]


def test_observations_of_different_times_watch_their_own_animals(tmp_path: Path) -> None:
    early, late = {"observation time interval": [0, 5]}, {"observation time interval": [5, 10]}
    content = project(
        early=observation(events(("mum", 1, 2), ("pup", 1, 3)), **early),
        late=observation(events(("mum", 6, 7)), **late),
    )
    table = read_labels(write(tmp_path / "p.boris", content), windows=Windows(1, 1), subjects="each")
    assert [clip.start for clip in table.clips if clip.subject == "mum"] == list(range(10))
    assert [clip.start for clip in table.clips if clip.subject == "pup"] == list(range(5))
    scene = read_labels(tmp_path / "p.boris", windows=Windows(1, 1))  # each observation looked at all of it
    assert [clip.start for clip in scene.clips] == list(range(10))


@pytest.mark.parametrize("nobody", ["No focal subject", "", "NA", "nan"])
@pytest.mark.parametrize("kind", ["aggregated", "tabular"])
def test_subjects_of_tables_of_events(tmp_path: Path, kind: str, nobody: str) -> None:
    head = "Observation id,Media file name,Media duration (s),Subject,Behavior,Behavior type,"
    if kind == "aggregated":
        text = head + f"Start (s),Stop (s)\nd,a.mp4,9,mum,eat,STATE,1,2\nd,a.mp4,9,{nobody},rain,STATE,3,9\n"
    else:
        rows = [("mum", "eat", "START", 1), ("mum", "eat", "STOP", 2), (nobody, "rain", "START", 3)]
        rows.append((nobody, "rain", "STOP", 9))
        text = head + "Time\n" + "".join(f"d,a.mp4,9,{who},{name},{what},{at}\n" for who, name, what, at in rows)
    assert by_animal(read(tmp_path, text)) == {
        ("a.mp4", "mum"): [(0.0, 1.0, ()), (1.0, 2.0, ("eat",)), (2.0, 9.0, ())],
        ("a.mp4", ""): [(0.0, 3.0, ()), (3.0, 9.0, ("rain",))],
    }
    merged = read(tmp_path, text, "merged")
    assert [(clip.start, clip.labels) for clip in merged.clips] == [(0, ()), (1, ("eat",)), (2, ()), (3, ("rain",))]


@pytest.mark.parametrize("name", ["No focal subject", "no focal subject", "NA", "none"])
def test_names_that_boris_reads_as_nobody_are_refused(tmp_path: Path, name: str) -> None:
    table = scene((name, 0, 1, "walk"))
    forms = ["boris", "boris-tabular"] + ["boris-project"] * name.lower().startswith("no f")
    for form in forms:
        with pytest.raises(LabelError, match=f"subject '{name}': is BORIS' word for no animal; rename it"):
            export(table, tmp_path / f"out{SUFFIXES.get(form, '')}", form)


# ------------------------------------------------------------------------------------------------------ DeepEthogram


@given(st.text(min_size=1), st.text())
def test_a_file_of_one_animal_tells_video_and_animal(stem: str, subject: str) -> None:
    try:
        subject.encode()
    except UnicodeEncodeError:
        assume(False)
    name = stem_with_subject(stem, subject)
    assert split_stem(name) == (stem, subject)
    assert name == stem or "_subject=" in name
    assert set(name[len(stem) :]).isdisjoint('/\\:*?"<>|\n')


FRAMES = ",background,walk\n0,0,1\n1,1,0\n2,-1,-1\n"


def test_a_deepethogram_file_per_animal(tmp_path: Path) -> None:
    for who, text in (("f%201", FRAMES), ("f2", FRAMES.replace("-1,-1", "0,1"))):
        (tmp_path / f"a_subject={who}_labels.csv").write_text(text)
    clock = Clock(fps=1)
    table = read_labels(tmp_path, clock=clock, subjects="each")
    assert by_animal(table) == {
        ("a", "f 1"): [(0.0, 1.0, ("walk",)), (1.0, 2.0, ())],
        ("a", "f2"): [(0.0, 1.0, ("walk",)), (1.0, 2.0, ()), (2.0, 3.0, ("walk",))],
    }
    # Where one animal is not labelled, what the scene shows is not known, and nothing is learned there.
    merged = read_labels(tmp_path, clock=clock)
    assert said(merged) == [("a", "", 0.0, 1.0, ("walk",)), ("a", "", 1.0, 2.0, ())]
    alone = read_labels(tmp_path / "a_subject=f2_labels.csv", clock=clock, subjects="each")
    assert {(clip.video, clip.subject) for clip in alone.clips} == {("a", "f2")}


def test_files_of_animals_whose_names_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    for who in ("ann", "Ann"):
        (tmp_path / f"a_subject={who}_labels.csv").write_text(FRAMES)
    clock = Clock(fps=1)
    table = read_labels(tmp_path, clock=clock, subjects="each")
    target = tmp_path / "out"
    with pytest.raises(LabelError, match=r"_subject=Ann_labels\.csv' and .*ann_labels\.csv' differ in case only"):
        export(table, target, "deepethogram", clock)
    assert not target.exists()


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a_subject=f%31_labels.csv", FRAMES, "is of the same video and animal as .*a_subject=f%31_labels.csv"),
        ("a_subject=f2_labels.csv", FRAMES + "3,1,0\n", "has 4 frames, and .*a_subject=f1_labels.csv, .* video, has 3"),
        (
            "a_subject=f2_labels.csv",
            FRAMES.replace("walk", "rest"),
            "has the behaviours .'rest'., and the files before",
        ),
        ("a_subject==x_labels.csv", FRAMES, "subject '=x': spreadsheet programs take"),
    ],
)
def test_deepethogram_files_that_do_not_go_together(tmp_path: Path, name: str, text: str, reason: str) -> None:
    (tmp_path / "a_subject=f1_labels.csv").write_text(FRAMES)
    (tmp_path / name).write_text(text)
    with pytest.raises(LabelError, match=reason):
        read_labels(tmp_path, clock=Clock(fps=1), subjects="each")


def test_bouts_that_a_format_of_frames_reads_keep_their_animal(tmp_path: Path) -> None:
    (tmp_path / "a_subject=f1_labels.csv").write_text(FRAMES)
    noted = read_noted(tmp_path, Clock(fps=1))
    assert noted is not None
    assert noted.timelines[0].bouts == (Bout(0.0, 1.0, "walk", subject="f1"),)
    assert noted.timelines[0].unwatched == (("f1", 2.0, 3.0),)
