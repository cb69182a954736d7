"""``amclip new``: from a folder of videos and labels to a config that explains itself."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from amclip.atomic import writing_text
from amclip.text import counted, few, printable

if TYPE_CHECKING:
    from amclip.commands.new_choices import Choices
    from amclip.commands.new_survey import Survey

__all__ = ["new"]

_CACHE = "~/.cache/amclip"  # where `amclip check` and `amclip fit` look too


def new(folder: str, output: str | None = None, network: Literal["clip", "tiny"] = "clip") -> None:
    """Write a commented config from what lies in a folder, and say what to run next.

    Asks nothing: videos, labels and tracks are told by their content, whatever their names, in all forms that amclip
    reads. Says what it found, what it left out and why, and what it could not decide. How far things move from a frame
    to the next is measured on a few pairs of frames, so that flow has all of its colours.

    Args:
        folder: The folder with videos and labels, at any depth; tracks too, where animals are to be told apart. Or one
            file of labels, such as a BORIS project, whose videos lie where it says, or below its folder.
        output: The config to write. Default: amclip.yaml in the folder. What is there is never overwritten.
        network: clip is the image tower that CLIP published, fetched when training starts; tiny is amclip's own, which
            is there already and trains on a laptop, to try the whole way with your videos.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If the config is there already, or the labelled videos cannot be read.
        LabelError: If the labels cannot be used.
        SystemExit: With 1 where there is nothing to write a config from; what to do is said.
    """
    from amclip.commands.new_choices import choose
    from amclip.commands.new_config import config_text
    from amclip.commands.new_flow import with_measured_bound
    from amclip.commands.new_survey import survey

    top = Path(folder)
    home = top.parent if top.is_file() else top
    target = home / "amclip.yaml" if output is None else Path(output)
    if target.exists():
        raise ValueError(f"{target} is there already and stays as it is; give another name: --output OTHER.yaml")
    found = survey(top.resolve() if top.exists() else top, cache=Path(_CACHE).expanduser())
    print(printable("\n".join(_found(found))))
    if found.strange and not found.labels:
        _end(printable(_OTHER_NAMES.format(names="\n".join(f"  {words}" for words in few(found.strange)))))
    if not found.videos:
        _end(_NO_VIDEOS.format(folder=top))
    if found.refused and not found.labels:
        _end(_UNUSABLE)
    if not found.labels:
        _end(_NO_LABELS.format(folder=shlex.quote(str(top))))
    chosen = with_measured_bound(choose(found, _has_gpu(), network), found)
    print(printable("\n".join(_chosen(chosen, found))))
    name = shlex.quote(str(target))
    text = config_text(found, chosen, name, str(target.resolve().parent / "embeddings"))
    with writing_text(target) as file:
        file.write(text)
    print(printable(f"\nWrote {target}; the reason for each choice stands beside it. Next:\n"))
    print(printable(f"  amclip check --config {name}\n\nand, where that finds no errors:\n"))
    print(printable(f"  amclip fit --config {name}"))


_NO_VIDEOS = """
No video was found below {folder} that can be read, so no config was written. Give the folder that holds \
videos and labels together (at any depth); `amclip flow VIDEO --output flow.mp4` says whether a video can be read."""

_OTHER_NAMES = """
There are labels, of other videos than lie here, so no config was written:

{names}

Give a video one name in both: rename the files, or write their names into the labels (with their folders, where they \
lie in some). Put videos that are missing into the folder. Then run this again."""

_UNUSABLE = """
There are labels, none of which can be used, so no config was written. "Left out" above says why of each: mend what it \
names, in the file or in the program that wrote it, and run this again."""

_NO_LABELS = """
There are videos and no labels, so there is nothing to train on yet, and no config was written. Three ways to labels:

  label a part in BORIS (boris.unito.it), save project or exported events into the folder, and run this again
  write a table by hand, a row per clip: filepath,start,stop,label     (docs/labels.md)
  correct what a network says that was never trained on your behaviours:
    amclip annotate {folder} --classes "walking,resting" --output first
    amclip report first        # correct in the browser, download the table, and put it into the folder

With some labels, `amclip suggest` says which parts are best labelled next."""


def _end(words: str) -> None:
    print(words, file=sys.stderr)
    raise SystemExit(1)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _found(found: "Survey") -> list[str]:
    infos = list(found.videos.values())
    minutes, seconds = divmod(round(sum(info.duration for info in infos)), 60)
    lines = [f"Found in {found.folder}"]
    rates = sorted({float(f"{info.fps:.4g}") for info in infos})
    sizes = sorted({(info.width, info.height) for info in infos})
    about = [f"{len(infos)}"]
    if infos:
        about.append(f"{minutes}:{seconds:02d} min together")
        about.append(f"{rates[0]:g}{f' to {rates[-1]:g}' if len(rates) > 1 else ''} frames/s")
        width, height = sizes[-1]
        about.append(f"{'up to ' if len(sizes) > 1 else ''}{width} × {height}")
    lines.append(f"  videos   {', '.join(about)}")
    for file in found.labels:
        what = "clip" if file.bouts is None else "bout"
        size = f"{counted(file.size, what)}, {counted(len(file.videos), 'video')}"
        lines.append(f"  labels   {file.path.name}: {file.title}, {size}")
    lines += [f"  tracks   {path.name}" for path in found.tracks]
    if not found.labels:
        lines.append(f"  labels   {_no_labels(found)}")
    if found.left_out:
        lines += ["Left out", *(f"  {words}" for words in found.left_out)]
    return lines


def _no_labels(found: "Survey") -> str:
    if found.strange:
        return "of other videos"
    return "none that can be used" if found.refused else "none that amclip reads"


def _chosen(chosen: "Choices", found: "Survey") -> list[str]:
    table = chosen.table
    counts = dict.fromkeys(table.classes, 0)
    for clip in table.clips:
        for name in clip.labels or ():
            counts[name] += 1
    width = max(len(name) for name in counts)
    lines = [f"{counted(len(counts), 'behaviour')}, in {counted(len(table.clips), 'clip')}"]
    lines += [f"  {name:<{width}}  {count}" for name, count in counts.items()]
    segments, each = chosen.positions.value
    lines.append("Chosen")
    if chosen.window.value is not None:
        lines.append(f"  clips of {chosen.window.value:g} s, {segments} × {each} positions")
    else:
        lines.append(f"  clips as they are labelled, {segments} × {each} positions")
    if found.tracks:
        lines.append("  each animal by itself, cut out by its track")
    if chosen.modality.value != "frames":
        lines.append(f"  flow bound {chosen.bound.value:g}: {chosen.bound.reason}")
    lines.append(f"  training, validation, test: {chosen.splits.reason}")
    lines.append(f"  image tower: {'amclip-tiny' if chosen.tower == 'tiny' else 'CLIP'}, {chosen.tuning.value}")
    if chosen.open:
        lines += ["Could not be decided", *(f"  {words}" for words in chosen.open)]
    return lines
