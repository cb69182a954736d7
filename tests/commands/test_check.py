import csv
import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from drawn import draw_video, draw_with_sound
from rich.console import Console
from test_boris_project import observation, project, write

from amclip.cli import main
from amclip.commands.check import check_data
from amclip.commands.check_report import Finding, Report
from amclip.data.formats import read_labels
from amclip.data.table import Clip, LabelTable, build_table
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError

CLIPS = Path(__file__).parents[1] / "data" / "clips"


def info(seconds: float = 10.0, note: str = "") -> VideoInfo:
    return VideoInfo(round(seconds * 25), 25.0, 64, 48, seconds, note)


def check(folder: Path, clips: list[Clip], classes: list[str] | None = None, **settings: object) -> Report:
    """Check clips of ten seconds, which need not be videos: what probing found is given."""
    table = build_table(clips, "labels.csv", classes or ["x"])
    lengths = settings.pop("lengths", None)
    if lengths is None:
        lengths = {}
        for clip in clips:
            path = folder / clip.video
            if not path.exists():
                path.write_bytes(f"{clip.video:>100}".encode())
            lengths[path] = info()
    return check_data(table, folder, lengths=lengths, **settings)  # type: ignore[arg-type]


def clip(video: str, split: str | None = None, *times: float, labels: tuple[str, ...] = ("x",), line: int = 2) -> Clip:
    start, stop = times or (None, None)
    return Clip(video, start, stop, labels, split, line)


def three(**changes: Clip) -> list[Clip]:
    """A table without fault: one clip per split."""
    return list({**{name: clip(f"{name}.mp4", name) for name in ("train", "val", "test")}, **changes}.values())


def only(report: Report) -> Finding:
    assert len(report.findings) == 1, report.findings
    return report.findings[0]


def test_behaviours_that_windows_lose_are_told(tmp_path: Path) -> None:
    table = replace(build_table(three(), "labels.csv", ["x"]), lost=("y",))
    report = check_data(table, tmp_path, lengths={tmp_path / one.video: info() for one in table.clips}, training=True)
    found = [one for one in report.findings if one.kind == "behaviours that no clip shows"]
    assert [(one.fatal, one.detail.partition(",")[0]) for one in found] == [(False, "'y': noted")]


def test_nothing_wrong(tmp_path: Path) -> None:
    report = check(tmp_path, three())
    assert report.findings == ()
    assert not report.fatal
    assert (report.num_clips, report.num_videos, report.seconds) == (3, 3, 30.0)
    assert report.classes == {"x": {"train": 1, "val": 1, "test": 1}}


def test_missing_videos_are_fatal_and_named_with_their_line(tmp_path: Path) -> None:
    for name in ("val", "test"):
        (tmp_path / f"{name}.mp4").write_text(name)
    lengths = {tmp_path / f"{name}.mp4": info() for name in ("val", "test")}
    lengths[tmp_path / "sub" / "a.mp4"] = VideoError("a", "does not exist")  # type: ignore[assignment]
    finding = only(check(tmp_path, three(train=clip("sub\\a.mp4", "train", line=7)), lengths=lengths))
    assert finding.fatal
    assert finding.line == 7
    assert finding.subject == "sub/a.mp4"  # a path as Windows writes it
    assert finding.detail == f"does not exist below {tmp_path}; there is no folder {tmp_path / 'sub'}"


def test_names_like_those_of_missing_videos_are_told(tmp_path: Path) -> None:
    for name in ("cow_12.mp4", "val.mp4", "test.mp4"):
        (tmp_path / name).write_text(name)
    lengths = {tmp_path / f"{name}.mp4": info() for name in ("val", "test")}
    finding = only(check(tmp_path, three(train=clip("cow-12.mp4", "train")), lengths=lengths))
    alike = "if that is it, the names differ; rename the file, or write its name into the labels"
    assert finding.detail == f"does not exist below {tmp_path}; there is cow_12.mp4: {alike}"


