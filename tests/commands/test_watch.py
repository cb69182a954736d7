"""`amclip watch`: a file played as if it were a camera, and how a watch ends."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import untrained

from amclip.cli import main
from amclip.commands import watch as command
from amclip.commands.watch_words import expected
from amclip.data.probe import probe
from amclip.ethogram.stream import open_windows, stream_windows
from amclip.inference import load_model
from amclip.live.frames import LiveFrame, SourceError
from amclip.live.session import Session

CLASSES = untrained.CLASSES


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    untrained.make_checkpoint(folder, knowledge={"clip_seconds": 1.2})
    untrained.write_animals(folder / "animals.mp4", seconds=4.0)
    return folder


@pytest.fixture(autouse=True)
def not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits between the rounds that measure a network."""
    monkeypatch.setattr("amclip.live.latency._PAUSE", 0.0)


def words(place: Path, *more: str) -> list[str]:
    return ["watch", f"{place}/model.ckpt", f"{place}/animals.mp4", "--pace=3", "--accelerator=cpu", *more]


def test_a_watched_file_has_the_probabilities_and_bouts_of_its_windows(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "bouts.yaml"
    settings.write_text("default: {off_threshold: 0.3, smoothing: 1.0}")
    table = tmp_path / "live.csv"
    monkeypatch.setattr(command, "_ENOUGH_WINDOWS", 3)
    main(words(place, f"--output={table}", "--every_window", f"--settings={settings}"))
    said = capsys.readouterr()
    rows = pd.read_csv(table)
    assert list(rows.columns[:6]) == ["start", "stop", "arrived", "latency", "dropped_frames", "skipped_windows"]
    assert len(rows) >= 3
    model, path = load_model(place / "model.ckpt"), (place / "animals.mp4").resolve()
    info: Any = probe([path], progress=False)[path]
    with open_windows(model, path, info, 1.2, 0.3) as (video, plan):
        scores = np.concatenate([some.probabilities for some in stream_windows(model, video, plan)])
    numbers = np.searchsorted(plan.start, rows["start"] - 1e-4)
    assert len(set(numbers)) == len(rows)
    np.testing.assert_allclose(rows[CLASSES], scores[numbers], atol=1e-5)
    np.testing.assert_allclose(rows["start"], plan.start[numbers], atol=2e-6)
    np.testing.assert_allclose(rows["stop"], plan.stop[numbers], atol=2e-6)
    assert (rows["latency"] > 0).all()
    assert (np.diff(rows["arrived"]) > -0.02).all()  # the last ones wait for the same frame
    assert len(rows) + rows["skipped_windows"].iloc[-1] == len(plan)
    assert numbers[-1] == len(plan) - 1
    events = [json.loads(line) for line in said.out.splitlines()]
    assert events[0]["behaviours"]["still"] == {"threshold": 0.5, "off_threshold": 0.3}
    assert (events[0]["window"], events[0]["hop"]) == (1.2, 0.3)
    assert events[-1]["event"] == "end"
    on: list[str] = []
    told = iter(events[1:-1])
    for row in rows.to_dict("records"):
        changed = []
        while (event := next(told))["event"] != "window":
            changed.append((event["event"], event["behaviour"]))
            assert event["stop"] == pytest.approx(row["stop"])
        for name in CLASSES:
            if name not in on and row[name] >= 0.5:
                assert ("start", name) in changed
                on.append(name)
            elif name in on and row[name] < 0.3:
                assert ("stop", name) in changed
                on.remove(name)
        assert event["on"] == on
        assert event["probabilities"] == pytest.approx({name: row[name] for name in CLASSES}, abs=1e-6)
    assert [event["behaviour"] for event in told] == on  # stopped at the end
    at_once = ("still from 0.50 down to 0.30", "not used smoothing", "at best  ", "measured on noise")
    for text in (*at_once, "latency  of the first 3 windows, measured as they ran", "windows scored", "median"):
        assert text in said.err


def struck(monkeypatch: pytest.MonkeyPatch, error: BaseException | None) -> None:
    """Let the third window bring an error, or Ctrl-C."""
    take, count = Session._take, 0

    def third(self: Session, window: Any) -> None:
        nonlocal count
        take(self, window)
        count += 1
        if count == 3:
            if error is not None:
                raise error
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Session, "_take", third)


