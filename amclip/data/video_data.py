"""Videos and their labels as settings describe them: what a data set is, before anything is read of its pixels.

It loads neither PyTorch nor Lightning, so that what looks at tables and files alone, as `amclip check`, starts at once.
"""

from pathlib import Path
from typing import Any, Literal

from amclip.augmentation import Augmentation
from amclip.class_groups import ClassStatistics
from amclip.data.source import LabelSource, Splits
from amclip.data.stored.settings import StoredEmbeddings
from amclip.data.table import LabelTable
from amclip.data.views import Views
from amclip.inputs import NetworkInput
from amclip.machine import usable_cores
from amclip.plain import Configurable

__all__ = ["VideoData"]


class VideoData(Configurable):
    """The settings of :class:`amclip.VideoDataModule`, and the table that they name.

    Args:
        input: What the network sees; the same value as the task's. On the command line the group `input`.
        source: Where clips and labels come from; or a subclass of amclip.data.source.LabelSource of your own.
        splits: How clips are divided where the table does not say.
        augmentation: What is changed at random in training; or a subclass of amclip.Augmentation of your own.
        views: How many views of each clip are taken in test and prediction; model.view_aggregation says how the views
            become one answer.
        sampler: shuffled sees each training clip once an epoch; class-aware draws behaviours in turn and for each a
            clip that shows it, so that rare ones are seen as often as frequent ones.
        batch_size: Clips per batch and device.
        num_workers: Processes that decode, per device. Default: the machine's cores less one, at most 8.
        seed: Seed of the randomness of training: order, positions, augmentation, dropout. The network's first
            weights follow the seed of the process (seed_everything).
        probe_timeout: Seconds without progress after which a video counts as unreadable.
        cache_dir: Folder that remembers which videos were probed; null remembers nothing.
        embeddings: Keep embeddings on disk and train from them, such as {folder: FOLDER}; for image towers that do not
            train. null: none are kept.

    Raises:
        LabelError: If the table cannot be used. Where classes are given, not before something needs the labels:
            prediction does not, and takes a table that names other classes.
        ValueError: If a setting is out of range.
    """

    #: What says nothing of the data but of the machine: not kept in checkpoints.
    MACHINE = ("num_workers", "cache_dir", "embeddings")

    def __init__(
        self,
        input: NetworkInput = NetworkInput(),
        source: LabelSource = LabelSource(),
        splits: Splits = Splits(),
        augmentation: Augmentation = Augmentation(),
        views: Views = Views(),
        sampler: Literal["shuffled", "class-aware"] = "shuffled",
        batch_size: int = 8,
        num_workers: int | None = None,
        seed: int = 0,
        probe_timeout: float = 20.0,
        cache_dir: str | None = "~/.cache/amclip",
        embeddings: StoredEmbeddings | None = None,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("num_workers", 0 if num_workers is None else num_workers, 0),
        ):
            if value < least:
                raise ValueError(f"{name}: expected {least} or more, got {value}")
        if probe_timeout <= 0:
            raise ValueError(f"probe_timeout: expected seconds above 0, got {probe_timeout}")
        if sampler not in ("shuffled", "class-aware"):
            raise ValueError(f"sampler: expected shuffled or class-aware, got {sampler!r}")
        self.input = input
        self.augmentation, self.views = augmentation, views
        if input.flow.options or input.flow.method is not None:
            input.flow.make()  # refuses what there is not, before the table is read
        _refuse_lone(input, source)
        self.splits = splits
        self.labels = source.open()
        self.classes = self.labels.classes
        self.sampler, self.batch_size = sampler, batch_size
        self.num_workers = _default_workers() if num_workers is None else num_workers
        self.seed = seed
        self.probe_timeout = probe_timeout
        self.cache_dir = None if cache_dir is None else Path(cache_dir).expanduser()
        self.embeddings = embeddings
        groups = self.labels.class_groups
        self.statistics = None if groups is None else ClassStatistics(tuple(groups))
        """What is known of the classes in training: where the table names training clips, with the stage."""
        self.begin()

    def begin(self) -> None:
        """Get ready, once all settings are in place: for subclasses, whose arguments are these and no others."""

    @property
    def arguments(self) -> dict[str, Any]:
        """As given, with defaults and classes filled in, and without what is of this machine alone."""
        known = {"input": self.input, "source": self.labels.resolved, "splits": self.splits}
        known |= {"augmentation": self.augmentation, "views": self.views}
        given = {name: value for name, value in super().arguments.items() if name not in self.MACHINE}
        return {**given, **{name: value for name, value in known.items() if name in given}}

    @property
    def root_folder(self) -> Path:
        """The folder that paths in the table are relative to."""
        return self.labels.root

    @property
    def label_files(self) -> list[Path]:
        """The tables that the labels were read from."""
        return self.labels.files

    def read_table(self) -> LabelTable:
        """The table with a split for every row; drawn first where it is the built-in data.

        Raises:
            ValueError: If there is neither a table nor a place for the built-in data.
        """
        return self.labels.divided(self.splits)


def _default_workers() -> int:
    """Cores this process may use less one for the training itself, between 1 and 8."""
    return max(1, min(8, usable_cores() - 1))


def _refuse_lone(input: NetworkInput, source: LabelSource) -> None:
    """Refuse crops without tracks, and tracks that nothing would look at.

    Raises:
        ValueError: If it is so.
    """
    if input.crop is not None and source.tracks is None:
        raise ValueError(
            "data.source.tracks: input.crop cuts animals out, and nothing says where they are; give files of tracks "
            "(--data.source.tracks FILE), or set input.crop to null for whole frames"
        )
    if input.crop is None and source.tracks is not None:
        raise ValueError(
            "data.source.tracks: the network sees whole frames, and no tracks; set input.crop, such as "
            "--input.crop.margin=0.7, or leave the tracks out"
        )
