"""Published X-CLIP checkpoints in the Hugging Face layout (``microsoft/xclip-base-patch16`` and others), key by key.

The layout is that of ``XCLIPModel`` in transformers: ``config.json``, ``model.safetensors`` or ``pytorch_model.bin``,
and ``preprocessor_config.json``. transformers itself is not needed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from amclip.models.config_files import published_file, read_json

__all__ = ["PREFIXES", "XClipWeights", "describe", "is_xclip", "read"]

PREFIXES = ("xclip-dir:", "xclip-hub:")

# XCLIPConfig's defaults: a saved configuration may leave out what equals them.
_TEXT = {"vocab_size": 49408, "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12}
_TEXT |= {"num_attention_heads": 8, "max_position_embeddings": 77}
_VISION = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
_VISION |= {"image_size": 224, "patch_size": 32, "num_frames": 8, "mit_hidden_size": 512, "mit_intermediate_size": 2048}
_VISION |= {"mit_num_hidden_layers": 1, "mit_num_attention_heads": 8}
_WHOLE = {"projection_dim": 512, "prompt_layers": 2, "prompt_num_attention_heads": 8}


@dataclass
class XClipWeights:
    """A checkpoint's weights under amclip's names.

    Attributes:
        clip: Both towers, by open_clip's names (``visual.conv1.weight``), with the logit scale.
        messages: Of the image tower's blocks: ``transformer.resblocks.0.message_fc.weight`` and so on.
        temporal: Of :class:`amclip.models.xclip_layers.MultiFrameIntegration`.
        prompts: Of :class:`amclip.models.xclip_layers.VideoPrompts`.
    """

    clip: dict[str, Tensor] = field(default_factory=dict)
    messages: dict[str, Tensor] = field(default_factory=dict)
    temporal: dict[str, Tensor] = field(default_factory=dict)
    prompts: dict[str, Tensor] = field(default_factory=dict)


def is_xclip(backbone: str) -> bool:
    """Whether a backbone's name means an X-CLIP checkpoint."""
    return backbone.startswith(PREFIXES)


def describe(backbone: str) -> dict[str, Any]:
    """What a checkpoint holds, from its configuration alone.

    Args:
        backbone: ``"xclip-dir:FOLDER"`` or ``"xclip-hub:OWNER/NAME"`` (fetched from the hub, or its cache).

    Returns:
        ``model_cfg`` and ``preprocess_cfg`` in open_clip's words, and ``xclip``: the settings of
        :class:`amclip.BehaviourTask` that its own parts were made with.

    Raises:
        ValueError: If it is no X-CLIP checkpoint, or of a kind that is not known.
    """
    whole = read_json(_file(backbone, "config.json"))
    if whole.get("model_type") != "xclip":
        raise ValueError(f"backbone: {backbone!r} is no X-CLIP checkpoint: model_type is {whole.get('model_type')!r}")
    text = {**_TEXT, **(whole.get("text_config") or {})}
    vision = {**_VISION, **(whole.get("vision_config") or {})}
    whole = {**_WHOLE, **whole}
    odd = [
        f"{name} is {value!r}, expected {expected!r}"
        for name, value, expected in (
            ("text_config.hidden_act", text.get("hidden_act", "quick_gelu"), "quick_gelu"),
            ("vision_config.hidden_act", vision.get("hidden_act", "quick_gelu"), "quick_gelu"),
            ("prompt_hidden_act", whole.get("prompt_hidden_act", "quick_gelu"), "quick_gelu"),
            ("text_config.layer_norm_eps", text.get("layer_norm_eps", 1e-5), 1e-5),
            ("vision_config.layer_norm_eps", vision.get("layer_norm_eps", 1e-5), 1e-5),
            ("mit_hidden_size", vision["mit_hidden_size"], whole["projection_dim"]),
            ("mit_intermediate_size", vision["mit_intermediate_size"], 4 * vision["mit_hidden_size"]),
        )
        if value != expected
    ]
    if odd:
        raise ValueError(f"backbone: {backbone!r} is an X-CLIP of a kind that amclip does not know: {'; '.join(odd)}")
    try:
        pixels = read_json(_file(backbone, "preprocessor_config.json"))
    except (ValueError, OSError):
        pixels = {}
    return {
        "model_cfg": {
            "embed_dim": whole["projection_dim"],
            "quick_gelu": True,
            "vision_cfg": {
                "image_size": vision["image_size"],
                "patch_size": vision["patch_size"],
                "width": vision["hidden_size"],
                "head_width": vision["hidden_size"] // vision["num_attention_heads"],
                "layers": vision["num_hidden_layers"],
                "mlp_ratio": vision["intermediate_size"] / vision["hidden_size"],
            },
            "text_cfg": {
                "context_length": text["max_position_embeddings"],
                "vocab_size": text["vocab_size"],
                "width": text["hidden_size"],
                "heads": text["num_attention_heads"],
                "layers": text["num_hidden_layers"],
                "mlp_ratio": text["intermediate_size"] / text["hidden_size"],
            },
        },
        # VideoMAE's normalisation, which X-CLIP was trained with: ImageNet's, not CLIP's.
        "preprocess_cfg": {
            "mean": pixels.get("image_mean", [0.485, 0.456, 0.406]),
            "std": pixels.get("image_std", [0.229, 0.224, 0.225]),
        },
        "xclip": {
            "temporal_layers": vision["mit_num_hidden_layers"],
            "temporal_heads": vision["mit_num_attention_heads"],
            "video_prompt_layers": whole["prompt_layers"],
            "video_prompt_heads": whole["prompt_num_attention_heads"],
        },
    }


