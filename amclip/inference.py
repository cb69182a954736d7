"""A trained model as a value, from its checkpoint alone: network, input, classes and calibration travel inside."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, get_args, runtime_checkable

import torch
from torch import Tensor

from amclip.calibration import Calibrator, calibrated
from amclip.checkpoint import (
    CLASS_KEY,
    DATA_KEY,
    KNOWLEDGE_KEY,
    TASK_KEY,
    check_settings,
    check_weights,
    described,
    read_checkpoint,
)
from amclip.data.animals import Animals
from amclip.data.dataset import ClipDataset
from amclip.data.frame_rates import describe_slow
from amclip.data.probe import probe
from amclip.data.table import Clip, LabelTable
from amclip.data.tracks import Track, Tracks
from amclip.data.used import UsedVideos
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError
from amclip.inputs import CropInput, NetworkInput
from amclip.log_odds import to_probabilities
from amclip.losses import BCE, Loss
from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import NetworkConfig
from amclip.plain import Configurable, from_plain
from amclip.precision import InferencePrecision, choose_precision
from amclip.preprocess import Preprocess, Seen

__all__ = ["TrainedModel", "load_model", "zero_shot_model"]


@dataclass(frozen=True)
class TrainedModel:
    """A network ready to predict, with what it sees and what its answers mean.

    Attributes:
        network: In evaluation mode.
        input: What it sees of a clip.
        classes: Names of the behaviours, in the order of the outputs.
        loss: What it was trained with, which knows the log-odds behind its logits.
        calibrator: What the validation clips taught of its probabilities; None where there were none.
        clip_seconds: Median length of the clips it was trained on, in seconds; None where nobody knows.
        used: The videos that it was trained and validated on; None where nobody knows.
        preprocess: From decoded frames to the network's images.
    """

    network: InterleavedClassifier
    input: NetworkInput
    classes: tuple[str, ...]
    loss: Loss = field(default_factory=BCE)
    calibrator: Calibrator | None = None
    clip_seconds: float | None = None
    used: UsedVideos | None = None
    preprocess: Preprocess = field(init=False, repr=False)
    _probed: dict[Path, VideoInfo | VideoError] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "preprocess", Preprocess(self.input))

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Threshold of each class with the best F1 on validation, for calibrated probabilities; 0.5 where not known."""
        return (0.5,) * len(self.classes) if self.calibrator is None else self.calibrator.thresholds

    def log_odds(self, logits: Tensor) -> Tensor:
        """What the network says of each class, float32, from logits ``(B, C)``, see :mod:`amclip.log_odds`."""
        return self.loss.log_odds(logits)

    def calibrate(self, log_odds: Tensor) -> Tensor:
        """Probabilities, float32 in ``[0, 1]``, from log-odds ``(..., C)``: calibrated where validation clips allow it.

        NaN stays NaN.
        """
        return calibrated(log_odds, self.calibrator)

    def describe_slow(self, found: Mapping[Path, VideoInfo | VideoError]) -> str:
        """Which videos are too slow for the flow gap of the training, see :mod:`amclip.data.frame_rates`; empty: none.

        Args:
            found: What probing found.
        """
        return describe_slow(found, self.input.flow.gap_seconds) if self.input.needs_flow else ""

    def compute_in(self, precision: InferencePrecision) -> "TrainedModel":
        """Let the image tower, which takes nearly all the time, compute in fewer bits; the heads stay in float32.

        Args:
            precision: bf16 or 16 round the tower's weights for good; 32 leaves them as they are; auto takes bf16 where
                the network is on a GPU that computes it, see :func:`amclip.precision.choose_precision`.

        Returns:
            This very model.

        Raises:
            ValueError: If there is no such precision, or the weights were rounded before and shall be float32.
        """
        if precision not in (known := get_args(InferencePrecision)):
            raise ValueError(f"precision: expected one of {', '.join(known)}, got {precision!r}")
        chosen, _ = choose_precision(precision, self.device.type == "cuda")
        encoder = self.network.encoder
        if chosen != "32":
            encoder.round_to(torch.bfloat16 if chosen == "bf16" else torch.float16)
        elif encoder.rounded_to is not None:
            raise ValueError(f"precision: the weights were rounded to {encoder.rounded_to}; load the model anew")
        return self

    @torch.inference_mode()
    def predict(
        self, video: str | Path, start: float | None = None, stop: float | None = None, track: Track | None = None
    ) -> dict[str, float]:
        """Probability of each behaviour in one clip, as `amclip predict` gives it: not calibrated.

        Arguments and errors are those of :meth:`see`.

        Returns:
            Class name to probability, in ``[0, 1]``.
        """
        seen, segments = self.see(video, start, stop, track)
        scored = to_probabilities(self.log_odds(self.network(seen.images, segments, seen.motion)))[0]
        return dict(zip(self.classes, scored.tolist(), strict=True))

    @torch.inference_mode()
    def see(
        self, video: str | Path, start: float | None = None, stop: float | None = None, track: Track | None = None
    ) -> tuple[Seen, Tensor]:
        """What the network sees of one clip.

        Args:
            video: A video file.
            start: Where the clip starts, in seconds since the first frame; default: the first frame.
            stop: Where it stops; default: the end.
            track: Where the animal is; for a model that was trained on animals cut out, and for no other.

        Returns:
            Images and numbers of motion, and the segments, int64 ``(1, M, P)``, on the network's device.

        Raises:
            ValueError: If start or stop is no time, they are in the wrong order, or a track is missing or too many.
            VideoError: If the video cannot be read, there is no frame between start and stop, or the animal is not
                there.
        """
        if (track is None) != (self.input.crop is None):
            missing = "was trained on animals cut out: give one's" if track is None else "sees whole frames: give no"
            raise ValueError(f"track: the model {missing} track (amclip.data.tracks.read_tracks reads them)")
        if start is not None and not start >= 0:
            raise ValueError(f"start: expected seconds since the first frame, 0 or more, got {start}")
        if stop is not None and not stop > (start or 0.0):
            raise ValueError(f"stop: expected seconds behind the start, {start or 0.0}, got {stop}")
        path = Path(video).resolve()
        if path not in self._probed:  # as `amclip predict` does: a damaged file may hang the decoder
            self._probed.update(found := probe([path], progress=False))
            if words := self.describe_slow(found):
                warnings.warn(words, stacklevel=3)  # torch's decorator lies between
        clip = Clip(str(path), start, stop, subject="" if track is None else track.subject)
        table = LabelTable((clip,), self.classes, str(video))
        animals = None if track is None else Animals(Tracks.of(track.origin or "the track", [("", track)]))
        sample = ClipDataset(table, Path(), self._probed, self.input, animals=animals)[0]
        if sample["error"]:
            raise VideoError(video, sample["error"].removeprefix(f"{clip.video}: "))
        frames, unit_speed = (sample[name][None].to(self.device) for name in ("frames", "unit_speed"))
        seen = self.preprocess(frames, unit_speed=unit_speed)
        return seen, sample["segments"][None].to(self.device)


