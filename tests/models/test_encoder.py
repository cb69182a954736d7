import json
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from amclip.models.config import TuningConfig
from amclip.models.encoder import ImageEncoder
from amclip.models.pretrained import describe_backbone, load_pretrained

TINY = json.loads((Path(__file__).parents[2] / "amclip/models/tiny.json").read_text())


@pytest.fixture(scope="module")
def clip() -> open_clip.CLIP:
    torch.manual_seed(1)
    return open_clip.CLIP(**TINY).eval()


@pytest.mark.parametrize("kind", ["safetensors file", "pt file", "local folder"])
def test_features_equal_open_clips_own(clip: open_clip.CLIP, tmp_path: Path, kind: str) -> None:
    backbone, pretrained = "amclip-tiny", None
    if kind == "pt file":
        pretrained = str(tmp_path / "weights.pt")
        torch.save(clip.state_dict(), pretrained)
    else:
        pretrained = str(tmp_path / "open_clip_model.safetensors")
        save_file({k: v.clone().contiguous() for k, v in clip.state_dict().items()}, pretrained)
    if kind == "local folder":
        config = {"model_cfg": TINY, "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}
        (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
        backbone, pretrained = f"local-dir:{tmp_path}", None
    architecture = describe_backbone(backbone, pretrained, 64)
    encoder = ImageEncoder(architecture).eval()
    found = load_pretrained(backbone, pretrained, architecture, [["a dog", "dogs"], ["a cat", "cats"]])
    encoder.load_clip(found.visual)
    images = torch.randn(5, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(encoder(images), clip.encode_image(images), rtol=0, atol=1e-5)
        tokenizer = open_clip.SimpleTokenizer(context_length=TINY["text_cfg"]["context_length"])
        expected = clip.encode_text(tokenizer(["a dog", "dogs"]), normalize=True).mean(dim=0)
        length = clip.encode_text(tokenizer(["a dog", "dogs"])).norm(dim=-1).mean()
    assert found.text is not None
    torch.testing.assert_close(found.text[0], expected * length, rtol=0, atol=1e-5)
    assert found.log_scale == pytest.approx(float(clip.logit_scale.detach()))
    if kind == "local folder":
        assert architecture["mean"] == [0.5, 0.5, 0.5]


def test_a_hub_repository_is_read_from_the_local_cache_without_a_network(
    clip: open_clip.CLIP, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    save_file(
        {k: v.clone().contiguous() for k, v in clip.state_dict().items()},
        repository / "open_clip_model.safetensors",
    )
    (repository / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": {}}))

    def download(repo_id: str, filename: str, **_: object) -> str:
        assert repo_id == "someone/model"
        return str(repository / filename)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    weights_file = str(repository / "open_clip_model.safetensors")
    monkeypatch.setattr("open_clip.factory.download_pretrained_from_hf", lambda *_, **__: weights_file)
    monkeypatch.setattr(
        "open_clip.factory._get_hf_config",
        lambda *_, **__: json.loads((repository / "open_clip_config.json").read_text()),
    )
    architecture = describe_backbone("hf-hub:someone/model", None, 64)
    weights = load_pretrained("hf-hub:someone/model", None, architecture).visual
    torch.testing.assert_close(weights["proj"], clip.visual.proj.detach())


def test_another_image_size_interpolates_the_positions(clip: open_clip.CLIP, tmp_path: Path) -> None:
    path = str(tmp_path / "weights.pt")
    torch.save(clip.state_dict(), path)
    architecture = describe_backbone("amclip-tiny", path, 96)
    encoder = ImageEncoder(architecture)
    encoder.load_clip(load_pretrained("amclip-tiny", path, architecture).visual)
    assert encoder(torch.zeros(1, 3, 96, 96)).shape == (1, 96)


def test_published_weights_bring_their_activation_and_normalisation() -> None:
    openai = describe_backbone("ViT-B-16", "openai", 224)
    assert openai["quick_gelu"] is True
    assert describe_backbone("ViT-B-16", "laion2b_s34b_b88k", 224)["quick_gelu"] is False
    assert openai["mean"] == pytest.approx([0.48145466, 0.4578275, 0.40821073])


@pytest.mark.parametrize(
    ("backbone", "mean", "std"),
    [
        ("ViT-B-16", 0.48145466, 0.26862954),
        ("ViT-L-14", 0.48145466, 0.26862954),  # published with CLIP's, once with 0.5: the usual one
        ("ViT-B-16-SigLIP2", 0.5, 0.5),
        ("PE-Core-B-16", 0.5, 0.5),
        ("MobileCLIP-B", 0.0, 1.0),
        ("ViT-L-14-CLIPA", 0.485, 0.229),
    ],
)
def test_a_file_has_the_normalisation_of_what_is_published_under_the_name(
    backbone: str, mean: float, std: float, tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"")  # not looked into
    found = describe_backbone(backbone, str(path), 224)
    assert (found["mean"][0], found["std"][0]) == pytest.approx((mean, std))


@pytest.mark.parametrize(
    ("backbone", "pretrained", "message"),
    [
        ("ViT-Z-99", None, "is no model of open_clip"),
        ("ViT-B-16", "nowhere", "neither a file nor weights known for ViT-B-16"),
        ("RN50", None, "of convolutions.* no single row of transformer blocks"),
        ("convnext_base", None, "timm's ConvNeXt.* no single row of transformer blocks"),
        ("missing.json", None, "there is no file missing.json"),
        ("local-dir:/nowhere", None, "open_clip_config.json"),
    ],
)
def test_names_that_cannot_be_used_are_refused(backbone: str, pretrained: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        describe_backbone(backbone, pretrained, 224)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "open_clip_config.json is not JSON"),
        ("[]", "open_clip_config.json holds list"),
        ("{}", "has no model_cfg with embed_dim and vision_cfg"),
        ('{"model_cfg": {"embed_dim": 8}}', "has no model_cfg with embed_dim and vision_cfg"),
    ],
)
def test_descriptions_that_cannot_be_used_are_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "open_clip_config.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        describe_backbone(f"local-dir:{tmp_path}", None, 224)


@pytest.mark.parametrize("backbone", ["hf-hub:someone/clip", "xclip-hub:someone/xclip", "vjepa-hub:someone/vjepa"])
def test_what_the_hub_does_not_give_is_named(backbone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*arguments: str) -> str:
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", offline)
    with pytest.raises(ValueError, match=rf"config.json of '{backbone}' is not in the hub's cache.*no network.*-dir:"):
        describe_backbone(backbone, None, 224)


@pytest.mark.parametrize(("blocks", "expected"), [(0, set()), (1, {1}), (2, {0, 1}), (-1, {0, 1})])
def test_the_blocks_asked_for_train(blocks: int, expected: set[int]) -> None:
    encoder = ImageEncoder(describe_backbone("amclip-tiny", None, 64), TuningConfig(trainable_blocks=blocks))
    trains = {
        int(name.split("resblocks.")[1].split(".")[0])
        for name, parameter in encoder.named_parameters()
        if parameter.requires_grad and "resblocks." in name
    }
    assert trains == expected
    assert encoder.visual.conv1.weight.requires_grad is (blocks == -1)
    assert encoder.frozen is (blocks == 0)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"trainable_blocks": -3}, "trainable_blocks: .* got -3"),
        ({"lora_rank": -1}, "lora_rank: .* got -1 and -1"),
        ({"lora_rank": 2, "trainable_blocks": 0}, "lora_rank: .* got 2 and 0"),
        ({"lora_alpha": 0}, "lora_alpha: expected 1 or more, got 0"),
    ],
)
def test_ways_to_train_that_cannot_be_are_refused(setting: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TuningConfig(**setting)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [32, 64, 96])
def test_the_demos_weights_fit_any_size(size: int) -> None:
    architecture = describe_backbone("amclip-tiny", "synthetic", size)
    weights = load_pretrained("amclip-tiny", "synthetic", architecture).visual
    encoder = ImageEncoder(architecture)
    encoder.load_clip(weights)
    assert encoder(torch.zeros(1, 3, size, size)).isfinite().all()


