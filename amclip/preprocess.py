"""From decoded frames to the network's images: scale, augment, flow, flow image, normalise.

Training, prediction and annotation share this one module, so they see the same pixels.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from amclip.flow.image import FlowImage, encode_flow
from amclip.flow.method import FlowMethod
from amclip.flow.tvl1 import TVL1

__all__ = ["Modality", "Preprocess"]

Modality = Literal["interleaved", "frames", "flow"]


class Preprocess(nn.Module):
    """The pixel path on the device.

    Flow is computed after the geometric augmentation, from the very pixels the network sees, so no flow vector ever
    needs a flip or a scale; and before the photometric one, which would break the constancy of brightness between a
    frame and its partner that optical flow rests on.

    Args:
        image_size: Side of the square images, ``S``, in pixels.
        modality: ``"interleaved"`` (frames and flow images), ``"frames"`` or ``"flow"`` alone.
        flow: Computes flow from pairs; default: TV-L1's default preset.
        flow_image: How flow becomes a picture, see :func:`amclip.flow.image.encode_flow`.
        flow_bound: Flow in pixels (at ``image_size``) that gives the strongest colour; longer vectors are clipped.
        mean: Normalisation of the three channels, for values in ``[0, 1]``.
        std: As ``mean``.
        flip: Probability of a mirror image in training, in ``[0, 1]``; 0 where left and right matter.
        crop_scale: In training a random crop keeps this share of the area, ``(least, most)``; ``(1, 1)`` crops nothing.
        color_jitter: Strength of random brightness, contrast and saturation in training, in ``[0, 1]``, 0 for none.

    Raises:
        ValueError: If a value is out of range.
    """

    def __init__(
        self,
        image_size: int,
        modality: Modality = "interleaved",
        flow: FlowMethod | None = None,
        flow_image: FlowImage = "wheel",
        flow_bound: float = 10.0,
        mean: Sequence[float] = (0.48145466, 0.4578275, 0.40821073),
        std: Sequence[float] = (0.26862954, 0.26130258, 0.27577711),
        flip: float = 0.5,
        crop_scale: tuple[float, float] = (0.7, 1.0),
        color_jitter: float = 0.2,
    ) -> None:
        super().__init__()
        if modality not in ("interleaved", "frames", "flow"):
            raise ValueError(f"modality: expected interleaved, frames or flow, got {modality!r}")
        if not 0 <= flip <= 1:
            raise ValueError(f"flip: expected a probability in [0, 1], got {flip}")
        if not 0 < crop_scale[0] <= crop_scale[1] <= 1:
            raise ValueError(f"crop_scale: expected 0 < least <= most <= 1, got {tuple(crop_scale)}")
        if not 0 <= color_jitter <= 1:
            raise ValueError(f"color_jitter: expected a strength in [0, 1], got {color_jitter}")
        if flow_bound <= 0:
            raise ValueError(f"flow_bound: expected pixels above 0, got {flow_bound}")
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(f"mean and std: expected three values each, std above 0, got {mean} and {std}")
        self.image_size = image_size
        self.modality = modality
        self.flow: FlowMethod = flow or TVL1.preset("default")
        self.flow_image: FlowImage = flow_image
        self.flow_bound = flow_bound
        self.mean, self.std = tuple(mean), tuple(std)
        self.flip, self.crop_scale, self.color_jitter = flip, crop_scale, color_jitter

    def forward(self, frames: Tensor, augment: bool = False) -> Tensor:
        """Turn decoded clips into the network's images.

        Args:
            frames: uint8, shape ``(B, K, V, 3, H, W)``, values 0 to 255; ``V = 2`` is a frame and its flow partner,
                ``V = 1`` (enough for ``modality="frames"``) the frame alone.
            augment: Draw random augmentations, the same for all positions and both frames of a pair of a clip.

        Returns:
            float32, shape ``(B, K, V', 3, S, S)``, normalised: ``[:, :, 0]`` frames and ``[:, :, 1]`` flow images when
            interleaved (``V' = 2``), else the one kind (``V' = 1``).

        Raises:
            ValueError: If the frames have another shape or type, or flow is asked of frames without partners.
        """
        if frames.ndim != 6 or frames.shape[3] != 3 or frames.dtype != torch.uint8:
            raise ValueError(f"frames: expected uint8 (B, K, V, 3, H, W), got {frames.dtype} {tuple(frames.shape)}")
        if self.modality != "frames" and frames.shape[2] != 2:
            raise ValueError(f"frames: flow needs a partner for every frame, got {frames.shape[2]} per position")
        with torch.no_grad(), torch.autocast(frames.device.type, enabled=False):
            pixels = self._place(frames, augment)
            flow = None if self.modality == "frames" else self.flow(pixels.flatten(0, 1))
            views = []
            if self.modality != "flow":
                views.append(self._tint(pixels[:, :, 0], augment))
            if flow is not None:
                pictures = encode_flow(flow, self.flow_image, self.flow_bound)
                views.append(pictures.view(*pixels.shape[:2], *pictures.shape[1:]))
            return self._normalise(torch.stack(views, dim=2))

    def denormalise(self, images: Tensor) -> Tensor:
        """Undo the normalisation, for looking at: any shape ``(..., 3, S, S)``, values clipped to ``[0, 1]``."""
        mean, std = (images.new_tensor(x).view(3, 1, 1) for x in (self.mean, self.std))
        return (images * std + mean).clamp(0, 1)

    def _normalise(self, images: Tensor) -> Tensor:
        mean, std = (images.new_tensor(x).view(3, 1, 1) for x in (self.mean, self.std))
        return (images - mean) / std

    def _place(self, frames: Tensor, augment: bool) -> Tensor:
        """Scale to the network's size, in training by a random crop and mirror image."""
        size = (self.image_size, self.image_size)
        leading, (height, width) = frames.shape[:3], frames.shape[-2:]
        pixels = frames.float().div_(255)
        if not augment or (self.crop_scale == (1.0, 1.0) and self.flip == 0):
            if (height, width) != size:
                flat = F.interpolate(pixels.flatten(0, 2), size, mode="bilinear", antialias=True)
                pixels = flat.clamp_(0, 1).view(*leading, *flat.shape[1:])
            return pixels
        # torchvision's and not kornia's crop, as it smooths when it shrinks like the line above: unlike sharpness in
        # training and evaluation would also mean unlike flow.
        from torchvision.transforms import v2

        shape = width / height
        # The crop keeps the decoded frame's proportions, changed by up to a tenth, and ends up square.
        stretch = (1.0, 1.0) if self.crop_scale == (1.0, 1.0) else (0.9, 1.1)
        ratio = (shape * stretch[0], shape * stretch[1])
        geometry = v2.Compose(
            [v2.RandomResizedCrop(size, self.crop_scale, ratio, antialias=True), v2.RandomHorizontalFlip(self.flip)]
        )
        # Clip by clip, so that a clip's positions and partners move together and clips do not.
        moved = torch.stack([geometry(clip.flatten(0, 1)) for clip in pixels])
        return moved.clamp_(0, 1).view(*leading, *moved.shape[2:])

    def _tint(self, frames: Tensor, augment: bool) -> Tensor:
        """Photometric augmentation of frames ``(B, K, 3, S, S)``, the same for a whole clip."""
        if not augment or self.color_jitter == 0:
            return frames
        import kornia.augmentation as K

        strength = self.color_jitter
        jitter = K.VideoSequential(
            K.ColorJitter(strength, strength, strength, 0.0, p=0.8),
            data_format="BTCHW",
            same_on_frame=True,
        )
        tinted: Tensor = jitter(frames)
        return tinted.clamp(0, 1)
