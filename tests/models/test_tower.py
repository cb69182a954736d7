"""Towers of open_clip and timm: which are taken, what lies where in them, what trains, what decays."""

import copy
import json
import re
from typing import Any

import open_clip
import pytest
import torch
from build import make_classifier
from tiny_timm import DEPTH, KINDS, vision
from torch import Tensor, nn

from amclip.models.config import TuningConfig
from amclip.models.encoder import ImageEncoder
from amclip.models.lora import add_lora, merge_lora
from amclip.models.pretrained import describe_backbone
from amclip.models.tower import blocks_of, build_clip, depths, train_last, undecayed
from amclip.optimiser import parameter_groups

OF_STAGES = {"RN": "ModifiedResNet", "convnext": "ConvNeXt", "swin": "SwinTransformer", "MobileCLIP": "FastVit"}
# Parts of names by which a person tells embeddings, in all of the towers below.
EMBEDDINGS = re.compile(r"(class_embedding|positional_embedding|(cls|reg)_token|pos_embed|latent|query|bias_table)$")


def architecture(kind: str, size: int = 32) -> dict[str, Any]:
    width = 32 if KINDS[kind][3] == "none" else 8
    return {"embed_dim": width, "vision_cfg": vision(kind, size), "quick_gelu": False}


def config(name: str) -> dict[str, Any]:
    found: dict[str, Any] = open_clip.get_model_config(name)
    return found


def embedding_size(name: str) -> int:
    """Of a tower of open_clip's own, with two of its blocks, on the meta device."""
    model = config(name)
    vision_cfg = {**model["vision_cfg"], "layers": 2, "output_tokens": False}
    settings = {"embed_dim": model["embed_dim"], "vision_cfg": vision_cfg, "quick_gelu": False}
    visual: nn.Module = build_clip(settings, meta=True).visual
    with torch.device("meta"):
        features: Tensor = visual(torch.empty(1, 3, vision_cfg["image_size"], vision_cfg["image_size"]))
    return features.shape[1]


def is_of_stages(name: str) -> bool:
    return name.startswith(("RN", "convnext", "swin", "MobileCLIP-S", "MobileCLIP2-S"))


def kind_of(name: str) -> str:
    """What tells towers apart but for their sizes."""
    tower = config(name)["vision_cfg"]
    sizes = {"image_size", "layers", "width", "head_width", "patch_size", "mlp_ratio", "output_tokens"}
    kept = {key: value for key, value in tower.items() if key not in sizes}
    timm_name = str(kept.get("timm_model_name", ""))
    return json.dumps({**kept, "timm_model_name": re.sub(r"_(tiny|small|base|large|\w*giant|\d+).*", "", timm_name)})


ACCEPTED = sorted(
    {kind_of(name): name for name in reversed(open_clip.list_models()) if not is_of_stages(name)}.values()
)


def test_every_name_of_open_clip_is_taken_or_refused_for_what_it_is() -> None:
    seen: dict[str, str | int] = {}
    for name in open_clip.list_models():
        found = config(name)
        tower = dict(found["vision_cfg"])
        # timm's have the size of their images in the name, and the same layers at each; not all are cut without a rest.
        tower["timm_model_name"] = re.sub(r"_\d{3}$", "", tower.get("timm_model_name", ""))
        key = json.dumps([tower.pop("image_size") % 14, tower, found["embed_dim"]])
        if key not in seen:
            try:
                described = describe_backbone(name, None, found["vision_cfg"]["image_size"])["embed_dim"]
                seen[key] = described
                if "timm_model_name" not in found["vision_cfg"]:  # describing does not build these
                    assert embedding_size(name) == described
            except ValueError as error:
                seen[key] = str(error)
        if is_of_stages(name):
            built = next(kind for start, kind in OF_STAGES.items() if name.startswith(start))
            assert re.match(rf"backbone: .*{built}.* is built of stages.*no single row", str(seen[key])), seen[key]
        else:
            assert seen[key] == found["embed_dim"], name


@pytest.fixture(scope="module")
def towers() -> dict[str, nn.Module]:
    """A tower of each kind that open_clip has, on the meta device, with three of its blocks."""
    return {name: short_tower(name) for name in ACCEPTED}


def short_tower(name: str) -> nn.Module:
    model = config(name)
    vision_cfg = {**model["vision_cfg"], "output_tokens": False}
    settings = {"embed_dim": model["embed_dim"], "vision_cfg": vision_cfg, "quick_gelu": False}
    visual: nn.Module = build_clip(settings, meta=True).visual
    row: Any = visual.get_submodule("transformer.resblocks" if hasattr(visual, "transformer") else "trunk.blocks")
    del row[2:-1]
    return visual