@runtime_checkable
class _Task(Protocol):
    """What a checkpoint's class can do: take its weights and its knowledge, and become a trained model."""

    def state_dict(self) -> dict[str, Tensor]: ...

    def load_state_dict(self, state_dict: dict[str, Tensor]) -> object: ...

    def restore(self, knowledge: dict[str, Any]) -> None: ...

    def trained_model(self) -> TrainedModel: ...


def load_model(path: str | Path, device: str | torch.device = "cpu", allow: Sequence[str] = ()) -> TrainedModel:
    """Load a trained model; needs the checkpoint and nothing else, and downloads nothing.

    The checkpoint names the class of its task, so that a subclass of your own opens as itself. Its module must be
    imported before, or allowed.

    Args:
        path: A checkpoint written by ``amclip fit``.
        device: Where the network shall run.
        allow: Classes of your own, or their modules, that the checkpoint may name, see
            :func:`amclip.checkpoint.read_checkpoint`.

    Returns:
        The model in evaluation mode.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a checkpoint of amclip, is damaged or of another version, holds other weights than its
            settings say, or names classes that were not allowed; see :mod:`amclip.checkpoint`.
    """
    checkpoint = read_checkpoint(path, allow)
    for key in (TASK_KEY, DATA_KEY):
        check_settings(path, checkpoint[key])
    try:
        task = from_plain(Configurable, described(checkpoint[TASK_KEY]))
        if not isinstance(task, _Task):
            raise ValueError(f"{checkpoint[TASK_KEY][CLASS_KEY]} is no subclass of amclip.BehaviourTask")
        check_weights(checkpoint["state_dict"], task.state_dict())
        task.load_state_dict(checkpoint["state_dict"])
        task.restore(checkpoint[KNOWLEDGE_KEY])
        model = task.trained_model()
    except (ValueError, TypeError, AttributeError, RuntimeError) as error:  # values that no version has written
        raise ValueError(f"{path}: {error}") from error
    model.network.to(device).eval()
    return model


def zero_shot_model(
    classes: Sequence[str],
    backbone: str | None = None,
    pretrained: str | None = None,
    crop: CropInput | None = None,
) -> TrainedModel:
    """A published CLIP and the names of behaviours in place of a trained model, as `configs/zero_shot.yaml` sets it up.

    Args:
        classes: Names of the behaviours, in words that CLIP may know.
        backbone: Image tower, as for :class:`amclip.models.config.NetworkConfig`; default: the config's.
        pretrained: Its weights; default: the config's, or none where a backbone is given, which may bring its own.
        crop: How animals are cut out; default: they are not.

    Returns:
        The model in evaluation mode, on the CPU. It looks at frames alone: flow images mean nothing to CLIP.

    Raises:
        ValueError: If there are no classes, or the weights cannot be had or do not fit.
    """
    import yaml

    from amclip.config_path import config_path
    from amclip.models.published import load_zero_shot

    if not classes:
        raise ValueError("classes: zero-shot knows no behaviours but those you name")
    settings = yaml.safe_load(config_path("zero_shot").read_text(encoding="utf-8"))
    network = settings["model"]["network"]
    if backbone is not None:
        network.update(backbone=backbone, pretrained=pretrained)
    elif pretrained is not None:
        network.update(pretrained=pretrained)
    input = NetworkInput.from_dict(settings["input"])
    config = from_plain(NetworkConfig, network).with_architecture(input.image_size)
    assert config.architecture is not None
    input = replace(input, mean=config.architecture["mean"], std=config.architecture["std"], crop=crop)
    config.check_zero_shot(input)
    made = InterleavedClassifier(
        config, len(classes), input.num_segments, input.positions_per_segment, input.num_streams
    )
    load_zero_shot(made, classes, exclusive=False)
    return TrainedModel(made.eval(), input, tuple(classes), BCE())
