"""Videos and a table of labels to batches on the device."""

import warnings
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, Sampler

from amclip import interrupt
from amclip.checkpoint import hyperparameters
from amclip.class_groups import ClassStatistics
from amclip.data.dataset import ClipDataset, collate
from amclip.data.label_error import LabelError
from amclip.data.place import Place, seed_of
from amclip.data.probe import probe
from amclip.data.readable import (
    Found,
    explain_unreadable,
    median_length,
    readable_clips,
    tell_frame_rates,
    tell_odd_tracks,
    tell_overlaps,
)
from amclip.data.ready import make_ready
from amclip.data.samplers import ClassAwareSampler, EpochSampler, WindowSampler, process_group
from amclip.data.side_stream import NoStreams, SideStream, overrides
from amclip.data.stored.dataset import Lookup, StoredClips, collate_stored
from amclip.data.stored.embedder import Embedder, Precision, changes_pixels, refuse_unusable, trained_network
from amclip.data.stored.videos import video_digests
from amclip.data.table import LabelTable, describe_lost
from amclip.data.used import UsedVideos
from amclip.data.video_data import VideoData
from amclip.data.views import Views
from amclip.models.classifier import InterleavedClassifier
from amclip.preprocess import Preprocess
from amclip.rank_zero import rank_zero_info, rank_zero_warn
from amclip.text import counted

__all__ = ["VideoDataModule"]

Stage = Literal["train", "val", "test", "predict"]
Batch = dict[str, Any]


