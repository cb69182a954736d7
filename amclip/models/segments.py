"""Segment classifiers: a small temporal transformer and a head per segment, and how their answers are aggregated.

Heads and aggregation compute in float32, whatever the precision of the network: bfloat16 tells 128 numbers between 1
and 2, and cosines that are scaled by 100 behind it would make the same logit of clips that differ.
"""

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from amclip.models.attentive import AttentiveProbe
from amclip.models.interleave import deinterleave
from amclip.models.xclip_layers import MultiFrameIntegration, VideoPrompts

__all__ = [
    "Aggregation",
    "LateFusion",
    "LinearHead",
    "Pooling",
    "SegmentAggregator",
    "SegmentClassifier",
    "TemporalTransformer",
    "TextHead",
]

Aggregation = Literal["mean", "max", "attention"]


class TemporalTransformer(nn.Module):
    """Transformer over one segment's interleaved embeddings, pooled to one embedding.

    Learned embeddings tell the position (shared by its streams) and the stream (frame or flow image). As in
    X-CLIP's multi-frame integration (arXiv 2208.02816, section 3.2) the input is added to the output before the mean
    over time, so that the transformer starts close to plain mean pooling.

    Args:
        width: Size of an embedding, ``D``.
        positions: Positions per segment, ``P``.
        num_streams: Streams, ``V`` (2 for frames with flow images).
        layers: Transformer layers; 0 is mean pooling.
        heads: Attention heads; must divide ``width``.
        dropout: Probability of dropout inside the layers, in ``[0, 1)``.

    Raises:
        ValueError: If ``heads`` does not divide ``width``.
    """

    def __init__(
        self, width: int, positions: int, num_streams: int, layers: int = 1, heads: int = 8, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if layers < 0:
            raise ValueError(f"network.temporal.layers: expected 0 (a mean over time) or more, got {layers}")
        if not 0 <= dropout < 1:
            raise ValueError(f"network.temporal.dropout: expected a probability in [0, 1), got {dropout}")
        if heads < 1 or width % heads:
            raise ValueError(f"network.temporal.heads: {heads} heads do not divide the embedding size {width}")
        if layers:  # a mean has no use for them, and DistributedDataParallel refuses weights without a gradient
            self.position = nn.Parameter(torch.empty(positions, 1, width))
            self.stream = nn.Parameter(torch.empty(1, num_streams, width))
            nn.init.trunc_normal_(self.position, std=0.02)
            nn.init.trunc_normal_(self.stream, std=0.02)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, dropout, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )

    def forward(self, sequence: Tensor) -> Tensor:
        """Embed segments.

        Args:
            sequence: Interleaved embeddings, shape ``(N, P * V, D)``.

        Returns:
            Shape ``(N, D)``.
        """
        if not self.blocks:
            return _single(sequence).mean(dim=1)
        x = sequence + (self.position + self.stream).flatten(0, 1)
        for block in self.blocks:
            x = block(x)
        return _single(sequence + x).mean(dim=1)


Pooling: TypeAlias = TemporalTransformer | AttentiveProbe | MultiFrameIntegration
"""What pools the embeddings of a segment, ``(N, P * V, D)``, to ``(N, D)``."""


