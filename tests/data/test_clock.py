"""Frames of labelled videos by the videos' own time stamps, and the lengths that other programs noted of them."""

import warnings
from pathlib import Path

import layouts
import numpy as np
import pytest
from drawn import draw_video, draw_with_sound
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import frame_list, image_folder

from amclip.data import clock as clock_module
from amclip.data.clock import Clock
from amclip.data.formats import Reading, export, read_labels
from amclip.data.intervals import Windows
from amclip.data.label_error import LabelError
from amclip.data.sources import read_given
from amclip.data.table import Clip, build_table
from amclip.suggest.pool import labelled_intervals

MILLISECONDS = [*range(0, 200, 20), *range(200, 1200, 100)]  # ten frames in 0.2 s, ten in a second


def per_frame(path: Path, flags: list[int]) -> Path:
    """DeepEthogram's file of one behaviour, ``walking``."""
    rows = [f"{frame},{1 - flag},{flag}" for frame, flag in enumerate(flags)]
    path.write_text("\n".join([",background,walking", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def varies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("varies")
    draw_video(folder / "v.mkv", 20, milliseconds=MILLISECONDS)
    return folder


def test_labels_per_frame_hold_while_their_frame_is_shown(varies: Path, tmp_path: Path) -> None:
    path = per_frame(tmp_path / "v_labels.csv", [1] * 10 + [0] * 10)
    first, second = read_labels(path, clock=Clock(varies)).clips
    assert (first.start, first.stop, first.labels) == (0.0, pytest.approx(0.2), ("walking",))
    assert (second.stop, second.labels) == (pytest.approx(1.1 * 20 / 19), ())
    # The same by each way that labels are read in.
    intervals = labelled_intervals(str(path), str(varies))
    assert list(intervals) == [(varies / "v.mkv").resolve()]
    assert intervals[(varies / "v.mkv").resolve()][0][1] == pytest.approx(0.2)
    given = read_given(str(path), Reading(windows=Windows(0.2, 0.2), clock=Clock(varies)), varies)
    assert [clip.labels for clip in given.clips] == [("walking",), *[()] * (len(given) - 1)]
    feral = tmp_path / "labels.json"
    feral.write_text(
        '{"is_multilabel": false, "class_names": {"0": "other", "1": "walking"}, "splits": {},'
        f' "labels": {{"v.mkv": {[1] * 10 + [0] * 10}}}}}'
    )
    assert [(c.start, c.stop) for c in read_labels(feral, clock=Clock(varies)).clips] == [
        (c.start, c.stop) for c in (first, second)
    ]
    charades = frame_list(tmp_path / "train.csv", {"v": ["0"] * 10 + [""] * 10})
    assert [c.stop for c in read_labels(charades, clock=Clock(varies), per_frame=True).clips] == [
        first.stop,
        second.stop,
    ]


@pytest.mark.parametrize("form", ["deepethogram", "feral", "frame-list"])
def test_forms_of_frames_are_written_by_the_videos_own_frames(varies: Path, tmp_path: Path, form: str) -> None:
    clips = [Clip("v.mkv", 0.0, 0.2, ("walking",)), Clip("v.mkv", 0.2, 0.6, ()), Clip("v.mkv", 0.6, 0.8, ("walking",))]
    notes = export(build_table(clips, "t"), tmp_path / "out", form, Clock(varies))
    target = {"deepethogram": "out", "feral": "out", "frame-list": "out/all.csv"}[form]
    back = read_labels(tmp_path / target, clock=Clock(varies), per_frame=True).clips
    ends = [(clip.start, clip.stop) for clip in back if clip.labels]
    assert ends == [(0.0, pytest.approx(0.2)), (pytest.approx(0.6), pytest.approx(0.8))]
    assert not any("lie between" in note for note in notes)
    # Nobody observed what lies behind the last clip.
    assert back[-1].stop == pytest.approx(0.8 if form == "deepethogram" else 1.1 * 20 / 19)
    with pytest.raises(LabelError, match=r"v.mkv: its labels end at 3 s, and .*v.mkv lasts 1.16 s"):
        export(build_table([Clip("v.mkv", 0, 3, ("walking",))], "t"), tmp_path / "more", form, Clock(varies))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=30), st.data())
@settings(max_examples=40)
def test_every_frame_has_the_label_of_its_row(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "v.mp4").touch()
    flags = data.draw(st.lists(st.integers(0, 1), min_size=len(steps), max_size=len(steps)))
    edges = np.concatenate([[0], np.cumsum(steps)]) / 1000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock_module, "frame_times", lambda path: (edges[:-1], float(edges[-1])))
        clips = read_labels(per_frame(folder / "v_labels.csv", flags), ["walking"], clock=Clock(folder)).clips
    for flag, start, stop in zip(flags, edges[:-1], edges[1:], strict=True):
        (mine,) = [c for c in clips if c.start is not None and c.stop is not None and c.start <= start < c.stop]
        assert mine.stop is not None
        assert stop <= mine.stop
        assert mine.labels == (("walking",) if flag else ())


