"""Tiny vision transformers under names of timm's, one of each kind that is published, for images of 32 pixels."""

from typing import Any

import timm.models
from timm.models.beit import Beit
from timm.models.eva import Eva
from timm.models.naflexvit import NaFlexVit, NaFlexVitCfg
from timm.models.vision_transformer import VisionTransformer
from timm.models.vision_transformer_relpos import VisionTransformerRelPos
from torch import nn

__all__ = ["DEPTH", "KINDS", "vision"]

DEPTH = 3
_SIZE = {"embed_dim": 32, "depth": DEPTH, "num_heads": 2}
_DINOV3 = {
    **{"qkv_bias": False, "init_values": 1e-5, "rope_type": "dinov3", "rope_rotate_half": True},
    **{"use_rot_pos_emb": True, "use_abs_pos_emb": False, "num_reg_tokens": 4, "use_fc_norm": False},
}
_EVA02 = {"qkv_fused": False, "swiglu_mlp": True, "scale_mlp": True, "use_rot_pos_emb": True, "ref_feat_shape": (4, 4)}

# Name: what is built, its settings, pooling and projection as open_clip's configurations have them.
KINDS: dict[str, tuple[Any, dict[str, Any], str, str]] = {
    "siglip": (VisionTransformer, {**_SIZE, "class_token": False, "global_pool": "map"}, "map", "none"),
    "mobileclip": (VisionTransformer, {**_SIZE, "no_embed_class": True}, "token", ""),
    "dinov2": (
        VisionTransformer,
        {**_SIZE, "reg_tokens": 4, "no_embed_class": True, "init_values": 1e-5},
        "token",
        "none",
    ),
    "eva01": (Eva, {**_SIZE, "qkv_bias": True}, "token", ""),
    "eva02": (Eva, {**_SIZE, **_EVA02}, "token", ""),
    "pe_core": (Eva, {**_SIZE, "global_pool": "map", "attn_type": "rope", "use_rot_pos_emb": True}, "map", ""),
    "dinov3": (Eva, {**_SIZE, **_DINOV3}, "avg", "none"),
    "beit": (Beit, {**_SIZE, "use_rel_pos_bias": True}, "avg", "linear"),
    "relpos": (VisionTransformerRelPos, {**_SIZE, "class_token": True, "rel_pos_type": "mlp"}, "avg", "linear"),
    "naflex": (NaFlexVit, {**_SIZE, "global_pool": "map"}, "map", "none"),
}


def vision(kind: str, size: int = 32) -> dict[str, Any]:
    """``vision_cfg`` of a tiny tower, for images of that side."""
    _, _, pool, projection = KINDS[kind]
    return {"timm_model_name": f"tiny_{kind}", "timm_pool": pool, "timm_proj": projection, "image_size": size}


def _register(kind: str) -> None:
    made, settings, _, _ = KINDS[kind]

    def build(pretrained: bool = False, **given: Any) -> nn.Module:
        given = {name: value for name, value in given.items() if not name.startswith(("pretrained", "cache_dir"))}
        if made is NaFlexVit:
            model: Any = NaFlexVit(
                NaFlexVitCfg(**{**settings, "patch_size": 8, "pos_embed_grid_size": (4, 4)}), **given
            )
        else:
            model = made(**{"img_size": 32, "patch_size": 8, **settings, **given})
        model.pretrained_cfg = model.default_cfg = {"input_size": (3, 32, 32), "classifier": "head"}
        return model

    build.__name__ = f"tiny_{kind}"
    timm.models.register_model(build)


for _kind in KINDS:
    _register(_kind)
