"""X-CLIP's parts against transformers' XCLIPModel, an implementation of other people, on the same random weights."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from build import make_classifier
from torch import Tensor, nn

from amclip.models import xclip
from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import FusionConfig
from amclip.models.pretrained import describe_backbone, load_pretrained

transformers = pytest.importorskip("transformers")

CLASSES = 5


def published(patch: int = 32, frames: int = 4, **vision: Any) -> nn.Module:
    """A small X-CLIP with B/32's or B/16's image and patch sizes, every weight random."""
    torch.manual_seed(0)
    text = {"hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    image = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4}
    image |= {"mit_hidden_size": 32, "mit_intermediate_size": 128, "mit_num_attention_heads": 4}
    image |= {"image_size": 224, "patch_size": patch, "num_frames": frames, **vision}
    config = transformers.XCLIPConfig(
        text_config=text, vision_config=image, projection_dim=32, prompt_num_attention_heads=4
    )
    model = transformers.XCLIPModel(config).eval()
    with torch.no_grad():  # transformers starts norms, biases and the class token at 0 and 1, which would hide errors
        for parameter in model.parameters():
            if parameter.ndim <= 1 and parameter.numel() > 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def network(architecture: dict[str, Any], positions: int, streams: int = 1, **settings: Any) -> InterleavedClassifier:
    parts = {"cross_frame": True, "message_init": "xclip", "temporal": "mit", **architecture["xclip"], **settings}
    parts |= {"positions_per_segment": positions, "num_streams": streams, "head": "text"}
    return make_classifier(architecture, CLASSES, **parts)


def loaded(folder: Path, positions: int, streams: int = 1, **settings: Any) -> tuple[InterleavedClassifier, list[str]]:
    backbone = f"xclip-dir:{folder}"
    architecture = describe_backbone(backbone, None, 224)
    model = network(architecture, positions, streams, **{"fusion": FusionConfig("interleaved"), **settings})
    weights = load_pretrained(backbone, None, architecture, [[f"animal number {i}"] for i in range(CLASSES)])
    notes = model.load(weights)
    model.set_scale(weights.log_scale, bias=0.0)  # X-CLIP has none
    return model, notes


def tokens() -> Tensor:
    import open_clip

    return open_clip.SimpleTokenizer(context_length=77)([f"animal number {i}" for i in range(CLASSES)])


@pytest.mark.parametrize("patch", [32, 16])
@pytest.mark.parametrize("file", ["safetensors", "bin"])
def test_a_saved_checkpoint_gives_the_same_vision_integration_prompts_and_logits(
    tmp_path: Path, patch: int, file: str
) -> None:
    theirs = published(patch)
    theirs.save_pretrained(tmp_path)
    if file == "bin":  # as the published ones of 2022 are, with the positions' numbers among the weights
        (tmp_path / "model.safetensors").unlink()
        numbers = {f"{part}_model.embeddings.position_ids": torch.arange(4)[None] for part in ("text", "vision")}
        torch.save({**theirs.state_dict(), **numbers}, tmp_path / "pytorch_model.bin")
    ours, notes = loaded(tmp_path, positions=4)
    assert notes == []
    with torch.no_grad():
        text = theirs.get_text_features(tokens()).pooler_output
    stored = ours.text_heads()[0].text_features.detach()
    torch.testing.assert_close(stored, text, rtol=0, atol=1e-5)
    # From here in double precision and with the same text, so that what differs is the arithmetic and not the rounding
    # of the text tower, which prompting and the scale of cosines multiply by 20.
    ours, theirs = ours.double(), theirs.double()
    video = torch.randn(3, 4, 3, 224, 224, dtype=torch.double)
    close = {"rtol": 0, "atol": 1e-9}
    with torch.no_grad():
        ours.set_text_features(theirs.get_text_features(tokens()).pooler_output.double())
        expected = theirs(input_ids=tokens(), pixel_values=video)
        features, patches = ours.encoder.with_patches(video.flatten(0, 1))
        sequence = features.unflatten(0, (3, 4))
        vision = expected.vision_model_output
        torch.testing.assert_close(patches, vision.last_hidden_state[:, 1:], **close)
        torch.testing.assert_close(features, theirs.visual_projection(vision.pooler_output), **close)
        classifier = ours.classifiers[0]
        torch.testing.assert_close(classifier.temporal(sequence), expected.mit_output.pooler_output, **close)
        mean = classifier.prompts.normalise(patches).unflatten(0, (3, 4)).mean(dim=1)
        prompted = classifier.prompts(classifier.head.text_features, mean)
        torch.testing.assert_close(nn.functional.normalize(prompted, dim=-1), expected.text_embeds, **close)
        logits = ours(video.unsqueeze(2), torch.arange(4).expand(3, 1, 4))
        torch.testing.assert_close(logits, expected.logits_per_video, **close)


def test_frames_and_flow_images_are_its_frames_in_turn(tmp_path: Path) -> None:
    theirs = published()
    theirs.save_pretrained(tmp_path)
    ours, _ = loaded(tmp_path, positions=2, streams=2)
    images = torch.randn(2, 3, 2, 3, 224, 224)  # three positions, of which the segments use (0, 1) and (2, 1)
    segments = torch.tensor([[0, 1], [2, 1]]).expand(2, 2, 2)
    with torch.no_grad():
        got = ours(images, segments)
        expected = [
            theirs(input_ids=tokens(), pixel_values=images[:, order].flatten(1, 2)).logits_per_video
            for order in ([0, 1], [2, 1])
        ]
    torch.testing.assert_close(got, (expected[0] + expected[1]) / 2, rtol=1e-5, atol=1e-5)


def test_a_table_of_another_length_is_interpolated_and_says_so(tmp_path: Path) -> None:
    theirs = published(frames=4)
    theirs.save_pretrained(tmp_path)
    ours, notes = loaded(tmp_path, positions=4, streams=2)
    assert notes == ["the table of 4 positions in time is interpolated to the 8 images of a segment"]
    old, new = theirs.mit.position_embedding[0], ours.classifiers[0].temporal.position
    torch.testing.assert_close(new[[0, 7]], old[[0, 3]])
    torch.testing.assert_close(new[1], old[0] + 3 / 7 * (old[1] - old[0]))


def test_each_streams_integration_begins_as_the_published_one(tmp_path: Path) -> None:
    theirs = published(frames=4)
    theirs.save_pretrained(tmp_path)
    ours, notes = loaded(tmp_path, positions=4, streams=2, fusion=FusionConfig("late"))
    assert notes == []
    for stream in ours.classifiers[0].temporal.streams:
        torch.testing.assert_close(stream.position, theirs.mit.position_embedding[0])
    images = torch.randn(1, 4, 2, 3, 224, 224)
    assert ours(images, torch.arange(4).expand(1, 1, 4)).shape == (1, CLASSES)


def test_parts_that_are_switched_off_are_named_and_the_others_stay(tmp_path: Path) -> None:
    published().save_pretrained(tmp_path)
    off = {"temporal": "transformer", "video_prompt_layers": 0, "cross_frame": False}
    ours, notes = loaded(tmp_path, positions=4, **off)
    assert len(notes) == 3
    for note, setting in zip(
        notes, ("cross_frame is false", "temporal.kind is not mit", "video_prompt_layers is 0"), strict=True
    ):
        assert setting in note
    assert ours(torch.randn(1, 4, 1, 3, 224, 224), torch.arange(4).expand(1, 1, 4)).shape == (1, CLASSES)


def test_every_key_is_accounted_for(tmp_path: Path) -> None:
    state = published().state_dict()
    weights = xclip.translate(state)
    size = sum(
        x.numel() for part in (weights.clip, weights.messages, weights.temporal, weights.prompts) for x in part.values()
    )
    assert size == sum(x.numel() for x in state.values())
    with pytest.raises(ValueError, match=r"belong nowhere: \['mit\.novelty', 'vision_model\.encoder\.layers\.0\.extra"):
        xclip.translate({**state, "mit.novelty": torch.ones(1), "vision_model.encoder.layers.0.extra.w": torch.ones(1)})
    half = {key: value for key, value in state.items() if key != "mit.encoder.layers.0.self_attn.k_proj.weight"}
    with pytest.raises(ValueError, match=r"blocks\.0\.attn\.in_proj_weight \(q/v only\)|\(v/q only\)"):
        xclip.translate(half)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("vision_model.encoder.layers.1.message_ln.bias", r"image tower.*resblocks\.1\.message_ln\.bias"),
        ("mit.position_embedding", r"integration do not fit.*position"),
        ("prompts_generator.alpha", r"prompting do not fit.*alpha"),
        ("vision_model.embeddings.class_embedding", "visual.class_embedding"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, key: str, message: str) -> None:
    theirs = published()
    theirs.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    state = {name: value for name, value in theirs.state_dict().items() if name != key}
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises((ValueError, RuntimeError), match=message):
        loaded(tmp_path, positions=4)


def test_configurations_that_are_not_x_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs that file"):
        describe_backbone(f"xclip-dir:{tmp_path}", None, 224)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config.json is not JSON"):
        describe_backbone(f"xclip-dir:{tmp_path}", None, 224)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip"}))
    with pytest.raises(ValueError, match="no X-CLIP checkpoint: model_type is 'clip'"):
        describe_backbone(f"xclip-dir:{tmp_path}", None, 224)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "xclip", "vision_config": {"hidden_act": "gelu"}}))
    with pytest.raises(ValueError, match="hidden_act is 'gelu', expected 'quick_gelu'"):
        describe_backbone(f"xclip-dir:{tmp_path}", None, 224)


def test_the_hub_is_asked_for_what_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published().save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.1] * 3, "image_std": [0.2] * 3}))
    asked = []

    def download(repository: str, filename: str) -> str:
        asked.append((repository, filename))
        return str(tmp_path / filename)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    assert describe_backbone("xclip-hub:someone/xclip", None, 224)["mean"] == [0.1] * 3
    assert {name for name, _ in asked} == {"someone/xclip"}
    assert not any(filename.startswith(("model", "pytorch")) for _, filename in asked)  # weights only when they load
