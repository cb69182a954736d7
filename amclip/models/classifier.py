"""The network: normalised images of a clip in, one logit per behaviour out."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from amclip.models.encoder import ImageEncoder
from amclip.models.interleave import gather_segments
from amclip.models.pretrained import Architecture, Pretrained
from amclip.models.segments import (
    Aggregation,
    LinearHead,
    SegmentAggregator,
    SegmentClassifier,
    TemporalTransformer,
    TextHead,
)
from amclip.models.xclip_layers import MessageInit, MultiFrameIntegration, VideoPrompts

__all__ = ["Head", "InterleavedClassifier", "Temporal"]

Head = Literal["linear", "text"]
Temporal = Literal["transformer", "mit"]


class InterleavedClassifier(nn.Module):
    """Embed frames and flow images, classify M temporal segments, aggregate (AnimalMotionCLIP).

    A plain module: it knows neither how frames were chosen nor how it is trained.

    Frame-wise, each unique image is embedded once, however many segments use it. With messages between frames an
    image's embedding depends on its sequence, so each segment's images are embedded anew: see :meth:`images_per_clip`.

    Args:
        architecture: The image tower, from :func:`amclip.models.pretrained.describe_backbone`.
        num_classes: ``C``.
        num_segments: ``M``.
        positions_per_segment: ``P``.
        num_views: ``V``: 2 for frames and flow images, 1 for one of them alone.
        head: ``"linear"``, or ``"text"``: cosine to the class names' text embeddings.
        background: Whether the text features end with those of sentences without a behaviour.
        cross_frame: Whether a segment's images, in the order I1, F1, I2, F2, …, exchange messages in every block.
        message_init: How the messages start, see :class:`amclip.models.xclip_layers.CrossFrameBlock`.
        temporal: ``"transformer"``: amclip's own. ``"mit"``: X-CLIP's multi-frame integration.
        temporal_layers: Layers of the temporal transformer; 0 is mean pooling.
        temporal_heads: Its attention heads.
        temporal_dropout: Its dropout probability; X-CLIP's has none.
        video_prompt_layers: Layers of X-CLIP's video-specific prompting of the text embeddings; 0 for none.
        video_prompt_heads: Its attention heads.
        share_classifiers: One classifier for all segments, or each its own weights.
        aggregation: How the segments' logits become one.
        trainable_blocks: Blocks of the image tower that train: -1 all, 0 none, ``n`` the last ``n``.
        gradient_checkpointing: Recompute the image tower's activations in the backward pass.
        lora_rank: Rank of LoRA's updates to the blocks that train; 0: they train as they are.
        lora_alpha: Their scale, divided by the rank.

    Raises:
        ValueError: If settings are unknown or do not go together.
    """

    def __init__(
        self,
        architecture: Architecture,
        num_classes: int,
        num_segments: int = 1,
        positions_per_segment: int = 8,
        num_views: int = 2,
        head: Head = "linear",
        background: bool = False,
        cross_frame: bool = False,
        message_init: MessageInit = "zero",
        temporal: Temporal = "transformer",
        temporal_layers: int = 1,
        temporal_heads: int = 8,
        temporal_dropout: float = 0.0,
        video_prompt_layers: int = 0,
        video_prompt_heads: int = 8,
        share_classifiers: bool = True,
        aggregation: Aggregation = "mean",
        trainable_blocks: int = -1,
        gradient_checkpointing: bool = False,
        lora_rank: int = 0,
        lora_alpha: int = 16,
    ) -> None:
        super().__init__()
        num_frames = positions_per_segment * num_views
        self.encoder = ImageEncoder(
            architecture,
            trainable_blocks,
            gradient_checkpointing,
            message_init if cross_frame else None,
            num_frames,
            lora_rank,
            lora_alpha,
        )
        width = self.encoder.width
        if head not in ("linear", "text"):
            raise ValueError(f"head: expected linear or text, got {head!r}")
        if temporal not in ("transformer", "mit"):
            raise ValueError(f"temporal: expected transformer or mit, got {temporal!r}")
        if temporal == "mit" and temporal_dropout:
            raise ValueError("temporal_dropout: X-CLIP's multi-frame integration (temporal mit) has no dropout; set 0")
        if video_prompt_layers < 0 or (video_prompt_layers and head != "text"):
            raise ValueError(
                f"video_prompt_layers: expected 0 (none) or more, and head text, whose text embeddings they change; "
                f"got {video_prompt_layers} with head {head}"
            )
        if background and head != "text":
            raise ValueError(f"background_prompts: are compared with by head text; the head is {head}")
        published = architecture.get("xclip", {})
        for name, value, used in (
            ("temporal_heads", temporal_heads, temporal == "mit"),
            ("video_prompt_heads", video_prompt_heads, video_prompt_layers > 0),
        ):
            if used and published.get(name, value) != value:
                raise ValueError(f"{name}: the X-CLIP checkpoint was trained with {published[name]}, not {value}")
        self.num_views, self.num_segments, self.cross_frame = num_views, num_segments, cross_frame
        self.num_frames = num_frames
        self.prompted = video_prompt_layers > 0

        def classifier() -> SegmentClassifier:
            return SegmentClassifier(
                MultiFrameIntegration(width, num_frames, temporal_layers, temporal_heads)
                if temporal == "mit"
                else TemporalTransformer(
                    width, positions_per_segment, num_views, temporal_layers, temporal_heads, temporal_dropout
                ),
                TextHead(width, num_classes, background) if head == "text" else LinearHead(width, num_classes),
                VideoPrompts(width, self.encoder.patch_width, video_prompt_layers, video_prompt_heads)
                if self.prompted
                else None,
            )

        self.classifiers = nn.ModuleList(classifier() for _ in range(1 if share_classifiers else num_segments))
        self.aggregator = SegmentAggregator(aggregation, width)

    def set_text_features(self, features: Tensor) -> None:
        """Give every text head the classes' embeddings, shape ``(C, D)``, with a background ``(C + 1, D)``."""
        for head in self.text_heads():
            head.set_text_features(features)

    def text_heads(self) -> list[TextHead]:
        """The heads that compare with text."""
        heads = [classifier.head for classifier in self.classifiers if isinstance(classifier, SegmentClassifier)]
        return [head for head in heads if isinstance(head, TextHead)]

    def load(self, weights: Pretrained) -> list[str]:
        """Take over published weights: the image tower, the text features, and X-CLIP's own parts where it is one.

        Args:
            weights: From :func:`amclip.models.pretrained.load_pretrained`, with text for :class:`TextHead`.

        Returns:
            In words, what was left out or changed to fit, for the user to know.

        Raises:
            ValueError: If a part does not fit; the error lists the weights.
        """
        if weights.text is not None:
            self.set_text_features(weights.text)
        if weights.video is None:
            self.encoder.load_clip(weights.visual)
            return []
        video, notes = weights.video, []
        self.encoder.load_clip({**weights.visual, **(video.messages if self.cross_frame else {})})
        if not self.cross_frame:
            notes.append(f"the {len(video.messages)} weights of the messages are left out (cross_frame is false)")
        for classifier in self.classifiers:
            assert isinstance(classifier, SegmentClassifier)
            if isinstance(classifier.temporal, MultiFrameIntegration):
                notes += _load_integration(classifier.temporal, video.temporal)
            else:
                notes.append(f"the {len(video.temporal)} weights of the integration are left out (temporal is not mit)")
            if classifier.prompts is not None:
                _load(classifier.prompts, video.prompts, "video-specific prompting")
            else:
                notes.append(
                    f"the {len(video.prompts)} weights of the prompting are left out (video_prompt_layers is 0)"
                )
        self.set_scale(weights.log_scale)
        return list(dict.fromkeys(notes))

    def set_scale(self, log_scale: float, bias: float | None = None) -> None:
        """Give every text head the scale of cosines, as its logarithm, and a bias for all classes."""
        with torch.no_grad():
            for head in self.text_heads():
                head.log_scale.fill_(log_scale)
                if bias is not None:
                    head.bias.fill_(bias)

    def images_per_clip(self, num_positions: int) -> int:
        """How many images a clip of ``K`` unique positions costs to embed, which is nearly all the network's cost."""
        return self.num_segments * self.num_frames if self.cross_frame else num_positions * self.num_views

    def embed(self, images: Tensor) -> Tensor:
        """Embed each image once.

        Args:
            images: Normalised, shape ``(B, K, V, 3, S, S)``.

        Returns:
            Shape ``(B, K, V, D)``.

        Raises:
            ValueError: If images exchange messages: then there are no embeddings without segments.
        """
        if self.cross_frame:
            raise ValueError("cross_frame: an image's embedding depends on its segment; call the network whole")
        features: Tensor = self.encoder(images.flatten(0, 2))
        return features.view(*images.shape[:3], -1)

    def classify(self, embeddings: Tensor, segments: Tensor, tokens: Tensor | None = None) -> Tensor:
        """Classify from embeddings, so that a caller that slides over a video can embed each image once.

        Args:
            embeddings: Shape ``(B, K, V, D)``.
            segments: int64, shape ``(B, M, P)``, values in ``[0, K)``.
            tokens: The images' patch tokens, shape ``(B, K, V, L, W)``, for a network with video-specific prompts.

        Returns:
            Logits of shape ``(B, C)``.

        Raises:
            ValueError: If the views or the segments are not those the network was built for.
        """
        self._check(embeddings, segments)
        patches = None
        if self.prompted:
            if tokens is None:
                raise ValueError("video_prompt_layers: prompting looks at patch tokens, and none were given")
            # How often each position is in each segment: their mean without a copy of the tokens for every segment.
            share = F.one_hot(segments, embeddings.shape[1]).sum(dim=2).to(tokens.dtype) / segments.shape[2]
            patches = torch.einsum("bmk,bklw->bmlw", share, VideoPrompts.normalise(tokens).mean(dim=2))
        return self._classify(gather_segments(embeddings, segments), patches)

    def forward(self, images: Tensor, segments: Tensor) -> Tensor:
        """Logits ``(B, C)`` from images ``(B, K, V, 3, S, S)`` and segments ``(B, M, P)``."""
        if not self.cross_frame and not self.prompted:
            return self.classify(self.embed(images), segments)
        if not self.cross_frame:
            features, tokens = self.encoder.with_patches(images.flatten(0, 2))
            leading = images.shape[:3]
            return self.classify(features.view(*leading, -1), segments, tokens.view(*leading, *tokens.shape[1:]))
        self._check(images, segments)
        rows = torch.arange(len(images), device=images.device)[:, None, None]
        # (B, M, P, V, 3, S, S): positions, then views, are the last to change, so the order is I1, F1, I2, F2, …
        flat = images[rows, segments].flatten(0, 3)
        shape = (*segments.shape[:2], self.num_frames)
        if not self.prompted:
            return self._classify(self.encoder(flat).view(*shape, -1), None)
        features, tokens = self.encoder.with_patches(flat)
        patches = VideoPrompts.normalise(tokens).view(*shape, *tokens.shape[1:]).mean(dim=2)
        return self._classify(features.view(*shape, -1), patches)

    def _classify(self, sequences: Tensor, patches: Tensor | None) -> Tensor:
        """Logits ``(B, C)`` from sequences ``(B, M, T, D)`` and patches ``(B, M, L, W)``."""
        num_segments = sequences.shape[1]
        if len(self.classifiers) == 1:
            flat = None if patches is None else patches.flatten(0, 1)
            pooled, logits = self.classifiers[0](sequences.flatten(0, 1), flat)
            pooled, logits = (x.unflatten(0, (-1, num_segments)) for x in (pooled, logits))
        else:
            answers = [
                classifier(sequences[:, m], None if patches is None else patches[:, m])
                for m, classifier in enumerate(self.classifiers)
            ]
            pooled, logits = (torch.stack(x, dim=1) for x in zip(*answers, strict=True))
        aggregated: Tensor = self.aggregator(pooled, logits)
        return aggregated

    def _check(self, images: Tensor, segments: Tensor) -> None:
        if images.shape[2] != self.num_views:
            raise ValueError(f"the network was built for {self.num_views} views, got {images.shape[2]}")
        if len(self.classifiers) not in (1, segments.shape[1]):
            raise ValueError(
                f"the network has {len(self.classifiers)} segment classifiers, got {segments.shape[1]} segments"
            )


def _load_integration(part: MultiFrameIntegration, weights: dict[str, Tensor]) -> list[str]:
    table = weights.get("position", part.position)
    _load(
        part, {**weights, "position": part.resized_position(table)} if "position" in weights else weights, "integration"
    )
    if len(table) == len(part.position):
        return []
    return [
        f"the table of {len(table)} positions in time is interpolated to the {len(part.position)} images of a segment"
    ]


def _load(part: nn.Module, weights: dict[str, Tensor], what: str) -> None:
    mine = part.state_dict()
    wrong = sorted(weights.keys() ^ mine.keys())
    wrong += [name for name in sorted(weights.keys() & mine.keys()) if weights[name].shape != mine[name].shape]
    if wrong:
        raise ValueError(f"the weights of the {what} do not fit: {wrong}")
    part.load_state_dict(weights)
