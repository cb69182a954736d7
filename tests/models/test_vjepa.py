"""V-JEPA 2 and 2.1 against transformers' VJEPA2Model, an implementation of other people, on the same random weights."""

import json
from pathlib import Path
from typing import Any

import pytest
import tiny_vjepa  # noqa: F401 (names of small encoders)
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from amclip.models import vjepa
from amclip.models.pretrained import describe_backbone, load_pretrained
from amclip.models.tower import build_tower

transformers = pytest.importorskip("transformers")
modeling = pytest.importorskip("transformers.models.vjepa2.modeling_vjepa2")

TINY = {"hidden_size": 48, "num_attention_heads": 2, "num_hidden_layers": 3, "patch_size": 8, "mlp_ratio": 2.0}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched."""

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("something is fetched")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)


def published(size: int = 24, **settings: Any) -> nn.Module:
    """transformers' encoder with a predictor, every weight random."""
    torch.manual_seed(0)
    predictor = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    config = transformers.VJEPA2Config(**{**TINY, **predictor, "crop_size": size, "frames_per_clip": 6, **settings})
    model: nn.Module = transformers.VJEPA2Model(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) / 4)
    return model


def features(model: Any, clips: Tensor) -> Tensor:
    """transformers' own forward."""
    found: Tensor = model(clips, skip_predictor=True).last_hidden_state
    return found


def loaded(backbone: str, pretrained: str | None, size: int) -> nn.Module:
    architecture = describe_backbone(backbone, pretrained, size)
    tower = build_tower(json.loads(json.dumps(architecture))).eval()
    tower.load_state_dict(load_pretrained(backbone, pretrained, architecture).visual)
    return tower