def test_no_video_with_labels_of_its_own_is_told_for_a_missing_one(tmp_path: Path) -> None:
    for name in ("train_1.mp4", "val.mp4", "test.mp4"):
        (tmp_path / name).write_text(name)
    clips = [*three(train=clip("train_1.mp4", "train")), clip("train_2.mp4", "train")]
    lengths = {tmp_path / f"{name}.mp4": info() for name in ("train_1", "val", "test")}
    finding = check(tmp_path, clips, lengths=lengths).findings[0]
    assert (finding.subject, finding.detail) == ("train_2.mp4", f"does not exist below {tmp_path}")


def test_where_everything_is_missing_the_root_is_doubted(tmp_path: Path) -> None:
    report = check(tmp_path, three(), lengths={})
    assert len(report.findings) == 3
    where = f"does not exist below {tmp_path}, where data.source.root has it: is that the folder of the videos?"
    assert report.findings[0].detail == where


def test_where_all_names_differ_those_of_the_files_are_told(tmp_path: Path) -> None:
    for name in ("Mouse_1.mp4", "Mouse_2.mp4"):
        (tmp_path / name).write_bytes(b"")
    table = build_table([clip("mouse1.mp4"), clip("mouse 2.mp4")], "labels.csv", ["x"])
    report = check_data(table, tmp_path, lengths={}, training=False)
    details = [finding.detail.partition(":")[0] for finding in report.findings]
    assert details == [f"does not exist below {tmp_path}; there is Mouse_{number}.mp4" for number in (1, 2)]


def test_broken_videos_are_fatal_and_short_ones_a_warning(tmp_path: Path) -> None:
    for name in ("train", "val", "test"):
        (tmp_path / f"{name}.mp4").write_text(name)
    lengths = {
        tmp_path / "train.mp4": VideoError("train.mp4", "is empty (0 bytes)"),
        tmp_path / "val.mp4": info(note="ends early: 250 of 300 frames decode"),
        tmp_path / "test.mp4": info(0.2),
    }
    report = check(tmp_path, three(), lengths=lengths, positions=8, flow_gap=1 / 25)
    assert [(finding.fatal, finding.subject) for finding in report.findings] == [
        (True, "train.mp4"),
        (False, "val.mp4"),
        (False, "test.mp4"),
    ]
    assert report.findings[0].detail == "is empty (0 bytes)"
    assert "has 5 frames where 9 are sampled" in report.findings[2].detail


@pytest.mark.parametrize(
    ("times", "message"),
    [((9.0, 11.0), "stops at 11 s, and the video lasts 10.00 s"), ((10.0, 12.0), "starts at 10 s")],
)
def test_times_outside_of_the_video_are_fatal(tmp_path: Path, times: tuple[float, float], message: str) -> None:
    finding = only(check(tmp_path, three(val=clip("val.mp4", "val", *times))))
    assert finding.fatal
    assert message in finding.detail


def test_rounded_times_are_fine(tmp_path: Path) -> None:
    assert not check(tmp_path, three(val=clip("val.mp4", "val", 8.0, 10.02))).findings


def test_classes_without_examples(tmp_path: Path) -> None:
    rows = three(val=clip("val.mp4", "val", labels=("y",)))
    report = check(tmp_path, rows, ["x", "y"])
    assert [(f.fatal, f.subject) for f in report.findings] == [(True, "y"), (False, "x"), (False, "y")]
    assert "no example in training (1 in other splits)" in report.findings[0].detail
    assert not check(tmp_path, rows, ["x", "y"], training=False).findings


def test_classes_that_every_clip_shows(tmp_path: Path) -> None:
    names = {"train": ("x", "y", "x"), "val": ("y", "y"), "test": ("x",)}  # of one clip every class is shown always
    clips = [
        clip(f"{split}{number}.mp4", split, labels=("on", name))
        for split, shown in names.items()
        for number, name in enumerate(shown)
    ]
    found = [one for one in check(tmp_path, clips, ["on", "x", "y"]).findings if "every clip" in one.kind]
    assert [(one.subject, one.fatal, one.detail) for one in found] == [
        ("on", False, "all 3 clips of training show it: what is never seen without it cannot be learned"),
        *(
            (name, False, "all 2 clips of val show it: its average precision there is 1, whatever is said")
            for name in ("on", "y")
        ),
    ]


