"""`amclip check` with tracks: how much of each animal's labels has one, and what does not look like the same video."""

import json
from pathlib import Path

import numpy as np
import pytest
from drawn import draw_video
from rich.console import Console

from amclip.cli import main
from amclip.commands.check import check_data
from amclip.commands.check_report import Coverage, Report
from amclip.data.animals import Animals
from amclip.data.table import Clip, build_table
from amclip.data.tracks import Track, Tracks, write_tracks
from amclip.data.video import VideoInfo


def track(subject: str, first: int, stop: int, left: float = 0.0) -> Track:
    return Track(subject, np.arange(first, stop), np.tile([left, 0, left + 20, 20], (stop - first, 1)))


def check(folder: Path, clips: list[Clip], *tracks: Track, notes: tuple[str, ...] = ()) -> Report:
    """Videos of ten seconds with 25 frames a second, of 64 by 48 pixels, which need not be there."""
    lengths = {folder / clip.video: VideoInfo(250, 25.0, 64, 48, 10.0) for clip in clips}
    for path in lengths:
        path.write_bytes(str(path).encode())
    animals = Animals(Tracks.of("tracks.csv", [("a.mp4", one) for one in tracks], notes))
    return check_data(build_table(clips, "labels.csv"), folder, lengths=lengths, animals=animals, training=False)


def clip(subject: str, start: float, stop: float, line: int = 2, video: str = "a.mp4") -> Clip:
    return Clip(video, start, stop, ("x",), None, line, subject=subject)


def kinds(report: Report) -> list[tuple[str, bool]]:
    return [(finding.kind, finding.fatal) for finding in report.findings]


def test_labels_that_all_have_a_track(tmp_path: Path) -> None:
    report = check(tmp_path, [clip("ann", 0, 4), clip("bob", 2, 6)], track("ann", 0, 250), track("bob", 10, 250))
    assert report.findings == ()
    assert report.tracked == (Coverage("ann", 1, 1, 4.0, 4.0), Coverage("bob", 1, 1, 4.0, 4.0))


def test_labels_of_an_animal_that_is_away(tmp_path: Path) -> None:
    clips = [clip("ann", 0, 4), clip("ann", 4, 8, line=3), clip("ann", 8, 10, line=4)]
    report = check(tmp_path, clips, track("ann", 50, 125), track("bob", 0, 250))
    assert kinds(report) == [("labels of animals that have no box", False)]
    finding = report.findings[0]
    assert (finding.subject, finding.line) == ("a.mp4", 3)
    assert "'ann' has boxes in less than 50% of the frames of 2 of 3 clips, the first from 4 to 8 s" in finding.detail
    assert report.tracked == (Coverage("ann", 3, 1, 10.0, 3.0), Coverage("bob"))


def test_an_animal_without_a_track_gets_a_suggestion_once(tmp_path: Path) -> None:
    report = check(tmp_path, [clip("Ann", 0, 4), clip("Ann", 4, 8, line=3)], track("ann", 0, 250))
    assert kinds(report) == [("animals without a track", True)]
    assert "'Ann' has no track; did you mean 'ann'?" in report.findings[0].detail
    assert report.tracked[0] == Coverage("Ann", 2, 0, 8.0, 0.0)


def test_a_video_without_tracks_and_a_clip_of_nobody(tmp_path: Path) -> None:
    clips = [clip("ann", 0, 4), clip("ann", 0, 4, 3, "c.mp4"), clip("", 0, 4, 4)]
    report = check(tmp_path, clips, track("ann", 0, 250), track("bob", 0, 250))
    assert kinds(report) == [("animals without a track", True)] * 2
    assert "there are no tracks of c.mp4; did you mean 'a.mp4'?" in report.findings[0].detail
    assert "the clip names no animal, and there are tracks of 'ann', 'bob'" in report.findings[1].detail


def test_tracks_that_are_not_of_this_video(tmp_path: Path) -> None:
    clips = [clip("ann", 0, 4)]
    report = check(tmp_path, clips, track("ann", 0, 300, left=60))
    assert kinds(report) == [("tracks longer than their video", False), ("tracks outside of the image", False)]
    assert "up to frame 299, and the last of the video is 249" in report.findings[0].detail
    assert "100% of the boxes of 'ann' lie outside of the image of 64 × 48 pixels" in report.findings[1].detail
    report = check(tmp_path, clips, track("ann", 0, 100), track("bob", 90, 200))
    assert kinds(report) == [("tracks that end before their video", False)]
    assert "each of the first 200 frames shows an animal and none of the 50 later ones" in report.findings[0].detail
    assert not check(tmp_path, clips, track("ann", 0, 100), track("bob", 110, 200)).findings


def test_what_of_the_files_is_left_out_is_said(tmp_path: Path) -> None:
    report = check(tmp_path, [clip("ann", 0, 4)], track("ann", 0, 250), notes=("a.slp: 3 instances have no track",))
    assert kinds(report) == [("parts of the tracks that are left out", False)]


def test_on_the_screen_there_is_a_line_per_animal(tmp_path: Path) -> None:
    console = Console(width=120, record=True, file=(tmp_path / "screen").open("w"))
    check(tmp_path, [clip("ann", 0, 4), clip("", 4, 8)], track("ann", 0, 150)).show(console)
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["animal", "clips", "with", "a", "track", "seconds", "with", "a", "track"] in lines
    assert ["ann", "2", "2", "8.0", "6.0"] in lines


def test_the_command_takes_tracks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        draw_video(tmp_path / f"{name}.mp4", 20)
    labels = [f"{name}.mp4,ann,walk;rest,{split}" for name, split in (("a", "train"), ("b", "val"))]
    (tmp_path / "labels.csv").write_text("filepath,subject,label,split\n" + "\n".join(labels) + "\n")
    write_tracks(Tracks.of("drawn", [("a.mp4", track("ann", 0, 20))]), tmp_path / "tracks.csv")
    words = ["--data.source.labels", str(tmp_path / "labels.csv"), "--data.source.tracks", str(tmp_path / "tracks.csv")]
    report = tmp_path / "report.json"
    with pytest.raises(SystemExit) as ended:
        main(["check", *words, "--input.crop.margin", "0.5", "--report", str(report)])
    assert ended.value.code == 1
    content = json.loads(report.read_text())
    assert [one["kind"] for one in content["findings"] if one["fatal"]] == ["animals without a track"]
    assert content["tracked"][0]["tracked"] == 1
    assert "labels with a track" in capsys.readouterr().out
