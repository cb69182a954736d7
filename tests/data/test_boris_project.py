"""BORIS projects: what is read of them, and what is refused."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from drawn_scores import CLASSES, scores_of
from layouts import BORIS_AGGREGATED, BORIS_TABULAR, boris_project_text

from amclip.data.formats import Reading, boris_events, boris_project, read_labels
from amclip.data.intervals import Windows
from amclip.data.label_error import LabelError
from amclip.ethogram.annotations import read_annotation
from amclip.ethogram.bouts import BoutSettings
from amclip.ethogram.outputs import write_outputs

Project = dict[str, Any]


def observation(events: list[Any], media: dict[str, float] | None = None, **changes: Any) -> Project:
    media = {"a.mp4": 10.0} if media is None else media
    return {
        "type": "MEDIA",
        "time offset": 0.0,
        "events": events,
        "observation time interval": [0, 0],
        "file": {"1": list(media), "2": []},
        "media_info": {"length": media, "fps": dict.fromkeys(media, 25.0)},
        **changes,
    }


def project(**observations: Project) -> Project:
    kinds = {"walking": "State event", "calling": "Point event", "eating": "State event with coding map"}
    return {
        "project_format_version": "7.0",
        # As the rows were moved in BORIS' window; more than ten, so that numbers do not sort as text.
        "behaviors_conf": {str(12 - n): {"code": code, "type": kind} for n, (code, kind) in enumerate(kinds.items())},
        "observations": observations,
    }


EVENTS = [
    [1.0, "", "walking", "", "", 25],
    [1.5, "mum", "walking", "", "", 37],
    [2.0, "", "calling", "", "a comment", 50],
    [3.0, "", "walking", "", "", 75],
    [4.0, "mum", "walking", "", "", 100],
    [6.0, "", "eating", "hay", "", 150],
    [6.5, "", "eating", "grass", "", 162],
    [7.0, "", "eating", "hay", "", 175],
    [8.0, "", "eating", "grass", "", 200],
]


def write(path: Path, content: Project) -> Path:
    path.write_text(json.dumps(content, indent=4), encoding="utf-8")
    return path


def bouts(content: Project) -> dict[str, list[tuple[str, float, float]]]:
    found = boris_project.read(json.dumps(content), "p.boris", Reading()).timelines
    return {one.video: sorted((bout.label, bout.start, bout.stop) for bout in one.bouts) for one in found}


def test_states_take_turns_by_subject_and_modifiers_and_points_last_a_frame(tmp_path: Path) -> None:
    content = project(day=observation(EVENTS))
    expected = [
        *(("calling", 2.0, 2.0), ("eating", 6.0, 7.0), ("eating", 6.5, 8.0)),
        *(("walking", 1.0, 3.0), ("walking", 1.5, 4.0)),
    ]
    assert bouts(content) == {"a.mp4": expected}
    shuffled = project(day=observation(EVENTS[::-1]))  # BORIS keeps events in order; other programs may not
    assert bouts(shuffled) == {"a.mp4": expected}
    table = read_labels(write(tmp_path / "p.boris", content))
    assert table.classes == ("eating", "calling", "walking")  # of the ethogram
    assert [(clip.start, clip.stop, clip.labels) for clip in table.clips] == [
        *((0.0, 1.0, ()), (1.0, 2.0, ("walking",)), (2.0, 2.04, ("calling", "walking")), (2.04, 4.0, ("walking",))),
        *((4.0, 6.0, ()), (6.0, 8.0, ("eating",)), (8.0, 10.0, ())),
    ]
    windows = read_labels(tmp_path / "p.boris", windows=Windows(2.0, 2.0))
    assert [clip.labels for clip in windows.clips] == [("walking",), ("calling", "walking"), (), ("eating",), ()]


def test_an_observation_without_events_shows_none_of_the_behaviours(tmp_path: Path) -> None:
    content = project(day=observation(EVENTS), night=observation([], {"night/b.mp4": 4.0}))
    table = read_labels(write(tmp_path / "p.boris", content), windows=Windows(2.0, 2.0))
    assert [(c.video, c.start, c.labels) for c in table.clips][-2:] == [("night/b.mp4", 0, ()), ("night/b.mp4", 2, ())]
    alone = read_labels(write(tmp_path / "p.boris", project(night=observation([]))))
    assert [(clip.stop, clip.labels) for clip in alone.clips] == [(10.0, ())]


def test_media_that_follow_each_other_are_cut_at_their_ends() -> None:
    media = {"a.mp4": 2.0, "b\\b.mp4": 5.0, "c.mp4": 3.0}
    assert bouts(project(day=observation(EVENTS, media))) == {
        "a.mp4": [("walking", 1.0, 2.0), ("walking", 1.5, 2.0)],
        "b/b.mp4": [
            *(("calling", 0.0, 0.0), ("eating", 4.0, 5.0), ("eating", 4.5, 5.0)),
            *(("walking", 0.0, 1.0), ("walking", 0.0, 2.0)),
        ],
        "c.mp4": [("eating", 0.0, 1.0)],
    }


def test_the_time_offset_that_boris_adds_is_taken_off() -> None:
    later = [[3600.5 + event[0], *event[1:]] for event in EVENTS]
    content = project(day=observation(later, **{"time offset": 3600.5}))
    assert bouts(content) == bouts(project(day=observation(EVENTS)))


def test_what_lies_outside_of_the_observed_interval_is_not_labelled(tmp_path: Path) -> None:
    one = observation(EVENTS, {"a.mp4": 6.0, "b.mp4": 4.0}, **{"observation time interval": [1, 9]})
    clips = read_labels(write(tmp_path / "p.boris", project(day=one))).clips
    spans = {name: [(c.start, c.stop) for c in clips if c.video == name] for name in ("a.mp4", "b.mp4")}
    assert (spans["a.mp4"][0][0], spans["a.mp4"][-1][1]) == (1.0, 6.0)
    assert (spans["b.mp4"][0][0], spans["b.mp4"][-1][1]) == (0.0, 3.0)
    halves = [observation([], **{"observation time interval": interval}) for interval in ([0, 4], [6, 0])]
    both = json.dumps(project(first=halves[0], second=halves[1]))
    (timeline,) = boris_project.read(both, "p.boris", Reading()).timelines
    assert timeline.unlabelled == ((4.0, 6.0),)  # nobody observed it in any observation


def test_what_amclip_writes_is_read_as_its_tables_are(tmp_path: Path) -> None:
    videos = [scores_of("a.mp4", 400, seed=1), scores_of("night/b ü.mp4", 91, seed=2, offset=1.4)]
    write_outputs(tmp_path, videos, dict.fromkeys(CLASSES, BoutSettings()))
    noted = boris_project.read((tmp_path / "boris" / "amclip.boris").read_text(), "amclip.boris", Reading())
    found, names = noted.timelines, noted.classes
    assert names == list(CLASSES)
    assert [one.video for one in found] == ["a.mp4", "night/b ü.mp4"]
    for one, scores in zip(found, videos, strict=True):
        stem = one.video.removesuffix(".mp4")
        for kind in ("tabular", "aggregated"):
            (theirs,) = boris_events.read(
                (tmp_path / "boris" / f"{stem}_{kind}_events.csv").read_text(), "events.csv", Reading()
            ).timelines
            assert sorted((b.label, b.start, b.stop) for b in one.bouts) == sorted(
                (b.label, b.start, b.stop) for b in theirs.bouts
            )
        assert one.bouts
        assert one.duration == pytest.approx(scores.extent.duration, abs=2e-3)
        assert one.fps == scores.extent.fps
        assert one.unlabelled == ()
    assert read_annotation(tmp_path / "boris" / "amclip.boris").classes == tuple(CLASSES)


@pytest.mark.parametrize("table", [BORIS_AGGREGATED, BORIS_TABULAR], ids=["aggregated", "tabular"])
def test_a_project_is_read_as_its_tables_are(tmp_path: Path, table: str) -> None:
    (tmp_path / "events.csv").write_text(table)
    (tmp_path / "p.boris").write_text(boris_project_text())
    ours, theirs = read_labels(tmp_path / "p.boris"), read_labels(tmp_path / "events.csv")
    assert [clip.key for clip in ours.clips] == [clip.key for clip in theirs.clips]
    assert [set(clip.labels or ()) for clip in ours.clips] == [set(clip.labels or ()) for clip in theirs.clips]


def changed(change: Callable[[Project], object]) -> str:
    content = copy.deepcopy(project(night=observation([]), day=observation(copy.deepcopy(EVENTS))))
    change(content)
    return json.dumps(content, indent=1)


def day(change: Callable[[Project], object]) -> str:
    return changed(lambda content: change(content["observations"]["day"]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (changed(lambda p: None).replace("}", "", 3), r"line \d+: is not JSON"),
        (changed(lambda p: None)[: len(changed(lambda p: None)) // 2], r"line \d+: is not JSON"),
        ("walking a lot", r"line 1: cannot tell the format"),
        ("{}", r"line 1: cannot tell the format"),
        (changed(lambda p: p.pop("observations")), r"column 'observations': holds no observations"),
        (changed(lambda p: p["observations"].clear()), r"column 'observations': holds no observations"),
        (changed(lambda p: p.pop("behaviors_conf")), r"column 'behaviors_conf': holds no ethogram"),
        (changed(lambda p: p["behaviors_conf"]["12"].pop("code")), r"'behaviors_conf': behaviour 12 has no code or no"),
        (changed(lambda p: p["behaviors_conf"].update({"0": None})), r"behaviour 0 has no code or no type: None"),
        (
            changed(lambda p: p["behaviors_conf"].update({"3": {"code": "walking", "type": "State event"}})),
            r"two behaviours have the code 'walking'",
        ),
        (
            changed(lambda p: p["behaviors_conf"]["10"].update(code="a;b")),
            r"unknown class 'eating'",
        ),
        (changed(lambda p: p["observations"].update(day=3)), r"observation 'day': expected its settings and events"),
        (day(lambda o: o.pop("events")), r"line 41, column 'events': observation 'day': expected a list of events"),
        (day(lambda o: o["events"].pop()), r"observation 'day': 'eating' starts at 6.5 s and never stops"),
        (day(lambda o: o["events"].pop(1)), r"'walking' of 'mum' starts at 4 s and never stops"),
        (
            day(lambda o: o["events"].append([1, "", "flying"])),
            r"an event is of no behaviour of the ethogram: unknown",
        ),
        (day(lambda o: o["events"].append([1, "", "walkin"])), r"unknown class 'walkin'; did you mean 'walking'"),
        (day(lambda o: o["events"].append([1, ""])), r"\[1, ''\] is not an event"),
        (day(lambda o: o["events"].append("walking")), r"'walking' is not an event"),
        (day(lambda o: o["events"].append(["NA", "", "calling"])), r"'calling' has 'NA' in place of a time"),
        (day(lambda o: o["events"].append([10**400, "", "calling"])), r"in place of a time in seconds"),
        (day(lambda o: o["events"].append([-1, "", "calling"])), r"-1 is not a time in seconds"),
        (day(lambda o: o["events"].append([1.7e9, "", "calling"])), r"times by the creation date of the media"),
        (day(lambda o: o.update(media_creation_date_as_offset=True)), r"times by the creation date of the media"),
        (day(lambda o: o["events"].append([30, "", "calling"])), r"'calling' stops at 30 s, after the end of a.mp4"),
        (day(lambda o: o.update({"time offset": "1 h"})), r"column 'time offset': observation 'day': '1 h' is not"),
        (day(lambda o: o.update({"time offset": 5})), r"-4 \(1 less the time offset of 5 s\) is not a time"),
        (day(lambda o: o.update({"observation time interval": [1]})), r"expected two times in seconds, got \[1\]"),
        (day(lambda o: o.update(type="LIVE")), r"observation 'day': live observations have no video to learn from"),
        (day(lambda o: o.update(type="IMAGES")), r"observation 'day': it is an observation of pictures"),
        (day(lambda o: o.pop("type")), r"observation 'day': its type is None, not MEDIA"),
        (day(lambda o: o["file"].update({"2": ["b.mp4"]})), r"observation 'day': it plays several videos at once \(a"),
        (day(lambda o: o["file"].clear()), r"observation 'day': it names no media file"),
        (day(lambda o: o.update(file=["a.mp4"])), r"expected the media files of each player, got \['a.mp4'\]"),
        (day(lambda o: o["media_info"]["length"].clear()), r"observation 'day': how long a.mp4 is, is not known"),
        (day(lambda o: o["media_info"]["length"].update({"a.mp4": 0})), r"how long a.mp4 is, is not known"),
        (day(lambda o: o.pop("media_info")), r"how long a.mp4 is, is not known"),
    ],
)
def test_a_damaged_project_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "p.boris"
    path.write_text(text)
    with pytest.raises(LabelError, match=said) as error:
        read_labels(path)
    assert error.value.file == str(path)


def test_all_observations_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    live = observation([], type="LIVE")
    torn = observation([[1, "", "walking"], [2, "", "flying"]])
    path = write(tmp_path / "p.boris", project(good=observation([]), live=live, torn=torn))
    with pytest.raises(LabelError) as error:
        read_labels(path)
    reasons = [one.reason for one in (error.value, *error.value.others)]
    assert [reason.partition(":")[0] for reason in reasons] == ["observation 'live'", *["observation 'torn'"] * 2]
    assert all(one.line for one in error.value.others)


def test_classes_that_were_given_refuse_others(tmp_path: Path) -> None:
    path = write(tmp_path / "p.boris", project(day=observation(EVENTS)))
    assert read_labels(path, ["walking", "calling", "eating"]).classes == ("walking", "calling", "eating")
    with pytest.raises(LabelError, match=r"column 'events': unknown class 'eating'"):
        read_labels(path, ["walking", "calling"])


def test_a_rate_of_frames_that_is_not_known_needs_windows_for_points(tmp_path: Path) -> None:
    content = project(day=observation(EVENTS))
    content["observations"]["day"]["media_info"].pop("fps")
    path = write(tmp_path / "p.boris", content)
    with pytest.raises(LabelError, match=r"'calling' at 2 s has no duration, and the frame rate is not known"):
        read_labels(path)
    assert len(read_labels(path, windows=Windows(2.0, 2.0))) == 5


def test_a_name_with_a_semicolon_is_read_of_a_project_and_refused_of_tables(tmp_path: Path) -> None:
    write_outputs(tmp_path, [scores_of("day;1.mp4", 400, seed=1)], dict.fromkeys(CLASSES, BoutSettings()))
    assert read_labels(tmp_path / "boris" / "amclip.boris").videos() == ("day;1.mp4",)
    for kind in ("tabular", "aggregated"):
        with pytest.raises(LabelError, match=r"joins 2 files \(day; 1.mp4\).*separate media by ';': if it is one file"):
            read_labels(tmp_path / "boris" / f"day;1_{kind}_events.csv")
