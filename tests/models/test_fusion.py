"""How frames and flow images come together: each pooled by itself, or in one sequence."""

import copy
import pickle
from typing import Any

import pytest
import torch
from build import make_classifier, make_task
from torch import Tensor

from amclip.losses import BCE
from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import FusionConfig
from amclip.models.pretrained import describe_backbone
from amclip.models.segments import LateFusion, TemporalTransformer

LATE = FusionConfig()
SEGMENTS = torch.tensor([[[0, 1], [1, 2]]]).expand(2, -1, -1)


def build(fusion: FusionConfig = LATE, **settings: object) -> InterleavedClassifier:
    torch.manual_seed(0)
    defaults = {"num_segments": 2, "positions_per_segment": 2, "temporal_heads": 4, "fusion": fusion}
    return make_classifier(describe_backbone("amclip-tiny", None, 64), 5, **{**defaults, **settings})


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 3, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("joined", [False, True])
def test_streams_are_pooled_by_themselves_then_stand_side_by_side_or_start_as_their_mean(joined: bool) -> None:
    torch.manual_seed(0)
    pools = [TemporalTransformer(8, 3, 1, heads=2) for _ in range(2)]
    sequence = torch.randn(4, 3 * 2, 8)
    fusion = LateFusion(pools, 8, joined)
    joint, each = fusion(sequence)
    for stream, pool in enumerate(pools):
        torch.testing.assert_close(each[:, stream], pool(sequence[:, stream::2]))
    torch.testing.assert_close(joint, each.mean(dim=1) if joined else each.flatten(1))
    assert joint.shape == (4, fusion.width)


def test_streams_keep_to_themselves_until_they_are_joined(images: Tensor) -> None:
    network = build(FusionConfig(stream_loss=0.5)).train()
    moved = images.clone()
    moved[:, :, 1] += 1
    with torch.no_grad():
        before, after = network.answer(images, SEGMENTS), network.answer(moved, SEGMENTS)
    assert before.streams.shape == (2, 2, 5)
    torch.testing.assert_close(after.streams[:, 0], before.streams[:, 0])
    assert (after.streams[:, 1] - before.streams[:, 1]).abs().max() > 1e-4
    assert (after.logits - before.logits).abs().max() > 1e-4


def test_the_papers_interleaving_lets_streams_look_at_each_other(images: Tensor) -> None:
    network = build(FusionConfig("interleaved"))
    pool = network.classifiers[0].temporal
    assert isinstance(pool, TemporalTransformer)
    assert pool.stream.shape[1] == 2
    assert network.answer(images, SEGMENTS).streams.shape == (2, 0, 5)


@pytest.mark.parametrize("fusion", [FusionConfig(), FusionConfig("interleaved")])
def test_one_stream_has_nothing_to_be_joined_with(images: Tensor, fusion: FusionConfig) -> None:
    network = build(fusion, num_streams=1)
    assert not any(isinstance(part, LateFusion) for part in network.modules())
    assert network(images[:, :, :1], SEGMENTS).shape == (2, 5)


@pytest.mark.parametrize("stream_loss", [0.0, 0.5])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"share_classifiers": False},
        {"temporal_kind": "mit"},
        {"temporal_kind": "attentive", "temporal_layers": 2, "share_classifiers": False, "aggregation": "attention"},
        {"head": "text"},
    ],
)
def test_every_weight_that_trains_has_a_gradient(images: Tensor, settings: dict[str, Any], stream_loss: float) -> None:
    """Else DistributedDataParallel would refuse the network."""
    network = build(FusionConfig(stream_loss=stream_loss), **settings).train()
    network.set_text_features(torch.randn(5, network.encoder.width))
    answer = network.answer(images, SEGMENTS)
    (answer.logits.sum() + answer.streams.sum()).backward()
    assert not [name for name, x in network.named_parameters() if x.requires_grad and x.grad is None]


