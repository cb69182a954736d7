"""Lines that programs read while they are written: windows in a table, events to whoever acts on them."""

import csv
import io
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np

from amclip.live.windows import LiveWindow

__all__ = ["COLUMNS", "EventSender", "LineFile", "WindowTable"]

COLUMNS = ("start", "stop", "arrived", "latency", "dropped_frames", "skipped_windows")
"""Of the table of windows, before those of the behaviours."""
_SEND_WITHIN = 0.2  # seconds that a receiver may take to accept an event
_TRY_EVERY = 1.0  # seconds between tries to reach it again


class LineFile:
    """A new file to which lines are added, each at once and whole; where the disk is full, the last whole one stays.

    Args:
        path: The file; its folder is made if missing.
        option: What names it, as it is typed; for messages.

    Attributes:
        lines: How many there are.

    Raises:
        ValueError: If it is there already: what was recorded is not written over.
        OSError: If it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], option: str) -> None:
        self.path, self.lines, self._size = Path(path), 0, 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        binary = getattr(os, "O_BINARY", 0)  # on Windows, where line ends would be changed
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, 0o666)
        except FileExistsError:
            raise ValueError(f"{option}: {self.path} is there already; name another file, or delete it") from None

    def add(self, line: str) -> None:
        """Write a line, which ends with a line break.

        Raises:
            OSError: If it cannot be written whole; then none of it is.
        """
        data = line.encode("utf-8", "replace")
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self._size += len(data)
        self.lines += 1

    def close(self) -> None:
        """Bring it to the disk."""
        with suppress(OSError):  # what cannot be synced was written none the less
            os.fsync(self._file)
        os.close(self._file)


class WindowTable:
    """A CSV table with a row for each window, written at once.

    Args:
        path: The file, which is not there yet.
        classes: Names of the behaviours.

    Raises:
        ValueError: If the file is there already.
        OSError: If it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], classes: Sequence[str]) -> None:
        self._file = LineFile(path, "--output")
        # As in the tables of `amclip annotate`, rather than two columns the same.
        self._file.add(_row([*COLUMNS, *(f"{name} (behaviour)" if name in COLUMNS else name for name in classes)]))

    @property
    def rows(self) -> int:
        """How many windows it holds."""
        return self._file.lines - 1

    def add(self, window: LiveWindow) -> None:
        """Write a row.

        Raises:
            OSError: If it cannot be written; the rows before it stand.
        """
        counts = window.counts
        times = [f"{value:.6f}" for value in (window.start, window.stop, window.arrived, window.latency)]
        # The shortest digits that read back as the same float32.
        values = window.probabilities.astype(np.float32).astype(str).tolist()
        self._file.add(_row([*times, str(counts.dropped_frames), str(counts.late + counts.broken), *values]))

    def close(self) -> None:
        """Bring it to the disk; one without rows goes."""
        self._file.close()
        if not self.rows:
            self._file.path.unlink(missing_ok=True)


def _row(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


class _Receiver(Protocol):
    def send(self, line: str) -> bool:
        """Whether it was taken."""

    def close(self) -> None:
        """No more comes."""


class EventSender:
    """Sends events as lines of JSON.

    Args:
        where: ``-`` for standard output, ``udp://HOST:PORT`` (a datagram per event), ``tcp://HOST:PORT`` (a connection
            to a program that listens), or a new file.
        before: Is called before something goes to standard output, to take a line of progress away.

    Attributes:
        unsent: Events that nobody took: over TCP, while the connection was lost. It is tried again every second.

    Raises:
        ValueError: If the address is none, the host is not known, nobody listens, or the file is there already.
        OSError: If the file cannot be written.
    """

    def __init__(self, where: str, before: Callable[[], None] = lambda: None) -> None:
        self.unsent = 0
        scheme, slashes, _ = where.partition("://")
        if where == "-":
            self._receiver: _Receiver = _Output(before)
        elif slashes:
            self._receiver = _receiver_at(where, scheme)
        else:
            self._receiver = _EventFile(where)

    def send(self, event: Mapping[str, Any]) -> None:
        """Send one.

        Raises:
            OSError: If the file, or standard output, takes no more.
        """
        self.unsent += not self._receiver.send(json.dumps(event, ensure_ascii=False) + "\n")

    def close(self, keep: bool = True) -> None:
        """Send no more. ``keep`` says whether a file stays: that of a watch that saw nothing is in nobody's way."""
        self._receiver.close()
        if not keep and isinstance(self._receiver, _EventFile):
            self._receiver.path.unlink(missing_ok=True)


class _Output:
    def __init__(self, before: Callable[[], None]) -> None:
        self._before = before

    def send(self, line: str) -> bool:
        self._before()
        try:
            sys.stdout.write(line)
            sys.stdout.flush()
        except BrokenPipeError:
            with suppress(OSError, ValueError):  # so that Python's own flush at its end finds somebody
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise OSError("standard output: nobody reads the events any more") from None
        return True

    def close(self) -> None: ...


class _EventFile:
    def __init__(self, path: str) -> None:
        self.path, self._file = Path(path), LineFile(path, "--send")

    def send(self, line: str) -> bool:
        self._file.add(line)
        return True

    def close(self) -> None:
        self._file.close()


def _receiver_at(where: str, scheme: str) -> "_Datagrams | _Connection":
    try:
        parts = urlsplit(where)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if scheme not in ("udp", "tcp") or not host or not port or parts.path.strip("/"):
        raise ValueError(f"--send: expected -, a file, udp://HOST:PORT or tcp://HOST:PORT, got {where}")
    kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=kind)[0]
    except OSError as error:
        raise ValueError(f"--send: {host} is not known ({error.strerror})") from None
    return _Datagrams(family, address) if scheme == "udp" else _Connection(where, family, address)


class _Datagrams:
    def __init__(self, family: int, address: Any) -> None:
        self._socket, self._address = socket.socket(family, socket.SOCK_DGRAM), address
        self._socket.setblocking(False)

    def send(self, line: str) -> bool:
        try:
            self._socket.sendto(line.encode(), self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


class _Connection:
    def __init__(self, where: str, family: int, address: Any) -> None:
        self._family, self._address = family, address
        self._socket: socket.socket | None = None
        self._tried = 0.0
        try:
            self._connect(_TRY_EVERY)
        except OSError as error:
            raise ValueError(f"--send: nobody listens at {where} ({error}); start the receiver first") from None

    def _connect(self, seconds: float) -> socket.socket:
        self._tried = time.monotonic()
        connection = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            connection.settimeout(seconds)
            connection.connect(self._address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # an event waits for no other
            connection.settimeout(_SEND_WITHIN)
        except OSError:
            connection.close()
            raise
        self._socket = connection
        return connection

    def send(self, line: str) -> bool:
        if self._socket is None and time.monotonic() - self._tried < _TRY_EVERY:
            return False
        try:
            (self._socket or self._connect(_SEND_WITHIN)).sendall(line.encode())
        except OSError:
            self.close()  # part of a line may be on its way: the next one begins in another connection
            return False
        return True

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._tried = None, time.monotonic()
