"""A network of a few thousand weights whose scores differ from window to window, and a video to slide over."""

from pathlib import Path
from typing import Any

import lightning
import torch
from build import make_data, make_task

from amclip.data.synthetic import ClipSettings, iterate_frames
from amclip.data.writer import VideoWriter
from amclip.models.published import fetch_published

CLASSES = ["grooming", "eating", "still"]


def make_checkpoint(
    folder: Path, data: dict[str, Any] | None = None, knowledge: dict[str, Any] | None = None, **model: Any
) -> Path:
    """Write a checkpoint as `amclip fit` would, with some settings of data and model changed."""
    settings = {
        "classes": CLASSES,
        "scheme": "dense",
        "num_segments": 2,
        "positions_per_segment": 3,
        "frame_size": (36, 36),
        "image_size": 32,
        "flow_gap": "1/15",
        "flow_preset": "fast",
        "flow_image": "uvm",
        "flow_bound": 3.0,
        "num_workers": 0,
        **(data or {}),
    }
    module = make_data(**settings)
    torch.manual_seed(0)
    tower = {"backbone": "amclip-tiny", "pretrained": "synthetic", "temporal_heads": 4}
    task = make_task(CLASSES, {"input": module.input, **tower, **model})
    task.network.load(fetch_published(task.network.config))
    with torch.no_grad():  # an untrained head says 0.5 of everything, whatever the pixels
        for parameter in task.network.classifiers.parameters():
            parameter.mul_(30.0 if parameter.shape[:1] == (len(CLASSES),) else 1.0)
        for head in task.network.text_heads():
            head.set_text_features(torch.randn(head.text_features.shape))
            head.bias.zero_()
    content = {
        "state_dict": task.state_dict(),
        "hyper_parameters": dict(task.hparams),
        "datamodule_hyper_parameters": dict(module.hparams),
        "amclip": knowledge or {},
        "pytorch-lightning_version": lightning.__version__,
    }
    torch.save(content, folder / "model.ckpt")
    return folder / "model.ckpt"


def write_animals(path: Path, seed: int = 5, seconds: float = 8.0) -> Path:
    """Write some seconds of the synthetic animals, 15 frames each."""
    with VideoWriter(path, 15, (48, 64)) as writer:
        for frame in iterate_frames(ClipSettings(seed, seconds, (48, 64)), 2):
            writer.write(frame)
    return path
