"""Tokens made of numbers of motion, and how they stand beside the images'."""

import copy
from typing import Any

import pytest
import torch
from build import make_classifier, make_task
from torch import Tensor

from amclip.inputs import CropInput, FlowInput, MotionInput, NetworkInput
from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import FusionConfig
from amclip.models.motion import OBSERVED_STEPS, MotionTokens
from amclip.models.pretrained import describe_backbone
from amclip.models.segments import LateFusion

SEGMENTS = torch.tensor([[[0, 1], [1, 2]]]).expand(2, -1, -1)
SHAPE = (1, 3)


def build(**settings: Any) -> InterleavedClassifier:
    torch.manual_seed(0)
    defaults = {"num_segments": 2, "positions_per_segment": 2, "temporal_heads": 4, "motion": SHAPE}
    return make_classifier(describe_backbone("amclip-tiny", None, 64), 5, **{**defaults, **settings})


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 3, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def motion() -> Tensor:
    return torch.randn(2, 3, 1, 3, generator=torch.Generator().manual_seed(1)).exp()


class TestTokens:
    def test_numbers_are_linear_where_most_are_and_logarithmic_beyond(self) -> None:
        tokens = MotionTokens((1, 1), 8)
        tokens.observe(torch.tensor([-2.0, 2.0]).view(2, 1, 1) + 5, 0)
        numbers = 5 + 2 * torch.tensor([-1e7, -1e-2, 0.0, 1e-2, 1e4, 1e7]).view(-1, 1, 1)
        found = tokens.standardised(numbers).flatten().detach()
        torch.testing.assert_close(found[1:4], torch.tensor([-1e-2, 0, 1e-2]), rtol=1e-2, atol=0)
        torch.testing.assert_close(found[5] - found[4], 3 * torch.tensor(1000.0).log(), rtol=1e-3, atol=0)
        assert found[0] == -found[5]

    def test_the_first_steps_standardise_and_later_ones_do_not(self, motion: Tensor) -> None:
        tokens = MotionTokens(SHAPE, 8)
        batches = [motion * (1 + step) for step in range(5)]
        for step, batch in enumerate(batches):
            tokens.observe(batch, step)
        every = torch.stack(batches).flatten(0, -3)
        torch.testing.assert_close(tokens.mean, every.mean(dim=0))
        torch.testing.assert_close(tokens.variance, every.var(dim=0, correction=0))
        assert tokens.observed == len(every)
        before = copy.deepcopy(tokens.state_dict())
        tokens.observe(motion * 100, OBSERVED_STEPS)
        assert all(torch.equal(value, before[name]) for name, value in tokens.state_dict().items())

    def test_processes_observe_together(self, motion: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
        together, one = MotionTokens(SHAPE, 8), MotionTokens(SHAPE, 8)
        together.observe(torch.cat([motion, motion]), 0)
        monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
        monkeypatch.setattr("torch.distributed.all_reduce", lambda sums: sums.mul_(2))  # two with the same batch
        one.observe(motion, 0)
        for name in ("mean", "variance", "observed"):
            torch.testing.assert_close(getattr(one, name), getattr(together, name))

    def test_a_number_that_never_varied_says_nothing(self) -> None:
        tokens = MotionTokens((1, 1), 8)
        tokens.observe(torch.full((4, 1, 1), 0.1), 0)
        assert not tokens.standardised(torch.tensor([[[0.1]], [[5.0]]])).any()

    def test_numbers_are_not_rounded_by_mixed_precision(self, motion: Tensor) -> None:
        tokens = MotionTokens(SHAPE, 8)
        with torch.no_grad():
            expected = tokens(motion)
            with torch.autocast("cpu", torch.bfloat16):
                torch.testing.assert_close(tokens(motion), expected, rtol=0, atol=0)
            half = tokens.bfloat16()(motion)
        assert half.dtype == torch.bfloat16
        torch.testing.assert_close(half.float(), expected, rtol=0.05, atol=0.05)

    def test_numbers_that_it_was_not_made_for_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"motion: expected 3 numbers of each of 1 crops, .* shape \(2, 1, 4\)"):
            MotionTokens(SHAPE, 8)(torch.zeros(2, 1, 4))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"fusion": FusionConfig("interleaved")},
        {"fusion": FusionConfig(stream_loss=0.5)},
        {"num_streams": 1},
        {"temporal_kind": "mit"},
        {"head": "text"},
        {"cross_frame": True},
        {"cross_frame": True, "fusion": FusionConfig("interleaved"), "share_classifiers": False},
        {"head": "text", "video_prompt_layers": 1, "video_prompt_heads": 4},
        {"head": "text", "video_prompt_layers": 1, "video_prompt_heads": 4, "cross_frame": True},
        {"num_streams": 0, "trainable_blocks": 0},
        {"motion": (2, 3), "num_streams": 1},
    ],
    ids=lambda settings: ", ".join(settings) or "as it is",
)
def test_tokens_are_further_streams_of_every_network(images: Tensor, motion: Tensor, settings: dict[str, Any]) -> None:
    network = build(**settings).train()
    for head in network.text_heads():
        head.set_text_features(torch.randn(5, network.encoder.width))
    crops = settings.get("motion", SHAPE)[0]
    images = images[:, :, : network.num_streams]
    motion = motion.expand(-1, -1, crops, -1).clone().requires_grad_()
    answer = network.answer(images, SEGMENTS, motion)
    assert answer.logits.shape == (2, 5)
    pool = network.classifiers[0].temporal
    late = isinstance(pool, LateFusion)
    assert network.num_tokens == network.num_streams + crops
    assert (len(pool.streams) if late else network.num_tokens) == network.num_tokens
    if network.config.fusion.stream_loss:
        assert answer.streams.shape == (2, 3, 5)
    (answer.logits.square().sum() + answer.streams.square().sum()).backward()
    assert motion.grad is not None
    # Of the middle position, which both segments see, and of the first and last.
    assert (motion.grad.abs().amax(dim=(-2, -1)) > 0).all()
    # Else DistributedDataParallel would refuse the network.
    assert not [name for name, x in network.named_parameters() if x.requires_grad and x.grad is None]


