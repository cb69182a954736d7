"""By what an embedding is found again: the video's content, the moment, and what makes its pixels and weights."""

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amclip.augmentation import Augmentation
from amclip.data.stored.store import KEY_SIZE
from amclip.data.video import READING_RULES
from amclip.inputs import NetworkInput
from amclip.plain import to_plain

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PIXEL_RULES", "augmentation_tag", "digest_of", "position_keys", "seen_pixels", "weights_digest"]

PIXEL_RULES = 1
"""Raised when the same settings make other pixels of the same frames, or the same network other embeddings of them."""

# What says which frames are sampled and which squares are cut out: those are part of each position's own key. And what
# computes TV-L1, since all backends give the same flow.
_NOT_PIXELS = ("scheme", "num_segments", "positions_per_segment", "segment_overlap", "crop")
_NOT_FLOW = ("gap", "backend")


def seen_pixels(input: NetworkInput) -> dict[str, Any]:
    """What of the input makes other pixels of the same frames, in plain values."""
    plain = {name: value for name, value in input.to_dict().items() if name not in _NOT_PIXELS}
    flow = {name: value for name, value in plain.pop("flow").items() if name not in _NOT_FLOW}
    crops = 0 if input.crop is None else input.num_crops
    seen = {**plain, "crops": crops, "reading_rules": READING_RULES, "pixel_rules": PIXEL_RULES}
    return seen if input.frames_per_position == 1 else {**seen, "flow": flow}


def weights_digest(weights: "Mapping[str, Tensor]") -> str:
    """A digest of tensors with their names, kinds and shapes, as hexadecimal digits."""
    import torch

    found = _new()
    for name, tensor in sorted(weights.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def digest_of(values: Any) -> str:
    """A digest of plain values, as hexadecimal digits."""
    found = _new()
    found.update(json.dumps(values, sort_keys=True).encode())
    return found.hexdigest()


def augmentation_tag(augmentation: Augmentation, seed: int) -> bytes:
    """What tells a version of an augmented clip from others, 16 bytes.

    Args:
        augmentation: How it is augmented.
        seed: What is drawn for it follows this.
    """
    found = _new()
    found.update(json.dumps([to_plain(augmentation), seed], sort_keys=True).encode())
    return found.digest()


def position_keys(
    video: bytes,
    frames: NDArray[np.int64],
    partners: NDArray[np.int64] | None = None,
    crops: NDArray[np.int64] | None = None,
    speeds: NDArray[np.float32] | None = None,
    tag: bytes = b"",
    views: int = 1,
) -> NDArray[np.uint8]:
    """A key for each view of each position.

    Args:
        video: The digest of its content.
        frames: Numbers of the frames, int64 ``[K]``.
        partners: Their flow partners; None where there is no flow.
        crops: Squares that are cut out, int64 ``[K, G, 3]``; None: none are.
        speeds: What flow and its numbers are scaled with, float32 ``[K, G, 2]``; None where they are not.
        tag: Of an augmented clip, :func:`augmentation_tag`.
        views: Spatial views of a frame, ``S``.

    Returns:
        uint8 ``[K, S, 16]``.
    """
    keys = np.empty((len(frames), views, KEY_SIZE), np.uint8)
    begun = _new()
    begun.update(video + struct.pack("<??B", crops is not None, speeds is not None, len(tag)) + tag)
    for position in range(len(frames)):
        partner = -1 if partners is None else int(partners[position])
        at = begun.copy()
        at.update(struct.pack("<qq", int(frames[position]), partner))
        for part in (crops, speeds):
            if part is not None:
                at.update(np.ascontiguousarray(part[position]).tobytes())
        for view in range(views):
            one = at.copy()
            if views > 1:  # a whole frame is the same in training and in tests with one view
                one.update(struct.pack("<ii", view, views))
            keys[position, view] = np.frombuffer(one.digest(), np.uint8)
    return keys


def _new() -> "hashlib.blake2b":
    return hashlib.blake2b(digest_size=KEY_SIZE)