def test_class_names_that_look_alike(tmp_path: Path) -> None:
    rows = [clip(f"{split}.mp4", split, labels=("head up", "Head_Up")) for split in ("train", "val", "test")]
    finding = only(check(tmp_path, rows, ["head up", "Head_Up"]))
    assert not finding.fatal
    assert "'Head_Up'" in finding.subject


def test_clips_without_labels_cannot_be_trained_on(tmp_path: Path) -> None:
    rows = three(train=Clip("a.mp4", split="train"), more=clip("b.mp4", "train"))
    assert only(check(tmp_path, rows)).kind == "clips without labels"


def test_the_same_frames_in_two_splits_are_fatal_also_under_another_spelling(tmp_path: Path) -> None:
    overlapping = [clip("a.mp4", "train", 0, 5), clip("./a.mp4", "test", 4, 8, line=5), clip("v.mp4", "val")]
    finding = only(check(tmp_path, overlapping))
    assert finding.fatal
    assert finding.detail == "0 to 5 s is in train, 4 to 8 s in test (lines 2 and 5)"
    whole = [clip("a.mp4", "train"), clip(str(tmp_path / "a.mp4"), "test", 4, 8), clip("v.mp4", "val")]
    assert "the whole video is in train" in only(check(tmp_path, whole)).detail


def test_clips_that_contradict_each_other_are_told_by_their_lines(tmp_path: Path) -> None:
    def told(*times: tuple[float, float, str], whose: str = "") -> list[Finding]:
        rows = [Clip("a.mp4", *span, tuple(shown), "train", line) for line, (*span, shown) in enumerate(times, 2)]
        rows[-1] = replace(rows[-1], subject=whose)
        found = check(tmp_path, [*rows, clip("v.mp4", "val", labels=("x", "y"))], ["x", "y"]).findings
        return [finding for finding in found if finding.kind == "clips that contradict each other"]

    (within,) = told((0, 8, "x"), (3, 5, "y"), (4, 6, "y"))
    assert (within.fatal, within.subject, within.line) == (False, "a.mp4", 3)
    assert within.detail == "0 to 8 s shows 'x', and 3 to 5 s 'y' (lines 2 and 3), and 1 more like these"
    assert "2 to 6 s shows 'x', and 5 to 8 s 'y'" in told((5, 8, "y"), (2, 6, "x"))[0].detail  # bouts
    assert not told((0, 8, "xy"), (3, 5, "y"), (4, 6, ""))  # one row has all that its clip shows
    assert not told((0, 2, "x"), (1, 3, "y"), (2, 4, ""))  # windows
    assert not told((0, 2, "x"), (2, 6, "y"))
    assert not told((0, 8, "x"), (3, 5, "y"), whose="Ada")


def test_a_recording_cut_by_time_is_a_warning(tmp_path: Path) -> None:
    rows = [
        clip("a.mp4", "train", 0, 4),
        clip("a.mp4", "train", 2, 6, labels=()),
        clip("a.mp4", "val", 6, 8),
        clip("a.mp4", "test", 8, 10),
    ]
    finding = only(check(tmp_path, rows))
    assert not finding.fatal
    assert "in train and val and test, at different times" in finding.detail
    hidden = [*rows, clip("a.mp4", "test", 5.5, 5.9)]  # inside a training clip, but not next to it in the table
    assert check(tmp_path, hidden).fatal
    rounded = [clip("a.mp4", "train", 0, 0.1 + 0.2), *rows[1:2], clip("a.mp4", "val", 0.3, 0.6)]
    assert not any(one.kind == "the same frames in two splits" for one in check(tmp_path, rounded[::2]).findings)


def test_empty_splits(tmp_path: Path) -> None:
    report = check(tmp_path, three()[1:])
    assert ("empty splits", True, "train") in [(f.kind, f.fatal, f.subject) for f in report.findings]
    report = check(tmp_path, three()[:1])
    assert [(f.kind, f.fatal, f.subject) for f in report.findings] == [
        ("empty splits", True, "val"),  # a training without validation clips stops at its start
        ("empty splits", False, "test"),
    ]
    assert not check(tmp_path, [clip("a.mp4")]).findings  # splits are assigned later


