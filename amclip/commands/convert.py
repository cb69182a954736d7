"""``amclip convert``: labels from one format to another."""

from typing import Literal

__all__ = ["convert"]


def convert(
    source: str,
    target: str,
    to: Literal["table", "boris", "deepethogram", "feral", "list", "zamba"] = "table",
    classes: str | None = None,
    fps: float | None = None,
    window: float | None = None,
    hop: float | None = None,
    share: float = 0.5,
    root: str | None = None,
) -> None:
    """Turn labels of any format that amclip reads into amclip's table, or into another tool's format.

    Prints what the target format cannot hold. Without windows, bouts become clips that are cut where a behaviour
    starts or stops: the table for the way back. With windows they become clips of one length: the table to train on.

    Args:
        source: The labels: a table, a list, Animal Kingdom's AR_metadata.xlsx, a frame list, BORIS, DeepEthogram (a
            file or a folder of them), FERAL.
        target: The file to write; with deepethogram a folder.
        to: table is amclip's own; boris are aggregated events; list has a path and its labels per line.
        classes: File with the names of the classes, where the source has numbers.
        fps: Frames per second of the videos, where source or target count frames.
        window: Length of the clips in seconds.
        hop: Seconds from one window's start to the next; default: the length.
        share: Share of a window that a behaviour must fill to be its label.
        root: Folder of the videos, to complete names without a suffix.

    Raises:
        LabelError: If the source cannot be used, or the target cannot hold it.
    """
    from amclip.data.exports import export
    from amclip.data.intervals import Windows
    from amclip.data.locate import locate_videos
    from amclip.data.readers import read_classes, read_labels

    windows = None if window is None else Windows(window, hop or window, share)
    table = read_labels(source, None if classes is None else read_classes(classes), windows, fps)
    if root is not None:
        table = locate_videos(table, root)
    notes = export(table, target, to, fps)
    print(f"Wrote {len(table)} clips of {len(table.videos())} videos, {len(table.classes)} classes, to {target}")
    for note in notes:
        print(f"  not held by this format: {note}")
