"""The network: normalised images of a clip in, one logit per behaviour out."""

from typing import Literal

import torch
from torch import Tensor, nn

from amclip.models.encoder import Architecture, ImageEncoder
from amclip.models.interleave import gather_segments
from amclip.models.segments import (
    Aggregation,
    LinearHead,
    SegmentAggregator,
    SegmentClassifier,
    TemporalTransformer,
    TextHead,
)

__all__ = ["Head", "InterleavedClassifier"]

Head = Literal["linear", "text"]


class InterleavedClassifier(nn.Module):
    """Embed each unique frame and flow image once, classify M temporal segments, aggregate (AnimalMotionCLIP).

    A plain module: it knows neither how frames were chosen nor how it is trained.

    Args:
        architecture: The image tower, from :func:`amclip.models.encoder.describe_backbone`.
        num_classes: ``C``.
        num_segments: ``M``.
        positions_per_segment: ``P``.
        num_views: ``V``: 2 for frames and flow images, 1 for one of them alone.
        head: ``"linear"``, or ``"text"``: cosine to the class names' text embeddings.
        temporal_layers: Layers of the temporal transformer; 0 is mean pooling.
        temporal_heads: Its attention heads.
        temporal_dropout: Its dropout probability.
        share_classifiers: One classifier for all segments, or each its own weights.
        aggregation: How the segments' logits become one.
        trainable_blocks: Blocks of the image tower that train: -1 all, 0 none, ``n`` the last ``n``.
        gradient_checkpointing: Recompute the image tower's activations in the backward pass.
    """

    def __init__(
        self,
        architecture: Architecture,
        num_classes: int,
        num_segments: int = 1,
        positions_per_segment: int = 8,
        num_views: int = 2,
        head: Head = "linear",
        temporal_layers: int = 1,
        temporal_heads: int = 8,
        temporal_dropout: float = 0.0,
        share_classifiers: bool = True,
        aggregation: Aggregation = "mean",
        trainable_blocks: int = -1,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = ImageEncoder(architecture, trainable_blocks, gradient_checkpointing)
        width = self.encoder.width
        if head not in ("linear", "text"):
            raise ValueError(f"head: expected linear or text, got {head!r}")
        make_head = LinearHead if head == "linear" else TextHead
        self.num_views = num_views
        self.classifiers = nn.ModuleList(
            SegmentClassifier(
                TemporalTransformer(
                    width, positions_per_segment, num_views, temporal_layers, temporal_heads, temporal_dropout
                ),
                make_head(width, num_classes),
            )
            for _ in range(1 if share_classifiers else num_segments)
        )
        self.aggregator = SegmentAggregator(aggregation, width)

    def set_text_features(self, features: Tensor) -> None:
        """Give every text head the classes' embeddings, shape ``(C, D)``."""
        for classifier in self.classifiers:
            if isinstance(classifier, SegmentClassifier) and isinstance(classifier.head, TextHead):
                classifier.head.set_text_features(features)

    def embed(self, images: Tensor) -> Tensor:
        """Embed each image once.

        Args:
            images: Normalised, shape ``(B, K, V, 3, S, S)``.

        Returns:
            Shape ``(B, K, V, D)``.
        """
        features: Tensor = self.encoder(images.flatten(0, 2))
        return features.view(*images.shape[:3], -1)

    def classify(self, embeddings: Tensor, segments: Tensor) -> Tensor:
        """Classify from embeddings, so that a caller that slides over a video can embed each image once.

        Args:
            embeddings: Shape ``(B, K, V, D)``.
            segments: int64, shape ``(B, M, P)``, values in ``[0, K)``.

        Returns:
            Logits of shape ``(B, C)``.

        Raises:
            ValueError: If the views or the segments are not those the network was built for.
        """
        if embeddings.shape[2] != self.num_views:
            raise ValueError(f"the network was built for {self.num_views} views, got {embeddings.shape[2]}")
        num_segments = segments.shape[1]
        if len(self.classifiers) not in (1, num_segments):
            raise ValueError(
                f"the network has {len(self.classifiers)} segment classifiers, got {num_segments} segments"
            )
        sequences = gather_segments(embeddings, segments)
        if len(self.classifiers) == 1:
            pooled, logits = self.classifiers[0](sequences.flatten(0, 1))
            pooled, logits = (x.unflatten(0, (-1, num_segments)) for x in (pooled, logits))
        else:
            answers = [classifier(sequences[:, m]) for m, classifier in enumerate(self.classifiers)]
            pooled, logits = (torch.stack(x, dim=1) for x in zip(*answers, strict=True))
        aggregated: Tensor = self.aggregator(pooled, logits)
        return aggregated

    def forward(self, images: Tensor, segments: Tensor) -> Tensor:
        """Logits ``(B, C)`` from images ``(B, K, V, 3, S, S)`` and segments ``(B, M, P)``."""
        return self.classify(self.embed(images), segments)