def test_the_same_video_under_two_names(tmp_path: Path) -> None:
    (tmp_path / "train.mp4").write_text("the same")
    (tmp_path / "test.mp4").write_text("the same")
    finding = only(check(tmp_path, three()))
    assert not finding.fatal
    assert finding.subject == "test.mp4"
    assert "same content as train.mp4" in finding.detail


def test_reports(tmp_path: Path) -> None:
    names = [f"{n}.mp4" for n in range(8)]
    for name in names:
        (tmp_path / name).write_text(name)
    table = LabelTable(tuple(clip(name, "train") for name in names), ("x", "[bold]y"), "labels.csv")
    report = check_data(table, tmp_path, lengths={tmp_path / name: VideoError(name, "is [broken]") for name in names})
    out = StringIO()
    report.show(Console(file=out, width=200))
    text = out.getvalue()
    assert "labels.csv: 8 clips in 8 videos" in text
    assert "error: videos that cannot be read (8)" in text
    assert "line 2: 4.mp4: is [broken]" in text
    assert "5.mp4" not in text
    assert "and 3 more" in text
    assert "[bold]y" in text  # names are no markup
    assert "training on this would be wrong" in text
    rows = list(csv.DictReader(report.write_report(tmp_path / "deep" / "report.csv").open()))
    assert [row["subject"] for row in rows if row["kind"] == "videos that cannot be read"] == names
    content = json.loads(report.write_report(tmp_path / "report.json").read_text())
    assert content["fatal"] is True
    assert content["classes"] == {"x": {"train": 8}, "[bold]y": {}}
    assert len(content["findings"]) == len(rows)


def test_slow_videos_and_frame_rates_that_differ_are_told(tmp_path: Path) -> None:
    for name in ("train", "val", "test"):
        (tmp_path / f"{name}.mp4").write_text(name)
    lengths = {tmp_path / f"{name}.mp4": info() for name in ("train", "val")}
    lengths[tmp_path / "test.mp4"] = VideoInfo(100, 10.0, 64, 48, 10.0)
    report = check(tmp_path, three(), lengths=lengths, flow_gap=1 / 25)
    finding = only(report)
    assert (finding.kind, finding.fatal, finding.subject) == ("videos too slow for the flow gap", False, "test.mp4")
    assert finding.detail.startswith("has 10 frames/s: the next frame comes after 0.1 s, 2.5 times the gap")
    assert report.rates == "frame rates: 10 (1 video), 25 (2 videos); the flow gap of 0.04 s is 1, 1 frames"
    text = StringIO()
    report.show(Console(file=text, width=200))
    assert report.rates in text.getvalue()
    assert check(tmp_path, three(), lengths=lengths).rates == ""  # no flow, no gap
    assert check(tmp_path, three(), lengths=lengths).findings == ()


def test_real_clips_are_probed_when_need_be(tmp_path: Path) -> None:
    report = check_data(read_labels(CLIPS / "labels.csv"), CLIPS, positions=8, flow_gap=1 / 25, cache=tmp_path)
    kinds = {finding.kind: finding.subject for finding in report.findings if "class" not in finding.kind}
    assert kinds == {
        "clips shorter than what is sampled": "01170043.MP4",
        "recordings that are cut over splits": "courtship_4s.mp4",
        "videos too slow for the flow gap": "EK000018.AVI",
    }
    assert report.num_videos == 8


