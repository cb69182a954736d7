"""`amclip prepare`: a data set encoded anew reads as it did; what is done is not done again."""

import csv
import shlex
from pathlib import Path

import numpy as np
import pytest
from drawn import draw_video

from amclip.cli import main
from amclip.commands.described_data import described_data
from amclip.data.formats import read_classes, read_labels
from amclip.data.tracks import read_tracks
from amclip.data.video import Video

TABLE = """filepath,start,stop,label,split,subject
x/a.avi,0.2,1.0,walking,train,m
x/a.avi,1.0,1.6,resting,train,m
y/a.mp4,0.2,1.0,resting,val,m
broken.mp4,0,1,walking,train,m
"""
TRACKS = "video,frame,subject,x,y,width,height\n" + "".join(
    f"{video},{frame},m,{10 + frame},20,40,30\n" for video in ("x/a.avi", "y/a.mp4") for frame in range(60)
)


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    root = tmp_path / "videos"
    for name, more in (("x/a.avi", {"codec": "mpeg4"}), ("y/a.mp4", {"milliseconds": [37 * n for n in range(60)]})):
        (root / name).parent.mkdir(parents=True)
        draw_video(root / name, **more)
    (root / "broken.mp4").write_text("no video at all")
    (tmp_path / "labels.csv").write_text(TABLE)
    (tmp_path / "tracks.csv").write_text(TRACKS)
    return tmp_path


def prepare(folder: Path, *words: str) -> int:
    given = (f"--data.source.labels={folder / 'labels.csv'}", f"--data.source.root={folder / 'videos'}")
    try:
        main(["prepare", "--data.cache_dir=null", "--workers=1", f"--output={folder / 'out'}", *given, *words])
    except SystemExit as ended:
        return int(str(ended.code))
    return 0


