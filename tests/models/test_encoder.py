import json
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

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
    ("backbone", "pretrained", "message"),
    [
        ("ViT-Z-99", None, "is no model of open_clip"),
        ("ViT-B-16", "nowhere", "neither a file nor weights known for ViT-B-16"),
        ("RN50", None, "is no vision transformer"),
        ("convnext_base", None, "is no vision transformer"),
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


@pytest.mark.parametrize("backbone", ["hf-hub:someone/clip", "xclip-hub:someone/xclip"])
def test_what_the_hub_does_not_give_is_named(backbone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*arguments: str) -> str:
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", offline)
    with pytest.raises(ValueError, match=rf"config.json of '{backbone}' is not in the hub's cache.*no network.*-dir:"):
        describe_backbone(backbone, None, 224)


@pytest.mark.parametrize(("blocks", "expected"), [(0, set()), (1, {1}), (2, {0, 1}), (-1, {0, 1})])
def test_the_blocks_asked_for_train(blocks: int, expected: set[int]) -> None:
    encoder = ImageEncoder(describe_backbone("amclip-tiny", None, 64), trainable_blocks=blocks)
    trains = {
        int(name.split("resblocks.")[1].split(".")[0])
        for name, parameter in encoder.named_parameters()
        if parameter.requires_grad and "resblocks." in name
    }
    assert trains == expected
    assert encoder.visual.conv1.weight.requires_grad is (blocks == -1)
    assert encoder.frozen is (blocks == 0)
    with pytest.raises(ValueError, match="got -3"):
        ImageEncoder(describe_backbone("amclip-tiny", None, 64), trainable_blocks=-3)


@pytest.mark.parametrize("size", [32, 64, 96])
def test_the_demos_weights_fit_any_size(size: int) -> None:
    architecture = describe_backbone("amclip-tiny", "synthetic", size)
    weights = load_pretrained("amclip-tiny", "synthetic", architecture).visual
    encoder = ImageEncoder(architecture)
    encoder.load_clip(weights)
    assert encoder(torch.zeros(1, 3, size, size)).isfinite().all()


def test_towers_of_timm_know_how_many_blocks_they_have() -> None:
    from open_clip.timm_model import TimmModel

    from amclip.models.encoder import _groups_of_timm

    for name, blocks in (("vit_tiny_patch16_224", 12), ("test_vit", None)):
        try:
            tower = TimmModel(name, embed_dim=8, image_size=32 if blocks is None else 224)
        except RuntimeError:  # of another version of timm
            continue
        found = _groups_of_timm(tower)
        assert found == (len(tower.trunk.blocks) if blocks is None else blocks)
        tower.lock(unlocked_groups=found + 1)
        trained = {key.split(".")[1] for key, value in tower.trunk.named_parameters(prefix="t") if value.requires_grad}
        assert trained == {"blocks", "norm"}
    assert _groups_of_timm(torch.nn.Linear(1, 1)) == 0


@pytest.mark.parametrize("blocks", [19, 100])
def test_more_blocks_than_a_timm_tower_has_are_refused(blocks: int) -> None:
    architecture = describe_backbone("convnext_tiny", None, 32)
    with pytest.raises(ValueError, match=rf"this image tower has \d+ blocks, not {blocks}"):
        ImageEncoder(architecture, trainable_blocks=blocks)
