"""SLEAP's files as its own package writes them: .slp, and analysis HDF5 with both orders of axes."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from drawn import draw_video

from amclip.data.label_error import LabelError
from amclip.data.tracks import TrackReading, read_tracks, tracks_of
from amclip.data.tracks.hdf5 import opened

h5py = pytest.importorskip("h5py")

NAN = np.nan
ANN_5 = [[0, 0], [40, 20], [NAN, NAN]]
ANN_8 = [[1, 0], [41, 20], [21, 40]]
BOB_5 = [[50, 50], [90, 70], [70, 90]]


@pytest.fixture(scope="module")
def sio() -> Any:
    return pytest.importorskip("sleap_io")


class Maker:
    """Makes labels of SLEAP's own package."""

    def __init__(self, sio: Any) -> None:
        self.sio = sio
        self.skeleton = sio.Skeleton(nodes=["head", "mid", "tail"])
        self.video = sio.Video(filename="/home/me/films/a.mp4", backend=None)
        self.ann, self.bob, self.other_ann = (sio.Track(name) for name in ("ann", "bob", "ann"))

    def seen(self, points: Any, track: Any, scores: Any = (0.9, 0.4, 0.5), **more: Any) -> Any:
        return self.sio.PredictedInstance.from_numpy(
            np.array(points, float), skeleton=self.skeleton, track=track, point_scores=np.array(scores), **more
        )

    def drawn(self, points: Any, track: Any) -> Any:
        return self.sio.Instance.from_numpy(np.array(points, float), skeleton=self.skeleton, track=track)

    def labels(self, frames: dict[int, list[Any]], video: Any = None) -> Any:
        video = self.video if video is None else video  # one without frames is false
        made = [self.sio.LabeledFrame(video=video, frame_idx=n, instances=i) for n, i in frames.items()]
        tracks = [self.ann, self.bob, self.other_ann]
        return self.sio.Labels(made, videos=[video], skeletons=[self.skeleton], tracks=tracks)


@pytest.fixture
def maker(sio: Any) -> Maker:
    return Maker(sio)


def usual(maker: Maker) -> Any:
    return maker.labels(
        {5: [maker.seen(ANN_5, maker.ann), maker.seen(BOB_5, maker.bob)], 8: [maker.seen(ANN_8, maker.ann)]}
    )


def check_usual(tracks: Any) -> None:
    assert list(tracks.videos) == ["/home/me/films/a.mp4"]
    ann, bob = tracks.videos["/home/me/films/a.mp4"]
    assert (ann.subject, bob.subject) == ("ann", "bob")
    assert ann.frames.tolist() == [5, 8]
    assert ann.boxes.tolist() == [[0.5, 0.5, 40.5, 20.5], [1.5, 0.5, 41.5, 40.5]]  # the first pixel's centre is (0, 0)
    assert bob.frames.tolist() == [5]
    assert bob.boxes.tolist() == [[50.5, 50.5, 90.5, 90.5]]
    assert ann.body_length == pytest.approx(np.hypot(40, 20))


def test_slp_is_read_to_the_right_boxes(maker: Maker, tmp_path: Path) -> None:
    usual(maker).save(str(tmp_path / "a.slp"))
    tracks = read_tracks(tmp_path / "a.slp")
    check_usual(tracks)
    assert tracks.notes == ()


@pytest.mark.parametrize("preset", ["matlab", "standard"])
def test_analysis_files_are_read_in_both_orders(maker: Maker, tmp_path: Path, preset: str) -> None:
    maker.sio.save_analysis_h5(usual(maker), str(tmp_path / "a.h5"), preset=preset)
    check_usual(read_tracks(tmp_path / "a.h5"))


@pytest.mark.parametrize("kind", ["slp", "h5"])
def test_points_below_a_likelihood_asked_for_are_left_out(maker: Maker, tmp_path: Path, kind: str) -> None:
    labels = usual(maker)
    path = tmp_path / f"a.{kind}"
    if kind == "slp":
        labels.save(str(path))
    else:
        maker.sio.save_analysis_h5(labels, str(path))
    ann, bob = read_tracks(path, TrackReading(min_likelihood=0.45)).videos["/home/me/films/a.mp4"]
    assert bob.boxes.tolist() == [[50.5, 50.5, 70.5, 90.5]]
    assert ann.frames.tolist() == [5, 8]


