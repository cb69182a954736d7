"""The image pairs that a flow method takes: what they must be, and their grey levels."""

import torch
from torch import Tensor

__all__ = ["BT601", "OVERSHOOT", "check_pairs", "check_values", "grey_levels"]

#: Weights of red, green and blue in the grey level, ITU-R BT.601, as ``cv2.cvtColor``.
BT601 = (0.299, 0.587, 0.114)
#: How far floating point images may leave [0, 1], as bicubic resizing makes them.
OVERSHOOT = 0.1


def grey_levels(images: Tensor) -> Tensor:
    """Grey levels in [0, 255], float32 and not rounded, so that uint8 and float images of the same pixels agree.

    Args:
        images: Shape ``(..., C, H, W)`` with C = 1 or 3 (RGB), uint8 in [0, 255] or floating point in [0, 1].

    Returns:
        Shape ``(..., H, W)``. RGB is weighted by BT.601 as in ``cv2.cvtColor`` (which rounds uint8 results).
    """
    levels = images.float() if images.dtype == torch.uint8 else images.float() * 255
    if images.shape[-3] == 1:
        return levels.squeeze(-3)
    red, green, blue = levels.unbind(-3)
    return BT601[0] * red + BT601[1] * green + BT601[2] * blue


def check_pairs(pairs: Tensor) -> None:
    """Refuse what are no pairs.

    Raises:
        ValueError: If shape or type do not fit.
    """
    if pairs.ndim != 5 or pairs.shape[1] != 2 or pairs.shape[2] not in (1, 3) or 0 in pairs.shape[3:]:
        raise ValueError(
            "pairs must have shape (N, 2, C, H, W): N pairs of two images with C = 1 or 3 channels; "
            f"this tensor has shape {tuple(pairs.shape)}"
        )
    if pairs.dtype != torch.uint8 and not pairs.is_floating_point():
        raise ValueError(f"pairs must be uint8 in [0, 255] or floating point in [0, 1], not {pairs.dtype}")


def check_values(pairs: Tensor) -> None:
    """Refuse floating point pixels outside [0, 1]. On the CPU only: elsewhere the check would wait for the device.

    Raises:
        ValueError: If a value is further out than :data:`OVERSHOOT`, or is not a number.
    """
    if pairs.is_floating_point() and pairs.device.type == "cpu" and pairs.numel() > 0:
        low, high = (float(value) for value in torch.aminmax(pairs))
        if not (low >= -OVERSHOOT and high <= 1 + OVERSHOOT):  # written so that NaN fails too
            raise ValueError(
                f"floating point pairs must lie in [0, 1]; these reach from {low:.4g} to {high:.4g} "
                "(divide images of [0, 255] by 255; undo a normalisation first)"
            )