def test_a_dropped_stream_is_dropped_in_training_alone(images: Tensor) -> None:
    torch.manual_seed(0)
    network = build(FusionConfig(stream_dropout=0.999999))
    with torch.no_grad():
        torch.testing.assert_close(network(images, SEGMENTS), build()(images, SEGMENTS))
        network.train()
        seen: list[Tensor] = []
        network.classifiers[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        for _ in range(8):
            network(images, SEGMENTS)
    sequences = torch.cat(seen).unflatten(0, (-1, 2))  # clip, segment, image
    empty = (sequences == 0).all(dim=-1).unflatten(-1, (-1, 2))  # …, position, stream
    assert (empty.sum(dim=-1) == 1).all()  # one of the two, everywhere
    assert (empty == empty[:, :1, :1]).all()  # the same one in a whole clip
    assert 0 < empty.float()[..., 0].mean() < 1  # not always the same one


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"cross_frame": True}, "cross_frame"),
        ({"head": "text", "video_prompt_layers": 1, "video_prompt_heads": 4}, "head.video_prompt_layers"),
    ],
)
def test_a_stream_is_not_dropped_where_it_would_be_seen_all_the_same(settings: dict[str, Any], option: str) -> None:
    fusion = FusionConfig(stream_dropout=0.5)
    with pytest.raises(ValueError, match=rf"fusion.stream_dropout: .* by way of {option}"):
        build(fusion, **settings)
    build(fusion, num_streams=1, **settings)


def test_each_streams_loss_is_added_with_its_weight(images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = torch.tensor([[1.0, 0, 0], [0, 1, 1]])
    batch = {"images": images, "segments": SEGMENTS, "labels": labels, "skipped": torch.zeros(2)}
    torch.manual_seed(0)
    fusion = FusionConfig(stream_loss=0.3)
    settings = {"num_segments": 2, "positions_per_segment": 2, "image_size": 64, "fusion": fusion}
    task = make_task(["a", "b", "c"], {**settings, "backbone": "amclip-tiny", "temporal_heads": 4}).train()
    monkeypatch.setattr(task, "log", lambda *args, **kwargs: None)
    answer = task.network.answer(images, SEGMENTS)
    expected = BCE()(answer.logits, labels) + 0.3 * sum(BCE()(x, labels) for x in answer.streams.unbind(1))
    torch.testing.assert_close(task.training_step(batch, 0), expected)


def test_joined_streams_are_compared_with_text_in_single_precision() -> None:
    torch.manual_seed(0)
    network = build(head="text")
    network.set_text_features(torch.randn(5, network.encoder.width))
    embeddings = torch.randn(2, 3, 2, network.encoder.width)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        pooled = network.classify(embeddings, SEGMENTS).embeddings
    assert pooled.dtype == torch.float32
    with torch.no_grad():  # and networks whose weights themselves are half as precise have no other path
        assert network.bfloat16().classify(embeddings.bfloat16(), SEGMENTS).logits.dtype == torch.float32


def test_a_copy_of_a_compiled_network_computes_with_its_own_weights(images: Tensor) -> None:
    network = build(motion=(1, 2)).eval()
    seen = images, SEGMENTS, torch.rand(2, 3, 1, 2)
    with torch.no_grad():
        before = network(*seen)
        network.compile(backend="eager")
        torch.testing.assert_close(network(*seen), before)
        for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            torch.testing.assert_close(other(*seen), before)
            for weight in other.classifiers.parameters():
                weight.zero_()
            assert other(*seen).abs().max() == 0
        torch.testing.assert_close(network(*seen), before)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "early"}, "expected late or interleaved, got 'early'"),
        ({"stream_loss": -1.0}, "fusion.stream_loss: expected a weight of 0 or more"),
        ({"stream_dropout": 1.0}, r"fusion.stream_dropout: expected a probability in \[0, 1\)"),
        ({"kind": "interleaved", "stream_loss": 0.5}, "fusion.stream_loss: only streams that are joined late"),
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FusionConfig(**values)
