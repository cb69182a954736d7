"""From decoded frames to what the network takes, on the device."""

from typing import Any

from amclip.augmentation import Augmentation
from amclip.data.views import Views, clip_views, position_views
from amclip.preprocess import Preprocess, Seen

__all__ = ["make_ready"]


def make_ready(
    batch: dict[str, Any], preprocess: Preprocess, views: Views, augmentation: Augmentation | None
) -> dict[str, Any]:
    """Put images and numbers of motion in the place of a batch's frames.

    Args:
        batch: With ``frames`` uint8 ``(B, K, F, 3, h, w)``, ``segments`` int64 ``(B, M, P)``, and where there are such
            ``unit_speed``, ``seeds`` (of each clip, for what is drawn at random) and ``labels`` float32 ``(B, C)``.
        preprocess: Frames to images and numbers of motion.
        views: How a clip is looked at; with W views ``images`` and ``segments`` have ``B * W`` rows.
        augmentation: What mixes clips and their labels, in training; ``None`` elsewhere: nothing is augmented.

    Returns:
        The batch, with ``images`` float32 ``(B, K, V, 3, S, S)`` and ``motion`` float32 ``(B, K, G, F)``.
    """
    seeds, frames, unit_speed = batch.pop("seeds", None), batch.pop("frames"), batch.pop("unit_speed", None)
    height, width = frames.shape[-2:]
    if views.number > 1:
        frames = clip_views(frames, views.temporal, views.spatial)
        unit_speed = None if unit_speed is None else position_views(unit_speed, views.temporal, views.spatial)
        batch["segments"] = batch["segments"].repeat_interleave(views.number, dim=0)
    shown = (frames.shape[-2] / height, frames.shape[-1] / width)
    training = augmentation is not None
    seen = preprocess(frames, augment=training, shown=shown, unit_speed=unit_speed, seeds=seeds)
    if augmentation is not None:
        images, motion, batch["labels"] = augmentation.mix(seen.images, seen.motion, batch["labels"], seeds)
        seen = Seen(images, motion)
    batch.update(seen._asdict())
    return batch
