"""The field's formats among videos, in folders and workbooks, and in amclip's own commands."""

import io
import json
import struct
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn import draw_video
from field_samples import BENTO, ELAN, ETHOVISION, ETHOVISION_LOG, LABEL_STUDIO, MABE, OBSERVER, SAMPLES, SIMBA, scores
from layouts import as_rows, save_sheets

from amclip.commands.convert import convert
from amclip.data.clock import Clock
from amclip.data.formats import Reading, read_labels, read_splits, read_table
from amclip.data.formats.matlab_file import LEVEL_5, read_matlab
from amclip.data.intervals import Subjects, Windows
from amclip.data.label_error import LabelError
from amclip.data.sources import files_read, read_several
from amclip.data.table import LabelTable
from amclip.ethogram.annotations import read_annotation


def shown(table: LabelTable) -> list[tuple[str, float, float, tuple[str, ...], str]]:
    return [
        (clip.video, round(clip.start or 0.0, 6), round(clip.stop or 0.0, 6), clip.labels or (), clip.subject)
        for clip in table.clips
        if clip.labels
    ]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of 25 frames under the names that the samples have."""
    folder = tmp_path_factory.mktemp("videos")
    first = draw_video(folder / "m1.mp4", 25)
    for name in ("monday.mp4", "day 1.mp4", "day 2.mp4"):
        (folder / name).write_bytes(first.read_bytes())
    return folder


# ------------------------------------------------------------------------------------------------- beside the videos


def test_frames_take_their_times_from_the_video_and_what_is_behind_them_is_not_labelled(
    videos: Path, tmp_path: Path
) -> None:
    (tmp_path / "m1.annot").write_text(BENTO)
    table = read_labels(tmp_path / "m1.annot", clock=Clock(videos), subjects="each")
    assert shown(table) == [
        ("C:/videos/m1.mp4", 0.04, 0.16, ("attack",), "Ch1"),
        ("C:/videos/m1.mp4", 0.28, 0.32, ("attack",), "Ch1"),
        ("C:/videos/m1.mp4", 0.16, 0.4, ("mount",), "Ch2"),
    ]
    assert max(clip.stop or 0.0 for clip in table.clips) == pytest.approx(0.4)  # it was annotated up to frame 10
    frames = BENTO.replace("0.2\t0.4\t0.3", "2\t4\t3").replace("0.8\t0.8\t0.1", "8\t8\t1")
    (tmp_path / "m1.annot").write_text(frames.replace("0.5\t1\t0.6", "5\t10\t6"))
    assert shown(read_labels(tmp_path / "m1.annot", clock=Clock(videos), subjects="each")) == shown(table)
    (tmp_path / "m1.annot").write_text(BENTO.replace("stop frame: 10", "stop frame: 26"))
    to_the_end = read_labels(tmp_path / "m1.annot", clock=Clock(videos), subjects="each")
    assert max(clip.stop or 0.0 for clip in to_the_end.clips) == pytest.approx(1.0)
    (tmp_path / "m1.annot").write_text(BENTO.replace("0.5\t1\t0.6", "0.5\t2.6\t2.2"))
    with pytest.raises(LabelError, match=r"goes on to frame 26 of C:/videos/m1.mp4, and .*m1.mp4 has 25"):
        read_labels(tmp_path / "m1.annot", clock=Clock(videos))


def test_simbas_rows_are_the_frames_of_the_video(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "m1.csv").write_text(SIMBA)
    with pytest.raises(LabelError, match=r"has 4 frames of m1, and .*m1.mp4 has 25"):
        read_labels(tmp_path / "m1.csv", clock=Clock(videos))
    with pytest.raises(LabelError, match=r"frames are counted, and m1 is not there"):
        read_labels(tmp_path / "m1.csv")


def test_a_tag_of_cvat_stands_for_the_frames_up_to_the_next_image(videos: Path, tmp_path: Path) -> None:
    def clips(numbers: Sequence[int], step: int, clock: Clock) -> list[tuple[float, float, tuple[str, ...] | None]]:
        tags = dict.fromkeys((0, 5, 20), '<tag label="feed"/>')
        images = "".join(f'<image id="{n}" name="frame">{tags.get(n, "")}</image>' for n in numbers)
        meta = f"<meta><task><source>m1.mp4</source><frame_filter>step={step}</frame_filter></task></meta>"
        (tmp_path / "tags.xml").write_text(f"<annotations>{meta}{images}</annotations>")
        table = read_labels(tmp_path / "tags.xml", clock=clock)
        return [(round(clip.start or 0, 6), round(clip.stop or 0, 6), clip.labels) for clip in table.clips]

    every = [(0.0, 1.0, ("feed",)), (1.0, 2.0, ()), (2.0, 2.5, ("feed",))]
    assert clips(range(0, 21, 5), 5, Clock(fps=10)) == every
    assert clips([0, 10], 5, Clock(fps=10)) == [(0.0, 0.5, ("feed",)), (1.0, 1.5, ())]
    assert clips([0, 1, 20], 1, Clock(fps=10)) == [(0.0, 0.1, ("feed",)), (0.1, 0.2, ()), (2.0, 2.1, ("feed",))]
    assert clips([0, 10, 20], 10, Clock(videos)) == [(0.0, 0.4, ("feed",)), (0.4, 0.8, ()), (0.8, 1.0, ("feed",))]


def test_a_choice_of_yes_and_no_ticks_the_attribute(tmp_path: Path) -> None:
    cvat = SAMPLES["cvat"]
    chosen = cvat.data.replace(b">true<", b">Yes<").replace(b">false<", b">No<")
    (tmp_path / "annotations.xml").write_bytes(chosen)
    assert shown(read_labels(tmp_path / "annotations.xml", clock=Clock(fps=10), subjects="each")) == [
        row for row in cvat.clips if row[3]
    ]
    via = json.loads(SAMPLES["via3"].text)
    via["attribute"]["1"] = {"aname": "feed", "type": 4, "options": {"0": "Yes", "1": "No"}}
    (tmp_path / "via.json").write_text(json.dumps(via))
    assert shown(read_labels(tmp_path / "via.json", subjects="each")) == [
        ("nest a.mp4", 1.0, 2.0, ("down", "up"), "chick"),
        ("nest a.mp4", 0.5, 1.5, ("feed",), "hen"),
    ]


def test_a_line_break_in_a_value_is_a_blank(tmp_path: Path) -> None:
    (tmp_path / "calf.eaf").write_text(ELAN.replace(">lick<", ">lick \n\tear<"))
    (tmp_path / "via.json").write_text(SAMPLES["via3"].text.replace('"feed"', '"feed\\nfast\\n"'))
    for name, behaviour in (("calf.eaf", "lick ear"), ("via.json", "feed fast")):
        assert behaviour in read_labels(tmp_path / name).classes


def test_points_of_every_frame_up_to_a_cut_off_end_are_a_track(tmp_path: Path) -> None:
    attribute = '<attribute name="Behavior">Head Up</attribute><attribute name="Subject">calf</attribute>'
    shapes = "".join(
        f'<points frame="{frame}" keyframe="{int(not frame)}" outside="0" points="3.5,6.8">{attribute}</points>'
        for frame in range(5)
    )
    meta = "<meta><task><start_frame>0</start_frame><stop_frame>19</stop_frame><source>43.mp4</source></task></meta>"
    (tmp_path / "43.xml").write_text(f'<annotations>{meta}<track id="0">{shapes}</track></annotations>')
    table = read_labels(tmp_path / "43.xml", clock=Clock(fps=10), subjects="each")
    assert [(clip.start, clip.stop, clip.labels, clip.subject) for clip in table.clips] == [
        (0.0, 0.5, ("Head Up",), "calf"),
        (0.5, 2.0, (), "calf"),
    ]


def test_label_studio_counts_by_a_rate_of_its_own(videos: Path, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(LABEL_STUDIO)
    with pytest.raises(LabelError, match=r"'call' stops at 1.5 s, after the end of monday.mp4 at 1 s"):
        read_labels(path, clock=Clock(videos))
    path.write_text(LABEL_STUDIO.replace('"fps": 10', '"fps": "20"'))
    table = read_labels(path, clock=Clock(videos))  # the video has 25, and Label Studio was told 20
    assert shown(table)[0] == ("monday.mp4", 0.0, 0.25, ("feed",), "")
    assert table.clips[-1].stop == pytest.approx(1.0)
    path.write_text(LABEL_STUDIO.replace('"fps": 10', '"light": "day"'))
    assert shown(read_labels(path, clock=Clock(fps=20))) == shown(table)


def test_events_behind_the_end_of_a_video_are_refused_by_line(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(OBSERVER)
    with pytest.raises(LabelError, match=r"line 2: 'Groom' stops at 2 s, after the end of day 1 at 1 s"):
        read_labels(tmp_path / "log.csv", clock=Clock(videos))


# ------------------------------------------------------------------------------------------- which columns, what name


def test_simbas_project_or_the_user_says_which_columns_are_behaviours(tmp_path: Path) -> None:
    folder = tmp_path / "project_folder" / "csv" / "targets_inserted"
    folder.mkdir(parents=True)
    (folder / "m1.csv").write_text(SIMBA)
    config = tmp_path / "project_folder" / "project_config.ini"
    config.write_text("[SML settings]\nno_targets = 1\ntarget_name_1 = Sniffing\n")
    assert read_labels(folder / "m1.csv", clock=Clock(fps=10)).classes == ("Sniffing",)
    assert read_labels(folder / "m1.csv", ["Attack"], clock=Clock(fps=10)).classes == ("Attack",)
    config.write_text("[SML settings]\nno_targets = 1\ntarget_name_1 = Mount\n")
    with pytest.raises(LabelError, match=r"line 1: has no column 'Mount', a behaviour of .*project_config.ini"):
        read_labels(folder / "m1.csv", clock=Clock(fps=10))
    config.write_text("no section\n")
    with pytest.raises(LabelError, match=r"project_config.ini: cannot be read as settings of SimBA"):
        read_labels(folder / "m1.csv", clock=Clock(fps=10))
    with pytest.raises(LabelError, match=r"has no column of the classes Groom"):
        read_labels(folder / "m1.csv", ["Groom"], clock=Clock(fps=10))


def test_a_column_with_few_wrong_cells_is_a_behaviour_with_wrong_cells(tmp_path: Path) -> None:
    head, *_ = SIMBA.splitlines()
    rows = [f"{frame},1,2,0.9,3,4,1,7.5,0,{frame % 2},{2 if frame == 7 else 0}" for frame in range(20)]
    (tmp_path / "m.csv").write_text("\n".join([head, *rows]))
    with pytest.raises(LabelError, match=r"line 9, column 'Sniffing': '2' is neither 0 nor 1; if the column is none"):
        read_labels(tmp_path / "m.csv", clock=Clock(fps=10))


def test_annotations_of_elan_that_divide_the_time_of_another_share_it(tmp_path: Path) -> None:
    slots = "".join(f'<TIME_SLOT TIME_SLOT_ID="ts{n}"/>' for n in (5, 6))
    parts = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="ts{first}" TIME_SLOT_REF2="ts{last}">'
        f"<ANNOTATION_VALUE>step {first}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        for first, last in ((2, 5), (5, 6), (6, 3))
    )
    tier = f'<TIER TIER_ID="steps" PARENT_REF="walk" PARTICIPANT="calf">{parts}</TIER><LINGUISTIC_TYPE '
    text = ELAN.replace("    </TIME_ORDER>", slots + "</TIME_ORDER>").replace("<LINGUISTIC_TYPE ", tier)
    (tmp_path / "calf.eaf").write_text(text)
    table = read_labels(tmp_path / "calf.eaf", subjects="each")
    steps = [(start, stop, labels[0]) for _, start, stop, labels, subject in shown(table) if subject == "calf"]
    assert steps == [(1.5, 1.833, "step 2"), (1.833, 2.167, "step 5"), (2.167, 2.5, "step 6")]


def test_ethovisions_columns_that_are_named_are_read_whatever_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(ETHOVISION)
    classes = ["Rearing", "In zone(floor / center-point)"]
    table = read_labels(tmp_path / "a.txt", classes, subjects="each")
    assert [clip.labels for clip in table.clips] == [("In zone(floor / center-point)",), ("Rearing",)]
    (tmp_path / "a.txt").write_text(ETHOVISION.replace("Rearing(Exclusive)", "Walking(Other)"))
    assert read_labels(tmp_path / "a.txt").classes == ("Walking(Exclusive)", "Walking(Other)")
    missing = ETHOVISION.replace('0.3;0.3;"-";0;0;1;1', '0.3;0.3;"-";0;"-";"-";1')
    (tmp_path / "a.txt").write_text(missing)
    table = read_labels(tmp_path / "a.txt")
    assert [(clip.start, round(clip.stop or 0.0, 6)) for clip in table.clips] == [(2.5, 2.7), (2.7, 2.8)]


def test_states_that_ethovision_tracked_are_no_behaviours_unless_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(ETHOVISION.replace("Rearing(Exclusive)", "Mobility state(Immobile)"))
    assert read_labels(tmp_path / "a.txt").classes == ("Walking",)
    assert read_labels(tmp_path / "a.txt", ["Mobility state"]).classes == ("Mobility state",)


@pytest.mark.parametrize("field", ["tStart", "tEnd"])
def test_jaabas_animals_each_need_the_frames_that_they_were_tracked_in(tmp_path: Path, field: str) -> None:
    path = tmp_path / "scores_chase.mat"
    path.write_bytes(scores(change=lambda content: content.update({field: np.array([[1.0]])})))
    with pytest.raises(LabelError, match=r"first and \d last frames of 2 animals"):
        read_labels(path, clock=Clock(fps=10))


def test_ethovisions_workbook_with_a_track_and_a_log(tmp_path: Path) -> None:
    track = ETHOVISION.replace("Walking(Exclusive)", "Velocity(x)").replace("Rearing(Exclusive)", "Distance(y)")
    sheets = {"Track": as_rows(track, ";"), "Manual scoring": as_rows(ETHOVISION_LOG, ";")}
    table = read_labels(save_sheets(tmp_path / "a.xlsx", sheets), subjects="each")
    assert shown(table)[0] == ("D:/lab/rats 1,2.MP4", 2.5, 2.7, ("Walking",), "Subject 1")


# --------------------------------------------------------------------------------------------------------- in folders


def test_files_of_the_animals_of_a_video_are_joined(tmp_path: Path) -> None:
    (tmp_path / "t1 s1.txt").write_bytes(ETHOVISION.encode("utf-16"))
    (tmp_path / "t1 s2.txt").write_bytes(ETHOVISION.replace('"Subject 1"', '"Subject 2"').encode("utf-16"))
    (tmp_path / "readme.txt").write_text("how we did it")
    table = read_labels(tmp_path, subjects="each")
    assert {clip.subject for clip in table.clips} == {"Arena 1 Subject 1", "Arena 1 Subject 2"}
    (tmp_path / "t1 s3.txt").write_bytes(ETHOVISION.encode("utf-16"))
    with pytest.raises(LabelError, match=r"t1 s3.txt: is of the same video and animal as .*t1 s1.txt"):
        read_labels(tmp_path)


def test_a_list_of_files_is_refused_where_one_says_nothing_of_a_behaviour(tmp_path: Path) -> None:
    reading = Reading(clock=Clock(fps=10))
    first, second = tmp_path / "m1.csv", tmp_path / "m2.csv"
    first.write_text("\n".join(row.rpartition(",")[0] for row in SIMBA.splitlines()))
    second.write_text(SIMBA)
    with pytest.raises(LabelError, match=r"m1.csv: says nothing of Sniffing, as others do"):
        read_several([first, second], reading)
    with pytest.raises(LabelError, match=r"m1.csv: says nothing of Sniffing, as others do"):
        read_splits({"train": str(first), "test": str(second)}, reading)
    with pytest.raises(LabelError, match=r"m1.csv, line 1: has no column of the classes Sniffing"):
        read_several([first, second], replace(reading, classes=["Attack", "Sniffing"]))
    assert read_several([first, second], replace(reading, classes=["Attack"])).classes == ("Attack",)
    first.write_text(SIMBA)
    assert read_several([first, second], reading).classes == ("Attack", "Sniffing")
    (tmp_path / "a.txt").write_text(ETHOVISION)
    with pytest.raises(LabelError, match=r"a.txt: has no column of the classes Groom"):
        read_labels(tmp_path / "a.txt", ["Walking", "Groom"])
    for name in ("chase", "walk"):
        (tmp_path / f"scores_{name}.mat").write_bytes(scores(name=name))


def test_a_list_of_files_is_joined_as_their_folder_is(tmp_path: Path) -> None:
    reading, one, two = Reading(clock=Clock(fps=10), subjects="each"), tmp_path / "one", tmp_path / "two"
    for folder, names in ((one, ("chase", "walk")), (two, ("walk", "chase"))):
        folder.mkdir()
        for name in names:
            (folder / f"scores_{name}.mat").write_bytes(scores(name=name))
    files = [one / "scores_chase.mat", two / "scores_walk.mat", one / "scores_walk.mat", two / "scores_chase.mat"]
    table = read_several(files[::2], reading)
    assert table.source == f"{files[0]}, {files[2]}"
    assert shown(table) == shown(read_table(one, reading))
    merged = replace(reading, subjects="merged", windows=Windows(0.1, 0.1, 0.5))
    assert shown(read_several(files[::2], merged)) == shown(read_table(one, merged))
    both = read_several(files, reading)
    assert both.classes == ("chase", "walk")
    assert set(both.videos()) == {"one", "two"}
    assert len(both) == 2 * len(table)
    with pytest.raises(LabelError, match=r"two/scores_walk.mat: says nothing of chase, as others do: .* those of all"):
        read_several(files[:3], reading)
    with pytest.raises(LabelError, match=r"is of the same video and of 'chase', as is .*one/scores_chase.mat"):
        read_several([*files, files[0]], reading)


@pytest.mark.parametrize("subjects", ["each", "merged"])
def test_a_list_of_files_of_the_animals_of_a_video_is_joined_too(tmp_path: Path, subjects: Subjects) -> None:
    first, second, other = (tmp_path / f"t1 {name}.txt" for name in ("s1", "s2", "other"))
    reading = Reading(clock=Clock(fps=10), subjects=subjects)
    first.write_text(ETHOVISION)
    second.write_text(ETHOVISION.replace('"Subject 1"', '"Subject 2"'))
    other.write_text(ETHOVISION.replace("rats 1", "rats 2"))
    joined = read_several([first, other, second], reading)
    assert [clip for clip in shown(joined) if "rats 2" in clip[0]] == shown(read_table(other, reading))
    other.unlink()
    assert [clip for clip in shown(joined) if "rats 1" in clip[0]] == shown(read_table(tmp_path, reading))


def test_only_the_label_files_of_a_folder_are_named_as_read(tmp_path: Path) -> None:
    (tmp_path / "t1.txt").write_text(ETHOVISION)
    (tmp_path / "weights.csv").write_text("animal,grams\n1,20\n")
    assert files_read(str(tmp_path)) == [tmp_path / "t1.txt"]


def test_files_of_all_suffixes_are_read(tmp_path: Path) -> None:
    (tmp_path / "t1.txt").write_text(ETHOVISION)
    (tmp_path / "t2.csv").write_text(ETHOVISION.replace("rats 1,2.MP4", "b.mp4"))
    assert read_labels(tmp_path).videos() == ("D:/lab/rats 1,2.MP4", "D:/lab/b.mp4")


def test_files_of_the_behaviours_of_a_video_are_joined(tmp_path: Path) -> None:
    for experiment in ("fly 1", "fly 2"):
        (tmp_path / experiment).mkdir()
        (tmp_path / experiment / "scores_chase.mat").write_bytes(scores())
        (tmp_path / experiment / "scores_walk.mat").write_bytes(scores([[1, 0, 0, 0, 0], [0, 1, 0, 0]], "walk"))
    table = read_labels(tmp_path, clock=Clock(fps=10), subjects="each")
    assert (table.classes, table.videos()) == (("chase", "walk"), ("fly 1", "fly 2"))
    assert shown(table)[0] == ("fly 1", 0.0, 0.1, ("walk",), "animal 1")
    (tmp_path / "fly 2" / "scores_walk.mat").unlink()
    with pytest.raises(LabelError, match=r"fly 2: has no file of walk, as others have"):
        read_labels(tmp_path, clock=Clock(fps=10))
    (tmp_path / "fly 2" / "scores_walk.mat").write_bytes(scores([[1, 0, 0, 0, 0]], "walk"))
    with pytest.raises(LabelError, match=r"is of animal 1, and .*scores_chase.mat, of the same video, of animal 1, a"):
        read_labels(tmp_path, clock=Clock(fps=10))


@pytest.mark.parametrize(
    ("name", "video"), [("mabe", "lab a/44566106"), ("simba", "lab a/m1"), ("bento", "C:/videos/m1.mp4")]
)
def test_videos_lie_below_a_folder_as_the_files_that_are_named_after_them(
    tmp_path: Path, name: str, video: str
) -> None:
    sample = SAMPLES[name]
    (tmp_path / "lab a").mkdir()
    (tmp_path / "lab a" / sample.file).write_bytes(sample.data)
    assert read_labels(tmp_path, clock=Clock(fps=10)).videos() == (video,)


def test_a_folder_of_two_formats_and_names_that_promise_too_much_are_refused(tmp_path: Path) -> None:
    for name in ("bento", "elan"):
        (tmp_path / SAMPLES[name].file).write_bytes(SAMPLES[name].data)
    with pytest.raises(LabelError, match=r"holds Bento's or MARS' annotations \(m1.annot\) and ELAN's annotat"):
        read_labels(tmp_path)
    (tmp_path / "calf.eaf").write_text("not yet written")
    with pytest.raises(LabelError, match=r"calf.eaf, line 1: has a name like a file of ELAN's annotations, and"):
        read_labels(tmp_path)


# --------------------------------------------------------------------------------------------------- amclip's commands


@pytest.mark.parametrize("name", SAMPLES)
def test_they_are_converted_to_a_table_with_all_that_they_say(tmp_path: Path, name: str) -> None:
    sample = SAMPLES[name]
    (tmp_path / "experiment").mkdir()
    path = tmp_path / "experiment" / sample.file
    path.write_bytes(sample.data)
    convert(str(path), str(tmp_path / "out.csv"), subjects="each", fps=10)
    assert shown(read_labels(tmp_path / "out.csv", subjects="each")) == shown(
        read_labels(path, clock=Clock(fps=10), subjects="each")
    )


def test_evaluation_reads_them_as_time_lines(tmp_path: Path) -> None:
    (tmp_path / "44566106.parquet").write_bytes(SAMPLES["mabe"].data)
    annotation = read_annotation(tmp_path / "44566106.parquet", fps=10)
    (timeline,) = annotation.timelines
    assert (timeline.subjects, len(timeline.bouts)) == (("mouse1", "mouse2"), 3)


# ------------------------------------------------------------------------------------------- beside others' libraries


def test_elans_files_by_another_library_are_read(tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi.Elan", reason="pip install pympi-ling")
    file = elan.Eaf(author="")
    file.add_linked_file(str(tmp_path / "a.mp4"), relpath="./a.mp4", mimetype="video/mp4")
    file.remove_tier("default")
    file.add_tier("head", part="cow")
    file.add_annotation("head", 100, 1040, "lick")
    file.add_annotation("head", 1040, 2000, "rest")
    file.to_file(str(tmp_path / "a.eaf"))
    table = read_labels(tmp_path / "a.eaf", subjects="each")
    assert shown(table) == [("a.mp4", 0.1, 1.04, ("lick",), "cow"), ("a.mp4", 1.04, 2.0, ("rest",), "cow")]


def test_matlabs_own_files_are_read_as_scipy_reads_them() -> None:
    import scipy.io.matlab

    folder = Path(scipy.io.matlab.__file__).parent / "tests" / "data"
    files = [path for path in sorted(folder.glob("test*_7.*.mat")) if path.read_bytes().startswith(LEVEL_5)]
    if not files:
        pytest.skip("this scipy comes without its tests' files")
    for path in files:
        right = scipy.io.matlab.loadmat(path)
        for name, values in read_matlab(path.read_bytes(), path.name).items():
            if values is not None and right[name].dtype.kind in "fiu":
                assert values.tolist() == right[name].ravel("F").astype(float).tolist(), path.name


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"\x0e\0\0\0", b"\x0f\0\0\0", 1),
        lambda data: data[:200],
        lambda data: data.replace(b"\x09\0\0\0", b"\x09\x01\0\0"),  # scipy's reader ends the process here
        lambda data: data[:126] + b"??" + data[128:],
    ],
)
def test_damaged_files_of_matlab_are_refused(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "scores_chase.mat"
    path.write_bytes(change(scores([[0.0, 1.0, 0.5]])))
    with pytest.raises(LabelError, match=r"scores_chase.mat: cannot be read as a file of MATLAB \(.*\); is it whole"):
        read_labels(path, clock=Clock(fps=10))


@pytest.mark.parametrize("kind", ["numbers", "in all"])
def test_small_files_of_matlab_do_not_take_all_of_the_memory(kind: str) -> None:
    from scipy.io import savemat

    many = np.zeros((1, 36 << 20), np.uint8)
    content = {"numbers": {"a": many}, "in all": dict.fromkeys("abcd", many[:, : 8 << 20])}
    file = io.BytesIO()
    savemat(file, content[kind], do_compression=True)
    assert len(file.getvalue()) < 1 << 19
    tracemalloc.start()
    try:
        with pytest.raises(LabelError, match=r"more than 256 MiB of variables, which no scores have"):
            read_matlab(file.getvalue(), "a.mat")
        assert tracemalloc.get_traced_memory()[1] < 3 << 27
    finally:
        tracemalloc.stop()


def test_cells_of_matlab_and_animals_are_counted_before_they_are_walked_through(tmp_path: Path) -> None:
    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)

    parts = [element(6, struct.pack("<II", 1, 0)), element(5, struct.pack("<ii", 1, 1_000_000)), element(1, b"cells")]
    file = LEVEL_5.ljust(124) + b"\0\1IM" + element(14, b"".join(parts) + element(14, b"") * 1_000_000)
    started = time.process_time()
    with pytest.raises(LabelError, match=r"more than 100000 cells and fields, which no scores have"):
        read_matlab(file, "a.mat")
    assert time.process_time() - started < 1
    (tmp_path / "scores_x.mat").write_bytes(scores([[0.0, 1.0]] * 1001))
    with pytest.raises(
        LabelError, match=r"allScores.postprocessed': holds scores of 1001 animals: more than any video"
    ):
        read_labels(tmp_path / "scores_x.mat", clock=Clock(fps=10))


def test_mabes_rows_are_counted_before_they_are_read(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns: dict[str, list[object]] = {name: list(values)[:1] * 2_000_001 for name, values in MABE.items()}
    same = pa.table(columns)
    parquet.write_table(same, tmp_path / "a.parquet", compression="zstd")
    with pytest.raises(LabelError, match=r"a.parquet: holds 2000001 rows; at most 2000000 are read"):
        read_labels(tmp_path / "a.parquet", clock=Clock(fps=10))
