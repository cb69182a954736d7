"""V-JEPA's video encoders, versions 2 and 2.1: what they look like, and their weights, key by key.

Two layouts are read: that of ``VJEPA2Model`` in transformers (``config.json`` and ``model.safetensors``, version 2),
and the authors' own files (``torch.save``, both versions). Neither library is needed. Of a file only the encoder is
read; the predictor and the classifier that lie beside it are left out.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from amclip.models.config_files import published_file, read_json
from amclip.models.tower import Architecture, build_tower

__all__ = ["BUILTIN", "PREFIXES", "describe", "is_vjepa", "read"]

BUILTIN = ("vjepa-dir:", "vjepa-hub:")  # these bring weights of their own
_NAMED = "vjepa:"
PREFIXES = (_NAMED, *BUILTIN)

# ImageNet's, which all versions were trained with.
_MEAN, _STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

# The authors' names in torch.hub: version, width, layers, heads, hidden layer of the MLP.
NAMES: dict[str, tuple[str, int, int, int, int]] = {
    "vjepa2_vit_large": ("2", 1024, 24, 16, 4096),
    "vjepa2_vit_huge": ("2", 1280, 32, 16, 5120),
    "vjepa2_vit_giant": ("2", 1408, 40, 22, 6144),
    "vjepa2_vit_giant_384": ("2", 1408, 40, 22, 6144),
    "vjepa2_1_vit_base_384": ("2.1", 768, 12, 12, 3072),
    "vjepa2_1_vit_large_384": ("2.1", 1024, 24, 16, 4096),
    "vjepa2_1_vit_giant_384": ("2.1", 1408, 40, 22, 6144),
    "vjepa2_1_vit_gigantic_384": ("2.1", 1664, 48, 26, 8192),
}

# VJEPA2Config's defaults: a saved configuration may leave out what equals them.
_DEFAULTS: dict[str, Any] = {"patch_size": 16, "tubelet_size": 2, "hidden_size": 1024, "in_chans": 3}
_DEFAULTS |= {"num_attention_heads": 16, "num_hidden_layers": 24, "mlp_ratio": 4.0, "layer_norm_eps": 1e-6}
_DEFAULTS |= {"qkv_bias": True, "hidden_act": "gelu"}
# Settings that a proposed version 2.1 in transformers has, and no released one reads.
_OF_2_1 = ("use_rope_interleave", "use_modality_embeddings", "interpolate_rope", "hierarchical_layers")

# The encoders in an authors' file, the averaged one first: it is what they evaluate.
_ENCODERS = ("ema_encoder", "target_encoder", "encoder")
# What lies in an encoder of theirs beside what a video needs: tables of positions, from before RoPE, and what 2.1 has
# for single images and for its intermediate layers.
_UNUSED = re.compile(r"pos_embed|patch_embed_img\..+|img_mod_embed|norms_block\.(\d+)\..+")


def is_vjepa(backbone: str) -> bool:
    """Whether a backbone's name means one of V-JEPA's video encoders."""
    return backbone.startswith(PREFIXES)


def describe(backbone: str, pretrained: str | None, image_size: int) -> Architecture:
    """What an encoder looks like, from its name or its configuration alone.

    Args:
        backbone: ``"vjepa:NAME"`` with the authors' name in torch.hub (``vjepa2_1_vit_large_384``),
            ``"vjepa-dir:FOLDER"`` or ``"vjepa-hub:OWNER/NAME"`` (transformers' layout; fetched from the hub, or its
            cache).
        pretrained: A local file in the authors' layout, for ``vjepa:NAME``; or None.
        image_size: Side of the square frames in pixels.

    Raises:
        ValueError: If there is no such encoder, it is of a kind that is not known, or the size does not fit.
    """
    pixels: dict[str, Any] = {}
    if backbone.startswith(_NAMED):
        name = backbone.removeprefix(_NAMED)
        if name not in NAMES:
            raise ValueError(
                f"backbone: {name!r} is no V-JEPA; known: {', '.join(f'{_NAMED}{each}' for each in NAMES)}"
            )
        if pretrained and not Path(pretrained).is_file():
            raise ValueError(
                f"pretrained: there is no file {pretrained}; {backbone} takes a local file in its authors' layout, and "
                "nothing is fetched"
            )
        version, width, layers, heads, mlp_width = NAMES[name]
        video: dict[str, Any] = {"version": version, "width": width, "layers": layers, "heads": heads}
        video |= {"mlp_width": mlp_width, "patch_size": 16, "tubelet_size": 2, "qkv_bias": True, "norm_eps": 1e-6}
    else:
        video = _from_transformers(backbone, read_json(_file(backbone, "config.json")))
        for name in ("video_preprocessor_config.json", "preprocessor_config.json"):
            try:
                pixels = read_json(_file(backbone, name))
                break
            except (ValueError, OSError):
                continue
    patch = video["patch_size"]
    if image_size < patch or image_size % patch:
        raise ValueError(
            f"image_size: {backbone} cuts frames into squares of {patch} pixels; {image_size} is no multiple of that"
        )
    return {
        "embed_dim": video["width"],
        "video_cfg": video,
        "mean": [float(x) for x in pixels.get("image_mean") or _MEAN],
        "std": [float(x) for x in pixels.get("image_std") or _STD],
    }


def read(backbone: str, pretrained: str | None, architecture: Architecture) -> dict[str, Tensor]:
    """The weights of an encoder, by the names of :class:`amclip.models.vjepa_layers.VideoTower`.

    Args:
        backbone: As for :func:`describe`.
        pretrained: As for :func:`describe`; None for random weights of ``vjepa:NAME``.
        architecture: What :func:`describe` returned.

    Raises:
        ValueError: If a file holds no encoder, one of another version, or weights that belong nowhere or are missing;
            lists them.
    """
    if not backbone.startswith(_NAMED):
        state = _by_our_names(_read_folder(backbone))
    elif pretrained:
        state = _by_authors_names(_encoder_of(pretrained), architecture["video_cfg"]["version"])
    else:
        return dict(build_tower(architecture).state_dict())
    with torch.device("meta"):  # names alone
        own = build_tower(architecture).state_dict().keys()
    if missing := sorted(own - state.keys()):
        raise ValueError(f"{len(missing)} weights are missing ({_first(missing)})")
    if unknown := sorted(state.keys() - own):
        raise ValueError(f"{len(unknown)} weights are none of the encoder's ({_first(unknown)})")
    return state


def _from_transformers(backbone: str, config: dict[str, Any]) -> dict[str, Any]:
    """The settings of a tower from ``config.json``."""
    if config.get("model_type") != "vjepa2":
        raise ValueError(f"backbone: {backbone!r} is no V-JEPA 2: model_type is {config.get('model_type')!r}")
    if newer := [name for name in _OF_2_1 if config.get(name)]:
        raise ValueError(
            f"backbone: {backbone!r} has settings of V-JEPA 2.1 that no released transformers reads "
            f"({', '.join(newer)}), so there is nothing to hold them against. Name the authors' own file: backbone "
            f"{_NAMED}vjepa2_1_vit_large_384 (or another size), pretrained FILE.pt"
        )
    config = {**_DEFAULTS, **config}
    patch = config["patch_size"]
    sides = set(patch if isinstance(patch, list) else [patch])
    expected = {"in_chans": 3, "hidden_act": "gelu", "use_rope": True}
    odd = [f"{name} is {config[name]!r}" for name, value in expected.items() if config.get(name, value) != value]
    if odd or len(sides) != 1:
        odd += [f"patch_size is {patch!r}"] if len(sides) != 1 else []
        raise ValueError(f"backbone: {backbone!r} is a V-JEPA 2 of a kind that amclip does not know: {'; '.join(odd)}")
    return {
        "version": "2",
        "width": config["hidden_size"],
        "layers": config["num_hidden_layers"],
        "heads": config["num_attention_heads"],
        "mlp_width": int(config["hidden_size"] * config["mlp_ratio"]),
        "patch_size": int(sides.pop()),
        "tubelet_size": config["tubelet_size"],
        "qkv_bias": bool(config["qkv_bias"]),
        "norm_eps": float(config["layer_norm_eps"]),
    }


def _file(backbone: str, name: str) -> Path:
    return published_file(backbone, name, "V-JEPA 2")


def _read_folder(backbone: str) -> dict[str, Tensor]:
    """The encoder's weights in ``model.safetensors``, or in the parts that its index names, by transformers' names."""
    from safetensors import safe_open

    try:
        parts = [_file(backbone, "model.safetensors")]
    except (ValueError, OSError) as error:
        try:
            index = read_json(_file(backbone, "model.safetensors.index.json"))
        except (ValueError, OSError):
            raise error from None
        names = {part for name, part in index["weight_map"].items() if _of_encoder(name)}
        parts = [_file(backbone, part) for part in sorted(names)]
    found: dict[str, Tensor] = {}
    for part in parts:
        with safe_open(part, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118 (it is no mapping)
                if _of_encoder(name):
                    found[name.removeprefix("vjepa2.").removeprefix("encoder.")] = opened.get_tensor(name)
    return found


def _of_encoder(name: str) -> bool:
    return name.removeprefix("vjepa2.").startswith("encoder.")


def _by_our_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of transformers' encoder; queries, keys and values become one."""
    found: dict[str, Tensor] = {}
    thirds: dict[str, dict[str, Tensor]] = {}
    for name, value in state.items():
        new = re.sub(r"^layer\.", "blocks.", name).replace(".attention.", ".attn.")
        new = new.replace("embeddings.patch_embeddings.", "patch_embed.")
        new = re.sub(r"^layernorm\.", "norm.", new)
        third = re.fullmatch(r"(blocks\.\d+\.attn\.)(query|key|value)\.(.+)", new)
        if third:
            thirds.setdefault(f"{third[1]}qkv.{third[3]}", {})[third[2]] = value
        else:
            found[new] = value
    for name, parts in thirds.items():
        if set(parts) == {"query", "key", "value"}:  # what is half there is missing
            found[name] = torch.cat([parts[which] for which in ("query", "key", "value")])
    return found


