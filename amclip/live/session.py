"""A watch from its beginning to its end: windows into a table, bouts to whoever acts on them, latencies counted."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from amclip.ethogram.bouts import BoutSettings
from amclip.live.bouts import BoutChange, LiveBouts
from amclip.live.frames import SourceError
from amclip.live.latency import Latencies
from amclip.live.lines import EventSender, WindowTable
from amclip.live.windows import LatencyParts, LiveWindow, LiveWindows

__all__ = ["FORMAT", "Session"]

FORMAT = 1
"""Raised when the events' fields change their meaning."""
_LOOK_EVERY = 0.1  # seconds: how soon a source that gives nothing ends the bouts


class Session:
    """Watches.

    Args:
        live: The windows; not entered yet.
        settings: How bouts begin and end, for each class; the two thresholds count.
        sender: Takes events.
        table: Takes windows.
        every_window: Send an event for each window too.

    Attributes:
        bouts: What is on.
        scored: Windows that were scored.
        latencies: From the last frame of a window to its probabilities.
        parts: What these are made of.
    """

    def __init__(
        self,
        live: LiveWindows,
        settings: Mapping[str, BoutSettings],
        sender: EventSender,
        table: WindowTable | None = None,
        every_window: bool = False,
    ) -> None:
        self.live, self._settings = live, settings
        self._sender, self._table, self._every_window = sender, table, every_window
        self.bouts = LiveBouts(live.model.classes, settings)
        self._told: list[str] = []  # behaviours whose start was sent, and whose stop was not yet
        self.scored = 0
        self.latencies = Latencies()
        self.parts = {name: Latencies() for name in LatencyParts._fields}

    def run(
        self,
        source: str,
        seconds: float | None = None,
        show: Callable[[], None] = lambda: None,
        opened: Callable[[], None] | None = None,
    ) -> None:
        """Watch until the source ends, or so many seconds; bouts that are on are ended, however it ends.

        Args:
            source: Its name, for the first event.
            seconds: From the first frame on where `opened` is given. Default: without end.
            show: Is called ten times a second and with every window.
            opened: Is called when the source has given its first frame; those that come meanwhile are left out.

        Raises:
            SourceError: If the source cannot be opened, was lost, or gave nothing for too long.
            OSError: If the table or a file of events cannot be written, or nobody reads the events on standard output.
        """
        self._sender.send(self._first(source))
        reason = "stopped"
        begun = time.monotonic()
        try:
            if opened is not None:
                self.live.hold()
            with self.live as live:
                while opened is not None and not live.opens(_LOOK_EVERY):
                    if live.patient and seconds is not None and time.monotonic() - begun >= seconds:
                        raise SourceError(f"{live.name}: has given no frame for {seconds:g} s")
                    show()
                if opened is not None:
                    opened()
                    live.release()
                    begun = time.monotonic()
                while not live.over and (seconds is None or time.monotonic() - begun < seconds):
                    for window in live.poll(_LOOK_EVERY):
                        self._take(window)
                    if live.blind:
                        self._send(self.bouts.end("no frames"))
                    show()
            reason = "source" if live.over else "time"
        except SourceError:
            reason = "source"
            raise
        finally:
            self.bouts.end("end")
            # What was told, as the watch may have been ended between a change and its event. Each by itself: what ended
            # the watch counts.
            for name in tuple(self._told):
                with suppress(OSError):
                    self._send([BoutChange("stop", name, "end")])
            with suppress(OSError):
                self._sender.send({"event": "end", "reason": reason, "time": _now()})

    def _take(self, window: LiveWindow) -> None:
        self._send(self.bouts.update(window), window)
        if self._every_window:
            named = zip(self.live.model.classes, window.probabilities.astype(float).tolist(), strict=True)
            probabilities = {name: _number(value) for name, value in named}
            self._sender.send({"event": "window", **_of(window), "probabilities": probabilities, "on": self.bouts.on})
        if self._table is not None:
            self._table.add(window)
        self.scored += 1
        self.latencies.add(window.latency)
        for name, seconds in zip(self.parts, window.parts, strict=True):
            self.parts[name].add(seconds)

    def _send(self, changes: Sequence[BoutChange], window: LiveWindow | None = None) -> None:
        for change in changes:
            event = {"event": change.change, "behaviour": change.behaviour, "reason": change.reason}
            seen = {"time": _now()} if window is None else _of(window)
            probability = None if change.probability is None else _number(change.probability)
            if change.change == "start":
                self._told.append(change.behaviour)
            self._sender.send({**event, "probability": probability, **seen})
            if change.change == "stop":
                self._told.remove(change.behaviour)

    def _first(self, source: str) -> dict[str, Any]:
        thresholds = {
            name: {"threshold": self._settings[name].threshold, "off_threshold": self._settings[name].lower}
            for name in self.live.model.classes
        }
        about = {"format": FORMAT, "source": source, "window": self.live.window, "hop": self.live.hop}
        return {"event": "begin", **about, "behaviours": thresholds, "time": _now()}


def _of(window: LiveWindow) -> dict[str, Any]:
    return {
        "start": round(window.start, 6),
        "stop": round(window.stop, 6),
        "time": _now(),
        "latency": round(window.latency, 6),
    }


def _now() -> float:
    return round(time.time(), 6)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)  # JSON knows no NaN