def read(backbone: str) -> XClipWeights:
    """Read a checkpoint, every key of it.

    Args:
        backbone: As for :func:`describe`.

    Raises:
        ValueError: If a key of the checkpoint is of no part that X-CLIP has; the error lists all such keys. (What is
            missing is found where the weights are loaded.)
    """
    try:
        path = _file(backbone, "model.safetensors")
    except (ValueError, OSError):
        path = _file(backbone, "pytorch_model.bin")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        state = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    return translate(state)


def translate(state: dict[str, Tensor]) -> XClipWeights:
    """Rename the weights of ``XCLIPModel``; see :func:`read`."""
    parts: dict[str, dict[str, Any]] = {"clip": {}, "messages": {}, "temporal": {}, "prompts": {}, "constants": {}}
    unknown = []
    for key, value in state.items():
        for pattern, part, name in _RULES:
            if match := pattern.fullmatch(key):
                # An attention's three projections become one, so the places are remembered until all are there.
                new, piece = (match.expand(name) if isinstance(name, str) else name(match)), value
                if "text_projection" in new or new == "visual.proj":
                    piece = value.T.contiguous()
                projection = re.fullmatch(r"(.*\.)([qkv])_proj\.(weight|bias)", new)
                if projection and part != "prompts":
                    stem, which, kind = projection.groups()
                    parts[part].setdefault(f"{stem}in_proj_{kind}", {})[which] = piece
                else:
                    parts[part][new] = piece
                break
        else:
            unknown.append(key)
    halves = [f"{name} ({'/'.join(v)} only)" for p in parts.values() for name, v in p.items() if _is_half(v)]
    if unknown or halves:
        raise ValueError(f"the X-CLIP checkpoint has weights that belong nowhere: {sorted(unknown + halves)}")
    for weights in parts.values():
        for name, value in weights.items():
            if isinstance(value, dict):
                weights[name] = torch.cat([value[which] for which in "qkv"])
    temporal = parts["temporal"]
    if "position" in temporal:
        temporal["position"] = temporal["position"][0]
    return XClipWeights(parts["clip"], parts["messages"], temporal, parts["prompts"])