def test_ctrl_c_leaves_whole_rows_and_ends_the_bouts(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table, events = tmp_path / "live.csv", tmp_path / "events.jsonl"
    struck(monkeypatch, None)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(SystemExit) as ended:
            main(words(place, f"--output={table}", f"--send={events}", "--threshold=0"))
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.value.code == 130
    assert len(pd.read_csv(table)) == 3
    told = [json.loads(line) for line in events.read_text().splitlines()]
    assert [(one["event"], one.get("reason")) for one in told[-4:]] == [*[("stop", "end")] * 3, ("end", "stopped")]
    said = capsys.readouterr()
    assert f"stopped by Ctrl-C. {table} is whole up to its last row." in said.err
    assert "3 windows scored" in said.err
    assert said.out == ""
    with pytest.raises(SystemExit) as refused:
        main(words(place, f"--output={table}"))
    assert refused.value.code == 2
    assert "--output:" in capsys.readouterr().err


def test_a_source_that_is_lost_ends_with_1_and_one_that_gives_nothing_with_2(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    struck(monkeypatch, SourceError("camera 0: gives no frames any more; was it unplugged?"))
    with pytest.raises(SystemExit) as ended:
        main(words(place, f"--output={tmp_path / 'live.csv'}"))
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert "amclip watch: camera 0: gives no frames any more; was it unplugged?" in said.err
    assert json.loads(said.out.splitlines()[-1])["reason"] == "source"
    assert len(pd.read_csv(tmp_path / "live.csv")) == 3
    into = [f"--output={tmp_path / 'none.csv'}", f"--send={tmp_path / 'none.jsonl'}"]
    with pytest.raises(SystemExit) as ended:
        main([*words(place)[:2], "rtsp://127.0.0.1:9/nothing", *into])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert "rtsp://127.0.0.1:9/nothing: cannot be opened" in said.err
    assert "huggingface" not in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["live.csv"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--seconds=0"], "--seconds: expected"),
        (["--timeout=-1"], "--timeout: expected"),
        (["--pace=0"], "--pace: expected real"),
        (["--camera_size=640"], "--camera_size: expected width and height"),
        (["--camera_fps=30"], "--camera_fps: is asked of a camera"),
        (["--settings=none.yaml"], "none.yaml: is not there"),
        (["--hop=0"], "--hop: expected"),
        (["--window=0.01"], "a window of 0.01 s is too short"),
        (["--send=udp://127.0.0.1"], "--send: expected"),
    ],
)
def test_wrong_words_are_refused(place: Path, more: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words(place, *more))
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_the_line_of_progress_goes_before_anything_else_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    line = command._StatusLine()
    line.show("0:00:01  30 frames/s, and more")
    line.say("camera 0: is back")
    line.clear()
    assert capsys.readouterr().err == "\r0:00:01  30 frames/\x1b[K\r\x1b[Kcamera 0: is back\n"


def test_a_machine_that_cannot_keep_up_is_told_so_before(place: Path) -> None:
    from amclip.live.latency import Speed
    from amclip.live.windows import LiveWindows

    class Nothing:
        name, endless = "nothing", True

        def frames(self, stopped: Any) -> list[LiveFrame]:
            return []

    live = LiveWindows(load_model(place / "model.ckpt"), Nothing(), 1.2, 0.3)  # type: ignore[arg-type]
    fast, slow = (expected(Speed(flow, flow, 0.01, 12 * flow), live)[-1] for flow in (0.001, 0.4))
    assert "load     4%" in fast
    assert "load     18%" in expected(Speed(0.001, 0.001, 0.01, 0.012), live, 4.0)[-1]  # `--pace 4`
    assert slow.startswith("warning: this machine scores about 23% of these windows in time")
    assert not any("%" in line for line in expected(Speed(0.4, 0.4, 0.01, 4.8), live)[:-1])