def _encoder_of(path: str) -> dict[str, Tensor]:
    """The weights of the encoder in an authors' file, without the wrappers that they were trained in."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        loaded: Any = load_file(path)
    else:
        try:  # only what is used is read of files that hold predictor and optimiser too
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # the older format cannot be mapped
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(loaded, Mapping):
        raise ValueError(f"it holds {type(loaded).__name__}, not weights by name")
    inner = next((loaded[key] for key in _ENCODERS if isinstance(loaded.get(key), Mapping)), loaded)
    state = {
        re.sub(r"^(module\.|backbone\.)+", "", str(name)): value
        for name, value in inner.items()
        if isinstance(value, Tensor)
    }
    if not any(name.startswith("blocks.") for name in state):
        keys = f"it has {_first(sorted(str(key) for key in loaded))}" if loaded else "it is empty"
        raise ValueError(f"none of {', '.join(_ENCODERS)} is in it: {keys}")
    return state


def _by_authors_names(state: dict[str, Tensor], version: str) -> dict[str, Tensor]:
    """The tower's names; what a video adds to every token becomes part of the patches' bias."""
    found = {name: value for name, value in state.items() if not _UNUSED.fullmatch(name)}
    norms = {int(match[1]) for name in state if (match := _UNUSED.fullmatch(name)) and match[1]}
    theirs = "2.1" if norms else "2"
    if theirs != version:
        raise ValueError(f"it is of V-JEPA {theirs}, not {version}")
    for name, value in state.items():
        if norms and name.startswith(f"norms_block.{max(norms)}."):
            found[f"norm.{name.rpartition('.')[2]}"] = value
    if (added := found.pop("video_mod_embed", None)) is not None and "patch_embed.proj.bias" in found:
        found["patch_embed.proj.bias"] = found["patch_embed.proj.bias"] + added.flatten()
    return found


def _first(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