@pytest.mark.parametrize(("count", "fps"), [(19, None), (21, None), (19, 17.3)])
def test_another_number_of_rows_than_frames_is_refused_with_both(
    varies: Path, tmp_path: Path, count: int, fps: float | None
) -> None:
    path = per_frame(tmp_path / "v_labels.csv", [1] * count)
    with pytest.raises(LabelError, match=rf"v_labels.csv: has {count} frames of v, and .*v.mkv has 20; labels per"):
        read_labels(path, clock=Clock(varies, fps))


@pytest.mark.parametrize(("frames", "rate"), [(10, 25.0), (100, 25.0), (900, 30000 / 1001), (100_000, 30000 / 1001)])
@pytest.mark.parametrize("given_rate", [24.0, 25.0, 30000 / 1001, 30.0, 50.0])
def test_a_rate_that_is_no_rounding_of_the_videos_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: int, rate: float, given_rate: float
) -> None:
    (tmp_path / "v.mp4").touch()
    times = np.arange(frames) / rate
    monkeypatch.setattr(clock_module, "frame_times", lambda path: (times, frames / rate))
    clock = Clock(tmp_path, given_rate)
    near = abs(given_rate / rate - 1) < 0.0015 or abs(frames / given_rate - frames / rate) <= 1 / rate
    if near:
        assert clock.edges("v", frames, "t.csv").tolist() == [*times.tolist(), frames / rate]
        return
    with pytest.raises(LabelError) as error:
        clock.edges("v", frames, "t.csv")
    assert f"its {frames} frames would last {frames / given_rate:.2f} s, and they last {frames / rate:.2f} s" in str(
        error.value
    )


def test_a_video_that_is_not_there_or_broken_needs_a_rate(tmp_path: Path) -> None:
    path = per_frame(tmp_path / "v_labels.csv", [1, 0])
    with pytest.raises(LabelError, match=r"v is not there below .*--data.source.root.*--data.source.label_fps"):
        read_labels(path, clock=Clock(tmp_path))
    assert read_labels(path, clock=Clock(tmp_path, 10)).clips[-1].stop == pytest.approx(0.2)
    (tmp_path / "v.mp4").write_text("not a video")
    with pytest.raises(LabelError, match=r"when each of v is shown is not known \(.*looks like text\)"):
        read_labels(path, clock=Clock(tmp_path))
    assert read_labels(path, clock=Clock(tmp_path, 10)).clips[-1].stop == pytest.approx(0.2)
    for rate in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="expected a number above 0"):
            Clock(fps=rate)


