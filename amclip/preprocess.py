"""From decoded frames to the network's images and numbers: scale, augment, flow, flow image, statistics, normalise.

Training, prediction and annotation share this one module, so they see the same pixels.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from amclip.augmentation import Augmentation
from amclip.flow.image import encode_flow
from amclip.inputs import NetworkInput
from amclip.motion import motion_statistics
from amclip.on_device import on_device

__all__ = ["Preprocess", "Seen"]


class Seen(NamedTuple):
    """What the network sees of clips.

    Attributes:
        images: float32 ``(B, K, V, 3, S, S)``, normalised: frames in ``[:, :, 0]`` and flow images in ``[:, :, 1]``
            when interleaved, else the one kind; then the same of the wider crop. ``V`` is 0 for modality motion.
        motion: Statistics of the flow fields of the ``G`` crops, float32 ``(B, K, G, F)``, in the units of
            :func:`amclip.motion.motion_statistics`; ``F`` is 0 where the input asks for none.
    """

    images: Tensor
    motion: Tensor


class Preprocess(nn.Module):
    """The pixel path on the device.

    Flow is computed after the geometric augmentation, from the very pixels the network sees, so no flow vector ever
    needs a flip; and before the photometric one, which would break the constancy of brightness between a frame and its
    partner that optical flow rests on. A crop enlarges what it shows, and with it the motion: vectors are scaled back,
    so that a pixel of flow is the same fraction of the whole frame, or of an animal's whole crop, in training, in
    testing and in every view. On request they become body lengths per second. Numbers of the motion are taken from the
    same field.

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
    ) -> Seen:
        """Turn decoded clips into what the network sees.

        Args:
            frames: uint8, shape ``(B, K, V, 3, H, W)``, values 0 to 255; of ``V`` a frame and its flow partner, then
                both of the wider crop where there is one. Where no flow is needed without partners, or with.
            augment: Draw random augmentations, the same for all positions and pictures of a clip.
            shown: Fractions of the decoded picture's height and width that ``frames`` are, in (0, 1]: of views that
                were cut out of it, see :func:`amclip.data.views.clip_views`.
            unit_speed: For each of the ``G`` crops how fast what moves by a decoded picture's whole side from frame to
                partner is, float32 ``(B, K, G, 2)``, see :func:`amclip.data.crops.unit_speeds`; needed where flow
                is in body lengths, and for its statistics.
            seeds: One for each clip, which alone decides what is drawn for it; None: torch's generator does.

        Returns:
            Images and numbers.

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
        in_seconds = (self.input.flow.unit != "pixels" and self.input.shows_flow) or self.input.flow.motion is not None
        if in_seconds and unit_speed is None:
            raise ValueError(
                "unit_speed: flow in body lengths, and its statistics, need the speeds of the data, "
                "`batch['unit_speed']`"
            )
        with torch.no_grad(), torch.autocast(frames.device.type, enabled=False):
            pixels, kept = self._resize_and_crop(frames, augment, seeds)
            pixels = pixels.reshape(*pixels.shape[:2], crops, per_crop, *pixels.shape[3:])  # (B, K, G, F, 3, S, S)
            streams = [pixels.new_zeros(*pixels.shape[:3], 0, *pixels.shape[4:])]
            motion = pixels.new_zeros(*pixels.shape[:3], 0)
            if self.input.modality in ("interleaved", "frames"):
                still = pixels[:, :, :, 0].flatten(1, 2)
                still = self.augmentation.jitter_colors(still, seeds) if augment else still
                streams.append(still.reshape(len(still), -1, crops, 1, *still.shape[2:]))
            if self.input.needs_flow:
                kept = kept * on_device(shown, kept.device, kept.dtype)
                flow: Tensor = self.flow(pixels.flatten(0, 2))
                flow = flow.view(*pixels.shape[:3], *flow.shape[1:])  # (B, K, G, 2, S, S)
                if self.input.shows_flow:
                    streams.append(self._flow_images(flow, kept, unit_speed)[:, :, :, None])
                if self.input.flow.motion is not None:
                    motion = self._statistics(flow, kept, unit_speed)
            return Seen(self._normalise(torch.cat(streams, dim=3).flatten(2, 3)), motion)

    def _flow_images(self, flow: Tensor, kept: Tensor, unit_speed: Tensor | None) -> Tensor:
        """Pictures of flow ``(B, K, G, 3, S, S)``, of which ``kept``, ``(B, 2)``, of the decoded height and width."""
        scale = kept.flip(1)[:, None, None]  # (u, v): u is along the width
        if self.input.flow.unit == "body lengths":
            assert unit_speed is not None
            scale = scale * (unit_speed.to(scale)[..., :1] / self.input.image_size)
        pictures = encode_flow(
            (flow * scale[..., None, None]).flatten(0, 2), self.input.flow.image, self.input.flow.bound
        )
        return pictures.view(*flow.shape[:3], *pictures.shape[1:])

    def _statistics(self, flow: Tensor, kept: Tensor, unit_speed: Tensor | None) -> Tensor:
        """Numbers of flow fields ``(B, K, G, F)``."""
        assert unit_speed is not None
        leading = flow.shape[:3]
        shown = kept[:, None, None].expand(*leading, 2).flatten(0, 2)
        numbers = motion_statistics(flow.flatten(0, 2), self.input, shown, unit_speed.to(flow).flatten(0, 2))
        return numbers.view(*leading, -1)

    def denormalise(self, images: Tensor) -> Tensor:
        """Undo the normalisation, for looking at: any shape ``(..., 3, S, S)``, values clipped to ``[0, 1]``."""
        mean, std = self._statistics_of_pixels(images)
        return (images * std + mean).clamp(0, 1)

    def _normalise(self, images: Tensor) -> Tensor:
        mean, std = self._statistics_of_pixels(images)
        return (images - mean) / std

    def _statistics_of_pixels(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each colour, ``(3, 1, 1)``, where the images are and in their type."""
        both = on_device([self.input.mean, self.input.std], images.device, images.dtype)
        mean, std = both[..., None, None].unbind(0)
        return mean, std

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
