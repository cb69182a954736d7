"""The independent way to score windows: each decoded, its flow computed, its images embedded, on its own."""

import numpy as np
import torch

from amclip.data.crops import unit_speeds
from amclip.data.video import Video
from amclip.ethogram.plan import WindowPlan
from amclip.inference import TrainedModel


def window_by_window(model: TrainedModel, video: Video, plan: WindowPlan, batch: int = 1) -> np.ndarray:
    """Probabilities of all windows, float32 ``[W, C]``, ``batch`` windows at a time."""
    segments = model.input.segments().expand(batch, -1, -1)
    scores = []
    for first in range(0, len(plan), batch):
        rows = [min(row, len(plan) - 1) for row in range(first, first + batch)]
        wanted = np.stack([plan.images(row) for row in rows])
        pairs = [plan.frames[wanted], plan.partners[wanted]][: model.input.frames_per_position]
        indices = np.stack(pairs, axis=2)
        times = video.timestamps()
        speeds = unit_speeds((times[plan.partners] - times[plan.frames])[wanted.ravel()])
        with torch.inference_mode():
            pixels = video.read(indices.ravel())
            pictures = pixels.view(*indices.shape, *pixels.shape[1:])
            unit_speed = torch.from_numpy(speeds.reshape(*wanted.shape, *speeds.shape[1:]))
            seen = model.preprocess(pictures, unit_speed=unit_speed)
            logits = model.network(seen.images, segments, seen.motion)
            scores.append(model.calibrate(model.log_odds(logits)).numpy())
    return np.concatenate(scores)[: len(plan)]