class LinearHead(nn.Module):
    """Layer norm and one linear map to class logits, ``(N, D) → (N, C)``.

    Args:
        width: Size of an embedding, ``D``.
        num_classes: ``C``.
    """

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, num_classes)
        nn.init.trunc_normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of shape ``(N, C)``, float32, from embeddings of shape ``(N, D)``."""
        with _full_precision(x):
            weight, bias = _single(self.norm.weight), _single(self.norm.bias)
            normed = F.layer_norm(_single(x), self.norm.normalized_shape, weight, bias, self.norm.eps)
            return F.linear(normed, _single(self.linear.weight), _single(self.linear.bias))


class TextHead(nn.Module):
    """Scaled cosine similarity to the classes' text embeddings, plus a learned bias per class.

    The text embeddings come from CLIP's text tower, once, before training (:meth:`set_text_features`); they are stored
    in the checkpoint, so prediction needs no text tower. With a background (sentences that say nothing of behaviour), a
    class's cosine counts as the difference from the background's: it says whether the class is there, where the plain
    cosines say only which class is nearer. Both are a frozen parameter and not a buffer, because
    DistributedDataParallel broadcasts buffers in every forward, a collective that uneven test batches must not meet.

    The scale starts at CLIP's 1/0.07. Each sigmoid decides alone whether its behaviour occurs, so a bias is needed
    (as in SigLIP, arXiv 2303.15343): cosines of matching and other pairs both lie around 0.2, and the start of -5
    puts the first probabilities below one half.

    Args:
        width: Size of an embedding, ``D``.
        num_classes: ``C``.
        background: Whether the last of the text features is the background's.
    """

    def __init__(self, width: int, num_classes: int, background: bool = False) -> None:
        super().__init__()
        self.background = background
        self.text_features = nn.Parameter(torch.zeros(num_classes + background, width), requires_grad=False)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        self.bias = nn.Parameter(torch.full((num_classes,), -5.0))

    def set_text_features(self, features: Tensor) -> None:
        """Store the classes' text embeddings.

        Args:
            features: Shape ``(C, D)``, or ``(C + 1, D)`` with the background last; as CLIP's text tower gives them.

        Raises:
            ValueError: If the shape is another.
        """
        if features.shape != self.text_features.shape:
            raise ValueError(
                f"text features have shape {tuple(features.shape)}, expected {tuple(self.text_features.shape)}"
            )
        with torch.no_grad():
            self.text_features.copy_(features)

    def forward(self, x: Tensor, text: Tensor | None = None) -> Tensor:
        """Logits ``(N, C)``, float32, from embeddings ``(N, D)``.

        Args:
            x: The embeddings.
            text: Text features of each, shape ``(N, C, D)`` (``C + 1`` with a background), where those stored are not
                to be used as they are.
        """
        # A ceiling keeps the temperature from running away: CLIP's own is 100, and SigLIP's published scales lie above.
        with _full_precision(x):
            scale = _single(self.log_scale).clamp(max=math.log(128)).exp()
            wanted = F.normalize(_single(self.text_features if text is None else text), dim=-1)
            cosines = (wanted @ F.normalize(_single(x), dim=-1).unsqueeze(-1)).squeeze(-1)
            if self.background:
                cosines = cosines[:, :-1] - cosines[:, -1:]
            return scale * cosines + _single(self.bias)


class LateFusion(nn.Module):
    """Each stream of a segment pooled over time by itself, then side by side, so that a head weighs each on its own.

    A head that compares with text needs an embedding of the text's size: there a linear map joins the streams, which
    starts as their mean.

    Args:
        streams: For each of the ``V`` streams what pools ``(N, P, D)`` to ``(N, D)``.
        width: Size of an embedding, ``D``.
        joined: Whether the linear map joins them.
    """

    def __init__(self, streams: Sequence[Pooling], width: int, joined: bool = False) -> None:
        super().__init__()
        self.streams = nn.ModuleList(streams)
        self.width = width if joined else len(streams) * width
        """Size of the joint embedding, ``E``."""
        self.join = nn.Linear(len(streams) * width, width) if joined else None
        if self.join is not None:
            with torch.no_grad():
                self.join.weight.copy_(torch.eye(width).repeat(1, len(streams)) / len(streams))
                self.join.bias.zero_()

    def forward(self, sequence: Tensor) -> tuple[Tensor, Tensor]:
        """Embed segments.

        Args:
            sequence: Interleaved embeddings, shape ``(N, P * V, D)``.

        Returns:
            The joint embedding ``(N, E)``, and each stream's, ``(N, V, D)``.
        """
        apart = deinterleave(sequence, len(self.streams))
        each = torch.stack([pool(apart[:, :, stream]) for stream, pool in enumerate(self.streams)], dim=1)
        joint = each.flatten(1)
        if self.join is None:
            return joint, each
        with _full_precision(joint):  # what a text head compares, as it is without joining
            return F.linear(_single(joint), _single(self.join.weight), _single(self.join.bias)), each


class SegmentClassifier(nn.Module):
    """One segment's classifier: embeddings over time to one, then head.

    Args:
        temporal: Pools ``(N, P * V, D)`` to ``(N, E)``, where ``E`` is ``D`` unless :class:`LateFusion` says otherwise.
        head: Maps ``(N, E)`` to ``(N, C)``.
        prompts: Fits the head's text features to each segment, or None.
        stream_heads: With :class:`LateFusion`, a head for each stream where each has a loss of its own in training.
    """

    def __init__(
        self,
        temporal: Pooling | LateFusion,
        head: LinearHead | TextHead,
        prompts: VideoPrompts | None = None,
        stream_heads: Sequence[LinearHead | TextHead] = (),
    ) -> None:
        super().__init__()
        self.temporal = temporal
        self.head = head
        self.prompts = prompts
        self.stream_heads = nn.ModuleList(stream_heads)

    def forward(self, sequence: Tensor, patches: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Classify segments.

        Args:
            sequence: Shape ``(N, P * V, D)``.
            patches: With prompts, ``(N, L, W)`` as :class:`amclip.models.xclip_layers.VideoPrompts` takes them.

        Returns:
            Embedding ``(N, E)``, logits ``(N, C)``, and in training those of each stream with a head of its own,
            ``(N, V, C)``; else ``V`` is 0.
        """
        pooled = self.temporal(sequence)
        embedding, each = pooled if isinstance(self.temporal, LateFusion) else (pooled, None)
        text = None
        if self.prompts is not None and isinstance(self.head, TextHead) and patches is not None:
            text = self.prompts(self.head.text_features, patches)
        logits = self.head(embedding) if text is None else self.head(embedding, text)
        streams = logits.new_empty(logits.shape[0], 0, logits.shape[1])
        if self.training and each is not None and len(self.stream_heads):
            streams = torch.stack([head(each[:, stream]) for stream, head in enumerate(self.stream_heads)], dim=1)
        return embedding, logits, streams


