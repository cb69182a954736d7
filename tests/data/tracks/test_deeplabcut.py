"""DeepLabCut's predictions: the index is the frame, unlikely points are none, and the file's name holds the video's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import texts

from amclip.data.label_error import LabelError
from amclip.data.tracks import TrackReading, read_tracks, tracks_of

NAME = "aDLC_resnet50_flyMay3shuffle1_1000.csv"


def read(folder: Path, text: str, name: str = NAME, reading: TrackReading | None = None) -> Any:
    (folder / name).write_text(text)
    return read_tracks(folder / name, reading)


def test_one_animal_keeps_the_numbers_of_its_frames(tmp_path: Path) -> None:
    tracks = read(tmp_path, texts.DLC_ONE)
    (track,) = tracks_of(tracks, "a.mp4")
    assert list(tracks.videos) == ["a"]
    assert track.subject == "animal"
    assert track.frames.tolist() == [10, 11, 13]
    assert track.boxes[:2].tolist() == [[10, 20, 40, 60], [12, 20, 42, 60]]  # from the corner, as they are
    assert track.body_length == 50
    assert track.boxes[2].tolist() == [14 - 6.25, 20 - 6.25, 14 + 6.25, 20 + 6.25]  # one point: a quarter of a body


def test_the_likelihood_that_counts_is_a_setting(tmp_path: Path) -> None:
    (track,) = read(tmp_path, texts.DLC_ONE, reading=TrackReading(min_likelihood=0.1)).videos["a"]
    assert track.boxes[2].tolist() == [14, 20, 44, 60]
    (track,) = read(tmp_path, texts.DLC_ONE, reading=TrackReading(min_likelihood=1.0)).videos["a"]
    assert track.frames.tolist() == [11]


def test_several_animals_of_which_one_is_away_and_points_of_none(tmp_path: Path) -> None:
    tracks = read(tmp_path, texts.dlc_several(), "aDLC_dlcrnetms5_flyMay3shuffle1_1000_el_filtered.csv")
    ann, bob = tracks.videos["a"]
    assert (ann.subject, bob.subject) == ("ann", "bob")
    assert ann.frames.tolist() == [0, 1, 2]
    assert bob.frames.tolist() == [0, 2]
    assert bob.boxes.tolist() == [[50, 60, 90, 80], [52, 60, 92, 80]]
    assert "the body points food belong to no animal" in tracks.notes[0]


def test_a_part_that_was_analysed_alone_is_put_back_in_its_place(tmp_path: Path) -> None:
    (track,) = read(tmp_path, texts.DLC_ONE, reading=TrackReading(offset=(100, 5))).videos["a"]
    assert track.boxes[0].tolist() == [110, 25, 140, 65]


def test_animals_get_other_names(tmp_path: Path) -> None:
    tracks = read(tmp_path, texts.DLC_ONE, reading=TrackReading(names={"animal": "ann"}))
    assert tracks.subjects("a") == ("ann",)
    with pytest.raises(LabelError, match=r"no animal is named 'aminal'; there are animal"):
        read(tmp_path, texts.DLC_ONE, reading=TrackReading(names={"aminal": "ann"}))


@pytest.mark.parametrize("stem", ["CollectedData_me", "other"])
@pytest.mark.parametrize("index", ["labeled-data/a/img0010.png", "labeled-data"])
def test_labelled_images_are_no_tracks(tmp_path: Path, stem: str, index: str) -> None:
    text = texts.DLC_ONE.replace("\n10,", f"\n{index},")
    with pytest.raises(
        LabelError, match=r"line 4: holds DeepLabCut's labelled images .* give the file that deeplabcut"
    ):
        read(tmp_path, text, f"{stem}.csv")


@pytest.mark.parametrize("text", [texts.DLC_ONE, texts.dlc_several()], ids=["one", "several"])
@pytest.mark.parametrize("form", ["fixed", "table"])
def test_hdf5_says_the_same_as_csv(tmp_path: Path, text: str, form: Any) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("tables")
    (tmp_path / "csv").mkdir()
    right = read(tmp_path / "csv", text, "a.csv")
    header = list(range(4 if "individuals" in text else 3))
    frame = pandas.read_csv(tmp_path / "csv" / "a.csv", header=header, index_col=0)
    frame.to_hdf(tmp_path / "a.h5", key="df_with_missing", format=form, mode="w")
    tracks = read_tracks(tmp_path / "a.h5")
    assert tracks.subjects("a") == right.subjects("a")
    for one, other in zip(tracks.videos["a"], right.videos["a"], strict=True):
        np.testing.assert_array_equal(one.frames, other.frames)
        np.testing.assert_array_equal(one.boxes, other.boxes)


def test_malformed_hdf5(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("tables")
    names = ["scorer", "bodyparts", "coords"]
    columns = pandas.MultiIndex.from_product([["DLC_x"], ["head", "tail"], ["x", "y", "likelihood"]], names=names)

    def refused(words: str, index: Any = (0, 1), columns: Any = columns, values: Any = 1.0) -> None:
        frame = pandas.DataFrame(values, index=list(index), columns=columns)
        frame.to_hdf(tmp_path / "a.h5", key="df_with_missing", mode="w")
        with pytest.raises(LabelError, match=words) as error:
            read_tracks(tmp_path / "a.h5")
        assert "a.h5" in str(error.value)

    refused("its index holds -1, which is not the number of a frame", (-1, 0))
    refused("its index holds 0.5", (0.5, 1))
    refused("frame 3 stands twice", (3, 3))
    refused("holds DeepLabCut's labelled images", ("labeled-data/a/1.png", "labeled-data/a/2.png"))
    refused("the columns have the levels", columns=columns.droplevel(0))
    refused(r"head: has the columns x, y; expected", columns=columns[:2])
    refused("further out than any image reaches", values=1e9)
    pandas.DataFrame(1.0, [0, 1], columns).to_hdf(tmp_path / "a.h5", key="one", mode="w")
    pandas.DataFrame(1.0, [0, 1], columns).to_hdf(tmp_path / "a.h5", key="two")
    with pytest.raises(LabelError, match="holds the tables one, two"):
        read_tracks(tmp_path / "a.h5")


def test_a_folder_with_csv_and_hdf5_of_one_video_is_read_once(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("tables")
    read(tmp_path, texts.DLC_ONE)
    frame = pandas.read_csv(tmp_path / NAME, header=[0, 1, 2], index_col=0)
    frame.to_hdf(tmp_path / NAME.replace(".csv", ".h5"), key="df_with_missing", mode="w")
    tracks = read_tracks(tmp_path)
    assert tracks.subjects("a") == ("animal",)
    assert "is left out: there is" in tracks.notes[0]
