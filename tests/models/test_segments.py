import math

import pytest
import torch
from torch.nn import functional as F

from amclip.models.segments import LinearHead, SegmentAggregator, TemporalTransformer, TextHead


def test_without_layers_the_transformer_is_the_mean_over_time() -> None:
    x = torch.randn(3, 8, 16)
    torch.testing.assert_close(TemporalTransformer(16, 4, 2, layers=0, heads=4)(x), x.mean(dim=1))


def test_the_order_in_time_changes_the_embedding() -> None:
    torch.manual_seed(0)
    module = TemporalTransformer(16, 4, 2, layers=1, heads=4).eval()
    torch.nn.init.normal_(module.position)
    x = torch.randn(1, 8, 16)
    assert not torch.allclose(module(x), module(x.flip(1)), atol=1e-3)


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="5 heads do not divide"):
        TemporalTransformer(16, 4, 2, heads=5)


def test_the_text_head_is_a_scaled_cosine_with_a_bias() -> None:
    head = TextHead(4, 3)
    text, x = torch.randn(3, 4), torch.randn(2, 4)
    head.set_text_features(7 * text)
    expected = F.cosine_similarity(x[:, None], text[None], dim=-1) / 0.07 - 5
    torch.testing.assert_close(head(x), expected, rtol=1e-4, atol=1e-4)
    assert not head.text_features.requires_grad
    with pytest.raises(ValueError, match=r"shape \(2, 4\), expected \(3, 4\)"):
        head.set_text_features(text[:2])
    torch.testing.assert_close(head(x, text=torch.stack([text, -text])), torch.stack([expected[0], -10 - expected[1]]))


def test_a_background_is_what_classes_are_compared_with() -> None:
    head = TextHead(4, 3, background=True)
    text, x = torch.randn(4, 4), torch.randn(2, 4)
    head.set_text_features(text)
    cosines = F.cosine_similarity(x[:, None], text[None], dim=-1)
    expected = (cosines[:, :3] - cosines[:, 3:]) / 0.07 - 5
    torch.testing.assert_close(head(x), expected, rtol=1e-4, atol=1e-4)


def test_aggregation() -> None:
    embeddings, logits = torch.randn(2, 3, 8), torch.randn(2, 3, 5)
    torch.testing.assert_close(SegmentAggregator("mean", 8)(embeddings, logits), logits.mean(dim=1))
    torch.testing.assert_close(SegmentAggregator("max", 8)(embeddings, logits), logits.max(dim=1).values)
    attention = SegmentAggregator("attention", 8)
    torch.testing.assert_close(attention(embeddings, logits), logits.mean(dim=1))  # it starts as the mean
    torch.nn.init.normal_(attention.score.weight)
    weights = torch.softmax(embeddings @ attention.score.weight[0], dim=1)
    torch.testing.assert_close(attention(embeddings, logits), torch.einsum("bm,bmc->bc", weights, logits))
    with pytest.raises(ValueError, match="got 'median'"):
        SegmentAggregator("median", 8)  # type: ignore[arg-type]


def test_the_linear_head_starts_undecided() -> None:
    assert LinearHead(8, 3)(torch.randn(4, 8)).abs().max() < 1


@pytest.mark.parametrize(("scale", "background"), [(100.0, True), (100.0, False), (14.3, True)])
@pytest.mark.parametrize("stored", [False, True])
def test_half_precision_tells_clips_apart_as_full_precision_does(scale: float, background: bool, stored: bool) -> None:
    torch.manual_seed(0)
    head = TextHead(64, 3, background)
    head.set_text_features(torch.randn(3 + background, 64) + 4)  # published text embeddings are much alike
    torch.nn.init.constant_(head.log_scale, math.log(scale))
    x = torch.randn(5000, 64) + 2
    text = head.text_features.expand(5000, -1, -1) if stored else None
    with torch.no_grad():
        exact = head(x, text)
        with torch.autocast("cpu", torch.bfloat16):
            got = head(x, text)
    assert got.dtype == torch.float32
    assert torch.equal(got, exact)
    assert len(got[:, 0].unique()) > 4500  # some hundred where bfloat16 rounds


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_every_head_and_aggregation_is_in_float32(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    for head in (LinearHead(16, 3), TextHead(16, 3)):
        torch.nn.init.normal_(head.text_features if isinstance(head, TextHead) else head.linear.weight)
        x = torch.randn(8, 16)
        with torch.autocast("cpu", dtype):
            inside = head(x)
        assert torch.equal(inside, head(x))
        whole = head.to(dtype)(x.to(dtype))  # a network in half precision throughout
        assert whole.dtype == torch.float32
        torch.testing.assert_close(whole, inside, rtol=0.05, atol=0.1)
    for mode in ("mean", "max", "attention"):
        aggregator = SegmentAggregator(mode, 16)  # type: ignore[arg-type]
        if mode == "attention":
            torch.nn.init.normal_(aggregator.score.weight)
        embeddings, logits = torch.randn(4, 2, 16), torch.randn(4, 2, 3)
        with torch.autocast("cpu", dtype):
            inside = aggregator(embeddings, logits)
        assert torch.equal(inside, aggregator(embeddings, logits))
        assert aggregator.to(dtype)(embeddings.to(dtype), logits.to(dtype)).dtype == torch.float32
    pooled = TemporalTransformer(16, 4, 2, layers=1, heads=4)
    with torch.autocast("cpu", dtype):
        assert pooled(torch.randn(2, 8, 16).to(dtype)).dtype == torch.float32