def reach(visual: nn.Module) -> tuple[set[str], set[str], set[str]]:
    """Names of the weights on which the first block's input, the last one's output and the embedding depend."""
    passed: list[Tensor] = []
    hooks = [
        blocks_of(visual)[0].register_forward_pre_hook(lambda _, given: passed.append(given[0])),
        blocks_of(visual)[-1].register_forward_hook(lambda _, __, made: passed.append(made)),
    ]
    image: Any = getattr(visual, "image_size", 32)
    with torch.device("meta"):
        passed.append(visual(torch.empty(2, 3, *(image if isinstance(image, tuple) else (image, image)))))
    for hook in hooks:
        hook.remove()
    names, weights = zip(*((n, p) for n, p in visual.named_parameters() if p.requires_grad), strict=True)

    def of(tensor: Tensor) -> set[str]:
        if not tensor.requires_grad:
            return set()
        found = torch.autograd.grad(tensor.sum(), weights, allow_unused=True, retain_graph=True)
        return {name for name, gradient in zip(names, found, strict=True) if gradient is not None}

    first, last, features = (of(tensor) for tensor in passed)
    return first, last, features


@pytest.mark.parametrize("name", ACCEPTED)
def test_depth_follows_what_depends_on_what(name: str, towers: dict[str, nn.Module]) -> None:
    visual = towers[name]
    number = len(blocks_of(visual))
    train_last(visual, -1)
    before, until, all_of_it = reach(visual)
    trained = {name for name, parameter in visual.named_parameters() if parameter.requires_grad}
    assert trained == all_of_it  # whatever trains has a gradient: DistributedDataParallel refuses weights without
    found = depths(visual)
    assert found.keys() == {name for name, _ in visual.named_parameters()}
    for weight, depth in found.items():
        block = re.search(r"(?:resblocks|trunk\.blocks)\.(\d+)\.", weight)
        if block:
            assert depth == number - int(block[1]), weight
        elif weight in before:
            assert depth == number + 1, weight
        else:
            assert depth == 0, weight
            assert weight not in until, weight


@pytest.mark.parametrize("name", ACCEPTED)
def test_no_embedding_decays_and_every_matrix_does(name: str, towers: dict[str, nn.Module]) -> None:
    free = undecayed(towers[name])
    for weight, parameter in towers[name].named_parameters():
        told = parameter.ndim < 2 or bool(EMBEDDINGS.search(weight)) or weight.endswith("gamma")
        assert (weight in free) is told, weight


@pytest.mark.parametrize("name", ACCEPTED)
def test_lora_reaches_every_layer_that_it_is_in(name: str, towers: dict[str, nn.Module]) -> None:
    visual = copy.deepcopy(towers[name])
    last = len(blocks_of(visual)) - 1
    with torch.device("meta"):
        add_lora(visual, 1, 2, 16)
    updates = {name for name, parameter in visual.named_parameters() if parameter.requires_grad}
    assert updates == {name for name, _ in visual.named_parameters() if "lora_" in name}
    assert {int(re.search(r"blocks\.(\d+)\.", name)[1]) for name in updates} == {last}  # type: ignore[index]
    layers = {name.partition(".lora_")[0].partition("blocks.")[2].partition(".")[2] for name in updates}
    attention = {layer for layer in layers if layer.startswith("attn")}
    assert attention in (
        {"attn", "attn.base_layer.out_proj"},
        {"attn.qkv", "attn.proj"},
        {f"attn.{projection}" for projection in ("q_proj", "k_proj", "v_proj", "proj")},
    )
    assert len(layers - attention) in (2, 3)  # an MLP, or one with a gate
    assert reach(visual)[2] == updates


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def encoder(kind: str, **settings: Any) -> ImageEncoder:
    torch.manual_seed(0)
    return ImageEncoder(architecture(kind), TuningConfig(**settings)).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_lora_starts_as_the_tower_and_takes_its_weights(kind: str, images: Tensor) -> None:
    plain, adapted = encoder(kind), encoder(kind, lora_rank=2, trainable_blocks=2)
    weights = {name: torch.randn_like(value) / 4 for name, value in plain.visual.state_dict().items()}
    plain.load_clip(weights)
    adapted.load_clip(weights)
    torch.testing.assert_close(adapted(images), plain(images), rtol=0, atol=1e-5)
    found = {name for name, value in adapted.named_parameters() if value.requires_grad}
    assert {int(name.split("blocks.")[1].split(".")[0]) for name in found} == {DEPTH - 2, DEPTH - 1}
    for name, value in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.ones_(value)
    assert not torch.allclose(adapted(images), plain(images), atol=1e-3)
    again = encoder(kind, lora_rank=2, trainable_blocks=2)
    again.load_state_dict(adapted.state_dict())
    torch.testing.assert_close(again(images), adapted(images), rtol=0, atol=0)
    assert_merged_alike(adapted, images)
    assert merge_lora(plain) is plain


