"""Videos and a table of labels to batches on the device."""

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.overrides.distributed import UnrepeatedDistributedSampler
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch import distributed
from torch.utils.data import DataLoader, Sampler

from amclip.data.clock import Clock
from amclip.data.dataset import ClipDataset, collate
from amclip.data.find import list_videos
from amclip.data.frame_rates import describe_rates, describe_slow
from amclip.data.intervals import Windows
from amclip.data.locate import locate_videos
from amclip.data.mixing import Mixing
from amclip.data.probe import probe
from amclip.data.readers import Observations, read_classes, read_labels, read_segments
from amclip.data.samplers import ClassAwareSampler, EpochSampler
from amclip.data.sampling import DEFAULT_FLOW_GAP, Scheme, flow_gap_seconds, num_positions
from amclip.data.several import read_given, root_of
from amclip.data.splits import assign_splits, divide_by_time, hold_out
from amclip.data.synthetic import BEHAVIOURS, write_dataset
from amclip.data.table import Clip, LabelError, LabelTable, refuse_class_names
from amclip.data.video import Resize, VideoError, VideoInfo
from amclip.data.views import clip_views
from amclip.flow.configure import configure_flow
from amclip.flow.image import FlowImage
from amclip.flow.tvl1 import Backend, Preset
from amclip.metrics import SEGMENTS
from amclip.preprocess import Modality, Preprocess
from amclip.text import printable

__all__ = ["VideoDataModule"]

Stage = Literal["train", "val", "test", "predict"]
Batch = dict[str, Any]


