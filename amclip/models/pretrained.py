"""Published models: what their image towers look like, their weights, and what they say of class names."""

import copy
import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.nn import functional as F

from amclip.models import image_only, torchscript, vjepa, xclip
from amclip.models.config_files import from_hub, read_json
from amclip.models.tower import Architecture, build_clip, check_tower, quiet

__all__ = [
    "NoTextTowerError",
    "Pretrained",
    "describe_backbone",
    "explain_load_error",
    "has_builtin_weights",
    "load_pretrained",
]

_TINY = "amclip-tiny"
_TINY_WEIGHTS = "synthetic"  # the image tower that docs/pretrain_tiny.py trained
_DAMAGED = (EOFError, UnpicklingError, SafetensorError)
# What open_clip raises of a file that holds something else, or another network's weights.
_MISFITS = (RuntimeError, OSError, ValueError, AssertionError, AttributeError, LookupError, StopIteration, TypeError)
_OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
_OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)


def describe_backbone(backbone: str, pretrained: str | None, image_size: int) -> Architecture:
    """Look up an architecture without touching its weights.

    Args:
        backbone: ``"amclip-tiny"`` (for demo and tests), a model name of open_clip (``"ViT-B-16"``), an open_clip model
            configuration file (``.json``), ``"local-dir:FOLDER"`` or ``"hf-hub:OWNER/NAME"`` (open_clip's layout; reads
            the repository's configuration from the hub or its cache), ``"xclip-dir:FOLDER"`` or
            ``"xclip-hub:OWNER/NAME"`` (X-CLIP's, see :mod:`amclip.models.xclip`), ``"timm:NAME"``, an image encoder
            without a text tower (see :mod:`amclip.models.image_only`), or a video encoder as ``"vjepa:NAME"``,
            ``"vjepa-dir:FOLDER"`` or ``"vjepa-hub:OWNER/NAME"`` (see :mod:`amclip.models.vjepa`).
        pretrained: The weights' name in open_clip (``"openai"``), ``"synthetic"`` for ``amclip-tiny``, or a local file;
            it can fix the activation function and the normalisation.
        image_size: Side of the square input in pixels; position embeddings are interpolated to it.

    Returns:
        Plain values that rebuild the image tower; of an X-CLIP checkpoint also ``xclip``, its own parts' settings.

    Raises:
        ValueError: If the name is unknown, or its image tower is not of the kind that amclip needs; says why.
    """
    import open_clip

    if vjepa.is_vjepa(backbone):
        return vjepa.describe(backbone, pretrained, image_size)
    mean, std = _OPENAI_MEAN, _OPENAI_STD
    if xclip.is_xclip(backbone):
        published = xclip.describe(backbone)
    elif backbone.startswith(image_only.PREFIX):
        published = image_only.describe(backbone, pretrained)
    elif backbone.startswith("hf-hub:"):
        published = read_json(from_hub(backbone, "open_clip_config.json", "local-dir:"))
    elif backbone.startswith("local-dir:"):
        location = str(Path(backbone.removeprefix("local-dir:")) / "open_clip_config.json")
        if not Path(location).is_file():
            raise ValueError(f"backbone: {backbone!r} has no {location}; open_clip's layout needs that file")
        published = read_json(Path(location))
    else:
        published = _named(backbone)
        ours = (backbone, pretrained) == (_TINY, _TINY_WEIGHTS)
        weights = open_clip.get_pretrained_cfg(backbone, pretrained) if pretrained and not ours else {}
        if weights:  # a published name: these weights were trained with this activation and normalisation
            published["model_cfg"]["quick_gelu"] = bool(weights.get("quick_gelu", False))
            published["preprocess_cfg"] = weights
        elif pretrained and not ours and not Path(pretrained).is_file():
            known = [_TINY_WEIGHTS] if backbone == _TINY else open_clip.list_pretrained_tags_by_model(backbone)
            tags = ", ".join(known) or "none"
            raise ValueError(
                f"pretrained: {pretrained!r} is neither a file nor weights known for {backbone}; known: {tags}"
            )
        elif pretrained and torchscript.is_archive(pretrained):
            published["model_cfg"]["quick_gelu"] = True  # OpenAI's own file: all of its models have it
        elif pretrained and "preprocess_cfg" not in published:
            published["preprocess_cfg"] = _usual_normalisation(backbone)
    config = published.get("model_cfg", {})
    alone = backbone.startswith(image_only.PREFIX)
    if not isinstance(config, dict) or not ({"embed_dim", "vision_cfg"} <= config.keys() or alone):
        raise ValueError(f"backbone: {backbone!r} has no model_cfg with embed_dim and vision_cfg, as open_clip has it")
    vision = {**config["vision_cfg"], "image_size": image_size, "output_tokens": False}
    vision.pop("timm_model_pretrained", None)
    preprocess = published.get("preprocess_cfg") or {}
    if "text_cfg" not in config and "timm_model_name" in vision:
        preprocess = {**image_only.normalisation(vision["timm_model_name"]), **preprocess}
    architecture: Architecture = {
        "embed_dim": int(config.get("embed_dim", 0)),
        "vision_cfg": vision,
        "quick_gelu": bool(config.get("quick_gelu", False)),
        "mean": [float(x) for x in preprocess.get("mean") or mean],
        "std": [float(x) for x in preprocess.get("std") or std],
    }
    if "xclip" in published:
        architecture["xclip"] = published["xclip"]
    if "text_cfg" not in config:
        if backbone.startswith(("hf-hub:", "local-dir:")):
            raise ValueError(
                f"backbone: {backbone!r} has no text_cfg. Of an image encoder alone name the configuration file itself "
                "(backbone FILE.json) and the file of its weights (pretrained)"
            )
        architecture["image_only"] = True
    architecture["embed_dim"] = check_tower(backbone, architecture)
    return architecture


