"""Formats with a row per clip: amclip's own table, lists of paths, zamba's table, Animal Kingdom's metadata."""

from pathlib import Path

from amclip.data.clock import Clock
from amclip.data.exports.files import write_book, write_rows, write_text
from amclip.data.exports.notes import refuse, splits, unnamed, whole_videos, without_suffix
from amclip.data.label_error import LabelError
from amclip.data.table import Clip, LabelTable, write_table
from amclip.data.video_file import VIDEO_SUFFIXES

__all__ = ["animal_kingdom", "own_table", "path_list", "zamba"]


def own_table(table: LabelTable, target: Path, clock: Clock) -> list[str]:
    """The table that amclip reads first."""
    write_table(table, target)
    return unnamed(table)


def path_list(table: LabelTable, target: Path, clock: Clock) -> list[str]:
    """A line per video with its labels, separated by tabs, so that both may hold blanks."""
    whole_videos(table, "a list of paths")
    refuse(table, _not_for_a_list)
    labels = {name for clip in table.clips for name in clip.labels or ()}
    if labels and all(name.isdecimal() for name in labels):  # read as numbers of classes
        if any(not name.isdecimal() or name != str(int(name)) for name in table.classes):
            raise LabelError(
                "labels that are numbers would be taken for the numbers of classes; name them", table.source
            )
        if sum(len(clip.labels or ()) == 2 for clip in table.clips) >= 0.9 * len(table.clips):
            raise LabelError("the second of two numbers would be taken for a genus; name the classes", table.source)
    lines = ["\t".join((clip.video, *(clip.labels or ()))) for clip in table.clips]
    lines = [f'"{line}"' if " " in line and "\t" not in line else line for line in lines]
    write_text(target, "\n".join(lines) + "\n")
    nothing = sum(not clip.labels for clip in table.clips)
    notes = [f"{nothing} clips without labels: observed or not makes no difference there"] if nothing else []
    return notes + splits(table) + unnamed(table)


def _not_for_a_list(clip: Clip) -> str | None:
    for word in (clip.video, *(clip.labels or ())):
        if '"' in word:
            return f"a list cannot hold quotes: {word!r}"
    if clip.video.startswith("#"):
        return f"{clip.video!r} would be a comment"
    if not clip.video.lower().endswith(VIDEO_SUFFIXES):
        return f"{clip.video!r} does not end like a video file, by which a list is told"
    return None


def zamba(table: LabelTable, target: Path, clock: Clock) -> list[str]:
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


def animal_kingdom(table: LabelTable, target: Path, clock: Clock) -> list[str]:
    """The sheets ``AR`` and ``Action`` of ``AR_metadata.xlsx``; ``list_animal_action`` (animals) is left empty."""
    whole_videos(table, "AR_metadata.xlsx")
    number = {name: str(index) for index, name in enumerate(table.classes)}
    names: dict[str, str] = {}

    def unfit(clip: Clip) -> str | None:
        if clip.labels is None:
            return "is not labelled; in AR_metadata.xlsx no label means that no action is seen"
        if clip.split not in ("train", "test"):
            return f"is in the split {clip.split}; AR_metadata.xlsx has train and test, and every clip is in one"
        name = without_suffix(clip.video)
        if name != name.strip():
            return f"{clip.video!r} has a blank before its suffix, which a video_id does not keep; rename the file"
        first = names.setdefault(name, clip.video)
        return f"{first} and {clip.video} would have one video_id" if first != clip.video else None

    refuse(table, unfit)
    clips: list[list[object]] = [["S/N", "video_id", "type", "labels", "list_animal_action"]]
    for index, clip in enumerate(table.clips, start=1):
        labels = ",".join(number[name] for name in clip.labels or ())
        clips.append([index, without_suffix(clip.video), clip.split, labels, "[]"])
    actions: list[list[object]] = [["Label", "Category", "Action", "Description"]]
    actions += [[index, "", name, ""] for index, name in enumerate(table.classes)]
    write_book(target, {"AR": clips, "Action": actions})
    return ["the suffix of the videos"] if any(name != video for name, video in names.items()) else []
