"""What does not train of a tower computes as in evaluation: nothing is dropped, no batch is looked at."""

from typing import Any

import pytest
import tiny_timm
import torch
from timm.layers import DropPath
from torch import Tensor, nn

from amclip.models import encoder as encoders
from amclip.models.config import TuningConfig
from amclip.models.encoder import ImageEncoder
from amclip.models.tower import Architecture, build_tower


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes encoders with a batch norm in their stem, as MobileCLIP-B, whose blocks drop paths, as ViTamin's."""

    def build(architecture: Architecture) -> nn.Module:
        torch.manual_seed(0)
        tower = build_tower(architecture)
        trunk: Any = tower.get_submodule("trunk")
        trunk.patch_embed.proj = nn.Sequential(nn.BatchNorm2d(3), trunk.patch_embed.proj)
        for block in trunk.blocks:
            block.drop_path1, block.drop_path2 = DropPath(0.5), DropPath(0.5)
        return tower

    monkeypatch.setattr(encoders, "build_tower", build)
    vision = {**tiny_timm.vision("mobileclip"), "timm_proj": "none"}
    architecture = {"embed_dim": 32, "vision_cfg": vision, "quick_gelu": False}
    return lambda **settings: ImageEncoder(architecture, TuningConfig(**settings))


def images(number: int) -> Tensor:
    return torch.rand(number, 3, 32, 32, generator=torch.Generator().manual_seed(number))


def test_a_frozen_tower_embeds_in_training_as_in_evaluation(network: Any) -> None:
    made = network(trainable_blocks=0)
    holder = nn.ModuleList([made])
    seen = images(4)
    before = {name: value.clone() for name, value in made.state_dict().items()}
    holder.eval()
    expected = made(seen)
    holder.train()
    for _ in range(2):
        assert torch.equal(made(seen), expected)
    torch.testing.assert_close(made(seen[:1]), expected[:1], rtol=0, atol=1e-5)  # whatever else is in the batch
    for name, value in made.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert torch.equal(network(trainable_blocks=0)(seen), expected)  # as it is made


@pytest.mark.parametrize(
    "settings", [{"trainable_blocks": 1}, {"lora_rank": 2}, {"lora_rank": 2, "trainable_blocks": 2}]
)
def test_statistics_of_a_stem_that_is_frozen_stay(network: Any, settings: dict[str, int]) -> None:
    made = network(**settings).train()
    made(images(4)).sum().backward()
    norm = made.visual.trunk.patch_embed.proj[0]
    assert not norm.training
    assert (norm.running_mean.tolist(), norm.running_var.tolist()) == ([0.0] * 3, [1.0] * 3)
    blocks = list(made.visual.trunk.blocks)
    trains = [any(weight.requires_grad for weight in block.parameters()) for block in blocks]
    assert [block.drop_path1.training for block in blocks] == trains  # what trains drops paths
    assert any(trains)


def test_a_tower_that_trains_takes_the_statistics_of_its_batches(network: Any) -> None:
    made = network()
    made(images(4))
    assert made.visual.trunk.patch_embed.proj[0].running_mean.abs().min() > 0
    assert all(module.training for module in made.modules())
