"""Towers of open_clip, timm and V-JEPA as what they have in common: a row of blocks, what lies before and behind it."""

import contextlib
import copy
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from amclip.models.vjepa_layers import VideoTower

__all__ = [
    *("Architecture", "blocks_of", "build_clip", "build_tower", "check_tower", "depths", "quiet", "train_last"),
    "undecayed",
]

Architecture = dict[str, Any]
"""Plain values that rebuild an image tower: ``embed_dim``, ``vision_cfg``, ``quick_gelu``, ``mean``, ``std``; of an
image encoder without a text tower also ``image_only``, of an X-CLIP checkpoint ``xclip``. A video encoder has
``embed_dim``, ``video_cfg``, ``mean`` and ``std`` alone."""

# Where the blocks are: open_clip's own towers, those that it takes from timm, and V-JEPA's.
_PATHS = ("transformer.resblocks", "trunk.blocks", "blocks")

# Weights that belong to a tower itself and not to one of its modules come before the blocks (tokens, tables of
# positions), but for open_clip's final projection.
_PROJECTION = "proj"

# Modules whose weights of two and more dimensions are maps. What else has so many dimensions is an embedding (tokens,
# queries, tables) or a scale, unless it is one of the matrices below, which have no module of their own: open_clip's
# projection, the attention of its custom blocks, and X-CLIP's projection of patches.
_MAPS = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd, nn.MultiheadAttention)
_BARE_MATRICES = (_PROJECTION, "in_proj_weight", "patch_projection")

# What timm raises of what does not go together.
_BY_TIMM = (RuntimeError, AssertionError, AttributeError, TypeError, ValueError)


def build_clip(architecture: Architecture, meta: bool = False) -> Any:
    """A model of open_clip with this image tower, random weights, and the smallest text tower that there is.

    Args:
        architecture: The tower.
        meta: On the meta device: shapes without values, in a moment.

    Returns:
        ``open_clip.CLIP``; its image tower is ``visual``.
    """
    model = _build(architecture, meta)
    if "timm_model_name" in architecture["vision_cfg"]:  # these are made at their own size, and open_clip leaves it so
        with quiet():
            model.visual.set_input_size(architecture["vision_cfg"]["image_size"])
    return model


def build_tower(architecture: Architecture) -> Any:
    """The tower alone, of images or of videos, with random weights."""
    if "video_cfg" in architecture:
        return VideoTower(**architecture["video_cfg"])
    return build_clip(architecture).visual


def blocks_of(visual: nn.Module) -> Sequence[Any]:
    """The transformer blocks of a tower, from the input to the output; none where they are no single row."""
    path = _path(visual)
    return list(visual.get_submodule(path).children()) if path else ()


def depths(visual: nn.Module) -> dict[str, int]:
    """How many blocks lie between a weight and the tower's output, by the weight's name.

    0 is behind the blocks, 1 in the last one; tokens, positions and whatever makes patches into tokens count as one
    block below the first.

    Raises:
        ValueError: If the tower has no row of blocks.
    """
    path = _path(visual)
    if path is None:
        raise ValueError(f"{type(visual).__name__} has no single row of transformer blocks")
    below = len(blocks_of(visual)) + 1
    found: dict[str, int] = {}

    def note(prefix: str, weights: Iterator[tuple[str, nn.Parameter]], depth: int) -> None:
        found.update({f"{prefix}{name}": depth for name, _ in weights})

    owner, prefix = visual, ""
    for step in path.split("."):
        note(prefix, owner.named_parameters(recurse=False), below)
        if f"{prefix}{_PROJECTION}" in found:
            found[f"{prefix}{_PROJECTION}"] = 0
        depth = below
        for name, child in owner.named_children():
            if name == step:
                depth = 0  # what is made after the blocks is used after them
            else:
                note(f"{prefix}{name}.", child.named_parameters(), depth)
        owner, prefix = owner.get_submodule(step), f"{prefix}{step}."
    for number, (name, block) in enumerate(owner.named_children()):
        note(f"{prefix}{name}.", block.named_parameters(), below - 1 - number)
    return found


def train_last(visual: nn.Module, trainable: int) -> None:
    """Let the last blocks of a tower train, and what comes behind them; nothing where there are none to train.

    Neither open_clip's nor timm's own way does: they leave out attentional pooling, count norms as blocks in some
    towers and not in others, and let the projection train where nothing shall.

    Args:
        visual: The tower.
        trainable: How many blocks; -1 for the whole tower.
    """
    if trainable >= 0:
        deepest = {name: depth for name, depth in depths(visual).items() if trainable and depth <= trainable}
        for name, parameter in visual.named_parameters():
            parameter.requires_grad_(name in deepest)
    if getattr(visual, "attn_pool_type", "") == "parallel":
        visual.get_submodule("attn_pool").requires_grad_(
            False
        )  # it makes CoCa's captions, and nothing of the embedding


def undecayed(network: nn.Module) -> set[str]:
    """Names of the weights without weight decay: biases, norms, scales, tokens, tables of positions, learned queries.

    Told by the module that a weight belongs to, and by what open_clip's and timm's modules say of themselves.
    """
    found: set[str] = set()
    for path, module in network.named_modules():
        prefix = f"{path}." if path else ""
        for name, parameter in module.named_parameters(recurse=False):
            matrix = isinstance(module, _MAPS) or name in _BARE_MATRICES
            if parameter.ndim < 2 or not matrix:
                found.add(f"{prefix}{name}")
        said = getattr(module, "no_weight_decay", None)
        if callable(said):
            found.update(f"{prefix}{name}" for name in said())
    return found