def test_what_a_person_set_overrides_what_was_predicted_and_is_certain(maker: Maker, tmp_path: Path) -> None:
    frames = {0: [maker.seen(ANN_5, maker.ann), maker.drawn(BOB_5, maker.ann)]}
    maker.labels(frames).save(str(tmp_path / "a.slp"))
    (track,) = read_tracks(tmp_path / "a.slp", TrackReading(min_likelihood=1.0)).videos["/home/me/films/a.mp4"]
    assert track.boxes.tolist() == [[50.5, 50.5, 90.5, 90.5]]


def test_identities_name_the_animals_where_there_are_some(maker: Maker, tmp_path: Path) -> None:
    one, two = maker.sio.Identity(name="Ann"), maker.sio.Identity(name="Bob")
    seen = {
        3: [maker.seen(ANN_5, maker.ann, identity=one), maker.seen(BOB_5, maker.bob, identity=two)],
        4: [maker.seen(ANN_8, maker.bob, identity=one), maker.seen(ANN_8, maker.ann)],  # the tracks were swapped
    }
    labels = maker.labels(seen)
    labels.identities = [two, one]
    labels.save(str(tmp_path / "a.slp"))
    tracks = read_tracks(tmp_path / "a.slp")
    bob, ann = tracks.videos["/home/me/films/a.mp4"]
    assert (bob.subject, ann.subject) == ("Bob", "Ann")
    assert ann.frames.tolist() == [3, 4]
    assert ann.boxes[1].tolist() == [1.5, 0.5, 41.5, 40.5]
    assert "1 of 4 instances have no identity" in tracks.notes[0]


@pytest.mark.parametrize("kind", ["slp", "h5"])
def test_two_tracks_of_one_name_stay_two(maker: Maker, tmp_path: Path, kind: str) -> None:
    labels = maker.labels({0: [maker.seen(ANN_5, maker.ann), maker.seen(BOB_5, maker.other_ann)]})
    path = tmp_path / f"a.{kind}"
    if kind == "slp":
        labels.save(str(path))
    else:
        maker.sio.save_analysis_h5(labels, str(path))
    tracks = read_tracks(path)
    first, second = tracks.videos["/home/me/films/a.mp4"]
    assert (first.subject, second.subject) == ("ann #1", "ann #2")
    assert first.boxes[0, 0] == 0.5
    assert second.boxes[0, 0] == 50.5
    assert "tracks of one name are numbered" in tracks.notes[-1]


def test_files_without_tracks_and_two_instances_of_one_are_refused(maker: Maker, tmp_path: Path) -> None:
    maker.labels({0: [maker.seen(ANN_5, None)]}).save(str(tmp_path / "a.slp"))
    with pytest.raises(LabelError, match=r"a\.slp: none of its 1 instances has a track or an identity; track the"):
        read_tracks(tmp_path / "a.slp")
    maker.labels({7: [maker.seen(ANN_5, maker.ann), maker.seen(BOB_5, maker.ann)]}).save(str(tmp_path / "b.slp"))
    with pytest.raises(LabelError, match=r"b\.slp: 'ann' has two instances in frame 7"):
        read_tracks(tmp_path / "b.slp")


def test_a_folder_of_images_is_a_video_by_its_name(maker: Maker, tmp_path: Path) -> None:
    images = [tmp_path / "day" / "a" / f"{number}.png" for number in (0, 1)]
    images[0].parent.mkdir(parents=True)
    for image in images:
        cv2.imwrite(str(image), np.zeros((8, 8), np.uint8))
    video = maker.sio.Video.from_filename([str(image) for image in images])
    maker.labels({1: [maker.seen(ANN_8, maker.ann)]}, video).save(str(tmp_path / "x.slp"))
    tracks = read_tracks(tmp_path / "x.slp")
    assert tracks_of(tracks, "day/a")[0].frames.tolist() == [1]


def analysis(path: Path, tracks: Any, **more: Any) -> Path:
    """As SLEAP's own exporter writes it: nothing says the order of axes."""
    with h5py.File(path, "w") as file:
        file["tracks"] = tracks
        file["track_occupancy"] = np.ones((tracks.shape[-1], len(tracks)), np.uint8)
        for name, value in more.items():
            file[name] = value
    return path


POINTS = np.array([[ANN_5, ANN_8], [BOB_5, BOB_5]], float).transpose(0, 3, 2, 1)  # track, xy, node, frame


