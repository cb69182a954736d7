"""Attentive probe: a learned query that looks through a segment's embeddings, in place of their mean."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["AttentiveProbe"]


class AttentiveProbe(nn.Module):
    """One learned query that attends over a segment's embeddings, and an MLP: what frozen encoders are evaluated with.

    As in V-JEPA (Bardes et al., arXiv 2404.08471, and its code's ``AttentivePooler``): the query takes from the normed
    sequence what it attends to, then an MLP with a norm in front changes it, both added to it; with more layers the
    sequence first attends to itself, as in V-JEPA 2 (arXiv 2506.09985, four layers in all). CoCa (arXiv 2205.01917)
    and AIM (arXiv 2401.08541) pool with a query too.

    Those encoders have seen a whole video, and their tokens know when they are. Embeddings of single images do not, so
    learned embeddings tell position and stream, as in :class:`amclip.models.segments.TemporalTransformer`. A sequence
    that is a multiple as long holds equally many tokens of each position, one position after the other (all tokens of a
    video encoder); for any other length the positions are interpolated.

    Args:
        width: Size of an embedding, ``D``.
        positions: Positions per segment, ``P``.
        num_streams: Streams, ``V`` (2 for frames with flow images).
        layers: Layers, the one in which the query attends being the last; at least 1.
        heads: Attention heads; must divide ``width``.
        dropout: Probability of dropout inside the layers, in ``[0, 1)``.

    Raises:
        ValueError: If a number is out of range, or ``heads`` does not divide ``width``.
    """

    def __init__(
        self, width: int, positions: int, num_streams: int, layers: int = 1, heads: int = 8, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(
                f"network.temporal.layers: the query of kind attentive is a layer; expected 1 or more, got {layers}"
            )
        if not 0 <= dropout < 1:
            raise ValueError(f"network.temporal.dropout: expected a probability in [0, 1), got {dropout}")
        if heads < 1 or width % heads:
            raise ValueError(f"network.temporal.heads: {heads} heads do not divide the embedding size {width}")
        self.position = nn.Parameter(torch.empty(positions, 1, width))
        self.stream = nn.Parameter(torch.empty(1, num_streams, width))
        self.query = nn.Parameter(torch.empty(1, 1, width))
        for parameter in (self.position, self.stream, self.query):
            nn.init.trunc_normal_(parameter, std=0.02)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, dropout, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers - 1)
        )
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, sequence: Tensor) -> Tensor:
        """Embed segments.

        Args:
            sequence: Interleaved embeddings, shape ``(N, L * V, D)``; ``L`` is ``P``, or any other number.

        Returns:
            Shape ``(N, D)``.

        Raises:
            ValueError: If the length is no multiple of the streams.
        """
        streams = self.stream.shape[1]
        if sequence.shape[1] % streams or not sequence.shape[1]:
            raise ValueError(
                f"a sequence of {sequence.shape[1]} embeddings does not divide into positions of {streams} streams"
            )
        x = sequence + (self._positions(sequence.shape[1] // streams) + self.stream).flatten(0, 1)
        for block in self.blocks:
            x = block(x)
        x, query = self.norm(x), self.query.expand(x.shape[0], -1, -1)
        pooled = query + self.attention(query, x, x, need_weights=False)[0]
        changed: Tensor = pooled + self.mlp(pooled)
        return changed[:, 0]

    def _positions(self, length: int) -> Tensor:
        """The embeddings of so many positions, shape ``(length, 1, D)``."""
        if length % len(self.position) == 0:
            return self.position.repeat_interleave(length // len(self.position), dim=0)
        table = self.position[:, 0].T[None]
        return F.interpolate(table, length, mode="linear").squeeze(0).T[:, None]
