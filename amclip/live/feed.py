"""The thread that takes frames from a source as they come."""

import threading
from collections.abc import Callable, Iterator

from amclip.live.frames import LiveFrame, Source, SourceError
from amclip.live.recorded import Recorded
from amclip.live.ring import Ring

__all__ = ["Feed"]

_AGAIN = 1.0  # seconds from a source's end to the next try to open it
_PATIENCE = 2.0  # seconds that a source has to end; one that hangs in its driver is left behind


class Feed:
    """Puts a source's frames into a ring, in a thread of its own.

    Args:
        source: Where frames come from.
        ring: Where they go.
        reconnect: Open a source anew that was lost, by whatever error, as often as need be; else that is the end, as a
            file's end is, and an error in a recording, which would come again.
        tell: Is called with a sentence where the source was lost and is opened anew, and where it is back.

    Attributes:
        ended: Whether no frame will come any more.
        error: Why, where that is no good end.
        reconnections: How often the source was there again.
    """

    def __init__(
        self, source: Source, ring: Ring, reconnect: bool = False, tell: Callable[[str], None] = lambda sentence: None
    ) -> None:
        self._source, self._ring, self._tell = source, ring, tell
        self._reconnect = reconnect and not isinstance(source, Recorded)
        self._stopped, self._news = threading.Event(), threading.Event()
        self.ended = False
        self.error: Exception | None = None
        self.reconnections = 0
        self._thread = threading.Thread(target=self._run, name="amclip takes live frames", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Sleep until there is something new, or the source has ended; no longer than so many seconds."""
        self._news.wait(seconds)
        self._news.clear()

    def close(self) -> None:
        """Let the source go."""
        self._stopped.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        try:
            self._take()
            while self._reconnect and self.error is not None and not self._stopped.is_set():
                self._tell(f"{self.error}; opening it anew")
                times = self.reconnections
                while self.reconnections == times and not self._stopped.wait(_AGAIN):
                    self._ring.restart()
                    self._take()
        except Exception as error:  # for the loop to see, whatever it is
            self.error = error
        finally:
            self.ended = True
            self._news.set()

    def _take(self) -> None:
        """Frames until the source ends, well or not."""
        lost = self.error is not None
        self.error = None
        try:
            for frame in self._frames():
                if self._stopped.is_set():
                    return
                if lost:
                    lost, self.reconnections = False, self.reconnections + 1
                    self._tell(f"{self._source.name}: is back")
                if self._ring.push(frame):
                    self._news.set()
            if self._source.endless and not self._stopped.is_set():
                self.error = SourceError(f"{self._source.name}: ended; it gives no frames any more")
            elif not self._stopped.is_set():
                self._ring.finish()
        except SourceError as error:
            self.error = error

    def _frames(self) -> Iterator[LiveFrame]:
        """The source's; whatever error it has is one of a source."""
        try:
            yield from self._source.frames(self._stopped)
        except SourceError:
            raise
        except (Exception, SystemExit) as error:  # a library may call sys.exit, which ends this thread without a word
            raise SourceError(f"{self._source.name}: {type(error).__name__}: {error}") from error
