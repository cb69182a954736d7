"""`amclip new`: from a folder to a config that checks and trains, whatever the labels and tracks are."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import layouts
import openpyxl
import pytest
import texts
import yaml
from drawn import draw_video
from drawn_animals import COLOURS, draw_animals, tracks_of_video
from field_samples import SAMPLES

from amclip.cli import main
from amclip.commands import new as command
from amclip.commands.new_choices import choose
from amclip.commands.new_survey import survey
from amclip.data import flow_bound
from amclip.data.source import LabelSource
from amclip.data.tracks import write_tracks

NAMES = "abcdef"
TINY = (
    *("--model.network.backbone=amclip-tiny", "--model.network.pretrained=null", "--input.image_size=64"),
    *("--input.frame_size=[64,64]", "--input.flow.preset=fast", "--data.num_workers=0", "--trainer.accelerator=cpu"),
    *("--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.logger=false"),
    *("--trainer.fast_dev_run=1", "--input.positions_per_segment=1"),
)


@pytest.fixture(autouse=True)
def _on_a_cpu(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_has_gpu", lambda: False)
    monkeypatch.setattr(flow_bound, "MOST_PAIRS", 4)
    monkeypatch.setattr(command, "_CACHE", str(tmp_path_factory.getbasetemp() / "probed"))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for name in NAMES:
        draw_video(folder / f"{name}.mp4", 60)
    return folder


def place(films: Path, folder: Path, names: Sequence[str] = NAMES) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.mp4").symlink_to(films / f"{name}.mp4")


def boris_events(names: Sequence[str]) -> str:
    head, *events = layouts.BORIS_AGGREGATED.splitlines()
    rows = [row.replace("a.mp4", f"{n}.mp4").replace("day 1", f"day {n}") for n in names for row in events]
    return "\n".join([head, *rows]) + "\n"


def written(folder: Path) -> dict[str, Any]:
    config = yaml.safe_load((folder / "amclip.yaml").read_text("utf-8"))
    assert isinstance(config, dict)
    return config


def checks_and_trains(folder: Path, *more: str) -> None:
    config = f"--config={folder / 'amclip.yaml'}"
    main(["check", config, f"--report={folder / 'check_report.csv'}", "--data.cache_dir=null"])  # else SystemExit
    main(["fit", config, *TINY, *more, "--data.cache_dir=null"])


def test_events_of_boris_and_a_second_table(films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my study"
    place(films, folder / "videos")
    (folder / "events.csv").write_text(boris_events(NAMES))
    (folder / "old.csv").write_text("filepath,label,start,stop\na.mp4,walking,0,1\n")
    (folder / "notes.txt").write_text("Nothing of interest.\n")
    main(["new", str(folder)])
    said = capsys.readouterr().out
    assert "old.csv: labels, not used: events.csv labels 1 of its 1 video too, and 6 videos in all" in said
    assert f"amclip fit --config '{folder / 'amclip.yaml'}'" in said
    assert "few training clips: calling (4)" in said
    config = written(folder)
    assert config["data"]["source"] == {
        "labels": str(folder / "events.csv"),
        "root": str(folder / "videos"),
        "window": 0.8,  # the median bout of walking, which is the briefest
    }
    assert (config["input"]["num_segments"], config["input"]["positions_per_segment"]) == (2, 8)
    assert "It holds at input.image_size 224; for another size times that size / 224" in said
    assert config["data"]["splits"]["by"] == "video"
    assert config["model"]["network"]["tuning"]["trainable_blocks"] == 0
    checks_and_trains(folder)


def test_a_project_of_boris_with_tracks_of_its_animals(tmp_path: Path) -> None:
    project = json.loads(layouts.boris_project_text())
    base = project["observations"].pop("day 1")
    tracks = []
    for name in "abc":
        draw_animals(tmp_path / f"{name}.mkv")
        tracks.append(tracks_of_video(f"{name}.mkv"))
        events = [
            [time + 0.01 * number, who, label, "", "", 0]
            for number, who in enumerate(COLOURS)
            for time, label in ((0.1, "walking"), (0.8, "walking"), (0.9, "resting"), (1.8, "resting"))
        ]
        media = {"length": {f"{name}.mkv": 2.0}, "fps": {f"{name}.mkv": 25.0}}
        project["observations"][name] = {
            **base,
            "events": sorted(events),
            "file": {"1": [f"{name}.mkv"]},
            "media_info": media,
        }
    project["subjects_conf"] = {str(n): {"name": who, "key": ""} for n, who in enumerate(COLOURS)}
    (tmp_path / "study.boris").write_text(json.dumps(project))
    for name, one in zip("abc", tracks, strict=True):
        write_tracks(one, tmp_path / f"{name}_tracks.csv")
    main(["new", str(tmp_path)])
    config = written(tmp_path)
    assert config["data"]["source"]["tracks"] == [str(tmp_path / f"{name}_tracks.csv") for name in "abc"]
    assert config["input"]["crop"] == {"margin": 0.7}
    assert config["input"]["flow"]["unit"] == "body lengths"
    assert 0.1 < config["input"]["flow"]["bound"] < 9  # measured
    text = (tmp_path / "amclip.yaml").read_text("utf-8")
    assert "body lengths per second: measured on 4 pairs of frames of 1 video," in " ".join(
        text.replace("#", "").split()
    )
    assert config["data"]["batch_size"] == 9
    checks_and_trains(tmp_path)


def test_tracks_whose_animals_have_other_names_are_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw_animals(tmp_path / "a.mkv")
    write_tracks(tracks_of_video("a.mkv"), tmp_path / "tracks.csv")
    rows = [f"a.mkv,{start},{start + 0.4},{who},walks" for start in (0, 0.4, 0.8, 1.2) for who in ("ada", "eve")]
    (tmp_path / "labels.csv").write_text("\n".join(["filepath,start,stop,subject,label", *rows]) + "\n")
    main(["new", str(tmp_path)])
    said = capsys.readouterr().out
    assert "'eve' has no track" in said
    assert "amclip tracks" in said
    config = written(tmp_path)
    assert "crop" not in config["input"]
    assert config["data"]["source"] == {
        "labels": str(tmp_path / "labels.csv"),
        "root": str(tmp_path),
        "subjects": "merged",
    }
    assert config["data"]["splits"]["by"] == "time"  # one video


def test_tables_of_clips_by_split(films: Path, tmp_path: Path) -> None:
    place(films, tmp_path, "abc")
    for name, split in zip("abc", ("train", "val", "test"), strict=True):
        rows = [f"{name}.mp4,{start},{start + 0.24},{label}" for start, label in ((0, "walking"), (1, "resting"))]
        (tmp_path / f"{split}.csv").write_text("\n".join(["filepath,start,stop,label", *rows]) + "\n")
    main(["new", str(tmp_path), "--output", str(tmp_path / "own.yaml")])
    config = yaml.safe_load((tmp_path / "own.yaml").read_text())
    assert config["data"]["source"]["labels"] == {
        split: str(tmp_path / f"{split}.csv") for split in ("train", "val", "test")
    }
    assert (config["input"]["num_segments"], config["input"]["positions_per_segment"]) == (1, 4)  # of 6 frames


def test_a_file_per_video_is_joined_and_tracks_of_deeplabcut_are_told(films: Path, tmp_path: Path) -> None:
    place(films, tmp_path, "abc")
    header = layouts.DEEPETHOGRAM.splitlines()[0]
    rows = [f"{n},{int(n < 30)},{int(n >= 30)},{int(n in (30, 31, 32))}" for n in range(59)]
    for name in "abc":
        (tmp_path / f"{name}_labels.csv").write_text("\n".join([header, *rows, "59,0,1,0"]) + "\n")
        (tmp_path / f"{name}{texts.DLC_ONE.split(',')[1]}.csv").write_text(texts.DLC_ONE)
    found = survey(tmp_path)
    assert [file.path.name for file in found.labels] == [f"{name}_labels.csv" for name in "abc"]
    assert len(found.tracks) == 3
    chosen = choose(found, gpu=True)
    assert chosen.tuning.value == "last blocks"
    assert chosen.source.window == 0.2  # no longer window has a bout of three frames
    assert not chosen.table.lost


def test_rare_frames_and_whole_videos(tmp_path: Path) -> None:
    for name in "abcd":
        draw_video(tmp_path / f"{name}.mp4", 12, milliseconds=[1000 * n for n in range(12)])
    (tmp_path / "labels.csv").write_text(
        "filepath,label\n" + "".join(f"{n}.mp4,{'xy'[i % 2]}\n" for i, n in enumerate("abcd"))
    )
    chosen = choose(survey(tmp_path), gpu=False)
    assert chosen.modality.value == "frames"
    assert chosen.window.value is None
    assert chosen.positions.value == (2, 4)
    for name in "abcd":
        draw_video(tmp_path / f"{name}.mp4", 12, milliseconds=[100 * n for n in range(12)])
    assert choose(survey(tmp_path), gpu=False).gap.value == "1/10"


def test_one_file_of_labels_and_the_videos_that_it_names(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "labels"
    place(films, tmp_path / "far away", NAMES[:4])
    place(films, folder, NAMES[4:])
    (folder / "others.csv").write_text("filepath,label,start,stop\ne.mp4,walking,0,1\n")
    events = boris_events(NAMES[:5])
    for name in NAMES[:4]:
        events = events.replace(f"{name}.mp4", f"{tmp_path}/far away/{name}.mp4")
    (folder / "events.csv").write_text(events)
    main(["new", str(folder / "events.csv")])
    said = capsys.readouterr().out
    assert "videos   5" in said
    assert "others.csv" not in said
    assert written(folder)["data"]["source"]["labels"] == str(folder / "events.csv")
    (folder / "notes.txt").write_text("Nothing of interest.\n")
    with pytest.raises(SystemExit):
        main(["new", str(folder / "notes.txt"), "--output", str(folder / "other.yaml")])
    assert "is no file of labels that amclip reads" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["", "labels.csv"])
def test_where_the_labels_name_other_videos_the_nearest_are_told(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    (tmp_path / "Mouse_A.mp4").symlink_to(films / "a.mp4")
    (tmp_path / "labels.csv").write_text("filepath,start,stop,label\nmouse-a.mp4,0,1,walk\nzz9.mp4,0,1,rest\n")
    with pytest.raises(SystemExit):
        main(["new", str(tmp_path / given)])
    said = capsys.readouterr()
    assert "labels   of other videos" in said.out
    assert "names 2 videos that cannot be found here: mouse-a.mp4 (there is Mouse_A.mp4), zz9.mp4" in said.err
    assert "Give a video one name in both" in said.err
    assert "nothing to train on" not in said.err
    assert not (tmp_path / "amclip.yaml").exists()
    (tmp_path / "zz9.mp4").symlink_to(films / "b.mp4")
    main(["new", str(tmp_path / given)])
    assert "names 1 video that cannot be found here: mouse-a.mp4 (there is Mouse_A.mp4)" in capsys.readouterr().out


def test_of_many_files_of_other_videos_a_few_are_told(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place(films, tmp_path)
    for number in range(10, 30):
        (tmp_path / f"{number}.csv").write_text(f"filepath,start,stop,label\nx{number}.mp4,0,1,walk\n")
    with pytest.raises(SystemExit):
        main(["new", str(tmp_path)])
    said = capsys.readouterr().err
    assert "x10.mp4" in said
    assert "x29.mp4" not in said
    assert "and 13 more like these" in said


def test_a_behaviour_that_is_on_all_the_time_is_told(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place(films, tmp_path)
    rows = [f"{name}.mp4,{at},{at + 0.5},on;{'walk' if at else 'rest'}" for name in NAMES for at in (0, 0.5, 1)]
    (tmp_path / "labels.csv").write_text("\n".join(["filepath,start,stop,label", *rows]) + "\n")
    main(["new", str(tmp_path)])
    assert "in every training clip: on. What is never seen without it cannot be learned" in capsys.readouterr().out


def test_the_network_that_comes_with_amclip_trains_without_a_download(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place(films, tmp_path)
    (tmp_path / "events.csv").write_text(boris_events(NAMES))
    main(["new", str(tmp_path), "--network", "tiny"])
    assert "It holds at input.image_size 64" in capsys.readouterr().out
    config = written(tmp_path)
    demo = yaml.safe_load((Path(__file__).parents[2] / "configs" / "demo.yaml").read_text())
    assert config["model"]["network"] == {**demo["model"]["network"], "aggregation": "mean"}
    assert config["model"]["optimiser"] == demo["model"]["optimiser"]
    for name in ("image_size", "frame_size"):
        assert config["input"][name] == demo["input"][name]
    for name in ("image", "preset"):
        assert config["input"]["flow"][name] == demo["input"]["flow"][name]
    assert "embeddings" not in config["data"]
    monkeypatch.chdir(tmp_path)
    few = ("--data.num_workers=0", "--trainer.accelerator=cpu", "--trainer.logger=false", "--trainer.fast_dev_run=1")
    main(["fit", "--config", "amclip.yaml", "--data.batch_size=2", "--trainer.enable_progress_bar=false", *few])


def test_nothing_is_overwritten(films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "amclip.yaml").write_text("mine")
    with pytest.raises(SystemExit) as ended:
        main(["new", str(tmp_path)])
    assert ended.value.code == 2
    assert "--output" in capsys.readouterr().err
    assert (tmp_path / "amclip.yaml").read_text() == "mine"


@pytest.mark.parametrize("there", ["videos", "nothing"])
def test_without_labels_the_ways_to_some_are_told(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], there: str
) -> None:
    if there == "videos":
        place(films, tmp_path, "a")
        (tmp_path / "predictions.csv").write_text("filepath,walking,error\na.mp4,0.5,\n")
    with pytest.raises(SystemExit) as ended:
        main(["new", str(tmp_path)])
    assert ended.value.code == 1
    assert not (tmp_path / "amclip.yaml").exists()
    said = capsys.readouterr()
    if there == "videos":
        assert "labels   none that amclip reads" in said.out
        assert "BORIS" in said.err
        assert "amclip suggest" in said.err
    else:
        assert "No video was found" in said.err


def test_labels_that_cannot_be_used_are_not_said_to_be_none(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place(films, tmp_path, "a")
    (tmp_path / "broken.csv").write_text("filepath,label,start\na.mp4,walking,0\n")
    with pytest.raises(SystemExit):
        main(["new", str(tmp_path)])
    said = capsys.readouterr()
    assert "labels   none that can be used" in said.out
    assert "has a column 'start' and none for stop" in said.out
    assert "There are labels, none of which can be used" in said.err
    assert not (tmp_path / "amclip.yaml").exists()


FRAMES = "\n".join([",background,walk,rest", *(f"{n},0,{int(n < 30)},{int(n >= 30)}" for n in range(60))]) + "\n"


@pytest.mark.parametrize("given", ["", "mouse-9_labels.csv"])
def test_of_labels_per_frame_the_missing_video_is_named(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    (tmp_path / "Mouse_9.mp4").symlink_to(films / "a.mp4")
    (tmp_path / "mouse-9_labels.csv").write_text(FRAMES)
    with pytest.raises(SystemExit):
        main(["new", str(tmp_path / given)])
    said = capsys.readouterr()
    assert "labels   of other videos" in said.out
    assert "names 1 video that cannot be found here: mouse-9 (there is Mouse_9.mp4). Its rows are frames" in said.err
    assert "nothing to train on" not in said.err
    (tmp_path / "mouse-9_labels.csv").rename(tmp_path / "Mouse_9_labels.csv")
    (tmp_path / "b_labels.csv").write_text(FRAMES)
    main(["new", str(tmp_path)])
    said = capsys.readouterr()
    assert "b_labels.csv names 1 video that cannot be found here: b. Its rows are frames" in said.out
    assert written(tmp_path)["data"]["source"]["labels"] == str(tmp_path / "Mouse_9_labels.csv")


def test_one_file_of_frames_of_several_videos_says_which_is_missing(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place(films, tmp_path, "a")
    (tmp_path / "Mouse_2.mp4").symlink_to(films / "b.mp4")
    labels = {"a.mp4": [0] * 30 + [1] * 30, "mouse-2.mp4": [1] * 60}
    content = {"labels": labels, "class_names": {"0": "other", "1": "walk"}, "is_multilabel": False, "splits": {}}
    (tmp_path / "feral.json").write_text(json.dumps(content))
    with pytest.raises(SystemExit):
        main(["new", str(tmp_path)])
    err = capsys.readouterr().err
    assert "feral.json names 1 video that cannot be found here: mouse-2.mp4 (there is Mouse_2.mp4)" in err


@pytest.mark.parametrize("name", SAMPLES)
def test_labels_of_the_fields_tools_are_found_beside_their_video(tmp_path: Path, name: str) -> None:
    sample, folder = SAMPLES[name], tmp_path / "experiment"
    folder.mkdir()
    (folder / sample.file).write_bytes(sample.data)
    for video in {said[0] for said in sample.clips}:
        film = Path(video.replace("FOLDER", "movie")).name
        film += "" if "." in film else ".mp4"
        frames = 4 if name == "simba" else 30
        draw_video(folder / film, frames, milliseconds=[100 * n for n in range(frames)])
    found = survey(tmp_path)
    assert not found.left_out
    assert [(file.path.name, file.form.name) for file in found.labels] == [(sample.file, name)]
    assert len(found.labelled) == len({said[0] for said in sample.clips})


def test_boxes_alone_are_tracks_and_no_broken_labels(tmp_path: Path) -> None:
    draw_animals(tmp_path / "a.mp4")
    (tmp_path / "boxes.xml").write_text(texts.CVAT)
    found = survey(tmp_path)
    assert ([path.name for path in found.tracks], found.left_out) == (["boxes.xml"], ())


def test_rows_of_a_spreadsheet_that_are_bouts_are_cut_into_windows(films: Path, tmp_path: Path) -> None:
    place(films, tmp_path)
    sheet = openpyxl.Workbook()
    sheet.active.append(["Video", "Animal", "Behaviour", "Start (s)", "End (s)", "Observer"])
    for name in NAMES:
        sheet.active.append([name, "ann", "walk", 0, 2.2, "MK"])
        sheet.active.append([name, "bob", "walk", 1, 1.5, "MK"])
        sheet.active.append([name, "ann", "call", 0.5, 1.5, "MK"])
    sheet.save(tmp_path / "scoring.xlsx")
    main(["new", str(tmp_path)])
    source = written(tmp_path)["data"]["source"]
    assert source["window"] == 1.0
    table = LabelSource(source["labels"], source["root"], window=0.5, subjects="each").read(None)
    assert table is not None
    assert {(clip.subject, clip.start, clip.labels) for clip in table.clips if clip.video == "a"} >= {
        ("ann", 0.0, ("walk",)),
        ("ann", 0.5, ("call", "walk")),
        ("bob", 0.0, ()),
        ("bob", 1.0, ("walk",)),
    }
    checks_and_trains(tmp_path)


@pytest.mark.parametrize("head", ["filepath,label,start,stop", "filepath,animal,behaviour,end (s),start (s)"])
def test_a_bout_behind_the_end_of_its_video_is_told_by_its_line(films: Path, tmp_path: Path, head: str) -> None:
    place(films, tmp_path / "videos", "ab")
    cells = {"filepath": "a.mp4", "animal": "ann", "start": "0", "start (s)": "0"}
    bouts = [("walk", "2"), ("call", "1"), ("call", "52")]
    rows = [{**cells, "label": name, "behaviour": name, "stop": stop, "end (s)": stop} for name, stop in bouts]
    lines = [",".join(row[cell] for cell in head.split(",")) for row in rows]
    (tmp_path / "events.csv").write_text("\n".join([head, *lines]) + "\n")
    (said,) = survey(tmp_path).left_out
    assert "events.csv: is a table of bouts, and cannot be used" in said
    assert "line 4: 'call' stops at 52 s, after the end of a.mp4 at 2.4 s" in said


def test_a_table_that_names_splits_is_taken_before_one_of_bouts(films: Path, tmp_path: Path) -> None:
    place(films, tmp_path)
    bouts = [f"{name}.mp4,walk,0,2\n{name}.mp4,call,0.5,1\n" for name in NAMES]
    (tmp_path / "events.csv").write_text("filepath,label,start,stop\n" + "".join(bouts))
    alone = survey(tmp_path)
    assert [(file.path.name, file.rows) for file in alone.labels] == [("events.csv", "bouts")]
    rows = [f"{name}.mp4,walk;run,0,2\n{name}.mp4,call,0.5,1\n" for name in NAMES]
    (tmp_path / "events.csv").write_text("filepath,label,start,stop\n" + "".join(rows))
    alone = survey(tmp_path)
    assert [(file.path.name, file.rows) for file in alone.labels] == [("events.csv", "clips")]
    assert any("overlap and last differently long, as bouts do" in said for said in alone.left_out)
    (tmp_path / "labels.csv").write_text(
        "filepath,label,split\n" + "".join(f"{name}.mp4,walk;call,train\n" for name in NAMES)
    )
    both = survey(tmp_path)
    assert [file.path.name for file in both.labels] == ["labels.csv"]
    assert not any("as bouts do" in said for said in both.left_out)
    assert any(
        "labels.csv labels 6 of its 6 videos too, and says which split each is for" in said for said in both.left_out
    )
    windows = [f"{name}.mp4,walk,{start},{start + 1}\n" for name in NAMES for start in (0, 0.5, 1)]
    (tmp_path / "labels.csv").write_text("filepath,label,start,stop\n" + "".join(windows))
    assert not any("labels.csv: its clips" in said for said in survey(tmp_path).left_out)


def test_tracks_beside_labels_of_no_animal_are_said_to_need_names_in_the_labels(tmp_path: Path) -> None:
    draw_animals(tmp_path / "a.mkv", 30)
    write_tracks(tracks_of_video("a.mkv", 30), tmp_path / "tracks.csv")
    (tmp_path / "labels.csv").write_text("filepath,label\na.mkv,walk\n")
    found = survey(tmp_path)
    assert found.tracks == ()
    assert any("the labels do not say which animal shows a behaviour" in said for said in found.left_out)


def boris_project_of(videos: Sequence[str]) -> str:
    behaviours = {str(n): {"code": code, "type": "State event"} for n, code in enumerate(("walk", "rest"))}
    marks = [[start, "", code, "", ""] for code, *times in (("walk", 0.0, 1.0), ("rest", 1.0, 2.0)) for start in times]
    return json.dumps(
        {
            "project_name": "study",
            "behaviors_conf": behaviours,
            "observations": {
                video: {
                    "type": "MEDIA",
                    "file": {"1": [video]},
                    "events": marks,
                    "media_info": {"length": {video: 2.4}},
                }
                for video in videos
            },
        }
    )


@pytest.mark.parametrize("kind", ["clips", "events", "project"])
@pytest.mark.parametrize("other", ["C.mp4", "c.MP4"])
def test_a_name_of_another_letter_case_makes_one_video_missing(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, other: str
) -> None:
    place(films, tmp_path / "v", "abdef")
    (tmp_path / "v" / other).symlink_to(films / "c.mp4")
    if (tmp_path / "v" / "c.mp4").exists():
        pytest.skip("this file system does not tell letter case")
    if kind == "project":
        (tmp_path / "study.boris").write_text(boris_project_of([f"v/{name}.mp4" for name in NAMES]))
    elif kind == "events":
        (tmp_path / "events.csv").write_text(boris_events([f"v/{name}" for name in NAMES]))
    else:
        rows = [f"v/{name}.mp4,{start},{start + 1},{'xy'[start]}" for name in NAMES for start in (0, 1)]
        (tmp_path / "labels.csv").write_text("\n".join(["filepath,start,stop,label", *rows]))
    main(["new", str(tmp_path)])
    said = capsys.readouterr().out
    assert (
        f"names 1 video that cannot be found here: v/c.mp4 (there is v/{other}, whose letter case is another)" in said
    )
    assert "5 videos" in said
    assert (tmp_path / "amclip.yaml").exists()


def test_what_is_missing_is_told_by_its_path_and_never_as_a_video_with_labels_of_its_own(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, rows = "filepath,start,stop,label", [f"videos/clip_{n}.mp4,0,1,{'xy'[n % 2]}" for n in range(4)]
    (tmp_path / "labels.csv").write_text("\n".join([head, *rows]))
    (tmp_path / "v").mkdir()
    for number, name in enumerate("abc"):
        (tmp_path / "v" / f"clip_{number}.mp4").symlink_to(films / f"{name}.mp4")
    with pytest.raises(SystemExit):
        main(["new", str(tmp_path)])
    assert "videos/clip_0.mp4 (there is v/clip_0.mp4), videos/clip_1.mp4 (there is v/" in capsys.readouterr().err
    (tmp_path / "v").rename(tmp_path / "videos")
    main(["new", str(tmp_path)])
    assert "names 1 video that cannot be found here: videos/clip_3.mp4. `amclip" in capsys.readouterr().out
