"""Latencies of a run however long, in the memory of a few thousand numbers; and what to expect of a network."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from amclip.ethogram.embedded import EmbeddedImages
from amclip.inference import TrainedModel
from amclip.on_device import on_device
from amclip.preprocess import Seen

__all__ = ["Latencies", "Speed", "measure_speed", "settle"]

_LEAST, _STEP = 1e-5, 1.01  # seconds of the first bin, and the ratio of its neighbours
_BINS = 1 + math.ceil(math.log(1e4 / _LEAST) / math.log(_STEP))
_ROUNDS, _ENOUGH = 5, 1.0  # seconds after which less rounds must do
_PAUSE = 0.05  # seconds between rounds: while a network waits, others take the caches


class Latencies:
    """Collects seconds, and tells their mean, greatest and percentiles; these to 1 %."""

    def __init__(self) -> None:
        self._bins = np.zeros(_BINS, np.int64)
        self.count, self.total, self.most = 0, 0.0, 0.0

    def add(self, seconds: float) -> None:
        """Take one more."""
        place = math.ceil(math.log(max(seconds, _LEAST) / _LEAST) / math.log(_STEP))
        self._bins[min(place, _BINS - 1)] += 1
        self.count, self.total, self.most = self.count + 1, self.total + seconds, max(self.most, seconds)

    @property
    def mean(self) -> float:
        """Their mean; NaN where there are none."""
        return self.total / self.count if self.count else math.nan

    def percentile(self, percent: float) -> float:
        """Seconds that so many of a hundred do not exceed; NaN where there are none."""
        if not self.count:
            return math.nan
        reached = np.cumsum(self._bins) >= percent / 100 * self.count
        return min(_LEAST * _STEP ** int(np.argmax(reached)), self.most)


class Speed(NamedTuple):
    """What a network takes on this machine, in seconds.

    Attributes:
        flow: Pixels and flow of one image.
        network: Embedding one image; 0 where that is done window by window.
        window: Classifying a window of images that are known.
        anew: A whole window of which no image is known.
    """

    flow: float
    network: float
    window: float
    anew: float

    def load(self, hop: float, new_images: float) -> float:
        """Fraction of the time that keeps up with all windows takes; above 1 some are skipped.

        Args:
            hop: Seconds from one window to the next.
            new_images: Images per window that are not known from the one before.
        """
        return (new_images * (self.flow + self.network) + self.window) / hop


def settle(model: TrainedModel) -> None:
    """Wait until a GPU has done what it was told."""
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)


@torch.inference_mode()
def measure_speed(model: TrainedModel) -> Speed:
    """Run a network on noise; what compiles at the first call has done so then.

    Args:
        model: A network that looks at whole frames.
    """
    seen, positions = model.input, model.input.num_positions
    generator = torch.Generator().manual_seed(0)
    shape = 1, positions, seen.pictures_per_position, 3, *seen.frame_size
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    speed = torch.full((1, positions, 1, 2), 25.0)

    def look(count: int) -> Seen:
        shown, speeds = on_device(pixels[:, :count], model.device), on_device(speed[:, :count], model.device)
        seen: Seen = model.preprocess(shown, unit_speed=speeds)
        return seen

    def took(work: Callable[[], object]) -> float:
        times: list[float] = []
        while len(times) < _ROUNDS and sum(times) < _ENOUGH:
            time.sleep(_PAUSE)
            begun = time.perf_counter()
            work()
            settle(model)
            times.append(time.perf_counter() - begun)
        return float(np.median(times))

    def answer(images: EmbeddedImages) -> Tensor:
        return model.calibrate(model.log_odds(images.answer(np.arange(positions)[None]).logits).cpu())

    def anew() -> None:
        images = EmbeddedImages(model)
        images.add(look(positions))
        answer(images)

    one, whole = look(1), EmbeddedImages(model)  # flow is compiled here
    whole.add(look(positions))
    return Speed(
        flow=took(lambda: look(1)),
        network=took(lambda: EmbeddedImages(model).add(one)),
        window=took(lambda: answer(whole)),
        anew=took(anew),
    )
