from typing import Any

import pytest
import torch
from build import make_classifier

from amclip import optimiser
from amclip.models.pretrained import describe_backbone
from amclip.optimiser import new_adamw, parameter_groups


def rates(**settings: object) -> dict[str, float]:
    decay = settings.pop("layer_decay", 1.0)
    network = make_classifier(
        describe_backbone(str(settings.pop("backbone", "amclip-tiny")), None, 64), 5, temporal_heads=4, **settings
    )
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    groups = parameter_groups(network, 1e-3, 1e-4, 0.1, decay)
    found = {names[id(parameter)]: group["lr"] for group in groups for parameter in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(found)  # none twice
    assert found.keys() == {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    return found


def test_rates_fall_from_the_output_down() -> None:
    found = rates(layer_decay=0.5)
    tower = "encoder.visual."
    assert found["classifiers.0.head.linear.weight"] == 1e-3
    assert found[f"{tower}proj"] == found[f"{tower}ln_post.weight"] == 1e-4
    assert found[f"{tower}transformer.resblocks.1.attn.in_proj_weight"] == pytest.approx(0.5e-4)
    assert found[f"{tower}transformer.resblocks.0.mlp.c_fc.bias"] == pytest.approx(0.25e-4)
    for name in ("conv1.weight", "class_embedding", "positional_embedding"):
        assert found[f"{tower}{name}"] == pytest.approx(0.125e-4)


def test_messages_and_lora_learn_at_the_rate_of_new_weights() -> None:
    found = rates(layer_decay=0.5, cross_frame=True, lora_rank=2, trainable_blocks=1)
    tower = {name: rate for name, rate in found.items() if name.startswith("encoder.")}
    assert set(tower.values()) == {1e-3}
    assert any("lora_A" in name for name in tower)
    assert any("message_gate" in name for name in tower)
    mixed = rates(layer_decay=0.5, cross_frame=True)
    assert mixed["encoder.visual.transformer.resblocks.1.block.attn.in_proj_weight"] == pytest.approx(0.5e-4)
    assert mixed["encoder.visual.transformer.resblocks.1.message_fc.weight"] == 1e-3


def test_layers_of_timms_towers_are_known_too() -> None:
    torch.manual_seed(0)
    found = rates(backbone="ViT-B-16-SigLIP", layer_decay=0.5)
    assert found["encoder.visual.trunk.blocks.11.attn.qkv.weight"] == pytest.approx(0.5e-4)
    assert found["encoder.visual.trunk.patch_embed.proj.weight"] == pytest.approx(1e-4 * 0.5**13)
    assert found["encoder.visual.trunk.norm.weight"] == pytest.approx(1e-4)


def adamw(weights: list[torch.Tensor]) -> tuple[list[torch.nn.Parameter], torch.optim.AdamW]:
    parameters = [torch.nn.Parameter(weight.clone()) for weight in weights]
    groups: list[dict[str, Any]] = [
        {"params": parameters[:1], "lr": 1e-2, "weight_decay": 0.1},
        {"params": parameters[1:], "lr": 1e-3, "weight_decay": 0.0},
    ]
    return parameters, new_adamw(groups, (0.9, 0.98), 1e-8)


def steps(parameters: list[torch.nn.Parameter], optimizer: torch.optim.AdamW, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(3):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()


@pytest.mark.parametrize("ways", [(True, False), (False, True), (True, True)], ids=str)
def test_a_fused_optimiser_goes_on_from_a_plain_one_and_the_other_way_round(
    monkeypatch: pytest.MonkeyPatch, ways: tuple[bool, bool]
) -> None:
    weights = [torch.randn(5, 7), torch.randn(7)]
    plain, optimizer = adamw(weights)
    assert optimizer.defaults["fused"] is None  # on the CPU
    steps(plain, optimizer, 1)
    steps(plain, optimizer, 2)
    parameters, state = weights, None
    for seed, fused in zip((1, 2), ways, strict=True):
        monkeypatch.setattr(optimiser, "_can_be_fused", lambda parameters, fused=fused: fused)
        trained, optimizer = adamw([parameter.detach() for parameter in parameters])
        if state is not None:
            optimizer.load_state_dict(state)
        assert [group["fused"] for group in optimizer.param_groups] == [fused or None] * 2
        steps(trained, optimizer, seed)
        parameters, state = list(trained), optimizer.state_dict()
    for found, expected in zip(parameters, plain, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_weights_on_a_gpu_are_stepped_by_one_kernel_and_gradients_can_be_clipped() -> None:
    from lightning.pytorch.plugins import MixedPrecision
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(), torch.device("cuda"):
        parameters, optimizer = adamw([torch.empty(5, 7), torch.empty(7)])
        assert all(group["fused"] for group in optimizer.param_groups)
        for parameter in parameters:
            parameter.grad = torch.zeros_like(parameter)
        MixedPrecision("bf16-mixed", "cuda").clip_gradients(optimizer, 1.0)
        optimizer.step()