def test_updates_of_open_clips_attention_are_merged_with_those_of_its_projection(images: Tensor) -> None:
    vision_cfg = {"layers": 2, "width": 32, "head_width": 16, "patch_size": 8, "image_size": 32}
    torch.manual_seed(0)
    adapted = ImageEncoder(
        {"embed_dim": 8, "vision_cfg": vision_cfg, "quick_gelu": True}, TuningConfig(1, lora_rank=2)
    ).eval()
    for name, value in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(value)
    assert_merged_alike(adapted, images)


def assert_merged_alike(adapted: nn.Module, images: Tensor) -> None:
    """With the updates added to the weights the answers are the same, and nothing of peft is left."""
    before = adapted(images)
    merged = merge_lora(adapted)
    assert not [name for name, _ in merged.named_modules() if "lora" in name or "base_layer" in name]
    torch.testing.assert_close(merged(images), before, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(adapted(images), before, rtol=0, atol=0)  # it is a copy


@pytest.mark.parametrize(
    ("kind", "blocks"), [("siglip", 0), ("siglip", DEPTH), ("eva02", DEPTH), *((kind, 1) for kind in KINDS)]
)
def test_only_the_last_blocks_learn_and_checkpointing_changes_no_gradient(
    kind: str, blocks: int, images: Tensor
) -> None:
    gradients = []
    for checkpointing in (False, True):
        network = encoder(kind, trainable_blocks=blocks, gradient_checkpointing=checkpointing)
        network.train()
        features = network(images)
        assert features.requires_grad is (blocks > 0)
        if blocks:
            features.sum().backward()
        gradients.append({name: value.grad for name, value in network.named_parameters() if value.grad is not None})
    assert gradients[0].keys() == {name for name, value in network.named_parameters() if value.requires_grad}
    found = network.depths()
    assert gradients[0].keys() == {name for name in found if blocks and found[name] <= blocks}
    for name, value in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], value)


@pytest.mark.parametrize("kind", KINDS)
def test_patch_tokens_come_with_the_same_embeddings(kind: str, images: Tensor) -> None:
    network = encoder(kind)
    with torch.no_grad():
        features, tokens = network.with_patches(images)
        torch.testing.assert_close(features, network(images))
    assert tokens.shape == (2, 16, network.patch_width)


@pytest.mark.parametrize("kind", ["siglip", "eva02", "dinov3", "naflex"])
def test_towers_of_timm_take_images_of_another_size(kind: str, tmp_path: Any) -> None:
    path = tmp_path / "tower.json"
    path.write_text(json.dumps({"embed_dim": architecture(kind)["embed_dim"], "vision_cfg": vision(kind)}))
    larger = describe_backbone(str(path), None, 64)
    assert ImageEncoder(larger)(torch.zeros(1, 3, 64, 64)).shape == (1, larger["embed_dim"])
    with pytest.raises(ValueError, match=r"image_size: .* cuts images into squares of 8 pixels; 36 is no multiple"):
        describe_backbone(str(path), None, 36)


def test_a_network_gives_each_layer_of_a_timm_tower_its_rate_and_decay() -> None:
    network = make_classifier({**architecture("pe_core"), "mean": [0.5] * 3, "std": [0.5] * 3}, 5, temporal_heads=4)
    groups = parameter_groups(network, 1e-3, 1e-4, 0.1, 0.5)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    rates = {names[id(p)]: (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    trunk = "encoder.visual.trunk."
    assert rates[f"{trunk}head.weight"] == rates[f"{trunk}attn_pool.kv.weight"] == (1e-4, 0.1)
    assert rates[f"{trunk}attn_pool.latent"] == rates[f"{trunk}norm.weight"] == (1e-4, 0.0)
    assert rates[f"{trunk}blocks.{DEPTH - 1}.mlp.fc1.weight"] == (pytest.approx(0.5e-4), 0.1)
    assert rates[f"{trunk}cls_token"] == rates[f"{trunk}pos_embed"] == (pytest.approx(1e-4 * 0.5 ** (DEPTH + 1)), 0.0)
    assert rates[f"{trunk}patch_embed.proj.weight"] == (pytest.approx(1e-4 * 0.5 ** (DEPTH + 1)), 0.1)


def test_lora_is_refused_where_it_would_be_passed_by() -> None:
    custom = {"layers": 2, "width": 32, "head_width": 16, "patch_size": 16, "image_size": 32, "block_type": "custom"}
    with pytest.raises(ValueError, match=r"network\.tuning\.lora_rank: .*a matrix that is no layer"):
        ImageEncoder({"embed_dim": 8, "vision_cfg": custom, "quick_gelu": False}, TuningConfig(lora_rank=2))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet18", "timm's ResNet.*is built of stages"),
        ("mixer_s16_224", "not all blocks of its image tower .timm's MlpMixer. have attention"),
        ("hiera_tiny_224", "do not take what the ones before them give"),
        ("samvit_base_patch16", "pass on no row of tokens"),
    ],
)
def test_other_models_of_timm_are_refused_for_what_they_are(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        describe_backbone(f"timm:{name}", None, 224)
