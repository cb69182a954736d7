"""What the network made of a video's images, for as long as windows to come look at them.

Where the network looks at images one by one, each is embedded once, and windows are classified from embeddings that
they share. Where images mean something else in every window (:attr:`InterleavedClassifier.images_alone`), what is
shared are pixels and flow.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amclip.inference import TrainedModel
from amclip.models.classifier import Answer
from amclip.on_device import on_device
from amclip.preprocess import Seen

__all__ = ["EmbeddedImages"]


class EmbeddedImages:
    """Images as the network knows them, by their numbers, in the order in which they are added.

    Args:
        model: The network, on the device where it runs.
        first: Number of the first image that will be added.

    Attributes:
        stop: The number that the next image will have.
    """

    def __init__(self, model: TrainedModel, first: int = 0) -> None:
        self._network, self._device = model.network, model.device
        self._segments = model.input.segments().to(model.device)
        self._kept: tuple[Tensor, ...] = ()  # embeddings, or images and motion, from the one numbered `_base` on
        self._base = self.stop = first

    def add(self, seen: Seen) -> None:
        """Embed more images, in inference mode.

        Args:
            seen: Of ``(B, K)`` images, the next ``B * K``.
        """
        new = (self._network.embed(*seen),) if self._network.images_alone else seen
        fresh = [each.flatten(0, 1) for each in new]
        self.stop += len(fresh[0])
        self._kept = tuple(map(torch.cat, zip(self._kept, fresh, strict=True))) if self._kept else tuple(fresh)

    def answer(self, images: NDArray[np.int64]) -> Answer:
        """What the network says of windows, in inference mode.

        Args:
            images: Numbers of the images of each, int64 ``[B, K]``; none of them was let go.
        """
        mine = on_device(torch.from_numpy(images - self._base), self._device)
        first_of, *motion = (each[mine] for each in self._kept)
        answer = self._network.classify if self._network.images_alone else self._network.answer
        return answer(first_of, self._segments.expand(len(images), -1, -1), *motion)

    def let_go(self, before: int) -> None:
        """Forget the images below a number."""
        gone = min(max(0, before - self._base), self.stop - self._base)
        self._kept, self._base = tuple(each[gone:] for each in self._kept), self._base + gone
