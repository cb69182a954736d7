"""X-CLIP's three parts (Ni et al., ECCV 2022, arXiv 2208.02816): messages between frames, integration, prompting."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["CrossFrameBlock", "MessageInit", "MultiFrameIntegration", "VideoPrompts", "is_message"]

MessageInit = Literal["zero", "xclip"]

# What a closed gate leaves of a message's weight in attention; above zero, as the gate's gradient needs its logarithm.
_CLOSED = 1e-8


class CrossFrameBlock(nn.Module):
    """A transformer block whose tokens also attend to a message from the other frames (X-CLIP, section 3.2).

    Each frame's class token is projected to a message, the messages attend to each other over time, and each goes back
    to its frame as one more token, for this block alone. X-CLIP spares the message token the block's second half (the
    MLP); here the whole block is run on it and the result dropped, which is the same, since the MLP sees every token
    alone, and lets any block of open_clip be used as it is.

    A message of zeros is not "no message": its key still draws attention. So a block that shall start as the
    frame-wise one has a gate ``g``, 0 at first: attention weighs the message ``g exp(s)`` where its score ``s`` alone
    would give ``exp(s)``. At ``g = 1`` it is X-CLIP's block. As with LoRA's second matrix, the first step moves the
    gate and the following ones what is behind it.

    Args:
        block: A block of open_clip's transformer, ``(N, L, width)`` to the same, which takes ``attn_mask``.
        width: Size of a token.
        heads: Attention heads of the messages.
        num_frames: Images per sequence, ``T``.
        init: ``"zero"``: with the gate. ``"xclip"``: without, from PyTorch's default weights, as X-CLIP's code does.
    """

    def __init__(self, block: nn.Module, width: int, heads: int, num_frames: int, init: MessageInit = "zero") -> None:
        super().__init__()
        if init not in ("zero", "xclip"):
            raise ValueError(f"network.message_init: expected zero or xclip, got {init!r}")
        self.block = block
        self.num_frames = num_frames
        self.message_fc = nn.Linear(width, width)
        self.message_ln = nn.LayerNorm(width)
        self.message_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.message_gate = nn.Parameter(torch.zeros(1)) if init == "zero" else None

    def forward(self, x: Tensor, k_x: None = None, v_x: None = None, attn_mask: Tensor | None = None) -> Tensor:
        """Tokens of consecutive images, class token first: ``(N * T, L, width)`` to the same.

        Args:
            x: The tokens.
            k_x: Not used; open_clip's blocks have it.
            v_x: Not used; open_clip's blocks have it.
            attn_mask: Must be None: CLIP's image towers mask nothing.

        Raises:
            ValueError: If the images do not divide into sequences.
        """
        if x.shape[0] % self.num_frames or attn_mask is not None:
            raise ValueError(f"{x.shape[0]} images do not divide into sequences of {self.num_frames}")
        messages = self.message_fc(x[:, 0]).unflatten(0, (-1, self.num_frames))
        normed = self.message_ln(messages)
        messages = messages + self.message_attn(normed, normed, normed, need_weights=False)[0]
        x = torch.cat([x, messages.flatten(0, 1).unsqueeze(1).to(x.dtype)], dim=1)
        y: Tensor = self.block(x, attn_mask=self._mask(x))
        return y[:, :-1]

    def _mask(self, x: Tensor) -> Tensor | None:
        """The gate's logarithm on the message's attention scores, ``(L + 1, L + 1)``."""
        if self.message_gate is None:
            return None
        gate: Tensor = self.message_gate
        # Below 0 there is no such weight; passing the gradient on lets a gate that was pushed there open again.
        gate = gate + (gate.clamp(min=0) - gate).detach()
        size = x.shape[1]
        return F.pad((gate + _CLOSED).log().expand(size, 1), (size - 1, 0))


def is_message(name: str) -> bool:
    """Whether a parameter's name is that of a part that :class:`CrossFrameBlock` adds to a CLIP block."""
    return ".message_" in name


