"""From decoded frames to the network's images: scale, augment, flow, flow image, normalise.

Training, prediction and annotation share this one module, so they see the same pixels.
"""

from collections.abc import Sequence

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
    so that a pixel of flow is the same fraction of the whole frame, or of an animal's whole crop, in training, in
    testing and in every view. On request they become body lengths per second.

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

    def forward(
        self,
        frames: Tensor,
        augment: bool = False,
        shown: tuple[float, float] = (1.0, 1.0),
        unit_speed: Tensor | None = None,
        seeds: Sequence[int] | None = None,
    ) -> Tensor:
        """Turn decoded clips into the network's images.

        Args:
            frames: uint8, shape ``(B, K, V, 3, H, W)``, values 0 to 255; of ``V`` a frame and its flow partner, then
                both of the wider crop where there is one. For ``modality="frames"`` without partners, or with.
            augment: Draw random augmentations, the same for all positions and pictures of a clip.
            shown: Fractions of the decoded picture's height and width that ``frames`` are, in (0, 1]: of views that
                were cut out of it, see :func:`amclip.data.views.clip_views`.
            unit_speed: Body lengths per second of what moves by a decoded picture's whole side from frame to partner,
                float32 ``(B, K, G)``, for each of the ``G`` crops; needed where flow is in body lengths.
            seeds: One for each clip, which alone decides what is drawn for it; None: torch's generator does.

        Returns:
            float32, shape ``(B, K, V', 3, S, S)``, normalised: frames in ``[:, :, 0]`` and flow images in ``[:, :, 1]``
            when interleaved, else the one kind; then the same of the wider crop.

        Raises:
            ValueError: If the frames have another shape or type, flow is asked of frames without partners, or the
                speeds are missing.
        """
        if frames.ndim != 6 or frames.shape[3] != 3 or frames.dtype != torch.uint8:
            raise ValueError(f"frames: expected uint8 (B, K, V, 3, H, W), got {frames.dtype} {tuple(frames.shape)}")
        crops = self.input.num_crops
        per_crop = frames.shape[2] // crops
        if frames.shape[2] != crops * per_crop or not self.input.frames_per_position <= per_crop <= 2:
            raise ValueError(
                f"frames: expected {self.input.pictures_per_position} pictures per position (flow needs a partner for "
                f"every frame), got {frames.shape[2]}"
            )
        if self.input.flow.unit != "pixels" and unit_speed is None and self.input.modality != "frames":
            raise ValueError("unit_speed: flow in body lengths needs the speeds of the data, `batch['unit_speed']`")
        with torch.no_grad(), torch.autocast(frames.device.type, enabled=False):
            pixels, kept = self._resize_and_crop(frames, augment, seeds)
            pixels = pixels.reshape(*pixels.shape[:2], crops, per_crop, *pixels.shape[3:])  # (B, K, G, F, 3, S, S)
            streams = []
            if self.input.modality != "flow":
                still = pixels[:, :, :, 0].flatten(1, 2)
                still = self.augmentation.jitter_colors(still, seeds) if augment else still
                streams.append(still.reshape(len(still), -1, crops, *still.shape[2:]))
            if self.input.modality != "frames":
                streams.append(self._flow_images(pixels, kept * kept.new_tensor(shown), unit_speed))
            return self._normalise(torch.stack(streams, dim=3).flatten(2, 3))

    def _flow_images(self, pixels: Tensor, kept: Tensor, unit_speed: Tensor | None) -> Tensor:
        """Pictures of flow ``(B, K, G, 3, S, S)``, of which ``kept``, ``(B, 2)``, of the decoded height and width."""
        flow: Tensor = self.flow(pixels.flatten(0, 2))
        flow = flow.reshape(*pixels.shape[:3], *flow.shape[1:])
        scale = kept.flip(1)[:, None, None]  # (u, v): u is along the width
        if self.input.flow.unit == "body lengths":
            assert unit_speed is not None
            scale = scale * (unit_speed.to(scale) / self.input.image_size)[..., None]
        flow = (flow * scale[..., None, None]).flatten(0, 2)
        pictures = encode_flow(flow, self.input.flow.image, self.input.flow.bound)
        return pictures.reshape(*pixels.shape[:3], *pictures.shape[1:])

    def denormalise(self, images: Tensor) -> Tensor:
        """Undo the normalisation, for looking at: any shape ``(..., 3, S, S)``, values clipped to ``[0, 1]``."""
        mean, std = (images.new_tensor(x).view(3, 1, 1) for x in (self.input.mean, self.input.std))
        return (images * std + mean).clamp(0, 1)

    def _normalise(self, images: Tensor) -> Tensor:
        mean, std = (images.new_tensor(x).view(3, 1, 1) for x in (self.input.mean, self.input.std))
        return (images - mean) / std

    def _resize_and_crop(self, frames: Tensor, augment: bool, seeds: Sequence[int] | None) -> tuple[Tensor, Tensor]:
        """Scale to the network's size, in training by a random crop and mirror image; see `Augmentation.crop`."""
        size = (self.input.image_size, self.input.image_size)
        pixels = frames.float().div_(255)
        if augment and self.augmentation.moves:
            return self.augmentation.crop(pixels, self.input.image_size, seeds)
        whole = pixels.new_ones(len(pixels), 2)
        if frames.shape[-2:] == size:
            return pixels, whole
        flat = F.interpolate(pixels.flatten(0, 2), size, mode="bilinear", antialias=True)
        return flat.clamp_(0, 1).view(*frames.shape[:3], *flat.shape[1:]), whole
