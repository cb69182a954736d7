"""Attention is computed by PyTorch's kernels on every way through a network, and gives what plain attention gives."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import tiny_timm  # noqa: F401 (names of small encoders)
import tiny_vjepa  # noqa: F401
import torch
from build import make_classifier
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from amclip.models.classifier import InterleavedClassifier
from amclip.models.pretrained import describe_backbone

# Settings, and attentions of a pass: those of the tower's blocks, of what pools each of two streams, and of messages or
# prompts.
WAYS: dict[str, tuple[dict[str, Any], int]] = {
    "plain": ({}, 2 + 2),
    "checkpointed": ({"gradient_checkpointing": True}, 2 + 2),
    "LoRA": ({"lora_rank": 2}, 2 + 2),
    "X-CLIP's messages": ({"cross_frame": True, "message_init": "xclip"}, 2 + 2 + 2),
    "messages with a gate": ({"cross_frame": True}, 2 + 2 + 2),
    "messages and LoRA": ({"cross_frame": True, "lora_rank": 2}, 2 + 2 + 2),
    "integration": ({"temporal": "mit", "temporal_layers": 1}, 2 + 2),
    "probe": ({"temporal": "attentive", "temporal_layers": 2}, 2 + 2 * 2),
    "prompts": ({"head": "text", "video_prompt_layers": 2, "video_prompt_heads": 4}, 2 + 2 + 2),
    "V-JEPA": ({"backbone": "vjepa:tiny_2"}, 3 + 2),
    "timm": ({"backbone": "timm:tiny_dinov3"}, 3 + 2),
}


class Kernels(TorchDispatchMode):
    """Counts operations by name."""

    def __init__(self) -> None:
        super().__init__()
        self.ran: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.ran[func._schema.name.removeprefix("aten::")] += 1
        return func(*args, **(kwargs or {}))


def network(settings: dict[str, Any]) -> InterleavedClassifier:
    torch.manual_seed(0)
    how = dict(settings)
    architecture = describe_backbone(how.pop("backbone", "amclip-tiny"), None, 32)
    made = make_classifier(architecture, 3, temporal_heads=4, num_segments=1, positions_per_segment=4, **how)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("message_gate") or "lora_B" in name or "text_features" in name:
                parameter.normal_(std=0.1).abs_()
    return made.train()


def logits(of: InterleavedClassifier) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(2, 4, 2, 3, 32, 32, generator=generator)
    return of(images, torch.arange(4).expand(2, 1, 4))


@contextmanager
def attention(by: Callable[..., Tensor]) -> Iterator[None]:
    real = F.scaled_dot_product_attention
    F.scaled_dot_product_attention = by  # type: ignore[assignment]
    try:
        yield
    finally:
        F.scaled_dot_product_attention = real


def by_hand(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
) -> Tensor:
    assert not dropout_p
    assert not is_causal
    scores = query @ key.mT / query.shape[-1] ** 0.5
    return (scores if attn_mask is None else scores + attn_mask).softmax(dim=-1) @ value


@pytest.mark.parametrize("way", WAYS)
def test_every_way_goes_through_pytorchs_kernels(way: str) -> None:
    settings, expected = WAYS[way]
    made = network(settings)
    calls = Counter[str]()
    real = F.scaled_dot_product_attention

    def counted(query: Tensor, *rest: Any, **more: Any) -> Tensor:
        calls["attention"] += 1
        return real(query, *rest, **more)

    with attention(counted), Kernels() as kernels:
        found = logits(made)
    assert calls["attention"] == expected
    # A mask that learns, the gate's, has a fused kernel on GPUs only; all else has one here too.
    gates = 2 if settings.get("cross_frame") and "message_init" not in settings else 0
    assert kernels.ran["_scaled_dot_product_flash_attention_for_cpu"] == calls["attention"] - gates
    assert kernels.ran["_softmax"] == 0
    with attention(by_hand):
        plain = logits(made)
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("way", WAYS)
def test_no_way_needs_the_slow_kernel_on_a_gpu(way: str) -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    made = network(WAYS[way][0]).cuda()
    fast = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION]
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(2, 4, 2, 3, 32, 32, generator=generator).cuda()
    segments = torch.arange(4, device="cuda").expand(2, 1, 4)
    with sdpa_kernel(fast), torch.autocast("cuda", torch.bfloat16):
        made(images, segments).sum().backward()
