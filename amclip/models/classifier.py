"""The network: normalised images of a clip in, one logit per behaviour out."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from amclip.models.attentive import AttentiveProbe
from amclip.models.config import NetworkConfig
from amclip.models.encoder import ImageEncoder, VideoEncoder, make_encoder
from amclip.models.interleave import drop_streams, gather_segments, interleave
from amclip.models.motion import MotionTokens
from amclip.models.pretrained import Pretrained
from amclip.models.segments import (
    LateFusion,
    LinearHead,
    Pooling,
    SegmentAggregator,
    SegmentClassifier,
    TemporalTransformer,
    TextHead,
)
from amclip.models.xclip_layers import MultiFrameIntegration, VideoPrompts
from amclip.models.xclip_parts import left_out, load_xclip_parts, refuse_other_heads

__all__ = ["Answer", "InterleavedClassifier"]


class Answer(NamedTuple):
    """What the network says of clips.

    Attributes:
        logits: Shape ``(B, C)``.
        embeddings: The embedding of each segment that they were made from, ``(B, M, E)``; ``E`` is ``D``, or ``V * D``
            where streams are joined late for a linear head.
        streams: In training with a loss for each stream, what it says by itself, logits ``(B, V, C)``; else ``V`` is 0.
    """

    logits: Tensor
    embeddings: Tensor
    streams: Tensor


class InterleavedClassifier(nn.Module):
    """Embed frames and flow images, classify M temporal segments, aggregate (AnimalMotionCLIP).

    A plain module: it knows neither how frames were chosen nor how it is trained.

    Frame-wise, each unique image is embedded once, however many segments use it. With messages between frames, or a
    video encoder, an image's embedding depends on its sequence, so each segment's images are embedded anew: see
    :meth:`images_per_clip`.

    Args:
        config: What it is made of; its architecture must be known, see :meth:`NetworkConfig.with_architecture`.
        num_classes: ``C``.
        num_segments: ``M``.
        positions_per_segment: ``P``.
        num_streams: ``V``: images of a position, 2 for frames and flow images, 1 for one of them alone.
        motion: ``(G, F)``: crops, and numbers of motion of each (:func:`amclip.motion.motion_shape`), from which each
            position has a token per crop: ``G`` further streams, behind those of the images. None: no such tokens.

    Raises:
        ValueError: If settings are unknown or do not go together.
    """

    def __init__(
        self,
        config: NetworkConfig,
        num_classes: int,
        num_segments: int = 1,
        positions_per_segment: int = 8,
        num_streams: int = 2,
        motion: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        if config.architecture is None:
            raise ValueError("network.architecture: is not known; NetworkConfig.with_architecture looks it up")
        self.config = config
        self.encoder = make_encoder(config, positions_per_segment, num_streams)
        width, temporal, head = self.encoder.width, config.temporal, config.head
        refuse_other_heads(config)
        self.num_streams, self.num_segments, self.cross_frame = num_streams, num_segments, config.cross_frame
        self.num_frames = positions_per_segment * num_streams
        self.prompted = head.video_prompt_layers > 0
        self.tubelets = positions_per_segment // (self.encoder.tubelet_size if num_streams else 1)
        """What a segment has embeddings of: positions, or of a video encoder tubelets of two."""
        self.motion = MotionTokens(motion, width) if motion else None
        num_tokens = num_streams + (motion[0] if motion else 0)
        self.num_tokens = num_tokens
        """Streams of a position, of images and of motion."""
        if not num_streams:
            config.check_without_images()

        if config.fusion.stream_dropout and num_tokens > 1 and (self.cross_frame or self.prompted):
            option = "cross_frame" if self.cross_frame else "head.video_prompt_layers"
            raise ValueError(
                f"network.fusion.stream_dropout: a stream that is left out would still be seen by way of {option}; set "
                "0, or do without that"
            )
        late = config.fusion.kind == "late" and num_tokens > 1
        joined = head.kind == "text"
        joint_width = width if joined or not late else num_tokens * width

        def pooling(streams: int) -> Pooling:
            if temporal.kind == "mit":
                return MultiFrameIntegration(width, self.tubelets * streams, temporal.layers, temporal.heads)
            kind = AttentiveProbe if temporal.kind == "attentive" else TemporalTransformer
            return kind(width, self.tubelets, streams, temporal.layers, temporal.heads, temporal.dropout)

        def new_head(size: int) -> LinearHead | TextHead:
            if head.kind == "text":
                return TextHead(size, num_classes, bool(head.background_prompts))
            return LinearHead(size, num_classes)

        def classifier() -> SegmentClassifier:
            return SegmentClassifier(
                LateFusion([pooling(1) for _ in range(num_tokens)], width, joined) if late else pooling(num_tokens),
                new_head(joint_width),
                VideoPrompts(width, self.encoder.patch_width, head.video_prompt_layers, head.video_prompt_heads)
                if self.prompted
                else None,
                [new_head(width) for _ in range(num_tokens)] if late and config.fusion.stream_loss else (),
            )

        self.classifiers = nn.ModuleList(classifier() for _ in range(1 if config.share_classifiers else num_segments))
        self.aggregator = SegmentAggregator(config.aggregation, joint_width)

    def set_text_features(self, features: Tensor) -> None:
        """Give every text head the classes' embeddings, shape ``(C, D)``, with a background ``(C + 1, D)``."""
        for head in self.text_heads():
            head.set_text_features(features)

    def text_heads(self) -> list[TextHead]:
        """The heads that compare with text."""
        return [module for module in self.classifiers.modules() if isinstance(module, TextHead)]

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
        video = weights.video
        self.encoder.load_clip({**weights.visual, **(video.messages if self.cross_frame else {})})
        notes = [] if self.cross_frame else [left_out("messages", video.messages, "cross_frame is false")]
        for classifier in self.classifiers:
            assert isinstance(classifier, SegmentClassifier)
            notes += load_xclip_parts(classifier, video)
        self.set_scale(weights.log_scale)
        return list(dict.fromkeys(notes))

    def set_scale(self, log_scale: float, bias: float | None = None) -> None:
        """Give every text head the scale of cosines, as its logarithm, and a bias for all classes."""
        with torch.no_grad():
            for head in self.text_heads():
                head.log_scale.fill_(log_scale)
                if bias is not None:
                    head.bias.fill_(bias)

    @property
    def segments_apart(self) -> bool:
        """Whether images of a segment are embedded together, so that two segments cannot share an embedding."""
        return self.num_streams > 0 and (self.cross_frame or isinstance(self.encoder, VideoEncoder))

    @property
    def images_alone(self) -> bool:
        """Whether embeddings of single images are all that is classified: :meth:`embed`, then :meth:`classify`."""
        return not self.segments_apart and not self.prompted

    def images_per_clip(self, num_positions: int) -> int:
        """How many images a clip of ``K`` unique positions costs to embed, which is nearly all the network's cost."""
        return self.num_segments * self.num_frames if self.segments_apart else num_positions * self.num_streams

    def embed(self, images: Tensor, motion: Tensor | None = None) -> Tensor:
        """Embed each image once, and make the tokens of motion.

        Args:
            images: Normalised, shape ``(B, K, V, 3, S, S)``.
            motion: Shape ``(B, K, G, F)``; not needed by a network without tokens of motion.

        Returns:
            Shape ``(B, K, V + G, D)``.

        Raises:
            ValueError: If images exchange messages: then there are no embeddings without segments; or numbers are
                missing.
        """
        return self.join(self.embed_images(images), motion)

    def embed_images(self, images: Tensor) -> Tensor:
        """The image tower alone: each image embedded once.

        Args:
            images: Normalised, shape ``(B, K, V, 3, S, S)``.

        Returns:
            Shape ``(B, K, V, D)``.

        Raises:
            ValueError: If images see each other: then there are no embeddings without segments.
        """
        if self.segments_apart:
            option = "cross_frame" if self.cross_frame else "backbone"
            raise ValueError(f"network.{option}: an image's embedding depends on its segment; call the network whole")
        if not self.num_streams:
            return images.new_empty(*images.shape[:2], 0, self.encoder.width)
        features: Tensor = self.encoder(images.flatten(0, 2))
        return features.view(*images.shape[:3], -1)

    def join(self, features: Tensor, motion: Tensor | None) -> Tensor:
        """The images' embeddings and, where the network has them, the tokens of motion behind them.

        Args:
            features: Shape ``(..., V, D)``.
            motion: Numbers, shape ``(..., G, F)``.

        Returns:
            Shape ``(..., V + G, D)``.

        Raises:
            ValueError: If numbers are missing, or are not those that the network was built for.
        """
        # In the classifiers' precision, as stored embeddings are: autocast's are no more exact in it, but tokens of
        # motion are not rounded to them.
        features = features.to(next(self.classifiers.parameters()).dtype)
        if self.motion is None:
            return features
        if motion is None:
            raise ValueError("motion: the network was built for numbers of motion (input.flow.motion), and got none")
        return torch.cat([features, self.motion(motion).to(features.dtype)], dim=-2)

    def classify(self, embeddings: Tensor, segments: Tensor, tokens: Tensor | None = None) -> Answer:
        """Classify from embeddings, so that a caller that slides over a video can embed each image once.

        Args:
            embeddings: Of images and of motion, as :meth:`embed` gives them, shape ``(B, K, V + G, D)``.
            segments: int64, shape ``(B, M, P)``, values in ``[0, K)``.
            tokens: The images' patch tokens, shape ``(B, K, V, L, W)``, for a network with video-specific prompts.

        Raises:
            ValueError: If the streams or the segments are not those the network was built for.
        """
        self._check(embeddings.shape[2], self.num_tokens, segments)
        patches = None
        if self.prompted:
            if tokens is None:
                raise ValueError(
                    "network.head.video_prompt_layers: prompting looks at patch tokens, and none were given"
                )
            # How often each position is in each segment: their mean without a copy of the tokens for every segment.
            share = F.one_hot(segments, embeddings.shape[1]).sum(dim=2).to(tokens.dtype) / segments.shape[2]
            patches = torch.einsum("bmk,bklw->bmlw", share, VideoPrompts.normalise(tokens).mean(dim=2))
        return self._classify(gather_segments(embeddings, segments), patches)

    def forward(self, images: Tensor, segments: Tensor, motion: Tensor | None = None) -> Tensor:
        """Logits ``(B, C)`` from images ``(B, K, V, 3, S, S)``, segments ``(B, M, P)`` and motion ``(B, K, G, F)``."""
        return self.answer(images, segments, motion).logits

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile what :meth:`forward` and training go through (torch.compile, whose arguments these are).

        A copy of the network is not compiled: what was compiled computes with these weights.
        """
        self.answer = torch.compile(self.answer, *args, **kwargs)  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[no-untyped-call]
        return {name: value for name, value in state.items() if name != "answer"}

    def answer(self, images: Tensor, segments: Tensor, motion: Tensor | None = None) -> Answer:
        """As :meth:`forward`, with the embedding of each segment and what each stream says."""
        if self.images_alone:
            return self.classify(self.embed(images, motion), segments)
        encoder, patches = self.encoder, None
        if not self.segments_apart:
            assert isinstance(encoder, ImageEncoder)
            features, tokens = encoder.with_patches(images.flatten(0, 2))
            leading = images.shape[:3]
            embeddings = self.join(features.view(*leading, -1), motion)
            return self.classify(embeddings, segments, tokens.view(*leading, *tokens.shape[1:]))
        self._check(images.shape[2], self.num_streams, segments)
        rows = torch.arange(images.shape[0], device=images.device)[:, None, None]
        chosen = images[rows, segments]  # (B, M, P, V, 3, S, S)
        if isinstance(encoder, VideoEncoder):
            features = encoder(chosen.flatten(0, 1))
        elif self.prompted:
            features, tokens = encoder.with_patches(chosen.flatten(0, 3))
            shape = (*segments.shape[:2], self.num_frames)
            patches = VideoPrompts.normalise(tokens).view(*shape, *tokens.shape[1:]).mean(dim=2)
        else:  # positions, then streams, are the last to change, so the order is I1, F1, I2, F2, …
            features = encoder(chosen.flatten(0, 3))
        features = features.view(*segments.shape[:2], -1, self.num_streams, encoder.width)
        numbers = (
            None
            if motion is None or self.motion is None
            else self._of_tubelets(motion[rows, segments], features.shape[2])
        )
        return self._classify(interleave(self.join(features, numbers)), patches)

    def answer_embeddings(self, embeddings: Tensor, segments: Tensor, motion: Tensor | None = None) -> Answer:
        """As :meth:`answer`, from the embeddings ``(B, K, V, D)`` of the images."""
        return self.classify(self.join(embeddings, motion), segments)

    def _of_tubelets(self, numbers: Tensor, length: int) -> Tensor:
        """Numbers of motion ``(B, M, P, G, F)`` for each of so many embeddings: means of what is embedded as one."""
        numbers = numbers.view(*numbers.shape[:2], self.tubelets, -1, *numbers.shape[3:]).mean(dim=3)
        return numbers.repeat_interleave(length // self.tubelets, dim=2)

    def _classify(self, sequences: Tensor, patches: Tensor | None) -> Answer:
        """Answers from sequences ``(B, M, T, D)`` and patches ``(B, M, L, W)``."""
        num_segments = sequences.shape[1]
        if self.training:
            sequences = drop_streams(sequences, self.num_tokens, self.config.fusion.stream_dropout)
        if len(self.classifiers) == 1:
            flat = None if patches is None else patches.flatten(0, 1)
            answers = [self.classifiers[0](sequences.flatten(0, 1), flat)]
            pooled, logits, streams = (x.unflatten(0, (-1, num_segments)) for x in answers[0])
        else:
            answers = [
                classifier(sequences[:, m], None if patches is None else patches[:, m])
                for m, classifier in enumerate(self.classifiers)
            ]
            pooled, logits, streams = (torch.stack(x, dim=1) for x in zip(*answers, strict=True))
        joint = self.aggregator(pooled, logits)
        apart = [joint.new_empty(joint.shape[0], 0, joint.shape[1])]
        apart += [self.aggregator(pooled, streams[:, :, stream])[:, None] for stream in range(streams.shape[2])]
        return Answer(joint, pooled, torch.cat(apart, dim=1))

    def _check(self, streams: int, wanted: int, segments: Tensor) -> None:
        if streams != wanted:
            raise ValueError(f"the network was built for {wanted} streams, got {streams}")
        if len(self.classifiers) not in (1, segments.shape[1]):
            raise ValueError(
                f"the network has {len(self.classifiers)} segment classifiers, got {segments.shape[1]} segments"
            )