def test_labels_and_tracks_fit_the_prepared_videos(data_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    animals = ("--input.crop.margin=0.7", f"--data.source.tracks={data_set / 'tracks.csv'}", "--short_side=48")
    assert prepare(data_set, *animals) == 1
    out, err = capsys.readouterr()
    assert "2 of 3 videos prepared" in out
    assert "reading a sample:" in out
    assert f"--data.source.tracks {shlex.quote(str(data_set / 'out' / 'tracks.csv'))}" in out
    assert "1 could not be prepared, and 1 clip of theirs left out" in err
    assert "broken.mp4: is not a video (it looks like text)" in err
    made = data_set / "out"
    files = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
    expected = ["labels.csv", "prepared.jsonl", "tracks.csv", "x/a.mp4", "y/a.mp4"]
    assert files == [".lock", "classes.txt", *expected]
    before, after = read_labels(data_set / "labels.csv"), read_labels(made / "labels.csv")
    assert [clip.video for clip in after.clips] == ["x/a.mp4", "x/a.mp4", "y/a.mp4"]
    for old, new in zip(before.clips, after.clips, strict=False):
        assert (new.start, new.stop, new.labels, new.split, new.subject) == (
            *(old.start, old.stop, old.labels, old.split, old.subject),
        )
    assert read_classes(made / "classes.txt") == list(before.classes)
    for old, new in (("x/a.avi", "x/a.mp4"), ("y/a.mp4", "y/a.mp4")):
        with Video(data_set / "videos" / old) as one, Video(made / new) as other:
            np.testing.assert_array_equal(one.timestamps(), other.timestamps())
            assert (other.height, other.width) == (48, 64)
        (track,) = read_tracks(str(made / "tracks.csv")).videos[new]
        np.testing.assert_allclose(track.boxes[3], [6.5, 10, 26.5, 25])
    assert not list((data_set / "videos").rglob(".*"))


def test_videos_that_end_early_are_named_and_clips_beyond_their_ends_left_out(
    data_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = draw_video(data_set / "videos/cut.mp4", 120, options={"movflags": "faststart"})  # of 4.8 s
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    rows = ("0,0.5,walking", "0,4.8,resting", "4,4.6,walking", "0.5,0.9,resting")
    table = "".join(f"cut.mp4,{row},train,m\n" for row in rows)
    (data_set / "labels.csv").write_text(TABLE.partition("broken")[0] + table)
    for _ in range(2):  # the second time it is done
        assert prepare(data_set) == 1
        out, err = capsys.readouterr()
        assert "3 of 3 videos prepared" in out
        assert "1 end early, and 2 clips that reach beyond their ends left out:\n" in err
        assert f"{path}: ends early: " in err
        assert "could not be prepared" not in err
        after = read_labels(data_set / "out" / "labels.csv")
        kept = [(clip.start, clip.stop) for clip in after.clips if clip.video == "cut.mp4"]
        assert kept == [(0, 0.5), (0.5, 0.9)]
        assert len(after) == 5


def test_what_it_prints_is_read_where_windows_and_observations_are_set(
    data_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bouts = ["Observation id,Source,Media duration (s),FPS,Subject,Behavior,Behavior type,Start (s),Stop (s)"]
    for coder, start in (("A", 0.0), ("B", 0.5)):
        bouts.append(f"{coder},player #1:y/a.mp4,2.2,27,,walking,STATE,{start},1.5")
    (data_set / "bouts.csv").write_text("\n".join(bouts) + "\n")
    settings = ["--data.source.window=0.5", "--data.source.window_hop=0.25", "--data.source.observations=B"]
    config = [f"--data.source.labels={data_set / 'bouts.csv'}", *settings, "--data.cache_dir=null"]
    assert prepare(data_set, *config, f"--output={data_set / 'of two words'}") == 0
    words = shlex.split(capsys.readouterr().out.rpartition("as before: ")[2])
    assert str(data_set / "of two words") in words
    table = read_labels(data_set / "of two words" / "labels.csv")
    assert described_data([*config, *words])[1].read_table().clips == table.clips
    assert [(clip.start, clip.stop) for clip in table.clips][:2] == [(0, 0.5), (0.25, 0.75)]


def test_what_is_done_is_not_done_again(data_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data_set / "labels.csv").write_text(TABLE.replace("broken.mp4,0,1,walking,train,m\n", ""))
    assert prepare(data_set) == 0
    made = data_set / "out"
    manifest = made / "prepared.jsonl"
    (made / ".unfinished").mkdir()
    (made / ".unfinished" / "half.mp4").write_bytes(b"of a run that was killed")
    manifest.write_text(manifest.read_text() + '{"source": "/half of a l')
    written = {path: path.stat().st_mtime_ns for path in made.rglob("*.mp4")}
    (data_set / "videos/x/a.avi").touch()  # the same content at another time
    draw_video(data_set / "videos/y/a.mp4", 40)
    capsys.readouterr()
    assert prepare(data_set) == 0
    assert "2 of 2 videos prepared, 1 of them now" in capsys.readouterr().out
    assert (made / "x/a.mp4").stat().st_mtime_ns == written[made / "x/a.mp4"]
    with Video(made / "y/a.mp4") as video:
        assert video.num_frames == 40
    assert not (made / ".unfinished").exists()
    assert prepare(data_set, "--keyframes=1") == 2
    assert "holds videos prepared with --keyframes 4; give the same settings" in capsys.readouterr().err
    assert prepare(data_set, "--keyframes=1", "--restart") == 0


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("videos/prepared", "is in the folder of the videos"),
        ("videos", "is in the folder of the videos"),
        (".", "holds the folder of the videos"),
        ("other", "holds 'mine.txt' and is no folder of `amclip prepare`"),
        ("labels.csv", "is a file; name a folder"),
    ],
)
def test_folders_that_are_others_are_refused(
    data_set: Path, output: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (data_set / "other").mkdir()
    (data_set / "other" / "mine.txt").write_text("mine")
    (data_set / "labels.csv").write_text("filepath,label,split\ny/a.mp4,walking,train\n")
    there = sorted(path for path in data_set.rglob("*"))
    assert prepare(data_set, f"--output={data_set / output}") == 2
    assert told in capsys.readouterr().err
    assert sorted(path for path in data_set.rglob("*")) == there


def test_without_labels_all_videos_of_a_folder_are_prepared(data_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data_set / "videos/broken.mp4").unlink()
    out = data_set / "out"
    main(["prepare", "--data.cache_dir=null", f"--output={out}", f"--data.source.root={data_set / 'videos'}"])
    words = f"To use it, with all other options as before: --data.source.root {shlex.quote(str(out))}\n"
    assert words in capsys.readouterr().out
    with (out / "prepared.jsonl").open() as file:
        assert len(list(csv.reader(file))) == 3
    assert prepare(data_set, "--crf=99") == 2
    assert prepare(data_set, "--workers=0") == 2
    assert "--workers: expected 1 or more" in capsys.readouterr().err
