import copy
from typing import Any

import pytest
import torch
from build import make_classifier
from torch import Tensor, nn

from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import TuningConfig
from amclip.models.encoder import ImageEncoder
from amclip.models.pretrained import describe_backbone, load_pretrained
from amclip.models.xclip_layers import CrossFrameBlock, MessageInit, MultiFrameIntegration, VideoPrompts, is_message

FRAMES = 4


def encoder(messages: MessageInit | None = None, **tuning: Any) -> ImageEncoder:
    torch.manual_seed(0)
    return ImageEncoder(describe_backbone("amclip-tiny", None, 64), TuningConfig(**tuning), messages, FRAMES)


@pytest.fixture(scope="module")
def clip() -> dict[str, Tensor]:
    architecture = describe_backbone("amclip-tiny", "synthetic", 64)
    return load_pretrained("amclip-tiny", "synthetic", architecture).visual


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2 * FRAMES, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def open_gates(module: nn.Module, value: float = 1.0) -> None:
    for name, parameter in module.named_parameters():
        if name.endswith("message_gate"):
            nn.init.constant_(parameter, value)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_at_the_start_it_is_frame_wise_clip(
    clip: dict[str, Tensor], images: Tensor, training: bool, checkpointing: bool
) -> None:
    alone, together = encoder(), encoder(messages="zero", gradient_checkpointing=checkpointing)
    alone.load_clip(clip)
    together.load_clip(clip)
    alone.train(training)
    together.train(training)
    with torch.set_grad_enabled(training):
        torch.testing.assert_close(together(images), alone(images), rtol=0, atol=1e-5)


def test_a_message_of_zeros_would_not_be_frame_wise_clip(clip: dict[str, Tensor], images: Tensor) -> None:
    """Why there is a gate: a key of zeros still takes its share of attention."""
    alone, together = encoder(), encoder(messages="xclip")
    alone.load_clip(clip)
    together.load_clip(clip)
    for name, parameter in together.named_parameters():
        if is_message(name):
            nn.init.zeros_(parameter)
    with torch.no_grad():
        assert (together(images) - alone(images)).abs().max() > 1e-3


def test_an_open_gate_is_x_clips_block_in_training_and_out_of_it(images: Tensor) -> None:
    gated, plain = encoder(messages="zero"), encoder(messages="xclip")
    plain.load_state_dict(gated.state_dict(), strict=False)
    open_gates(gated)
    for training in (True, False):
        gated.train(training)
        plain.train(training)
        with torch.set_grad_enabled(training):
            torch.testing.assert_close(gated(images), plain(images), rtol=0, atol=1e-5)


def test_messages_reach_the_frames_of_their_sequence_and_no_others(images: Tensor) -> None:
    network = encoder(messages="xclip").eval()
    changed = images.clone()
    changed[1] += 1
    with torch.no_grad():
        moved = (network(images) - network(changed)).abs().amax(dim=1)
    assert (moved[:FRAMES] > 1e-6).all()
    assert (moved[FRAMES:] == 0).all()
    with pytest.raises(ValueError, match="7 images do not divide into sequences of 4"):
        network(images[:7])


def test_the_gate_learns_from_the_first_step_and_the_message_from_the_second(images: Tensor) -> None:
    network = encoder(messages="zero")
    network(images).square().sum().backward()
    gates = {n: p.grad for n, p in network.named_parameters() if n.endswith("message_gate")}
    assert all(float(gradient.abs()) > 1e-4 for gradient in gates.values())
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())
    expected = {}
    for name in gates:  # the gradient at 0, from outside: a gate of 1e-3 and the difference it makes
        probe = copy.deepcopy(network)
        nn.init.constant_(dict(probe.named_parameters())[name], 1e-3)
        with torch.no_grad():
            expected[name] = (
                probe.double()(images.double()).square().sum() - network.double()(images.double()).square().sum()
            ) / 1e-3
        network.float()
    for name, gradient in gates.items():
        assert float(gradient) == pytest.approx(float(expected[name]), rel=0.1)
    open_gates(network, -0.5)  # a gate pushed below zero is closed, and its gradient can open it again
    network.zero_grad()
    network(images).square().sum().backward()
    assert all(float(p.grad.abs()) > 1e-4 for n, p in network.named_parameters() if n.endswith("message_gate"))


@pytest.mark.parametrize("blocks", [-1, 0, 1])
def test_messages_train_whatever_is_frozen(blocks: int) -> None:
    network = encoder(messages="zero", trainable_blocks=blocks)
    reference = encoder(trainable_blocks=blocks)
    trains = {n.replace(".block.", ".") for n, p in network.named_parameters() if p.requires_grad and not is_message(n)}
    assert trains == {n for n, p in reference.named_parameters() if p.requires_grad}
    assert all(p.requires_grad for n, p in network.named_parameters() if is_message(n))
    assert not network.frozen


def test_weights_that_do_not_fit_are_listed(clip: dict[str, Tensor]) -> None:
    less = {name: value for name, value in clip.items() if name != "proj"}
    with pytest.raises(ValueError, match=r"missing \['proj'\], too many \['head'\], of another shape \['class_emb"):
        encoder(messages="zero").load_clip({**less, "head": clip["proj"], "class_embedding": torch.zeros(3)})