def test_sleaps_own_analysis_file_is_of_the_video_it_is_named_after(tmp_path: Path) -> None:
    names = {"track_names": [b"ann", b"bob"], "node_names": [b"head", b"mid", b"tail"]}
    (tmp_path / "day").mkdir()
    path = analysis(tmp_path / "day" / "labels.v001.000_a.analysis.h5", POINTS, **names)
    assert list(read_tracks(path).videos) == ["a"]
    tracks = read_tracks(tmp_path)
    assert list(tracks.videos) == ["day/a"]
    assert tracks.track("day/a", "ann").boxes.tolist() == [[0.5, 0.5, 40.5, 20.5], [1.5, 0.5, 41.5, 40.5]]


def test_tracks_without_a_name_or_a_point(tmp_path: Path) -> None:
    points = np.concatenate([POINTS, np.full_like(POINTS[:1], NAN)])
    tracks = read_tracks(analysis(tmp_path / "a.h5", points))
    assert tracks.subjects("a") == ("track_0", "track_1")
    assert "the track 'track_2' holds no body point" in tracks.notes[0]


@pytest.mark.parametrize(
    ("points", "more", "words"),
    [
        (POINTS.T, {}, r"'tracks' has the shape \(2, 3, 2, 2\).*its attribute 'dims' must say so"),
        (POINTS, {"node_names": [b"head"]}, r"expected \(tracks, 2, 1, frames\)"),
        (POINTS, {"track_names": [b"ann"]}, r"names 1 tracks in 'track_names' and holds 2"),
        (POINTS[:0], {}, r"holds no track"),
        (np.where(POINTS == 90, np.inf, POINTS), {}, r"lies at \((nan|-?inf)"),
        (POINTS * 1e9, {}, r"further out than any image reaches"),
        (np.full(POINTS.shape, b"x"), {}, r"holds \|S1; expected numbers"),
        (POINTS, {"track_names": [b"ann\t", b"bob"]}, r"which tables do not keep"),
        (POINTS, {"track_names": [b"\xff", b"bob"]}, r"is no text in UTF-8"),
    ],
)
def test_malformed_analysis_files(tmp_path: Path, points: Any, more: Any, words: str) -> None:
    path = analysis(tmp_path / "a.h5", points, **more)
    with pytest.raises(LabelError, match=words) as refused:
        read_tracks(path)
    assert str(path) in str(refused.value)


def test_files_that_are_cut_off_or_hold_nothing_known(tmp_path: Path) -> None:
    whole = analysis(tmp_path / "a.h5", np.random.default_rng(0).uniform(0, 9, (2, 2, 3, 4000))).read_bytes()
    for length in (10, 600, len(whole) // 2, len(whole) - 100):
        (tmp_path / "cut.h5").write_bytes(whole[:length])
        with pytest.raises(LabelError, match=r"cut\.h5: is HDF5 that cannot be read"):
            read_tracks(tmp_path / "cut.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(LabelError, match=r"other\.h5: is HDF5 in no form of tracks known here"):
        read_tracks(tmp_path / "other.h5")


def test_without_the_library_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = analysis(tmp_path / "a.h5", POINTS)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ModuleNotFoundError, match=r"a\.h5: needs h5py, .*pip install 'amclip\[tracks\]'"):
        read_tracks(path)


@pytest.mark.parametrize("error", [OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError])
def test_whatever_h5py_raises_within_a_broken_file_is_said_of_the_file(tmp_path: Path, error: type[Exception]) -> None:
    path = analysis(tmp_path / "a.h5", POINTS)
    with pytest.raises(LabelError, match=r"a\.h5: is HDF5 that cannot be read \(.*no such type"), opened(path):
        raise error("no such type")


def test_a_data_set_that_says_it_is_giant_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("tracks", (2, 2, 3, 10**12), np.float64, chunks=(1, 2, 3, 64))
        file["track_occupancy"] = np.ones((1, 2), np.uint8)
    with pytest.raises(LabelError, match=r"'tracks' says that it holds \(2, 2, 3, 1000000000000\)"):
        read_tracks(tmp_path / "a.h5")


def test_positions_in_a_part_of_a_video_are_those_of_the_whole(maker: Maker, tmp_path: Path) -> None:
    draw_video(tmp_path / "a.mp4", 10)
    part = maker.sio.Video.from_crop(maker.sio.load_video(str(tmp_path / "a.mp4")), (16, 8, 48, 40))
    maker.labels({3: [maker.seen(ANN_8, maker.ann)]}, part).save(str(tmp_path / "a.slp"))
    (track,) = tracks_of(read_tracks(tmp_path / "a.slp"), "a.mp4")
    assert track.boxes.tolist() == [[17.5, 8.5, 57.5, 48.5]]