def test_messages_between_images_leave_each_position_its_own_numbers(images: Tensor, motion: Tensor) -> None:
    network = build(cross_frame=True)
    with torch.no_grad():
        moved = motion.clone()
        moved[:, 0] *= 3
        one, other = network.answer(images, SEGMENTS, motion), network.answer(images, SEGMENTS, moved)
    changed = (one.embeddings - other.embeddings).abs().amax(dim=-1)
    assert (changed[:, 0] > 1e-6).all()  # the first position is in the first segment alone
    torch.testing.assert_close(other.embeddings[:, 1], one.embeddings[:, 1])


def test_embedding_and_classifying_apart_is_the_same(images: Tensor, motion: Tensor) -> None:
    network = build()
    with torch.no_grad():
        features = network.embed_images(images)
        assert features.shape == (2, 3, 2, network.encoder.width)
        joined = network.join(features, motion)
        assert joined.shape == (2, 3, 3, network.encoder.width)
        torch.testing.assert_close(joined, network.embed(images, motion))
        torch.testing.assert_close(joined[:, :, :2], features)
        expected = network(images, SEGMENTS, motion)
        torch.testing.assert_close(network.classify(joined, SEGMENTS).logits, expected)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network.embed(images, motion)  # not the tokens of motion, nor stored embeddings beside them
            torch.testing.assert_close(rounded[:, :, 2:], joined[:, :, 2:], rtol=0, atol=0)
            torch.testing.assert_close(rounded[:, :, :2], network.embed_images(images).float(), rtol=0, atol=0)
    with pytest.raises(ValueError, match=r"motion: the network was built for numbers of motion .* and got none"):
        network(images, SEGMENTS)
    with pytest.raises(ValueError, match="built for 3 streams, got 2"):
        network.classify(features, SEGMENTS)


def test_a_network_without_tokens_looks_at_no_numbers(images: Tensor, motion: Tensor) -> None:
    network = build(motion=None)
    assert network.motion is None
    with torch.no_grad():
        torch.testing.assert_close(network(images, SEGMENTS, motion), network(images, SEGMENTS))


def test_a_dropped_stream_may_be_the_numbers(images: Tensor, motion: Tensor) -> None:
    network = build(fusion=FusionConfig(stream_dropout=0.999999)).train()
    seen: list[Tensor] = []
    network.classifiers[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    torch.manual_seed(0)
    with torch.no_grad():
        for _ in range(12):
            network(images, SEGMENTS, motion)
    left = (torch.cat(seen) != 0).any(dim=-1).unflatten(-1, (-1, 3))  # …, position, stream
    assert (left.sum(dim=-1) == 1).all()
    assert left.flatten(0, 1).any(dim=0).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_streams": 0}, "network.tuning.trainable_blocks: .* shows none; set 0, got -1"),
        ({"num_streams": 0, "trainable_blocks": 0, "cross_frame": True}, "network.cross_frame: .* set false"),
        (
            {
                "num_streams": 0,
                "trainable_blocks": 0,
                "head": "text",
                "video_prompt_layers": 1,
                "video_prompt_heads": 4,
            },
            "network.head.video_prompt_layers: .* set 0, got 1",
        ),
    ],
)
def test_what_is_about_images_is_refused_where_there_are_none(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(**settings)


def test_a_task_makes_room_for_the_numbers_of_its_input() -> None:
    seen = NetworkInput(
        **{"num_segments": 1, "positions_per_segment": 2, "image_size": 64, "modality": "frames"},
        **{"crop": CropInput(context=2.0), "flow": FlowInput(motion=MotionInput(cells=1))},
    )
    task = make_task(["a", "b"], {"input": seen, "backbone": "amclip-tiny", "temporal_heads": 4})
    tokens = task.network.motion
    assert tokens is not None
    assert tokens.shape == (2, 33)
    assert task.network.num_tokens == 4
    trained = {name for name, x in task.named_parameters() if x.requires_grad and "network.motion" in name}
    assert trained == {
        f"network.motion.tokens.{crop}.{part}.{kind}"
        for crop in (0, 1)
        for part in (0, 2)
        for kind in ("weight", "bias")
    }


def test_half_precision_counts_positions_without_becoming_infinite() -> None:
    tokens = MotionTokens((1, 3), 8).half()
    motion = torch.randn(64, 64, 1, 3, generator=torch.Generator().manual_seed(2))
    for step in range(40):
        tokens.observe(motion, step)
    assert bool(tokens.standardised(motion).isfinite().all())
    torch.testing.assert_close(tokens.variance.float(), motion.flatten(0, 1).var(dim=0), rtol=0.02, atol=0.02)
