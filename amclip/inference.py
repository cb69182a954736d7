"""A trained model from its checkpoint alone: classes, sampling, flow and network travel inside."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from amclip.checkpoint import DATA_KEY, KNOWLEDGE_KEY, TASK_KEY, check_settings, check_weights, read_checkpoint
from amclip.data.dataset import ClipDataset
from amclip.data.frame_rates import describe_slow
from amclip.data.probe import probe
from amclip.data.table import Clip, LabelTable
from amclip.data.video import VideoError, VideoInfo
from amclip.preprocess import Preprocess
from amclip.task import BehaviourTask

__all__ = ["TrainedModel", "load_model", "zero_shot_model"]

LAYOUT_KEYS = ("scheme", "num_segments", "positions_per_segment", "segment_overlap")
SAMPLING_KEYS = (*LAYOUT_KEYS, "flow_gap", "frame_size", "resize")


@dataclass(frozen=True)
class TrainedModel:
    """A network ready to predict, with the pixel path and the sampling it was trained on.

    Attributes:
        task: The network with its classes, in evaluation mode.
        preprocess: From decoded frames to the network's images.
        sampling: ``scheme``, ``num_segments``, ``positions_per_segment``, ``segment_overlap``, ``flow_gap``,
            ``frame_size``, ``resize``.
        clip_seconds: Median length of the clips it was trained on, in seconds; None where the checkpoint does not say.
    """

    task: BehaviourTask
    preprocess: Preprocess
    sampling: dict[str, Any]
    clip_seconds: float | None = None
    _probed: dict[Path, VideoInfo | VideoError] = field(default_factory=dict, repr=False)

    @property
    def layout(self) -> tuple[Any, ...]:
        """How segments share out a clip, in the order that :func:`amclip.data.sampling.num_positions` takes."""
        return tuple(self.sampling[key] for key in LAYOUT_KEYS)

    @property
    def classes(self) -> list[str]:
        """Names of the behaviours, in the order of the outputs."""
        return self.task.classes

    @property
    def thresholds(self) -> list[float]:
        """Threshold of each class with the best F1 on validation, for calibrated probabilities; 0.5 where not known."""
        tuned = self.task.thresholds if self.task.temperatures is None else self.task.calibrated_thresholds
        return [0.5] * len(self.classes) if tuned is None else tuned.tolist()

    @property
    def temperatures(self) -> list[float]:
        """Temperature of each class; 1 where none is known, as in checkpoints of older versions."""
        known = self.task.temperatures
        return [1.0] * len(self.classes) if known is None else known.tolist()

    def calibrate(self, probabilities: torch.Tensor) -> torch.Tensor:
        """Calibrated probabilities, float32, from those of the network, ``(..., C)`` in ``[0, 1]``; NaN stays NaN."""
        return self.task.calibrate(probabilities)

    @torch.inference_mode()
    def predict(self, video: str | Path, start: float | None = None, stop: float | None = None) -> dict[str, float]:
        """Probability of each behaviour in one clip, as `amclip predict` gives it: not calibrated.

        Args:
            video: A video file.
            start: Where the clip starts, in seconds since the first frame; default: the first frame.
            stop: Where it stops; default: the end.

        Returns:
            Class name to probability, in ``[0, 1]``.

        Raises:
            VideoError: If the video cannot be read, or there is no frame between start and stop.
        """
        path = Path(video).resolve()
        if path not in self._probed:  # as `amclip predict` does: a damaged file may hang the decoder
            self._probed.update(found := probe([path], progress=False))
            if self.preprocess.modality != "frames" and (words := describe_slow(found, self.sampling["flow_gap"])):
                warnings.warn(words, stacklevel=3)  # torch's decorator lies between
        clip = Clip(str(path), start, stop)
        table = LabelTable((clip,), tuple(self.classes), str(video))
        views: Literal[1, 2] = 1 if self.preprocess.modality == "frames" else 2
        sample = ClipDataset(table, Path(), self._probed, **self.sampling, views=views)[0]
        if sample["error"]:
            raise VideoError(video, sample["error"].removeprefix(f"{clip.video}: "))
        device = self.task.device
        images = self.preprocess(sample["frames"][None].to(device))
        scored = self.task.probabilities(self.task(images, sample["segments"][None].to(device)))[0]
        return dict(zip(self.classes, scored.tolist(), strict=True))


def load_model(path: str | Path, device: str | torch.device = "cpu") -> TrainedModel:
    """Load a trained model; needs the checkpoint and nothing else, and downloads nothing.

    Args:
        path: A checkpoint written by ``amclip fit``.
        device: Where the network shall run.

    Returns:
        The model in evaluation mode.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a checkpoint of amclip, is damaged or of another version, or holds other weights than
            its settings say; see :mod:`amclip.checkpoint`.
    """
    from amclip.data.datamodule import VideoDataModule

    checkpoint = read_checkpoint(path)
    settings = dict(checkpoint[DATA_KEY], labels=None, root=None)
    check_settings(path, checkpoint[TASK_KEY], BehaviourTask)
    check_settings(path, settings, VideoDataModule)
    try:
        task = BehaviourTask(**checkpoint[TASK_KEY])
        check_weights(checkpoint["state_dict"], task.state_dict())
        task.load_state_dict(checkpoint["state_dict"])
        task.know_scale(checkpoint.get(KNOWLEDGE_KEY, {}))
        data = VideoDataModule(**settings)
        if data.classes != task.classes:
            raise ValueError(f"its model is of the classes {task.classes}, and its data of {data.classes}")
    except (ValueError, TypeError, AttributeError, RuntimeError) as error:  # values that no version has written
        raise ValueError(f"{path}: {error}") from error
    known = checkpoint.get(KNOWLEDGE_KEY, {}).get("clip_seconds")
    sampling = {key: data.hparams[key] for key in SAMPLING_KEYS}
    return TrainedModel(task.to(device).eval(), data.preprocess, sampling, known or settings.get("window"))


def zero_shot_model(classes: Sequence[str], backbone: str | None = None, pretrained: str | None = None) -> TrainedModel:
    """A published CLIP and the names of behaviours in place of a trained model, as `configs/zero_shot.yaml` sets it up.

    Args:
        classes: Names of the behaviours, in words that CLIP may know.
        backbone: Image tower, as for :class:`amclip.task.BehaviourTask`; default: the config's.
        pretrained: Its weights; default: the config's, or none where a backbone is given, which may bring its own.

    Returns:
        The model in evaluation mode, on the CPU. It looks at frames alone: flow images mean nothing to CLIP.

    Raises:
        ValueError: If there are no classes, or the weights cannot be had or do not fit.
    """
    import yaml

    from amclip.commands.demo import config_path
    from amclip.data.datamodule import VideoDataModule
    from amclip.models.pretrained import describe_backbone

    config = yaml.safe_load(config_path("zero_shot").read_text(encoding="utf-8"))
    model = config["model"]
    if backbone is not None:
        model.update(backbone=backbone, pretrained=pretrained)
    elif pretrained is not None:
        model.update(pretrained=pretrained)
    architecture = describe_backbone(model["backbone"], model["pretrained"], config["data"]["image_size"])
    own = {"classes": list(classes), "mean": architecture["mean"], "std": architecture["std"], "num_workers": 0}
    data = VideoDataModule(**{**config["data"], **own, "labels": None, "root": None})
    shape = {name: getattr(data, name) for name in ("num_segments", "positions_per_segment", "num_views", "image_size")}
    task = BehaviourTask(classes=list(classes), architecture=architecture, **shape, **model)
    task.load_published()
    return TrainedModel(task.eval(), data.preprocess, {key: data.hparams[key] for key in SAMPLING_KEYS})
