"""A network whose encoder sees videos: what it computes, how it trains, what it refuses."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import tiny_vjepa
import torch
from build import make_classifier, make_network
from torch import Tensor, nn

from amclip.cli import main
from amclip.inputs import NetworkInput
from amclip.models import vjepa
from amclip.models.attentive import AttentiveProbe
from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import FusionConfig, NetworkConfig
from amclip.models.encoder import VideoEncoder
from amclip.models.pretrained import NoTextTowerError, describe_backbone, load_pretrained
from amclip.models.published import load_published
from amclip.models.tower import undecayed
from amclip.optimiser import parameter_groups
from amclip.plain import from_plain, to_plain

BACKBONE = "vjepa:tiny_2_1"
SEGMENTS = torch.tensor([[[0, 1, 2, 3], [2, 3, 4, 5]]]).expand(2, -1, -1)


@pytest.fixture
def architecture() -> dict[str, Any]:
    return describe_backbone(BACKBONE, None, 32)


def images(streams: int = 2) -> Tensor:
    return torch.randn(2, 6, streams, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def network(architecture: dict[str, Any], **settings: Any) -> InterleavedClassifier:
    torch.manual_seed(0)
    shape = {"num_segments": 2, "positions_per_segment": 4, "temporal_heads": 4}
    return make_classifier(architecture, 5, **{**shape, **settings})


@pytest.mark.parametrize("fusion", ["late", "interleaved"])
@torch.no_grad()
def test_each_segment_and_each_of_its_streams_is_a_video(architecture: dict[str, Any], fusion: Any) -> None:
    whole = network(architecture, fusion=FusionConfig(fusion))
    answer = whole.answer(images(), SEGMENTS)
    assert answer.logits.shape == (2, 5)
    assert isinstance(whole.encoder, VideoEncoder)
    (classifier,) = whole.classifiers
    for clip in range(2):
        for segment in range(2):
            seen = images()[clip, SEGMENTS[clip, segment]]  # (P, V, 3, S, S)
            tubelets = [whole.encoder.visual(seen[None, :, stream]).mean(dim=2)[0] for stream in range(2)]
            assert tubelets[0].shape == (2, 48)
            pooled = classifier(torch.stack(tubelets, dim=1).flatten(0, 1)[None])[0]
            torch.testing.assert_close(answer.embeddings[clip, segment], pooled[0], rtol=0, atol=1e-5)
    backwards = whole(images().flip(1), SEGMENTS)
    assert not torch.allclose(backwards, answer.logits, atol=1e-4)
    assert whole.images_per_clip(6) == 16


@pytest.mark.parametrize("fusion", ["late", "interleaved"])
@torch.no_grad()
def test_an_attentive_probe_looks_at_every_token(architecture: dict[str, Any], fusion: Any) -> None:
    whole = network(architecture, fusion=FusionConfig(fusion), temporal="attentive", temporal_layers=2)
    answer = whole.answer(images(), SEGMENTS)
    (classifier,) = whole.classifiers
    seen = images()[1, SEGMENTS[1, 0]]
    tokens = [whole.encoder.visual(seen[None, :, stream])[0] for stream in range(2)]  # (tubelets, patches, D)
    assert tokens[0].shape == (2, 4, 48)
    pooled = classifier(torch.stack(tokens, dim=2).flatten(0, 2)[None])[0]
    torch.testing.assert_close(answer.embeddings[1, 0], pooled[0], rtol=0, atol=1e-5)
    probe = next(module for module in classifier.modules() if isinstance(module, AttentiveProbe))
    table = probe._positions(8)[:, 0]
    torch.testing.assert_close(table, probe.position[[0] * 4 + [1] * 4, 0])  # tokens of one tubelet share theirs


@pytest.mark.parametrize("kind", ["transformer", "attentive"])
@torch.no_grad()
def test_numbers_of_motion_are_a_further_stream(architecture: dict[str, Any], kind: str) -> None:
    """Of the two positions of a tubelet their mean, beside each of its tokens."""
    whole = network(architecture, motion=(1, 3), temporal=kind)
    numbers = torch.randn(2, 6, 1, 3, generator=torch.Generator().manual_seed(3))
    answer = whole.answer(images(), SEGMENTS, numbers)
    (classifier,) = whole.classifiers
    seen, told = images()[0, SEGMENTS[0, 1]], numbers[0, SEGMENTS[0, 1]]
    tokens = [whole.encoder.visual(seen[None, :, stream])[0] for stream in range(2)]
    tokens = [each if kind == "attentive" else each.mean(dim=1, keepdim=True) for each in tokens]
    motion = whole.motion(told.view(2, 2, 1, 3).mean(dim=1))[:, None].expand(-1, tokens[0].shape[1], -1, -1)
    sequence = torch.cat([torch.stack(tokens, dim=2), motion], dim=2).flatten(0, 2)
    torch.testing.assert_close(answer.embeddings[0, 1], classifier(sequence[None])[0][0], rtol=0, atol=1e-5)
    alone = network(architecture, motion=(1, 3), num_streams=0, trainable_blocks=0, temporal=kind)
    assert alone(images()[:, :, :0], SEGMENTS, numbers).shape == (2, 5)
    assert alone.images_per_clip(6) == 0


@pytest.mark.parametrize("settings", [{"temporal": "mit"}, {"temporal_layers": 0}, {"aggregation": "attention"}])
@torch.no_grad()
def test_pooling_sees_a_tubelet_for_every_two_frames(architecture: dict[str, Any], settings: dict[str, Any]) -> None:
    assert network(architecture, num_streams=1, **settings)(images(1), SEGMENTS).shape == (2, 5)


def test_the_last_blocks_train_and_checkpointing_changes_no_gradient(architecture: dict[str, Any]) -> None:
    gradients = []
    for checkpointing in (False, True):
        made = network(architecture, trainable_blocks=1, gradient_checkpointing=checkpointing).train()
        made(images(), SEGMENTS).sum().backward()
        gradients.append({n: p.grad for n, p in made.encoder.named_parameters() if p.grad is not None})
    assert {name.split(".")[1] for name in gradients[0]} == {"blocks", "norm"}
    assert {name.split(".")[2] for name in gradients[0] if "blocks" in name} == {str(tiny_vjepa.DEPTH - 1)}
    for name, value in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], value)
    frozen = network(architecture, trainable_blocks=0)
    assert frozen.encoder.frozen
    with pytest.raises(ValueError, match=r"network\.tuning\.trainable_blocks: this image tower has 3 blocks, not 4"):
        network(architecture, trainable_blocks=4)


def test_rates_and_decay_follow_the_blocks(architecture: dict[str, Any]) -> None:
    made = network(architecture)
    names = {id(parameter): name for name, parameter in made.named_parameters()}
    groups = parameter_groups(made, 1e-3, 1e-4, 0.1, 0.5)
    found = {names[id(p)]: (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    tower = "encoder.visual."
    assert found[f"{tower}norm.weight"] == (1e-4, 0.0)
    assert found[f"{tower}blocks.2.attn.qkv.weight"] == (pytest.approx(0.5e-4), 0.1)
    assert found[f"{tower}patch_embed.proj.weight"] == (pytest.approx(1e-4 / 16), 0.1)
    assert all(
        (parameter.ndim < 2) is (name in undecayed(made.encoder)) for name, parameter in made.encoder.named_parameters()
    )


@torch.no_grad()
def test_lora_starts_as_the_tower_and_reaches_attention_and_mlp(architecture: dict[str, Any]) -> None:
    plain, adapted = network(architecture), network(architecture, lora_rank=2, trainable_blocks=2)
    weights = {name: torch.randn_like(value) / 4 for name, value in plain.encoder.visual.state_dict().items()}
    for made in (plain, adapted):
        made.encoder.load_clip(weights)
    seen = images()[:, :4]
    torch.testing.assert_close(adapted.encoder(seen), plain.encoder(seen), rtol=0, atol=1e-5)
    learns = {name for name, value in adapted.encoder.named_parameters() if value.requires_grad}
    layers = {re.search(r"blocks\.(\d)\.(.+)\.lora_[AB]", name).groups() for name in learns}  # type: ignore[union-attr]
    assert layers == {(block, layer) for block in "12" for layer in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")}
    for name, value in adapted.encoder.named_parameters():
        if "lora_B" in name:
            nn.init.ones_(value)
    assert not torch.allclose(adapted.encoder(seen), plain.encoder(seen), atol=1e-3)


def test_half_precision_is_near(architecture: dict[str, Any]) -> None:
    made = network(architecture)
    with torch.no_grad():
        exact = made.answer(images(), SEGMENTS).embeddings
        with torch.autocast("cpu", torch.bfloat16):
            rough = made.answer(images(), SEGMENTS).embeddings.float()
    assert (rough - exact).abs().max() < 0.05 * exact.abs().max()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"positions_per_segment": 5}, r"input\.positions_per_segment: .* multiple of 2, got 5"),
        ({"cross_frame": True}, r"network\.cross_frame: .* is a video encoder"),
    ],
)
def test_what_does_not_go_with_a_video_encoder(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InterleavedClassifier(
            make_network({"backbone": BACKBONE, "temporal_heads": 4, **settings}).with_architecture(32),
            5,
            positions_per_segment=settings.get("positions_per_segment", 4),
        )


def test_there_is_no_text() -> None:
    with pytest.raises(ValueError, match=rf"backbone: {BACKBONE} is a video encoder alone.*head\.kind linear"):
        make_network({"backbone": BACKBONE, "head": "text"}).with_architecture(32)
    config = make_network({"backbone": BACKBONE}).with_architecture(32)
    with pytest.raises(ValueError, match=rf"backbone: {BACKBONE} is a video encoder alone: it has no text tower"):
        config.check_zero_shot(NetworkInput(modality="frames"))
    with pytest.raises(NoTextTowerError, match=r"network\.head\.kind"):
        load_pretrained(BACKBONE, None, config.architecture or {}, [["a dog"]])
    with pytest.raises(ValueError, match=r"network\.backbone: an image's embedding depends on its segment"):
        InterleavedClassifier(config, 5).embed(images())


def test_a_checkpoint_needs_neither_files_nor_names(
    architecture: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = {
        name: torch.randn_like(value) / 4 for name, value in network(architecture).encoder.visual.state_dict().items()
    }
    norms = {f"norms_block.{n}.{kind}": weights[f"norm.{kind}"] for n in range(4) for kind in ("weight", "bias")}
    file = {name: value for name, value in weights.items() if not name.startswith("norm.")} | norms
    torch.save({"ema_encoder": {f"module.backbone.{name}": value for name, value in file.items()}}, tmp_path / "v.pt")
    settings = {"backbone": BACKBONE, "pretrained": f"{tmp_path}/v.pt", "temporal_heads": 4, "lora_rank": 2}
    config = make_network(settings).with_architecture(32)
    made = InterleavedClassifier(config, 5, 2, 4).eval()
    assert config.starts_from_published
    load_published(made, ["a"] * 5)
    state = made.encoder.visual.state_dict()
    torch.testing.assert_close(state["blocks.1.mlp.fc1.base_layer.weight"], weights["blocks.1.mlp.fc1.weight"])
    plain = json.loads(json.dumps(to_plain(config)))
    (tmp_path / "v.pt").unlink()
    monkeypatch.setattr(vjepa, "NAMES", {})
    again = InterleavedClassifier(from_plain(NetworkConfig, plain).with_architecture(32), 5, 2, 4).eval()
    again.load_state_dict(made.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(again(images(), SEGMENTS), made(images(), SEGMENTS))


def test_training_annotation_suggestion_and_prediction(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = [f"--data.source.labels={drawn / 'labels.csv'}", f"--data.source.root={drawn}", "--data.num_workers=0"]
    size = ["--input.image_size=32", "--input.num_segments=1", "--input.positions_per_segment=4"]
    pixels = [f"--input.{kind}={architecture_of()[kind]}" for kind in ("mean", "std")]
    model = [f"--model.network.backbone={BACKBONE}", "--model.network.pretrained=null"]
    quick = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=2", "--trainer.enable_progress_bar=false"]
    demo = f"--config={Path(__file__).parents[2] / 'configs/demo.yaml'}"
    main(["fit", demo, *data, *size, *pixels, *model, *quick, f"--trainer.logger.save_dir={tmp_path}"])
    checkpoint = tmp_path / "version_0" / "checkpoints" / "last.ckpt"
    monkeypatch.setattr(vjepa, "NAMES", {})  # it needs none
    videos = drawn / "videos"
    main(
        ["predict", f"--ckpt_path={checkpoint}", f"--data.source.root={videos}", f"--predictions.path={tmp_path}/p.csv"]
    )
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 41
    some = [str(path) for path in sorted(videos.iterdir())[:2]]
    windows = ["--window=0.6", "--hop=0.2"]
    main(["annotate", *some, f"--checkpoint={checkpoint}", f"--output={tmp_path / 'annotated'}", *windows])
    assert (tmp_path / "annotated" / "bouts.csv").is_file()
    main(["suggest", *some, f"--checkpoint={checkpoint}", f"--output={tmp_path / 'suggested'}", *windows, "--count=3"])
    assert (tmp_path / "suggested" / "suggestions.csv").is_file()


def architecture_of() -> dict[str, Any]:
    found: dict[str, Any] = describe_backbone(BACKBONE, None, 32)
    return found
