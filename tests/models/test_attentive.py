"""The attentive probe: what a learned query makes of a segment's embeddings."""

import pytest
import torch
from build import make_classifier
from torch.nn import functional as F

from amclip.inputs import NetworkInput
from amclip.models.attentive import AttentiveProbe
from amclip.models.config import FusionConfig, NetworkConfig, TemporalConfig
from amclip.models.pretrained import describe_backbone


def probe(layers: int = 1, streams: int = 2, seed: int = 0) -> AttentiveProbe:
    torch.manual_seed(seed)
    module = AttentiveProbe(16, 4, streams, layers, heads=4).eval()
    for parameter in (module.position, module.stream, module.query):
        torch.nn.init.normal_(parameter)
    return module


def test_it_computes_what_is_published() -> None:
    """Written out: scaled dot products of one query with the normed sequence, head by head, and an MLP with a norm."""
    module, x = probe(), torch.randn(3, 8, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        told = x + (module.position + module.stream).reshape(8, 16)
        normed = F.layer_norm(told, (16,), module.norm.weight, module.norm.bias)
        weights, biases = module.attention.in_proj_weight.chunk(3), module.attention.in_proj_bias.chunk(3)
        query = F.linear(module.query[0], weights[0], biases[0])
        key, value = (F.linear(normed, weights[i], biases[i]) for i in (1, 2))
        heads = []
        for head in range(4):
            part = slice(4 * head, 4 * head + 4)
            attention = (query[:, part] @ key[..., part].transpose(1, 2) / 4**0.5).softmax(dim=-1)
            heads.append(attention @ value[..., part])
        pooled = module.query + module.attention.out_proj(torch.cat(heads, dim=-1))
        torch.testing.assert_close(module(x), (pooled + module.mlp(pooled))[:, 0])


@pytest.mark.parametrize("layers", [1, 3])
def test_the_order_in_time_and_the_stream_change_the_embedding(layers: int) -> None:
    module, x = probe(layers), torch.randn(1, 8, 16)
    turned = x.flip(1)
    swapped = x.view(1, 4, 2, 16).flip(2).reshape(1, 8, 16)
    assert not torch.allclose(module(x), module(turned), atol=1e-3)
    assert not torch.allclose(module(x), module(swapped), atol=1e-3)


def test_sequences_of_any_length_are_pieces_of_the_same_time() -> None:
    module = probe()
    longer = module._positions(12)
    torch.testing.assert_close(longer[[1, 4, 7, 10]], module.position)  # the middle one of each position's three pieces
    x = torch.randn(2, 24, 16)
    assert module(x).shape == (2, 16)
    assert not torch.allclose(module(x), module(x.flip(1)), atol=1e-3)
    module(x).sum().backward()
    assert (module.position.grad.abs().sum(dim=(1, 2)) > 0).all()
    with pytest.raises(ValueError, match="5 embeddings does not divide into positions of 2 streams"):
        module(torch.randn(1, 5, 16))


def test_it_can_choose_one_moment_where_a_mean_cannot() -> None:
    module = probe(streams=1)
    with torch.no_grad():
        module.position.zero_()
        module.stream.zero_()
        module.query.zero_()[..., ::4] = 1.0
        weights = [torch.eye(16) * scale for scale in (8.0, 8.0, 1.0)]
        module.attention.in_proj_weight.copy_(torch.cat(weights))
        x = torch.zeros(1, 4, 16)
        x[0, 2, ::4] = 5.0  # the direction that the query asks each head for
        x[0, (0, 1, 3), 1::4] = -5.0
        _, attention = module.attention(module.query, module.norm(x), module.norm(x))
    assert attention[0, 0].argmax() == 2
    assert attention[0, 0, 2] > 0.9


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_it_takes_half_precision(dtype: torch.dtype) -> None:
    x = torch.randn(2, 8, 16)
    with torch.autocast("cpu", dtype):
        assert torch.isfinite(probe(2)(x.to(dtype))).all()
    assert torch.isfinite(probe(2).to(dtype)(x.repeat(1, 2, 1).to(dtype))).all()


@pytest.mark.parametrize("fusion", ["late", "interleaved"])
@pytest.mark.parametrize("head", ["linear", "text"])
def test_a_network_pools_with_it(fusion: str, head: str) -> None:
    torch.manual_seed(0)
    network = make_classifier(
        describe_backbone("amclip-tiny", None, 64),
        5,
        num_segments=2,
        positions_per_segment=2,
        temporal="attentive",
        temporal_heads=4,
        head=head,
        fusion=FusionConfig(fusion),
    )
    probes = [part for part in network.modules() if isinstance(part, AttentiveProbe)]
    assert [part.stream.shape[1] for part in probes] == ([1, 1] if fusion == "late" else [2])
    network.set_text_features(torch.randn(5, network.encoder.width))
    segments = torch.tensor([[[0, 1], [1, 2]]])
    assert network.classify(torch.randn(1, 3, 2, network.encoder.width), segments).logits.shape == (1, 5)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"temporal.layers: the query of kind attentive is a layer; expected 1"):
        AttentiveProbe(16, 4, 2, layers=0, heads=4)
    with pytest.raises(ValueError, match=r"temporal.heads: 5 heads do not divide"):
        AttentiveProbe(16, 4, 2, heads=5)
    with pytest.raises(ValueError, match=r"temporal.dropout: expected a probability"):
        AttentiveProbe(16, 4, 2, heads=4, dropout=1.0)
    with pytest.raises(ValueError, match=r"expected transformer, attentive or mit, got 'lstm'"):
        TemporalConfig(kind="lstm")  # type: ignore[arg-type]


def test_an_untrained_probe_is_no_zero_shot() -> None:
    from amclip.models.config import HeadConfig

    untrained = NetworkConfig(
        pretrained="openai", head=HeadConfig("text"), temporal=TemporalConfig("attentive"), architecture={"a": 1}
    )
    with pytest.raises(ValueError, match="set kind transformer and layers 0, the mean"):
        untrained.check_zero_shot(NetworkInput(modality="frames"))
