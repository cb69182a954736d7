"""CVAT's XML: where an animal is outside it is nowhere, and key frames alone are filled by straight lines."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import texts

from amclip.data.label_error import LabelError
from amclip.data.tracks import Track, TrackReading, Tracks, read_tracks


def read(folder: Path, text: str, reading: TrackReading | None = None) -> Tracks:
    (folder / "dump.xml").write_text(text)
    return read_tracks(folder / "dump.xml", reading)


def box(frame: int, left: float, outside: int = 0, keyframe: int = 1, **more: Any) -> str:
    cells = {
        "frame": frame,
        "keyframe": keyframe,
        "outside": outside,
        "occluded": 0,
        "xtl": left,
        "ytl": 0,
        "xbr": left + 10,
    }
    return "<box " + " ".join(f'{name}="{value}"' for name, value in {**cells, "ybr": 10, **more}.items()) + "/>"


def dump(*boxes: str, meta: str = "") -> str:
    return f'<annotations><meta>{meta}</meta><track id="4" label="fly">{"".join(boxes)}</track></annotations>'


def only(tracks: Tracks) -> Track:
    ((track,),) = tracks.videos.values()
    return track


def test_boxes_are_edges_and_outside_is_nowhere(tmp_path: Path) -> None:
    tracks = read(tmp_path, texts.CVAT)
    first, second = tracks.videos["a.mp4"]
    assert (first.subject, second.subject) == ("0", "1")
    assert first.frames.tolist() == [0, 1]
    assert first.boxes.tolist() == [[10, 20, 40, 60], [11, 20, 41, 60]]
    assert second.frames.tolist() == [3]
    assert second.boxes.tolist() == [[50, 60.5, 57, 68.5]]


def test_names_are_in_an_attribute(tmp_path: Path) -> None:
    assert read(tmp_path, texts.CVAT, TrackReading(cvat_name="name")).subjects("a.mp4") == ("ann", "bob")
    with pytest.raises(
        LabelError, match=r"line 5: the track has none in the attribute 'who'; its attributes are: name"
    ):
        read(tmp_path, texts.CVAT, TrackReading(cvat_name="who"))
    with pytest.raises(LabelError, match=r"line 5: the track has the names ann, eve in the attribute 'name'"):
        read(tmp_path, texts.CVAT.replace(">ann<", ">eve<", 1), TrackReading(cvat_name="name"))


def test_between_key_frames_alone_the_animal_is_on_the_straight_line_until_it_leaves(tmp_path: Path) -> None:
    track = only(read(tmp_path, dump(box(2, 0), box(6, 40), box(8, 40, outside=1), box(11, 7), box(12, 9))))
    assert track.frames.tolist() == [2, 3, 4, 5, 6, 7, 11, 12]
    assert track.boxes[:, 0].tolist() == [0, 10, 20, 30, 40, 40, 7, 9]


def test_where_all_frames_are_listed_a_gap_stays_one_but_for_the_step_of_the_task(tmp_path: Path) -> None:
    listed = [box(0, 0), box(2, 20, keyframe=0), box(4, 40, keyframe=0), box(10, 0)]
    assert only(read(tmp_path, dump(*listed))).frames.tolist() == [0, 2, 4, 10]
    meta = "<task><source>b.mp4</source><frame_filter>step=2</frame_filter></task>"
    tracks = read(tmp_path, dump(*listed, meta=meta))
    assert list(tracks.videos) == ["b.mp4"]
    assert only(tracks).frames.tolist() == [0, 1, 2, 3, 4, 10]
    assert only(tracks).boxes[1, 0] == 10


def test_a_turned_box_is_that_round_its_corners(tmp_path: Path) -> None:
    for angle in (90, 270.0):
        track = only(read(tmp_path, dump(box(0, 0, ybr=20, rotation=angle))))
        np.testing.assert_allclose(track.boxes, [[-5, 5, 15, 15]], atol=1e-9)
    track = only(read(tmp_path, dump(box(0, 0, rotation=45))))
    np.testing.assert_allclose(track.boxes[0, 2] - track.boxes[0, 0], 10 * np.sqrt(2))


def test_a_project_has_its_tasks_videos(tmp_path: Path) -> None:
    tasks = "".join(
        f"<task><id>{n}</id><name>t</name><source>{v}</source></task>" for n, v in ((3, "a.mp4"), (5, "b.mp4"))
    )
    tracks = "".join(
        f'<track id="{n}" label="fly" task_id="{task}">{box(0, n)}</track>' for n, task in enumerate((5, 3, 5))
    )
    text = f"<annotations><meta><project><tasks>{tasks}</tasks></project></meta>{tracks}</annotations>"
    found = read(tmp_path, text)
    assert {video: found.subjects(video) for video in found.videos} == {"b.mp4": ("0", "2"), "a.mp4": ("1",)}


def test_other_shapes_and_tracks_that_are_never_there_are_told(tmp_path: Path) -> None:
    text = dump(box(0, 0)).replace(
        "</annotations>",
        f'<track id="8" label="x"><polygon frame="0" points="1,2;3,4"/></track>'
        f'<track id="9" label="x">{box(0, 1, outside=1)}</track></annotations>',
    )
    tracks = read(tmp_path, text)
    assert tracks.subjects("dump") == ("4",)
    assert "left out: 1 track with shapes other than boxes" in tracks.notes[0]
    assert "left out: 1 track outside" in tracks.notes[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '<annotations><image id="0" name="a.png"/></annotations>',
            r"no track: it has 1 image; export the task of the video as 'CVAT for video",
        ),
        (
            '<?xml version="1.0"?>\n<!DOCTYPE annotations [<!ENTITY a "aaaa">]>\n<annotations/>',
            r"line 2: declares a docum",
        ),
        ('<!DOCTYPE annotations SYSTEM "file:///etc/passwd"><annotations/>', r"line 1: declares a document type"),
        ("<annotations>&a;</annotations>", r"line 1: is not XML: undefined entity"),
        ("<other><annotations/></other>", r"line 1: begins with <other>"),
        (dump(box(0, 0, rotation="inf")), r"column 'rotation': inf is not an angle"),
        (dump(box(0, 0)).replace(' id="4"', ""), r"column 'id': the track has no 'id'"),
    ],
)
def test_what_is_no_dump_of_a_video(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(LabelError, match=words):
        read(tmp_path, text)