class NoTextTowerError(ValueError):
    """Class names cannot be compared with, since there is no text tower."""


@dataclass
class Pretrained:
    """What published weights bring.

    Attributes:
        visual: The image tower, by open_clip's names.
        text: Embeddings of the prompts, shape ``(C, D)``: the mean of a class's normalised embeddings, at the mean of
            their lengths (X-CLIP's prompting is not blind to the length), or None where there were no prompts.
        log_scale: The logarithm of the scale of cosines that the towers were trained with.
        bias: What is added to the scaled cosines (SigLIP); 0 for CLIP.
        video: X-CLIP's own parts, where it is one.
    """

    visual: dict[str, Tensor]
    text: Tensor | None
    log_scale: float
    bias: float
    video: xclip.XClipWeights | None = None


def has_builtin_weights(backbone: str) -> bool:
    """Whether the backbone's name alone, without ``pretrained``, means published weights."""
    return backbone.startswith(("hf-hub:", "local-dir:", *xclip.PREFIXES, *vjepa.BUILTIN))


def load_pretrained(
    backbone: str, pretrained: str | None, architecture: Architecture, prompts: Sequence[Sequence[str]] = ()
) -> Pretrained:
    """Read a CLIP model's weights, download them if they were asked for by name, and embed the prompts.

    Args:
        backbone: As for :func:`describe_backbone`.
        pretrained: Name of published weights, a local file (``.safetensors``, ``.pt``, ``.bin``), or None: random
            weights, unless ``backbone`` names a folder or a hub repository, which brings its own.
        architecture: What :func:`describe_backbone` returned.
        prompts: For each class its prompts; their normalised embeddings are averaged, as CLIP does for ensembles.

    Raises:
        NoTextTowerError: If there are prompts, and the weights are of an image tower alone.
        ValueError: If the weights do not fit the architecture.
        RuntimeError: If open_clip or timm cannot find or fetch them.
    """
    import open_clip

    if vjepa.is_vjepa(backbone):
        if prompts:
            raise NoTextTowerError(
                f"network.head.kind: text compares with class names; {backbone} knows no text: set linear"
            )
        return Pretrained(vjepa.read(backbone, pretrained, architecture), None, 0.0, 0.0)
    file = pretrained if pretrained and Path(pretrained).is_file() and not has_builtin_weights(backbone) else None
    archive = file if file and torchscript.is_archive(file) else None
    if architecture.get("image_only") or (file and not archive and image_only.holds_image_tower_alone(file)):
        return _load_image_tower(backbone, pretrained, file, architecture, bool(prompts))
    video = None
    with quiet():
        if xclip.is_xclip(backbone):
            video = xclip.read(backbone)
            config = xclip.describe(backbone)["model_cfg"]
            config["vision_cfg"] = architecture["vision_cfg"]
            model = open_clip.CLIP(**config)
            state = {**video.clip, "attn_mask": model.attn_mask} if "attn_mask" in model.state_dict() else video.clip
            open_clip.model.resize_pos_embed(state, model)
            model.load_state_dict(state)
            tokenizer: Any = open_clip.SimpleTokenizer(context_length=config["text_cfg"]["context_length"])
        elif "://" not in backbone and (backbone == _TINY or backbone.endswith(".json")):
            config = _named(backbone)["model_cfg"]
            config |= {"vision_cfg": architecture["vision_cfg"], "quick_gelu": architecture["quick_gelu"]}
            tokenizer = _tokenizer(backbone, config["text_cfg"]) if prompts else None
            separate = config.pop("custom_text", False)
            made = open_clip.CustomTextCLIP if separate else open_clip.CLIP
            model = (open_clip.CoCa if "multimodal_cfg" in config else made)(**config)
            if backbone == _TINY and pretrained == _TINY_WEIGHTS:
                # The file holds the image tower alone; the text tower keeps random weights.
                from safetensors.torch import load_file

                stored = Path(__file__).parent / "tiny.safetensors"
                # In single precision: the CPU cannot interpolate the position table in half.
                state = {name: value.float() for name, value in load_file(stored).items()}
                open_clip.model.resize_pos_embed(state, model)
                keys = model.load_state_dict(state, strict=False)
                if keys.unexpected_keys or any(name.startswith("visual.") for name in keys.missing_keys):
                    raise ValueError(f"{stored} does not fit amclip-tiny: {keys}")
            elif pretrained and not archive:
                open_clip.load_checkpoint(model, pretrained, strict=True, weights_only=True)
            if "timm_model_name" in architecture["vision_cfg"]:
                model.visual.set_input_size(architecture["vision_cfg"]["image_size"])
        else:
            image_size = architecture["vision_cfg"]["image_size"]
            schema = backbone.startswith(("hf-hub:", "local-dir:"))
            model = open_clip.create_model(
                backbone,
                pretrained=None if schema or archive else pretrained,
                force_image_size=image_size,
                force_quick_gelu=architecture["quick_gelu"],
                require_pretrained=not archive and (schema or pretrained is not None),
                weights_only=True,
            )
            tokenizer = open_clip.get_tokenizer(backbone) if prompts else None  # some fetch theirs from the hub
        if archive:
            _load_archive(model, archive)
    features = None
    if prompts:
        with torch.no_grad():
            raw = [model.encode_text(tokenizer(list(texts))) for texts in prompts]
        features = torch.stack([F.normalize(x, dim=-1).mean(dim=0) * x.norm(dim=-1).mean() for x in raw])
    bias = getattr(model, "logit_bias", None)
    return Pretrained(
        visual=model.visual.state_dict(),
        text=features,
        log_scale=model.logit_scale.item(),
        bias=0.0 if bias is None else bias.item(),
        video=video,
    )