def test_all_files_of_a_folder_that_do_not_fit_are_named(varies: Path, tmp_path: Path) -> None:
    for name in ("v", "w", "x"):
        per_frame(tmp_path / f"{name}_labels.csv", [1] * 7)
    with pytest.raises(LabelError) as error:
        read_labels(tmp_path, clock=Clock(varies))
    assert [Path(one.file or "").name for one in (error.value, *error.value.others)] == [
        f"{name}_labels.csv" for name in ("v", "w", "x")
    ]


def test_a_frame_list_has_the_images_that_its_folder_has(tmp_path: Path) -> None:
    image_folder(tmp_path / "images" / "Z", 12)
    path = frame_list(tmp_path / "train.csv", {"Z": ["0"] * 12})
    assert read_labels(path, windows=Windows(0.2, 0.2), clock=Clock(tmp_path / "images")).clips[0].stop == 0.2
    header, *rows = path.read_text().splitlines(keepends=True)
    path.write_text(header + "".join(rows[4:]))
    with pytest.raises(LabelError, match=r"has 8 frames of Z, and .*Z has 12"):
        read_labels(path, windows=Windows(0.2, 0.2), clock=Clock(tmp_path / "images"))


# --------------------------------------------------------------------- sound that goes on behind the picture


def boris_of(folder: Path, length: float, events: list[tuple[float, str]]) -> Path:
    """A project of one observation of ``a.mp4``, whose length BORIS noted; a state starts and stops in turn."""
    text = layouts.boris_project_text().replace("2.4", str(length))
    start, stop = text.index('"events"'), text.index('"file"')
    rows = ", ".join(f'[{time}, "", "{label}", "", "", 0]' for time, label in events)
    path = folder / "p.boris"
    path.write_text(f'{text[:start]}"events": [{rows}],\n {text[stop:]}')
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_what_lies_behind_the_picture_in_the_sound_is_cut_off(tmp_path: Path, suffix: str) -> None:
    draw_with_sound(tmp_path / f"a.{suffix}")  # 2.0 s of picture, 2.6 s of sound
    events = [(0.5, "walking"), (1.9, "walking")]
    path = boris_of(tmp_path, 2.6, events)
    path.write_text(path.read_text().replace("a.mp4", f"a.{suffix}"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clips = read_labels(path, clock=Clock(tmp_path)).clips
        assert [(c.start, c.stop) for c in clips] == [(0.0, 0.5), (0.5, 1.9), (1.9, pytest.approx(2.0))]
        windows = read_labels(path, windows=Windows(0.5, 0.5), clock=Clock(tmp_path)).clips
    assert [clip.start for clip in windows] == [0.0, 0.5, 1.0, 1.5]
    late = boris_of(tmp_path, 2.6, [(1.5, "walking"), (2.4, "walking"), (2.45, "calling")])
    late.write_text(late.read_text().replace("a.mp4", f"a.{suffix}"))
    with pytest.warns(
        UserWarning, match=rf"picture of a.{suffix} ends at 2.00 s, and its sound at 2.60 s; .*: 2 bouts"
    ):
        clips = read_labels(late, clock=Clock(tmp_path)).clips
    assert [(c.start, c.stop, c.labels) for c in clips] == [
        (0.0, 1.5, ()),
        (1.5, pytest.approx(2.0), ("walking",)),
    ]


def test_the_length_of_another_file_is_not_cut_in_silence(tmp_path: Path) -> None:
    draw_with_sound(tmp_path / "a.mp4")
    path = boris_of(tmp_path, 600.0, [(0.5, "walking"), (300, "walking")])
    assert read_labels(path, clock=Clock(tmp_path)).clips[-1].stop == 600  # and `amclip check` names it
    assert Clock(tmp_path).picture_end("a.mp4", 600.0) is None
    assert Clock(tmp_path).picture_end("a.mp4", 2.6) == pytest.approx(2.0)
    assert Clock(tmp_path).picture_end("a.mp4", 1.5) is None
    assert Clock(tmp_path).picture_end("b.mp4", 2.6) is None
    assert Clock(tmp_path).file_length("a.mp4") == pytest.approx(2.6, abs=0.1)
