"""Files of weights of each family, as they are published: written here with random weights, and read."""

import argparse
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import open_clip
import pytest
import timm
import torch
from build import make_network
from safetensors.torch import save_file
from tiny_timm import vision
from torch import Tensor, nn

from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import NetworkConfig
from amclip.models.encoder import ImageEncoder
from amclip.models.pretrained import NoTextTowerError, describe_backbone, load_pretrained
from amclip.models.published import fetch_published, load_published
from amclip.plain import from_plain, to_plain

TEXT = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
PROMPTS = [["a dog", "dogs"], ["a cat"]]
WITH_TEXT = ("siglip", "mobileclip", "eva01", "eva02", "pe_core", "naflex")
ALONE = ("dinov2", "dinov3")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched but what is named."""

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("a file is there, and something else is fetched")

    for name in ("huggingface_hub.hf_hub_download", "open_clip.factory.download_pretrained_from_hf"):
        monkeypatch.setattr(name, refuse)


def randomised(model: nn.Module) -> dict[str, Tensor]:
    """Weights of a model, none of them as they start (zeros, ones), set there too."""
    generator = torch.Generator().manual_seed(1)
    state = {name: torch.randn(value.shape, generator=generator) / 4 for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    return state


def save(state: dict[str, Tensor], path: Path) -> str:
    if path.suffix == ".safetensors":
        save_file({name: value.clone().contiguous() for name, value in state.items()}, path)
    else:
        torch.save({"model": {f"module.{name}": value for name, value in state.items()}}, path)
    return str(path)


def read(backbone: str, pretrained: str | None, size: int = 32, prompts: Any = ()) -> tuple[ImageEncoder, Any]:
    architecture = describe_backbone(backbone, pretrained, size)
    encoder = ImageEncoder(architecture).eval()
    found = load_pretrained(backbone, pretrained, architecture, prompts)
    encoder.load_clip(found.visual)
    return encoder, found


def small_clip(folder: Path, **settings: Any) -> Any:
    """A CLIP of two small blocks, and its configuration as small.json."""
    tiny = json.loads((Path(open_clip.__file__).parent / "model_configs/ViT-S-32-alt.json").read_text())
    tiny["vision_cfg"].update(layers=2, width=64, image_size=64)
    tiny |= {"text_cfg": TEXT, **settings}
    (folder / "small.json").write_text(json.dumps(tiny))
    return open_clip.CLIP(**tiny).eval()


@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
@torch.no_grad()
def test_clip_as_open_clip_writes_it(name: str, tmp_path: Path) -> None:
    model = small_clip(tmp_path)
    path = tmp_path / name
    state = randomised(model)
    if name.endswith(".bin"):  # as its training saves it
        torch.save({"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
    else:
        save_file(state, path)
    images = torch.randn(2, 3, 64, 64)
    encoder, found = read(str(tmp_path / "small.json"), str(path), 64, PROMPTS)
    torch.testing.assert_close(encoder(images), model.encode_image(images), rtol=0, atol=1e-5)
    text = model.encode_text(open_clip.SimpleTokenizer(context_length=16)(["a cat"]))
    torch.testing.assert_close(found.text[1], text[0], rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize(("named", "size"), [(True, 64), (False, 64), (False, 96)])
@torch.no_grad()
def test_openais_own_archive(named: bool, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A TorchScript program in half precision, with settings as tensors among its weights."""
    model = small_clip(tmp_path, quick_gelu=True)
    randomised(model)
    for name, number in (("input_resolution", 64), ("context_length", 16), ("vocab_size", 49408)):
        model.__dict__.pop(name, None)
        model.register_buffer(name, torch.tensor(number))
    words = open_clip.SimpleTokenizer(context_length=16)(["a cat"])
    images = torch.randn(1, 3, 64, 64)
    traced = torch.jit.trace(model, (images, words), strict=False, check_trace=False).half()  # type: ignore[no-untyped-call]
    path = str(tmp_path / "ViT-S-32.pt")
    traced.save(path)
    plain = json.loads((tmp_path / "small.json").read_text())
    plain.pop("quick_gelu")  # the archive alone says that it is OpenAI's
    (tmp_path / "small.json").write_text(json.dumps(plain))
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "small", plain)
    encoder, found = read("small" if named else f"{tmp_path}/small.json", path, size, PROMPTS)
    model.half().float()  # rounded as in the archive
    if size == 64:
        torch.testing.assert_close(encoder(images), model.encode_image(images), rtol=0, atol=1e-5)
    else:
        assert encoder.visual.positional_embedding.shape == (10, 64)
    torch.testing.assert_close(found.text[1], model.encode_text(words)[0], rtol=1e-4, atol=1e-4)
    assert found.log_scale == model.logit_scale.item()