class MultiFrameIntegration(nn.Module):
    """X-CLIP's transformer over the images' embeddings of one sequence, pooled to one (section 3.2).

    ``mean over time of (blocks(x + position) + x)``. Differs from amclip's own
    :class:`~amclip.models.segments.TemporalTransformer` in QuickGELU and in a position for every image: a frame and its
    flow image have two.

    Args:
        width: Size of an embedding, ``D``.
        num_frames: Images per sequence, ``T``.
        layers: Blocks; X-CLIP has 1.
        heads: Attention heads; X-CLIP has ``D / 64``.

    Raises:
        ValueError: If there is no layer, or ``heads`` does not divide ``width``.
    """

    def __init__(self, width: int, num_frames: int, layers: int = 1, heads: int = 8) -> None:
        super().__init__()
        from open_clip.transformer import QuickGELU, ResidualAttentionBlock

        if layers < 1:
            raise ValueError(f"network.temporal.layers: multi-frame integration needs 1 or more, got {layers}")
        if heads < 1 or width % heads:
            raise ValueError(f"network.temporal.heads: {heads} heads do not divide the embedding size {width}")
        self.position = nn.Parameter(torch.empty(num_frames, width))
        self.blocks = nn.ModuleList(ResidualAttentionBlock(width, heads, act_layer=QuickGELU) for _ in range(layers))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.blocks.apply(_xclip_init)

    def forward(self, sequence: Tensor) -> Tensor:
        """Embeddings ``(N, T, D)`` to ``(N, D)``."""
        x = sequence + self.position
        for block in self.blocks:
            x = block(x)
        return (x + sequence).mean(dim=1)

    def resized_position(self, table: Tensor) -> Tensor:
        """A position table of another length, ``(T', D)``, interpolated linearly to ``(T, D)``."""
        if len(table) == len(self.position):
            return table
        return F.interpolate(table.T[None].float(), len(self.position), mode="linear", align_corners=True)[0].T


class VideoPrompts(nn.Module):
    """X-CLIP's video-specific prompting: what a video shows, added to the classes' text embeddings (section 3.3).

    Args:
        width: Size of a text embedding, ``D``.
        patch_width: Size of a patch token, ``W``.
        layers: Cross-attention layers; X-CLIP has 2.
        heads: Attention heads; X-CLIP has ``D / 64``, its port in transformers 8.
        alpha: Start of the learned scale of what is added; X-CLIP has 0.1.

    Raises:
        ValueError: If ``heads`` does not divide ``width``.
    """

    def __init__(self, width: int, patch_width: int, layers: int = 2, heads: int = 8, alpha: float = 0.1) -> None:
        super().__init__()
        if layers < 1 or heads < 1 or width % heads:
            raise ValueError(
                f"video_prompt_layers and video_prompt_heads: {layers} layers of {heads} heads do not fit the "
                f"embedding size {width}; heads must divide it"
            )
        self.patch_norm = nn.LayerNorm(patch_width)
        # X-CLIP draws it with deviation 1, `scale` of CLIP's own projections left out; the norm behind it evens that.
        self.patch_projection = nn.Parameter(torch.randn(patch_width, width))
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(_PromptLayer(width, heads) for _ in range(layers))
        self.alpha = nn.Parameter(torch.full((width,), alpha))
        self.layers.apply(_xclip_init)

    @staticmethod
    def normalise(tokens: Tensor) -> Tensor:
        """The part of the patch norm that has no weights, ``(..., W)`` to the same; see :meth:`forward`."""
        return F.layer_norm(tokens, tokens.shape[-1:])

    def forward(self, text: Tensor, patches: Tensor) -> Tensor:
        """Text embeddings fitted to each video.

        X-CLIP normalises and projects the patches of every frame, then takes the mean over the frames. Scale, shift and
        projection are linear, so they are applied to the mean of the normalised patches, one frame's worth of work.

        Args:
            text: As CLIP's text tower gives them, not normalised, shape ``(C, D)``.
            patches: Mean over a sequence of its images' patch tokens, each normalised by :meth:`normalise`, shape
                ``(N, L, W)``.

        Returns:
            Shape ``(N, C, D)``.
        """
        visual = self.norm((patches * self.patch_norm.weight + self.patch_norm.bias) @ self.patch_projection)
        x = text.expand(patches.shape[0], *text.shape)
        for layer in self.layers:
            x = layer(x, visual)
        return text + self.alpha * x


class _PromptLayer(nn.Module):
    """Cross-attention from text to patches and an MLP, each after a norm and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        from open_clip.transformer import QuickGELU

        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        # X-CLIP's attention has no bias but in its output; nn.MultiheadAttention has all or none.
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.proj = nn.Linear(width, width)
        self.norm3 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), QuickGELU(), nn.Linear(4 * width, width))

    def forward(self, text: Tensor, visual: Tensor) -> Tensor:
        normed = self.norm1(text)
        query, key, value = (
            x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for x in (self.q_proj(normed), self.k_proj(visual), self.v_proj(visual))
        )
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        text = text + self.proj(attended)
        added: Tensor = self.mlp(self.norm3(text))
        return text + added


def _xclip_init(module: Any) -> None:
    """X-CLIP's ``_init_weights``: linear maps truncated normal 0.02, without bias at first."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
