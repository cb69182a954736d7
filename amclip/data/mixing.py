"""Mixup and cutmix of whole clips in training."""

import torch
from torch import Tensor

__all__ = ["Mixing"]


class Mixing:
    """Mix each clip of a batch with its neighbour, all of its frames and flow images alike, and their labels.

    By torchvision: mixup (Zhang et al., arXiv 1710.09412) blends the pictures, cutmix (Yun et al., arXiv 1905.04899)
    pastes a box of one clip into the other, the same box at every position and in both views, so that a frame and its
    flow image still belong together. With both, each batch draws one of them.

    Args:
        mixup: Both parameters of the Beta distribution of the share that a clip keeps; 0 turns mixup off. X-CLIP: 0.8.
        cutmix: The same for the area that it keeps. X-CLIP: 1.0.

    Raises:
        ValueError: If a parameter is below 0.
    """

    def __init__(self, mixup: float = 0.0, cutmix: float = 0.0) -> None:
        from torchvision.transforms import v2

        for name, alpha in (("mixup", mixup), ("cutmix", cutmix)):
            if not 0 <= alpha < float("inf"):
                raise ValueError(f"{name}: expected 0 (off) or more, got {alpha}")
        self.kinds = [kind(alpha=alpha) for kind, alpha in ((v2.MixUp, mixup), (v2.CutMix, cutmix)) if alpha > 0]

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mix a batch.

        Args:
            images: Shape ``(B, K, V, 3, S, S)``.
            labels: Shape ``(B, C)``, float.

        Returns:
            Both, in the same shapes; labels are shares in ``[0, 1]``.
        """
        if not self.kinds:
            return images, labels
        from torchvision.tv_tensors import Video

        kind = self.kinds[int(torch.randint(len(self.kinds), ()))]
        mixed, shares = kind(Video(images.flatten(1, 2)), labels)
        return mixed.as_subclass(Tensor).view(images.shape), shares
