"""Bouts in NWB and in SLEAP's files, read back by the libraries of these formats."""

import subprocess
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from amclip.data.clock import Clock
from amclip.data.formats import Origin, export
from amclip.data.intervals import Timeline, complement, timelines_of
from amclip.data.label_error import LabelError
from amclip.data.table import Clip, LabelTable, build_table

FPS = 25.0
CLASSES = ("walk", "rest: on/off", "never")
TIME = "2024-05-31T09:30:00+02:00"


def drawn(seed: int, names: tuple[str, ...] = ("m/1", "m:1", "quiet")) -> LabelTable:
    """Animals of two videos, each with clips of its own; bouts of a behaviour touch, and those of others overlap."""
    random = np.random.default_rng(seed)
    clips = []
    for video in ("day 1/a.mp4", "b.avi"):
        for subject in names:
            frame = 0
            for index in range(int(random.integers(3, 9))):
                frame += int(random.integers(0, 3)) if index else 0  # gaps are not labelled
                length = int(random.integers(1, 12))
                labels = [] if subject == "quiet" else [name for name in CLASSES[:2] if random.random() < 0.6]
                clips.append(Clip(video, frame / FPS, (frame + length) / FPS, tuple(labels), subject=subject))
                frame += length
    return build_table(clips, "drawn", CLASSES)


def bouts_of(timeline: Timeline) -> set[tuple[str, str, float, float]]:
    return {(bout.subject, bout.label, bout.start, bout.stop) for bout in timeline.bouts}


@pytest.fixture(scope="module")
def pynwb() -> ModuleType:
    pytest.importorskip("ndx_ethogram", reason="pip install 'amclip[nwb]'")
    module: ModuleType = pytest.importorskip("pynwb", reason="pip install 'amclip[nwb]'")
    return module


@pytest.fixture(scope="module")
def written(pynwb: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelTable, Path]:
    folder, table = tmp_path_factory.mktemp("nwb"), drawn(0)
    times = folder / "sessions.csv"
    times.write_text(f"video,session_start,identifier\nday 1/a.mp4,{TIME},day one\nb.avi,2024-06-01T00:00:00Z,\n")
    said = Origin("curated", annotator="A. Coder", session_start=str(times))
    assert export(table, folder / "out", "nwb", origin=said) == []
    return table, folder / "out"


def test_nothing_is_lost_in_nwb(pynwb: ModuleType, written: tuple[LabelTable, Path]) -> None:
    table, folder = written
    for timeline in timelines_of(table):
        with pynwb.NWBHDF5IO(str(folder / Path(timeline.video).with_suffix(".nwb")), "r") as file:
            content = file.read()
            tables = content.processing["behavior"].data_interfaces
            catalogue = tables["ethogram"]
            assert tuple(catalogue["behavior"][:]) == CLASSES
            found, linked = set(), {}
            for one in tables.values():
                if one.neurodata_type != "EthogramBouts":
                    continue
                assert (one.labeling_method, one.annotator) == ("curated", "A. Coder")
                assert one.source_software.startswith("amclip ")
                assert one.ethogram is catalogue
                rows = one.to_dataframe()
                assert (rows.start_time.to_numpy()[1:] >= rows.stop_time.to_numpy()[:-1]).all()
                found |= set(zip(rows.subject, rows.label, rows.start_time, rows.stop_time, strict=True))
                linked[rows.subject[0]] = one.observation_intervals.name
            assert found == bouts_of(timeline)
            for subject in timeline.subjects:
                name = linked.get(subject, f"observed of {subject}")
                spans = tables[name].to_dataframe()[["start_time", "stop_time"]]
                watched = complement(timeline.of(subject).unlabelled, timeline.end)
                assert [tuple(span) for span in spans.to_numpy().tolist()] == list(watched)
            if timeline.video == "b.avi":
                assert content.session_start_time == datetime(2024, 6, 1, tzinfo=timezone.utc)
                assert len(content.identifier) == 36
            else:
                assert (content.identifier, content.session_start_time.isoformat()) == ("day one", TIME)