class SegmentAggregator(nn.Module):
    """One prediction from the M segments' logits.

    Args:
        mode: ``"mean"`` or ``"max"`` of the logits, or ``"attention"``: their mean weighted by a softmax over segments
            of a learned linear score of each segment's embedding (it starts as the plain mean).
        width: Size of an embedding, ``D``.

    Raises:
        ValueError: If the mode is another.
    """

    def __init__(self, mode: Aggregation, width: int) -> None:
        super().__init__()
        if mode not in ("mean", "max", "attention"):
            raise ValueError(f"network.aggregation: expected mean, max or attention, got {mode!r}")
        self.mode = mode
        if mode == "attention":
            self.score = nn.Linear(width, 1)
            nn.init.zeros_(self.score.weight)
            nn.init.zeros_(self.score.bias)

    def forward(self, embeddings: Tensor, logits: Tensor) -> Tensor:
        """Aggregate.

        Args:
            embeddings: Shape ``(B, M, D)``.
            logits: Shape ``(B, M, C)``.

        Returns:
            Logits of shape ``(B, C)``, float32.
        """
        logits = _single(logits)
        if self.mode == "mean":
            return logits.mean(dim=1)
        if self.mode == "max":
            return logits.amax(dim=1)
        with _full_precision(logits):
            scores = F.linear(_single(embeddings), _single(self.score.weight), _single(self.score.bias))
            return (scores.softmax(dim=1) * logits).sum(dim=1)


def _full_precision(x: Tensor) -> torch.autocast:
    """Where autocast leaves float32 as it is."""
    return torch.autocast(x.device.type, enabled=False)


def _single(x: Tensor) -> Tensor:
    """As float32; float64 stays."""
    return x if x.dtype == torch.float64 else x.float()