@torch.no_grad()
def test_what_reads_class_names_is_not_fetched_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_clip(tmp_path, text_cfg={**TEXT, "hf_tokenizer_name": "someone/tokenizer"})
    monkeypatch.setitem(
        open_clip.factory._MODEL_CONFIGS, "small", json.loads((tmp_path / "small.json").read_text("utf-8"))
    )
    monkeypatch.setattr(open_clip, "get_tokenizer", lambda *_: pytest.fail("a tokenizer is fetched from the hub"))
    save_file(randomised(model), tmp_path / "small.safetensors")
    images = torch.randn(2, 3, 64, 64)
    encoder, found = read("small", str(tmp_path / "small.safetensors"), 64)
    torch.testing.assert_close(encoder(images), model.encode_image(images), rtol=0, atol=1e-5)
    assert found.text is None


def test_an_archive_of_anything_else_is_not_run(tmp_path: Path) -> None:
    small_clip(tmp_path)
    with zipfile.ZipFile(tmp_path / "ViT.pt", "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps(print))
        archive.writestr("a/constants.pkl", b"")
    config = make_network({"backbone": f"{tmp_path}/small.json", "pretrained": f"{tmp_path}/ViT.pt"})
    with pytest.raises(ValueError, match="is no file of weights"):
        fetch_published(config.with_architecture(64))


def trunk_of(kind: str) -> Any:
    return timm.create_model(f"tiny_{kind}", num_classes=0).eval()


IMAGES = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", WITH_TEXT)
@pytest.mark.parametrize("place", ["folder", "file"])
@torch.no_grad()
def test_both_towers_as_open_clip_writes_them(kind: str, place: str, tmp_path: Path) -> None:
    config = {"embed_dim": 32, "vision_cfg": vision(kind), "text_cfg": TEXT}
    model = open_clip.CustomTextCLIP(**config).eval()
    state = randomised(model)
    assert any(name.startswith("visual.trunk.") for name in state)
    assert any(name.startswith("text.") for name in state)
    weights = save(state, tmp_path / "open_clip_model.safetensors")
    whole = {"model_cfg": {**config, "custom_text": True}, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(whole))
    named = (f"local-dir:{tmp_path}", None)
    encoder, found = read(
        *(named if place == "folder" else (f"{tmp_path}/open_clip_config.json", weights)), 32, PROMPTS
    )
    torch.testing.assert_close(encoder(IMAGES), model.encode_image(IMAGES), rtol=0, atol=1e-5)
    text = model.encode_text(open_clip.SimpleTokenizer(context_length=16)(["a cat"]))
    torch.testing.assert_close(found.text[1], text[0], rtol=1e-4, atol=1e-4)
    assert describe_backbone(f"{tmp_path}/open_clip_config.json", weights, 32)["mean"] == [0.5] * 3


@pytest.mark.parametrize("kind", [*WITH_TEXT, *ALONE])
@pytest.mark.parametrize("name", ["model.safetensors", "model.pth"])
@torch.no_grad()
def test_timms_own_layout(kind: str, name: str, tmp_path: Path) -> None:
    trunk = trunk_of(kind)
    weights = save(
        {**randomised(trunk), "head.weight": torch.zeros(7, 32), "head.bias": torch.zeros(7)}, tmp_path / name
    )
    encoder, found = read(f"timm:tiny_{kind}", weights)
    torch.testing.assert_close(encoder(IMAGES), trunk(IMAGES), rtol=0, atol=1e-5)
    assert found.text is None


def as_meta_names_dinov3(state: dict[str, Tensor]) -> dict[str, Tensor]:
    found = {name.replace("reg_token", "storage_tokens"): value for name, value in state.items()}
    for one in (1, 2):
        found = {name.replace(f"gamma_{one}", f"ls{one}.gamma"): value for name, value in found.items()}
    return found | {"mask_token": torch.zeros(1, 32), "rope_embed.periods": torch.zeros(4)}


def as_meta_names_dinov2(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Its table of positions has a row for the class token, which timm adds to the token."""
    found = dict(state)
    found["register_tokens"] = found.pop("reg_token")
    found["pos_embed"] = torch.cat([torch.ones(1, 1, 32), found["pos_embed"]], dim=1)
    found["cls_token"] = found["cls_token"] - 1
    return found | {"mask_token": torch.zeros(1, 32)}


@pytest.mark.parametrize(("kind", "renamed"), [("dinov2", as_meta_names_dinov2), ("dinov3", as_meta_names_dinov3)])
@torch.no_grad()
def test_the_layout_of_dinos_authors(kind: str, renamed: Any, tmp_path: Path) -> None:
    trunk = trunk_of(kind)
    weights = save(renamed(randomised(trunk)), tmp_path / "pretrain.pth")
    encoder, _ = read(f"timm:tiny_{kind}", weights)
    torch.testing.assert_close(encoder(IMAGES), trunk(IMAGES), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["dinov2", "dinov3", "siglip"])
@torch.no_grad()
def test_positions_are_fitted_to_the_size_of_the_images(kind: str, tmp_path: Path) -> None:
    trunk = trunk_of(kind)
    weights = save(randomised(trunk), tmp_path / "model.safetensors")
    encoder, _ = read(f"timm:tiny_{kind}", weights, 64)
    trunk.set_input_size(64)
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(encoder(images), trunk(images), rtol=0, atol=1e-4)


@pytest.mark.parametrize("prefix", ["", "visual."])
@torch.no_grad()
def test_the_image_tower_alone_of_a_model_with_both(prefix: str, tmp_path: Path) -> None:
    model = small_clip(tmp_path)
    state = randomised(model)
    kept = {name.removeprefix("visual."): value for name, value in state.items() if name.startswith("visual.")}
    weights = save({f"{prefix}{name}": value for name, value in kept.items()}, tmp_path / "image.safetensors")
    images = torch.randn(2, 3, 64, 64)
    encoder, found = read(str(tmp_path / "small.json"), weights, 64)
    torch.testing.assert_close(encoder(images), model.encode_image(images), rtol=0, atol=1e-5)
    assert found.text is None
    larger, _ = read(str(tmp_path / "small.json"), weights, 96)
    assert larger.visual.positional_embedding.shape == (10, 64)
    with pytest.raises(NoTextTowerError, match=r"network\.head\.kind: .*image\.safetensors holds the image tower"):
        read(str(tmp_path / "small.json"), weights, 64, PROMPTS)


@pytest.mark.parametrize(
    ("kind", "dropped"),
    [
        ("siglip", ""),
        ("siglip", "visual."),
        ("siglip", "visual.trunk."),
        ("pe_core", "visual.trunk."),
        ("relpos", "visual."),
    ],
)
@torch.no_grad()
def test_the_image_tower_alone_of_a_model_with_a_timm_tower(kind: str, dropped: str, tmp_path: Path) -> None:
    """The projection is timm's classifier (PE-Core), or lies behind the trunk (here relpos), or there is none."""
    config = {"embed_dim": 32, "vision_cfg": vision(kind), "text_cfg": TEXT}
    path = tmp_path / "tower.json"
    path.write_text(json.dumps(config))
    model = open_clip.CustomTextCLIP(**config).eval()
    state = randomised(model)
    kept = {name.removeprefix(dropped): value for name, value in state.items() if name.startswith("visual.")}
    encoder, _ = read(str(path), save(kept, tmp_path / "image.pth"))
    torch.testing.assert_close(encoder(IMAGES), model.encode_image(IMAGES), rtol=0, atol=1e-5)


def test_a_network_begins_with_an_image_encoder_alone_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    trunk = trunk_of("dinov3")
    weights = save(randomised(trunk), tmp_path / "model.safetensors")
    settings = {"backbone": "timm:tiny_dinov3", "pretrained": weights, "lora_rank": 2, "temporal_heads": 4}
    config = make_network(settings).with_architecture(32)
    network = InterleavedClassifier(config, 3).eval()
    load_published(network, ["a", "b", "c"])
    with torch.no_grad():
        torch.testing.assert_close(network.encoder(IMAGES), trunk(IMAGES), rtol=0, atol=1e-5)
    assert config.starts_from_published
    plain = json.loads(json.dumps(to_plain(config)))  # what a checkpoint holds of it
    again = InterleavedClassifier(from_plain(NetworkConfig, plain).with_architecture(32), 3).eval()
    again.load_state_dict(network.state_dict())
    images = torch.randn(1, 8, 2, 3, 32, 32)
    segments = torch.arange(8)[None, None]
    torch.testing.assert_close(again(images, segments), network(images, segments))


def test_files_of_another_tower_are_refused_with_what_is_missing(tmp_path: Path) -> None:
    weights = save(randomised(trunk_of("dinov2")), tmp_path / "model.safetensors")
    config = make_network({"backbone": "timm:tiny_dinov3", "pretrained": weights}).with_architecture(32)
    with pytest.raises(ValueError, match=r"both towers or the image tower \(.* missing \(.*none of the tower's"):
        fetch_published(config)
    (tmp_path / "broken.pth").write_bytes(b"nothing")
    config = make_network({"backbone": "timm:tiny_dinov3", "pretrained": f"{tmp_path}/broken.pth"})
    with pytest.raises(ValueError, match="is no file of weights"):
        fetch_published(config.with_architecture(32))


@pytest.mark.parametrize("backbone", ["small.json", "timm:tiny_dinov2", "vjepa:vjepa2_1_vit_base_384"])
def test_a_file_with_other_things_than_tensors_is_refused_with_their_name(backbone: str, tmp_path: Path) -> None:
    """What training programs save of their arguments."""
    model: Any = small_clip(tmp_path) if backbone == "small.json" else trunk_of("dinov2")
    path, here = tmp_path / "checkpoint.pth", backbone.replace("small.json", f"{tmp_path}/small.json")
    torch.save({"model": model.state_dict(), "args": argparse.Namespace(lr=0.1)}, path)
    config = make_network({"backbone": here, "pretrained": str(path)}).with_architecture(32)
    with pytest.raises(ValueError, match=r"more than tensors \(argparse\.Namespace\), .* save its tensors alone"):
        fetch_published(config)


@pytest.mark.parametrize(
    ("backbone", "pretrained", "message"),
    [
        ("timm:vit_base_patch16_dinov4", None, "is no model of timm"),
        ("timm:vit_base_patch16_dinov3.lvd1689m", None, "set backbone timm:vit_base_patch16_dinov3 and pretrained lvd"),
        ("timm:vit_base_patch16_dinov3", "openai", "known: lvd1689m"),
    ],
)
def test_names_that_timm_does_not_know(backbone: str, pretrained: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        describe_backbone(backbone, pretrained, 224)


def test_tags_of_timm_bring_their_normalisation() -> None:
    web = describe_backbone("timm:vit_large_patch16_dinov3", "lvd1689m", 224)
    satellite = describe_backbone("timm:vit_large_patch16_dinov3", "sat493m", 224)
    assert web["embed_dim"] == 1024
    assert web["mean"] == pytest.approx([0.485, 0.456, 0.406])
    assert satellite["mean"] == pytest.approx([0.430, 0.411, 0.296])


def test_a_text_head_is_refused_for_an_image_encoder_alone() -> None:
    with pytest.raises(ValueError, match=r"backbone: timm:tiny_dinov3 is an image encoder alone.*head\.kind linear"):
        make_network({"backbone": "timm:tiny_dinov3", "head": "text"}).with_architecture(32)
    alone = make_network({"backbone": "timm:tiny_dinov3"}).with_architecture(32)
    with pytest.raises(ValueError, match=r"backbone: timm:tiny_dinov3 .*no text tower"):
        alone.check_zero_shot("frames")
