"""Several looks at a clip in testing: other moments (temporal views) and other crops (spatial views)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Views", "clip_views", "position_views"]

# Side of a crop where the frames are square: the 224 of 256 that video networks are tested with.
_CROP = 0.875


@dataclass(frozen=True)
class Views:
    """How many views of each clip are taken in test and prediction. Each view costs what a clip costs.

    Args:
        temporal: Looks at other moments of the clip.
        spatial: Square crops of each frame, end to end along its longer side; 1: none.

    Raises:
        ValueError: If a number is below 1.
    """

    temporal: int = 1
    spatial: int = 1

    def __post_init__(self) -> None:
        for name in ("temporal", "spatial"):
            if getattr(self, name) < 1:
                raise ValueError(f"views.{name}: expected 1 or more, got {getattr(self, name)}")

    @property
    def number(self) -> int:
        """Views of a clip."""
        return self.temporal * self.spatial


def clip_views(frames: "Tensor", temporal: int, spatial: int) -> "Tensor":
    """Each view of each clip as a clip of its own.

    Temporal views interleave: of ``K * T`` positions in time, view ``t`` has ``t, t + T, t + 2 T, …``, so each spans
    the clip. Spatial views are square crops, from one end of the frame's longer side to the other: as large as the
    shorter side, in square frames 7/8 of it, along the width. With one spatial view the frame stays whole.

    Args:
        frames: Decoded, shape ``(B, K * T, V, 3, H, W)``.
        temporal: ``T``, temporal views.
        spatial: ``S``, spatial views; with 2 the ends, with 3 the ends and the middle.

    Returns:
        Shape ``(B * T * S, K, V, 3, h, w)``, a clip's views one after another.

    Raises:
        ValueError: If the positions do not divide among the temporal views.
    """
    import torch

    if frames.shape[1] % temporal:
        raise ValueError(f"{frames.shape[1]} positions do not divide among {temporal} temporal views")
    batch, positions = frames.shape[:2]
    views = frames.view(batch, positions // temporal, temporal, *frames.shape[2:]).transpose(1, 2)
    if spatial == 1:
        return views.flatten(0, 1)
    height, width = frames.shape[-2:]
    side = min(height, width) if height != width else round(_CROP * height)
    crops = []
    for i in range(spatial):
        along = round(i * (max(height, width) - side) / (spatial - 1))
        top, left = (along, 0) if height > width else ((height - side) // 2, along)
        crops.append(views[..., top : top + side, left : left + side])
    # (B, T, S, K, …)
    return torch.stack(crops, dim=2).flatten(0, 2)


def position_views(values: "Tensor", temporal: int, spatial: int) -> "Tensor":
    """What is known of each position, for the views that :func:`clip_views` makes.

    Args:
        values: Shape ``(B, K * T, …)``.
        temporal: ``T``, temporal views.
        spatial: ``S``, spatial views.

    Returns:
        Shape ``(B * T * S, K, …)``.
    """
    views = values.reshape(len(values), -1, temporal, *values.shape[2:]).transpose(1, 2).flatten(0, 1)
    return views.repeat_interleave(spatial, dim=0)