def _load_archive(model: Any, path: str) -> None:
    """Give a model of open_clip the weights of OpenAI's archive, which holds some settings as tensors beside them."""
    import open_clip

    beside = {"input_resolution", "context_length", "vocab_size", "attn_mask"}
    # In single precision: the CPU cannot interpolate a table of positions in half.
    state = {name: value.float() for name, value in torchscript.read_weights(path).items() if name not in beside}
    if "attn_mask" in model.state_dict():
        state["attn_mask"] = model.attn_mask
    open_clip.model.resize_pos_embed(state, model)
    model.load_state_dict(state)


def _tokenizer(backbone: str, text: dict[str, Any]) -> Any:
    import open_clip

    if "hf_tokenizer_name" in text:
        raise ValueError(
            f"{backbone} has a tokenizer of its own ({text['hf_tokenizer_name']}), which a configuration file does not "
            "bring; name the folder with all of its files, as backbone local-dir:FOLDER"
        )
    return open_clip.SimpleTokenizer(context_length=text.get("context_length", 77))


def _load_image_tower(
    backbone: str, pretrained: str | None, file: str | None, architecture: Architecture, prompts: bool
) -> Pretrained:
    if prompts:
        what = f"{file} holds the image tower of {backbone}" if file else f"{backbone} is an image encoder"
        raise NoTextTowerError(
            f"network.head.kind: text compares with class names, and {what} alone, without a text tower; set linear, "
            "or take weights with both towers"
        )
    model = build_clip(architecture)
    visual = model.visual.state_dict()
    if file:
        own, visual = visual.keys(), image_only.read(file, architecture)
        if visual.keys() != own:
            missing, unknown = sorted(own - visual.keys()), sorted(visual.keys() - own)
            raise ValueError(
                f"{len(missing)} weights are missing{_first(missing)}, {len(unknown)} are none of the "
                f"tower's{_first(unknown)}"
            )
    elif pretrained:
        visual = image_only.fetch(pretrained, architecture)
    return Pretrained(visual, None, model.logit_scale.item(), 0.0)


