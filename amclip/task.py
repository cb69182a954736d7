"""Training and testing of a behaviour classifier."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor, nn
from torchmetrics import MeanMetric, SumMetric

from amclip.checkpoint import KNOWLEDGE_KEY, check_weights
from amclip.ethogram.calibration import calibrate, fit_temperatures
from amclip.imbalance import LDAMLoss
from amclip.losses import COUNTING_LOSSES, LossName, make_loss, probabilities
from amclip.metrics import (
    MICRO_BATCH,
    AveragePrecision,
    AveragePrecisionScores,
    best_thresholds,
    segments_by_count,
)
from amclip.models.classifier import Head, InterleavedClassifier, Temporal
from amclip.models.pretrained import Pretrained, brings_weights, describe_backbone, load_pretrained, why_unusable
from amclip.models.segments import Aggregation
from amclip.models.video import MessageInit
from amclip.optimiser import parameter_groups, warmed_cosine

__all__ = ["BehaviourTask"]

Batch = dict[str, Any]


class BehaviourTask(LightningModule):
    """Loss, metrics and optimiser of :class:`amclip.models.classifier.InterleavedClassifier`.

    All arguments are plain values, so a checkpoint opens with ``weights_only=True`` and needs no download: the network
    is built with random weights, and published ones are fetched when training starts.

    Args:
        classes: Names of the behaviours, in the order of the outputs. The command line takes them from the data.
        num_segments: Segments per clip, M; from the data.
        positions_per_segment: Positions per segment, P; from the data.
        num_views: 2 for frames with flow images, 1 for one of them; from the data.
        image_size: Side of the images in pixels; from the data.
        backbone: Image tower: a model name of open_clip such as ViT-B-16, amclip-tiny (for the demo), an open_clip
            configuration file, local-dir:FOLDER or hf-hub:OWNER/NAME (hf-hub:imageomics/bioclip); a published X-CLIP as
            xclip-dir:FOLDER or xclip-hub:OWNER/NAME (xclip-hub:microsoft/xclip-base-patch16).
        pretrained: Its weights: a name that open_clip knows (openai), synthetic for amclip-tiny, or a local file.
            Fetched when training starts.
            Without it a named model starts from random weights.
        architecture: The image tower in plain values. Found from `backbone`; filled in by checkpoints.
        head: linear, or text: compares with the class names as CLIP's text tower understands them.
        prompt_templates: Sentences around a class name, {} is its place; their embeddings are averaged (head text).
        background_prompts: Sentences without a behaviour; class scores count as the difference from theirs (head text).
        zero_shot: Test and predict with published weights, class names and prompts alone, without any training.
        cross_frame: X-CLIP's messages between the images of a segment in every block. Each segment is then embedded on
            its own, where otherwise images are embedded once for all segments.
        message_init: zero (the start is frame-wise CLIP; a gate per block lets messages in) or xclip (as there).
        temporal: transformer (amclip's own) or mit (X-CLIP's multi-frame integration) over a segment's embeddings.
        temporal_layers: Layers of the temporal transformer; 0 is a plain mean over time.
        temporal_heads: Its attention heads.
        temporal_dropout: Its dropout probability.
        video_prompt_layers: Layers of X-CLIP's video-specific prompting (head text); 0 for none, X-CLIP has 2.
        video_prompt_heads: Its attention heads.
        share_classifiers: One classifier for all segments (true), or own weights for each (false).
        aggregation: How segments become one answer: mean, max, or attention (learned weights).
        trainable_blocks: Blocks of the image tower that train: -1 all, 0 none, n the last n.
        gradient_checkpointing: Less memory for more time.
        lora_rank: 0, or the rank of LoRA's updates, which then train in place of the weights of those blocks.
        lora_alpha: LoRA's scale, divided by the rank.
        compile: Compile the network when training starts (torch.compile): slow first steps, then faster ones.
        ema_decay: 0, or the decay of a moving average of the weights, which is what is validated and saved (0.999).
        view_aggregation: How several views of a clip (data.temporal_views, data.spatial_views) become one answer: mean
            or max of their probabilities.
        loss: bce, cross_entropy (one behaviour per clip), or for rare behaviours: focal, asymmetric, class_balanced,
            ldam, equalization. The last three count the training clips of each behaviour.
        focal_alpha: Weight of positives in the focal loss; -1 for none.
        focal_gamma: Exponent of the focal loss.
        asymmetric_gamma_negative: Exponent on negatives in the asymmetric loss.
        asymmetric_gamma_positive: Exponent on positives in the asymmetric loss.
        asymmetric_margin: Probability margin on negatives in the asymmetric loss.
        class_balanced_beta: How far the weights of class_balanced and ldam go with rarity, in [0, 1).
        ldam_margin: Margin of the rarest behaviour in the ldam loss, in logits.
        ldam_reweight_after: Share of the training after which ldam also weighs clips by rarity; 1 for never.
        equalization_share: Behaviours in less than this share of the training clips are not pushed down by clips of
            other behaviours (equalization).
        learning_rate: Peak learning rate of everything but the image tower.
        backbone_learning_rate: Peak learning rate of the image tower's weights that train.
        layer_decay: Factor on the image tower's rate for every block further from its output; 1 for none.
        weight_decay: Of matrices; biases, norms and embeddings have none.
        warmup_fraction: Share of the training steps in which the rate rises from 0 to its peak.
        final_learning_rate_fraction: Share of the peak that the cosine ends on.

    Raises:
        ValueError: If a setting is out of range or a name unknown.
    """

    def __init__(
        self,
        classes: list[str],
        num_segments: int = 2,
        positions_per_segment: int = 8,
        num_views: int = 2,
        image_size: int = 224,
        backbone: str = "ViT-B-16",
        pretrained: str | None = None,
        architecture: dict[str, Any] | None = None,
        head: Head = "linear",
        prompt_templates: list[str] | None = None,
        background_prompts: list[str] | None = None,
        zero_shot: bool = False,
        cross_frame: bool = False,
        message_init: MessageInit = "zero",
        temporal: Temporal = "transformer",
        temporal_layers: int = 1,
        temporal_heads: int = 8,
        temporal_dropout: float = 0.0,
        video_prompt_layers: int = 0,
        video_prompt_heads: int = 8,
        share_classifiers: bool = True,
        aggregation: Aggregation = "mean",
        trainable_blocks: int = -1,
        gradient_checkpointing: bool = False,
        lora_rank: int = 0,
        lora_alpha: int = 16,
        compile: bool = False,
        ema_decay: float = 0.0,
        view_aggregation: Literal["mean", "max"] = "mean",
        loss: LossName = "bce",
        focal_alpha: float = 0.25,
        focal_gamma: float = 2.0,
        asymmetric_gamma_negative: float = 4.0,
        asymmetric_gamma_positive: float = 1.0,
        asymmetric_margin: float = 0.05,
        class_balanced_beta: float = 0.9999,
        ldam_margin: float = 0.5,
        ldam_reweight_after: float = 0.8,
        equalization_share: float = 1.76e-3,
        learning_rate: float = 1e-4,
        backbone_learning_rate: float = 1e-5,
        layer_decay: float = 1.0,
        weight_decay: float = 1e-3,
        warmup_fraction: float = 0.1,
        final_learning_rate_fraction: float = 0.01,
    ) -> None:
        super().__init__()
        if isinstance(classes, str) or not classes:
            raise ValueError(f"classes: expected a list of at least one behaviour, got {classes!r}")
        if loss == "cross_entropy" and len(classes) == 1:
            raise ValueError("loss: cross_entropy chooses among classes, and there is only one; take bce")
        if not 0 <= warmup_fraction < 1:
            raise ValueError(f"warmup_fraction: expected a share in [0, 1), got {warmup_fraction}")
        for name, share in (
            ("final_learning_rate_fraction", final_learning_rate_fraction),
            ("ldam_reweight_after", ldam_reweight_after),
        ):
            if not 0 <= share <= 1:
                raise ValueError(f"{name}: expected a share in [0, 1], got {share}")
        for name, value in (
            ("learning_rate", learning_rate),
            ("backbone_learning_rate", backbone_learning_rate),
            ("weight_decay", weight_decay),
        ):
            if not 0 <= value < math.inf:
                raise ValueError(f"{name}: expected 0 or more, got {value}")
        if not 0 <= ema_decay < 1:
            raise ValueError(f"ema_decay: expected 0 (none) or a decay below 1, such as 0.999, got {ema_decay}")
        if not 0 < layer_decay <= 1:
            raise ValueError(f"layer_decay: expected a factor above 0 and at most 1, got {layer_decay}")
        if view_aggregation not in ("mean", "max"):
            raise ValueError(f"view_aggregation: expected mean or max, got {view_aggregation!r}")
        prompt_templates = prompt_templates or ["a video of an animal, {}"]
        for template in prompt_templates:
            if "{}" not in template:
                raise ValueError(f"prompt_templates: {template!r} has no {{}} for the class name")
        if architecture is None:
            architecture = describe_backbone(backbone, pretrained, image_size)
        if zero_shot:
            trained = "xclip" in architecture  # its integration and prompting come with weights
            _check_zero_shot(
                head, num_views, bool(pretrained) or brings_weights(backbone), trained or not temporal_layers
            )
            if cross_frame and not trained:
                raise ValueError("cross_frame: messages that nobody trained say nothing; zero-shot leaves them out")
        self.classes = classes = list(classes)
        self.save_hyperparameters()
        self.network = InterleavedClassifier(
            architecture,
            num_classes=len(classes),
            num_segments=num_segments,
            positions_per_segment=positions_per_segment,
            num_views=num_views,
            head=head,
            background=bool(background_prompts),
            cross_frame=cross_frame,
            message_init=message_init,
            temporal=temporal,
            temporal_layers=temporal_layers,
            temporal_heads=temporal_heads,
            temporal_dropout=temporal_dropout,
            video_prompt_layers=video_prompt_layers,
            video_prompt_heads=video_prompt_heads,
            share_classifiers=share_classifiers,
            aggregation=aggregation,
            trainable_blocks=trainable_blocks,
            gradient_checkpointing=gradient_checkpointing,
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
        )
        self.loss_name: LossName = loss
        self.loss_settings: dict[str, Any] = {
            "focal_alpha": focal_alpha,
            "focal_gamma": focal_gamma,
            "asymmetric_gamma_negative": asymmetric_gamma_negative,
            "asymmetric_gamma_positive": asymmetric_gamma_positive,
            "asymmetric_margin": asymmetric_margin,
            "class_balanced_beta": class_balanced_beta,
            "ldam_margin": ldam_margin,
            "equalization_share": equalization_share,
        }
        # A loss that counts clips waits for the data; its settings are checked now.
        self.loss = make_loss("bce" if loss in COUNTING_LOSSES else loss, **self.loss_settings)
        self.class_counts: list[int] | None = None
        """Training clips per class, where known: from the data, or from the checkpoint."""
        self.num_training_clips: int | None = None
        self.segments: list[str] | None = None
        """Head, middle or tail of each class: as the data set says, or else by the counts."""
        self.thresholds: Tensor | None = None
        """Thresholds of each class with the best F1 on the last validation, shape ``(C,)``."""
        self.temperatures: Tensor | None = None
        """Temperatures that calibrate each class, fitted on the last validation, shape ``(C,)``."""
        self.calibrated_thresholds: Tensor | None = None
        """The same thresholds for probabilities that were calibrated, shape ``(C,)``."""
        self.val_evaluation = _Evaluation(len(classes))
        self.test_evaluation = _Evaluation(len(classes))
        self.skipped_clips = SumMetric()
        self.scores: AveragePrecisionScores | None = None
        """Scores of the last validation or test, for callbacks that draw or print them."""

    # ------------------------------------------------------------------ weights

    def prepare_data(self) -> None:
        """Fetch published weights once per machine, so that the other processes find them in the cache."""
        if self._starts_from_pretrained() and self.trainer.world_size > 1:
            self._load_pretrained()

    def setup(self, stage: str) -> None:
        """Count the training clips; load published weights and embed the class names where no checkpoint brings them.

        Raises:
            ValueError: If weights cannot be had or do not fit, or a training is asked for with zero_shot.
        """
        data: Any = getattr(self.trainer, "datamodule", None)
        self._know_classes(
            getattr(data, "class_counts", None),
            getattr(data, "num_training_clips", None),
            getattr(data, "class_segments", None),
        )
        if stage == "fit" and self.loss_name in COUNTING_LOSSES and self.class_counts is None:
            raise ValueError(
                f"model.loss: {self.loss_name} needs the number of training clips per class, and "
                f"{type(data).__name__} has no class_counts and num_training_clips; give it these, or take another loss"
            )
        settings = self.hparams
        if stage == "fit" and settings["zero_shot"]:
            raise ValueError("zero_shot classifies without training; set it to false to train")
        if not self._starts_from_pretrained():
            return
        self.load_published()

    def load_published(self) -> None:
        """Fetch published weights, embed the class names, and set the scale of zero-shot, as the settings say.

        Raises:
            ValueError: If weights cannot be had or do not fit.
        """
        settings = self.hparams
        prompts = []
        if settings["head"] == "text":
            prompts = [[template.format(name) for template in settings["prompt_templates"]] for name in self.classes]
            prompts += [settings["background_prompts"]] if settings["background_prompts"] else []
        found = self._load_pretrained(prompts)
        if settings["pretrained"] or brings_weights(settings["backbone"]):
            for note in self.network.load(found):
                rank_zero_info(f"{settings['backbone']}: {note}")
        elif found.text is not None:
            self.network.set_text_features(found.text)
        if settings["zero_shot"]:
            if self.loss_name != "cross_entropy" and not settings["background_prompts"] and not found.bias:
                raise ValueError(
                    "background_prompts: with an open class list (a loss other than cross_entropy) each class stands "
                    "alone, and CLIP's cosines have no zero; name sentences without a behaviour to compare with"
                )
            self.network.set_scale(found.log_scale, 0.0 if settings["background_prompts"] else found.bias)

    def _know_classes(
        self, counts: Sequence[int] | None, num_clips: int | None, segments: Sequence[str] | None
    ) -> None:
        """Take over what is known of the classes, and make the loss that rests on it."""
        if counts is not None and num_clips is not None:
            self.class_counts, self.num_training_clips = list(counts), num_clips
            self.loss = make_loss(self.loss_name, **self.loss_settings, counts=counts, num_clips=num_clips)
        if segments is not None:
            self.segments = list(segments)
        elif counts is not None:
            self.segments = segments_by_count(counts)

    def configure_callbacks(self) -> list[Callback]:
        """Lightning's moving average of the weights, where `ema_decay` asks for one."""
        decay = self.hparams["ema_decay"]
        return [EMAWeightAveraging(decay=decay)] if decay and self.trainer.state.fn == "fit" else []

    def on_fit_start(self) -> None:
        """Say what a clip costs, and compile."""
        positions = getattr(getattr(self.trainer, "datamodule", None), "num_positions", None)
        if positions is not None:
            images = self.network.images_per_clip(positions)
            how = "for each segment anew" if self.hparams["cross_frame"] else "each once"
            rank_zero_info(f"Each clip costs {images} images to embed ({how}, of {positions} positions)")
        if self.hparams["compile"]:
            self.network.compile()

    def _load_pretrained(self, prompts: Sequence[Sequence[str]] = ()) -> Pretrained:
        backbone, pretrained = self.hparams["backbone"], self.hparams["pretrained"]
        try:
            return load_pretrained(backbone, pretrained, self.hparams["architecture"], prompts)
        except Exception as error:
            said = why_unusable(error, backbone, pretrained)
            if said is None:
                raise
            raise ValueError(f"model.pretrained: {said}") from error

    def _starts_from_pretrained(self) -> bool:
        """Whether there are weights or text features to bring here, and no checkpoint that holds them."""
        if self.trainer.ckpt_path is not None or not (self.trainer.state.fn == "fit" or self.hparams["zero_shot"]):
            return False
        return (
            bool(self.hparams["pretrained"])
            or brings_weights(self.hparams["backbone"])
            or self.hparams["head"] == "text"
        )

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of another network, or of other classes: outputs would be read under wrong names."""
        trained = checkpoint.get("hyper_parameters", {}).get("classes", self.classes)
        if list(trained) != self.classes:
            raise ValueError(
                f"the checkpoint was trained for the classes {list(trained)}, but the data asks for {self.classes}. "
                "Give the checkpoint's classes in that order (data.classes), or train anew"
            )
        if weights := checkpoint.get("state_dict"):
            check_weights(weights, self.state_dict())
        known = checkpoint.get(KNOWLEDGE_KEY, {})
        self.know_scale(known)
        if self.trainer.state.fn != "fit":  # what it was trained on, whatever the table at hand holds
            self._know_classes(known.get("class_counts"), known.get("num_training_clips"), known.get("segments"))

    def know_scale(self, known: dict[str, Any]) -> None:
        """Take over thresholds and temperatures from what a checkpoint says; older ones have no temperatures."""
        for name in ("thresholds", "temperatures", "calibrated_thresholds"):
            if known.get(name) is not None:
                setattr(self, name, torch.tensor(known[name]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what evaluation needs of the training data, in plain lists."""
        checkpoint[KNOWLEDGE_KEY] = {
            "class_counts": self.class_counts,
            "num_training_clips": self.num_training_clips,
            "segments": self.segments,
            **{
                name: None if getattr(self, name) is None else getattr(self, name).tolist()
                for name in ("thresholds", "temperatures", "calibrated_thresholds")
            },
            "clip_seconds": getattr(getattr(self.trainer, "datamodule", None), "clip_seconds", None),
        }

    # ------------------------------------------------------------------ steps

    def forward(self, images: Tensor, segments: Tensor) -> Tensor:
        """Logits ``(B, C)`` from images ``(B, K, V, 3, S, S)`` and segments ``(B, M, P)``."""
        logits: Tensor = self.network(images, segments)
        return logits

    def on_train_epoch_start(self) -> None:
        """Switch the LDAM loss to its second phase when its time has come."""
        if isinstance(self.loss, LDAMLoss):
            done = self.trainer.global_step / max(1, int(self.trainer.estimated_stepping_batches))
            self.loss.reweight = done >= self.hparams["ldam_reweight_after"]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of a batch."""
        size = len(batch["labels"])
        loss = self.loss(self(batch["images"], batch["segments"]).float(), batch["labels"])
        self.log("train/loss", loss, prog_bar=True, batch_size=size)
        self.skipped_clips.update(batch["skipped"].sum())
        return loss

    def on_train_epoch_end(self) -> None:
        """Log how many training clips were passed over because they could not be read."""
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
        """Probabilities ``(B, C)``, float32 in ``[0, 1]``; NaN for clips that could not be read."""
        _, scored = self._score(batch)
        return scored.masked_fill(~_readable(batch)[:, None], math.nan)

    def on_validation_epoch_end(self) -> None:
        """Log the scores."""
        self._log_scores("val", self.val_evaluation)

    def on_test_epoch_end(self) -> None:
        """Log the scores."""
        self._log_scores("test", self.test_evaluation)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities in float32 from logits ``(B, C)``, as the loss understands them."""
        return probabilities(logits, self.loss_name)

    def calibrate(self, probabilities: Tensor) -> Tensor:
        """Probabilities ``(..., C)`` by the temperatures of the last validation; as they are where there was none."""
        if self.temperatures is None:
            return probabilities
        return calibrate(probabilities, self.temperatures, self.loss_name == "cross_entropy")

    def _score(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits ``(B, W, C)`` of the ``W`` views of each clip, and the probabilities ``(B, C)`` they make together."""
        logits = self(batch["images"], batch["segments"]).float().unflatten(0, (len(batch["labels"]), -1))
        views = self.probabilities(logits.flatten(0, 1)).view_as(logits)
        return logits, views.amax(dim=1) if self.hparams["view_aggregation"] == "max" else views.mean(dim=1)

    def _evaluate(self, batch: Batch, evaluation: "_Evaluation") -> Tensor:
        readable = _readable(batch)
        logits, scored = self._score(batch)
        labels = batch["labels"][readable]
        # Also without a readable clip: a process that never updated cannot take part in the gathering.
        evaluation.precision.update(scored[readable], labels, batch["clip"][readable])
        if len(labels):
            every = labels.repeat_interleave(logits.shape[1], dim=0)  # the mean over clips and views
            evaluation.loss.update(self.loss(logits[readable].flatten(0, 1), every), weight=float(readable.sum()))
        evaluation.unreadable.update((~readable).sum())
        return scored.masked_fill(~readable[:, None], math.nan)

    def _log_scores(self, prefix: str, evaluation: "_Evaluation") -> None:
        """Log once per epoch; every value is already gathered over the processes by its metric."""
        scores: AveragePrecisionScores = evaluation.precision.compute()
        self.log(f"{prefix}/mAP_macro", scores.macro, prog_bar=True)
        self.log_dict(
            {
                f"{prefix}/mAP_micro": scores.micro,
                f"{prefix}/mAP_micro_mean_of_batches_of_{MICRO_BATCH}": scores.micro_batches,
                f"{prefix}/classes_scored": float(scores.num_scored),
                f"{prefix}/loss": evaluation.loss.compute(),
                f"{prefix}/unreadable_clips": evaluation.unreadable.compute(),
                **{f"{prefix}/{name}": value for name, value in self.scores_by_name(scores, prefix).items()},
            }
        )
        for name, value in zip(self.classes, scores.per_class.tolist(), strict=True):
            if not math.isnan(value):
                self.log(f"{prefix}/AP/{name}", value)
        if prefix == "val" and self.trainer.state.fn == "fit" and not self.trainer.sanity_checking:
            softmax = self.loss_name == "cross_entropy"
            self.thresholds = best_thresholds(scores.probabilities, scores.labels)
            self.temperatures = fit_temperatures(scores.probabilities, scores.labels, softmax)
            self.calibrated_thresholds = best_thresholds(self.calibrate(scores.probabilities), scores.labels)
        self.scores = scores
        evaluation.reset()

    def scores_by_name(self, scores: AveragePrecisionScores, prefix: str) -> dict[str, float]:
        """Scores that are only there under conditions, all macro averages over classes with positives.

        Args:
            scores: Of one evaluation.
            prefix: ``"test"`` adds F1 at the thresholds tuned on validation, where there are any. On the validation
                clips themselves it would flatter.

        Returns:
            ``mAP_head``, ``mAP_middle``, ``mAP_tail`` where the classes fall into at least two of them;
            ``F1_at_0.5``; ``F1_at_thresholds_tuned_on_val``.
        """
        named = {}
        if self.segments is not None and len(set(self.segments)) > 1:
            named = {f"mAP_{name}": value for name, (value, _) in scores.by_segment(self.segments).items()}
        named["F1_at_0.5"] = float(scores.f1(torch.full((len(self.classes),), 0.5)).nanmean())
        if prefix == "test" and self.thresholds is not None:
            named["F1_at_thresholds_tuned_on_val"] = float(scores.f1(self.thresholds).nanmean())
        return named

    # ------------------------------------------------------------------ optimiser

    def configure_optimizers(self) -> Any:
        """AdamW with a linear warm-up and a cosine, by step."""
        hp = self.hparams
        groups = parameter_groups(
            self.network,
            hp["learning_rate"],
            hp["backbone_learning_rate"],
            hp["weight_decay"],
            hp["layer_decay"],
        )
        # X-CLIP's betas and epsilon (microsoft/VideoX, utils/optimizer.py).
        optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-8)
        total = max(1, int(self.trainer.estimated_stepping_batches))
        factor = warmed_cosine(round(hp["warmup_fraction"] * total), total, hp["final_learning_rate_fraction"])
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class _Evaluation(nn.Module):
    """What one evaluation gathers. Metrics, because they gather over processes without a collective in any step."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.precision = AveragePrecision(num_classes)
        self.loss = MeanMetric()
        self.unreadable = SumMetric()

    def reset(self) -> None:
        """Forget everything."""
        for metric in (self.precision, self.loss, self.unreadable):
            metric.reset()


def _readable(batch: Batch) -> Tensor:
    return torch.tensor([not error for error in batch["error"]], device=batch["images"].device)


def _check_zero_shot(head: str, num_views: int, has_weights: bool, pools: bool) -> None:
    """What classifies without training must have been trained before."""
    for wrong, message in (
        (head != "text", f"head: zero-shot compares with the class names; set text, not {head}"),
        (num_views != 1, "num_views: flow images mean nothing to a CLIP that saw none; set data.modality to frames"),
        (not has_weights, "pretrained: zero-shot has nothing but published weights; name them"),
        (not pools, "temporal_layers: a transformer that nobody trained says nothing; set 0, the mean over time"),
    ):
        if wrong:
            raise ValueError(message)
