"""Towers of published models as encoders: of images, each alone or with its sequence, and of videos."""

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from amclip.models.config import NetworkConfig, TuningConfig
from amclip.models.lora import add_lora
from amclip.models.tower import Architecture, blocks_of, build_tower, depths, train_last
from amclip.models.xclip_layers import CrossFrameBlock, MessageInit, is_message

__all__ = ["ImageEncoder", "TowerEncoder", "VideoEncoder", "make_encoder"]


_ALL = TuningConfig()


class TowerEncoder(nn.Module):
    """A tower, which of its weights train, and how they are taken over; a text tower is used once and not kept.

    Args:
        architecture: What :func:`amclip.models.pretrained.describe_backbone` returned.
        tuning: How it trains.

    Raises:
        ValueError: If there are not so many blocks, or the tower is not of the kind that a setting needs.
        ModuleNotFoundError: If LoRA is asked for and peft is not installed.
    """

    def __init__(self, architecture: Architecture, tuning: TuningConfig = _ALL) -> None:
        super().__init__()
        self.visual = build_tower(architecture)
        self.width: int = architecture["embed_dim"]
        self.tubelet_size: int = 1
        """Positions that are embedded as one; 1 for images."""
        self.rounded_to: torch.dtype | None = None
        """See :meth:`round_to`."""
        blocks = blocks_of(self.visual)
        if tuning.trainable_blocks > len(blocks):
            raise ValueError(
                f"network.tuning.trainable_blocks: this image tower has {len(blocks)} blocks, not "
                f"{tuning.trainable_blocks}; -1 trains all weights"
            )
        if tuning.lora_rank:
            add_lora(self.visual, tuning.trainable_blocks, tuning.lora_rank, tuning.lora_alpha)
        else:
            train_last(self.visual, tuning.trainable_blocks)
        if tuning.gradient_checkpointing:
            self.visual.set_grad_checkpointing(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> "TowerEncoder":
        """As any module's; but what has no weight that trains computes as in evaluation.

        So a frozen tower gives one embedding of an image in training too, whatever else is in the batch: batch norms
        (MobileCLIP-B) neither take the batch's mean and deviation nor move their own, and no path is dropped
        (ViTamin, MobileCLIP2-L).
        """
        super().train(mode)
        for module in _without_training(self.visual):
            module.eval()
        return self

    @property
    def frozen(self) -> bool:
        """Whether no weight trains."""
        return not any(parameter.requires_grad for parameter in self.parameters())

    def load_clip(self, weights: Mapping[str, Tensor]) -> None:
        """Take over the weights of a tower; LoRA's and, where there are none in them, the messages' stay.

        Args:
            weights: By the tower's own names; messages as ``transformer.resblocks.0.message_fc.weight`` and so on.

        Raises:
            ValueError: If they do not fit, with the names that are missing or too many.
        """
        state = self.visual.state_dict()
        names = {
            name: name.replace(".block.", ".").replace(".base_layer.", ".") for name in state if "lora_" not in name
        }
        brings_messages = any(is_message(name) for name in weights)
        keep = {name for name in names if is_message(name) and (not brings_messages or name.endswith("message_gate"))}
        wanted = {name: public for name, public in names.items() if name not in keep}
        missing, unexpected = set(wanted.values()) - weights.keys(), weights.keys() - set(wanted.values())
        unlike = {own for own, name in wanted.items() if name in weights and weights[name].shape != state[own].shape}
        if missing or unexpected or unlike:
            raise ValueError(
                f"the weights do not fit the image tower: missing {sorted(missing) or 'none'}, too many "
                f"{sorted(unexpected) or 'none'}, of another shape {sorted(unlike) or 'none'}"
            )
        self.visual.load_state_dict({name: weights[public] for name, public in wanted.items()}, strict=False)
        if brings_messages:
            with torch.no_grad():
                for name, parameter in self.visual.named_parameters():
                    if name.endswith("message_gate"):
                        parameter.fill_(1.0)  # messages that were trained already are let through

    def round_to(self, dtype: torch.dtype) -> None:
        """Round the weights and compute in them from now on, to predict and not to train.

        Images and embeddings stay float32. Autocast would round every weight in every call, and keeps PyTorch's fused
        attention from being used: on a CPU that makes it slower than float32.

        Args:
            dtype: bfloat16 or float16.
        """
        self.visual.to(dtype)
        self.rounded_to = dtype

    def _received(self, images: Tensor) -> Tensor:
        return images.to(next(self.visual.parameters()).dtype)

    def _given(self, features: Tensor) -> Tensor:
        return features if self.rounded_to is None else features.float()

    def depths(self) -> dict[str, int]:
        """For each weight, how many blocks lie between it and the output; see :func:`amclip.models.tower.depths`."""
        return {f"visual.{name}": depth for name, depth in depths(self.visual).items()}

    def _gradients(self) -> contextlib.AbstractContextManager[object]:
        return torch.no_grad() if self.frozen else contextlib.nullcontext()


class ImageEncoder(TowerEncoder):
    """An image tower: frames and flow images to embeddings.

    Args:
        architecture: As for :class:`TowerEncoder`.
        tuning: As there.
        messages: None: every image alone. Else consecutive images are sequences whose blocks exchange messages, which
            always train; see :class:`amclip.models.xclip_layers.CrossFrameBlock`.
        num_frames: Images per sequence, ``T``, where there are messages.

    Raises:
        ValueError: As there, or if messages are asked of a tower that cannot exchange them.
    """

    def __init__(
        self,
        architecture: Architecture,
        tuning: TuningConfig = _ALL,
        messages: MessageInit | None = None,
        num_frames: int = 1,
    ) -> None:
        super().__init__(architecture, tuning)
        self.num_frames = num_frames if messages else 1
        if messages and not hasattr(self.visual, "transformer"):
            raise ValueError(
                "network.cross_frame: messages need blocks of open_clip's own towers (ViT-B-16 and the like), whose "
                "first token is the class token; this tower is timm's"
            )
        if messages:
            blocks = blocks_of(self.visual)
            width, heads = self.visual.transformer.width, blocks[0].attn.num_heads
            self.visual.transformer.resblocks = nn.ModuleList(
                CrossFrameBlock(block, width, heads, num_frames, messages) for block in blocks
            )
        self.train(self.training)

    def forward(self, images: Tensor) -> Tensor:
        """Embed images; without messages equal to open_clip's ``encode_image`` on the same weights.

        Args:
            images: Normalised, shape ``(N, 3, S, S)``; with messages ``N`` is a multiple of ``num_frames``, and
                neighbours form a sequence.

        Returns:
            Shape ``(N, D)``, not normalised.
        """
        with self._gradients():
            features: Tensor = self.visual(self._received(images))
        return self._given(features)

    def with_patches(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`forward`, and the patches' tokens as the last block leaves them.

        Returns:
            Embeddings ``(N, D)`` and tokens ``(N, L, W)``, ``L`` patches without the class token.
        """
        with self._gradients():
            found = self.visual.forward_intermediates(self._received(images), indices=1, output_fmt="NLC")
        return self._given(found["image_features"]), self._given(found["image_intermediates"][-1])

    @property
    def patch_width(self) -> int:
        """Size of a patch token, ``W``."""
        transformer = getattr(self.visual, "transformer", None)
        return int(transformer.width if transformer is not None else self.visual.trunk.num_features)


class VideoEncoder(TowerEncoder):
    """A video tower: all frames of a segment together, its flow images too, as a video of their own.

    Args:
        architecture: As for :class:`TowerEncoder`, with ``video_cfg``.
        tuning: As there.
        every_token: Give each token, not the mean over the picture.

    Raises:
        ValueError: As there.
    """

    def __init__(self, architecture: Architecture, tuning: TuningConfig = _ALL, every_token: bool = False) -> None:
        super().__init__(architecture, tuning)
        self.every_token = every_token
        self.tubelet_size = architecture["video_cfg"]["tubelet_size"]

    def forward(self, segments: Tensor) -> Tensor:
        """Embed segments.

        Args:
            segments: Normalised, shape ``(N, P, V, 3, S, S)``; ``P`` is a multiple of ``tubelet_size``.

        Returns:
            Shape ``(N, T, V, D)``, ``T = P / tubelet_size``: the mean over the picture; or with ``every_token``
            ``T`` times as many tokens as there are in a picture, those of the first tubelet first.
        """
        with self._gradients():
            images = self._received(segments).transpose(1, 2).flatten(0, 1)
            tokens: Tensor = self._given(self.visual(images))  # (N * V, T, L, D)
            tokens = tokens.flatten(1, 2) if self.every_token else tokens.mean(dim=2)
            return tokens.view(segments.shape[0], -1, *tokens.shape[1:]).transpose(1, 2)

    @property
    def patch_width(self) -> int:
        """Size of a token."""
        return self.width


def _without_training(module: nn.Module) -> Iterator[nn.Module]:
    """The largest parts of a module that have weights, none of which train."""
    weights = list(module.parameters())
    if weights and not any(weight.requires_grad for weight in weights):
        yield module
    else:
        for child in module.children():
            yield from _without_training(child)


def make_encoder(config: NetworkConfig, positions: int, num_streams: int) -> ImageEncoder | VideoEncoder:
    """The encoder that a network is made of.

    Args:
        config: The network, with its architecture.
        positions: Positions per segment, ``P``.
        num_streams: Images of each, ``V``.

    Raises:
        ValueError: If settings are out of range, or do not go together.
    """
    architecture = config.architecture
    assert architecture is not None
    if "video_cfg" not in architecture:
        messages = config.message_init if config.cross_frame else None
        return ImageEncoder(architecture, config.tuning, messages, positions * num_streams)
    if config.cross_frame:
        raise ValueError(
            f"network.cross_frame: messages go between images that are embedded each by itself; {config.backbone} is a "
            "video encoder, whose frames see each other anyway: set false"
        )
    together = architecture["video_cfg"]["tubelet_size"]
    if positions % together:
        raise ValueError(
            f"input.positions_per_segment: {config.backbone} is a video encoder that takes {together} frames at a "
            f"time; expected a multiple of {together}, got {positions}"
        )
    return VideoEncoder(architecture, config.tuning, every_token=config.temporal.kind == "attentive")
