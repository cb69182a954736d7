"""What is changed at random in training: crops, mirror images, colours, and clips mixed with their neighbours."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amclip.plain import Configurable

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Augmentation"]

_JITTERED = 0.8  # share of clips whose colours change

# What is drawn for one purpose must not say what is drawn for another.
_PURPOSES = {"crop": 0, "color": 0x9E3779B97F4A7C15, "mix": 0x3C6EF372FE94F82B}


@dataclass(frozen=True)
class Augmentation(Configurable):
    """Random changes of training clips, the same for all positions and both frames of a pair. Subclasses may do others.

    What is drawn for a clip depends on its seed alone, and how a pair is mixed on that of its first, so that it is the
    same in any batch, on any number of processes and after a stop. Without seeds all is drawn from torch's generator.

    Args:
        flip: Probability of a mirror image, in [0, 1]; 0 where left and right matter.
        turn: Whether clips are turned by quarter turns, to all four sides alike: of animals seen from above.
        crop_scale: Random crops keep this fraction of the area (least, most); [1, 1] crops nothing.
        color_jitter: Strength of random brightness, contrast and saturation, in [0, 1]; 0 for none.
        mixup: Blends pairs of clips and their labels; parameter of a Beta distribution, 0 for none (X-CLIP: 0.8).
        cutmix: Pastes a box of one clip into another; parameter of a Beta distribution, 0 for none (X-CLIP: 1.0).

    Raises:
        ValueError: If a value is out of range.
    """

    flip: float = 0.5
    turn: bool = False
    crop_scale: tuple[float, float] = (0.7, 1.0)
    color_jitter: float = 0.2
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "crop_scale", tuple(self.crop_scale))
        if not 0 <= self.flip <= 1:
            raise ValueError(f"augmentation.flip: expected a probability in [0, 1], got {self.flip}")
        if not 0 < self.crop_scale[0] <= self.crop_scale[1] <= 1:
            raise ValueError(f"augmentation.crop_scale: expected 0 < least <= most <= 1, got {self.crop_scale}")
        if not 0 <= self.color_jitter <= 1:
            raise ValueError(f"augmentation.color_jitter: expected a strength in [0, 1], got {self.color_jitter}")
        for name in ("mixup", "cutmix"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"augmentation.{name}: expected 0 (off) or more, got {getattr(self, name)}")

    @property
    def moves(self) -> bool:
        """Whether :meth:`crop` does anything but scale."""
        return self.crop_scale != (1.0, 1.0) or self.flip != 0 or self.turn

    def crop(self, pixels: "Tensor", image_size: int, seeds: Sequence[int] | None = None) -> "tuple[Tensor, Tensor]":
        """A random crop, mirror image and turn of each clip, scaled to the network's size.

        Args:
            pixels: float32 in ``[0, 1]``, shape ``(B, K, V, 3, H, W)``.
            image_size: Side of the result in pixels, ``S``.
            seeds: One for each clip, or None.

        Returns:
            Pixels, float32 in ``[0, 1]``, shape ``(B, K, V, 3, S, S)``; and which fractions of a side of the decoded
            picture the result's height and width show, float32 in ``(0, 1]``, shape ``(B, 2)``, by which flow must be
            scaled.
        """
        # torchvision's and not kornia's crop, as it smooths when it shrinks like evaluation does: unlike sharpness in
        # training and evaluation would also mean unlike flow.
        import torch
        from torchvision.transforms import v2

        from amclip.on_device import on_device

        height, width = pixels.shape[-2:]
        shape = width / height
        # The crop keeps the decoded frame's proportions, changed by up to a tenth, and ends up square.
        change = (1.0, 1.0) if self.crop_scale == (1.0, 1.0) else (0.9, 1.1)
        ratio = (shape * change[0], shape * change[1])
        size = (image_size, image_size)
        cut, mirror = v2.RandomResizedCrop(size, self.crop_scale, ratio), v2.RandomHorizontalFlip(self.flip)
        moved, shown = [], []
        # Clip by clip, so that a clip's positions and partners move together and clips do not.
        for clip, seed in zip(pixels, _each(seeds, len(pixels)), strict=True):
            with _drawing(seed, "crop"):
                box = cut.make_params([clip])
                part = v2.functional.resized_crop(clip.flatten(0, 1), **box, size=list(size), antialias=True)
                quarters = int(torch.randint(4, ())) if self.turn else 0
                moved.append(torch.rot90(mirror(part), quarters, (-2, -1)))
            fractions = box["height"] / height, box["width"] / width
            shown.append(fractions[::-1] if quarters % 2 else fractions)
        images = torch.stack(moved).clamp_(0, 1)
        return images.view(*pixels.shape[:3], *images.shape[2:]), on_device(shown, pixels.device, pixels.dtype)

    def jitter_colors(self, frames: "Tensor", seeds: Sequence[int] | None = None) -> "Tensor":
        """Random brightness, contrast and saturation of four clips in five, the same for a whole clip; in this order.

        Args:
            frames: float32 in ``[0, 1]``, shape ``(B, K, 3, S, S)``.
            seeds: One for each clip, or None.

        Returns:
            The same shape.
        """
        if self.color_jitter == 0:
            return frames
        import torch
        from kornia.enhance import (
            adjust_brightness_accumulative,
            adjust_contrast_with_mean_subtraction,
            adjust_saturation_with_gray_subtraction,
        )

        from amclip.on_device import on_device

        factors = torch.ones(3, len(frames))
        for column, seed in enumerate(_each(seeds, len(frames))):
            with _drawing(seed, "color"):
                if torch.rand(()) < _JITTERED:
                    factors[:, column] += self.color_jitter * (2 * torch.rand(3) - 1)
        # Drawn on the CPU, clip by clip; carried out on the device, all clips at once.
        brightness, contrast, saturation = on_device(factors.repeat_interleave(frames.shape[1], dim=1), frames.device)
        changed: Tensor = adjust_brightness_accumulative(frames.flatten(0, 1), brightness)
        changed = adjust_contrast_with_mean_subtraction(changed, contrast)
        changed = adjust_saturation_with_gray_subtraction(changed, saturation)
        return changed.view(frames.shape).clamp(0, 1)

    def mix(
        self, images: "Tensor", motion: "Tensor", labels: "Tensor", seeds: Sequence[int] | None = None
    ) -> "tuple[Tensor, Tensor, Tensor]":
        """Mix the clips of a batch in pairs, all of their frames and flow images alike, and their labels.

        By torchvision: mixup (Zhang et al., arXiv 1710.09412) blends the pictures, cutmix (Yun et al., arXiv
        1905.04899) pastes a box of one clip into the other, the same box at every position and in both streams, so that
        a frame and its flow image still belong together. With both, each pair draws one of them. Where the number of
        clips is odd the last three are mixed in a round; a clip alone stays as it is. Numbers of motion are blended as
        labels are, by the fraction of each clip that there is to see.

        Args:
            images: Shape ``(B, K, V, 3, S, S)``.
            motion: Shape ``(B, K, G, F)``.
            labels: Shape ``(B, C)``, float.
            seeds: One for each clip, or None; the first of a pair counts.

        Returns:
            All three, in the same shapes; labels are fractions in ``[0, 1]``.
        """
        if not self.mixup and not self.cutmix:
            return images, motion, labels
        import torch
        from torchvision.transforms import v2
        from torchvision.tv_tensors import Video

        kinds = [kind(alpha=alpha) for kind, alpha in ((v2.MixUp, self.mixup), (v2.CutMix, self.cutmix)) if alpha > 0]
        numbers = motion.flatten(1)  # torchvision blends what comes as labels
        shares = torch.cat([numbers, labels], dim=1)
        pictures, blended = [], []
        for group in _pairs(len(images)):
            with _drawing(None if seeds is None else seeds[group.start], "mix"):
                kind = kinds[int(torch.randint(len(kinds), ()))]
                mixed, both = kind(Video(images[group].flatten(1, 2)), shares[group])
            pictures.append(mixed.as_subclass(torch.Tensor))
            blended.append(both)
        together, count = torch.cat(blended), numbers.shape[1]
        numbers, labels = together[:, :count], together[:, count:]
        return torch.cat(pictures).view(images.shape), numbers.view(motion.shape), labels


def _each(seeds: Sequence[int] | None, clips: int) -> Sequence[int | None]:
    return [None] * clips if seeds is None else seeds


def _pairs(size: int) -> list[slice]:
    """The places of a batch two by two; the last three together where one would be left over."""
    starts = list(range(0, max(size - 1, 1), 2))
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], size], strict=True)]


@contextmanager
def _drawing(seed: int | None, purpose: str) -> Iterator[None]:
    """Torch's generator of the CPU, begun with a seed for one purpose and then as it was; None leaves it as it is."""
    import torch

    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed((seed + _PURPOSES[purpose]) % 2**63)
        yield
