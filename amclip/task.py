"""Training and testing of a behaviour classifier."""

import math
from typing import Any, Literal

from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch import Tensor
from torchmetrics import SumMetric

from amclip.averaging import MovingAverage
from amclip.calibration import Calibrator, calibrated
from amclip.checkpoint import KNOWLEDGE_KEY, check_weights, hyperparameters
from amclip.class_groups import ClassStatistics
from amclip.compatible import refuse_other_data, refuse_other_model
from amclip.data.used import UsedVideos
from amclip.evaluation import Evaluation, answer_batch, named_scores, readable_rows, without_unreadable
from amclip.inference import TrainedModel
from amclip.inputs import NetworkInput
from amclip.log_odds import mean_log_odds
from amclip.losses import BCE, Loss
from amclip.metrics import AveragePrecisionScores
from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import NetworkConfig
from amclip.models.published import fetch_published, load_published, load_zero_shot
from amclip.motion import motion_shape
from amclip.optimiser import Optimiser
from amclip.plain import Configurable, from_plain, to_plain
from amclip.text import counted
from amclip.training_length import training_progress, training_steps

__all__ = ["BehaviourTask"]

Batch = dict[str, Any]


class BehaviourTask(Configurable, LightningModule):
    """Loss, metrics and optimiser of :class:`amclip.models.classifier.InterleavedClassifier`.

    A checkpoint keeps all arguments in plain values, so it opens with ``weights_only=True`` and needs no download: the
    network is built with random weights, and published ones are fetched when training starts.

    Args:
        classes: Names of the behaviours, in the order of the outputs. The command line takes them from the data.
        input: What the network sees; the same value as the data module's. On the command line the group `input`.
        network: What the network is made of.
        loss: BCE (the default), CrossEntropy (one behaviour per clip), or for rare behaviours: Focal, Asymmetric,
            ClassBalanced, LDAM, Equalization; or a subclass of amclip.losses.Loss of your own.
        optimiser: Rates, and how they change; or a subclass of amclip.optimiser.Optimiser of your own.
        zero_shot: Test and predict with published weights, class names and prompts alone, without any training.
        compile: Compile the network when training starts (torch.compile): slow first steps, then faster ones.
        ema_decay: 0, or the decay of a moving average of the weights, which is what is validated and saved (0.999).
            In the first steps the decay is less, so that the average is not of weights that nothing was learned in.
        view_aggregation: How several views of a clip (data.views) become one answer: mean or max of their
            probabilities.

    Raises:
        ValueError: If a setting is out of range or a name unknown.
    """

    def __init__(
        self,
        classes: list[str],
        input: NetworkInput = NetworkInput(),
        network: NetworkConfig = NetworkConfig(),
        loss: Loss = BCE(),
        optimiser: Optimiser = Optimiser(),
        zero_shot: bool = False,
        compile: bool = False,
        ema_decay: float = 0.0,
        view_aggregation: Literal["mean", "max"] = "mean",
    ) -> None:
        super().__init__()
        if isinstance(classes, str) or not classes:
            raise ValueError(f"classes: expected a list of at least one behaviour, got {classes!r}")
        if not 0 <= ema_decay < 1:
            raise ValueError(f"ema_decay: expected 0 (none) or a decay below 1, such as 0.999, got {ema_decay}")
        if view_aggregation not in ("mean", "max"):
            raise ValueError(f"view_aggregation: expected mean or max, got {view_aggregation!r}")
        self.classes = list(classes)
        self.input = input
        self.network = self.build_network(network)
        self.loss = loss
        if self.loss.exclusive and len(classes) == 1:
            raise ValueError(f"loss: {type(self.loss).__name__} chooses among classes, and there is only one; take BCE")
        self.optimiser = optimiser
        self.zero_shot, self.compile_network = zero_shot, compile
        self.ema_decay, self.view_aggregation = ema_decay, view_aggregation
        if zero_shot:
            self.network.config.check_zero_shot(self.input)
        self.save_hyperparameters(hyperparameters(self))
        self.statistics: ClassStatistics | None = None
        """What is known of the classes in training: from the data, or from the checkpoint."""
        self.calibrator: Calibrator | None = None
        """Fitted on the last validation."""
        self.clip_seconds: float | None = None
        """Median length of the training clips, where known: from the data, or from the checkpoint."""
        self.used: UsedVideos | None = None
        """The videos of the training and of its validation, where known: from the data, or from the checkpoint."""
        self.val_evaluation = Evaluation(len(classes))
        self.test_evaluation = Evaluation(len(classes))
        self.skipped_clips = SumMetric(nan_strategy="disable")  # looking for NaN would wait for the device
        self.scores: AveragePrecisionScores | None = None
        """Scores of the last validation or test, for callbacks that draw or print them."""

    def build_network(self, config: NetworkConfig) -> InterleavedClassifier:
        """The network, with random weights; for a subclass to bring another."""
        input = self.input
        config = config.with_architecture(input.image_size)
        shape = input.num_segments, input.positions_per_segment, input.num_streams
        return InterleavedClassifier(config, len(self.classes), *shape, motion_shape(input))

    @property
    def arguments(self) -> dict[str, Any]:
        """As given, with defaults and the image tower filled in: a checkpoint must not need the backbone's files."""
        known = {"input": self.input, "network": self.network.config, "loss": self.loss, "optimiser": self.optimiser}
        given = super().arguments
        return {**given, **{name: value for name, value in known.items() if name in given}}

    def trained_model(self) -> TrainedModel:
        """The value that is left of a training: network, input, classes and calibration."""
        known = self.calibrator, self.clip_seconds, self.used
        return TrainedModel(self.network.eval(), self.input, tuple(self.classes), self.loss, *known)

    def prepare_data(self) -> None:
        """Fetch published weights once per machine, so that the other processes find them in the cache."""
        if self._starts_from_published() and self.trainer.world_size > 1:
            fetch_published(self.network.config)

    def setup(self, stage: str) -> None:
        """Count the training clips; load published weights and embed the class names where no checkpoint brings them.

        Raises:
            ValueError: If data and model do not fit, weights cannot be had, the loss must know numbers of clips that
                the data does not, or a training is asked for with zero_shot.
        """
        data: Any = getattr(self.trainer, "datamodule", None)
        if hasattr(data, "input"):
            refuse_other_data(data.classes, data.input, self.classes, self.input, self.network.config)
        self.clip_seconds = getattr(data, "clip_seconds", None) or self.clip_seconds
        self.set_class_statistics(getattr(data, "statistics", None))
        if stage == "fit":
            self.used = UsedVideos.joined(self.used, getattr(data, "used", None))
        if stage == "fit" and self.loss.needs_counts and (self.statistics is None or self.statistics.counts is None):
            raise ValueError(
                f"model.loss: {type(self.loss).__name__} needs the number of training clips per class, and "
                f"{type(data).__name__} has no statistics; give it these, or take another loss"
            )
        if stage == "fit" and self.zero_shot:
            raise ValueError("zero_shot classifies without training; set it to false to train")
        if self._starts_from_published():
            self.load_published()

    def load_published(self) -> None:
        """Fetch published weights, embed the class names, and set the scale of zero-shot, as the settings say.

        Raises:
            ValueError: If weights cannot be had or do not fit.
        """
        notes = (
            load_zero_shot(self.network, self.classes, self.loss.exclusive)
            if self.zero_shot
            else load_published(self.network, self.classes)[1]
        )
        for note in notes:
            rank_zero_info(note)

    def set_class_statistics(self, statistics: ClassStatistics | None) -> None:
        """Take over what is known of the classes in training; the loss may rest on it."""
        self.statistics = statistics or self.statistics
        if statistics is not None and statistics.counts is not None:
            self.loss.set_counts(statistics.counts, statistics.num_clips)

    def _starts_from_published(self) -> bool:
        """Whether there are weights or text features to bring here, and no checkpoint that holds them."""
        if self.trainer.ckpt_path is not None or not (self.trainer.state.fn == "fit" or self.zero_shot):
            return False
        config = self.network.config
        return config.starts_from_published or config.head.kind == "text"

    def configure_callbacks(self) -> list[Callback]:
        """The moving average of the weights, where `ema_decay` asks for one."""
        averages = self.ema_decay and self.trainer.state.fn == "fit"
        return [MovingAverage(self.ema_decay)] if averages else []

    def on_fit_start(self) -> None:
        """Say what a clip costs, and compile."""
        positions = self.input.num_positions
        images = self.network.images_per_clip(positions)
        how = "for each segment anew" if self.network.segments_apart else "each once"
        rank_zero_info(f"Each clip costs {counted(images, 'image')} to embed ({how}, of {positions} positions)")
        if self.compile_network:
            self.network.compile()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what prediction and evaluation need of the training data, in plain values."""
        names = ("statistics", "calibrator", "clip_seconds")
        knowledge = {name: to_plain(getattr(self, name)) for name in names}
        checkpoint[KNOWLEDGE_KEY] = {**knowledge, "used": None if self.used is None else self.used.text}

    def restore(self, knowledge: dict[str, Any]) -> None:
        """Take over what :meth:`on_save_checkpoint` wrote."""
        if knowledge.get("statistics") is not None:
            self.set_class_statistics(from_plain(ClassStatistics, knowledge["statistics"]))
        if knowledge.get("calibrator") is not None:
            self.calibrator = Calibrator.from_dict(knowledge["calibrator"])
        self.clip_seconds = knowledge.get("clip_seconds")
        # A training that goes on has videos of its own.
        self.used = UsedVideos.joined(UsedVideos.from_text(knowledge.get("used")), self.used)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of another network, or of other classes: outputs would be read under wrong names."""
        refuse_other_model(checkpoint, self.classes, self.input, self.network.config, self.loss)
        if weights := checkpoint.get("state_dict"):
            check_weights(weights, self.state_dict())
        knowledge = dict(checkpoint.get(KNOWLEDGE_KEY, {}))
        if self.trainer.state.fn == "fit":  # else what it was trained on counts, whatever the table at hand holds
            knowledge.update(statistics=None, clip_seconds=self.clip_seconds)
        self.restore(knowledge)

    def forward(self, images: Tensor, segments: Tensor, motion: Tensor | None = None) -> Tensor:
        """Logits ``(B, C)`` from images ``(B, K, V, 3, S, S)``, segments ``(B, M, P)`` and motion ``(B, K, G, F)``."""
        logits: Tensor = self.network(images, segments, motion)
        return logits

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Tell the loss how far the training is, and the tokens of motion what the numbers are like."""
        if self.network.motion is not None:
            self.network.motion.observe(batch["motion"], self.global_step)
        self.loss.set_progress(training_progress(self.trainer))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of a batch."""
        labels, answer = batch["labels"], answer_batch(self.network, batch)
        apart = sum(self.loss(stream, labels) for stream in answer.streams.float().unbind(1))
        loss = self.loss(answer.logits.float(), labels) + self.network.config.fusion.stream_loss * apart
        self.log("train/loss", loss, prog_bar=True, batch_size=len(labels))
        self.skipped_clips.update(batch["skipped"].sum())
        return loss

    def on_train_epoch_end(self) -> None:
        """Log how many training clips were skipped because they could not be read."""
        left_out = getattr(getattr(self.trainer, "datamodule", None), "left_out_clips", 0)
        self.log("train/skipped_clips", self.skipped_clips.compute() + left_out, rank_zero_only=True)
        self.skipped_clips.reset()

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Probabilities ``(B, C)`` of a batch, added to the scores."""
        return self._evaluate(batch, self.val_evaluation)

    def test_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Probabilities ``(B, C)`` of a batch, added to the scores."""
        return self._evaluate(batch, self.test_evaluation)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Probabilities ``(B, C)``, float64 in ``[0, 1]``; NaN for clips that could not be read."""
        _, log_odds = self._score(batch)
        return without_unreadable(log_odds, readable_rows(batch))

    def describe_used(self, split: str) -> str:
        """In words, which videos of a split at hand share frames with those of the training; empty where none do."""
        data: Any = getattr(getattr(self.trainer, "datamodule", None), "used", None)
        return self.used.describe_shared(data, split) if self.used and data else ""

    def on_validation_start(self) -> None:
        """Warn of videos that were trained on, where `amclip validate` scores."""
        if self.trainer.state.fn == "validate" and (words := self.describe_used("val")):
            rank_zero_warn(words)

    def on_test_start(self) -> None:
        """Warn of videos that were trained or validated on."""
        if words := self.describe_used("test"):
            rank_zero_warn(words)

    def on_validation_epoch_end(self) -> None:
        """Log the scores."""
        self._log_scores("val", self.val_evaluation)

    def on_test_epoch_end(self) -> None:
        """Log the scores."""
        self._log_scores("test", self.test_evaluation)

    def configure_optimizers(self) -> Any:
        """What the optimiser of the settings makes of the network.

        Raises:
            ValueError: If nobody knows how many steps there will be.
        """
        return self.optimiser.configure(self.network, training_steps(self.trainer))

    def calibrate(self, log_odds: Tensor) -> Tensor:
        """Probabilities calibrated on the last validation, see :func:`amclip.calibration.calibrated`."""
        return calibrated(log_odds, self.calibrator)

    def scores_by_name(self, scores: AveragePrecisionScores, prefix: str) -> dict[str, float]:
        """Scores that are only there under conditions, see :func:`amclip.evaluation.named_scores`."""
        groups = None if self.statistics is None else self.statistics.groups
        return named_scores(scores, groups, self.calibrator if prefix == "test" else None)

    def _score(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits ``(B, W, C)`` of the ``W`` views of each clip, and the log-odds ``(B, C)`` of all together."""
        logits = answer_batch(self.network, batch).logits.float()
        logits = logits.view(len(batch["labels"]), -1, logits.shape[-1])
        views = self.loss.log_odds(logits)
        return logits, views.amax(dim=1) if self.view_aggregation == "max" else mean_log_odds(views, dim=1)

    def _evaluate(self, batch: Batch, evaluation: Evaluation) -> Tensor:
        logits, log_odds = self._score(batch)
        return evaluation.add(batch, logits, log_odds, self.loss)

    def _log_scores(self, prefix: str, evaluation: Evaluation) -> None:
        """Log once per epoch; every value is already gathered over the processes by its metric."""
        scores: AveragePrecisionScores = evaluation.precision.compute()
        self.log(f"{prefix}/mAP_macro", scores.macro, prog_bar=True)
        named = {**evaluation.averages(scores), **self.scores_by_name(scores, prefix)}
        self.log_dict({f"{prefix}/{name}": value for name, value in named.items()})
        for name, value in zip(self.classes, scores.per_class.tolist(), strict=True):
            if not math.isnan(value):
                self.log(f"{prefix}/AP/{name}", value)
        if prefix == "val" and self.trainer.state.fn == "fit" and not self.trainer.sanity_checking:
            self.calibrator = Calibrator.fit(scores.log_odds, scores.labels, self.loss.exclusive)
        self.scores = scores
        evaluation.reset()
