"""Completes batches: positions that are not stored are embedded, and stored on the way."""

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from amclip.augmentation import Augmentation
from amclip.data.stored.keys import digest_of, seen_pixels, weights_digest
from amclip.data.stored.settings import StoredEmbeddings
from amclip.data.stored.store import PositionStore
from amclip.data.views import Views, clip_views, position_views
from amclip.models.classifier import InterleavedClassifier
from amclip.preprocess import Preprocess

__all__ = ["Embedder", "Precision", "changes_pixels", "refuse_unusable"]


class Precision(Protocol):
    """In which precision networks compute; Lightning's plugins are such."""

    precision: Any

    def forward_context(self) -> contextlib.AbstractContextManager[None]:
        """Around the network's computation."""

    def convert_input(self, data: Any) -> Any:
        """What goes into the network."""


class Embedder:
    """A network's image tower, what it sees, and where its embeddings are kept.

    The folder has a folder for each tower, input and precision, named by a digest of all that makes an embedding.

    Args:
        network: Its image tower must not train while this is used.
        preprocess: From decoded frames to the network's images.
        settings: Where embeddings are kept.
        precision: In which precision the network computes.
    """

    def __init__(
        self,
        network: InterleavedClassifier,
        preprocess: Preprocess,
        settings: StoredEmbeddings,
        precision: Precision | None = None,
    ) -> None:
        self.network, self.preprocess, self.precision = network, preprocess, precision
        architecture = network.config.architecture or {}
        tensors = {"features": (preprocess.input.num_streams, network.encoder.width)}
        about = {
            "weights": weights_digest(network.encoder.state_dict()),
            "architecture": architecture,
            "network": f"{type(network).__module__}.{type(network).__qualname__}",
            "input": seen_pixels(preprocess.input),
            "precision": "32-true" if precision is None else str(precision.precision),
            "tensors": {name: list(shape) for name, shape in tensors.items()},
            "dtype": settings.dtype,
        }
        named = {"backbone": network.config.backbone, "pretrained": network.config.pretrained}
        self.store = PositionStore(settings.path / digest_of(about)[:16], tensors, settings.dtype, {**named, **about})

    def complete(self, batch: dict[str, Any], views: Views = Views()) -> None:
        """Turn a batch of :class:`amclip.data.stored.dataset.StoredBatch` into one that the network's head takes.

        ``embeddings``, float32 ``(B * W, K, V, D)`` for ``W`` views of each clip, take the place of all that there is
        of pixels and keys; ``segments`` are repeated for views. Where nothing of a batch was stored it has ``images``
        too, ``(B, K, V, 3, S, S)``, to look at.

        Args:
            batch: On the network's device.
            views: Of each clip.

        Raises:
            OSError: If embeddings cannot be written.
        """
        missing, stored, keys = batch.pop("missing"), batch.pop("stored"), batch.pop("keys")
        frames, unit_speed, tags = batch.pop("frames"), batch.pop("unit_speed"), batch.pop("tag")
        if len(frames):
            images = self._images(frames, unit_speed, missing.sum(dim=1).tolist(), tags, views.spatial)
            made = self._embed(images)
            self.store.add(keys[missing.cpu().numpy()].reshape(-1, keys.shape[-1]), _arrays(made))
            half = self.store.dtype == "float16"
            for name, tensor in made.items():  # as they will be read the next time
                rounded = tensor.half().float() if half else tensor
                stored[name][missing] = rounded.unflatten(0, (-1, views.spatial))
            if missing.all() and views.spatial == 1:
                batch["images"] = images.view(*missing.shape, *images.shape[2:])
        by_view = stored["features"].unflatten(1, (-1, views.temporal))  # (B, K, T, S, V, D), as clip_views has them
        batch["embeddings"] = by_view.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
        batch["segments"] = batch["segments"].repeat_interleave(views.number, dim=0)

    def _images(self, frames: Tensor, unit_speed: Tensor, counts: list[int], tags: list[bytes], spatial: int) -> Tensor:
        """The network's images of missing positions, of each spatial view, ``(N * S, 1, V, 3, S, S)``.

        Those of an augmented clip are changed together, by random numbers that follow its tag.
        """
        height, width = frames.shape[-2:]
        if not any(tags):
            seen = clip_views(frames[:, None], 1, spatial) if spatial > 1 else frames[:, None]
            speeds = position_views(unit_speed[:, None], 1, spatial)
            shown = (seen.shape[-2] / height, seen.shape[-1] / width)
            return self.preprocess(seen, shown=shown, unit_speed=speeds)
        images = []
        for clip, speed, tag in zip(frames.split(counts), unit_speed.split(counts), tags, strict=True):
            if len(clip):
                with _randomness(tag, frames.device):
                    made: Tensor = self.preprocess(clip[None], augment=bool(tag), unit_speed=speed[None])
                images.append(made[0][:, None])
        return torch.cat(images)

    @torch.no_grad()
    def _embed(self, images: Tensor) -> dict[str, Tensor]:
        """What is kept of each position, float32 ``(N, …)``: here a further tensor of a position has its place."""
        encoder = self.network.encoder
        if self.precision is None:
            with _evaluating(encoder):
                return {"features": self.network.embed(images)[:, 0].float()}
        with _evaluating(encoder), self.precision.forward_context():
            return {"features": self.network.embed(self.precision.convert_input(images))[:, 0].float()}


def refuse_unusable(network: InterleavedClassifier, augmentation: Augmentation, training: bool) -> None:
    """Refuse what stored embeddings cannot serve.

    Args:
        network: The network.
        augmentation: What is changed at random in training.
        training: Whether the network will train.

    Raises:
        ValueError: If it is such; names the option that is in the way.
    """
    tuning, config = network.config.tuning, network.config
    why = None
    if config.cross_frame:
        why = "--model.network.cross_frame: messages make an image's embedding depend on its segment; set false"
    elif config.head.video_prompt_layers:
        why = "--model.network.head.video_prompt_layers: prompts look at patches, which are not stored; set 0"
    elif training and tuning.lora_rank:
        why = f"--model.network.tuning.lora_rank: {tuning.lora_rank} makes the image tower train; set 0"
    elif training and tuning.trainable_blocks:
        why = f"--model.network.tuning.trainable_blocks: {tuning.trainable_blocks} makes the image tower train; set 0"
    elif training and not network.encoder.frozen:
        why = "--model.network: weights of its image tower train, and embeddings would change with them"
    elif training and (augmentation.mixup or augmentation.cutmix):
        name = "mixup" if augmentation.mixup else "cutmix"
        why = f"--data.augmentation.{name}: mixes images, and of stored positions there are none; set 0"
    if why is not None:
        raise ValueError(f"{why}, or leave --data.embeddings out")


def changes_pixels(augmentation: Augmentation) -> bool:
    """Whether a training clip's pixels may be others than in validation; of classes of the user's own, always."""
    own = type(augmentation) is not Augmentation
    return own or augmentation.moves or augmentation.color_jitter > 0


@contextlib.contextmanager
def _randomness(tag: bytes, device: torch.device) -> Iterator[None]:
    """Random numbers that follow a tag; those of the training go on behind it as if there were none drawn."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int.from_bytes(tag[:8], "little"))
        yield


@contextlib.contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Without what is random in training."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)


def _arrays(tensors: dict[str, Tensor]) -> dict[str, Any]:
    return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
