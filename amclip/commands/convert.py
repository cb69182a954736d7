"""``amclip convert``: labels from one format to another."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from amclip.atomic import refuse_overwriting
from amclip.data.formats import WRITERS
from amclip.text import printable

__all__ = ["convert"]

if TYPE_CHECKING:
    FormName = str
else:
    FormName = Literal[tuple(WRITERS)]  # what the help lists, and words are checked against


def convert(
    source: str | list[str] | dict[str, str],
    target: str,
    to: FormName = "table",
    classes: str | None = None,
    fps: float | None = None,
    window: float | None = None,
    hop: float | None = None,
    share: float = 0.5,
    per_frame: bool = False,
    root: str | None = None,
    observations: str | list[str] | None = None,
    subjects: Literal["merged", "each"] = "merged",
) -> None:
    """Turn labels of any format that amclip reads into amclip's table, or into another tool's format.

    Prints what the target format cannot hold. Without windows, bouts become clips that are cut where a behaviour
    starts or stops: the table for the way back. With windows they become clips of one length: the table to train on.

    Args:
        source: The labels: a table, a list, Animal Kingdom's AR_metadata.xlsx, a frame list, BORIS, DeepEthogram,
            FERAL, SimBA, Bento and MARS, Observer, EthoVision, ELAN, MABe, JAABA, VIA 3, CVAT, Label Studio; a file, or
            a folder of those that have one for each video. Or several that are joined: '[a.csv, b.csv]'; or one per
            split: '{train: train.csv, test: val.csv}'.
        target: The file to write; with deepethogram and frame-list a folder. BORIS' forms are written as CSV, TSV or
            XLSX, as the suffix says.
        to: table is amclip's own; list has a path and its labels per line; animal-kingdom is AR_metadata.xlsx; boris
            are aggregated events; frame-list has a row per frame, as KABR and Animal Kingdom have it.
        classes: File with the names of the classes, where the source has numbers.
        fps: Frames per second, where source or target count frames and the videos are not there. Those that are there
            tell themselves when each frame is shown; a rate that they do not have is refused.
        window: Length of the clips in seconds.
        hop: Seconds from one window's start to the next; default: the length.
        share: Fraction of a window that a behaviour must fill to be its label.
        per_frame: Cut frame lists where a label changes, which forms of bouts always do; else a folder of images is one
            clip with the labels of all its frames.
        root: Folder of the videos; with it names without a suffix are completed. Default: that of the (first) source.
        observations: Which observations of BORIS are read, by name or pattern: "*coder A", or several '[day 1, day 2]'.
            Default: all, unless several are of the same time of one video.
        subjects: merged takes a behaviour to hold while any animal shows it; each keeps the behaviours of every animal
            that was watched apart, in the table's column subject or where the target has a place for it.

    Raises:
        LabelError: If the source cannot be used, or the target cannot hold it.
        ValueError: If an argument does not fit, or the target is the source.
    """
    from amclip.data.clock import Clock
    from amclip.data.formats import Observations, Reading, export, files_below, read_classes
    from amclip.data.intervals import Windows
    from amclip.data.locate import locate_videos
    from amclip.data.sources import default_root, files_read, label_files, read_given
    from amclip.data.table import describe_lost

    if window is None and (hop is not None or share != 0.5):
        raise ValueError("--hop and --share say how windows lie and are labelled; give the length, --window, too")
    windows = None if window is None else Windows(window, window if hop is None else hop, share)
    inputs: list[str | Path] = [*label_files(source), *files_read(source), *([] if classes is None else [classes])]
    refuse_overwriting("the target", target, inputs)
    names = None if classes is None else read_classes(classes)
    per_frame = per_frame or WRITERS[to].holds_bouts
    chosen = None if observations is None else Observations(observations)
    clock = Clock(default_root(source) if root is None else root, fps)
    table = read_given(source, Reading(names, windows, clock, per_frame, chosen, subjects), root)
    if root is not None:
        table = locate_videos(table, root)
    for path in files_below(table, target, to):
        refuse_overwriting("the target", path, inputs)
    notes = export(table, target, to, clock)
    print(f"Wrote {len(table)} clips of {len(table.videos())} videos, {len(table.classes)} classes, to {target}")
    if table.merged:
        who = f"{len(table.merged)} animals ({', '.join(table.merged)})" if len(table.merged) > 1 else table.merged[0]
        print(printable(f"  behaviours of {who} are those of the whole scene; --subjects each tells whose they are"))
    if words := describe_lost(table):
        print(printable(f"  {words}"))
    for note in notes:
        print(printable(f"  not held by this format: {note}"))