def test_pynwb_reads_the_bouts_without_the_extension(pynwb: ModuleType, written: tuple[LabelTable, Path]) -> None:
    code = (
        "import sys, pynwb\n"
        f"with pynwb.NWBHDF5IO({str(written[1] / 'b.nwb')!r}, 'r') as file:\n"
        "    tables = file.read().processing['behavior'].data_interfaces\n"
        "    bouts = [one for one in tables.values() if one.neurodata_type == 'EthogramBouts']\n"
        "    assert all(isinstance(one, pynwb.epoch.TimeIntervals) for one in bouts)\n"
        "    known = 'ndx_ethogram' in sys.modules\n"
        "    print(known, sum(len(one) for one in bouts), bouts[0].observation_intervals.name)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.startswith(f"False {len(timelines_of(written[0])[1].bouts)} observed of m")


def test_pynapple_keeps_every_row_and_label(written: tuple[LabelTable, Path]) -> None:
    pynapple = pytest.importorskip("pynapple", reason="pip install pynapple (0.11.4 was tried)")
    data = pynapple.load_file(str(written[1] / "b.nwb"))
    found = set()
    for key in data.keys():  # noqa: SIM118 (no mapping)
        rows = data[key].as_dataframe()
        if "label" in rows:
            found |= set(zip(rows.subject, rows.label, rows.start.round(6), rows.end.round(6), strict=True))
    assert found == bouts_of(timelines_of(written[0])[1])


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ({}, "labels do not: give --session_start 2024-05-31T09:30:00"),
        ({"session_start": TIME}, "2 videos, and one --session_start"),
        ({"session_start": "2024-13-01"}, "2 videos"),
        ({"session_start": "filepath,session_start\nb.avi,yesterday\n"}, "line 2, column 'session_start': 'yesterday'"),
        ({"session_start": "filepath,session_start\nb.avi,2024-05-31T09:30\n"}, "has no time zone"),
        ({"session_start": f"filepath,session_start\nb.avi,{TIME}\nb.avi,{TIME}\n"}, "line 3: 'b.avi' stands twice"),
        ({"session_start": f"filepath,session_start\nb.avi,{TIME}\n"}, "does not say when day 1/a.mp4 began"),
        ({"session_start": "filepath,start\nb.avi,3\n"}, "needs the columns filepath and session_start"),
        ({"session_start": "no such file"}, "the file does not exist"),
        ({"session_start": f"filepath,session_start\nb.avi,{TIME}\n", "identifier": "x"}, "--identifier is of one"),
    ],
)
def test_what_is_not_known_of_a_recording_is_asked_for(tmp_path: Path, origin: dict[str, str], reason: str) -> None:
    said = origin.get("session_start", "")
    if "\n" in said:
        (tmp_path / "times.csv").write_text(said)
        origin = origin | {"session_start": str(tmp_path / "times.csv")}
    with pytest.raises(LabelError, match=reason):
        export(drawn(0), tmp_path / "out", "nwb", origin=Origin(**origin))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_time_of_one_recording(pynwb: ModuleType, tmp_path: Path) -> None:
    table = build_table([Clip("a.mp4", 0, 1, ("walk",)), Clip("a.mp4", 2, 3, ())], "t")
    with pytest.raises(LabelError, match="'2024-13-01' is no time"):
        export(table, tmp_path / "out", "nwb", origin=Origin(session_start="2024-13-01"))
    said = Origin(session_start="2024-05-31T09:30:00Z", session_description="Open field", identifier="m12")
    export(table, tmp_path / "out", "nwb", origin=said)
    with pynwb.NWBHDF5IO(str(tmp_path / "out" / "a.nwb"), "r") as file:
        content = file.read()
        tables = content.processing["behavior"].data_interfaces
        assert (content.identifier, content.session_description) == ("m12", "Open field")
        assert set(tables) == {"ethogram", "observed", "walk"}
        assert tables["walk"].labeling_method == "manual"
        assert tables["walk"].source_software is None


@pytest.mark.parametrize(("by", "kind"), [("automated", "PredictedEvent"), ("curated", "UserEvent")])
def test_bouts_become_events_of_sleap(tmp_path: Path, by: Any, kind: str) -> None:
    sleap = pytest.importorskip("sleap_io", reason="pip install 'amclip[tracks]'")
    table = drawn(1, ("m1", "quiet"))
    notes = export(table, tmp_path / "out.slp", "sleap", Clock(fps=FPS), Origin(by))
    assert all("intervals nobody observed" in note for note in notes)
    labels = sleap.load_slp(str(tmp_path / "out.slp"), open_videos=False)
    assert [one.name for one in labels.identities] == ["m1", "quiet"]
    assert [one.name for one in labels.event_types] == list(CLASSES)
    for video, timeline in zip(labels.videos, timelines_of(table), strict=True):
        events = [one for one in labels.events if one.video is video]
        assert {type(one).__name__ for one in events} == {kind}
        assert Path(video.filename) == Path(timeline.video)
        # Both ends of an event are shown; amclip's stop is not.
        found = {(e.subject.name, e.type.name, e.start_frame / FPS, (e.end_frame + 1) / FPS) for e in events}
        assert found == bouts_of(timeline)
        assert len(events) == len(timeline.bouts)


def test_times_between_frames_move_to_the_nearest_in_sleap(tmp_path: Path) -> None:
    sleap = pytest.importorskip("sleap_io", reason="pip install 'amclip[tracks]'")
    table = build_table([Clip("a.mp4", 0.0, 0.148, ("walk",)), Clip("a.mp4", 0.148, 0.4, ())], "t")
    for form, suffix in (("sleap", "slp"), ("boris-project", "boris")):
        for name in ("a", "a.csv"):
            with pytest.raises(ValueError, match=rf"is written to files that end in .{suffix}; name it .*/a.{suffix}$"):
                export(table, tmp_path / name, form, Clock(fps=FPS))
        with pytest.raises(ValueError, match=f"not table; add --to {form}$"):
            export(table, tmp_path / f"a.{suffix}", "table", Clock(fps=FPS))
    assert not list(tmp_path.glob("a*"))
    assert export(table, tmp_path / "a.slp", "sleap", Clock(fps=FPS)) == [
        "1 times lie between two frames and move to the nearest"
    ]
    (event,) = sleap.load_slp(str(tmp_path / "a.slp"), open_videos=False).events
    assert (event.start_frame, event.end_frame, event.subject) == (0, 3, None)  # not cut to 3 frames
    with pytest.raises(LabelError, match=r"frames are counted, and a\.mp4 is not there"):
        export(table, tmp_path / "b.slp", "sleap")


def test_what_a_form_has_no_place_for_is_refused(tmp_path: Path) -> None:
    table = build_table([Clip("a.mp4", 0, 1, ("walk",))], "t")
    with pytest.raises(ValueError, match="--session_start, --identifier: sleap has no place for it"):
        export(table, tmp_path / "a.slp", "sleap", Clock(fps=FPS), Origin(session_start=TIME, identifier="x"))
    with pytest.raises(ValueError, match="--labelling: boris has no place for it"):
        export(table, tmp_path / "a.csv", "boris", origin=Origin("curated"))
    with pytest.raises(ValueError, match="--labelling: expected one of manual, automated, curated, got 'by hand'"):
        Origin("by hand")  # type: ignore[arg-type]
    assert set(asdict(Origin()).values()) == {None}
