"""Live windows: those of a source that is running, scored one after the other as they end.

    with LiveWindows(load_model("best.ckpt"), open_source("0", …), window=2.0, hop=0.5) as live:
        for window in live:
            print(window.stop, dict(zip(live.model.classes, window.probabilities)))

The same windows, images and network as `amclip annotate` has, so the same probabilities; but nothing of the future, and
always the newest window: where the network cannot keep up, windows are skipped and counted. A file that is played as if
it were live has the very windows of its annotation.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from amclip.ethogram.embedded import EmbeddedImages
from amclip.inference import TrainedModel
from amclip.live.feed import Feed
from amclip.live.frames import Source, SourceError
from amclip.live.latency import settle
from amclip.live.recorded import Recorded
from amclip.live.ring import Counts, Due, LiveImage, Ring
from amclip.on_device import on_device

__all__ = ["LatencyParts", "LiveWindow", "LiveWindows"]

_OPENING = 60.0  # seconds that a source may take to its first frame: some cameras wake up slowly


class LatencyParts(NamedTuple):
    """What the seconds from the last frame of a window to its probabilities went by with.

    Attributes:
        wait: Decoding the frame, and waiting for the network to have done what it was at.
        flow: Pixels and flow of images that were not known yet.
        network: Embedding them, and classifying the window.
    """

    wait: float
    flow: float
    network: float


@dataclass(frozen=True)
class LiveWindow:
    """A window that has just been scored.

    Attributes:
        number: Counts windows from 0, skipped ones too.
        start: Seconds since the first frame.
        stop: Seconds since the first frame. It may be up to half a step between two images ahead of the last frame:
            what comes then is not looked at.
        probabilities: Of each class, calibrated, float32 ``[C]``.
        arrived: When the last frame came that it waited for, seconds since 1970.
        latency: Seconds from then to these probabilities.
        parts: Of the latency.
        counts: What came and what was skipped before it, since the beginning.
        gap: Whether frames were missing since the window before, so that a bout may have ended unseen.
    """

    number: int
    start: float
    stop: float
    probabilities: NDArray[np.float32]
    arrived: float
    latency: float
    parts: LatencyParts
    counts: Counts
    gap: bool


class Frames(Protocol):
    """What brings frames into a ring; :class:`amclip.live.feed.Feed` does, in a thread."""

    ended: bool
    error: Exception | None
    reconnections: int

    def wait(self, seconds: float) -> None:
        """Sleep until there is something new."""

    def close(self) -> None:
        """Let the source go."""


class LiveWindows:
    """Scores the windows of a source; a context manager, and an iterator over windows.

    Args:
        model: The network, on the device where it runs; one that looks at whole frames.
        source: Where frames come from: of :func:`amclip.live.sources.open_source`, or your own.
        window: Length of a window in seconds.
        hop: Seconds from the start of one window to the next.
        timeout: Seconds without a frame after which the source is lost; to its first one it may take a minute. Of a
            recording they count from when its next frame is due.
        reconnect: Open a source that was lost anew, however often.
        tell: Is called with a sentence where it is lost or back, by another thread.
        clock: Seconds, never stepping; that of the frames' arrival.
        feed: Begins to bring a source's frames into a ring; default: a thread.

    Attributes:
        model: The network.
        name: The source's.
        patient: Whether a source may be away for any time (`reconnect`).
        over: Whether the source has ended, and all its windows were given.
        busy: Seconds that pixels, flow and network took so far, of windows that were not given too.

    Raises:
        ValueError: If the model looks at animals that are cut out, or the window does not suit it.
    """

    def __init__(
        self,
        model: TrainedModel,
        source: Source,
        window: float,
        hop: float,
        timeout: float = 10.0,
        reconnect: bool = False,
        tell: Callable[[str], None] = lambda sentence: None,
        clock: Callable[[], float] = time.monotonic,
        feed: Callable[[Ring], Frames] | None = None,
    ) -> None:
        if model.input.crop is not None:
            raise ValueError(
                "the model looks at animals that are cut out: it needs their tracks, which nobody has of a live "
                "video; train one on whole frames (without input.crop)"
            )
        self.model, self.window, self.hop, self.over, self.busy = model, window, hop, False, 0.0
        self.name, self._timeout, self.patient, self._clock = source.name, timeout, reconnect, clock
        recorded = source if isinstance(source, Recorded) else None
        self._slower = 1.0 if recorded is None else max(1.0, 1 / recorded.pace)  # frames come so much later
        self._ring = Ring(model.input, window, hop, recorded)
        self._start_feed = feed or (lambda ring: Feed(source, ring, reconnect, tell))
        self._feed: Frames | None = None
        self._images = EmbeddedImages(model)
        self._known: dict[int, int] = {}  # number of an image in the ring: that of its embedding
        self._last = -1
        self._flow = self._network = 0.0
        self._started = 0.0

    def __enter__(self) -> "LiveWindows":
        self._started = self._clock()
        self._feed = self._start_feed(self._ring)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._feed is not None:
            self._feed.close()

    def __iter__(self) -> Iterator[LiveWindow]:
        """Windows until the source ends.

        Raises:
            SourceError: If it cannot be opened, was lost, or gave nothing for too long.
        """
        while not self.over:
            yield from self.poll(1.0)

    @property
    def counts(self) -> Counts:
        """What came, and what did not, so far."""
        return self._ring.counts

    @property
    def reconnections(self) -> int:
        """How often the source was lost and is there again."""
        return 0 if self._feed is None else self._feed.reconnections

    @property
    def frame_rate(self) -> float:
        """Frames per second of the source, on average; 0 before there are two."""
        return 1 / self._ring.interval if self._ring.interval else 0.0

    @property
    def new_images(self) -> float:
        """Images of a window that the one before it does not look at, where every moment shows another frame."""
        return self._ring.new_images

    @property
    def silent(self) -> float:
        """Seconds since the last frame came, or since the beginning."""
        return self._clock() - (self._started if self._ring.arrived is None else self._ring.arrived)

    @property
    def blind(self) -> bool:
        """Whether no frame came for so long that nothing is known of the scene; its end is no such hole."""
        ended = self._feed is not None and self._feed.ended
        return not ended and self.silent > self._longest_silence

    @property
    def _longest_silence(self) -> float:
        """Seconds of the clock without a frame that may pass; a file that is played slowly takes longer."""
        return self._ring.longest_hole * self._slower

    def hold(self) -> None:
        """Leave frames out until :meth:`release`; to be called before it is entered."""
        self._ring.held = True

    def release(self) -> None:
        """Begin with the next frame that comes."""
        self._ring.held = False

    def opens(self, seconds: float) -> bool:
        """Whether the source is open and gave a frame (or has ended), which is waited for so long at most.

        Raises:
            SourceError: If it cannot be opened, or takes too long to.
        """
        assert self._feed is not None, "enter it as a context manager first"
        if self._ring.arrived is None and not self._feed.ended:
            self._feed.wait(seconds)
        if self._feed.ended and self._feed.error is not None:
            self.over = True
            raise self._feed.error
        self._check_silence()
        return self._feed.ended or self._ring.arrived is not None

    def poll(self, seconds: float) -> list[LiveWindow]:
        """The newest windows, as soon as they are scored.

        Args:
            seconds: To wait at most; a window that is being scored is finished.

        Returns:
            None where nothing came in time, or the source has ended (``over``); several that look at the same images.

        Raises:
            SourceError: If the source cannot be opened, was lost, or gave nothing for too long.
        """
        assert self._feed is not None, "enter it as a context manager first"
        until = self._clock() + seconds
        while True:
            ended = self._feed.ended  # before what came is looked at: nothing comes behind it
            if (due := self._ring.take()) is not None:
                return self._score(due)
            if (image := self._ring.ahead(self._last)) is not None:
                self._forget(self._ring.first_needed)  # windows that are broken are not scored, and forget nothing
                self._embed([image])
                if self._clock() < until:
                    continue
                return []
            if ended:
                self.over = True
                if self._feed.error is not None:
                    raise self._feed.error
                return []
            self._check_silence()
            if (left := until - self._clock()) <= 0:
                return []
            self._feed.wait(left)

    def _check_silence(self) -> None:
        limit = max(self._timeout, _OPENING if self._ring.arrived is None else 0.0)
        if self._ring.recorded:  # it has long steps of its own, or is played slowly
            limit = max(limit, self._timeout + self._longest_silence)
        if self.silent > limit and not self.patient:
            self.over = True
            raise SourceError(f"{self.name}: has given no frame for {limit:g} s")

    def _score(self, due: Due) -> list[LiveWindow]:
        begun = self._clock()
        self._flow = self._network = 0.0
        new = {image.number: image for image in due.images if image.number not in self._known}
        if new:
            self._embed(list(new.values()))
        asked = self._clock()
        with torch.inference_mode():
            answer = self._images.answer(np.array([[self._known[image.number] for image in due.images]]))
            log_odds = self.model.log_odds(answer.logits).cpu()
            probabilities = self.model.calibrate(log_odds)[0].numpy()
        done = self._clock()
        self.busy += done - asked
        self._forget(due.images[0].number)
        parts = LatencyParts(begun - due.arrived, self._flow, self._network + done - asked)
        arrived = time.time() - (done - due.arrived)
        spans = [self._ring.span(number) for number in due.windows]
        return [
            LiveWindow(
                number=number,
                start=spans[place][0],
                stop=spans[place][1],
                probabilities=probabilities,
                arrived=arrived,
                latency=done - due.arrived,
                parts=parts,
                counts=due.counts,
                gap=due.gap and place == 0,
            )
            for place, number in enumerate(due.windows)
        ]

    def _embed(self, images: list[LiveImage]) -> None:
        """Make images known."""
        begun, device = self._clock(), self.model.device
        pixels = on_device(torch.stack([image.pixels for image in images])[None], device)
        unit_speed = on_device(torch.stack([image.unit_speed for image in images])[None], device)
        with torch.inference_mode():
            seen = self.model.preprocess(pixels, unit_speed=unit_speed)
            settle(self.model)
            flowed = self._clock()
            for number, image in enumerate(images, start=self._images.stop):
                self._known[image.number] = number
            self._images.add(seen)
            settle(self.model)
        self._last = max(self._last, images[-1].number)
        done = self._clock()
        self._flow, self._network = self._flow + flowed - begun, self._network + done - flowed
        self.busy += done - begun

    def _forget(self, before: int) -> None:
        """Let the images below a number go."""
        self._known = {image: known for image, known in self._known.items() if image >= before}
        # Images are not always known in order: those of a window that was just completed come behind the next one's.
        self._images.let_go(min(self._known.values(), default=self._images.stop))