def _first(names: Sequence[str]) -> str:
    return f" ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})" if names else ""


def explain_load_error(error: Exception, backbone: str, pretrained: str | None) -> str | None:
    """What to say of an error of :func:`load_pretrained`; None where it is not about the weights.

    Args:
        error: The error.
        backbone: As for :func:`load_pretrained`.
        pretrained: As for :func:`load_pretrained`.
    """
    reason = textwrap.shorten(str(error), 300, placeholder=" …") or "it holds none"
    if pretrained and Path(pretrained).is_file() and not has_builtin_weights(backbone):
        if other := torchscript.other_than_tensors(error):
            return (
                f"{pretrained} holds more than tensors ({other}), which would run as a program; amclip runs none. "
                "Where you trust it, save its tensors alone, torch.save(model.state_dict(), FILE), and name that file"
            )
        if isinstance(error, _DAMAGED) or "PytorchStreamReader" in reason:
            return f"{pretrained} is no file of weights (.safetensors, .pt, .bin), or is damaged"
        if isinstance(error, _MISFITS):
            return (
                f"{pretrained} does not hold the weights of {backbone}, both towers or the image tower ({reason}); "
                "name the backbone that they are of, or other weights"
            )
    if isinstance(error, (RuntimeError, OSError, *_DAMAGED)):
        return (
            f"the weights {pretrained!r} of {backbone} cannot be had or do not fit ({reason}). Where there is no "
            "network, fetch them elsewhere and name the file: --model.network.pretrained FILE.safetensors"
        )
    return None


def _usual_normalisation(backbone: str) -> dict[str, Any]:
    """Mean and deviation of the pixels of all that is published under a name; none if they differ. No file tells."""
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(backbone)
    found = {tuple(open_clip.get_pretrained_cfg(backbone, tag)[name] for name in ("mean", "std")) for tag in tags}
    return dict(zip(("mean", "std"), *found, strict=True)) if len(found) == 1 else {}


def _named(backbone: str) -> dict[str, Any]:
    """``model_cfg``, and where a file has it ``preprocess_cfg``."""
    import open_clip

    if backbone == _TINY:
        return {"model_cfg": json.loads((Path(__file__).parent / "tiny.json").read_text("utf-8"))}
    if backbone.endswith(".json"):
        if not Path(backbone).is_file():
            raise ValueError(f"backbone: there is no file {backbone}")
        loaded = read_json(Path(backbone))
        return loaded if "model_cfg" in loaded else {"model_cfg": loaded}
    known: dict[str, Any] | None = open_clip.get_model_config(backbone)
    if known is None:
        raise ValueError(
            f"backbone: {backbone!r} is no model of open_clip. Names look like ViT-B-16 (list them with "
            "`python -c 'import open_clip; print(open_clip.list_models())'`); a model on the Hugging Face hub is "
            "written hf-hub:OWNER/NAME"
        )
    return {"model_cfg": copy.deepcopy(known)}
