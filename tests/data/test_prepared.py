"""Videos encoded anew show the same frames at the same times."""

import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numbered import draw_number, read_number
from numbered_files import CASES

from amclip.data.prepared import _worker
from amclip.data.prepared import run as module
from amclip.data.prepared.encode import clock_of, encode_video
from amclip.data.prepared.manifest import Manifest, Prepared, state_of
from amclip.data.prepared.names import prepared_names
from amclip.data.prepared.originals import Originals
from amclip.data.prepared.run import prepare_videos
from amclip.data.prepared.settings import PrepareSettings, prepared_size
from amclip.data.prepared.tables import prepared_tracks, within_videos
from amclip.data.table import Clip, LabelTable
from amclip.data.tracks import Track, Tracks
from amclip.data.video import Video, VideoInfo, info_of
from amclip.data.video_file import VideoError

#: Constant rate, B-frames, a variable rate, a late start, two frames at one time, a hole, turned, cut by an edit list.
WRITTEN = ("h264_bframes.mp4", "mpeg4_bframes.avi", "variable_rate.mkv", "variable_rate.mp4", "starts_late.mkv")
WRITTEN += ("double_stamp.mkv", "hole.mp4", "turned_90.mp4", "trimmed.mov", "h264.ts", "clock_wraps.ts")


@pytest.mark.parametrize("name", WRITTEN)
def test_every_frame_keeps_its_number_its_place_and_its_time(tmp_path: Path, name: str) -> None:
    made = CASES[name](tmp_path / name)
    target = tmp_path / "out" / "prepared.mp4"
    size = encode_video(made.path, target, PrepareSettings(short_side=64, keyframes=5))
    with Video(made.path) as before, Video(target) as after:
        numbers = [read_number(frame).number for frame in after.read_in_order(range(after.num_frames))]
        turned = {read_number(frame).turned for frame in after.read_array([0, 1])}
        assert numbers == list(made.numbers)
        assert turned == {made.turned}
        np.testing.assert_array_equal(after.timestamps(), before.timestamps())
        assert (after.fps, after.duration) == (before.fps, before.duration)
        assert after.offset == max(0.0, before.offset)
        assert (after.height, after.width) == size == ((64, 86) if before.height < before.width else (86, 64))
        asked = np.random.default_rng(0).permutation(after.num_frames)[:9]
        frames = after.read(asked).permute(0, 2, 3, 1).numpy()
        assert [read_number(frame).number for frame in frames] == [made.numbers[index] for index in asked]
        for start, stop in ((0.5, 1.1), (None, 0.48)):
            assert after.frame_range(start, stop) == before.frame_range(start, stop)


