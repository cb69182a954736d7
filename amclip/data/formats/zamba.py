"""zamba's table ``filepath,label,split``, which is read as a table of clips."""

from pathlib import Path

from amclip.data.formats.label_format import LabelFormat, Writer
from amclip.data.formats.notes import refuse, unnamed, whole_videos
from amclip.data.formats.origin import Writing
from amclip.data.formats.target_files import write_rows
from amclip.data.table import Clip, LabelTable

__all__ = ["FORMAT", "write"]


def write(table: LabelTable, target: Path, writing: Writing) -> list[str]:
    """The ``filepath,label,split`` of zamba, whose word for test clips is holdout."""
    whole_videos(table, "zamba's table")

    def unfit(clip: Clip) -> str | None:
        count = len(clip.labels or ())
        return f"shows {count} behaviours; a row of zamba's table has one label" if count != 1 else None

    refuse(table, unfit)
    named = {"train": "train", "val": "val", "test": "holdout", None: ""}
    divided = any(clip.split for clip in table.clips)
    rows = [[clip.video, *(clip.labels or ()), *([named[clip.split]] if divided else [])] for clip in table.clips]
    write_rows(target, [["filepath", "label", *(["split"] if divided else [])], *rows], "labels")
    return unnamed(table)


FORMAT = LabelFormat("zamba", "zamba's table", None, Writer(write))
