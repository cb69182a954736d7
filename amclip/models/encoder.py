"""The image tower of an open_clip model: frames and flow images to embeddings, each alone or with its sequence."""

import contextlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from amclip.models.lora import add_lora
from amclip.models.tower import Architecture, blocks_of, build_clip, depths, train_last
from amclip.models.xclip_layers import CrossFrameBlock, MessageInit, is_message

__all__ = ["ImageEncoder"]


class ImageEncoder(nn.Module):
    """CLIP's image tower alone; the text tower is used once before training and not kept.

    Args:
        architecture: What :func:`amclip.models.pretrained.describe_backbone` returned.
        trainable_blocks: How many transformer blocks train, counted from the output: -1 all weights, 0 none, ``n`` the
            last ``n`` blocks with the pooling, final norm and projection.
        gradient_checkpointing: Recompute activations in the backward pass: less memory, more time.
        messages: None: every image alone. Else consecutive images are sequences whose blocks exchange messages, which
            always train; see :class:`amclip.models.xclip_layers.CrossFrameBlock`.
        num_frames: Images per sequence, ``T``, where there are messages.
        lora_rank: 0: the blocks train as they are. Else CLIP's own weights stay, and the blocks that
            ``trainable_blocks`` names learn low-rank updates of this rank to their attention and MLP (LoRA, Hu et al.,
            arXiv 2106.09685).
        lora_alpha: The updates are scaled by ``lora_alpha / lora_rank``; at least 1.

    Raises:
        ValueError: If there are not so many blocks, or the tower is not of the kind that a setting needs.
        ModuleNotFoundError: If LoRA is asked for and peft is not installed.
    """

    def __init__(
        self,
        architecture: Architecture,
        trainable_blocks: int = -1,
        gradient_checkpointing: bool = False,
        messages: MessageInit | None = None,
        num_frames: int = 1,
        lora_rank: int = 0,
        lora_alpha: int = 16,
    ) -> None:
        super().__init__()
        self.visual = build_clip(architecture).visual
        self.width: int = architecture["embed_dim"]
        self.num_frames = num_frames if messages else 1
        if trainable_blocks < -1:
            raise ValueError(
                f"network.tuning.trainable_blocks: expected -1 (all), 0 (none) or more, got {trainable_blocks}"
            )
        blocks = blocks_of(self.visual)
        if trainable_blocks > len(blocks):
            raise ValueError(
                f"network.tuning.trainable_blocks: this image tower has {len(blocks)} blocks, not {trainable_blocks}; "
                "-1 trains all weights"
            )
        if messages and not hasattr(self.visual, "transformer"):
            raise ValueError(
                "network.cross_frame: messages need blocks of open_clip's own towers (ViT-B-16 and the like), whose "
                "first token is the class token; this tower is timm's"
            )
        if lora_rank:
            add_lora(self.visual, trainable_blocks, lora_rank, lora_alpha)
        else:
            train_last(self.visual, trainable_blocks)
        if messages:
            width, heads = self.visual.transformer.width, blocks_of(self.visual)[0].attn.num_heads
            self.visual.transformer.resblocks = nn.ModuleList(
                CrossFrameBlock(block, width, heads, num_frames, messages) for block in blocks
            )
        if gradient_checkpointing:
            self.visual.set_grad_checkpointing(True)

    @property
    def frozen(self) -> bool:
        """Whether no weight trains."""
        return not any(parameter.requires_grad for parameter in self.parameters())

    def load_clip(self, weights: Mapping[str, Tensor]) -> None:
        """Take over the weights of an image tower; LoRA's and, where there are none in them, the messages' stay.

        Args:
            weights: By open_clip's names; messages as ``transformer.resblocks.0.message_fc.weight`` and so on.

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

    def forward(self, images: Tensor) -> Tensor:
        """Embed images; without messages equal to open_clip's ``encode_image`` on the same weights.

        Args:
            images: Normalised, shape ``(N, 3, S, S)``; with messages ``N`` is a multiple of ``num_frames``, and
                neighbours form a sequence.

        Returns:
            Shape ``(N, D)``, not normalised.
        """
        with self._gradients():
            features: Tensor = self.visual(images)
        return features

    def with_patches(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`forward`, and the patches' tokens as the last block leaves them.

        Returns:
            Embeddings ``(N, D)`` and tokens ``(N, L, W)``, ``L`` patches without the class token.
        """
        with self._gradients():
            found = self.visual.forward_intermediates(images, indices=1, output_fmt="NLC")
        return found["image_features"], found["image_intermediates"][-1]

    @property
    def patch_width(self) -> int:
        """Size of a patch token, ``W``."""
        transformer = getattr(self.visual, "transformer", None)
        return int(transformer.width if transformer is not None else self.visual.trunk.num_features)

    def depths(self) -> dict[str, int]:
        """For each weight, how many blocks lie between it and the output; see :func:`amclip.models.tower.depths`."""
        return {f"visual.{name}": depth for name, depth in depths(self.visual).items()}

    def _gradients(self) -> contextlib.AbstractContextManager[object]:
        return torch.no_grad() if self.frozen else contextlib.nullcontext()
