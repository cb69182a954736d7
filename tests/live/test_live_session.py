"""Whatever ends a watch, and wherever: each bout whose start was sent is stopped."""

from types import SimpleNamespace
from typing import Any

import pytest
from test_live_bouts import CLASSES, settings, window

from amclip.live.session import Session


class Watching:
    """Live windows that are there already."""

    over, blind = False, False
    window, hop, model = 2.0, 0.5, SimpleNamespace(classes=CLASSES)

    def __init__(self, *windows: Any) -> None:
        self._windows = list(windows)

    def __enter__(self) -> "Watching":
        return self

    def __exit__(self, *error: object) -> None: ...

    def poll(self, seconds: float) -> list[Any]:
        return [self._windows.pop(0)]


class Struck:
    """A receiver; while it takes one of the events, something happens."""

    def __init__(self, at: int, error: BaseException) -> None:
        self.events: list[Any] = []
        self._at, self._error = at, error

    def send(self, event: Any) -> None:
        self.events.append(event)
        if len(self.events) == self._at + 1:
            raise self._error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("the disk is full")], ids=["Ctrl-C", "disk"])
@pytest.mark.parametrize("at", range(1, 6))
def test_every_bout_whose_start_was_sent_is_stopped(at: int, error: BaseException) -> None:
    sender = Struck(at, error)
    windows = window(0.9, 0.9), window(0.1, 0.1, number=1), window(0.9, 0.9, number=2)
    with pytest.raises(type(error)):
        Session(Watching(*windows), settings(), sender).run("simulated")  # type: ignore[arg-type]
    on = set()
    for event in sender.events[1:-1]:
        if event["event"] == "start":
            on.add(event["behaviour"])
        else:
            on.remove(event["behaviour"])  # or it was sent when that came, and once more
            on |= {event["behaviour"]} if event is sender.events[at] else set()
    assert not on
    assert sender.events[-1]["event"] == "end"
