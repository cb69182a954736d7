"""``amclip annotate --tracks``: every tracked animal of a video, whatever happens to the run."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_animals import draw_animals, track_of
from untrained import make_checkpoint

from amclip.cli import main
from amclip.commands.video_tracks import fingerprint_of
from amclip.data.tracks import Track, Tracks, write_tracks
from amclip.ethogram import annotator, outputs
from amclip.ethogram.stream import stream_windows
from amclip.inputs import CropInput

pytestmark = pytest.mark.usefixtures("one_thread")
TRACKS = Tracks.of(
    "boxes.csv",
    [
        ("a.mkv", track_of("ada", np.arange(75))),
        ("a.mkv", track_of("bob", np.r_[0:20, 50:75])),
        ("a.mkv", track_of("cid", np.arange(4))),
    ],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video, one without tracks, tracks, and two checkpoints: of animals cut out and of whole frames."""
    folder = tmp_path_factory.mktemp("animals")
    draw_animals(folder / "a.mkv", 75)
    draw_animals(folder / "without.mkv", 30)
    write_tracks(TRACKS, folder / "boxes.csv")
    for name, data in (("crops", {"crop": CropInput(), "tracks": "boxes.csv"}), ("whole", {})):
        (folder / name).mkdir()
        make_checkpoint(folder / name, data, {"clip_seconds": 0.8})
    return folder


@pytest.fixture(autouse=True)
def no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take longer than these videos, and have tests of their own."""
    monkeypatch.setattr(outputs._Figure, "draw", lambda *_: None)


def annotate(folder: Path, output: Path, *words: str, model: str = "crops", video: str = "a.mkv") -> int:
    given = [str(folder / video), f"--checkpoint={folder / model / 'model.ckpt'}", f"--output={output}"]
    try:
        main(["annotate", *given, "--accelerator=cpu", "--batch_size=2", *words])
    except SystemExit as error:
        return int(error.code or 0)
    return 0


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def annotated(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("annotated")
    assert annotate(folder, output, f"--tracks={folder / 'boxes.csv'}") == 0
    return output


def test_every_animal_is_scored_where_it_is(annotated: Path) -> None:
    table = rows(annotated / "windows.csv")
    starts = {name: [float(row["start"]) for row in table if row["subject"] == name] for name in ("ada", "bob", "cid")}
    assert len(starts["ada"]) == 12
    assert starts["bob"] == [0.0, 0.2, 0.4, 1.6, 1.8, 2.0, 2.2]
    assert starts["cid"] == []
    (video,) = json.loads((annotated / "annotation.json").read_text())["videos"]
    assert video["video"] == "a.mkv"
    written = rows(annotated / "tracks.csv")
    assert {row["subject"] for row in written} == {"ada", "bob", "cid"}


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(
    folder: Path, annotated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored: list[int] = []

    def stops(after: int) -> Callable[..., Any]:
        def stream(*arguments: Any) -> Any:
            for scores in stream_windows(*arguments):
                if len(scored) == after:
                    raise KeyboardInterrupt
                scored.append(len(scores.probabilities))
                yield scores

        return stream

    monkeypatch.setattr(annotator, "stream_windows", stops(4))
    assert annotate(folder, tmp_path, f"--tracks={folder / 'boxes.csv'}") == 130
    monkeypatch.setattr(annotator, "stream_windows", stops(1000))
    assert annotate(folder, tmp_path, f"--tracks={folder / 'boxes.csv'}") == 0
    assert sum(scored) == 19  # no row twice
    for name in ("windows.csv", "bouts.csv"):
        assert (tmp_path / name).read_bytes() == (annotated / name).read_bytes()


def test_other_boxes_are_another_annotation(folder: Path, annotated: Path, tmp_path: Path, capsys: Any) -> None:
    track = TRACKS.track("a.mkv", "ada")
    assert track is not None
    moved = Track("ada", track.frames, track.boxes + 1)
    other = Tracks.of("", [("a.mkv", moved)])
    assert fingerprint_of(other) != fingerprint_of(Tracks.of("", [("a.mkv", track)]))
    assert fingerprint_of(TRACKS) == fingerprint_of(
        Tracks.of("elsewhere", [("a.mkv", t) for t in TRACKS.videos["a.mkv"]])
    )
    write_tracks(other, tmp_path / "moved.csv")
    assert annotate(folder, annotated, f"--tracks={tmp_path / 'moved.csv'}") == 2
    assert "tracks" in capsys.readouterr().err


def test_a_video_without_tracks_is_named_and_the_rest_scored(folder: Path, annotated: Path, tmp_path: Path) -> None:
    assert annotate(folder, tmp_path, f"--tracks={folder / 'boxes.csv'}", video="*.mkv") == 1
    notes = json.loads((tmp_path / "annotation.json").read_text())
    assert [video["video"] for video in notes["videos"]] == ["a.mkv"]
    (error,) = notes["errors"]
    assert error["video"] == "without.mkv"
    assert "there are no tracks of without.mkv" in error["reason"]
    assert rows(tmp_path / "windows.csv") == rows(annotated / "windows.csv")


def test_tracks_and_crops_belong_together(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert annotate(folder, tmp_path) == 2
    assert "trained on animals cut out; say where they are: --tracks FILE" in capsys.readouterr().err
    assert annotate(folder, tmp_path, f"--tracks={folder / 'boxes.csv'}", model="whole") == 2
    assert "trained on whole frames, and would look at no tracks" in capsys.readouterr().err
    assert annotate(folder, tmp_path, f"--tracks={folder / 'boxes.csv'}", video="without.mkv") == 2
    assert "of none of the videos" in capsys.readouterr().err


def test_tracks_that_are_not_of_the_video_are_told(folder: Path, tmp_path: Path) -> None:
    track = track_of("ada", np.arange(100))
    scaled = Track("ada", track.frames, track.boxes * 12)
    write_tracks(Tracks.of("", [("a.mkv", scaled)]), tmp_path / "scaled.csv")
    with pytest.warns(UserWarning, match="boxes up to frame 99, and the last of the video is 74") as warned:
        assert annotate(folder, tmp_path / "run", f"--tracks={tmp_path / 'scaled.csv'}") == 0
    said = next(str(one.message) for one in warned if "outside" in str(one.message))
    assert "a.mkv: 100% of the boxes of 'ada' lie outside of the image" in said


def test_animals_in_no_window_are_named_and_nothing_is_said_of_their_behaviours(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tracks(Tracks.of("", [("a.mkv", track_of("cid", np.arange(4)))]), tmp_path / "brief.csv")
    assert annotate(folder, tmp_path / "run", f"--tracks={tmp_path / 'brief.csv'}", "--threshold=1") == 0
    said = capsys.readouterr().out
    assert "'cid' of a.mkv has boxes in half of the frames of no window, and so no scores" in said
    assert "no bout of" not in said
