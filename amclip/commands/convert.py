"""``amclip convert``: labels from one format to another."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from amclip.atomic import refuse_overwriting
from amclip.commands.parsing import CommandWords
from amclip.data.formats import WRITERS, Origin, Rows
from amclip.text import counted, printable

__all__ = ["WORDS", "WindowOptions", "convert"]

WORDS = CommandWords()

if TYPE_CHECKING:
    FormName = str
else:
    FormName = Literal[tuple(WRITERS)]  # what the help lists, and words are checked against


@dataclass(frozen=True)
class WindowOptions:
    """How bouts are cut into clips of one length.

    Args:
        window: Length of the clips in seconds.
        hop: Seconds from one window's start to the next; default: the length.
        share: Fraction of a window that a behaviour must fill to be its label.

    Raises:
        ValueError: If there is no window that the others could be of.
    """

    window: float | None = None
    hop: float | None = None
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.window is None and (self.hop is not None or self.share != 0.5):
            raise ValueError("--hop and --share say how windows lie and are labelled; give the length, --window, too")


def convert(
    source: str | list[str] | dict[str, str],
    target: str,
    to: FormName = "table",
    classes: str | None = None,
    fps: float | None = None,
    per_frame: bool = False,
    root: str | None = None,
    observations: str | list[str] | None = None,
    subjects: Literal["merged", "each"] = "merged",
    rows: Rows | None = None,
    windows: WindowOptions = WindowOptions(),
    origin: Origin = Origin(),
) -> None:
    """Turn labels of any format that amclip reads into amclip's table, or into another tool's format.

    Prints what the target format cannot hold. Without windows, bouts become clips that are cut where a behaviour
    starts or stops: the table for the way back. With windows they become clips of one length: the table to train on.

    Args:
        source: The labels: a table, a list, Animal Kingdom's AR_metadata.xlsx, a frame list, BORIS, DeepEthogram,
            FERAL, SimBA, Bento and MARS, Observer, EthoVision, ELAN, MABe, JAABA, VIA 3, CVAT, Label Studio; a file, or
            a folder of those that have one for each video; or the folder of an `amclip annotate`. Or several that are
            joined: '[a.csv, b.csv]'; or one per split: '{train: train.csv, test: val.csv}'.
        target: The file to write; with deepethogram, frame-list and nwb a folder. BORIS' forms are written as CSV, TSV
            or XLSX, as the suffix says.
        to: table is amclip's own; list has a path and its labels per line; animal-kingdom is AR_metadata.xlsx; boris
            are aggregated events; frame-list has a row per frame, as KABR and Animal Kingdom have it; nwb are bouts as
            ndx-ethogram has them, a file per video (pip install 'amclip[nwb]'); sleap are events of SLEAP's .slp (pip
            install 'amclip[tracks]').
        classes: File with the names of the classes, where the source has numbers.
        fps: Frames per second, where source or target count frames and the videos are not there. Those that are there
            tell themselves when each frame is shown; a rate that they do not have is refused.
        per_frame: Cut frame lists where a label changes, which forms of bouts always do; else a folder of images is one
            clip with the labels of all its frames.
        root: Folder of the videos; with it names without a suffix are completed. Default: that of the (first) source.
        observations: Which observations of BORIS are read, by name or pattern: "*coder A", or several '[day 1, day 2]'.
            Default: all, unless several are of the same time of one video.
        subjects: merged takes a behaviour to hold while any animal shows it; each keeps the behaviours of every animal
            that was watched apart, in the table's column subject or where the target has a place for it.
        rows: What rows of a table with times are: clips, each with all its behaviours, between which nothing is known;
            or bouts, of one behaviour each, between which nothing is shown. Default: bouts, where rows of different
            behaviours overlap and last differently long, and clips are cut or the target holds bouts; else clips.
        windows: How bouts are cut into clips of one length; default: where a behaviour starts or stops.
        origin: Where the labels come from, for targets that say so.

    Raises:
        LabelError: If the source cannot be used, or the target cannot hold it.
        ValueError: If an argument does not fit, or the target is the source.
        ModuleNotFoundError: If a library that the target needs is not installed.
    """
    from amclip.data.clock import Clock
    from amclip.data.formats import (
        Observations,
        Reading,
        export,
        files_below,
        read_classes,
        read_rows_as_bouts,
        refuse_other_suffix,
    )
    from amclip.data.intervals import Windows
    from amclip.data.locate import locate_videos
    from amclip.data.sources import default_root, files_read, label_files, read_given
    from amclip.data.table import describe_lost
    from amclip.ethogram.run_labels import annotated_run, labels_of_run

    cut = None
    if windows.window is not None:
        cut = Windows(windows.window, windows.window if windows.hop is None else windows.hop, windows.share)
    inputs: list[str | Path] = [*label_files(source), *files_read(source), *([] if classes is None else [classes])]
    refuse_overwriting("the target", target, inputs)
    refuse_other_suffix(target, to)  # before anything is read
    names = None if classes is None else read_classes(classes)
    per_frame = per_frame or WRITERS[to].holds_bouts
    chosen = None if observations is None else Observations(observations)
    run = annotated_run(source) if isinstance(source, str) else None
    paths = {} if run is None else {one.video: one.path for one in run.videos if one.path is not None}
    clock = Clock(default_root(source) if root is None else root, fps, paths)
    alone = source if isinstance(source, str) and rows is None and run is None else None
    if (
        alone is not None
        and (cut is not None or WRITERS[to].holds_bouts)
        and read_rows_as_bouts(alone, clock) is not None
    ):
        rows = "bouts"
        print(printable(f"{source}: its rows are taken for bouts, as they overlap; between them nothing is shown"))
    reading = Reading(names, cut, clock, per_frame, chosen, subjects, rows=rows)
    table = read_given(source, reading, root) if run is None else labels_of_run(run, reading)
    if run is not None and origin.labelling is None and "labelling" in WRITERS[to].holds_origin:
        origin = replace(origin, labelling="automated")
    if root is not None:
        table = locate_videos(table, root)
    for path in files_below(table, target, to):
        refuse_overwriting("the target", path, inputs)
    notes = export(table, target, to, clock, origin)
    size = f"{counted(len(table), 'clip')} of {counted(len(table.videos()), 'video')}"
    print(printable(f"Wrote {size}, {counted(len(table.classes), 'class', 'classes')}, to {target}"))
    if table.merged:
        who = f"{len(table.merged)} animals ({', '.join(table.merged)})" if len(table.merged) > 1 else table.merged[0]
        print(printable(f"  behaviours of {who} are those of the whole scene; --subjects each tells whose they are"))
    if words := describe_lost(table):
        print(printable(f"  {words}"))
    if "labelling" in WRITERS[to].holds_origin:
        print(f"  labelled: {origin.by}" + ("" if origin.labelling else " (--labelling says otherwise)"))
    for note in notes:
        print(printable(f"  not held by this format: {note}"))