def test_a_folder_of_images_with_odd_sides_becomes_a_video(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(4):
        image = av.VideoFrame.from_ndarray(draw_number(number + 7, 61, 83), format="rgb24").to_image()
        image.save(folder / f"{number}.png")
    assert encode_video(folder, tmp_path / "out.mp4", PrepareSettings(None, 1)) == (60, 84)
    with Video(folder) as before, Video(tmp_path / "out.mp4") as after:
        assert [read_number(frame).number for frame in after.read_array(range(4))] == [7, 8, 9, 10]
        assert after.timestamps().tolist() == before.timestamps().tolist()


def test_damage_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    made = CASES["h264_bframes.mp4"](tmp_path / "a.mp4")
    with Video(made.path) as video:
        info = info_of(video)
    data = bytearray(made.path.read_bytes())
    data[len(data) // 4 : len(data) * 3 // 4] = bytes(len(data) * 3 // 4 - len(data) // 4)
    made.path.write_bytes(data)
    with pytest.raises(VideoError, match="is damaged: frame"):
        encode_video(made.path, tmp_path / "out.mp4", PrepareSettings(64), info)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.integers(0, 3 * 10**9), min_size=1, max_size=30),
    offset=st.floats(0, 1000),
    scale=st.sampled_from([25, 1000, 12_800, 16_384, 30_000, 90_000]),
)
def test_a_clock_gives_times_back_and_never_decodes_late(steps: list[int], offset: float, scale: int) -> None:
    times = np.cumsum([0, *steps]) / 1e9
    clock = clock_of(times, offset, scale)
    back = (clock.ticks - clock.ticks[0]) / clock.timescale
    if max(steps) < 2**31:
        np.testing.assert_allclose(back, times, rtol=0, atol=1e-9)
    np.testing.assert_allclose(back, times, rtol=0, atol=1e-6)
    decoding = clock.decoding()
    assert (decoding <= clock.ticks).all()
    assert (np.diff(decoding) > 0).all()
    ticks = np.cumsum([0, *(step // 10**7 for step in steps)])
    assert clock_of(np.round(ticks / scale * 1e9) / 1e9, 0.0, scale).timescale == scale  # the source's own does


@given(st.tuples(st.integers(2, 3000), st.integers(2, 3000)), st.integers(16, 600))
def test_sizes_are_even_fit_and_never_grow_by_more_than_a_pixel(size: tuple[int, int], short: int) -> None:
    for side in (short, None):
        found = prepared_size(size, side)
        assert all(x % 2 == 0 and x >= 2 for x in found)
        assert all(new <= old + 1 for new, old in zip(found, size, strict=True))
        assert side is None or min(found) <= short + 1


def test_names_stay_and_no_two_videos_get_one() -> None:
    names = prepared_names(["x/a.mp4", "y/a.mp4", "a.avi", "b.avi", "b.mp4", "b.mkv", "images/7", "/data/c.mov"])
    assert names == {
        **{name: name for name in ("x/a.mp4", "y/a.mp4", "b.mp4")},
        "a.avi": "a.mp4",
        "b.avi": "b.avi.mp4",
        "b.mkv": "b.mkv.mp4",
        "images/7": "images/7.mp4",
        "/data/c.mov": "data/c.mp4",
    }


@pytest.mark.parametrize(
    ("videos", "expected"),
    [
        (["a.mp4", "a.avi", "a.avi.mp4"], ["a.mp4", "a.avi.2.mp4", "a.avi.mp4"]),
        (["a.avi", "a.mov", "a.mov.avi"], ["a.mp4", "a.mov.mp4", "a.mov.avi.mp4"]),
        (["a.avi", "A.mp4", "a.MP4", "A.mov"], ["a.avi.mp4", "A.mp4", "a.MP4.mp4", "A.mov.mp4"]),
        (["/data/c.mov", "data/c.mov", "./data/c.mov"], ["data/c.mp4", "data/c.mov.mp4", "data/c.mov.mp4"]),
    ],
)
def test_a_name_that_is_taken_is_given_to_no_other(videos: list[str], expected: list[str]) -> None:
    assert prepared_names(videos) == dict(zip(videos, expected, strict=True))


def test_two_videos_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"would both be written to A\.mp4"):
        prepare_videos({Path("a.avi"): "a.mp4", Path("b.avi"): "A.mp4"}, {}, tmp_path / "out", PrepareSettings())
    assert not (tmp_path / "out").exists()


@given(st.lists(st.from_regex(r"(\.\./|/)?([ab]/)?[aA](\.(avi|mov|mp4|MP4|2)){0,3}", fullmatch=True), max_size=12))
def test_as_many_names_as_videos(videos: list[str]) -> None:
    names = prepared_names(videos)
    assert len({name.casefold() for name in names.values()}) == len(set(videos))
    assert all(name.lower().endswith(".mp4") and not name.startswith(("/", ".")) for name in names.values())


def test_boxes_are_scaled_with_the_picture() -> None:
    one = Prepared("/x/a.avi", "", (1, 1), "a.mp4", 1, 9, (50, 120), (100, 200))
    track = Track("m", np.array([2, 5]), np.array([[10.0, 20, 30, 40], [-4, 0, 8, 100]]), body_length=10.0)
    found = prepared_tracks(Tracks("t", {"a.avi": (track,), "other.avi": (track,)}), {"a.avi": one})
    assert list(found.videos) == ["a.mp4"]
    scaled = found.videos["a.mp4"][0]
    np.testing.assert_allclose(scaled.boxes, [[6, 10, 18, 20], [-2.4, 0, 4.8, 50]])
    assert scaled.frames.tolist() == [2, 5]
    assert scaled.body_length == pytest.approx(10 * (0.6 * 0.5) ** 0.5)


@pytest.mark.parametrize(
    ("wrong", "told"), [({"short_side": 8}, "--short_side"), ({"keyframes": 0}, "--keyframes"), ({"crf": 52}, "--crf")]
)
def test_wrong_settings_name_their_option(wrong: dict[str, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        PrepareSettings(**wrong)  # type: ignore[arg-type]


def test_a_full_disk_ends_the_run_and_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = CASES["tiny.mp4"](tmp_path / "a.mp4")
    with Video(made.path) as video:
        info = info_of(video)

    def ask(worker: object, **request: object) -> dict[str, object]:
        return _worker.answer({**request, "timeout": 60.0})

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.LineWorker, "ask", ask)
    monkeypatch.setattr(
        module, "share_out", lambda items, workers, handle, *_, **__: [handle(workers[0], i) for i in items]
    )
    other, output = tmp_path / "b.mp4", tmp_path / "out"
    other.write_bytes(made.path.read_bytes() + b"\0\0\0\x08free")
    first = prepare_videos({made.path: "a.mp4"}, {made.path: info}, output, PrepareSettings())
    assert (first.fresh, list(first.errors)) == (1, [])
    both, found = {made.path: "a.mp4", other: "b.mp4"}, {made.path: info, other: info}
    with monkeypatch.context() as patch:
        patch.setattr(_worker, "encode_video", full)
        with pytest.raises(OSError, match="No space left on device; what was prepared is kept"):
            prepare_videos(both, found, output, PrepareSettings())
    assert sorted(path.name for path in output.iterdir()) == [".lock", "a.mp4", "prepared.jsonl"]
    assert prepare_videos(both, found, output, PrepareSettings()).fresh == 1


def test_a_source_of_which_more_frames_are_known_now_is_not_done(tmp_path: Path) -> None:
    source = tmp_path / "a.avi"
    source.write_bytes(b"1")
    (tmp_path / "a.mp4").write_bytes(b"12")
    manifest = Manifest(tmp_path, PrepareSettings())
    manifest.add(Prepared(str(source), "", state_of(source), "a.mp4", 2, 9, (50, 120), (100, 200)))
    assert manifest.is_done(source, "a.mp4", 9)
    assert not manifest.is_done(source, "a.mp4", 10)


@pytest.mark.parametrize("line", [{"target": "a.mp4"}, [], 7])
def test_a_list_with_a_line_that_cannot_be_understood_is_refused(tmp_path: Path, line: object) -> None:
    Manifest(tmp_path, PrepareSettings())
    with (tmp_path / "prepared.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    with pytest.raises(ValueError, match=r"prepared\.jsonl cannot be read; delete it and its folder"):
        Manifest(tmp_path, PrepareSettings())


def test_copies_of_copies_lead_back_to_the_original_also_where_those_between_are_gone(tmp_path: Path) -> None:
    (tmp_path / "camera").mkdir()
    path = CASES["mpeg4_bframes.avi"](tmp_path / "camera" / "a.avi").path
    expected: list[tuple[str, int]] = []
    for number, name in enumerate(("first", "second", "third")):
        expected.insert(0, (path.name, path.stat().st_size))
        with Video(path) as video:
            found: dict[Path, VideoInfo | VideoError] = {path: info_of(video)}
        folder = tmp_path / name
        prepare_videos({path: f"{number}.mp4"}, found, folder, PrepareSettings(64 - 8 * number))
        if number:
            shutil.rmtree(path.parent)
        path = folder / f"{number}.mp4"
        assert Originals().of(path) == expected
        Manifest(folder, PrepareSettings(64 - 8 * number))  # read, and written anew
        assert Originals().of(path) == expected


def test_only_a_note_of_a_missing_end_tells_of_it() -> None:
    info = VideoInfo(60, 25.0, 128, 96, 2.4)
    for note in ("", "has holes: no frames from 1.00 to 2.00 s", "is damaged: 2 of 60 frames are missing"):
        assert replace(info, note=note).ends_early == ""
    early = "ends early: 60 of 90 frames decode"
    assert replace(info, note=f"is damaged: 2 of 60 frames are missing; {early}; has holes").ends_early == early


def test_clips_beyond_a_missing_end_go_and_roundings_stay() -> None:
    times = [(None, None), (0.0, 2.4), (2.0, 2.5), (2.0, 2.52), (2.39, 2.45), (1.0, 4.0)]
    clips = [Clip(video, *both, labels=("a",)) for both in times for video in ("cut.mp4", "whole.mp4")]
    table = LabelTable(tuple(clips), ("a",), "t")
    kept = within_videos(table, {"cut.mp4": VideoInfo(60, 25.0, 128, 96, 2.4)})
    assert [(clip.start, clip.stop) for clip in kept.clips if clip.video == "cut.mp4"] == times[:3]
    assert [clip for clip in kept.clips if clip.video == "whole.mp4"] == clips[1::2]