def test_every_row_that_cannot_be_used_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("filepath,label\na.mp4,walking\nb.mp4,wlaking\na.mp4,walking\nc.mp4,runing\n")
    with pytest.raises(SystemExit) as stopped:
        main(
            [
                "check",
                f"--data.source.labels={table}",
                "--data.source.classes=[walking, running]",
                f"--report={tmp_path / 'report.csv'}",
            ]
        )
    assert stopped.value.code == 1
    with (tmp_path / "report.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["line"] for row in found] == ["3", "4", "5"]
    assert "did you mean 'walking'?" in found[0]["detail"]
    assert "appears twice" in found[1]["detail"]
    assert "rows that cannot be used (3)" in capsys.readouterr().out


def test_a_class_made_of_other_classes_is_noticed(tmp_path: Path) -> None:
    names = ("walking", "running", "walking,running")
    report = check(tmp_path, [clip(f"{k}.mp4", labels=(name,)) for k, name in enumerate(names)], list(names))
    assert any("joined by ';'" in finding.detail and not finding.fatal for finding in report.findings)


def test_rows_of_several_tables_are_named_by_their_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    report = tmp_path / "report.csv"
    first.write_text("filepath,start,stop,label\na.mp4,0,1,walking\na.mp4,1,2,walking\n")
    second.write_text("filepath,start,stop,label\na.mp4,0,1,resting\nb.mp4,0,1,resting\na.mp4,1,2,\n")
    words = ["check", f"--data.source.labels=[{first},{second}]", f"--report={report}"]

    def rows() -> list[dict[str, str]]:
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 1
        with report.open(newline="") as file:
            return list(csv.DictReader(file))

    assert [row["line"] for row in rows()] == ["2", "4"]
    assert f"'walking' in {first}, line 2" in rows()[0]["detail"]
    # It may be broken over lines, and its folder have spaces.
    assert "".join(str(second).split()) in "".join(capsys.readouterr().out.split())
    second.write_text("filepath,start,stop,label\na.mp4,0,1,walking\nb.mp4,0,1,resting\n")
    missing = [row for row in rows() if row["kind"] == "videos that are missing"]
    assert [(row["subject"], row["file"], row["line"]) for row in missing] == [
        ("a.mp4", str(first), "2"),
        ("b.mp4", str(second), "3"),
    ]


def run_check_of(folder: Path, *words: str) -> tuple[int, str]:
    """Exit status, and the report's rows."""
    report = folder / "report.csv"
    options = (
        "--input.num_segments=1",
        "--input.positions_per_segment=2",
        "--data.cache_dir=null",
        f"--report={report}",
    )
    try:
        main(["check", f"--data.source.root={folder}", *options, f"--report={report}", *words])
    except SystemExit as stopped:
        return int(stopped.code or 0), report.read_text()
    return 0, report.read_text()


def test_labels_per_frame_need_the_rate_of_the_video_or_none(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    rows = [f"{frame},0,{1 - frame // 10 % 2},{frame // 10 % 2}" for frame in range(60)]
    for name in ("u", "v", "w"):
        draw_video(tmp_path / f"{name}.mp4", 60, options={"title": name})
        (tmp_path / "labels" / f"{name}_labels.csv").write_text("\n".join([",background,walk,rest", *rows]) + "\n")
    words = (f"--data.source.labels={tmp_path / 'labels'}", "--data.source.window=0.4", "--data.splits.by=time")
    for rate in ("25", "null"):
        status, report = run_check_of(tmp_path, *words, f"--data.source.label_fps={rate}")
        assert (status, "rows that cannot be used" in report) == (0, False), report
    for rate in ("24", "30", "50"):
        status, report = run_check_of(tmp_path, *words, f"--data.source.label_fps={rate}")
        assert status == 1
        assert report.count("60 frames would last") == 3
    (tmp_path / "labels" / "v_labels.csv").write_text("\n".join([",background,walk,rest", *rows[:58]]) + "\n")
    status, report = run_check_of(tmp_path, *words)
    assert status == 1
    assert "has 58 frames of v, and" in report


def test_boris_with_a_sound_that_outlasts_the_picture_and_two_coders_is_used_as_chosen(tmp_path: Path) -> None:
    events = [[0.2, "", "calling"], [0.2, "", "walking"], [1.2, "", "walking"], [1.6, "", "walking"]]
    one = observation([*events, [1.9, "", "walking"], [1.8, "", "calling"]], {"a.mp4": 2.6})
    draw_with_sound(tmp_path / "a.mp4")
    content = project(**{"a, coder A": one, "a, coder B": one})
    del content["behaviors_conf"]["10"]  # eating, which nobody shows
    path = write(tmp_path / "p.boris", content)
    words = (f"--data.source.labels={path}", "--data.source.window=0.2", "--data.splits.by=time")
    status, report = run_check_of(tmp_path, *words)
    assert status == 1
    assert "two opinions are not made one" in report
    status, report = run_check_of(tmp_path, *words, "--data.source.observations=*coder A")
    assert "outside of their video" not in report
    assert status == 0, report
