"""What a network is made of, in plain values: the group ``model.network`` of configs, and what a checkpoint holds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from amclip.models.pretrained import describe_backbone, has_builtin_weights
from amclip.models.segments import Aggregation
from amclip.models.tower import Architecture
from amclip.models.xclip_layers import MessageInit
from amclip.plain import to_plain

if TYPE_CHECKING:
    from amclip.inputs import NetworkInput

__all__ = ["FusionConfig", "HeadConfig", "NetworkConfig", "TemporalConfig", "TuningConfig"]


@dataclass(frozen=True)
class TemporalConfig:
    """What pools the embeddings of a segment over time.

    Args:
        kind: transformer (amclip's own), attentive (an attentive probe, as frozen encoders are evaluated with) or mit
            (X-CLIP's multi-frame integration).
        layers: Its layers; 0 is a plain mean over time (kind transformer). Those of attentive count the one in which
            the query looks at the segment: V-JEPA has 1, V-JEPA 2 has 4.
        heads: Its attention heads.
        dropout: Its dropout probability; X-CLIP's has none.

    Raises:
        ValueError: If a value is out of range.
    """

    kind: Literal["transformer", "attentive", "mit"] = "transformer"
    layers: int = 1
    heads: int = 8
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("transformer", "attentive", "mit"):
            raise ValueError(f"network.temporal.kind: expected transformer, attentive or mit, got {self.kind!r}")
        if self.kind == "mit" and self.dropout:
            raise ValueError(
                "network.temporal.dropout: X-CLIP's multi-frame integration (kind mit) has no dropout; set 0"
            )


@dataclass(frozen=True)
class FusionConfig:
    """How frames and flow images, and any other streams, come together; nothing of it is used where there is only one.

    A network that is fed both learns first what is easiest to see, mostly in the frames, and then has little reason to
    look at the motion: it can be worse at movements than one that sees flow alone (Wang et al., arXiv 1905.12681). A
    loss of its own makes each stream learn what it can tell.

    Args:
        kind: late pools each stream over time by itself and then joins them; interleaved is the paper's: one sequence
            of frames and flow images in time.
        stream_loss: Weight of a loss for each stream's own answer in training, beside the loss of the joint one (kind
            late); 0 for none.
        stream_dropout: Probability that a training clip shows only one of its streams (Neverova et al., arXiv
            1501.00102); 0 for never. Not with cross_frame or video prompts, by which images see each other before.

    Raises:
        ValueError: If a value is out of range, or values do not go together.
    """

    kind: Literal["late", "interleaved"] = "late"
    stream_loss: float = 0.0
    stream_dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("late", "interleaved"):
            raise ValueError(f"network.fusion.kind: expected late or interleaved, got {self.kind!r}")
        if not 0 <= self.stream_loss < math.inf:
            raise ValueError(f"network.fusion.stream_loss: expected a weight of 0 or more, got {self.stream_loss}")
        if not 0 <= self.stream_dropout < 1:
            raise ValueError(
                f"network.fusion.stream_dropout: expected a probability in [0, 1), got {self.stream_dropout}"
            )
        if self.stream_loss and self.kind != "late":
            raise ValueError(
                f"network.fusion.stream_loss: only streams that are joined late have answers of their own; set kind "
                f"late, or 0, got {self.stream_loss} with kind {self.kind}"
            )


@dataclass(frozen=True)
class HeadConfig:
    """What makes logits of a segment's embedding.

    Args:
        kind: linear, or text: compares with the class names as CLIP's text tower understands them.
        prompt_templates: Sentences around a class name, {} is its place; their embeddings are averaged (kind text).
        background_prompts: Sentences without a behaviour; class scores count as the difference from theirs (kind text).
        video_prompt_layers: Layers of X-CLIP's video-specific prompting (kind text); 0 for none, X-CLIP has 2.
        video_prompt_heads: Its attention heads.

    Raises:
        ValueError: If a value is out of range, or values do not go together.
    """

    kind: Literal["linear", "text"] = "linear"
    prompt_templates: tuple[str, ...] = ("a video of an animal, {}",)
    background_prompts: tuple[str, ...] = ()
    video_prompt_layers: int = 0
    video_prompt_heads: int = 8

    def __post_init__(self) -> None:
        if self.kind not in ("linear", "text"):
            raise ValueError(f"network.head.kind: expected linear or text, got {self.kind!r}")
        for template in self.prompt_templates:
            if "{}" not in template:
                raise ValueError(f"network.head.prompt_templates: {template!r} has no {{}} for the class name")
        if self.video_prompt_layers < 0 or (self.video_prompt_layers and self.kind != "text"):
            raise ValueError(
                "network.head.video_prompt_layers: expected 0 (none) or more, and kind text, whose text embeddings "
                f"they change; got {self.video_prompt_layers} with kind {self.kind}"
            )
        if self.background_prompts and self.kind != "text":
            raise ValueError(
                f"network.head.background_prompts: are compared with by kind text; the kind is {self.kind}"
            )

    def prompts(self, classes: Sequence[str]) -> list[list[str]]:
        """The sentences of each class, and those of the background last; none for a linear head."""
        if self.kind != "text":
            return []
        prompts = [[template.format(name) for template in self.prompt_templates] for name in classes]
        return [*prompts, list(self.background_prompts)] if self.background_prompts else prompts


@dataclass(frozen=True)
class TuningConfig:
    """How the image tower trains.

    Args:
        trainable_blocks: Transformer blocks that train, counted from the output: -1 all weights, 0 none, n the last n
            with the pooling, final norm and projection.
        gradient_checkpointing: Recompute activations in the backward pass: less memory, more time.
        lora_rank: Rank of low-rank updates of attention and MLP, which then train in place of those blocks' weights
            (LoRA, Hu et al., arXiv 2106.09685); 0 for none.
        lora_alpha: The updates are scaled by this, divided by the rank; at least 1.

    Raises:
        ValueError: If a number is out of range, or no block is to learn the updates.
    """

    trainable_blocks: int = -1
    gradient_checkpointing: bool = False
    lora_rank: int = 0
    lora_alpha: int = 16

    def __post_init__(self) -> None:
        if self.trainable_blocks < -1:
            raise ValueError(
                f"network.tuning.trainable_blocks: expected -1 (all), 0 (none) or more, got {self.trainable_blocks}"
            )
        if self.lora_rank < 0 or (self.lora_rank and not self.trainable_blocks):
            raise ValueError(
                f"network.tuning.lora_rank: expected 0 (none) or more, and trainable_blocks other than 0, got "
                f"{self.lora_rank} and {self.trainable_blocks}"
            )
        if self.lora_alpha < 1:
            raise ValueError(
                f"network.tuning.lora_alpha: expected 1 or more, got {self.lora_alpha}; the updates are scaled by it"
            )


@dataclass(frozen=True)
class NetworkConfig:
    """What a network is made of.

    Args:
        backbone: Image tower: a model name of open_clip such as ViT-B-16, amclip-tiny (for the demo), an open_clip
            configuration file, local-dir:FOLDER or hf-hub:OWNER/NAME (hf-hub:imageomics/bioclip); a published X-CLIP as
            xclip-dir:FOLDER or xclip-hub:OWNER/NAME (xclip-hub:microsoft/xclip-base-patch16); an image
            encoder of timm's, without a text tower, as timm:NAME (timm:vit_base_patch16_dinov3); a video encoder as
            vjepa:NAME (vjepa:vjepa2_1_vit_large_384), vjepa-dir:FOLDER or vjepa-hub:OWNER/NAME
            (vjepa-hub:facebook/vjepa2-vitl-fpc64-256), which embeds each segment on its own.
        pretrained: Its weights: a name that open_clip or timm knows (openai), synthetic for amclip-tiny, or a local
            file. Fetched when training starts. Without it a named model starts from random weights.
        cross_frame: X-CLIP's messages between the images of a segment in every block. Each segment is then embedded on
            its own, where otherwise images are embedded once for all segments.
        message_init: zero (the start is frame-wise CLIP; a gate per block lets messages in) or xclip (as there).
        temporal: What pools a segment's embeddings over time.
        fusion: How frames and flow images come together.
        head: What makes logits of the pooled embedding.
        share_classifiers: One classifier for all segments (true), or own weights for each (false).
        aggregation: How segments become one answer: mean, max, or attention (learned weights).
        tuning: How the image tower trains.
        architecture: The image tower in plain values. Found from `backbone`; filled in by checkpoints.

    Raises:
        ValueError: If a value is out of range, or values do not go together.
    """

    backbone: str = "ViT-B-16"
    pretrained: str | None = None
    cross_frame: bool = False
    message_init: MessageInit = "zero"
    temporal: TemporalConfig = field(default_factory=TemporalConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    share_classifiers: bool = True
    aggregation: Aggregation = "mean"
    tuning: TuningConfig = field(default_factory=TuningConfig)
    architecture: Architecture | None = None

    #: What may change after a training: it says where weights came from, or how they train. Prompts have become
    #: weights, and the architecture follows the backbone.
    FREE: ClassVar[tuple[str, ...]] = (
        *("pretrained", "architecture", "tuning.trainable_blocks", "tuning.gradient_checkpointing"),
        *("temporal.dropout", "fusion.stream_dropout"),
        *("head.prompt_templates", "head.background_prompts"),
    )

    def __post_init__(self) -> None:
        if self.aggregation not in get_args(Aggregation):
            raise ValueError(f"network.aggregation: expected mean, max or attention, got {self.aggregation!r}")

    @property
    def starts_from_published(self) -> bool:
        """Whether there are published weights to begin with."""
        return bool(self.pretrained) or has_builtin_weights(self.backbone)

    def with_architecture(self, image_size: int) -> "NetworkConfig":
        """The same with its image tower looked up, for images of that side in pixels.

        Raises:
            ValueError: If the backbone is unknown, cannot be used, or has no text tower for a text head.
        """
        found = self.architecture or describe_backbone(self.backbone, self.pretrained, image_size)
        if self.head.kind == "text" and (alone := _without_text(found)):
            raise ValueError(
                f"backbone: {self.backbone} is {alone}, without a text tower that could embed class "
                "names: take a CLIP-like backbone for text prompts and zero-shot, or train with network.head.kind "
                "linear"
            )
        return self if found is self.architecture else replace(self, architecture=found)

    def differences(self, trained: "NetworkConfig") -> dict[str, tuple[Any, Any]]:
        """Where this is another network than the one that was trained: name to both values, this one's first."""
        now, then = _flat(self), _flat(trained)
        return {name: (now[name], then[name]) for name in now if now[name] != then[name] and name not in self.FREE}

    def check_without_images(self) -> None:
        """Refuse what a network that is shown no image cannot do.

        Raises:
            ValueError: If it could not; says why.
        """
        for option, value, wanted in (
            ("tuning.trainable_blocks", self.tuning.trainable_blocks, 0),
            ("cross_frame", self.cross_frame, False),
            ("head.video_prompt_layers", self.head.video_prompt_layers, 0),
        ):
            if value != wanted:
                raise ValueError(
                    f"network.{option}: is about images, and input.modality motion shows none; set "
                    f"{str(wanted).lower()}, got {value}"
                )

    def check_zero_shot(self, input: "NetworkInput") -> None:
        """Refuse what could not classify without training.

        Args:
            input: What the network sees.

        Raises:
            ValueError: If it could not; says why.
        """
        architecture = self.architecture or {}
        trained = "xclip" in architecture  # its parts come with weights
        if alone := _without_text(architecture):
            raise ValueError(
                f"backbone: {self.backbone} is {alone}: it has no text tower, and zero-shot "
                "compares with class names; take a CLIP-like backbone"
            )
        if self.head.kind != "text":
            raise ValueError(
                f"network.head.kind: zero-shot compares with the class names; set text, not {self.head.kind}"
            )
        if input.flow.motion is not None:
            raise ValueError(
                "input.flow.motion: a token of motion that nobody trained says nothing; zero-shot leaves it out: null"
            )
        if input.modality != "frames":
            raise ValueError("input.modality: flow images mean nothing to a CLIP that saw none; set frames")
        if not self.starts_from_published:
            raise ValueError("network.pretrained: zero-shot has nothing but published weights; name them")
        if self.temporal.layers and not trained:
            raise ValueError(
                "network.temporal.layers: a transformer that nobody trained says nothing; set kind transformer and "
                "layers 0, the mean over time"
            )
        if self.cross_frame and not trained:
            raise ValueError("network.cross_frame: messages that nobody trained say nothing; zero-shot leaves them out")


def _without_text(architecture: Architecture) -> str | None:
    """What a tower is that has no text tower beside it, in words."""
    if "video_cfg" in architecture:
        return "a video encoder alone"
    return "an image encoder alone" if architecture.get("image_only") else None


def _flat(config: NetworkConfig) -> dict[str, Any]:
    found = {}
    for f in fields(config):
        plain = to_plain(getattr(config, f.name))
        nested = isinstance(plain, dict) and f.name != "architecture"
        found.update({f"{f.name}.{name}": x for name, x in plain.items()} if nested else {f.name: plain})
    return found