def clips_of(size: int, frames: int = 6) -> Tensor:
    return torch.randn(2, frames, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", [24, 40])
@pytest.mark.parametrize("file", ["one", "parts", "classifier"])
@torch.no_grad()
def test_the_layout_of_transformers(size: int, file: str, tmp_path: Path) -> None:
    """Also at another size than it was saved with, in several files, and within a classifier."""
    theirs = published(size)
    if file == "classifier":
        whole = transformers.VJEPA2ForVideoClassification(theirs.config)
        whole.vjepa2.load_state_dict(theirs.state_dict())
        whole.save_pretrained(tmp_path)
    else:
        theirs.save_pretrained(tmp_path, max_shard_size="60KB" if file == "parts" else "1GB")
    assert (tmp_path / "model.safetensors.index.json").exists() is (file == "parts")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "crop_size": 256}))
    ours = loaded(f"vjepa-dir:{tmp_path}", None, size)
    expected = features(theirs, clips_of(size)).view(2, 3, (size // 8) ** 2, 48)
    torch.testing.assert_close(ours(clips_of(size)), expected, rtol=0, atol=1e-5)


@torch.no_grad()
def test_the_hub_is_asked_for_no_more_than_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = published()
    theirs.save_pretrained(tmp_path)
    asked = []

    def download(repository: str, name: str) -> str:
        asked.append(name)
        if repository != "someone/vjepa" or not (tmp_path / name).is_file():
            raise OSError("no such file")
        return str(tmp_path / name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    ours = loaded("vjepa-hub:someone/vjepa", None, 24)
    torch.testing.assert_close(ours(clips_of(24)).flatten(1, 2), features(theirs, clips_of(24)), rtol=0, atol=1e-5)
    pixels = ["video_preprocessor_config.json", "preprocessor_config.json"]
    assert asked == ["config.json", *pixels, "model.safetensors"]


@torch.no_grad()
def test_heads_that_do_not_turn_whole_and_no_biases(tmp_path: Path) -> None:
    theirs = published(hidden_size=40, pred_hidden_size=20, qkv_bias=False, layer_norm_eps=1e-3)
    theirs.save_pretrained(tmp_path)
    ours = loaded(f"vjepa-dir:{tmp_path}", None, 24)
    expected = features(theirs, clips_of(24))
    torch.testing.assert_close(ours(clips_of(24)).flatten(1, 2), expected, rtol=0, atol=1e-5)


def authors_names(model: nn.Module) -> dict[str, Tensor]:
    """The encoder's weights as the authors' code has them: one matrix for queries, keys and values, wrappers around."""
    state = {name.removeprefix("encoder."): value for name, value in model.state_dict().items()}
    found: dict[str, Tensor] = {"pos_embed": torch.zeros(1, 27, 48)}
    for name, value in state.items():
        if name.startswith("predictor."):
            continue
        new = name.replace("layer.", "blocks.").replace("attention.", "attn.").replace("layernorm.", "norm.")
        new = new.replace("embeddings.patch_embeddings.", "patch_embed.")
        if "attn.query" in new:
            others = [state[name.replace("query", other)] for other in ("query", "key", "value")]
            found[new.replace("query", "qkv")] = torch.cat(others)
        elif "attn.key" not in new and "attn.value" not in new:
            found[new] = value
    return found


def authors_file(state: dict[str, Tensor], path: Path, key: str = "target_encoder") -> str:
    wrong = {name: torch.full_like(value, 9.0) for name, value in state.items()}
    encoders = {"encoder": wrong} if key != "encoder" else {}
    encoders[key] = state
    wrapped = {
        which: {f"module.backbone.{name}": value.clone() for name, value in weights.items()}
        for which, weights in encoders.items()
    }
    torch.save({**wrapped, "predictor": {"module.backbone.mask": torch.zeros(3)}, "epoch": 7}, path)
    return str(path)


@pytest.mark.parametrize("key", ["encoder", "target_encoder", "plain", "safetensors"])
@torch.no_grad()
def test_the_layout_of_the_authors(key: str, tmp_path: Path) -> None:
    theirs = published(32, patch_size=16)
    state = authors_names(theirs)
    if key == "plain":
        torch.save(state, path := tmp_path / "vitl.pt")
    elif key == "safetensors":
        save_file(state, path := tmp_path / "vitl.safetensors")
    else:
        path = Path(authors_file(state, tmp_path / "vitl.pt", key))
    ours = loaded("vjepa:tiny_2", str(path), 32)
    torch.testing.assert_close(ours(clips_of(32)).flatten(1, 2), features(theirs, clips_of(32)), rtol=0, atol=1e-5)


def state_of_2_1(model: nn.Module) -> dict[str, Tensor]:
    """As the authors' version 2.1 has them, with its parts for images and its norms of four layers."""
    found = authors_names(model)
    del found["pos_embed"]
    generator = torch.Generator().manual_seed(2)
    for number in range(4):
        for kind in ("weight", "bias"):
            last = found.pop(f"norm.{kind}") if number == 3 else torch.randn(48, generator=generator)
            found[f"norms_block.{number}.{kind}"] = last
    found["patch_embed_img.proj.weight"] = torch.zeros(48, 3, 1, 16, 16)
    found["patch_embed_img.proj.bias"] = torch.zeros(48)
    found["img_mod_embed"] = torch.randn(1, 1, 48, generator=generator)
    found["video_mod_embed"] = torch.randn(1, 1, 48, generator=generator)
    return found


@pytest.mark.parametrize("size", [32, 80])
@torch.no_grad()
def test_version_2_1(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers' blocks, turned as 2.1 does: one frequency for neighbours, rows and columns as of 256 pixels."""
    theirs = published(size, patch_size=16)
    state = state_of_2_1(theirs)
    ours = loaded("vjepa:tiny_2_1", authors_file(state, tmp_path / "vitl.pt", "ema_encoder"), size)

    def turn(x: Tensor, pos: Tensor) -> Tensor:
        """Pairs as complex numbers."""
        pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)).contiguous())
        rates = 10000.0 ** -torch.linspace(0, 1, pairs.shape[-1] + 1, dtype=torch.float64)[:-1]
        turned = pairs * torch.polar(torch.ones_like(rates), pos.double()[:, None] * rates)
        return torch.view_as_real(turned).flatten(-2).float()

    whole = modeling.VJEPA2RopeAttention.get_position_ids

    def positions(self: Any, x: Tensor, masks: Any = None) -> tuple[Tensor, Tensor, Tensor]:
        time, row, column = whole(self, x, masks)
        return time, row * 15 / (size // 16 - 1), column * 15 / (size // 16 - 1)

    monkeypatch.setattr(modeling, "rotate_queries_or_keys", turn)
    monkeypatch.setattr(modeling.VJEPA2RopeAttention, "get_position_ids", positions)
    theirs.encoder.embeddings.patch_embeddings.proj.bias += state["video_mod_embed"].flatten()  # type: ignore[union-attr, operator, index]
    torch.testing.assert_close(ours(clips_of(size)).flatten(1, 2), features(theirs, clips_of(size)), rtol=0, atol=1e-5)


def test_versions_are_not_taken_for_each_other(tmp_path: Path) -> None:
    model = published(32, patch_size=16)
    old, new = authors_names(model), state_of_2_1(model)
    for name, state, message in (
        ("tiny_2_1", old, r"it is of V-JEPA 2, not 2\.1"),
        ("tiny_2", new, r"it is of V-JEPA 2\.1, not 2"),
        ("tiny_2", {k: v for k, v in old.items() if "blocks.1." not in k}, r"weights are missing \(blocks\.1\."),
        ("tiny_2", {**old, "cls_token": torch.zeros(1)}, r"1 weights are none of the encoder's \(cls_token\)"),
        ("tiny_2", {"classifier.weight": torch.zeros(2)}, r"none of ema_encoder, .* is in it"),
    ):
        path = authors_file(state, tmp_path / "weights.pt")
        with pytest.raises(ValueError, match=message):
            loaded(f"vjepa:{name}", path, 32)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "vit"}, "is no V-JEPA 2: model_type is 'vit'"),
        ({"use_rope_interleave": True}, r"settings of V-JEPA 2\.1 .*use_rope_interleave.*pretrained FILE\.pt"),
        ({"hidden_act": "silu"}, "hidden_act is 'silu'"),
        ({"patch_size": [16, 8]}, r"patch_size is \[16, 8\]"),
    ],
)
def test_folders_of_another_kind(config: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vjepa2", **config}))
    with pytest.raises(ValueError, match=message):
        describe_backbone(f"vjepa-dir:{tmp_path}", None, 224)


def test_names_and_sizes() -> None:
    for name in vjepa.NAMES:
        described = describe_backbone(f"vjepa:{name}", None, 256)
        with torch.device("meta"):
            tower = build_tower(described)
            tokens = tower(torch.empty(1, 4, 3, 256, 256))
        assert tokens.shape == (1, 2, (256 // described["video_cfg"]["patch_size"]) ** 2, described["embed_dim"])
    with pytest.raises(ValueError, match="'vjepa2_vit_tiny' is no V-JEPA; known: vjepa:vjepa2_vit_large"):
        describe_backbone("vjepa:vjepa2_vit_tiny", None, 256)
    with pytest.raises(ValueError, match="there is no file nowhere"):
        describe_backbone("vjepa:tiny_2", "nowhere.pt", 256)
    with pytest.raises(ValueError, match=r"image_size: .* squares of 16 pixels; 250 is no multiple"):
        describe_backbone("vjepa:tiny_2", None, 250)
    with pytest.raises(ValueError, match=r"has no .*config\.json"):
        describe_backbone("vjepa-dir:nowhere", None, 256)
    with pytest.raises(ValueError, match="5 frames of 32 x 32 pixels do not divide"):
        build_tower(describe_backbone("vjepa:tiny_2", None, 32))(torch.zeros(1, 5, 3, 32, 32))


def test_pixels_are_normalised_as_the_folder_says(tmp_path: Path) -> None:
    published().save_pretrained(tmp_path)
    assert describe_backbone(f"vjepa-dir:{tmp_path}", None, 24)["mean"] == [0.485, 0.456, 0.406]
    (tmp_path / "video_preprocessor_config.json").write_text(json.dumps({"image_mean": [0.1, 0.2, 0.3]}))
    found = describe_backbone(f"vjepa-dir:{tmp_path}", None, 24)
    assert (found["mean"], found["std"]) == ([0.1, 0.2, 0.3], [0.229, 0.224, 0.225])