class VideoDataModule(VideoData, LightningDataModule):
    """Clips of videos, with optical flow computed on the device.

    Workers decode and resize to uint8 and nothing else. Everything per pixel happens in one hook on the device, by
    :class:`amclip.preprocess.Preprocess`. A batch holds ``images`` float32 ``(B, K, V, 3, S, S)``, ``motion`` float32
    ``(B, K, G, F)`` (``F`` is 0 where the input asks for no numbers), ``segments`` int64 ``(B, M, P)``,
    ``labels`` float32 ``(B, C)``, ``clip`` int64 ``(B,)`` (row of :attr:`tables`), ``draw`` and
    ``skipped`` int64 ``(B,)``, how often the clip came before in the epoch and how many were skipped for it, and two
    lists of ``B`` strings: ``reason``, why a clip was skipped for this one in training, and ``error``, why this one
    could not be read; else empty.

    With `embeddings` it holds ``embeddings`` in place of ``images``, see :mod:`amclip.data.stored`.

    Its arguments are those of :class:`amclip.data.video_data.VideoData`.
    """

    def begin(self) -> None:
        """Make what computes pixels, and give Lightning the settings that checkpoints keep."""
        self.preprocess = Preprocess(self.input, self.augmentation)
        self.save_hyperparameters(hyperparameters(self))
        self.clip_seconds: float | None = None
        """Median length of the training clips in seconds; set with the stage, for those who cut videos into windows."""
        self.used: UsedVideos | None = None
        """The videos of the stage's splits; set with the stage, but for prediction."""
        self.left_out_clips = 0
        self.embedder: Embedder | None = None
        """Completes batches of stored embeddings; there with the first loader, or by :meth:`open_store`."""
        self._digests: dict[Path, bytes] = {}
        self._place = Place()
        self._messages: set[str] = set()
        self._side: SideStream | None = None
        self.tables: dict[str, LabelTable] = {}
        self.datasets: dict[str, ClipDataset] = {}

    def prepare_data(self) -> None:
        """Draw the built-in data, fetch the flow method's weights and probe the videos, once per machine."""
        stage = self._trainer_stage()
        self._refuse_embeddings(stage)
        if self.input.needs_flow:
            self.preprocess.flow.prepare()
        if stage != "predict" and self.labels.must_be_drawn:
            self.labels.draw_synthetic()
        if self.cache_dir is not None:
            self._probe(self._tables(stage))
        if self.embeddings is not None:
            video_digests(self._paths(self._tables(stage)), self.embeddings.path)

    def setup(self, stage: str) -> None:
        """Make the datasets of a stage.

        Raises:
            ValueError: If a split that the stage needs has no clips that can be read.
        """
        self._refuse_embeddings(stage)
        self._side = None
        self.tables = self._tables(stage)
        found = self._probe(self.tables)
        if self.embeddings is not None:
            self._digests = video_digests(self._paths(self.tables), self.embeddings.path)
        animals = None if self.input.crop is None else self.labels.animals
        if animals is not None:
            tell_odd_tracks(animals, self.tables.values(), self.root_folder, found)
        if stage == "fit" and self.labels.table and (words := describe_lost(self.labels.table)):
            rank_zero_warn(words)
        if stage in ("fit", "test") and self.labels.table:
            tell_overlaps(self.read_table())
        if self.input.needs_flow:
            tell_frame_rates(found, self.input.flow.gap_seconds)
        self.datasets = {}
        named = () if self.labels.table is None else self.labels.table.videos()
        for name, table in self.tables.items():
            clips = len(table)
            readable = readable_clips(table, self.root_folder, found, name, animals, named)
            if name == "train":
                self.left_out_clips = clips - len(readable)
                table = self.tables["train"] = readable
                self.clip_seconds = median_length(table, self.root_folder, found)
            if not len(table if name == "predict" else readable):
                source = self.labels.table.source if self.labels.table else self.labels.root
                if name == "predict":
                    raise ValueError(f"{source}: there is nothing to predict")
                if clips:
                    raise ValueError(explain_unreadable(source, clips, name, self.root_folder, animals))
                raise ValueError(self.splits.explain_empty(name, self.labels.table, source))
            kind = ClipDataset if self.embeddings is None else StoredClips
            self.datasets[name] = kind(
                table,
                self.root_folder,
                found,
                self.input,
                training=name == "train",
                seed=self.seed,
                temporal_views=self.views.temporal if name in ("test", "predict") else 1,
                animals=animals,
            )
        self.used = None if stage == "predict" else UsedVideos.of(self.tables, self.root_folder, found)

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
        """Tie a training step's randomness to seed, epoch, clips and how often they were drawn.

        So a resumed training goes on exactly as one that never stopped; Lightning and loaders draw from the running
        stream too. Augmentation has a seed for each clip, so that it is the same on any number of processes; dropout
        within the network depends on all clips of a process's batch.
        """
        for reason in set(batch.get("reason", ())) - {""} - self._messages:
            self._messages.add(reason)
            warnings.warn(f"skipped in training: {reason}", stacklevel=1)
        if self.trainer is not None and self.trainer.training:
            clips, draws, epoch = batch["clip"].tolist(), batch["draw"].tolist(), self.trainer.current_epoch
            batch["seeds"] = [seed_of("augmentation", self.seed, epoch, *one) for one in zip(clips, draws, strict=True)]
            torch.manual_seed(seed_of("step", self.seed, epoch, *clips, *draws))
        return batch

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch, beside the step before it."""
        side = self._side_stream(device)
        side.begin()
        with side.beside():
            return super().transfer_batch_to_device(batch, device, dataloader_idx)  # type: ignore[no-any-return]

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Frames to normalised frames and flow images, on the device, augmented and mixed in training only.

        In test and prediction with W views of each clip, ``images`` and ``segments`` have ``B * W`` rows.

        On a GPU this is computed beside the step before, see :mod:`amclip.data.side_stream`; not in a subclass that
        overrides this method or :meth:`transfer_batch_to_device`.
        """
        side = self._side or SideStream(torch.device("cpu"))
        with side.beside():
            batch = self._make_ready(batch)
        side.hand_over(batch)
        return batch

    def _make_ready(self, batch: Batch) -> Batch:
        if self.embedder is not None:
            batch.pop("seeds", None)
            self.embedder.complete(batch, self._views())
            return batch
        training = self.trainer is not None and self.trainer.training
        return make_ready(batch, self.preprocess, self._views(), self.augmentation if training else None)

    def _side_stream(self, device: torch.device) -> SideStream:
        """Where the next batch is made ready; what embeds asks for values, and overridden methods know no streams."""
        if self._side is None:
            own = overrides(type(self), VideoDataModule, "transfer_batch_to_device", "on_after_batch_transfer")
            wanted = getattr(self.trainer, "side_stream", True) and self.embedder is None and not own
            self._side = SideStream(device, None if wanted else NoStreams())
        return self._side

    def state_dict(self) -> dict[str, Any]:
        """Where a training goes on: reading processes begin before Lightning gives it to anybody else."""
        assert self.trainer is not None
        return Place.of(self.trainer, self.batch_size)._asdict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on there."""
        self._place = Place(**state_dict)

    def open_store(self, network: InterleavedClassifier, precision: Precision | None = None) -> Embedder:
        """Say whose image tower embeds, and get what keeps its embeddings; Lightning's trainers need no such call.

        Args:
            network: The network.
            precision: In which precision it computes.

        Raises:
            ValueError: If `embeddings` is not set.
        """
        if self.embeddings is None:
            raise ValueError("data.embeddings: is not set; name a folder, --data.embeddings.folder FOLDER")
        self.embedder = Embedder(network, self.preprocess, self.embeddings, precision)
        return self.embedder

    def _refuse_embeddings(self, stage: str) -> None:
        if self.embeddings is not None and self.trainer is not None:
            refuse_unusable(trained_network(self.trainer), self.augmentation, stage == "fit")

    def _views(self) -> Views:
        """How clips are looked at in the stage that runs."""
        return self.views if self._trainer_stage() in ("test", "predict") else Views()

    def _trainer_stage(self) -> str:
        return self.trainer.state.fn.value if self.trainer is not None and self.trainer.state.fn is not None else "fit"

    def _tables(self, stage: str) -> dict[str, LabelTable]:
        if stage == "predict":
            return {"predict": self.labels.for_prediction()}
        table = self.read_table()
        if bare := next((clip for clip in table.clips if clip.labels is None), None):
            raise LabelError("names no labels; training and testing need them", table.file_of(bare), bare.line)
        if len(training := table.split("train")):
            self.statistics = ClassStatistics.of(training.targets(), self.labels.class_groups)
        names = {"fit": ("train", "val"), "validate": ("val",), "test": ("test",)}[stage]
        return {name: table.split(name) for name in names}

    def _probe(self, tables: dict[str, LabelTable]) -> Found:
        return probe(self._paths(tables), timeout=self.probe_timeout, cache=self.cache_dir)

    def _paths(self, tables: dict[str, LabelTable]) -> list[Path]:
        return sorted({self.root_folder / clip.video for table in tables.values() for clip in table.clips})

    def _loader(self, name: Stage) -> DataLoader[Any]:
        dataset = self.datasets[name]
        if isinstance(dataset, StoredClips):
            self.look_up_in_store(dataset, name)
        replicas, rank = process_group()
        if len(dataset) < replicas:
            clips, processes = counted(len(dataset), "clip"), counted(replicas, "process", "processes")
            raise ValueError(f"{clips} in {name!r} cannot be shared among {processes}")
        sampler: Sampler[Any]
        if name == "train":
            kind = ClassAwareSampler if self.sampler == "class-aware" else EpochSampler
            sampler = kind(dataset, self.batch_size, replicas, rank, self.seed)
            sampler.go_on(self._place)
            self._place = Place()  # once: a loader that is made anew later begins with a whole epoch
        else:
            sampler = WindowSampler(dataset, num_replicas=replicas, rank=rank, shuffle=False)
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            collate_fn=collate if self.embeddings is None else collate_stored,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.num_workers > 0 and name in ("train", "val"),
            # A worker stuck in the decoder must end the run with an error, not hold it for ever.
            timeout=10 * self.probe_timeout if self.num_workers else 0,
            worker_init_fn=interrupt.outlive_signals,
        )

    def look_up_in_store(self, dataset: StoredClips, name: Stage) -> None:
        """Let a dataset read what is stored, of the image tower as it is now.

        Raises:
            ValueError: If there is neither a trainer nor :meth:`open_store` has said whose image tower that is.
        """
        assert self.embeddings is not None
        if self.trainer is not None:
            self.open_store(trained_network(self.trainer), self.trainer.precision_plugin)
        if self.embedder is None:
            raise ValueError("data.embeddings: nobody has said whose; VideoDataModule.open_store does")
        views = self.views.spatial if name in ("test", "predict") else 1
        if name == "train" and not self.embeddings.copies and changes_pixels(self.augmentation):
            rank_zero_info("Training clips are seen at fixed moments and not augmented (data.embeddings.copies is 0)")
        changed = self.augmentation if changes_pixels(self.augmentation) else None
        dataset.use(Lookup(self.embedder.store, self._digests, self.embeddings.copies, changed, views))
