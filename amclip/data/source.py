"""Where clips and their labels come from: tables and a folder of videos, or the built-in animals."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from amclip.class_groups import CLASS_GROUPS
from amclip.data.animals import Animals
from amclip.data.class_name_rules import refuse_class_names
from amclip.data.clock import Clock
from amclip.data.find import list_videos
from amclip.data.formats import Observations, Reading, read_class_groups, read_classes, read_labels
from amclip.data.intervals import Subjects, Windows
from amclip.data.label_error import LabelError
from amclip.data.locate import locate_videos
from amclip.data.sources import default_root, files_read, read_given
from amclip.data.splits import assign_splits, divide_by_time, hold_out
from amclip.data.synthetic import BEHAVIOURS, write_dataset
from amclip.data.table import Clip, LabelTable
from amclip.data.tracks import Tracks, read_tracks, track_files
from amclip.plain import Configurable
from amclip.rank_zero import rank_zero_info, rank_zero_warn
from amclip.text import counted

__all__ = ["LabelSource", "OpenedLabels", "Splits"]


@dataclass(frozen=True)
class Splits(Configurable):
    """How clips are divided among training, validation and test where the table does not say.

    Args:
        by: video shares whole videos out, so that no recording is in two splits; time divides each video, first
            training, then validation, then test, and leaves out clips that reach over a border. That is for one or few
            long recordings; scores are then of the same animals and light.
        fractions: Fractions of videos or time for training, validation and test where the table names no splits.
        val_fraction: Fraction of the training videos that become validation, where the table names no validation clips.
        seed: Seed of the division of videos.

    Raises:
        ValueError: If a value is out of range.
    """

    by: Literal["video", "time"] = "video"
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)
    val_fraction: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.val_fraction < 1:
            raise ValueError(f"splits.val_fraction: expected a fraction in [0, 1), got {self.val_fraction}")
        if self.by not in ("video", "time"):
            raise ValueError(f"splits.by: expected video or time, got {self.by!r}")

    def divide(self, table: LabelTable) -> LabelTable:
        """The table with a split for every clip.

        Raises:
            ValueError: If fractions are out of range.
            LabelError: If the table cannot be divided.
        """
        table = hold_out(table, self.val_fraction, self.seed)
        if self.by == "video":
            return assign_splits(table, self.fractions, self.seed)
        return divide_by_time(table, self.fractions)

    def explain_empty(self, name: str, table: LabelTable | None, source: object) -> str:
        """Why a split may have no clips, and what to do.

        Args:
            name: The split.
            table: The table as it was read, before it was divided.
            source: What it was read from, for the message.
        """
        if table is not None and all(clip.split is None for clip in table.clips):
            videos = counted(len({clip.video for clip in table.clips}), "video")
            clips = counted(len(table), "clip")
            if self.by == "time":
                return (
                    f"{source}: {clips} of {videos} cannot be divided by time so that {name!r} gets "
                    "one that can be read. Add clips, or change data.splits.fractions"
                )
            return (
                f"{source}: it names no splits, and {videos} cannot be divided so that {name!r} gets one. Add "
                "videos, or a column `split`; or divide each recording by time: --data.splits.by time"
            )
        return (
            f"{source}: no clip is in the split {name!r}, or none there can be read. Name splits train, val and "
            "test in the column `split`, or leave the column out: the videos are then divided by data.splits.fractions"
        )


@dataclass(frozen=True)
class LabelSource(Configurable):
    """Tables of labels and a folder of videos. A subclass may bring labels from elsewhere: it defines :meth:`read`.

    Args:
        labels: Table of labels, in any form on the page on labels; several that are joined: [FILE, FILE]; or one per
            split: {train: FILE, test: FILE}. Without any, prediction runs on every video below `root`, and training on
            built-in animals if `synthetic_clips` asks for them.
        root: Folder that the table's paths are relative to. Default: the (first) table's own folder.
        classes: Names of the behaviours in the order of the network's outputs, or of the numbers in the table; or a
            file that has them, such as KABR's classes.json. Default: those in the table.
        class_groups: Which behaviours are head, middle and tail, in the order of the classes, or a table with the
            columns action and segment. Default: by training clips (500 and more, 100 and more, fewer).
        window: Length in seconds of the clips that bouts (of BORIS and other programs, and of tables whose rows overlap
            as bouts do) and labels per frame are cut into. Default: cut where a behaviour starts or stops.
        window_hop: Seconds from one window's start to the next. Default: the length, so that windows do not overlap.
        window_fraction: Fraction of a window that a behaviour must fill to be its label.
        label_fps: Frames per second, for labels that count frames (DeepEthogram, SimBA) of videos that are not there or
            cannot be read; for Label Studio, the rate that it counted by. Videos that are there tell themselves when
            each frame is shown; a rate that they do not have is refused.
        observations: Which observations of BORIS are read, by name or pattern: "*coder A", or several [day 1, day 2].
            Default: all, unless several are of the same time of one video.
        subjects: merged takes a behaviour to hold while any animal shows it; each makes clips of every animal that was
            watched, with its own behaviours. Where there are tracks it is always each.
        tracks: Where each animal is: files or folders of SLEAP, DeepLabCut, COCO, MOT, CVAT or the plain table. With
            input.crop every clip is of one animal, which the table names in its column `subject`; a video of one
            animal needs no name.
        synthetic_clips: Clips of the built-in data to draw below `root` where there is no table; 0 draws nothing.

    Raises:
        ValueError: If a value is out of range.
    """

    labels: str | list[str] | dict[str, str] | None = None
    root: str | None = None
    classes: list[str] | str | None = None
    class_groups: list[str] | str | None = None
    window: float | None = None
    window_hop: float | None = None
    window_fraction: float = 0.5
    label_fps: float | None = None
    observations: str | list[str] | None = None
    subjects: Subjects = "merged"
    tracks: str | list[str] | None = None
    synthetic_clips: int = 0

    #: What a checkpoint knows of the labels it was trained on, and what says nothing of others.
    OF_THESE_LABELS: ClassVar[tuple[str, ...]] = ("labels", "root", "label_fps", "observations", "tracks")

    def __post_init__(self) -> None:
        if self.synthetic_clips < 0:
            raise ValueError(f"source.synthetic_clips: expected 0 or more, got {self.synthetic_clips}")
        if self.subjects not in ("merged", "each"):
            raise ValueError(f"source.subjects: expected merged or each, got {self.subjects!r}")
        if self.window is None and self.window_hop is not None:
            raise ValueError("source.window_hop: says how far windows lie apart; give their length, source.window, too")

    @property
    def windows(self) -> Windows | None:
        """How bouts are cut into clips of one length; None: where a behaviour starts or stops."""
        if self.window is None:
            return None
        return Windows(self.window, self.window if self.window_hop is None else self.window_hop, self.window_fraction)

    def read(self, classes: Sequence[str] | None) -> LabelTable | None:
        """The table, as it is there; None where there is none.

        Args:
            classes: The classes to use, in this order; None: those in the table.

        Raises:
            LabelError: If it cannot be used.
        """
        if self.labels is None:
            return None
        chosen = None if self.observations is None else Observations(self.observations)
        root = self.root_folder
        subjects: Subjects = self.subjects if self.tracks is None else "each"
        reading = Reading(classes, self.windows, Clock(root, self.label_fps), observations=chosen, subjects=subjects)
        return read_given(self.labels, reading, root)

    def read_tracks(self) -> Tracks | None:
        """The tracks, as they are there; None where there are none.

        Raises:
            LabelError: If they cannot be used.
        """
        return None if self.tracks is None else read_tracks(self.tracks)

    @property
    def root_folder(self) -> Path:
        """The folder that paths in the table are relative to."""
        if self.root:
            return Path(self.root)
        return default_root(self.labels) if self.labels else Path()

    def open(self) -> "OpenedLabels":
        """Read the classes and the table.

        Raises:
            LabelError: If they cannot be used. Where classes are given, a table that names others is refused only when
                something needs its labels; prediction does not.
        """
        return OpenedLabels(self)


class OpenedLabels:
    """A label source that was read.

    Args:
        source: The source.

    Attributes:
        classes: Names of the behaviours.
        class_groups: Head, middle or tail of each, where the source says so.
        table: The table as it was read; None where there is none, or it does not fit the classes.
        root: The folder that its paths are relative to.
    """

    def __init__(self, source: LabelSource) -> None:
        self.source = source
        self.root = source.root_folder
        classes = read_classes(source.classes) if isinstance(source.classes, str) else source.classes
        if classes is not None:
            refuse_class_names(classes, "data.source.classes")
        source.windows  # noqa: B018 (refuses what they cannot be)
        self.table: LabelTable | None = None
        self._refused: LabelError | None = None
        self._divided: tuple[LabelTable, Splits, LabelTable] | None = None
        try:
            self.table = source.read(classes)
        except LabelError as error:
            if classes is None:
                raise
            # Prediction needs no labels, and may read the table without the classes; all else raises this.
            self._refused = error
        self.classes = list(classes or (self.table.classes if self.table else BEHAVIOURS))
        groups = source.class_groups
        self.class_groups = read_class_groups(groups, self.classes) if isinstance(groups, str) else groups
        if self.class_groups is not None and (
            len(self.class_groups) != len(self.classes) or set(self.class_groups) - set(CLASS_GROUPS)
        ):
            raise ValueError(
                f"source.class_groups: expected {', '.join(CLASS_GROUPS)} for each of the {len(self.classes)} classes"
            )

    @property
    def resolved(self) -> LabelSource:
        """The source with classes and groups in place of files: a checkpoint alone must say what an output is."""
        return replace(self.source, classes=self.classes, class_groups=self.class_groups)

    def divided(self, splits: Splits) -> LabelTable:
        """The table with the names of files that are there and a split for every clip; built-in data is drawn first.

        Raises:
            ValueError: If there is neither a table nor a place for the built-in data.
            LabelError: If the table cannot be used.
        """
        if self._refused is not None:
            raise self._refused
        table = self.table or read_labels(self.draw_synthetic(), self.classes)
        known = self._divided
        if known is None or known[0] is not table or known[1] != splits:  # seconds, for tens of thousands of clips
            known = self._divided = table, splits, splits.divide(locate_videos(table, self.root))
            if left_out := len(table) - len(known[2]):
                words = f"{left_out} of {counted(len(table), 'clip')} reach over a border between splits"
                rank_zero_info(f"{words} and are left out")
        return known[2]

    def draw_synthetic(self) -> Path:
        """Draw the built-in data below ``root``, unless it lies there already; returns its table.

        Raises:
            ValueError: If it was not asked for.
        """
        if self.source.root is None or not self.source.synthetic_clips:
            raise ValueError(
                "data.source.labels: no table of labels was given: --data.source.labels TABLE.csv --data.source.root "
                "FOLDER. (The built-in animals are drawn where both data.source.synthetic_clips and data.source.root "
                "are set, as in configs/demo.yaml)"
            )
        return write_dataset(self.root, self.source.synthetic_clips)

    @property
    def files(self) -> list[Path]:
        """The files that were read."""
        labels = [] if self.source.labels is None else files_read(self.source.labels)
        return labels if self.source.tracks is None else labels + track_files(self.source.tracks)

    @cached_property
    def animals(self) -> Animals | None:
        """The animals by their tracks; None where no tracks are given.

        Raises:
            LabelError: If the tracks cannot be used.
        """
        tracks = self.source.read_tracks()
        return None if tracks is None else Animals(tracks)

    @property
    def must_be_drawn(self) -> bool:
        """Whether there is no table yet, nor one that was refused."""
        return self.table is None and self._refused is None

    def for_prediction(self) -> LabelTable:
        """What to predict: the table's clips, whatever their labels, or all videos below the root.

        Where there are tracks, a clip that names no animal is predicted for each animal of its video.

        Raises:
            ValueError: If there is nothing.
        """
        if self._refused is not None and self.table is None:
            table = self.source.read(None)
            assert table is not None
            rank_zero_warn(f"the table's labels are ignored: {self._refused}")
            clips = tuple(replace(clip, labels=None) for clip in table.clips)
            self.table = LabelTable(clips, tuple(self.classes), table.source)
        if self.table is not None:
            return self._each_animal(locate_videos(self.table, self.root))
        if self.source.root is None:
            raise ValueError("data.source.root: say where the videos are (--data.source.root FOLDER), or give a table")
        videos = [self.root] if self.root.is_file() else list_videos(self.root)
        if not videos:
            raise ValueError(f"data.source.root: no videos below {self.root}")
        below = (video.relative_to(self.root).as_posix() for video in videos)
        names = [str(self.root.resolve())] if videos == [self.root] else list(below)
        table = LabelTable(tuple(Clip(name) for name in names), tuple(self.classes), str(self.root))
        return self._each_animal(table)

    def _each_animal(self, table: LabelTable) -> LabelTable:
        return table if self.animals is None else self.animals.each(table)