def check_tower(backbone: str, architecture: Architecture) -> int:
    """Refuse an image tower that amclip cannot use.

    A tower of timm's is built on the meta device and tried with its first and last block alone, which takes a moment.

    Args:
        backbone: Its name, for the errors.
        architecture: The tower; its ``embed_dim`` is 0 where only the tower itself knows it.

    Returns:
        Size of its embedding.

    Raises:
        ValueError: If it cannot be used, or not at this image size; says why.
    """
    vision = architecture["vision_cfg"]
    if "timm_model_name" in vision:
        return _check_timm(backbone, architecture)
    if not isinstance(vision.get("layers", 12), int):
        raise ValueError(_no_row(backbone, "open_clip's ModifiedResNet, of convolutions"))
    patch, size = vision.get("patch_size", 16), vision["image_size"]
    if size < patch or size % patch:
        raise ValueError(_no_multiple(backbone, patch, size))
    return int(architecture["embed_dim"])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hide open_clip's notes on random weights: here they are meant."""
    import logging

    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _build(architecture: Architecture, meta: bool) -> Any:
    import open_clip

    with quiet(), _shapes() if meta else contextlib.nullcontext():
        return open_clip.CLIP(
            embed_dim=architecture["embed_dim"],
            vision_cfg=copy.deepcopy(architecture["vision_cfg"]),
            text_cfg={"context_length": 1, "vocab_size": 1, "width": 8, "heads": 1, "layers": 1},
            quick_gelu=architecture["quick_gelu"],
        )


def _no_row(backbone: str, kind: str) -> str:
    return (
        f"backbone: {backbone}: its image tower ({kind}) is built of stages. It has no single row of transformer "
        "blocks, by which amclip freezes, adapts and ranks layers; take one that has, such as ViT-B-16"
    )


def _no_multiple(backbone: str, patch: int, size: int) -> str:
    return f"image_size: {backbone} cuts images into squares of {patch} pixels; {size} is no multiple of that"


def _check_timm(backbone: str, architecture: Architecture) -> int:
    try:
        visual = _build(architecture, meta=True).visual
    except _BY_TIMM as error:
        raise ValueError(f"backbone: {backbone}: timm cannot build its image tower ({error})") from error
    trunk, size = visual.trunk, architecture["vision_cfg"]["image_size"]
    kind = f"timm's {type(trunk).__name__}"
    row = getattr(trunk, "blocks", None)
    if not isinstance(row, (nn.ModuleList, nn.Sequential)) or not len(row):
        raise ValueError(_no_row(backbone, kind))
    if not all(any("attn" in name for name, _ in block.named_modules()) for block in row):
        raise ValueError(f"backbone: {backbone}: not all blocks of its image tower ({kind}) have attention")
    if not hasattr(trunk, "forward_intermediates"):
        raise ValueError(f"backbone: {backbone}: its image tower ({kind}) does not give its patch tokens")
    del row[1:-1]
    passed: list[tuple[Any, Any]] = []
    for block in row:
        block.register_forward_hook(lambda _, given, made: passed.append((given[0], made)))
    own_size = trunk.default_cfg.get("input_size", (3, size, size))[-1]
    try:
        features = _features(visual, own_size)
    except _BY_TIMM as error:
        raise ValueError(
            f"backbone: {backbone}: the blocks of its image tower ({kind}) do not take what the ones before them give "
            f"({_brief(error)})"
        ) from error
    for given, made in passed:
        if not isinstance(given, Tensor) or given.ndim != 3 or given.shape != made.shape:
            raise ValueError(f"backbone: {backbone}: the blocks of its image tower ({kind}) pass on no row of tokens")
    if features.ndim != 2:
        what = f"{tuple(features.shape[1:])} per image, not an embedding"
        raise ValueError(f"backbone: {backbone}: its image tower ({kind}) gives {what}")
    found, expected = features.shape[1], architecture["embed_dim"]
    if expected not in (0, found):
        raise ValueError(f"backbone: {backbone}: embed_dim is {expected}, but its image tower gives {found} numbers")
    if size == own_size:  # also where a margin is cut off, as in training (SigLIP so400m at 384, in squares of 14)
        return int(found)
    # timm's own word for how many pixels a token stands for, stem and patches together.
    patch = trunk.feature_info[-1]["reduction"]
    if size < patch or size % patch:
        raise ValueError(_no_multiple(backbone, patch, size))
    try:
        with quiet():
            visual.set_input_size(size)
        _features(visual, size)
    except _BY_TIMM as error:
        raise ValueError(
            f"image_size: the image tower of {backbone} ({kind}) does not take {size} pixels ({_brief(error)})"
        ) from error
    return int(found)


def _features(visual: nn.Module, size: int) -> Tensor:
    """Embedding of an image by a tower on the meta device."""
    with quiet(), torch.device("meta"), torch.no_grad():
        features: Tensor = visual(torch.empty(1, 3, size, size))
    return features


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _path(visual: nn.Module) -> str | None:
    for path in _PATHS:
        with contextlib.suppress(AttributeError):
            visual.get_submodule(path)
            return path
    return None


class _NoFilling(TorchFunctionMode):
    """Leave out what only fills tensors with values: on the meta device there are none, and it is most of the time."""

    _FILLS = tuple(
        getattr(Tensor, name) for name in ("uniform_", "normal_", "erfinv_", "mul_", "div_", "add_", "clamp_", "fill_")
    )

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in self._FILLS:
            return args[0]
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def _shapes() -> Iterator[None]:
    with torch.device("meta"), _NoFilling():
        yield
