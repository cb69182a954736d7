"""A network of a few thousand weights whose scores differ from window to window, and a video to slide over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from amclip.data.datamodule import VideoDataModule
from amclip.data.synthetic import iterate_frames
from amclip.data.writer import VideoWriter
from amclip.inference import TrainedModel, load_model
from amclip.task import BehaviourTask

CLASSES = ["grooming", "eating", "still"]


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a checkpoint as `amclip fit` would, with settings of the model changed; of data by ``data={…}``."""

    def make(data: dict[str, Any] | None = None, knowledge: dict[str, Any] | None = None, **model: Any) -> Path:
        settings = {
            "classes": CLASSES,
            "scheme": "dense",
            "num_segments": 2,
            "positions_per_segment": 3,
            "frame_size": (36, 36),
            "image_size": 32,
            "flow_preset": "fast",
            "flow_image": "uvm",
            "flow_bound": 3.0,
            "num_workers": 0,
            **(data or {}),
        }
        module = VideoDataModule(**settings)
        torch.manual_seed(0)
        task = BehaviourTask(
            CLASSES,
            num_segments=module.num_segments,
            positions_per_segment=module.positions_per_segment,
            num_views=module.num_views,
            image_size=32,
            backbone="amclip-tiny",
            pretrained="synthetic",
            temporal_heads=4,
            **model,
        )
        task.network.load(task._load_pretrained())
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
        }
        path = tmp_path_factory.mktemp("checkpoint") / "model.ckpt"
        torch.save(content, path)
        return path

    return make


@pytest.fixture(scope="session")
def checkpoint(make_checkpoint: Callable[..., Path]) -> Path:
    return make_checkpoint(knowledge={"clip_seconds": 1.2})


@pytest.fixture(scope="session")
def model(checkpoint: Path) -> TrainedModel:
    return load_model(checkpoint)


@pytest.fixture(scope="session")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of the synthetic animals, 120 frames."""
    path = tmp_path_factory.mktemp("long") / "animals.mp4"
    with VideoWriter(path, 15, (48, 64)) as writer:
        for frame in iterate_frames(5, 2, 8.0, size=(48, 64)):
            writer.write(frame)
    return path
