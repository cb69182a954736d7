"""From decoded frames to the network's images: scale, augment, flow, flow image, normalise.

Training, prediction and annotation share this one module, so they see the same pixels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from amclip.augmentation import Augmentation
from amclip.flow.image import encode_flow
from amclip.inputs import NetworkInput

__all__ = ["Preprocess"]


class Preprocess(nn.Module):
    """The pixel path on the device.

    Flow is computed after the geometric augmentation, from the very pixels the network sees, so no flow vector ever
    needs a flip; and before the photometric one, which would break the constancy of brightness between a frame and its
    partner that optical flow rests on. A crop enlarges what it shows, and with it the motion: vectors are scaled back,
    so that a pixel of flow is the same fraction of the whole frame in training, in testing and in every view.

    Args:
        input: What the network sees: size, modality, flow and normalisation.
        augmentation: What is changed at random in training; default: :class:`amclip.augmentation.Augmentation`'s.

    Raises:
        ValueError: If there is no such flow method, or it does not take its settings.
    """

    def __init__(self, input: NetworkInput, augmentation: Augmentation = Augmentation()) -> None:
        super().__init__()
        self.input = input
        self.augmentation = augmentation
        self.flow = input.flow.make()

    def forward(self, frames: Tensor, augment: bool = False, shown: tuple[float, float] = (1.0, 1.0)) -> Tensor:
        """Turn decoded clips into the network's images.

        Args:
            frames: uint8, shape ``(B, K, V, 3, H, W)``, values 0 to 255; ``V = 2`` is a frame and its flow partner,
                ``V = 1`` (enough for ``modality="frames"``) the frame alone.
            augment: Draw random augmentations, the same for all positions and both frames of a pair of a clip.
            shown: Fractions of the decoded frame's height and width that ``frames`` are, in (0, 1]: of views that were
                cut out of it, see :func:`amclip.data.views.clip_views`.

        Returns:
            float32, shape ``(B, K, V', 3, S, S)``, normalised: ``[:, :, 0]`` frames and ``[:, :, 1]`` flow images when
            interleaved (``V' = 2``), else the one kind (``V' = 1``).

        Raises:
            ValueError: If the frames have another shape or type, or flow is asked of frames without partners.
        """
        if frames.ndim != 6 or frames.shape[3] != 3 or frames.dtype != torch.uint8:
            raise ValueError(f"frames: expected uint8 (B, K, V, 3, H, W), got {frames.dtype} {tuple(frames.shape)}")
        if self.input.modality != "frames" and frames.shape[2] != 2:
            raise ValueError(f"frames: flow needs a partner for every frame, got {frames.shape[2]} per position")
        with torch.no_grad(), torch.autocast(frames.device.type, enabled=False):
            pixels, kept = self._resize_and_crop(frames, augment)
            flow = None if self.input.modality == "frames" else self.flow(pixels.flatten(0, 1))
            streams = []
            if self.input.modality != "flow":
                still = pixels[:, :, 0]
                streams.append(self.augmentation.jitter_colors(still) if augment else still)
            if flow is not None:
                height, width = (kept * kept.new_tensor(shown)).unbind(1)
                scale = torch.stack([width, height], dim=1).repeat_interleave(pixels.shape[1], dim=0)
                flow = flow * scale[:, :, None, None]  # (u, v): u is along the width
                pictures = encode_flow(flow, self.input.flow.image, self.input.flow.bound)
                streams.append(pictures.view(*pixels.shape[:2], *pictures.shape[1:]))
            return self._normalise(torch.stack(streams, dim=2))

    def denormalise(self, images: Tensor) -> Tensor:
        """Undo the normalisation, for looking at: any shape ``(..., 3, S, S)``, values clipped to ``[0, 1]``."""
        mean, std = (images.new_tensor(x).view(3, 1, 1) for x in (self.input.mean, self.input.std))
        return (images * std + mean).clamp(0, 1)

    def _normalise(self, images: Tensor) -> Tensor:
        mean, std = (images.new_tensor(x).view(3, 1, 1) for x in (self.input.mean, self.input.std))
        return (images - mean) / std

    def _resize_and_crop(self, frames: Tensor, augment: bool) -> tuple[Tensor, Tensor]:
        """Scale to the network's size, in training by a random crop and mirror image; see `Augmentation.crop`."""
        size = (self.input.image_size, self.input.image_size)
        pixels = frames.float().div_(255)
        if augment and self.augmentation.moves:
            return self.augmentation.crop(pixels, self.input.image_size)
        whole = pixels.new_ones(len(pixels), 2)
        if frames.shape[-2:] == size:
            return pixels, whole
        flat = F.interpolate(pixels.flatten(0, 2), size, mode="bilinear", antialias=True)
        return flat.clamp_(0, 1).view(*frames.shape[:3], *flat.shape[1:]), whole
