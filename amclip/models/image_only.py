"""Image encoders without a text tower: timm's (DINOv2, DINOv3, …), and files of an image tower alone."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from amclip.models.tower import Architecture, build_clip, quiet

__all__ = ["PREFIX", "describe", "fetch", "holds_image_tower_alone", "normalisation", "read"]

PREFIX = "timm:"

# How names of weights begin that no image tower has, in open_clip's, OpenAI's, Apple's and Hugging Face's layouts.
_OF_TEXT = ("logit_scale", "text", "token_embedding", "ln_final")
_TOWER = "visual."
_TRUNK = "trunk."


def describe(backbone: str, pretrained: str | None) -> dict[str, Any]:
    """What a vision transformer of timm's looks like, in open_clip's words.

    Args:
        backbone: ``"timm:NAME"``, such as ``timm:vit_base_patch16_dinov3``.
        pretrained: Tag of its published weights (``lvd1689m``), a local file, or None.

    Returns:
        ``model_cfg`` without a text tower, ``embed_dim`` left out, and ``preprocess_cfg``.

    Raises:
        ValueError: If timm does not know the name or the weights.
    """
    import timm

    name = backbone.removeprefix(PREFIX)
    arch, _, tag = name.partition(".")
    if not timm.is_model(arch):
        raise ValueError(
            f"backbone: {arch!r} is no model of timm {timm.__version__}. Names look like timm:vit_base_patch16_dinov3 "
            "(list them with `python -c 'import timm; print(timm.list_models(\"vit*\"))'`)"
        )
    if tag:
        raise ValueError(f"backbone: {backbone!r} names weights; set backbone {PREFIX}{arch} and pretrained {tag}")
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{name}.*")]
    if pretrained and pretrained not in tags and not Path(pretrained).is_file():
        raise ValueError(
            f"pretrained: {pretrained!r} is neither a file nor weights known for {backbone}; known: "
            f"{', '.join(tags) or 'none'}"
        )
    with quiet(), torch.device("meta"):
        pool = getattr(timm.create_model(name, num_classes=0), "global_pool", "")
    vision = {"timm_model_name": name, "timm_pool": pool if isinstance(pool, str) else "avg", "timm_proj": "none"}
    weights = f"{name}.{pretrained}" if pretrained in tags else name
    return {"model_cfg": {"vision_cfg": vision}, "preprocess_cfg": normalisation(weights)}


def normalisation(name: str) -> dict[str, Any]:
    """Mean and deviation of the pixels that a model of timm's was trained with, where timm knows them.

    Args:
        name: Its name, with or without the tag of its weights.
    """
    import timm

    config = timm.get_pretrained_cfg(name)
    return {"mean": config.mean, "std": config.std} if config else {}


def fetch(tag: str, architecture: Architecture) -> dict[str, Tensor]:
    """Published weights of a tower that :func:`describe` knows, from timm's cache or the hub, by open_clip's names.

    Raises:
        RuntimeError: If they cannot be had.
    """
    import timm

    vision = architecture["vision_cfg"]
    with quiet():
        trunk = timm.create_model(
            f"{vision['timm_model_name']}.{tag}", pretrained=True, num_classes=0, global_pool=vision["timm_pool"]
        )
        if hasattr(trunk, "set_input_size"):
            trunk.set_input_size(vision["image_size"])
    return {f"{_TRUNK}{name}": value for name, value in trunk.state_dict().items()}


def holds_image_tower_alone(path: str) -> bool:
    """Whether a file of weights holds none of a text tower; False too where it cannot be told from the names."""
    try:
        if path.endswith(".safetensors"):
            from safetensors import safe_open

            with safe_open(path, "pt") as opened:
                names: Iterable[str] = list(opened.keys())
        else:
            # Only what lies where is read, not the weights; older formats cannot be mapped, and go the usual way.
            names = _unwrapped(torch.load(path, map_location="cpu", weights_only=True, mmap=True))
    except Exception:  # whatever is wrong with the file is said where it is read
        return False
    return bool(names) and not any(name.removeprefix("module.").startswith(_OF_TEXT) for name in names)


def read(path: str, architecture: Architecture) -> dict[str, Tensor]:
    """The weights of an image tower from a file, by open_clip's names, its positions fitted to the size of the images.

    The file has the tower's own names (``conv1.weight``; ``trunk.blocks.0.norm1.weight``), those with ``visual.``
    before them, or for a tower of timm's any layout that timm reads for it: its own (``blocks.0.norm1.weight``), or the
    one that its authors published. Text towers and classifiers are left out.

    Args:
        path: ``.safetensors``, ``.pt``, ``.pth`` or ``.bin``.
        architecture: The tower.

    Raises:
        ValueError: If the file holds no weights. (What is missing is found where they are loaded.)
    """
    import open_clip

    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        state: dict[str, Tensor] = load_file(path)
    else:
        state = dict(_unwrapped(torch.load(path, map_location="cpu", weights_only=True)))
    state = {name.removeprefix("module."): value for name, value in state.items() if isinstance(value, Tensor)}
    if any(name.startswith(_TOWER) for name in state):
        state = {name.removeprefix(_TOWER): value for name, value in state.items() if name.startswith(_TOWER)}
    if not state:
        raise ValueError("it holds no weights by name")
    # In single precision: the CPU cannot interpolate a table of positions in half.
    state = {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    model = build_clip(architecture)
    if not hasattr(model.visual, "trunk"):
        state = {f"{_TOWER}{name}": value for name, value in state.items()}
        with quiet():
            open_clip.model.resize_pos_embed(state, model)
        return {name.removeprefix(_TOWER): value for name, value in state.items()}
    head = {name: value for name, value in state.items() if name.startswith("head.")}
    behind = {name: value for name, value in head.items() if name in model.visual.state_dict()}
    of_trunk = {name.removeprefix(_TRUNK): value for name, value in state.items() if name not in behind}
    of_trunk = _as_timm_names_them(of_trunk, model.visual.trunk)
    return behind | {f"{_TRUNK}{name}": value for name, value in of_trunk.items()}


def _as_timm_names_them(state: dict[str, Tensor], trunk: Any) -> dict[str, Tensor]:
    """Weights in a layout that timm knows for a tower, by timm's names, without a classifier that it does not have."""
    own = trunk.state_dict()
    convert = getattr(sys.modules[type(trunk).__module__], "checkpoint_filter_fn", None)
    if convert is not None:
        with quiet():
            state = convert(state, trunk)
    classifier = (trunk.default_cfg or {}).get("classifier") or ()
    prefixes = tuple(f"{name}." for name in ([classifier] if isinstance(classifier, str) else classifier))
    return {name: value for name, value in state.items() if name in own or not name.startswith(prefixes)}


def _unwrapped(loaded: Any) -> Mapping[str, Any]:
    """The weights by name within what training programs save beside them."""
    for key in ("state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            return _unwrapped(loaded[key])
    if not isinstance(loaded, Mapping):
        raise ValueError(f"it holds {type(loaded).__name__}, not weights by name")
    return loaded
