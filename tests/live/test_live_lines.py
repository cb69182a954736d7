import csv
import errno
import io
import json
import os
import select
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_live_bouts import CLASSES, window

from amclip.live import lines
from amclip.live.latency import Latencies
from amclip.live.lines import EventSender, WindowTable


def test_rows_are_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "live.csv"
    table = WindowTable(path, ["resting", "latency"])
    for number in range(3):
        table.add(window(0.1 + number, 1 / 3, number=number))
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert len(rows) == number + 1
    assert rows[2] == {
        "start": "1.000000",
        "stop": "3.000000",
        "arrived": "1700000002.000000",
        "latency": "0.040000",
        "dropped_frames": "3",
        "skipped_windows": "2",
        "resting": "2.1",
        "latency (behaviour)": "0.33333334",
    }
    table.close()
    with pytest.raises(ValueError, match=r"--output: .*live\.csv is there already"):
        WindowTable(path, CLASSES)
    assert len(path.read_text().splitlines()) == 4


def test_a_full_disk_leaves_whole_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "live.csv"
    table = WindowTable(path, CLASSES)
    table.add(window(0.1, 0.2))
    whole = path.read_bytes()
    write = os.write
    calls = 0

    def full(handle: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data[:7])

    monkeypatch.setattr(lines.os, "write", full)
    with pytest.raises(OSError, match="No space left") as refused:
        table.add(window(0.3, 0.4))
    assert refused.value.filename == str(path)
    assert path.read_bytes() == whole
    monkeypatch.undo()
    table.add(window(0.1, 0.2))
    assert path.read_bytes() == whole + whole.splitlines(keepends=True)[1]


def test_a_table_without_rows_does_not_stay(tmp_path: Path) -> None:
    WindowTable(tmp_path / "live.csv", CLASSES).close()
    assert not any(tmp_path.iterdir())


def test_events_go_out_as_datagrams_whether_anybody_listens() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        sender = EventSender(f"udp://127.0.0.1:{receiver.getsockname()[1]}")
        sender.send({"event": "start", "behaviour": "ruhen ä"})
        assert json.loads(receiver.recv(1000)) == {"event": "start", "behaviour": "ruhen ä"}
    sender.send({"event": "stop"})
    sender.send({"event": "stop"})
    sender.close()


def wait_for_the_end(sender: EventSender) -> None:
    """Until the connection's other end is known to be closed."""
    assert isinstance(sender._receiver, lines._Connection)
    assert sender._receiver._socket is not None
    assert select.select([sender._receiver._socket], [], [], 5)[0]


def test_events_go_to_a_program_that_listens_and_again_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        sender = EventSender(f"tcp://127.0.0.1:{port}")
        connection, _ = server.accept()
        with connection:
            sender.send({"event": "start"})
            assert connection.recv(1000) == b'{"event": "start"}\n'
        wait_for_the_end(sender)
        server.close()
        for _ in range(3):
            sender.send({"event": "lost"})
        assert sender.unsent == 3
    with socket.create_server(("127.0.0.1", port)) as server:
        monkeypatch.setattr(lines, "_TRY_EVERY", 0.0)
        sender.send({"event": "again"})
        connection, _ = server.accept()
        with connection:
            assert connection.recv(1000) == b'{"event": "again"}\n'
        wait_for_the_end(sender)
        monkeypatch.setattr(lines, "_TRY_EVERY", 60.0)
        sender.send({"event": "at once"})
        connection, _ = server.accept()
        with connection:
            assert connection.recv(1000) == b'{"event": "at once"}\n'
        sender.close()
    assert sender.unsent == 3
    with pytest.raises(ValueError, match=rf"--send: nobody listens at tcp://127\.0\.0\.1:{port}"):
        EventSender(f"tcp://127.0.0.1:{port}")


def test_events_are_utf_8_whatever_the_terminal_and_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.BytesIO()
    monkeypatch.setattr(lines.sys, "stdout", io.TextIOWrapper(said, "ascii", "backslashreplace"))
    events = EventSender("-"), EventSender(str(tmp_path / "events.jsonl"))
    for sender in events:
        sender.send({"event": "begin", "source": "ä\udcff.mp4"})
    for content in (said.getvalue(), (tmp_path / "events.jsonl").read_bytes()):
        assert json.loads(content.decode())["source"] == "ä\udcff.mp4"
    events[1].close(keep=False)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("where", ["udp://127.0.0.1", "udp://:9", "http://127.0.0.1:9", "tcp://a:b", "udp://a:99999"])
def test_an_address_that_is_none_is_refused(where: str) -> None:
    with pytest.raises(ValueError, match="--send: expected"):
        EventSender(where)


def test_nobody_reads_standard_output_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, text: str) -> None:
            raise BrokenPipeError

        def fileno(self) -> int:
            raise OSError

    monkeypatch.setattr(lines.sys, "stdout", Closed())
    with pytest.raises(OSError, match="nobody reads the events"):
        EventSender("-").send({"event": "start"})


def test_latencies_are_told_to_one_percent() -> None:
    rng = np.random.default_rng(0)
    seconds: Any = rng.lognormal(-3, 1, 5000)
    latencies = Latencies()
    for one in seconds.tolist():
        latencies.add(one)
    assert latencies.count == 5000
    assert latencies.most == seconds.max()
    assert latencies.mean == pytest.approx(seconds.mean())
    for percent in (5, 50, 95, 100):
        assert latencies.percentile(percent) == pytest.approx(np.percentile(seconds, percent), rel=0.015)
    assert np.isnan(Latencies().percentile(50))
