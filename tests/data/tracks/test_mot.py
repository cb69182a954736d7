"""MOT text: frames and pixels from 1, rows that do not count, and rows of nobody."""

from pathlib import Path
from typing import Any

import pytest
import texts

from amclip.data.label_error import LabelError
from amclip.data.tracks import TrackReading, read_tracks


def boxes(tracks: Any, video: str = "a") -> dict[str, tuple[list[int], list[list[float]]]]:
    return {track.subject: (track.frames.tolist(), track.boxes.tolist()) for track in tracks.videos[video]}


RIGHT = {"1": ([0, 1], [[10, 20, 40, 60], [11, 20, 41, 60]]), "2": ([3], [[50, 60.5, 57, 68.5]])}


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (texts.MOT_TRUTH, "left out: 1 row marked as not to be counted"),
        (texts.MOT_RESULTS, "left out: 1 row of no animal"),
    ],
)
def test_frames_and_pixels_count_from_1(tmp_path: Path, text: str, note: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    tracks = read_tracks(tmp_path / "a.txt")
    assert boxes(tracks) == RIGHT
    assert note in tracks.notes[0]


def test_pixels_from_0_on_request(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(texts.MOT_TRUTH)
    assert boxes(read_tracks(tmp_path / "a.txt", TrackReading(mot_first_pixel=0)))["2"][1] == [[51, 61.5, 58, 69.5]]


def test_a_confidence_of_0_in_results_is_no_reason_to_leave_a_row_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(texts.MOT_RESULTS)
    assert read_tracks(tmp_path / "a.txt").videos["a"][0].frames.tolist() == [0, 1]


def test_the_folder_of_a_sequence_names_the_video(tmp_path: Path) -> None:
    for sequence in ("day/one", "two"):
        folder = tmp_path / sequence / "gt"
        folder.mkdir(parents=True)
        (folder / "gt.txt").write_text(texts.MOT_TRUTH)
    assert list(read_tracks(tmp_path).videos) == ["day/one", "two"]
    assert list(read_tracks(tmp_path / "two").videos) == ["two"]
    assert list(read_tracks(tmp_path / "two" / "gt" / "gt.txt").videos) == ["two"]


def test_detections_are_no_tracks(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1,-1,11,21,30,40,0.9,-1,-1,-1\n2,-1,11,21,30,40,0.9,-1,-1,-1\n")
    with pytest.raises(LabelError, match=r"none of its 2 rows is of an animal: .* give the file of a tracker"):
        read_tracks(tmp_path / "a.txt")