def test_bfloat16_and_checkpointing_give_the_same_gradients(images: Tensor) -> None:
    plain, saving = encoder(messages="zero"), encoder(messages="zero", gradient_checkpointing=True)
    for network in (plain, saving):
        open_gates(network, 0.5)
        network(images).square().sum().backward()
    for (name, a), (_, b) in zip(plain.named_parameters(), saving.named_parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-4, msg=name)
    closed = encoder(messages="zero")
    gradients = []
    for precision in (torch.float32, torch.bfloat16):
        closed.zero_grad()
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            closed(images).float().square().sum().backward()
        named = closed.named_parameters()
        gradients.append(torch.cat([p.grad for n, p in named if n.endswith("message_gate")]))  # type: ignore[misc]
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0.3, atol=0)  # a closed gate can open in bfloat16 too
    with torch.no_grad():
        exact = plain(images)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = plain(images)
    assert float((rounded - exact).norm() / exact.norm()) < 0.03


def test_checkpointing_keeps_fewer_activations(images: Tensor) -> None:
    kept = []
    for checkpointing in (False, True):
        size = 0

        def count(tensor: Tensor) -> Tensor:
            nonlocal size
            size += tensor.numel()
            return tensor

        network = encoder(messages="zero", gradient_checkpointing=checkpointing)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            network(images)
        kept.append(size)
    assert kept[1] < kept[0] / 4


def test_towers_of_another_kind_are_refused() -> None:
    with (
        torch.device("meta"),
        pytest.raises(ValueError, match=r"network\.cross_frame: messages need blocks of open_clip"),
    ):
        ImageEncoder(describe_backbone("ViT-B-16-SigLIP", None, 224), messages="zero", num_frames=FRAMES)
    with pytest.raises(ValueError, match="message_init: expected zero or xclip"):
        CrossFrameBlock(nn.Identity(), 8, 2, FRAMES, "nothing")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="5 heads do not divide"):
        MultiFrameIntegration(16, FRAMES, heads=5)
    with pytest.raises(ValueError, match="needs 1 or more, got 0"):
        MultiFrameIntegration(16, FRAMES, layers=0, heads=4)
    with pytest.raises(ValueError, match="heads must divide it"):
        VideoPrompts(16, 32, heads=5)


def build(**settings: Any) -> InterleavedClassifier:
    torch.manual_seed(0)
    defaults = {"num_segments": 2, "positions_per_segment": 2, "temporal_heads": 4, "video_prompt_heads": 4}
    return make_classifier(describe_backbone("amclip-tiny", None, 64), 5, **{**defaults, **settings})


PROMPTED = {"head": "text", "video_prompt_layers": 1}
SEGMENTS = torch.tensor([[[0, 1], [1, 2]]]).expand(2, -1, -1)


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("parts", [{}, {"temporal": "mit"}, PROMPTED, {"temporal": "mit", **PROMPTED}], ids=str)
@pytest.mark.parametrize("cross_frame", [True, False])
def test_each_part_is_switched_on_its_own(share: bool, parts: dict[str, Any], cross_frame: bool) -> None:
    network = build(share_classifiers=share, cross_frame=cross_frame, **parts)
    network.set_text_features(torch.randn(5, 96)) if "head" in parts else None
    images = torch.randn(2, 3, 2, 3, 64, 64)
    with torch.no_grad():
        both = network(images, SEGMENTS)
        assert both.shape == (2, 5)
        assert any(is_message(name) for name, _ in network.named_parameters()) is cross_frame
        assert any(isinstance(m, MultiFrameIntegration) for m in network.modules()) is ("temporal" in parts)
        assert any(isinstance(m, VideoPrompts) for m in network.modules()) is ("head" in parts)
        if share:  # segments are classified one by one, from their own images
            alone = [network(images[:, m : m + 2], torch.tensor([[[0, 1]]]).expand(2, -1, -1)) for m in range(2)]
            torch.testing.assert_close(both, (alone[0] + alone[1]) / 2, rtol=0, atol=1e-5)


@pytest.mark.parametrize("parts", [{}, {"temporal": "mit"}, PROMPTED], ids=str)
def test_the_video_network_starts_as_the_frame_wise_one(parts: dict[str, Any]) -> None:
    alone, together = build(**parts), build(cross_frame=True, **parts)
    together.encoder.load_clip(alone.encoder.visual.state_dict())
    together.classifiers.load_state_dict(alone.classifiers.state_dict())
    if "head" in parts:
        for network in (alone, together):
            network.set_text_features(torch.eye(96)[:5])
    images = torch.randn(2, 3, 2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(together(images, SEGMENTS), alone(images, SEGMENTS), rtol=0, atol=1e-5)


def test_settings_that_do_not_go_together_are_refused() -> None:
    for settings, message in (
        ({"temporal": "mit", "temporal_dropout": 0.1}, "has no dropout"),
        ({"video_prompt_layers": 1}, "and kind text"),
        ({"temporal": "lstm"}, "temporal.kind: expected transformer, attentive or mit"),
        ({"background_prompts": ("an animal",)}, "by kind text"),
    ):
        with pytest.raises(ValueError, match=message):
            build(**settings)
    with pytest.raises(ValueError, match="depends on its segment"):
        build(cross_frame=True).embed(torch.zeros(1, 1, 2, 3, 64, 64))
    with pytest.raises(ValueError, match="none were given"):
        build(**PROMPTED).classify(torch.zeros(2, 3, 2, 96), SEGMENTS)


@pytest.mark.parametrize("cross_frame", [True, False])
@pytest.mark.parametrize("scheme", ["dense", "semi-dense", "sparse"])
def test_the_images_embedded_are_those_said(cross_frame: bool, scheme: Any) -> None:
    from amclip.sampling import num_positions, segment_indices

    K = num_positions(scheme, 2, 2)
    network = build(cross_frame=cross_frame)
    seen: list[int] = []
    network.encoder.visual.conv1.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    with torch.no_grad():
        network(torch.randn(1, K, 2, 3, 64, 64), segment_indices(scheme, 2, 2)[None])
    assert seen == [network.images_per_clip(K)]
    assert seen == [4 if scheme == "semi-dense" and not cross_frame else 8]
