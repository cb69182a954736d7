import pytest
import torch
from build import make_classifier

from amclip.models.pretrained import describe_backbone
from amclip.optimiser import parameter_groups


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
