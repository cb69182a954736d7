"""JSON in the form of COCO: whose a box is must be said, and which frame an image is must be certain."""

import json
from pathlib import Path
from typing import Any

import pytest
import texts

from amclip.data.label_error import LabelError
from amclip.data.tracks import TrackReading, Tracks, read_tracks


def read(folder: Path, content: Any, reading: TrackReading | None = None) -> Tracks:
    (folder / "coco.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return read_tracks(folder / "coco.json", reading)


def content(images: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A box of animal 1 in each image."""
    boxes = [{"id": n, "image_id": image["id"], "track_id": 1, "bbox": [n, 0, 5, 5]} for n, image in enumerate(images)]
    return {"images": images, "annotations": boxes, **more}


def named(*names: str) -> list[dict[str, Any]]:
    return [{"id": number, "file_name": name} for number, name in enumerate(names)]


def test_boxes_by_object_and_frame(tmp_path: Path) -> None:
    first, second = read(tmp_path, texts.coco()).videos["a"]
    assert (first.subject, second.subject) == ("1", "2")
    assert first.frames.tolist() == [0, 1]
    assert first.boxes.tolist() == [[10, 20, 40, 60], [11, 20, 41, 60]]
    assert second.boxes.tolist() == [[50, 60.5, 57, 68.5]]
    assert first.body_length is None


def test_body_points_give_the_length_and_where_there_is_no_box_the_box(tmp_path: Path) -> None:
    pose = [10, 20, 2, 0, 0, 0, 40, 60, 1]
    values = content(named("0.png", "1.png", "2.png"))
    values["annotations"][0]["keypoints"] = pose
    values["annotations"][1] = {"image_id": 1, "track_id": 1, "keypoints": pose}
    values["annotations"][2] = {"image_id": 2, "track_id": 1, "keypoints": [7, 8, 2, 0, 0, 0, 0, 0, 0]}
    (track,) = read(tmp_path, values).videos["coco"]
    assert track.body_length == 50
    assert track.boxes.tolist() == [[0, 0, 5, 5], [10, 20, 40, 60], [0.75, 1.75, 13.25, 14.25]]


@pytest.mark.parametrize(
    ("images", "video", "frames"),
    [
        (named("b/000000.jpg", "b/000005.jpg"), "b", [0, 5]),
        (named("b_0.png", "b_1.png"), "b", [0, 1]),
        (named("day\\b_frame_000000.png", "day\\b_frame_000002.png"), "day/b", [0, 2]),
        (named("frame_000000.PNG", "frame_000001.PNG"), "coco", [0, 1]),
        ([{"id": "x", "frame_index": 4}, {"id": "y", "frame_index": 0}], "coco", [0, 4]),
    ],
)
def test_an_image_is_a_frame_by_its_number(tmp_path: Path, images: Any, video: str, frames: list[int]) -> None:
    tracks = read(tmp_path, content(images))
    assert list(tracks.videos) == [video]
    assert tracks.videos[video][0].frames.tolist() == frames


def test_videos_of_the_file_are_named_by_it(tmp_path: Path) -> None:
    images = [{"id": n, "video_id": n % 2, "frame_id": n // 2, "file_name": f"{n:03}.png"} for n in range(4)]
    videos = [{"id": 0, "name": "a.mp4"}, {"id": 1, "name": "b.mp4"}]
    tracks = read(tmp_path, content(images, videos=videos))
    assert {video: tracks.videos[video][0].frames.tolist() for video in tracks.videos} == {
        "a.mp4": [0, 1],
        "b.mp4": [0, 1],
    }
    with pytest.raises(LabelError, match=r"images\[1\].video_id: 1 is no video of the file"):
        read(tmp_path, content(images, videos=videos[:1]))


def test_numbers_from_1_may_mean_two_things_until_it_is_said(tmp_path: Path) -> None:
    values = content(named("a/0001.png", "a/0003.png"))
    with pytest.raises(LabelError, match=r"a: its first image is number 1, so frames may count from 0 or from 1"):
        read(tmp_path, values)
    assert read(tmp_path, values, TrackReading(coco_first_frame=1)).videos["a"][0].frames.tolist() == [0, 2]
    assert read(tmp_path, values, TrackReading(coco_first_frame=0)).videos["a"][0].frames.tolist() == [1, 3]
    with pytest.raises(LabelError, match=r"there is a frame 0, below coco_first_frame, which is 1"):
        read(tmp_path, content(named("a/0.png")), TrackReading(coco_first_frame=1))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            content(named("a.png")),
            r"images\[0\]: neither a frame_index nor a number in its file_name .'a.png'. says which",
        ),
        (content(named("a0.png", "a00.png")), r"images\[1\]: is frame 0 of 'a', as is images\[0\]"),
        (content([{"id": 1, "frame_index": -1}]), r"images\[0\]: -1 is not the number of a frame"),
        (content([{"id": 1, "frame_index": 1.5}]), r"images\[0\]: 1.5 is not the number of a frame"),
        (content([{"id": 1, "file_name": "a" + "9" * 400}]), r"is not the number of a frame"),
        (content([{"id": None, "frame_index": 0}]), r"images\[0\].id: None is no number"),
        ({"images": [1], "annotations": []}, r"images\[0\]: expected an object, got 1"),
        ({"images": {}, "annotations": []}, r"images: expected a list"),
    ],
)
def test_images_that_are_no_certain_frame(tmp_path: Path, values: Any, words: str) -> None:
    with pytest.raises(LabelError, match=words):
        read(tmp_path, values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image_id": 99}, r"annotations\[0\].image_id: 99 is no image of the file"),
        ({"image_id": [1]}, r"annotations\[0\].image_id"),
        ({"bbox": [0, 0, -1, 5]}, r"annotations\[0\].bbox: the box .* ends before it begins"),
        ({"bbox": [0, 0, 5]}, r"annotations\[0\].bbox: expected left, top, width, height"),
        ({"bbox": "0 0 5 5"}, r"annotations\[0\].bbox: expected numbers of pixels"),
        ({"bbox": [0, 0, 5, 1e300]}, r"annotations\[0\].bbox: expected numbers of pixels"),
        ({"bbox": [0, 0, 5, float("nan")]}, r"annotations\[0\].bbox: expected numbers of pixels"),
        ({"bbox": None}, r"annotations\[0\]: has neither a bbox nor keypoints"),
        ({"keypoints": [1, 2]}, r"annotations\[0\].keypoints: expected x, y, visibility"),
        ({"keypoints": [1, 2, 10**400]}, r"annotations\[0\].keypoints: expected numbers"),
        ({"track_id": [1]}, r"annotations\[0\]: track_id is \[1\], neither a number nor a name"),
        ({"track_id": None}, r"none of its 1 annotations says whose it is: expected attributes.object_id or track_id"),
    ],
)
def test_annotations_that_cannot_be_used(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    values = content(named("0.png"))
    values["annotations"][0].update(change)
    with pytest.raises(LabelError, match=words):
        read(tmp_path, values)


def test_annotations_of_nobody_are_told(tmp_path: Path) -> None:
    values = content(named("0.png", "1.png"))
    del values["annotations"][1]["track_id"]
    assert "1 of 2 annotations do not say whose they are" in read(tmp_path, values).notes[0]


def test_what_sleaps_package_writes(tmp_path: Path) -> None:
    """Frames as they are in the video, by the names of images that are not there."""
    sio = pytest.importorskip("sleap_io")
    import numpy as np

    skeleton, video = sio.Skeleton(nodes=["head", "tail"]), sio.Video(filename="/films/a.mp4", backend=None)
    track = sio.Track("ann")
    seen = [
        sio.LabeledFrame(
            video=video,
            frame_idx=frame,
            instances=[
                sio.PredictedInstance.from_numpy(np.array([[10.0, 20], [40, 60]]), skeleton=skeleton, track=track)
            ],
        )
        for frame in (0, 4)
    ]
    sio.save_coco(sio.Labels(seen, videos=[video], skeletons=[skeleton], tracks=[track]), str(tmp_path / "coco.json"))
    (found,) = read_tracks(tmp_path / "coco.json").videos["a"]
    assert found.frames.tolist() == [0, 4]
    assert found.boxes.tolist() == [[10, 20, 40, 60]] * 2
