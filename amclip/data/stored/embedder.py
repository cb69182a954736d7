"""Completes batches: positions that are not stored are embedded, and stored on the way."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

from amclip.augmentation import Augmentation
from amclip.data.stored.keys import digest_of, seen_pixels, weights_digest
from amclip.data.stored.settings import StoredEmbeddings
from amclip.data.stored.store import PositionStore
from amclip.data.views import Views, clip_views, position_views
from amclip.models.classifier import InterleavedClassifier
from amclip.motion import statistics_of_input
from amclip.preprocess import Preprocess, Seen

__all__ = ["Embedder", "Precision", "changes_pixels", "refuse_unusable", "trained_network"]


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
        shapes = {
            "features": (preprocess.input.num_streams, network.encoder.width),
            "motion": (preprocess.input.num_crops, len(statistics_of_input(preprocess.input))),
        }
        tensors = {name: shape for name, shape in shapes.items() if min(shape)}
        about = {
            "weights": weights_digest(network.encoder.state_dict()),
            "architecture": architecture,
            "network": f"{type(network).__module__}.{type(network).__qualname__}",
            "input": seen_pixels(preprocess.input),
            "precision": _precision_in_words(network, precision),
            "tensors": {name: list(shape) for name, shape in tensors.items()},
            "dtype": settings.dtype,
        }
        if preprocess.input.needs_flow:
            preprocess.flow.prepare()
            if weights := preprocess.flow.state_dict():  # a file of them may be another under the same name
                about["flow_weights"] = weights_digest(weights)
        named = {"backbone": network.config.backbone, "pretrained": network.config.pretrained}
        halved = ("features",) if settings.dtype == "float16" else ()
        self.store = PositionStore(settings.path / digest_of(about)[:16], tensors, halved, {**named, **about})

    def complete(self, batch: dict[str, Any], views: Views = Views()) -> None:
        """Turn a batch of :class:`amclip.data.stored.dataset.StoredBatch` into one that the network's head takes.

        ``embeddings``, those of images, float32 ``(B * W, K, V, D)`` for ``W`` views of each clip, and where the input
        has numbers of motion ``motion``, ``(B * W, K, G, F)``, take the place of pixels and keys; ``segments`` are
        repeated for views. Where nothing of a batch was stored it has ``images`` too, ``(B, K, V, 3, S, S)``, to look
        at.

        Args:
            batch: On the network's device.
            views: Of each clip.

        Raises:
            OSError: If embeddings cannot be written.
        """
        missing, keys = batch.pop("missing"), batch.pop("keys")
        stored = {
            name: tensor.float() for name, tensor in batch.pop("stored").items()
        }  # as they are kept, in 64-true too
        frames, unit_speed, seeds = batch.pop("frames"), batch.pop("unit_speed"), batch.pop("drawn_by")
        if len(frames):
            seen = self._see(frames, unit_speed, missing.sum(dim=1).tolist(), seeds, views.spatial)
            made = self._embed(seen)
            self.store.add(keys[missing.cpu().numpy()].reshape(-1, keys.shape[-1]), _arrays(made))
            for name, tensor in made.items():  # rounded, as they will be read the next time
                kept = tensor.half().float() if name in self.store.halved else tensor
                stored[name][missing] = kept.view(-1, views.spatial, *kept.shape[1:])
            if missing.all() and views.spatial == 1:
                batch["images"] = seen.images.view(*missing.shape, *seen.images.shape[2:])
        # (B, K * T, S, …) to (B * T * S, K, …), in the order of clip_views
        found = {
            name: tensor.view(len(tensor), -1, views.temporal, *tensor.shape[2:]).movedim(1, 3).flatten(0, 2)
            for name, tensor in stored.items()
        }
        if "motion" in found:
            batch["motion"] = found["motion"]
        none = (len(missing) * views.number, missing.shape[1] // views.temporal, 0, self.network.encoder.width)
        batch["embeddings"] = found["features"] if "features" in found else found["motion"].new_empty(none)
        batch["segments"] = batch["segments"].repeat_interleave(views.number, dim=0)

    def _see(
        self, frames: Tensor, unit_speed: Tensor, counts: list[int], seeds: Sequence[int | None], spatial: int
    ) -> Seen:
        """What the network sees of missing positions, of each spatial view, ``(N * S, 1, …)``.

        Those of an augmented clip are changed together, as its seed says, whichever clips are in the batch.
        """
        height, width = frames.shape[-2:]
        if all(seed is None for seed in seeds):
            views = clip_views(frames[:, None], 1, spatial) if spatial > 1 else frames[:, None]
            speeds = position_views(unit_speed[:, None], 1, spatial)
            shown = (views.shape[-2] / height, views.shape[-1] / width)
            together: Seen = self.preprocess(views, shown=shown, unit_speed=speeds)
            return together
        seen: list[Seen] = []
        for clip, speed, seed in zip(torch.split(frames, counts), torch.split(unit_speed, counts), seeds, strict=True):
            if len(clip):
                drawn = {} if seed is None else {"augment": True, "seeds": [seed]}
                with _randomness(seed or 0, frames.device):
                    seen.append(self.preprocess(clip[None], unit_speed=speed[None], **drawn))
        return Seen(*(torch.cat([one[0][:, None] for one in kind]) for kind in zip(*seen, strict=True)))

    @torch.no_grad()
    def _embed(self, seen: Seen) -> dict[str, Tensor]:
        """What is kept of each position, float32 ``(N, …)``."""
        made = {"motion": seen.motion[:, 0]}
        if "features" in self.store.tensors:
            with contextlib.ExitStack() as stack:
                stack.enter_context(_evaluating(self.network.encoder))
                images = seen.images
                if self.precision is not None:
                    stack.enter_context(self.precision.forward_context())
                    images = self.precision.convert_input(images)
                made["features"] = self.network.embed_images(images)[:, 0].float()
        return {name: made[name] for name in self.store.tensors}


def _precision_in_words(network: nn.Module, precision: Precision | None) -> str:
    """How exactly images are embedded: rounded products make other embeddings."""
    name = "32-true" if precision is None else str(precision.precision)
    products = torch.get_float32_matmul_precision()
    on_gpu = any(parameter.is_cuda for parameter in network.parameters())
    return f"{name}, float32 products {products}" if on_gpu and products != "highest" else name


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
    elif network.segments_apart:
        why = f"--model.network.backbone: {config.backbone} embeds the frames of a segment as one video; take another"
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
def _randomness(seed: int, device: torch.device) -> Iterator[None]:
    """What augmentations of the user's own draw follows the seed too; the training draws on as if they had not."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
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


def trained_network(trainer: Trainer) -> InterleavedClassifier:
    """The network that a trainer trains, whose image tower embeds.

    Raises:
        ValueError: If the task is not one of amclip's.
    """
    task = trainer.lightning_module
    network = getattr(task, "network", None)
    if not isinstance(network, InterleavedClassifier):
        raise ValueError(
            f"data.embeddings: are those of amclip's network, and {type(task).__name__} has none; leave them out"
        )
    return network