def _is_half(value: Any) -> bool:
    return isinstance(value, dict) and set(value) != set("qkv")


def _file(backbone: str, name: str) -> Path:
    return published_file(backbone, name, "X-CLIP")


def _layer(match: re.Match[str]) -> str:
    """The name within one of the layers that all of X-CLIP's transformers have, in open_clip's words."""
    number, rest = match["number"], match["rest"]
    for published, own in _LAYER.items():
        if rest.startswith(published):
            return f"{number}.{own}{rest.removeprefix(published)}"
    raise AssertionError(rest)  # the pattern lets no other through


_LAYER = {
    "self_attn.": "attn.",
    "layer_norm1.": "ln_1.",
    "layer_norm2.": "ln_2.",
    "mlp.fc1.": "mlp.c_fc.",
    "mlp.fc2.": "mlp.c_proj.",
}
_IN_LAYER = r"layers\.(?P<number>\d+)\.(?P<rest>(?:self_attn\.(?:[qkv]_proj|out_proj)|layer_norm[12]|mlp\.fc[12])\..+)"


def _in(prefix: str) -> Callable[[re.Match[str]], str]:
    return lambda match: prefix + _layer(match)


_RULES: list[tuple[re.Pattern[str], str, str | Callable[[re.Match[str]], str]]] = [
    (re.compile(pattern), part, name)
    for pattern, part, name in (
        (r"(?:text|vision)_model\.embeddings\.position_ids", "constants", r"\g<0>"),  # 0, 1, 2, … of older files
        (r"logit_scale", "clip", r"logit_scale"),
        (r"vision_model\.embeddings\.class_embedding", "clip", "visual.class_embedding"),
        (r"vision_model\.embeddings\.patch_embedding\.weight", "clip", "visual.conv1.weight"),
        (r"vision_model\.embeddings\.position_embedding\.weight", "clip", "visual.positional_embedding"),
        (r"vision_model\.pre_layernorm\.(.+)", "clip", r"visual.ln_pre.\1"),
        (r"vision_model\.post_layernorm\.(.+)", "clip", r"visual.ln_post.\1"),
        (r"visual_projection\.weight", "clip", "visual.proj"),
        (r"vision_model\.encoder\." + _IN_LAYER, "clip", _in("visual.transformer.resblocks.")),
        (r"vision_model\.encoder\.layers\.(\d+\.message_.+)", "messages", r"transformer.resblocks.\1"),
        (r"text_model\.embeddings\.token_embedding\.weight", "clip", "token_embedding.weight"),
        (r"text_model\.embeddings\.position_embedding\.weight", "clip", "positional_embedding"),
        (r"text_model\.final_layer_norm\.(.+)", "clip", r"ln_final.\1"),
        (r"text_projection\.weight", "clip", "text_projection"),
        (r"text_model\.encoder\." + _IN_LAYER, "clip", _in("transformer.resblocks.")),
        (r"mit\.position_embedding", "temporal", "position"),
        (r"mit\.encoder\." + _IN_LAYER, "temporal", _in("blocks.")),
        (r"prompts_visual_layernorm\.(.+)", "prompts", r"patch_norm.\1"),
        (r"prompts_visual_projection", "prompts", "patch_projection"),
        (r"prompts_generator\.alpha", "prompts", "alpha"),
        (r"prompts_generator\.layernorm\.(.+)", "prompts", r"norm.\1"),
        (r"prompts_generator\.decoder\.(\d+)\.cross_attn\.(.+)", "prompts", r"layers.\1.\2"),
        (r"prompts_generator\.decoder\.(\d+)\.mlp\.3\.(.+)", "prompts", r"layers.\1.mlp.2.\2"),  # 2 is dropout there
        (r"prompts_generator\.decoder\.(\d+)\.((?:norm[13]|mlp\.0)\..+)", "prompts", r"layers.\1.\2"),
    )
]