@pytest.fixture(scope="module")
def timm_tower(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The smallest of timm's vision transformers, as an open_clip configuration names it: 12 blocks."""
    path = tmp_path_factory.mktemp("timm") / "tiny.json"
    vision = {"timm_model_name": "vit_tiny_patch16_224", "timm_proj": "linear", "timm_pool": "token", "image_size": 32}
    path.write_text(json.dumps({"embed_dim": 8, "vision_cfg": vision, "text_cfg": {}}))
    return describe_backbone(str(path), None, 32)


@pytest.mark.parametrize(("blocks", "first"), [(0, None), (1, 11), (3, 9), (12, 0), (-1, 0)])
def test_the_last_blocks_of_a_timm_tower_train(blocks: int, first: int | None, timm_tower: dict[str, object]) -> None:
    encoder = ImageEncoder(timm_tower, TuningConfig(trainable_blocks=blocks))
    trained = [name for name, value in encoder.visual.named_parameters() if value.requires_grad]
    numbers = {int(name.split(".")[2]) for name in trained if name.startswith("trunk.blocks.")}
    assert numbers == (set() if first is None else set(range(first, 12)))
    assert encoder.frozen == (first is None)
    assert any("norm" in name and "blocks" not in name for name in trained) == (first is not None)
    assert any("pos_embed" in name for name in trained) == (blocks == -1)


@pytest.mark.parametrize("blocks", [13, 100])
def test_more_blocks_than_a_timm_tower_has_are_refused(blocks: int, timm_tower: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"this image tower has 12 blocks, not {blocks}"):
        ImageEncoder(timm_tower, TuningConfig(trainable_blocks=blocks))


@pytest.mark.parametrize(("pool", "used"), [(True, 1), ("cascade", 2), ("parallel", 1)])
@pytest.mark.parametrize("blocks", [0, 1, 2, -1])
def test_the_attentional_pooling_of_coca_trains_with_the_blocks(
    tmp_path: Path, pool: bool | str, used: int, blocks: int
) -> None:
    path = tmp_path / "coca.json"
    vision = {"layers": 2, "width": 32, "head_width": 16, "patch_size": 16, "image_size": 32}
    vision |= {"attentional_pool": pool, "attn_pooler_heads": 2, "attn_pooler_queries": 4}
    path.write_text(json.dumps({"embed_dim": 32, "vision_cfg": vision, "text_cfg": {}}))
    encoder = ImageEncoder(describe_backbone(str(path), None, 32), TuningConfig(trainable_blocks=blocks))
    trains = {name: value for name, value in encoder.visual.named_parameters() if value.requires_grad}
    pooling = {name.split(".")[0] for name in trains if name.startswith("attn_pool")}
    if blocks >= 0:
        assert len(pooling) == (used if blocks else 0)
        assert ("conv1.weight" in trains) is False
    if blocks > 0:  # whatever trains has a gradient: DistributedDataParallel refuses weights without
        encoder(torch.randn(2, 3, 32, 32)).sum().backward()
        assert [name for name, value in trains.items() if value.grad is None] == []
