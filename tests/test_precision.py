"""The image tower in bfloat16: the same answers but for rounding, and taken by itself only where it is faster."""

from pathlib import Path
from typing import Any

import pytest
import tiny_vjepa  # noqa: F401  (registers a backbone of its own)
import torch
from untrained import make_checkpoint

from amclip.commands.options import ScoringOptions
from amclip.inference import load_model
from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import NetworkConfig
from amclip.plain import from_plain
from amclip.precision import bfloat16_is_fast, choose_precision


@pytest.mark.parametrize(
    ("capabilities", "fast"),
    [({"amx_bf16": True}, True), ({"avx512_bf16": True}, False), ({"avx512_f": True, "amx_bf16": False}, False)],
    ids=str,
)
def test_a_cpu_computes_in_float32_unless_it_is_told_and_says_what_is_faster(
    capabilities: dict[str, bool], fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    assert bfloat16_is_fast() is fast
    chosen, why = choose_precision("auto", gpu=False)
    assert chosen == ScoringOptions(accelerator="cpu").chosen_precision[0] == "32"
    assert ("--precision bf16 is faster on this CPU" in why) is fast
    assert choose_precision("bf16", gpu=False) == ("bf16", "")
    assert choose_precision("32", gpu=False) == ("32", "")


def test_a_version_of_pytorch_that_lists_no_instructions_is_asked_for_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    for fast in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda fast=fast: fast, raising=False)
        assert bfloat16_is_fast() is fast


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"cross_frame": True},
        {"head": {"kind": "text", "video_prompt_layers": 1, "video_prompt_heads": 4}},
        {"tuning": {"lora_rank": 2}},
        {"backbone": "vjepa:tiny_2_1"},
    ],
    ids=lambda settings: next(iter(settings), "images"),
)
def test_only_the_tower_is_rounded_and_answers_stay(settings: dict[str, Any]) -> None:
    config = from_plain(NetworkConfig, {"backbone": "amclip-tiny", "temporal": {"heads": 4}, **settings})
    torch.manual_seed(0)
    network = InterleavedClassifier(config.with_architecture(32), 3, 1, 4).eval()
    images, segments = torch.randn(1, 4, 2, 3, 32, 32), torch.arange(4)[None, None]
    with torch.inference_mode():
        exact = network.answer(images, segments)
        network.encoder.round_to(torch.bfloat16)
        rounded = network.answer(images, segments)
    assert next(network.encoder.visual.parameters()).dtype == torch.bfloat16
    assert next(network.classifiers.parameters()).dtype == torch.float32
    assert rounded.embeddings.dtype == rounded.logits.dtype == torch.float32
    assert not torch.equal(rounded.embeddings, exact.embeddings)
    torch.testing.assert_close(rounded.embeddings, exact.embeddings, rtol=0.05, atol=0.05)


def test_a_trained_model_is_rounded_for_good(tmp_path: Path) -> None:
    model = load_model(make_checkpoint(tmp_path))
    assert model.compute_in("32") is model
    assert model.compute_in("bf16").network.encoder.rounded_to is torch.bfloat16
    with pytest.raises(ValueError, match="load the model anew"):
        model.compute_in("32")
    with pytest.raises(ValueError, match="expected one of auto, 32, bf16, 16, got 'bf8'"):
        model.compute_in("bf8")  # type: ignore[arg-type]