class VideoDataModule(LightningDataModule):
    """Clips of videos, with optical flow computed on the device.

    Workers decode and resize to uint8 and nothing else. Everything per pixel happens in one hook on the device, by
    :class:`amclip.preprocess.Preprocess`. A batch holds ``images`` float32 ``(B, K, V, 3, S, S)``, ``segments`` int64
    ``(B, M, P)``, ``labels`` float32 ``(B, C)``, ``clip`` int64 ``(B,)`` (row of :attr:`tables`), ``skipped`` int64
    ``(B,)``, and two lists of ``B`` strings: ``reason``, why a clip was passed over for this one in training, and
    ``error``, why this one could not be read; else empty.

    Args:
        labels: Table of labels, in any form on the page on labels; several that are joined: [FILE, FILE]; or one per
            split: {train: FILE, test: FILE}. Without any, prediction runs on every video below `root`, and training on
            built-in animals if `synthetic_clips` asks for them.
        root: Folder that the table's paths are relative to. Default: the (first) table's own folder.
        classes: Names of the behaviours in the order of the network's outputs, or of the numbers in the table; or a
            file that has them, such as KABR's classes.json. Default: those in the table.
        segments: Which behaviours are head, middle and tail, in the order of the classes, or a table with the columns
            action and segment. Default: by training clips (500 and more, 100 and more, fewer).
        window: Length in seconds of the clips that bouts (BORIS, DeepEthogram, FERAL) and labels per frame are cut
            into. Default: cut where a behaviour starts or stops.
        window_hop: Seconds from one window's start to the next. Default: the length, so that windows do not overlap.
        window_share: Share of a window that a behaviour must fill to be its label.
        label_fps: Frames per second, for labels per frame (DeepEthogram, FERAL) of videos that are not there or cannot
            be read. Those that are there tell themselves when each frame is shown; a rate that they do not have is
            refused.
        observations: Which observations of BORIS are read, by name or pattern: "*coder A", or several [day 1, day 2].
            Default: all, unless several are of the same time of one video.
        val_fraction: Share of the training videos that become validation, where the table names no validation clips.
        split_by: Where the table names no splits: video shares whole videos out, so that no recording is in two splits;
            time divides each video, first training, then validation, then test, and leaves out clips that reach over a
            border. That is for one or few long recordings; scores are then of the same animals and light.
        split_fractions: Shares of videos or time for training, validation and test where the table names no splits.
        split_seed: Seed of the division of videos.
        scheme: How the segments share out the clip. dense: each looks at a part of its own. semi-dense: half of its
            frames in its part, half in the rest of the clip. sparse: each looks at the whole clip.
        num_segments: Segments per clip, M.
        positions_per_segment: Sampled positions per segment, P.
        segment_overlap: Share of its own part that a dense or semi-dense segment has in common with the next one's.
        modality: interleaved (frames and flow images), frames, or flow.
        flow_gap: Flow runs from a sampled frame to the one this many seconds later: a number, or a fraction such as
            1/25, one frame at 25 frames per second. The next frame at least, however slow the video.
        frame_size: Height and width in pixels that videos are decoded to.
        resize: stretch keeps the whole picture, crop keeps its proportions and cuts the longer side.
        image_size: Side of the square images that flow is computed on and the network sees, in pixels.
        flow: Another flow method than TV-L1: {class_path: amclip.flow.RAFT, init_args: {size: small}} or your own
            subclass of amclip.flow.FlowMethod. The three settings below are TV-L1's and must then be left alone.
        flow_preset: Preset of TV-L1: fast, default, or opencv (OpenCV's own settings).
        flow_options: Changes to the preset by TVL1's parameter names, such as {warps: 3}.
        flow_backend: auto takes the best for the device; or numba, opencv, reference, cuda.
        flow_image: wheel (direction is hue, speed is saturation) or uvm (u, v and magnitude as channels).
        flow_bound: Flow in pixels that gives the strongest colour; longer vectors are clipped.
        mean: Channel means of the normalisation; CLIP's own by default.
        std: Channel deviations of the normalisation; CLIP's own by default.
        flip: Probability of a mirror image in training; 0 where left and right matter.
        crop_scale: Random crops in training keep this share of the area (least, most).
        color_jitter: Strength of random brightness, contrast and saturation in training.
        sampler: shuffled sees each training clip once an epoch; class-aware draws behaviours in turn and for each a
            clip that shows it, so that rare ones are seen as often as frequent ones.
        mixup: Blends whole clips and their labels in training; Beta parameter, 0 for none (X-CLIP: 0.8).
        cutmix: Pastes a box of one clip into another; Beta parameter, 0 for none (X-CLIP: 1.0).
        temporal_views: Looks at other moments of each clip, in test and prediction.
        spatial_views: Square crops of each frame, end to end along its longer side, in test and prediction; 1: none.
            Each look costs what a clip costs; model.view_aggregation says how they become one answer.
        batch_size: Clips per batch and device.
        num_workers: Processes that decode, per device. Default: the machine's cores less one, at most 8.
        seed: Seed of the randomness of training: order, positions, augmentation, dropout. The network's first
            weights follow the seed of the process (seed_everything).
        probe_timeout: Seconds without progress after which a video counts as unreadable.
        cache_dir: Folder that remembers which videos were probed; null remembers nothing.
        synthetic_clips: Clips of the built-in data to draw below `root` where there is no table; 0 draws nothing.

    Raises:
        LabelError: If the table cannot be used. Where `classes` are given, not before something needs the labels:
            prediction does not, and takes a table that names other classes.
        ValueError: If a setting is out of range.
    """

    def __init__(
        self,
        labels: str | list[str] | dict[str, str] | None = None,
        root: str | None = None,
        classes: list[str] | str | None = None,
        segments: list[str] | str | None = None,
        window: float | None = None,
        window_hop: float | None = None,
        window_share: float = 0.5,
        label_fps: float | None = None,
        observations: str | list[str] | None = None,
        val_fraction: float = 0.0,
        split_by: Literal["video", "time"] = "video",
        split_fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
        split_seed: int = 0,
        scheme: Scheme = "dense",
        num_segments: int = 2,
        positions_per_segment: int = 8,
        segment_overlap: float = 0.0,
        modality: Modality = "interleaved",
        flow_gap: float | str = DEFAULT_FLOW_GAP,
        frame_size: tuple[int, int] = (256, 256),
        resize: Resize = "stretch",
        image_size: int = 224,
        flow: dict[str, Any] | None = None,
        flow_preset: Preset = "default",
        flow_options: dict[str, float] | None = None,
        flow_backend: Backend = "auto",
        flow_image: FlowImage = "wheel",
        flow_bound: float = 10.0,
        mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073),
        std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711),
        flip: float = 0.5,
        crop_scale: tuple[float, float] = (0.7, 1.0),
        color_jitter: float = 0.2,
        sampler: Literal["shuffled", "class-aware"] = "shuffled",
        mixup: float = 0.0,
        cutmix: float = 0.0,
        temporal_views: int = 1,
        spatial_views: int = 1,
        batch_size: int = 8,
        num_workers: int | None = None,
        seed: int = 0,
        probe_timeout: float = 20.0,
        cache_dir: str | None = "~/.cache/amclip",
        synthetic_clips: int = 0,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("temporal_views", temporal_views, 1),
            ("spatial_views", spatial_views, 1),
            ("num_workers", 0 if num_workers is None else num_workers, 0),
            ("synthetic_clips", synthetic_clips, 0),
        ):
            if value < least:
                raise ValueError(f"{name}: expected {least} or more, got {value}")
        flow_gap = flow_gap_seconds(flow_gap)  # saved as seconds, whatever the config says
        if probe_timeout <= 0:
            raise ValueError(f"probe_timeout: expected seconds above 0, got {probe_timeout}")
        if min(frame_size) < 1 or image_size < 1:
            raise ValueError(f"frame_size and image_size: expected 1 or more, got {frame_size} and {image_size}")
        if not 0 <= val_fraction < 1:
            raise ValueError(f"val_fraction: expected a share in [0, 1), got {val_fraction}")
        if split_by not in ("video", "time"):
            raise ValueError(f"split_by: expected video or time, got {split_by!r}")
        if sampler not in ("shuffled", "class-aware"):
            raise ValueError(f"sampler: expected shuffled or class-aware, got {sampler!r}")
        if isinstance(classes, str):
            classes = read_classes(classes)
        if classes is not None:
            refuse_class_names(classes, "data.classes")
        if window is None and window_hop is not None:
            raise ValueError("window_hop: says how far windows lie apart; give their length, window, too")
        hop = window if window_hop is None else window_hop
        windows = None if window is None or hop is None else Windows(window, hop, window_share)
        self.table: LabelTable | None = None
        self._windows, self._label_fps, self._observations = windows, label_fps, observations
        self.root = Path(root) if root else (root_of(labels) if labels else None)
        self._refused: LabelError | None = None
        try:
            self.table = self._read(labels, classes)
        except LabelError as error:
            if classes is None:
                raise
            # Prediction needs no labels, and may read the table without the classes; all else raises this.
            self._refused = error
        # Resolved before it is saved: a checkpoint alone must say which output is which behaviour.
        self.classes = classes = list(classes or (self.table.classes if self.table else BEHAVIOURS))
        if isinstance(segments, str):
            segments = read_segments(segments, classes)
        if segments is not None and (len(segments) != len(classes) or set(segments) - set(SEGMENTS)):
            raise ValueError(f"segments: expected {', '.join(SEGMENTS)} for each of the {len(classes)} classes")
        self.class_segments = segments
        self.save_hyperparameters()
        self.labels = labels
        self.val_fraction = val_fraction
        self.sampler = sampler
        self.split_by, self.split_fractions, self.split_seed = split_by, split_fractions, split_seed
        self.scheme: Scheme = scheme
        self.num_segments, self.positions_per_segment = num_segments, positions_per_segment
        self.segment_overlap = segment_overlap
        self.num_positions = num_positions(scheme, num_segments, positions_per_segment, segment_overlap)
        self.flow_gap = flow_gap
        self.frame_size, self.resize, self.image_size = frame_size, resize, image_size
        self.mean, self.std = mean, std
        self.batch_size = batch_size
        self.num_workers = default_workers() if num_workers is None else num_workers
        self.seed = seed
        self.probe_timeout = probe_timeout
        self.cache_dir = None if cache_dir is None else Path(cache_dir).expanduser()
        self.synthetic_clips = synthetic_clips
        self.modality: Modality = modality
        self.num_views = 2 if modality == "interleaved" else 1
        self.preprocess = Preprocess(
            image_size=image_size,
            modality=modality,
            flow=configure_flow(flow, flow_preset, flow_options or {}, flow_backend),
            flow_image=flow_image,
            flow_bound=flow_bound,
            mean=mean,
            std=std,
            flip=flip,
            crop_scale=crop_scale,
            color_jitter=color_jitter,
        )
        self.class_counts: list[int] | None = None
        """Training clips per class, where the table names training clips; set with the stage."""
        self.num_training_clips: int | None = None
        self.clip_seconds: float | None = None
        """Median length of the training clips in seconds; set with the stage, for those who cut videos into windows."""
        self.mixing = Mixing(mixup, cutmix)
        self.temporal_views, self.spatial_views = temporal_views, spatial_views
        self.left_out_clips = 0
        self._told: set[str] = set()
        self._divided: tuple[LabelTable, LabelTable] | None = None
        self.tables: dict[str, LabelTable] = {}
        self.datasets: dict[str, ClipDataset] = {}

    def read_table(self) -> LabelTable:
        """The table with a split for every row; drawn first where it is the built-in data.

        Raises:
            ValueError: If there is neither a table nor a place for the built-in data.
        """
        if self._refused is not None:
            raise self._refused
        table = self.table
        if table is None:
            table = read_labels(self.draw_synthetic(), self.classes)
        if self._divided is None or self._divided[0] is not table:  # takes seconds for tens of thousands of clips
            located = hold_out(locate_videos(table, self.root_folder), self.val_fraction, self.split_seed)
            self._divided = table, self._divide(located)
        return self._divided[1]

    def _divide(self, table: LabelTable) -> LabelTable:
        if self.split_by == "video":
            return assign_splits(table, self.split_fractions, self.split_seed)
        divided = divide_by_time(table, self.split_fractions)
        if left_out := len(table) - len(divided):
            rank_zero_info(f"{left_out} of {len(table)} clips reach over a border between splits and are left out")
        return divided

    def _read(self, labels: str | list[str] | dict[str, str] | None, classes: list[str] | None) -> LabelTable | None:
        if labels is None:
            return None
        chosen = None if self._observations is None else Observations(self._observations)
        clock = Clock(self.root, self._label_fps)
        return read_given(labels, classes, self._windows, clock, root=self.root, observations=chosen)

    def draw_synthetic(self) -> Path:
        """Draw the built-in data below ``root``, unless it lies there already; returns its table."""
        if self.root is None or not self.synthetic_clips:
            raise ValueError(
                "data.labels: no table of labels was given: --data.labels TABLE.csv --data.root FOLDER. (The built-in "
                "animals are drawn where both data.synthetic_clips and data.root are set, as in configs/demo.yaml)"
            )
        return write_dataset(self.root, self.synthetic_clips, seed=0)

    def prepare_data(self) -> None:
        """Draw the built-in data, fetch the flow method's weights and probe the videos, once per machine."""
        stage = self._trainer_stage()
        if self.modality != "frames":
            self.preprocess.flow.prepare()
        if stage != "predict" and self.table is None and self._refused is None:
            self.draw_synthetic()
        if self.cache_dir is not None:
            self._probe(self._tables(stage))

    def setup(self, stage: str) -> None:
        """Make the datasets of a stage.

        Raises:
            ValueError: If a split that the stage needs has no clips that can be read.
        """
        self._check_model()
        self.tables = self._tables(stage)
        found = self._probe(self.tables)
        if self.modality != "frames":
            self._tell_frame_rates(found)
        self.datasets = {}
        for name, table in self.tables.items():
            readable = self._readable(name, table, found)
            if name == "train":
                self.left_out_clips = len(table) - len(readable)
                table = self.tables["train"] = readable
                self.clip_seconds = self._median_length(table, found)
            if not len(table if name == "predict" else readable):
                raise ValueError(self._empty_split_message(name))
            self.datasets[name] = ClipDataset(
                table,
                self.root_folder,
                found,
                self.frame_size,
                self.resize,
                self.scheme,
                self.num_segments,
                self.positions_per_segment,
                self.flow_gap,
                views=1 if self.modality == "frames" else 2,
                training=name == "train",
                seed=self.seed,
                segment_overlap=self.segment_overlap,
                temporal_views=self.temporal_views if name in ("test", "predict") else 1,
            )

    @property
    def root_folder(self) -> Path:
        """The folder that paths in the table are relative to."""
        return self.root or Path()

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled clips; the last batch may be smaller."""
        return self._loader("train")

    def val_dataloader(self) -> DataLoader[Any]:
        """Each validation clip once, over all devices together."""
        return self._loader("val")

    def test_dataloader(self) -> DataLoader[Any]:
        """Each test clip once, over all devices together."""
        return self._loader("test")

    def predict_dataloader(self) -> DataLoader[Any]:
        """Each clip once, over all devices together."""
        return self._loader("predict")

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Tie a training step's randomness (augmentation, dropout) to seed, epoch and clips.

        So a resumed training goes on exactly as one that never stopped, and processes, whose clips differ, draw
        differently. Drawing from one running stream would not do: Lightning and the loaders draw from it too.
        """
        for reason in set(batch.get("reason", ())) - {""} - self._told:
            self._told.add(reason)
            warnings.warn(f"passed over in training: {reason}", stacklevel=1)
        if self.trainer is not None and self.trainer.training:
            entropy = [self.seed % 2**32, self.trainer.current_epoch, *batch["clip"].tolist()]
            torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
        return batch

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Frames to normalised frames and flow images, on the device, augmented and mixed in training only.

        In test and prediction with W views of each clip, ``images`` and ``segments`` have ``B * W`` rows.
        """
        training = self.trainer is not None and self.trainer.training
        frames = batch.pop("frames")
        if self.temporal_views * self.spatial_views > 1 and self._trainer_stage() in ("test", "predict"):
            frames = clip_views(frames, self.temporal_views, self.spatial_views)
            batch["segments"] = batch["segments"].repeat_interleave(self.temporal_views * self.spatial_views, dim=0)
        batch["images"] = self.preprocess(frames, augment=training)
        if training:
            batch["images"], batch["labels"] = self.mixing(batch["images"], batch["labels"])
        return batch

    def state_dict(self) -> dict[str, Any]:
        """The settings that decide what the network sees, for the checkpoint."""
        return {"seen": self._seen()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Warn where pixels or sampling differ from those that the checkpoint was trained on."""
        for key, trained in state_dict.get("seen", {}).items():
            if (now := self._seen().get(key)) != trained:
                rank_zero_warn(f"data.{key} is {now}, but the checkpoint was trained with {trained}; scores may suffer")

    def _seen(self) -> dict[str, Any]:
        keys = ("scheme", "num_segments", "positions_per_segment", "segment_overlap", "modality", "flow_gap")
        flow = (
            "frame_size",
            "resize",
            "image_size",
            "flow",
            "flow_preset",
            "flow_options",
            "flow_image",
            "flow_bound",
            "mean",
            "std",
        )
        values = {key: self.hparams[key] for key in (*keys, *flow)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}

    def _trainer_stage(self) -> str:
        stage = self.trainer.state.fn if self.trainer is not None else None
        return stage.value if stage is not None else "fit"

    def _tables(self, stage: str) -> dict[str, LabelTable]:
        if stage == "predict":
            return {"predict": self._prediction_table()}
        table = self.read_table()
        for clip in table.clips:
            if clip.labels is None:
                raise LabelError(
                    "names no labels; a table for training or testing needs them", table.file_of(clip), clip.line
                )
        if len(training := table.split("train")):
            self.class_counts = training.targets().sum(axis=0).astype(int).tolist()
            self.num_training_clips = len(training)
        names = {"fit": ("train", "val"), "validate": ("val",), "test": ("test",)}[stage]
        return {name: table.split(name) for name in names}

    def _prediction_table(self) -> LabelTable:
        if self._refused is not None and self.table is None:
            table = self._read(self.labels, None)
            assert table is not None
            rank_zero_warn(f"the table's labels are not looked at: {self._refused}")
            clips = tuple(replace(clip, labels=None) for clip in table.clips)
            self.table = LabelTable(clips, tuple(self.classes), table.source)
        if self.table is not None:
            return locate_videos(self.table, self.root_folder)
        if self.root is None:
            raise ValueError("data.root: say where the videos are (--data.root FOLDER), or give a table")
        videos = [self.root] if self.root.is_file() else list_videos(self.root)
        if not videos:
            raise ValueError(f"data.root: no videos below {self.root}")
        names = [str(video.relative_to(self.root)) if video != self.root else str(video.resolve()) for video in videos]
        return LabelTable(tuple(Clip(name) for name in names), tuple(self.classes), str(self.root))

    def _probe(self, tables: dict[str, LabelTable]) -> dict[Path, VideoInfo | VideoError]:
        paths = sorted({self.root_folder / clip.video for table in tables.values() for clip in table.clips})
        return probe(paths, timeout=self.probe_timeout, cache=self.cache_dir)

    def _tell_frame_rates(self, found: dict[Path, VideoInfo | VideoError]) -> None:
        for describe, tell in ((describe_rates, rank_zero_info), (describe_slow, rank_zero_warn)):
            if words := describe(found, self.flow_gap):
                tell(words)

    def _readable(self, name: str, table: LabelTable, found: dict[Path, VideoInfo | VideoError]) -> LabelTable:
        """The clips of videos that can be read; says which others there are, and what becomes of them."""
        errors = {path: info for path, info in found.items() if isinstance(info, VideoError)}
        kept = tuple(clip for clip in table.clips if self.root_folder / clip.video not in errors)
        if lost := len(table) - len(kept):
            mine = {self.root_folder / clip.video for clip in table.clips}
            examples = [f"  {printable(str(error))}" for path, error in errors.items() if path in mine][:5]
            fate = "left out" if name == "train" else "not scored" if name != "predict" else "listed with their error"
            rank_zero_warn(
                f"{lost} of {len(table)} clips of the split {name!r} lie in videos that cannot be read and are {fate}, "
                "for example:\n" + "\n".join(examples) + "\n`amclip check` lists them all"
            )
        return LabelTable(kept, table.classes, table.source)

    def _median_length(self, table: LabelTable, found: dict[Path, VideoInfo | VideoError]) -> float | None:
        lengths = []
        for clip in table.clips:
            info = found[self.root_folder / clip.video]
            if isinstance(info, VideoInfo):
                stop = info.duration if clip.stop is None else min(clip.stop, info.duration)
                lengths.append(stop - (clip.start or 0.0))
        return round(float(np.median(lengths)), 3) if lengths else None

    def _empty_split_message(self, name: str) -> str:
        source = self.table.source if self.table else self.root
        if name == "predict":
            return f"{source}: there is nothing to predict"
        if self.table is not None and all(clip.split is None for clip in self.table.clips):
            videos, clips = len({clip.video for clip in self.table.clips}), len(self.table)
            if self.split_by == "time":
                return (
                    f"{source}: {clips} clip(s) of {videos} video(s) cannot be divided by time so that {name!r} gets "
                    "one that can be read. Add clips, or change data.split_fractions"
                )
            return (
                f"{source}: it names no splits, and {videos} video(s) cannot be divided so that {name!r} gets one. Add "
                "videos, or a column `split`; or divide each recording by time: --data.split_by time"
            )
        return (
            f"{source}: no clip is in the split {name!r}, or none there can be read. Name splits train, val and "
            "test in the column `split`, or leave the column out: the videos are then divided by data.split_fractions"
        )

    def _check_model(self) -> None:
        """What data and network must share, where they were made apart: else names or pixels go astray in silence."""
        module = self.trainer.lightning_module if self.trainer is not None else None
        architecture = module.hparams.get("architecture") if module is not None else None
        if module is None or not architecture:
            return
        for key in ("classes", "num_segments", "positions_per_segment", "num_views", "image_size"):
            mine, theirs = getattr(self, key), module.hparams.get(key)
            if theirs is not None and mine != theirs:
                raise ValueError(f"{key}: the data has {mine}, and the model was made for {theirs}; give both the same")
        if module.hparams.get("zero_shot") and self.modality != "frames":
            raise ValueError("data.modality: flow images mean nothing to a CLIP that saw none; zero-shot takes frames")
        for key, mine in (("mean", self.mean), ("std", self.std)):
            theirs = architecture[key]
            if any(abs(a - b) > 1e-3 for a, b in zip(mine, theirs, strict=True)):
                raise ValueError(f"data.{key} is {list(mine)}, but the backbone was trained with {theirs}: set it so")

    def _loader(self, name: Stage) -> DataLoader[Any]:
        dataset = self.datasets[name]
        replicas, rank = _process_group()
        if len(dataset) < replicas:
            raise ValueError(f"{len(dataset)} clips in {name!r} cannot be shared among {replicas} processes")
        sampler: Sampler[Any]
        if name == "train":
            kind = ClassAwareSampler if self.sampler == "class-aware" else EpochSampler
            sampler = kind(dataset, num_replicas=replicas, rank=rank, shuffle=True, seed=self.seed)
        else:
            # Unlike DistributedSampler it repeats no clip to even out the processes: each counts once in the metrics.
            sampler = UnrepeatedDistributedSampler(dataset, num_replicas=replicas, rank=rank, shuffle=False)
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            collate_fn=collate,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.num_workers > 0 and name in ("train", "val"),
            # A worker stuck in the decoder must end the run with an error, not hold it for ever.
            timeout=10 * self.probe_timeout if self.num_workers else 0,
        )


def default_workers() -> int:
    """Cores this process may use less one for the training itself, between 1 and 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(8, cores - 1))


def _process_group() -> tuple[int, int]:
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size(), distributed.get_rank()
    return 1, 0
